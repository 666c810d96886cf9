"""Settings, MailDesk, "Connect the Sidecar": makes the technical user, its API key and the shared secret, and shows the YAML once.

The API key is stored nowhere in clear, not even in this wizard's row: it goes to the browser in the action that opens the last page, as
Odoo's own wizard for API keys does. The shared secret is a system parameter: Odoo needs it to ask the connector.
"""

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.addons.base.models.res_users import check_identity
from odoo.exceptions import AccessError, UserError

from ..connector_yaml import is_loopback, new_key_lines, whole_configuration
from ..models.connector_user import LOGIN

DEFAULT_URL = "http://127.0.0.1:8071"


class MaildeskConnect(models.TransientModel):
    _name = "maildesk.connect"
    _description = "Connect the MailDesk Connector"

    purpose = fields.Selection([("connect", "Connect the Sidecar"), ("new_key", "New Key")], required=True, default="connect")
    connector_url = fields.Char(
        "Connector's Address",
        required=True,
        default=lambda self: self._params().get_param("maildesk.connector_url") or DEFAULT_URL,
        help="Where Odoo reaches the connector. On the same machine leave it as it is.",
    )
    odoo_url = fields.Char(
        "Odoo's Address",
        required=True,
        default=lambda self: self._params().get_param("web.base.url"),
        help="Where the connector reaches Odoo. On the same machine http://127.0.0.1:8069 is the shortest way.",
    )
    validity = fields.Selection(
        [("never", "Does not expire"), ("90", "3 months"), ("180", "6 months"), ("365", "1 year"), ("date", "Until a date")],
        "Valid For",
        required=True,
        default="never",
    )
    expiration_date = fields.Date("Valid Until")
    has_secret = fields.Boolean(default=lambda self: bool(self._params().get_param("maildesk.connector_secret")))
    is_secret_new = fields.Boolean(
        "New Shared Secret", help="Otherwise the one that Odoo and the connector have now stays, and is shown in the YAML."
    )
    is_known = fields.Boolean(default=lambda self: self.env["mailbox.hello"]._has_come(), help="A sidecar has reported here before.")
    is_unencrypted = fields.Boolean(compute="_compute_is_unencrypted")

    @api.depends("connector_url")
    def _compute_is_unencrypted(self):
        for wizard in self:
            parts = _split(wizard.connector_url)
            wizard.is_unencrypted = bool(parts and parts.scheme == "http" and not is_loopback(parts.hostname))

    def action_make(self):
        """Make what is missing, and show what to paste."""
        # Before the password is asked for: nobody else is to be asked for it.
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(self.env._("Only an administrator of Odoo connects the sidecar."))
        return self._make()

    @check_identity
    def _make(self):
        """Do it, once the administrator has given the password again."""
        self.ensure_one()
        text = self._new_key() if self.purpose == "new_key" else self._connect()
        return {
            "type": "ir.actions.act_window",
            "res_model": "maildesk.connect.show",
            "name": self.env._("Paste This Once"),
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_purpose": self.purpose,
                "default_is_known": self.env["mailbox.hello"]._has_come(),
                "default_yaml": text,
                "dialog_size": "large",
            },
        }

    def _connect(self):
        """Set up user, key and secret; return the whole configuration."""
        for name, url in ((self.env._("Connector's Address"), self.connector_url), (self.env._("Odoo's Address"), self.odoo_url)):
            parts = _split(url)
            if parts is None or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
                raise UserError(self.env._("%s: wants an address such as https://host.example.com:8071, without a path.", name))
        expiration = self._expiration()
        params = self._params()
        secret = params.get_param("maildesk.connector_secret")
        if not secret or self.is_secret_new:
            secret = secrets.token_urlsafe(32)
            params.set_param("maildesk.connector_secret", secret)
        params.set_param("maildesk.connector_url", self.connector_url.rstrip("/"))
        return whole_configuration(
            odoo_url=self.odoo_url,
            database=self.env.cr.dbname,
            login=LOGIN,
            api_key=self.env["res.users.apikeys"]._maildesk_make(expiration),
            connector_url=self.connector_url,
            secret=secret,
            redirect_uri=self.env["mailbox.account"]._redirect_uri(),
            is_known=self.env["mailbox.hello"]._has_come(),
        )

    def _new_key(self):
        """Make a key beside the one in use; return what changes in the configuration."""
        return new_key_lines(self.env["res.users.apikeys"]._maildesk_make(self._expiration()))

    def _expiration(self):
        """Return when the key ends; None: never."""
        if self.validity == "never":
            return None
        if self.validity != "date":
            return fields.Datetime.now() + timedelta(days=int(self.validity))
        if not self.expiration_date or self.expiration_date <= fields.Date.today():
            raise UserError(self.env._("Valid Until: wants a day to come."))
        return fields.Datetime.to_datetime(self.expiration_date)

    @api.model
    def _params(self):
        # sudo: read for a default, written by an administrator only (`action_make`)
        return self.env["ir.config_parameter"].sudo()


class MaildeskConnectShow(models.AbstractModel):
    _name = "maildesk.connect.show"
    _description = "What to Paste into the Connector's Configuration"

    # Abstract: there is no table that what is shown could be stored in. The id is for the onchange that returns the values.
    id = fields.Id()
    purpose = fields.Char(readonly=True)
    is_known = fields.Boolean(readonly=True)
    yaml = fields.Text(readonly=True)


def _split(url):
    """Return the parts of an http or https URL, or None."""
    try:
        parts = urlsplit((url or "").strip())
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if fits else None
