"""The export of a mailbox: all that is here, for its owner, and no keys."""

import io
import json
import zipfile

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..models import mailbox_account_export
from .test_accounts import CURSOR, AccountCase

FILES = {"README.txt", "account.json", *(f"{name}.json" for name in mailbox_account_export.PARTS)}


@tagged("post_install", "-at_install")
class TestExport(AccountCase, HttpCase):
    def get(self, user):
        self.authenticate(user.login, user.login)
        return self.url_open(f"/maildesk/export/{self.account.id}")

    def export(self):
        answer = self.get(self.owner)
        self.assertEqual(answer.status_code, 200, answer.text[:300])
        self.assertEqual(answer.headers["Content-Type"], "application/zip")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertNotIn("box@example.com", answer.headers["Content-Disposition"])
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        self.assertIsNone(archive.testzip())
        return {name: archive.read(name).decode() for name in archive.namelist()}

    def test_export_has_everything_but_keys(self):
        """Account, folders, messages, texts, actions, audit: complete, JSON, and without token or cursor; and the export is noted."""
        self.fill_up()
        self.message.write({"pending_removal": True})
        files = self.export()
        self.assertEqual(files.keys(), FILES)
        parts = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
        self.assertEqual((parts["account.json"]["email"], parts["account.json"]["owner_id"]["id"]), ("box@example.com", self.owner.id))
        self.assertEqual([one["id"] for one in parts["account.json"]["shared_user_ids"]], self.friend.ids)
        self.assertEqual({one["name"] for one in parts["folders.json"]}, {"Inbox", "Sent Items"})
        # Hidden from lists, and still the owner's data.
        self.assertEqual([one["subject"] for one in parts["messages.json"]], ["Subject of m1", "Subject of m2"])
        self.assertEqual(parts["messages.json"][0]["to_recipients"], [{"name": "Bert", "address": "bert@example.com"}])
        self.assertEqual([one["message_id"] for one in parts["bodies.json"]], [self.message.id])
        self.assertEqual(len(parts["actions.json"]), 6)
        self.assertEqual([one["remote_id"] for one in parts["could_not_be_read.json"]], ["bad"])
        self.assertIn("exported", [one["event"] for one in parts["audit.json"]])
        whole = "".join(files.values())
        for secret in ("s3aled", CURSOR["cursor"], "token_s", "state-1"):
            self.assertNotIn(secret, whole)

    def test_export_in_batches(self):
        """A list that is read in several batches is one list; one without rows is an empty one."""
        before, mailbox_account_export.BATCH = mailbox_account_export.BATCH, 1
        try:
            files = self.export()
        finally:
            mailbox_account_export.BATCH = before
        self.assertEqual([one["remote_id"] for one in json.loads(files["messages.json"])], ["m1", "m2"])
        self.assertEqual(json.loads(files["actions.json"]), [])

    def test_export_of_a_disconnected_mailbox(self):
        """What stays readable can be taken along before it is purged."""
        self.mine.unlink()
        self.assertEqual(len(json.loads(self.export()["messages.json"])), 2)
        self.assertEqual(self.mine.action_export()["url"], f"/maildesk/export/{self.account.id}")

    @mute_logger("odoo.http")
    def test_export_is_for_the_owner(self):
        """Not for those it is shared with, nor for administrators; to others there is no such mailbox; without a login, a login page."""
        self.mine.shared_user_ids = self.friend
        for user, status in ((self.friend, 403), (self.admin, 403), (self.stranger, 404)):
            with self.subTest(user=user.login):
                answer = self.get(user)
                self.assertEqual(answer.status_code, status)
                self.assertNotIn(b"PK", answer.content[:2])
        self.authenticate(None, None)
        answer = self.url_open(f"/maildesk/export/{self.account.id}", allow_redirects=False)
        self.assertIn("/web/login", answer.headers.get("Location", ""))
        self.assertNotIn("exported", self.events())
