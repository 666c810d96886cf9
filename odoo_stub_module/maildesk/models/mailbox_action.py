"""The outbox: what users did and Outlook has to hear, a row for each message or folder. Written by named methods only.

```
            maildesk_do                connector_exchange               connector_outcomes
                 │                             │                                │
 (scheduled) ─▶ pending ─────────taken──────▶ running ───Graph acknowledged──▶ done ····▶ settled: covers no more
                 │  ▲ ◀─── to a new connector ─ │ │
   merged, undone│  └───────Retry────── failed ◀┘ └──not there any more──┐
                 ▼                                                        ▼
             cancelled ◀──────────────────────────────────────────────────┘        (unconfirmed: a send whose fate nobody can know)
```
`covers`: what the row wants is shown in place of what Graph said (`message_cover`): from its making until it fails, is cancelled, or is
settled by the first round of the sync that began after Graph acknowledged it. Order is that of ids, for each message.

It is sent at once: the wake goes out with the commit. So Undo is the opposite action; where the first was not taken yet, the two merge into
nothing. What marks a whole folder read is held (`action_kinds.HELD`), until somebody does more with a message there. `before` is what the
user saw, for Undo; `seen` what Graph will have when the action's turn comes: where nobody knows whether it was carried out already (a lost
file of the connector, a restored database), it runs only if the message is still so.
"""

import uuid
from datetime import timedelta

from odoo import api, fields, models

from .message_cover import fold

# States in which Outlook has not heard of it, or nobody knows; and those that connectors still work on.
OPEN_STATES = ("scheduled", "pending", "running")

# Minutes that a done or cancelled action keeps what it was about (for Undo), days that a failed one does (for Retry), and that rows stay.
KEPT_MINUTES = 10
KEPT_FAILED_DAYS = 7
KEPT_DAYS = 30


def path_of(folders, folder_id):
    """Return the ids of a folder and of those that it lies in, of dicts by id; a ring that others' moves made ends where it closes."""
    path = []
    while folder_id in folders and folder_id not in path:
        path.append(folder_id)
        folder_id = folders[folder_id]["parent_id"]
    return path


class MailboxAction(models.Model):
    _name = "mailbox.action"
    _description = "Mailbox Action"
    _order = "id"

    uuid = fields.Char(required=True, default=lambda _self: str(uuid.uuid4()), copy=False)
    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", index="btree_not_null", ondelete="set null", default=lambda self: self.env.user)
    kind = fields.Char(required=True)
    state = fields.Selection(
        [
            ("scheduled", "Scheduled"),
            ("pending", "Pending"),
            ("running", "Running"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("unconfirmed", "Unconfirmed"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        default="pending",
    )
    group = fields.Char(index="btree_not_null", help="What was done by one click, and is undone by one.")
    message_id = fields.Many2one("mailbox.message_index", index="btree_not_null", ondelete="set null")
    remote_id = fields.Char(help="The message's own id: its row may go before the action is done.")
    folder_id = fields.Many2one("mailbox.folder", index="btree_not_null", ondelete="set null")
    folder_remote_id = fields.Char()
    vals = fields.Json(help="What it wants.")
    before = fields.Json(help="What the user saw, for Undo.")
    seen = fields.Json(help="What Outlook has when its turn comes.")
    is_folder_wide = fields.Boolean(help="It speaks of all messages of the folder.")
    until_at = fields.Datetime(help="And of none that came later.")
    covers = fields.Boolean()
    due_at = fields.Datetime()
    acked = fields.Float(digits=None, help="When Graph acknowledged it, by the connector's clock: seconds since 1970.")
    attempts = fields.Integer(help="How often a connector was given it.")
    claim = fields.Char(help="The serial of the exchange that gave it.")
    is_asked = fields.Boolean(help="Of a mail: Graph was about to be asked to send it, or was.")
    error_code = fields.Char()
    error = fields.Char(compute="_compute_error")

    _uuid_unique = models.UniqueIndex("(uuid)")
    # What an exchange looks for, each ten seconds.
    _due = models.Index("(id) WHERE state = 'pending'")
    _running = models.Index("(id) WHERE state = 'running'")
    # What covers a folder, and what the end of a round looks for.
    _folder_wide = models.Index("(folder_id) WHERE covers AND is_folder_wide")
    _covering = models.Index("(account_id, id) WHERE covers")

    @api.depends("error_code", "state")
    @api.depends_context("lang")
    def _compute_error(self):
        for action in self:
            action.error = action._sentence() if action.state in ("failed", "unconfirmed") else False

    def _sentence(self):
        """Return what a person reads of a failure."""
        say = self.env._
        sentences = {
            "changed": say("It was changed in Outlook meanwhile, so nothing was done."),
            "folder_gone": say("The folder is not in Outlook any more."),
            "folder_exists": say("There is a folder of this name already."),
            "gone": say("It is not in Outlook any more."),
            "forbidden": say("Microsoft does not permit this in this mailbox."),
            "earlier": say("An earlier change of the same message failed."),
            "doubtful": say(
                "Nobody knows whether this was done before the connector was interrupted. Please look, and try again if it was not."
            ),
            "unavailable": say("Microsoft did not answer, several times."),
            "undecided": say("Nobody knows whether Outlook sent this. Please look into its Sent folder."),
        }
        return sentences.get(self.error_code) or say("Outlook refused it (%s).", self.error_code or "?")

    # ------------------------------------------------------------------ changes of state

    def _end(self, state, code=None):
        """Let actions end without having been done; what Graph says shows through."""
        if self:
            self.write({"state": state, "error_code": code or False, "covers": False, "claim": False})
            self._uncovered()

    def _uncovered(self):
        """Let messages show what is left over them, and tell people."""
        self.env["mailbox.account"]._refold(self._covered_messages(), self.account_id, self.folder_id.ids)

    def _covered_messages(self):
        """Return the ids of the messages that actions speak of."""
        ids = set(self.message_id.ids)
        if folders := self.filtered("is_folder_wide").folder_id:
            self.env.flush_all()
            self.env.cr.execute(
                """SELECT id FROM mailbox_message_index
                    WHERE folder_id = ANY(%(folders)s) AND (said_is_read IS NOT NULL OR said_pending_removal IS NOT NULL)
                    UNION SELECT id FROM mailbox_message_index WHERE said_folder_id = ANY(%(folders)s)""",
                {"folders": folders.ids},
                log_exceptions=False,
            )
            ids.update(row[0] for row in self.env.cr.fetchall())
        return sorted(ids)

    @api.model
    def _settle(self, account, before):
        """End the covering of what Graph acknowledged before a round began that is complete; return what changed, as `fold` does."""
        self.flush_model()
        domain = [("account_id", "=", account.id), ("covers", "=", True), ("state", "=", "done"), ("acked", "<", before)]
        # What was sent covers until its copy is there (`mailbox_draft_send`).
        settled = self.search([*domain, ("kind", "!=", "send")])
        if not settled:
            return []
        messages = settled._covered_messages()
        settled.write({"covers": False})
        return fold(self.env, messages, fields.Datetime.now())

    @api.model
    def _over_folders(self, folders):
        """Let folders (dicts with `id`, `name`, `parent_id`) show what open actions want of them, the last one last.

        A deleted folder is shown in the Trash, with all that is in it; where it is deleted for good, it goes with all that is in it.
        """
        shown = {folder["id"]: folder for folder in folders}
        gone = set()
        kinds = ("folder_rename", "folder_move", "folder_delete")
        # sudo: whoever reads a folder sees what is on its way
        for action in self.sudo().search([("folder_id", "in", list(shown)), ("covers", "=", True), ("kind", "in", kinds)], order="id"):
            vals = action.vals or {}
            shown[action.folder_id.id] |= {key: vals[key] for key in ("name", "parent_id") if key in vals}
            if action.kind == "folder_delete" and "parent_id" not in vals:
                gone.add(action.folder_id.id)
            elif action.kind == "folder_move":
                gone.discard(action.folder_id.id)
        return [folder for folder in folders if not gone.intersection(path_of(shown, folder["id"]))]

    # ------------------------------------------------------------------ forgetting

    @api.model
    def _cron_forget(self):
        """Empty what ended actions were about, and drop old rows."""
        self.env["mailbox.draft"]._find_moved_copies()
        now = fields.Datetime.now()
        ended = [("state", "in", ("done", "cancelled")), ("covers", "=", False), ("write_date", "<", now - timedelta(minutes=KEPT_MINUTES))]
        failed = [("state", "in", ("failed", "unconfirmed")), ("write_date", "<", now - timedelta(days=KEPT_FAILED_DAYS))]
        for domain in (ended, failed):
            self.search([*domain, ("vals", "!=", False)]).write({"vals": False, "before": False, "seen": False})
        self.search(
            [("state", "in", ("done", "cancelled", "failed")), ("covers", "=", False), ("write_date", "<", now - timedelta(days=KEPT_DAYS))]
        ).unlink()

    # ------------------------------------------------------------------ for the connector

    def _to_connector(self):
        values = {key: value for key, value in (self.vals or {}).items() if key not in ("folder_id", "hidden", "parent_id")}
        if self.draft_id:
            # Nothing of the mail: that is asked for when its turn comes.
            values = {"tag": (self.vals or {}).get("tag"), "draft_remote_id": (self.vals or {}).get("draft_remote_id")}
        if self.is_folder_wide:
            values = {"until": fields.Datetime.to_string(self.until_at).replace(" ", "T") + "Z"}
        return {
            "id": self.id,
            "uuid": self.uuid,
            "account_id": self.account_id.id,
            "kind": self.kind,
            "remote_id": self.remote_id or None,
            "folder": self.folder_remote_id or None,
            "values": values,
            "seen": self.seen or {},
            "age": max(0, int((fields.Datetime.now() - (self.due_at or self.create_date)).total_seconds())),
            "is_again": self.attempts > 1,
            "is_asked": bool(self.is_asked),
            "claim": self.claim or None,
        }

    def _to_app(self):
        return {
            "uuid": self.uuid,
            "account_id": self.account_id.id,
            "kind": self.kind,
            "state": self.state,
            "message_id": self.message_id.id or None,
            "folder_id": self.folder_id.id or None,
            "name": (self.vals or {}).get("name"),
            "draft_id": self.draft_id.id or None,
            "group": self.group or None,
            "waiting_for": self._waiting_for(),
            "error": self.error or None,
        }

    def _waiting_for(self):
        """Return what an open action waits for, where it is not just on its way: a code for the app."""
        now, since = fields.Datetime.now(), self.due_at or self.create_date
        # What goes at a time waits for nothing until then.
        if self.state not in OPEN_STATES or (self.state == "scheduled" and since > now):
            return None
        match self.account_id.state:
            case "reauth_required":
                return "sign_in"
            case "paused":
                return "paused"
            case "admin_required":
                return "administrator"
        is_new = now - since < timedelta(seconds=10)
        return None if is_new else "outlook" if self.state == "running" else "connector"


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    said_is_read = fields.Boolean(groups=fields.NO_ACCESS)
    said_is_flagged = fields.Boolean(groups=fields.NO_ACCESS)
    said_importance = fields.Char(groups=fields.NO_ACCESS)
    said_categories = fields.Json(groups=fields.NO_ACCESS)
    said_folder_id = fields.Many2one("mailbox.folder", index="btree_not_null", ondelete="cascade", groups=fields.NO_ACCESS)
    said_pending_removal = fields.Boolean(groups=fields.NO_ACCESS)

    _counted = models.Index(
        "(account_id) WHERE (said_is_read IS NOT NULL OR said_folder_id IS NOT NULL OR said_pending_removal IS NOT NULL)"
    )

    def _action_marks(self):
        """Return by message what rows say of actions: (whether one is open, why the last one failed)."""
        # sudo: whoever reads a message may see what is on its way
        found = self.env["mailbox.action"].sudo().search([("message_id", "in", self.ids), ("state", "in", (*OPEN_STATES, "failed"))])
        marks = {}
        for action in found:
            is_open, failed = marks.get(action.message_id.id, (False, None))
            marks[action.message_id.id] = (is_open or action.state in OPEN_STATES, action.error if action.state == "failed" else failed)
        return marks
