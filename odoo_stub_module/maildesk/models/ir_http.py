"""What the web client knows at its start."""

from odoo import models


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    def session_info(self):
        """Say who uses MailDesk: the client of anybody else asks nothing of it."""
        return {**super().session_info(), "maildesk_user": self.env.user._has_group("maildesk.group_user")}
