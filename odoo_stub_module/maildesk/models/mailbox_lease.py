"""Two small tables that keep people and connectors out of each other's rows.

`mailbox.connector` says which connector serves this database (docs/protocol.md, `connector_exchange`): one row, written each time.
`mailbox.refresh` holds requests to refresh: inserted by people, never updated, so that a click meets nobody's lock.
"""

import uuid
from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models

from ..wire import WireError, iso, key

# Seconds after its last exchange when another connector may take a holder's place.
LEASE_SECONDS = 60

# Minutes that a request to refresh is kept: twice the overlap of watermarks.
REFRESH_MINUTES = 10


class MailboxConnector(models.Model):
    _name = "mailbox.connector"
    _description = "Connector That Serves This Database"

    instance = fields.Char(required=True)
    run = fields.Char(required=True)
    serial = fields.Char(required=True)
    # What it gave this run before: one that did not hear the last answer still says this.
    previous_serial = fields.Char()
    seen_at = fields.Datetime(required=True)
    # What is wrong with the connector as a whole; said here once, and not by every account.
    trouble_code = fields.Char()
    trouble_message = fields.Char()
    trouble_since = fields.Datetime()

    # One row: of two connectors that find none, the second one's insert fails, and Odoo lets it look again.
    _single = models.UniqueIndex("((true))")

    @api.model
    def _take(self, instance, run, serial):
        """Take or keep the lease: (new serial, whether the database is not what this run knew), or the holder if it is another's."""
        self.env.cr.execute("SELECT id FROM mailbox_connector ORDER BY id FOR UPDATE", log_exceptions=False)
        row = self.browse([found[0] for found in self.env.cr.fetchall()])[:1]
        now = fields.Datetime.now()
        if row and now - row.seen_at < timedelta(seconds=LEASE_SECONDS):
            # A run that has a serial but is not the holder was replaced by a newer one of the same file.
            is_another = row.instance != instance or (row.run != run and serial is not None)
            if is_another:
                return None, row
        if not row or now - row.seen_at >= timedelta(seconds=LEASE_SECONDS):
            self._tell_back()
        restored = serial is not None and serial not in (row.serial, row.previous_serial)
        previous = row.run == run and row.serial
        values = {"instance": instance, "run": run, "serial": str(uuid.uuid4()), "previous_serial": previous, "seen_at": now}
        if row:
            row.write(values)
        else:
            row = self._insert(values)
        return (row.serial, restored), row

    @api.model
    def _standing(self):
        """Return whether a connector serves this database now, and since when none does (docs/protocol.md, section 4)."""
        # sudo: nobody's table; that mail is fetched, or is not, concerns everybody who reads it
        row = self.sudo().search([], limit=1)
        is_up = bool(row) and fields.Datetime.now() - row.seen_at < timedelta(seconds=LEASE_SECONDS)
        return {"is_up": is_up, "since": None if is_up else iso(row.seen_at)}

    @api.model
    def _current_run(self):
        """Return the run of the connector that holds the lease, or held it last; empty where none ever did."""
        # sudo: nobody's table; the run is no secret, and stays in Odoo
        return self.sudo().search([], limit=1).run or ""

    @api.model
    def _tell_back(self):
        """Let open apps know that a connector is there again: nobody is told when one goes, so apps ask as it matters."""
        # One message for all: who has no mailbox has no app that listens.
        self.env.ref("maildesk.group_user")._bus_send("maildesk/connector", {"is_up": True})

    @api.model
    def _insert(self, values):
        """Make the row; fails as Odoo knows to try again where another connector has just made it."""
        self.env.cr.execute(
            """INSERT INTO mailbox_connector (instance, run, serial, seen_at)
               VALUES (%(instance)s, %(run)s, %(serial)s, %(seen_at)s) ON CONFLICT DO NOTHING RETURNING id""",
            values,
            log_exceptions=False,
        )
        return self.browse(self.env.cr.fetchone())

    def _leave(self):
        """Let another connector take the lease at once; what is wrong with the connector stays said."""
        over = fields.Datetime.now() - timedelta(seconds=LEASE_SECONDS)
        self.write({"instance": "-", "run": "-", "serial": str(uuid.uuid4()), "previous_serial": False, "seen_at": over})

    def _take_trouble(self, trouble):
        """Note what is wrong with the connector, or that nothing is; tell administrators once when it begins."""
        code = message = False
        if trouble is not None:
            if not isinstance(trouble, dict):
                raise WireError("trouble: not an object")
            code, message = key(trouble.get("code"), "trouble.code"), key(trouble.get("message"), "trouble.message")
        if (code, message) == (self.trouble_code, self.trouble_message):
            return
        is_new = code and code != self.trouble_code
        since = fields.Datetime.now() if is_new else code and self.trouble_since
        self.write({"trouble_code": code, "trouble_message": message, "trouble_since": since})
        if is_new:
            self._tell_administrators(message)

    def _tell_administrators(self, message):
        """Send one notification to each MailDesk administrator, by the mail queue: the connector waits for nobody's mail server."""
        people = self.env.ref("maildesk.group_admin").all_user_ids.filtered("active").partner_id
        if people:
            self.env["mail.thread"].message_notify(
                partner_ids=people.ids,
                subject=self.env._("MailDesk: the connector needs an administrator"),
                body=Markup("<p>%s</p>") % message,
                force_send=False,
            )


class MailboxRefresh(models.Model):
    _name = "mailbox.refresh"
    _description = "Request to Refresh a Mailbox"

    # No Many2one: the check of a foreign key fails where a heartbeat has just written the account's row, and Odoo pauses after a failure.
    account_id = fields.Integer(required=True, index=True)
    requested_at = fields.Datetime(required=True, index=True, default=fields.Datetime.now)

    @api.model
    def _newest(self):
        """Return the time of the newest request by account, and forget old ones."""
        old = self.search([("requested_at", "<", fields.Datetime.now() - timedelta(minutes=REFRESH_MINUTES))])
        old.unlink()
        return dict(self._read_group([], ["account_id"], ["requested_at:max"]))
