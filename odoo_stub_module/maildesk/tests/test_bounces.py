"""Mail that could not be delivered: its row in Sent says so, and it and the report lead to each other."""

from unittest.mock import patch as replaced

from odoo import fields
from odoo.tests import tagged

from ..connector_client import ConnectorClient
from ..wire import iso
from .common import INBOX, SENT, MailDeskCase, patch

SYSTEM = "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com"
UNDELIVERED = [{"address": "nobody@example.org", "action": "failed", "status": "5.1.10", "reason": "550 5.1.10 RecipientNotFound"}]


@tagged("-at_install", "post_install")
class TestBounces(MailDeskCase):
    def setUp(self):
        super().setUp()
        own = patch("s1", folder="F-sent", from_email="box@example.com", conversation_id="C", internet_message_id="<s1@x>")
        self.apply(tree=[INBOX, SENT], messages=[own, patch("s2", folder="F-sent", conversation_id="C", internet_message_id="<s2@x>")])
        self.env["mailbox.draft"].create(
            {
                "account_id": self.account.id,
                "author_id": self.owner.id,
                "state": "sent",
                "internet_message_id": "<s1@x>",
                "message_id": self.row("s1").id,
            }
        )

    def report(self, remote_id="n1", **keys):
        now = iso(fields.Datetime.now())
        return patch(remote_id, **{"from_email": SYSTEM, "received_at": now, "conversation_id": "C", **keys})

    def text(self, remote_id="n1", **keys):
        """Let the text of a report come."""
        body = {"html": "<p>Sorry</p>", "undelivered": UNDELIVERED, "reports_on": "<s1@x>", **keys}
        return self.connector.connector_body(account_id=self.account.id, remote_id=remote_id, body=body)

    def rows(self, *remote_ids):
        ids = [self.row(one).id for one in remote_ids]
        found = {row["id"]: row for row in self.messages.with_user(self.owner).maildesk_rows(ids)["rows"]}
        return [found[one] for one in ids]

    def test_both_know_of_each_other(self):
        self.apply(messages=[self.report()])
        self.bus()
        self.text()
        sent, other, report = self.rows("s1", "s2", "n1")
        self.assertEqual(sent["undelivered"], [{"bounce_id": report["id"], **UNDELIVERED[0]}])
        self.assertEqual((report["bounce_of"], report["undelivered"], sent["bounce_of"]), (sent["id"], [], None))
        self.assertEqual((other["undelivered"], other["bounce_of"]), ([], None))
        told = [payload["message_ids"] for _channel, kind, payload in self.bus() if kind == "maildesk/changed"]
        self.assertIn(sorted([sent["id"], report["id"]]), [sorted(ids) for ids in told])
        opened = self.messages.with_user(self.owner).maildesk_open(sent["id"])
        self.assertEqual(opened["undelivered"], sent["undelivered"])

    def test_two_reports_of_one_mail(self):
        self.apply(messages=[self.report(), self.report("n2")])
        self.text()
        self.text("n2", undelivered=[{"address": "late@example.org", "action": "delayed", "status": "4.4.1", "reason": ""}])
        (sent,) = self.rows("s1")
        self.assertEqual(
            [(one["address"], one["action"]) for one in sent["undelivered"]],
            [("nobody@example.org", "failed"), ("late@example.org", "delayed")],
        )

    def test_mail_that_was_sent_elsewhere_is_found_in_the_conversation(self):
        self.apply(messages=[self.report()])
        self.text(reports_on="<s2@x>")
        self.assertTrue(self.rows("s2")[0]["undelivered"])
        self.assertFalse(self.rows("s1")[0]["undelivered"])

    def test_report_on_nothing_of_ours(self):
        """A stranger's Message-ID, none, no recipients, a mail of another mailbox: no link."""
        other = self._account("other@example.com", self.friend)
        self.apply(account=other, tree=[INBOX, SENT], messages=[self.report("o1")])
        body = {"html": "", "undelivered": UNDELIVERED, "reports_on": "<s1@x>"}
        self.connector.connector_body(account_id=other.id, remote_id="o1", body=body)
        self.apply(messages=[self.report(f"n{number}") for number in range(3)])
        self.text("n0", reports_on="<stranger@x>")
        self.text("n1", reports_on="")
        self.text("n2", undelivered=[])
        self.assertFalse(self.messages.search([("bounce_of_id", "!=", False)]))
        self.assertFalse(self.rows("s1")[0]["undelivered"])

    def test_texts_are_asked_for_where_something_was_sent(self):
        """Of what mail systems write now; neither of people's mail, nor of old mail, nor where nothing went out from here."""
        other = self._account("other@example.com", self.friend)
        asked = []
        with (
            replaced.object(ConnectorClient, "of", lambda _env: self),
            replaced.object(
                type(self), "ask_body", lambda _self, account_id, remote_id: asked.append((account_id, remote_id)), create=True
            ),
        ):
            self.apply(account=other, tree=[INBOX, SENT], messages=[self.report("o1")])
            self.apply(
                messages=[
                    self.report(),
                    self.report("n2", from_email="Postmaster@pier.example"),
                    self.report("old", received_at="2020-01-01T10:00:00Z"),
                    self.report("p", from_email="anna@example.com"),
                ]
            )
            self.env.cr.postcommit.run()
        self.assertEqual(sorted(asked), [(self.account.id, "n1"), (self.account.id, "n2")])

    def test_link_goes_with_either_message(self):
        self.apply(messages=[self.report(), self.report("n2")])
        self.text()
        self.text("n2")
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "n2"}])
        self.apply(gone=["n2"])
        self.assertEqual([one["bounce_id"] for one in self.rows("s1")[0]["undelivered"]], [self.row("n1").id])
        self.apply(removed=[{"folder": "F-sent", "remote_id": "s1"}])
        self.apply(gone=["s1"])
        self.assertIsNone(self.rows("n1")[0]["bounce_of"])
