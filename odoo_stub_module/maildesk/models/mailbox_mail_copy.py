"""The copy of a mail that is kept in Odoo: its text as the reading pane shows it, and those attachments that the user chose.

A received attachment rests in Odoo only where somebody asked for this copy of it (design, rule 9). It comes from the connector as the app's
downloads do; all of it is in memory before anything is written, so that a copy is whole or not made.
"""

import requests
from markupsafe import Markup
from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime
from odoo.tools.mimetypes import guess_mimetype
from odoo.tools.misc import human_size

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..mail_copy import PICTURES, copy_of, file_name, pictures_in
from ..people import clean_name

# Bytes of all files of a copy: what a person logs, and a worker holds in its memory meanwhile. More is saved and attached by hand.
COPY_LIMIT = 25 * 2**20
# Bytes read at once.
CHUNK = 131_072
# Recipients that the note names.
NAMED = 10


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    def _copyable(self, body):
        """Return what of a mail may be copied beside its text."""
        shown, files = self._parts(body)
        return {
            "attachments": [{key: one.get(key) for key in ("remote_id", "name", "size", "content_type", "kind")} for one in files],
            "pictures": len(shown),
            "limit": COPY_LIMIT,
        }

    @api.model
    def _parts(self, body):
        """Return the attachments that the text shows, by content id, and those that it does not. Links have no content."""
        cids = pictures_in(body["html"])
        there = [one for one in body["attachments"] if one.get("remote_id") and one.get("kind") != "reference"]
        shown = {one["content_id"]: one for one in there if one.get("content_id") in cids}
        return shown, [one for one in there if one.get("content_id") not in shown]

    def _copy(self, attachment_ids, *, with_pictures):
        """Return {"state": "ready", "html", "files": as message_post takes them, "left_out": names}, or why there is none."""
        body = self._body()
        if body["state"] == "coming":
            return {"state": "coming"}
        if body["state"] != "ready":
            raise UserError(body["message"])
        shown, files = self._parts(body)
        wanted = {str(one) for one in attachment_ids or ()}
        if unknown := wanted - {one["remote_id"] for one in files}:
            raise UserError(self.env._("%s of the chosen attachments are not part of this mail. Open the dialog again.", len(unknown)))
        chosen = [one for one in files if one["remote_id"] in wanted]
        pictures = shown if with_pictures else {}
        fetched = self._fetch([*chosen, *pictures.values()])
        kept = {cid: one for cid, one in pictures.items() if guess_mimetype(fetched[one["remote_id"]], "") in PICTURES}
        copied = [(file_name(one.get("name")), fetched[one["remote_id"]]) for one in chosen]
        copied += [(file_name(one.get("name")), fetched[one["remote_id"]], {"cid": cid}) for cid, one in kept.items()]
        return {
            "state": "ready",
            "html": copy_of(body["html"], set(kept)),
            "files": copied,
            "left_out": [(file_name(one.get("name")), one.get("size")) for one in files if one not in chosen],
        }

    def _fetch(self, files):
        """Return the content of attachments by id, all of them or an error."""
        if not files:
            return {}
        if sum(one.get("size") or 0 for one in files) > COPY_LIMIT:
            raise self._too_large()
        client = ConnectorClient.of(self.env)
        if client is None or self.account_id.state == "disconnected":
            raise UserError(self.env._("The attachments are in Outlook, and nothing is fetched from there now. Log the mail without them."))
        if not self._may_wait():
            raise UserError(self.env._("Others are fetching from Outlook at the moment. Please try again in a few seconds."))
        found, left = {}, COPY_LIMIT
        for one in files:
            found[one["remote_id"]] = content = self._fetch_one(client, one, left)
            left -= len(content)
        return found

    def _fetch_one(self, client, one, left):
        name = file_name(one.get("name"))
        wish = {"remote_id": self.remote_id, "attachment_id": one["remote_id"]}
        try:
            answer = client.attachment("GET", self.account_id.id, wish, is_download=True, headers={})
        except ConnectorRefused as error:
            if error.code in ("coming", "busy"):
                raise UserError(self.env._("%s is being fetched from Outlook. Please try again in a moment.", name)) from error
            raise UserError(self.env._("%(name)s could not be fetched: %(why)s", name=name, why=error.message or error.code)) from error
        except ConnectorDown as error:
            raise UserError(self.env._("The connector does not answer now. Please try again in a minute.")) from error
        content = bytearray()
        try:
            for piece in answer.iter_content(CHUNK):
                content += piece
                if len(content) > left:
                    raise self._too_large()
        except requests.RequestException as error:
            raise UserError(self.env._("%s broke off on the way from Outlook. Please try again.", name)) from error
        finally:
            answer.close()
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) != len(content):
            raise UserError(self.env._("%s broke off on the way from Outlook. Please try again.", name))
        return bytes(content)

    def _too_large(self):
        return UserError(
            self.env._(
                "What you chose is larger than %s together. Choose less, or save the files and attach them to the record by hand.",
                human_size(COPY_LIMIT),
            )
        )

    # ------------------------------------------------------------------ the note

    def _note_head(self, link):
        def person(name, address):
            shown = clean_name(name, address or "")
            return shown if shown == address else f"{shown} <{address}>"

        def people(listed, total):
            listed = listed or []
            names = ", ".join(person(one.get("name"), one.get("address")) for one in listed[:NAMED])
            more = max(total or 0, len(listed)) - min(len(listed), NAMED)
            return self.env._("%(names)s and %(count)s more", names=names, count=more) if more > 0 else names

        moment = format_datetime(self.env, self.sent_at if self.is_local else self.received_at, tz=self.env.user.tz or "UTC")
        lines = [
            (self.env._("From"), person(self.from_name, self.from_email)),
            (self.env._("To"), people(self.to_recipients, self.to_total)),
            (self.env._("Cc"), people(self.cc_recipients, self.cc_total)),
            (self.env._("Date"), moment),
        ]
        told = [Markup("<b>%s:</b> %s") % (label, words) for label, words in lines if words]
        back = Markup('<a href="/maildesk/mail/%s">%s</a>') % (link.id, self.env._("Open in MailDesk"))
        by = self.env._("Copied from a mailbox by %s", self.env.user.name)
        return Markup("<p>%s<br/><small>%s · %s</small></p>") % (Markup("<br/>").join(told), by, back)

    def _note_foot(self, left_out):
        if not left_out:
            return Markup()
        names = ", ".join(f"{name} ({human_size(size)})" if size else name for name, size in left_out)
        return Markup("<p><small>%s</small></p>") % self.env._("Attachments that were not copied: %s", names)
