"""Sending a mail: when it goes, what becomes of it, and the entry in Sent that stands for it."""

import base64
from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import DRAFTS, INBOX, SENT, DraftCase


@tagged("post_install", "-at_install")
class TestSending(DraftCase):
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

    def test_copy_that_a_rule_moved_out_of_sent_is_found_by_its_message_id(self):
        """Before any round saw it in Sent, and under another id: the entry goes, where it is sure that this is the mail that was sent."""
        work = {"remote_id": "F-work", "parent_remote_id": None, "name": "Work", "role": "other"}
        self.apply(tree=[INBOX, SENT, DRAFTS, work])
        drafts = {}
        for name, to in (("d1", "bert@example.com"), ("d2", "BOX@example.com"), ("d3", "bert@example.com")):
            made = self.compose("new", to=[to], subject=name)
            made |= self.drafts.maildesk_save(made["id"], made["revision"], {"html": "<p>Hi</p>"})
            self.drafts.maildesk_send(made["id"], made["revision"], delay=0)
            (action,) = [one for one in self.exchange()["actions"] if one["kind"] == "send"]
            self.made(action, name, f"<{name}@x>")
            # The last one was acknowledged just now: its copy may be on its way to Sent.
            acked = fields.Datetime.now() - timedelta(minutes=0 if name == "d3" else 20)
            self.outcome(action, "done", acked=acked.timestamp())
            drafts[name] = self.env["mailbox.draft"].browse(made["id"])
        now = fields.Datetime.now().isoformat(timespec="seconds") + "Z"
        copies = [
            self.mail(f"s{n}", folder=folder, subject=f"d{n}", is_draft=False, internet_message_id=f"<d{n}@x>", received_at=now)
            for n, folder in ((1, "F-work"), (2, "F-inbox"), (3, "F-work"))
        ]
        self.apply(messages=copies)
        self.assertEqual(sorted(self.shown("F-sent")), ["d1", "d2", "d3"])
        self.env["mailbox.action"]._cron_forget()
        self.assertEqual(sorted(self.shown("F-sent")), ["d2", "d3"])
        self.assertEqual(drafts["d1"].message_id, self.row("s1"))
        # To oneself: one of two is the copy, and that is not the one in the Inbox.
        self.apply(messages=[self.mail("t2", folder="F-work", subject="d2", is_draft=False, internet_message_id="<d2@x>", received_at=now)])
        self.env["mailbox.action"]._cron_forget()
        self.assertEqual(self.shown("F-sent"), ["d3"])
        self.assertEqual(drafts["d2"].message_id, self.row("t2"))

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

    def test_disconnect_gives_mails_back(self):
        made = self.compose("new", to=["bert@example.com"])
        self.drafts.maildesk_send(made["id"], 1, delay=30)
        sending, _action = self.send()
        self.account.with_user(self.owner).unlink()
        self.assertEqual(self.env["mailbox.draft"].browse(made["id"]).state, "editing")
        self.assertEqual((sending.state, sending.error_code), ("failed", "undecided"))
