"""The guides keep in step with their pages, and what they say to type is what the programs take."""

from __future__ import annotations

import re

import pytest
import yaml

from connector.cli import main
from connector.config import json_schema
from tests.guides import GUIDES, PAGES, ROOT, page_of


@pytest.mark.parametrize("guide", GUIDES)
def test_page_is_the_guide(guide: str) -> None:
    """Mend with: python -m tests.guides."""
    assert (PAGES / f"{guide}.html").read_text(encoding="utf-8") == page_of(guide)
    assert (PAGES / "guide.css").is_file()


@pytest.mark.parametrize("guide", GUIDES)
def test_guide_leads_only_to_what_is_there(guide: str) -> None:
    """Links between guides, and from Settings to their pages."""
    text = (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    for name in re.findall(r"\]\(([\w-]+)\.md\)", text):
        assert name in GUIDES
    view = (ROOT / "odoo_stub_module/maildesk/views/res_config_settings_views.xml").read_text(encoding="utf-8")
    assert f"/maildesk/static/doc/{guide}.html" in view


@pytest.mark.parametrize("path", ["README.md", "docs/setting-up.md"])
def test_guide_installs_from_a_checkout(path: str) -> None:
    """Nothing of ours is on PyPI: who asks it for our name gets nothing, or somebody else's program."""
    installs = re.findall(r"pip install ([^\s`]+)", (ROOT / path).read_text(encoding="utf-8"))
    assert installs
    assert all(what == "." for what in installs)


@pytest.mark.parametrize("guide", GUIDES)
def test_guide_shows_keys_and_commands_that_exist(guide: str) -> None:
    """Each YAML in a guide has sections and keys of the configuration, each command is one of ours."""
    text = (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    schema = json_schema()
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        for section, values in yaml.safe_load(block).items():
            reference = str(schema["properties"][section].get("$ref") or schema["properties"][section]["anyOf"][0]["$ref"])
            assert set(values) <= set(schema["$defs"][reference.rpartition("/")[2]]["properties"]), section
    for command in re.findall(r"maildesk-connector (run|check|doctor|status|sync|keys|adopt)\b", text):
        assert command in main.commands
