"""What people do with whole folders: made, renamed, moved, deleted, marked read, emptied; and how that is taken back."""

import uuid

from odoo import fields, models
from odoo.exceptions import UserError

from ..wire import text
from .action_kinds import FOLDER_WIDE
from .mailbox_action_do import MAX_NAME
from .message_cover import fold, said


class MailboxAction(models.Model):
    _inherit = "mailbox.action"

    def _do_folder(self, kind, values):
        """Check what is to be done with a folder, and make the action."""
        if kind == "folder_create":
            account = self.env["mailbox.account"].browse(int(values.get("account_id") or 0)).exists()
            account.check_access("read")
            folder = self.env["mailbox.folder"]
        else:
            folder = self.env["mailbox.folder"].search([("id", "=", int(values.get("folder_id") or 0))])
            account = folder.account_id
        if not account:
            raise UserError(self.env._("This folder is not in MailDesk any more."))
        if refusal := account._refuses_actions():
            raise refusal
        vals, before, seen = self._folder_values(kind, account, folder, values)
        return self._insert_folder(kind, account, folder, vals, before, seen)

    def _folder_values(self, kind, account, folder, values):
        """Return what an action wants of a folder, what the user saw, and what Outlook has."""
        if kind in FOLDER_WIDE:
            if kind == "empty_folder" and folder.role not in ("trash", "junk"):
                raise UserError(self.env._("Only Trash and Spam are emptied."))
            return dict(FOLDER_WIDE[kind]), {}, {}
        if kind != "folder_create" and folder.role != "other":
            raise UserError(self.env._("“%s” is a folder of Outlook's own: it stays as it is.", folder.name))
        parent = self._parent(account, values) if kind in ("folder_create", "folder_move") else self.env["mailbox.folder"]
        # Graph names the top level by a name that is always there.
        place = {"parent_id": parent.id or None, "parent": parent.remote_id or None}
        was = {"parent_id": folder.parent_id.id or None, "parent": folder.parent_id.remote_id or None}
        match kind:
            case "folder_create":
                return {"name": self._folder_name(values), **place}, {}, {}
            case "folder_rename":
                return {"name": self._folder_name(values)}, {"name": folder.name}, {"name": folder.name}
            case "folder_move":
                if parent == folder or self._is_below(parent, folder):
                    raise UserError(self.env._("A folder cannot be moved into itself."))
                return place, was, {"parent": was["parent"]}
        trash = self.env["mailbox.folder"].search([("account_id", "=", account.id), ("role", "=", "trash")], limit=1)
        return {"for_good": self._is_below(folder, trash)}, was, {"parent": was["parent"]}

    def _insert_folder(self, kind, account, folder, vals, before, seen):
        group = str(uuid.uuid4())
        now = fields.Datetime.now()
        wide = kind in FOLDER_WIDE
        # sudo: users do not write actions; the account was checked
        action = self.sudo().create(
            {
                "account_id": account.id,
                "user_id": self.env.uid,
                "kind": kind,
                "group": group,
                "folder_id": folder.id,
                "folder_remote_id": folder.remote_id,
                "vals": vals or {},
                "before": before or {},
                "seen": seen or {},
                "is_folder_wide": wide,
                "until_at": now if wide else False,
                "covers": True,
                "due_at": now,
            }
        )
        self.env.flush_all()
        if wide:
            self.env.cr.execute(
                f"SELECT m.id FROM mailbox_message_index m WHERE m.folder_id = %s OR {said('folder_id')} = %s", [folder.id, folder.id]
            )
            changed = fold(self.env, [row[0] for row in self.env.cr.fetchall()], now)
            self.env["mailbox.account"].sudo()._tell_changed(changed, {account.id})
        account.sudo()._notify(folder_ids=folder.ids, account=True)
        account._tell_connector(account.ids)
        return group, [action.uuid]

    def _undo_folder(self):
        """Take one action of a folder back; tell whether that was done."""
        if self.state == "pending" and not self.attempts:
            self._end("cancelled")
            self.account_id._notify(account=True)
            return True
        if self.kind in ("folder_rename", "folder_move") and self.folder_id and self.state in ("running", "done"):
            self.env["mailbox.action"]._insert_folder(
                self.kind, self.account_id, self.folder_id, self.before, self.vals, {k: v for k, v in self.vals.items() if k != "parent_id"}
            )
            return True
        return False

    def _parent(self, account, values):
        if not values.get("parent_id"):
            return self.env["mailbox.folder"]
        parent = self.env["mailbox.folder"].search([("id", "=", int(values["parent_id"])), ("account_id", "=", account.id)])
        if not parent:
            raise UserError(self.env._("This folder is not in MailDesk any more."))
        return parent

    def _is_below(self, folder, other):
        while folder:
            if folder == other:
                return True
            folder = folder.parent_id
        return False

    def _folder_name(self, values):
        name = " ".join((text(values.get("name"), "name") or "").split())
        if not name or len(name) > MAX_NAME:
            raise UserError(self.env._("A folder needs a name, of %s characters at most.", MAX_NAME))
        return name
