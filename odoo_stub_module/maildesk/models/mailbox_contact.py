"""Messages and Odoo's contacts: who exchanged what with whom.

A contact is found in a million messages by one index: of each message the hashes of (mailbox, address) of its sender and of those it went
to, 34 bytes a message. The mailbox is part of the hash, so that a search never touches rows of mailboxes that the user does not see.
"""

from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL

# Addresses that one search looks for: a company's contacts. Each is looked for in each mailbox that the user sees.
MAX_ADDRESSES = 500

# Folders whose mail was not exchanged: thrown away, or never wanted.
NOT_EXCHANGED = ("trash", "junk")

# Bcc is left out: it says something only in the sender's own copy. `hashtext` is what PostgreSQL's own hash indexes stand on.
_FUNCTION = """
    CREATE OR REPLACE FUNCTION maildesk_correspondents(account int4, sender text, recipients jsonb, copies jsonb)
    RETURNS int4[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT ARRAY(
            SELECT hashtext(account || ':' || lower(a.address))
              FROM (SELECT sender UNION ALL SELECT jsonb_path_query(recipients, '$[*].address') #>> '{}'
                     UNION ALL SELECT jsonb_path_query(copies, '$[*].address') #>> '{}') a(address)
             WHERE a.address IS NOT NULL)
    $$"""

_KEYS = "maildesk_correspondents(account_id, from_email, to_recipients, cc_recipients)"


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    contact_ids = fields.Many2many("res.partner", string="Contacts", compute="_compute_contact_ids", search="_search_contact_ids")

    # A short list of what waits to be merged (kB), as for the search index.
    _correspondents = models.Index(f"USING gin ({_KEYS}) WITH (gin_pending_list_limit = 128)")

    def _auto_init(self):
        # The index is made of it.
        self.env.cr.execute(_FUNCTION)
        return super()._auto_init()

    def _compute_contact_ids(self):
        addresses = {message: message._addresses() for message in self}
        found = self.env["res.partner"]._maildesk_by_address(set().union(*addresses.values()))
        for message in self:
            message.contact_ids = self.env["res.partner"].union(*(found[one] for one in addresses[message] if one in found))

    def _addresses(self):
        """Return the addresses of sender and recipients, as contacts have them."""
        listed = [self.from_email, *(one.get("address") for one in [*(self.to_recipients or []), *(self.cc_recipients or [])])]
        return {address.lower() for address in listed if address}

    def _search_contact_ids(self, operator, value):
        """Find what was exchanged with contacts and those below them; only of mailboxes whose mail the user reads."""
        if operator != "in" or not all(isinstance(one, int) for one in value):
            return NotImplemented
        partners = self.env["res.partner"].with_context(active_test=False)
        known = partners.search([("id", "child_of", list(value)), ("email_normalized", "!=", False)], limit=MAX_ADDRESSES)
        accounts = self.env["mailbox.account"].with_context(active_test=False)
        readable = accounts.search(accounts._readable())
        if not known or not readable:
            return Domain.FALSE
        known.flush_recordset(["email_normalized"])

        def to_sql(model, alias, query):  # noqa: ARG001 - what Odoo calls it with
            # Contacts by id: no address is part of the statement. Two addresses may have one hash, so it is looked at once more.
            return SQL(
                """(maildesk_correspondents(%(account)s, %(sender)s, %(to)s, %(cc)s) && ARRAY(
                        SELECT hashtext(a || ':' || p.email_normalized)
                          FROM res_partner p, unnest(%(accounts)s) a WHERE p.id = ANY(%(partners)s))
                    AND EXISTS (
                        SELECT FROM res_partner p WHERE p.id = ANY(%(partners)s) AND p.email_normalized IN (
                            SELECT lower(%(sender)s)
                             UNION ALL SELECT lower(jsonb_path_query(%(to)s, '$[*].address') #>> '{}')
                             UNION ALL SELECT lower(jsonb_path_query(%(cc)s, '$[*].address') #>> '{}'))))""",
                account=SQL.identifier(alias, "account_id"),
                sender=SQL.identifier(alias, "from_email"),
                to=SQL.identifier(alias, "to_recipients"),
                cc=SQL.identifier(alias, "cc_recipients"),
                accounts=readable.ids,
                partners=known.ids,
            )

        return Domain.custom(to_sql=to_sql)

    def _exchanged(self, partners):
        """Return the domain of mail that was exchanged with contacts and those below them."""
        return Domain([("contact_ids", "in", partners.ids), ("is_draft", "=", False), ("folder_id.role", "not in", NOT_EXCHANGED)])
