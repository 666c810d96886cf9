"""Whom a mail may go to: completion from one's own mail and contacts, and the people of Odoo's records."""

import time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import INBOX, MailDeskCase, patch

SENT = {"remote_id": "F-sent", "parent_remote_id": None, "name": "Sent Items", "role": "sent"}
JUNK = {"remote_id": "F-junk", "parent_remote_id": None, "name": "Spam", "role": "junk"}


def to(name, address):
    return {"total": 1, "list": [{"name": name, "address": address}]}


@tagged("post_install", "-at_install")
class TestWriting(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.partners = self.env["res.partner"].with_user(self.owner)
        self.apply(tree=[INBOX, SENT, JUNK])
        self.env["mailbox.folder"].search([("account_id", "=", self.account.id)]).sync_enabled = True
        answer = self.apply(
            messages=[
                patch("r1", from_name="Zoë Newsletter", from_email="zoe@news.example"),
                patch("r2", from_name="Zoë Newsletter", from_email="zoe@news.example"),
                patch("s1", folder="F-sent", from_email="box@example.com", to_recipients=to("Zora Quay", "Zora.Quay@pier.example")),
                patch("j1", folder="F-junk", from_name="Zork", from_email="zork@bad.example"),
            ],
        )
        self.assertTrue(answer["applied"], answer)

    def found(self, search, user=None):
        return self.partners.with_user(user or self.owner).maildesk_recipients(search)["people"]

    def addresses(self, search, user=None):
        return [person["address"] for person in self.found(search, user)]

    def test_recipients_of_own_mail(self):
        """Whom one wrote to comes before whom one got mail from; by any part of name or address, without accents; nobody out of Spam."""
        self.assertEqual(self.addresses("zo"), ["zora.quay@pier.example", "zoe@news.example"])
        self.assertEqual(self.addresses("QUAY zo"), ["zora.quay@pier.example"])
        self.assertEqual(self.addresses("zoe"), ["zoe@news.example"])
        self.assertEqual(self.addresses("pier"), ["zora.quay@pier.example"])
        self.assertEqual(self.found("zora")[0]["name"], "Zora Quay")
        self.assertFalse(self.addresses("ora") or self.addresses("  ") or self.addresses("zork"))

    def test_recipients_who_are_contacts(self):
        """A contact gives its name, and is found by it; one that a rule hides, or an archived one, is not."""
        self.env["res.partner"].create(
            [{"name": "Quay Master", "email": "zora.quay@pier.example"}, {"name": "Zorro", "email": "zorro@x.example"}]
        )
        gone = self.env["res.partner"].create({"name": "Zorba", "email": "zorba@x.example", "active": False})
        people = self.found("zor")
        self.assertEqual([(one["name"], one["is_contact"]) for one in people], [("Quay Master", True), ("Zorro", True)])
        gone.active = True
        self.assertIn("zorba@x.example", self.addresses("zor"))
        self.env["ir.rule"].create(
            {
                "name": "No Zorba",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {gone.id})]",
                "groups": [(4, self.env.ref("maildesk.group_user").id)],
            }
        )
        self.assertNotIn("zorba@x.example", self.addresses("zor"))

    def test_recipients_of_others(self):
        """One's own mailboxes only: not those that are shared with one, and nobody's else; and nothing for who has no MailDesk."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        self.assertFalse(self.addresses("zora", self.friend) or self.addresses("zora", self.stranger))
        with self.assertRaises(AccessError):
            self.addresses("zora", self.employee)

    def test_recipients_of_bad_names(self):
        """A name that is another's address gives way to the address itself; a search is a text, whatever is in it."""
        self.apply(messages=[patch("x1", from_name="boss@example.com", from_email="zyx@else.example")])
        self.assertEqual([(one["name"], one["address"]) for one in self.found("zyx")], [("", "zyx@else.example")])
        for search in ("%", "_", "'; DROP TABLE res_partner; --", "\\", "(", "x" * 5000, None, 7):
            self.assertIsInstance(self.found(search), list)

    def test_recipients_in_time(self):
        """Among the newest 1,000 of thousands of mails; eight at most, in a blink."""
        now = "2026-11-22T09:00:00Z"
        self.apply(messages=[patch(f"n{n}", from_name=f"Many {n}", from_email=f"many{n}@x.example", received_at=now) for n in range(1500)])
        self.env.invalidate_all()
        start = time.monotonic()
        self.assertEqual(len(self.found("many")), 8)
        self.assertLess(time.monotonic() - start, 1)

    def test_people_of_records(self):
        """A record's own address, else its contact's; several of a contact; and only what the user may read."""
        partner = self.env["res.partner"].create({"name": "Kai", "email": "Kai <kai@x.example>, kai@home.example"})
        people = self.partners.maildesk_people("res.partner", [partner.id])["people"]
        self.assertEqual([one["address"] for one in people], ["kai@x.example", "kai@home.example"])
        bank = self.env["res.partner.bank"].create({"acc_number": "1", "partner_id": partner.id})
        people = self.env["res.partner"].with_user(self.owner).sudo().maildesk_people("res.partner.bank", [bank.id])["people"]
        self.assertEqual(people[0], {"name": "Kai", "address": "kai@x.example"})
        company = self.env["res.company"].create({"name": "Pier", "email": "office@pier.example"})
        people = self.env["res.partner"].sudo().maildesk_people("res.company", [company.id])["people"]
        self.assertEqual(people, [{"name": "", "address": "office@pier.example"}])
        for model in ("no.such", "mail.thread", "base.language.install"):
            with self.assertRaises(UserError):
                self.partners.maildesk_people(model, [1])
        with self.assertRaises(AccessError):
            self.partners.maildesk_people("ir.mail_server", self.env["ir.mail_server"].create({"name": "s", "smtp_host": "x"}).ids)
        message = self.row("r1")
        with self.assertRaises(AccessError):
            self.partners.with_user(self.stranger).maildesk_people("mailbox.message_index", message.ids)

    def test_write_to_contacts_of_a_list(self):
        """The action of a list of contacts says to whom, and is for MailDesk's users."""
        partner = self.env["res.partner"].create({"name": "Kai", "email": "kai@x.example"})
        action = partner.with_user(self.owner).action_maildesk_write()
        self.assertEqual((action["tag"], action["params"]), ("maildesk.write", {"res_model": "res.partner", "res_ids": partner.ids}))
        with self.assertRaises(AccessError):
            partner.with_user(self.employee).action_maildesk_write()

    def test_pictures_of_a_quoted_mail_survive_a_save(self):
        """What the app keeps a picture of the quoted mail as is there after the text was cleaned: a part of it, or its address."""
        self.account.sudo().granted_scopes = "Mail.ReadWrite Mail.Send"
        drafts = self.env["mailbox.draft"].with_user(self.owner)
        draft = drafts.maildesk_compose("new", account_id=self.account.id)
        html = '<p>a</p><div class="maildesk-quoted"><img src="cid:logo"><img src="https://x.example/p.png"></div>'
        drafts.maildesk_save(draft["id"], draft["revision"], {"html": html})
        kept = drafts.maildesk_draft(draft["id"])["html"]
        for part in ('class="maildesk-quoted"', 'src="cid:logo"', 'src="https://x.example/p.png"'):
            self.assertIn(part, kept)
