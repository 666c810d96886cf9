"""A draft that Outlook has, too: taken up from there, and what becomes of it and of its files when it is changed or deleted there."""

from unittest.mock import Mock
from unittest.mock import patch as replace

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from .common import DRAFTS, INBOX, SENT, DraftCase


@tagged("post_install", "-at_install")
class TestDraftsOutlook(DraftCase):
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

    def _answer(self, content, *, is_gone=False):
        """Let the connector give an attachment; None: it does not answer, or Outlook has none such."""
        client = self.env["ir.config_parameter"].sudo()
        client.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        client.set_param("maildesk.connector_secret", "s")
        error = ConnectorRefused("gone", "gone", 404) if is_gone else ConnectorDown("x")
        how = {"side_effect": error} if content is None else {"return_value": Mock(content=content, status_code=200)}
        return replace.object(ConnectorClient, "attachment", autospec=True, **how)

    def _opened(self, html, **more):
        """Return a draft of Outlook's that is opened here."""
        self.apply(messages=[self.mail("d1", folder="F-drafts", is_draft=True)])
        head = {"change_key": "k7", "subject": "Offer", "importance": "normal", "to": [], "cc": [], "bcc": []}
        with self.body(html, draft=head, **more):
            return self.drafts.maildesk_edit(self.row("d1").id)

    def _told(self):
        """Return what the connector is told of the one save that waits."""
        (save,) = [one for one in self.exchange()["actions"] if one["kind"] == "draft_save"]
        content = self.connector.connector_draft(self.account.id, save["uuid"])
        self.outcome(save, "done", draft={"remote_id": "d1", "change_key": "k8", "revision": content["revision"]})
        return content

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

    def test_text_that_nobody_changed_stays_as_outlook_has_it(self):
        """The editor cannot show all that Outlook can: what is not touched is not written back, and the style sheet comes along."""
        made = self._opened('<style>p.MsoNormal {margin: 0}</style><p class="MsoNormal">Dear Bert</p>')
        self.assertNotIn("style", made["html"])
        saved = self.drafts.maildesk_save(made["id"], 1, {"subject": "The offer", "html": made["html"]})
        content = self._told()
        self.assertEqual((content["subject"], content["html"]), ("The offer", None))
        self.drafts.maildesk_save(made["id"], saved["revision"], {"html": '<p class="MsoNormal">Dear Carl</p>'})
        self.assertEqual(self._told()["html"], '<style>p.MsoNormal {margin: 0}</style><p class="MsoNormal">Dear Carl</p>')

    def test_simplified_text_is_edited_when_its_author_says_so(self):
        """Of a draft that is too large to be shown as it is, the text goes back to Outlook only when that was asked for."""
        made = self._opened("<div>Dear Bert</div>", is_simplified=True)
        self.assertTrue(made["is_simplified"])
        saved = self.drafts.maildesk_save(made["id"], 1, {"subject": "The offer"})
        self.assertEqual(self._told()["html"], None)
        with self.assertRaisesRegex(UserError, "only the text"):
            self.drafts.maildesk_save(made["id"], saved["revision"], {"html": "<div>Dear Carl</div>"})
        made = self.drafts.maildesk_take(made["id"], "text")
        self.assertEqual((made["is_simplified"], made["outlook"]), (False, "saved"))
        self.assertFalse(self.exchange()["actions"])
        self.drafts.maildesk_save(made["id"], made["revision"], {"html": "<div>Dear Carl</div>"})
        self.assertEqual(self._told()["html"], "<div>Dear Carl</div>")
        with self.assertRaisesRegex(UserError, "nothing of that kind"):
            self.drafts.maildesk_take(made["id"], "text")

    def test_draft_deleted_in_outlook_is_saved_anew_with_its_files_when_its_author_says_so(self):
        draft, item = self._saved_with_a_file()
        tag, revision = draft.tag, draft.revision
        self.drafts.maildesk_save(draft.id, revision, {"subject": "More"})
        (save,) = self.exchange()["actions"]
        self.outcome(save, "gone", error="deleted")
        self.assertEqual((draft.state, self.drafts.maildesk_draft(draft.id)["outlook"]), ("editing", "deleted"))
        # What is written goes on being kept here, and nothing goes to Outlook.
        revision = self.drafts.maildesk_save(draft.id, revision + 1, {"html": "<p>And more</p>"})["revision"]
        self.assertIn("conflict", self.drafts.maildesk_send(draft.id, revision, delay=0))
        self.assertFalse(self.exchange()["actions"])
        # It is not lost for a connector that is away.
        with self._answer(None), self.assertRaisesRegex(UserError, "cannot be fetched"):
            self.drafts.maildesk_take(draft.id, "anew")
        self.assertEqual(draft.lost, "deleted")
        with self._answer(b"the file") as asked:
            made = self.drafts.maildesk_take(draft.id, "anew")
        self.assertEqual(asked.call_args.args[3], {"remote_id": "d1", "attachment_id": "A1"})
        (kept,) = made["attachments"]
        self.assertEqual((kept["name"], self.env["ir.attachment"].browse(kept["id"]).raw), (item["name"], b"the file"))
        self.assertEqual((made["lost_files"], made["outlook"], made["subject"]), ([], "saving", "More"))
        (save,) = self.exchange()["actions"]
        content = self.connector.connector_draft(self.account.id, save["uuid"])
        self.assertEqual((content["remote_id"], content["html"]), (None, "<p>And more</p>"))
        self.assertNotEqual(content["tag"], tag)
        with self.assertRaisesRegex(UserError, "nothing of that kind"):
            self.drafts.maildesk_take(draft.id, "anew")

    def test_files_that_went_with_the_draft_are_named(self):
        """Deleted for good: what Outlook alone had is nowhere any more, and nobody finds out by a mail without it."""
        draft, item = self._saved_with_a_file()
        self.drafts.maildesk_save(draft.id, draft.revision, {"subject": "More"})
        (save,) = self.exchange()["actions"]
        self.outcome(save, "gone", error="deleted")
        with self._answer(None, is_gone=True):
            made = self.drafts.maildesk_take(draft.id, "anew")
        self.assertEqual((made["lost_files"], made["attachments"]), ([item["name"]], []))

    def test_sync_tells_what_became_of_a_draft_that_is_open(self):
        """Before anything is saved: its window hears of it with the round that brings it."""
        trash = {"remote_id": "F-trash", "parent_remote_id": None, "name": "Deleted", "role": "trash"}
        self.apply(tree=[INBOX, SENT, DRAFTS, trash])
        ids = [self._opened("<p>Hi</p>")["id"]]
        for name in ("d2", "d3", "d4"):
            self.apply(messages=[self.mail(name, folder="F-drafts", is_draft=True)])
            ids.append(self.env["mailbox.draft"].browse(ids[0]).copy({"remote_id": name, "tag": name}).id)
        self.apply(messages=[{"remote_id": "d1", "folder": "F-trash"}])
        self.apply(messages=[{"remote_id": "d2", "folder": "F-sent", "is_draft": False}])
        self.apply(removed=[{"folder": "F-drafts", "remote_id": "d3"}])
        self.apply(messages=[{"remote_id": "d4", "is_flagged": True}])
        drafts = self.env["mailbox.draft"].browse(ids)
        self.assertEqual(drafts.mapped("lost"), ["deleted", "sent", False, False])
        self.apply(gone=["d3"])
        self.assertEqual(drafts.mapped("lost"), ["deleted", "sent", "deleted", False])

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
