"""The index of messages: what a list shows and an open message is headed with. Bodies lie in a cache of their own.

Rows are written by `connector_apply` only, in SQL. There are no stored computed fields, no tracking and no mail.thread here, so that
10,000 rows a second stay possible. A row that a removal speaks of is hidden (`pending_removal`) until the connector has asked Outlook
where the message went.
"""

from odoo import api, fields, models
from odoo.tools import SQL

from ..wire import iso, to_datetime

# Rows: what one call of the app may ask for.
MAX_LIMIT = 200


class MailboxMessageIndex(models.Model):
    _name = "mailbox.message_index"
    _inherit = ["mailbox.mail"]
    _description = "Message"
    _order = "received_at desc, id desc"
    _rec_name = "subject"

    account_id = fields.Many2one("mailbox.account", required=True, ondelete="cascade")
    folder_id = fields.Many2one("mailbox.folder", required=True, ondelete="cascade")
    remote_id = fields.Char()
    internet_message_id = fields.Char()
    conversation_id = fields.Char()
    subject = fields.Char()
    from_name = fields.Char()
    from_email = fields.Char()
    to_recipients = fields.Json()
    cc_recipients = fields.Json()
    bcc_recipients = fields.Json()
    reply_to = fields.Json()
    # How many there really are: a list keeps at most 50.
    to_total = fields.Integer()
    cc_total = fields.Integer()
    bcc_total = fields.Integer()
    reply_to_total = fields.Integer()
    preview = fields.Char()
    received_at = fields.Datetime(required=True)
    sent_at = fields.Datetime()
    is_read = fields.Boolean()
    is_flagged = fields.Boolean()
    importance = fields.Selection([("low", "Low"), ("normal", "Normal"), ("high", "High")], required=True, default="normal")
    has_attachments = fields.Boolean()
    is_draft = fields.Boolean()
    categories = fields.Json()
    is_local = fields.Boolean(help="An entry that waits for Outlook's copy.")
    pending_removal = fields.Boolean(required=True, default=False)

    _remote_unique = models.UniqueIndex("(account_id, remote_id)")
    _list = models.Index("(folder_id, received_at DESC, id DESC) WHERE NOT pending_removal")
    # What a folder's cascade and the count of `connector_take_up` need beside the list.
    _pending = models.Index("(account_id, folder_id) WHERE pending_removal")

    # ------------------------------------------------------------------ for the app (docs/protocol.md, section 4)

    @api.model
    def maildesk_list(self, folder_id, limit=80, before=None):
        """Return a page of a folder, newest first; `before` is `[received_at, id]` of the last row that the app has."""
        folder = self.env["mailbox.folder"].browse(folder_id).exists()
        if not folder:
            return {"rows": [], "more": False}
        folder.check_access("read")
        limit = max(1, min(int(limit), MAX_LIMIT))
        older = SQL()
        if before:
            older = SQL("AND (received_at, id) < (%s, %s)", to_datetime(before[0]), int(before[1]))
        self.flush_model()
        # Ids only, by the index of the list; the rows are then read under the rules of the user.
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM mailbox_message_index
                    WHERE folder_id = %s AND NOT pending_removal %s
                    ORDER BY received_at DESC, id DESC LIMIT %s""",
                folder.id,
                older,
                limit + 1,
            )
        )
        messages = self.browse([row[0] for row in rows[:limit]])
        return {"rows": messages._to_rows(), "more": len(rows) > limit}

    @api.model
    def maildesk_rows(self, message_ids):
        """Return rows by id, and the ids that the user sees no more."""
        messages = self.search([("id", "in", message_ids)])
        return {"rows": messages._to_rows(), "missing": sorted(set(message_ids) - set(messages.ids))}

    def _to_rows(self):
        return [
            {
                "id": message.id,
                "account_id": message.account_id.id,
                "folder_id": message.folder_id.id,
                "subject": message.subject or "",
                "from_name": message.from_name or "",
                "from_email": message.from_email or "",
                "preview": message.preview or "",
                "received_at": iso(message.received_at),
                "is_read": message.is_read,
                "is_flagged": message.is_flagged,
                "has_attachments": message.has_attachments,
                "is_draft": message.is_draft,
                "importance": message.importance,
                "categories": message.categories or [],
                "to_recipients": message.to_recipients or [],
            }
            for message in self
        ]

    # ------------------------------------------------------------------ for other addons

    @api.model
    def _after_apply(self, new_ids):
        """Extend to act on messages that have just come in; runs in the transaction that brought them."""
