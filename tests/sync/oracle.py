"""What Odoo must show of a mailbox of the simulator: told from the truth alone, for the addon in memory and for the real one.

The expectation is written from Graph's values, not with the engine's own code; only the cleaning of strings, which has its own test, is
shared with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.sync.merge import PREVIEW_KEPT, RECIPIENTS_KEPT, SUBJECT_KEPT, clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.graph_simulator.model import Folder, Mailbox, Message
    from tests.sync.memory_addon import MemoryAddon

__all__ = ["differences", "differing_folders", "differing_messages", "expected_folders", "expected_messages"]

_ROLES = {
    "inbox": "inbox",
    "sentitems": "sent",
    "drafts": "drafts",
    "deleteditems": "trash",
    "junkemail": "junk",
    "archive": "archive",
}

_EMPTY: dict[str, Any] = {
    "to_recipients": {"total": 0, "list": []},
    "cc_recipients": {"total": 0, "list": []},
    "categories": [],
}


def differences(addon: MemoryAddon, mailbox: Mailbox, account_id: int) -> list[str]:
    """Return what differs between the addon in memory and the truth: nothing, after quiet."""
    box = addon.mailboxes[account_id]
    shown = {name: folder for name, folder in box.folders.items() if folder.active}
    folders = {
        name: {"name": f.name, "parent": f.parent, "role": f.role, "unread": f.unread, "total": f.total} for name, f in shown.items()
    }
    synced = {name for name, folder in shown.items() if folder.sync_enabled}
    wanted = expected_messages(mailbox, synced)
    rows = {i: _shown(row) for i, row in addon.rows(account_id).items()}
    # What cannot be read is set aside instead, and a row of it is as old as the last time that it could.
    for message_id in [i for i in wanted if mailbox.messages[i].poison]:
        if message_id in rows or message_id in box.unreadable:
            del wanted[message_id]
            rows.pop(message_id, None)
    return differing_folders(folders, expected_folders(mailbox)) + differing_messages(rows, wanted)


def expected_folders(mailbox: Mailbox) -> dict[str, dict[str, Any]]:
    """Return the folders that users see, by id: name, parent, role, unread, total."""
    found: dict[str, dict[str, Any]] = {}
    for folder in mailbox.folders.values():
        if _is_shown(mailbox, folder):
            unread, total = mailbox.counts(folder.id)
            parent = mailbox.folders[folder.parent_id] if folder.parent_id else folder
            found[folder.id] = {
                "name": folder.name,
                "parent": None if parent.well_known == "msgfolderroot" else parent.id,
                "role": _ROLES.get(folder.well_known, "other"),
                "unread": unread,
                "total": total,
            }
    return found


def expected_messages(mailbox: Mailbox, folders: set[str]) -> dict[str, dict[str, Any]]:
    """Return the messages of `folders` by id, as the index should have them: the keys of the wire, and `pending`."""
    return {m.immutable_id: _expected(m) for m in mailbox.messages.values() if m.folder_id in folders}


def differing_folders(found: Mapping[str, dict[str, Any]], wanted: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return a line for each folder that is not as it should be."""
    return [
        f"folder {name[-8:]}: {found.get(name)}, should be {wanted.get(name)}"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


def differing_messages(found: Mapping[str, dict[str, Any]], wanted: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return a line for each message that is missing or too many, and for each value that is not as it should be."""
    lines = [f"missing in Odoo: {wanted[i]['subject']!r} ({i[-8:]})" for i in sorted(wanted.keys() - found.keys())]
    lines += [f"only in Odoo: {found[i]['subject']!r} ({str(i)[-8:]})" for i in sorted(found.keys() - wanted.keys(), key=str)]
    for message_id in sorted(wanted.keys() & found.keys()):
        row = found[message_id]
        lines += [
            f"{wanted[message_id]['subject']!r} ({message_id[-8:]}): {key} is {row[key]!r}, should be {value!r}"
            for key, value in wanted[message_id].items()
            if row[key] != value
        ]
    return lines


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as people see it: what was never said is empty."""
    return {name: _EMPTY.get(name, "") if value is None else value for name, value in row.items()}


def _is_shown(mailbox: Mailbox, folder: Folder) -> bool:
    """Tell whether users see a folder: not hidden, no search folder, nor below one, and not the root."""
    if folder.is_hidden or folder.is_search or folder.parent_id is None:
        return False
    parent = mailbox.folders[folder.parent_id]
    return parent.parent_id is None or _is_shown(mailbox, parent)


def _expected(message: Message) -> dict[str, Any]:
    data = message.data
    sender = _person(data.get("from") or data.get("sender"))
    return {
        "folder": message.folder_id,
        "subject": clean(data["subject"], SUBJECT_KEPT),
        "from_name": sender["name"],
        "from_email": sender["address"],
        "to_recipients": _people(data["toRecipients"]),
        "cc_recipients": _people(data["ccRecipients"]),
        "preview": clean(data["bodyPreview"], PREVIEW_KEPT),
        "received_at": data["receivedDateTime"],
        "sent_at": data["sentDateTime"],
        "is_read": data["isRead"],
        "is_flagged": data["flag"]["flagStatus"] == "flagged",
        "importance": data["importance"],
        "has_attachments": data["hasAttachments"],
        "is_draft": data["isDraft"],
        "categories": data["categories"],
        "conversation_id": data["conversationId"],
        "internet_message_id": clean(data["internetMessageId"], SUBJECT_KEPT),
        "pending": False,
    }


def _person(person: dict[str, Any] | None) -> dict[str, str]:
    address = (person or {}).get("emailAddress") or {}
    return {"name": clean(address.get("name"), SUBJECT_KEPT), "address": clean(address.get("address"), SUBJECT_KEPT)}


def _people(people: list[dict[str, Any]]) -> dict[str, Any]:
    return {"total": len(people), "list": [_person(person) for person in people[:RECIPIENTS_KEPT]]}
