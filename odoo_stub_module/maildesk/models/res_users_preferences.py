"""How a user wants to hear of new mail."""

from odoo import fields, models


class ResUsers(models.Model):
    _inherit = "res.users"

    maildesk_notify = fields.Selection(
        [("off", "Not at all"), ("toast", "A notice in Odoo"), ("browser", "A notification of the browser")],
        "New Mail in MailDesk",
        default="off",
        help="How you hear of mail that has just come into one of your Inboxes, wherever in Odoo you are.",
    )

    @property
    def SELF_READABLE_FIELDS(self):  # noqa: N802 - Odoo's name
        return [*super().SELF_READABLE_FIELDS, "maildesk_notify"]

    @property
    def SELF_WRITEABLE_FIELDS(self):  # noqa: N802 - Odoo's name
        return [*super().SELF_WRITEABLE_FIELDS, "maildesk_notify"]
