"""The cache of bodies: what a person opened lately, for as long as the connector says (content.body_ttl), seven days at most."""

import json
from datetime import timedelta

from lxml import etree
from odoo import api, fields, models
from odoo.tools.mail import html_sanitize
from psycopg2.errors import SerializationFailure

from ..wire import copy_in, number, text

# Seconds that a body rests here at most: seven days (design, rule 9).
TTL_LIMIT = 7 * 86400

_COLUMNS = ("account_id", "message_id", "html", "has_remote", "attachments", "expires_at")
_STAGE = """
    CREATE TEMP TABLE maildesk_body (account_id int4, message_id int4, html text, has_remote bool, attachments jsonb, expires_at timestamp)
    ON COMMIT DROP"""
_KEEP = """
    INSERT INTO mailbox_message_body (account_id, message_id, html, has_remote, attachments, expires_at)
    SELECT account_id, message_id, html, has_remote, attachments, expires_at FROM maildesk_body
    ON CONFLICT (message_id) DO NOTHING"""


class MailboxMessageBody(models.Model):
    _name = "mailbox.message_body"
    _inherit = ["mailbox.mail"]
    _description = "Cached Body of a Message"

    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    message_id = fields.Many2one("mailbox.message_index", required=True, ondelete="cascade")
    html = fields.Text()
    has_remote = fields.Boolean()
    attachments = fields.Json()
    expires_at = fields.Datetime(required=True, index=True)

    _message_unique = models.UniqueIndex("(message_id)")

    @api.model
    def _keep(self, message, body, *, is_waited_for=False):
        """Keep a body that the connector cleaned, and return it for the app.

        The row points to its message, so it cannot be written if an apply changed that message since this transaction began. Somebody who
        waits gets the body all the same, and it is fetched again next time; else Odoo tries the whole call again, seconds later.

        It is cleaned once more: what lies in this database is shown as ours. By COPY, since a body must not be part of an SQL text; the
        row of another request that fetched the same body at the same time is as good as this one.
        """
        try:
            # silent=False: else Odoo logs the whole body when it cannot parse it
            html = str(html_sanitize(text(body.get("html"), "html") or "", silent=False))
        except (etree.LxmlError, ValueError, AssertionError):
            return {"state": "error", "error": "unreadable", "message": self.env._("This message cannot be shown.")}
        attachments = body.get("attachments") or []
        keep = min(TTL_LIMIT, number(body.get("keep_seconds", TTL_LIMIT), "keep_seconds"))
        row = (
            message.account_id.id,
            message.id,
            html,
            bool(body.get("has_remote")),
            text(json.dumps(attachments), "attachments"),
            fields.Datetime.to_string(self.env.cr.now() + timedelta(seconds=keep)),
        )
        try:
            with self.env.cr.savepoint():
                self._write_row(row)
        except SerializationFailure:
            if not is_waited_for:
                raise
        return {"state": "ready", "html": html, "has_remote": row[3], "attachments": attachments}

    @api.model
    def _write_row(self, row):
        cr = self.env.cr
        cr.execute(_STAGE)
        copy_in(cr, "maildesk_body", _COLUMNS, [row])
        cr.execute(_KEEP, log_exceptions=False)
        cr.execute("DROP TABLE maildesk_body")
        self.invalidate_model()

    def _to_app(self):
        return {"state": "ready", "html": self.html or "", "has_remote": self.has_remote, "attachments": self.attachments or []}

    @api.model
    def _cron_purge(self):
        """Drop what has had its time."""
        self.search([("expires_at", "<", fields.Datetime.now())]).unlink()
