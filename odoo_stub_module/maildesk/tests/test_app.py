"""The methods for the app: pages, rows, an open message with its body, refresh."""

from datetime import timedelta
from unittest.mock import call as mock_call
from unittest.mock import patch as mock_patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connector_client import ConnectorClient, ConnectorDown
from ..models.mailbox_lease import LEASE_SECONDS
from ..wire import iso
from .common import INBOX, MailDeskCase, patch

BODY = {
    "html": '<p style="color:red">Hello</p><script>alert(1)</script>',
    "has_remote": True,
    "attachments": [{"remote_id": "a1", "name": "x.pdf", "content_type": "application/pdf", "size": 9, "is_inline": False, "kind": "file"}],
}


@tagged("post_install", "-at_install")
class TestApp(MailDeskCase):
    def setUp(self):
        super().setUp()
        # Three of five have the same time: the id decides.
        times = ("09", "10", "10", "10", "11")
        self.fill(*(patch(f"m{n}", received_at=f"2026-11-22T{hour}:00:00Z") for n, hour in enumerate(times)))
        self.folder = self.row("m1").folder_id
        self.mine = self.messages.with_user(self.owner)
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        parameters.set_param("maildesk.connector_secret", "secret")

    def test_overview(self):
        """The overview has the accounts that the user sees, with their folders and counts."""
        self.apply(folders=[{"folder": "F-inbox", "unread": 2, "total": 5}])
        (account,) = self.env["mailbox.account"].with_user(self.owner).maildesk_overview()["accounts"]
        self.assertEqual((account["state"], account["state_message"], account["unread_count"]), ("connected", "Connected", 2))
        inbox = next(folder for folder in account["folders"] if folder["role"] == "inbox")
        self.assertEqual((inbox["unread_count"], inbox["total_count"], inbox["parent_id"]), (2, 5, None))
        self.assertEqual(self.env["mailbox.account"].with_user(self.stranger).maildesk_overview()["accounts"], [])

    def test_overview_says_whether_a_connector_is_there(self):
        """A connector counts as there for as long as it holds the lease; afterwards the overview says since when it was not heard of."""
        accounts = self.env["mailbox.account"].with_user(self.owner)
        self.env["mailbox.connector"].search([]).unlink()
        self.assertEqual(accounts.maildesk_overview()["connector"], {"is_up": False, "since": None})
        self.connector.connector_exchange(instance="i-1", run="r-1")
        self.assertEqual(accounts.maildesk_overview()["connector"], {"is_up": True, "since": None})
        holder = self.env["mailbox.connector"].search([])
        holder.seen_at -= timedelta(seconds=LEASE_SECONDS)
        self.assertEqual(accounts.maildesk_overview()["connector"], {"is_up": False, "since": iso(holder.seen_at)})

    def test_connector_that_is_back_is_told_once(self):
        """All who have MailDesk hear of a connector that comes, or comes back, by one message; while it stays nobody does."""
        self.env["mailbox.connector"].search([]).unlink()
        self.bus()
        back = ("maildesk/connector", {"is_up": True})
        for before, told in ((0, [back]), (10, []), (LEASE_SECONDS, [back])):
            for holder in self.env["mailbox.connector"].search([]):
                holder.seen_at -= timedelta(seconds=before)
            self.connector.connector_exchange(instance="i-1", run="r-1")
            heard = self.bus()
            self.assertEqual([one[1:] for one in heard], told)
            self.assertTrue(all("res.groups" in one[0] for one in heard))
        self.connector.connector_exchange(instance="i-1", run="r-1", leaving=True)
        self.bus()
        self.connector.connector_exchange(instance="i-1", run="r-2")
        self.assertEqual([one[1:] for one in self.bus()], [back])

    def test_overview_permissions(self):
        """What was granted, in either form of a scope; the form says it in words."""
        graph = "https://graph.microsoft.com/"
        for scopes, write, send, words in (
            (f"{graph}Mail.ReadWrite {graph}Mail.Send {graph}User.Read", True, True, "Read, change and send"),
            ("Mail.ReadWrite User.Read", True, False, "Read and change"),
            ("mail.read Mail.Send", False, True, "Read and send"),
            (f"{graph}Mail.Read", False, False, "Read only"),
            (False, False, False, False),
        ):
            self.account.granted_scopes = scopes
            (account,) = self.env["mailbox.account"].with_user(self.owner).maildesk_overview()["accounts"]
            self.assertEqual(account["permissions"], {"write": write, "send": send})
            self.assertEqual(self.account.permissions, words)

    def test_overview_of_an_administrator(self):
        """An administrator's app shows own and shared mailboxes, and refreshes no others unless they are named."""
        accounts = self.env["mailbox.account"].with_user(self.admin)
        self.assertEqual(accounts.maildesk_overview()["accounts"], [])
        accounts.maildesk_refresh()
        self.assertFalse(self.env["mailbox.refresh"].search([]))
        accounts.maildesk_refresh(self.account.ids)
        self.assertEqual(self.env["mailbox.refresh"].search([]).account_id, self.account.id)
        self.account.with_user(self.owner).shared_user_ids = self.admin
        self.assertEqual([account["id"] for account in accounts.maildesk_overview()["accounts"]], self.account.ids)

    def test_list_pages(self):
        """Pages follow each other without a gap or a repetition, rows of one time included."""
        seen, before, more = [], None, True
        while more:
            page = self.mine.maildesk_list(self.folder.id, limit=2, before=before)
            seen += page["rows"]
            more, before = page["more"], [page["rows"][-1]["received_at"], page["rows"][-1]["id"]]
        ids = {remote_id: self.row(remote_id).id for remote_id in ("m0", "m1", "m2", "m3", "m4")}
        self.assertEqual([row["id"] for row in seen], [ids[remote_id] for remote_id in ("m4", "m3", "m2", "m1", "m0")])
        self.assertEqual(seen[0]["to_recipients"], [{"name": "Bert", "address": "bert@example.com"}])

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_list_of_another(self):
        """A folder of somebody else is refused; one that is gone is empty."""
        for user in (self.stranger, self.admin):
            with self.assertRaises(AccessError):
                self.messages.with_user(user).maildesk_list(self.folder.id, limit=2, before=None)
        self.assertEqual(self.mine.maildesk_list(0, limit=2, before=None), {"rows": [], "more": False})

    def test_rows(self):
        """Rows that the user does not see any more are named as missing."""
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m1"}])
        ids = [self.row("m0").id, self.row("m1").id, 0]
        answer = self.mine.maildesk_rows(ids)
        self.assertEqual([row["id"] for row in answer["rows"]], ids[:1])
        self.assertEqual(answer["missing"], sorted(ids[1:]))
        self.assertEqual(self.messages.with_user(self.stranger).maildesk_rows(ids)["rows"], [])

    def test_open_fetches_once(self):
        """A body is fetched, cleaned again, kept, and not fetched again."""
        message = self.row("m1")
        with mock_patch.object(ConnectorClient, "body", return_value={"state": "ready", "body": BODY}) as fetch:
            first = self.mine.maildesk_open(message.id)
            second = self.mine.maildesk_open(message.id)
        fetch.assert_called_once_with(self.account.id, "m1")
        self.assertEqual(first, second)
        self.assertEqual(first["body"]["state"], "ready")
        self.assertIn("Hello", first["body"]["html"])
        self.assertIn("color:red", first["body"]["html"])
        self.assertNotIn("script", first["body"]["html"])
        self.assertEqual(first["body"]["attachments"], BODY["attachments"])
        self.assertEqual(first["received_at"], iso(message.received_at))

    def test_open_of_another(self):
        """Another person's message is not opened, nor is the connector asked."""
        with mock_patch.object(ConnectorClient, "body") as fetch:
            for user in (self.stranger, self.admin):
                with self.assertRaises(UserError):
                    self.messages.with_user(user).maildesk_open(self.row("m1").id)
        fetch.assert_not_called()

    def test_open_without_connector(self):
        """Headers are shown whatever the connector does; the body says why it is not."""
        message = self.row("m1")
        with mock_patch.object(ConnectorClient, "body", side_effect=ConnectorDown("ConnectTimeout")):
            self.assertEqual(self.mine.maildesk_open(message.id)["body"]["state"], "error")
        with mock_patch.object(ConnectorClient, "body", return_value={"state": "error", "error": "not_found", "message": "It is gone."}):
            self.assertEqual(self.mine.maildesk_open(message.id)["body"], {"state": "error", "message": "It is gone."})
        self.env["ir.config_parameter"].set_param("maildesk.connector_url", "")
        self.assertEqual(self.mine.maildesk_open(message.id)["body"]["state"], "error")

    def test_body_comes_late(self):
        """A body that comes late is announced to the people of the mailbox, and is there then."""
        message = self.row("m1")
        with mock_patch.object(ConnectorClient, "body", return_value={"state": "coming"}):
            self.assertEqual(self.mine.maildesk_open(message.id)["body"], {"state": "coming"})
        self.bus()
        self.connector.connector_body(account_id=self.account.id, remote_id="m1", body=BODY)
        (told,) = self.bus()
        self.assertEqual(told[1:], ("maildesk/body", {"message_id": message.id, "error": None}))
        self.assertEqual(self.mine.maildesk_open(message.id)["body"]["state"], "ready")

    def test_body_for_another_database_is_not_taken(self):
        """The database was swapped under a connector that runs: its mail is another one's."""
        self.bus()
        told = self.connector.connector_body(account_id=self.account.id, remote_id="m1", body=BODY, database="another")
        self.assertEqual((told, self.bus()), (False, []))
        ours = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        self.assertTrue(self.connector.connector_body(account_id=self.account.id, remote_id="m1", body=BODY, database=ours))

    def test_body_fails_late(self):
        """A body that cannot be had is announced with a code: a sentence could say something of the mail, and the bus is a table."""
        self.bus()
        for error, told in (("not_found", "not_found"), ("Subject of m1", "unavailable")):
            self.connector.connector_body(account_id=self.account.id, remote_id="m1", body={"error": error, "message": "It is gone."})
            self.assertEqual(self.bus()[0][2], {"message_id": self.row("m1").id, "error": told})

    def test_bodies_rest_seven_days(self):
        """The cache forgets what is older than seven days."""
        bodies = self.env["mailbox.message_body"]
        bodies._keep(self.row("m1"), BODY)
        bodies._keep(self.row("m2"), BODY)
        self.env.cr.execute(
            "UPDATE mailbox_message_body SET expires_at = now() - interval '1 hour' WHERE message_id = %s", [self.row("m1").id]
        )
        bodies._cron_purge()
        self.assertEqual(bodies.search([("account_id", "=", self.account.id)]).message_id, self.row("m2"))

    def test_refresh(self):
        """Refresh notes the wish and sends the hint after commit, with the open folder first."""
        with mock_patch.object(ConnectorClient, "wake") as wake:
            self.env["mailbox.account"].with_user(self.owner).maildesk_refresh(None, self.folder.id)
            self.assertEqual(self.env["mailbox.refresh"].search([]).account_id, self.account.id)
            wake.assert_not_called()
            self.env.cr.postcommit.run()
        self.assertIn(mock_call(self.account.ids, "refresh", INBOX["remote_id"]), wake.call_args_list)

    def test_refresh_of_another(self):
        """Nobody refreshes a mailbox that they do not see."""
        self.env["mailbox.account"].with_user(self.stranger).maildesk_refresh(self.account.ids, None)
        self.assertFalse(self.env["mailbox.refresh"].search([]))

    def test_list_uses_its_index(self):
        """The list of a large folder is read from its index, in order, without a sort."""
        self.env.cr.execute(
            """INSERT INTO mailbox_message_index (account_id, folder_id, remote_id, received_at, importance, pending_removal)
               SELECT %s, %s, 'x' || n, '2020-01-01'::timestamp + n * interval '1 minute', 'normal', false
                 FROM generate_series(1, 5000) n""",
            [self.account.id, self.folder.id],
        )
        self.env.cr.execute("ANALYZE mailbox_message_index")
        self.env.cr.execute(
            """EXPLAIN SELECT id FROM mailbox_message_index WHERE folder_id = %s AND NOT pending_removal
                  AND (received_at, id) < ('2020-01-02', 99) ORDER BY received_at DESC, id DESC LIMIT 81""",
            [self.folder.id],
        )
        plan = "\n".join(row[0] for row in self.env.cr.fetchall())
        self.assertIn("mailbox_message_index_list", plan.replace("__", "_"))
        self.assertNotIn("Sort", plan)
