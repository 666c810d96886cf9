"""What a connector reports of mailboxes and of itself to the addon in memory: checked whole, and written only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.odoo.wire import SealedToken, Trouble
from tests.sync.memory_addon_tables import CHOSEN_STATES
from tests.sync.memory_addon_wire import key, moment, number, objects, one_of, text, wrong

if TYPE_CHECKING:
    from tests.sync.memory_addon_tables import MemoryFolder, MemoryMailbox

__all__ = ["DISCONNECTED", "read_report", "read_trouble", "write_report"]

_REPORTED_STATES = ("connected", "reauth_required", "admin_required", "error")
DISCONNECTED = "disconnected"
_PHASES = ("discovering", "bootstrapping", "backfilling", "up_to_date")


def read_report(box: MemoryMailbox, report: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[MemoryFolder, str]]]:
    """Check a report; return the fields to write, and the folders whose cursors moved."""
    values: dict[str, Any] = {}
    if report.get("state") == DISCONNECTED:
        # Of an account that a backup brought back; nothing else of it counts.
        return {"state": DISCONNECTED} if box.state not in {"draft", DISCONNECTED} else {}, []
    if box.state not in CHOSEN_STATES:
        if "state" in report:
            values["state"] = one_of(report["state"], _REPORTED_STATES, "state")
        if "state_message" in report:
            values["state_message"] = text(report["state_message"], "state_message") or ""
    if "token" in report and box.takes_tokens and (token := _read_token(box, report["token"])) is not None:
        values["token"] = token
    if "sync_phase" in report:
        values["sync_phase"] = one_of(report["sync_phase"], _PHASES, "sync_phase")
    for name in ("backfill_done", "backfill_total"):
        if name in report:
            values[name] = number(report[name], name)
    if report.get("last_sync_at") is not None:
        values["last_sync_at"] = moment(report["last_sync_at"], "last_sync_at")
    moved = []
    for item in objects(report.get("cursors"), "cursors"):
        folder = box.folders.get(key(item.get("folder"), "cursors.folder"))
        if folder is not None and folder.revision == number(item.get("revision"), "cursors.revision"):
            moved.append((folder, key(item.get("cursor"), "cursors.cursor")))
    return values, moved


def read_trouble(trouble: Any) -> Trouble | None:
    """Return what is wrong with the connector itself."""
    if trouble is None:
        return None
    if not isinstance(trouble, dict):
        raise wrong("trouble: not an object")
    return Trouble(key(trouble.get("code"), "trouble.code"), key(trouble.get("message"), "trouble.message"))


def _read_token(box: MemoryMailbox, token: Any) -> SealedToken | None:
    """Return a token that is newer than ours."""
    if not isinstance(token, dict):
        raise wrong("token: not an object")
    seq = number(token.get("seq"), "token.seq")
    if seq <= (0 if box.token is None else box.token.seq):
        return None
    return SealedToken(key(token.get("sealed"), "token.sealed"), seq)


def write_report(box: MemoryMailbox, values: dict[str, Any], cursors: list[tuple[MemoryFolder, str]]) -> None:
    """Write what was read; of two tokens for one account in a call the newer one stays."""
    for name, value in values.items():
        if name != "token" or box.token is None or value.seq > box.token.seq:
            setattr(box, name, value)
    for folder, cursor in cursors:
        folder.cursor = cursor
