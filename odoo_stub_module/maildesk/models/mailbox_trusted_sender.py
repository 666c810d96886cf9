"""Senders whose pictures a user wants to see at once. Kept by the methods of a message only (mailbox_message_reading)."""

from odoo import api, fields, models


class MailboxTrustedSender(models.Model):
    _name = "mailbox.trusted_sender"
    _description = "Sender Whose Pictures Are Shown"
    _rec_name = "address"
    _order = "address, id"

    user_id = fields.Many2one("res.users", required=True, ondelete="cascade")
    address = fields.Char(required=True)

    _sender_unique = models.UniqueIndex("(user_id, address)")

    @api.model
    def _is_trusted(self, address):
        # sudo: by the user's own id alone
        return bool(address) and bool(
            self.sudo().search_count([("user_id", "=", self.env.uid), ("address", "=", address.lower())], limit=1)
        )

    @api.model
    def _trust(self, address):
        if address and not self._is_trusted(address):
            # sudo: users keep this list by the named methods of a message that they read, for themselves alone
            self.sudo().create({"user_id": self.env.uid, "address": address.lower()})

    @api.model
    def _distrust(self, address):
        # sudo: as above
        self.sudo().search([("user_id", "=", self.env.uid), ("address", "=", (address or "").lower())]).unlink()
