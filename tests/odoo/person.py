"""A person at a browser, without the browser: logs in to Odoo, calls what the app calls, goes through Microsoft's pages."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

import httpx  # noqa: ASYNC127 - as connector/http.py says

if TYPE_CHECKING:
    from tests.odoo.server import OdooServer

__all__ = ["OdooCallError", "Person"]

_INPUT = re.compile(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


class OdooCallError(Exception):
    """Odoo answered a call with an exception; `name` is its class."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(f"{name}: {message}")


class Person:
    """One browser session in Odoo."""

    def __init__(self, server: OdooServer) -> None:
        self.url = server.url
        self.http = httpx.Client(follow_redirects=False, timeout=60)

    @classmethod
    def logged_in(cls, server: OdooServer, login: str, password: str) -> Self:
        """Log in by the form."""
        person = cls(server)
        page = person.http.get(f"{server.url}/web/login")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        if token is None:
            raise AssertionError("Odoo's login page has no form")
        answer = person.http.post(f"{server.url}/web/login", data={"csrf_token": token[1], "login": login, "password": password})
        if answer.status_code != 303:
            raise AssertionError(f"{login} cannot log in")
        return person

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method as the web client does. Raises `OdooCallError`."""
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        answer = self.http.post(
            f"{self.url}/web/dataset/call_kw/{model}/{method}", json={"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        ).json()
        if "error" in answer:
            data = answer["error"].get("data", {})
            raise OdooCallError(data.get("name", "?"), data.get("message", ""))
        return answer["result"]

    def uid(self) -> int:
        """Return the user's id."""
        answer = self.http.post(
            f"{self.url}/web/session/get_session_info", json={"jsonrpc": "2.0", "method": "call", "id": 1, "params": {}}
        )
        return int(answer.json()["result"]["uid"])

    def new_account(self, email: str, name: str | None = None) -> int:
        """Make a mailbox account, not connected yet."""
        (account_id,) = self.call("mailbox.account", "create", [{"name": name or email, "email": email}])
        return int(account_id)

    def start_sign_in(self, account_id: int) -> httpx.Response:
        """Click "Authorize Outlook": Odoo's answer (303 to Microsoft when all is well)."""
        return self.http.get(f"{self.url}/maildesk/outlook/authorize/{account_id}")

    def sign_in(self, account_id: int, address: str, *, accept: bool = True) -> httpx.Response:
        """Go through the whole sign-in as `address`; return Odoo's last answer (303 to the app when connected)."""
        started = self.start_sign_in(account_id)
        if started.status_code != 303:
            return started
        return self.finish_sign_in(started.headers["location"], address, accept=accept)

    def finish_sign_in(self, url: str, address: str, *, accept: bool = True) -> httpx.Response:
        """Pick the account, accept or cancel, and follow the form back to Odoo."""
        with httpx.Client(timeout=60) as microsoft:
            picker = microsoft.get(url)
            if picker.status_code != 200:
                raise AssertionError(f"Entra refused the sign-in: {picker.text[-300:]}")
            microsoft.post(url, data={"step": "picked", "account": address})
            page = microsoft.post(url, data={"step": "accept" if accept else "cancel", "account": address})
        action = re.search(r'action="([^"]+)"', page.text)
        if action is None:
            raise AssertionError("Entra did not send the browser back")
        fields = {name: html.unescape(value) for name, value in _INPUT.findall(page.text)}
        # A cross-site POST: the session cookie (SameSite=Lax) stays away.
        with httpx.Client(follow_redirects=False, timeout=60) as elsewhere:
            answer = elsewhere.post(html.unescape(action[1]), data=fields)
        if answer.status_code != 303:
            return answer
        return self.http.get(urljoin(self.url, answer.headers["location"]))

    def close(self) -> None:
        """Close the session's connections."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
