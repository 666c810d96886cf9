"""The end of a mailbox and its rests: pause, disconnect, connect again, purge (docs/accounts.md).

```
 draft ──sign-in──▶ running ◀──resume──▶ paused
   ▲                   │                    │
   │                   └──── Delete ────────┤
   └─ connect again ── disconnected ◀───────┘
                            └── Purge ──▶ no record, no rows
```
"Running" is every state that the connector reports. Whatever leads out of it is a person's word, and a report never undoes it.
Deleting never destroys mail in silence: the first step takes the secrets and leaves the mail to its owner, the second is asked for by name.
"""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .mailbox_folder import ANEW

# States out of which a mailbox can be paused by a person; where a sign-in is missing nothing is fetched anyway.
PAUSABLE_STATES = ("connected", "error", "admin_required")
RUNNING_STATES = (*PAUSABLE_STATES, "reauth_required")

# What Outlook has not heard of yet, or what nobody knows whether it did.
OPEN_ACTION_STATES = ("scheduled", "pending", "running", "unconfirmed")

# Tables with rows of a mailbox, largest dependence first: deleted by account, and not row by row through cascades.
ROW_TABLES = ("mailbox_message_body", "mailbox_action", "mailbox_unreadable", "mailbox_conversation_link", "mailbox_message_index")


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    pause_reason = fields.Selection(
        [("person", "A person paused it"), ("owner", "Its owner's user is archived"), ("copy", "This is a copy of the database")],
        "Paused Because",
        readonly=True,
        copy=False,
    )
    is_owner_archived = fields.Boolean("Owner Archived", compute="_compute_is_owner_archived")

    @api.depends("owner_id.active")
    def _compute_is_owner_archived(self):
        for account in self:
            # sudo: whoever reads a mailbox may see that its owner is gone
            account.is_owner_archived = not account.sudo().owner_id.active

    # ------------------------------------------------------------------ pause and resume

    def action_pause(self):
        """Stop syncing until resumed; nothing is deleted."""
        self.check_access("write")
        # sudo: the state is set by methods only
        self.filtered(lambda account: account.state in PAUSABLE_STATES).sudo()._pause("person", self.env._("Paused"))
        return True

    def action_resume(self):
        """Go on where it stopped."""
        self.check_access("write")
        if away := self.filtered("is_owner_archived"):
            raise UserError(
                self.env._(
                    "The owner of %(names)s is an archived user. Unarchive the user, and the mailbox resumes by itself.",
                    names=_names(away),
                )
            )
        # sudo: the state is set by methods only
        self.filtered(lambda account: account.state == "paused").sudo()._resume()
        return True

    def _pause(self, reason, message):
        self.write({"state": "paused", "pause_reason": reason, "state_message": message})
        self._audit("paused", message if reason == "owner" else None)
        self._notify(account=True)

    def _resume(self):
        for account in self:
            account.pause_reason = False
            if account.token_sealed:
                account.write({"state": "connected", "state_message": "Connected"})
            else:
                # A copy of the database has no tokens.
                account.write({"state": "reauth_required", "state_message": "Outlook authentication expired, please re-authorize"})
        self._audit("resumed")
        self._notify(account=True)

    @api.model
    def _follow_owners(self, users):
        """Pause the mailboxes of users that were archived; resume those of users who are back, where nobody paused them."""
        # sudo: whoever administers users need not see mailboxes
        accounts = self.sudo().search([("owner_id", "in", users.ids)])
        away = accounts.filtered("is_owner_archived")
        away.filtered(lambda account: account.state in RUNNING_STATES)._pause("owner", self.env._("Paused: its owner is an archived user"))
        # Nobody who is locked out finishes a sign-in.
        away._drop_signins()
        (accounts - away).filtered(lambda account: account.state == "paused" and account.pause_reason == "owner")._resume()

    # ------------------------------------------------------------------ disconnect and connect again

    def unlink(self):  # pylint: disable=method-required-super
        """Disconnect: secrets go, mail stays readable by its owner until it is purged. One that never held anything is deleted."""
        self.check_access("unlink")
        self._refuse_ended()
        # sudo: whether there is anything, and removing it, is decided for administrators too, who see none of it
        unused = self.sudo().filtered(lambda account: account._is_unused())
        (self.sudo() - unused)._disconnect()
        unused._purge()
        return True

    def _refuse_ended(self):
        if ended := self.filtered(lambda account: account.state == "disconnected"):
            raise UserError(
                self.env._("%(names)s: already disconnected. To delete what Odoo still keeps of it, use “Purge”.", names=_names(ended))
            )

    def action_disconnect(self):
        """Do what Delete does, from a button that says so."""
        self.unlink()
        return self.env["ir.actions.actions"]._for_xml_id("maildesk.action_mailbox_account") | {"target": "main"}

    def action_connect_again(self):
        """Take a disconnected mailbox up and go to Microsoft."""
        self.ensure_one()
        self.maildesk_connect_again()
        return self.action_authorize()

    def maildesk_connect_again(self):
        """Take disconnected mailboxes up as they were: they wait for a sign-in, and their rows are found again by the sync."""
        self.check_access("write")
        for account in self:
            if not account.is_owner:
                raise AccessError(self.env._("Only its owner connects a mailbox again."))
            if account.state != "disconnected":
                raise UserError(self.env._("%(names)s is not disconnected.", names=_names(account)))
            if self.search_count([("owner_id", "=", account.owner_id.id), ("email", "=", account.email)], limit=1):
                raise UserError(self.env._("%(email)s is connected as another mailbox of yours already.", email=account.email))
            account._take_up({})
        return True

    @api.model
    def _disconnected_with(self, vals):
        """Return the disconnected mailbox that `vals` of a new one speak of, if there is one."""
        if not vals.get("email"):
            return self.browse()
        domain = [("owner_id", "=", vals.get("owner_id", self.env.uid)), ("email", "=", vals["email"]), ("state", "=", "disconnected")]
        return self.browse(self.with_context(active_test=False).search(domain, order="id desc", limit=1).ids)

    def _take_up(self, vals):
        """Make a disconnected mailbox one that waits for its sign-in."""
        # sudo: the state is set by methods only; `vals` passed the checks of a new mailbox
        self.sudo().write({**vals, "active": True, "state": "draft", "state_message": False})
        self._notify(account=True)

    def _disconnect(self):
        """Take all secrets and unfinished business of mailboxes out of Odoo, in this transaction; their mail stays.

        The connector wipes its own copies as soon as it hears of it (docs/protocol.md, `connector_exchange`).
        """
        # sudo: cursors, actions and sign-ins are nobody's to write
        accounts = self.sudo().filtered(lambda account: account.state != "disconnected").sorted("id")
        # In the order in which the connector's calls lock: accounts first, then the rows of their folders.
        accounts._lock(accounts.ids)
        accounts._audit("disconnected")
        # Before the shares end: those people hear of it too.
        accounts._notify(account=True)
        # The sequence of the token stays: a new sign-in counts on from it, and a backup with an older token is known as such.
        accounts.write(
            {
                "state": "disconnected",
                "state_message": self.env._("Disconnected"),
                "active": False,
                "token_sealed": False,
                "granted_scopes": False,
                "pause_reason": False,
                "sync_phase": False,
                "shared_user_ids": [fields.Command.clear()],
            }
        )
        accounts._begin_anew()
        actions = (
            self.env["mailbox.action"]
            .sudo()
            .search([("account_id", "in", accounts.ids), "|", ("state", "in", OPEN_ACTION_STATES), ("covers", "=", True)])
        )
        actions.filtered(lambda action: action.state in OPEN_ACTION_STATES)._end("cancelled")
        self.env["mailbox.draft"].sudo()._stop_sending(accounts)
        (settled := actions.filtered("covers")).write({"covers": False})
        settled._uncovered()
        self.env["mailbox.refresh"].sudo().search([("account_id", "in", accounts.ids)]).unlink()
        accounts._drop_signins()

    def _begin_anew(self):
        """Forget all cursors; whoever still builds on one is refused."""
        syncs = self.env["mailbox.folder.sync"]
        for account in self:
            syncs._lock(account.id)
        for row in syncs.search([("account_id", "in", self.ids)]):
            row.write({**ANEW, "revision": row.revision + 1})
        self.env["mailbox.folder"].search([("account_id", "in", self.ids), ("sync_state", "!=", "ok")]).write({"sync_state": "ok"})

    def _drop_signins(self):
        self.env["mailbox.signin"].search([("account_id", "in", self.ids)]).unlink()

    def _is_unused(self):
        """Tell whether a mailbox was never connected: there is nothing that deleting could destroy."""
        return self.state == "draft" and not self.with_context(active_test=False).folder_ids

    def _guard_kept(self, vals):
        """Keep what is left of a mailbox to the one that it came from, and to its owner."""
        for account in self:
            if account.state == "disconnected":
                raise UserError(self.env._("%(names)s is disconnected. Connect it again first.", names=_names(account)))
            if "email" in vals and vals["email"] != account.email and account.with_context(active_test=False).folder_ids:
                raise UserError(self.env._("There is mail of %(email)s here. Add another mailbox instead.", email=account.email))

    # ------------------------------------------------------------------ purge

    def maildesk_purge(self):
        """Delete disconnected mailboxes with everything that Odoo has of them; for the owner, and for administrators."""
        self.check_access("unlink")
        if going := self.filtered(lambda account: account.state != "disconnected"):
            raise UserError(self.env._("%(names)s: disconnect it first, then purge it.", names=_names(going)))
        # sudo: an administrator deletes what they may not read
        self.sudo()._purge()
        return True

    def action_purge(self):
        """Purge, and go on from the list: the record is gone."""
        self.maildesk_purge()
        return self.env["ir.actions.actions"]._for_xml_id("maildesk.action_mailbox_account") | {"target": "main"}

    def _purge(self):
        """Delete mailboxes and all their rows."""
        if not self:
            return
        self._audit("purged")
        self._notify(account=True)
        self._tell_connector(self.ids, is_urgent=True)
        self.env["mailbox.refresh"].search([("account_id", "in", self.ids)]).unlink()
        self.env["mail.message"].search([("model", "=", self._name), ("res_id", "in", self.ids)]).unlink()
        self.env.flush_all()
        for table in ROW_TABLES:
            self.env.cr.execute(f"DELETE FROM {table} WHERE account_id = ANY(%s)", [self.ids], log_exceptions=False)
        self.env.invalidate_all()
        super().unlink()  # pylint: disable=super-method-mismatch


def _names(accounts):
    return ", ".join(accounts.mapped("name"))
