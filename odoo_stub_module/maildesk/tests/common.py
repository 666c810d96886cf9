"""What the addon's tests share: users of each group, a connected mailbox, and short words for applying."""

import json
from unittest.mock import patch as replace

from odoo.tests import TransactionCase, new_test_user

INBOX = {"remote_id": "F-inbox", "parent_remote_id": None, "name": "Inbox", "role": "inbox"}
SENT = {"remote_id": "F-sent", "parent_remote_id": None, "name": "Sent Items", "role": "sent"}
DRAFTS = {"remote_id": "F-drafts", "parent_remote_id": None, "name": "Drafts", "role": "drafts"}
INSTANCE, RUN = "i-1", "r-1"


def patch(remote_id, **keys):
    """Return a whole message in the Inbox, but for `keys`."""
    return {
        "remote_id": remote_id,
        "folder": "F-inbox",
        "subject": f"Subject of {remote_id}",
        "from_name": "Anna",
        "from_email": "anna@example.com",
        "to_recipients": {"total": 1, "list": [{"name": "Bert", "address": "bert@example.com"}]},
        "preview": "Hello",
        "received_at": "2026-11-22T10:00:00Z",
        "is_read": False,
        "categories": ["Red"],
        **keys,
    }


class MailDeskCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.owner = new_test_user(cls.env, "md_owner", groups="maildesk.group_user")
        cls.friend = new_test_user(cls.env, "md_friend", groups="maildesk.group_user")
        cls.stranger = new_test_user(cls.env, "md_stranger", groups="maildesk.group_user")
        cls.admin = new_test_user(cls.env, "md_admin", groups="maildesk.group_admin")
        cls.employee = new_test_user(cls.env, "md_employee", groups="base.group_user")
        cls.robot = new_test_user(cls.env, "md_robot", groups="base.group_user,maildesk.group_connector")
        cls.account = cls._account("box@example.com")
        cls.connector = cls.env["mailbox.account"].with_user(cls.robot)
        cls.messages = cls.env["mailbox.message_index"]

    @classmethod
    def _account(cls, email, owner=None):
        owner = owner or cls.owner
        account = cls.env["mailbox.account"].with_user(owner).create({"name": "Box", "email": email}).sudo()
        account._signed_in({"token": {"sealed": "s3aled", "seq": 1}, "scopes": ["Mail.ReadWrite"]})
        return account

    def apply(self, account=None, **parts):
        """Apply as the connector does."""
        return self.connector.connector_apply(account_id=(account or self.account).id, **parts)

    def fill(self, *patches):
        """Lay down the tree and messages."""
        answer = self.apply(tree=[INBOX, SENT], messages=list(patches) or [patch("m1")])
        self.assertTrue(answer["applied"], answer)
        return answer

    def row(self, remote_id):
        return self.messages.search([("account_id", "=", self.account.id), ("remote_id", "=", remote_id)])

    def bus(self):
        """Return and forget what the bus has for the database's users, as (channel, type, payload)."""
        self.env.cr.precommit.run()
        rows = self.env["bus.bus"].sudo().search([])
        told = [(row.channel, *(json.loads(row.message)[key] for key in ("type", "payload"))) for row in rows]
        rows.unlink()
        return [one for one in told if one[1].startswith("maildesk/")]


class DraftCase(MailDeskCase):
    """A person who writes and sends mails, and a connector that is told of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.account.granted_scopes = "Mail.ReadWrite Mail.Send"
        cls.drafts = cls.env["mailbox.draft"].with_user(cls.owner)

    def setUp(self):
        super().setUp()
        self.apply(tree=[INBOX, SENT, DRAFTS], messages=[self.mail()])
        self.serial = None

    def mail(self, remote_id="m1", **keys):
        people = {"total": 2, "list": [{"name": "Me", "address": "box@example.com"}, {"name": "Carl", "address": "carl@example.com"}]}
        return patch(remote_id, to_recipients=people, **{"conversation_id": "c1", "internet_message_id": f"<{remote_id}@x>", **keys})

    def body(self, html="<p>Hi</p>", attachments=(), **more):
        rows = self.messages.search([("account_id", "=", self.account.id)])
        return replace.object(
            type(rows),
            "_body",
            lambda _self: {"state": "ready", "html": html, "has_remote": False, "attachments": list(attachments), **more},
        )

    def compose(self, mode="reply", **keys):
        with self.body():
            return self.drafts.maildesk_compose(mode, self.row("m1").id if mode != "new" else None, self.account.id, **keys)

    def exchange(self):
        answer = self.connector.connector_exchange(instance=INSTANCE, run=RUN, serial=self.serial, since="2026-01-01T00:00:00Z", actions=50)
        self.serial = answer["serial"]
        return answer

    def send(self, html="<p>Dear Bert</p>", **keys):
        """Write a mail and send it now; return (draft, action)."""
        made = self.compose("new", to=["bert@example.com"], subject="Hello")
        made |= self.drafts.maildesk_save(made["id"], made["revision"], {"html": html})
        self.drafts.maildesk_send(made["id"], made["revision"], delay=0, **keys)
        self.env.flush_all()
        given = [one for one in self.exchange()["actions"] if one["kind"] == "send"]
        self.assertEqual(len(given), 1)
        return self.env["mailbox.draft"].browse(made["id"]), given[0]

    def outcome(self, action, outcome, **keys):
        return self.connector.connector_outcomes(self.account.id, [{"uuid": action["uuid"], "outcome": outcome, **keys}])

    def made(self, action, remote_id="d1", message_id="<d1@x>"):
        return self.connector.connector_draft_made(self.account.id, action["uuid"], remote_id, "k1", message_id)

    def shown(self, name):
        """Return subjects in a folder, as the owner's list shows them."""
        folder = self.env["mailbox.folder"].search([("account_id", "=", self.account.id), ("remote_id", "=", name)])
        return [row["subject"] for row in self.messages.with_user(self.owner).maildesk_list(folder.id)["rows"]]
