"""Contacts as MailDesk shows them: who a sender is, what Odoo knows of them, and on a contact the mail exchanged with them."""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL, LazyTranslate, email_normalize
from psycopg2.errors import QueryCanceled

from ..people import ADDRESS_LIMIT, clean_name

_lt = LazyTranslate(__name__)

# Addresses of one call: what a screen of rows and a long Cc have.
MAX_ADDRESSES = 200

# A number on a button counts this far; above it stands as "99+".
COUNTED = 100

# Milliseconds that the number on the form of a contact may take; without it the button still opens the mails.
COUNT_TIMEOUT = 1500

# What other apps know of a contact: model, what of it counts, how it is called, its icon. `partner_id` names the contact in all of them.
# Only what is installed, and what the user may read, is looked at.
# Lists all through, no tuples: Odoo's export takes a round bracket after a term for the term's, and what is in it for terms.
KNOWN = [
    ["crm.lead", [["type", "=", "opportunity"]], _lt("Opportunities"), "fa-star"],
    ["sale.order", [["state", "in", ["draft", "sent"]]], _lt("Quotations"), "fa-pencil-square-o"],
    ["sale.order", [["state", "=", "sale"]], _lt("Sales Orders"), "fa-usd"],
    ["purchase.order", [["state", "!=", "cancel"]], _lt("Purchases"), "fa-credit-card"],
    ["account.move", [["move_type", "in", ["out_invoice", "out_refund"]], ["state", "=", "posted"]], _lt("Invoices"), "fa-file-text-o"],
    ["project.task", [], _lt("Tasks"), "fa-tasks"],
    ["helpdesk.ticket", [], _lt("Tickets"), "fa-life-ring"],
]


class ResPartner(models.Model):
    _inherit = "res.partner"

    # Senders are looked up by it with each page of a list; Odoo itself has no index on it.
    _maildesk_address = models.Index("(email_normalized) WHERE email_normalized IS NOT NULL")

    # ------------------------------------------------------------------ for the app (docs/protocol.md, section 4)

    @api.model
    def maildesk_contacts(self, emails):
        """Return the contacts that the user may read among addresses: `{"contacts": {address: CONTACT}, "may_create": bool}`."""
        wanted = [email for email in emails[:MAX_ADDRESSES] if isinstance(email, str) and len(email) <= ADDRESS_LIMIT]
        normalized = {email: email_normalize(email) or "" for email in wanted}
        found = self._maildesk_by_address(set(normalized.values()) - {""})
        cards = {address: partner._maildesk_card() for address, partner in found.items()}
        return {
            "contacts": {email: cards[address] for email, address in normalized.items() if address in cards},
            "may_create": self.has_access("create"),
        }

    @api.model
    def maildesk_known(self, partner_id):
        """Return what other apps know of a contact and its company: a list of `{"label", "icon", "count", "more", "action"}`.

        What there is none of is left out.
        """
        partner = self.browse(int(partner_id)).exists()
        if not partner:
            return []
        partner.check_access("read")
        # sudo: the id of the company alone; what is found below it is found under the user's rules
        family = [("partner_id", "child_of", partner.sudo().commercial_partner_id.id)]
        found = []
        for model, which, label, icon in KNOWN:
            if model not in self.env or not self.env[model].has_access("read"):
                continue
            domain = [*which, *family]
            records = self.env[model].search(domain, limit=COUNTED)
            if records:
                found.append(
                    {
                        "label": str(label),
                        "icon": icon,
                        "count": min(len(records), COUNTED - 1),
                        "more": len(records) >= COUNTED,
                        "action": _window(records, str(label), domain),
                    }
                )
        return found

    @api.model
    def maildesk_create_contact(self, message_id, address):
        """Make a contact of somebody whom a message names, or return the one that there is; name and address are taken from the message."""
        self.check_access("create")
        message = self.env["mailbox.message_index"].search([("id", "=", message_id)])
        if not message:
            raise UserError(self.env._("This message is not in MailDesk any more."))
        people = [(message.from_email, message.from_name)]
        people += [(one.get("address"), one.get("name")) for one in [*(message.to_recipients or []), *(message.cc_recipients or [])]]
        names = [name for listed, name in people if listed and listed.lower() == str(address).lower()]
        email = email_normalize(str(address))
        if not names or not email or len(email) > ADDRESS_LIMIT:
            raise UserError(self.env._("This is not an address of this message that a contact could have."))
        known = self._maildesk_by_address({email}).get(email)
        made = known or self.create({"name": clean_name(names[0], email), "email": email})
        return made._maildesk_card()

    # ------------------------------------------------------------------ on the form of a contact

    def maildesk_mail_count(self):
        """Return how many mails were exchanged with a contact, as far as the user sees them: `{"count", "more", "has_mailbox"}`.

        `count` is null if it took too long.
        """
        self.ensure_one()
        self.check_access("read")
        messages = self.env["mailbox.message_index"]
        accounts = self.env["mailbox.account"].with_context(active_test=False)
        if not accounts.search_count(accounts._readable(), limit=1):
            return {"count": 0, "more": False, "has_mailbox": False}
        query = messages._search(messages._exchanged(self), limit=COUNTED)
        count = self._maildesk_in_time(SQL("SELECT count(*) FROM (%s) found", query.select()))
        return {"count": count and min(count, COUNTED - 1), "more": count == COUNTED, "has_mailbox": True}

    def action_maildesk_mails(self):
        """Show the mails exchanged with a contact and those below it."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.actions"]._for_xml_id("maildesk.action_contact_mails")
        messages = self.env["mailbox.message_index"]
        messages.check_access("read")
        domain = messages._exchanged(self)
        return {**action, "domain": list(domain), "display_name": self.env._("Mails with %s", self.display_name)}

    # ------------------------------------------------------------------ inside

    def _maildesk_in_time(self, query):
        """Return the number that a query gives, or None if it takes too long; then the log has no line of it."""
        cr = self.env.cr
        self.env.flush_query(query)
        try:
            with cr.savepoint():
                cr.execute(SQL("SET LOCAL statement_timeout = %s", COUNT_TIMEOUT))
                cr.execute(query, log_exceptions=False)
                (count,) = cr.fetchone()
                cr.execute("SET LOCAL statement_timeout = DEFAULT")
        except QueryCanceled:
            return None
        return count

    @api.model
    def _maildesk_by_address(self, addresses):
        """Return `{normalized address: contact}` of those that the user may read; archived ones are none.

        Of several with one address: a person before a company, one of the current company before one of all, one that belongs to a company
        before one that stands alone, then the oldest.
        """
        if not addresses or not self.has_access("read"):
            return {}
        partners = self.with_context(active_test=True).search_fetch(
            [("email_normalized", "in", list(addresses))],
            [
                "name",
                "email_normalized",
                "is_company",
                "company_id",
                "parent_id",
                "commercial_company_name",
                "function",
                "phone",
                "write_date",
            ],
        )
        found = {}
        for partner in partners.sorted(_precedence):
            found.setdefault(partner.email_normalized, partner)
        return found

    def _maildesk_card(self):
        return {
            "id": self.id,
            "name": self.name or self.email_normalized or "",
            "company": "" if self.is_company else self.commercial_company_name or "",
            "function": self.function or "",
            "phone": self.phone or "",
            "is_company": self.is_company,
            # As Odoo's own picture URLs: a new picture has a new one. Empty: it has none, and the app draws its disc.
            "picture": self._maildesk_picture(),
        }

    def _maildesk_picture(self):
        # The size alone: the bytes are not read.
        if not self.with_context(bin_size=True).image_128:
            return ""
        return f"/web/image/res.partner/{self.id}/avatar_128?unique={int(self.write_date.timestamp())}"


def _precedence(partner):
    return (partner.is_company, partner.company_id != partner.env.company, not partner.parent_id, partner.id)


def _window(records, name, domain):
    """Return the action that shows records: one as a form, several as a list."""
    window = {"type": "ir.actions.act_window", "name": name, "res_model": records._name, "target": "current"}
    if len(records) == 1:
        return {**window, "res_id": records.id, "views": [[False, "form"]]}
    return {**window, "domain": domain, "views": [[False, "list"], [False, "form"]]}
