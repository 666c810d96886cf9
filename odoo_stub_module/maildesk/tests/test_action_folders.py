"""Folders that are deleted, moved, marked read, and come back."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import patch
from .test_actions import TREE, ActionCase

INSIDE = {"remote_id": "F-inside", "parent_remote_id": "F-work", "name": "Inside", "role": "other"}


@tagged("post_install", "-at_install")
class TestActionFolders(ActionCase):
    def setUp(self):
        super().setUp()
        self.apply(tree=[*TREE, INSIDE])
        self.work, self.inside, self.trash = (self.folder(name) for name in ("work", "inside", "trash"))

    def do_folder(self, kind, folder=None, **values):
        return self.actions.maildesk_do(kind, [], {**({"folder_id": folder.id} if folder else {}), **values})

    def undo(self, done):
        return self.actions.maildesk_undo(done["undo"])

    def shown(self):
        """Return the folders that the app shows, by id: their names and what they lie in."""
        (account,) = self.env["mailbox.account"].with_user(self.owner).maildesk_overview()["accounts"]
        return {one["id"]: (one["name"], one["parent_id"]) for one in account["folders"]}

    def test_delete_shows_it_in_the_trash(self):
        """With what is in it, at once; its messages stay in it."""
        self.apply(messages=[{"remote_id": "m1", "folder": "F-work"}])
        self.do_folder("folder_delete", self.work)
        shown = self.shown()
        self.assertEqual((shown[self.work.id], shown[self.inside.id]), (("Work", self.trash.id), ("Inside", self.work.id)))
        rows = self.messages.with_user(self.owner).maildesk_list(self.work.id, 10, None)["rows"]
        self.assertEqual([row["id"] for row in rows], self.row("m1").ids)
        (action,) = self.take()
        self.assertEqual((action["folder"], action["values"], action["seen"]), ("F-work", {"for_good": False}, {"parent": None}))

    def test_undo_before_it_was_taken(self):
        """Nothing was asked of Outlook, and nothing is."""
        before = self.shown()
        answer = self.undo(self.do_folder("folder_delete", self.work))
        self.assertEqual((answer["undone"], answer["refused"], answer["uuids"]), (1, None, []))
        self.assertEqual((self.shown(), self.take()), (before, []))

    def test_undo_after_it_was_taken(self):
        """It is moved back to where it was, shown there at once, and stays there while Outlook tells of both moves."""
        before = self.shown()
        done = self.do_folder("folder_delete", self.inside)
        (deleted,) = self.take()
        answer = self.undo(done)
        self.assertEqual(self.shown(), before)
        (back,) = self.take()
        self.assertEqual((answer["undone"], answer["refused"], answer["uuids"]), (1, None, [back["uuid"]]))
        self.assertEqual((back["kind"], back["folder"]), ("folder_move", "F-inside"))
        self.assertEqual((back["values"], back["seen"]), ({"parent": "F-work", "name": "Inside"}, {"parent": "F-trash"}))
        self.tell(deleted, acked=1000.0)
        self.apply(tree=[*TREE, INSIDE | {"parent_remote_id": "F-trash", "name": "Inside (2)"}], settled=1001.0)
        self.assertEqual(self.shown(), before)
        self.tell(back, acked=1002.0)
        self.apply(tree=[*TREE, INSIDE], settled=1003.0)
        self.assertEqual(self.shown(), before)
        self.assertFalse(self.env["mailbox.action"].search([("covers", "=", True), ("account_id", "=", self.account.id)]))

    def test_undo_of_what_is_done_and_settled(self):
        """Also when the sync has told already that it lies in the Trash, under another name."""
        done = self.do_folder("folder_delete", self.work)
        (deleted,) = self.take()
        self.tell(deleted, acked=1000.0)
        self.apply(tree=[*TREE[:-1], TREE[-1] | {"parent_remote_id": "F-trash", "name": "Work (2)"}, INSIDE], settled=1001.0)
        self.assertEqual(self.shown()[self.work.id], ("Work (2)", self.trash.id))
        self.undo(done)
        self.assertEqual(self.shown()[self.work.id], ("Work", None))
        self.assertEqual(self.take()[0]["values"], {"parent": None, "name": "Work"})

    def test_undo_of_what_failed(self):
        """It is where it was: its failure is over. What nobody knows is moved back."""
        for code, taken in (("forbidden", 0), ("unavailable", 1)):
            done = self.do_folder("folder_delete", self.work)
            (deleted,) = self.take()
            self.tell(deleted, "failed", error=code)
            self.assertEqual(self.shown()[self.work.id], ("Work", None))
            self.assertEqual([one["state"] for one in self.actions.maildesk_actions()["actions"]], ["failed"])
            self.assertEqual(self.undo(done)["refused"], None)
            self.assertEqual([one["kind"] for one in self.take()], ["folder_move"] * taken)
            self.assertEqual([one["state"] for one in self.actions.maildesk_actions()["actions"]], ["running"] * taken)

    def test_failure_shows_it_again(self):
        """With the reason, and Retry deletes it once more."""
        self.do_folder("folder_delete", self.work)
        (deleted,) = self.take()
        self.tell(deleted, "failed", error="forbidden")
        self.assertEqual(self.shown()[self.work.id], ("Work", None))
        (failed,) = self.actions.maildesk_actions()["actions"]
        self.assertIn("does not permit", failed["error"])
        self.actions.maildesk_retry([failed["uuid"]])
        self.assertEqual(self.shown()[self.work.id], ("Work", self.trash.id))

    def test_undo_twice_and_after_something_else(self):
        """Of what was done after it, the last word stands."""
        done = self.do_folder("folder_delete", self.work)
        self.take()
        self.do_folder("folder_move", self.work, parent_id=self.folder("archive").id)
        self.assertIn("1", self.undo(done)["refused"])
        self.assertEqual(self.shown()[self.work.id], ("Work", self.folder("archive").id))
        done = self.do_folder("folder_delete", self.work)
        self.take()
        self.do_folder("folder_rename", self.work, name="Play")
        self.assertEqual(self.undo(done)["undone"], 1)
        self.assertEqual(self.shown()[self.work.id], ("Play", self.folder("archive").id))
        self.assertEqual(self.undo(done)["undone"], 0)

    def test_delete_in_the_trash_is_for_good(self):
        """What is shown in the Trash lies there, also while Outlook has not heard of it; with all that is in it it goes from sight."""
        self.do_folder("folder_delete", self.work)
        done = self.do_folder("folder_delete", self.work)
        self.assertFalse({self.work.id, self.inside.id} & self.shown().keys())
        self.assertEqual([one["values"] for one in self.take()], [{"for_good": False}, {"for_good": True}])
        answer = self.undo(done)
        self.assertEqual((answer["undone"], answer["uuids"]), (0, []))
        with self.assertRaises(UserError):
            self.do_folder("folder_delete", self.work)

    def test_delete_what_holds_a_folder_of_outlooks_own(self):
        """Neither such a folder nor one that it lies in."""
        with self.assertRaisesRegex(UserError, "Archive"):
            self.do_folder("folder_delete", self.folder("archive"))
        self.apply(tree=[*(one if one["role"] != "archive" else one | {"parent_remote_id": "F-inside"} for one in TREE), INSIDE])
        with self.assertRaisesRegex(UserError, "Archive"):
            self.do_folder("folder_delete", self.work)

    def test_two_of_one_name(self):
        """Each goes and comes back by itself."""
        other = {"remote_id": "F-other", "parent_remote_id": "F-archive", "name": "Work", "role": "other"}
        self.apply(tree=[*TREE, INSIDE, other])
        first, second = self.do_folder("folder_delete", self.work), self.do_folder("folder_delete", self.folder("other"))
        self.take()
        self.undo(first)
        shown = self.shown()
        self.assertEqual((shown[self.work.id], shown[self.folder("other").id]), (("Work", None), ("Work", self.trash.id)))
        self.undo(second)
        self.assertEqual(self.shown()[self.folder("other").id], ("Work", self.folder("archive").id))

    def test_moved_into_what_is_shown_below(self):
        """What was moved is where it is shown."""
        self.do_folder("folder_move", self.inside, parent_id=self.folder("archive").id)
        self.do_folder("folder_move", self.work, parent_id=self.inside.id)
        with self.assertRaises(UserError):
            self.do_folder("folder_move", self.inside, parent_id=self.work.id)

    # ------------------------------------------------------------------ marked read

    def test_mark_folder_read_is_held(self):
        """For as long as Undo is offered no connector gets it, and knows when to ask; then Undo leaves all as it was."""
        self.do("read", "m1")
        self.take()
        done = self.do_folder("mark_folder_read", self.folder("inbox"))
        self.assertEqual(self.folder("inbox").unread_count, 0)
        self.assertEqual(self.take(), [])
        self.assertTrue(10 <= self.env["mailbox.account"]._next_send_in() <= 12)
        self.assertIsNone(self.actions.maildesk_actions()["actions"][0]["waiting_for"])
        self.assertEqual(self.undo(done)["undone"], 1)
        self.assertEqual([self.shows(name)[0] for name in ("m1", "m2", "m5")], [True, False, False])
        self.let_go()
        self.assertEqual(self.take(), [])

    def test_mark_folder_read_undone_late(self):
        """What was unread and was not touched since is unread again; of what only Outlook has is said that it is not."""
        self.apply(messages=[{"remote_id": "m5", "is_read": True}], folders=[{"folder": "F-inbox", "unread": 7, "total": 9}])
        done = self.do_folder("mark_folder_read", self.folder("inbox"))
        self.let_go()
        (read,) = self.take()
        self.do("unread", "m1")
        self.do("read", "m1")
        self.tell(read, acked=1000.0)
        self.apply(messages=[{"remote_id": f"m{number}", "is_read": True} for number in range(1, 6)], settled=1001.0)
        answer = self.undo(done)
        self.assertIn("3", answer["refused"])
        self.assertEqual([self.shows(f"m{number}")[0] for number in range(1, 6)], [True, False, False, False, True])
        taken = [one for one in self.take() if one["kind"] == "unread" and one["remote_id"] != "m1"]
        self.assertEqual([one["remote_id"] for one in taken], ["m2", "m3", "m4"])
        self.assertEqual([one["uuid"] for one in taken], answer["uuids"])

    def test_mark_folder_read_is_held_no_longer(self):
        """Whoever does more with a message of the folder, or with the folder, wants both in their order."""
        archive = self.folder("archive")
        acts = (
            lambda: self.do("unread", "m1"),
            lambda: self.do("move", "m2", folder_id=archive.id),
            lambda: self.do_folder("mark_folder_read", self.folder("inbox")),
        )
        for act in acts:
            self.do_folder("mark_folder_read", self.folder("inbox"))
            self.do("flag", "m5")
            self.do("unflag", "m5")
            self.assertEqual(self.take(), [])
            act()
            self.assertEqual(self.take()[0]["kind"], "mark_folder_read")
        self.let_go()
        self.take()
        self.do_folder("mark_folder_read", archive)
        self.do("move", "m3", folder_id=archive.id)
        self.assertEqual([one["kind"] for one in self.take()], ["mark_folder_read", "move"])

    def test_mark_folder_read_of_hundreds_undone_late_in_few_queries(self):
        names = [f"n{number}" for number in range(300)]
        self.apply(messages=[patch(name) for name in names])
        done = self.do_folder("mark_folder_read", self.folder("inbox"))
        self.let_go()
        (read,) = self.take()
        self.tell(read)
        with self._few_queries("undo"):
            self.assertEqual(len(self.undo(done)["uuids"]), 305)
        self.assertEqual(len(self.take(limit=400)), 305)
