"""The routes of the sign-in, in a browser's place: what is bound, what serves once, and what the person is told."""

from unittest.mock import patch as mock_patch
from urllib.parse import urlsplit

from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused

CONNECTED = {"outcome": "connected", "email": "box@example.com", "scopes": ["Mail.ReadWrite"], "token": {"sealed": "s", "seq": 4}}
CONTROLLER = "odoo.addons.maildesk.controllers.outlook"


@tagged("post_install", "-at_install")
class TestSignIn(HttpCase):
    def setUp(self):
        super().setUp()
        self.owner = new_test_user(self.env, "md_owner", groups="maildesk.group_user")
        self.other = new_test_user(self.env, "md_other", groups="maildesk.group_user")
        self.account = self.env["mailbox.account"].with_user(self.owner).create({"name": "Box", "email": "box@example.com"}).sudo()
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("maildesk.redirect_base", self.base_url())
        parameters.set_param("maildesk.connector_url", "http://127.0.0.1:9")
        parameters.set_param("maildesk.connector_secret", "secret")
        start = {"url": "https://login.example/authorize?x=1", "state": "state-0001"}
        self.start = self.enter(mock_patch.object(ConnectorClient, "sign_in_start", return_value=start))
        self.finish = self.enter(mock_patch.object(ConnectorClient, "sign_in_finish", return_value=CONNECTED))
        self.enter(mock_patch.object(ConnectorClient, "wake"))

    def enter(self, patcher):
        started = patcher.start()
        self.addCleanup(patcher.stop)
        return started

    def get(self, path):
        return self.url_open(path, allow_redirects=False)

    def begin(self, user=None):
        self.authenticate((user or self.owner).login, (user or self.owner).login)
        return self.get(f"/maildesk/outlook/authorize/{self.account.id}")

    def answer(self, **fields):
        """Post as Entra's page does: without Odoo's session."""
        session, self.opener.cookies = self.opener.cookies.copy(), type(self.opener.cookies)()
        try:
            return self.url_open(
                "/maildesk/outlook/callback", data={"code": "c0de", "state": "state-0001", **fields}, allow_redirects=False
            )
        finally:
            self.opener.cookies = session

    def test_signin_whole_way(self):
        """Authorize, answer, finish: connected, the token kept, no URL with a code, no session made by the callback."""
        begun = self.begin()
        self.assertEqual((begun.status_code, begun.headers["Location"]), (303, "https://login.example/authorize?x=1"))
        self.start.assert_called_once_with(self.account.id, "box@example.com", self.base_url() + "/maildesk/outlook/callback")
        answered = self.answer()
        self.assertEqual(answered.status_code, 303)
        self.assertNotIn("session_id", answered.cookies)
        self.assertNotIn("c0de", answered.headers["Location"])
        finished = self.get(urlsplit(answered.headers["Location"]).path)
        self.assertEqual((finished.status_code, urlsplit(finished.headers["Location"]).path), (303, "/odoo/maildesk"))
        self.finish.assert_called_once_with(self.account.id, "box@example.com", "state-0001", {"code": "c0de", "state": "state-0001"})
        self.account.invalidate_recordset()
        self.assertEqual((self.account.state, self.account.state_message, self.account.token_seq), ("connected", "Connected", 4))

    def test_signin_serves_once(self):
        """A state takes one answer and a handle serves once."""
        self.begin()
        path = urlsplit(self.answer().headers["Location"]).path
        self.assertEqual(self.answer().status_code, 410)
        self.assertEqual(self.get(path).status_code, 303)
        self.assertEqual(self.get(path).status_code, 410)
        self.finish.assert_called_once()

    def test_signin_query_answer(self):
        """An answer by query is taken as well."""
        self.begin()
        self.assertEqual(self.get("/maildesk/outlook/callback?code=c0de&state=state-0001").status_code, 303)

    def test_signin_other_user(self):
        """Another user does not finish it, nor spoil it for the one who began."""
        self.begin()
        path = urlsplit(self.answer().headers["Location"]).path
        self.authenticate(self.other.login, self.other.login)
        self.assertEqual(self.get(path).status_code, 403)
        self.finish.assert_not_called()

    def test_signin_other_session(self):
        """The same user in another browser does not finish it: a link sent to somebody connects nothing."""
        self.begin()
        path = urlsplit(self.answer().headers["Location"]).path
        self.authenticate(self.owner.login, self.owner.login)
        self.assertEqual(self.get(path).status_code, 403)
        self.finish.assert_not_called()

    def test_signin_expired(self):
        """After ten minutes an answer is too late."""
        self.begin()
        self.env.cr.execute("UPDATE mailbox_signin SET create_date = create_date - interval '11 minutes'")
        self.env.invalidate_all()
        page = self.answer()
        self.assertEqual(page.status_code, 410)
        self.assertIn("expired", page.text)

    def test_signin_unknown_state(self):
        """An answer that nobody waits for changes nothing."""
        self.assertEqual(self.answer(state="nobody").status_code, 410)

    def test_signin_not_mine(self):
        """A mailbox that the user does not see, or that is shared with them, or that they administer, is not theirs to authorize."""
        self.assertEqual(self.begin(self.other).status_code, 404)
        self.account.shared_user_ids = self.other
        self.assertEqual(self.begin(self.other).status_code, 404)
        self.other.group_ids += self.env.ref("maildesk.group_admin")
        self.assertEqual(self.begin(self.other).status_code, 404)
        self.start.assert_not_called()

    def test_signin_outcomes(self):
        """Each way of not being connected has its page, and nothing is written."""
        outcomes = {
            "denied": ("Access was not granted", 403),
            "admin_consent": ("organisation", 403),
            "wrong_address": ("mallory@example.com", 403),
            "expired": ("expired", 410),
            "failed": ("failed", 502),
        }
        for outcome, (words, status) in outcomes.items():
            with self.subTest(outcome=outcome):
                self.finish.return_value = {"outcome": outcome, "message": "", "address": "mallory@example.com"}
                self.begin()
                page = self.get(urlsplit(self.answer().headers["Location"]).path)
                self.assertEqual(page.status_code, status)
                self.assertIn(words, page.text)
                self.assertEqual(page.headers["Referrer-Policy"], "no-referrer")
                self.account.invalidate_recordset()
                self.assertEqual((self.account.state, self.account.token_sealed), ("draft", False))

    @mute_logger(CONTROLLER)
    def test_signin_troubles(self):
        """What is wrong with the set-up is said where the person is."""
        troubles = {
            "OAuth Not Configured": ConnectorRefused("oauth_not_configured", "OAuth Not Configured"),
            "Microsoft cannot be reached": ConnectorRefused("entra_unreachable", "…"),
            "The connector refused Odoo": ConnectorRefused("unauthorized", "…"),
            "The connector does not answer": ConnectorDown("ConnectTimeout"),
        }
        for words, error in troubles.items():
            with self.subTest(words=words):
                self.start.side_effect = error
                self.assertIn(words, self.begin().text)

    def test_signin_no_connector(self):
        """An Odoo that does not know its connector says so."""
        self.env["ir.config_parameter"].set_param("maildesk.connector_url", "")
        self.assertIn("OAuth Not Configured", self.begin().text)

    def test_signin_other_address_of_odoo(self):
        """At another address of Odoo than the registered one the person is told where to go."""
        self.env["ir.config_parameter"].set_param("maildesk.redirect_base", "https://odoo.example.com")
        page = self.begin()
        self.assertEqual(page.status_code, 409)
        self.assertIn("https://odoo.example.com", page.text)
