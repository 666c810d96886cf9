"""What all that holds text of mails has in common: whoever reads it of another's mailbox is noted."""

from odoo import api, models
from odoo.exceptions import AccessError
from odoo.tools import SQL


class MailboxMail(models.AbstractModel):
    _name = "mailbox.mail"
    _description = "Part of a Mail"

    def _fetch_query(self, query, fields):
        rows = super()._fetch_query(query, fields)
        if rows and fields and not self.env.su:
            # sudo: readers do not write the list
            self.env["mailbox.audit"].sudo()._opened(self._table, SQL("id = ANY(%s)", list(rows._ids)))
        return rows

    @api.model
    def _read_group(self, domain, groupby=(), aggregates=(), having=(), offset=0, limit=None, order=None):
        if groupby and not self.env.su:
            # sudo: readers do not write the list
            self.env["mailbox.audit"].sudo()._opened(self._table, SQL("id IN %s", self._search(domain).subselect()))
        return super()._read_group(domain, groupby, aggregates, having, offset, limit, order)

    def export_data(self, fields_to_export):
        """Let owners export mail, and note it; whoever reads another's mailbox takes none of it along in a file."""
        accounts = self.account_id
        if any(not account.is_owner for account in accounts):
            raise AccessError(self.env._("Only its owner exports mail of a mailbox."))
        exported = super().export_data(fields_to_export)
        accounts._audit("exported", self.env._("%s rows", len(self)))
        return exported
