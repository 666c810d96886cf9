"""Files of a mail that is being written: uploads, copies of files of Odoo, and what only Outlook's draft has.

uploaded    an attachment of Odoo, bound to the draft; it goes once Outlook has all files of the draft (`_in_outlook`)
in Outlook  fetched back (`_bring_files_back`) where the draft becomes another one for Outlook: sent again, from another mailbox, or saved
            anew because it was deleted or sent there. From Deleted Items that can be done; what was deleted for good is nowhere
"""

from contextlib import closing

from odoo import api, models
from odoo.exceptions import UserError
from requests import RequestException

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused

# Bytes of one attachment: what Graph takes. What a mail may have in all is the tenant's to say.
MAX_ATTACHMENT = 150 * 2**20


class MailboxDraft(models.Model):
    _inherit = "mailbox.draft"

    def _attached(self, ids):
        """Return what is attached, of ids: what is kept, and files of Odoo that the author may read, as copies."""
        known = {item["id"]: item for item in self.attachments or []}
        wanted = list(dict.fromkeys(int(one) for one in ids))
        items = [known[one] for one in wanted if one in known]
        new = [one for one in wanted if one not in known and one > 0]
        if new:
            files = self.env["ir.attachment"].with_user(self.author_id).browse(new).exists()
            files.check_access("read")
            for file in files:
                if file.sudo().res_model == self._name and file.sudo().res_id == self.id:
                    continue
                if file.type != "binary":
                    raise UserError(self.env._("“%s” is a link: put it into the text.", file.name))
                items.append(self._upload(file.name, file.raw or b"", file.mimetype))
        gone = [one for one in known if one > 0 and one not in wanted]
        self._uploads().filtered(lambda file: file.id in gone).unlink()
        return items

    def _upload(self, name, raw, mimetype, *, is_inline=False):
        """Keep a file for this mail; return it as `attachments` has it."""
        if len(raw) > MAX_ATTACHMENT:
            raise UserError(self.env._("“%s” is larger than 150 MB: Outlook takes no such attachment.", name))
        # sudo: users write no drafts, and the rights to a file are those to its record
        file = self.env["ir.attachment"].sudo().create({"name": name or "file", "raw": raw, "res_model": self._name, "res_id": self.id})
        return {
            "id": file.id,
            "name": file.name,
            "content_type": mimetype or file.mimetype or "application/octet-stream",
            "size": len(raw),
            "is_inline": is_inline,
            "content_id": f"md{file.id}.{self.tag}",
            "remote_id": None,
        }

    @api.model
    def _attach(self, draft_id, files, *, is_inline=False):
        """Take files that the app uploads; return what is attached now."""
        draft = self._mine(draft_id)
        draft._check_open()
        if not files:
            raise UserError(self.env._("There is no file."))
        new = [draft._upload(one.filename, one.read(MAX_ATTACHMENT + 1), one.mimetype, is_inline=is_inline) for one in files]
        draft._say({"attachments": [*(draft.attachments or []), *new]})
        draft.write({"state": "editing", "error_code": False, "revision": draft.revision + 1})
        draft._save_in_outlook()
        return {
            "revision": draft.revision,
            "added": [draft._attachment_to_app(item) for item in new],
            "attachments": draft._to_app()["attachments"],
        }

    def _bring_files_back(self):
        """Keep files again that only Outlook's draft has: that one goes. Raise if they cannot be fetched."""
        here = set(self._uploads().ids)
        items = []
        for item in self.attachments or []:
            if item["remote_id"] and item["id"] not in here:
                raw = self._from_outlook_draft(item["remote_id"])
                if raw is None:
                    # Gone there, too: before the mail goes its author hears of it.
                    items.append({**item, "remote_id": None})
                    continue
                kept = self._upload(item["name"], raw, item["content_type"], is_inline=bool(item.get("is_inline")))
                # By this a picture is found that the text shows as Outlook's draft had it.
                kept["source_id"] = item["remote_id"]
                items.append(kept | ({"content_id": item["content_id"]} if item.get("content_id") else {}))
            else:
                items.append({**item, "remote_id": None})
        if items != (self.attachments or []):
            self._say({"attachments": items})

    def _from_outlook_draft(self, attachment_id):
        refusal = UserError(self.env._("Its attachments cannot be fetched from Outlook now. Please try again in a minute."))
        client = ConnectorClient.of(self.env)
        if client is None:
            raise refusal
        wish = {"remote_id": self.remote_id, "attachment_id": attachment_id}
        try:
            answer = client.attachment("GET", self.account_id.id, wish, is_download=True, headers={})
            with closing(answer):
                return answer.content
        except ConnectorRefused as error:
            if error.status == 404:
                return None
            raise refusal from None
        except (ConnectorDown, RequestException):
            raise refusal from None

    def _take_source_attachments(self, attachments):
        """Note the attachments of the forwarded message: Outlook brings them along."""
        items = [from_outlook(-n, item) for n, item in enumerate(attachments, 1)]
        self._say({"attachments": [*(self.attachments or []), *items]})

    def _save_anew(self):
        """Be another mail for Outlook, whose draft was deleted or sent there; return DRAFT, and the names of files that went with it.

        What Outlook had of its files comes back as long as that draft lies in Deleted Items, or was sent.
        """
        self._bring_files_back()
        here = set(self._uploads().ids)
        lost = [item for item in self.attachments or [] if item["id"] not in here]
        if lost:
            self._say({"attachments": [item for item in self.attachments if item["id"] in here]})
        self._anew()
        self.error_code = False
        self._save_in_outlook()
        return {**self._to_app(), "lost_files": [item["name"] for item in lost if not item.get("is_inline")]}


def from_outlook(number, item):
    """Return an attachment that Outlook has, as `attachments` of a draft has it."""
    return {
        "id": number,
        "name": item.get("name") or "",
        "content_type": item.get("content_type") or "",
        "size": item.get("size") or 0,
        "is_inline": bool(item.get("is_inline")),
        "content_id": item.get("content_id") or "",
        "remote_id": None,
        "source_id": item.get("remote_id"),
    }
