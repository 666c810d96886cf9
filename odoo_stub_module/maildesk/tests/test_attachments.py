"""Attachments over HTTP: who gets them, in which words they are refused, what a browser may show, and how many stream at once."""

from unittest.mock import patch as mock_patch

import requests
from odoo.exceptions import UserError, ValidationError
from odoo.tests import HttpCase, tagged

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..controllers import attachments as controller
from .common import MailDeskCase

PNG = {"Content-Type": "image/png", "Content-Disposition": "inline; filename=\"a.png\"; filename*=UTF-8''%C3%A4.png", "ETag": '"e"'}


class FakeAnswer:
    """An answer of the connector, as `requests` has it."""

    def __init__(self, content=b"content", status=200, headers=None, broken_at=None):
        self.content = content
        self.status_code = status
        self.headers = {"Content-Length": str(len(content)), "Accept-Ranges": "bytes", **(headers or PNG)}
        self.is_closed = False
        self._broken_at = broken_at

    def iter_content(self, size):
        for start in range(0, len(self.content), size):
            if self._broken_at is not None and start >= self._broken_at:
                raise requests.ConnectionError("gone")
            yield self.content[start : start + size]

    def close(self):
        self.is_closed = True


@tagged("post_install", "-at_install")
class TestAttachments(MailDeskCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.fill()
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        parameters.set_param("maildesk.connector_secret", "secret")
        parameters.set_param("maildesk.accel", "")
        self.path = f"/maildesk/attachment/{self.account.id}/m1%3D/a-1%3D"

    def get(self, user, path=None, **headers):
        self.authenticate(user.login, user.login)
        return self.url_open(path or self.path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def answering(self, answer):
        return mock_patch.object(
            ConnectorClient, "attachment", **({"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer})
        )

    def test_attachment_passes_through(self):
        """The connector's answer, with its name, and headers that let nothing run; ids and range as they were asked."""
        with self.answering(FakeAnswer()) as asked:
            answer = self.get(self.owner, Range="bytes=0-", If_Range='"e"')
        self.assertEqual((answer.status_code, answer.content), (200, b"content"))
        self.assertEqual(answer.headers["Content-Disposition"], PNG["Content-Disposition"])
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        (method, account_id, wish), how = asked.call_args
        self.assertEqual((method, account_id, wish), ("GET", self.account.id, {"remote_id": "m1=", "attachment_id": "a-1="}))
        self.assertEqual(how, {"is_download": False, "headers": {"Range": "bytes=0-", "If-Range": '"e"'}})
        with self.answering(FakeAnswer(status=206, headers={**PNG, "Content-Range": "bytes 0-6/7"})) as asked:
            part = self.get(self.owner, f"{self.path}?download=1")
        self.assertEqual((part.status_code, part.headers["Content-Range"]), (206, "bytes 0-6/7"))
        self.assertTrue(asked.call_args[1]["is_download"])

    def test_attachment_of_another(self):
        """Nobody but owner and shared users; whoever reads another's is noted, and the connector is not asked for anybody else."""
        self.account.with_user(self.owner).shared_user_ids = self.friend
        with self.answering(FakeAnswer()) as asked:
            for user in (self.stranger, self.admin, self.employee):
                self.assertIn(self.get(user).status_code, (403, 404), user.login)
            asked.assert_not_called()
            self.assertEqual(self.get(self.friend).status_code, 200)
        opened = self.env["mailbox.audit"].search([("event", "=", "opened"), ("account_id", "=", self.account.id)])
        self.assertEqual(opened.user_id, self.friend)
        self.account._write({"state": "disconnected"})
        with self.answering(FakeAnswer()) as asked:
            self.assertEqual(self.get(self.owner).status_code, 404)
            asked.assert_not_called()

    def test_attachment_is_never_a_page(self):
        """Even if the connector said so: what may be shown is a short list here too."""
        for kind in ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "text/javascript"):
            with self.answering(FakeAnswer(headers={"Content-Type": kind, "Content-Disposition": "inline"})):
                answer = self.get(self.owner)
            self.assertEqual(
                (answer.headers["Content-Type"], answer.headers["Content-Disposition"]), ("application/octet-stream", "attachment")
            )

    def test_attachment_refused_in_words(self):
        """Codes and sentences of the connector; what lies between the two servers is not the browser's fault."""
        for error, status, code in (
            (ConnectorRefused("not_found", "Gone.", 404), 404, "not_found"),
            (ConnectorRefused("coming", "On its way.", 503, "2"), 503, "coming"),
            (ConnectorRefused("unauthorized", "Secret.", 401), 502, "unauthorized"),
            (ConnectorDown("x"), 503, "connector_down"),
        ):
            with self.answering(error):
                answer = self.get(self.owner)
            self.assertEqual((answer.status_code, answer.json()["error"]), (status, code))
        self.env["ir.config_parameter"].set_param("maildesk.connector_url", "")
        self.assertEqual(self.get(self.owner).json()["error"], "not_configured")

    def test_attachment_by_the_proxy(self):
        """With a proxy Odoo answers with a ticket and no byte of the file."""
        self.env["ir.config_parameter"].set_param("maildesk.accel", "/maildesk-content")
        with mock_patch.object(ConnectorClient, "ticket", return_value="t1cket") as asked:
            answer = self.get(self.owner, f"{self.path}?download=1")
            self.assertEqual(self.get(self.stranger).status_code, 404)
        self.assertEqual(answer.headers["X-Accel-Redirect"], "/maildesk-content/attachment?ticket=t1cket")
        self.assertEqual(answer.content, b"")
        self.assertNotIn("Content-Disposition", answer.headers)
        asked.assert_called_once_with(self.account.id, remote_id="m1=", attachment_id="a-1=", download=True)

    def test_zip(self):
        """All of a message, by its own path."""
        with self.answering(FakeAnswer(headers={"Content-Type": "application/zip", "Content-Disposition": "attachment"})) as asked:
            answer = self.get(self.owner, f"/maildesk/attachments/{self.account.id}/m1%3D.zip")
            self.assertEqual(self.get(self.stranger, f"/maildesk/attachments/{self.account.id}/m1%3D.zip").status_code, 404)
        self.assertEqual((answer.status_code, asked.call_args[0][2]), (200, {"remote_id": "m1="}))

    def test_large_ones_pass_two_at_a_time(self):
        """A third one is told to come again; when one has ended, or its client has gone, the next may pass."""
        large = b"x" * (controller.SMALL + 1)
        slots = [controller._Slot.take(self.env.cr.dbname) for _ in range(controller.SLOTS)]
        self.assertNotIn(None, slots)
        with mock_patch.object(controller, "SLOT_PATIENCE", 0.2):
            self.assertIsNone(controller._Slot.take(self.env.cr.dbname))
            busy = FakeAnswer(large)
            with self.answering(busy):
                answer = self.get(self.owner)
            self.assertEqual((answer.status_code, answer.json()["error"], answer.headers["Retry-After"]), (503, "busy", "3"))
            self.assertTrue(busy.is_closed)
            with self.answering(FakeAnswer()):
                self.assertEqual(self.get(self.owner).status_code, 200, "small ones never wait")
            slots.pop().close()
            through = FakeAnswer(large)
            with self.answering(through):
                self.assertEqual(self.get(self.owner).content, large)
        # Let go as soon as the server has sent the last byte, which the client may have before.
        again = controller._Slot.take(self.env.cr.dbname)
        self.assertIsNotNone(again, "it was let go")
        self.assertTrue(through.is_closed)
        again.close()
        again.close()
        slots.pop().close()

    def test_large_one_that_breaks_off_is_not_taken_for_whole(self):
        """The connection breaks, and the place is free again."""
        large = b"x" * (3 * controller.SMALL)
        with self.answering(FakeAnswer(large, broken_at=controller.SMALL)), self.assertRaises(requests.RequestException):
            self.get(self.owner)
        slots = [controller._Slot.take(self.env.cr.dbname) for _ in range(controller.SLOTS)]
        self.assertNotIn(None, slots)
        for slot in slots:
            slot.close()

    def test_open_item(self):
        """A mail in a mail is cleaned once more; what is none says so; nobody else opens it."""
        mine = self.messages.with_user(self.owner)
        mail = {
            "subject": "Inner",
            "from_name": "Kai",
            "body": {"html": "<p>Hi</p><script>alert(1)</script>", "attachments": [{"name": "a"}]},
        }
        with mock_patch.object(ConnectorClient, "attached_item", return_value={"message": mail}) as asked:
            found = mine.maildesk_open_item(self.account.id, "m1", "a1")
            for user in (self.stranger, self.admin):
                with self.assertRaises(UserError):
                    self.messages.with_user(user).maildesk_open_item(self.account.id, "m1", "a1")
        asked.assert_called_once_with(self.account.id, "m1", "a1")
        self.assertEqual((found["subject"], found["body"]["state"], found["body"]["attachments"]), ("Inner", "ready", [{"name": "a"}]))
        self.assertIn("Hi", found["body"]["html"])
        self.assertNotIn("script", found["body"]["html"])
        for answer, state in (
            ({"return_value": {"message": None}}, "error"),
            ({"side_effect": ConnectorRefused("coming", "x", 503)}, "coming"),
            ({"side_effect": ConnectorDown("x")}, "error"),
        ):
            with mock_patch.object(ConnectorClient, "attached_item", **answer):
                self.assertEqual(mine.maildesk_open_item(self.account.id, "m1", "a1")["body"]["state"], state)

    def test_attachment_link(self):
        """Where it leads, if that is an address of the web."""
        mine = self.messages.with_user(self.owner)
        for url, shown in (("https://contoso.example/x", "https://contoso.example/x"), ("javascript:alert(1)", ""), ("", "")):
            with mock_patch.object(ConnectorClient, "attachment_link", return_value={"link": {"url": url, "host": "h", "is_file": True}}):
                self.assertEqual(mine.maildesk_attachment_link(self.account.id, "m1", "a1")["url"], shown)
        with self.assertRaises(UserError):
            self.messages.with_user(self.stranger).maildesk_attachment_link(self.account.id, "m1", "a1")

    def test_settings_take_a_path(self):
        """The location of the proxy becomes a header: a path and nothing else."""
        settings = self.env["res.config.settings"].create({"maildesk_accel": "/maildesk-content"})
        self.assertEqual(self.env["ir.config_parameter"].get_param("maildesk.accel"), "/maildesk-content")
        for wrong in ("http://evil", "maildesk", "/a b", "/a\r\nX: y"):
            with self.assertRaises(ValidationError):
                settings.maildesk_accel = wrong
        settings.maildesk_accel = ""
        self.assertFalse(self.env["ir.config_parameter"].get_param("maildesk.accel"))
