"""Odoo's calls to the connector (docs/protocol.md, section 2): hints, sign-in, bodies.

No worker waits long for it: a hint 200 ms, a body 3 s (0.5 s to ask for it), a sign-in step 20 s. After a failed hint none goes for 30 s
to the same run of the connector: one that was started anew is told at once.
"""

import logging
import ssl
import time
from urllib.parse import urlsplit

import requests

_logger = logging.getLogger(__name__)

# Seconds.
HINT_TIMEOUT = 0.2
HINT_PAUSE = 30.0
# Hints in a row that were answered too late before that counts as a failure: the connector has such a hint, and was busy for a moment.
SLOW_HINTS = 3
BODY_TIMEOUT = 3.0
ASK_TIMEOUT = 0.5
SIGN_IN_TIMEOUT = 20.0
# To the connection, and between two pieces of an attachment: the connector says within 2.5 s whether it comes.
ATTACHMENT_TIMEOUT = (3.0, 30.0)


class ConnectorDown(Exception):
    """The connector does not answer, or not as it should; `outcome` in a word of docs/protocol.md, `connector_check`."""

    outcome = "unreachable"


class ConnectorSlow(ConnectorDown):
    """It has the request, and did not answer in time."""


class ConnectorUntrusted(ConnectorDown):
    """Its certificate is not the one that was expected."""

    outcome = "untrusted"


class ConnectorStrange(ConnectorDown):
    """What answers is no connector."""

    outcome = "not_connector"


class ConnectorRefused(Exception):
    """The connector answered with an error: `code` and `message` of docs/protocol.md."""

    def __init__(self, code, message, status=502, retry_after=None):
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after
        super().__init__(code)


class ConnectorClient:
    """One connector, by URL and shared secret."""

    # Which run of the connector took no hint, and when (monotonic seconds), by URL; a hint lost is no harm, a worker that waits is.
    _failed: dict[str, tuple[str, float]] = {}
    # Hints in a row that were answered too late, by URL.
    _slow: dict[str, int] = {}

    def __init__(self, url, secret, database, ca=None, run=""):
        """`ca` is the path of a PEM file that the certificate is checked against; without it, what the system trusts.

        `run` names the connector's process (docs/protocol.md, `connector_exchange`): another one may answer where this one did not.
        """
        self._url = url.rstrip("/")
        self._run = run
        # A copy of the database has the secret too: the connector knows its own database by its UUID.
        self._headers = {"Authorization": f"Bearer {secret}", "X-MailDesk-Database": database or ""}
        self._verify = ca or _system_store()

    def __repr__(self):
        return f"ConnectorClient({self._url})"

    @classmethod
    def of(cls, env):
        """Return the connector that is configured, or None."""
        # sudo: system parameters are for administrators; the URL and secret stay in here
        get = env["ir.config_parameter"].sudo().get_param
        url, secret = get("maildesk.connector_url"), get("maildesk.connector_secret")
        if not (url and secret):
            return None
        return cls(url, secret, get("database.uuid"), get("maildesk.connector_ca"), env["mailbox.connector"]._current_run())

    @classmethod
    def check(cls, env):
        """Ask the connector that is configured who it is; return what happened, never raise (docs/protocol.md, `connector_check`)."""
        client = cls.of(env)
        if client is None:
            return {"outcome": "not_configured", "url": "", "instance": None, "detail": ""}
        answer = {"outcome": "ok", "url": client._shown_url(), "instance": None, "detail": ""}
        try:
            who = client._send("GET", "/ping", None, BODY_TIMEOUT)
        except ConnectorDown as error:
            return {**answer, "outcome": error.outcome, "detail": str(error)}
        except ConnectorRefused as error:
            return {**answer, "outcome": "unauthorized" if error.code == "unauthorized" else "not_connector", "detail": error.code}
        if not isinstance(who, dict) or not isinstance(who.get("instance"), str):
            return {**answer, "outcome": "not_connector"}
        return {**answer, "instance": who["instance"]}

    def wake(self, account_ids, reason, folder=None, *, is_urgent=False):
        """Send a hint; never raises. After a failure none is sent for a while, but one that is urgent."""
        run, failed_at = self._failed.get(self._url, (None, 0.0))
        if not is_urgent and run == self._run and time.monotonic() - failed_at < HINT_PAUSE:
            return
        try:
            self._post("/wake", {"accounts": list(account_ids), "reason": reason, "folder": folder}, HINT_TIMEOUT)
            self._failed.pop(self._url, None)
            self._slow.pop(self._url, None)
        except (ConnectorDown, ConnectorRefused) as error:
            if isinstance(error, ConnectorSlow):
                self._slow[self._url] = self._slow.get(self._url, 0) + 1
                if self._slow[self._url] < SLOW_HINTS:
                    return
            self._failed[self._url] = self._run, time.monotonic()
            _logger.info("the connector took no hint (%s); none is sent for %d s", type(error).__name__, HINT_PAUSE)

    def sign_in_start(self, account_id, email, redirect_uri, tenant):
        """Return {"url", "state"}."""
        asked = {"account_id": account_id, "email": email, "redirect_uri": redirect_uri, "tenant": tenant}
        return self._post("/signin/start", asked, SIGN_IN_TIMEOUT)

    def sign_in_finish(self, account_id, email, state, answer):
        """Return the outcome of a sign-in."""
        return self._post("/signin/finish", {"account_id": account_id, "email": email, "state": state, "answer": answer}, SIGN_IN_TIMEOUT)

    def body(self, account_id, remote_id):
        """Return {"state": "ready" | "coming" | "error", ...}."""
        return self._post("/content/body", {"account_id": account_id, "remote_id": remote_id}, BODY_TIMEOUT)

    def search(self, asked):
        """Return {"messages": [...], "failed": {...}}."""
        return self._post("/content/search", asked, BODY_TIMEOUT)

    def message(self, account_id, remote_id):
        """Return {"state": "ready" | "error", ...}: a message without its body."""
        return self._post("/content/message", {"account_id": account_id, "remote_id": remote_id}, BODY_TIMEOUT)

    def ticket(self, account_id, *, remote_id, attachment_id="", download=False):
        """Return a ticket for one attachment, or for all of a message, that serves once and within a minute."""
        asked = {"account_id": account_id, "remote_id": remote_id, "attachment_id": attachment_id, "download": download}
        answer = self._post("/content/ticket", asked, BODY_TIMEOUT)
        if not isinstance(answer, dict) or not isinstance(answer.get("ticket"), str):
            raise ConnectorStrange("no ticket")
        return answer["ticket"]

    def attached_item(self, account_id, remote_id, attachment_id):
        """Return {"message": the mail in an attachment, or None}."""
        return self._post("/content/item", {"account_id": account_id, "remote_id": remote_id, "attachment_id": attachment_id}, BODY_TIMEOUT)

    def attachment_link(self, account_id, remote_id, attachment_id):
        """Return {"link": where an attachment leads}."""
        return self._post("/content/link", {"account_id": account_id, "remote_id": remote_id, "attachment_id": attachment_id}, BODY_TIMEOUT)

    def attachment(self, method, account_id, wish, *, is_download, headers):
        """Return the answer of `requests`, whose body is still to be read, and which the caller closes."""
        params = {"account_id": account_id, **wish, "download": "1" if is_download else "0"}
        # Bytes as they are: a length and a range speak of these.
        headers = {**self._headers, "Accept-Encoding": "identity", **headers}
        try:
            session = requests.Session()
            session.trust_env = False
            how = {"headers": headers, "timeout": ATTACHMENT_TIMEOUT, "allow_redirects": False, "verify": self._verify, "stream": True}
            response = session.request(method, self._url + "/content/attachment", params=params, **how)
        except requests.exceptions.SSLError as error:
            raise ConnectorUntrusted(type(error).__name__) from error
        except requests.RequestException as error:
            raise ConnectorDown(type(error).__name__) from error
        except OSError as error:
            raise ConnectorUntrusted("maildesk.connector_ca cannot be read") from error
        if response.status_code in (200, 206, 304, 416):
            return response
        try:
            answer = response.json()
        except (ValueError, requests.RequestException):
            # HEAD has no body: what is in the way is told by the status.
            answer = {}
        finally:
            response.close()
        code = answer.get("error") if isinstance(answer, dict) else None
        message = answer.get("message", "") if isinstance(answer, dict) else ""
        raise ConnectorRefused(code or f"http_{response.status_code}", message, response.status_code, response.headers.get("Retry-After"))

    def ask_body(self, account_id, remote_id):
        """Have a body fetched that comes by `connector_body`; nobody waits for it."""
        return self._post("/content/body", {"account_id": account_id, "remote_id": remote_id, "patience": 0}, ASK_TIMEOUT)

    def _post(self, path, payload, timeout):
        return self._send("POST", path, payload, timeout)

    def _send(self, method, path, payload, timeout):
        try:
            # Not through the proxies of Odoo's environment: the secret is for the connector alone.
            with requests.Session() as session:
                session.trust_env = False
                how = {"headers": self._headers, "timeout": timeout, "allow_redirects": False, "verify": self._verify}
                response = session.request(method, self._url + path, json=payload, **how)
        except requests.exceptions.SSLError as error:
            raise ConnectorUntrusted(type(error).__name__) from error
        except requests.exceptions.ReadTimeout as error:
            raise ConnectorSlow(type(error).__name__) from error
        except requests.RequestException as error:
            raise ConnectorDown(type(error).__name__) from error
        except OSError as error:
            # What requests says of a CA file that is not there.
            raise ConnectorUntrusted("maildesk.connector_ca cannot be read") from error
        try:
            answer = response.json()
        except ValueError as error:
            raise ConnectorStrange(f"HTTP {response.status_code}") from error
        if response.ok:
            return answer
        code = answer.get("error") if isinstance(answer, dict) else None
        raise ConnectorRefused(
            code or f"http_{response.status_code}",
            (answer or {}).get("message", "") if isinstance(answer, dict) else "",
            response.status_code,
            response.headers.get("Retry-After"),
        )

    def _shown_url(self):
        """Return the address without what somebody may have put before the host."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _system_store():
    """Return the certificates that the system trusts; the ones that come with requests where the system has none."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True
