"""Graph's JSON as we read it: tolerant of what we do not know, exact about what is absent.

A delta item may carry only what changed (microsoft-graph-docs#7776), so every field of a message may be `UNSET`, which is not null.
Names and types: Graph's CSDL (v1.0), `message`, `mailFolder`, `attachment`.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType, field

__all__ = [
    "AttachedItem",
    "Attachment",
    "AttachmentPage",
    "AttachmentWithContent",
    "AttachmentWithItem",
    "EmailAddress",
    "EventMessage",
    "Flag",
    "FolderPage",
    "GraphFolder",
    "GraphMessage",
    "Header",
    "ItemBody",
    "Linked",
    "Location",
    "MessagePage",
    "MessageWithBody",
    "Moment",
    "Named",
    "RawPage",
    "Recipient",
    "User",
]


class EmailAddress(Struct, frozen=True):
    """`emailAddress`."""

    name: str | None = None
    address: str | None = None


class Recipient(Struct, frozen=True, rename={"email_address": "emailAddress"}):
    """`recipient`."""

    email_address: EmailAddress | None = None


class Flag(Struct, frozen=True, rename={"flag_status": "flagStatus"}):
    """`followupFlag`: notFlagged, complete or flagged."""

    flag_status: str | None = None


_Recipients = list[Recipient] | UnsetType | None


class GraphMessage(Struct, frozen=True, rename="camel"):
    """`message`, as a patch."""

    id: str
    parent_folder_id: str | UnsetType = UNSET
    internet_message_id: str | UnsetType | None = UNSET
    conversation_id: str | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    from_: Recipient | UnsetType | None = field(default=UNSET, name="from")
    sender: Recipient | UnsetType | None = UNSET
    to_recipients: _Recipients = UNSET
    cc_recipients: _Recipients = UNSET
    bcc_recipients: _Recipients = UNSET
    reply_to: _Recipients = UNSET
    body_preview: str | UnsetType | None = UNSET
    received: str | UnsetType | None = field(default=UNSET, name="receivedDateTime")
    sent: str | UnsetType | None = field(default=UNSET, name="sentDateTime")
    is_read: bool | UnsetType | None = UNSET
    flag: Flag | UnsetType | None = UNSET
    importance: str | UnsetType | None = UNSET
    has_attachments: bool | UnsetType | None = UNSET
    is_draft: bool | UnsetType | None = UNSET
    categories: list[str] | UnsetType | None = UNSET
    removed: dict[str, Any] | UnsetType = field(default=UNSET, name="@removed")


class MessagePage(Struct, frozen=True):
    """A page of messages: exactly one of the links in a delta, at most a next link in a list."""

    value: list[GraphMessage]
    next_link: str | None = field(default=None, name="@odata.nextLink")
    delta_link: str | None = field(default=None, name="@odata.deltaLink")


class RawPage(Struct, frozen=True):
    """A page of messages whose items are read one by one, because one of them is of a shape that we do not know."""

    value: list[Raw]
    next_link: str | None = field(default=None, name="@odata.nextLink")
    delta_link: str | None = field(default=None, name="@odata.deltaLink")


class Named(Struct, frozen=True):
    """The id of an item, whatever else it says."""

    id: str


class GraphFolder(Struct, frozen=True, rename="camel"):
    """`mailFolder`; only search folders carry a type (`#microsoft.graph.mailSearchFolder`)."""

    id: str
    display_name: str | None = None
    parent_folder_id: str | None = None
    child_folder_count: int | None = None
    unread_item_count: int | None = None
    total_item_count: int | None = None
    is_hidden: bool | None = None
    odata_type: str | None = field(default=None, name="@odata.type")


class FolderPage(Struct, frozen=True):
    """A page of folders."""

    value: list[GraphFolder]
    next_link: str | None = field(default=None, name="@odata.nextLink")


class ItemBody(Struct, frozen=True, rename="camel"):
    """`itemBody`."""

    content_type: Literal["text", "html"] | None = None
    content: str | None = None


class Header(Struct, frozen=True):
    """`internetMessageHeader`."""

    name: str | None = None
    value: str | None = None


class MessageWithBody(Struct, frozen=True, rename="camel"):
    """A message asked for its body; only what is more than a mail has a type (`#microsoft.graph.eventMessageRequest`)."""

    id: str
    body: ItemBody | None = None
    internet_message_headers: list[Header] | None = None
    is_draft: bool | None = None
    change_key: str | None = None
    subject: str | None = None
    importance: str | None = None
    to_recipients: list[Recipient] | None = None
    cc_recipients: list[Recipient] | None = None
    bcc_recipients: list[Recipient] | None = None
    odata_type: str | None = field(default=None, name="@odata.type")


class Moment(Struct, frozen=True, rename="camel"):
    """`dateTimeTimeZone`: a local time, and the zone in which it is meant."""

    date_time: str | None = None
    time_zone: str | None = None


class Location(Struct, frozen=True, rename="camel"):
    """`location`."""

    display_name: str | None = None


class EventMessage(Struct, frozen=True, rename="camel"):
    """`eventMessage` and what is derived of it: an invitation, its cancellation, or an answer to one."""

    id: str
    subject: str | None = None
    meeting_message_type: str | None = None
    start: Moment | None = field(default=None, name="startDateTime")
    end: Moment | None = field(default=None, name="endDateTime")
    location: Location | None = None
    is_all_day: bool | None = None
    is_out_of_date: bool | None = None
    response_requested: bool | None = None
    recurrence: Any = None
    sender: Recipient | None = None
    from_: Recipient | None = field(default=None, name="from")
    to_recipients: list[Recipient] | None = None


class Attachment(Struct, frozen=True, rename="camel"):
    """`attachment`, without its content."""

    id: str
    name: str | None = None
    content_type: str | None = None
    size: int | None = None
    is_inline: bool | None = None
    content_id: str | None = None
    odata_type: str | None = field(default=None, name="@odata.type")


class AttachmentWithContent(Struct, frozen=True, rename="camel"):
    """`fileAttachment` asked for by its id: its content comes along."""

    content_bytes: bytes | None = None


class AttachmentPage(Struct, frozen=True):
    """A page of attachments."""

    value: list[Attachment]
    next_link: str | None = field(default=None, name="@odata.nextLink")


class AttachedItem(Struct, frozen=True, rename="camel"):
    """What an `itemAttachment` holds: a message, or an event, a contact; its id is empty."""

    odata_type: str | None = field(default=None, name="@odata.type")
    subject: str | None = None
    from_: Recipient | None = field(default=None, name="from")
    to_recipients: list[Recipient] | None = None
    cc_recipients: list[Recipient] | None = None
    received: str | None = field(default=None, name="receivedDateTime")
    sent: str | None = field(default=None, name="sentDateTime")
    body: ItemBody | None = None
    has_attachments: bool | None = None


class AttachmentWithItem(Struct, frozen=True, rename="camel"):
    """An attachment asked for what it holds or leads to."""

    id: str
    item: AttachedItem | None = None
    # Not in the schema of v1.0, and not always there: where a `referenceAttachment` leads.
    source_url: str | None = None
    odata_type: str | None = field(default=None, name="@odata.type")


class Linked(Struct, frozen=True, rename="camel"):
    """A message asked for its page in Outlook on the web."""

    id: str
    web_link: str | None = None


class User(Struct, frozen=True, rename="camel"):
    """`user`, the part that says whose mailbox this is."""

    id: str
    display_name: str | None = None
    mail: str | None = None
    user_principal_name: str | None = None
    # "SMTP:" or "smtp:" and an address; "x500:" and others are no addresses of mail.
    proxy_addresses: list[str] | None = None
