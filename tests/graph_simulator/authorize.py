"""Entra's pages: what a person goes through between the app and its answer.

    authorize     account picker -> one more proof, where a policy wants it and the request asked for it -> consent (Cancel | Accept)
                  -> form_post or query to the redirect URI
    adminconsent  account picker -> consent for the organisation (Cancel | Accept) -> query to the redirect URI

What ends on a page of Entra's own (a redirect URI that is not registered, a block) never comes back to the app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from tests.graph_simulator import pages
from tests.graph_simulator.entra import claims_in
from tests.graph_simulator.policies import Policy

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World

__all__ = ["EntraPages"]

_DECLINED = {
    "error": "access_denied",
    "error_description": "AADSTS65004: User declined to consent to access the app.",
    "error_subcode": "cancel",
}
_NOT_APPROVED = {"error": "access_denied", "error_description": "AADSTS90094: The grant requires admin permission."}
_BLOCKED = (
    "AADSTS53003: You cannot access this right now. Your sign-in was successful but does not meet the criteria to access this resource."
)
_NOT_PERSONAL = "You can't sign in here with a personal account. Use your work or school account instead."


class EntraPages:
    """The pages of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def authorize(self, request: Request) -> Response:
        """The account picker; after a choice the consent page; after that the answer to the redirect URI."""
        params = {k: str(v) for k, v in request.query_params.items()}
        problem = self._wrong(params)
        if problem is not None:
            return HTMLResponse(pages.trouble(problem), 400)
        if request.method == "GET":
            return self._picker(params)
        form = await _form(request)
        mailbox = self._world.mailboxes.get(form.get("account", ""))
        if form.get("step") == "cancel":
            return _answer(params, _DECLINED)
        if mailbox is None:
            return self._picker(params, "This account does not exist. Enter a different account.")
        if (refused := self._refused(request.path_params["tenant"], mailbox, params)) is not None:
            return refused
        return self._step(form.get("step", ""), mailbox, params)

    def _step(self, step: str, mailbox: Mailbox, params: dict[str, str]) -> Response:
        """Answer a step of an account that may sign in."""
        policies = self._world.entra.policies
        is_picked = step == "proved" or (step == "picked" and not self._asks_for_proof(mailbox.address, params))
        if step == "picked" and not is_picked:
            return HTMLResponse(pages.proof(mailbox.address))
        if step == "no_approval":
            return _answer(params, _NOT_APPROVED)
        if policies.wants_approval(mailbox):
            return HTMLResponse(pages.approval(mailbox.address))
        # Nobody is asked for what the administrator gave.
        if step == "accept" or (is_picked and mailbox.tid in policies.approved):
            return _answer(params, self._world.entra.new_code(mailbox.address, params))
        return HTMLResponse(pages.consent(mailbox.address, params["scope"].split())) if is_picked else self._picker(params)

    async def admin_consent(self, request: Request) -> Response:
        """`/{tenant}/v2.0/adminconsent`: an administrator approves the app for an organisation (v2-admin-consent)."""
        params = {k: str(v) for k, v in request.query_params.items()}
        tenant, policies = request.path_params["tenant"], self._world.entra.policies
        problem = self._wrong({"response_type": "code", **params})
        if problem is None and not policies.knows(tenant):
            problem = f"AADSTS90002: Tenant '{tenant}' not found."
        if problem is not None:
            return HTMLResponse(pages.trouble(problem), 400)
        form = await _form(request)
        mailbox = self._world.mailboxes.get(form.get("account", ""))
        if mailbox is None:
            return self._picker(params)
        if mailbox.personal:
            return self._picker(params, _NOT_PERSONAL)
        if (refused := self._refused(tenant, mailbox, params)) is not None:
            return refused
        if form.get("step") == "picked":
            return HTMLResponse(pages.consent(mailbox.address, params["scope"].split(), is_for_all=True))
        answer = {"admin_consent": "True", "tenant": mailbox.tid, "state": params.get("state", "")}
        if form.get("step") == "accept":
            policies.approved.add(mailbox.tid)
            answer["scope"] = params["scope"]
        else:
            answer |= {"error": "consent_required", "error_description": "AADSTS65004: The resource owner denied the request."}
        return RedirectResponse(f"{params['redirect_uri']}?{urlencode(answer)}", status_code=302)

    def _refused(self, tenant: str, mailbox: Mailbox, params: dict[str, str]) -> Response | None:
        """Return the page for an account that cannot sign in here, or None."""
        policies = self._world.entra.policies
        if (problem := policies.problem_in(tenant, mailbox)) is not None:
            return HTMLResponse(pages.trouble(problem)) if problem.startswith("AADSTS") else self._picker(params, problem)
        return HTMLResponse(pages.trouble(_BLOCKED)) if policies.is_blocked(mailbox.address) else None

    def _picker(self, params: dict[str, str], problem: str = "") -> Response:
        names = {address: mailbox.name for address, mailbox in self._world.mailboxes.items()}
        return HTMLResponse(pages.picker(names, params.get("login_hint", ""), problem))

    def _asks_for_proof(self, address: str, params: dict[str, str]) -> bool:
        """Tell whether this request brings the claims that the account's policy wants: then the person is asked to prove them."""
        policies = self._world.entra.policies
        wanted = policies.of.get(address, Policy()).claims
        return wanted is not None and policies.unproved(address, claims_in(params) or {}) is None

    def _wrong(self, params: dict[str, str]) -> str | None:
        """Return what is wrong with a request, so that it never comes back to the app."""
        entra, redirect = self._world.entra, params.get("redirect_uri", "")
        parts = urlsplit(redirect)
        is_loopback = parts.hostname in {"localhost", "127.0.0.1"}
        known = redirect in entra.redirect_uris if entra.redirect_uris else is_loopback and parts.path == "/maildesk/outlook/callback"
        checks = (
            (
                params.get("client_id") == entra.app.client_id,
                f"AADSTS700016: Application with identifier '{params.get('client_id')}' was not found in the directory.",
            ),
            (known, f"AADSTS50011: The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured."),
            (params.get("response_type") == "code", "AADSTS700054: response_type is not enabled for the application."),
            (params.get("response_mode", "query") in {"query", "form_post"}, "AADSTS900144: response_mode is not supported."),
            (params.get("scope"), "AADSTS900144: The request must contain the following parameter: 'scope'."),
            (claims_in(params) is not None, "AADSTS90013: Invalid input received from the user: claims is no JSON."),
        )
        return next((problem for is_right, problem in checks if not is_right), None)


async def _form(request: Request) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}


def _answer(params: dict[str, str], answer: dict[str, str]) -> Response:
    """Send the browser back, by an auto-submitting form or by the query."""
    if "state" in params:
        answer = answer | {"state": params["state"]}
    redirect = params["redirect_uri"]
    if params.get("response_mode", "query") == "query":
        return RedirectResponse(f"{redirect}?{urlencode(answer)}", status_code=302)
    return HTMLResponse(pages.form_post(redirect, answer))
