"""Writing a mail: recipients, quoting, saving, sending, and the entry in Sent that stands for it."""

import base64
from datetime import timedelta
from unittest.mock import Mock
from unittest.mock import patch as replace

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..connector_client import ConnectorClient, ConnectorDown
from .common import INBOX, SENT, MailDeskCase, patch

DRAFTS = {"remote_id": "F-drafts", "parent_remote_id": None, "name": "Drafts", "role": "drafts"}
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
INSTANCE, RUN = "i-1", "r-1"


@tagged("post_install", "-at_install")
class TestDrafts(MailDeskCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.account.granted_scopes = "Mail.ReadWrite Mail.Send"
        cls.drafts = cls.env["mailbox.draft"].with_user(cls.owner)

    def setUp(self):
        super().setUp()
        self.apply(tree=[INBOX, SENT, DRAFTS], messages=[self.mail()])
        self.serial = None

    def mail(self, remote_id="m1", **keys):
        people = {"total": 2, "list": [{"name": "Me", "address": "box@example.com"}, {"name": "Carl", "address": "carl@example.com"}]}
        return patch(remote_id, to_recipients=people, **{"conversation_id": "c1", "internet_message_id": f"<{remote_id}@x>", **keys})

    def body(self, html="<p>Hi</p>", attachments=(), **more):
        rows = self.messages.search([("account_id", "=", self.account.id)])
        return replace.object(
            type(rows),
            "_body",
            lambda _self: {"state": "ready", "html": html, "has_remote": False, "attachments": list(attachments), **more},
        )

    def compose(self, mode="reply", **keys):
        with self.body():
            return self.drafts.maildesk_compose(mode, self.row("m1").id if mode != "new" else None, self.account.id, **keys)

    def exchange(self):
        answer = self.connector.connector_exchange(instance=INSTANCE, run=RUN, serial=self.serial, since="2026-01-01T00:00:00Z", actions=50)
        self.serial = answer["serial"]
        return answer

    def send(self, html="<p>Dear Bert</p>", **keys):
        """Write a mail and send it now; return (draft, action)."""
        made = self.compose("new", to=["bert@example.com"], subject="Hello")
        made |= self.drafts.maildesk_save(made["id"], made["revision"], {"html": html})
        self.drafts.maildesk_send(made["id"], made["revision"], delay=0, **keys)
        self.env.flush_all()
        given = [one for one in self.exchange()["actions"] if one["kind"] == "send"]
        self.assertEqual(len(given), 1)
        return self.env["mailbox.draft"].browse(made["id"]), given[0]

    def outcome(self, action, outcome, **keys):
        return self.connector.connector_outcomes(self.account.id, [{"uuid": action["uuid"], "outcome": outcome, **keys}])

    def made(self, action, remote_id="d1", message_id="<d1@x>"):
        return self.connector.connector_draft_made(self.account.id, action["uuid"], remote_id, "k1", message_id)

    def shown(self, name):
        """Return subjects in a folder, as the owner's list shows them."""
        folder = self.env["mailbox.folder"].search([("account_id", "=", self.account.id), ("remote_id", "=", name)])
        return [row["subject"] for row in self.messages.with_user(self.owner).maildesk_list(folder.id)["rows"]]

    # ------------------------------------------------------------------ writing

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

    def test_files_that_outlook_had_come_along_to_another_mailbox(self):
        """They lie in the draft of the first mailbox only: they are fetched back before that goes."""
        other = self._account("second@example.com", self.owner)
        other.granted_scopes = "Mail.ReadWrite Mail.Send"
        draft, item = self._saved_with_a_file()
        with self._answer(b"the file") as asked:
            self.drafts.maildesk_save(draft.id, draft.revision, {"account_id": other.id})
        self.assertEqual(asked.call_args.args[2:4], (self.account.id, {"remote_id": "d1", "attachment_id": "A1"}))
        (kept,) = draft.attachments
        file = self.env["ir.attachment"].browse(kept["id"])
        self.assertEqual((kept["name"], kept["remote_id"], file.raw), (item["name"], None, b"the file"))
        draft, _item = self._saved_with_a_file("d2")
        with self._answer(None), self.assertRaisesRegex(UserError, "cannot be fetched"):
            self.drafts.maildesk_save(draft.id, draft.revision, {"account_id": other.id})

    def test_files_that_outlook_had_come_along_when_it_is_sent_again(self):
        draft, _item = self._saved_with_a_file()
        self.drafts.maildesk_send(draft.id, draft.revision, delay=0)
        (action,) = [one for one in self.exchange()["actions"] if one["kind"] == "send"]
        self.outcome(action, "unconfirmed")
        with self._answer(b"the file"):
            made = self.drafts.maildesk_resolve(draft.id, "again")
        self.assertEqual(self.env["ir.attachment"].browse(made["attachments"][0]["id"]).raw, b"the file")

    def test_save_under_way_leaves_nothing_in_the_mailbox_that_a_mail_left(self):
        """A connector that is just making the draft there hears that it is not wanted, and what it made goes again."""
        other = self._account("second@example.com", self.owner)
        other.granted_scopes = "Mail.ReadWrite Mail.Send"
        made = self.compose("new", to=["bert@example.com"])
        self.drafts.maildesk_save(made["id"], 1, {"subject": "Mine"})
        (save,) = self.exchange()["actions"]
        self.drafts.maildesk_save(made["id"], 2, {"account_id": other.id})
        self.assertIsNone(self.connector.connector_draft(self.account.id, save["uuid"]))
        self.outcome(save, "done", draft={"remote_id": "d1", "change_key": "k1", "revision": 2})
        (discard,) = [one for one in self.exchange()["actions"] if one["account_id"] == self.account.id]
        self.assertEqual((discard["kind"], discard["values"]["tag"]), ("draft_discard", save["values"]["tag"]))
        self.assertFalse(self.env["mailbox.draft"].browse(made["id"]).remote_id)

    def _saved_with_a_file(self, remote_id="d1"):
        """Return a draft that Outlook has, with a file that is not in Odoo any more."""
        own = self.env["ir.attachment"].with_user(self.owner).create({"name": "own.txt", "raw": b"the file"})
        made = self.compose("new", to=["bert@example.com"], attachment_ids=own.ids)
        self.drafts.maildesk_save(made["id"], 1, {"subject": "With a file"})
        (save,) = [one for one in self.exchange()["actions"] if (one["kind"], one["account_id"]) == ("draft_save", self.account.id)]
        (item,) = made["attachments"]
        made = {"remote_id": remote_id, "change_key": "k1", "revision": 2, "attachments": [{"id": item["id"], "remote_id": "A1"}]}
        self.outcome(save, "done", draft=made)
        self.assertFalse(self.env["ir.attachment"].browse(item["id"]).exists())
        return self.env["mailbox.draft"].search([("account_id", "=", self.account.id), ("remote_id", "=", remote_id)]), item

    def _answer(self, content):
        """Let the connector give an attachment; None: it does not answer."""
        client = self.env["ir.config_parameter"].sudo()
        client.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        client.set_param("maildesk.connector_secret", "s")
        how = {"side_effect": ConnectorDown("x")} if content is None else {"return_value": Mock(content=content, status_code=200)}
        return replace.object(ConnectorClient, "attachment", autospec=True, **how)

    def test_edit_takes_a_draft_as_outlook_has_it_now(self):
        """The index may be older, and names 50 recipients: a save from there would lose what it does not know."""
        many = {"total": 60, "list": [{"name": "", "address": f"p{n}@example.com"} for n in range(50)]}
        self.apply(messages=[self.mail("d1", folder="F-drafts", is_draft=True) | {"to_recipients": many}])
        everybody = [{"name": "", "address": f"p{n}@example.com"} for n in range(60)]
        head = {"change_key": "k7", "subject": "Newer", "importance": "high", "to": everybody, "cc": [], "bcc": []}
        with self.body(draft=head):
            made = self.drafts.maildesk_edit(self.row("d1").id)
        self.assertEqual((len(made["to"]), made["subject"], made["importance"]), (60, "Newer", "high"))
        self.drafts.maildesk_save(made["id"], 1, {"html": "<p>More</p>"})
        (save,) = self.exchange()["actions"]
        # What is changed there from now on is not written over.
        self.assertEqual(self.connector.connector_draft(self.account.id, save["uuid"])["change_key"], "k7")
        self.apply(messages=[self.mail("d2", folder="F-drafts", is_draft=True)])
        with self.body(), self.assertRaisesRegex(UserError, "no draft"):
            self.drafts.maildesk_edit(self.row("d2").id)

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

    def _strange(self):
        account = self._account("other@example.com", self.stranger)
        account.granted_scopes = "Mail.ReadWrite Mail.Send"
        made = self.env["mailbox.draft"].with_user(self.stranger).maildesk_compose("new", None, account.id)
        return self.env["mailbox.draft"].browse(made["id"])

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

    # ------------------------------------------------------------------ sending

    def test_address_is_checked(self):
        made = self.compose("new", to=["nonsense"])
        with self.assertRaisesRegex(UserError, "nonsense"):
            self.drafts.maildesk_send(made["id"], 1)
        for hostile in (
            "a@example.com\r\nBcc: b@example.com",
            "a@example.com\nx",
            "Anna <a@example.com>",
            "a b@example.com",
            "a@example.com,b@example.com",
        ):
            made = self.compose("new", to=[hostile])
            with self.assertRaisesRegex(UserError, "no address"):
                self.drafts.maildesk_send(made["id"], 1)
        made = self.compose("new")
        with self.assertRaisesRegex(UserError, "To whom"):
            self.drafts.maildesk_send(made["id"], 1)

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

    def test_delay_is_the_users_own_and_can_be_undone(self):
        made = self.compose("new", to=["bert@example.com"])
        self.owner.maildesk_undo_seconds = 20
        sent = self.drafts.maildesk_send(made["id"], 1)
        self.assertEqual((sent["undo_seconds"], sent["draft"]["state"]), (20, "scheduled"))
        answer = self.exchange()
        self.assertFalse(answer["actions"])
        self.assertTrue(0 < answer["next_send_in"] <= 20)
        self.assertEqual(self.shown("F-sent"), [])
        self.assertEqual(self.drafts.maildesk_unsend(made["id"])["state"], "editing")
        with self.assertRaises(UserError):
            self.drafts.maildesk_unsend(made["id"])

    def test_scheduled_are_listed(self):
        made = self.compose("new", to=["bert@example.com"], subject="Later")
        when = fields.Datetime.now() + timedelta(days=2)
        self.drafts.maildesk_send(made["id"], 1, send_at=when.isoformat())
        (line,) = self.drafts.maildesk_scheduled()["drafts"]
        self.assertEqual(line["subject"], "Later")
        with self.assertRaises(UserError):
            self.drafts.maildesk_save(made["id"], 1, {"subject": "x"})

    def test_mail_that_goes_at_a_time_waits_for_nothing_until_then(self):
        made = self.compose("new", to=["bert@example.com"], subject="Later")
        when = fields.Datetime.now() + timedelta(days=2)
        self.drafts.maildesk_send(made["id"], 1, send_at=when.isoformat())
        action = self.env["mailbox.action"].search([("draft_id", "=", made["id"])])
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailbox_action SET create_date = %s WHERE id = %s", [fields.Datetime.now() - timedelta(hours=1), action.id]
        )
        self.env.invalidate_all()
        self.assertIsNone(action._waiting_for())
        action.due_at = fields.Datetime.now() - timedelta(seconds=5)
        self.assertIsNone(action._waiting_for())
        action.due_at = fields.Datetime.now() - timedelta(minutes=5)
        self.assertEqual(action._waiting_for(), "connector")

    def test_entry_is_in_sent_at_once_and_becomes_the_copy(self):
        draft, action = self.send()
        self.assertEqual((self.shown("F-sent"), self.shown("F-drafts")), (["Hello"], []))
        entry = draft.message_id.id
        # Graph shows the draft before we know its id: it is held back.
        copy = self.mail("d1", folder="F-drafts", subject="Hello", is_draft=True, internet_message_id="<d1@x>")
        self.apply(messages=[copy])
        self.assertEqual((self.shown("F-sent"), self.shown("F-drafts")), (["Hello"], []))
        self.assertTrue(self.made(action))
        self.assertEqual(draft.message_id.id, entry)
        self.apply(messages=[copy])
        self.assertEqual((self.shown("F-sent"), self.shown("F-drafts")), (["Hello"], []))
        self.outcome(action, "done", acked=fields.Datetime.now().timestamp())
        self.assertEqual((draft.state, draft.html, draft.to_recipients), ("sent", False, False))
        # A round that began since ends nothing: the draft may stand in Drafts still, and then in no folder.
        self.apply(messages=[copy], settled=fields.Datetime.now().timestamp() + 60)
        self.assertEqual((self.shown("F-sent"), self.shown("F-drafts")), (["Hello"], []))
        self.apply(removed=[{"folder": "F-drafts", "remote_id": "d1"}])
        self.apply(gone=["d1"])
        self.assertEqual((self.shown("F-sent"), self.shown("F-drafts")), (["Hello"], []))
        (row,) = self.messages.with_user(self.owner).maildesk_rows([entry])["rows"]
        self.assertEqual(row["sending"]["state"], "waiting")
        self.apply(messages=[self.mail("s9", folder="F-sent", subject="Hello", is_draft=False, internet_message_id="<d1@x>")])
        self.assertEqual(self.shown("F-sent"), ["Hello"])
        self.assertEqual((self.row("s9").id, self.row("s9").is_local), (entry, False))

    def test_entry_of_a_picture_alone_has_no_words(self):
        """The line below its subject is empty, not what a picture is called in HTML."""
        draft, _action = self.send(html=f'<p><img src="data:image/gif;base64,{base64.b64encode(b"GIF").decode()}"></p>')
        self.assertFalse(draft.message_id.preview)

    def test_copy_that_keeps_its_id_is_the_entry(self):
        draft, action = self.send()
        self.made(action)
        self.outcome(action, "done", acked=1.0)
        self.apply(
            messages=[{"remote_id": "d1", "folder": "F-sent", "is_draft": False}], removed=[{"folder": "F-drafts", "remote_id": "d1"}]
        )
        self.assertEqual((self.shown("F-sent"), self.row("d1").is_local, self.row("d1")), (["Hello"], False, draft.message_id))
        self.assertFalse(self.env["mailbox.action"].search([("draft_id", "=", draft.id), ("covers", "=", True)]))

    def test_copy_in_ones_own_inbox_is_another_mail(self):
        _draft, action = self.send()
        self.made(action)
        self.outcome(action, "done", acked=1.0)
        self.apply(messages=[self.mail("in1", subject="Hello", internet_message_id="<d1@x>")])
        self.assertEqual((self.shown("F-sent"), self.shown("F-inbox").count("Hello")), (["Hello"], 1))

    def test_saved_draft_leaves_drafts_when_it_is_sent(self):
        made = self.compose("new", to=["bert@example.com"], subject="Hello")
        self.drafts.maildesk_save(made["id"], 1, {"html": "<p>x</p>"})
        (save,) = self.exchange()["actions"]
        self.apply(messages=[self.mail("d1", folder="F-drafts", subject="Hello", is_draft=True)])
        self.outcome(save, "done", draft={"remote_id": "d1", "change_key": "k1", "internet_message_id": "<d1@x>", "revision": 2})
        self.assertEqual(self.shown("F-drafts"), ["Hello"])
        self.drafts.maildesk_send(made["id"], 2, delay=0)
        (send,) = self.exchange()["actions"]
        self.assertEqual((self.shown("F-sent"), self.shown("F-drafts")), (["Hello"], []))
        self.outcome(send, "failed", error="ErrorSendAsDenied")
        self.assertEqual((self.shown("F-sent"), self.shown("F-drafts")), ([], ["Hello"]))
        (line,) = self.drafts.maildesk_drafts()["drafts"]
        self.assertEqual(line["state"], "failed")
        self.assertIn("does not let this mailbox send", line["error"])

    def test_failure_without_a_draft_leaves_no_entry(self):
        draft, action = self.send()
        self.outcome(action, "failed", error="ErrorMessageSizeExceeded")
        self.assertEqual((self.shown("F-sent"), draft.state, bool(draft.html)), ([], "failed", True))

    def test_save_that_finds_its_draft_gone_leaves_a_mail_alone_that_waits_to_be_sent(self):
        """The send finds out itself whether it was deleted, or sent from Outlook: it is no new mail."""
        made = self.compose("new", to=["bert@example.com"])
        self.drafts.maildesk_save(made["id"], 1, {"subject": "Hello"})
        (save,) = self.exchange()["actions"]
        self.drafts.maildesk_send(made["id"], 2, delay=0)
        draft = self.env["mailbox.draft"].browse(made["id"])
        self.outcome(save, "gone")
        (send,) = self.exchange()["actions"]
        self.assertEqual((draft.state, send["values"]["tag"]), ("sending", draft.tag))
        self.outcome(send, "done", acked=1.0, draft={"remote_id": "d1", "internet_message_id": "<d1@x>"})
        self.assertEqual((draft.state, draft.to_recipients), ("sent", False))

    def test_retry_is_not_for_mails(self):
        """A mail that came back is sent from its window: not by the Retry of actions."""
        draft, action = self.send()
        self.made(action)
        self.outcome(action, "failed", error="ErrorSendAsDenied")
        self.assertEqual(self.env["mailbox.action"].with_user(self.owner).maildesk_retry([action["uuid"]])["uuids"], [])
        self.assertEqual(draft.state, "failed")

    def test_unconfirmed_is_for_its_author(self):
        draft, action = self.send()
        self.made(action)
        self.outcome(action, "unconfirmed")
        (row,) = self.messages.with_user(self.owner).maildesk_rows(draft.message_id.ids)["rows"]
        self.assertEqual((draft.state, row["sending"]["state"], self.shown("F-sent")), ("unconfirmed", "unconfirmed", ["Hello"]))
        tag = draft.tag
        made = self.drafts.maildesk_resolve(draft.id, "again")
        self.assertEqual((made["state"], self.shown("F-sent")), ("editing", []))
        self.assertNotEqual(draft.tag, tag)
        self.assertIn("Dear Bert", made["html"])

    def test_unconfirmed_that_comes_was_sent(self):
        draft, action = self.send()
        self.made(action)
        self.outcome(action, "unconfirmed")
        self.apply(messages=[self.mail("s9", folder="F-sent", subject="Hello", is_draft=False, internet_message_id="<d1@x>")])
        self.assertEqual((draft.state, self.shown("F-sent"), draft.html), ("sent", ["Hello"], False))

    def test_resolved_as_sent_stays_in_sent(self):
        draft, action = self.send()
        self.outcome(action, "unconfirmed")
        self.drafts.maildesk_resolve(draft.id, "sent")
        self.assertEqual((draft.state, self.shown("F-sent")), ("sent", ["Hello"]))

    def test_late_entry_says_so(self):
        draft, action = self.send()
        self.made(action)
        self.outcome(action, "done", acked=(fields.Datetime.now() - timedelta(hours=2)).timestamp())
        (row,) = self.messages.with_user(self.owner).maildesk_rows(draft.message_id.ids)["rows"]
        self.assertEqual(row["sending"]["state"], "late")

    def test_changed_in_outlook_is_asked_about(self):
        made = self.compose("new", to=["bert@example.com"])
        self.drafts.maildesk_save(made["id"], 1, {"subject": "Mine"})
        (save,) = self.exchange()["actions"]
        self.outcome(save, "failed", error="changed", draft={"remote_id": "d1"})
        self.assertEqual(self.drafts.maildesk_draft(made["id"])["outlook"], "changed")
        self.assertIn("conflict", self.drafts.maildesk_send(made["id"], 2, delay=0))
        self.assertEqual(self.drafts.maildesk_take(made["id"], "mine")["outlook"], "saving")
        (save,) = self.exchange()["actions"]
        self.assertIsNone(self.connector.connector_draft(self.account.id, save["uuid"])["change_key"])

    def test_discard_empties_and_tells_outlook(self):
        made = self.compose("new", to=["bert@example.com"])
        self.drafts.maildesk_save(made["id"], 1, {"subject": "Mine", "html": "<p>x</p>"})
        (save,) = self.exchange()["actions"]
        self.outcome(save, "done", draft={"remote_id": "d1", "change_key": "k1", "revision": 2})
        self.drafts.maildesk_discard(made["id"])
        draft = self.env["mailbox.draft"].browse(made["id"])
        self.assertEqual((draft.state, draft.subject, draft.html), ("discarded", False, False))
        (discard,) = self.exchange()["actions"]
        self.assertEqual((discard["kind"], discard["values"]["draft_remote_id"]), ("draft_discard", "d1"))

    def test_discard_of_a_save_that_may_be_under_way_tells_outlook(self):
        """A save that a connector was given, and which is to be given again, may have made a draft."""
        made = self.compose("new", to=["bert@example.com"])
        self.drafts.maildesk_save(made["id"], 1, {"subject": "Mine"})
        self.exchange()
        self.env["mailbox.action"].search([("draft_id", "=", made["id"])]).state = "pending"
        self.drafts.maildesk_discard(made["id"])
        given = [one["kind"] for one in self.exchange()["actions"]]
        self.assertEqual(given[-1:], ["draft_discard"])

    def test_disconnect_gives_mails_back(self):
        made = self.compose("new", to=["bert@example.com"])
        self.drafts.maildesk_send(made["id"], 1, delay=30)
        sending, _action = self.send()
        self.account.with_user(self.owner).unlink()
        self.assertEqual(self.env["mailbox.draft"].browse(made["id"]).state, "editing")
        self.assertEqual((sending.state, sending.error_code), ("failed", "undecided"))

    # ------------------------------------------------------------------ forgetting

    def test_every_place_of_a_body_has_its_age(self):
        """Every column and file that may hold what a mail says is listed, and is empty when its time has come."""
        holds = {
            (name, field.name)
            for name in self.env.registry
            if name.startswith(("mailbox.", "maildesk."))
            for field in self.env[name]._fields.values()
            if field.store and field.column_type and field.column_type[0] in ("text", "jsonb", "bytea")
        }
        # Place -> how it is emptied.
        limits = {
            **{("mailbox.draft", name): "sent, discarded; 7 days" for name in ("to_recipients", "cc_recipients", "bcc_recipients")},
            ("mailbox.draft", "html"): "sent, discarded; 7 days",
            ("mailbox.draft", "attachments"): "sent, discarded; 7 days",
            ("mailbox.message_body", "html"): "7 days",
            **{("mailbox.message_body", name): "7 days" for name in ("attachments", "traits")},
            **{("mailbox.action", name): "no text of a mail" for name in ("vals", "before", "seen")},
        }
        heads = {
            ("mailbox.message_index", name)
            for name in ("to_recipients", "cc_recipients", "bcc_recipients", "reply_to", "categories", "bounce_says")
        }
        closed = {("mailbox.message_index", "said_categories")}
        others = {place for place in holds - limits.keys() - heads - closed if place[0] != "mailbox.account"}
        self.assertFalse({place for place in others if place[0] in ("mailbox.draft", "mailbox.action", "mailbox.message_body")}, others)
        made = self.compose("new", to=["bert@example.com"])
        item = self.drafts.maildesk_save(
            made["id"], 1, {"html": f'<p>Text<img src="data:image/gif;base64,{base64.b64encode(b"GIF").decode()}"></p>'}
        )["attachments"][0]
        draft = self.env["mailbox.draft"].browse(made["id"])
        self.drafts.maildesk_send(made["id"], 2, delay=0)
        (action,) = self.exchange()["actions"]
        self.outcome(action, "failed", error="ErrorInvalidRecipients")
        self.env.flush_all()
        old = fields.Datetime.now() - timedelta(days=8)
        self.env.cr.execute("UPDATE mailbox_draft SET write_date = %s WHERE id = %s", [old, draft.id])
        self.env.cr.execute("UPDATE ir_attachment SET create_date = %s WHERE id = %s", [old, item["id"]])
        self.env.invalidate_all()
        self.env["mailbox.draft"]._cron_forget()
        self.env.flush_all()
        self.env.cr.execute("SELECT html, subject, to_recipients, attachments FROM mailbox_draft WHERE id = %s", [draft.id])
        self.assertEqual(self.env.cr.fetchone(), (None, None, None, None))
        self.assertFalse(self.env["ir.attachment"].browse(item["id"]).exists())

    def test_failed_mail_without_a_text_is_emptied_too(self):
        made = self.compose("new", to=["bert@example.com"])
        revision = self.drafts.maildesk_save(made["id"], 1, {"html": "", "subject": "Only a subject"})["revision"]
        self.drafts.maildesk_send(made["id"], revision, delay=0)
        (action,) = [one for one in self.exchange()["actions"] if one["kind"] == "send"]
        self.outcome(action, "failed", error="ErrorInvalidRecipients")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailbox_draft SET write_date = %s WHERE id = %s", [fields.Datetime.now() - timedelta(days=8), made["id"]]
        )
        self.env.invalidate_all()
        self.env["mailbox.draft"]._cron_forget()
        draft = self.env["mailbox.draft"].browse(made["id"])
        self.assertEqual((draft.subject, draft.to_recipients), (False, False))

    def test_failed_mail_that_outlook_has_is_opened_from_there_when_its_time_has_come(self):
        """Its text is not kept here: what is left of it must not stand for, or be saved over, the draft in Outlook."""
        draft, action = self.send()
        self.made(action)
        self.outcome(action, "failed", error="ErrorInvalidRecipients")
        self.apply(messages=[self.mail("d1", folder="F-drafts", subject="Hello", is_draft=True)])
        self.env.flush_all()
        self.env.cr.execute("UPDATE mailbox_draft SET write_date = %s WHERE id = %s", [fields.Datetime.now() - timedelta(days=8), draft.id])
        self.env.invalidate_all()
        self.env["mailbox.draft"]._cron_forget()
        self.assertEqual(self.drafts.maildesk_drafts()["drafts"], [])
        head = {"change_key": "k2", "subject": "Hello", "importance": "normal", "to": [{"name": "", "address": "bert@example.com"}]}
        with self.body("<p>Dear Bert</p>", draft=head):
            made = self.drafts.maildesk_edit(self.row("d1").id)
        self.assertEqual((made["state"], made["html"], len(made["to"])), ("editing", "<p>Dear Bert</p>", 1))
