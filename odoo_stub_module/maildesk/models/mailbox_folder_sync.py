"""Where the sync of a folder stands: the connector's own row, which no user transaction writes.

Odoo runs transactions at REPEATABLE READ, so what the connector writes all the time and what users write must lie in different rows.
"""

from odoo import api, fields, models


class MailboxFolderSync(models.Model):
    _name = "mailbox.folder.sync"
    _description = "Sync State of a Mailbox Folder"

    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    folder_id = fields.Many2one("mailbox.folder", required=True, ondelete="cascade")
    revision = fields.Integer(required=True, default=0)
    cursor = fields.Text()
    is_bootstrapped = fields.Boolean()
    anchor = fields.Char(help="From when (ISO 8601, UTC) a filtered cursor sees; empty: it sees the whole folder.")
    told = fields.Integer(help="Items that came through a filtered cursor.")
    backfill_before = fields.Char(help="Messages received up to this time (ISO 8601, UTC) are still to be fetched.")
    is_backfilled = fields.Boolean()
    unread = fields.Integer()
    total = fields.Integer()

    _folder_unique = models.UniqueIndex("(folder_id)")

    @api.model
    def _lock(self, account_id, remote_ids=None):
        """Lock folders of an account with their sync rows (all, or some), in the order of ids.

        An apply and a folder's switch wait here for each other. Written later, the rows can fail no more: such a failure is logged with
        its values.
        """
        some = "" if remote_ids is None else "AND f.remote_id = ANY(%(some)s)"
        self.env.cr.execute(
            f"""SELECT s.id FROM mailbox_folder_sync s JOIN mailbox_folder f ON f.id = s.folder_id
                 WHERE s.account_id = %(account)s {some} ORDER BY s.id FOR NO KEY UPDATE""",
            {"account": account_id, "some": list(remote_ids or ())},
            log_exceptions=False,
        )

    def _to_connector(self, indexed):
        folder = self.folder_id
        return {
            "remote_id": folder.remote_id,
            "role": folder.role,
            "name": folder.name,
            "sync_enabled": folder.sync_enabled,
            "sync_state": folder.sync_state,
            "revision": self.revision,
            "cursor": self.cursor or None,
            "is_bootstrapped": self.is_bootstrapped,
            "anchor": self.anchor or None,
            "told": self.told,
            "backfill_before": self.backfill_before or None,
            "is_backfilled": self.is_backfilled,
            "unread": self.unread,
            "total": self.total,
            "indexed": indexed,
        }
