"""`connector_apply`: what it takes, what it refuses, and that a refusal changes nothing."""

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..wire import WireError
from .common import INBOX, SENT, MailDeskCase, patch


@tagged("post_install", "-at_install")
class TestApply(MailDeskCase):
    def test_apply_new_messages(self):
        """A new message is a row with what the patch said."""
        answer = self.fill(patch("m1"), patch("m2", importance="high", subject='Tab\t, back\\slash, \\N, "quote"\n€ 😀'))
        self.assertEqual((answer["new"], answer["changed"], answer["pending"]), (2, 0, []))
        row = self.row("m2")
        self.assertEqual(row.subject, 'Tab\t, back\\slash, \\N, "quote"\n€ 😀')
        self.assertEqual(row.to_recipients, [{"name": "Bert", "address": "bert@example.com"}])
        self.assertEqual((row.to_total, row.importance, row.is_flagged, row.categories), (1, "high", False, ["Red"]))
        self.assertEqual(self.row("m1").importance, "normal")

    def test_apply_patch_merges(self):
        """Absent keys are unchanged, present ones are taken, null included."""
        self.fill()
        answer = self.apply(messages=[{"remote_id": "m1", "is_read": True, "preview": None}])
        self.assertEqual((answer["new"], answer["changed"]), (0, 1))
        row = self.row("m1")
        self.assertTrue(row.is_read)
        self.assertFalse(row.preview)
        self.assertEqual(row.subject, "Subject of m1")

    def test_apply_same_again(self):
        """A row that does not differ is not written."""
        self.fill()
        before = self.row("m1").write_date
        self.bus()
        answer = self.apply(messages=[patch("m1")])
        self.assertEqual((answer["new"], answer["changed"]), (0, 0))
        self.assertEqual(self.row("m1").write_date, before)
        self.assertEqual(self.bus(), [])

    def test_apply_patches_of_one_message(self):
        """Two patches for one message in one call: the later wins, key by key."""
        self.fill(patch("m1"), {"remote_id": "m1", "is_read": True})
        self.assertTrue(self.row("m1").is_read)
        self.assertEqual(self.row("m1").subject, "Subject of m1")

    def test_apply_many_recipients(self):
        """Fifty recipients are kept, the total says how many there were."""
        people = [{"name": str(n), "address": f"{n}@example.com"} for n in range(60)]
        self.fill(patch("m1", cc_recipients={"total": 60, "list": people}))
        self.assertEqual((len(self.row("m1").cc_recipients), self.row("m1").cc_total), (50, 60))

    def test_apply_revision(self):
        """The cursor travels with the data; a wrong revision refuses both."""
        self.fill()
        cursor = {"folder": "F-inbox", "revision": 0, "cursor": "https://graph/delta?1", "is_bootstrapped": True, "unread": 3, "total": 9}
        self.assertEqual(self.apply(folders=[cursor])["revisions"], {"F-inbox": 1})
        answer = self.apply(messages=[patch("m2")], folders=[cursor])
        self.assertEqual(answer, {"applied": False, "reason": "revision", "revisions": {"F-inbox": 1}})
        self.assertFalse(self.row("m2"))
        folder = self.row("m1").folder_id
        self.assertEqual((folder.unread_count, folder.total_count, self.account.unread_count), (3, 9, 3))

    def test_apply_counts_without_revision(self):
        """Counts alone need no revision; a cursor without one is an error."""
        self.fill()
        self.assertEqual(self.apply(folders=[{"folder": "F-inbox", "unread": 1}])["revisions"], {"F-inbox": 0})
        with self.assertRaises(WireError):
            self.apply(folders=[{"folder": "F-inbox", "cursor": "https://graph"}])

    def test_apply_removed_hides(self):
        """A removal hides a row only while it is in that folder; arriving shows it again."""
        self.fill()
        self.assertEqual(self.apply(removed=[{"folder": "F-sent", "remote_id": "m1"}])["pending"], [])
        self.assertEqual(self.apply(removed=[{"folder": "F-inbox", "remote_id": "m1"}])["pending"], ["m1"])
        self.assertFalse(self.messages.with_user(self.owner).search([("remote_id", "=", "m1")]))
        answer = self.apply(messages=[{"remote_id": "m1", "folder": "F-sent"}])
        self.assertEqual((answer["pending"], self.row("m1").folder_id.role), ([], "sent"))

    def test_apply_moved_and_removed_in_one_call(self):
        """Arrival in one folder and removal from another, in one call: the message is there."""
        self.fill()
        answer = self.apply(messages=[{"remote_id": "m1", "folder": "F-sent"}], removed=[{"folder": "F-inbox", "remote_id": "m1"}])
        self.assertEqual(answer["pending"], [])
        self.assertEqual(self.row("m1").folder_id.role, "sent")

    def test_apply_gone(self):
        """What is gone is deleted if it was hidden, and stays if it was not."""
        self.fill(patch("m1"), patch("m2"))
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m1"}])
        self.apply(gone=["m1", "m2"])
        self.assertFalse(self.row("m1"))
        self.assertTrue(self.row("m2"))

    def test_apply_unknown_partial(self):
        """A patch that is not enough for a new row refuses the call."""
        self.fill()
        answer = self.apply(messages=[{"remote_id": "m1", "is_read": True}, {"remote_id": "m9", "is_read": True}])
        self.assertEqual(answer, {"applied": False, "reason": "unknown", "unknown": ["m9"]})
        self.assertFalse(self.row("m1").is_read)

    def test_apply_unknown_folder(self):
        """A folder that is not there refuses the call."""
        self.fill()
        self.assertEqual(self.apply(messages=[patch("m2", folder="F-x")]), {"applied": False, "reason": "folder", "unknown": ["F-x"]})

    def test_apply_tree(self):
        """Folders follow the tree: renamed, nested, new with their messages in the same call, gone when empty."""
        self.fill()
        child = {"remote_id": "F-a", "parent_remote_id": "F-inbox", "name": "A", "role": "other"}
        self.apply(tree=[{**INBOX, "name": "Posteingang"}, child], messages=[patch("m2", folder="F-a")])
        folders = {f.remote_id: f for f in self.env["mailbox.folder"].with_context(active_test=False).search([])}
        self.assertEqual((folders["F-inbox"].name, folders["F-a"].parent_id), ("Posteingang", folders["F-inbox"]))
        self.assertNotIn("F-sent", folders)
        self.assertEqual(self.row("m2").folder_id, folders["F-a"])

    def test_apply_deleted_folder(self):
        """A folder that is missing is archived, its messages pending; when they are gone, so is the folder."""
        self.fill(patch("m1"), patch("m2", folder="F-sent"))
        self.assertEqual(self.apply(tree=[INBOX])["pending"], ["m2"])
        sent = self.env["mailbox.folder"].with_context(active_test=False).search([("remote_id", "=", "F-sent")])
        self.assertFalse(sent.active)
        self.apply(gone=["m2"])
        self.assertFalse(sent.exists())
        self.assertTrue(self.row("m1"))

    def test_apply_folder_comes_back(self):
        """A folder that comes back has lost its cursor, and who builds on the old one is refused."""
        self.fill(patch("m2", folder="F-sent"))
        update = {"folder": "F-sent", "revision": 0, "cursor": "https://graph/delta?1", "is_bootstrapped": True, "is_backfilled": True}
        self.apply(folders=[update])
        self.apply(tree=[INBOX])
        answer = self.apply(tree=[INBOX, SENT], folders=[{**update, "revision": 1}])
        self.assertEqual(answer["reason"], "revision")
        self.apply(tree=[INBOX, SENT])
        (snapshot,) = self.connector.connector_take_up([self.account.id])
        sent = next(f for f in snapshot["folders"] if f["remote_id"] == "F-sent")
        self.assertEqual((sent["cursor"], sent["is_bootstrapped"], sent["is_backfilled"], sent["revision"]), (None, False, False, 2))

    def test_apply_junk_folder(self):
        """Spam is shown but not synced."""
        self.apply(tree=[{**INBOX, "role": "junk"}])
        self.assertFalse(self.account.folder_ids.sync_enabled)

    @mute_logger("odoo.sql_db")
    def test_apply_bad_rows(self):
        """One bad row refuses all, with an error that tells no value; NUL and lone surrogates among them."""
        self.fill()
        bad = [
            {"subject": "secret\0"},
            {"subject": "secret\ud800"},
            {"received_at": "secret"},
            {"is_read": "secret"},
            {"importance": "secret"},
            {"to_recipients": ["secret"]},
            {"to_recipients": {"total": 1, "list": [{"name": "secret\0", "address": ""}]}},
            {"categories": "secret"},
            {"secret": 1},
            {"received_at": None},
            {"folder": None},
        ]
        for keys in bad:
            with self.subTest(keys=list(keys)), self.assertRaises(WireError) as raised:
                self.apply(messages=[patch("m2"), patch("m3", **keys)])
            self.assertNotIn("secret", str(raised.exception))
        self.assertFalse(self.row("m2"))

    def test_apply_other_states(self):
        """A mailbox that is paused, disconnected, archived or gone takes nothing."""
        for vals in ({"state": "paused"}, {"state": "disconnected"}, {"state": "connected", "active": False}):
            self.account.write(vals)
            self.assertEqual(self.apply(messages=[patch("m1")]), {"applied": False, "reason": "account"})
        self.account._purge()
        self.assertEqual(self.apply()["reason"], "account")

    def test_apply_accounts_apart(self):
        """The same ids in another mailbox are another mailbox's."""
        other = self._account("other@example.com", self.stranger)
        self.fill()
        self.apply(other, tree=[INBOX], messages=[patch("m1", subject="Theirs")])
        self.apply(other, removed=[{"folder": "F-inbox", "remote_id": "m1"}], gone=["m1"])
        self.assertEqual(self.row("m1").subject, "Subject of m1")
        self.assertFalse(self.row("m1").pending_removal)

    def test_apply_tells_people(self):
        """The owner and those it is shared with hear of it, by ids alone; nobody else."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        self.bus()
        self.fill()
        told = self.bus()
        self.assertEqual(len(told), 2)
        channels = "".join(channel for channel, _type, _payload in told)
        for user in (self.owner, self.friend):
            self.assertIn(f'"res.partner",{user.partner_id.id}', channels.replace(" ", ""))
        self.assertEqual(
            told[0][2],
            {"account_id": self.account.id, "folder_ids": self.row("m1").folder_id.ids, "message_ids": self.row("m1").ids, "account": True}
            | {"new_ids": []},
        )

    def test_apply_hook(self):
        """Other addons hear of new rows, once."""
        heard = []
        self.patch(self.env.registry["mailbox.message_index"], "_after_apply", lambda _model, ids: heard.append(ids))
        self.fill()
        self.apply(messages=[patch("m1", is_read=True)])
        self.assertEqual(heard[0], self.row("m1").ids)
        self.assertFalse(any(heard[1:]))

    def test_set_aside_until_read_or_gone(self):
        """Counted and listed for whoever reads the mailbox; it ends when the message is read after all, or is no more."""
        self.fill()
        aside = [{"remote_id": name, "folder": "F-inbox", "reason": "shape"} for name in ("a", "b", "b")]
        self.apply(set_aside=aside)
        self.assertEqual(self.account.with_user(self.owner).unreadable_count, 2)
        self.assertEqual(self.env["mailbox.unreadable"].with_user(self.owner).search([]).mapped("remote_id"), ["b", "a"])
        self.assertFalse(self.env["mailbox.unreadable"].with_user(self.stranger).search([]))
        self.assertEqual(self.connector.connector_take_up([self.account.id])[0]["unreadable"], ["a", "b"])
        self.apply(messages=[patch("a")], gone=["b"])
        self.account.invalidate_recordset()
        self.assertEqual(self.account.unreadable_count, 0)
        self.apply(messages=[patch("c")], set_aside=[{"remote_id": "c", "folder": "F-inbox", "reason": "shape"}])
        self.assertFalse(self.env["mailbox.unreadable"].search([]))

    def test_set_aside_keeps_codes_only(self):
        """A reason that is no code could be text of a mail."""
        self.fill()
        reasons = {"a": "ErrorItemNotFound", "b": "Dear Anna, about us", "c": "x" * 81}
        self.apply(set_aside=[{"remote_id": name, "folder": None, "reason": reason} for name, reason in reasons.items()])
        kept = self.env["mailbox.unreadable"].search([], order="remote_id").mapped("reason")
        self.assertEqual(kept, ["ErrorItemNotFound", "other", "other"])

    def test_set_aside_in_a_folder_that_is_off(self):
        """What is not wanted is not counted as missing, and what was counted goes with the folder's mail."""
        self.fill()
        aside = [{"remote_id": "a", "folder": "F-inbox", "reason": "shape"}]
        self.apply(set_aside=aside)
        self.env["mailbox.folder"].with_user(self.owner).maildesk_set_sync(self.row("m1").folder_id.ids, enabled=False)
        self.assertFalse(self.env["mailbox.unreadable"].search([]))
        self.assertEqual(self.apply(set_aside=aside)["reason"], "folder")
        self.assertTrue(self.apply(folders=[{"folder": "F-inbox", "unread": 3}])["applied"])

    def test_apply_new_junk_folder_takes_no_mail(self):
        """Spam is off from the call on that brings its folder."""
        answer = self.apply(tree=[{**INBOX, "role": "junk"}], messages=[patch("m1")])
        self.assertEqual((answer["applied"], answer.get("reason")), (False, "folder"))

    def test_removal_of_a_message_that_is_not_here(self):
        """It came, went and came back between two polls: the connector has to ask, so nothing is done until it has."""
        self.fill()
        removed = [{"folder": "F-inbox", "remote_id": name} for name in ("m1", "stranger", "new")]
        answer = self.apply(messages=[patch("new")], removed=removed)
        self.assertEqual(answer, {"applied": False, "reason": "unknown", "unknown": ["stranger"]})
        self.assertFalse(self.row("m1").pending_removal)
        self.assertTrue(self.apply(messages=[patch("new")], removed=removed[:1])["applied"])

    def test_switched_off_folder_takes_no_mail(self):
        """Off: its rows and its cursor go at once, mail for it is refused; on: it starts anew."""
        self.fill()
        folder = self.row("m1").folder_id
        self.apply(
            folders=[
                {"folder": "F-inbox", "revision": 0, "cursor": "c", "is_bootstrapped": True, "anchor": "2026-11-01T00:00:00Z", "told": 3}
            ]
        )
        folders = self.env["mailbox.folder"]
        with self.assertRaises(AccessError):
            folders.with_user(self.stranger).maildesk_set_sync(folder.ids, enabled=False)
        folders.with_user(self.owner).maildesk_set_sync(folder.ids, enabled=False)
        self.assertFalse(self.row("m1"))
        (snapshot,) = self.connector.connector_take_up([self.account.id])
        row = next(f for f in snapshot["folders"] if f["remote_id"] == "F-inbox")
        told = {name: row[name] for name in ("sync_enabled", "cursor", "anchor", "told", "is_bootstrapped", "revision")}
        self.assertEqual(told, {"sync_enabled": False, "cursor": None, "anchor": None, "told": 0, "is_bootstrapped": False, "revision": 2})
        self.assertEqual(self.apply(messages=[patch("m1")])["reason"], "folder")
        folders.with_user(self.owner).maildesk_set_sync(folder.ids, enabled=True)
        self.assertTrue(self.apply(messages=[patch("m1")])["applied"])

    def test_switch_is_the_owners(self):
        """Who reads a shared mailbox does not decide what of it is synced, and the connector hears of what the owner decides."""
        self.fill()
        self.account.with_user(self.owner).shared_user_ids = self.friend
        folder = self.row("m1").folder_id
        with self.assertRaises(AccessError):
            self.env["mailbox.folder"].with_user(self.friend).maildesk_set_sync(folder.ids, enabled=False)
        before = self.account.config_changed_at
        self.env.cr.execute("UPDATE mailbox_account SET config_changed_at = '2020-01-01' WHERE id = %s", [self.account.id])
        self.account.invalidate_recordset()
        folder.with_user(self.owner).action_toggle_sync()
        self.assertGreaterEqual(self.account.config_changed_at, before)
