"""Microsoft's sign-in by way of the browser (docs/protocol.md, 2.2). Whatever goes wrong is told to the person, on a page of ours.

No URL of ours carries a code: the answer is laid down under its state, and the browser goes on with a handle that serves once, bound to
the user and to a secret in the session that began.
"""

import logging
import secrets
from urllib.parse import urlsplit

from odoo import http
from odoo.http import request
from odoo.service.model import retrying
from odoo.tools import consteq

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..models.mailbox_signin import digest

_logger = logging.getLogger(__name__)

APP_URL = "/odoo/maildesk"
CALLBACK_PATH = "/maildesk/outlook/callback"
# Where a session keeps the secret that binds a sign-in to it.
SESSION_KEY = "maildesk_signin"
# Fields of Entra's answer that are kept, and how long each may be; a code is about 1.5 kB.
ANSWER_FIELDS = ("code", "state", "error", "error_description", "error_subcode", "session_state", "client_info", "admin_consent", "tenant")
MAX_FIELD = 16_384

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class OutlookController(http.Controller):
    @http.route("/maildesk/outlook/authorize/<int:account_id>", type="http", auth="user", methods=["GET"])
    def authorize(self, account_id, **_ignored):
        """Send the browser to Microsoft."""
        account = _usable(account_id)
        if not account:
            return _page(404, request.env._("No such mailbox"), request.env._("This mailbox does not exist, or another user connected it."))
        base = request.env["mailbox.account"]._redirect_base()
        here = request.httprequest.host
        if urlsplit(base).netloc.lower() != here.lower():
            return _page(
                409,
                request.env._("Open MailDesk at its own address"),
                request.env._(
                    "Microsoft sends you back to %(base)s, but you are at %(here)s. Sign in to Odoo at %(base)s and try again, or ask your "
                    "administrator to correct the system parameter maildesk.redirect_base.",
                    base=base,
                    here=here,
                ),
            )
        client = ConnectorClient.of(request.env)
        if client is None:
            return _not_configured()
        try:
            started = client.sign_in_start(account.id, account.email, base + CALLBACK_PATH)
            url, state = started["url"], started["state"]
        except (ConnectorDown, ConnectorRefused) as error:
            return _trouble(error, account)
        except (KeyError, TypeError):
            return _trouble(ConnectorDown("unexpected answer"), account)
        binding = request.session.get(SESSION_KEY)
        if not binding:
            binding = request.session[SESSION_KEY] = secrets.token_urlsafe(32)
        # sudo: the table is nobody's; the user may use the account, as was checked
        request.env["mailbox.signin"].sudo()._begin(state, account, binding)
        return _redirect(url)

    # The answer comes as a cross-site POST, without Odoo's session: it must not make a new one either.
    @http.route(CALLBACK_PATH, type="http", auth="public", methods=["GET", "POST"], csrf=False, save_session=False)
    def callback(self, **fields):
        """Lay Microsoft's answer down and send the browser on to a page that has the session."""
        answer = {name: fields[name] for name in ANSWER_FIELDS if isinstance(fields.get(name), str) and len(fields[name]) <= MAX_FIELD}
        # sudo: public by necessity; a state that nobody waits for changes nothing
        handle = request.env["mailbox.signin"].sudo()._take_answer(answer.get("state"), answer)
        if handle is None:
            return _expired()
        return _redirect(f"/maildesk/outlook/finish/{handle}")

    @http.route("/maildesk/outlook/finish/<string:handle>", type="http", auth="user", methods=["GET"])
    def finish(self, handle, **_ignored):  # noqa: PLR0911 - each way out is a page of its own
        """Check who finishes, and let the connector redeem the answer."""
        # sudo: the table is nobody's; who may go on is checked below
        signin = request.env["mailbox.signin"].sudo()._by_handle(handle)
        if not signin:
            return _expired()
        binding = request.session.get(SESSION_KEY) or ""
        if signin.user_id != request.env.user or not consteq(signin.binding, digest(binding)):
            # The sign-in stays for the one who began it.
            return _page(
                403,
                request.env._("Begun somewhere else"),
                request.env._("This sign-in was begun by another user or in another browser. Please begin again from MailDesk."),
            )
        account = _usable(signin.account_id.id)
        state, answer = signin.state, signin.answer
        signin.unlink()
        # Committed before the connector redeems: a code serves once, so nothing after this may make Odoo run the request again.
        request.env.cr.commit()  # pylint: disable=invalid-commit
        if not account:
            return _page(404, request.env._("No such mailbox"), request.env._("This mailbox does not exist, or another user connected it."))
        client = ConnectorClient.of(request.env)
        if client is None:
            return _not_configured()
        try:
            outcome = client.sign_in_finish(account.id, account.email, state, answer)
        except (ConnectorDown, ConnectorRefused) as error:
            return _trouble(error, account)
        if not isinstance(outcome, dict) or outcome.get("outcome") != "connected":
            return _refused(outcome if isinstance(outcome, dict) else {}, account)
        # sudo: state and token are set by methods only. Retried by itself, since the heartbeat of the connector writes the same row.
        retrying(lambda: account.sudo()._signed_in(outcome), request.env)
        return _redirect(APP_URL)


# ---------------------------------------------------------------------- pages


def _usable(account_id):
    """Return the account if the user may sign in to it, which is for its owner, else an empty recordset."""
    accounts = request.env["mailbox.account"].with_context(active_test=False)
    return accounts.search([("id", "=", account_id), ("owner_id", "=", request.env.uid)])


def _redirect(url):
    response = request.redirect(url, code=303, local=url.startswith("/"))
    response.headers.update(HEADERS)
    return response


def _page(status, title, sentence, account=None):
    """Return a page that says what happened and where to go on."""
    values = {
        "title": title,
        "sentence": sentence,
        "again_url": f"/maildesk/outlook/authorize/{account.id}" if account else None,
        "app_url": APP_URL,
    }
    response = request.render("maildesk.signin_page", values)
    response.status_code = status
    response.headers.update(HEADERS)
    return response


def _expired():
    return _page(
        410,
        request.env._("This sign-in has expired"),
        request.env._("A sign-in must be finished within ten minutes, and serves once. Please begin again from MailDesk."),
    )


def _not_configured():
    return _page(
        503,
        request.env._("OAuth Not Configured"),
        request.env._("Odoo does not know the connector. An administrator enters its URL and shared secret in Settings, MailDesk."),
    )


def _trouble(error, account):
    """Tell that the connector did not do its part, and why as far as it said."""
    if isinstance(error, ConnectorDown):
        _logger.warning("sign-in: the connector does not answer (%s)", error)
        return _page(
            502,
            request.env._("The connector does not answer"),
            request.env._("Nothing was changed. Please try again in a minute, or tell your administrator."),
            account,
        )
    _logger.warning("sign-in: the connector refused (%s)", error.code)
    if error.code == "oauth_not_configured":
        # Word for word what the contract promises to users.
        return _page(
            409,
            request.env._("OAuth Not Configured"),
            request.env._(
                "The connector has no Microsoft app registration yet. An administrator fills in the section “entra” of its configuration."
            ),
        )
    if error.code == "entra_unreachable":
        return _page(
            502,
            request.env._("Microsoft cannot be reached"),
            request.env._("The connector does not reach Microsoft's sign-in. Please try again in a minute."),
            account,
        )
    if error.code == "unauthorized":
        return _page(
            502,
            request.env._("The connector refused Odoo"),
            request.env._("The shared secret in Settings, MailDesk is not the connector's. Please tell your administrator."),
        )
    return _page(
        502, request.env._("The sign-in failed"), error.message or request.env._("The connector gave no reason. Please try again."), account
    )


def _refused(outcome, account):
    """Tell why the person is not connected; the outcome's own sentence where there is one."""
    message = outcome.get("message") or ""
    match outcome.get("outcome"):
        case "denied":
            return _page(
                403,
                request.env._("Access was not granted"),
                message or request.env._("You did not let MailDesk read your mail. Nothing was changed."),
                account,
            )
        case "admin_consent":
            return _page(
                403,
                request.env._("Your organisation has to agree first"),
                message or request.env._("An administrator of Microsoft 365 must allow MailDesk."),
                account,
            )
        case "wrong_address":
            sentence = request.env._(
                "You signed in as %(address)s, but this mailbox is %(email)s. Please choose that account at Microsoft.",
                address=outcome.get("address") or request.env._("somebody else"),
                email=account.email,
            )
            return _page(403, request.env._("Another address signed in"), sentence, account)
        case "expired":
            return _expired()
        case _:
            return _page(
                502,
                request.env._("The sign-in failed"),
                message or request.env._("Microsoft did not complete the sign-in. Please try again."),
                account,
            )
