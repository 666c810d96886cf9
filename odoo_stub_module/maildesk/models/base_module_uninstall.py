"""Odoo's dialog before an uninstall: says what goes with MailDesk, and what does not."""

from odoo import api, fields, models

from .mailbox_account_life import OPEN_ACTION_STATES


class BaseModuleUninstall(models.TransientModel):
    _inherit = "base.module.uninstall"

    maildesk_is_lost = fields.Boolean(compute="_compute_maildesk_loss")
    maildesk_account_count = fields.Integer("Mailboxes", compute="_compute_maildesk_loss")
    maildesk_message_count = fields.Integer("Messages", compute="_compute_maildesk_loss")
    maildesk_action_count = fields.Integer("Unsent actions", compute="_compute_maildesk_loss")

    @api.depends("module_ids")
    def _compute_maildesk_loss(self):
        # sudo: numbers only, for whoever may uninstall; whose mailboxes they are is not told
        model = self.sudo().with_context(active_test=False).env
        for wizard in self:
            is_lost = "maildesk" in wizard._get_modules().mapped("name")
            wizard.maildesk_is_lost = is_lost
            wizard.maildesk_account_count = is_lost and model["mailbox.account"].search_count([])
            wizard.maildesk_message_count = is_lost and model["mailbox.message_index"].search_count([])
            wizard.maildesk_action_count = is_lost and model["mailbox.action"].search_count([("state", "in", OPEN_ACTION_STATES)])
