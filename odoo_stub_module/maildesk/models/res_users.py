"""What becomes of a user's mailboxes when the user goes."""

from odoo import models


class ResUsers(models.Model):
    _inherit = "res.users"

    def write(self, vals):
        done = super().write(vals)
        if "active" in vals:
            self.env["mailbox.account"]._follow_owners(self)
        return done

    def unlink(self):
        # The rows would go by the foreign key alone; but the connector has to hear of it, and the audit to tell it.
        # sudo: whoever deletes a user deletes what is theirs
        accounts = self.env["mailbox.account"].sudo().with_context(active_test=False).search([("owner_id", "in", self.ids)])
        accounts._disconnect()
        accounts._purge()
        return super().unlink()
