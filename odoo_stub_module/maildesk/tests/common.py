"""What the addon's tests share: users of each group, a connected mailbox, and short words for applying."""

import json

from odoo.tests import TransactionCase, new_test_user

INBOX = {"remote_id": "F-inbox", "parent_remote_id": None, "name": "Inbox", "role": "inbox"}
SENT = {"remote_id": "F-sent", "parent_remote_id": None, "name": "Sent Items", "role": "sent"}


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
