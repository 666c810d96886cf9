"""What people do with mail: `maildesk_do`, `_undo`, `_retry`, `_dismiss`, `_actions` (docs/protocol.md, section 4).

One transaction has the action and what shows because of it; the connector is woken when it is committed. Only the owner changes mail: those
whom a mailbox is shared with read it. Folders as such are `mailbox_action_folder`'s.
"""

import json
import uuid
from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..wire import IMPORTANCE, text
from .action_kinds import FOLDER_KINDS, MESSAGE_KINDS, MOVES_TO_ROLE, SETS, Earlier, merge
from .mailbox_action import OPEN_STATES
from .mailbox_folder import ROLES
from .message_cover import fold, said

# Messages of one call: a selection in the app. More of them are a folder's (`empty_folder`, `mark_folder_read`).
MAX_MESSAGES = 5000
# Seconds for which the server takes an Undo; the app offers it for ten.
UNDO_SECONDS = 60
# Characters: what Outlook takes as the name of a folder or category.
MAX_NAME = 255
# Rows of `maildesk_actions`.
MAX_ACTIONS = 500

_INSERTED = (
    'uuid, account_id, user_id, kind, state, "group", message_id, remote_id, vals, before, seen, covers, due_at, attempts, '
    "create_date, write_date, create_uid, write_uid"
)
# The values go as parameters, and a failure is not logged with them.
_INSERT = f"""
    INSERT INTO mailbox_action ({_INSERTED})
    SELECT r.uuid, r.account_id, %(user)s, %(kind)s, r.state, %(group)s, r.message_id, r.remote_id, r.vals, r.before, r.seen,
           r.state = 'pending', %(now)s, 0, %(now)s, %(now)s, %(uid)s, %(uid)s
      FROM jsonb_to_recordset(%(rows)s::jsonb)
           AS r(uuid text, account_id int4, state text, message_id int4, remote_id text, vals jsonb, before jsonb, seen jsonb)"""

_STATES = f"""
    SELECT m.id, m.account_id, m.remote_id, m.is_read, m.is_flagged, m.importance, COALESCE(m.categories, '[]'::jsonb), m.folder_id,
           {said("is_read")}, {said("is_flagged")}, {said("importance")}, COALESCE({said("categories")}, '[]'::jsonb), {said("folder_id")},
           s.remote_id, f.remote_id
      FROM mailbox_message_index m
      JOIN mailbox_folder f ON f.id = m.folder_id
      JOIN mailbox_folder s ON s.id = {said("folder_id")}
     WHERE m.id = ANY(%s) ORDER BY m.id FOR NO KEY UPDATE OF m"""

_EARLIER = f"""
    SELECT a.message_id, a.id, a.state = 'pending' AND COALESCE(a.attempts, 0) = 0, a.vals
      FROM mailbox_action a WHERE a.message_id = ANY(%(ids)s) AND a.covers
     UNION ALL
    SELECT m.id, a.id, false, a.vals
      FROM mailbox_message_index m
      JOIN mailbox_action a ON a.folder_id = {said("folder_id")} AND a.covers AND a.is_folder_wide AND m.received_at <= a.until_at
     WHERE m.id = ANY(%(ids)s)
     ORDER BY 1, 2"""

_SHOWN = ("is_read", "is_flagged", "importance", "categories", "folder_id")


class _State:
    """A message: what shows, and what Graph said."""

    def __init__(self, row):
        self.id, self.account_id, self.remote_id = row[:3]
        self.shown = dict(zip(_SHOWN, row[3:8], strict=True)) | {"hidden": False}
        self.said = dict(zip(_SHOWN, row[8:13], strict=True)) | {"hidden": False}
        # Remote ids of folders by Odoo's, as far as this message needs them; and where Graph has it when a new action's turn comes.
        self.folders = {row[12]: row[13], row[7]: row[14]}
        self.place = row[13]

    def take(self, earlier):
        """Learn from open actions, each (id, whether no connector was given it, vals), where the message goes."""
        for _id, is_free, vals in earlier:
            if "folder_id" in vals:
                self.folders[vals["folder_id"]] = vals["folder"]
                self.place = self.place if is_free else vals["folder"]


class MailboxAction(models.Model):
    _inherit = "mailbox.action"

    # ------------------------------------------------------------------ by name, for the app

    @api.model
    def maildesk_do(self, kind, message_ids=None, values=None):
        """Do something with messages or a folder; return what the app shows of it."""
        values = values or {}
        if kind in FOLDER_KINDS:
            return self._answer(self._do_folder(kind, values), [], [])
        if kind not in MESSAGE_KINDS:
            raise UserError(self.env._("“%s” is nothing that can be done with a message.", kind))
        ids = sorted({int(one) for one in message_ids or ()})
        if len(ids) > MAX_MESSAGES:
            raise UserError(self.env._("At most %s messages at once.", MAX_MESSAGES))
        messages = self.env["mailbox.message_index"].search([("id", "in", ids)])
        skipped = [
            self._skip(one, "gone", self.env._("This message is not in MailDesk any more.")) for one in ids if one not in messages._ids
        ]
        allowed = self.env["mailbox.account"]
        for account in messages.account_id:
            if refusal := account._refuses_actions():
                if len(messages.account_id) == 1:
                    raise refusal
                skipped += [self._skip(one.id, "not_allowed", str(refusal)) for one in messages if one.account_id == account]
            else:
                allowed |= account
        messages = messages.filtered(lambda message: message.account_id in allowed)
        wishes, left_out = self._wishes(kind, messages, values)
        group, uuids = self._wish(kind, wishes)
        return self._answer((group, uuids), ids, skipped + left_out)

    @api.model
    def maildesk_undo(self, group):
        """Take back what one click did, as far as nothing was done after it: by the opposite, which merges with what has not gone yet."""
        since = fields.Datetime.now() - timedelta(seconds=UNDO_SECONDS)
        # sudo: of the caller only, and the account is checked below
        actions = self.sudo().search([("group", "=", str(group)), ("user_id", "=", self.env.uid), ("create_date", ">=", since)])
        if not actions:
            raise UserError(self.env._("This cannot be undone any more."))
        for account in actions.account_id:
            if refusal := account.with_env(self.env)._refuses_actions():
                raise refusal
        opposites = defaultdict(dict)
        self.env.flush_all()
        of_messages = actions.filtered(lambda action: action.message_id and action.state != "failed")
        destroying = of_messages.filtered(lambda action: action.kind == "destroy")
        free = destroying.filtered(lambda action: action.state == "pending" and not action.attempts)
        free._end("cancelled")
        undone, late = len(free), len(destroying - free)
        overruled = of_messages._overruled()
        for action in of_messages - destroying:
            if action.before and action not in overruled:
                (field, value), *_ = action.before.items()
                opposites[_opposite(action.kind, field, value)][action.message_id.id] = {field: value}
            else:
                late += 1
        uuids = []
        for action in actions - actions.filtered("message_id"):
            done, left, made = action._undo_folder()
            undone, late = undone + done, late + left
            uuids += made
        for kind, wishes in opposites.items():
            uuids += self._wish(kind, wishes)[1]
            undone += len(wishes)
        refused = self.env._("%s of it cannot be undone any more.", late) if late else None
        return {"undone": undone, "uuids": uuids, "rows": self._rows(actions.message_id.ids), "refused": refused}

    @api.model
    def maildesk_retry(self, uuids):
        """Try failed actions again, as new ones: what the connector remembers of the old ones does not count."""
        # sudo: users do not write actions; the account is checked
        kinds = (*MESSAGE_KINDS, *FOLDER_KINDS)
        failed = self.sudo().search([("uuid", "in", [str(one) for one in uuids or ()]), ("state", "=", "failed"), ("kind", "in", kinds)])
        failed = failed.filtered(lambda action: action.account_id.owner_id == self.env.user and action.vals is not False)
        for account in failed.account_id:
            if refusal := account.with_env(self.env)._refuses_actions():
                raise refusal
        made, last = [], {}
        again = failed.filtered(lambda action: action.message_id or action.kind in FOLDER_KINDS)
        for action in again:
            if action.message_id:
                # A move says beside its folder that the message is not hidden.
                field = "folder_id" if "folder_id" in action.vals else next(iter(action.vals))
                # Of two for one message the last click counts, whatever kind it was.
                last.pop((action.message_id.id, field), None)
                last[action.message_id.id, field] = action.kind, action.vals[field]
            else:
                made += self._insert_folder(action.kind, action.account_id, action.folder_id, action.vals, action.before, action.seen)[1]
        for kind, wishes in _in_turn(last):
            made += self._wish(kind, wishes)[1]
        again._end("cancelled", "retried")
        return {"uuids": made, "rows": self._rows(failed.message_id.ids)}

    @api.model
    def maildesk_dismiss(self, uuids):
        """Let failed actions be over: their owner has read why, and wants no other try."""
        # sudo: users do not write actions; only the owner's own are taken
        failed = self.sudo().search([("uuid", "in", [str(one) for one in uuids or ()]), ("state", "=", "failed")])
        failed = failed.filtered(lambda action: action.account_id.owner_id == self.env.user)
        messages = failed.message_id.ids
        failed._end("cancelled", "dismissed")
        return {"rows": self._rows(messages)}

    @api.model
    def maildesk_actions(self, account_id=None):
        """Return what is on its way and what failed, newest first."""
        domain = [("state", "in", (*OPEN_STATES, "failed", "unconfirmed")), ("kind", "not in", ("draft_save", "draft_discard"))]
        if account_id:
            domain.append(("account_id", "=", int(account_id)))
        return {"actions": [action._to_app() for action in self.search(domain, order="id desc", limit=MAX_ACTIONS)]}

    # ------------------------------------------------------------------ messages

    def _wishes(self, kind, messages, values):
        """Return by message what it is to be, and those of which that makes no sense."""
        if kind in SETS:
            return {message.id: dict(SETS[kind]) for message in messages}, []
        if kind == "importance":
            if values.get("importance") not in IMPORTANCE:
                raise UserError(self.env._("The importance is low, normal or high."))
            return {message.id: {"importance": values["importance"]} for message in messages}, []
        if kind == "categories":
            names = _names(values.get("categories"))
            if names is None:
                raise UserError(self.env._("Categories are a list of names."))
            return {message.id: {"categories": names} for message in messages}, []
        wishes, skipped = {}, []
        targets = {account: self._target(kind, account, values) for account in messages.account_id}
        trash = {
            folder.account_id: folder
            for folder in self.env["mailbox.folder"].search([("account_id", "in", messages.account_id.ids), ("role", "=", "trash")])
        }
        for message in messages:
            target = targets[message.account_id]
            if isinstance(target, str):
                skipped.append(self._skip(message.id, "no_folder", target))
            elif kind == "delete" and message.folder_id == trash.get(message.account_id):
                skipped.append(self._skip(message.id, "in_trash", self.env._("It is in the Trash: delete it for good?")))
            else:
                wishes[message.id] = {"folder_id": target.id}
        return wishes, skipped

    def _target(self, kind, account, values):
        """Return the folder that messages of an account go to, or a sentence why there is none."""
        folders = self.env["mailbox.folder"]
        if kind in MOVES_TO_ROLE:
            role = MOVES_TO_ROLE[kind]
            found = folders.search([("account_id", "=", account.id), ("role", "=", role)], limit=1)
            return found or self.env._("This mailbox has no folder “%s”.", dict(ROLES)[role])
        found = folders.search([("id", "=", int(values.get("folder_id") or 0))])
        if not found:
            raise UserError(self.env._("This folder is not in MailDesk any more."))
        if found.account_id != account:
            return self.env._("Messages are moved within one mailbox only.")
        return found

    def _wish(self, kind, wishes):
        """Make actions of wishes (by message: one field and its value), merged with what is open; return their group and uuids."""
        group = str(uuid.uuid4())
        if not wishes:
            return group, []
        self.env.flush_all()
        cr = self.env.cr
        ids = sorted(wishes)
        cr.execute(_STATES, [ids], log_exceptions=False)
        states = [_State(row) for row in cr.fetchall()]
        cr.execute(_EARLIER, {"ids": ids}, log_exceptions=False)
        earlier = defaultdict(list)
        for message_id, action_id, is_free, vals in cr.fetchall():
            earlier[message_id].append((action_id, is_free, vals or {}))
        remote = self._remote_folders({wish["folder_id"] for wish in wishes.values() if "folder_id" in wish})
        rows, cancelled, places = [], [], set()
        for state in states:
            ((field, value),) = wishes[state.id].items()
            if state.shown[field] == value or not state.remote_id:
                continue
            state.take(earlier[state.id])
            known = [Earlier(one, is_free, vals[field]) for one, is_free, vals in earlier[state.id] if field in vals]
            merged = merge(value, state.said[field], known)
            cancelled += merged.cancelled
            rows.append(_row(state, field, value, merged, remote))
            places |= (
                {state.said["folder_id"], value} if field == "folder_id" else {state.said["folder_id"]} if field == "is_read" else set()
            )
        if cancelled:
            self._cancel(cancelled)
        self._hold_no_longer(places)
        self._insert(kind, group, rows)
        changed = fold(self.env, ids, fields.Datetime.now())
        # sudo: who hears of it is not for the user to read
        self.env["mailbox.account"].sudo()._tell_changed(changed, {state.account_id for state in states})
        going = [row for row in rows if row["state"] == "pending"]
        self.env["mailbox.account"]._tell_connector(sorted({row["account_id"] for row in going}))
        return group, [row["uuid"] for row in going]

    def _insert(self, kind, group, rows):
        if rows:
            now = fields.Datetime.now()
            given = {"user": self.env.uid, "uid": self.env.uid, "kind": kind, "group": group, "now": now, "rows": json.dumps(rows)}
            self.env.cr.execute(_INSERT, given, log_exceptions=False)
            self.invalidate_model()

    def _cancel(self, ids):
        """Let actions be merged into a later one."""
        self.env.cr.execute(
            "UPDATE mailbox_action SET state = 'cancelled', covers = false, error_code = 'merged', write_date = %s WHERE id = ANY(%s)",
            [fields.Datetime.now(), ids],
            log_exceptions=False,
        )
        self.invalidate_model()

    def _remote_folders(self, ids):
        folders = self.env["mailbox.folder"].browse(sorted(ids)).exists()
        return {folder.id: folder.remote_id for folder in folders}

    def _overruled(self):
        """Return those after which something else was done with the same field of the message."""
        self.env.cr.execute(
            """SELECT a.id FROM mailbox_action a
                CROSS JOIN LATERAL jsonb_object_keys(CASE WHEN jsonb_typeof(a.before) = 'object' THEN a.before END) field
                WHERE a.id = ANY(%s)
                  AND EXISTS (SELECT FROM mailbox_action l
                               WHERE l.message_id = a.message_id AND l.id > a.id AND l.vals ? field AND l.state <> 'failed')""",
            [self.ids],
            log_exceptions=False,
        )
        return self.browse(row[0] for row in self.env.cr.fetchall())

    # ------------------------------------------------------------------ answers

    def _answer(self, made, ids, skipped):
        group, uuids = made
        return {"uuids": uuids, "undo": group, "rows": self._rows(ids), "skipped": skipped}

    def _rows(self, ids):
        return self.env["mailbox.message_index"].search([("id", "in", ids)])._to_rows()

    def _skip(self, message_id, reason, message):
        return {"id": message_id, "reason": reason, "message": message}


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    def _refuses_actions(self):
        """Return why the user may change nothing in this mailbox, or None."""
        if not self.is_owner:
            return AccessError(self.env._("This mailbox is shared with you to read: only its owner changes mail in it."))
        if self.state in ("draft", "disconnected"):
            return UserError(self.env._("%s is not connected: nothing can be changed in it.", self.name))
        if not self._permissions()["write"]:
            return UserError(
                self.env._(
                    "Microsoft lets MailDesk only read %s. To change mail here, press “Re-Authorize Outlook” and allow it there.", self.name
                )
            )
        return None

    @api.model
    def _tell_changed(self, changed, account_ids):
        """Tell people which messages show something else; `changed` is what `fold` returned."""
        if not changed:
            return
        by_account = defaultdict(lambda: (set(), set()))
        single = next(iter(account_ids)) if len(account_ids) == 1 else None
        owners = {}
        if single is None:
            rows = self.env["mailbox.message_index"].browse([row[0] for row in changed])
            owners = {row.id: row.account_id.id for row in rows}
        for message_id, old_folder, new_folder in changed:
            messages, folders = by_account[single or owners[message_id]]
            messages.add(message_id)
            folders.update((old_folder, new_folder))
        for account_id, (messages, folders) in by_account.items():
            self.browse(account_id)._notify(folder_ids=folders, message_ids=messages)

    @api.model
    def _refold(self, message_ids, accounts, folder_ids=()):
        """Let messages show what is left over them after actions ended."""
        changed = fold(self.env, message_ids, fields.Datetime.now())
        self._tell_changed(changed, set(accounts.ids))
        if folder_ids:
            accounts._notify(folder_ids=folder_ids, account=True)


def _row(state, field, value, merged, remote):
    """Return an action of a message for the statement that inserts it; one that leads nowhere is kept for Undo."""
    vals, seen = {field: value}, {field: merged.base}
    if field == "folder_id":
        # A move keeps the row in sight while Graph tells that it left the old folder and not yet that it came to the new one.
        vals = {"folder_id": value, "folder": remote.get(value), "hidden": False}
        seen = {"folder": {**remote, **state.folders}.get(merged.base)}
    elif field == "hidden":
        seen = {"folder": state.place}
    return {
        "uuid": str(uuid.uuid4()),
        "account_id": state.account_id,
        "state": "pending" if merged.goes else "cancelled",
        "message_id": state.id,
        "remote_id": state.remote_id,
        "vals": vals,
        "before": {field: state.shown[field]},
        "seen": seen,
    }


def _in_turn(clicks):
    """Return [(kind, wishes by message)] in the order of clicks, as few as that allows; `clicks` has (kind, value) by (message, field)."""
    found, places = [], {}
    for (message, field), (kind, value) in clicks.items():
        first = places.get(message, -1) + 1
        place = next((n for n in range(first, len(found)) if found[n][0] == kind), None)
        if place is None:
            place = len(found)
            found.append((kind, {}))
        found[place][1][message] = {field: value}
        places[message] = place
    return found


def _opposite(kind, field, value):
    """Return the kind that puts a field back."""
    match field:
        case "is_read":
            return "read" if value else "unread"
        case "is_flagged":
            return "flag" if value else "unflag"
        case "folder_id":
            return "move"
    return kind


def _names(values):
    """Return names of categories, each once, or None if they are no such list."""
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        return None
    tidy = [" ".join((text(one, "categories") or "").split())[:MAX_NAME] for one in values]
    return list(dict.fromkeys(one for one in tidy if one))
