"""Search at Microsoft, for what the index does not have (yet): shown beside the index's own results, and never written down.

What comes from there is shown as it came; a message that the index has is left out, whether it is visible or being removed.
"""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..wire import iso, text, to_datetime
from .mailbox_message_reading import body_error
from .message_rows import has_remote_id
from .search_query import read_query

# Mailboxes that are searched at once.
MAX_PLACES = 50


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    @api.model
    def maildesk_search_remote(self, query, account_id=None):
        """Return what Microsoft finds and the index does not have, newest first."""
        asked = read_query(query)
        folders, is_whole_account = self._searched_folders(asked, account_id, None)
        folders = folders.filtered(lambda folder: folder.active and folder.account_id.state != "disconnected")
        if asked.is_empty or not folders:
            return {"rows": [], "state": "ready", "message": ""}
        if is_whole_account:
            places = [{"account_id": account.id} for account in folders.account_id]
        else:
            places = [{"account_id": folder.account_id.id, "folder": folder.remote_id} for folder in folders]
        client = ConnectorClient.of(self.env)
        if client is None:
            return self._unavailable(self.env._("The connector is not set up; an administrator does that in Settings, MailDesk."))
        try:
            answer = client.search({"places": places[:MAX_PLACES], **_to_wire(asked)})
        except (ConnectorDown, ConnectorRefused):
            return self._unavailable(self.env._("The connector does not answer now. Please try again in a minute."))
        failed = answer.get("failed") or {}
        if failed and len(failed) == len({place["account_id"] for place in places[:MAX_PLACES]}):
            return self._unavailable(next(iter(failed.values())))
        self._note_remote(folders.account_id)
        message = self.env._("Not every mailbox could be searched at Microsoft.") if failed or len(places) > MAX_PLACES else ""
        return {"rows": self._remote_rows(answer.get("messages") or [], folders.account_id), "state": "ready", "message": message}

    @api.model
    def maildesk_open_remote(self, account_id, remote_id):
        """Return a message that the index does not have, as `maildesk_open` does; nothing of it is kept."""
        account = self.env["mailbox.folder"].search([("account_id", "=", account_id)], limit=1).account_id
        if not account or account.state == "disconnected":
            raise UserError(self.env._("This mailbox is not connected in MailDesk."))
        if message := self.search([("account_id", "=", account.id), ("remote_id", "=", remote_id)]):
            return self.maildesk_open(message.id)
        client = ConnectorClient.of(self.env)
        try:
            answer = client.message(account.id, text(remote_id, "remote_id")) if client else {}
        except (ConnectorDown, ConnectorRefused):
            answer = {}
        if answer.get("state") != "ready":
            raise UserError(answer.get("message") or self.env._("The connector does not answer now. Please try again in a minute."))
        patch = answer["message"]
        self._note_remote(account)
        body = self._remote_body(account, remote_id)
        if body["state"] == "coming":
            # It has no row that its coming could be announced for: asking again finds it.
            body = body_error(self.env._("This message takes long to come. Please try again."))
        return {
            **self._remote_row({"account_id": account.id, **patch}, {}),
            "internet_message_id": patch.get("internet_message_id") or "",
            **{name: _people(patch, name) for name in ("cc_recipients", "bcc_recipients", "reply_to")},
            **{f"{name}_total": (patch.get(f"{name}_recipients") or {}).get("total", 0) for name in ("to", "cc", "bcc")},
            "sent_at": patch.get("sent_at"),
            "is_trusted": self.env["mailbox.trusted_sender"]._is_trusted(patch.get("from_email")),
            "body": body,
        }

    def _unavailable(self, message):
        return {"rows": [], "state": "unavailable", "message": message}

    def _note_remote(self, accounts):
        """Note who reads another's mailbox, as where rows of it are read."""
        self.env["mailbox.audit"]._opened("mailbox_folder", SQL("account_id = ANY(%s)", accounts.ids))

    def _remote_rows(self, patches, accounts):
        allowed = set(accounts.ids)
        patches = [patch for patch in patches if patch.get("account_id") in allowed and patch.get("remote_id")]
        known = set(
            self.env.execute_query(
                SQL(
                    f"""SELECT m.account_id, m.remote_id FROM unnest(%s::int4[], %s::text[]) AS found (account_id, remote_id)
                         JOIN mailbox_message_index m ON {has_remote_id("m", "found.account_id", "found.remote_id")}""",
                    [patch["account_id"] for patch in patches],
                    [patch["remote_id"] for patch in patches],
                )
            )
        )
        folders = self.env["mailbox.folder"].search([("account_id", "in", accounts.ids)])
        by_remote_id = {(folder.account_id.id, folder.remote_id): folder for folder in folders}
        # A search of several folders may find a message in each of them while it moves.
        new = {(patch["account_id"], patch["remote_id"]): patch for patch in patches}
        return [self._remote_row(patch, by_remote_id) for name, patch in new.items() if name not in known]

    def _remote_row(self, patch, folders):
        folder = folders.get((patch["account_id"], patch.get("folder")))
        return {
            "id": None,
            "remote_id": patch["remote_id"],
            "is_remote": True,
            "account_id": patch["account_id"],
            "folder_id": folder.id if folder else None,
            "folder_name": folder.name if folder else "",
            **{name: patch.get(name) or "" for name in ("conversation_id", "subject", "from_name", "from_email", "preview")},
            "received_at": iso(to_datetime(patch["received_at"])) if patch.get("received_at") else None,
            **{name: bool(patch.get(name)) for name in ("is_read", "is_flagged", "has_attachments", "is_draft")},
            "importance": patch.get("importance") or "normal",
            "categories": patch.get("categories") or [],
            "to_recipients": _people(patch, "to_recipients"),
        }


def _people(patch, name):
    return (patch.get(name) or {}).get("list") or []


def _to_wire(asked):
    """Return a query as the connector takes it (docs/protocol.md, 2.6)."""
    days = {name: getattr(asked, name).date().isoformat() for name in ("before", "after") if getattr(asked, name)}
    words = [{"text": word.text, "where": word.where, "is_whole": word.is_whole} for word in asked.words]
    return {"words": words, "has_attachments": asked.has_attachments, **asked.states, **days}
