"""The outbox: what users did and Outlook has to hear. Written by named methods only."""

import uuid

from odoo import fields, models


class MailboxAction(models.Model):
    _name = "mailbox.action"
    _description = "Mailbox Action"
    _order = "id"

    uuid = fields.Char(required=True, index=True, default=lambda _self: str(uuid.uuid4()), copy=False)
    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    kind = fields.Char(required=True)
    state = fields.Selection(
        [
            ("scheduled", "Scheduled"),
            ("pending", "Pending"),
            ("running", "Running"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("unconfirmed", "Unconfirmed"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        default="pending",
    )
    error = fields.Char()
