"""Into Odoo: a mail logged on a record, a lead or a task made of it (docs/protocol.md, section 4.3).

    app ── maildesk_into ──▶ what can be copied, where to      (its text may have to come from Outlook first: "coming")
        ── maildesk_log ───▶ a note on a record                 ┐ the copy, the link and, of it, the record: one transaction,
        ── maildesk_make ──▶ a lead or a task, with that note   ┘ begun only when all that is copied is here

crm and project are looked for at run time, so no addon depends on them. Whoever reads a mail may copy it to where they may write; it is
noted in the audit list. Nobody is notified of it by e-mail.
"""

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import formataddr

from ..people import clean_name

# Models that a mail is not logged on: where a note would be a message to others, or part of the mail system itself.
_NOT_FOR_MAIL = ("mail.", "discuss.", "mailbox.", "maildesk.", "im_livechat.")

# What is made of a mail: its model.
MADE = {"lead": "crm.lead", "task": "project.task"}

# Records are made without a word to anybody by e-mail: no note of it, no assignment, no template of a stage.
_QUIETLY = {"tracking_disable": True, "mail_auto_subscribe_no_notify": True}

# Characters of a title.
TITLE_LIMIT = 250


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def maildesk_overview(self):
        return {**super().maildesk_overview(), "into": self.env["mailbox.message_index"]._into_kinds()}


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    # ------------------------------------------------------------------ by name, for the app

    @api.model
    def maildesk_conversation(self, message_id):
        links = self.env["mailbox.conversation.link"]._of(self._one_to_read(message_id))
        return {**super().maildesk_conversation(message_id), "links": links._to_app()}

    @api.model
    def maildesk_into(self, message_id, kind):
        """Return what the dialog shows before a mail is copied into Odoo."""
        message = self._one_to_copy(message_id, kind)
        if kind in MADE and (made := message._made(kind)):
            return {"state": "ready", "existing": made}
        body = message._body()
        if body["state"] != "ready":
            return {"state": body["state"], "message": body.get("message") or ""}
        answer = {"state": "ready", "existing": None, "title": message._title(), **message._copyable(body)}
        if kind == "log":
            answer["models"] = self._models_to_log_on()
            answer["suggested"] = message._suggested()
        return answer

    @api.model
    def maildesk_log(self, message_id, res_model, res_id, attachment_ids=(), *, with_pictures=False):
        """Copy a mail into the chatter of a record, once."""
        message = self._one_to_copy(message_id, "log")
        record = self._model_to_log_on(res_model).browse(int(res_id)).exists()
        if not record:
            raise UserError(self.env._("This record does not exist any more. Choose another one."))
        record.check_access("write")
        if link := message._logged_on(record):
            return message._done(link, record, is_new=False)
        copy = message._copy(attachment_ids, with_pictures=with_pictures)
        if copy["state"] != "ready":
            return copy
        return message._done(message._keep_copy("log", record, copy), record, is_new=True)

    @api.model
    def maildesk_make(self, message_id, kind, title=None, project_id=None, attachment_ids=(), *, with_pictures=False):
        """Make a lead or a task of a conversation, or return the one that there is."""
        message = self._one_to_copy(message_id, kind)
        self._check_kind(kind)
        if kind not in MADE:
            raise UserError(self.env._("Of a mail a lead or a task can be made."))
        if made := message._made(kind):
            return {"state": "ready", "is_new": False, "link": made, "links": message._links()}
        copy = message._copy(attachment_ids, with_pictures=with_pictures)
        if copy["state"] != "ready":
            return copy
        title = " ".join(str(title or "").split())[:TITLE_LIMIT] or message._title()
        values = message._lead_values(title) if kind == "lead" else message._task_values(title, project_id)
        record = self.env[MADE[kind]].with_context(**_QUIETLY).create(values)
        # What Odoo leaves out with the rest: its maker, and who follows the project or team, follow it.
        record.message_subscribe(partner_ids=self.env.user.partner_id.ids)
        record._message_auto_subscribe(values)
        record = record.with_context(tracking_disable=False)
        return message._done(message._keep_copy(kind, record, copy), record, is_new=True)

    # ------------------------------------------------------------------ what there is

    @api.model
    def _into_kinds(self):
        """Return what the user may do: "log", and "lead" and "task" where their apps are installed and let them."""
        kinds = [kind for kind, model in MADE.items() if model in self.env and self.env[model].has_access("create")]
        return ["log", *kinds]

    @api.model
    def _check_kind(self, kind):
        if kind not in self._into_kinds():
            raise AccessError(self.env._("You may not do this here: the app for it is not installed, or not for you."))

    @api.model
    def _one_to_copy(self, message_id, kind):
        """Return a message that the user reads, and that Outlook has."""
        message = self._one_to_read(message_id)
        self._check_kind(kind)
        if message.is_draft:
            raise UserError(self.env._("A draft is not copied into Odoo. Send it first."))
        if not message.remote_id or not message.conversation_id:
            raise UserError(self.env._("Outlook does not have this mail yet. Please try again in a moment."))
        return message

    @api.model
    def _models_to_log_on(self):
        """Return the models with a chatter whose records the user may write, contacts first."""
        # sudo: which models there are, and how they are called
        models_ = self.env["ir.model"].sudo().search([("is_mail_thread", "=", True), ("transient", "=", False)])
        possible = [one for one in models_ if self._can_log_on(one.model)]
        names = sorted(({"model": one.model, "name": one.name} for one in possible), key=lambda one: one["name"].lower())
        return sorted(names, key=lambda one: one["model"] != "res.partner")

    @api.model
    def _can_log_on(self, name):
        model = self.env.get(name) if isinstance(name, str) else None
        return (
            model is not None
            and hasattr(model, "message_post")
            and not (model._abstract or model._transient)
            and not name.startswith(_NOT_FOR_MAIL)
            and model.has_access("write")
        )

    @api.model
    def _model_to_log_on(self, name):
        if not self._can_log_on(name):
            raise AccessError(self.env._("A mail cannot be logged there: it is no record with a chatter, or you may not change it."))
        return self.env[name]

    def _links(self):
        return self.env["mailbox.conversation.link"]._of(self)._to_app()

    def _made(self, kind):
        """Return the LINK of what was made of the conversation; one whose record is gone does not count any more."""
        link = self.env["mailbox.conversation.link"]._of(self).filtered(lambda link: link.kind == kind)
        if not link:
            return None
        record = link._record()
        if not record:
            link.unlink()
            return None
        if not record.has_access("read"):
            raise AccessError(self._hidden(kind, link.create_uid.name))
        return link._line(record)

    def _hidden(self, kind, who):
        if kind == "lead":
            return self.env._("%s has made a lead of this conversation, and you may not see it. Ask them, or whoever manages leads.", who)
        return self.env._("%s has made a task of this conversation, and you may not see it. Ask them, or whoever manages the project.", who)

    def _logged_on(self, record):
        links = self.env["mailbox.conversation.link"]._of(self)
        return links.filtered(lambda link: (link.res_model, link.res_id, link.remote_id) == (record._name, record.id, self.remote_id))

    # ------------------------------------------------------------------ what is made

    def _title(self):
        return " ".join((self.subject or "").split())[:TITLE_LIMIT] or self.env._("(no subject)")

    def _correspondent(self):
        """Return (name, address) of whom the mail is from; of one's own mail whom it went to."""
        if self.from_email and self.from_email.lower() != (self.account_id.email or "").lower():
            return clean_name(self.from_name, self.from_email), self.from_email
        for one in self.to_recipients or []:
            if one.get("address"):
                return clean_name(one.get("name"), one["address"]), one["address"]
        return "", ""

    def _contact_of(self, address):
        address = (address or "").lower()
        return self.env["res.partner"]._maildesk_by_address({address}).get(address) or self.env["res.partner"]

    def _suggested(self):
        """Return the contact of whom the mail is with, if the user may write on it."""
        contact = self._contact_of(self._correspondent()[1])
        if not contact or not contact.has_access("write"):
            return None
        return {"model": "res.partner", "id": contact.id, "name": contact.display_name}

    def _lead_values(self, title):
        name, address = self._correspondent()
        contact = self._contact_of(address)
        values = {"name": title, "user_id": self.env.uid}
        if contact:
            return {**values, "partner_id": contact.id}
        return {**values, "email_from": formataddr((name if name != address else "", address)) if address else False, "contact_name": name}

    def _task_values(self, title, project_id):
        contact = self._contact_of(self._correspondent()[1])
        values = {"name": title, "user_ids": [fields.Command.set([self.env.uid])], "partner_id": contact.id}
        if project_id:
            project = self.env["project.project"].browse(int(project_id)).exists()
            if not project:
                raise UserError(self.env._("This project does not exist any more. Choose another one."))
            project.check_access("read")
            return {**values, "project_id": project.id}
        # A task without a project is its maker's own, and of no customer.
        return {**values, "project_id": False, "partner_id": False}

    def _keep_copy(self, kind, record, copy):
        """Link the record, and write the note; return the link."""
        link = self.env["mailbox.conversation.link"]._claim(self, kind, record)
        contact = self._contact_of(self.from_email)
        # Names of files with text in them could run in a browser: plain text, whoever the user is.
        note = record.with_context(attachments_mime_plainxml=True).message_post(
            body=self._note(link, copy),
            subject=self.subject or "",
            message_type="comment",
            subtype_xmlid="mail.mt_note",
            author_id=contact.id,
            email_from=formataddr((clean_name(self.from_name, self.from_email), self.from_email)) if self.from_email else "",
            attachments=copy["files"],
            # A note for whoever opens the record: nobody gets it by e-mail, whatever they follow.
            notify_skip_followers=True,
        )
        link.note_id = note.id
        self.account_id._audit("copied", self.env["ir.model"]._get(record._name).name)
        return link

    def _done(self, link, record, *, is_new):
        return {"state": "ready", "is_new": is_new, "link": link._line(record), "links": self._links()}

    def _note(self, link, copy):
        """Return the HTML of the note: who, when, the way back, the text, and what was left out."""
        return Markup("").join([self._note_head(link), Markup("<hr/>"), Markup(copy["html"]), self._note_foot(copy["left_out"])])  # noqa: S704 - cleaned
