"""The audit list: what is noted, by whom, and that no entry is ever made otherwise, changed or deleted."""

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MailDeskCase


@tagged("post_install", "-at_install")
class TestAudit(MailDeskCase):
    def noted(self, account=None):
        """Return what the list tells of an account: (event, user, detail), oldest first."""
        account = account or self.account
        entries = self.env["mailbox.audit"].search([("account_id", "=", account.id)], order="id")
        return [(entry.event, entry.user_name, entry.detail or None) for entry in entries]

    def share(self, *users):
        self.account.with_user(self.owner).shared_user_ids = self.env["res.users"].union(*users)

    def test_audit_connecting(self):
        """A first sign-in and a later one are told apart; pausing and resuming are noted where something changed."""
        mine = self.account.with_user(self.owner)
        self.assertEqual(self.noted(), [("connected", self.owner.name, None)])
        self.account.with_user(self.owner).sudo()._signed_in({"token": {"sealed": "s", "seq": 2}})
        mine.action_pause()
        mine.action_pause()
        self.account.with_user(self.admin).action_resume()
        mine.action_resume()
        self.assertEqual(
            self.noted()[1:],
            [("reauthorized", self.owner.name, None), ("paused", self.owner.name, None), ("resumed", self.admin.name, None)],
        )

    def test_audit_sharing(self):
        """Each user that a mailbox is shared with, or no more, is noted; at its creation too."""
        self.share(self.friend, self.stranger)
        self.share(self.friend)
        shares = [("shared", self.owner.name, self.friend.name), ("shared", self.owner.name, self.stranger.name)]
        self.assertCountEqual(self.noted()[1:3], shares)
        self.assertEqual(self.noted()[3:], [("unshared", self.owner.name, self.stranger.name)])
        made = self.env["mailbox.account"].with_user(self.owner)
        account = made.create({"name": "B", "email": "b@example.com", "shared_user_ids": [(6, 0, self.friend.ids)]})
        self.assertEqual(self.noted(account), [("shared", self.owner.name, self.friend.name)])

    def test_audit_opened_once_a_day(self):
        """Who reads mail that another shares is noted once a day, by whatever door; the owner never."""
        self.fill()
        self.share(self.friend, self.stranger)
        message = self.row("m1")
        folder = message.folder_id

        def opened():
            return [entry for entry in self.noted() if entry[0] == "opened"]

        self.messages.with_user(self.owner).maildesk_open(message.id)
        self.assertEqual(opened(), [])
        # Each request begins with an empty cache.
        self.env.invalidate_all()
        self.messages.with_user(self.friend).maildesk_list(folder.id)
        self.env.invalidate_all()
        self.messages.with_user(self.friend).maildesk_open(message.id)
        self.assertEqual(opened(), [("opened", self.friend.name, None)])
        self.messages.with_user(self.stranger).formatted_read_group([], ["subject"], ["__count"])
        self.assertEqual(opened()[1:], [("opened", self.stranger.name, None)])
        self.env.cr.execute("UPDATE mailbox_audit SET create_date = create_date - interval '1 day'")
        self.env.invalidate_all()
        self.messages.with_user(self.friend).search_read([("id", "=", message.id)], ["subject"])
        self.assertEqual(opened()[2:], [("opened", self.friend.name, None)])

    def test_audit_opened_by_body(self):
        """A body that is read from the cache by its table counts as opened, and mailboxes that were not read do not."""
        self.fill()
        self.env["mailbox.message_body"]._keep(self.row("m1"), {"html": "<p>Hello</p>"})
        other = self._account("other@example.com")
        self.share(self.friend)
        other.with_user(self.owner).shared_user_ids = self.friend
        self.env["mailbox.message_body"].with_user(self.friend).search([]).mapped("html")
        self.assertIn(("opened", self.friend.name, None), self.noted())
        self.assertNotIn(("opened", self.friend.name, None), self.noted(other))

    def test_audit_export(self):
        """Mail is exported by its owner, and noted; a user whom it is shared with takes none along."""
        self.fill()
        self.share(self.friend)
        for user in (self.owner, self.friend):
            user.group_ids += self.env.ref("base.group_allow_export")
        self.row("m1").with_user(self.owner).export_data(["subject"])
        self.assertEqual(self.noted()[-1], ("exported", self.owner.name, "1 rows"))
        with self.assertRaises(AccessError):
            self.row("m1").with_user(self.friend).export_data(["subject"])

    def test_audit_key(self):
        """What concerns MailDesk as a whole names no mailbox, and is for administrators."""
        self.env["mailbox.account"].with_user(self.admin)._audit("key_made", "connector")
        entry = self.env["mailbox.audit"].search([("event", "=", "key_made")], limit=1)
        self.assertEqual((entry.user_id, entry.account_id.id, entry.detail), (self.admin, False, "connector"))
        for user, sees in ((self.admin, True), (self.owner, False)):
            self.assertEqual(bool(self.env["mailbox.audit"].with_user(user).search([("event", "=", "key_made")])), sees)

    def test_audit_readers(self):
        """The owner reads what concerns the mailbox, archived too; administrators read all; others nothing."""
        self.share(self.friend)
        self.account.active = False
        for user, sees in ((self.owner, True), (self.admin, True), (self.friend, False), (self.stranger, False)):
            with self.subTest(user=user.login):
                found = self.env["mailbox.audit"].with_user(user).search([("account_id", "=", self.account.id)])
                self.assertEqual(bool(found), sees)
        self.assertEqual(self.account.with_user(self.owner).action_audit()["domain"], [("account_id", "=", self.account.id)])

    @mute_logger("odoo.models")
    def test_audit_is_closed(self):
        """Nobody makes, changes or deletes an entry through the ORM: no administrator, no superuser."""
        entry = self.env["mailbox.audit"].search([("account_id", "=", self.account.id)])
        root = self.env.ref("base.user_root")
        for audit in (entry.with_user(self.owner), entry.with_user(self.admin), entry.with_user(root), entry.sudo()):
            calls = {
                "create": lambda audit=audit: audit.create({"event": "opened"}),
                "copy": audit.copy,
                "write": lambda audit=audit: audit.write({"detail": "x"}),
                "web_save": lambda audit=audit: audit.web_save({"detail": "x"}, {}),
                "unlink": audit.unlink,
                "load": lambda audit=audit: audit.load(["event"], [["Opened by Another User"]]),
            }
            for name, call in calls.items():
                with self.subTest(user=audit.env.user.login, su=audit.env.su, call=name):
                    if name == "load":
                        self.assertFalse(call()["ids"])
                    else:
                        with self.assertRaises(AccessError):
                            call()

    def test_audit_outlives_mailbox_and_user(self):
        """With the mailbox and the user gone, their names still stand there."""
        self.share(self.friend)
        name, owner = self.account.name, self.owner.name
        entries = self.env["mailbox.audit"].search([("account_id", "=", self.account.id)])
        self.account.sudo().unlink()
        self.owner.unlink()
        self.env.invalidate_all()
        self.assertTrue(entries.exists())
        self.assertEqual({(entry.account_id.id, entry.account_name) for entry in entries}, {(False, name)})
        self.assertEqual({(entry.user_id.id, entry.user_name) for entry in entries}, {(False, owner)})
