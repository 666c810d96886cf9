"""The end of a mailbox and its rests: pause, disconnect, connect again, purge, and users who go."""

from unittest.mock import patch as mock_patch

from lxml import etree
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connector_client import ConnectorClient
from .common import INBOX, SENT, MailDeskCase, patch

CURSOR = {"cursor": "https://graph/delta?s3cret", "anchor": "2026-11-01T00:00:00Z", "told": 3, "is_bootstrapped": True}
ANEW = {"cursor": False, "anchor": False, "told": 0, "is_bootstrapped": False, "is_backfilled": False, "backfill_before": False}


class AccountCase(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.fill(patch("m1"), patch("m2"))
        self.apply(folders=[{"folder": "F-inbox", "revision": 0, **CURSOR}])
        self.message = self.row("m1")
        self.mine = self.account.with_user(self.owner)

    def fill_up(self):
        """Give the mailbox a row in every table."""
        self.env["mailbox.message_body"]._keep(self.message, {"html": "<p>Hello</p>"})
        states = ("scheduled", "pending", "running", "unconfirmed", "done", "failed")
        self.env["mailbox.action"].create([{"account_id": self.account.id, "kind": "send", "state": state} for state in states])
        self.apply(set_aside=[{"remote_id": "bad", "folder": "F-inbox", "reason": "shape"}])
        self.mine.shared_user_ids = self.friend
        self.mine.action_refresh()
        self.env["mailbox.signin"].with_user(self.owner).sudo()._begin("state-1", self.account, "binding")

    def rows_of(self, account_id):
        """Return the tables that have rows of an account, by every foreign key there is, and the one that has none."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'f' AND c.confrelid = 'mailbox_account'::regclass"""
        )
        counts = {}
        for table, column in [*self.env.cr.fetchall(), ("mailbox_refresh", "account_id")]:
            self.env.cr.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [account_id])
            counts[table] = self.env.cr.fetchone()[0]
        return {table for table, count in counts.items() if count}

    def events(self, account=None):
        return self.env["mailbox.audit"].search([("account_name", "=", (account or self.account).name)], order="id").mapped("event")

    def hear(self, account=None):
        """Return what the connector hears of the mailbox."""
        answer = self.connector.connector_exchange(instance="i", run="r", reports=[])
        return next((one for one in answer["accounts"] if one["id"] == (account or self.account).id), None)


@tagged("post_install", "-at_install")
class TestDisconnect(AccountCase):
    def test_disconnect_takes_secrets_and_leaves_mail(self):
        """Delete disconnects: no token, no cursor, nothing under way, no shares; folders, messages and texts stay for the owner."""
        self.fill_up()
        self.mine.unlink()
        self.env.flush_all()
        self.env.invalidate_all()
        account = self.account
        self.assertEqual((account.state, account.active, account.token_sealed), ("disconnected", False, False))
        # Kept, since the connector's tombstone is compared with it.
        self.assertEqual(account.token_seq, 1)
        self.assertFalse(account.shared_user_ids)
        for row in self.env["mailbox.folder.sync"].search([("account_id", "=", account.id)]):
            self.assertEqual({name: row[name] for name in ANEW}, ANEW)
            self.assertEqual(row.revision, 2 if row.folder_id.role == "inbox" else 1)
        actions = self.env["mailbox.action"].search([("account_id", "=", account.id)], order="id")
        self.assertEqual(actions.mapped("state"), ["cancelled"] * 4 + ["done", "failed"])
        self.assertFalse(self.env["mailbox.signin"].search([("account_id", "=", account.id)]))
        self.assertFalse(self.env["mailbox.refresh"].search([("account_id", "=", account.id)]))
        self.assertEqual(self.events()[-2:], ["disconnected", "unshared"])
        # What stays, as the owner reads it.
        overview = self.env["mailbox.account"].with_user(self.owner).maildesk_overview()["accounts"]
        (shown,) = [one for one in overview if one["id"] == account.id]
        self.assertEqual((shown["state"], len(shown["folders"])), ("disconnected", 2))
        messages = self.messages.with_user(self.owner)
        self.assertEqual(len(messages.maildesk_list(self.message.folder_id.id)["rows"]), 2)
        self.assertIn("Hello", messages.maildesk_open(self.message.id)["body"]["html"])

    def test_disconnect_shows_in_nobody_elses_app(self):
        """A former reader and an administrator get neither the mailbox in the app nor its mail."""
        self.mine.shared_user_ids = self.friend | self.admin
        self.mine.unlink()
        for user in (self.friend, self.admin, self.stranger):
            overview = self.env["mailbox.account"].with_user(user).maildesk_overview()["accounts"]
            self.assertNotIn(self.account.id, [one["id"] for one in overview])
            self.assertFalse(self.messages.with_user(user).search([("account_id", "=", self.account.id)]))

    def test_disconnect_tells_people_and_connector(self):
        """Open tabs of the owner and of those it was shared with hear of it, and the connector is woken after the commit."""
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        parameters.set_param("maildesk.connector_secret", "secret")
        self.mine.shared_user_ids = self.friend
        self.bus()
        with mock_patch.object(ConnectorClient, "wake") as wake:
            self.mine.unlink()
            told = self.bus()
            self.env.cr.postcommit.run()
        people = {channel for channel, kind, payload in told if payload["account_id"] == self.account.id and payload["account"]}
        for user in (self.owner, self.friend):
            self.assertTrue(any(f'"res.partner",{user.partner_id.id}' in channel for channel in people), people)
        self.assertIn(self.account.id, wake.call_args_list[0].args[0])
        heard = self.hear()
        self.assertEqual((heard["state"], heard["active"], heard["token"]), ("disconnected", False, None))

    def test_disconnect_cannot_be_undone_by_a_report(self):
        """No report gives a token, a cursor or mail back."""
        self.mine.unlink()
        token = {"sealed": "late", "seq": 9}
        cursors = [{"folder": "F-inbox", "revision": 1, "cursor": "https://late"}]
        report = {"account_id": self.account.id, "state": "connected", "token": token, "cursors": cursors}
        self.connector.connector_exchange(instance="i", run="r", reports=[report])
        self.assertEqual((self.account.state, self.account.token_sealed), ("disconnected", False))
        self.assertFalse(any(self.env["mailbox.folder.sync"].search([("account_id", "=", self.account.id)]).mapped("cursor")))
        self.assertEqual(self.apply(messages=[patch("m3")]), {"applied": False, "reason": "account"})
        with self.assertRaises(UserError):
            self.account._signed_in({"token": token, "scopes": []})

    def test_disconnect_writes_nothing_more(self):
        """It is not refreshed, switched, shared, given another address, paused or resumed, and asks nobody for a text."""
        self.mine.unlink()
        folders = self.env["mailbox.folder"].with_user(self.owner)
        for enabled in (False, True):
            with self.assertRaises(UserError):
                folders.maildesk_set_sync(self.message.folder_id.ids, enabled)
        for vals in ({"shared_user_ids": [fields.Command.link(self.friend.id)]}, {"email": "else@example.com"}):
            with self.assertRaises(UserError):
                self.mine.write(vals)
        with self.assertRaises(AccessError):
            self.mine.active = True
        self.mine.action_pause()
        self.mine.action_resume()
        self.env["mailbox.account"].with_user(self.owner).maildesk_refresh(self.account.ids)
        self.assertEqual(self.account.state, "disconnected")
        self.assertFalse(self.env["mailbox.refresh"].search([("account_id", "=", self.account.id)]))
        with mock_patch.object(ConnectorClient, "body") as asked:
            body = self.messages.with_user(self.owner).maildesk_open(self.message.id)["body"]
        asked.assert_not_called()
        self.assertEqual(body["state"], "error")
        self.assertIn("in Outlook", body["message"])

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_disconnect_is_for_owner_and_administrator(self):
        """Those it is shared with, and strangers, do not disconnect; an administrator does, and reads nothing afterwards either."""
        self.mine.shared_user_ids = self.friend
        for user in (self.friend, self.stranger):
            for method in ("unlink", "action_disconnect"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(self.account.with_user(user), method)()
        self.account.with_user(self.admin).unlink()
        self.assertEqual(self.account.state, "disconnected")
        self.assertFalse(self.messages.with_user(self.admin).search([("account_id", "=", self.account.id)]))

    def test_delete_twice_destroys_nothing(self):
        """A second Delete says that Purge is meant, and nothing is done to the others of the same call."""
        self.mine.unlink()
        other = self._account("other@example.com")
        with self.assertRaisesRegex(UserError, "Purge"):
            (self.mine | other.with_user(self.owner)).unlink()
        self.assertEqual(other.state, "connected")
        self.assertTrue(self.row("m1"))

    def test_delete_of_what_was_never_connected(self):
        """There is nothing to keep of it."""
        draft = self.env["mailbox.account"].with_user(self.owner).create({"name": "Draft", "email": "draft@example.com"})
        draft.unlink()
        self.assertFalse(draft.exists())
        self.assertEqual(self.events(self.env["mailbox.account"].new({"name": "Draft"})), ["purged"])

    def test_disconnected_among_others_in_the_list(self):
        """The list of accounts has the disconnected ones behind a filter only."""
        self.mine.unlink()
        accounts = self.env["mailbox.account"].with_user(self.owner)
        self.assertNotIn(self.account, accounts.search([]))
        self.assertIn(self.account, accounts.search([("active", "=", False)]))


@tagged("post_install", "-at_install")
class TestConnectAgain(AccountCase):
    def test_connect_again_takes_the_record_up(self):
        """By the button: the same record, its rows with their ids, waiting for a sign-in."""
        before = (self.row("m1").id, self.message.folder_id.id)
        self.mine.unlink()
        action = self.mine.action_connect_again()
        self.assertEqual(action["url"], f"/maildesk/outlook/authorize/{self.account.id}")
        self.assertEqual((self.account.state, self.account.active, self.account.token_sealed), ("draft", True, False))
        self.account._signed_in({"token": {"sealed": "new", "seq": 2}, "scopes": []})
        self.apply(tree=[INBOX, SENT], messages=[patch("m1", subject="Again"), patch("m3")])
        self.assertEqual((self.row("m1").id, self.row("m1").folder_id.id), before)
        self.assertEqual(self.row("m1").subject, "Again")
        self.assertEqual(len(self.messages.search([("account_id", "=", self.account.id)])), 3)

    def test_create_with_the_address_takes_the_record_up(self):
        """By a new mailbox with the same address, however it is written, among others: the order is kept."""
        self.mine.unlink()
        accounts = self.env["mailbox.account"].with_user(self.owner)
        first, again, last = accounts.create(
            [
                {"name": "First", "email": "first@example.com"},
                {"name": "Again", "email": " BOX@example.com", "shared_user_ids": [fields.Command.link(self.friend.id)]},
                {"name": "Last", "email": "last@example.com"},
            ]
        )
        self.assertEqual(again, self.account)
        self.assertEqual((again.name, again.state, again.active, again.shared_user_ids), ("Again", "draft", True, self.friend))
        self.assertEqual((first.name, last.name), ("First", "Last"))
        self.assertTrue(self.row("m1"))

    def test_create_of_another_owner_takes_nothing_up(self):
        """The address of somebody's former mailbox gives nobody else their mail."""
        self.mine.unlink()
        theirs = self.env["mailbox.account"].with_user(self.stranger).create({"name": "Box", "email": "box@example.com"})
        self.assertNotEqual(theirs, self.account)
        self.assertFalse(self.messages.with_user(self.stranger).search([]))

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_connect_again_is_refused(self):
        """To anyone but the owner, for what is not disconnected, and beside a mailbox of the same address."""
        with self.assertRaisesRegex(UserError, "not disconnected"):
            self.mine.maildesk_connect_again()
        self.mine.unlink()
        with self.assertRaisesRegex(AccessError, "owner"):
            self.account.with_user(self.admin).maildesk_connect_again()
        with self.assertRaises(AccessError):
            self.account.with_user(self.stranger).maildesk_connect_again()
        other = self.env["mailbox.account"].with_user(self.owner).create({"name": "Other", "email": "other@example.com"})
        other.email = "box@example.com"
        with self.assertRaisesRegex(UserError, "already"):
            self.mine.maildesk_connect_again()

    def test_taken_up_and_left(self):
        """Whoever changes their mind deletes again: still nothing is destroyed. Nor does it become another address's mailbox."""
        self.mine.unlink()
        self.mine.maildesk_connect_again()
        with self.assertRaisesRegex(UserError, "Add another mailbox"):
            self.mine.email = "else@example.com"
        self.mine.unlink()
        self.assertEqual(self.account.state, "disconnected")
        self.assertTrue(self.row("m1"))


@tagged("post_install", "-at_install")
class TestPurge(AccountCase):
    def test_purge_leaves_nothing(self):
        """Every table with a key to accounts, and messages of Odoo about it; the audit alone remembers, by name."""
        self.fill_up()
        self.env["mail.message"].create({"model": "mailbox.account", "res_id": self.account.id, "body": "Please sign in"})
        gone = self.account.id
        self.assertLessEqual({"mailbox_message_index", "mailbox_message_body", "mailbox_signin", "mailbox_refresh"}, self.rows_of(gone))
        self.mine.unlink()
        self.mine.maildesk_purge()
        self.assertEqual(self.rows_of(gone), set())
        self.assertFalse(self.account.exists())
        self.assertFalse(self.env["mail.message"].search([("model", "=", "mailbox.account"), ("res_id", "=", gone)]))
        left = self.env["mailbox.audit"].search([("account_name", "=", "Box")], order="id")
        self.assertEqual(left.mapped("event")[-3:], ["disconnected", "unshared", "purged"])

    def test_purge_only_after_disconnect(self):
        """A mailbox that lives is not purged, in no company."""
        other = self._account("other@example.com")
        other.with_user(self.owner).unlink()
        with self.assertRaisesRegex(UserError, "disconnect it first"):
            (self.mine | other.with_user(self.owner)).maildesk_purge()
        self.assertTrue(other.exists())

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_purge_is_for_owner_and_administrator(self):
        """An administrator erases what they cannot read."""
        self.mine.shared_user_ids = self.friend
        self.mine.unlink()
        for user in (self.friend, self.stranger, self.employee, self.robot):
            for method in ("maildesk_purge", "action_purge"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(self.account.with_user(user), method)()
        self.assertEqual(self.account.with_user(self.admin).action_purge()["res_model"], "mailbox.account")
        self.assertFalse(self.account.exists())


@tagged("post_install", "-at_install")
class TestPause(AccountCase):
    def test_pause_and_resume(self):
        """Paused by a person, nothing is taken; resumed, it goes on with its token and cursors."""
        self.mine.action_pause()
        self.assertEqual((self.account.state, self.account.pause_reason), ("paused", "person"))
        self.assertEqual(self.apply(messages=[patch("m3")])["reason"], "account")
        self.mine.action_resume()
        self.assertEqual((self.account.state, self.account.pause_reason, self.account.token_sealed), ("connected", False, "s3aled"))
        self.assertEqual(self.env["mailbox.folder.sync"].search([("folder_id", "=", self.message.folder_id.id)]).cursor, CURSOR["cursor"])
        self.assertEqual(self.events()[-2:], ["paused", "resumed"])

    def test_resume_without_a_token(self):
        """In a copy of the database there is nothing to go on with: sign in again."""
        self.account.write({"state": "paused", "token_sealed": False, "pause_reason": "copy"})
        self.mine.action_resume()
        self.assertEqual(
            (self.account.state, self.account.state_message), ("reauth_required", "Outlook authentication expired, please re-authorize")
        )

    def test_archived_owner_pauses(self):
        """The mailboxes of an archived user pause, say why, and an administrator sees it; they resume with the user."""
        asking = self._account("asking@example.com")
        asking.write({"state": "reauth_required"})
        by_hand = self._account("hand@example.com")
        by_hand.with_user(self.owner).action_pause()
        self.owner.active = False
        for account in (self.account, asking):
            self.assertEqual((account.state, account.pause_reason), ("paused", "owner"))
            self.assertIn("archived", account.state_message)
        seen = self.env["mailbox.account"].with_user(self.admin).search([("owner_id.active", "=", False), ("state", "=", "paused")])
        self.assertLessEqual(self.account | asking | by_hand, seen)
        self.assertTrue(seen.filtered(lambda one: one == self.account).is_owner_archived)
        self.assertEqual(self.hear()["state"], "paused")
        with self.assertRaisesRegex(UserError, "archived user"):
            self.account.with_user(self.admin).action_resume()
        self.owner.active = True
        self.assertEqual((self.account.state, asking.state, by_hand.state), ("connected", "connected", "paused"))

    def test_archived_owner_finishes_no_signin(self):
        """A sign-in that was under way ends with the user, a first one too."""
        draft = self.env["mailbox.account"].with_user(self.owner).create({"name": "Draft", "email": "draft@example.com"})
        for number, account in enumerate((self.account, draft)):
            self.env["mailbox.signin"].with_user(self.owner).sudo()._begin(f"state-{number}", account, "binding")
        self.owner.active = False
        self.assertFalse(self.env["mailbox.signin"].search([("account_id", "in", (self.account | draft).ids)]))

    def test_deleted_owner_leaves_nothing(self):
        """With an Odoo user all rows of their mailboxes go, disconnected ones too, and the connector hears of it."""
        self.fill_up()
        ended = self._account("ended@example.com")
        ended.with_user(self.owner).unlink()
        ids = [self.account.id, ended.id]
        user_id = self.owner.id
        with mock_patch.object(type(self.account), "_tell_connector") as told:
            self.owner.unlink()
        self.assertTrue(any(self.account.id in args for (args, *_), _kwargs in told.call_args_list))
        for account_id in ids:
            self.assertEqual(self.rows_of(account_id), set())
        self.assertFalse((self.account | ended).exists())
        self.env.cr.execute("SELECT count(*) FROM res_users WHERE id = %s", [user_id])
        self.assertEqual(self.env.cr.fetchone(), (0,))
        self.assertIsNone(self.hear())


@tagged("post_install", "-at_install")
class TestUninstallDialog(AccountCase):
    def dialog(self, *names):
        modules = self.env["ir.module.module"].search([("name", "in", names)])
        return self.env["base.module.uninstall"].create({"module_ids": [fields.Command.set(modules.ids)]})

    def test_dialog_tells_the_loss(self):
        """How many mailboxes, messages and unsent actions go, disconnected mailboxes included."""
        self.fill_up()
        self.env["mailbox.action"].create([{"account_id": self._account("other@example.com").id, "kind": "send"}])
        self.mine.unlink()
        dialog = self.dialog("maildesk")
        accounts = self.env["mailbox.account"].with_context(active_test=False).search_count([])
        self.assertGreaterEqual(accounts, 2)
        self.assertEqual(
            (dialog.maildesk_is_lost, dialog.maildesk_account_count, dialog.maildesk_message_count, dialog.maildesk_action_count),
            (True, accounts, self.messages.search_count([]), 1),
        )
        self.assertTrue(self.dialog("mail").maildesk_is_lost, "MailDesk goes with a module that it depends on")

    def test_dialog_of_another_module(self):
        """Where MailDesk stays nothing is said."""
        dialog = self.dialog("privacy_lookup")
        self.assertEqual(dialog.module_ids.mapped("state"), ["installed"])
        self.assertEqual((dialog.maildesk_is_lost, dialog.maildesk_account_count), (False, 0))


@tagged("post_install", "-at_install")
class TestOnAPhone(MailDeskCase):
    def test_lists_have_cards_for_narrow_screens(self):
        """Odoo shows the first view that fits a phone: a table of nine columns is none."""
        for name, rest in (("action_mailbox_account", ["form"]), ("action_mailbox_audit", [])):
            action = self.env["ir.actions.act_window"]._for_xml_id(f"maildesk.{name}")
            self.assertEqual([view for _, view in action["views"]], ["list", "kanban", *rest])
            shown = self.env[action["res_model"]].with_user(self.admin).get_views([(False, "kanban")])
            self.assertIn('t-name="card"', shown["views"]["kanban"]["arch"])

    def test_mailbox_that_was_never_connected_has_nothing_to_export(self):
        """Nor has it anything to disconnect."""
        arch = etree.fromstring(self.env["mailbox.account"].get_view(view_type="form")["arch"])
        for button in ("action_export", "action_disconnect"):
            (found,) = arch.xpath(f"//button[@name='{button}']")
            self.assertIn("'draft'", found.get("invisible"))
