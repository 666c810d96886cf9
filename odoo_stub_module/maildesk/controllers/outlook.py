"""Microsoft's sign-in by way of the browser (docs/protocol.md, 2.2). Whatever goes wrong is told to the person, on a page of ours.

No URL of ours carries a code: the answer is laid down under its state, and the browser goes on with a handle that serves once, bound to
the user and to a secret in the session that began.
"""

import secrets
from urllib.parse import urlsplit

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request
from odoo.service.model import retrying
from odoo.tools import consteq

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..models.mailbox_signin import digest
from . import signin_endings as endings
from . import signin_pages as pages

CALLBACK_PATH = "/maildesk/outlook/callback"
# Where a session keeps the secret that binds a sign-in to it.
SESSION_KEY = "maildesk_signin"
# Fields of Entra's answer that are kept, and how long each may be; a code is about 1.5 kB.
ANSWER_FIELDS = (
    "code",
    "state",
    "error",
    "error_description",
    "error_subcode",
    "suberror",
    "claims",
    "session_state",
    "client_info",
    "admin_consent",
    "tenant",
)
MAX_FIELD = 16_384


class OutlookController(http.Controller):
    @http.route("/maildesk/outlook/authorize/<int:account_id>", type="http", auth="user", methods=["GET"])
    def authorize(self, account_id, **_ignored):  # noqa: PLR0911 - each way out is a page of its own
        """Send the browser to Microsoft."""
        account = _usable(account_id)
        if not account:
            return pages.no_such_mailbox()
        if account.state == "disconnected":
            # By an old link: the keys that Microsoft would give are for nobody, and the connector has no reason to let them go.
            return pages.disconnected(account)
        base = account._redirect_base()
        here = request.httprequest.host
        if urlsplit(base).netloc.lower() != here.lower():
            return pages.other_address(base, here, pages.authorize_url(account), base + CALLBACK_PATH)
        client = ConnectorClient.of(request.env)
        if client is None:
            return pages.not_configured(account._redirect_uri(), has_connector=False)
        try:
            started = client.sign_in_start(account.id, account.email, base + CALLBACK_PATH, account.tenant or None)
            url, state = started["url"], started["state"]
        except (ConnectorDown, ConnectorRefused) as error:
            return pages.trouble(error, account._redirect_uri(), pages.authorize_url(account))
        except (KeyError, TypeError):
            return pages.trouble(ConnectorDown("unexpected answer"), account._redirect_uri(), pages.authorize_url(account))
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
        if "admin_consent" in answer and "code" not in answer:
            # An administrator, at any browser, who has followed our link: nothing of ours waits for it.
            return pages.approval(answer.get("error"))
        # sudo: public by necessity; a state that nobody waits for changes nothing
        signins = request.env["mailbox.signin"].sudo()
        handle = signins._take_answer(answer.get("state"), answer)
        if handle is None:
            return pages.not_waited_for(signins._why_not(answer.get("state")))
        return _redirect(_finish_url(handle))

    @http.route("/maildesk/outlook/finish/<string:handle>", type="http", auth="user", methods=["GET"])
    def finish(self, handle, **_ignored):  # noqa: PLR0911 - each way out is a page of its own
        """Check who finishes, and let the connector redeem the answer."""
        # sudo: the table is nobody's; who may go on is checked below
        signin = request.env["mailbox.signin"].sudo()._by_handle(handle)
        if not signin:
            return pages.expired()
        binding = request.session.get(SESSION_KEY) or ""
        if signin.user_id != request.env.user or not consteq(signin.binding, digest(binding)):
            # The sign-in stays for the one who began it.
            return pages.foreign()
        account = _usable(signin.account_id.id)
        if not account:
            return pages.no_such_mailbox()
        client = ConnectorClient.of(request.env)
        if client is None:
            return pages.not_configured(account._redirect_uri(), has_connector=False)
        state, answer = signin.state, signin.answer
        if not signin._claim():
            return pages.not_waited_for("answered")
        # Committed before the connector redeems: a code serves once, so nothing after this may make Odoo run the request again.
        request.env.cr.commit()  # pylint: disable=invalid-commit
        try:
            outcome = client.sign_in_finish(account.id, account.email, state, answer)
        except ConnectorDown as error:
            # The answer is as good as before, and the connector takes it once: the same page may be asked for again.
            signin._release()
            return pages.trouble(error, account._redirect_uri(), _finish_url(handle))
        except ConnectorRefused as error:
            signin._end()
            return pages.trouble(error, account._redirect_uri(), pages.authorize_url(account))
        if not isinstance(outcome, dict) or outcome.get("outcome") != "connected":
            signin._end()
            return endings.refused(outcome if isinstance(outcome, dict) else {}, account)
        try:
            # sudo: state and token are set by methods only. Retried by itself, since the heartbeat of the connector writes the same row.
            retrying(lambda: _connect(account.sudo(), signin, outcome), request.env)
        except UserError as error:
            return endings.not_now(error)
        return _redirect(pages.APP_URL)

    @http.route("/maildesk/outlook/connect-as/<int:account_id>", type="http", auth="user", methods=["POST"])
    def connect_as(self, account_id, address="", **_ignored):
        """Let the mailbox be the one that signed in, by its owner's word, and begin again: only Microsoft's answer connects."""
        account = _usable(account_id)
        if not account:
            return pages.no_such_mailbox()
        try:
            account._connect_as(address)
        except UserError as error:
            return endings.not_now(error)
        return _redirect(pages.authorize_url(account))


def _usable(account_id):
    """Return the account if the user may sign in to it, which is for its owner, else an empty recordset."""
    accounts = request.env["mailbox.account"].with_context(active_test=False)
    return accounts.search([("id", "=", account_id), ("owner_id", "=", request.env.uid)])


def _connect(account, signin, outcome):
    """Note a finished sign-in; in one transaction, so that neither is there without the other."""
    account._signed_in(outcome)
    signin._end()


def _finish_url(handle):
    return f"/maildesk/outlook/finish/{handle}"


def _redirect(url):
    response = request.redirect(url, code=303, local=url.startswith("/"))
    response.headers.update(pages.HEADERS)
    return response
