"""Who may do what: a table of groups and models, and what no right opens."""

from unittest.mock import patch as mock_patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import file_open, mute_logger

from .common import MailDeskCase

MAIL_MODELS = ("mailbox.folder", "mailbox.message_index", "mailbox.message_body", "mailbox.action", "mailbox.unreadable")
HIDDEN_MODELS = ("mailbox.folder.sync", "mailbox.signin", "mailbox.connector", "mailbox.refresh")


@tagged("post_install", "-at_install")
class TestRights(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.fill()
        self.apply(set_aside=[{"remote_id": "bad", "folder": None, "reason": "shape"}])
        self.message = self.row("m1")
        self.env["mailbox.message_body"]._keep(self.message, {"html": "<p>Hello</p>"})
        self.env["mailbox.action"].create({"account_id": self.account.id, "kind": "read"})
        self.account.with_user(self.owner).shared_user_ids = self.friend

    def seen(self, model, user):
        return self.env[model].with_user(user).search_count([("account_id", "=", self.account.id)])

    def test_mail_is_read_by_owner_and_shared(self):
        """Mail is for the owner and those it is shared with; an administrator sees none of it."""
        for model in MAIL_MODELS:
            for user, sees in ((self.owner, True), (self.friend, True), (self.stranger, False), (self.admin, False)):
                with self.subTest(model=model, user=user.login):
                    self.assertEqual(bool(self.seen(model, user)), sees)

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.models")
    def test_mail_is_not_for_other_groups(self):
        """An employee without MailDesk, and the connector's own user, read no model."""
        for model in (*MAIL_MODELS, "mailbox.account", *HIDDEN_MODELS):
            for user in (self.employee, self.robot):
                with self.subTest(model=model, user=user.login), self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([])

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.models")
    def test_mail_is_written_by_nobody(self):
        """Nobody creates, writes or deletes mail, cursors or actions through the ORM."""
        for model in (*MAIL_MODELS, *HIDDEN_MODELS):
            for user in (self.owner, self.friend, self.admin, self.robot):
                for operation in ("create", "write", "unlink"):
                    with self.subTest(model=model, user=user.login, operation=operation), self.assertRaises(AccessError):
                        self.env[model].with_user(user).check_access(operation)

    @mute_logger("odoo.addons.maildesk.models.ir_rule")
    def test_refusal_names_no_record(self):
        """In debug mode too, a refusal does not tell an employee the subject of a mail or the name of a mailbox."""
        for record in (self.message, self.message.folder_id, self.account):
            user = self.stranger
            with mock_patch.object(type(user), "has_group", return_value=True), self.assertRaises(AccessError) as refused:
                record.with_user(user).check_access("read")
            self.assertNotIn(record.display_name, str(refused.exception))

    def test_accounts_are_seen(self):
        """Accounts are seen by the owner, those it is shared with, and administrators."""
        for user, sees in ((self.owner, True), (self.friend, True), (self.stranger, False), (self.admin, True)):
            with self.subTest(user=user.login):
                self.assertEqual(bool(self.env["mailbox.account"].with_user(user).search([("id", "=", self.account.id)])), sees)

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.models")
    def test_accounts_are_changed_by_owner(self):
        """The owner renames; a friend and a stranger do not; an administrator configures but gives nobody access to mail."""
        self.account.with_user(self.owner).name = "Mine"
        self.account.with_user(self.admin).name = "Theirs"
        for user in (self.friend, self.stranger):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.account.with_user(user).name = "X"
        for vals in ({"shared_user_ids": [(4, self.admin.id)]}, {"owner_id": self.admin.id}):
            with self.assertRaises(AccessError):
                self.account.with_user(self.admin).write(vals)
        with self.assertRaises(AccessError):
            self.account.with_user(self.owner).write({"owner_id": self.stranger.id})
        with self.assertRaises(AccessError):
            self.env["mailbox.account"].with_user(self.admin).create({"name": "X", "email": "x@example.com", "owner_id": self.owner.id})

    def test_owner_corrects_an_address(self):
        """An owner corrects the address of a mailbox that is not connected yet, and the connector hears of it; nobody archives by hand."""
        draft = self.env["mailbox.account"].with_user(self.owner).create({"name": "Draft", "email": "wrong@example.com"})
        self.env.cr.execute("UPDATE mailbox_account SET config_changed_at = '2020-01-01'")
        self.env.invalidate_all()
        draft.email = "right@example.com"
        self.assertEqual(draft.email, "right@example.com")
        self.assertGreater(draft.sudo().config_changed_at.year, 2020)
        for user in (self.owner, self.admin):
            with self.assertRaises(AccessError):
                self.account.with_user(user).action_archive()

    def test_shared_with_colleagues_only(self):
        """A mailbox is not shared with a customer's login."""
        customer = new_test_user(self.env, "md_customer", groups="base.group_portal")
        with self.assertRaises(ValidationError):
            self.account.with_user(self.owner).shared_user_ids = customer

    def test_states_and_tokens_are_closed(self):
        """States are not written and tokens not read, by owner, administrator or connector's user."""
        for user in (self.owner, self.admin):
            account = self.account.with_user(user)
            with self.assertRaises(AccessError):
                account.write({"state": "draft"})
            with self.assertRaises(AccessError):
                account.write({"token_sealed": "x"})
            for field in ("token_sealed", "token_seq", "config_changed_at"):
                with self.assertRaises(AccessError):
                    account.read([field])
                with self.assertRaises(AccessError):
                    account.search([(field, "!=", False)])
                self.assertNotIn(field, account.fields_get())

    def test_connector_methods_are_closed(self):
        """Only the connector's group calls its methods; superusers by group, administrators not."""
        calls = {
            "connector_hello": {"connector_version": "1"},
            "connector_exchange": {"instance": "i", "run": "r"},
            "connector_take_up": {"account_ids": []},
            "connector_apply": {"account_id": self.account.id},
            "connector_compare": {"account_id": self.account.id, "folder": "F-inbox", "listed": []},
            "connector_body": {"account_id": self.account.id, "remote_id": "m1", "body": {}},
        }
        for user in (self.owner, self.admin, self.employee):
            for method, params in calls.items():
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(self.env["mailbox.account"].with_user(user), method)(**params)

    def test_address_is_checked(self):
        """An address is normalised, must be one, is unique per owner, and stays while it is connected."""
        accounts = self.env["mailbox.account"].with_user(self.owner)
        self.assertEqual(accounts.create({"name": "A", "email": " Anna@Example.COM "}).email, "anna@example.com")
        with self.assertRaises(ValidationError):
            accounts.create({"name": "A", "email": "anna"})
        self.env["mailbox.account"].with_user(self.stranger).create({"name": "A", "email": "anna@example.com"})
        with self.assertRaises(UserError):
            self.account.with_user(self.owner).email = "else@example.com"

    def test_address_that_is_here_is_refused_before_postgresql_does(self):
        """However it comes in a second time: told in a sentence, and no log has the address."""
        accounts = self.env["mailbox.account"].with_user(self.owner)
        ended = accounts.create({"name": "A", "email": "anna@example.com"})
        ended.sudo()._signed_in({"token": {"sealed": "s", "seq": 1}})
        ended.unlink()
        draft = accounts.create({"name": "B", "email": "b@example.com"})
        # Takes the place of the disconnected one, which comes back no more.
        draft.email = "anna@example.com"
        new = {"name": "New", "email": "new@example.com"}
        tries = {
            "made": lambda: accounts.create({"name": "C", "email": "ANNA@example.com"}),
            "made with all rights": lambda: accounts.sudo().create({"name": "C", "email": "box@example.com"}),
            "made twice": lambda: accounts.create([new, new]),
            "copied": draft.copy,
            "changed": lambda: draft.write({"email": "Box@example.com"}),
        }
        for how, again in tries.items():
            refused = self.assertRaisesRegex(ValidationError, "You already have a mailbox with this address")
            with self.subTest(how=how), self.assertNoLogs("odoo.sql_db"), self.env.cr.savepoint(), refused:
                again()
        draft.email = "anna@example.com"
        self.assertEqual(draft.email, "anna@example.com", "its own address is no other's")

    def test_tokens_do_not_survive_a_copy(self):
        """A copied account is not connected."""
        copy = self.account.copy({"email": "copy@example.com"})
        self.assertEqual((copy.state, copy.token_sealed, copy.token_seq), ("draft", False, 0))

    def test_neutralize(self):
        """A copy of the database holds no tokens, no cursors, no lease, no open actions, and syncs nothing."""
        cursor = {"cursor": "https://graph/delta?1", "anchor": "2026-11-01T00:00:00Z", "told": 3, "is_bootstrapped": True}
        self.apply(folders=[{"folder": "F-inbox", "revision": 0, **cursor}])
        self.connector.connector_exchange(instance="i", run="r")
        self.account.with_user(self.owner).action_refresh()
        with file_open("maildesk/data/neutralize.sql") as file:
            self.env.flush_all()
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.assertEqual((self.account.state, self.account.pause_reason, self.account.token_sealed), ("paused", "copy", False))
        self.assertEqual(self.env["mailbox.action"].search([("account_id", "=", self.account.id)]).state, "cancelled")
        row = self.env["mailbox.folder.sync"].search([("folder_id.remote_id", "=", "F-inbox")])
        self.assertEqual({name: row[name] for name in cursor}, {"cursor": False, "anchor": False, "told": 0, "is_bootstrapped": False})
        for model in ("mailbox.connector", "mailbox.refresh", "mailbox.unreadable"):
            self.assertFalse(self.env[model].search([]))
        self.assertEqual(self.apply()["reason"], "account")
