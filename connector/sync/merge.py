"""Pure: Graph's message into a patch for the index (docs/protocol.md, `connector_apply`).

A delta item is a patch (design, rule 4): what Graph did not send is absent here too, and absent means unchanged. What Graph
sends as null is a statement and is written ("no subject" is the empty subject). Strings are made fit for PostgreSQL on
the way: NUL, other control characters and lone surrogates cannot be stored or shown (real mail has all of them).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connector.graph.types import GraphMessage, Recipient

__all__ = ["RECIPIENTS_KEPT", "clean", "combine", "is_whole", "state_of", "to_patch"]

# Names: a mail to 5,000 people must not make a row of 300 kB; the total stands beside the list (contract).
RECIPIENTS_KEPT = 50

# Characters: PostgreSQL takes longer texts, an index row of about 1 KB does not (design, "Numbers to meet").
SUBJECT_KEPT = 998  # one line of RFC 5322 section 2.1.1
PREVIEW_KEPT = 255  # what Graph sends as bodyPreview

# C0 and C1 controls, and lone surrogates (a lone surrogate in JSON decodes to one in Python and cannot be encoded to UTF-8).
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SPACE = re.compile(r"[\t\r\n]+")

_IMPORTANCES = frozenset({"low", "normal", "high"})


def clean(text: str | None, limit: int | None = None) -> str:
    """Return `text` on one line and without what PostgreSQL or a screen cannot take; None becomes ''."""
    if not text:
        return ""
    fit = _SPACE.sub(" ", _UNFIT.sub("", text)).strip()
    return fit if limit is None else fit[:limit]


def to_patch(message: GraphMessage, folder: str | None = None) -> dict[str, Any]:
    """Return the patch of `message`; `folder` is where it was seen, used when Graph did not name the parent."""
    patch: dict[str, Any] = {"remote_id": message.id}
    parent = message.parent_folder_id or folder
    if parent:
        patch["folder"] = parent
    for key, value, limit in (
        ("internet_message_id", message.internet_message_id, SUBJECT_KEPT),
        ("conversation_id", message.conversation_id, None),
        ("subject", message.subject, SUBJECT_KEPT),
        ("preview", message.body_preview, PREVIEW_KEPT),
    ):
        if not isinstance(value, UnsetType):
            patch[key] = clean(value, limit)
    _put_sender(patch, message)
    for key, recipients in (
        ("to_recipients", message.to_recipients),
        ("cc_recipients", message.cc_recipients),
        ("bcc_recipients", message.bcc_recipients),
        ("reply_to", message.reply_to),
    ):
        if not isinstance(recipients, UnsetType):
            patch[key] = _recipients(recipients or ())
    moments = {"received_at": message.received, "sent_at": message.sent}
    patch |= {key: moment for key, moment in moments.items() if isinstance(moment, str)}
    flags = {"has_attachments": message.has_attachments, "is_draft": message.is_draft}
    patch |= {key: bool(flag) for key, flag in flags.items() if not isinstance(flag, UnsetType)}
    return patch | state_of(message)


def state_of(message: GraphMessage) -> dict[str, Any]:
    """Return the part of a patch that people change: written as it is compared, or a listing would differ from it for ever."""
    state: dict[str, Any] = {}
    if not isinstance(message.is_read, UnsetType):
        state["is_read"] = bool(message.is_read)
    if not isinstance(message.flag, UnsetType):
        state["is_flagged"] = message.flag is not None and message.flag.flag_status == "flagged"
    if not isinstance(message.importance, UnsetType):
        state["importance"] = message.importance if message.importance in _IMPORTANCES else "normal"
    if not isinstance(message.categories, UnsetType):
        state["categories"] = [name for name in map(clean, message.categories or ()) if name]
    return state


def is_whole(patch: dict[str, Any]) -> bool:
    """Tell whether a row could be made of `patch` alone: a partial one for an unknown id must be asked for (field-notes 1.4)."""
    return patch.keys() >= {"folder", "received_at", "subject", "is_read"}


def combine(patches: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fold several patches of one message into one, later keys over earlier ones: a round may name a message many times."""
    merged: dict[str, dict[str, Any]] = {}
    for patch in patches:
        merged.setdefault(patch["remote_id"], {}).update(patch)
    return list(merged.values())


def _put_sender(patch: dict[str, Any], message: GraphMessage) -> None:
    """Write who it is from: `from`, else `sender`; drafts and items that are no mail have neither."""
    if message.from_ is UNSET and message.sender is UNSET:
        return
    for person in (message.from_, message.sender):
        if not isinstance(person, UnsetType) and person is not None:
            address = person.email_address
            patch["from_name"] = clean(address.name if address else "", SUBJECT_KEPT)
            patch["from_email"] = clean(address.address if address else "", SUBJECT_KEPT)
            return
    patch["from_name"] = patch["from_email"] = ""


def _recipients(recipients: Sequence[Recipient]) -> dict[str, Any]:
    """Return `{"total": n, "list": [...]}`, the list cut to what the index keeps."""
    people = [
        {"name": clean(r.email_address.name, SUBJECT_KEPT), "address": clean(r.email_address.address, SUBJECT_KEPT)}
        for r in recipients[:RECIPIENTS_KEPT]
        if r.email_address is not None
    ]
    return {"total": len(recipients), "list": people}
