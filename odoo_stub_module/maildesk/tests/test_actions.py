"""What people do with mail: what shows, what merges, what is undone, and what the connector is given and tells back."""

import time
from contextlib import contextmanager
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..wire import WireError
from .common import MailDeskCase, patch

TREE = [
    {"remote_id": f"F-{role}", "parent_remote_id": None, "name": role.title(), "role": role}
    for role in ("inbox", "sent", "drafts", "trash", "junk", "archive")
] + [{"remote_id": "F-work", "parent_remote_id": None, "name": "Work", "role": "other"}]

INSTANCE, RUN = "11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555"


class ActionCase(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.apply(tree=TREE, messages=[patch(f"m{number}") for number in range(1, 6)])
        counts = {"folder": "F-inbox", "unread": 5, "total": 5}
        self.apply(folders=[counts])
        self.actions = self.env["mailbox.action"].with_user(self.owner)
        self.serial = None
        self.since = None

    def folder(self, role):
        self.env.invalidate_all()
        return self.env["mailbox.folder"].search([("account_id", "=", self.account.id), ("remote_id", "=", f"F-{role}")])

    def do(self, kind, *remote_ids, **values):
        return self.actions.maildesk_do(kind, [self.row(one).id for one in remote_ids], values)

    def take(self, limit=100):
        """Take what is due as the connector does, this test's only."""
        answer = self.connector.connector_exchange(INSTANCE, RUN, self.serial, self.since, [], actions=limit)
        self.serial, self.since = answer["serial"], answer["watermark"]
        return [one for one in answer["actions"] if one["account_id"] == self.account.id]

    def let_go(self):
        """Let the time pass for which an action is held."""
        self.env["mailbox.action"].search([("account_id", "=", self.account.id), ("state", "=", "pending")]).due_at = (
            fields.Datetime.now() - timedelta(seconds=1)
        )

    def tell(self, action, outcome="done", **keys):
        keys = {"acked": time.time(), **keys} if outcome == "done" else keys
        return self.connector.connector_outcomes(self.account.id, [{"uuid": action["uuid"], "outcome": outcome, **keys}])

    @contextmanager
    def _few_queries(self, what):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        yield
        self.env.flush_all()
        self.assertLess(self.env.cr.sql_log_count - before, 80, what)

    def shows(self, remote_id):
        self.env.invalidate_all()
        row = self.row(remote_id)
        return row.is_read, row.is_flagged, row.folder_id.role


@tagged("post_install", "-at_install")
class TestActions(ActionCase):
    def test_do_read_shows_at_once(self):
        """The row and the badge change with the click; the connector is given what to do and what is there now."""
        answer = self.do("read", "m1", "m2")
        self.assertEqual([row["is_read"] for row in answer["rows"]], [True, True])
        self.assertTrue(all(row["waiting"] for row in answer["rows"]))
        self.assertEqual((self.folder("inbox").unread_count, self.folder("inbox").total_count, self.account.unread_count), (3, 5, 3))
        taken = self.take()
        self.assertEqual([one["remote_id"] for one in taken], ["m1", "m2"])
        self.assertEqual((taken[0]["values"], taken[0]["seen"], taken[0]["is_again"]), ({"is_read": True}, {"is_read": False}, False))
        self.assertEqual([one["uuid"] for one in taken], answer["uuids"])

    def test_do_what_shows_already(self):
        """What is so already needs no action."""
        answer = self.do("unread", "m1")
        self.assertEqual((answer["uuids"], answer["skipped"]), ([], []))

    def test_do_again_merges(self):
        """Read and unread before anybody took them is nothing; of two moves the last goes, from where the message is."""
        self.do("read", "m1")
        self.do("unread", "m1")
        self.do("move", "m2", folder_id=self.folder("archive").id)
        self.do("move", "m2", folder_id=self.folder("work").id)
        (taken,) = self.take()
        self.assertEqual((taken["values"], taken["seen"]), ({"folder": "F-work"}, {"folder": "F-inbox"}))
        self.assertEqual(self.shows("m1"), (False, False, "inbox"))
        self.assertEqual(self.shows("m2"), (False, False, "other"))
        self.assertEqual((self.folder("inbox").total_count, self.folder("work").total_count), (4, 1))

    def test_do_after_it_was_taken_goes_behind(self):
        """What a connector has cannot be merged: the next wish waits for its turn."""
        self.do("read", "m1")
        (first,) = self.take()
        self.do("unread", "m1")
        self.assertEqual(self.shows("m1")[0], False)
        (second,) = self.take()
        self.assertEqual((second["values"], second["seen"]), ({"is_read": False}, {"is_read": True}))
        self.tell(first, said={"remote_id": "m1", "is_read": True})
        self.assertEqual(self.shows("m1")[0], False)
        self.tell(second, "failed", error="changed")
        self.assertEqual(self.shows("m1")[0], True)

    def test_sync_writes_what_graph_said_only(self):
        """While an action is open the sync changes nothing of what shows; when it fails what Graph said shows through."""
        self.do("read", "m1")
        self.do("move", "m1", folder_id=self.folder("archive").id)
        self.apply(messages=[{"remote_id": "m1", "is_read": False, "is_flagged": True, "folder": "F-work"}])
        self.assertEqual(self.shows("m1"), (True, True, "archive"))
        for action in self.take():
            self.tell(action, "failed", error="changed")
        self.assertEqual(self.shows("m1"), (False, True, "other"))
        self.assertFalse(self.row("m1").said_folder_id)
        self.assertIn("changed in Outlook", self.messages.with_user(self.owner).maildesk_rows(self.row("m1").ids)["rows"][0]["failed"])

    def test_covers_until_a_later_round(self):
        """What a round that began before the acknowledgement tells is older; the first that began after it shows."""
        self.do("read", "m1")
        (action,) = self.take()
        began = time.time() - 60
        self.tell(action, acked=began + 30, said={"remote_id": "m1", "is_read": True})
        self.apply(messages=[{"remote_id": "m1", "is_read": False}], settled=began)
        self.assertEqual(self.shows("m1")[0], True)
        (snapshot,) = self.connector.connector_take_up([self.account.id])
        self.assertEqual((snapshot["unsettled"], snapshot["covered"], snapshot["covered_folders"]), (began + 30, ["m1"], []))
        self.apply(messages=[{"remote_id": "m1", "is_read": True}])
        self.apply(settled=began + 31)
        self.assertEqual(self.shows("m1")[0], True)
        (snapshot,) = self.connector.connector_take_up([self.account.id])
        self.assertEqual((snapshot["unsettled"], snapshot["covered"], snapshot["covered_folders"]), (None, [], []))
        self.apply(messages=[{"remote_id": "m1", "is_read": False}])
        self.assertEqual(self.shows("m1")[0], False)

    def test_badges_stay_right_when_graph_acknowledges(self):
        """Graph's count moves along with its answer, and the next count puts it right in any case."""
        self.do("read", "m1")
        self.do("move", "m2", folder_id=self.folder("archive").id)
        self.assertEqual((self.folder("inbox").unread_count, self.folder("inbox").total_count), (3, 4))
        read, moved = self.take()
        self.tell(read, said={"remote_id": "m1", "is_read": True})
        self.tell(moved, said={"remote_id": "m2", "folder": "F-archive"})
        self.env.invalidate_all()
        self.assertEqual((self.folder("inbox").unread_count, self.folder("inbox").total_count), (3, 4))
        self.assertEqual((self.folder("archive").unread_count, self.folder("archive").total_count), (1, 1))
        self.apply(folders=[{"folder": "F-inbox", "unread": 3, "total": 4}, {"folder": "F-archive", "unread": 1, "total": 1}], settled=2e9)
        self.env.invalidate_all()
        self.assertEqual((self.folder("inbox").unread_count, self.folder("archive").total_count), (3, 1))

    def test_moved_message_stays_in_sight(self):
        """Between leaving the old folder and arriving in the new one a message that was moved here is not hidden."""
        self.do("archive", "m1")
        answer = self.apply(removed=[{"folder": "F-inbox", "remote_id": "m1"}])
        self.assertEqual(answer["pending"], ["m1"])
        self.assertEqual(self.messages.with_user(self.owner).search([("remote_id", "=", "m1")]).folder_id.role, "archive")
        self.apply(messages=[{"remote_id": "m1", "folder": "F-archive"}])
        (action,) = self.take()
        self.tell(action)
        self.apply(settled=2e9)
        self.assertEqual((self.shows("m1")[2], self.row("m1").pending_removal), ("archive", False))

    def test_moved_where_no_mail_is_wanted(self):
        """What went to an unsynced folder goes from the index by the ordinary way."""
        self.do("junk", "m1")
        (action,) = self.take()
        self.tell(action, said={"remote_id": "m1", "folder": "F-junk"})
        self.assertEqual(self.apply(settled=2e9)["pending"], ["m1"])
        self.apply(gone=["m1"])
        self.assertFalse(self.row("m1"))

    def test_delete_and_destroy(self):
        """Delete is to the Trash; in the Trash it is asked first; for good hides at once, and the row goes when Graph has none."""
        answer = self.do("delete", "m1")
        self.assertEqual(answer["rows"][0]["folder_id"], self.folder("trash").id)
        self.assertEqual(self.do("delete", "m1")["skipped"][0]["reason"], "in_trash")
        self.assertEqual(self.do("destroy", "m1")["rows"], [])
        self.assertEqual([one["kind"] for one in self.take()], ["destroy"])
        destroy = self.env["mailbox.action"].search([("kind", "=", "destroy")])
        self.assertEqual(destroy.seen, {"folder": "F-inbox"})
        self.tell({"uuid": destroy.uuid})
        self.assertEqual(self.apply(settled=2e9)["pending"], ["m1"])
        self.apply(gone=["m1"])
        self.assertFalse(self.row("m1"))
        self.assertFalse(destroy.message_id)

    def test_importance_and_categories(self):
        """Both are set and checked; nonsense is refused."""
        self.do("importance", "m1", importance="high")
        self.do("categories", "m1", categories=["Blue", "Blue", " Green  tea "])
        self.assertEqual([one["values"] for one in self.take()], [{"importance": "high"}, {"categories": ["Blue", "Green tea"]}])
        row = self.row("m1")
        self.env.invalidate_all()
        self.assertEqual((row.importance, row.categories), ("high", ["Blue", "Green tea"]))
        for kind, values in (("importance", {"importance": "urgent"}), ("categories", {"categories": "Blue"}), ("fly", {})):
            with self.assertRaises(UserError):
                self.do(kind, "m1", **values)

    def test_categories_of_a_mailbox(self):
        """What its mail has, the most used first, as shown; of other mailboxes nothing."""
        self.do("categories", "m1", "m2", categories=["Rote Kategorie", "Kunden"])
        self.do("categories", "m3", categories=["Kunden"])
        messages = self.messages.with_user(self.owner)
        self.assertEqual(messages.maildesk_categories(self.account.ids), {"names": ["Kunden", "Red", "Rote Kategorie"]})
        self.assertEqual(messages.maildesk_categories([]), {"names": []})
        self.assertEqual(self.messages.with_user(self.stranger).maildesk_categories(self.account.ids), {"names": []})

    def test_undo(self):
        """Undo before it was taken leaves nothing to do; after that the opposite goes."""
        done = self.do("archive", "m1", "m2")
        self.assertEqual(self.actions.maildesk_undo(done["undo"])["undone"], 2)
        self.assertEqual(self.take(), [])
        self.assertEqual(self.shows("m1"), (False, False, "inbox"))
        done = self.do("archive", "m1", "m2")
        taken = self.take()
        answer = self.actions.maildesk_undo(done["undo"])
        self.assertEqual((answer["undone"], answer["refused"], len(answer["uuids"])), (2, None, 2))
        self.assertEqual(self.shows("m1"), (False, False, "inbox"))
        back = self.take()
        self.assertEqual([one["values"] for one in back], [{"folder": "F-inbox"}] * 2)
        for one in [*taken, *back]:
            self.tell(one)
        self.apply(settled=2e9)
        self.assertEqual(self.shows("m1"), (False, False, "inbox"))

    def test_undo_of_what_was_changed_again(self):
        """What was done after it stands."""
        first = self.do("read", "m1", "m2")
        self.do("unread", "m1")
        answer = self.actions.maildesk_undo(first["undo"])
        self.assertEqual(answer["undone"], 1)
        self.assertIn("1", answer["refused"])
        with self.assertRaises(UserError):
            self.actions.maildesk_undo("nothing")

    def test_undo_of_a_merge_puts_back_what_was_seen(self):
        """Read, unread, undo: read again."""
        self.do("read", "m1")
        answer = self.do("unread", "m1")
        self.actions.maildesk_undo(answer["undo"])
        self.assertEqual(self.shows("m1")[0], True)
        self.assertEqual([one["kind"] for one in self.take()], ["read"])

    def test_undo_destroy(self):
        """For good is for good, unless nobody has taken it yet."""
        done = self.do("destroy", "m1")
        self.assertEqual(self.actions.maildesk_undo(done["undo"])["undone"], 1)
        self.assertFalse(self.row("m1").pending_removal)
        done = self.do("destroy", "m1")
        self.take()
        self.assertEqual(self.actions.maildesk_undo(done["undo"])["undone"], 0)

    def test_retry(self):
        """A failed action goes again under another name; what it covers shows again."""
        self.do("flag", "m1")
        (action,) = self.take()
        self.tell(action, "failed", error="unavailable")
        (told,) = self.actions.maildesk_actions(self.account.id)["actions"]
        self.assertEqual((told["state"], told["kind"]), ("failed", "flag"))
        answer = self.actions.maildesk_retry([action["uuid"]])
        self.assertEqual(self.shows("m1")[1], True)
        (again,) = self.take()
        self.assertEqual((answer["uuids"], again["values"]), ([again["uuid"]], {"is_flagged": True}))
        self.assertNotEqual(again["uuid"], action["uuid"])

    def test_retry_of_two_kinds_ends_with_the_last_click(self):
        """Whatever order their kinds have for other messages: the message was archived, and then marked as junk."""
        failed = []
        for kind, name in (("junk", "m2"), ("archive", "m1"), ("junk", "m1")):
            self.do(kind, name)
            (action,) = self.take()
            self.tell(action, "failed", error="unavailable")
            failed.append(action["uuid"])
        answer = self.actions.maildesk_retry(failed)
        self.assertEqual(len(answer["uuids"]), 2)
        self.assertEqual([self.row(name).folder_id.role for name in ("m1", "m2")], ["junk", "junk"])
        self.assertEqual({one["kind"] for one in self.take()}, {"junk"})

    def test_undo_and_retry_of_hundreds_in_few_queries(self):
        names = [f"n{number}" for number in range(300)]
        self.apply(messages=[patch(name) for name in names])
        for act in ("archive", "destroy"):
            done = self.do(act, *names)
            with self._few_queries(act):
                self.assertEqual(self.actions.maildesk_undo(done["undo"])["undone"], 300)
        self.do("flag", *names)
        taken = self.take(limit=300)
        self.connector.connector_outcomes(
            self.account.id, [{"uuid": one["uuid"], "outcome": "failed", "error": "unavailable"} for one in taken]
        )
        with self._few_queries("retry"):
            self.assertEqual(len(self.actions.maildesk_retry([one["uuid"] for one in taken])["uuids"]), 300)

    def test_dismiss(self):
        """Who has read why an action failed takes the mark away; nobody else does, and what is open stays."""
        self.do("flag", "m1")
        (action,) = self.take()
        self.tell(action, "failed", error="unavailable")
        self.do("flag", "m2")
        row = self.row("m1").with_user(self.owner)
        self.assertTrue(row._to_rows()[0]["failed"])
        self.env["mailbox.action"].with_user(self.stranger).maildesk_dismiss([action["uuid"]])
        self.assertTrue(row._to_rows()[0]["failed"])
        uuids = [told["uuid"] for told in self.actions.maildesk_actions()["actions"]]
        (told,) = self.actions.maildesk_dismiss(uuids)["rows"]
        self.assertEqual((told["id"], told["failed"]), (row.id, None))
        (left,) = self.actions.maildesk_actions()["actions"]
        self.assertEqual((left["state"], left["message_id"]), ("pending", self.row("m2").id))

    def test_gone_is_no_failure(self):
        """A change of a message that is nowhere ends quietly; the message itself goes."""
        self.do("flag", "m1")
        (action,) = self.take()
        self.tell(action, "gone")
        found = self.env["mailbox.action"].search([("uuid", "=", action["uuid"])])
        self.assertEqual((found.state, found.covers, self.shows("m1")[1]), ("cancelled", False, False))
        self.assertEqual(self.actions.maildesk_actions()["actions"], [])

    def test_waiting(self):
        """A mailbox that needs a sign-in keeps its actions, says so, and goes on afterwards."""
        self.do("flag", "m1")
        self.account.state = "reauth_required"
        self.assertEqual(self.take(), [])
        self.assertEqual(self.actions.maildesk_actions()["actions"][0]["waiting_for"], "sign_in")
        self.account.state = "connected"
        (taken,) = self.take()
        self.assertFalse(taken["is_again"])
        self.since = None
        self.assertEqual([(one["uuid"], one["is_again"]) for one in self.take()], [(taken["uuid"], True)])

    def test_lost_answers_and_new_connectors(self):
        """What was given in an answer that was lost, or to a connector that is no more, is given again."""
        self.do("flag", "m1", "m2")
        self.take()
        self.assertEqual(self.take(), [])
        serial, since = self.serial, self.since
        self.do("flag", "m3")
        self.take()
        self.serial, self.since = serial, since
        self.assertEqual([one["remote_id"] for one in self.take()], ["m3"])
        self.serial = self.since = None
        self.assertEqual([one["remote_id"] for one in self.take(2)], ["m1", "m2"])
        self.assertEqual([one["remote_id"] for one in self.take(2)], ["m3"])

    def test_outcome_of_what_ended_otherwise(self):
        """Nobody's late word changes what is over."""
        self.do("flag", "m1")
        (action,) = self.take()
        self.tell(action, "failed", error="x y")
        self.assertEqual(self.env["mailbox.action"].search([("uuid", "=", action["uuid"])]).error_code, "other")
        self.assertEqual(self.tell(action), {"taken": 0})
        for wrong in ({"uuid": "u"}, {"outcome": "done"}, {"uuid": "u", "outcome": "done", "said": {"subject": "x"}}):
            with self.assertRaises(WireError):
                self.connector.connector_outcomes(self.account.id, [wrong])

    def test_mark_folder_read(self):
        """One action for the folder; all its rows show it, newer mail does not."""
        self.actions.maildesk_do("mark_folder_read", [], {"folder_id": self.folder("inbox").id})
        self.assertEqual(self.folder("inbox").unread_count, 0)
        self.assertEqual(self.shows("m3")[0], True)
        self.apply(messages=[patch("m9", received_at="2099-01-01T00:00:00Z")])
        self.assertEqual(self.shows("m9")[0], False)
        self.let_go()
        (action,) = self.take()
        self.assertEqual((action["kind"], action["folder"], list(action["values"])), ("mark_folder_read", "F-inbox", ["until"]))
        self.do("unread", "m1")
        self.assertEqual(self.shows("m1")[0], False)
        self.tell(action)
        self.apply(messages=[{"remote_id": f"m{number}", "is_read": True} for number in range(1, 6)])
        self.assertEqual(self.shows("m1")[0], False)
        self.apply(settled=2e9)
        self.assertEqual((self.shows("m1")[0], self.shows("m2")[0]), (False, True))

    def test_empty_folder(self):
        """Trash and Spam only; a failure shows everything again."""
        self.apply(messages=[{"remote_id": "m1", "folder": "F-trash"}], folders=[{"folder": "F-trash", "total": 1, "unread": 1}])
        self.actions.maildesk_do("empty_folder", [], {"folder_id": self.folder("trash").id})
        self.env.invalidate_all()
        self.assertEqual((self.folder("trash").total_count, self.row("m1").pending_removal), (0, True))
        (action,) = self.take()
        self.tell(action, "failed", error="doubtful")
        self.assertEqual((self.folder("trash").total_count, self.row("m1").pending_removal), (1, False))
        with self.assertRaises(UserError):
            self.actions.maildesk_do("empty_folder", [], {"folder_id": self.folder("inbox").id})

    def test_folders(self):
        """Folders are made, renamed, moved and deleted; what shows follows at once, and Undo takes it back."""
        work, archive = self.folder("work"), self.folder("archive")
        make = self.actions.maildesk_do("folder_create", [], {"account_id": self.account.id, "name": " New  one ", "parent_id": work.id})
        (taken,) = self.take()
        self.assertEqual((taken["uuid"], taken["values"]), (make["uuids"][0], {"name": "New one", "parent": "F-work"}))
        renamed = self.actions.maildesk_do("folder_rename", [], {"folder_id": work.id, "name": "Play"})
        self.actions.maildesk_do("folder_move", [], {"folder_id": work.id, "parent_id": archive.id})
        self.assertEqual(self.shown_folder(work), ("Play", archive.id))
        self.actions.maildesk_undo(renamed["undo"])
        self.assertEqual(self.shown_folder(work), ("Work", archive.id))
        (moved,) = self.take()
        self.assertEqual((moved["values"], moved["seen"]), ({"parent": "F-archive"}, {"parent": None}))
        self.actions.maildesk_do("folder_delete", [], {"folder_id": work.id})
        self.assertEqual(self.shown_folder(work), ("Work", self.folder("trash").id))
        for values in ({"folder_id": archive.id, "name": "x"}, {"folder_id": work.id, "name": " "}):
            with self.assertRaises(UserError):
                self.actions.maildesk_do("folder_rename", [], values)
        with self.assertRaises(UserError):
            self.actions.maildesk_do("folder_move", [], {"folder_id": work.id, "parent_id": work.id})

    def shown_folder(self, folder):
        (account,) = self.env["mailbox.account"].with_user(self.owner).maildesk_overview()["accounts"]
        return next(((one["name"], one["parent_id"]) for one in account["folders"] if one["id"] == folder.id), None)

    def test_who_may(self):
        """Only the owner, of a mailbox that Microsoft lets us write; the reason is said."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        ids = self.row("m1").ids
        for user, error in ((self.friend, AccessError),):
            with self.assertRaises(error):
                self.env["mailbox.action"].with_user(user).maildesk_do("read", ids)
        answer = self.env["mailbox.action"].with_user(self.stranger).maildesk_do("read", ids)
        self.assertEqual((answer["uuids"], answer["skipped"][0]["reason"]), ([], "gone"))
        self.account.granted_scopes = "Mail.Read"
        with self.assertRaisesRegex(UserError, "only read"):
            self.do("read", "m1")
        self.account.granted_scopes = "https://graph.microsoft.com/Mail.ReadWrite"
        self.account.state = "disconnected"
        with self.assertRaises(UserError):
            self.do("read", "m1")

    def test_disconnect_ends_actions(self):
        """What was open is cancelled, and what Graph said last shows."""
        self.do("read", "m1")
        self.account.with_user(self.owner).unlink()
        self.assertEqual(self.shows("m1")[0], False)
        self.assertEqual(self.env["mailbox.action"].search([("message_id", "=", self.row("m1").id)]).state, "cancelled")

    def test_forgetting(self):
        """Done and cancelled actions lose what they were about soon, failed ones after a week; nothing open does."""
        self.do("flag", "m1", "m2", "m3")
        first, second, _third = self.take()
        self.tell(first)
        self.tell(second, "failed", error="x")
        self.apply(settled=2e9)
        self.env.flush_all()
        self.env.cr.execute("UPDATE mailbox_action SET write_date = write_date - interval '1 hour'")
        self.env.invalidate_all()
        model = self.env["mailbox.action"]
        model._cron_forget()
        kept = {one.remote_id: bool(one.vals) for one in model.search([("account_id", "=", self.account.id)])}
        self.assertEqual(kept, {"m1": False, "m2": True, "m3": True})
        self.env.flush_all()
        self.env.cr.execute("UPDATE mailbox_action SET write_date = write_date - interval '8 days' WHERE remote_id = 'm2'")
        self.env.invalidate_all()
        model._cron_forget()
        self.assertFalse(model.search([("remote_id", "=", "m2")]).vals)

    def test_queries_have_their_index(self):
        """What an exchange looks for, what covers a message and what a badge counts need no scan of the tables."""
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for statement in (
            """SELECT a.id FROM mailbox_action a JOIN mailbox_account b ON b.id = a.account_id
                WHERE a.state = 'pending' AND b.state = 'connected' ORDER BY a.id LIMIT 100""",
            "UPDATE mailbox_action SET state = 'pending' WHERE state = 'running'",
            "SELECT id FROM mailbox_action WHERE message_id = 5 AND covers",
            "SELECT id FROM mailbox_action WHERE uuid = ANY('{a,b}')",
            "SELECT id FROM mailbox_action WHERE folder_id = 5 AND covers AND is_folder_wide",
            "SELECT id FROM mailbox_message_index WHERE account_id = 5 AND COALESCE(said_pending_removal, pending_removal)",
            "SELECT id FROM mailbox_message_index WHERE said_folder_id = 5",
        ):
            self.env.cr.execute("EXPLAIN " + statement)
            plan = "\n".join(row[0] for row in self.env.cr.fetchall())
            self.assertNotRegex(plan, r"Seq Scan on mailbox_(action|message_index)", statement)
