"""Search at Microsoft: what is asked, what is merged out, what is never written, and who may."""

from unittest.mock import patch as mock_patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from .common import MailDeskCase, patch

BODY = {"html": "<p>Hello</p><script>alert(1)</script>", "has_remote": False, "attachments": []}


@tagged("post_install", "-at_install")
class TestSearchRemote(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.fill(patch("known"), patch("hidden"))
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "hidden"}])
        self.mine = self.messages.with_user(self.owner)
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        parameters.set_param("maildesk.connector_secret", "secret")

    def searched(self, query, messages=(), failed=None, user=None, **how):
        """Search, with what the connector answers; return the answer and what it was asked."""
        messages = [{"account_id": self.account.id, **message} for message in messages]
        with mock_patch.object(ConnectorClient, "search", return_value={"messages": messages, "failed": failed or {}}) as search:
            answer = self.messages.with_user(user or self.owner).maildesk_search_remote(query, **how)
        return answer, search.call_args and search.call_args.args[0]

    def test_what_is_asked(self):
        """Operators go as they were understood; a folder goes by its remote id; other people's mailboxes are not named."""
        self._account("other@example.com", self.stranger)
        _answer, asked = self.searched('pier from:"b c" is:unread has:attachment after:2026-10-01 before:2026-11-01')
        self.assertEqual(
            asked,
            {
                "places": [{"account_id": self.account.id}],
                "words": [{"text": "pier", "where": "any", "is_whole": False}, {"text": "b c", "where": "from", "is_whole": True}],
                "has_attachments": True,
                "is_read": False,
                "after": "2026-10-01",
                "before": "2026-11-01",
            },
        )
        _answer, asked = self.searched("pier in:sent", account_id=self.account.id)
        self.assertEqual(asked["places"], [{"account_id": self.account.id, "folder": "F-sent"}])

    def test_only_what_the_index_does_not_have(self):
        """Known messages are left out, hidden ones too; what is new is shown, and not written."""
        before = self.messages.search_count([])
        answer, _asked = self.searched(
            "pier", [patch("known"), patch("hidden"), patch("new", subject="Pier"), patch("new", subject="Pier")]
        )
        (row,) = answer["rows"]
        self.assertEqual((row["id"], row["remote_id"], row["is_remote"], row["subject"]), (None, "new", True, "Pier"))
        self.assertEqual((row["folder_name"], row["received_at"], answer["state"]), ("Inbox", "2026-11-22T10:00:00Z", "ready"))
        self.assertEqual(self.messages.search_count([]), before)

    def test_answers_for_others_are_dropped(self):
        """Rows of a mailbox that was not asked about are not shown, whatever the connector says."""
        other = self._account("other@example.com", self.stranger)
        answer, _asked = self.searched("pier", [{**patch("new"), "account_id": other.id}])
        self.assertEqual(answer["rows"], [])

    def test_unavailable(self):
        """A connector that is down or not set up, and mailboxes that all fail, are said; where some answer, that is shown."""
        for error in (ConnectorDown("ConnectTimeout"), ConnectorRefused("internal", "")):
            with mock_patch.object(ConnectorClient, "search", side_effect=error):
                self.assertEqual(self.mine.maildesk_search_remote("pier")["state"], "unavailable")
        answer, _asked = self.searched("pier", failed={str(self.account.id): "Outlook does not answer."})
        self.assertEqual((answer["state"], answer["message"]), ("unavailable", "Outlook does not answer."))
        self._account("second@example.com")
        second = self.env["mailbox.account"].search([("email", "=", "second@example.com")])
        self.apply(second, tree=[{"remote_id": "F2", "parent_remote_id": None, "name": "Inbox", "role": "inbox"}])
        answer, _asked = self.searched("pier", [patch("new")], failed={str(second.id): "x"})
        self.assertEqual((answer["state"], len(answer["rows"]), bool(answer["message"])), ("ready", 1, True))
        self.env["ir.config_parameter"].set_param("maildesk.connector_url", "")
        self.assertEqual(self.mine.maildesk_search_remote("pier")["state"], "unavailable")

    def test_of_another(self):
        """Nobody searches or opens at Microsoft what they do not read here; who reads another's mailbox is noted."""
        for user in (self.stranger, self.admin):
            answer, asked = self.searched("pier", [patch("new")], user=user, account_id=self.account.id)
            self.assertEqual((answer["rows"], asked), ([], None))
            with mock_patch.object(ConnectorClient, "message") as message, self.assertRaises(UserError):
                self.messages.with_user(user).maildesk_open_remote(self.account.id, "new")
            message.assert_not_called()
        with self.assertRaises(AccessError):
            self.messages.with_user(self.employee).maildesk_search_remote("pier")
        self.account.with_user(self.owner).shared_user_ids = self.stranger
        answer, _asked = self.searched("pier", [patch("new")], user=self.stranger)
        self.assertEqual(len(answer["rows"]), 1)
        opened = self.env["mailbox.audit"].search([("account_id", "=", self.account.id), ("event", "=", "opened")])
        self.assertEqual(opened.user_id, self.stranger)

    def test_open(self):
        """A message that the index does not have is opened, cleaned, and not kept."""
        with (
            mock_patch.object(ConnectorClient, "message", return_value={"state": "ready", "message": patch("new")}),
            mock_patch.object(ConnectorClient, "body", return_value={"state": "ready", "body": BODY}),
        ):
            opened = self.mine.maildesk_open_remote(self.account.id, "new")
        self.assertEqual((opened["id"], opened["subject"], opened["to_total"]), (None, "Subject of new", 1))
        self.assertIn("Hello", opened["body"]["html"])
        self.assertNotIn("script", opened["body"]["html"])
        self.assertFalse(self.row("new"))
        self.assertFalse(self.env["mailbox.message_body"].search([("account_id", "=", self.account.id)]))

    def test_open_what_came_meanwhile(self):
        """A message that the index has by now is opened from there."""
        with mock_patch.object(ConnectorClient, "body", return_value={"state": "ready", "body": BODY}):
            self.assertEqual(self.mine.maildesk_open_remote(self.account.id, "known")["id"], self.row("known").id)

    def test_open_what_is_gone(self):
        """What cannot be opened is said in a sentence."""
        gone = {"state": "error", "error": "not_found", "message": "It is gone."}
        with mock_patch.object(ConnectorClient, "message", return_value=gone), self.assertRaisesRegex(UserError, "It is gone"):
            self.mine.maildesk_open_remote(self.account.id, "new")
