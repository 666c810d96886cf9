"""A folder of a mailbox. Its counts lie with the connector's own row and are computed when read."""

from odoo import fields, models

ROLES = [
    ("inbox", "Inbox"),
    ("sent", "Sent"),
    ("drafts", "Drafts"),
    ("trash", "Trash"),
    ("junk", "Spam"),
    ("archive", "Archive"),
    ("other", "Folder"),
]


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
        for folder in self:
            row = rows.get(folder.id)
            folder.unread_count = row.unread if row else 0
            folder.total_count = row.total if row else 0

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
