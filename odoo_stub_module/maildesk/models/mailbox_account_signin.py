"""What a sign-in leaves on an account: mailbox, permissions and organisation at Microsoft; and what asks for the next one."""

import logging
import re

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import email_normalize

_logger = logging.getLogger(__name__)

# A kind of account, or a tenant's id or domain: it becomes a part of a URL (the connector checks it as well).
TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")

# Addresses of one mailbox: Exchange allows some hundred, nobody chooses among them.
MAX_ALIASES = 50


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    home_tenant = fields.Char("Organisation at Microsoft", readonly=True, copy=False, help="The tenant in which this mailbox signed in.")
    alias_addresses = fields.Json(readonly=True, copy=False, help="What else the mailbox is known by: it may be chosen as the sender.")
    permissions = fields.Char("Permitted", compute="_compute_permissions", help="What Microsoft lets MailDesk do in this mailbox.")

    # The last guard; the connector refuses before anything is kept.
    _mailbox_unique = models.UniqueIndex(
        "(mailbox_id) WHERE mailbox_id IS NOT NULL AND state NOT IN ('draft', 'disconnected')",
        "This Microsoft mailbox is connected already.",
    )

    @api.depends("granted_scopes")
    def _compute_permissions(self):
        for account in self:
            match account._permissions():
                case {"write": True, "send": True}:
                    account.permissions = self.env._("Read, change and send")
                case {"write": True}:
                    account.permissions = self.env._("Read and change")
                case {"send": True}:
                    account.permissions = self.env._("Read and send")
                case _:
                    account.permissions = self.env._("Read only") if account.granted_scopes else False

    @api.constrains("tenant")
    def _check_tenant(self):
        for account in self:
            if account.tenant and not TENANT.fullmatch(account.tenant):
                raise ValidationError(
                    self.env._(
                        "“%s” is no tenant. Enter an id, a domain such as example.com, or one of: common, organizations, consumers.",
                        account.tenant,
                    )
                )

    def _permissions(self):
        """Return what the app may offer: Entra names a permission at the end of a scope, with the resource before it or not."""
        granted = {scope.rpartition("/")[2].lower() for scope in (self.granted_scopes or "").split()}
        return {"write": "mail.readwrite" in granted, "send": "mail.send" in granted}

    @api.model
    def _aliases(self, addresses):
        """Return the addresses that a sign-in told, those that are some."""
        found = [email_normalize(one) for one in addresses or [] if isinstance(one, str)]
        return list(dict.fromkeys(one for one in found if one))[:MAX_ALIASES]

    def _connect_as(self, address):
        """Let a mailbox that was never connected be the one that signed in. Raises `UserError`."""
        self.ensure_one()
        normal = email_normalize(address or "")
        if self.state != "draft" or not normal:
            raise UserError(self.env._("This mailbox is connected already, or that is no address."))
        self.email = normal

    def _ask_to_reauthorize(self):
        """Tell the owner, once for as long as the state lasts: the caller knows that the state is new. Never text or address of a mail."""
        for account in self:
            env = self.with_context(lang=account.owner_id.lang).env
            sentence = env._("Outlook authentication expired, please re-authorize")
            body = Markup("<p>%s</p><p><a href='/odoo/maildesk'>%s</a></p>") % (sentence, env._("Open MailDesk"))
            try:
                # A mail server or an addon in its way must not keep the reports of all other mailboxes from being taken.
                with self.env.cr.savepoint():
                    env["mail.thread"].message_notify(
                        partner_ids=account.owner_id.partner_id.ids,
                        subject=sentence,
                        body=body,
                        # Of no record: its name, which may be an address, would go along by the bus.
                        author_id=self.env.ref("base.partner_root").id,
                        # By the queue: the connector waits for this transaction's end.
                        force_send=False,
                    )
            except Exception as error:  # noqa: BLE001 - see above; the banner in the app says the same
                _logger.warning("account %d: its owner could not be notified (%s)", account.id, type(error).__name__)
