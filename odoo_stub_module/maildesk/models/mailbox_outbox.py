"""The connector's side of the outbox (docs/protocol.md, section 1): it takes actions with the exchange, and tells what came of them.

    pending  is given to whoever holds the lease, in the order of ids; a mailbox that cannot be reached (no sign-in, paused) keeps its own
    running  was given, with the serial of that answer. It is given again to a connector that begins anew, and when the answer was lost

What Graph answered to a write is what it said last: it goes to the confirmed values in the transaction that notes the outcome, and Graph's
counts move along, so that badges are right before the next count comes. What was acknowledged covers on until a later round is complete.
"""

import re
from collections import Counter

from odoo import api, fields, models

from ..wire import WireError, key, number, objects, seconds
from .apply_turn import in_turn
from .mailbox_connector import RUNNING
from .mailbox_draft_wire import read_made
from .message_cover import fold, said
from .message_rows import DROP, UPDATE, read_patches, stage

OUTCOMES = ("done", "failed", "gone", "unconfirmed")
# What may be said of a message with an outcome.
_SAID = {"remote_id", "folder", "is_read", "is_flagged", "importance", "categories"}


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def _take_actions(self, limit, serial, since, lease):
        """Give the connector at most `limit` actions that are due; `lease` has the new serial and the one before."""
        if not limit:
            return []
        actions = self.env["mailbox.action"]
        self.env.flush_all()
        cr = self.env.cr
        if since is None:
            # Whoever asks for everything knows of nothing that it was given.
            cr.execute("UPDATE mailbox_action SET state = 'pending' WHERE state = 'running'", log_exceptions=False)
        elif serial != lease.previous_serial:
            # The last answer was lost, and what it gave with it.
            lost = "UPDATE mailbox_action SET state = 'pending' WHERE state = 'running' AND claim = %s"
            cr.execute(lost, [lease.previous_serial or None], log_exceptions=False)
        self._start_sends(limit)
        cr.execute(
            """WITH due AS (
                    SELECT a.id FROM mailbox_action a JOIN mailbox_account b ON b.id = a.account_id
                     WHERE a.state = 'pending' AND COALESCE(a.due_at, a.create_date) <= %(now)s
                       AND b.active AND b.state = ANY(%(running)s)
                     ORDER BY a.id LIMIT %(limit)s FOR NO KEY UPDATE OF a)
               UPDATE mailbox_action a
                  SET state = 'running', claim = %(serial)s, attempts = COALESCE(a.attempts, 0) + 1, write_date = %(now)s
                 FROM due WHERE a.id = due.id RETURNING a.id""",
            {"now": fields.Datetime.now(), "running": list(RUNNING), "limit": limit, "serial": lease.serial},
            log_exceptions=False,
        )
        taken = actions.browse(sorted(row[0] for row in cr.fetchall()))
        taken.invalidate_recordset()
        return [action._to_connector() for action in taken]

    def _unsettled(self):
        """Return when Graph acknowledged the newest action that covers still, by the connector's clock; None where nothing covers."""
        newest = self.env["mailbox.action"].search(self._covering(), order="acked DESC", limit=1)
        return newest.acked if newest else None

    def _covered(self):
        """Return the messages that ended actions cover still: nobody may have told what became of them at Graph."""
        actions = self.env["mailbox.action"].search([*self._covering(), ("remote_id", "!=", False), ("kind", "!=", "destroy")])
        return sorted(set(actions.mapped("remote_id")))

    def _covered_folders(self):
        """Return the folders all of whose messages an ended action covers still."""
        actions = self.env["mailbox.action"].search([*self._covering(), ("is_folder_wide", "=", True)])
        return sorted(actions.folder_id.mapped("remote_id"))

    def _covering(self):
        return [("account_id", "=", self.id), ("covers", "=", True), ("state", "=", "done"), ("kind", "!=", "send")]

    @api.model
    def connector_outcomes(self, account_id, outcomes, database=None, fence=None):
        """Note what came of actions; of one that ended otherwise meanwhile nothing is noted."""
        account = self._as_connector().browse(number(account_id, "account_id"))
        if not account._is_meant(database):
            return {"taken": 0}
        found = [_outcome(item) for item in objects(outcomes, "outcomes")]

        def work():
            if not account.exists():
                return {"taken": 0}
            if not account.env["mailbox.fence"]._is_in_time(account.id, fence):
                return {"taken": 0, "reason": "fence"}
            return {"taken": account._take_outcomes(found)}

        return in_turn(account.env, account.ids, work)

    def _take_outcomes(self, outcomes):
        self.env.flush_all()
        self.env["mailbox.folder.sync"]._lock(self.id)
        by_uuid = {item["uuid"]: item for item in outcomes}
        cr = self.env.cr
        cr.execute(
            """SELECT id FROM mailbox_action WHERE account_id = %s AND uuid = ANY(%s) AND state IN ('pending', 'running')
                ORDER BY id FOR NO KEY UPDATE""",
            [self.id, list(by_uuid)],
            log_exceptions=False,
        )
        actions = self.env["mailbox.action"].browse(row[0] for row in cr.fetchall())
        actions.invalidate_recordset()
        ended = self.env["mailbox.action"]
        for action in actions:
            item = by_uuid[action.uuid]
            match item["outcome"]:
                case "done":
                    action.write({"state": "done", "acked": item["acked"], "claim": False})
                case "unconfirmed":
                    # The entry stays until its author has decided, or its copy comes.
                    action.write({"state": "unconfirmed", "error_code": "undecided", "claim": False})
                case outcome:
                    state = "failed" if outcome == "failed" else "cancelled"
                    action.write({"state": state, "error_code": item["error"] or outcome, "covers": False, "claim": False})
                    ended |= action
        messages, folders = set(ended._covered_messages()), set(ended.folder_id.ids)
        self._take_letters(actions, by_uuid)
        changed = self._confirm([by_uuid[action.uuid]["said"] for action in actions if by_uuid[action.uuid]["said"]])
        self._confirm_destroyed(actions.filtered(lambda action: action.kind == "destroy" and action.state == "done"))
        self.env.flush_all()
        changed += fold(self.env, sorted(messages), fields.Datetime.now())
        ids = {row[0] for row in changed} | set(actions.message_id.ids)
        folders |= {folder for row in changed for folder in row[1:3]}
        self._notify(folder_ids=folders, message_ids=ids, account=bool(actions.folder_id))
        return len(actions)

    def _confirm(self, patches):
        """Note what Graph answered to writes, of messages that are here; move Graph's counts along. Return rows as `fold` does."""
        patches = [patch for patch in patches if "folder" not in patch or self._folder_of(patch["folder"])]
        # A message that left its folder is somewhere, says an answer about its other values; where is still to be asked.
        unplaced = self._pending_among([patch["remote_id"] for patch in patches if "folder" not in patch])
        patches = [patch for patch in patches if "folder" in patch or patch["remote_id"] not in unplaced]
        if not patches:
            return []
        checked = read_patches(patches)
        self.env.flush_all()
        cr = self.env.cr
        now = fields.Datetime.now()
        known = {patch["folder"]: self._folder_of(patch["folder"]).id for patch in checked.values() if "folder" in patch}
        stage(cr, checked, known)
        cr.execute(UPDATE, {"account": self.id, "now": now, "uid": self.env.uid}, log_exceptions=False)
        rows = cr.fetchall()
        cr.execute(DROP)
        counts = Counter()
        for _id, _old, _new, place, new_place, was_read, is_read in rows:
            counts[place, "total"] -= 1
            counts[new_place, "total"] += 1
            counts[place, "unread"] -= not was_read
            counts[new_place, "unread"] += not is_read
        self._count_along(counts)
        # What lies where no mail is wanted, or where none is known, is asked about like what left its folder.
        unwanted = [folder_id for folder_id in known.values() if not self.env["mailbox.folder"].browse(folder_id).sync_enabled]
        if unwanted:
            cr.execute(
                f"""UPDATE mailbox_message_index m SET said_pending_removal = true, write_date = %s
                     WHERE m.account_id = %s AND m.remote_id = ANY(%s) AND {said("folder_id")} = ANY(%s)""",
                [now, self.id, list(checked), unwanted],
                log_exceptions=False,
            )
        self.env["mailbox.message_index"].invalidate_model()
        return rows

    def _pending_among(self, remote_ids):
        """Return those of the messages that wait for the connector to know where they went."""
        if not remote_ids:
            return set()
        self.env.flush_all()
        self.env.cr.execute(
            f"""SELECT remote_id FROM mailbox_message_index m
                 WHERE m.account_id = %s AND m.remote_id = ANY(%s) AND {said("pending_removal")}""",
            [self.id, remote_ids],
            log_exceptions=False,
        )
        return {row[0] for row in self.env.cr.fetchall()}

    def _folder_of(self, remote_id):
        return self.env["mailbox.folder"].search([("account_id", "=", self.id), ("remote_id", "=", remote_id)])

    def _confirm_destroyed(self, actions):
        """Let rows that were deleted for good wait for the proof, as after a removal that a delta tells."""
        if actions.message_id:
            counts = Counter()
            self.env.cr.execute(
                f"""UPDATE mailbox_message_index m SET said_pending_removal = true, write_date = %s
                     WHERE m.id = ANY(%s) AND m.said_pending_removal = false
                    RETURNING {said("folder_id")}, {said("is_read")}""",
                [fields.Datetime.now(), actions.message_id.ids],
                log_exceptions=False,
            )
            for place, is_read in self.env.cr.fetchall():
                counts[place, "total"] -= 1
                counts[place, "unread"] -= not is_read
            self._count_along(counts)
            self.env["mailbox.message_index"].invalidate_model()

    def _count_along(self, counts):
        syncs = self.env["mailbox.folder.sync"].search([("folder_id", "in", [folder for folder, _ in counts])])
        for row in syncs:
            for name in ("unread", "total"):
                if change := counts[row.folder_id.id, name]:
                    row[name] = max(0, row[name] + change)


def _outcome(item):
    outcome = item.get("outcome")
    if outcome not in OUTCOMES:
        raise WireError(f"outcomes.outcome: not one of {', '.join(OUTCOMES)}")
    patch = item.get("said")
    if patch is not None and (not isinstance(patch, dict) or patch.keys() - _SAID):
        raise WireError("outcomes.said: not a patch of a message's state")
    error = item.get("error")
    return {
        "uuid": key(item.get("uuid"), "outcomes.uuid"),
        "outcome": outcome,
        "acked": seconds(item.get("acked", 0), "outcomes.acked"),
        "said": patch or None,
        "draft": read_made(item.get("draft")),
        # A code, never text of a mail.
        "error": None if error is None else error if re.fullmatch(r"[\w.-]{1,80}", key(error, "outcomes.error"), re.ASCII) else "other",
    }
