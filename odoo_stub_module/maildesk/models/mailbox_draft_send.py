"""Sending: when, taken back, decided - and the entry in Sent that stands for a mail until Outlook's copy is there.

    the delay has passed    the exchange makes the entry (`is_local`) in the transaction that starts the send: a row of its own, or the row
                            that the draft has in Drafts. The action covers it (`message_cover`): it shows in Sent wherever Graph has it
    the draft exists        the row takes its id and Message-ID (`_take_place`); whatever another row of that id was goes
    Outlook's copy comes    by its id, or in Sent with that Message-ID (`MATCH`): the same row; it covers no more
    it failed               the row shows where Graph has it, in Drafts; one that Graph has nowhere goes

While a draft's id is not known, rows that come into Drafts anew are held back (`HOLD`): one of them may be it.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..draft_html import words_of
from ..wire import MAX_RECIPIENTS, iso, to_datetime
from .mailbox_connector import RUNNING
from .message_cover import fold, said
from .message_rows import DROP, LOCAL_INSERT, LOCAL_UPDATE, read_patches, stage

# Seconds: how long a send may be taken back, and what a user has who chose nothing.
MAX_DELAY = 30
DELAY = 10
# Days: how far ahead a mail is scheduled. Minutes after which an entry says that Outlook's copy has not come.
MAX_AHEAD = 365
LATE_MINUTES = 60
# Minutes for which the copy of a mail has its time to come to Sent, before it is looked for elsewhere.
MOVED_MINUTES = 15
# Characters of an entry's second line, as Graph's preview has.
PREVIEW = 255


class MailboxDraft(models.Model):
    _inherit = "mailbox.draft"

    # ------------------------------------------------------------------ by name, for the app

    @api.model
    def maildesk_send(self, draft_id, revision, delay=None, send_at=None):
        """Send after `delay` seconds (None: as the user likes it), or at a time; return the draft, and how long it can be taken back."""
        draft = self._mine(draft_id)
        draft._check_open()
        if int(revision) != draft.revision or draft.is_changed_outside or draft.lost:
            return {"conflict": draft._to_app()}
        if refusal := draft.account_id.with_env(self.env)._refuses_sending():
            raise refusal
        draft._check_complete()
        now = fields.Datetime.now()
        if send_at:
            due = to_datetime(send_at, "send_at")
            if not now < due <= now + timedelta(days=MAX_AHEAD):
                raise UserError(self.env._("Choose a time in the future, within a year."))
            delay = None
        else:
            wanted = self.env.user.maildesk_undo_seconds if delay is None else int(delay)
            delay = max(0, min(MAX_DELAY, wanted))
            due = now + timedelta(seconds=delay)
        draft._drop_saves()
        draft._act("send", state="scheduled", due_at=due)
        draft.write({"state": "scheduled", "send_at": due, "error_code": False})
        # Also to let it know when to ask again.
        draft.account_id._tell_connector(draft.account_id.ids)
        return {"draft": draft._to_line(), "undo_seconds": delay}

    @api.model
    def maildesk_unsend(self, draft_id):
        """Take a mail back that has not begun to go; return DRAFT."""
        draft = self._mine(draft_id)
        draft._call_back()
        return draft._to_app()

    @api.model
    def maildesk_resolve(self, draft_id, choice):
        """Decide about a mail of which nobody knows whether it was sent: it was ("sent"), or send it once more ("again"); return DRAFT."""
        draft = self._mine(draft_id)
        if draft.state != "unconfirmed":
            raise UserError(self.env._("There is nothing to decide about this mail (any more)."))
        # sudo: users do not write actions
        action = self.env["mailbox.action"].sudo().search([("draft_id", "=", draft.id), ("state", "=", "unconfirmed")])
        if choice == "sent":
            action.write({"state": "done", "acked": fields.Datetime.now().timestamp()})
            draft._was_sent()
        elif choice == "again":
            if not draft.html and not draft.to_recipients:
                raise UserError(self.env._("What it said is not kept any more. Please write it again."))
            if draft.is_simplified:
                raise UserError(self.env._("MailDesk does not have all of this mail: please send it again from Outlook."))
            draft._bring_files_back()
            draft._drop_entries()
            action._end("cancelled", "again")
            # Another mail for Outlook, with a tag of its own: whatever is found of the first is not taken for it.
            if draft.remote_id:
                draft._act("draft_discard")
            draft._anew()
            draft.write({"state": "editing", "error_code": "again"})
        else:
            raise UserError(self.env._("Either “sent” or “again”."))
        return draft._to_app()

    # ------------------------------------------------------------------ before it goes

    def _check_complete(self):
        everybody = [*(self.to_recipients or []), *(self.cc_recipients or []), *(self.bcc_recipients or [])]
        if not everybody:
            raise UserError(self.env._("To whom? There is no address in To, Cc or Bcc."))
        self._people(everybody)
        if self.is_quote_coming and self.mode == "forward":
            raise UserError(self.env._("The message that you forward is still being fetched from Outlook."))

    def _call_back(self):
        """Let a mail that waits be written again."""
        # sudo: users do not write actions
        action = self.env["mailbox.action"].sudo().search([("draft_id", "=", self.id), ("kind", "=", "send"), ("state", "=", "scheduled")])
        if self.state != "scheduled" or not action:
            raise UserError(self.env._("It is on its way already: it cannot be taken back any more."))
        self.env.cr.execute("SELECT id FROM mailbox_action WHERE id = ANY(%s) FOR UPDATE", [action.ids], log_exceptions=False)
        action._end("cancelled", "undone")
        self.write({"state": "editing", "send_at": False})
        self._save_in_outlook()

    def _anew(self):
        """Be another mail for Outlook; what lay in the draft of the first one is not in this one's."""
        self._say({"attachments": [{**item, "remote_id": None} for item in self.attachments or []]})
        self.write(
            {
                "tag": self._fields["tag"].default(self),
                "remote_id": False,
                "change_key": False,
                "internet_message_id": False,
                "saved_revision": 0,
                "message_id": False,
                "is_text_kept": False,
                "is_simplified": False,
                "lost": False,
                "revision": self.revision + 1,
            }
        )

    # ------------------------------------------------------------------ the entry in Sent

    def _begin_sending(self, action):
        """Let the mail go to the connector, and show it in Sent from now on."""
        self.ensure_one()
        self.state = "sending"
        folders = self.env["mailbox.folder"].search([("account_id", "=", self.account_id.id), ("role", "=", "sent")])
        if not folders:
            return
        sent = folders[0]
        row = self._entry(sent)
        action.write(
            {
                "message_id": row,
                "vals": {**(action.vals or {}), "folder_id": sent.id, "folder": sent.remote_id, "hidden": False},
                "covers": True,
            }
        )
        self.message_id = row
        changed = fold(self.env, [row], fields.Datetime.now())
        self.env["mailbox.account"]._tell_changed(changed or [(row, sent.id, sent.id)], {self.account_id.id})

    def _entry(self, sent):
        """Make the row of the entry, or make the row that the draft has one; return its id."""
        now = iso(fields.Datetime.now())
        lists = {name: self[name] or [] for name in ("to_recipients", "cc_recipients", "bcc_recipients")}
        patch = {
            "remote_id": self.remote_id or self.tag,
            "subject": self.subject or "",
            "from_name": self.author_id.name,
            "from_email": self.from_address or self.account_id.email,
            "preview": self._preview(),
            "received_at": now,
            "sent_at": now,
            "is_read": True,
            "importance": self.importance,
            "has_attachments": any(not item.get("is_inline") for item in self.attachments or []),
            **{name: {"total": len(people), "list": people[:MAX_RECIPIENTS]} for name, people in lists.items()},
        }
        if self.source_message_id.conversation_id and not self.remote_id:
            patch["conversation_id"] = self.source_message_id.conversation_id
        cr = self.env.cr
        self.env.flush_all()
        stage(cr, read_patches([patch]), {})
        values = {"account": self.account_id.id, "sent": sent.id, "now": fields.Datetime.now(), "uid": self.env.uid}
        cr.execute(LOCAL_UPDATE, values, log_exceptions=False)
        found = cr.fetchone()
        if found is None:
            cr.execute(LOCAL_INSERT, values, log_exceptions=False)
            found = cr.fetchone()
        cr.execute(DROP)
        self.env["mailbox.message_index"].invalidate_model()
        return found[0]

    def _preview(self):
        return words_of(self.html or "")[:PREVIEW]

    def _take_place(self, remote_id, internet_message_id):
        """Let the entry be the row of a message of Graph; what another row of that id was goes."""
        self.env.flush_all()
        cr, account, row = self.env.cr, self.account_id, self.message_id.id
        if not row:
            return
        drafts = self.env["mailbox.folder"].search([("account_id", "=", account.id), ("role", "=", "drafts")], limit=1)
        cr.execute(
            f"""DELETE FROM mailbox_message_index m WHERE account_id = %s AND remote_id = %s AND id <> %s
                RETURNING {said("folder_id")}, m.folder_id""",
            [account.id, remote_id, row],
            log_exceptions=False,
        )
        found = cr.fetchone()
        place = found[0] if found else drafts.id
        cr.execute(
            """UPDATE mailbox_message_index m
                  SET remote_id = %(remote)s, internet_message_id = COALESCE(%(message_id)s, internet_message_id), write_date = %(now)s,
                      said_folder_id = CASE WHEN m.remote_id IS NULL AND m.said_folder_id IS NOT NULL
                                            THEN COALESCE(%(place)s, m.said_folder_id) ELSE m.said_folder_id END
                WHERE id = %(row)s AND is_local
                  AND (remote_id IS DISTINCT FROM %(remote)s OR internet_message_id IS DISTINCT FROM %(message_id)s)""",
            {"remote": remote_id, "message_id": internet_message_id, "now": fields.Datetime.now(), "place": place or None, "row": row},
            log_exceptions=False,
        )
        self.env["mailbox.message_index"].invalidate_model()
        account._notify(folder_ids={one for one in (*(found or ()), drafts.id) if one}, message_ids=[row])

    def _join_copy(self, action):
        """Let Outlook's copy stand for a mail where it came before anybody knew which mail it is, by its id or in Sent by its Message-ID.

        So it is after a backup of this database was put back: the round that brings the copy may be earlier than what tells of the send.
        """
        entry = self.message_id
        if not entry.is_local:
            return
        self.env.flush_all()
        cr = self.env.cr
        cr.execute(
            """SELECT c.id, 0 AS rank FROM mailbox_draft d
                 JOIN mailbox_message_index c ON c.account_id = d.account_id AND c.remote_id = d.remote_id
                 JOIN mailbox_folder f ON f.id = c.folder_id AND f.role <> 'drafts'
                WHERE d.id = %(id)s AND c.id <> d.message_id AND NOT c.pending_removal AND c.is_draft IS NOT TRUE
                UNION ALL
               SELECT c.id, 1 FROM mailbox_draft d
                 JOIN mailbox_folder f ON f.account_id = d.account_id AND f.role = 'sent'
                 JOIN mailbox_message_index c ON c.folder_id = f.id AND c.received_at >= date_trunc('second', d.create_date)
                      AND NOT c.pending_removal
                WHERE d.id = %(id)s AND c.internet_message_id = d.internet_message_id AND c.id <> d.message_id AND c.is_local IS NOT TRUE
                  AND c.is_draft IS NOT TRUE
                ORDER BY rank, id LIMIT 1""",
            {"id": self.id},
            log_exceptions=False,
        )
        if found := cr.fetchone():
            self._be(action, found[0])

    def _be(self, action, copy):
        """Let a message of Outlook's stand for a mail that was sent; its entry goes."""
        entry = self.message_id
        action.write({"message_id": copy, "covers": False})
        self.message_id = copy
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM mailbox_message_index WHERE id = %s RETURNING folder_id", [entry.id], log_exceptions=False)
        ((folder,),) = self.env.cr.fetchall()
        self.env.invalidate_all()
        self.account_id._notify(folder_ids={folder}, message_ids=[entry.id, copy])

    @api.model
    def _find_moved_copies(self):
        """Let entries go whose copy was moved out of Sent before any round saw it there, and has another id than the draft had.

        Its Message-ID tells, in whatever folder. What was sent to oneself has it in the Inbox as well, and that is another mail: there one
        of two is the copy. Whoever is on a list that they write to gets such a one, too; so the copy in Sent has its time to come first.
        """
        self.env.flush_all()
        now = fields.Datetime.now()
        self.env.cr.execute(
            """SELECT a.id, array_agg(c.id ORDER BY f.role = 'inbox', c.id)
                 FROM mailbox_message_index e
                 JOIN mailbox_action a ON a.message_id = e.id AND a.kind = 'send' AND a.state = 'done' AND a.acked < %(before)s
                 JOIN mailbox_draft d ON d.id = a.draft_id AND d.message_id = e.id
                 JOIN mailbox_message_index c ON c.account_id = e.account_id AND NOT c.pending_removal
                      AND c.received_at BETWEEN e.received_at - interval '1 hour' AND e.received_at + interval '1 day'
                      AND c.internet_message_id = e.internet_message_id AND c.id <> e.id
                 JOIN mailbox_folder f ON f.id = c.folder_id AND f.role <> 'drafts'
                WHERE e.is_local AND c.is_local IS NOT TRUE AND c.is_draft IS NOT TRUE
                GROUP BY a.id ORDER BY a.id""",
            {"before": (now - timedelta(minutes=MOVED_MINUTES)).timestamp()},
            log_exceptions=False,
        )
        for action_id, copies in self.env.cr.fetchall():
            action = self.env["mailbox.action"].browse(action_id)
            if len(copies) > 1 or not action.message_id._is_to_its_sender():
                action.draft_id._be(action, copies[0])

    def _drop_entries(self):
        """Take entries out of Sent: what Graph has shows where it is, what it has not goes."""
        rows = self.message_id.filtered("is_local")
        # sudo: users do not write actions
        actions = self.env["mailbox.action"].sudo().search([("draft_id", "in", self.ids), ("kind", "=", "send"), ("covers", "=", True)])
        actions.write({"covers": False})
        self.env.flush_all()
        cr = self.env.cr
        cr.execute(
            "UPDATE mailbox_message_index SET is_local = false WHERE id = ANY(%s) AND remote_id IS NOT NULL",
            [rows.ids],
            log_exceptions=False,
        )
        changed = fold(self.env, rows.ids, fields.Datetime.now())
        cr.execute(
            "DELETE FROM mailbox_message_index WHERE id = ANY(%s) AND remote_id IS NULL RETURNING id, folder_id, folder_id",
            [rows.ids],
            log_exceptions=False,
        )
        changed += cr.fetchall()
        self.env.invalidate_all()
        for account in self.account_id:
            account._notify(folder_ids={one for row in changed for one in row[1:3]}, message_ids=rows.ids)

    @api.model
    def _stop_sending(self, accounts):
        """Give mails back whose mailbox is disconnected: those that wait, and those of which nobody will know."""
        drafts = self.search([("account_id", "in", accounts.ids), ("state", "in", ("scheduled", "sending", "unconfirmed"))])
        drafts._drop_entries()
        waiting = drafts.filtered(lambda draft: draft.state == "scheduled")
        waiting.write({"state": "editing", "send_at": False})
        (drafts - waiting).write({"state": "failed", "send_at": False, "error_code": "undecided"})
        # Cursors, and what is known of Outlook's drafts, end with the sign-in.
        for draft in self.search([("account_id", "in", accounts.ids), ("state", "in", ("editing", "failed"))]):
            draft._anew()

    @api.model
    def _has_entries(self, account):
        """Tell whether something of a mailbox is, or was lately, on its way out."""
        domain = [("account_id", "=", account.id), ("state", "in", ("sending", "unconfirmed"))]
        lately = [("account_id", "=", account.id), ("state", "=", "sent"), ("sent_at", ">", fields.Datetime.now() - timedelta(days=1))]
        entries = [("account_id", "=", account.id), ("is_local", "=", True)]
        rows = self.env["mailbox.message_index"]
        return any((self.search_count(domain, limit=1), self.search_count(lately, limit=1), rows.search_count(entries, limit=1)))

    @api.model
    def _copies_came(self, message_ids):
        """Let entries be what they stand for; return (row, folders) of what shows elsewhere now."""
        if not message_ids:
            return []
        actions = self.env["mailbox.action"].search([("message_id", "in", message_ids), ("kind", "=", "send"), ("covers", "=", True)])
        actions.write({"covers": False})
        if known := actions.filtered(lambda action: action.state == "unconfirmed"):
            # There it is.
            known.write({"state": "done", "acked": fields.Datetime.now().timestamp(), "error_code": False})
            known.draft_id.filtered(lambda draft: draft.state == "unconfirmed")._was_sent()
        changed = fold(self.env, message_ids, fields.Datetime.now())
        seen = {row[0] for row in changed}
        rows = self.env["mailbox.message_index"].browse(message_ids)
        return [*changed, *((row.id, row.folder_id.id) for row in rows if row.id not in seen)]

    def _was_sent(self):
        """Note that Outlook took a mail; what it said is not kept."""
        self.write({"state": "sent", "sent_at": fields.Datetime.now(), "error_code": False})
        self._empty()


class MailboxAction(models.Model):
    _inherit = "mailbox.action"

    def _is_about_to_be_asked(self, claim):
        """Note that Graph is about to be asked to send a mail, by the one that has it under `claim`; False if that is another by now."""
        self.env.flush_all()
        # One statement: of two connectors the one that was given it last sends it, and knows whether the other one may have.
        self.env.cr.execute(
            "UPDATE mailbox_action SET is_asked = true WHERE id = %s AND claim = %s AND state IN ('pending', 'running') RETURNING id",
            [self.id, claim],
            log_exceptions=False,
        )
        is_ours = self.env.cr.fetchone() is not None
        self.invalidate_recordset(["is_asked"])
        return is_ours


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def _start_sends(self, limit):
        """Let mails go whose time has come, of mailboxes that can be reached; the entry in Sent is made in this transaction."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT a.id FROM mailbox_action a JOIN mailbox_account b ON b.id = a.account_id
                WHERE a.state = 'scheduled' AND a.due_at <= %s AND b.active AND b.state = ANY(%s)
                ORDER BY a.due_at, a.id LIMIT %s FOR UPDATE OF a""",
            [fields.Datetime.now(), list(RUNNING), limit],
            log_exceptions=False,
        )
        for action in self.env["mailbox.action"].browse([row[0] for row in self.env.cr.fetchall()]):
            action.state = "pending"
            if action.draft_id:
                action.draft_id._begin_sending(action)

    @api.model
    def _next_send_in(self):
        """Return in how many seconds the next mail or held action is due, None if there is none within an hour."""
        self.env.flush_all()
        now = fields.Datetime.now()
        self.env.cr.execute(
            """SELECT min(a.due_at) FROM mailbox_action a JOIN mailbox_account b ON b.id = a.account_id
                WHERE (a.state = 'scheduled' OR a.state = 'pending' AND a.due_at > %s)
                  AND a.due_at <= %s AND b.active AND b.state = ANY(%s)""",
            [now, now + timedelta(hours=1), list(RUNNING)],
            log_exceptions=False,
        )
        due = self.env.cr.fetchone()[0]
        return None if due is None else max(0.0, (due - now).total_seconds())


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    # What Outlook's copies are looked for among: few rows.
    _local = models.Index("(account_id, internet_message_id) WHERE is_local")

    def _is_to_its_sender(self):
        """Tell whether a mail goes, or may go, to the mailbox that it comes from."""
        own = {address.lower() for address in self.account_id._from_choices() if address}
        lists = [(self.to_recipients, self.to_total), (self.cc_recipients, self.cc_total), (self.bcc_recipients, self.bcc_total)]
        # Of a long list not all are known.
        is_cut = any((total or 0) > len(people or []) for people, total in lists)
        return is_cut or any((one.get("address") or "").lower() in own for people, _total in lists for one in people or [])

    def _entry_marks(self):
        """Return by message how a mail stands that was just sent from here: sending, waiting (for Outlook's copy), late or unconfirmed."""
        rows = self.filtered("is_local")
        if not rows:
            return {}
        # sudo: whoever reads a message may see what is on its way
        actions = self.env["mailbox.action"].sudo().search([("message_id", "in", rows.ids), ("kind", "=", "send")], order="id")
        late = (fields.Datetime.now() - timedelta(minutes=LATE_MINUTES)).timestamp()
        marks = {}
        for action in actions:
            match action.state:
                case "unconfirmed":
                    mark = "unconfirmed"
                case "done":
                    mark = "late" if action.acked < late else "waiting"
                case _:
                    mark = "sending"
            marks[action.message_id.id] = {"state": mark, "draft_id": action.draft_id.id or None}
        return marks


class ResUsers(models.Model):
    _inherit = "res.users"

    maildesk_undo_seconds = fields.Integer(
        "Seconds to Take a Mail Back", default=DELAY, help="How long MailDesk waits before it sends: 0 to 30."
    )

    _maildesk_undo = models.Constraint(
        f"CHECK (maildesk_undo_seconds BETWEEN 0 AND {MAX_DELAY})", f"MailDesk waits 0 to {MAX_DELAY} seconds before it sends."
    )

    @property
    def SELF_READABLE_FIELDS(self):  # noqa: N802 - Odoo's name
        return [*super().SELF_READABLE_FIELDS, "maildesk_undo_seconds"]

    @property
    def SELF_WRITEABLE_FIELDS(self):  # noqa: N802 - Odoo's name
        return [*super().SELF_WRITEABLE_FIELDS, "maildesk_undo_seconds"]
