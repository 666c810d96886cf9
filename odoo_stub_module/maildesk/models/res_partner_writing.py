"""Whom a mail may go to: people of whom somebody typed a part of the name or address, and those whom records of Odoo name."""

import re

from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import email_normalize
from odoo.tools.mail import email_split_tuples
from odoo.tools.misc import remove_accents

from ..people import clean_name

# What a list of suggestions shows.
MAX_SUGGESTED = 8
# The newest mails of each mailbox, in which people are looked for: some months of somebody who writes a lot, a few milliseconds.
RECENT = 1000
# Characters and words of a search that are looked at.
MAX_SEARCH, MAX_WORDS = 100, 5
# Records of one mail, and how their models name an address, or the contact that has it.
MAX_RECORDS = 100
ADDRESS_FIELDS = ("email", "email_from", "email_normalized")

# To have written to somebody says more than to have got something from them: newsletters are got.
WRITTEN_WEIGHT = 10

# The search itself is no part of it: no text that somebody typed comes into a statement.
_CORRESPONDENTS = """
    WITH recent AS (
        SELECT m.* FROM unnest(%(accounts)s) a(id) CROSS JOIN LATERAL (
            SELECT from_email, from_name, to_recipients, cc_recipients, folder_id, received_at FROM mailbox_message_index
             WHERE account_id = a.id AND NOT pending_removal ORDER BY received_at DESC, id DESC LIMIT %(limit)s) m
    ), exchanged AS (
        SELECT r.*, f.role FROM recent r JOIN mailbox_folder f ON f.id = r.folder_id WHERE f.role NOT IN ('junk', 'trash', 'drafts')
    ), people AS (
        SELECT from_email AS address, from_name AS name, 0 AS written, received_at FROM exchanged
         UNION ALL
        SELECT p ->> 'address', p ->> 'name', (role = 'sent')::int, received_at FROM exchanged, jsonb_array_elements(
               CASE WHEN jsonb_typeof(to_recipients) = 'array' THEN to_recipients ELSE '[]' END
            || CASE WHEN jsonb_typeof(cc_recipients) = 'array' THEN cc_recipients ELSE '[]' END) p
    )
    SELECT lower(address), (array_agg(name ORDER BY received_at DESC))[1], sum(written) * %(weight)s + count(*)
      FROM people WHERE address LIKE '%%_@_%%' GROUP BY 1 ORDER BY 3 DESC, 1"""


class ResPartner(models.Model):
    _inherit = "res.partner"

    @api.model
    def maildesk_recipients(self, search):
        """Return whom somebody may mean, the likeliest first: `{"people": [{"name", "address", "is_contact"}]}`.

        Contacts that the user may read, and people in the newest mail of the user's own mailboxes.
        """
        self._check_writes()
        words = _fold(str(search or "")[:MAX_SEARCH]).split()[:MAX_WORDS]
        if not words:
            return {"people": []}
        met = [(address, name) for address, name in self._maildesk_correspondents() if _matches(words, f"{name or ''} {address}")]
        contacts = self._maildesk_by_address({address for address, _ in met[:MAX_SUGGESTED]})
        found = {
            address: (contacts[address].name if address in contacts else clean_name(name, address)) for address, name in met[:MAX_SUGGESTED]
        }
        if self.has_access("read"):
            for partner in self._maildesk_named(words):
                found.setdefault(partner.email_normalized, partner.name)
                contacts.setdefault(partner.email_normalized, partner)
        people = [
            {"name": "" if name == address else name or "", "address": address, "is_contact": address in contacts}
            for address, name in found.items()
        ]
        return {"people": people[:MAX_SUGGESTED]}

    @api.model
    def maildesk_people(self, res_model, res_ids):
        """Return whom some records name, as far as the user may read that: `{"people": [{"name", "address"}]}`."""
        self._check_writes()
        if res_model not in self.env or self.env[res_model]._abstract or self.env[res_model]._transient:
            raise UserError(self.env._("There is no address to write to."))
        records = self.env[res_model].browse([int(one) for one in res_ids[:MAX_RECORDS]]).exists()
        records.check_access("read")
        people = {}
        for record in records:
            for name, address in _of_partner(record) if res_model == "res.partner" else _of_record(record):
                people.setdefault(address, {"name": name if name != address else "", "address": address})
        return {"people": list(people.values())}

    def action_maildesk_write(self):
        """Begin a mail to contacts (in the menu of a list)."""
        self._check_writes()
        self.check_access("read")
        return {
            "type": "ir.actions.client",
            "tag": "maildesk.write",
            "params": {"res_model": self._name, "res_ids": self.ids[:MAX_RECORDS]},
        }

    # ------------------------------------------------------------------ inside

    @api.model
    def _check_writes(self):
        if not self.env.user.has_group("maildesk.group_user"):
            raise AccessError(self.env._("Mail is written by users of MailDesk."))

    @api.model
    def _maildesk_correspondents(self):
        """Return (address, name) of those with whom the user exchanged mail lately, the most frequent first."""
        accounts = self.env["mailbox.account"].search([("owner_id", "=", self.env.uid), ("state", "!=", "disconnected")])
        if not accounts:
            return []
        self.env["mailbox.message_index"].flush_model()
        values = {"accounts": accounts.ids, "limit": RECENT, "weight": WRITTEN_WEIGHT}
        self.env.cr.execute(_CORRESPONDENTS, values, log_exceptions=False)
        return [(address, name) for address, name, _ in self.env.cr.fetchall()]

    @api.model
    def _maildesk_named(self, words):
        """Return contacts with an address in whose name, company or address all words are."""
        domain = Domain("email_normalized", "!=", False)  # noqa: FBT003 - a value
        for word in words:
            domain &= Domain("complete_name", "ilike", word) | Domain("email_normalized", "ilike", word)
        return self.search_fetch(domain, ["name", "email_normalized"], limit=MAX_SUGGESTED)


def _fold(text):
    """Return text as it is compared: without case and accents."""
    return remove_accents(text).lower()


def _matches(words, text):
    """Tell whether each word begins a word of the text, or a part of its address."""
    folded = _fold(text)
    starts = re.split(r"[\s@.,;:_+\-'\"()<>]+", folded)
    return all(any(start.startswith(word) for start in (*starts, *folded.split())) for word in words)


def _of_partner(partner):
    return [(partner.name or address, address) for address in _addresses(partner.email)]


def _of_record(record):
    """Return (name, address) of what a record itself says, else of its contact."""
    for field in ADDRESS_FIELDS:
        if field in record._fields and record._fields[field].type == "char":
            # As the user reads it: a field may be for some groups only.
            (values,) = record.read([field])
            found = email_split_tuples(values[field] or "")
            if found:
                return [(name or address, email_normalize(address) or address) for name, address in found]
    partner = record["partner_id"] if "partner_id" in record._fields else None
    if partner is not None and partner._name == "res.partner" and partner:
        partner.check_access("read")
        return _of_partner(partner)
    return []


def _addresses(text):
    return [email_normalize(address) or address for _, address in email_split_tuples(text or "")]
