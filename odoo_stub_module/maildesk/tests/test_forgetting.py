"""How long it is kept what a mail says."""

import base64
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import DraftCase


@tagged("post_install", "-at_install")
class TestForgetting(DraftCase):
    def test_every_place_of_a_body_has_its_age(self):
        """Every column and file that may hold what a mail says is listed, and is empty when its time has come."""
        holds = {
            (name, field.name)
            for name in self.env.registry
            if name.startswith(("mailbox.", "maildesk."))
            for field in self.env[name]._fields.values()
            if field.store and field.column_type and field.column_type[0] in ("text", "jsonb", "bytea")
        }
        # Place -> how it is emptied.
        limits = {
            **{("mailbox.draft", name): "sent, discarded; 7 days" for name in ("to_recipients", "cc_recipients", "bcc_recipients")},
            ("mailbox.draft", "html"): "sent, discarded; 7 days",
            ("mailbox.draft", "styles"): "sent, discarded; 7 days",
            ("mailbox.draft", "attachments"): "sent, discarded; 7 days",
            ("mailbox.message_body", "html"): "7 days",
            **{("mailbox.message_body", name): "7 days" for name in ("attachments", "traits")},
            **{("mailbox.action", name): "no text of a mail" for name in ("vals", "before", "seen")},
        }
        heads = {
            ("mailbox.message_index", name)
            for name in ("to_recipients", "cc_recipients", "bcc_recipients", "reply_to", "categories", "bounce_says")
        }
        closed = {("mailbox.message_index", "said_categories")}
        others = {place for place in holds - limits.keys() - heads - closed if place[0] != "mailbox.account"}
        self.assertFalse({place for place in others if place[0] in ("mailbox.draft", "mailbox.action", "mailbox.message_body")}, others)
        made = self.compose("new", to=["bert@example.com"])
        item = self.drafts.maildesk_save(
            made["id"], 1, {"html": f'<p>Text<img src="data:image/gif;base64,{base64.b64encode(b"GIF").decode()}"></p>'}
        )["attachments"][0]
        draft = self.env["mailbox.draft"].browse(made["id"])
        self.drafts.maildesk_send(made["id"], 2, delay=0)
        (action,) = self.exchange()["actions"]
        self.outcome(action, "failed", error="ErrorInvalidRecipients")
        self.env.flush_all()
        old = fields.Datetime.now() - timedelta(days=8)
        self.env.cr.execute("UPDATE mailbox_draft SET write_date = %s WHERE id = %s", [old, draft.id])
        self.env.cr.execute("UPDATE ir_attachment SET create_date = %s WHERE id = %s", [old, item["id"]])
        self.env.invalidate_all()
        self.env["mailbox.draft"]._cron_forget()
        self.env.flush_all()
        self.env.cr.execute("SELECT html, subject, to_recipients, attachments FROM mailbox_draft WHERE id = %s", [draft.id])
        self.assertEqual(self.env.cr.fetchone(), (None, None, None, None))
        self.assertFalse(self.env["ir.attachment"].browse(item["id"]).exists())

    def test_failed_mail_without_a_text_is_emptied_too(self):
        made = self.compose("new", to=["bert@example.com"])
        revision = self.drafts.maildesk_save(made["id"], 1, {"html": "", "subject": "Only a subject"})["revision"]
        self.drafts.maildesk_send(made["id"], revision, delay=0)
        (action,) = [one for one in self.exchange()["actions"] if one["kind"] == "send"]
        self.outcome(action, "failed", error="ErrorInvalidRecipients")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailbox_draft SET write_date = %s WHERE id = %s", [fields.Datetime.now() - timedelta(days=8), made["id"]]
        )
        self.env.invalidate_all()
        self.env["mailbox.draft"]._cron_forget()
        draft = self.env["mailbox.draft"].browse(made["id"])
        self.assertEqual((draft.subject, draft.to_recipients), (False, False))

    def test_failed_mail_that_outlook_has_is_opened_from_there_when_its_time_has_come(self):
        """Its text is not kept here: what is left of it must not stand for, or be saved over, the draft in Outlook."""
        draft, action = self.send()
        self.made(action)
        self.outcome(action, "failed", error="ErrorInvalidRecipients")
        self.apply(messages=[self.mail("d1", folder="F-drafts", subject="Hello", is_draft=True)])
        self.env.flush_all()
        self.env.cr.execute("UPDATE mailbox_draft SET write_date = %s WHERE id = %s", [fields.Datetime.now() - timedelta(days=8), draft.id])
        self.env.invalidate_all()
        self.env["mailbox.draft"]._cron_forget()
        self.assertEqual(self.drafts.maildesk_drafts()["drafts"], [])
        head = {"change_key": "k2", "subject": "Hello", "importance": "normal", "to": [{"name": "", "address": "bert@example.com"}]}
        with self.body("<p>Dear Bert</p>", draft=head):
            made = self.drafts.maildesk_edit(self.row("d1").id)
        self.assertEqual((made["state"], made["html"], len(made["to"])), ("editing", "<p>Dear Bert</p>", 1))
