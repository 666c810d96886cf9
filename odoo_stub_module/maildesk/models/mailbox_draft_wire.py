"""The connector's side of writing (docs/protocol.md, section 1): what a mail says, its files in pieces, and what came of it."""

import base64
from pathlib import Path

from lxml import html as lxml_html
from odoo import api, models
from odoo.tools import SQL

from ..draft_html import IN_ODOO, RECEIVED, UPLOAD, inner_html
from ..wire import WireError, key, number, objects, text
from .apply_turn import in_turn
from .mailbox_draft import OPEN

KINDS = ("draft_save", "draft_discard", "send")
# What a send that failed found out of its draft in Outlook.
_FOUND_OUT = {"changed": {"is_changed_outside": True}, "deleted": {"lost": "deleted"}}
# Bytes of a file that one call gives.
MAX_PIECE = 4 * 2**20


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def connector_draft(self, account_id, uuid, database=None):
        """Return what the mail of an open action says; null where there is none any more."""
        account = self._as_connector().browse(number(account_id, "account_id"))
        action = account._open_letter(uuid, database)
        return action.draft_id._to_connector() if action.draft_id else None

    @api.model
    def connector_draft_piece(self, account_id, uuid, attachment_id, offset, size, database=None):
        """Return a piece of a file of the mail of an open action, as base64; null where there is none any more."""
        account = self._as_connector().browse(number(account_id, "account_id"))
        wanted, offset, size = number(attachment_id, "attachment_id"), number(offset, "offset"), number(size, "size")
        if size > MAX_PIECE:
            raise WireError("size: more than 4 MiB")
        draft = account._open_letter(uuid, database).draft_id
        file = draft._uploads().filtered(lambda one: one.id == wanted) if draft else None
        return base64.b64encode(_piece(file, offset, size)).decode() if file else None

    @api.model
    def connector_draft_made(self, account_id, uuid, remote_id, change_key=None, internet_message_id=None, database=None, asking=None):
        """Note that the draft of a mail exists: its entry in Sent is that message from now on. Returns whether the mail is wanted still.

        `asking`: the claim under which the action was given to whoever is about to ask Graph to send that draft. Where it was given to
        somebody else since, nothing is noted, and it must not be sent.
        """
        account = self._as_connector().browse(number(account_id, "account_id"))
        if not account._is_meant(database):
            return False
        made = {
            "remote_id": key(remote_id, "remote_id"),
            "change_key": text(change_key, "change_key") or False,
            "internet_message_id": text(internet_message_id, "internet_message_id") or False,
        }
        claim = None if asking is None else key(asking, "asking")

        def work():
            action = account._open_letter(uuid, database)
            draft = action.draft_id
            if draft:
                draft.env["mailbox.folder.sync"]._lock(account.id)
                if claim is not None and not action._is_about_to_be_asked(claim):
                    return False
                is_known = (draft.remote_id, draft.internet_message_id) == (made["remote_id"], made["internet_message_id"])
                draft.write(made)
                if draft.state in ("sending", "unconfirmed") and not (claim and is_known):
                    draft._take_place(made["remote_id"], made["internet_message_id"] or None)
            return bool(draft)

        return in_turn(account.env, account.ids, work)

    def _open_letter(self, uuid, database):
        """Return the open action of a mail, empty if it is none (any more)."""
        actions = self.env["mailbox.action"]
        if not self._is_meant(database):
            return actions
        found = actions.search(
            [("account_id", "=", self.id), ("uuid", "=", key(uuid, "uuid")), ("kind", "in", KINDS), ("state", "in", ("pending", "running"))]
        )
        # A mail that became another one for Outlook meanwhile (it comes from another mailbox, say) is not what this action is about.
        return found.filtered(lambda action: (action.vals or {}).get("tag") in (None, action.draft_id.tag))

    def _take_letters(self, actions, by_uuid):
        """Let mails hear what came of their actions; `by_uuid` has the outcomes."""
        for action in actions.filtered("draft_id"):
            action.draft_id._ended(action, by_uuid[action.uuid])


class MailboxDraft(models.Model):
    _inherit = "mailbox.draft"

    def _to_connector(self):
        """Return what it says, as Outlook is to have it."""
        html, inline = self._outgoing()
        files = set(self._uploads().ids)
        kept = []
        for item in self.attachments or []:
            keys = ("id", "name", "content_type", "size", "content_id", "remote_id")
            is_inline = item["id"] in inline or bool(item.get("is_inline"))
            kept.append({**{name: item.get(name) for name in keys}, "is_inline": is_inline, "is_here": item["id"] in files})
        return {
            "mode": self.mode,
            "source": self.source_remote_id or None,
            "tag": self.tag,
            "remote_id": self.remote_id or None,
            "change_key": self.change_key or None,
            "revision": self.revision,
            "from_address": self.from_address if self.from_address != self.account_id.email else None,
            "to": self.to_recipients or [],
            "cc": self.cc_recipients or [],
            "bcc": self.bcc_recipients or [],
            "subject": self.subject or "",
            # What nobody changed here looks in Outlook as it was made: not all of that can be shown here.
            "html": None if self.is_text_kept and self.remote_id else f"{self.styles or ''}{html}",
            "importance": self.importance,
            "attachments": kept,
        }

    def _outgoing(self):
        """Return the text with pictures as a mail has them, and the ids of the attachments that they are."""
        if not (self.html or "").strip():
            return "", set()
        tree = lxml_html.fragment_fromstring(self.html, create_parent="div")
        known = {item["id"]: item for item in self.attachments or []}
        received = {item.get("remote_id") or item.get("source_id"): item for item in known.values()}
        copies, base = {item["origin"]: item for item in known.values() if item.get("origin")}, self.get_base_url()
        inline = set()
        for picture in tree.iter("img"):
            source = picture.get("src") or ""
            item = None
            if picture.get("data-cid"):
                picture.set("src", f"cid:{picture.attrib.pop('data-cid')}")
            elif found := UPLOAD.match(source):
                item = known.get(int(found[1])) or copies.get(int(found[1]) if IN_ODOO.match(source.removeprefix(base)) else None)
            elif found := RECEIVED.match(source):
                item = received.get(found[1])
            elif picture.get("data-remote"):
                picture.set("src", picture.attrib.pop("data-remote"))
            if item and item.get("content_id"):
                picture.set("src", f"cid:{item['content_id']}")
                inline.add(item["id"])
        return inner_html(tree), inline

    def _ended(self, action, outcome):
        """Note what came of an action of this mail."""
        made = outcome.get("draft") or {}
        if action.vals and action.vals.get("tag") not in (None, self.tag):
            # Of what this mail was for Outlook before.
            return
        values = {name: made[name] for name in ("remote_id", "change_key", "internet_message_id") if made.get(name)}
        if "attachments" in made:
            self._say({"attachments": self._in_outlook(made["attachments"])})
        match action.kind, outcome["outcome"]:
            case "send", "done":
                self.write(values)
                self._join_copy(action)
                if values.get("remote_id"):
                    self._take_place(values["remote_id"], values.get("internet_message_id"))
                self._was_sent()
                action.covers = self.message_id.is_local
            case "send", "unconfirmed":
                self.write({**values, "state": "unconfirmed", "error_code": "undecided"})
                action.covers = self.message_id.is_local
            case "send", _:
                self._drop_entries()
                found_out = _FOUND_OUT.get(outcome["error"], {})
                self.write({**values, **found_out, "state": "failed", "send_at": False, "error_code": outcome["error"] or "deleted"})
            case "draft_save", "done":
                self.write({**values, "saved_revision": made.get("revision") or self.saved_revision})
                self._forget_body()
            case "draft_save", "failed" if outcome["error"] == "changed":
                self.write({**values, "is_changed_outside": True})
            case "draft_save", "gone":
                self._lost_its_draft("sent" if outcome["error"] == "sent" else "deleted")
            case "draft_save", _:
                self.write({**values, "error_code": outcome["error"] or "failed"})
        self._tell_author()

    def _lost_its_draft(self, how):
        """Note that its draft was deleted, or sent, in Outlook: its author says what becomes of what stands here."""
        # What is to be sent, or was thrown away, stays what it is: that action finds out what became of the draft.
        for draft in self.filtered(lambda draft: draft.state in OPEN and not draft.lost):
            draft._drop_saves()
            draft.lost = how

    @api.model
    def _lost_outside(self, account, remote_ids):
        """Note which drafts of `remote_ids`, of which a sync brought news, were deleted or sent in Outlook, and tell their authors."""
        drafts = self.search(
            [("account_id", "=", account.id), ("remote_id", "in", remote_ids), ("state", "in", OPEN), ("lost", "=", False)]
        )
        rows = self.env["mailbox.message_index"].search([("account_id", "=", account.id), ("remote_id", "in", drafts.mapped("remote_id"))])
        by_id = {row.remote_id: row for row in rows}
        for draft in drafts:
            row = by_id.get(draft.remote_id)
            if row and (row.pending_removal or row.said_pending_removal):
                # Nobody knows yet where it went.
                continue
            place = row and (row.said_folder_id or row.folder_id)
            if not row or place.role == "trash":
                draft._lost_its_draft("deleted")
            elif not row.is_draft and place.role != "drafts":
                draft._lost_its_draft("sent")
            if draft.lost:
                draft._tell_author()

    def _in_outlook(self, made):
        """Return the attachments with their ids in Outlook; files that it has are not kept here, but pictures that the text shows."""
        by_id = {item["id"]: item["remote_id"] for item in made}
        items = [{**item, "remote_id": by_id.get(item["id"]) or item.get("remote_id")} for item in self.attachments or []]
        _html, inline = self._outgoing()
        over = {item["id"] for item in items if item["remote_id"] and item["id"] > 0 and item["id"] not in inline}
        self._uploads().filtered(lambda file: file.id in over).unlink()
        return items

    def _forget_body(self):
        """Let the text be fetched anew when somebody opens the draft's row."""
        if self.remote_id:
            rows = self.env["mailbox.message_index"].search([("account_id", "=", self.account_id.id), ("remote_id", "=", self.remote_id)])
            self.env["mailbox.message_body"].search([("message_id", "in", rows.ids)]).unlink()
            if rows and self.state in ("editing", "failed"):
                self.message_id = rows[0]

    def _tell_author(self):
        """Let the author's open windows show it: ids only."""
        self.author_id.partner_id._bus_send("maildesk/draft", {"draft_id": self.id, "state": self.state, "revision": self.revision})


def read_made(item):
    """Check what an outcome says of a draft."""
    if item is None:
        return None
    if not isinstance(item, dict) or item.keys() - {"remote_id", "change_key", "internet_message_id", "revision", "attachments"}:
        raise WireError("outcomes.draft: not what is known of a draft")
    made = {name: text(item[name], f"outcomes.draft.{name}") for name in ("remote_id", "change_key", "internet_message_id") if name in item}
    if item.get("revision") is not None:
        made["revision"] = number(item["revision"], "outcomes.draft.revision")
    if "attachments" in item:
        made["attachments"] = [
            {"id": _signed(one.get("id")), "remote_id": key(one.get("remote_id"), "outcomes.draft.attachments.remote_id")}
            for one in objects(item["attachments"], "outcomes.draft.attachments")
        ]
    return made


def _signed(value):
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**31:
        raise WireError("outcomes.draft.attachments.id: not an id")
    return value


def _piece(file, offset, size):
    """Return a part of a file without reading the rest."""
    if file.store_fname:
        with Path(file._full_path(file.store_fname)).open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)
    found = file.env.execute_query(
        SQL("SELECT substring(db_datas FROM %s FOR %s) FROM ir_attachment WHERE id = %s", offset + 1, size, file.id)
    )
    return bytes(found[0][0] or b"") if found else b""
