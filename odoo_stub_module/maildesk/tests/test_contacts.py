"""Senders who are contacts, contacts made from a mail, and the mails of a contact."""

from unittest.mock import patch as mock_patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models import res_partner as contacts
from ..people import NAME_LIMIT, clean_name
from .common import MailDeskCase, patch


@tagged("post_install", "-at_install")
class TestContacts(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.partners = self.env["res.partner"].with_user(self.owner)
        # The addresses of others' demo data and of our users do not meet these.
        self.company = self.env["res.partner"].create({"name": "Pier Ltd.", "is_company": True, "email": "office@pier.example"})
        self.jane = self.env["res.partner"].create(
            {"name": "Jane Doe", "email": "Jane@Pier.example", "function": "Purchasing", "phone": "+45 1", "parent_id": self.company.id}
        )

    def found(self, *emails, user=None):
        return self.partners.with_user(user or self.owner).maildesk_contacts(list(emails))["contacts"]

    def test_contact_of_a_sender(self):
        """An address leads to its contact, in whatever case it is written; an unknown one and one that is none lead nowhere."""
        found = self.found("JANE@pier.example", "who@pier.example", "no address", 7, "x" * 300 + "@pier.example")
        self.assertEqual(list(found), ["JANE@pier.example"])
        card = found["JANE@pier.example"]
        self.assertEqual(
            (card["id"], card["name"], card["company"], card["function"], card["phone"]),
            (self.jane.id, "Jane Doe", "Pier Ltd.", "Purchasing", "+45 1"),
        )

    def test_contact_with_picture(self):
        """A contact's own picture is named, with what changes when it changes; initials that Odoo would draw are not."""
        self.assertEqual(self.found("jane@pier.example")["jane@pier.example"]["picture"], "")
        self.jane.image_1920 = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        picture = self.found("jane@pier.example")["jane@pier.example"]["picture"]
        self.assertRegex(picture, rf"^/web/image/res\.partner/{self.jane.id}/avatar_128\?unique=\d+$")

    def test_contact_not_readable(self):
        """Archived contacts, those of another company and those whom a record rule hides are none."""
        other = self.env["res.company"].create({"name": "Other"})
        self.jane.company_id = other
        self.assertFalse(self.found("jane@pier.example"))
        self.jane.company_id = False
        self.env["ir.rule"].create(
            {
                "name": "No Jane",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {self.jane.id})]",
                "groups": [(4, self.env.ref("maildesk.group_user").id)],
            }
        )
        self.assertTrue(self.found("jane@pier.example", user=self.employee))
        rules = self.env["ir.rule"].search([("name", "=", "No Jane")])
        rules.groups = False
        self.assertFalse(self.found("jane@pier.example"))
        rules.unlink()
        self.jane.active = False
        self.assertFalse(self.found("jane@pier.example"))

    def test_contact_of_several(self):
        """A person before a company, of this company before of all, with a company before alone, then the oldest."""
        create = self.env["res.partner"].create
        address = {"email": "jane@pier.example"}
        self.assertNotEqual(create({"name": "Jane alone", **address}), self.jane)
        self.assertEqual(self.found("jane@pier.example")["jane@pier.example"]["id"], self.jane.id)
        firm = create({"name": "Jane's firm", "is_company": True, "company_id": self.env.company.id, **address})
        self.assertEqual(self.found("jane@pier.example")["jane@pier.example"]["id"], self.jane.id)
        ours = create({"name": "Jane here", "company_id": self.env.company.id, **address})
        self.assertEqual(self.found("jane@pier.example")["jane@pier.example"]["id"], ours.id)
        (ours | self.jane).active = False
        self.assertNotEqual(self.found("jane@pier.example")["jane@pier.example"]["id"], firm.id)

    def test_contacts_in_one_go(self):
        """A hundred addresses cost as many queries as one."""
        self.env["res.partner"].create([{"name": f"P{n}", "email": f"p{n}@pier.example"} for n in range(100)])
        self.env.flush_all()

        def queries(emails):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(len(self.found(*emails)), len(emails))
            return self.env.cr.sql_log_count - before

        queries(["p0@pier.example"])
        one = queries(["p0@pier.example"])
        self.assertLessEqual(queries([f"p{n}@pier.example" for n in range(100)]), one)

    def test_contacts_use_their_index(self):
        """Addresses are looked up in an index, not by reading all contacts."""
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        self.env.cr.execute("EXPLAIN SELECT id FROM res_partner WHERE email_normalized IN ('a@b.example', 'c@d.example')")
        self.assertIn("maildesk_address", "\n".join(row[0] for row in self.env.cr.fetchall()))

    # ------------------------------------------------------------------ create

    def creator(self):
        return new_test_user(self.env, "md_creator", groups="maildesk.group_user,base.group_partner_manager")

    def test_create_contact(self):
        """One call makes the contact, named as the mail has it; a second one finds it."""
        self.account.with_user(self.owner).shared_user_ids = creator = self.creator()
        self.fill(patch("m1", from_name="  Kai\u202e \x07Müller ", from_email="Kai@Pier.example"))
        partners = self.env["res.partner"].with_user(creator)
        self.assertTrue(partners.maildesk_contacts([])["may_create"])
        card = partners.maildesk_create_contact(self.row("m1").id, "kai@pier.example")
        made = self.env["res.partner"].browse(card["id"])
        self.assertEqual((made.name, made.email), ("Kai Müller", "kai@pier.example"))
        self.assertEqual(partners.maildesk_create_contact(self.row("m1").id, "kai@pier.example")["id"], made.id)

    def test_create_contact_of_a_recipient(self):
        """Recipients are contacts too; somebody whom the mail does not name is not made."""
        self.account.with_user(self.owner).shared_user_ids = creator = self.creator()
        self.fill()
        partners = self.env["res.partner"].with_user(creator)
        self.assertEqual(partners.maildesk_create_contact(self.row("m1").id, "bert@example.com")["name"], "Bert")
        for address in ("other@example.com", "", "bert"):
            with self.assertRaises(UserError):
                partners.maildesk_create_contact(self.row("m1").id, address)

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_create_contact_rights(self):
        """Only who may create contacts does, and only from a mail that they read."""
        self.fill()
        self.assertFalse(self.partners.maildesk_contacts([])["may_create"])
        with self.assertRaises(AccessError):
            self.partners.maildesk_create_contact(self.row("m1").id, "anna@example.com")
        with self.assertRaises(UserError):
            self.env["res.partner"].with_user(self.creator()).maildesk_create_contact(self.row("m1").id, "anna@example.com")

    def test_hostile_names(self):
        """A name is one line without what is not seen, not longer than a line, and never another's address."""
        for name, told in (
            ("Anna", "Anna"),
            ("", "x@y.example"),
            ("boss@pier.example", "x@y.example"),
            ("The Boss <boss@pier.example>", "x@y.example"),
            ("boss\uff20pier.example", "x@y.example"),
            ("bo\u200bss@pier.example", "x@y.example"),
            ("\u202eannA\n\x00\tLarsen\u2066", "annA Larsen"),
            ("<b>Bold</b>", "<b>Bold</b>"),
            ("'Quoted, Anna'", "Quoted, Anna"),
            ("n" * 500, "n" * NAME_LIMIT),
        ):
            with self.subTest(name=name):
                self.assertEqual(clean_name(name, "x@y.example"), told)

    # ------------------------------------------------------------------ what Odoo knows

    def test_known(self):
        """What other apps have of a contact and its company is counted under the user's rights, with the way there."""
        known = [
            ("no.such.model", [], "Nothing", "fa-x"),
            ("ir.cron", [], "Not readable", "fa-x"),
            ("res.partner.bank", [("acc_number", "like", "DK")], "Accounts", "fa-bank"),
            ("res.partner.bank", [("acc_number", "like", "SE")], "None", "fa-bank"),
        ]
        self.env["res.partner.bank"].create([{"acc_number": f"DK{n}", "partner_id": self.company.id} for n in range(2)])
        self.env["res.partner.bank"].create({"acc_number": "DK9", "partner_id": self.jane.id})
        with mock_patch.object(contacts, "KNOWN", known):
            (button,) = self.partners.maildesk_known(self.jane.id)
            with mock_patch.object(contacts, "COUNTED", 3):
                (many,) = self.partners.maildesk_known(self.jane.id)
            self.assertEqual(self.partners.maildesk_known(0), [])
        self.assertEqual((button["label"], button["count"], button["more"]), ("Accounts", 3, False))
        self.assertEqual((many["count"], many["more"]), (2, True))
        action = button["action"]
        self.assertEqual(self.env[action["res_model"]].search_count(action["domain"]), 3)

    # ------------------------------------------------------------------ the mails of a contact

    def to(self, *addresses):
        return {"total": len(addresses), "list": [{"name": "", "address": address} for address in addresses]}

    def count(self, partner, user=None):
        return partner.with_user(user or self.owner).maildesk_mail_count()

    def test_mails_of_a_contact(self):
        """Mails from and to a contact count, in whatever case; a company's are those of its people, too."""
        self.fill(
            patch("from", from_email="JANE@pier.example"),
            patch("to", to_recipients=self.to("x@example.com", "Jane@pier.example"), folder="F-sent"),
            patch("copy", cc_recipients=self.to("jane@pier.example")),
            patch("office", from_email="office@pier.example"),
            patch("draft", to_recipients=self.to("jane@pier.example"), is_draft=True),
            patch("longer", from_email="ajane@pier.example"),
            patch("none"),
        )
        self.assertEqual(self.count(self.jane), {"count": 3, "more": False, "has_mailbox": True})
        self.assertEqual(self.count(self.company)["count"], 4)
        action = self.jane.with_user(self.owner).action_maildesk_mails()
        found = self.messages.with_user(self.owner).search(action["domain"])
        self.assertEqual(set(found.mapped("remote_id")), {"from", "to", "copy"})
        self.assertIn(self.jane, found[0].contact_ids)

    def test_mails_of_a_contact_thrown_away(self):
        """What lies in Trash was not exchanged; what is being removed is not there."""
        trash = {"remote_id": "F-trash", "parent_remote_id": None, "name": "Trash", "role": "trash"}
        self.fill(patch("m1", from_email="jane@pier.example"), patch("m2", from_email="jane@pier.example"))
        self.apply(tree=[{"remote_id": "F-inbox", "parent_remote_id": None, "name": "Inbox", "role": "inbox"}, trash])
        self.apply(messages=[{"remote_id": "m1", "folder": "F-trash"}])
        self.assertEqual(self.count(self.jane)["count"], 1)
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m2"}])
        self.assertEqual(self.count(self.jane)["count"], 0)

    def test_mails_of_a_contact_rights(self):
        """Everybody counts what is in the mailboxes that they read; an administrator sees nothing of others' either."""
        self.fill(patch("m1", from_email="jane@pier.example"))
        self.assertEqual(self.count(self.jane, self.stranger), {"count": 0, "more": False, "has_mailbox": False})
        self._account("stranger@example.com", self.stranger)
        self.assertEqual(self.count(self.jane, self.stranger), {"count": 0, "more": False, "has_mailbox": True})
        self.assertFalse(self.count(self.jane, self.admin)["has_mailbox"])
        self.account.with_user(self.owner).shared_user_ids = self.friend
        self.assertEqual(self.count(self.jane, self.friend)["count"], 1)
        domain = self.jane.with_user(self.stranger).action_maildesk_mails()["domain"]
        self.assertFalse(self.messages.with_user(self.stranger).search(domain))
        self.assertFalse(self.messages.with_user(self.admin).search(domain))
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_model"):
            self.count(self.jane, self.employee)

    def test_mails_of_a_contact_many(self):
        """A hundred and more are not counted to the end."""
        self.fill(*(patch(f"m{n}", from_email="jane@pier.example") for n in range(5)))
        with mock_patch.object(contacts, "COUNTED", 4):
            self.assertEqual(self.count(self.jane), {"count": 3, "more": True, "has_mailbox": True})

    def test_mails_of_a_contact_in_time(self):
        """A count that takes too long is given up without a line in the log, and the transaction goes on."""
        self.fill(patch("m1", from_email="jane@pier.example"))
        count = self.jane.with_user(self.owner)._maildesk_in_time
        with mock_patch.object(contacts, "COUNT_TIMEOUT", 20), self.assertNoLogs("odoo.sql_db", "WARNING"):
            self.assertIsNone(count(contacts.SQL("SELECT 1 FROM pg_sleep(5)")))
        self.assertEqual(self.count(self.jane)["count"], 1)
        with mock_patch.object(type(self.jane), "_maildesk_in_time", return_value=None):
            self.assertEqual(self.count(self.jane), {"count": None, "more": False, "has_mailbox": True})
        self.env.cr.execute("SHOW statement_timeout")
        self.assertNotEqual(self.env.cr.fetchone()[0], f"{contacts.COUNT_TIMEOUT}ms")

    def test_mails_of_a_contact_use_their_index(self):
        """As an ordinary user with 50 mailboxes among 20,000 messages, the count reads an index and few rows."""
        accounts = self.env["mailbox.account"].browse([self._account(f"box{n}@example.com").id for n in range(50)])
        self.env.flush_all()
        self.env.cr.execute(
            """INSERT INTO mailbox_folder (account_id, remote_id, name, role, sync_state, active, sync_enabled)
               SELECT a, 'F' || a, 'Inbox', 'inbox', 'ok', true, true FROM unnest(%s) a""",
            [accounts.ids],
        )
        self.env.cr.execute(
            """INSERT INTO mailbox_message_index (account_id, folder_id, remote_id, from_email, received_at, importance, pending_removal)
               SELECT f.account_id, f.id, 'x' || n, 'p' || n %% 1000 || '@pier.example', now() - n * interval '1 minute', 'normal', false
                 FROM mailbox_folder f, generate_series(1, 400) n WHERE f.account_id = ANY(%s)""",
            [accounts.ids],
        )
        self.env.cr.execute("ANALYZE mailbox_message_index")
        self.env.invalidate_all()
        self.jane.email = "p7@pier.example"
        query = self.messages.with_user(self.owner)
        query = query._search(query._exchanged(self.jane.with_user(self.owner)), limit=100)
        self.env.flush_all()
        self.env.cr.execute(contacts.SQL("EXPLAIN (ANALYZE, TIMING OFF) %s", query.select()))
        plan = "\n".join(row[0] for row in self.env.cr.fetchall())
        self.assertIn("mailbox_message_index_correspondents", plan)
        self.assertNotIn("Seq Scan on mailbox_message_index", plan)
        self.assertEqual(self.count(self.jane)["count"], 50)
