"""The files in config/ keep in step with the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from connector.config import Config, json_schema, load_config
from connector.state.vault import new_key

FOLDER = Path(__file__).parents[1] / "config"
EXAMPLE = FOLDER / "maildesk.example.yaml"


def test_schema_file_is_the_codes_schema() -> None:
    """Mend with: python -m connector.config > config/maildesk.schema.json."""
    assert json.loads((FOLDER / "maildesk.schema.json").read_text(encoding="utf-8")) == json_schema()


def test_example_is_a_valid_configuration_once_filled_in() -> None:
    """Setting the variables that it names is all that there is to do."""
    text = EXAMPLE.read_text(encoding="utf-8")
    names = set(re.findall(r"^[^#\n]*\$\{(\w+)\}", text, re.MULTILINE))
    config = load_config(EXAMPLE, dict.fromkeys(names, "0123456789abcdef") | {"MAILDESK_VAULT_KEY": new_key()})
    assert config.entra is not None


def test_example_shows_every_key() -> None:
    """What can be set can be found (files that may not be there stand in comments)."""
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = yaml.safe_load(text)
    schema = json_schema()
    assert set(shown) == set(schema["properties"])
    for section, described in schema["properties"].items():
        reference = described.get("$ref") or described["anyOf"][0]["$ref"]
        keys = set(schema["$defs"][reference.rpartition("/")[2]]["properties"])
        assert set(shown[section]) == keys - {"certificate", "tls_certificate", "tls_key"}, section
        assert all(f"# {key}: " in text or f"{key}: " in text for key in keys)


def test_example_states_the_defaults() -> None:
    """What the example leaves as it is, is what a file without it gets."""
    variables = dict.fromkeys(("MAILDESK_ODOO_API_KEY", "MAILDESK_ENTRA_CLIENT_SECRET", "MAILDESK_SHARED_SECRET"), "0123456789abcdef")
    config = load_config(EXAMPLE, variables | {"MAILDESK_VAULT_KEY": new_key()})
    for section in ("graph", "sync", "state", "log"):
        assert getattr(config, section) == Config.model_fields[section].default, section
