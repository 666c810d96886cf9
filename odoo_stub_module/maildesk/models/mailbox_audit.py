"""The audit list: who connected, shared, opened a shared mailbox, exported. Entries are added by `_audit` and never change.

An entry names mailboxes and people, never mails. The names are copied into it, so that it outlives both the mailbox and the user.
"""

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

EVENTS = [
    ("connected", "Connected"),
    ("reauthorized", "Signed In Again"),
    ("disconnected", "Disconnected"),
    ("purged", "Purged"),
    ("paused", "Paused"),
    ("resumed", "Resumed"),
    ("shared", "Shared"),
    ("unshared", "No Longer Shared"),
    ("opened", "Opened by Another User"),
    ("exported", "Exported"),
    ("copied", "Copied Into Odoo"),
    ("key_made", "Key Made"),
]

# Events of the whole of MailDesk: they name no mailbox.
WITHOUT_MAILBOX = {"key_made"}


class MailboxAudit(models.Model):
    _name = "mailbox.audit"
    _description = "Audit Entry"
    _order = "id desc"
    _rec_name = "event"

    account_id = fields.Many2one("mailbox.account", index="btree_not_null", ondelete="set null", readonly=True)
    account_name = fields.Char("Mailbox", readonly=True, help="As it was called then.")
    user_id = fields.Many2one("res.users", index="btree_not_null", ondelete="set null", readonly=True)
    user_name = fields.Char("By", readonly=True, help="As the user was called then.")
    event = fields.Selection(EVENTS, required=True, readonly=True)
    detail = fields.Char("Details", readonly=True)
    create_date = fields.Datetime("When", readonly=True)

    # Once a day, whatever requests run beside each other.
    _opened_unique = models.UniqueIndex("(account_id, user_id, (create_date::date)) WHERE event = 'opened'")

    @api.model_create_multi
    def create(self, vals_list):  # noqa: ARG002 - refused whatever they are  # pylint: disable=method-required-super
        raise self._closed()

    def write(self, vals):  # noqa: ARG002 - refused whatever they are  # pylint: disable=method-required-super
        raise self._closed()

    @api.ondelete(at_uninstall=True)
    def _unlink_never(self):
        raise self._closed()

    def _closed(self):
        return AccessError(self.env._("Entries of the audit list are made by MailDesk itself, and nobody changes or deletes them."))

    @api.model
    def _add(self, event, account_ids, detail=None):
        """Add an entry by the current user about each account, or about MailDesk as a whole.

        In SQL, since `create` is closed; the names go from table to table, and no address that is one is part of a statement. If another
        request has just noted the same opening, Odoo calls once more, and there is nothing left to note.
        """
        if event not in dict(EVENTS):
            raise ValueError(f"no event of the audit list: {event}")
        if not account_ids and event not in WITHOUT_MAILBOX:
            return
        self.env["mailbox.account"].flush_model(["name"])
        self.env["res.partner"].flush_model(["name"])
        self.env.cr.execute(
            """INSERT INTO mailbox_audit (account_id, account_name, user_id, user_name, event, detail, create_date, create_uid)
               SELECT a.id, a.name, u.id, p.name, %(event)s, %(detail)s, %(now)s, u.id
                 FROM res_users u
                 JOIN res_partner p ON p.id = u.partner_id
                 LEFT JOIN mailbox_account a ON a.id = ANY(%(accounts)s)
                WHERE u.id = %(user)s
                   ON CONFLICT DO NOTHING""",
            {"event": event, "detail": detail, "now": self.env.cr.now(), "accounts": list(account_ids), "user": self.env.uid},
            log_exceptions=False,
        )
        self.invalidate_model()

    @api.model
    def _opened(self, table, condition):
        """Note, once a day, which mailboxes of others the current user reads: of messages or bodies, the rows that `condition` leaves.

        Nearly always there is nothing to note, and one small query says so.
        """
        new = self.env.execute_query(
            SQL(
                """SELECT shared.account_id
                     FROM mailbox_account_shared_user_rel shared
                     JOIN mailbox_account a ON a.id = shared.account_id AND a.owner_id <> shared.user_id
                    WHERE shared.user_id = %(user)s
                      AND NOT EXISTS (SELECT FROM mailbox_audit e
                                       WHERE e.event = 'opened' AND e.account_id = shared.account_id AND e.user_id = %(user)s
                                         AND e.create_date::date = %(today)s)""",
                user=self.env.uid,
                today=self.env.cr.now().date(),
            )
        )
        if new:
            accounts = [row[0] for row in new]
            query = SQL(
                "SELECT DISTINCT account_id FROM %s WHERE account_id = ANY(%s) AND %s ORDER BY 1",
                SQL.identifier(table),
                accounts,
                condition,
            )
            self._add("opened", [row[0] for row in self.env.execute_query(query)])
