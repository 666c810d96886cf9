"""What was made of conversations in Odoo: which record a mail was logged on, which lead or task came of it.

Rows are the methods' own (mailbox_into_odoo.py), and nobody's to read or write: who sees a link is who reads the mail and the record. A
link points to its message by what Outlook calls it, and not to the row of the index: that one may go and come again, and a foreign key
would wait for the sync. A link goes with its mailbox, the note in the chatter stays.
"""

from odoo import api, fields, models

KINDS = [("log", "Logged On"), ("lead", "Lead"), ("task", "Task")]

# In SQL, for what PostgreSQL does when two requests come beside each other: the later one is called once more by Odoo, and finds the link.
_CLAIM = """
    INSERT INTO mailbox_conversation_link (account_id, conversation_id, remote_id, kind, res_model, res_id, create_uid, create_date)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id"""


class MailboxConversationLink(models.Model):
    _name = "mailbox.conversation.link"
    _description = "Record That a Conversation Led To"
    _rec_name = "kind"
    _order = "id"

    account_id = fields.Many2one("mailbox.account", required=True, ondelete="cascade")
    conversation_id = fields.Char(required=True)
    remote_id = fields.Char(required=True, help="Which message was copied, as Outlook calls it.")
    kind = fields.Selection(KINDS, required=True)
    res_model = fields.Char("Record's Model", required=True)
    res_id = fields.Integer("Record's ID", required=True)
    note_id = fields.Many2one("mail.message", index="btree_not_null", ondelete="set null", help="The copy in the chatter.")

    # One lead and one task for a conversation; a message once on a record. The first one is what finds the links of a conversation.
    _made_unique = models.UniqueIndex("(account_id, conversation_id, kind) WHERE kind <> 'log'")
    _logged_unique = models.UniqueIndex("(account_id, conversation_id, remote_id, res_model, res_id)")

    @api.model
    def _of(self, message):
        """Return the links of a message's conversation; the caller has checked that the user reads the message."""
        if not message.conversation_id:
            return self.sudo().browse()
        # sudo: as the module says
        return self.sudo().search([("account_id", "=", message.account_id.id), ("conversation_id", "=", message.conversation_id)])

    @api.model
    def _claim(self, message, kind, record):
        """Note that a message led to a record; return the link. What another request has just noted makes Odoo call once more."""
        values = (message.account_id.id, message.conversation_id, message.remote_id, kind, record._name, record.id)
        self.env.cr.execute(_CLAIM, [*values, self.env.uid, self.env.cr.now()], log_exceptions=False)
        (link_id,) = self.env.cr.fetchone()
        self.invalidate_model()
        return self.sudo().browse(link_id)

    def _record(self):
        """Return the record as the user's own, empty if there is none (any more)."""
        self.ensure_one()
        if self.res_model not in self.env:
            return None
        # Under the user's rights again: links themselves are read as superuser.
        return self.env[self.res_model].sudo(flag=False).browse(self.res_id).exists()

    def _to_app(self):
        """Return LINKs of those whose record the user may read, one a record."""
        found = {}
        for link in self.sorted(lambda link: (link.kind == "log", link.id)):
            record = link._record()
            if record and record.has_access("read"):
                found.setdefault((link.res_model, link.res_id), link._line(record))
        return list(found.values())

    def _line(self, record):
        return {
            "id": self.id,
            "kind": self.kind,
            "model": record._name,
            "record_id": record.id,
            "name": record.display_name or "",
            # As Odoo calls it in the user's language.
            "model_name": self.env["ir.model"]._get(record._name).name,
        }

    def _message(self):
        """Return the message as the user may read it; if that very one is gone, the newest of its conversation."""
        self.ensure_one()
        messages = self.env["mailbox.message_index"].sudo(flag=False)
        of_account = [("account_id", "=", self.account_id.id)]
        return messages.search([*of_account, ("remote_id", "=", self.remote_id)], limit=1) or messages.search(
            [*of_account, ("conversation_id", "=", self.conversation_id)], limit=1
        )

    @api.autovacuum
    def _gc_without_record(self):
        """Drop links whose record was deleted, or whose app was uninstalled: another record may get that number."""
        for model, ids in self._read_group([], ["res_model"], ["res_id:array_agg"]):
            there = self.env[model].browse(set(ids)).exists().ids if model in self.env else []
            self.search([("res_model", "=", model), ("res_id", "not in", there)]).unlink()
