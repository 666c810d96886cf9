"""The number in the top bar, the newest unread mails, and what is told of mail that has just come."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..wire import iso
from .common import INBOX, SENT, MailDeskCase, patch


@tagged("post_install", "-at_install")
class TestNews(MailDeskCase):
    def setUp(self):
        super().setUp()
        # An Inbox that lives: its first filling is done.
        self.apply(tree=[INBOX, SENT], folders=[{"folder": "F-inbox", "revision": 0, "is_bootstrapped": True, "unread": 3}])
        self.bus()

    def arrive(self, *names, age=0, **keys):
        at = iso(fields.Datetime.now() - timedelta(minutes=age))
        self.apply(messages=[patch(name, **{"received_at": at, **keys}) for name in names])

    def told(self):
        (message,) = self.bus()
        return message[2]["new_ids"]

    def test_counts(self):
        """The unread mails of all Inboxes that one reads; nothing of others', nor of what is not connected yet."""
        accounts = self.env["mailbox.account"]
        (inbox,) = self.env["mailbox.folder"].search([("account_id", "=", self.account.id), ("role", "=", "inbox")])
        counts = accounts.with_user(self.owner).maildesk_counts()
        self.assertEqual(counts, {"mailboxes": 1, "unread": 3, "inbox_ids": [inbox.id], "notify": "off"})
        none = {"mailboxes": 0, "unread": 0, "inbox_ids": [], "notify": "off"}
        accounts.with_user(self.stranger).create({"name": "Draft", "email": "draft@example.com"})
        self.assertEqual(accounts.with_user(self.stranger).maildesk_counts(), none)
        self.assertEqual(accounts.with_user(self.admin).maildesk_counts(), none)
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_model"):
            accounts.with_user(self.employee).maildesk_counts()

    def test_counts_of_a_shared_mailbox(self):
        """A mailbox that is shared counts; one that was disconnected counts no more."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        accounts = self.env["mailbox.account"]
        self.assertEqual(accounts.with_user(self.friend).maildesk_counts()["unread"], 3)
        self.account.with_user(self.owner).unlink()
        self.assertEqual(accounts.with_user(self.owner).maildesk_counts()["mailboxes"], 0)

    def test_preference(self):
        """Everybody sets for themselves how new mail is told."""
        self.owner.with_user(self.owner).maildesk_notify = "toast"
        self.assertEqual(self.env["mailbox.account"].with_user(self.owner).maildesk_counts()["notify"], "toast")
        self.assertEqual(self.owner.with_user(self.owner).read(["maildesk_notify"])[0]["maildesk_notify"], "toast")
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_model"):
            self.owner.with_user(self.stranger).maildesk_notify = "off"

    def test_newest_unread(self):
        """The newest five unread of all Inboxes, and of nobody else's."""
        self.arrive(*(f"m{n}" for n in range(4)), age=60)
        self.arrive("read", is_read=True)
        self.arrive("sent", folder="F-sent")
        self.arrive("n1", "n2", age=1)
        mine = self.messages.with_user(self.owner)
        rows = mine.maildesk_newest_unread()["rows"]
        self.assertEqual(len(rows), 5)
        self.assertEqual({row["subject"] for row in rows[:2]}, {"Subject of n1", "Subject of n2"})
        self.assertFalse({row["subject"] for row in rows} & {"Subject of read", "Subject of sent"})
        for user in (self.stranger, self.admin):
            self.assertEqual(self.messages.with_user(user).maildesk_newest_unread(), {"rows": []})

    def test_new_mail_is_told_by_its_id(self):
        """Unread mail that has just come into an Inbox is named as new, the newest first."""
        self.arrive("older", age=5)
        self.assertEqual(self.told(), self.row("older").ids)
        self.arrive("n1", age=2)
        self.bus()
        at = [iso(fields.Datetime.now() - timedelta(minutes=age)) for age in (3, 1)]
        self.apply(messages=[patch("a", received_at=at[0]), patch("b", received_at=at[1])])
        self.assertEqual(self.told(), [self.row("b").id, self.row("a").id])

    def test_old_mail_is_no_news(self):
        """History that comes in, mail read elsewhere, drafts, other folders and changes are no news."""
        self.arrive("history", age=16)
        self.assertEqual(self.told(), [])
        for keys in ({"is_read": True}, {"is_draft": True}, {"folder": "F-sent"}):
            self.arrive("x" + next(iter(keys)), **keys)
            self.assertEqual(self.told(), [])
        self.arrive("new")
        self.bus()
        self.apply(messages=[{"remote_id": "new", "is_flagged": True}])
        self.assertEqual(self.told(), [])

    def test_first_filling_is_no_news(self):
        """What an Inbox is filled with at first, or anew, is no news, however young it is."""
        other = self._account("second@example.com")
        self.bus()
        at = iso(fields.Datetime.now())
        first = [{"folder": "F-inbox", "revision": 0, "is_bootstrapped": True}]
        self.apply(other, tree=[INBOX], messages=[patch("m1", received_at=at)], folders=first)
        self.assertEqual(self.told(), [])
        self.apply(other, messages=[patch("m2", received_at=at)])
        self.assertEqual(len(self.told()), 1)

    def test_news(self):
        """Who asks about ids gets what is still news to them: unread, young, in an Inbox that they read."""
        self.arrive(*(f"m{n}" for n in range(7)))
        self.arrive("old", age=20)
        ids = [self.row(name).id for name in (*(f"m{n}" for n in range(7)), "old")]
        news = self.messages.with_user(self.owner).maildesk_news(ids)
        self.assertEqual((news["count"], len(news["rows"])), (7, 5))
        self.apply(messages=[{"remote_id": "m0", "is_read": True}])
        self.assertEqual(self.messages.with_user(self.owner).maildesk_news(ids)["count"], 6)
        for user in (self.stranger, self.admin):
            self.assertEqual(self.messages.with_user(user).maildesk_news(ids), {"count": 0, "rows": []})
