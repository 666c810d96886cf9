"""Writing a mail: recipients, quoting, pictures, saving; whose a draft is."""

import base64
from unittest.mock import patch as replace

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import DraftCase

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@tagged("post_install", "-at_install")
class TestDrafts(DraftCase):
    def _strange(self):
        account = self._account("other@example.com", self.stranger)
        account.granted_scopes = "Mail.ReadWrite Mail.Send"
        made = self.env["mailbox.draft"].with_user(self.stranger).maildesk_compose("new", None, account.id)
        return self.env["mailbox.draft"].browse(made["id"])

    def test_reply_goes_to_the_sender(self):
        made = self.compose("reply")
        self.assertEqual([one["address"] for one in made["to"]], ["anna@example.com"])
        self.assertEqual(made["subject"], "Re: Subject of m1")
        self.assertIn("<p>Hi</p>", made["html"])
        self.assertIn("wrote:", made["html"])

    def test_reply_to_is_respected(self):
        self.apply(messages=[{"remote_id": "m1", "reply_to": {"total": 1, "list": [{"name": "", "address": "desk@example.com"}]}}])
        self.assertEqual([one["address"] for one in self.compose("reply")["to"]], ["desk@example.com"])

    def test_reply_all_leaves_out_oneself(self):
        made = self.compose("reply_all")
        self.assertEqual([one["address"] for one in made["to"]], ["anna@example.com", "carl@example.com"])

    def test_forward_brings_attachments_along(self):
        with self.body(
            attachments=[{"remote_id": "a1", "name": "x.pdf", "content_type": "application/pdf", "size": 9, "is_inline": False}]
        ):
            made = self.drafts.maildesk_compose("forward", self.row("m1").id)
        self.assertEqual((made["subject"], made["to"], made["attachments"][0]["name"]), ("Fwd: Subject of m1", [], "x.pdf"))
        self.assertIn("/m1/a1", made["attachments"][0]["url"])

    def test_quote_has_no_style_sheet_and_no_script(self):
        with self.body("<style>body{display:none}</style><p>Hi</p>"):
            made = self.drafts.maildesk_compose("reply", self.row("m1").id)
        saved = self.drafts.maildesk_save(made["id"], 1, {"html": made["html"] + "<script>alert(1)</script><p onclick='x()'>more</p>"})
        html = self.drafts.maildesk_draft(made["id"])["html"]
        self.assertNotIn("display:none", html)
        self.assertNotIn("alert", html)
        self.assertNotIn("onclick", saved["html"])

    def test_signature_stands_above_the_quote(self):
        self.account.with_user(self.owner).signature = "<p>Anna of Sales</p>"
        html = self.compose("reply")["html"]
        self.assertLess(html.index("Anna of Sales"), html.index("maildesk-quoted"))

    def test_save_from_an_old_revision_is_a_conflict(self):
        made = self.compose("new")
        first = self.drafts.maildesk_save(made["id"], 1, {"subject": "One"})
        self.assertEqual(first["revision"], 2)
        self.assertEqual(self.drafts.maildesk_save(made["id"], 1, {"subject": "Two"})["conflict"]["subject"], "One")

    def test_saves_are_one_action(self):
        made = self.compose("new")
        revision = 1
        for n in range(5):
            revision = self.drafts.maildesk_save(made["id"], revision, {"subject": f"Try {n}"})["revision"]
        self.assertEqual(self.env["mailbox.action"].search_count([("draft_id", "=", made["id"])]), 1)
        (given,) = self.exchange()["actions"]
        told = self.connector.connector_draft(self.account.id, given["uuid"])
        self.assertEqual((told["subject"], told["revision"]), ("Try 4", 6))
        self.assertNotIn("Try", str(given))

    def test_picture_in_the_text_is_an_attachment(self):
        made = self.compose("new")
        pixel = base64.b64encode(b"GIF89a").decode()
        saved = self.drafts.maildesk_save(made["id"], 1, {"html": f'<p>See <img src="data:image/gif;base64,{pixel}"></p>'})
        (item,) = saved["attachments"]
        self.assertIn(f"/web/image/{item['id']}", saved["html"])
        (given,) = self.exchange()["actions"]
        told = self.connector.connector_draft(self.account.id, given["uuid"])
        self.assertIn(f"cid:{item['content_id']}", told["html"])
        self.assertEqual([(one["is_inline"], one["is_here"]) for one in told["attachments"]], [(True, True)])
        piece = self.connector.connector_draft_piece(self.account.id, given["uuid"], item["id"], 3, 2)
        self.assertEqual(base64.b64decode(piece), b"89")

    def test_attachment_of_a_record_is_copied_if_one_may_read_it(self):
        own = self.env["ir.attachment"].with_user(self.owner).create({"name": "own.txt", "raw": b"own"})
        secret = self.env["ir.attachment"].create(
            {"name": "s.txt", "raw": b"s", "res_model": "mailbox.draft", "res_id": self._strange().id}
        )
        made = self.compose("new", attachment_ids=own.ids)
        self.assertEqual([one["name"] for one in made["attachments"]], ["own.txt"])
        self.assertNotEqual(made["attachments"][0]["id"], own.id)
        with self.assertRaises(AccessError):
            self.drafts.maildesk_save(made["id"], 1, {"attachment_ids": secret.ids})

    def test_picture_of_the_signature_goes_along(self):
        """A picture that lies in Odoo is a part of the mail: whoever gets it cannot look into Odoo."""
        logo = self.env["ir.attachment"].create(
            {"name": "logo.png", "raw": PIXEL, "res_model": "mailbox.account", "res_id": self.account.id, "mimetype": "image/png"}
        )
        hidden = self.env["ir.attachment"].create(
            {"name": "hidden.png", "raw": PIXEL, "res_model": "mailbox.draft", "res_id": self._strange().id}
        )
        self.account.with_user(self.owner).signature = f'<p>Anna <img src="/web/image/{logo.id}-abc/logo.png?access_token=x"></p>'
        made = self.compose("new")
        html = made["html"] + f'<img src="/web/image/{hidden.id}"><img src="https://other.example/web/image/{logo.id}">'
        revision = self.drafts.maildesk_save(made["id"], 1, {"html": html})["revision"]
        saved = self.drafts.maildesk_save(made["id"], revision, {"html": html + "<p>more</p>"})
        (item,) = saved["attachments"]
        self.assertEqual((item["name"], item["is_inline"]), ("logo.png", True))
        (given,) = self.exchange()["actions"]
        told = self.connector.connector_draft(self.account.id, given["uuid"])
        self.assertIn(f'src="cid:{item["content_id"]}"', told["html"])
        self.assertIn(f'src="https://other.example/web/image/{logo.id}"', told["html"])
        self.assertEqual([(one["id"], one["is_here"]) for one in told["attachments"]], [(item["id"], True)])
        # What goes out is the draft's own copy, and it is the author's alone.
        self.assertEqual(self.env["ir.attachment"].browse(item["id"]).res_model, "mailbox.draft")

    def test_forward_waits_for_what_it_forwards(self):
        """Until its text and attachments are known nothing is made at Outlook: what is not named would be taken out there."""
        with replace.object(type(self.row("m1")), "_body", lambda _self: {"state": "coming"}):
            made = self.drafts.maildesk_compose("forward", self.row("m1").id, to=["bert@example.com"])
        self.assertEqual((made["quote"], self.drafts.maildesk_draft(made["id"])["quote"]), ("coming", "coming"))
        revision = self.drafts.maildesk_save(made["id"], 1, {"html": "<p>FYI</p>"})["revision"]
        self.assertFalse(self.exchange()["actions"])
        with self.assertRaisesRegex(UserError, "being fetched"):
            self.drafts.maildesk_send(made["id"], revision, delay=0)
        with self.body(attachments=[{"remote_id": "a1", "name": "x.pdf", "size": 9, "is_inline": False}]):
            quote = self.drafts.maildesk_quote(made["id"])
        self.assertEqual([one["name"] for one in quote["attachments"]], ["x.pdf"])
        revision = self.drafts.maildesk_save(made["id"], revision, {"html": f"<p>FYI</p>{quote['html']}"})["revision"]
        self.assertEqual([one["kind"] for one in self.exchange()["actions"]], ["draft_save"])
        self.drafts.maildesk_send(made["id"], revision, delay=0)

    def test_nobody_else_has_a_draft(self):
        made = self.compose("new", subject="Secret")
        self.account.with_user(self.owner).shared_user_ids = self.friend
        for user in (self.friend, self.stranger, self.admin):
            drafts = self.env["mailbox.draft"].with_user(user)
            self.assertFalse(drafts.search([]))
            with self.assertRaises(UserError):
                drafts.maildesk_save(made["id"], 1, {"subject": "x"})
        with self.assertRaises(AccessError):
            self.drafts.browse(made["id"]).write({"subject": "x"})

    def test_without_permission_nothing_is_written(self):
        self.account.granted_scopes = "Mail.ReadWrite"
        with self.assertRaisesRegex(UserError, "does not let MailDesk send"):
            self.compose("new")

    def test_alias_is_chosen_and_goes_to_outlook(self):
        told = {"token": {"sealed": "s", "seq": 2}, "scopes": ["Mail.ReadWrite", "Mail.Send"]}
        self.account._signed_in({**told, "aliases": ["Sales@Example.com", "box@example.com", "no address", 7, "sales@example.com"]})
        made = self.compose("new", to=["bert@example.com"], subject="x")
        self.assertEqual((made["from_address"], made["from_choices"]), ("box@example.com", ["box@example.com", "sales@example.com"]))
        self.drafts.maildesk_save(made["id"], 1, {"from_address": "sales@example.com"})
        (given,) = self.exchange()["actions"]
        self.assertEqual(self.connector.connector_draft(self.account.id, given["uuid"])["from_address"], "sales@example.com")
        with self.assertRaises(UserError):
            self.drafts.maildesk_save(made["id"], 2, {"from_address": "boss@example.com"})
        # To all of them but oneself, under whatever address.
        people = {"total": 2, "list": [{"name": "Me", "address": "sales@example.com"}, {"name": "Carl", "address": "carl@example.com"}]}
        self.apply(messages=[{"remote_id": "m1", "to_recipients": people}])
        everybody = [one["address"] for one in self.compose("reply_all")["to"]]
        self.assertNotIn("sales@example.com", everybody)
        self.assertIn("carl@example.com", everybody)
        # A later sign-in tells of none any more.
        self.account._signed_in(told)
        self.assertEqual(self.account._from_choices(), ["box@example.com"])
