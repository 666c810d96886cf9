"""Every ending of a sign-in that a person can meet, in Chromium: on our pages and on Microsoft's, and how it goes on from there.

Odoo is at localhost and Microsoft at 127.0.0.1, two sites; every session is as one that is older than two minutes (tests/odoo/browser.py).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import logged_in
from tests.odoo.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page, Request, Route

    from tests.e2e.conftest import Stage

pytestmark = pytest.mark.timeout(120)

APP = re.compile(r"/odoo/maildesk")
CLAIMS = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}

_numbers = count(1)


@dataclass(slots=True)
class Visit:
    """A person with a mailbox at Microsoft and an account in Odoo that is not connected yet."""

    page: Page
    stage: Stage
    person: Person
    address: str = ""
    account: int = 0
    posted: list[Request] = field(default_factory=list)

    def mailbox(self, name: str, domain: str = "pier.example", **values: Any) -> str:
        """Make a mailbox at Microsoft; return its address."""
        address = f"{name}{next(_numbers)}@{domain}"
        self.stage.simulator.ask("POST", "/mailboxes", {"address": address, "name": name, "empty": True, **values})
        return address

    def begin(self, account: int | None = None) -> None:
        """Click "Authorize Outlook": the browser is at Microsoft, or on a page of ours."""
        self.page.goto(f"/maildesk/outlook/authorize/{account or self.account}")

    def asked(self, name: str) -> str:
        """Wait until the browser is at Microsoft; return what the app's request has for `name`."""
        self.page.wait_for_url("**/oauth2/v2.0/authorize?*")
        return parse_qs(urlsplit(self.page.url).query)[name][0]

    def pick(self, address: str | None = None) -> None:
        """Choose an account in Microsoft's list."""
        self.page.locator(f'button[data-account="{address or self.address}"]').click()

    def accept(self) -> None:
        """Press Accept on Microsoft's page."""
        self.page.get_by_role("button", name="Accept").click()

    def go(self, address: str | None = None) -> None:
        """Go through all of it."""
        self.begin()
        self.pick(address)
        self.accept()

    def ends(self, kind: str, *words: str) -> Locator:
        """Check that the browser is on the page of that kind, which tells `words`; return it."""
        found = self.page.locator("main.o_maildesk_signin")
        expect(found).to_have_attribute("data-kind", kind)
        for word in words:
            expect(found).to_contain_text(word)
        assert "code=" not in self.page.url
        return found

    def click(self, name: str) -> None:
        """Follow a button or link of our page."""
        self.page.locator("main.o_maildesk_signin").locator("a, button").filter(has_text=name).click()

    def connected(self) -> None:
        """Check that the browser came to the app, and that Odoo says so."""
        self.page.wait_for_url(APP)
        assert self.shown()["state"] == "connected"

    def shown(self, account: int | None = None) -> dict[str, Any]:
        """Return the account as Odoo has it."""
        wanted = account or self.account
        (found,) = self.person.call("mailbox.account", "read", [wanted], ["state", "sync_phase", "email", "permissions"])
        return dict(found)

    def until(self, **wanted: str) -> None:
        """Wait for what happens in the connector, asking for a round each time."""
        for _ in range(40):
            if self.shown().items() >= wanted.items():
                return
            self.person.call("mailbox.account", "maildesk_refresh", [self.account])
            self.page.wait_for_timeout(250)
        raise AssertionError(f"waited 10 s for {wanted}; it is {self.shown()}")


@pytest.fixture(scope="module")
def opened(browser: Browser, stage: Stage) -> Iterator[tuple[Page, Person]]:
    """One person's browser for the module, and their session beside it."""
    login, password = stage.logins.user, stage.logins.user_password
    with logged_in(browser, stage, login, password) as page, Person.logged_in(stage.odoo, login, password) as person:
        person.call("res.users", "write", [person.uid()], {"notification_type": "inbox"})
        yield page, person


@pytest.fixture
def visit(opened: tuple[Page, Person], stage: Stage) -> Iterator[Visit]:
    """A new mailbox, at Microsoft and in Odoo; faults end with the test."""
    page, person = opened
    visit = Visit(page, stage, person)
    visit.address = visit.mailbox("anna")
    visit.account = person.new_account(visit.address)

    def note(request: Request) -> None:
        visit.posted.append(request)

    page.on("request", note)
    yield visit
    page.remove_listener("request", note)
    stage.simulator.ask("DELETE", "/faults")


@contextmanager
def _faults(stage: Stage, **faults: Any) -> Iterator[None]:
    """Let Microsoft fail in some way for a while."""
    stage.simulator.ask("POST", "/faults", faults)
    yield
    stage.simulator.ask("DELETE", "/faults")


# ---------------------------------------------------------------- the answer of Microsoft


def test_signin_connects_with_an_old_session(visit: Visit) -> None:
    """From Microsoft's site the session stays away, and nobody misses it; no URL of ours carries the code."""
    visit.go()
    visit.connected()
    (callback,) = [r for r in visit.posted if r.url.endswith("/maildesk/outlook/callback")]
    assert callback.method == "POST"
    assert "session_id" not in callback.all_headers().get("cookie", "")
    ours = [r.url for r in visit.posted if urlsplit(r.url).netloc == urlsplit(visit.stage.url).netloc]
    assert not [url for url in ours if "code=" in url or visit.address in url]
    assert visit.shown()["permissions"] == "Read, change and send"


def test_signin_cancelled(visit: Visit) -> None:
    """Cancel at Microsoft changes nothing, and the way back is one click."""
    visit.begin()
    visit.pick()
    visit.page.get_by_role("button", name="Cancel").click()
    visit.ends("denied", "Access was not granted")
    assert visit.shown()["state"] == "draft"
    visit.click("Try Again")
    visit.pick()
    visit.accept()
    visit.connected()


def test_signin_administrator_approves(visit: Visit, browser: Browser) -> None:
    """The person gets a link for the administrator, who approves in a browser of their own; then the person comes in."""
    # An organisation of its own: nobody in it is asked for consent afterwards.
    boss, visit.address = visit.mailbox("boss", "quay.example"), visit.mailbox("gerda", "quay.example")
    visit.account = visit.person.new_account(visit.address)
    with _faults(visit.stage, admin_consent=True):
        visit.begin()
        visit.pick()
        visit.page.get_by_role("button", name="Return to the application").click()
        link = visit.ends("admin_consent", "Only an administrator of Microsoft 365").locator("input#maildesk_copy").input_value()
        elsewhere = browser.new_context()
        page = elsewhere.new_page()
        page.goto(link)
        page.locator(f'button[data-account="{boss}"]').click()
        page.get_by_role("button", name="Accept").click()
        expect(page.locator("main.o_maildesk_signin")).to_have_attribute("data-kind", "approved")
        elsewhere.close()
        visit.click("Try Again")
        visit.pick()
        visit.connected()


def test_signin_one_more_proof(visit: Visit) -> None:
    """Conditional access wants more: its claims go along with the next sign-in, which asks for the proof."""
    visit.stage.simulator.ask("POST", f"/mailboxes/{visit.address}/policy", {"claims": CLAIMS})
    visit.go()
    visit.ends("interaction_required", "one more proof")
    visit.click("Continue at Microsoft")
    assert "acrs" in visit.asked("claims")
    visit.pick()
    visit.page.get_by_role("button", name="Approve").click()
    visit.accept()
    visit.connected()


def test_signin_code_expired(visit: Visit) -> None:
    """Microsoft does not take the code any more: told, and begun again."""
    with _faults(visit.stage, fail_token="invalid_grant"):
        visit.go()
        visit.ends("expired", "serves once")
    visit.click("Try Again")
    visit.pick()
    visit.accept()
    visit.connected()


def test_signin_too_late(visit: Visit) -> None:
    """After ten minutes at Microsoft nothing waits any more."""
    visit.begin()
    visit.pick()
    odoo = visit.stage.odoo
    odoo.cluster.execute(odoo.database, "UPDATE mailbox_signin SET create_date = create_date - interval '11 minutes'")
    visit.accept()
    visit.ends("expired", "within ten minutes")


def test_signin_forged_and_replayed(visit: Visit) -> None:
    """An answer to nobody's question, and the same answer a second time."""
    visit.page.goto("/maildesk/outlook/callback?code=forged&state=forged")
    expect(visit.page.locator("main.o_maildesk_signin")).to_have_attribute("data-kind", "unknown")
    visit.go()
    visit.connected()
    (callback,) = [r for r in visit.posted if r.url.endswith("/maildesk/outlook/callback")]
    fields = {k: v[0] for k, v in parse_qs(callback.post_data or "").items()}
    inputs = "".join(f'<input name="{k}" value="{v}">' for k, v in fields.items())
    # Odoo's web client would complain, were its page taken away while it is being built.
    visit.page.wait_for_selector(".o_main_navbar")
    visit.page.set_content(f'<form method="post" action="{callback.url}">{inputs}</form>')
    visit.page.evaluate("document.forms[0].submit()")
    visit.ends("used", "serves once")
    assert visit.shown()["state"] == "connected"


def test_signin_of_another_user_and_browser(visit: Visit, browser: Browser) -> None:
    """Whoever gets hold of the way back cannot go it; the one who began still can."""
    way_back: list[str] = []

    def intercept(route: Route) -> None:
        way_back.append(route.fetch(max_redirects=0).headers["location"])
        route.abort()

    visit.begin()
    visit.pick()
    visit.page.route("**/maildesk/outlook/callback", intercept)
    with visit.page.expect_event("requestfailed"):
        visit.accept()
    visit.page.unroute("**/maildesk/outlook/callback")
    stage = visit.stage
    for login, password in ((stage.logins.empty, stage.logins.empty_password), (stage.logins.user, stage.logins.user_password)):
        with logged_in(browser, stage, login, password) as other:
            other.goto(way_back[0])
            expect(other.locator("main.o_maildesk_signin")).to_have_attribute("data-kind", "foreign")
    visit.page.goto(way_back[0])
    visit.connected()


# ---------------------------------------------------------------- whose mailbox


def test_signin_connect_as_the_one_that_signed_in(visit: Visit) -> None:
    """Never another mailbox silently: by the person's word the account becomes the other one, and the sign-in begins again for it."""
    other = visit.mailbox("berta")
    visit.go(other)
    visit.ends("wrong_address", visit.address, other)
    assert visit.shown()["state"] == "draft"
    visit.click(f"Connect as {other}")
    assert visit.asked("login_hint") == other
    visit.pick(other)
    visit.accept()
    visit.connected()
    assert visit.shown()["email"] == other


def test_signin_of_one_mailbox_twice(visit: Visit) -> None:
    """By another of its addresses the same mailbox comes: told under which name it is here, and not synced twice."""
    main = visit.mailbox("carla", aliases=[f"info-{visit.address}"])
    first = visit.person.new_account(main, "The first one")
    visit.begin(first)
    visit.pick(main)
    visit.accept()
    visit.page.wait_for_url(APP)
    visit.account = visit.person.new_account(f"info-{visit.address}")
    visit.go(main)
    visit.ends("already_connected", "The first one")
    assert visit.shown()["state"] == "draft"


def test_signin_read_only(visit: Visit) -> None:
    """Less was granted than asked for: connected all the same, and the app says that it may only read."""
    with _faults(visit.stage, consent_scopes="Mail.Read,User.Read,offline_access"):
        visit.go()
        visit.connected()
    assert visit.shown()["permissions"] == "Read only"
    expect(visit.page.locator(f'.o-maildesk-account[data-account-id="{visit.account}"] .o-maildesk-readonly')).to_be_visible()


def test_signin_at_the_accounts_own_tenant(visit: Visit) -> None:
    """A tenant that is not there is told before Microsoft; the right one leads to the organisation's own sign-in."""
    visit.person.call("mailbox.account", "write", [visit.account], {"tenant": "peer.example"})
    visit.begin()
    visit.ends("failed", "knows no tenant 'peer.example'")
    visit.person.call("mailbox.account", "write", [visit.account], {"tenant": "pier.example"})
    visit.go()
    visit.connected()
    assert any("/pier.example/oauth2/v2.0/authorize" in r.url for r in visit.posted)


# ---------------------------------------------------------------- what an administrator has to mend


def test_signin_redirect_uri_mismatch(visit: Visit) -> None:
    """Microsoft shows AADSTS50011 with our address, and never comes back; Settings show the same address to register."""
    stage = visit.stage
    stage.simulator.ask("POST", "/app", {"redirect_uris": ["https://odoo.example/maildesk/outlook/callback"]})
    try:
        visit.begin()
        ours = f"{stage.url}/maildesk/outlook/callback"
        expect(visit.page.locator("main")).to_contain_text("AADSTS50011")
        expect(visit.page.locator("main")).to_contain_text(ours)
        with Person.logged_in(stage.odoo, stage.logins.admin, stage.logins.admin_password) as admin:
            settings = admin.call("res.config.settings", "create", [{}])
            (shown,) = admin.call("res.config.settings", "read", settings, ["maildesk_redirect_uri"])
        assert shown["maildesk_redirect_uri"] == ours
    finally:
        stage.simulator.ask("POST", "/app", {"redirect_uris": []})
    visit.go()
    visit.connected()


def test_signin_expired_secret(visit: Visit) -> None:
    """It is said to be an administrator's matter; the accounts that are connected are not sent to Microsoft for it."""
    visit.go()
    visit.connected()
    draft = visit.person.new_account(visit.mailbox("dora"))
    with _faults(visit.stage, fail_token="invalid_client"):
        visit.begin(draft)
        visit.pick()
        visit.accept()
        visit.ends("credentials", "nothing that you can mend", "AADSTS7000222")
        assert visit.shown(draft)["state"] == "draft"
        assert visit.shown()["state"] == "connected"


def test_signin_connector_down_and_without_an_app(visit: Visit) -> None:
    """Down at the callback: the same page goes on when it is back, Microsoft is not asked again. Without an app: OAuth Not Configured."""
    connector = visit.stage.connector
    visit.begin()
    visit.pick()
    connector.stop()
    try:
        visit.accept()
        visit.ends("connector_down", "nothing is lost")
        visit.click("Try Again")
        visit.ends("connector_down")
        connector.start()
        visit.click("Try Again")
        visit.connected()
        connector.stop()
        connector.start(has_entra=False)
        visit.account = visit.person.new_account(visit.mailbox("emil"))
        visit.begin()
        found = visit.ends("not_configured", "OAuth Not Configured", "Register an app at Microsoft Entra")
        expect(found.locator("input#maildesk_copy")).to_have_value(f"{visit.stage.url}/maildesk/outlook/callback")
    finally:
        connector.stop()
        connector.start()


def test_signin_entra_busy_and_down(visit: Visit) -> None:
    """A hiccup is waited for; what lasts is told, and neither changes an account that is connected."""
    with _faults(visit.stage, fail_token="429", fail_token_count=1):
        visit.go()
        visit.connected()
    draft = visit.person.new_account(visit.mailbox("fritz"))
    with _faults(visit.stage, fail_token="503"):
        visit.begin(draft)
        visit.pick()
        visit.accept()
        visit.ends("entra_down", "try again in a minute")
    assert visit.shown(draft)["state"] == "draft"
    assert visit.shown()["state"] == "connected"


# ---------------------------------------------------------------- again


def _lists_of(visit: Visit) -> list[dict[str, Any]]:
    """Return the requests to Graph that a bootstrap makes: plain lists, and deltas that begin without a cursor."""
    log = visit.stage.simulator.ask("GET", "/log")
    asked = [r for r in log if r["mailbox"] == visit.address and not r["path"].endswith("$batch")]
    return [r for r in asked if r["path"].endswith("/messages") or (r["path"].endswith("/messages/delta") and r["query"])]


@pytest.mark.parametrize("kind", ["revoked", "challenged"])
def test_reauthorize_is_one_click_and_goes_on(visit: Visit, kind: str) -> None:
    """Banner, one notification, one click, the same mailbox; sync goes on where it stopped, and brings what came meanwhile."""
    simulator = visit.stage.simulator
    simulator.ask("POST", f"/mailboxes/{visit.address}/deliver", _mail("Before"))
    visit.go()
    visit.connected()
    tree = visit.page.locator(f'.o-maildesk-account[data-account-id="{visit.account}"]')
    tree.locator('.o-maildesk-folder[data-role="inbox"]').click()
    rows = visit.page.locator(".o-maildesk-row")
    expect(rows.filter(has_text="Before")).to_be_visible()
    visit.until(sync_phase="up_to_date")
    notes = len(_notes(visit))
    before = len(_lists_of(visit))
    assert before

    if kind == "revoked":
        simulator.ask("POST", f"/mailboxes/{visit.address}/revoke")
    else:
        simulator.ask("POST", f"/mailboxes/{visit.address}/challenge", {"interactive": True})
    visit.until(state="reauth_required")
    simulator.ask("POST", f"/mailboxes/{visit.address}/deliver", _mail("Meanwhile"))
    banner = visit.page.locator(f'.o-maildesk-banner[data-account-id="{visit.account}"]')
    expect(banner).to_contain_text("Outlook authentication expired, please re-authorize")
    visit.person.call("mailbox.account", "maildesk_refresh", [visit.account])
    noted = _notes(visit)
    assert len(noted) == notes + 1
    assert noted[0]["needaction"]
    assert "@" not in noted[0]["body"]

    banner.get_by_role("button", name="Re-Authorize Outlook").click()
    visit.pick()
    if kind == "challenged":
        visit.page.get_by_role("button", name="Approve").click()
    visit.accept()
    visit.connected()
    tree.locator('.o-maildesk-folder[data-role="inbox"]').click()
    expect(rows.filter(has_text="Meanwhile")).to_be_visible()
    expect(banner).to_have_count(0)
    assert len(_lists_of(visit)) == before


def _notes(visit: Visit) -> list[dict[str, Any]]:
    """Return the notifications that ask the person to sign in again, newest first."""
    subject = ["subject", "=", "Outlook authentication expired, please re-authorize"]
    return list(visit.person.call("mail.message", "search_read", [subject], ["body", "needaction"], order="id desc"))


def _mail(subject: str) -> bytes:
    number = next(_numbers)
    return f"From: Kai <kai@pier.example>\nTo: Anna <anna@pier.example>\nSubject: {subject}\nMessage-ID: <{number}@x>\n\nHi\n".encode()
