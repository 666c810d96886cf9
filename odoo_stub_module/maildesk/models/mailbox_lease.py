"""Two small tables that keep people and connectors out of each other's rows.

`mailbox.connector` says which connector serves this database (docs/protocol.md, `connector_exchange`): one row, written each time.
`mailbox.refresh` holds requests to refresh: inserted by people, never updated, so that a click meets nobody's lock.
"""

import uuid
from datetime import timedelta

from odoo import api, fields, models

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
        restored = serial is not None and serial not in (row.serial, row.previous_serial)
        previous = row.run == run and row.serial
        values = {"instance": instance, "run": run, "serial": str(uuid.uuid4()), "previous_serial": previous, "seen_at": now}
        if row:
            row.write(values)
        else:
            row = self._insert(values)
        return (row.serial, restored), row

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
