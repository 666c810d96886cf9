"""What is attached to messages, for the app: a mail in a mail, and where a link leads. Files go by `controllers/attachments.py`."""

from odoo import api, models
from odoo.exceptions import UserError

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused

# Headers of a mail in a mail that the app shows, as the connector tells them.
HEADERS = ("subject", "from_name", "from_email", "to_recipients", "cc_recipients", "received_at")


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    @api.model
    def maildesk_open_item(self, account_id, remote_id, attachment_id):
        """Return the mail that is attached to a message, as `maildesk_open` returns one; nothing of it is kept."""
        found = self._ask_attachment("attached_item", account_id, remote_id, attachment_id)
        if "state" in found:
            return {"body": found}
        message = found.get("message")
        if not isinstance(message, dict):
            return {"body": _error(self.env._("This is no mail but an appointment or a contact. Download it to open it."))}
        shown = self.env["mailbox.message_body"]._shown(message.get("body") or {})
        return {**{name: message.get(name) for name in HEADERS}, "body": shown}

    @api.model
    def maildesk_attachment_link(self, account_id, remote_id, attachment_id):
        """Return where an attachment leads that is a link, with the host for people to see; empty where nobody knows."""
        found = self._ask_attachment("attachment_link", account_id, remote_id, attachment_id)
        link = found.get("link") or {}
        url = link.get("url") or ""
        if not url.startswith(("https://", "http://")):
            return {"url": "", "host": "", "is_file": False}
        return {"url": url, "host": link.get("host") or "", "is_file": bool(link.get("is_file"))}

    @api.model
    def _ask_attachment(self, what, account_id, remote_id, attachment_id):
        """Ask the connector about an attachment, for a user who reads the mailbox; a `state` says that there is no answer."""
        account = self.env["mailbox.account"]._readable_by_id(account_id)
        if not account:
            raise UserError(self.env._("This message is not in MailDesk any more."))
        client = ConnectorClient.of(self.env)
        if client is None:
            return _error(self.env._("The connector is not set up; an administrator does that in Settings, MailDesk."))
        account._note_opened()
        try:
            return getattr(client, what)(account.id, str(remote_id), str(attachment_id))
        except ConnectorRefused as error:
            return {"state": "coming"} if error.code == "coming" else _error(error.message)
        except ConnectorDown:
            return _error(self.env._("The connector does not answer now. Please try again in a minute."))


def _error(message):
    return {"state": "error", "message": message}
