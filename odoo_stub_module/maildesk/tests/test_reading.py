"""The methods of the reading pane: bodies with their second cleaning, who may wait, conversations, trusted senders."""

from unittest.mock import patch as mock_patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import config

from ..body_wall import clean_again
from ..connector_client import ConnectorClient, ConnectorDown
from ..models.mailbox_message_reading import WAITING_LOCK, waiting_places
from .common import INBOX, SENT, MailDeskCase, patch

SHEET = '<style>@media (prefers-color-scheme:dark){.a > p{color:#fff !important}}td{font-family:"Segoe UI", Arial}</style>'
BODY = {
    "html": SHEET
    + '<div class="a" id="b" bgcolor="#fff"><img width="9" data-remote="https://x.example/a.png?b=1&amp;c=2"><img data-cid="logo@x">'
    '<img src="data:image/png;base64,AAAA"><a href="https://x.example/" target="_blank" rel="noopener noreferrer">Hello</a>'
    '<details open=""><summary>x</summary></details><blockquote class="maildesk-quote">old</blockquote></div>',
    "has_remote": True,
    "dark": True,
    "is_text": False,
    "invitation": {"kind": "request", "title": "Review", "start": "2026-12-01T09:00:00Z"},
    "undelivered": [{"address": "nobody@example.org", "action": "failed"}],
    "attachments": [{"remote_id": "a1", "name": "x.png", "content_id": "logo@x"}],
    "keep_seconds": 604800,
}


@tagged("post_install", "-at_install")
class TestReading(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.fill(*(patch(f"m{n}", received_at=f"2026-11-22T1{n}:00:00Z", conversation_id="C1" if n != 3 else "C2") for n in range(5)))
        self.mine = self.messages.with_user(self.owner)
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        parameters.set_param("maildesk.connector_secret", "secret")

    def opened(self, remote_id="m1", body=None):
        with mock_patch.object(ConnectorClient, "body", return_value={"state": "ready", "body": body or BODY}):
            return self.mine.maildesk_open(self.row(remote_id).id)

    def test_second_cleaning_keeps_what_the_first_kept(self):
        """Style sheet, waiting pictures, inline pictures and links come through, and from the cache as well."""
        first = self.opened()
        with mock_patch.object(ConnectorClient, "body") as fetch:
            second = self.mine.maildesk_open(self.row("m1").id)
        fetch.assert_not_called()
        self.assertEqual(first, second)
        body = first["body"]
        self.assertTrue(body["html"].startswith(SHEET))
        for kept in (
            'data-remote="https://x.example/a.png?b=1&amp;c=2"',
            'data-cid="logo@x"',
            'src="data:image/png;base64,AAAA"',
            'class="a"',
            'bgcolor="#fff"',
            'target="_blank"',
            'rel="noopener noreferrer"',
            "<details open",
            'class="maildesk-quote"',
        ):
            self.assertIn(kept, body["html"])
        self.assertEqual(
            {name: body[name] for name in BODY if name not in ("html", "keep_seconds")} | {"is_simplified": False},
            {
                **{name: BODY[name] for name in BODY if name not in ("html", "keep_seconds")},
                "is_simplified": False,
            },
        )
        self.assertEqual(first["remote_id"], "m1")
        self.assertEqual(first["is_trusted"], False)

    def test_second_cleaning_is_a_wall(self):
        """A connector that lets something through is not believed."""
        for bad, word in (
            ("<script>alert(1)</script>", "alert"),
            ("<img src=x onerror=alert(1)>", "onerror"),
            ('<img src="https://x.example/p.png">', "x.example"),
            ('<img srcset="https://x.example/p.png 2x">', "x.example"),
            ('<img data-remote="javascript:alert(1)">', "javascript"),
            ('<b data-remote="https://x.example/p">x</b>', "x.example"),
            ('<a href="javascript:alert(1)">x</a>', "javascript"),
            ('<a href="java&#10;script:alert(1)">x</a>', "script:"),
            ('<table background="https://x.example/p.png"><tr><td>x</table>', "x.example"),
            ('<p style="background:url(https://x.example/p)">x</p>', "x.example"),
            ('<p style="background:u\\72l(https://x.example/p)">x</p>', "x.example"),
            ("<style>@import 'https://x.example/p';</style>", "x.example"),
            ("<style>p{background:url(https://x.example/p)}</style>", "x.example"),
            ("<style>p{color:red}</style><style>p{background:url(https://x.example/p)}</style>", "x.example"),
            ("<p>x</p><style>p{background:url(https://x.example/p)}</style>", "x.example"),
            ("<iframe src=https://x.example></iframe>", "x.example"),
            ("<form action=https://x.example><input></form>", "x.example"),
            ("<svg><image href=https://x.example/p /></svg>", "x.example"),
            ("<base href=https://x.example><meta http-equiv=refresh content='0;url=https://x.example'>", "x.example"),
            ("<!-- [if mso]><img src=https://x.example/p><![endif]-->", "x.example"),
            ("<object data=https://x.example></object><embed src=https://x.example>", "x.example"),
        ):
            with self.subTest(bad=bad):
                self.assertNotIn(word, clean_again(bad))

    def test_second_cleaning_takes_what_is_large_and_deep(self):
        """As deep as the connector lets through, and megabytes."""
        deep = "<div>" * 180 + "deep" + "</div>" * 180
        self.assertIn("deep", clean_again(deep))
        self.assertIn("end", clean_again("<p>x</p>" * 300_000 + "<p>end</p>"))
        self.assertEqual(clean_again(""), "")
        self.assertEqual(clean_again("5 < 6 &amp; 7\n  8"), "5 &lt; 6 &amp; 7\n  8")

    def test_a_quarter_of_the_workers_waits(self):
        """Whoever comes when all places are taken gets "coming" at once, and the connector is asked to bring the body."""
        with mock_patch.dict(config.options, {"workers": 8}):
            self.assertEqual(waiting_places(), 2)
            with self.registry.cursor() as others:
                # In a transaction of their own, as requests of other workers are.
                others.execute("SELECT pg_advisory_xact_lock(%s, 0), pg_advisory_xact_lock(%s, 1)", [WAITING_LOCK, WAITING_LOCK])
                with (
                    mock_patch.object(ConnectorClient, "body") as waited,
                    mock_patch.object(ConnectorClient, "ask_body", return_value={"state": "coming"}) as asked,
                ):
                    self.assertEqual(self.mine.maildesk_open(self.row("m1").id)["body"], {"state": "coming"})
                waited.assert_not_called()
                asked.assert_called_once_with(self.account.id, "m1")
            self.assertEqual(self.opened()["body"]["state"], "ready")
        with mock_patch.dict(config.options, {"workers": 2}):
            self.assertEqual(waiting_places(), 1)
        with mock_patch.dict(config.options, {"workers": 0, "db_maxconn": 64}):
            self.assertEqual(waiting_places(), 16)

    def test_prefetch_waits_for_nobody(self):
        """What is here is not asked for again; what a user does not read is not asked for at all; a connector that is away is no error."""
        self.opened("m1")
        ids = [self.row(remote_id).id for remote_id in ("m1", "m2")]
        with mock_patch.object(ConnectorClient, "ask_body", return_value={"state": "coming"}) as asked:
            self.assertEqual(self.mine.maildesk_prefetch(ids), 1)
            asked.assert_called_once_with(self.account.id, "m2")
            self.assertEqual(self.messages.with_user(self.stranger).maildesk_prefetch(ids), 0)
        with mock_patch.object(ConnectorClient, "ask_body", side_effect=ConnectorDown("ConnectTimeout")):
            self.assertEqual(self.mine.maildesk_prefetch(ids), 0)

    def test_conversation(self):
        """The same mailbox and conversation, oldest first; Trash only for whoever is in it."""
        self.apply(
            tree=[INBOX, SENT, {"remote_id": "F-bin", "parent_remote_id": None, "name": "Deleted Items", "role": "trash"}],
            messages=[
                patch("gone", conversation_id="C1", folder="F-bin", received_at="2026-11-22T09:00:00Z"),
                patch("reply", conversation_id="C1", folder="F-sent", received_at="2026-11-22T12:30:00Z"),
            ],
        )
        other = self._account("other@example.com")
        self.apply(
            other,
            tree=[INBOX],
            messages=[patch("o1", conversation_id="C1")],
        )

        def seen(remote_id):
            rows = self.mine.maildesk_conversation(self.row(remote_id).id)["rows"]
            return self.messages.browse([row["id"] for row in rows]).mapped("remote_id")

        self.assertEqual(seen("m1"), ["m0", "m1", "m2", "reply", "m4"])
        self.assertEqual(seen("m3"), ["m3"])
        self.assertEqual(seen("gone")[0], "gone")
        with self.assertRaises(UserError):
            self.messages.with_user(self.stranger).maildesk_conversation(self.row("m1").id)

    def test_conversation_of_none(self):
        """A message without a conversation stands alone."""
        self.apply(messages=[patch("alone", conversation_id=None), patch("too", conversation_id=None)])
        self.assertEqual(len(self.mine.maildesk_conversation(self.row("alone").id)["rows"]), 1)

    def test_trusted_senders_are_each_users_own(self):
        """Whoever trusts a sender sees the pictures, in any spelling of the address; a colleague decides alone."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        message = self.row("m1")
        self.mine.maildesk_trust_sender(message.id)
        self.mine.maildesk_trust_sender(message.id)
        self.apply(messages=[patch("m2", from_email="ANNA@example.com")])
        self.opened("m2")
        self.assertTrue(self.mine.maildesk_open(self.row("m2").id)["is_trusted"])
        self.assertFalse(self.messages.with_user(self.friend).maildesk_open(self.row("m2").id)["is_trusted"])
        self.mine.maildesk_distrust_sender(message.id)
        self.assertFalse(self.mine.maildesk_open(self.row("m2").id)["is_trusted"])
        with self.assertRaises(UserError):
            self.messages.with_user(self.stranger).maildesk_trust_sender(message.id)

    def test_purge_says_how_big_the_cache_is(self):
        """In the log and in Settings: a count and bytes, nothing of a mail."""
        self.opened("m1")
        self.opened("m2")
        self.env.cr.execute(
            "UPDATE mailbox_message_body SET expires_at = now() - interval '1 day' WHERE message_id = %s", [self.row("m1").id]
        )
        with mock_patch("odoo.addons.maildesk.models.mailbox_message_body._logger") as logger:
            self.env["mailbox.message_body"]._cron_purge()
        (told,) = logger.info.call_args_list
        self.assertRegex(told.args[0] % told.args[1:], r"1 dropped, \d+ kept, \d+ bytes$")
        size = self.env["mailbox.message_body"]._cache_size()
        self.assertGreater(size["bytes"], 8000)
        self.assertIn(str(size["count"]), self.env["res.config.settings"].create({}).maildesk_body_cache)
