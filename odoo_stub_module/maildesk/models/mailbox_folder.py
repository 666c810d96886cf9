"""A folder of a mailbox. Its counts lie with the connector's own row and are computed when read."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .message_cover import COUNTED, said

ROLES = [
    ("inbox", "Inbox"),
    ("sent", "Sent"),
    ("drafts", "Drafts"),
    ("trash", "Trash"),
    ("junk", "Spam"),
    ("archive", "Archive Folder"),
    ("other", "Folder"),
]

# A folder's sync row as a new folder has it.
ANEW = {
    "cursor": False,
    "is_bootstrapped": False,
    "anchor": False,
    "told": 0,
    "backfill_before": False,
    "is_backfilled": False,
}


class MailboxFolder(models.Model):
    _name = "mailbox.folder"
    _description = "Mailbox Folder"
    _order = "account_id, name, id"

    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    remote_id = fields.Char(required=True)
    name = fields.Char(required=True)
    role = fields.Selection(ROLES, required=True, default="other")
    parent_id = fields.Many2one("mailbox.folder", ondelete="set null", index="btree_not_null")
    active = fields.Boolean(default=True)
    sync_enabled = fields.Boolean(default=True)
    sync_state = fields.Selection([("ok", "In sync"), ("resync", "Full folder resync required")], required=True, default="ok")
    unread_count = fields.Integer(compute="_compute_counts")
    total_count = fields.Integer(compute="_compute_counts")

    _remote_unique = models.UniqueIndex("(account_id, remote_id)")

    def _compute_counts(self):
        # sudo: the counts lie in the connector's table; whoever reads the folder may see them
        rows = {row.folder_id.id: row for row in self.env["mailbox.folder.sync"].sudo().search([("folder_id", "in", self.ids)])}
        open_actions = self._open_counts()
        for folder in self:
            row = rows.get(folder.id)
            unread, total = open_actions.get(folder.id, (0, 0))
            folder.unread_count = max(0, unread + (row.unread if row else 0))
            folder.total_count = max(0, total + (row.total if row else 0))

    def _open_counts(self):
        """Return by folder what open actions add to Graph's counts: (unread, total), from the rows that show something else."""
        self.env["mailbox.message_index"].flush_model()
        # sudo: whoever reads a folder sees its counts
        accounts = self.sudo().account_id.ids
        self.env.cr.execute(
            f"""SELECT folder_id, sum(unread), sum(total)
                  FROM (SELECT folder_id, CASE WHEN is_read THEN 0 ELSE 1 END AS unread, 1 AS total
                          FROM mailbox_message_index WHERE account_id = ANY(%(accounts)s) AND {COUNTED} AND NOT pending_removal
                         UNION ALL
                        SELECT {said("folder_id")}, CASE WHEN {said("is_read")} THEN 0 ELSE -1 END, -1
                          FROM mailbox_message_index m
                         WHERE account_id = ANY(%(accounts)s) AND {COUNTED} AND NOT {said("pending_removal")}) counted
                 GROUP BY folder_id""",
            {"accounts": accounts},
            log_exceptions=False,
        )
        return {folder: (int(unread), int(total)) for folder, unread, total in self.env.cr.fetchall()}

    @api.model
    def maildesk_set_sync(self, folder_ids, enabled):
        """Switch the sync of folders on or off; off, their mail goes from MailDesk at once (not from Outlook)."""
        folders = self.browse(folder_ids).exists()
        folders.check_access("read")
        if any(not folder.account_id.is_owner for folder in folders):
            raise AccessError(self.env._("Only its owner decides what of a mailbox is synced."))
        if any(folder.account_id.state == "disconnected" for folder in folders):
            raise UserError(self.env._("This mailbox is disconnected: nothing of it is synced. Connect it again first."))
        # sudo: users read folders and rows only; the owner was checked
        folders.filtered(lambda folder: folder.sync_enabled != bool(enabled)).sudo()._set_sync(enabled=bool(enabled))
        return True

    def action_toggle_sync(self):
        """Switch from a list of folders."""
        for folder in self:
            folder.maildesk_set_sync(folder.ids, not folder.sync_enabled)
        return True

    def _set_sync(self, *, enabled):
        syncs = self.env["mailbox.folder.sync"]
        for account in self.account_id.sorted("id"):
            folders = self.filtered(lambda folder, account=account: folder.account_id == account)
            syncs._lock(account.id, folders.mapped("remote_id"))
            for row in syncs.search([("folder_id", "in", folders.ids)]):
                # Whoever still builds on the old cursor is refused.
                row.write({**ANEW, "revision": row.revision + 1})
            folders.write({"sync_enabled": enabled, "sync_state": "ok"})
            if not enabled:
                folders._forget_mail()
            account._config_changed()
            account._notify(folder_ids=folders.ids, account=True)

    def _forget_mail(self):
        """Delete the rows of folders, in the order of ids, as an apply locks them; and what of them could not be read."""
        self.env["mailbox.unreadable"].search([("folder_id", "in", self.ids)]).unlink()
        self.env.flush_all()
        self.env.cr.execute(
            """DELETE FROM mailbox_message_index
                WHERE id IN (SELECT id FROM mailbox_message_index WHERE folder_id = ANY(%(ids)s) OR said_folder_id = ANY(%(ids)s)
                              ORDER BY id FOR UPDATE)""",
            {"ids": self.ids},
            log_exceptions=False,
        )
        self.env.invalidate_all()

    def _to_app(self):
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "parent_id": self.parent_id.id or None,
            "unread_count": self.unread_count,
            "total_count": self.total_count,
            "sync_enabled": self.sync_enabled,
            "sync_state": self.sync_state,
        }
