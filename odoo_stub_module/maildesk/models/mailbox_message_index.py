"""The index of messages: what a list shows, one row a message, written by the connector's `apply` only.

No stored computed fields, no tracking, no chatter: a mailbox of 50,000 messages is written at thousands of rows a second.
"""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from .mailbox_account import iso

# Rows a list page at most: a client that asks for more gets this many.
PAGE_LIMIT = 200


class MailboxMessageIndex(models.Model):
    _name = "mailbox.message_index"
    _description = "Message"
    _order = "received_at desc, id desc"
    _rec_name = "subject"

    account_id = fields.Many2one("mailbox.account", required=True, ondelete="cascade")
    folder_id = fields.Many2one("mailbox.folder", required=True, ondelete="cascade")
    remote_id = fields.Char(help="Graph's immutable id; empty only while the entry waits for Outlook's copy.")
    internet_message_id = fields.Char()
    conversation_id = fields.Char()
    subject = fields.Char()
    from_name = fields.Char()
    from_email = fields.Char()
    to_recipients = fields.Json(help="A list of name and address, at most 50.")
    cc_recipients = fields.Json()
    bcc_recipients = fields.Json()
    reply_to = fields.Json()
    to_total = fields.Integer(help="How many there really are.")
    cc_total = fields.Integer()
    bcc_total = fields.Integer()
    reply_to_total = fields.Integer()
    preview = fields.Char()
    received_at = fields.Datetime(required=True)
    sent_at = fields.Datetime()
    is_read = fields.Boolean()
    is_flagged = fields.Boolean()
    importance = fields.Selection([("low", "Low"), ("normal", "Normal"), ("high", "High")], default="normal")
    has_attachments = fields.Boolean()
    is_draft = fields.Boolean()
    categories = fields.Json()
    is_local = fields.Boolean(help="Waits for Outlook's copy.")
    pending_removal = fields.Boolean(help="Left its folder; hidden until Outlook says what became of it.")

    _remote_unique = models.UniqueIndex("(account_id, remote_id) WHERE remote_id IS NOT NULL")
    # serves the list: newest first within a folder
    _folder_received = models.Index("(folder_id, received_at DESC, id DESC) WHERE pending_removal IS NOT TRUE")

    @api.model
    def maildesk_list(self, folder_id, limit=80, before=None):
        """Return a page of a folder, newest first; `before` is [received_at, id] of the last row that the client has."""
        domain = Domain("folder_id", "=", folder_id) & Domain("pending_removal", "!=", True)
        if before:
            moment, last_id = parse(before[0]), int(before[1])
            domain &= Domain("received_at", "<", moment) | (Domain("received_at", "=", moment) & Domain("id", "<", last_id))
        limit = max(1, min(int(limit), PAGE_LIMIT))
        rows = self.search(domain, limit=limit + 1)
        return {"rows": [row._to_app() for row in rows[:limit]], "more": len(rows) > limit}

    @api.model
    def maildesk_rows(self, message_ids):
        """Return these rows as they are now, and the ids that are gone or out of sight."""
        rows = self.search(Domain("id", "in", message_ids) & Domain("pending_removal", "!=", True))
        return {"rows": [row._to_app() for row in rows], "missing": sorted(set(message_ids) - set(rows.ids))}

    @api.model
    def maildesk_open(self, message_id):
        """Return a message with its body: from the cache, from Outlook, or "coming" (then the bus tells)."""
        message = self.search([("id", "=", message_id)])
        if not message:
            raise UserError(self.env._("This message is not there any more."))
        return {
            **message._to_app(),
            "cc_recipients": message.cc_recipients or [],
            "bcc_recipients": message.bcc_recipients or [],
            "reply_to": message.reply_to or [],
            "to_total": message.to_total,
            "cc_total": message.cc_total,
            "sent_at": iso(message.sent_at),
            "body": message._body(),
        }

    def _body(self):
        # sudo: users read bodies; only what the connector cleaned is stored, by this method
        bodies = self.env["mailbox.message_body"].sudo()
        if cached := bodies.search([("message_id", "=", self.id)]):
            return cached._to_app()
        client = ConnectorClient.of(self.env)
        unavailable = {"state": "error", "message": self.env._("The mail connector does not answer at the moment. The list still works.")}
        if client is None or not self.remote_id:
            return unavailable
        try:
            answer = client.body(self.account_id.id, self.remote_id)
        except ConnectorDown:
            return unavailable
        except ConnectorRefused as error:
            return {"state": "error", "message": error.message or unavailable["message"]}
        match answer.get("state"):
            case "ready":
                return bodies._keep(self.sudo(), answer["body"])._to_app()
            case "coming":
                return {"state": "coming"}
            case _:
                return {"state": "error", "message": answer.get("message") or unavailable["message"]}

    def _to_app(self):
        return {
            "id": self.id,
            "account_id": self.account_id.id,
            "folder_id": self.folder_id.id,
            "subject": self.subject or "",
            "from_name": self.from_name or "",
            "from_email": self.from_email or "",
            "preview": self.preview or "",
            "received_at": iso(self.received_at),
            "is_read": self.is_read,
            "is_flagged": self.is_flagged,
            "has_attachments": self.has_attachments,
            "is_draft": self.is_draft,
            "importance": self.importance or "normal",
            "categories": self.categories or [],
            "to_recipients": self.to_recipients or [],
        }

    @api.model
    def _after_apply(self, new_ids):
        """Called with the ids of new rows after each apply, in its transaction: for other addons."""


def parse(text):
    """Return the naive UTC datetime of an ISO text as the wire has it, whole seconds."""
    return fields.Datetime.to_datetime(text[:19].replace("T", " ")) if text else None
