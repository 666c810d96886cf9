"""Messages that could not be read in three tries: set aside, counted and shown, so that nobody takes "up to date" for more than it is."""

from odoo import fields, models


class MailboxUnreadable(models.Model):
    _name = "mailbox.unreadable"
    _description = "Message That Could Not Be Read"
    _order = "first_seen_at desc, id desc"
    _rec_name = "reason"

    account_id = fields.Many2one("mailbox.account", "Mailbox", required=True, index=True, ondelete="cascade")
    folder_id = fields.Many2one("mailbox.folder", index="btree_not_null", ondelete="set null")
    remote_id = fields.Char("Microsoft's ID", required=True)
    reason = fields.Char(
        required=True, help="Microsoft's code, or “shape” (an answer that nobody understands) or “refused” (Odoo could not store it)."
    )
    first_seen_at = fields.Datetime("Since", required=True, default=fields.Datetime.now)

    _remote_unique = models.UniqueIndex("(account_id, remote_id)")
