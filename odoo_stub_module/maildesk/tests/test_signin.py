"""The routes of the sign-in, in a browser's place: what is bound, what serves once, and what the person is told."""

from unittest.mock import patch as mock_patch
from urllib.parse import urlsplit

from odoo import http
from odoo.exceptions import ValidationError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused

CONNECTED = {
    "outcome": "connected",
    "email": "box@example.com",
    "scopes": ["Mail.ReadWrite"],
    "token": {"sealed": "s", "seq": 4},
    "mailbox_id": "id-1",
    "tenant": "tid-1",
}
PAGES = "odoo.addons.maildesk.controllers.signin_pages"


@tagged("post_install", "-at_install")
class TestSignIn(HttpCase):
    def setUp(self):
        super().setUp()
        self.owner = new_test_user(self.env, "md_owner", groups="maildesk.group_user")
        self.other = new_test_user(self.env, "md_other", groups="maildesk.group_user")
        self.account = self.env["mailbox.account"].with_user(self.owner).create({"name": "Box", "email": "box@example.com"}).sudo()
        create = self.env["mailbox.account"].with_user(self.owner).create
        create({"name": "Second", "email": "second@example.com"})
        self.theirs = self.env["mailbox.account"].with_user(self.other).create({"name": "Erika", "email": "erika@example.com"}).sudo()
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

    def assert_page(self, response, kind, status, *words):
        """Check that a page is the one of its kind, tells `words`, and leaks nothing to where it leads."""
        self.assertIn(f'data-kind="{kind}"', response.text)
        self.assertEqual(response.status_code, status)
        self.assertEqual((response.headers["Referrer-Policy"], response.headers["Cache-Control"]), ("no-referrer", "no-store"))
        for word in words:
            self.assertIn(word, response.text)

    def back(self):
        """Come back from Microsoft with an answer, after having begun; return the last page."""
        self.begin()
        return self.get(urlsplit(self.answer().headers["Location"]).path)

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
        self.start.assert_called_once_with(self.account.id, "box@example.com", self.base_url() + "/maildesk/outlook/callback", None)
        answered = self.answer()
        self.assertEqual(answered.status_code, 303)
        self.assertNotIn("session_id", answered.cookies)
        self.assertNotIn("c0de", answered.headers["Location"])
        finished = self.get(urlsplit(answered.headers["Location"]).path)
        self.assertEqual((finished.status_code, urlsplit(finished.headers["Location"]).path), (303, "/odoo/maildesk"))
        self.finish.assert_called_once_with(self.account.id, "box@example.com", "state-0001", {"code": "c0de", "state": "state-0001"})
        self.account.invalidate_recordset()
        self.assertEqual((self.account.state, self.account.state_message, self.account.token_seq), ("connected", "Connected", 4))
        self.assertEqual((self.account.mailbox_id, self.account.home_tenant), ("id-1", "tid-1"))

    def test_signin_serves_once(self):
        """A state takes one answer and a handle serves once."""
        self.begin()
        path = urlsplit(self.answer().headers["Location"]).path
        self.assert_page(self.answer(), "used", 410)
        self.assertEqual(self.get(path).status_code, 303)
        self.assert_page(self.get(path), "used", 410)
        self.assertFalse(self.env["mailbox.signin"].search([]).answer, "a code is kept no longer than it is good for")
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
        self.assert_page(self.get(path), "foreign", 403)
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
        self.assert_page(self.answer(), "expired", 410)

    def test_signin_unknown_state(self):
        """An answer that nobody waits for changes nothing."""
        self.assert_page(self.answer(state="nobody"), "unknown", 410)
        self.assert_page(self.get("/maildesk/outlook/callback"), "unknown", 410)

    def test_signin_not_mine(self):
        """A mailbox that the user does not see, or that is shared with them, or that they administer, is not theirs to authorize."""
        self.assert_page(self.begin(self.other), "no_mailbox", 404)
        self.account.shared_user_ids = self.other
        self.assert_page(self.begin(self.other), "no_mailbox", 404)
        self.other.group_ids += self.env.ref("maildesk.group_admin")
        self.assert_page(self.begin(self.other), "no_mailbox", 404)
        self.start.assert_not_called()

    def test_signin_outcomes(self):
        """Each way of not being connected has a page of its own, and nothing is written."""
        again, link = f"/maildesk/outlook/authorize/{self.account.id}", "https://login.example/t/v2.0/adminconsent?client_id=1"
        outcomes = {
            "denied": (403, again, "Access was not granted", 'adminconsent?client_id=1"'),
            "admin_consent": (403, again, "Only an administrator of Microsoft 365", 'adminconsent?client_id=1"'),
            "interaction_required": (403, again, "Continue at Microsoft"),
            "blocked": (403, again, "Its rules do not let you"),
            "not_allowed": (403, "entra.allowed_domains"),
            "wrong_address": (403, again, "mallory@example.com", "box@example.com"),
            "other_mailbox": (409, f"/odoo/mailbox-accounts/{self.account.id}", "disconnect this mailbox"),
            "already_connected": (409, "Ask them to share it"),
            "expired": (410, again, "ten minutes"),
            "failed": (502, again, "entra.allowed_domains", "show your administrator"),
        }
        for kind, (status, *words) in outcomes.items():
            with self.subTest(outcome=kind):
                self.finish.return_value = {
                    "outcome": kind,
                    "message": "See entra.allowed_domains.",
                    "address": "mallory@example.com",
                    "url": link,
                }
                self.assert_page(self.back(), kind, status, *words)
                self.account.invalidate_recordset()
                self.assertEqual((self.account.state, self.account.token_sealed), ("draft", False))
                self.assertFalse(any(self.env["mailbox.signin"].search([]).mapped("answer")))
        self.finish.return_value = ["nonsense"]
        self.assert_page(self.back(), "failed", 502, "did not complete the sign-in")

    @mute_logger(PAGES)
    def test_signin_troubles(self):
        """What is wrong with the set-up is said where the person is, before Microsoft and after it."""
        again = f"/maildesk/outlook/authorize/{self.account.id}"
        troubles = {
            "not_configured": (ConnectorRefused("oauth_not_configured", "…"), 409, "OAuth Not Configured", "/maildesk/outlook/callback"),
            "entra_down": (ConnectorRefused("entra_unreachable", "…"), 502, again),
            "credentials": (ConnectorRefused("entra_credentials", "AADSTS7000222"), 502, "AADSTS7000222", "nothing that you can mend"),
            "secret": (ConnectorRefused("unauthorized", "…"), 502, "shared secret"),
            "failed": (ConnectorRefused("entra_refused", "knows no tenant 'x'"), 502, "knows no tenant", again),
            "connector_down": (ConnectorDown("ConnectTimeout"), 502, "nothing is lost"),
        }
        for kind, (error, status, *words) in troubles.items():
            with self.subTest(kind=kind):
                self.start.side_effect = error
                self.assert_page(self.begin(), kind, status, *words)
                self.start.side_effect, self.finish.side_effect = None, error
                self.assert_page(self.back(), kind, status, *words)
        self.account.invalidate_recordset()
        self.assertEqual(self.account.state, "draft")
        self.owner.group_ids += self.env.ref("base.group_system")
        self.start.side_effect = troubles["secret"][0]
        self.assert_page(self.begin(), "secret", 502, "Open Settings")

    @mute_logger(PAGES)
    def test_signin_connector_down_at_the_callback(self):
        """The person tries again where they are: Microsoft is not asked once more, and the answer still serves once."""
        self.begin()
        path = urlsplit(self.answer().headers["Location"]).path
        self.finish.side_effect = ConnectorDown("ConnectionError")
        for _ in range(2):
            self.assert_page(self.get(path), "connector_down", 502, f'href="{path}"')
        self.finish.side_effect = None
        self.assertEqual(urlsplit(self.get(path).headers["Location"]).path, "/odoo/maildesk")
        self.assert_page(self.get(path), "used", 410)

    def test_signin_finished_twice_at_once(self):
        """While one request redeems the answer, another one does not."""
        self.begin()
        path = urlsplit(self.answer().headers["Location"]).path
        self.env["mailbox.signin"].search([]).is_claimed = True
        self.env.flush_all()
        self.assert_page(self.get(path), "used", 410)
        self.finish.assert_not_called()

    def test_signin_no_connector(self):
        """An Odoo that does not know its connector says what an administrator does about it."""
        self.env["ir.config_parameter"].set_param("maildesk.connector_url", "")
        page = self.begin()
        self.assert_page(page, "not_configured", 503, "OAuth Not Configured", "Settings, MailDesk")
        self.assertNotIn("Open Settings", page.text)
        self.owner.group_ids += self.env.ref("base.group_system")
        self.assertIn("Open Settings", self.begin().text)

    def test_signin_of_a_tenant(self):
        """The account's own tenant goes to the connector; what is none is refused."""
        self.account.with_user(self.owner).tenant = "pier.example"
        self.begin()
        self.assertEqual(self.start.call_args.args[3], "pier.example")
        for wrong in ("a/b", "https://x", "-", "a b"):
            with self.assertRaises(ValidationError):
                self.account.tenant = wrong

    def test_signin_already_connected_names_what_one_may_see(self):
        """The name of a mailbox is for those who see it."""
        self.finish.return_value = {"outcome": "already_connected", "message": "", "other": self.theirs.id}
        self.assertNotIn("Erika", self.back().text)
        self.theirs.shared_user_ids = self.owner
        self.env.flush_all()
        self.assert_page(self.back(), "already_connected", 409, "Erika", "erika@example.com")

    @mute_logger("odoo.sql_db")
    def test_signin_of_one_mailbox_twice_is_refused_by_the_database(self):
        """Two that finish at the same time pass the connector; the index lets one through, and a page says why."""
        self.theirs.write({"mailbox_id": "id-1", "state": "paused"})
        self.env.flush_all()
        self.assert_page(self.back(), "refused", 409, "This Microsoft mailbox is connected already.")
        self.account.invalidate_recordset()
        self.assertEqual((self.account.state, self.account.token_sealed), ("draft", False))

    def test_signin_approval(self):
        """The administrator who followed the link is told, without a session and without a sign-in that waits."""
        approved = "/maildesk/outlook/callback?admin_consent=True&tenant=t&state=s"
        page = self.get(approved)
        self.assert_page(page, "approved", 200, "can connect their mailboxes now")
        self.assertNotIn("Back to MailDesk", page.text, "who approves need not be a user of this Odoo")
        self.assert_page(self.get(f"{approved}&error=consent_required"), "not_approved", 403)

    # ------------------------------------------------------------------ connect as the other one

    def connect_as(self, address, token=None):
        """Press the button of the page."""
        data = {"address": address, "csrf_token": token or http.Request.csrf_token(self)}
        return self.url_open(f"/maildesk/outlook/connect-as/{self.account.id}", data=data, allow_redirects=False)

    def test_connect_as(self):
        """The page offers the address that signed in; by the owner's word the mailbox becomes that one, and the sign-in begins again."""
        self.finish.return_value = {"outcome": "wrong_address", "message": "", "address": "Info@example.com"}
        self.assert_page(self.back(), "wrong_address", 403, "Connect as Info@example.com", f"/connect-as/{self.account.id}")
        answered = self.connect_as("Info@example.com")
        self.assertEqual(answered.status_code, 303, answered.text[-1500:])
        self.assertEqual(urlsplit(answered.headers["Location"]).path, f"/maildesk/outlook/authorize/{self.account.id}")
        self.account.invalidate_recordset()
        self.assertEqual((self.account.email, self.account.state), ("info@example.com", "draft"))
        self.get(f"/maildesk/outlook/authorize/{self.account.id}")
        self.assertEqual(self.start.call_args.args[1], "info@example.com")

    @mute_logger("odoo.http")
    def test_connect_as_is_for_drafts_of_the_owner(self):
        """Neither a connected mailbox, nor another user's, nor a click that somebody else made."""
        self.authenticate(self.owner.login, self.owner.login)
        self.assertEqual(self.connect_as("x@example.com", "forged").status_code, 400)
        self.assert_page(self.connect_as("no address"), "refused", 409)
        self.assert_page(self.connect_as("second@example.com"), "refused", 409, "You already have a mailbox")
        self.account.state = "reauth_required"
        self.env.flush_all()
        self.assert_page(self.connect_as("x@example.com"), "refused", 409)
        self.authenticate(self.other.login, self.other.login)
        self.assert_page(self.connect_as("x@example.com"), "no_mailbox", 404)
        self.account.invalidate_recordset()
        self.assertEqual(self.account.email, "box@example.com")

    def test_wrong_address_of_a_connected_mailbox_offers_nothing(self):
        """It stays what it is."""
        self.account.state = "reauth_required"
        self.env.flush_all()
        self.finish.return_value = {"outcome": "wrong_address", "message": "", "address": "x@example.com"}
        page = self.back()
        self.assert_page(page, "wrong_address", 403, "add another mailbox")
        self.assertNotIn("Connect as", page.text)
        self.finish.return_value = {"outcome": "wrong_address", "message": "", "address": ""}
        self.assertNotIn("Connect as", self.back().text)

    def test_wrong_address_of_a_mailbox_with_mail_offers_nothing(self):
        """One that is connected again has the mail of its own address: the page does not offer what Odoo would refuse."""
        self.env["mailbox.folder"].create({"account_id": self.account.id, "remote_id": "F", "name": "Inbox"})
        self.finish.return_value = {"outcome": "wrong_address", "message": "", "address": "x@example.com"}
        page = self.back()
        self.assert_page(page, "wrong_address", 403, "add another mailbox")
        self.assertNotIn("Connect as", page.text)

    def test_signin_of_a_disconnected_mailbox(self):
        """Nobody is sent to Microsoft for keys that would be thrown away; the page says how it is connected again."""
        self.account.state = "reauth_required"
        self.account._disconnect()
        self.env.flush_all()
        self.assert_page(self.begin(), "disconnected", 409, "Connect Again")
        self.start.assert_not_called()

    def test_signin_other_address_of_odoo(self):
        """At another address of Odoo than the registered one the person is told where to go."""
        self.env["ir.config_parameter"].set_param("maildesk.redirect_base", "https://odoo.example.com")
        page = self.begin()
        self.assert_page(page, "other_address", 409, f'href="https://odoo.example.com/maildesk/outlook/authorize/{self.account.id}"')
        self.assertNotIn("/maildesk/outlook/callback", page.text)
        self.owner.group_ids += self.env.ref("base.group_system")
        self.assert_page(self.begin(), "other_address", 409, "https://odoo.example.com/maildesk/outlook/callback")
