from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    maildesk_connector_url = fields.Char("Connector URL", config_parameter="maildesk.connector_url")
    maildesk_connector_secret = fields.Char("Shared Secret", config_parameter="maildesk.connector_secret")
