"""What MailDesk tells outside its app: the number of unread mails in the top bar, the newest of them, and mail that has just come.

A bus message names ids only; what is shown of a mail is read under the rights of the user who sees it.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

# Mail older than this is no news: it was on its way between two polls, or it is history that comes in.
NEWS_AGE = timedelta(minutes=15)

# Ids that one bus message names, and one call asks about.
MAX_NEWS = 200

# Rows of a menu, or of a notice.
SHOWN = 5

# The newest rows of each Inbox among which unread ones are looked for: one old unread mail must not make a menu read a whole Inbox.
LOOKED_AT = 2000


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def maildesk_counts(self):
        """Return what the top bar shows: how many mailboxes the user reads, what is unread in their Inboxes, how new mail is told."""
        accounts = self.search(self._readable() & Domain("state", "!=", "draft"))
        inboxes = self.env["mailbox.folder"].search([("account_id", "in", accounts.ids), ("role", "=", "inbox")])
        return {
            "mailboxes": len(accounts),
            "unread": sum(accounts.mapped("unread_count")),
            "inbox_ids": inboxes.ids,
            "notify": self.env.user.maildesk_notify or "off",
        }


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    @api.model
    def maildesk_newest_unread(self):
        """Return the newest unread messages of all Inboxes: `{"rows": [ROW]}`."""
        folders = self._inboxes()
        if not folders:
            return {"rows": []}
        self.flush_model()
        # Ids only, by the index of the list; the rows are then read under the rules of the user.
        rows = self.env.execute_query(
            SQL(
                """SELECT newest.id
                     FROM unnest(%s) f(id) CROSS JOIN LATERAL (
                              SELECT m.id, m.received_at, m.is_read FROM mailbox_message_index m
                               WHERE m.folder_id = f.id AND NOT m.pending_removal
                               ORDER BY m.received_at DESC, m.id DESC LIMIT %s) newest
                    WHERE newest.is_read IS NOT TRUE
                    ORDER BY newest.received_at DESC, newest.id DESC LIMIT %s""",
                folders.ids,
                LOOKED_AT,
                SHOWN,
            )
        )
        return {"rows": self.browse([row[0] for row in rows])._to_rows()}

    @api.model
    def maildesk_news(self, message_ids):
        """Return which of these messages are still news to the user: `{"count": n, "rows": [ROW, the newest]}`."""
        folders = self._inboxes()
        messages = self.search(
            [
                ("id", "in", message_ids[:MAX_NEWS]),
                ("folder_id", "in", folders.ids),
                ("is_read", "=", False),
                ("received_at", ">=", fields.Datetime.now() - NEWS_AGE),
            ]
        )
        return {"count": len(messages), "rows": messages[:SHOWN]._to_rows()}

    @api.model
    def _inboxes(self):
        accounts = self.env["mailbox.account"]
        readable = accounts.search(accounts._readable())
        return self.env["mailbox.folder"].search([("account_id", "in", readable.ids), ("role", "=", "inbox")])

    @api.model
    def _just_arrived(self, new_ids, folder_ids):
        """Return which of the rows that an apply made are news in these Inboxes, the newest first."""
        if not new_ids or not folder_ids:
            return []
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM mailbox_message_index
                    WHERE id = ANY(%s) AND folder_id = ANY(%s) AND is_read IS NOT TRUE AND is_draft IS NOT TRUE AND NOT pending_removal
                      AND received_at >= %s
                    ORDER BY received_at DESC, id DESC LIMIT %s""",
                list(new_ids),
                list(folder_ids),
                fields.Datetime.now() - NEWS_AGE,
                MAX_NEWS,
            )
        )
        return [row[0] for row in rows]
