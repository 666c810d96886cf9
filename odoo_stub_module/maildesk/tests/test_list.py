"""Pages of the list: filters, order, conversations, the Inboxes of all mailboxes, and what keeps the marks true."""

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import mailbox_message_list
from .common import INBOX, SENT, MailDeskCase, patch

TRASH = {"remote_id": "F-trash", "parent_remote_id": None, "name": "Deleted Items", "role": "trash"}


def at(hour, **keys):
    return {"received_at": f"2026-11-22T{hour:02}:00:00Z", **keys}


@tagged("post_install", "-at_install")
class TestList(MailDeskCase):
    def setUp(self):
        super().setUp()
        me = {"name": "Box", "address": "Box@example.com"}
        self.apply(
            tree=[INBOX, SENT, TRASH],
            messages=[
                patch("m1", **at(1), is_read=True, conversation_id="A"),
                patch("m2", **at(2), is_flagged=True, conversation_id="A", from_name="Bert"),
                patch("m3", **at(3), has_attachments=True, is_read=True, conversation_id="B"),
                patch("m4", **at(4), from_email="BOX@example.com", is_read=True, conversation_id=None),
                patch("m5", **at(5), to_recipients={"total": 1, "list": [me]}, is_read=True, conversation_id="C"),
                patch("s1", **at(6), folder="F-sent", from_name="Me", from_email="box@example.com", conversation_id="A", is_read=True),
                patch("t1", **at(7), folder="F-trash", conversation_id="A", is_read=True),
            ],
        )
        self.inbox = self.row("m1").folder_id
        self.mine = self.messages.with_user(self.owner)

    def names(self, answer):
        rows = self.messages.browse([row["id"] for row in answer["rows"]])
        return rows.mapped("remote_id")

    def listed(self, **how):
        return self.names(self.mine.maildesk_list(**{"folder_id": self.inbox.id, **how}))

    def test_filters(self):
        """Each filter alone, and several at once: all must hold."""
        for filters, wanted in (
            ([], ["m5", "m4", "m3", "m2", "m1"]),
            (["unread"], ["m2"]),
            (["flagged"], ["m2"]),
            (["attachments"], ["m3"]),
            (["from_me"], ["m4"]),
            (["to_me"], ["m5"]),
            (["unread", "flagged"], ["m2"]),
            (["unread", "attachments"], []),
            (["from_me", "to_me"], []),
        ):
            with self.subTest(filters=filters):
                self.assertEqual(self.listed(filters=filters), wanted)

    def test_filters_beyond_the_first_stretch(self):
        """From me and to me are found by the search index where the stretch that is walked has too few; no row comes twice."""
        self.patch(mailbox_message_list, "STRETCH", 1)
        for filters, wanted in ((["from_me"], "m4"), (["to_me"], "m5")):
            for order in ("newest", "oldest"):
                with self.subTest(filters=filters, order=order):
                    first = self.mine.maildesk_list(self.inbox.id, limit=1, filters=filters, order=order)
                    self.assertEqual((self.names(first), first["more"]), ([wanted], False))
                    before = [first["rows"][0]["received_at"], first["rows"][0]["id"]]
                    self.assertEqual(self.listed(filters=filters, order=order, before=before), [])

    def test_oldest_first(self):
        """The oldest come first, and pages follow each other."""
        first = self.mine.maildesk_list(self.inbox.id, limit=2, order="oldest")
        self.assertEqual((self.names(first), first["more"]), (["m1", "m2"], True))
        before = [first["rows"][-1]["received_at"], first["rows"][-1]["id"]]
        self.assertEqual(self.listed(order="oldest", before=before), ["m3", "m4", "m5"])

    def test_conversations(self):
        """The newest message of a conversation in the folder stands for it; Trash is not counted, Sent is."""
        answer = self.mine.maildesk_list(self.inbox.id, view="conversations")
        self.assertEqual(self.names(answer), ["m5", "m4", "m3", "m2"])
        thread = answer["rows"][-1]["thread"]
        ids = [self.row("m2").id, self.row("m1").id]
        self.assertEqual((thread["count"], thread["unread"], thread["ids"]), (3, 1, ids))
        self.assertEqual(thread["senders"], ["Anna", "Bert", "Me"])
        self.assertEqual((thread["has_attachments"], thread["is_flagged"]), (False, True))
        self.assertEqual(answer["rows"][-1]["conversation_id"], "A")
        alone = answer["rows"][1]["thread"]
        self.assertEqual((alone["count"], alone["ids"]), (1, [self.row("m4").id]))
        rows = self.mine.maildesk_rows([self.row("m2").id], view="conversations", folder_id=self.inbox.id)["rows"]
        self.assertEqual(rows[0]["thread"], thread)

    def test_conversations_with_a_filter(self):
        """A conversation is listed if a message of it passes, and the newest that does stands for it."""
        self.apply(messages=[patch("m6", **at(8), conversation_id="A", is_read=True)])
        self.assertEqual(self.listed(view="conversations"), ["m6", "m5", "m4", "m3"])
        self.assertEqual(self.listed(view="conversations", filters=["unread"]), ["m2"])

    def test_all_inboxes(self):
        """The Inboxes of all mailboxes that one reads are one list; a disconnected one is not in it."""
        other = self._account("other@example.com")
        self.apply(other, tree=[{**INBOX, "remote_id": "F2"}], messages=[patch("o1", folder="F2", **at(3, is_read=True))])
        self.assertEqual(self.listed(folder_id=None, role="inbox"), ["m5", "m4", "o1", "m3", "m2", "m1"])
        first = self.mine.maildesk_list(role="inbox", limit=3)
        self.assertTrue(first["more"])
        before = [first["rows"][-1]["received_at"], first["rows"][-1]["id"]]
        self.assertEqual(self.listed(folder_id=None, role="inbox", before=before), ["m3", "m2", "m1"])
        self.assertEqual(self.listed(folder_id=None, role="inbox", filters=["unread"]), ["m2"])
        self.assertEqual(self.names(self.messages.with_user(self.stranger).maildesk_list(role="inbox")), [])
        other.with_user(self.owner).unlink()
        self.assertEqual(self.listed(folder_id=None, role="inbox"), ["m5", "m4", "m3", "m2", "m1"])

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_of_another(self):
        """Nobody lists a folder of somebody else, by whatever filter, nor gets its rows with conversations."""
        for filters in ([], ["unread"], ["to_me"]):
            with self.assertRaises(AccessError):
                self.messages.with_user(self.stranger).maildesk_list(self.inbox.id, filters=filters)
        with self.assertRaises(AccessError):
            self.messages.with_user(self.admin).maildesk_rows(self.row("m1").ids, view="conversations", folder_id=self.inbox.id)

    def test_what_is_no_list(self):
        """A filter, an order, a view or a role that does not exist is said, and no SQL is made of it."""
        for wrong in ({"filters": ["x; --"]}, {"order": "received_at"}, {"view": "tree"}, {"role": "sent"}):
            with self.assertRaises(ValidationError):
                self.mine.maildesk_list(**{"folder_id": self.inbox.id, **wrong})

    def test_marks_are_true(self):
        """Whatever happens to messages, each unread and each flagged one has its mark, and nothing else has."""
        self.apply(messages=[{"remote_id": "m1", "is_read": False}, {"remote_id": "m2", "is_read": True, "is_flagged": False}])
        self.assert_marks()
        self.assertEqual(self.listed(filters=["unread"]), ["m1"])
        self.apply(messages=[{"remote_id": "m1", "folder": "F-sent"}, {"remote_id": "m3", "is_flagged": True, "is_read": False}])
        self.assert_marks()
        self.apply(messages=[{"remote_id": "m3", "received_at": "2026-11-21T00:00:00Z"}])
        self.assert_marks()
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m3"}])
        self.assert_marks()
        self.assertEqual(self.listed(filters=["flagged"]), [])
        self.apply(messages=[{"remote_id": "m3", "folder": "F-inbox"}])
        self.assert_marks()
        self.assertEqual(self.listed(filters=["flagged"]), ["m3"])
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m3"}], gone=["m3"])
        self.assert_marks()
        self.env["mailbox.folder"].with_user(self.owner).maildesk_set_sync(self.row("m1").folder_id.ids, enabled=False)
        self.assert_marks()

    def assert_marks(self):
        self.env.flush_all()
        self.env.cr.execute("SELECT kind::text, folder_id, received_at, message_id FROM mailbox_message_mark ORDER BY 1, 4")
        marks = self.env.cr.fetchall()
        self.env.cr.execute(
            """SELECT 'f', folder_id, received_at, id FROM mailbox_message_index WHERE is_flagged AND NOT pending_removal
                UNION ALL
               SELECT 'u', folder_id, received_at, id FROM mailbox_message_index WHERE is_read IS NOT TRUE AND NOT pending_removal
                ORDER BY 1, 4"""
        )
        self.assertEqual(marks, self.env.cr.fetchall())
