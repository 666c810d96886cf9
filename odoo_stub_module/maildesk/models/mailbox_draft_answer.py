"""What an answer or a forward begins with: its subject, whom it goes to, and the message that it answers."""

import re

from markupsafe import Markup
from odoo import models
from odoo.tools import format_datetime

from ..draft_html import without_styles
from ..people import clean_name
from ..wire import text

# How mail programs begin the subject of an answer or of a forward.
_ANSWERED = re.compile(r"^\s*(re|aw|sv|antw|rép|ref)\s*(\[\d+\])?\s*:", re.IGNORECASE)
_FORWARDED = re.compile(r"^\s*(fwd?|wg|tr|vs|enc)\s*:", re.IGNORECASE)


class MailboxDraft(models.Model):
    _inherit = "mailbox.draft"

    # ------------------------------------------------------------------ subject

    def _title(self, mode, source, subject):
        own = " ".join((text(subject, "subject") or "").split()) if subject else source.subject or ""
        if mode in ("reply", "reply_all") and not _ANSWERED.match(own):
            return f"Re: {own}"
        if mode == "forward" and not _FORWARDED.match(own):
            return f"Fwd: {own}"
        return own

    # ------------------------------------------------------------------ recipients

    def _recipients(self, mode, source):
        """Return whom an answer goes to."""
        if mode == "forward":
            return {}
        own = set(self._own_addresses(source.account_id))
        sender = [{"name": source.from_name or "", "address": source.from_email or ""}]
        to, cc = source.to_recipients or [], source.cc_recipients or []
        first = source.reply_to or sender
        if source.from_email and source.from_email.lower() in own and not source.reply_to:
            # One's own mail is answered to those who got it.
            first = to
        if mode == "reply":
            return {"to_recipients": _once(first, set())}
        everybody = _once([*first, *to], own) or _once(first, set())
        return {"to_recipients": everybody, "cc_recipients": _once(cc, own | {one["address"].lower() for one in everybody})}

    def _own_addresses(self, account):
        own = self.env["mailbox.account"].search([("owner_id", "=", self.env.uid)])
        # sudo: fields of the user's own mailboxes, and of the one that is written from
        return [address.lower() for one in (own | account).sudo() for address in one._from_choices() if address]

    def _missing_recipients(self, mode, source):
        """Return how many recipients of the answered message the index does not name."""
        if mode != "reply_all":
            return 0
        return max(0, source.to_total - len(source.to_recipients or [])) + max(0, source.cc_total - len(source.cc_recipients or []))

    # ------------------------------------------------------------------ quoting

    def _quote(self, source):
        """Return the answered message as it stands below what is written, and its attachments."""
        if not source:
            return {"state": "ready", "html": ""}
        body = source._body()
        if body["state"] != "ready":
            return {"state": body["state"], "html": ""}
        head = self._forward_head(source) if self.mode == "forward" else self._attribution(source)
        inner = Markup(without_styles(body["html"]))  # noqa: S704 - cleaned when it was kept
        style = "margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex"
        quoted = (
            inner if self.mode == "forward" else Markup('<blockquote class="maildesk-quote" style="%s">%s</blockquote>') % (style, inner)
        )
        html = Markup('<div class="maildesk-quoted">%s%s</div>') % (head, quoted)
        return {"state": "ready", "html": str(html), "attachments": body.get("attachments") or []}

    def _attribution(self, source):
        when = format_datetime(self.env, source.sent_at or source.received_at, tz=self.env.user.tz)
        name = clean_name(source.from_name, source.from_email or "")
        line = self.env._("On %(when)s, %(name)s wrote:", when=when, name=name)
        return Markup('<div class="maildesk-attribution">%s</div>') % line

    def _forward_head(self, source):
        people = [", ".join(_shown(one) for one in source[name] or []) for name in ("to_recipients", "cc_recipients")]
        when = format_datetime(self.env, source.sent_at or source.received_at, tz=self.env.user.tz)
        lines = [
            (self.env._("From"), _shown({"name": source.from_name, "address": source.from_email})),
            (self.env._("Date"), when),
            (self.env._("Subject"), source.subject or ""),
            (self.env._("To"), people[0]),
            (self.env._("Cc"), people[1]),
        ]
        rows = Markup("").join(Markup("<div><b>%s:</b> %s</div>") % line for line in lines if line[1])
        return Markup('<div class="maildesk-attribution"><div>---------- %s ----------</div>%s</div>') % (
            self.env._("Forwarded message"),
            rows,
        )


def _once(people, without):
    """Return people with an address, each once, without some addresses."""
    found, seen = [], set(without)
    for person in people:
        address = (person.get("address") or "").strip()
        if address and address.lower() not in seen:
            seen.add(address.lower())
            found.append({"name": person.get("name") or "", "address": address})
    return found


def _shown(person):
    name = clean_name(person.get("name"), person.get("address") or "")
    address = person.get("address") or ""
    return name if name == address else f"{name} <{address}>"
