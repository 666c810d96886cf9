"""The categories that mail of a mailbox has: Outlook's own list of them is not MailDesk's to read."""

from odoo import api, models

# Messages of each folder that are looked at, newest first, and names that are told.
LOOKED_AT = 300
MAX_NAMES = 100


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    @api.model
    def maildesk_categories(self, account_ids):
        """Return the names of categories in mailboxes, the most used first."""
        folders = self.env["mailbox.folder"].search([("account_id", "in", [int(one) for one in account_ids or ()])])
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT c.name
                 FROM unnest(%(folders)s::int4[]) AS f(id)
                CROSS JOIN LATERAL (
                      SELECT m.categories FROM mailbox_message_index m
                       WHERE m.folder_id = f.id AND NOT m.pending_removal
                       ORDER BY m.received_at DESC, m.id DESC LIMIT %(looked_at)s) m
                CROSS JOIN LATERAL jsonb_array_elements_text(
                      CASE WHEN jsonb_typeof(m.categories) = 'array' THEN m.categories ELSE '[]' END) AS c(name)
                GROUP BY c.name ORDER BY count(*) DESC, c.name LIMIT %(most)s""",
            {"folders": folders.ids, "looked_at": LOOKED_AT, "most": MAX_NAMES},
            log_exceptions=False,
        )
        return {"names": [row[0] for row in self.env.cr.fetchall()]}
