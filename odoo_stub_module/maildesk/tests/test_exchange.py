"""`connector_hello`, `connector_exchange`, `connector_take_up`: what goes round without mail."""

import time
from datetime import timedelta
from unittest.mock import patch

import requests
from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connector_client import ConnectorClient
from ..wire import WireError, iso
from .common import MailDeskCase


@tagged("post_install", "-at_install")
class TestExchange(MailDeskCase):
    def exchange(self, *reports, since=None):
        return self.connector.connector_exchange(instance="i-1", run="r-1", since=since, reports=list(reports))

    def mine(self, answer):
        return [account for account in answer["accounts"] if account["id"] == self.account.id]

    def test_hello(self):
        """The connector hears who is here."""
        answer = self.connector.connector_hello(connector_version="0.1.0")
        self.assertTrue(answer["addon_version"].startswith("19.0."))
        self.assertEqual(answer["odoo_version"], "19.0")
        self.assertTrue(answer["database_uuid"])

    def test_exchange_all(self):
        """Without a watermark all accounts come, archived ones too, with their tokens."""
        self.account.active = False
        (account,) = self.mine(self.exchange())
        self.assertEqual((account["active"], account["token"]), (False, {"sealed": "s3aled", "seq": 1}))

    def test_exchange_watermark(self):
        """With a watermark only what changed since comes, five minutes of overlap apart."""
        self.account._write_unheard({"config_changed_at": fields.Datetime.now() - timedelta(minutes=10)})
        watermark = iso(fields.Datetime.now())
        self.assertEqual(self.mine(self.exchange(since=watermark)), [])
        self.account.with_user(self.owner).action_refresh()
        self.assertEqual(len(self.mine(self.exchange(since=watermark))), 1)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=20)):
            self.assertEqual(self.mine(self.exchange(since=iso(fields.Datetime.now()))), [])

    def test_exchange_report_is_no_news(self):
        """What the connector says itself does not come back to it."""
        self.account._write_unheard({"config_changed_at": fields.Datetime.now() - timedelta(minutes=10)})
        report = {
            "account_id": self.account.id,
            "state": "error",
            "state_message": "Odd",
            "backfill_done": 5,
            "last_sync_at": "2026-11-22T10:00:00Z",
        }
        self.assertEqual(self.mine(self.exchange(report, since=iso(fields.Datetime.now()))), [])
        self.assertEqual((self.account.state, self.account.state_message, self.account.backfill_done), ("error", "Odd", 5))
        self.assertEqual(iso(self.account.last_sync_at), "2026-11-22T10:00:00Z")

    def notes(self):
        """Return the notifications of the owner."""
        self.env.flush_all()
        return self.env["mail.notification"].search([("res_partner_id", "=", self.owner.partner_id.id)]).mail_message_id

    def test_exchange_expired_sign_in_is_told_once(self):
        """The owner gets one notification while the state lasts, and another one when it comes again; no address is in it."""
        expired = {
            "account_id": self.account.id,
            "state": "reauth_required",
            "state_message": "Outlook authentication expired, please re-authorize",
        }
        self.owner.notification_type = "inbox"
        self.account.name = "box@example.com"
        for _ in range(3):
            self.exchange(expired)
        (note,) = self.notes()
        self.assertEqual(note.subject, "Outlook authentication expired, please re-authorize")
        self.assertIn("/odoo/maildesk", note.body)
        self.assertNotIn("@", note.body + note.subject)
        self.env.cr.precommit.run()
        self.assertNotIn("box@example.com", "".join(self.env["bus.bus"].search([]).mapped("message")))
        self.assertEqual((note.author_id, note.model), (self.env.ref("base.partner_root"), False))
        self.account._signed_in({"token": {"sealed": "s", "seq": 9}, "scopes": []})
        self.exchange(expired)
        self.assertEqual(len(self.notes()), 2)

    def test_exchange_other_troubles_ask_nobody_to_sign_in(self):
        """An administrator's matter is no reason to send the owner to Microsoft."""
        for state in ("admin_required", "error", "connected"):
            self.exchange({"account_id": self.account.id, "state": state, "state_message": "…"})
        self.assertFalse(self.notes())

    def test_exchange_notification_by_mail_waits_in_the_queue(self):
        """Whoever wants notifications by mail gets one that Odoo's queue sends: the connector waits for no mail server."""
        self.owner.write({"notification_type": "email", "email": "owner@example.com"})
        self.exchange({"account_id": self.account.id, "state": "reauth_required"})
        mail = self.env["mail.mail"].sudo().search([("mail_message_id", "in", self.notes().ids)])
        self.assertEqual(mail.state, "outgoing")

    @mute_logger("odoo.addons.maildesk.models.mailbox_account_signin")
    def test_exchange_notification_that_fails_stops_no_report(self):
        """The other mailboxes' reports, and this one's state, are taken."""
        with patch.object(type(self.env["mail.thread"]), "message_notify", side_effect=ValueError("an addon's fault")):
            self.exchange({"account_id": self.account.id, "state": "reauth_required"})
        self.assertEqual(self.account.state, "reauth_required")

    def test_exchange_chosen_states_stay(self):
        """A report does not undo what a person chose, nor give back a token."""
        report = {"account_id": self.account.id, "state": "connected", "state_message": "Connected", "token": {"sealed": "new", "seq": 9}}
        for state in ("draft", "paused", "disconnected"):
            self.account.write({"state": state, "token_sealed": False, "token_seq": 1})
            self.exchange(report)
            self.assertEqual((self.account.state, self.account.token_sealed), (state, False))

    def test_exchange_token_order(self):
        """A token is taken only if it is newer."""
        for seq, expected in ((1, "s3aled"), (3, "t3"), (2, "t3")):
            self.exchange({"account_id": self.account.id, "token": {"sealed": f"t{seq}", "seq": seq}})
            self.assertEqual(self.account.token_sealed, expected)

    def test_exchange_cursor_order(self):
        """An aged cursor is taken only if its revision is the stored one."""
        self.fill()
        for revision, expected in ((1, False), (0, "https://c")):
            self.exchange({"account_id": self.account.id, "cursors": [{"folder": "F-inbox", "revision": revision, "cursor": "https://c"}]})
            rows = self.env["mailbox.folder.sync"].search([("folder_id.remote_id", "=", "F-inbox")])
            self.assertEqual(rows.cursor, expected)

    def test_exchange_deleted_account(self):
        """An account that was deleted here comes back as disconnected."""
        gone = self.account.id
        self.account.unlink()
        self.account.maildesk_purge()
        answer = self.exchange({"account_id": gone, "backfill_done": 1})
        told = [account for account in answer["accounts"] if account["id"] == gone]
        self.assertEqual([(account["state"], account["active"]) for account in told], [("disconnected", False)])

    def test_exchange_bad_report(self):
        """A state that does not exist is refused, in words."""
        with self.assertRaisesRegex(WireError, "state"):
            self.exchange({"account_id": self.account.id, "state": "happy"})

    def test_exchange_paused_copy_gets_no_token(self):
        """A copy of the database lost its tokens: none comes back, though its accounts are only paused."""
        self.account.write({"state": "paused", "token_sealed": False, "token_seq": 1})
        self.exchange({"account_id": self.account.id, "token": {"sealed": "new", "seq": 9}})
        self.assertFalse(self.account.token_sealed)

    def test_exchange_disconnected_by_the_connector(self):
        """What a backup brought back goes again: token and cursors, in this transaction; the owner's open app is told."""
        self.fill()
        self.apply(folders=[{"folder": "F-inbox", "revision": 0, "cursor": "https://c", "is_bootstrapped": True}])
        self.bus()
        self.exchange({"account_id": self.account.id, "state": "disconnected"})
        self.assertEqual((self.account.state, self.account.active, self.account.token_sealed), ("disconnected", False, False))
        self.assertEqual(self.account.token_seq, 1)
        rows = self.env["mailbox.folder.sync"].search([("account_id", "=", self.account.id)])
        self.assertEqual(set(rows.mapped("cursor")), {False})
        self.assertIn(("maildesk/changed", True), [(kind, payload.get("account")) for _, kind, payload in self.bus()])

    def test_exchange_foreign(self):
        """Another database's connector is told whose this is, and leaves no trace."""
        self.env["mailbox.connector"].search([]).unlink()
        answer = self.connector.connector_exchange(instance="i-1", run="r-1", reports=[], database="another")
        self.assertEqual(answer, {"foreign": {"database_uuid": self.connector.connector_hello(connector_version="0")["database_uuid"]}})
        self.assertFalse(self.env["mailbox.connector"].search([]))

    def test_exchange_trouble_is_told_to_administrators_once(self):
        """One notification each, by the mail queue, and none to anybody else; it is over when the connector says so."""
        trouble = {"code": "entra_credentials", "message": "A secret <may> have expired."}
        for _ in range(2):
            self.connector.connector_exchange(instance="i-1", run="r-1", reports=[], trouble=trouble)
        row = self.env["mailbox.connector"].search([])
        self.assertEqual((row.trouble_code, row.trouble_message), ("entra_credentials", trouble["message"]))
        self.assertTrue(row.trouble_since)
        told = self.env["mail.message"].search([("subject", "like", "MailDesk: the connector")])
        self.assertEqual(len(told), 1)
        self.assertIn(self.admin.partner_id, told.notified_partner_ids)
        self.assertFalse((self.owner | self.employee | self.robot).partner_id & told.notified_partner_ids)
        self.assertIn("&lt;may&gt;", told.body)
        self.connector.connector_exchange(instance="i-1", run="r-1", reports=[], trouble=None)
        self.assertFalse(row.trouble_code or row.trouble_message or row.trouble_since)

    def test_disconnect_is_told_even_after_a_hint_that_failed(self):
        """What the connector has to wipe waits for no pause; all other hints do. Each says which database asks."""
        params = self.env["ir.config_parameter"].sudo()
        params.set_param("maildesk.connector_url", "http://127.0.0.1:1")
        params.set_param("maildesk.connector_secret", "s" * 16)
        self.enterContext(patch.dict(ConnectorClient._failed, {"http://127.0.0.1:1": ("", time.monotonic())}))
        post = self.enterContext(patch.object(requests.Session, "request", side_effect=requests.ConnectionError))
        for work, is_sent in (
            (self.account._config_changed, False),
            (self.account._disconnect, True),
            (self._account("second@example.com").unlink, True),
        ):
            self.env.cr.postcommit.clear()
            post.reset_mock()
            work()
            self.env.cr.postcommit.run()
            self.assertEqual(post.called, is_sent)
        self.assertEqual(post.call_args.kwargs["headers"]["X-MailDesk-Database"], params.get_param("database.uuid"))

    def test_hint_that_is_answered_late_stops_no_others(self):
        """The connector has it: what a person does next is told at once. Three in a row, and it is spared for a while."""
        client = ConnectorClient("http://127.0.0.1:1", "s" * 16, "db")
        self.enterContext(patch.dict(ConnectorClient._failed, clear=True))
        self.enterContext(patch.dict(ConnectorClient._slow, clear=True))
        post = self.enterContext(patch.object(requests.Session, "request", side_effect=requests.exceptions.ReadTimeout))
        for _ in range(5):
            client.wake([self.account.id], "changed")
        self.assertEqual(post.call_count, 3)

    def test_hint_goes_again_once_the_connector_was_started_anew(self):
        """What a stopped connector did not take says nothing of the next one: a click waits for no pause."""
        params = self.env["ir.config_parameter"].sudo()
        params.set_param("maildesk.connector_url", "http://127.0.0.1:1")
        params.set_param("maildesk.connector_secret", "s" * 16)
        self.enterContext(patch.dict(ConnectorClient._failed, clear=True))
        post = self.enterContext(patch.object(requests.Session, "request", side_effect=requests.ConnectionError))
        lease = self.lease()
        for _ in range(2):
            ConnectorClient.of(self.env).wake([self.account.id], "changed")
        self.assertEqual(post.call_count, 1)
        self.connector.connector_exchange(instance="i-1", run="r-1", serial=lease["serial"], reports=[], leaving=True)
        self.lease(run="r-2")
        ConnectorClient.of(self.env).wake([self.account.id], "changed")
        self.assertEqual(post.call_count, 2)

    def test_take_up(self):
        """Cursors, counts and unresolved removals come whole."""
        self.fill()
        self.apply(
            folders=[
                {
                    "folder": "F-inbox",
                    "revision": 0,
                    "cursor": "https://c",
                    "is_bootstrapped": True,
                    "backfill_before": "2026-01-01T00:00:00Z",
                }
            ]
        )
        (snapshot,) = self.connector.connector_take_up(account_ids=[self.account.id])
        inbox = next(folder for folder in snapshot["folders"] if folder["role"] == "inbox")
        self.assertEqual((inbox["revision"], inbox["cursor"], inbox["is_bootstrapped"], inbox["indexed"]), (1, "https://c", True, 1))
        self.assertEqual(inbox["backfill_before"], "2026-01-01T00:00:00Z")
        self.assertEqual(snapshot["pending"], [])

    def lease(self, instance="i-1", run="r-1", serial=None):
        return self.connector.connector_exchange(instance=instance, run=run, serial=serial, reports=[])

    def test_lease_one_connector_serves(self):
        """A second connector is refused until the first has been silent for a minute; then the first is."""
        first = self.lease()
        held = self.lease("i-2", "r-2")
        self.assertEqual(held["held"]["instance"], "i-1")
        self.assertNotIn("accounts", held)
        with freeze_time(fields.Datetime.now() + timedelta(seconds=61)):
            self.assertNotIn("held", self.lease("i-2", "r-2"))
            self.assertEqual(self.lease(serial=first["serial"])["held"]["instance"], "i-2")

    def test_lease_restart_takes_over_at_once(self):
        """A new process on the same file goes on; the old one, should it still run, is the one that stops."""
        old = self.lease()
        new = self.lease(run="r-2")
        self.assertFalse(new["restored"])
        self.assertIn("held", self.lease(serial=old["serial"]))
        self.assertNotIn("held", self.lease(run="r-2", serial=new["serial"]))

    def test_lease_left_in_order_is_free_at_once(self):
        """Whoever comes next need not wait for a connector that was stopped."""
        first = self.lease()
        self.connector.connector_exchange(instance="i-1", run="r-1", serial=first["serial"], reports=[], leaving=True)
        self.assertNotIn("held", self.lease("i-2", "r-2"))

    def test_serial_tells_a_restored_database(self):
        """Odoo does not know the serial that it gave last: it is an older state of itself. One answer that was lost is no restore."""
        serials = [self.lease()["serial"]]
        for _ in range(2):
            answer = self.lease(serial=serials[-1])
            self.assertFalse(answer["restored"])
            serials.append(answer["serial"])
        lost = self.lease(serial=serials[-2])
        self.assertFalse(lost["restored"])
        self.assertTrue(self.lease(serial=serials[0])["restored"])

    def test_serial_of_a_run_that_was_replaced(self):
        """Another connector served in between: what the first one remembers does not hold, though its serial was the one before."""
        first = self.lease()
        with freeze_time(fields.Datetime.now() + timedelta(seconds=61)):
            self.lease("i-2", "r-2")
        with freeze_time(fields.Datetime.now() + timedelta(seconds=130)):
            self.assertTrue(self.lease(serial=first["serial"])["restored"])

    def test_exchange_refresh_is_told(self):
        """A wish for news is a row of its own, told with the account, and forgotten after ten minutes."""
        self.env["mailbox.account"].with_user(self.owner).maildesk_refresh(self.account.ids, None)
        (account,) = self.mine(self.exchange(since=iso(fields.Datetime.now())))
        self.assertTrue(account["refresh_requested_at"])
        with freeze_time(fields.Datetime.now() + timedelta(minutes=11)):
            self.assertEqual(self.mine(self.exchange(since=iso(fields.Datetime.now()))), [])
            self.assertFalse(self.env["mailbox.refresh"].search([]))
