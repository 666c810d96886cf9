"""What the reading pane asks for: a message with its body, its conversation, and whose pictures are shown (docs/protocol.md, section 4).

A body that is not in the cache comes from Outlook through the connector, and the worker that waits for it serves nobody else meanwhile. So
at most a quarter of the workers wait at the same time; whoever comes when they all do is told "coming" at once, and the bus brings it.
"""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL, config

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..wire import iso

# Of PostgreSQL's advisory locks with two numbers: the first is ours ("md"), the second the place of one that waits.
WAITING_LOCK = 0x6D64

# Messages of a conversation; the newest are kept where there are more.
CONVERSATION_LIMIT = 200

# Messages that one call may have fetched ahead.
PREFETCH_LIMIT = 5


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    @api.model
    def maildesk_open(self, message_id):
        """Return a message with its headers and its body, from the cache or from the connector."""
        message = self._one_to_read(message_id)
        (row,) = message._to_rows()
        return {
            **row,
            "remote_id": message.remote_id or "",
            "internet_message_id": message.internet_message_id or "",
            "conversation_id": message.conversation_id or "",
            "cc_recipients": message.cc_recipients or [],
            "bcc_recipients": message.bcc_recipients or [],
            "reply_to": message.reply_to or [],
            "to_total": message.to_total,
            "cc_total": message.cc_total,
            "bcc_total": message.bcc_total,
            "sent_at": iso(message.sent_at),
            "is_trusted": self.env["mailbox.trusted_sender"]._is_trusted(message.from_email),
            "body": message._body(),
        }

    @api.model
    def maildesk_prefetch(self, message_ids):
        """Have bodies fetched that are not here, without waiting: the bus tells when they are. Returns how many were asked for."""
        wanted = [("id", "in", list(message_ids)[:PREFETCH_LIMIT])]
        messages = self.search([*wanted, ("account_id.state", "=", "connected"), ("remote_id", "!=", False)])
        # sudo: a cache that users do not write; the messages were read under their rules
        kept = self.env["mailbox.message_body"].sudo().search([("message_id", "in", messages.ids)]).message_id
        client = ConnectorClient.of(self.env)
        asked = 0
        for message in (messages - kept) if client else self.browse():
            try:
                client.ask_body(message.account_id.id, message.remote_id)
            except (ConnectorDown, ConnectorRefused):
                break
            asked += 1
        return asked

    @api.model
    def maildesk_conversation(self, message_id):
        """Return the rows of a message's conversation, oldest first: of its mailbox, without Trash and Spam unless it is there itself."""
        message = self._one_to_read(message_id)
        self.flush_model()
        # By the row itself: what a mail is called is no part of an SQL text. By hash and text, as the index is made.
        rows = self.env.execute_query(
            SQL(
                """SELECT m.id FROM mailbox_message_index one
                     JOIN mailbox_message_index m ON m.account_id = one.account_id
                          AND hashtextextended(m.conversation_id, 0) = hashtextextended(one.conversation_id, 0)
                          AND m.conversation_id = one.conversation_id
                     JOIN mailbox_folder f ON f.id = m.folder_id
                    WHERE one.id = %s AND NOT m.pending_removal AND (f.role NOT IN ('trash', 'junk') OR m.folder_id = one.folder_id)
                    ORDER BY m.received_at DESC, m.id DESC LIMIT %s""",
                message.id,
                CONVERSATION_LIMIT,
            )
        )
        ids = [row[0] for row in rows]
        found = self.search([("id", "in", ids)], order="received_at, id") if ids else message
        return {"rows": (found or message)._to_rows()}

    @api.model
    def maildesk_trust_sender(self, message_id):
        """Show the pictures of this message's sender from now on, to this user."""
        self.env["mailbox.trusted_sender"]._trust(self._one_to_read(message_id).from_email)
        return True

    @api.model
    def maildesk_distrust_sender(self, message_id):
        """Show them no more until asked."""
        self.env["mailbox.trusted_sender"]._distrust(self._one_to_read(message_id).from_email)
        return True

    def _one_to_read(self, message_id):
        message = self.search([("id", "=", message_id)])
        if not message:
            raise UserError(self.env._("This message is not in MailDesk any more."))
        return message

    def _body(self):
        """Return the body as the app gets it; the caller has checked that the user may read the message."""
        self.ensure_one()
        # sudo: a cache that users do not write; the message itself was read under their rules
        bodies = self.env["mailbox.message_body"].sudo()
        if cached := bodies.search([("message_id", "=", self.id)]):
            return cached._to_app()
        if self.account_id.state == "disconnected":
            return body_error(
                self.env._("This mailbox is disconnected, and the text of this message is not kept in Odoo any more. It is in Outlook.")
            )
        if not self.remote_id:
            return {"state": "coming"}
        answer = self._ask_for_body(self.account_id, self.remote_id)
        return bodies._keep(self, answer["body"], is_waited_for=True) if answer["state"] == "ready" else answer

    @api.model
    def _remote_body(self, account, remote_id):
        """Return the body of a message that is not in the index; nothing of it is kept. The caller has checked the user's right."""
        answer = self._ask_for_body(account, remote_id)
        return self.env["mailbox.message_body"]._shown(answer["body"]) if answer["state"] == "ready" else answer

    @api.model
    def _ask_for_body(self, account, remote_id):
        """Return {"state": "ready", "body": BODY as the connector has it}, coming or error."""
        client = ConnectorClient.of(self.env)
        if client is None:
            return body_error(self.env._("The connector is not set up; an administrator does that in Settings, MailDesk."))
        try:
            fetch = client.body if self._may_wait() else client.ask_body
            answer = fetch(account.id, remote_id)
        except (ConnectorDown, ConnectorRefused):
            return body_error(self.env._("The connector does not answer now. Please try again in a minute."))
        match answer.get("state"):
            case "ready":
                return {"state": "ready", "body": answer.get("body") or {}}
            case "coming":
                return {"state": "coming"}
            case _:
                return body_error(answer.get("message") or self.env._("This message cannot be read now."))

    @api.model
    def _may_wait(self):
        """Take one of the places for workers that wait, until this transaction ends; False if all are taken.

        The places are locks of this database, so they count over all processes of Odoo, however many machines they are on.
        """
        for place in range(waiting_places()):
            ((is_ours,),) = self.env.execute_query(SQL("SELECT pg_try_advisory_xact_lock(%s, %s)", WAITING_LOCK, place))
            if is_ours:
                return True
        return False


def waiting_places():
    """Return how many requests may wait: a quarter of the workers; of the connections to the database where threads serve."""
    return max(1, int(config["workers"] or config["db_maxconn"]) // 4)


def body_error(message):
    return {"state": "error", "message": message}
