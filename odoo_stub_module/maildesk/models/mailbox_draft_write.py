"""Writing a mail: `maildesk_compose`, `maildesk_save` and what belongs to them (docs/protocol.md, section 4.2)."""

import base64
import binascii
import re
import uuid

from lxml import html as lxml_html
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import email_normalize
from odoo.tools.mail import html_sanitize

from ..draft_html import IN_ODOO, inner_html, says_anything, styles_of, without_styles
from ..wire import IMPORTANCE, WireError, text
from .mailbox_draft import MAX_DRAFTS, OPEN
from .mailbox_draft_files import from_outlook

# Addresses of one mail: what Exchange Online takes. Characters of a subject, and of a body (Graph takes 4 MB of JSON).
MAX_RECIPIENTS = 500
MAX_SUBJECT = 255
MAX_HTML = 3_000_000

_PICTURE = re.compile(r"^data:(image/(?:png|gif|jpeg|webp|bmp));base64,(.+)$", re.DOTALL)


class MailboxDraft(models.Model):
    _inherit = "mailbox.draft"

    # ------------------------------------------------------------------ by name, for the app

    @api.model
    def maildesk_compose(self, mode, message_id=None, account_id=None, to=None, subject=None, attachment_ids=None):
        """Begin a mail: recipients by mode, signature, the quoted message; return DRAFT."""
        if mode not in ("new", "reply", "reply_all", "forward"):
            raise UserError(self.env._("A mail is new, a reply, a reply to all, or a forward."))
        source = self.env["mailbox.message_index"]
        if mode != "new":
            source = source.search([("id", "=", int(message_id or 0))])
            if not source or not source.remote_id:
                raise UserError(self.env._("This message is not in MailDesk any more."))
        account = source.account_id or self._account_to_write_from(account_id)
        if refusal := account._refuses_sending():
            raise refusal
        people = self._recipients(mode, source) if source else {}
        if to:
            people["to_recipients"] = self._people(to, is_checked=False)
        draft = self._begin(account, mode, source, self._title(mode, source, subject), people)
        quote = draft._quote(source) if source else {"state": "ready", "html": ""}
        draft.is_quote_coming = quote["state"] != "ready"
        blank = draft._tidy(self._blank(account), [])
        draft._say({**blank, "html": blank["html"] + quote["html"]})
        if mode == "forward":
            draft._take_source_attachments(quote.get("attachments") or [])
        if attachment_ids:
            draft._say({"attachments": draft._attached([*(i["id"] for i in draft.attachments or []), *attachment_ids])})
        return {**draft._to_app(), "quote": quote["state"], "missing_recipients": self._missing_recipients(mode, source)}

    @api.model
    def maildesk_quote(self, draft_id):
        """Return the quoted message of a draft whose text was not there when it began: the app adds it to the end."""
        draft = self._mine(draft_id)
        quote = draft._quote(draft.source_message_id.with_env(self.env))
        if quote["state"] == "ready" and draft.is_quote_coming:
            draft.is_quote_coming = False
            if draft.mode == "forward":
                draft._take_source_attachments(quote.get("attachments") or [])
        return {"state": quote["state"], "html": quote["html"], "attachments": draft._to_app()["attachments"]}

    @api.model
    def maildesk_draft(self, draft_id):
        """Return DRAFT."""
        return self._mine(draft_id)._to_app()

    @api.model
    def maildesk_drafts(self):
        """Return what is being written, what came back, and what nobody knows of: newest first, without its text."""
        return {"drafts": self._lines([*OPEN, "unconfirmed"], "write_date desc, id desc")}

    @api.model
    def maildesk_scheduled(self):
        """Return what will be sent: the next one first."""
        return {"drafts": self._lines(["scheduled"], "send_at, id")}

    @api.model
    def maildesk_edit(self, message_id):
        """Go on with a mail of Outlook's Drafts; return DRAFT, or {"state": "coming"} while its text is fetched."""
        message = self.env["mailbox.message_index"].search([("id", "=", int(message_id))])
        if not message or not message.remote_id:
            raise UserError(self.env._("This message is not in MailDesk any more."))
        if refusal := message.account_id._refuses_actions():
            raise refusal
        known = self.search([("account_id", "=", message.account_id.id), ("remote_id", "=", message.remote_id)], limit=1)
        if known and known.state in (*OPEN, "scheduled", "unconfirmed"):
            return known.sudo()._to_app()
        if not message.is_draft or message.is_local:
            raise UserError(self.env._("This is no draft (any more)."))
        body = message._body_now()
        if body["state"] != "ready":
            return {"state": body["state"], "message": body.get("message")}
        draft = self._begin(message.account_id, "edit", self.env["mailbox.message_index"], "", {})
        draft.write({"remote_id": message.remote_id, "message_id": message.id, "saved_revision": 1})
        draft._take_outlook(body)
        return draft._to_app()

    @api.model
    def maildesk_save(self, draft_id, revision, values):
        """Save; return the new revision, or what is there instead of what the app thinks."""
        draft = self._mine(draft_id)
        draft._check_open()
        if int(revision) != draft.revision:
            return {"conflict": draft._to_app()}
        content, rest = draft._read(values or {})
        content = {name: value for name, value in content.items() if (draft[name] or None) != (value or None)}
        rest = {name: value for name, value in rest.items() if draft[name] != value}
        if "html" in content:
            if draft.is_simplified:
                raise UserError(self.env._("MailDesk shows only the text of this mail: say first that it is to be edited here."))
            rest["is_text_kept"] = False
        if content or rest or draft.state == "failed":
            draft._say(content)
            draft.write({**rest, "state": "editing", "error_code": False, "revision": draft.revision + 1})
            draft._save_in_outlook()
        answer = {"revision": draft.revision, "outlook": draft._standing()}
        if "attachments" in content or "html" in content:
            answer["attachments"] = draft._to_app()["attachments"]
        if "html" in content and content["html"] != (values or {}).get("html"):
            answer["html"] = draft.html
        return answer

    @api.model
    def maildesk_take(self, draft_id, choice):
        """Choose, where Outlook's draft is not what it was; return DRAFT.

        It was changed there: "mine" is written over it, "outlook" is taken. It was deleted or sent there: "anew" makes another one. Only
        its text can be shown here: "text" is edited, and what it looked like in Outlook goes with the first change.
        """
        draft = self._mine(draft_id)
        draft._check_open()
        if choice == "mine" and not draft.lost:
            draft.write({"is_changed_outside": False, "change_key": False, "error_code": False, "revision": draft.revision + 1})
            if not draft.is_simplified:
                draft.is_text_kept = False
            draft._save_in_outlook()
        elif choice == "anew" and draft.lost:
            return draft._save_anew()
        elif choice == "text" and draft.is_simplified:
            draft.write({"is_simplified": False, "revision": draft.revision + 1})
            if draft.saved_revision == draft.revision - 1:
                draft.saved_revision = draft.revision
        elif choice == "outlook" and not draft.lost:
            # sudo: found by its id in the caller's own mailbox
            found = self.env["mailbox.message_index"].search(
                [("account_id", "=", draft.account_id.id), ("remote_id", "=", draft.remote_id)]
            )
            if not found:
                raise UserError(self.env._("It is not in Outlook's Drafts any more."))
            body = found._body_now()
            if body["state"] != "ready":
                return {"state": body["state"], "message": body.get("message")}
            draft._take_outlook(body)
            draft.write({"is_changed_outside": False, "error_code": False, "revision": draft.revision + 1})
            draft.saved_revision = draft.revision
        else:
            raise UserError(self.env._("There is nothing of that kind to choose about this mail (any more)."))
        return draft._to_app()

    @api.model
    def maildesk_discard(self, draft_id):
        """Throw a mail away, here and in Outlook's Drafts."""
        draft = self._mine(draft_id)
        if draft.state == "scheduled":
            draft._call_back()
        draft._check_open()
        draft._drop_saves()
        if draft._may_be_in_outlook() and not draft.account_id.with_env(self.env)._refuses_actions():
            draft._act("draft_discard")
        draft.write({"state": "discarded", "error_code": False})
        draft._empty()
        return True

    # ------------------------------------------------------------------ beginning

    @api.model
    def _account_to_write_from(self, account_id):
        account = self.env["mailbox.account"]
        if account_id:
            return account._readable_by_id(account_id)
        return account.search([("owner_id", "=", self.env.uid), ("state", "not in", ("draft", "disconnected"))], limit=1)

    @api.model
    def _begin(self, account, mode, source, subject, people):
        # sudo: users do not write drafts by themselves; it is the caller's own
        draft = self.sudo().create(
            {
                "author_id": self.env.uid,
                "account_id": account.id,
                "mode": mode,
                "source_message_id": source.id,
                "source_remote_id": source.remote_id,
                "from_address": account.email,
            }
        )
        lists = {name: people.get(name) or [] for name in ("to_recipients", "cc_recipients", "bcc_recipients")}
        draft._say({**lists, "subject": subject[:MAX_SUBJECT], "attachments": []})
        return draft

    def _blank(self, account):
        """Return what a mail begins with: an empty line, and the signature."""
        signature = account.signature or ""
        signed = f'<div class="maildesk-signature">{signature}</div>' if signature and says_anything(signature) else ""
        return f"<p><br></p>{signed}"

    # ------------------------------------------------------------------ recipients

    def _people(self, values, *, is_checked=True):
        """Return recipients as they are kept; an address that cannot be one is refused before sending, not while somebody types."""
        if not isinstance(values, list):
            raise WireError("recipients: not a list")
        people = []
        for item in values:
            person = {"address": item} if isinstance(item, str) else item
            if not isinstance(person, dict):
                raise WireError("recipients: not a name and an address")
            address = (text(person.get("address"), "recipients") or "").strip()
            name = " ".join((text(person.get("name"), "recipients") or "").split())[:100]
            if address:
                people.append({"name": name, "address": address[:320]})
        if len(people) > MAX_RECIPIENTS:
            raise UserError(self.env._("A mail goes to at most %s addresses.", MAX_RECIPIENTS))
        if is_checked and (wrong := [one["address"] for one in people if not _is_address(one["address"])]):
            raise UserError(self.env._("This is no address such as anna@example.com: %s", ", ".join(wrong[:5])))
        return people

    # ------------------------------------------------------------------ what the app sends

    def _check_open(self):
        if self.state not in OPEN:
            raise UserError(self.env._("This mail is on its way, or over: it cannot be changed."))

    def _read(self, values):
        """Return (what a mail says, the rest) of what the app wants to save."""
        strange = values.keys() - {"account_id", "from_address", "to", "cc", "bcc", "subject", "html", "importance", "attachment_ids"}
        if strange:
            raise ValidationError(self.env._("These are no parts of a mail: %s", ", ".join(sorted(strange))))
        content = {f"{name}_recipients": self._people(values[name], is_checked=False) for name in ("to", "cc", "bcc") if name in values}
        if "subject" in values:
            content["subject"] = " ".join((text(values["subject"], "subject") or "").split())[:MAX_SUBJECT]
        rest = {}
        if "importance" in values:
            if values["importance"] not in IMPORTANCE:
                raise UserError(self.env._("The importance is low, normal or high."))
            rest["importance"] = values["importance"]
        if "account_id" in values and int(values["account_id"]) != self.account_id.id:
            rest |= self._move_to(int(values["account_id"]))
        account = self.env["mailbox.account"].browse(rest.get("account_id") or self.account_id.id).sudo()
        if "from_address" in values:
            if values["from_address"] not in account._from_choices():
                raise UserError(self.env._("Mail of this mailbox cannot come from that address."))
            rest["from_address"] = values["from_address"]
        if "attachment_ids" in values:
            content["attachments"] = self._attached(values["attachment_ids"] or [])
        if "html" in values:
            content |= self._tidy(values["html"], content.get("attachments", self.attachments or []))
        return content, rest

    def _move_to(self, account_id):
        """Let a new mail come from another mailbox; what Outlook has of it in the old one goes."""
        if self.mode != "new":
            raise UserError(self.env._("An answer comes from the mailbox that has the message."))
        account = self.env["mailbox.account"].with_user(self.author_id)._readable_by_id(account_id)
        if refusal := account._refuses_sending():
            raise refusal
        self._drop_saves()
        self._bring_files_back()
        if self._may_be_in_outlook():
            self._act("draft_discard")
        return {
            "account_id": account.id,
            "from_address": account.email,
            "remote_id": False,
            "change_key": False,
            "internet_message_id": False,
            "saved_revision": 0,
            "tag": str(uuid.uuid4()),
        }

    def _tidy(self, html, attachments):
        """Return the text cleaned, and the attachments where pictures of it became some.

        Those that lie in it as data are taken out. Those that lie in Odoo (a signature's, say) are copied once, and stay where they are in
        the text: `_outgoing` finds the copy. Nobody who gets the mail could see them there.
        """
        html = text(html, "html") or ""
        if len(html) > MAX_HTML * 4:
            raise UserError(self.env._("This text is too long for a mail."))
        if not html.strip():
            return {"html": ""}
        tree = lxml_html.fragment_fromstring(html, create_parent="div")
        added = []
        for picture in tree.iter("img"):
            found = _PICTURE.match(picture.get("src") or "")
            if found is None:
                added += self._copy_picture(picture.get("src") or "", [*attachments, *added])
                continue
            try:
                raw = base64.b64decode(found[2], validate=False)
            except (binascii.Error, ValueError):
                picture.attrib.pop("src")
                continue
            item = self._upload(f"picture.{found[1].rpartition('/')[2]}", raw, found[1], is_inline=True)
            picture.set("src", f"/web/image/{item['id']}")
            added.append(item)
            html = None
        if html is None:
            html = inner_html(tree)
        clean = str(html_sanitize(html, silent=True))
        if len(clean) > MAX_HTML:
            raise UserError(self.env._("This text is too long for a mail."))
        return {"html": clean, **({"attachments": [*attachments, *added]} if added else {})}

    def _copy_picture(self, source, attachments):
        """Return [a copy] of a picture of Odoo that the author may see, and that this mail does not have yet."""
        found = IN_ODOO.match(source.removeprefix(self.get_base_url()))
        if found is None or any(int(found[1]) in (item["id"], item.get("origin")) for item in attachments):
            return []
        file = self.env["ir.attachment"].with_user(self.author_id).browse(int(found[1])).exists()
        if not file or not file.has_access("read") or not (file.mimetype or "").startswith("image/") or not file.raw:
            return []
        return [self._upload(file.name, file.raw, file.mimetype, is_inline=True) | {"origin": file.id}]

    # ------------------------------------------------------------------ from Outlook

    def _take_outlook(self, body):
        """Take a draft as Outlook has it: all of it from the moment of its text, since the index may be older, and names 50 recipients."""
        head = body.get("draft")
        if not head:
            # Sent meanwhile, and not told yet.
            raise UserError(self.env._("This is no draft (any more)."))
        people = {f"{name}_recipients": self._people(head.get(name) or [], is_checked=False) for name in ("to", "cc", "bcc")}
        self._say({**people, "subject": (text(head.get("subject"), "subject") or "")[:MAX_SUBJECT]})
        importance = head.get("importance") if head.get("importance") in IMPORTANCE else "normal"
        is_simplified = bool(body.get("is_simplified"))
        change_key = text(head.get("change_key"), "change_key") or False
        self.write({"change_key": change_key, "importance": importance, "is_text_kept": True, "is_simplified": is_simplified})
        items = [from_outlook(-n, item) for n, item in enumerate(body.get("attachments") or [], 1)]
        for item in items:
            item["remote_id"] = item["source_id"]
        self._uploads().unlink()
        self._say({"html": without_styles(body["html"]), "styles": styles_of(body["html"]), "attachments": items})

    # ------------------------------------------------------------------ to Outlook

    def _save_in_outlook(self):
        """See to it that Outlook's Drafts gets what it says now; one open action is enough, since it takes what there is then."""
        if self.is_changed_outside or self.lost or self.account_id._refuses_actions_of(self.author_id):
            return
        if self.is_quote_coming and self.mode == "forward":
            # What a forward brings along is taken out of Outlook's draft where it is not named here.
            return
        waiting = [("draft_id", "=", self.id), ("kind", "=", "draft_save"), ("state", "=", "pending"), ("attempts", "=", 0)]
        if not self.env["mailbox.action"].search_count(waiting, limit=1):
            self._act("draft_save")

    def _drop_saves(self):
        """Cancel saves that no connector was given."""
        waiting = [("draft_id", "=", self.id), ("kind", "=", "draft_save"), ("state", "=", "pending"), ("attempts", "=", 0)]
        self.env["mailbox.action"].search(waiting)._end("cancelled", "merged")

    def _may_be_in_outlook(self):
        """Tell whether there is a draft in Outlook, or one is perhaps being made: of the saves that wait some were given before."""
        # sudo: users do not write actions
        waiting = [("draft_id", "=", self.id), ("state", "in", ("pending", "running"))]
        return bool(self.remote_id or self.env["mailbox.action"].sudo().search_count(waiting, limit=1))

    def _act(self, kind, **values):
        """Make an action of this mail; it says which mail, never what is in it."""
        return self.env["mailbox.action"].create(
            {
                "account_id": self.account_id.id,
                "user_id": self.author_id.id,
                "kind": kind,
                "draft_id": self.id,
                "vals": {"tag": self.tag, "draft_remote_id": self.remote_id or None},
                "due_at": fields.Datetime.now(),
                "attempts": 0,
                **values,
            }
        )

    @api.model
    def _lines(self, states, order):
        found = self.search([("author_id", "=", self.env.uid), ("state", "in", states)], order=order, limit=MAX_DRAFTS)
        return [draft.sudo()._to_line() for draft in found]


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    def _body_now(self):
        """Return the body as it is in Outlook now: what was kept of a draft may be older."""
        # sudo: a cache that users do not write; the message itself was read under their rules
        self.env["mailbox.message_body"].sudo().search([("message_id", "=", self.id)]).unlink()
        return self._body()


def _is_address(value):
    """Tell whether a text is one address and nothing else: no name, no second one, no line break."""
    return bool(email_normalize(value)) and not re.search(r"[\s<>,;]", value)
