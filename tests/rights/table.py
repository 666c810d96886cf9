"""The policy of MailDesk: what, and who may. `test_table.py` tries each row as everybody by every door, and anything that has no row fails.

    owner       has connected the mailbox
    shared      a user whom the owner shares it with: reads as the owner does, and changes nothing
    admin       MailDesk administrator: configuration and state of all mailboxes, no mail
    other       a MailDesk user with mailboxes of their own
    connector   the connector's technical user: its methods, nothing else
    portal      a customer with a login
    nobody      no session and no key

What a row proves: `sees` - a text of the mailbox is in the answer, for these and for no one else; `finds` - the answer is not empty;
`changes` - a row of the mailbox is another afterwards; `answers` - no error. Whoever is not named gets neither text nor change.

"$account" and the like stand for ids of a mailbox that another ("owner") connected and shared with "shared"; "{mark}" for a word that is in
each of its texts.
"""

# ruff: noqa: E501 - one row, one line

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["CLOSED_MODELS", "READERS", "TABLE", "Call", "Page", "Row", "closed_fields"]


@dataclass(frozen=True)
class Call:
    """A call of a model's method, by session and by JSON-2; `ids` is None for methods of the model itself."""

    model: str
    method: str
    ids: Any = None
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.model}.{self.method}"


@dataclass(frozen=True)
class Page:
    """A request of a browser. `route` is the controller's own rule, if it is one of ours."""

    verb: Literal["GET", "POST"]
    path: str
    data: dict[str, Any] | None = None
    route: str | None = None

    def __str__(self) -> str:
        return f"{self.verb} {self.route or self.path}"


@dataclass(frozen=True)
class Row:
    """One thing that one may want to do, and who may."""

    what: str
    who: str
    proof: Literal["sees", "finds", "changes", "answers"]
    how: Call | Page
    needle: str = "{mark}"
    before: str | None = None

    @property
    def roles(self) -> set[str]:
        """Who may."""
        return set(self.who.split())

    def __str__(self) -> str:
        return f"{self.what} ({self.how})"


def _row(proof: Literal["sees", "finds", "changes", "answers"], what: str, who: str, on: str, ids: Any = None, **kwargs: Any) -> Row:
    model, _, method = on.rpartition(".")
    before = kwargs.pop("before", None)
    return Row(what, who, proof, Call(model, method, ids, kwargs), before=before)


def sees(what: str, who: str, on: str, ids: Any = None, **kwargs: Any) -> Row:
    """Row: who reads."""
    return _row("sees", what, who, on, ids, **kwargs)


def finds(what: str, who: str, on: str, ids: Any = None, **kwargs: Any) -> Row:
    """Row: whose search finds it."""
    return _row("finds", what, who, on, ids, **kwargs)


def changes(what: str, who: str, on: str, ids: Any = None, **kwargs: Any) -> Row:
    """Row: who changes something of the mailbox; `before` is SQL that prepares it."""
    return _row("changes", what, who, on, ids, **kwargs)


def answers(what: str, who: str, on: str, ids: Any = None, **kwargs: Any) -> Row:
    """Row: who gets no error."""
    return _row("answers", what, who, on, ids, **kwargs)


# ---------------------------------------------------------------------- the policy, for the ORM's own methods

#  model: (who reads, who writes, id, a field with text)
READERS = {
    "mailbox.account":       ("owner shared admin", "owner admin", "$account",    "name"),
    "mailbox.folder":        ("owner shared",       "",            "$folder",     "name"),
    "mailbox.message_index": ("owner shared",       "",            "$message",    "subject"),
    "mailbox.message_body":  ("owner shared",       "",            "$body",       "html"),
    "mailbox.action":        ("owner shared",       "",            "$action",     "kind"),
    "mailbox.unreadable":    ("owner shared",       "",            "$unreadable", "remote_id"),
    "mailbox.draft":         ("owner",              "",            "$draft",      "subject"),
    "mailbox.audit":         ("owner admin",        "",            "$audit",      "account_name"),
}  # fmt: skip

# Tables that no user reads or writes by any method: model: id.
CLOSED_MODELS = {
    "mailbox.folder.sync": "$sync",
    "mailbox.refresh":     "$refresh",
    "mailbox.fence":       "$fence",
    "mailbox.connector":   1,
    "mailbox.hello":       1,
    "maildesk.connect":    1,
    "mailbox.signin":      1,
    "mailbox.trusted_sender": 1,
    "mailbox.conversation.link": "$link",
}  # fmt: skip

# Mail leaves in a file with its owner only.
EXPORTERS = {"mailbox.message_index": "owner", "mailbox.message_body": "owner"}


def _orm_reads(model: str) -> list[Row]:
    who, _, one, text = READERS[model]
    domain = [["id", "=", one]]
    rows = [
        sees("read", who, f"{model}.read", [one], fields=[text]),
        sees("read", who, f"{model}.web_read", [one], specification={text: {}}),
        sees("search", who, f"{model}.search_read", domain=domain, fields=[text]),
        sees("search", who, f"{model}.web_search_read", domain=domain, specification={text: {}}),
        sees("group", who, f"{model}.formatted_read_group", domain=domain, groupby=[text], aggregates=["__count"]),
        sees("group", who, f"{model}.web_read_group", domain=domain, groupby=[text], aggregates=["__count"]),
        finds("filter", who, f"{model}.search", domain=[*domain, [text, "ilike", "{mark}"]]),
        finds("count", who, f"{model}.search_count", domain=[*domain, [text, "ilike", "{mark}"]]),
        sees("export", EXPORTERS.get(model, who), f"{model}.export_data", [one], fields_to_export=[text]),
    ]
    if text in ("name", "subject"):
        rows.append(sees("look up by name", who, f"{model}.name_search", name="{mark}"))
        rows.append(sees("look up by name", who, f"{model}.web_name_search", name="{mark}", specification={"display_name": {}}))
    return rows


def _orm_writes(model: str) -> list[Row]:
    _, who, one, text = READERS[model]
    account = {} if model == "mailbox.account" else {"account_id": "$account"}
    rows = [
        changes("write", who, f"{model}.write", [one], vals={text: "changed"}),
        changes("write", who, f"{model}.web_save", [one], vals={text: "changed"}, specification={}),
        changes("import over it", who, f"{model}.load", fields=[".id", text], data=[["{" + one[1:] + "}", "changed"]]),
        changes("delete", who, f"{model}.unlink", [one]),
    ]
    if model != "mailbox.account":
        rows.append(changes("create", "", f"{model}.create", vals_list=[{**account, text: "new"}]))
        rows.append(changes("copy", "", f"{model}.copy", [one]))
    return rows


def _orm_closed(model: str, one: Any) -> list[Row]:
    return [
        answers("read", "", f"{model}.read", [one], fields=["id"]),
        answers("search", "", f"{model}.search_read", domain=[], fields=["id"]),
        answers("count", "", f"{model}.search_count", domain=[]),
        answers("group", "", f"{model}.formatted_read_group", domain=[], groupby=["create_uid"], aggregates=["__count"]),
        answers("look up by name", "", f"{model}.name_search", name=""),
        answers("export", "", f"{model}.export_data", [one], fields_to_export=["create_date"]),
        answers("create", "", f"{model}.create", vals_list=[{}]),
        answers("write", "", f"{model}.write", [one], vals={}),
        answers("delete", "", f"{model}.unlink", [one]),
        answers("copy", "", f"{model}.copy", [one]),
        answers("save", "", f"{model}.web_save", [one], vals={}, specification={}),
    ]


# ---------------------------------------------------------------------- the policy, for the connector's own fields


def closed_fields(model: str, one: str, path: str) -> list[Row]:
    """Rows for a field of `model` (or one that leads there) that nobody reads, filters, sorts or groups by, nor sets."""
    domain = [[path, "!=", False]]
    rows = [
        answers("filter by it", "", f"{model}.search", domain=domain),
        answers("filter by it", "", f"{model}.search_count", domain=domain),
        answers("filter by it", "", f"{model}.name_search", name="", domain=domain),
        answers("filter by it", "", f"{model}.search_read", domain=["|", ["id", "=", 0], ["id", "any", domain]], fields=["id"]),
        answers("group by it", "", f"{model}.formatted_read_group", domain=[], groupby=[path], aggregates=["__count"]),
        answers("add it up", "", f"{model}.formatted_read_group", domain=[], groupby=[], aggregates=[f"{path}:array_agg"]),
        answers("sort by it", "", f"{model}.search_read", domain=[], fields=["id"], order=f"{path} desc"),
        answers("export it", "", f"{model}.export_data", [one], fields_to_export=[path.replace(".", "/")]),
    ]
    if "." not in path:
        rows += [
            answers("read it", "", f"{model}.read", [one], fields=[path]),
            answers("read it", "", f"{model}.web_read", [one], specification={path: {}}),
            answers("read it", "", f"{model}.search_read", domain=[], fields=[path]),
            answers("set it", "", f"{model}.write", [one], vals={path: 7}),
            answers("set it", "", f"{model}.web_save", [one], vals={path: 7}, specification={}),
            answers("set it", "", f"{model}.create", vals_list=[{"name": "x", "email": "{mark}new@pier.example", path: 7}]),
            Row("hear of it", "", "sees", Call(model, "fields_get"), needle=f'"{path}"'),
            Row(
                "hear of it", "", "sees", Call(model, "get_views", None, {"views": [[False, "form"], [False, "list"]]}), needle=f'"{path}"'
            ),
        ]
    return rows


# ---------------------------------------------------------------------- the policy, for what people do by name

ACCOUNT, FOLDER, MESSAGE, ACTION = "mailbox.account", "mailbox.folder", "mailbox.message_index", "mailbox.action"
DRAFT = "mailbox.draft"

_EXPORT = {
    "data": '{"model": "mailbox.message_index", "fields": [{"name": "subject", "label": "S", "type": "char"}], "ids": [{message}],'
    ' "domain": [], "groupby": [], "import_compat": false, "context": {}}'
}

# As Delete leaves a mailbox.
_ENDED = "UPDATE mailbox_account SET state = 'disconnected', active = false, token_sealed = NULL WHERE id = {account}"
# Something that the owner did a moment ago, and that showed at once; and something that failed.
_DONE = (
    "UPDATE mailbox_message_index SET is_read = true WHERE id = {message}; "
    "UPDATE mailbox_action SET \"group\" = 'g-{mark}', user_id = {owner}, message_id = {message}, create_date = now() at time zone 'utc', "
    "state = 'done', vals = jsonb_build_object('is_read', true), before = jsonb_build_object('is_read', false) WHERE id = {action}"
)
_FILED = "UPDATE mailbox_message_index SET categories = jsonb_build_array('Category {mark}') WHERE id = {message}"
_FAILED = (
    "UPDATE mailbox_action SET kind = 'flag', user_id = {owner}, message_id = {message}, state = 'failed', "
    "vals = jsonb_build_object('is_flagged', true) WHERE id = {action}"
)
# Microsoft lets it send; a mail of the owner's waits for its time; of another nobody knows whether it was sent; a message is a draft.
_MAY_SEND = "UPDATE mailbox_account SET granted_scopes = 'Mail.ReadWrite Mail.Send' WHERE id = {account}"
_SCHEDULED = (
    "UPDATE mailbox_draft SET state = 'scheduled', send_at = now() + interval '1 day' WHERE id = {draft}; "
    "UPDATE mailbox_action SET kind = 'send', state = 'scheduled', due_at = now() + interval '1 day', draft_id = {draft} WHERE id = {action}"
)
_UNCONFIRMED = (
    "UPDATE mailbox_draft SET state = 'unconfirmed' WHERE id = {draft}; "
    "UPDATE mailbox_action SET kind = 'send', state = 'unconfirmed', draft_id = {draft} WHERE id = {action}"
)
_GOING = (
    "UPDATE mailbox_draft SET state = 'sending' WHERE id = {draft}; "
    "UPDATE mailbox_action SET kind = 'send', state = 'running', draft_id = {draft} WHERE id = {action}"
)
_OF_OUTLOOK = "UPDATE mailbox_draft SET remote_id = 'm-{mark}' WHERE id = {draft}"
# Nothing came of it yet: an address that mail lies under stays.
_NEW = (
    "DELETE FROM mailbox_message_index WHERE account_id = {account}; DELETE FROM mailbox_folder WHERE account_id = {account}; "
    "UPDATE mailbox_account SET state = 'draft', token_sealed = NULL WHERE id = {account}"
)

# As if it had come just now.
_NOW = "UPDATE mailbox_message_index SET received_at = now() AT TIME ZONE 'UTC' WHERE id = {message}"
_LAST_WRITTEN = "UPDATE mailbox_draft SET write_date = now() AT TIME ZONE 'UTC' WHERE id = {draft}"
# Its sender is a contact.
_KNOWN = "UPDATE res_partner SET email_normalized = 'ben.{mark}@pier.example' WHERE id = {partner_other}"

# fmt: off
TABLE: list[Row] = [
    # mail, as the app reads it
    sees("mailboxes and folders of the app",    "owner shared",         f"{ACCOUNT}.maildesk_overview"),
    sees("a page of a folder",                  "owner shared",         f"{MESSAGE}.maildesk_list", folder_id="$folder"),
    sees("a page of all Inboxes",               "owner shared",         f"{MESSAGE}.maildesk_list", before=_NOW, role="inbox", view="conversations", filters=["unread"]),
    sees("what a search finds",                 "owner shared",         f"{MESSAGE}.maildesk_search", query="{mark}"),
    answers("search at Microsoft",              "owner shared other admin", f"{MESSAGE}.maildesk_search_remote", query="{mark}"),
    answers("open what only Microsoft has",     "owner shared",         f"{MESSAGE}.maildesk_open_remote", account_id="$account", remote_id="m-{mark}"),
    sees("rows of messages",                    "owner shared",         f"{MESSAGE}.maildesk_rows", message_ids=["$message"]),
    sees("an open message",                     "owner shared",         f"{MESSAGE}.maildesk_open", message_id="$message"),
    answers("open a mail in a mail",            "owner shared",         f"{MESSAGE}.maildesk_open_item", account_id="$account", remote_id="m-{mark}", attachment_id="a"),
    answers("learn where an attachment leads",  "owner shared",         f"{MESSAGE}.maildesk_attachment_link", account_id="$account", remote_id="m-{mark}", attachment_id="a"),

    # what is told of it outside the app
    answers("how much is unread",               "other shared owner admin", f"{ACCOUNT}.maildesk_counts"),
    sees("the newest unread mails",             "owner shared",         f"{MESSAGE}.maildesk_newest_unread", before=_NOW),
    sees("mail that has just come",             "owner shared",         f"{MESSAGE}.maildesk_news", message_ids=["$message"], before=_NOW),

    # contacts; who reads which is Odoo's own matter
    answers("look senders up",                  "portal other shared owner admin connector", "res.partner.maildesk_contacts", emails=["ben@pier.example"]),
    answers("what Odoo knows of a contact",     "other shared owner admin connector", "res.partner.maildesk_known", partner_id="$partner_other"),
    answers("make a contact of a sender",       "",                     "res.partner.maildesk_create_contact", message_id="$message", address="ben.{mark}@pier.example"),
    sees("complete an address by one's mail",    "owner",                "res.partner.maildesk_recipients", search="ben.{mark}"),
    answers("complete an address",              "other shared owner admin", "res.partner.maildesk_recipients", search="ben"),
    answers("whom a record names",              "other shared owner admin", "res.partner.maildesk_people", res_model="res.partner", res_ids=["$partner_other"]),
    answers("whom a mail names, as a record",   "owner shared",         "res.partner.maildesk_people", res_model=MESSAGE, res_ids=["$message"]),
    answers("write to contacts of a list",      "other shared owner admin", "res.partner.action_maildesk_write", ["$partner_other"]),
    answers("count a contact's mails",          "other shared owner admin", "res.partner.maildesk_mail_count", ["$partner_other"]),
    answers("list a contact's mails",           "other shared owner admin", "res.partner.action_maildesk_mails", ["$partner_other"]),
    finds("filter mail by a contact",           "owner shared",         f"{MESSAGE}.search", domain=[["id", "=", "$message"], ["contact_ids", "in", ["$partner_other"]]], before=_KNOWN),
    sees("read a contact of a mail",            "owner shared",         f"{MESSAGE}.search_read", domain=[["id", "=", "$message"], ["contact_ids", "in", ["$partner_other"]]], fields=["subject", "contact_ids"], before=_KNOWN),
    # what one does with mail
    changes("mark it read",                     "owner",                f"{ACTION}.maildesk_do", kind="read", message_ids=["$message"]),
    changes("delete it for good",               "owner",                f"{ACTION}.maildesk_do", kind="destroy", message_ids=["$message"]),
    changes("mark a folder read",               "owner",                f"{ACTION}.maildesk_do", kind="mark_folder_read", values={"folder_id": "$folder"}),
    changes("make a folder",                    "owner",                f"{ACTION}.maildesk_do", kind="folder_create", values={"account_id": "$account", "name": "N"}),
    changes("take back what was done",          "owner",                f"{ACTION}.maildesk_undo", group="g-{mark}", before=_DONE),
    changes("try again what failed",            "owner",                f"{ACTION}.maildesk_retry", uuids=["u-{mark}"], before=_FAILED),
    changes("let a failure be over",            "owner",                f"{ACTION}.maildesk_dismiss", uuids=["u-{mark}"], before=_FAILED),
    sees("what is on its way",                  "owner shared",         f"{ACTION}.maildesk_actions", account_id="$account"),
    sees("the categories of a mailbox",         "owner shared",         f"{MESSAGE}.maildesk_categories", account_ids=["$account"], before=_FILED),
    sees("the conversation of a message",       "owner shared",         f"{MESSAGE}.maildesk_conversation", message_id="$message"),
    answers("have texts fetched ahead",         "owner shared admin other", f"{MESSAGE}.maildesk_prefetch", message_ids=["$message"]),
    answers("show a sender's pictures always",  "owner shared",         f"{MESSAGE}.maildesk_trust_sender", message_id="$message"),
    answers("show them no more",                "owner shared",         f"{MESSAGE}.maildesk_distrust_sender", message_id="$message"),

    # what becomes of it in Odoo; on which records one may write is Odoo's own matter: nobody here on contacts
    sees("begin to copy it into Odoo",          "owner shared",         f"{MESSAGE}.maildesk_into", message_id="$message", kind="log"),
    changes("log it on a contact",              "",                     f"{MESSAGE}.maildesk_log", message_id="$message", res_model="res.partner", res_id="$partner_other"),
    changes("log it on a mailbox",              "",                     f"{MESSAGE}.maildesk_log", message_id="$message", res_model=ACCOUNT, res_id="$account"),
    changes("make a lead of it",                "",                     f"{MESSAGE}.maildesk_make", message_id="$message", kind="lead"),

    # what one writes: its author's alone
    answers("begin a mail",                     "owner",                f"{DRAFT}.maildesk_compose", mode="new", account_id="$account", before=_MAY_SEND),
    sees("answer a mail",                       "owner",                f"{DRAFT}.maildesk_compose", mode="reply", message_id="$message", before=_MAY_SEND),
    sees("a mail that one writes",              "owner",                f"{DRAFT}.maildesk_draft", draft_id="$draft"),
    sees("what one writes",                     "owner",                f"{DRAFT}.maildesk_drafts", before=_LAST_WRITTEN),
    sees("what one has scheduled",              "owner",                f"{DRAFT}.maildesk_scheduled", before=_SCHEDULED),
    answers("quote the answered mail",          "owner",                f"{DRAFT}.maildesk_quote", draft_id="$draft"),
    answers("go on with a draft of Outlook",    "owner",                f"{DRAFT}.maildesk_edit", message_id="$message", before=_OF_OUTLOOK),
    changes("save a mail",                      "owner",                f"{DRAFT}.maildesk_save", draft_id="$draft", revision=1, values={"subject": "changed"}),
    changes("choose between two versions",      "owner",                f"{DRAFT}.maildesk_take", draft_id="$draft", choice="mine"),
    changes("send a mail",                      "owner",                f"{DRAFT}.maildesk_send", draft_id="$draft", revision=1, before=_MAY_SEND),
    changes("take a mail back",                 "owner",                f"{DRAFT}.maildesk_unsend", draft_id="$draft", before=_SCHEDULED),
    changes("throw a mail away",                "owner",                f"{DRAFT}.maildesk_discard", draft_id="$draft"),
    changes("say that a mail was sent",         "owner",                f"{DRAFT}.maildesk_resolve", draft_id="$draft", choice="sent", before=_UNCONFIRMED),

    # what one does with a mailbox
    answers("connect one of one's own",         "other shared owner admin", f"{ACCOUNT}.create", vals_list=[{"name": "N", "email": "{mark}new@pier.example"}]),
    answers("connect one in another's name",    "owner",                f"{ACCOUNT}.create", vals_list=[{"name": "N", "email": "{mark}new@pier.example", "owner_id": "$owner"}]),
    answers("copy it",                          "owner",                f"{ACCOUNT}.copy", ["$account"], default={"email": "{mark}copy@pier.example"}),
    changes("rename it",                        "owner admin",          f"{ACCOUNT}.write", ["$account"], vals={"name": "New name"}),
    changes("archive it",                       "",                     f"{ACCOUNT}.action_archive", ["$account"]),
    changes("reorder it",                       "owner admin",          f"{ACCOUNT}.web_resequence", ["$account"], specification={}, offset=77),
    changes("delete it",                        "owner admin",          f"{ACCOUNT}.unlink", ["$account"]),
    changes("delete it by the button",          "owner admin",          f"{ACCOUNT}.action_disconnect", ["$account"]),
    changes("connect it again",                 "owner",                f"{ACCOUNT}.maildesk_connect_again", ["$account"], before=_ENDED),
    changes("connect it again by the button",   "owner",                f"{ACCOUNT}.action_connect_again", ["$account"], before=_ENDED),
    changes("bring a disconnected one back",    "",                     f"{ACCOUNT}.action_unarchive", ["$account"], before=_ENDED),
    changes("purge it",                         "owner admin",          f"{ACCOUNT}.maildesk_purge", ["$account"], before=_ENDED),
    changes("purge it by the button",           "owner admin",          f"{ACCOUNT}.action_purge", ["$account"], before=_ENDED),
    answers("export it",                        "owner",                f"{ACCOUNT}.action_export", ["$account"]),
    changes("share it",                         "owner",                f"{ACCOUNT}.write", ["$account"], vals={"shared_user_ids": [[4, "$other"]]}),
    changes("share it",                         "owner",                f"{ACCOUNT}.web_save", ["$account"], vals={"shared_user_ids": [[4, "$other"]]}, specification={}),
    changes("share it no more",                 "owner",                f"{ACCOUNT}.write", ["$account"], vals={"shared_user_ids": [[5]]}),
    changes("give it away",                     "",                     f"{ACCOUNT}.write", ["$account"], vals={"owner_id": "$other"}),
    changes("take it over",                     "",                     f"{ACCOUNT}.write", ["$account"], vals={"owner_id": "$admin"}),
    changes("change its address",               "",                     f"{ACCOUNT}.write", ["$account"], vals={"email": "{mark}else@pier.example"}),
    changes("set its state",                    "",                     f"{ACCOUNT}.write", ["$account"], vals={"state": "error"}),
    changes("set its permissions",              "",                     f"{ACCOUNT}.write", ["$account"], vals={"granted_scopes": "Mail.Send"}),
    changes("write a folder by its mailbox",    "",                     f"{ACCOUNT}.write", ["$account"], vals={"folder_ids": [[1, "$folder", {"name": "x"}]]}),
    changes("write a user by a mailbox",        "",                     f"{ACCOUNT}.write", ["$account"], vals={"shared_user_ids": [[1, "$shared", {"name": "x"}]]}),
    answers("sign in to it at Microsoft",       "owner",                f"{ACCOUNT}.action_authorize", ["$account"]),
    answers("open MailDesk from it",            "owner shared admin",   f"{ACCOUNT}.action_open_app", ["$account"]),
    answers("list what could not be read",      "owner shared",         f"{ACCOUNT}.action_unreadable", ["$account"]),
    answers("list who did what",                "owner admin",          f"{ACCOUNT}.action_audit", ["$account"]),
    changes("refresh it",                       "owner shared admin",   f"{ACCOUNT}.action_refresh", ["$account"]),
    changes("refresh it from the app",          "owner shared admin",   f"{ACCOUNT}.maildesk_refresh", account_ids=["$account"]),
    changes("refresh all one has",              "owner shared",         f"{ACCOUNT}.maildesk_refresh"),
    changes("pause it",                         "owner admin",          f"{ACCOUNT}.action_pause", ["$account"]),
    changes("resume it",                        "owner admin",          f"{ACCOUNT}.action_resume", ["$account"],
            before="UPDATE mailbox_account SET state = 'paused' WHERE id = {account}"),
    changes("switch the sync of a folder",      "owner",                f"{FOLDER}.maildesk_set_sync", folder_ids=["$folder"], enabled=False),
    changes("switch the sync of a folder",      "owner",                f"{FOLDER}.action_toggle_sync", ["$folder"]),

    # what only the connector calls
    answers("say hello",                        "connector",            f"{ACCOUNT}.connector_hello", connector_version="1"),
    answers("have the way back checked",        "connector",            f"{ACCOUNT}.connector_check"),
    answers("exchange",                         "connector",            f"{ACCOUNT}.connector_exchange", instance="i", run="r"),
    sees("take mailboxes up",                   "connector",            f"{ACCOUNT}.connector_take_up", account_ids=["$account"]),
    changes("apply",                            "connector",            f"{ACCOUNT}.connector_apply", account_id="$account",
            messages=[{"remote_id": "m-{mark}", "subject": "changed"}]),
    sees("compare",                             "connector",            f"{ACCOUNT}.connector_compare", account_id="$account", folder="F-{mark}",
            listed=[["m-{mark}", False, False, "low", ["Red"]]]),
    answers("tell what came of actions",        "connector",            f"{ACCOUNT}.connector_outcomes", account_id="$account", outcomes=[]),
    sees("read a mail that goes",               "connector",            f"{ACCOUNT}.connector_draft", account_id="$account", uuid="u-{mark}", before=_GOING),
    answers("read a file of a mail that goes",  "connector",            f"{ACCOUNT}.connector_draft_piece", account_id="$account", uuid="u-{mark}", attachment_id=1, offset=0, size=1, before=_GOING),
    changes("tell that a draft is there",       "connector",            f"{ACCOUNT}.connector_draft_made", account_id="$account", uuid="u-{mark}", remote_id="d-{mark}", before=_GOING),
    answers("bring a body",                     "connector",            f"{ACCOUNT}.connector_body", account_id="$account", remote_id="m-{mark}", body={}),

    # what only an administrator of Odoo does: nobody here
    answers("make a key of the connector",      "",                     "maildesk.connect.action_make", [1]),
    answers("make a key of the connector",      "",                     "maildesk.connect.show.onchange", [], values={}, field_names=[], fields_spec={"yaml": {}}),
    answers("test the way to the connector",    "",                     "res.config.settings.maildesk_test", [1]),
    answers("see where the connector is",       "",                     "res.config.settings.onchange", [], values={}, field_names=[], fields_spec={"maildesk_connector_secret": {}}),
    answers("set where the connector is",       "",                     "res.config.settings.create", vals_list=[{"maildesk_connector_url": "http://{mark}"}]),

    # routes of ours
    Row("sign in to it at Microsoft",           "owner", "answers",     Page("GET", "/maildesk/outlook/authorize/{account}", route="/maildesk/outlook/authorize/<int:account_id>")),
    Row("connect the one that signed in",       "owner", "changes",     Page("POST", "/maildesk/outlook/connect-as/{account}", {"address": "other.{mark}@pier.example"}, "/maildesk/outlook/connect-as/<int:account_id>"),
        before=_NEW),
    Row("bring Microsoft's answer",             "nobody portal other shared owner admin connector", "answers",
        Page("GET", "/maildesk/outlook/callback?code=c&state={state}", route="/maildesk/outlook/callback")),
    Row("finish the owner's sign-in",           "owner", "answers",     Page("GET", "/maildesk/outlook/finish/{handle}", route="/maildesk/outlook/finish/<string:handle>")),

    Row("open an attachment",                   "owner shared", "answers", Page("GET", "/maildesk/attachment/{account}/m/a", route="/maildesk/attachment/<int:account_id>/<string:remote_id>/<string:attachment_id>")),
    Row("download all attachments",             "owner shared", "answers", Page("GET", "/maildesk/attachments/{account}/m.zip", route="/maildesk/attachments/<int:account_id>/<string:remote_id>.zip")),

    Row("attach nothing to a mail",             "", "answers",          Page("POST", "/maildesk/draft/{draft}/attach", route="/maildesk/draft/<int:draft_id>/attach")),

    Row("go back from a record to its mail",    "owner shared", "answers", Page("GET", "/maildesk/mail/{link}", route="/maildesk/mail/<int:link_id>")),

    Row("export a mailbox",                     "owner", "answers",     Page("GET", "/maildesk/export/{account}", route="/maildesk/export/<int:account_id>")),

    # Odoo's own doors
    Row("mail as a file",                       "owner", "sees",        Page("POST", "/web/export/csv", _EXPORT)),
    Row("mail as a sheet",                      "owner", "answers",     Page("POST", "/web/export/xlsx", _EXPORT)),
    Row("mailboxes as JSON",                    "owner shared admin", "sees", Page("GET", "/json/1/mailbox-accounts?view_type=list&limit=10000")),
    Row("a mailbox as JSON",                    "owner shared admin", "sees", Page("GET", "/json/1/mailbox-accounts/{account}")),
    Row("the audit list as JSON",               "owner admin", "sees",  Page("GET", "/json/1/mailbox-audit?view_type=list&limit=10000")),
    Row("a field as a download",                "", "sees",             Page("GET", "/web/content?model=mailbox.message_body&id={body}&field=html")),
    Row("a field as a download",                "", "sees",             Page("GET", "/web/content?model=mailbox.account&id={account}&field=token_sealed")),
    Row("a field as a picture",                 "", "sees",             Page("GET", "/web/image/mailbox.account/{account}/token_sealed")),
    Row("the page of a record",                 "", "sees",             Page("GET", "/mail/view?model=mailbox.account&res_id={account}")),
    sees("chatter about mailboxes",             "",                     "mail.message.search_read", domain=[["model", "=like", "mailbox.%"]], fields=["subject", "body", "record_name"]),
    changes("write a chatter message on mail",  "",                     "mail.message.create", vals_list=[{"model": MESSAGE, "res_id": "$message", "body": "x"}]),
    changes("attach a file to mail",            "",                     "ir.attachment.create", vals_list=[{"name": "f", "res_model": MESSAGE, "res_id": "$message", "raw": "x"}]),
    changes("attach a file to a mailbox",       "owner admin",          "ir.attachment.create", vals_list=[{"name": "f", "res_model": ACCOUNT, "res_id": "$account", "raw": "x"}]),
    changes("plan an activity on mail",         "",                     "mail.activity.create", vals_list=[{"res_model_id": "$model_message", "res_id": "$message", "summary": "x"}]),
    changes("follow mail",                      "",                     "mail.followers.create", vals_list=[{"res_model": MESSAGE, "res_id": "$message", "partner_id": "$partner_other"}]),

    *(row for model in READERS for row in _orm_reads(model)),
    *(row for model in READERS for row in _orm_writes(model)),
    *(row for model, one in CLOSED_MODELS.items() for row in _orm_closed(model, one)),
]
# fmt: on
