"""What Odoo says of a record that somebody may not see."""

import logging

from odoo import models
from odoo.exceptions import AccessError

_logger = logging.getLogger(__name__)


class IrRule(models.Model):
    _inherit = "ir.rule"

    def _make_access_error(self, operation, records):
        """Name no record of ours: in debug mode Odoo tells any employee their names, and the name of a message is its subject."""
        if not records._name.startswith("mailbox."):
            return super()._make_access_error(operation, records)
        _logger.info("no %s of %s %r by user %s: record rules", operation, records._name, records.ids[:6], self.env.uid)
        # As Odoo does: the check of the rules has filled the cache as superuser.
        records.invalidate_recordset()
        what = self.env["ir.model"]._get(records._name).name
        return AccessError(
            self.env._(
                "This is not yours to use (%(what)s). Its owner decides with whom a mailbox is shared; changing it remains with the owner.",
                what=what,
            )
        )
