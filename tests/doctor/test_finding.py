"""The doctor's parts that need neither Odoo nor Microsoft: clocks, exit codes, what is printed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from connector import cli
from connector.doctor.finding import Status, clock_finding
from connector.doctor.odoo import _NOT_READY, _refused
from connector.errors import OdooFault, OdooUnreachable, OdooUnsuitable
from tests.test_cli import invoke, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from connector.errors import OdooError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_doctor_has_something_to_do_for_each_word_of_readyz() -> None:
    """A connector that runs and does not sync: the word is one that `status` knows, and each leads on."""
    assert _NOT_READY.keys() == cli._NOT_READY.keys()


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(0, None), (60, None), (-60, None), (61, "61 s ahead of"), (-3600, "3,600 s behind")],
)
def test_clock_finding_tells_which_way(ahead: float, said: str | None) -> None:
    """A minute is taken: Odoo tells whole seconds, and an answer takes its time."""
    found = clock_finding("odoo_clock", "Odoo's", NOW + timedelta(seconds=ahead), now=NOW)
    assert (found.status is Status.OK) == (said is None)
    assert said is None or said in found.said


@pytest.mark.parametrize(
    ("error", "check"),
    [
        (OdooUnsuitable("the addon maildesk is missing"), "addon"),
        (OdooFault("odoo.exceptions.UserError", "x"), "addon"),
        (OdooUnreachable("busy"), "odoo"),
    ],
)
def test_refused_is_told_at_its_link(error: OdooError, check: str) -> None:
    """What cannot be had of the Odoo that the tests run: an older addon, a fault of its own, a database that is away."""
    found = {finding.check: finding for finding in _refused(error)}
    assert found[check].status is Status.WRONG
    assert {f.status for c, f in found.items() if c != check} == {Status.SKIPPED}


def test_doctor_prints_lines_and_exits_1(tmp_path: Path) -> None:
    """Nothing is there yet: what is wrong, and below it what to do."""
    result = invoke("doctor", "--config", str(write_config(tmp_path)))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("ok ")
    odoo = next(n for n, line in enumerate(lines) if line.startswith("WRONG") and " odoo " in line)
    assert "does not answer" in lines[odoo]
    assert lines[odoo + 1].strip().startswith("-> start Odoo")
    assert any(line.startswith("note") and "OAuth Not Configured" in line for line in lines)
    assert not (tmp_path / "var").exists(), "the doctor makes nothing"


def test_doctor_json_is_for_programs(tmp_path: Path) -> None:
    """The same findings, and nothing beside them."""
    result = invoke("doctor", "--json", "--config", str(write_config(tmp_path)))
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["ok"] is False
    statuses = {check["check"]: check["status"] for check in told["checks"]}
    assert statuses["config"] == "ok"
    assert statuses["connector"] == statuses["odoo"] == "wrong"
    assert statuses["key"] == "skipped"
    assert statuses["entra"] == "note"
    assert all(check["to_do"] for check in told["checks"] if check["status"] == "wrong")


def test_doctor_wrong_config_is_told_by_line_and_exits_2(tmp_path: Path) -> None:
    """As for every command (contract); in the doctor's own form."""
    path = write_config(tmp_path)
    path.write_text(f"{path.read_text()}nonsense: 1\n")
    for arguments in ([], ["--json"]):
        result = invoke("doctor", *arguments, "--config", str(path))
        assert result.exit_code == 2
        assert "line 5: nonsense: unknown key" in result.stdout
