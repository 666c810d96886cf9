"""Drafts at Graph: made (a reply or forward of its original, so that threading is right), found by our tag, written, sent.

The tag is an extended property (graph-behaviour 5.4): Graph has no idempotency key: by the tag a mail is found whose answer was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from connector.errors import GraphUnreachable
from connector.graph.gate import Priority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.graph.client import MailboxClient
    from connector.http import Response

__all__ = [
    "ANSWERS",
    "DraftItem",
    "Mail",
    "answer_draft",
    "delete_attachment",
    "discard",
    "drafts_folder",
    "find_by_message_id",
    "find_by_tag",
    "get_draft",
    "make_draft",
    "send_draft",
    "update_draft",
]

# Our property; the GUID is this program's own.
TAG = "String {5f1c1a52-7a0e-4a9b-9d5e-6d6c2b1e8f34} Name MailDeskTag"
_SELECT = "id,isDraft,parentFolderId,changeKey,internetMessageId"
# How each mode is asked for.
ANSWERS = {"reply": "createReply", "reply_all": "createReplyAll", "forward": "createForward"}


class DraftItem(Struct, frozen=True, rename="camel"):
    """What is asked of a message that may be our draft."""

    id: str
    is_draft: bool = False
    parent_folder_id: str | None = None
    change_key: str | None = None
    internet_message_id: str | None = None


class _Page(Struct, frozen=True):
    value: list[DraftItem]


class _Named(Struct, frozen=True):
    id: str


@dataclass(frozen=True, slots=True)
class Mail:
    """What a draft is to say; people are (name, address). `html` None leaves its text as it is."""

    subject: str
    html: str | None
    importance: str
    to: Sequence[tuple[str, str]]
    cc: Sequence[tuple[str, str]]
    bcc: Sequence[tuple[str, str]]
    sender: str | None

    def to_graph(self) -> dict[str, Any]:
        """Return the properties of a message."""
        body: dict[str, Any] = {
            "subject": self.subject,
            "importance": self.importance,
            "toRecipients": [_person(*one) for one in self.to],
            "ccRecipients": [_person(*one) for one in self.cc],
            "bccRecipients": [_person(*one) for one in self.bcc],
        }
        if self.html is not None:
            body["body"] = {"contentType": "html", "content": self.html}
        if self.sender is not None:
            body["from"] = _person("", self.sender)
        return body


def _person(name: str, address: str) -> dict[str, Any]:
    return {"emailAddress": {"address": address, **({"name": name} if name else {})}}


def _tagged(tag: str) -> dict[str, Any]:
    return {"singleValueExtendedProperties": [{"id": TAG, "value": tag}]}


def _path(message_id: str) -> str:
    return f"/me/messages/{quote(message_id, safe='')}"


def _read(response: Response) -> DraftItem:
    try:
        return msgspec.json.decode(response.content, type=DraftItem)
    except msgspec.MsgspecError as error:
        # It was done; what it made is found by its tag.
        raise GraphUnreachable("Graph's answer is cut or garbled", status=response.status_code) from error


async def make_draft(client: MailboxClient, mail: Mail, tag: str) -> DraftItem:
    """Make a draft; asked once, since each time makes another."""
    return _read(await client.ask_once("POST", "/me/messages", Priority.PERSON, body={**mail.to_graph(), **_tagged(tag)}))


async def answer_draft(client: MailboxClient, mode: str, source: str, tag: str) -> DraftItem:
    """Make the draft of an answer; what it says is written afterwards. Asked once. Raises `GraphNotFound` where the original is gone."""
    return _read(await client.ask_once("POST", f"{_path(source)}/{ANSWERS[mode]}", Priority.PERSON, body={"message": _tagged(tag)}))


async def update_draft(client: MailboxClient, message_id: str, mail: Mail, tag: str) -> DraftItem:
    """Write what a draft says; the same twice is the same."""
    return _read(await client.ask_once("PATCH", _path(message_id), Priority.PERSON, body={**mail.to_graph(), **_tagged(tag)}))


async def get_draft(client: MailboxClient, message_id: str) -> DraftItem:
    """Return how a draft stands. Raises `GraphNotFound`."""
    return await client.get(_path(message_id), into=DraftItem, priority=Priority.PERSON, params={"$select": _SELECT})


async def find_by_tag(client: MailboxClient, tag: str) -> list[DraftItem]:
    """Return what has our tag, in all folders."""
    condition = f"singleValueExtendedProperties/Any(ep: ep/id eq '{TAG}' and ep/value eq '{_quoted(tag)}')"
    return await _find(client, condition)


async def find_by_message_id(client: MailboxClient, message_id: str) -> list[DraftItem]:
    """Return what has a Message-ID, in all folders: the sent copy need not have kept the tag."""
    return await _find(client, f"internetMessageId eq '{_quoted(message_id)}'")


async def _find(client: MailboxClient, condition: str) -> list[DraftItem]:
    params = {"$filter": condition, "$select": _SELECT, "$top": "50"}
    return (await client.get("/me/messages", into=_Page, priority=Priority.PERSON, params=params)).value


async def drafts_folder(client: MailboxClient, name: str) -> str:
    """Return the id of a folder that Graph knows by name."""
    return (await client.get(f"/me/mailFolders/{name}", into=_Named, priority=Priority.PERSON, params={"$select": "id"})).id


async def send_draft(client: MailboxClient, message_id: str) -> bool:
    """Ask Graph to send a draft, once; return whether it simply accepted: an answer with Retry-After is as good as none."""
    response = await client.ask_once("POST", f"{_path(message_id)}/send", Priority.PERSON)
    return response.status_code == 202 and "retry-after" not in response.headers


async def discard(client: MailboxClient, message_id: str) -> None:
    """Move a draft to Deleted Items. Raises `GraphNotFound`."""
    await client.ask_once("POST", f"{_path(message_id)}/move", Priority.PERSON, body={"destinationId": "deleteditems"})


async def delete_attachment(client: MailboxClient, message_id: str, attachment_id: str) -> None:
    """Take an attachment out of a draft. Raises `GraphNotFound`."""
    await client.ask_once("DELETE", f"{_path(message_id)}/attachments/{quote(attachment_id, safe='')}", Priority.PERSON)


def _quoted(text: str) -> str:
    return text.replace("'", "''")
