"""The cache of bodies: what a person opened lately, for seven days."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools.mail import html_sanitize

# Days that a body rests here (design, rule 9).
TTL_DAYS = 7


class MailboxMessageBody(models.Model):
    _name = "mailbox.message_body"
    _description = "Cached Body of a Message"

    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    message_id = fields.Many2one("mailbox.message_index", required=True, ondelete="cascade")
    html = fields.Text()
    has_remote = fields.Boolean()
    attachments = fields.Json()
    fetched_at = fields.Datetime(required=True, default=fields.Datetime.now, index=True)

    _message_unique = models.UniqueIndex("(message_id)")

    @api.model
    def _keep(self, message, body):
        """Keep a body that the connector cleaned; it is cleaned once more, since it is stored and shown as ours."""
        values = {
            "account_id": message.account_id.id,
            "message_id": message.id,
            "html": str(html_sanitize(body.get("html") or "", sanitize_style=False, silent=True)),
            "has_remote": bool(body.get("has_remote")),
            "attachments": body.get("attachments") or [],
            "fetched_at": fields.Datetime.now(),
        }
        known = self.search([("message_id", "=", message.id)])
        if known:
            known.write(values)
            return known
        return self.create(values)

    def _to_app(self):
        return {"state": "ready", "html": self.html or "", "has_remote": self.has_remote, "attachments": self.attachments or []}

    @api.model
    def _cron_purge(self):
        """Drop what is older than seven days."""
        self.search([("fetched_at", "<", fields.Datetime.now() - timedelta(days=TTL_DAYS))]).unlink()
