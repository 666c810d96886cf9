"""Who last said hello (docs/protocol.md, `connector_hello`): version, key, and whether it left in order. One row.

It outlives the lease, which goes when a connector leaves: Settings tells from both how it stands.
"""

import logging

from odoo import api, fields, models

from .connector_user import is_soon
from .mailbox_lease import LEASE_SECONDS

_logger = logging.getLogger(__name__)

ACTIVITY = "maildesk.activity_key_expires"


class MailboxHello(models.Model):
    _name = "mailbox.hello"
    _description = "Connector That Said Hello"

    version = fields.Char(required=True)
    user_id = fields.Many2one("res.users", required=True, ondelete="cascade")
    said_at = fields.Datetime(required=True)
    left_at = fields.Datetime()
    # No Many2one: Odoo deletes an expired key, and what is known of it is still to be told.
    key_id = fields.Integer()
    key_expires_at = fields.Datetime()
    # The key whose end administrators were told of: told once.
    warned_key_id = fields.Integer()

    _single = models.UniqueIndex("((true))")

    @api.model
    def _say(self, version, user, key):
        """Note a hello. A key that is in use makes the older ones of ours superfluous: they go."""
        # sudo: read of the caller's own key
        expires_at, now = key.sudo().expiration_date or None, fields.Datetime.now()
        values = {"version": version[:64], "user": user.id, "now": now, "key": key.id or None, "expires": expires_at}
        self.env.cr.execute(
            """INSERT INTO mailbox_hello (version, user_id, said_at, key_id, key_expires_at)
               VALUES (%(version)s, %(user)s, %(now)s, %(key)s, %(expires)s)
               ON CONFLICT ((true)) DO UPDATE SET
                   version = excluded.version, user_id = excluded.user_id, said_at = excluded.said_at, left_at = NULL,
                   key_id = excluded.key_id, key_expires_at = excluded.key_expires_at""",
            values,
            log_exceptions=False,
        )
        self.invalidate_model()
        if key and key._maildesk_is_ours() and (older := key._maildesk_older()):
            _logger.info("the connector came with its new API key: %d older key(s) removed", len(older))
            older.unlink()
        if not is_soon(expires_at, now):
            self._activities().unlink()

    @api.model
    def _leave(self):
        """Note that the connector left in order."""
        self._row().left_at = fields.Datetime.now()

    @api.model
    def _has_come(self):
        """Tell whether a connector has ever reported here: then it has a configuration of its own."""
        return bool(self._row())

    @api.model
    def _row(self):
        # sudo: nobody's table; what is in it is for administrators and the connector
        return self.sudo().search([], limit=1)

    @api.model
    def _sidecar(self):
        """Return how the connector stands, as Settings shows it."""
        hello, now = self._row(), fields.Datetime.now()
        # sudo: the lease is nobody's table
        lease = self.env["mailbox.connector"].sudo().search([], limit=1)
        # sudo: the URL and the secret stay in here
        params = self.env["ir.config_parameter"].sudo()
        newest = self.env["res.users.apikeys"]._maildesk_newest()
        if lease and (now - lease.seen_at).total_seconds() < LEASE_SECONDS:
            state = "running"
        elif hello.left_at and not (lease and lease.seen_at > hello.left_at):
            state = "stopped"
        elif hello or lease:
            state = "silent"
        elif params.get_param("maildesk.connector_url") and params.get_param("maildesk.connector_secret"):
            state = "waiting"
        else:
            state = "off"
        # Before the first hello the newest key is the one that will come.
        expires_at = hello.key_expires_at if hello else newest.expiration_date
        return {
            "state": state,
            "seen_at": max(filter(None, [lease.seen_at, hello.left_at, hello.said_at]), default=False),
            "version": hello.version,
            "trouble": lease.trouble_message,
            "key_expires_at": expires_at,
            "is_key_soon": is_soon(expires_at, now),
            "is_key_unused": bool(hello.key_id and newest and newest.id > hello.key_id),
        }

    # ------------------------------------------------------------------ the end of a key

    @api.model
    def _cron_key_expiry(self):
        """Tell administrators once that the key in use comes to its end."""
        hello = self._row()
        if not hello.key_id or hello.warned_key_id == hello.key_id or not is_soon(hello.key_expires_at, fields.Datetime.now()):
            return
        hello.warned_key_id = hello.key_id
        administrators = self.env.ref("base.group_system").all_user_ids.filtered(lambda user: user.active and user._is_internal())
        self.env["mail.activity"].create(
            [
                {
                    "activity_type_id": self.env.ref(ACTIVITY).id,
                    "summary": self.env._("MailDesk: make a new API key for the connector"),
                    "note": self.env._(
                        "Its key ends on %s; after that no mail comes any more. Open Settings, MailDesk, and press “New Key”.",
                        fields.Date.to_string(hello.key_expires_at),
                    ),
                    "date_deadline": hello.key_expires_at.date(),
                    "user_id": user.id,
                    "automated": True,
                }
                for user in administrators
            ]
        )

    @api.model
    def _activities(self):
        # sudo: they are everybody's who administers
        domain = [("activity_type_id", "=", self.env.ref(ACTIVITY).id)]
        return self.env["mail.activity"].sudo().search(domain)
