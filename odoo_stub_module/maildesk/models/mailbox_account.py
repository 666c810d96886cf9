"""A mailbox that a user connected, and what its owner may do with it.

States that a person chose (`draft`, `paused`, `disconnected`) are left alone by the connector; all others are its reports.
"""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize

from ..connector_client import ConnectorClient
from ..wire import iso

# What an owner may set through the ORM; all else is set by methods.
OWNER_FIELDS = {"name", "email", "shared_user_ids", "tenant", "signature"}

# Changes of these are for the connector to hear of.
CONFIG_FIELDS = {"email", "state", "active", "token_sealed", "owner_id", "tenant", "mailbox_id"}


class MailboxAccount(models.Model):
    _name = "mailbox.account"
    _description = "Mailbox Account"
    _order = "sequence, id"

    name = fields.Char(required=True, help="How this mailbox is called in MailDesk.")
    email = fields.Char("Address", required=True)
    provider = fields.Selection([("outlook", "Outlook")], required=True, default="outlook")
    sequence = fields.Integer(default=10)
    # False for disconnected mailboxes and for no others: there is nothing else that archiving would mean.
    active = fields.Boolean(default=True, readonly=True, copy=False)
    owner_id = fields.Many2one("res.users", required=True, index=True, default=lambda self: self.env.user, ondelete="cascade")
    shared_user_ids = fields.Many2many(
        "res.users",
        "mailbox_account_shared_user_rel",
        "account_id",
        "user_id",
        "Shared With",
        domain=[("share", "=", False)],
        help="They read this mailbox as its owner does.",
    )
    state = fields.Selection(
        [
            ("draft", "Not Connected"),
            ("connected", "Connected"),
            ("reauth_required", "Sign-in Needed"),
            ("admin_required", "Administrator Needed"),
            ("error", "Error"),
            ("paused", "Paused"),
            ("disconnected", "Disconnected"),
        ],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
    )
    state_message = fields.Char("Status", readonly=True, copy=False)
    last_sync_at = fields.Datetime("Last Sync", readonly=True, copy=False)
    sync_phase = fields.Selection(
        [
            ("discovering", "Reading the folders"),
            ("bootstrapping", "Fetching the newest mail"),
            ("backfilling", "Fetching older mail"),
            ("up_to_date", "Up to date"),
        ],
        readonly=True,
        copy=False,
    )
    backfill_done = fields.Integer("Mails in MailDesk", readonly=True, copy=False)
    backfill_total = fields.Integer("Mails in Outlook", readonly=True, copy=False)
    backfill_progress = fields.Float("Progress", compute="_compute_backfill_progress")
    unread_count = fields.Integer("Unread", compute="_compute_unread_count")
    unreadable_count = fields.Integer("Could Not Be Read", compute="_compute_unreadable_count")
    granted_scopes = fields.Char("Permissions", readonly=True, copy=False)
    tenant = fields.Char(
        help="Where it signs in at Microsoft: common, organizations, consumers, or a tenant's id or domain; empty: as the connector is set."
    )
    folder_ids = fields.One2many("mailbox.folder", "account_id", "Folders")
    is_owner = fields.Boolean(compute="_compute_is_owner")
    may_manage = fields.Boolean(compute="_compute_is_owner", help="Its owner and administrators pause it, resume it and see who did what.")

    # The connector's own. Sealed, and still nobody reads them by RPC.
    token_sealed = fields.Text(groups=fields.NO_ACCESS, copy=False)
    token_seq = fields.Integer(groups=fields.NO_ACCESS, copy=False)
    # Microsoft's own name of the mailbox behind the address: of two accounts that have the same one only one is synced.
    mailbox_id = fields.Char(groups=fields.NO_ACCESS, copy=False)
    config_changed_at = fields.Datetime(groups=fields.NO_ACCESS, copy=False, index=True, default=fields.Datetime.now)

    _owner_email_unique = models.UniqueIndex("(owner_id, lower(email)) WHERE active", "You already have a mailbox with this address.")

    @api.depends("backfill_done", "backfill_total")
    def _compute_backfill_progress(self):
        for account in self:
            account.backfill_progress = 100.0 * account.backfill_done / account.backfill_total if account.backfill_total else 0.0

    def _compute_unread_count(self):
        # sudo: whoever reads the account may see its counts
        inboxes = self.env["mailbox.folder"].sudo().search([("account_id", "in", self.ids), ("role", "=", "inbox")])
        unread = {folder.account_id.id: folder.unread_count for folder in inboxes}
        for account in self:
            account.unread_count = unread.get(account.id, 0)

    def _compute_unreadable_count(self):
        # sudo: how many there are is for whoever reads the account, as its other counts are
        model = self.env["mailbox.unreadable"].sudo()
        counts = dict(model._read_group([("account_id", "in", self.ids)], ["account_id"], ["__count"]))
        for account in self:
            account.unreadable_count = counts.get(account, 0)

    @api.depends_context("uid")
    @api.depends("owner_id")
    def _compute_is_owner(self):
        is_admin = self.env.user.has_group("maildesk.group_admin")
        for account in self:
            account.is_owner = account.owner_id == self.env.user
            account.may_manage = is_admin or account.is_owner

    @api.constrains("shared_user_ids")
    def _check_shared_users(self):
        for account in self:
            # sudo: what users are is not for everybody to read
            if outsiders := account.sudo().shared_user_ids.filtered("share"):
                names = ", ".join(outsiders.mapped("name"))
                raise ValidationError(self.env._("A mailbox is shared with colleagues only; not with %s.", names))

    @api.constrains("email")
    def _check_email(self):
        for account in self:
            if email_normalize(account.email) != account.email:
                raise ValidationError(self.env._("“%s” is not an address such as anna@example.com.", account.email))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._guard(vals)
            if not self.env.su and vals.get("owner_id", self.env.uid) != self.env.uid:
                raise AccessError(self.env._("A mailbox belongs to the user who connects it."))
            self._tidy(vals)
        self._refuse_known([(vals.get("owner_id", self.env.uid), vals.get("email")) for vals in vals_list])
        # A mailbox that is connected again is the one that it was: its rows are here.
        known = {place: account for place, vals in enumerate(vals_list) if (account := self._disconnected_with(vals))}
        for place, account in known.items():
            account._take_up(vals_list[place])
        made = super().create([vals for place, vals in enumerate(vals_list) if place not in known])
        if not self.env.su:
            made._check_new()
        for account in made:
            account._shares_changed(self.env["res.users"])
        rest = iter(made)
        return made.browse().concat(*(known[place] if place in known else next(rest) for place in range(len(vals_list))))

    def write(self, vals):
        self._guard(vals)
        if not self.env.su:
            self._guard_owned(vals)
        self._tidy(vals)
        if vals.get("email"):
            self._refuse_known([(account.owner_id.id, vals["email"]) for account in self], apart_from=self.ids)
        shared_before = {account: account.shared_user_ids for account in self} if "shared_user_ids" in vals else {}
        result = super().write(vals)
        if CONFIG_FIELDS & vals.keys():
            # sudo: the connector's own field, which nobody sets
            self.sudo()._config_changed(is_urgent=vals.get("state") == "disconnected")
        for account, before in shared_before.items():
            account._shares_changed(before)
        return result

    @api.model
    def _guard(self, vals):
        """Let users set what is theirs; states and tokens are set by methods."""
        # An import names the id; the ORM leaves it alone.
        if not self.env.su and (strange := vals.keys() - OWNER_FIELDS - {"id", "owner_id", "provider", "sequence"}):
            raise AccessError(self.env._("These fields are set by MailDesk itself: %s", ", ".join(sorted(strange))))

    def _check_new(self):
        """Refuse a new mailbox in which a default (of the call's context, or of the user's own) set what users do not set."""
        allowed = OWNER_FIELDS | {"provider", "sequence", "config_changed_at", *models.MAGIC_COLUMNS}
        closed = [name for name, field in self._fields.items() if field.store and name not in allowed]
        new = {"owner_id": self.env.user, "state": "draft", "active": True}
        # sudo: users do not read all of these
        for account in self.sudo():
            if strange := [name for name in closed if (account[name] or False) != new.get(name, False)]:
                raise AccessError(self.env._("These fields are set by MailDesk itself: %s", ", ".join(sorted(strange))))

    def _guard_owned(self, vals):
        """Keep a mailbox with its owner: who may read it, and whose it is, no administrator changes."""
        if "owner_id" in vals and any(account.owner_id.id != vals["owner_id"] for account in self):
            raise AccessError(self.env._("A mailbox belongs to the user who connected it."))
        if "shared_user_ids" in vals and any(not account.is_owner for account in self):
            raise AccessError(self.env._("Only its owner shares a mailbox."))
        if "email" in vals and any(account.state != "draft" and email_normalize(vals["email"]) != account.email for account in self):
            raise UserError(self.env._("The address of a connected mailbox cannot be changed. Add another mailbox instead."))
        if vals.keys() & {"email", "shared_user_ids"}:
            self._guard_kept(vals)

    @api.model
    def _tidy(self, vals):
        if vals.get("email"):
            vals["email"] = email_normalize(vals["email"]) or vals["email"].strip()

    @api.model
    def _refuse_known(self, wanted, apart_from=()):
        """Refuse an owner's address that is here already, each as (owner, address): PostgreSQL would log its refusal, with the address."""
        for place, (owner_id, email) in enumerate(wanted):
            if not email:
                continue
            known = [("owner_id", "=", owner_id), ("email", "=", email), ("id", "not in", apart_from), ("active", "=", True)]
            if (owner_id, email) in wanted[:place] or self.search_count(known, limit=1):
                raise ValidationError(self.env._("You already have a mailbox with this address."))

    # ------------------------------------------------------------------ what people do

    def action_authorize(self):
        """Send the browser to Microsoft's sign-in (buttons "Authorize Outlook" and "Re-Authorize Outlook")."""
        self.ensure_one()
        self.check_access("write")
        if not self.is_owner:
            raise AccessError(self.env._("Only its owner signs in to a mailbox."))
        return {"type": "ir.actions.act_url", "url": f"/maildesk/outlook/authorize/{self.id}", "target": "self"}

    def action_open_app(self):
        """Open MailDesk."""
        self.check_access("read")
        return self.env["ir.actions.actions"]._for_xml_id("maildesk.action_maildesk_app")

    def action_refresh(self):
        """Ask for a cycle now."""
        self.maildesk_refresh(self.ids)
        return True

    def action_unreadable(self):
        """Show the messages that could not be read."""
        self.ensure_one()
        self.check_access("read")
        if not self.filtered_domain(self._readable()):
            raise AccessError(self.env._("The mail of this mailbox is not shared with you."))
        action = self.env["ir.actions.actions"]._for_xml_id("maildesk.action_mailbox_unreadable")
        return {**action, "domain": [("account_id", "=", self.id)]}

    def action_audit(self):
        """Show what was done with this mailbox, and by whom."""
        self.ensure_one()
        self.check_access("read")
        if not self.may_manage:
            raise AccessError(self.env._("Who did what with a mailbox is for its owner and administrators."))
        action = self.env["ir.actions.actions"]._for_xml_id("maildesk.action_mailbox_audit")
        return {**action, "domain": [("account_id", "=", self.id)]}

    @api.model
    def maildesk_overview(self):
        """Return the accounts whose mail the user reads, their folders, and whether a connector is there (docs/protocol.md, section 4)."""
        accounts = self.search(self._readable())
        # And those that were the user's: what is here of them stays readable.
        accounts |= self.with_context(active_test=False).search([("owner_id", "=", self.env.uid), ("state", "=", "disconnected")])
        folders = self.env["mailbox.folder"].search([("account_id", "in", accounts.ids)])
        rows = {account.id: [] for account in accounts}
        for folder in folders:
            rows[folder.account_id.id].append(folder._to_app())
        over = self.env["mailbox.action"]._over_folders
        return {
            "accounts": [{**account._to_app(), "folders": over(rows[account.id])} for account in accounts],
            "connector": self.env["mailbox.connector"]._standing(),
        }

    @api.model
    def _readable(self):
        """Return the domain of mailboxes whose mail the user reads; an administrator sees others too, without their mail."""
        return Domain("owner_id", "=", self.env.uid) | Domain("shared_user_ids", "in", self.env.uid)

    @api.model
    def _readable_by_id(self, account_id):
        """Return a mailbox if the user reads its mail and it is not over, else an empty recordset."""
        return self.search(self._readable() & Domain("id", "=", int(account_id)) & Domain("state", "!=", "disconnected"))

    def _note_opened(self):
        """Note that the user reads a mailbox of another's, as reading its rows does."""
        self.env["mailbox.audit"]._opened("mailbox_folder", SQL("account_id = %s", self.id))

    def _to_app(self):
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "state": self.state,
            "state_message": self.state_message or "",
            "sync_phase": self.sync_phase or None,
            "last_sync_at": iso(self.last_sync_at),
            "unread_count": self.unread_count,
            "backfill_done": self.backfill_done,
            "backfill_total": self.backfill_total,
            "unreadable_count": self.unreadable_count,
            "is_owner": self.is_owner,
            "permissions": self._permissions(),
        }

    @api.model
    def maildesk_refresh(self, account_ids=None, folder_id=None):
        """Ask the connector for a cycle now, of all mailboxes whose mail the user reads, or of some that they see."""
        chosen = Domain("id", "in", account_ids) if account_ids else self._readable()
        accounts = self.search(chosen & Domain("state", "in", ("connected", "error", "admin_required")))
        folder = self.env["mailbox.folder"].browse(folder_id or []).exists()
        folder.check_access("read")
        # sudo: whoever may read a mailbox may ask for its news
        self.env["mailbox.refresh"].sudo().create([{"account_id": account.id} for account in accounts])
        self._tell_connector(accounts.ids, reason="refresh", folder=folder.remote_id or None)
        return True

    # ------------------------------------------------------------------ inside

    @api.model
    def _redirect_base(self, *, freeze=True):
        """Return the address of Odoo that is registered at Microsoft: frozen at first use, since web.base.url moves."""
        # sudo: system parameters are for administrators
        params = self.env["ir.config_parameter"].sudo()
        base = params.get_param("maildesk.redirect_base")
        if not base:
            base = params.get_param("web.base.url")
            if freeze:
                params.set_param("maildesk.redirect_base", base)
        return base.rstrip("/")

    @api.model
    def _redirect_uri(self):
        """Return what an administrator registers at Microsoft."""
        return self._redirect_base(freeze=False) + "/maildesk/outlook/callback"

    @api.model
    def _tell_connector(self, account_ids, *, reason="changed", folder=None, is_urgent=False):
        """Wake the connector after commit: a hint, never an error (the exchange finds out by itself within ten seconds).

        `is_urgent`: what has to be wiped there is told even right after a hint that failed.
        """
        client = ConnectorClient.of(self.env)
        if client is not None and account_ids:
            urgency = {"is_urgent": True} if is_urgent else {}
            self.env.cr.postcommit.add(lambda: client.wake(account_ids, reason, folder, **urgency))

    def _config_changed(self, *, is_urgent=False):
        """Let the connector hear of a change; `is_urgent` as in `_tell_connector`."""
        self._write_unheard({"config_changed_at": fields.Datetime.now()})
        self._tell_connector(self.ids, is_urgent=is_urgent)

    def _signed_in(self, outcome):
        """Note a finished sign-in: state and sealed token in one transaction (docs/protocol.md, 2.2)."""
        self.ensure_one()
        if self.state == "disconnected":
            # Somebody pressed Delete while Microsoft was being asked: that is the later word.
            raise UserError(self.env._("This mailbox was disconnected meanwhile. Press “Connect Again” to connect it."))
        token = outcome["token"]
        if not isinstance(token.get("sealed"), str) or not isinstance(token.get("seq"), int):
            raise UserError(self.env._("The connector gave no token."))
        event = "connected" if self.state in ("draft", "disconnected") else "reauthorized"
        self.write(
            {
                "state": "connected",
                "state_message": "Connected",
                "token_sealed": token["sealed"],
                "token_seq": token["seq"],
                "granted_scopes": " ".join(outcome.get("scopes") or []),
                "mailbox_id": outcome.get("mailbox_id") or False,
                "home_tenant": outcome.get("tenant") or False,
                "alias_addresses": self._aliases(outcome.get("aliases")),
                "active": True,
            }
        )
        self._audit(event)
        self._notify(account=True)

    def _audit(self, event, detail=None):
        """Add to the audit list what the current user did with these mailboxes; `detail` never says anything of a mail."""
        self.env["mailbox.audit"]._add(event, self.ids, detail)

    def _shares_changed(self, before):
        """Note whom a mailbox is shared with from now on and whom no more, and let their open tabs show it at once."""
        added, removed = self.shared_user_ids - before, before - self.shared_user_ids
        for event, users in (("shared", added), ("unshared", removed)):
            for user in users:
                self._audit(event, user.name)
        if added or removed:
            self._notify(account=True)
            # They are not of its people any more: told once, so that the app reads again what they may see.
            self._tell(removed.partner_id, account=True)

    def _people(self):
        """Return the partners whose channels hear of this mailbox."""
        return (self.owner_id | self.shared_user_ids).partner_id

    def _write_unheard(self, vals):
        """Write without telling the connector: it said so itself."""
        return super().write(vals)  # pylint: disable=super-method-mismatch

    def _notify(self, *, folder_ids=(), message_ids=(), account=False, new_ids=()):
        """Tell the owner and each shared user what changed, after commit."""
        for mailbox in self:
            mailbox._tell(mailbox._people(), folder_ids=folder_ids, message_ids=message_ids, account=account, new_ids=new_ids)

    def _tell(self, partners, *, folder_ids=(), message_ids=(), account=False, new_ids=()):
        """Send ids and counts to people's own channels (docs/protocol.md, section 3)."""
        partners._bus_send(
            "maildesk/changed",
            {
                "account_id": self.id,
                "folder_ids": sorted(folder_ids),
                "message_ids": sorted(message_ids) if len(message_ids) <= 200 else None,
                "account": account,
                "new_ids": list(new_ids),
            },
        )
