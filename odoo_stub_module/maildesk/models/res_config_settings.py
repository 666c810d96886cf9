"""Settings: where the connector is, and what to register at Microsoft."""

from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    maildesk_connector_url = fields.Char("Connector URL", config_parameter="maildesk.connector_url")
    maildesk_connector_secret = fields.Char("Shared Secret", config_parameter="maildesk.connector_secret")
    maildesk_redirect_uri = fields.Char("Redirect URI", compute="_compute_maildesk_redirect_uri")

    def _compute_maildesk_redirect_uri(self):
        for settings in self:
            settings.maildesk_redirect_uri = self.env["mailbox.account"]._redirect_uri()
