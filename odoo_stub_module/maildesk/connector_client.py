"""Odoo's calls to the connector (docs/protocol.md, section 2): hints, sign-in, bodies.

No worker waits long for it: a hint 200 ms, a body 3 s, a sign-in step 20 s. After a failed hint none is sent for 30 s.
"""

import logging
import time

import requests

_logger = logging.getLogger(__name__)

# Seconds.
HINT_TIMEOUT = 0.2
HINT_PAUSE = 30.0
BODY_TIMEOUT = 3.0
SIGN_IN_TIMEOUT = 20.0


class ConnectorDown(Exception):
    """The connector does not answer, or not as it should."""


class ConnectorRefused(Exception):
    """The connector answered with an error: `code` and `message` of docs/protocol.md."""

    def __init__(self, code, message):
        self.code = code
        self.message = message
        super().__init__(code)


class ConnectorClient:
    """One connector, by URL and shared secret."""

    # When the last hint failed, by URL (monotonic seconds); a hint lost is no harm, a worker that waits is.
    _failed_at: dict[str, float] = {}

    def __init__(self, url, secret):
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}"}

    def __repr__(self):
        return f"ConnectorClient({self._url})"

    @classmethod
    def of(cls, env):
        """Return the connector that is configured, or None."""
        # sudo: system parameters are for administrators; the URL and secret stay in here
        get = env["ir.config_parameter"].sudo().get_param
        url, secret = get("maildesk.connector_url"), get("maildesk.connector_secret")
        return cls(url, secret) if url and secret else None

    def wake(self, account_ids, reason, folder=None):
        """Send a hint; never raises."""
        failed = self._failed_at.get(self._url)
        if failed is not None and time.monotonic() - failed < HINT_PAUSE:
            return
        try:
            self._post("/wake", {"accounts": list(account_ids), "reason": reason, "folder": folder}, HINT_TIMEOUT)
            self._failed_at.pop(self._url, None)
        except (ConnectorDown, ConnectorRefused) as error:
            self._failed_at[self._url] = time.monotonic()
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

    def _post(self, path, payload, timeout):
        try:
            response = requests.post(self._url + path, json=payload, headers=self._headers, timeout=timeout, allow_redirects=False)
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            raise ConnectorDown(type(error).__name__) from error
        if response.ok:
            return answer
        code = answer.get("error") if isinstance(answer, dict) else None
        raise ConnectorRefused(
            code or f"http_{response.status_code}", (answer or {}).get("message", "") if isinstance(answer, dict) else ""
        )
