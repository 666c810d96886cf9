"""The three routes of a sign-in (docs/protocol.md, 2.2). Every ending that a person can meet is a page that says what to do."""

import logging
from urllib.parse import urlsplit

from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import request

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused

_logger = logging.getLogger(__name__)

CALLBACK = "/maildesk/outlook/callback"


class OutlookSignIn(http.Controller):
    @http.route("/maildesk/outlook/authorize/<int:account_id>", type="http", auth="user", methods=["GET"], sitemap=False)
    def authorize(self, account_id):
        """Send a user who may use the account to Microsoft."""
        account = request.env["mailbox.account"].browse(account_id)
        try:
            account.check_access("write")
            account.ensure_one().email  # noqa: B018 - a record that does not exist raises here
        except (AccessError, MissingError):
            return self._page("This is not your mailbox", "Only its owner can connect it.", status=403)
        base = self._redirect_base()
        here = urlsplit(request.httprequest.host_url)
        if (here.scheme, here.netloc) != (urlsplit(base).scheme, urlsplit(base).netloc):
            return self._page(
                "Open Odoo at its own address",
                f"Microsoft sends you back to {base}, but you are at {here.scheme}://{here.netloc}. Please open MailDesk there, or ask an administrator "
                "to check the system parameter maildesk.redirect_base.",
                account=account,
                status=409,
            )
        client = ConnectorClient.of(request.env)
        if client is None:
            return self._not_configured(account)
        try:
            started = client.sign_in_start(account.id, account.email, base + CALLBACK)
        except ConnectorDown:
            return self._down(account)
        except ConnectorRefused as refused:
            return self._refused(account, refused)
        # sudo: sign-ins under way are nobody's to read
        request.env["mailbox.signin"].sudo()._begin(account.sudo(), started["state"], request.session)
        return request.redirect(started["url"], code=303, local=False)

    @http.route(CALLBACK, type="http", auth="public", methods=["GET", "POST"], csrf=False, save_session=False, sitemap=False)
    def callback(self, **params):
        """Keep Entra's answer under its state; whoever started it goes on at the finish page."""
        # sudo: public route; it stores the answer and decides nothing
        handle = request.env["mailbox.signin"].sudo()._answered(params)
        if handle is None:
            return self._expired()
        return request.redirect(f"/maildesk/outlook/finish/{handle}", code=303)

    @http.route("/maildesk/outlook/finish/<string:handle>", type="http", auth="user", methods=["GET"], sitemap=False)
    def finish(self, handle):
        """Check user and session, let the connector redeem, note the outcome."""
        # sudo: sign-ins under way are nobody's to read; _take checks user and session
        taken = request.env["mailbox.signin"].sudo()._take(handle, request.session)
        if taken is None:
            return self._expired()
        account, state, answer = taken
        account = account.sudo(False).with_user(request.env.user)
        client = ConnectorClient.of(request.env)
        if client is None:
            return self._not_configured(account)
        try:
            account.check_access("write")
            outcome = client.sign_in_finish(account.id, account.email, state, answer)
        except (AccessError, MissingError):
            return self._page("This is not your mailbox", "Only its owner can connect it.", status=403)
        except ConnectorDown:
            return self._down(account)
        except ConnectorRefused as refused:
            return self._refused(account, refused)
        if outcome.get("outcome") == "connected":
            # sudo: states and tokens are set by methods only
            account.sudo()._signed_in(outcome)
            return request.redirect("/odoo/maildesk", code=303)
        return self._ended(account, outcome)

    # ------------------------------------------------------------------ pages

    def _ended(self, account, outcome):
        titles = {
            "denied": "Permissions were not accepted",
            "admin_consent": "An administrator has to approve MailDesk",
            "wrong_address": "Another mailbox signed in",
            "expired": "This sign-in is not valid any more",
        }
        code = outcome.get("outcome")
        message = outcome.get("message") or ""
        if code == "wrong_address" and outcome.get("address"):
            message += f" You signed in as {outcome['address']}; this account is {account.email}. Choose the right account at Microsoft, or add a mailbox for the other address."
        if account.state == "draft":
            # sudo: states are set by methods only
            account.sudo().write({"state_message": titles.get(code, "The sign-in failed")})
        return self._page(titles.get(code, "The sign-in failed"), message, account=account)

    def _expired(self):
        return self._page(
            "This sign-in is not valid any more",
            "It took longer than ten minutes, was already used, or was started in another browser or by another user. Please start it again from MailDesk.",
            status=410,
        )

    def _not_configured(self, account):
        return self._page(
            "OAuth Not Configured",
            "MailDesk does not know its connector yet. An administrator sets its URL and shared secret in Settings, MailDesk.",
            account=account,
            status=503,
        )

    def _down(self, account):
        return self._page(
            "The mail connector does not answer",
            "Nothing was changed. Please try again in a minute; if it stays so, an administrator has to check that the connector is running.",
            account=account,
            status=503,
        )

    def _refused(self, account, refused):
        match refused.code:
            case "oauth_not_configured":
                title, sentence = (
                    "OAuth Not Configured",
                    "The connector has no app registration at Microsoft yet. An administrator fills in the entra section of its configuration.",
                )
            case "entra_unreachable":
                title, sentence = "Microsoft's sign-in does not answer", refused.message or "Please try again in a minute."
            case "unauthorized":
                title, sentence = (
                    "The connector does not accept Odoo",
                    "The shared secret in Settings, MailDesk is not the connector's server.secret. An administrator has to make them equal.",
                )
            case _:
                title, sentence = "The sign-in cannot start", refused.message or "The connector gave no reason."
        _logger.warning("sign-in of account %d: %s", account.id, refused.code)
        return self._page(title, sentence, account=account, status=503)

    def _page(self, title, sentence, *, account=None, status=200):
        values = {"title": title, "sentence": sentence, "account_id": account.id if account else None}
        response = request.render("maildesk.signin_page", values, status=status)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @staticmethod
    def _redirect_base():
        """Return the base of the registered redirect URI; frozen at first use, since web.base.url moves with whoever logs in."""
        # sudo: system parameters are for administrators
        parameters = request.env["ir.config_parameter"].sudo()
        base = parameters.get_param("maildesk.redirect_base")
        if not base:
            base = parameters.get_param("web.base.url").rstrip("/")
            parameters.set_param("maildesk.redirect_base", base)
        return base.rstrip("/")
