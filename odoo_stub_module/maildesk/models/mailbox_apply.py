"""`connector_apply`: changed folders, changed messages and the cursors that cover them, in one transaction or not at all.

What is refused is refused before the first write. Messages go by COPY into a temporary table; rows that differ are updated, unknown ones
inserted. Present keys travel as a bit mask, so that an absent key is left as it is. Locks are taken in the order of ids.
"""

import re

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError
from odoo.tools import SQL

from ..wire import WireError, key, number, objects, seconds, strings, text
from .apply_turn import in_turn
from .mailbox_connector import CHOSEN_STATES
from .mailbox_folder import ANEW, ROLES
from .message_rows import ARRIVED, DROP, FIND_FOLDERS, HOLD, INSERT, LOCK, MATCH, UNKNOWN, UPDATE, read_patches, stage

SYNC_STATES = ("ok", "resync")


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def connector_apply(
        self,
        account_id,
        tree=None,
        messages=None,
        removed=None,
        gone=None,
        folders=None,
        set_aside=None,
        settled=None,
        database=None,
        fence=None,
    ):
        """Apply changes of one mailbox; see docs/protocol.md for what they look like and what is refused."""
        account = self._as_connector().browse(number(account_id, "account_id"))
        if not account._is_meant(database):
            return {"applied": False, "reason": "database"}

        def work():
            if not account.exists() or not account.active or account.state in CHOSEN_STATES:
                return {"applied": False, "reason": "account"}
            if not account.env["mailbox.fence"]._is_in_time(account.id, fence):
                return {"applied": False, "reason": "fence"}
            return Apply(account, tree, messages, removed, gone, folders, set_aside, settled).run()

        return in_turn(account.env, account.ids, work)


class Apply:
    """One call: checked by the constructor, refused or carried out by `run`."""

    def __init__(self, account, tree=None, messages=None, removed=None, gone=None, folders=None, set_aside=None, settled=None):
        self.account = account
        self.env = account.env
        self.cr = account.env.cr
        self.tree = None if tree is None else [_tree_folder(item) for item in objects(tree, "tree")]
        self.patches = read_patches(objects(messages, "messages"))
        self.removed = [
            (key(item.get("folder"), "removed.folder"), key(item.get("remote_id"), "removed.remote_id"))
            for item in objects(removed, "removed")
        ]
        self.gone = strings(gone, "gone")
        self.set_aside = [_set_aside(item) for item in objects(set_aside, "set_aside")]
        self.updates = [_folder_update(item) for item in objects(folders, "folders")]
        self.settled = None if settled is None else seconds(settled, "settled")
        if self.tree is not None and len({item["remote_id"] for item in self.tree}) < len(self.tree):
            raise WireError("tree: a folder twice")
        if len({update["folder"] for update in self.updates}) < len(self.updates):
            raise WireError("folders: a folder twice")
        # What people see differently afterwards.
        self.new_ids = []
        self.changed_ids = set()
        self.touched_folders = set()
        self.live_inboxes = []
        self.account_changed = False
        # Ids of drafts whose rows are Outlook's copies now, under ids of their own: what this call says of them is no news.
        self.renamed = set()

    def run(self):
        """Refuse, or do all of it."""
        self.env.flush_all()
        if self.tree is not None:
            self._hold_account()
        # Before anything is read: who switches a folder off, or builds on another cursor, waits here, and we see what they did.
        self.env["mailbox.folder.sync"]._lock(self.account.id, None if self.tree is not None else self._named_folders())
        self.rows = {row.folder_id.remote_id: row for row in self.env["mailbox.folder.sync"].search([("account_id", "=", self.account.id)])}
        # Before anything is written: what an Inbox's first filling brings is no news.
        self.live_inboxes = [row.folder_id.id for row in self.rows.values() if row.is_bootstrapped and row.folder_id.role == "inbox"]
        if refusal := self._refusal_of_folders():
            return refusal
        unknown = self._unknown()
        if not unknown:
            self._apply_tree()
            self._lock_messages()
            self._apply_messages()
            if self._missing():
                # A row went while we waited for it: its folder was switched off. Odoo calls once more, and then it is refused.
                raise ConcurrencyError("a message went meanwhile")
        self.cr.execute(DROP)
        if unknown:
            return {"applied": False, "reason": "unknown", "unknown": unknown}
        self._apply_removed()
        self._apply_gone()
        self.env["mailbox.draft"]._lost_outside(self.account, [*self.patches, *self.gone])
        self._apply_set_aside()
        self._settle()
        self._drop_empty_folders()
        revisions = self._apply_folders()
        self.env.invalidate_all()
        self.env["mailbox.message_index"]._after_apply(self.new_ids)
        self._tell_people()
        return {
            "applied": True,
            "revisions": revisions,
            "new": len(self.new_ids),
            "changed": len(self.changed_ids),
            "pending": self.account._pending(),
        }

    def _hold_account(self):
        """Write the account where folders come in: a disconnect at the same time cannot see them yet, so it must fail and look again."""
        known = set(self.env["mailbox.folder"].search([("account_id", "=", self.account.id)]).mapped("remote_id"))
        if any(item["remote_id"] not in known for item in self.tree):
            self.cr.execute(
                "UPDATE mailbox_account SET write_date = %s WHERE id = %s", [fields.Datetime.now(), self.account.id], log_exceptions=False
            )

    # ------------------------------------------------------------------ what is refused

    def _refusal_of_folders(self):
        known = {remote_id for remote_id, row in self.rows.items() if row.folder_id.active}
        if self.tree is not None:
            known = {item["remote_id"] for item in self.tree}
        # Mail comes only where it is wanted: a folder may have been switched off since the connector looked.
        off = {remote_id for remote_id, row in self.rows.items() if not row.folder_id.sync_enabled}
        off |= {item["remote_id"] for item in self.tree or () if item["role"] == "junk" and item["remote_id"] not in self.rows}
        filled = self._filled_folders()
        wanted = filled | {item["folder"] for item in self.set_aside if item["folder"]}
        if unknown := sorted(({update["folder"] for update in self.updates} - known) | (filled - known) | (wanted & off)):
            return {"applied": False, "reason": "folder", "unknown": unknown}
        current = {name: self.rows[name].revision if name in self.rows else 0 for name in (update["folder"] for update in self.updates)}
        if any("revision" in update and update["revision"] != current[update["folder"]] for update in self.updates):
            return {"applied": False, "reason": "revision", "revisions": current}
        return None

    def _filled_folders(self):
        return {patch["folder"] for patch in self.patches.values() if "folder" in patch}

    def _named_folders(self):
        return {update["folder"] for update in self.updates} | self._filled_folders()

    def _unknown(self):
        """Lay the patches down; return what is said of messages that are not here: too little to insert them, or their removal."""
        stage(self.cr, self.patches, {remote_id: row.folder_id.id for remote_id, row in self.rows.items()})
        return self._missing()

    def _missing(self):
        """Return the messages that are needed here and are not."""
        removed = [remote_id for _folder, remote_id in self.removed if remote_id not in self.patches and remote_id not in self.renamed]
        self.cr.execute(UNKNOWN, {"account": self.account.id, "removed": removed}, log_exceptions=False)
        return [row[0] for row in self.cr.fetchall()]

    # ------------------------------------------------------------------ folders

    def _apply_tree(self):
        if self.tree is None:
            return
        model = self.env["mailbox.folder"]
        known = {folder.remote_id: folder for folder in model.search([("account_id", "=", self.account.id)])}
        for item in self.tree:
            values = {"name": item["name"], "role": item["role"], "active": True}
            folder = known.get(item["remote_id"])
            if folder is None:
                values |= {"account_id": self.account.id, "remote_id": item["remote_id"], "sync_enabled": item["role"] != "junk"}
                known[item["remote_id"]] = folder = model.create(values)
                self.rows[item["remote_id"]] = self.env["mailbox.folder.sync"].create(
                    {"account_id": self.account.id, "folder_id": folder.id}
                )
                self.account_changed = True
            else:
                self._write_differing(folder, values)
        for item in self.tree:
            parent = known.get(item["parent_remote_id"]) if item["parent_remote_id"] else None
            self._write_differing(known[item["remote_id"]], {"parent_id": parent.id if parent else False})
        listed = {item["remote_id"] for item in self.tree}
        self._archive([folder for remote_id, folder in known.items() if remote_id not in listed and folder.active])

    def _write_differing(self, folder, values):
        current = {"name": folder.name, "role": folder.role, "active": folder.active, "parent_id": folder.parent_id.id}
        if differing := {name: value for name, value in values.items() if current[name] != value}:
            folder.write(differing)
            self.account_changed = True

    def _archive(self, folders):
        """Hide folders that Outlook has no more; where their messages are is asked for one by one."""
        if not folders:
            return
        ids = sorted(folder.id for folder in folders)
        self.env["mailbox.folder"].browse(ids).write({"active": False, "parent_id": False})
        for row in self.rows.values():
            if row.folder_id.id in ids:
                # Should the folder come back, it starts anew, and whoever still builds on its old cursor is refused.
                row.write({**ANEW, "revision": row.revision + 1})
        self._hide(SQL("(m.folder_id = ANY(%s) AND m.said_folder_id IS NULL OR m.said_folder_id = ANY(%s))", ids, ids))
        self.account_changed = True

    def _drop_empty_folders(self):
        archived = self.env["mailbox.folder"].search([("account_id", "=", self.account.id), ("active", "=", False)])
        if not archived:
            return
        used = self.env.execute_query(
            SQL(
                """SELECT folder_id FROM mailbox_message_index WHERE account_id = %(account)s AND folder_id = ANY(%(ids)s)
                    UNION SELECT said_folder_id FROM mailbox_message_index WHERE said_folder_id = ANY(%(ids)s)""",
                account=self.account.id,
                ids=archived.ids,
            )
        )
        (archived - archived.browse([row[0] for row in used])).unlink()

    def _apply_folders(self):
        revisions = {}
        for update in self.updates:
            row = self.rows[update["folder"]]
            values = {name: update[name] for name in update.keys() & set(_ROW_KEYS)}
            values = {name: value for name, value in values.items() if (row[name] or None) != (value or None)}
            if values.keys() & {"unread", "total"}:
                self.touched_folders.add(row.folder_id.id)
            if "revision" in update:
                values["revision"] = row.revision + 1
            if values:
                row.write(values)
            if "sync_state" in update and row.folder_id.sync_state != update["sync_state"]:
                row.folder_id.sync_state = update["sync_state"]
                self.account_changed = True
            revisions[update["folder"]] = row.revision
        self.env.flush_all()
        self._mark_filled(revisions)
        return revisions

    def _mark_filled(self, written):
        """Write the sync rows of folders that mail came into: who switches one off meanwhile fails then, and sees that mail next time."""
        filled = [self.rows[name].id for name in self._filled_folders() - written.keys()]
        if filled:
            self.cr.execute(
                "UPDATE mailbox_folder_sync SET write_date = %s WHERE id = ANY(%s)", [fields.Datetime.now(), filled], log_exceptions=False
            )

    # ------------------------------------------------------------------ messages

    def _lock_messages(self):
        """Lock what several statements will write, in the order of ids: a person's transaction that does the same meets no deadlock."""
        others = [*(remote_id for _folder, remote_id in self.removed), *self.gone]
        if others:
            self.cr.execute(LOCK, {"account": self.account.id, "others": others}, log_exceptions=False)

    def _apply_messages(self):
        if not self.patches:
            return
        self.env.flush_all()
        values = {"account": self.account.id, "now": fields.Datetime.now(), "uid": self.env.uid}
        if self.tree is not None:
            self.cr.execute(FIND_FOLDERS, values, log_exceptions=False)
        has_entries = self.env["mailbox.draft"]._has_entries(self.account)
        if has_entries:
            self.cr.execute(MATCH, values, log_exceptions=False)
            self.renamed = {row[0] for row in self.cr.fetchall()}
        self.cr.execute(UPDATE, values, log_exceptions=False)
        for message_id, old_folder, new_folder, *_confirmed in self.cr.fetchall():
            self.changed_ids.add(message_id)
            self.touched_folders |= {old_folder, new_folder}
        self.cr.execute(INSERT, values, log_exceptions=False)
        for message_id, folder in self.cr.fetchall():
            self.new_ids.append(message_id)
            self.touched_folders.add(folder)
        if has_entries:
            self._welcome(values)

    def _welcome(self, values):
        """Let entries of mails that were sent from here be Outlook's copies, where those came; hold back drafts that are being sent."""
        self.cr.execute(ARRIVED, values, log_exceptions=False)
        arrived = [row[0] for row in self.cr.fetchall()]
        self.cr.execute(HOLD, values, log_exceptions=False)
        held = {row[0] for row in self.cr.fetchall()}
        self.new_ids = [one for one in self.new_ids if one not in held]
        self.env.invalidate_all()
        self._note(self.env["mailbox.draft"]._copies_came(arrived))

    def _apply_removed(self):
        """Hide what left a folder, only where the row still is in that folder."""
        if self.removed:
            folders, ids = zip(*self.removed, strict=True)
            self._hide(
                SQL(
                    "(COALESCE(m.said_folder_id, m.folder_id), m.remote_id) IN (SELECT f.id, r.remote_id"
                    " FROM unnest(%s, %s) AS r(folder, remote_id) JOIN mailbox_folder f ON f.account_id = %s AND f.remote_id = r.folder)",
                    list(folders),
                    list(ids),
                    self.account.id,
                )
            )

    def _hide(self, condition):
        self.cr.execute(
            SQL(
                """WITH hidden AS (
                        SELECT m.id FROM mailbox_message_index m
                         WHERE m.account_id = %s AND NOT COALESCE(m.said_pending_removal, m.pending_removal) AND %s
                         ORDER BY m.id FOR NO KEY UPDATE)
                   UPDATE mailbox_message_index m
                      SET pending_removal = m.pending_removal OR m.said_pending_removal IS NULL,
                          said_pending_removal = CASE WHEN m.said_pending_removal IS NOT NULL THEN true END,
                          write_date = %s, write_uid = %s
                     FROM hidden WHERE m.id = hidden.id RETURNING m.id, m.folder_id""",
                self.account.id,
                condition,
                fields.Datetime.now(),
                self.env.uid,
            ),
            log_exceptions=False,
        )
        self._note(self.cr.fetchall())

    def _apply_set_aside(self):
        """Forget what was read or is gone, and note what could not be read."""
        model = self.env["mailbox.unreadable"]
        done = model.search([("account_id", "=", self.account.id), ("remote_id", "in", [*self.patches, *self.gone])])
        if done:
            done.unlink()
            self.account_changed = True
        known = set(model.search([("account_id", "=", self.account.id)]).mapped("remote_id")) if self.set_aside else set()
        for item in self.set_aside:
            # One that arrives in the same call was read after all.
            if item["remote_id"] not in known and item["remote_id"] not in self.patches:
                row = self.rows.get(item["folder"])
                model.create(
                    {
                        "account_id": self.account.id,
                        "folder_id": row.folder_id.id if row else False,
                        "remote_id": item["remote_id"],
                        "reason": item["reason"],
                    }
                )
                known.add(item["remote_id"])
                self.account_changed = True

    def _apply_gone(self):
        """Delete what is hidden and nowhere any more."""
        if self.gone:
            self.cr.execute(
                """WITH gone AS (
                        SELECT id FROM mailbox_message_index
                         WHERE account_id = %s AND remote_id = ANY(%s) AND COALESCE(said_pending_removal, pending_removal) AND NOT is_local
                         ORDER BY id FOR UPDATE)
                   DELETE FROM mailbox_message_index m USING gone WHERE m.id = gone.id RETURNING m.id, m.folder_id""",
                [self.account.id, self.gone],
                log_exceptions=False,
            )
            self._note(self.cr.fetchall())

    def _settle(self):
        """End what actions cover that Graph acknowledged before a round began that is complete now: the round told what came of them."""
        if self.settled is not None:
            for message_id, old_folder, new_folder in self.env["mailbox.action"]._settle(self.account, self.settled):
                self.changed_ids.add(message_id)
                self.touched_folders |= {old_folder, new_folder}

    def _note(self, rows):
        for message_id, *folders in rows:
            self.changed_ids.add(message_id)
            self.touched_folders.update(folders)

    def _tell_people(self):
        if self.new_ids or self.changed_ids or self.touched_folders or self.account_changed:
            self.account._notify(
                folder_ids=self.touched_folders,
                message_ids=self.changed_ids.union(self.new_ids),
                account=self.account_changed,
                new_ids=self.env["mailbox.message_index"]._just_arrived(self.new_ids, self.live_inboxes),
            )


# ---------------------------------------------------------------------- reading what the connector sent


def _set_aside(item):
    return {
        "remote_id": key(item.get("remote_id"), "set_aside.remote_id"),
        "folder": text(item.get("folder"), "set_aside.folder"),
        "reason": _reason(key(item.get("reason"), "set_aside.reason")),
    }


def _reason(code):
    """Return a code as it is; anything else could be text of a mail, and is not kept."""
    return code if re.fullmatch(r"[\w.-]{1,80}", code, re.ASCII) else "other"


def _tree_folder(item):
    role = item.get("role")
    if role not in dict(ROLES):
        raise WireError("tree.role: not a role of a folder")
    return {
        "remote_id": key(item.get("remote_id"), "tree.remote_id"),
        "parent_remote_id": text(item.get("parent_remote_id"), "tree.parent_remote_id"),
        "name": key(item.get("name"), "tree.name"),
        "role": role,
    }


_ROW_KEYS = ("cursor", "is_bootstrapped", "anchor", "told", "backfill_before", "is_backfilled", "unread", "total")


def _folder_update(item):
    update = {"folder": key(item.get("folder"), "folders.folder")}
    for name in ("revision", "told", "unread", "total"):
        if name in item:
            update[name] = number(item[name], f"folders.{name}")
    for name in ("cursor", "anchor", "backfill_before"):
        if name in item:
            update[name] = text(item[name], f"folders.{name}") or False
    for name in ("is_bootstrapped", "is_backfilled"):
        if name in item:
            update[name] = bool(item[name])
    if "sync_state" in item:
        if item["sync_state"] not in SYNC_STATES:
            raise WireError("folders.sync_state: not ok or resync")
        update["sync_state"] = item["sync_state"]
    if "revision" not in update and update.keys() - {"folder", "unread", "total"}:
        raise WireError("folders: without a revision only unread and total may be given")
    return update
