"""The cache of bodies: what a person opened lately, for as long as the connector says (content.body_ttl), seven days at most."""

import json
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from psycopg2.errors import SerializationFailure

from ..body_wall import clean_again
from ..wire import copy_in, number, text

_logger = logging.getLogger(__name__)

# Seconds that a body rests here at most: seven days (design, rule 9).
TTL_LIMIT = 7 * 86400

_COLUMNS = ("account_id", "message_id", "html", "has_remote", "traits", "attachments", "expires_at")
_STAGE = """
    CREATE TEMP TABLE maildesk_body (
        account_id int4, message_id int4, html text, has_remote bool, traits jsonb, attachments jsonb, expires_at timestamp
    ) ON COMMIT DROP"""
_KEEP = """
    INSERT INTO mailbox_message_body (account_id, message_id, html, has_remote, traits, attachments, expires_at)
    SELECT account_id, message_id, html, has_remote, traits, attachments, expires_at FROM maildesk_body
    ON CONFLICT (message_id) DO NOTHING"""

# What a body says of itself beside its text, and what it is where nothing is said.
_TRAITS = {"dark": False, "is_text": False, "is_simplified": False, "invitation": None, "undelivered": [], "draft": None}


class MailboxMessageBody(models.Model):
    _name = "mailbox.message_body"
    _inherit = ["mailbox.mail"]
    _description = "Cached Body of a Message"

    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    message_id = fields.Many2one("mailbox.message_index", required=True, ondelete="cascade")
    html = fields.Text()
    has_remote = fields.Boolean()
    traits = fields.Json(help="What the body says of itself: docs/protocol.md, 2.3.")
    attachments = fields.Json()
    expires_at = fields.Datetime(required=True, index=True)

    _message_unique = models.UniqueIndex("(message_id)")

    @api.model
    def _keep(self, message, body, *, is_waited_for=False):
        """Keep a body that the connector cleaned, and return it for the app.

        The row points to its message, so it cannot be written if an apply changed that message since this transaction began. Somebody who
        waits gets the body all the same, and it is fetched again next time; else Odoo tries the whole call again, seconds later.

        By COPY, since a body must not be part of an SQL text; the row of another request that fetched the same body at the same time is as
        good as this one.
        """
        shown = self._shown(body)
        if shown["state"] == "error":
            return shown
        keep = min(TTL_LIMIT, number(body.get("keep_seconds", TTL_LIMIT), "keep_seconds"))
        row = (
            message.account_id.id,
            message.id,
            shown["html"],
            shown["has_remote"],
            text(json.dumps({name: shown[name] for name in _TRAITS}), "traits"),
            text(json.dumps(shown["attachments"]), "attachments"),
            fields.Datetime.to_string(self.env.cr.now() + timedelta(seconds=keep)),
        )
        try:
            with self.env.cr.savepoint():
                self._write_row(row)
                message.sudo()._note_report(body.get("reports_on"), shown["undelivered"])  # sudo: users do not write messages
        except SerializationFailure:
            if not is_waited_for:
                raise
        return shown

    @api.model
    def _shown(self, body):
        """Return a body that the connector cleaned as the app gets it: cleaned once more, since what lies here is shown as ours."""
        try:
            html = clean_again(text(body.get("html"), "html") or "")
        except ValueError:
            return {"state": "error", "error": "unreadable", "message": self.env._("This message cannot be shown.")}
        return {
            "state": "ready",
            "html": html,
            "has_remote": bool(body.get("has_remote")),
            "attachments": body.get("attachments") or [],
            **{name: body.get(name, default) for name, default in _TRAITS.items()},
        }

    @api.model
    def _write_row(self, row):
        cr = self.env.cr
        cr.execute(_STAGE)
        copy_in(cr, "maildesk_body", _COLUMNS, [row])
        cr.execute(_KEEP, log_exceptions=False)
        cr.execute("DROP TABLE maildesk_body")
        self.invalidate_model()

    def _to_app(self):
        return {
            "state": "ready",
            "html": self.html or "",
            "has_remote": self.has_remote,
            "attachments": self.attachments or [],
            **_TRAITS,
            **(self.traits or {}),
        }

    @api.model
    def _cron_purge(self):
        """Drop what has had its time, and say how much is left."""
        self.env.cr.execute("DELETE FROM mailbox_message_body WHERE expires_at < (now() AT TIME ZONE 'UTC')")
        dropped = self.env.cr.rowcount
        self.invalidate_model()
        size = self._cache_size()
        _logger.info("bodies of mail: %d dropped, %d kept, %d bytes", dropped, size["count"], size["bytes"])

    @api.model
    def _cache_size(self):
        """Return how many bodies rest here, and the bytes that they take with their indexes."""
        query = SQL("SELECT count(*), pg_total_relation_size('mailbox_message_body') FROM mailbox_message_body")
        ((count, size),) = self.env.execute_query(query)
        return {"count": count, "bytes": size}
