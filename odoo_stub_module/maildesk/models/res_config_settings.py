"""Settings: where the connector is, how it stands, and what to register at Microsoft.

Nothing here is a `config_parameter`: the wizard writes the same parameters while this form is open, and such a field would put the old
value back when the form is saved.
"""

import re

from odoo import fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import human_size

from ..connector_client import ConnectorClient

PARAMETERS = {
    "maildesk_connector_url": "maildesk.connector_url",
    "maildesk_connector_secret": "maildesk.connector_secret",
    "maildesk_connector_ca": "maildesk.connector_ca",
    "maildesk_accel": "maildesk.accel",
}

# A path: what stands here becomes a header.
ACCEL = re.compile(r"(/[A-Za-z0-9_-]+)+/?")


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    maildesk_connector_url = fields.Char("Connector URL", compute="_compute_maildesk_connector", inverse="_inverse_maildesk_connector_url")
    maildesk_connector_secret = fields.Char(
        "Shared Secret", compute="_compute_maildesk_connector", inverse="_inverse_maildesk_connector_secret"
    )
    maildesk_connector_ca = fields.Char(
        "CA Certificate",
        compute="_compute_maildesk_connector",
        inverse="_inverse_maildesk_connector_ca",
        help="Path, on Odoo's machine, of the PEM file that the connector's certificate is checked against. Empty: the system's own.",
    )
    maildesk_accel = fields.Char(
        "Attachments by the Proxy",
        compute="_compute_maildesk_connector",
        inverse="_inverse_maildesk_accel",
        help="The internal location of the reverse proxy that leads to the connector, such as /maildesk-content (docs/attachments.md). "
        "Empty: attachments pass through Odoo, two large ones at a time.",
    )
    maildesk_redirect_uri = fields.Char("Redirect URI", compute="_compute_maildesk_redirect_uri")
    maildesk_sidecar_state = fields.Selection(
        [
            ("off", "Not set up yet"),
            ("waiting", "Never seen"),
            ("running", "Running"),
            ("stopped", "Stopped"),
            ("silent", "Not heard from"),
        ],
        "Sidecar",
        compute="_compute_maildesk_sidecar",
    )
    maildesk_sidecar_seen_at = fields.Datetime("Last Seen", compute="_compute_maildesk_sidecar")
    maildesk_sidecar_version = fields.Char("Version", compute="_compute_maildesk_sidecar")
    maildesk_sidecar_trouble = fields.Char("Trouble", compute="_compute_maildesk_sidecar")
    maildesk_key_expires_at = fields.Datetime("Key Expires", compute="_compute_maildesk_sidecar")
    maildesk_is_key_soon = fields.Boolean(compute="_compute_maildesk_sidecar")
    maildesk_is_key_unused = fields.Boolean(compute="_compute_maildesk_sidecar")
    maildesk_body_cache = fields.Char("Kept Now", compute="_compute_maildesk_body_cache")

    def _compute_maildesk_connector(self):
        # sudo: system parameters, for a form that only administrators open
        get = self.env["ir.config_parameter"].sudo().get_param
        for settings in self:
            for field, parameter in PARAMETERS.items():
                settings[field] = get(parameter)

    def _inverse_maildesk_connector_url(self):
        self._maildesk_set("maildesk_connector_url")

    def _inverse_maildesk_connector_secret(self):
        self._maildesk_set("maildesk_connector_secret")

    def _inverse_maildesk_connector_ca(self):
        self._maildesk_set("maildesk_connector_ca")

    def _inverse_maildesk_accel(self):
        for settings in self:
            if settings.maildesk_accel and not ACCEL.fullmatch(settings.maildesk_accel.strip()):
                raise ValidationError(
                    self.env._("The location of the proxy is a path such as /maildesk-content: letters, digits, “-”, “_” and “/”.")
                )
        self._maildesk_set("maildesk_accel")

    def _maildesk_set(self, field):
        for settings in self:
            value = (settings[field] or "").strip()
            self.env["ir.config_parameter"].set_param(PARAMETERS[field], value.rstrip("/") if field.endswith("_url") else value)

    def _compute_maildesk_redirect_uri(self):
        for settings in self:
            settings.maildesk_redirect_uri = self.env["mailbox.account"]._redirect_uri()

    def _compute_maildesk_sidecar(self):
        sidecar = self.env["mailbox.hello"]._sidecar()
        for settings in self:
            settings.maildesk_sidecar_state = sidecar["state"]
            settings.maildesk_sidecar_seen_at = sidecar["seen_at"]
            settings.maildesk_sidecar_version = sidecar["version"]
            settings.maildesk_sidecar_trouble = sidecar["trouble"]
            settings.maildesk_key_expires_at = sidecar["key_expires_at"]
            settings.maildesk_is_key_soon = sidecar["is_key_soon"]
            settings.maildesk_is_key_unused = sidecar["is_key_unused"]

    def _compute_maildesk_body_cache(self):
        size = self.env["mailbox.message_body"]._cache_size()
        kept = self.env._("%(count)s messages, %(size)s", count=size["count"], size=human_size(size["bytes"]))
        for settings in self:
            settings.maildesk_body_cache = kept

    def maildesk_test(self):
        """Ask the connector, and tell what happened (button "Test")."""
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(self.env._("Only an administrator of Odoo tests the connection."))
        seen = ConnectorClient.check(self.env)
        said = {
            "ok": self.env._("The connector answers, and both have the same secret."),
            "not_configured": self.env._("There is no address or no secret of the connector yet."),
            "unreachable": self.env._("The connector does not answer: is it running, and is its address right?"),
            "untrusted": self.env._("The connector's certificate is not trusted: enter the file that it is to be checked against."),
            "unauthorized": self.env._("The connector has another secret (server.secret in its configuration)."),
            "not_connector": self.env._("What answers there is no MailDesk connector, or another version of it."),
        }[seen["outcome"]]
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"message": said, "type": "success" if seen["outcome"] == "ok" else "danger", "sticky": False},
        }
