"""A mail that is being written: its author's own, until Outlook has it. Written by named methods only.

```
             maildesk_send                time has come                   Outlook took it
   editing ───────────────▶ scheduled ───────────────────▶ sending ──────────────────────────▶ sent (emptied)
     │  ▲ ◀─ maildesk_unsend ─┘                             │   │ ▲                                ▲
     │  ├──── failed ◀─── Outlook refused it, and why ──────┘   │ └ its copy came                  │
     ▼  │       │                                               ▼                                  │
 discarded    emptied after 7 days                          unconfirmed ── maildesk_resolve ───────┘
 (emptied)                                                      └── "again": editing, as another mail
```
While it is being edited, Outlook's Drafts has it too: saves are merged into one open `draft_save` (docs/protocol.md, section 4.2). A save
names the `revision` that it builds on; what was changed in Outlook meanwhile is not written over before its author has chosen.

What a mail says (`CONTENT`) goes into the table by COPY, never as part of an SQL text: Odoo and PostgreSQL log statements that fail.
"""

import json
import uuid
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..wire import copy_in, iso

STATES = [
    ("editing", "Being Written"),
    ("scheduled", "Scheduled"),
    ("sending", "Sending"),
    ("sent", "Sent"),
    ("unconfirmed", "Unconfirmed"),
    ("failed", "Failed"),
    ("discarded", "Discarded"),
]
MODES = [
    ("new", "New"),
    ("reply", "Reply"),
    ("reply_all", "Reply All"),
    ("forward", "Forward"),
    ("edit", "Draft of Outlook"),
]

# What a mail says: column -> its type in PostgreSQL. All of it is emptied together.
CONTENT = {
    "to_recipients": "jsonb",
    "cc_recipients": "jsonb",
    "bcc_recipients": "jsonb",
    "subject": "text",
    "html": "text",
    "styles": "text",
    "attachments": "jsonb",
}

# Days: what failed or waits for its author's word, uploads, and what lies in Outlook too and nobody went on with; then rows, and what only
# Odoo has.
KEPT_DAYS = 7
ROWS_DAYS = 30
# Drafts of one answer.
MAX_DRAFTS = 200

_STAGE = f"CREATE TEMP TABLE maildesk_draft (id int4, {', '.join(f'{name} {kind}' for name, kind in CONTENT.items())}) ON COMMIT DROP"
OPEN = ("editing", "failed")
# What may become of a draft in Outlook while it is written here.
LOST = [("deleted", "Deleted in Outlook"), ("sent", "Sent from Outlook")]


class MailboxDraft(models.Model):
    _name = "mailbox.draft"
    _description = "Mail Being Written"
    _order = "write_date desc, id desc"
    _rec_name = "subject"

    author_id = fields.Many2one("res.users", required=True, index=True, ondelete="cascade", default=lambda self: self.env.user)
    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    mode = fields.Selection(MODES, required=True, default="new")
    source_message_id = fields.Many2one("mailbox.message_index", index="btree_not_null", ondelete="set null")
    source_remote_id = fields.Char(help="The answered message's own id: its row may go.")
    from_address = fields.Char()
    to_recipients = fields.Json()
    cc_recipients = fields.Json()
    bcc_recipients = fields.Json()
    subject = fields.Char()
    html = fields.Text()
    styles = fields.Text(help="The style sheet that its text has in Outlook: no part of what is edited here, and written back with it.")
    is_text_kept = fields.Boolean(help="Nobody has changed the text of Outlook's draft here: it is not written back.")
    is_simplified = fields.Boolean(
        help="Only the text of Outlook's draft can be shown here: it is not edited before its author has said so."
    )
    attachments = fields.Json(help="What is attached, uploads and what Outlook has: id, name, type, size.")
    importance = fields.Selection([("low", "Low"), ("normal", "Normal"), ("high", "High")], required=True, default="normal")
    state = fields.Selection(STATES, required=True, default="editing")
    revision = fields.Integer(required=True, default=1)
    saved_revision = fields.Integer(help="What Outlook's Drafts has.")
    is_changed_outside = fields.Boolean(help="Somebody went on with it in Outlook.")
    lost = fields.Selection(LOST, help="Outlook's draft is no more; its author has not said yet whether it is saved anew.")
    is_quote_coming = fields.Boolean(help="The text of the answered message is not here yet; of a forward its attachments neither.")
    remote_id = fields.Char(index="btree_not_null")
    change_key = fields.Char()
    internet_message_id = fields.Char()
    tag = fields.Char(required=True, default=lambda _self: str(uuid.uuid4()))
    send_at = fields.Datetime()
    sent_at = fields.Datetime(help="When Outlook took it.")
    error_code = fields.Char()
    message_id = fields.Many2one("mailbox.message_index", index="btree_not_null", ondelete="set null")

    # ------------------------------------------------------------------ whose it is

    @api.model
    def _mine(self, draft_id):
        """Return a draft of the caller, as superuser and locked; raise if there is none."""
        draft = self.search([("id", "=", int(draft_id)), ("author_id", "=", self.env.uid)])
        if not draft:
            raise UserError(self.env._("This mail is not in MailDesk any more."))
        # sudo: users do not write drafts by themselves; it is the caller's own
        draft = draft.sudo()
        self.env.flush_all()
        self.env.cr.execute("SELECT id FROM mailbox_draft WHERE id = %s FOR NO KEY UPDATE", [draft.id], log_exceptions=False)
        draft.invalidate_recordset()
        return draft

    # ------------------------------------------------------------------ what it says

    def _say(self, values):
        """Write what a mail says: some of `CONTENT`, JSON as Python has it."""
        self.ensure_one()
        if not values:
            return
        self.env.flush_all()
        names = list(values)
        cr = self.env.cr
        cr.execute(_STAGE)
        row = [json.dumps(values[name], ensure_ascii=False) if CONTENT[name] == "jsonb" else values[name] for name in names]
        copy_in(cr, "maildesk_draft", ["id", *names], [(self.id, *row)])
        sets = SQL(", ").join(SQL("%s = s.%s", SQL.identifier(name), SQL.identifier(name)) for name in names)
        cr.execute(SQL("UPDATE mailbox_draft d SET %s FROM maildesk_draft s WHERE d.id = s.id", sets), log_exceptions=False)
        cr.execute("DROP TABLE maildesk_draft")
        self.invalidate_recordset()

    def _empty(self):
        """Forget what mails say, uploads included."""
        if self:
            self._uploads().unlink()
            self.write(dict.fromkeys(CONTENT, False))

    def _uploads(self):
        """Return the files of drafts."""
        # sudo: users do not delete them by themselves
        return self.env["ir.attachment"].sudo().search([("res_model", "=", self._name), ("res_id", "in", self.ids), ("id", "!=", False)])

    def unlink(self):
        self._uploads().unlink()
        return super().unlink()

    # ------------------------------------------------------------------ forgetting

    @api.model
    def _cron_forget(self):
        """Empty what has had its time, and drop old rows."""
        now = fields.Datetime.now()
        old, ancient = now - timedelta(days=KEPT_DAYS), now - timedelta(days=ROWS_DAYS)
        says = Domain.OR([(name, "!=", False)] for name in CONTENT)
        self.search(Domain("state", "in", ("sent", "discarded")) & says)._empty()
        # Outlook's Drafts has it: it is opened from there, and an emptied one must not stand for it.
        self.search([("state", "=", "failed"), ("write_date", "<", old), ("remote_id", "!=", False)]).unlink()
        self.search(Domain("state", "in", ("failed", "unconfirmed")) & Domain("write_date", "<", old) & says)._empty()
        for draft in self.search([("state", "=", "editing"), ("write_date", "<", old)]):
            if (draft.remote_id and draft.saved_revision == draft.revision) or draft.write_date < ancient:
                # It is in Outlook's Drafts, and is opened from there; or nobody wants it.
                draft.unlink()
        # sudo: whoever uploaded them; Outlook has them, or nobody sent them
        files = self.env["ir.attachment"].sudo().search([("res_model", "=", self._name), ("create_date", "<", old)])
        waiting = set(self.search([("id", "in", files.mapped("res_id")), ("state", "in", ("scheduled", "sending"))]).ids)
        files.filtered(lambda one: one.res_id not in waiting).unlink()
        over = self.search([("state", "in", ("sent", "discarded", "failed", "unconfirmed")), ("write_date", "<", ancient)])
        over._drop_entries()
        over.unlink()

    # ------------------------------------------------------------------ for the app

    def _to_app(self):
        """Return DRAFT (docs/protocol.md, 4.2)."""
        self.ensure_one()
        return {
            **self._to_line(),
            "mode": self.mode,
            "source_message_id": self.source_message_id.id or None,
            "from_address": self.from_address or self.account_id.email,
            "from_choices": self.account_id._from_choices(),
            "cc": self.cc_recipients or [],
            "bcc": self.bcc_recipients or [],
            "html": self.html or "",
            "importance": self.importance,
            "is_simplified": self.is_simplified,
            "quote": "coming" if self.is_quote_coming else "ready",
            "attachments": [self._attachment_to_app(item) for item in self.attachments or []],
            "upload_url": f"/maildesk/draft/{self.id}/attach",
        }

    def _to_line(self):
        """Return what a list of drafts shows."""
        return {
            "id": self.id,
            "revision": self.revision,
            "account_id": self.account_id.id,
            "message_id": self.message_id.id or None,
            "to": self.to_recipients or [],
            "subject": self.subject or "",
            "state": self.state,
            "send_at": iso(self.send_at),
            "updated_at": iso(self.write_date),
            "error": self._sentence() or None,
            "outlook": self._standing(),
        }

    def _attachment_to_app(self, item):
        url = f"/web/content/{item['id']}" if item["id"] > 0 else None
        if item.get("remote_id") and self.remote_id:
            url = f"/maildesk/attachment/{self.account_id.id}/{self.remote_id}/{item['remote_id']}"
        elif item["id"] < 0 and self.source_remote_id:
            url = f"/maildesk/attachment/{self.account_id.id}/{self.source_remote_id}/{item['source_id']}"
        keys = ("id", "name", "content_type", "size", "is_inline", "content_id")
        return {**{key: item.get(key) for key in keys}, "url": url}

    def _standing(self):
        """Return how Outlook's Drafts stands to it: saved, saving, changed, deleted or sent (there), or failed."""
        if self.lost:
            return self.lost
        if self.is_changed_outside:
            return "changed"
        if self.remote_id and self.saved_revision == self.revision:
            return "saved"
        return "failed" if self.error_code and self.state == "editing" else "saving"

    def _sentence(self):
        """Return why it came back, or what is wrong with it."""
        if not self.error_code:
            return ""
        say = self.env._
        sentences = {
            "errorsendasdenied": say("Microsoft does not let this mailbox send as %s.", self.from_address or self.account_id.email),
            "errormessagesizeexceeded": say("It is too large for Outlook. Take attachments out, or share them as links."),
            "errorquotaexceeded": say("The mailbox is full: Outlook sends nothing from it until there is space again."),
            "errorinvalidrecipients": say("Outlook does not accept one of the addresses."),
            "errorexceededmessagelimit": say("Outlook sends 30 mails a minute and a daily number from a mailbox. Please try again later."),
            "erroraccessdenied": say("Microsoft does not permit MailDesk to send from this mailbox."),
            "changed": say("It was changed in Outlook meanwhile, so it was not sent. Please look at it again."),
            "deleted": say("It was deleted in Outlook meanwhile."),
            "attachment": say("An attachment could not be read any more. Please attach it again."),
            "undecided": say("Nobody knows whether Outlook sent this. Please look into its Sent folder."),
            "unavailable": say("Microsoft did not answer, several times. It was not sent."),
            "again": say("It may have been sent before."),
        }
        code = self.error_code.lower()
        if code in ("errormessagesubmissionblocked", "errorsendquotaexceeded", "errorrecipientlimitexceeded", "toomanyrequests"):
            code = "errorexceededmessagelimit"
        if code in ("requestentitytoolarge", "413"):
            code = "errormessagesizeexceeded"
        return sentences.get(code) or say("Outlook refused it (%s).", self.error_code)


class MailboxAction(models.Model):
    _inherit = "mailbox.action"

    draft_id = fields.Many2one("mailbox.draft", index="btree_not_null", ondelete="set null")

    # What an exchange looks for: mails whose time comes.
    _scheduled = models.Index("(due_at) WHERE state = 'scheduled'")


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    signature = fields.Html(help="Stands below what you write.")

    def _from_choices(self):
        """Return the addresses that a mail of this mailbox may come from."""
        return [self.email, *(one for one in self.alias_addresses or [] if one != self.email)]

    def _refuses_sending(self):
        """Return why the user may not send from this mailbox, or None."""
        if not self:
            return UserError(self.env._("Connect a mailbox first: there is none to send from."))
        if not self.is_owner:
            return AccessError(self.env._("This mailbox is shared with you to read: only its owner writes from it."))
        if refusal := self._refuses_actions():
            return refusal
        if not self._permissions()["send"]:
            return UserError(
                self.env._(
                    "Microsoft does not let MailDesk send from %s. To send, press “Re-Authorize Outlook” and allow it there.", self.name
                )
            )
        return None

    def _refuses_actions_of(self, user):
        """Return why a user may change nothing in this mailbox, or None."""
        return self.with_user(user)._refuses_actions()
