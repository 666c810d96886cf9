"""Everything that Odoo keeps of a mailbox, for its owner (docs/accounts.md): JSON in pieces, so that a large mailbox never lies in memory.

What is told follows from the models: each stored field that RPC may read. So a new field is exported without anybody thinking of it, and
tokens (closed to RPC) and cursors (in a table of their own, which is not exported) are not.
"""

import json
from datetime import date, datetime

from odoo import fields, models
from odoo.exceptions import AccessError

from ..wire import iso

# Rows read and written at once: some MB at most, bodies apart.
BATCH = 500

# Name of the file -> model with `account_id`.
PARTS = {
    "folders": "mailbox.folder",
    "messages": "mailbox.message_index",
    "bodies": "mailbox.message_body",
    "actions": "mailbox.action",
    "drafts": "mailbox.draft",
    "could_not_be_read": "mailbox.unreadable",
    "copied_into_odoo": "mailbox.conversation.link",
    "audit": "mailbox.audit",
}

README = """What Odoo's MailDesk keeps of one mailbox, as of {moment}.

account.json             the mailbox as it is set up
folders.json             its folders, those that Outlook has no more included
messages.json            the index: one entry for each message, without its text
bodies.json              the texts that were opened lately (kept for some days), by message_id
actions.json             what was done in MailDesk and told to Outlook
drafts.json              mails that are being written, or wait to be sent
could_not_be_read.json   messages that were set aside
copied_into_odoo.json    which records mails were copied to; the copies belong to those records
audit.json               who connected, shared, opened or exported this mailbox

Times are UTC. The mail itself, with its attachments, is in Outlook. The keys to the mailbox (tokens, cursors) are not part of an export.
"""


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    def action_export(self):
        """Download everything that is here of this mailbox."""
        self.ensure_one()
        self.check_access("read")
        if not self.is_owner:
            raise AccessError(self.env._("Only its owner exports a mailbox."))
        return {"type": "ir.actions.act_url", "url": f"/maildesk/export/{self.id}", "target": "self"}

    def _dossier(self):
        """Yield names of files and their contents in pieces; the caller has checked that it is for the owner."""
        self.ensure_one()
        yield "README.txt", iter([README.format(moment=iso(fields.Datetime.now()))])
        # sudo: also what is hidden from lists is data of the owner
        account = self.sudo()
        yield "account.json", iter([_dump(_plain(account)), "\n"])
        for name, model in PARTS.items():
            yield f"{name}.json", account._dossier_rows(self.env[model].sudo().with_context(active_test=False))

    def _dossier_rows(self, model):
        """Yield the rows of the mailbox in a model as a JSON list, batch by batch."""
        last, opening = 0, "[\n"
        while rows := model.search([("account_id", "=", self.id), ("id", ">", last)], order="id", limit=BATCH):
            yield opening + ",\n".join(_dump(_plain(row)) for row in rows)
            last, opening = rows[-1].id, ",\n"
            self.env.invalidate_all()
        yield "\n]\n" if last else "[]\n"


def _plain(record):
    """Return what RPC could read of a record and is stored."""
    return {
        name: _value(record, field)
        for name, field in record._fields.items()
        if field.store and field.groups != fields.NO_ACCESS and field.type != "one2many" and name not in {"create_uid", "write_uid"}
    }


def _value(record, field):
    value = record[field.name]
    if field.type == "many2many" or field.comodel_name == "res.users":
        people = [{"id": one.id, "name": one.display_name} for one in value]
        return people if field.type == "many2many" else next(iter(people), None)
    if field.type == "many2one":
        return value.id or None
    return None if value is False and field.type != "boolean" else value


def _dump(value):
    return json.dumps(value, ensure_ascii=False, default=_moment)


def _moment(value):
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
