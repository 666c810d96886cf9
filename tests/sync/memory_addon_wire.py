"""What crosses the wire to the addon in memory, checked as `odoo_stub_module/maildesk/wire.py` checks it, in the same words.

The contract suite sends the same wrong values to both, so that the two stay one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connector.errors import OdooFault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "IS_NEW",
    "categories",
    "flag",
    "folder_update",
    "importance",
    "iso",
    "key",
    "moment",
    "number",
    "objects",
    "one_of",
    "patches",
    "read_made",
    "removal",
    "set_aside",
    "strings",
    "text",
    "tree_folder",
    "wrong",
]

_MAX_RECIPIENTS = 50
_ROLES = ("inbox", "sent", "drafts", "trash", "junk", "archive", "other")


def wrong(said: str) -> OdooFault:
    """Return the fault of a value that the addon does not take."""
    return OdooFault("odoo.addons.maildesk.wire.WireError", said)


def iso(time: datetime) -> str:
    """Return a time as the wire has it, in whole seconds."""
    return time.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def text(value: Any, where: str) -> str | None:
    """Return `value` if PostgreSQL can hold it."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(f"{where}: not a text")
    if "\0" in value:
        raise wrong(f"{where}: a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise wrong(f"{where}: a lone surrogate") from None
    return value


def key(value: Any, where: str) -> str:
    """Return a text that is not empty."""
    if not (found := text(value, where)):
        raise wrong(f"{where}: missing")
    return found


def moment(value: Any, where: str) -> str | None:
    """Return a time in UTC and whole seconds: such texts are in the order of the times."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise wrong(f"{where}: not an ISO 8601 time") from None
    try:
        return iso(found if found.tzinfo else found.replace(tzinfo=UTC))
    except OverflowError:
        raise wrong(f"{where}: a time out of range") from None


def flag(value: Any, where: str) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise wrong(f"{where}: not true or false")
    return value


def number(value: Any, where: str) -> int:
    """Return an integer that fits PostgreSQL's int4 and is not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise wrong(f"{where}: not a number of things")
    return value


def one_of(value: Any, allowed: tuple[str, ...], where: str) -> str:
    """Return one of a few words."""
    if value not in allowed:
        raise wrong(f"{where}: not one of {', '.join(allowed)}")
    return str(value)


def objects(values: Any, where: str) -> list[dict[str, Any]]:
    """Return a list of objects; None is empty."""
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise wrong(f"{where}: not a list of objects")
    return values


def strings(values: Any, where: str) -> list[str]:
    """Return a list of ids of Graph; None is empty."""
    if values is None:
        return []
    if not isinstance(values, list):
        raise wrong(f"{where}: not a list")
    return [key(value, where) for value in values]


def tree_folder(item: dict[str, Any]) -> dict[str, Any]:
    """Read a folder of the tree."""
    role = item.get("role")
    if role not in _ROLES:
        raise wrong("tree.role: not a role of a folder")
    return {
        "remote_id": key(item.get("remote_id"), "tree.remote_id"),
        "parent_remote_id": text(item.get("parent_remote_id"), "tree.parent_remote_id"),
        "name": key(item.get("name"), "tree.name"),
        "role": role,
    }


def folder_update(item: dict[str, Any]) -> dict[str, Any]:
    """Read new facts of a folder."""
    update: dict[str, Any] = {"folder": key(item.get("folder"), "folders.folder")}
    for name in ("revision", "told", "unread", "total"):
        if name in item:
            update[name] = number(item[name], f"folders.{name}")
    for name in ("cursor", "anchor", "backfill_before"):
        if name in item:
            update[name] = text(item[name], f"folders.{name}") or None
    for name in ("is_bootstrapped", "is_backfilled"):
        if name in item:
            update[name] = bool(item[name])
    if "sync_state" in item:
        if item["sync_state"] not in {"ok", "resync"}:
            raise wrong("folders.sync_state: not ok or resync")
        update["sync_state"] = item["sync_state"]
    if "revision" not in update and update.keys() - {"folder", "unread", "total"}:
        raise wrong("folders: without a revision only unread and total may be given")
    return update


def removal(item: dict[str, Any]) -> tuple[str, str]:
    """Read (folder, message) of a message that left a folder."""
    return key(item.get("folder"), "removed.folder"), key(item.get("remote_id"), "removed.remote_id")


def set_aside(item: dict[str, Any]) -> tuple[str, str | None, str]:
    """Read (message, folder, reason) of a message that could not be read."""
    reason = key(item.get("reason"), "set_aside.reason")
    return (
        key(item.get("remote_id"), "set_aside.remote_id"),
        text(item.get("folder"), "set_aside.folder"),
        # Anything but a code could be text of a mail, and is not kept.
        reason if re.fullmatch(r"[\w.-]{1,80}", reason, re.ASCII) else "other",
    )


def read_made(item: Any) -> dict[str, Any] | None:
    """Check what an outcome says of a draft."""
    if item is None:
        return None
    known = {"remote_id", "change_key", "internet_message_id"}
    if not isinstance(item, dict) or item.keys() - known - {"revision", "attachments"}:
        raise wrong("outcomes.draft: not what is known of a draft")
    found: dict[str, Any] = {name: text(item[name], f"outcomes.draft.{name}") for name in known & item.keys()}
    if item.get("revision") is not None:
        number(item["revision"], "outcomes.draft.revision")
    for one in objects(item.get("attachments"), "outcomes.draft.attachments"):
        if not isinstance(one.get("id"), int) or isinstance(one["id"], bool) or abs(one["id"]) >= 2**31:
            raise wrong("outcomes.draft.attachments.id: not an id")
        key(one.get("remote_id"), "outcomes.draft.attachments.remote_id")
    return found


def patches(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Read patches; return them by message. Of two for one message the later wins, key by key."""
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        remote_id = key(item.get("remote_id"), "messages.remote_id")
        patch = found.setdefault(remote_id, {})
        for name, value in item.items():
            if name == "remote_id":
                continue
            read = _READERS.get(name)
            if read is None:
                raise wrong("messages: an unknown key")
            patch[name] = read(value, f"messages.{name}")
        if patch.get("received_at", "") is None:
            raise wrong("messages.received_at: missing")
    return found


def importance(value: Any, where: str) -> str:
    """Return one of Graph's three."""
    return one_of(value, ("low", "normal", "high"), where)


def categories(value: Any, where: str) -> list[str]:
    """Return a list of texts."""
    if not isinstance(value, list):
        raise wrong(f"{where}: not a list")
    return [text(item, where) or "" for item in value]


def _recipients(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("list"), list):
        raise wrong(f"{where}: not a total and a list")
    people = [_person(item, where) for item in value["list"][:_MAX_RECIPIENTS]]
    return {"total": number(value.get("total", len(value["list"])), where), "list": people}


def _person(item: Any, where: str) -> dict[str, str]:
    if not isinstance(item, dict):
        raise wrong(f"{where}: not a name and an address")
    return {"name": text(item.get("name"), where) or "", "address": text(item.get("address"), where) or ""}


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "folder": key,
    "internet_message_id": text,
    "conversation_id": text,
    "subject": text,
    "from_name": text,
    "from_email": text,
    "to_recipients": _recipients,
    "cc_recipients": _recipients,
    "bcc_recipients": _recipients,
    "reply_to": _recipients,
    "preview": text,
    "received_at": moment,
    "sent_at": moment,
    "is_read": flag,
    "is_flagged": flag,
    "importance": importance,
    "has_attachments": flag,
    "is_draft": flag,
    "categories": categories,
}

# What a new row says where its patch says nothing.
IS_NEW: dict[str, Any] = {
    **dict.fromkeys(_READERS),
    "is_read": False,
    "is_flagged": False,
    "importance": "normal",
    "has_attachments": False,
    "is_draft": False,
}
