"""What the demo tells people and programs of itself, without Odoo."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from tests.demo.__main__ import _announce, _info
from tests.demo.stage import write_config
from tests.graph_simulator.seed import DEMO_MAILBOXES, FREE_MAILBOX, demo_mailboxes
from tests.odoo.template import Logins

if TYPE_CHECKING:
    import pytest

    from tests.odoo.server import OdooServer

LOGINS = Logins(*"abcdefgh")
CONNECTED = [address for address, *_ in DEMO_MAILBOXES]


def _told(simulator_url: str | None) -> dict[str, Any]:
    cluster = SimpleNamespace(dsn=lambda name: f"dbname={name}")
    odoo = cast("OdooServer", SimpleNamespace(url="http://localhost:8069", database="maildesk", cluster=cluster))
    connected = CONNECTED if simulator_url else []
    return _info(odoo, LOGINS, "http://127.0.0.1:8071", simulator_url, connected, Path("maildesk.yaml"))


def test_demo_has_a_mailbox_that_nobody_connected(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever tries the sign-in by hand has an address to enter; it is not one of the connected ones."""
    info = _told("http://127.0.0.1:8090")
    assert info["mailboxes"] == CONNECTED
    assert info["empty_mailbox"] == FREE_MAILBOX[0]
    assert info["empty_mailbox"] not in CONNECTED
    assert [address for address, *_ in demo_mailboxes(len(CONNECTED) + 1)] == [*CONNECTED, info["empty_mailbox"]]
    _announce(info, 1)
    assert f"{LOGINS.empty} / {LOGINS.empty_password}, who may connect {info['empty_mailbox']}\n" in capsys.readouterr().out


def test_demo_without_simulator_names_no_mailbox_to_connect(capsys: pytest.CaptureFixture[str]) -> None:
    """There Microsoft's own are connected, or none."""
    info = _told(None)
    assert (info["mailboxes"], info["empty_mailbox"]) == ([], None)
    _announce(info, 1)
    assert "may connect" not in capsys.readouterr().out


def test_demo_starts_anew_where_one_has_run(tmp_path: Path) -> None:
    """What the last connector kept goes, the attachments that it cached in their folder as well."""
    kept = [tmp_path / "state.sqlite3", tmp_path / "state.sqlite3-wal", tmp_path / "state.sqlite3.attachments" / "1" / "file"]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of the last time")
    write_config(tmp_path / "maildesk.yaml", {}, "127.0.0.1:8071", "secret", None)
    assert [path for path in kept if path.exists()] == []
    assert (tmp_path / "maildesk.yaml").exists()
