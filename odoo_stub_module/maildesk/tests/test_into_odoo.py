"""Mail copied into Odoo: the note on a record, whose it is and what it says, links, rights, and that nobody is written to."""

from unittest.mock import patch as mock_patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..mail_copy import copy_of, file_name, pictures_in
from .common import INBOX, SENT, MailDeskCase, patch
from .test_attachments import FakeAnswer

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
FILES = [
    {"remote_id": "a1", "name": "plan.txt", "content_type": "text/plain", "size": 4, "kind": "file", "content_id": ""},
    {"remote_id": "a2", "name": "run.html", "content_type": "text/html", "size": 20, "kind": "file", "content_id": ""},
    {
        "remote_id": "p1",
        "name": "logo.png",
        "content_type": "image/png",
        "size": 69,
        "kind": "file",
        "content_id": "logo@x",
        "is_inline": True,
    },
    {"remote_id": "r1", "name": "shared", "content_type": "", "size": 0, "kind": "reference", "content_id": ""},
]
CONTENT = {"a1": b"plan", "a2": b"<script>x()</script>", "p1": PNG}
BODY = {
    "html": '<style>td{color:red}</style><p>Good morning</p><img alt="Tracker" data-remote="https://x.example/a.png">'
    '<p><img alt="Logo" data-cid="logo@x"></p><script>alert(1)</script>',
    "has_remote": True,
    "attachments": FILES,
    "keep_seconds": 3600,
}


class IntoCase(MailDeskCase):
    def setUp(self):
        super().setUp()
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        parameters.set_param("maildesk.connector_secret", "secret")
        self.fill(
            patch("m1", conversation_id="C1", from_name="Jane Doe", from_email="Jane@Pier.example", subject="The crane"),
            patch("m2", conversation_id="C1", from_name="Jane Doe", from_email="jane@pier.example", received_at="2026-11-22T11:00:00Z"),
            patch("m3", conversation_id="C3", from_name="Nobody Known", from_email="nobody@else.example"),
            patch("sent", conversation_id="C4", from_email="box@example.com", folder="F-sent"),
            patch("draft", conversation_id="C5", is_draft=True),
        )
        self.owner.write({"group_ids": [(4, self.env.ref("base.group_partner_manager").id)]})
        self.jane = self.env["res.partner"].create({"name": "Jane Doe", "email": "jane@pier.example"})
        self.mine = self.messages.with_user(self.owner)
        fetch = mock_patch.object(ConnectorClient, "body", return_value={"state": "ready", "body": BODY})
        self.fetch = fetch.start()
        self.addCleanup(fetch.stop)
        files = mock_patch.object(ConnectorClient, "attachment", side_effect=self.attachment)
        self.files = files.start()
        self.addCleanup(files.stop)

    def attachment(self, method, account_id, wish, *, is_download, headers):
        self.assertEqual((method, account_id, is_download, headers), ("GET", self.account.id, True, {}))
        return FakeAnswer(CONTENT[wish["attachment_id"]])

    def log(self, remote_id="m1", record=None, user=None, **kwargs):
        record = record or self.jane
        return self.messages.with_user(user or self.owner).maildesk_log(self.row(remote_id).id, record._name, record.id, **kwargs)

    def notes(self, record):
        return record.message_ids.filtered(lambda message: "/maildesk/mail/" in (message.body or ""))

    def links(self):
        return self.env["mailbox.conversation.link"].search([("account_id", "=", self.account.id)])


@tagged("post_install", "-at_install")
class TestIntoOdoo(IntoCase, HttpCase):
    def test_log_on_a_contact(self):
        """The note is the sender's, internal, says who and when, has the way back, and nothing that loads or runs."""
        answer = self.log()
        (note,) = self.notes(self.jane)
        self.assertEqual((note.author_id, note.subtype_id, note.subtype_id.internal), (self.jane, self.env.ref("mail.mt_note"), True))
        self.assertEqual((note.subject, note.create_uid), ("The crane", self.owner))
        for told in ("Jane Doe &lt;Jane@Pier.example&gt;", "Bert", "bert@example.com", "Good morning", "[Tracker]", "[Logo]", "plan.txt"):
            self.assertIn(told, note.body)
        for bad in ("alert", "<style", "x.example", "<img", "color:red"):
            self.assertNotIn(bad, note.body)
        self.assertFalse(note.attachment_ids, "nobody asked for a copy of them")
        self.files.assert_not_called()
        link = self.links()
        self.assertEqual((link.note_id, link.kind, link.conversation_id, link.create_uid), (note, "log", "C1", self.owner))
        self.assertIn(f'href="/maildesk/mail/{link.id}"', note.body)
        told = {
            "id": link.id,
            "kind": "log",
            "model": "res.partner",
            "record_id": self.jane.id,
            "name": "Jane Doe",
            "model_name": "Contact",
        }
        self.assertEqual((answer["state"], answer["is_new"], answer["link"], answer["links"]), ("ready", True, told, [told]))

    def test_log_tells_nobody(self):
        """No follower of the record is notified, not even one who follows its notes and gets all by e-mail."""
        follower = new_test_user(self.env, "md_follower", groups="base.group_user", notification_type="email", email="f@example.com")
        self.jane.message_subscribe(partner_ids=follower.partner_id.ids, subtype_ids=self.env["mail.message.subtype"].search([]).ids)
        mails = self.env["mail.mail"].search_count([])
        self.log()
        (note,) = self.notes(self.jane)
        self.assertFalse(note.notification_ids)
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)

    def test_log_of_a_stranger(self):
        """A sender who is no contact is named by address, and no contact is made of them."""
        partners = self.env["res.partner"].search_count([])
        self.log("m3")
        (note,) = self.notes(self.jane)
        self.assertEqual((note.author_id.id, note.email_from), (False, '"Nobody Known" <nobody@else.example>'))
        self.assertEqual(self.env["res.partner"].search_count([]), partners)

    def test_log_once(self):
        """The same mail is not logged twice on a record; another mail of the conversation is, and the record is named once."""
        self.log()
        again = self.log()
        self.assertEqual((again["is_new"], len(self.notes(self.jane))), (False, 1))
        other = self.log("m2")
        self.assertEqual((other["is_new"], len(self.notes(self.jane)), len(other["links"])), (True, 2, 1))
        self.assertEqual(len(self.links()), 2)

    def test_log_with_attachments(self):
        """Those that were chosen are copied onto the record, what could run as plain text; the pictures of the text are shown."""
        self.log(attachment_ids=["a2"], with_pictures=True)
        (note,) = self.notes(self.jane)
        files = {one.name: one for one in note.attachment_ids}
        self.assertEqual(set(files), {"run.html", "logo.png"})
        self.assertEqual((files["run.html"].mimetype, files["run.html"].raw), ("text/plain", CONTENT["a2"]))
        self.assertEqual({(one.res_model, one.res_id) for one in files.values()}, {("res.partner", self.jane.id)})
        self.assertIn(f"/web/image/{files['logo.png'].id}", note.body)
        self.assertIn("plan.txt (4.00 bytes)", note.body)
        self.assertNotIn("run.html", note.body)

    def test_log_whole_or_not(self):
        """An attachment that does not come leaves nothing behind, and says what to do."""
        for error, words in (
            (ConnectorRefused("coming", "x", 503), "being fetched"),
            (ConnectorRefused("not_found", "It is gone.", 404), "It is gone."),
            (ConnectorDown(), "does not answer"),
            ([FakeAnswer(b"pl", headers={"Content-Length": "4"})], "broke off"),
            ([FakeAnswer(b"plan", broken_at=0)], "broke off"),
        ):
            self.files.side_effect = error
            with self.subTest(words=words), self.assertRaisesRegex(UserError, words):
                self.log(attachment_ids=["a1"])
        with self.assertRaisesRegex(UserError, "not part of this mail"):
            self.log(attachment_ids=["r1"])
        self.files.side_effect = self.attachment
        with mock_patch("odoo.addons.maildesk.models.mailbox_mail_copy.COPY_LIMIT", 3), self.assertRaisesRegex(UserError, "larger than"):
            self.log(attachment_ids=["a1"])
        self.assertFalse(self.notes(self.jane))
        self.assertFalse(self.links())

    def test_log_while_the_text_comes(self):
        """A text that is not here yet: nothing is written, and the app is told to wait, or why it will not come."""
        self.fetch.return_value = {"state": "coming"}
        self.assertEqual(self.mine.maildesk_into(self.row("m1").id, "log")["state"], "coming")
        self.assertEqual(self.log(), {"state": "coming"})
        self.fetch.return_value = {"state": "error", "message": "Not any more."}
        self.assertEqual(self.mine.maildesk_into(self.row("m1").id, "log"), {"state": "error", "message": "Not any more."})
        with self.assertRaisesRegex(UserError, "Not any more"):
            self.log()
        self.assertFalse(self.links())

    def test_dialog(self):
        """What can be copied and where to: links are no files, pictures of the text are counted, the contact of the sender is suggested."""
        asked = self.mine.maildesk_into(self.row("m1").id, "log")
        self.assertEqual([one["remote_id"] for one in asked["attachments"]], ["a1", "a2"])
        self.assertEqual((asked["pictures"], asked["title"]), (1, "The crane"))
        self.assertEqual(asked["suggested"], {"model": "res.partner", "id": self.jane.id, "name": "Jane Doe"})
        self.assertEqual(asked["models"][0], {"model": "res.partner", "name": "Contact"})
        names = {one["model"] for one in asked["models"]}
        self.assertFalse([name for name in names if name.startswith(("mail.", "discuss.", "mailbox."))])
        sent = self.mine.maildesk_into(self.row("sent").id, "log")
        self.assertIsNone(sent["suggested"], "Bert is no contact")

    def test_log_on_a_record_of_others(self):
        """A record that a rule keeps from being changed gets no note."""
        bert = self.env["res.partner"].create({"name": "Jane Bert"})
        self.env["ir.rule"].create(
            {
                "name": "No Bert",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {bert.id})]",
                "perm_read": False,
            }
        )
        with self.assertRaises(AccessError):
            self.log(record=bert)
        self.assertFalse(self.links())

    def test_log_where_one_may_not(self):
        """No record that one may not write; nothing without a chatter, no wizard, no channel, no mailbox."""
        friend = self.friend
        self.account.with_user(self.owner).shared_user_ids = friend
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_model"):
            self.log(user=friend)
        admin = self.env.ref("base.user_admin")
        self.account.with_user(self.owner).shared_user_ids = admin
        admin.write({"group_ids": [(4, self.env.ref("maildesk.group_user").id)]})
        channel = self.env["discuss.channel"].create({"name": "All"})
        for record in (self.env.ref("base.main_company"), channel, self.account, self.env["mail.compose.message"].create({})):
            with self.subTest(model=record._name), self.assertRaises(AccessError):
                self.log(record=record, user=admin)
        for model in ("no.model", "mail.thread", 7):
            with self.subTest(model=model), self.assertRaises(AccessError):
                self.messages.with_user(admin).maildesk_log(self.row("m1").id, model, 1)
        gone = self.env["res.partner"].create({"name": "Gone"})
        gone.unlink()
        with self.assertRaisesRegex(UserError, "does not exist"):
            self.log(record=gone)

    def test_log_of_anothers_mail(self):
        """Who does not read the mailbox copies nothing, is offered nothing and sees no link."""
        self.log()
        for user in (self.stranger, self.admin):
            for method, more in (
                ("maildesk_log", {"res_model": "res.partner", "res_id": self.jane.id}),
                ("maildesk_into", {"kind": "log"}),
            ):
                with self.subTest(user=user.login, method=method), self.assertRaisesRegex(UserError, "not in MailDesk"):
                    getattr(self.messages.with_user(user), method)(message_id=self.row("m1").id, **more)
            with self.assertRaises(UserError):
                self.messages.with_user(user).maildesk_conversation(self.row("m1").id)

    def test_links_of_records_that_one_may_read(self):
        """A colleague who reads the mailbox sees the links to records that the colleague may read; a deleted record is not named."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        secret = self.env["res.partner"].create({"name": "Secret"})
        self.log()
        self.log(record=secret)
        self.env["ir.rule"].create(
            {"name": "No", "model_id": self.env["ir.model"]._get_id("res.partner"), "domain_force": f"[('id', '!=', {secret.id})]"}
        )

        def names(user, remote_id="m2"):
            return [one["name"] for one in self.messages.with_user(user).maildesk_conversation(self.row(remote_id).id)["links"]]

        self.assertEqual(names(self.friend), ["Jane Doe"])
        self.assertEqual(names(self.owner, "m3"), [])
        self.jane.unlink()
        self.assertEqual(names(self.owner), [])
        self.env["mailbox.conversation.link"]._gc_without_record()
        self.assertEqual(self.links().mapped("res_id"), secret.ids)

    def test_links_without_their_app(self):
        """An app that was uninstalled: its links say nothing, and go."""
        link = self.env["mailbox.conversation.link"].create(
            {"account_id": self.account.id, "conversation_id": "C1", "remote_id": "m1", "kind": "lead", "res_model": "no.app", "res_id": 1}
        )
        self.assertEqual(self.mine.maildesk_conversation(self.row("m1").id)["links"], [])
        self.assertIsNone(self.row("m1").with_user(self.owner)._made("lead"))
        self.assertFalse(link.exists())

    def test_refused_kinds(self):
        """A draft is not copied, nor what Outlook does not have; an app that is not there makes nothing."""
        with self.assertRaisesRegex(UserError, "draft"):
            self.log("draft")
        self.row("m3").remote_id = False
        with self.assertRaisesRegex(UserError, "does not have this mail"):
            self.messages.with_user(self.owner).maildesk_log(
                self.messages.search([("account_id", "=", self.account.id), ("conversation_id", "=", "C3")]).id, "res.partner", self.jane.id
            )
        with self.assertRaisesRegex(UserError, "a lead or a task"):
            self.mine.maildesk_make(self.row("m1").id, "log")
        with self.assertRaises(AccessError):
            self.mine.maildesk_make(self.row("m1").id, "order")
        kinds = self.env["mailbox.account"].with_user(self.owner).maildesk_overview()["into"]
        self.assertEqual("lead" in kinds, "crm.lead" in self.env and self.env["crm.lead"].with_user(self.owner).has_access("create"))

    def test_copy_is_noted(self):
        """The audit list says who copied, and to what kind of record; nothing of the mail."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        self.friend.write({"group_ids": [(4, self.env.ref("base.group_partner_manager").id)]})
        self.log(user=self.friend)
        (entry,) = self.env["mailbox.audit"].search([("account_id", "=", self.account.id), ("event", "=", "copied")])
        self.assertEqual((entry.user_id, entry.detail), (self.friend, "Contact"))

    def test_way_back(self):
        """The note's link opens the mail for who reads it, another mail of the conversation if that one is gone, and else says so."""
        self.log()
        url = f"/maildesk/mail/{self.links().id}"

        def get(user):
            self.authenticate(user.login, user.login)
            return self.url_open(url, allow_redirects=False)

        self.assertURLEqual(get(self.owner).headers["Location"], f"/odoo/maildesk/{self.row('m1').id}")
        for user in (self.stranger, self.employee, self.admin):
            answer = get(user)
            self.assertEqual(answer.status_code, 404)
            self.assertNotIn("The crane", answer.text)
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m1"}])
        self.assertURLEqual(get(self.owner).headers["Location"], f"/odoo/maildesk/{self.row('m2').id}")
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m2"}])
        self.assertEqual(get(self.owner).status_code, 404)

    def test_purge_keeps_the_note(self):
        """Links go with the mailbox; the copy on the record stays, and its way back says that the mail is gone."""
        self.log(attachment_ids=["a1"])
        url = f"/maildesk/mail/{self.links().id}"
        self.account.with_user(self.owner).unlink()
        self.assertTrue(self.links(), "a disconnected mailbox keeps them")
        self.account.with_user(self.owner).maildesk_purge()
        self.assertFalse(self.links())
        (note,) = self.notes(self.jane)
        self.assertIn("Good morning", note.body)
        self.assertEqual(note.attachment_ids.raw, b"plan")
        self.authenticate(self.owner.login, self.owner.login)
        self.assertEqual(self.url_open(url).status_code, 404)

    def test_log_of_a_disconnected_mailbox(self):
        """What is still here of it can be copied; its attachments cannot, and that is said."""
        self.mine.maildesk_open(self.row("m1").id)
        self.account.with_user(self.owner).unlink()
        with self.assertRaisesRegex(UserError, "without them"):
            self.log(attachment_ids=["a1"])
        self.assertTrue(self.log()["is_new"])

    def test_copy_of_html(self):
        """Pictures that are not copied become their words, what follows them stays; names of files lead nowhere."""
        data = '<img src="data:image/png;base64,AA">'
        html = f'a<img data-remote="https://x" alt="b">c<p><img data-cid="k">d<img data-cid="l" alt="e"></p>{data}f'
        self.assertEqual(pictures_in(html), {"k", "l"})
        self.assertEqual(copy_of(html, {"k"}), 'a[b]c<p><img src="cid:k">d[e]</p>' + data + "f")
        self.assertEqual(copy_of("", set()), "")
        self.assertEqual(
            [file_name(name) for name in ("../a\u202egnp.exe", "", None, "x" * 200)], ["_agnp.exe", "attachment", "attachment", "x" * 150]
        )

    def test_note_names_ten(self):
        """Of many recipients ten are named."""
        many = {"total": 60, "list": [{"name": f"P{n}", "address": f"p{n}@example.com"} for n in range(50)]}
        self.apply(tree=[INBOX, SENT], messages=[patch("m9", conversation_id="C9", to_recipients=many)])
        self.log("m9")
        self.assertIn("p9@example.com&gt; and 50 more", self.notes(self.jane).body)


@tagged("post_install", "-at_install")
class TestIntoApps(IntoCase):
    """Leads and tasks: where crm and project are installed (tests/addon runs it there, too)."""

    def setUp(self):
        super().setUp()
        if "crm.lead" not in self.env or "project.task" not in self.env:
            self.skipTest("crm and project are not installed")
        groups = ("sales_team.group_sale_salesman", "project.group_project_user")
        self.owner.write({"group_ids": [(4, self.env.ref(group).id) for group in groups]})

    def make(self, kind, remote_id="m1", user=None, **kwargs):
        return self.messages.with_user(user or self.owner).maildesk_make(self.row(remote_id).id, kind, **kwargs)

    def test_lead(self):
        """A lead of the conversation: titled, with its contact, its maker's, with the mail as a note; a second one is the first."""
        mails = self.env["mail.mail"].search_count([])
        answer = self.make("lead", title=" A  crane ", attachment_ids=["a1"])
        lead = self.env["crm.lead"].browse(answer["link"]["record_id"])
        self.assertEqual((lead.name, lead.partner_id, lead.user_id), ("A crane", self.jane, self.owner))
        (note,) = self.notes(lead)
        self.assertEqual((note.author_id, note.attachment_ids.raw), (self.jane, b"plan"))
        again = self.make("lead", "m2", title="Another")
        self.assertEqual((again["is_new"], again["link"]), (False, answer["link"]))
        self.assertEqual(self.mine.maildesk_into(self.row("m2").id, "lead")["existing"], answer["link"])
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        lead.unlink()
        self.assertTrue(self.make("lead")["is_new"], "one that was deleted does not count")

    def test_lead_of_a_stranger(self):
        """Somebody who is no contact stands in the lead by name and address."""
        lead = self.env["crm.lead"].browse(self.make("lead", "m3")["link"]["record_id"])
        self.assertEqual((lead.contact_name, lead.email_normalized, lead.partner_id.id), ("Nobody Known", "nobody@else.example", False))
        self.assertEqual(lead.name, "Subject of m3")

    def test_task(self):
        """A task in a project, or one's own; whoever follows the project gets no e-mail of it."""
        follower = new_test_user(
            self.env, "md_follower", groups="project.group_project_user", notification_type="email", email="f@x.example"
        )
        template = self.env["mail.template"].create({"model_id": self.env["ir.model"]._get_id("project.task"), "subject": "Hello"})
        stage = self.env["project.task.type"].create({"name": "New", "mail_template_id": template.id})
        project = self.env["project.project"].create({"name": "Pier", "privacy_visibility": "employees", "type_ids": stage.ids})
        project.message_subscribe(partner_ids=follower.partner_id.ids, subtype_ids=self.env["mail.message.subtype"].search([]).ids)
        mails = self.env["mail.mail"].search_count([])
        answer = self.make("task", project_id=project.id)
        task = self.env["project.task"].browse(answer["link"]["record_id"])
        self.assertEqual((task.name, task.project_id, task.user_ids, task.partner_id), ("The crane", project, self.owner, self.jane))
        self.env.cr.precommit.run()
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        self.assertFalse(task.message_ids.notification_ids)
        self.assertLessEqual((self.owner | follower).partner_id, task.message_partner_ids)
        own = self.env["project.task"].browse(self.make("task", "m3")["link"]["record_id"])
        self.assertEqual((own.project_id.id, own.user_ids), (False, self.owner))

    def test_made_beside_what_one_may_see(self):
        """One made by another that one may not see: told so, and none is made beside it."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        groups = ("sales_team.group_sale_salesman", "project.group_project_user")
        self.friend.write({"group_ids": [(4, self.env.ref(group).id) for group in groups]})
        self.make("task")
        with self.assertRaisesRegex(AccessError, "md_owner"):
            self.make("task", "m2", user=self.friend)
        self.assertEqual(self.messages.with_user(self.friend).maildesk_conversation(self.row("m1").id)["links"], [])

    def test_not_for_everybody(self):
        """Who may make no lead is not offered one, and gets none."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        self.assertNotIn("lead", self.messages.with_user(self.friend)._into_kinds())
        self.assertEqual(self.mine._into_kinds(), ["log", "lead", "task"])
        with self.assertRaises(AccessError):
            self.make("lead", user=self.friend)
        self.assertFalse(self.env["crm.lead"].search([("name", "=", "The crane")]))
