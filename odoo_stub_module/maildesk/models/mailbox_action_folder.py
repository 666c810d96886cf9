"""What people do with whole folders: made, renamed, moved, deleted, marked read, emptied; and how that is taken back.

    deleted            moved into the Trash, with all that is in it       Undo: moved back, under its name
    ... in the Trash   deleted for good, which the app asks about         Undo: only while no connector has it
    marked read        held for as long as Undo is offered (`HELD`)       Undo: nothing has happened. Later: unread again, what the index
                                                                          had unread then and nobody touched since

Whatever no connector has taken is cancelled. What failed for a reason needs no way back: Undo takes its notice away.
"""

import uuid
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..wire import text
from .action_kinds import FOLDER_WIDE, HELD
from .mailbox_action import path_of
from .mailbox_action_do import MAX_NAME
from .message_cover import fold, said

# What an action sets of a folder. Of two that set the same, only the later is taken back.
_SETS = {"folder_rename": "name", "folder_move": "place", "folder_delete": "place"}
# Failures after which nobody knows whether it was done.
_UNKNOWN = ("doubtful", "unavailable")


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
        """Return what an action wants of a folder, what the user saw, and what Outlook has when its turn comes."""
        if kind in FOLDER_WIDE:
            if kind == "empty_folder" and folder.role not in ("trash", "junk"):
                raise UserError(self.env._("Only Trash and Spam are emptied."))
            return dict(FOLDER_WIDE[kind]), self._unread_in(folder) if kind == "mark_folder_read" else {}, {}
        parent = self._parent(account, values) if kind in ("folder_create", "folder_move") else self.env["mailbox.folder"]
        # Graph names the top level by a name that is always there.
        place = {"parent_id": parent.id or None, "parent": parent.remote_id or None}
        if kind == "folder_create":
            return {"name": self._folder_name(values), **place}, {}, {}
        if folder.role != "other":
            raise UserError(self.env._("“%s” is a folder of Outlook's own: it stays as it is.", folder.name))
        shown = self._shown_folders(account)
        if folder.id not in shown:
            raise UserError(self.env._("This folder is not in MailDesk any more."))
        name, parent_id = shown[folder.id]["name"], shown[folder.id]["parent_id"]
        was = {"parent_id": parent_id, "parent": self.env["mailbox.folder"].browse(parent_id or ()).remote_id or None}
        seen = {"parent": was["parent"]}
        match kind:
            case "folder_rename":
                return {"name": self._folder_name(values)}, {"name": name}, {"name": name}
            case "folder_move":
                if folder.id in path_of(shown, parent.id):
                    raise UserError(self.env._("A folder cannot be moved into itself."))
                return place, was, seen
        return self._deletion(account, folder, shown), {**was, "name": name}, seen

    def _deletion(self, account, folder, shown):
        """Return what is wanted of a folder that is deleted: a place in the Trash, or nothing at all where it lies there."""
        inside = self.env["mailbox.folder"].browse([one for one in shown if folder.id in path_of(shown, one)])
        for kept in inside.filtered(lambda one: one.role != "other")[:1]:
            raise UserError(self.env._("“%s” lies in it, a folder of Outlook's own: that stays as it is.", kept.name))
        trash = self.env["mailbox.folder"].search([("account_id", "=", account.id), ("role", "=", "trash")], limit=1)
        if trash.id in path_of(shown, folder.id):
            return {"for_good": True}
        return {"for_good": False, **({"parent_id": trash.id} if trash else {})}

    def _shown_folders(self, account):
        """Return the folders of an account by id as they are shown: (`id`, `name`, `parent_id`)."""
        folders = self.env["mailbox.folder"].search([("account_id", "=", account.id)])
        known = [{"id": folder.id, "name": folder.name, "parent_id": folder.parent_id.id or None} for folder in folders]
        return {folder["id"]: folder for folder in self._over_folders(known)}

    def _unread_in(self, folder):
        """Return the messages of a folder that are unread, and how many more of them only Outlook has."""
        self.env.flush_all()
        self.env.cr.execute(
            f"""SELECT m.id, {said("is_read")} FROM mailbox_message_index m
                 WHERE {said("folder_id")} = %s AND NOT ({said("is_read")} AND m.is_read) ORDER BY m.id""",
            [folder.id],
        )
        rows = self.env.cr.fetchall()
        shown = self.env["mailbox.message_index"].browse([row[0] for row in rows]).filtered(lambda message: not message.is_read)
        # sudo: the counts lie in the connector's table; whoever reads the folder may see them
        counted = self.env["mailbox.folder.sync"].sudo().search([("folder_id", "=", folder.id)]).unread
        return {"unread": shown.ids, "elsewhere": max(0, counted - sum(not is_read for _id, is_read in rows))}

    def _insert_folder(self, kind, account, folder, vals, before, seen):
        group = str(uuid.uuid4())
        now = fields.Datetime.now()
        wide = kind in FOLDER_WIDE
        self._hold_no_longer(folder.ids)
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
                "due_at": now + timedelta(seconds=HELD.get(kind, 0)),
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

    def _hold_no_longer(self, folder_ids):
        """Let what is held of folders go now: what comes after it would overtake it."""
        if folder_ids:
            self.env.flush_all()
            now = fields.Datetime.now()
            self.env.cr.execute(
                """UPDATE mailbox_action SET due_at = %(now)s, write_date = %(now)s
                    WHERE folder_id = ANY(%(folders)s) AND covers AND is_folder_wide AND state = 'pending' AND due_at > %(now)s""",
                {"now": now, "folders": sorted(folder_ids)},
            )
            self.invalidate_model(["due_at"])

    # ------------------------------------------------------------------ taking back

    def _undo_folder(self):
        """Take one action of a folder back; return (how many were, how many cannot be, the actions that do it)."""
        if self.state == "pending" and not self.attempts:
            self._end("cancelled")
            self.account_id._notify(account=True)
            return 1, 0, []
        is_certain = self.state == "failed" and self.error_code not in _UNKNOWN
        if not is_certain and (self.state not in ("running", "done", "failed") or self.vals is False or self._is_overruled()):
            return 0, 1, []
        made, left = [], 0
        if self.kind == "mark_folder_read":
            made, left = self._unread_again(), (self.before or {}).get("elsewhere", 0)
        elif not is_certain:
            if self.kind not in _SETS or not self.folder_id or self.vals.get("for_good"):
                return 0, 1, []
            made = self.env["mailbox.action"]._insert_folder(*self._way_back())[1]
        if self.state == "failed":
            self._end("cancelled", "undone")
            self.account_id._notify(account=True)
        return 1, left, made

    def _way_back(self):
        """Return the action that puts a folder back where it was, or gives it the name that it had."""
        folder, back = self.folder_id, dict(self.before)
        if self.kind != "folder_delete":
            seen = {key: value for key, value in self.vals.items() if key != "parent_id"}
            return self.kind, self.account_id, folder, back, self.vals, seen
        trash = self.env["mailbox.folder"].browse(self.vals.get("parent_id") or ())
        # In the Trash it may have another name: two of one name have no room beside each other.
        if self._later().filtered(lambda action: action.kind == "folder_rename"):
            del back["name"]
        return (
            "folder_move",
            self.account_id,
            folder,
            back,
            {"parent_id": trash.id or None, "parent": trash.remote_id or None},
            {"parent": trash.remote_id or None},
        )

    def _later(self):
        """Return what was done with the folder after this, and stands."""
        # sudo: of the user's own mailbox, that was checked
        return self.sudo().search(
            [
                ("folder_id", "=", self.folder_id.id),
                ("id", ">", self.id),
                ("state", "not in", ("failed", "cancelled")),
                ("kind", "in", list(_SETS)),
            ]
        )

    def _is_overruled(self):
        return self.kind in _SETS and any(_SETS[action.kind] == _SETS[self.kind] for action in self._later())

    def _unread_again(self):
        """Mark unread what was so when the folder was marked read, but for what somebody read or marked since; return the actions."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT m.id FROM mailbox_message_index m
                WHERE m.id = ANY(%s) AND NOT EXISTS (
                      SELECT FROM mailbox_action l
                       WHERE l.message_id = m.id AND l.id > %s AND l.vals ? 'is_read' AND l.state <> 'failed')""",
            [(self.before or {}).get("unread", []), self.id],
        )
        return self.env["mailbox.action"]._wish("unread", {row[0]: {"is_read": False} for row in self.env.cr.fetchall()})[1]

    # ------------------------------------------------------------------ what was asked for

    def _parent(self, account, values):
        if not values.get("parent_id"):
            return self.env["mailbox.folder"]
        parent = self.env["mailbox.folder"].search([("id", "=", int(values["parent_id"])), ("account_id", "=", account.id)])
        if not parent:
            raise UserError(self.env._("This folder is not in MailDesk any more."))
        return parent

    def _folder_name(self, values):
        name = " ".join((text(values.get("name"), "name") or "").split())
        if not name or len(name) > MAX_NAME:
            raise UserError(self.env._("A folder needs a name, of %s characters at most.", MAX_NAME))
        return name
