"""Hostile mail in the real frame: the corpus of tests/content/hostile in Chromium, by the app's own `mailDocument`, sandbox and policy.

First it is proven that the corpus is loaded: in a plain frame scripts run and requests leave. Then each case goes the whole way (cleaned,
in the mail frame), and once more raw, so that the frame alone has to hold. The page is empty: whatever is asked for comes from a mail.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from connector.content.clean import clean_html
from connector.content.text import text_to_html
from tests.content.hostile import LEAK_HOST, cases
from tests.graph_simulator.mime import to_graph
from tests.odoo.server import ADDONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

_MAILS = sorted((Path(__file__).parents[1] / "graph_simulator" / "data" / "mail").glob("*/*.eml"))

# Mails that stand in one page at the same time.
_BATCH = 40

_ORIGIN = "http://mail.test"
_PAGE = """<!DOCTYPE html><script type="importmap">{"imports": {"@web/core/browser/browser": "/browser.js"}}</script>
<script type="module">import * as mail from "/mail_document.js"; window.mail = mail;</script><body></body>"""

# Frames are made, loaded, and given the time of some animations and refreshes.
_SHOW = """
async ([mails, look]) => {
    const desk = document.createElement("div");
    document.body.append(desk);
    const texts = await Promise.all(mails.map((html) => new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.style.cssText = "width: 600px; height: 300px";
        frame.referrerPolicy = "no-referrer";
        if (look) {
            frame.setAttribute("sandbox", window.mail.MAIL_SANDBOX);
        }
        frame.srcdoc = look ? window.mail.mailDocument(html, look) : html;
        const done = () => resolve(look ? frame.contentDocument.body.innerText : "");
        frame.onload = done;
        setTimeout(done, 3000);
        desk.append(frame);
    })));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    desk.remove();
    return texts;
}
"""


class _Watch:
    """What scripts reported and which requests left, of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.ran: list[str] = []
        self.left: list[tuple[str, str]] = []
        document = ADDONS / "maildesk" / "static" / "src" / "utils" / "mail_document.js"
        self._ours = {
            f"{_ORIGIN}/": ("text/html", _PAGE),
            f"{_ORIGIN}/browser.js": ("text/javascript", "export const browser = window;"),
            f"{_ORIGIN}/mail_document.js": ("text/javascript", document.read_text()),
        }
        page.expose_function("ran", lambda: self.ran.append(page.url))
        page.route("**/*", self._judge)
        page.goto(f"{_ORIGIN}/")
        page.wait_for_function("window.mail")
        self._ours.clear()

    def _judge(self, route: Route) -> None:
        if ours := self._ours.get(route.request.url):
            route.fulfill(content_type=ours[0], body=ours[1])
        else:
            self.left.append((route.request.resource_type, route.request.url))
            route.abort()

    def show(self, mails: list[str], look: dict[str, Any] | None) -> list[str]:
        """Show mails, and return their texts."""
        texts: list[str] = []
        for at in range(0, len(mails), _BATCH):
            texts += self.page.evaluate(_SHOW, [mails[at : at + _BATCH], look])
        return texts


@pytest.fixture
def watch(browser: Browser) -> Iterator[_Watch]:
    """A page that is watched."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield _Watch(context.new_page())
    context.close()


def _cleaned() -> list[str]:
    return [clean_html(case.html).html for case in cases()]


def _raw() -> list[str]:
    return [case.html for case in cases()]


def test_hostile_corpus_is_loaded(watch: _Watch) -> None:
    """Without the walls it does run and ask: else the tests below would prove nothing."""
    watch.show([html for html in _raw() if "refresh" not in html.lower()], None)
    assert len(watch.ran) > 50
    assert len({url for _, url in watch.left if LEAK_HOST in url}) > 50


@pytest.mark.timeout(300)
@pytest.mark.parametrize("paper", ["white", "dark", "inverted"])
def test_hostile_mail_runs_nothing_and_asks_nobody(watch: _Watch, paper: str) -> None:
    """Cleaned and in the frame: no script, no request."""
    watch.show(_cleaned(), {"paper": paper, "quoteLabel": "Quoted"})
    assert (watch.ran, watch.left, watch.page.url) == ([], [], f"{_ORIGIN}/")


@pytest.mark.timeout(300)
def test_hostile_mail_that_nobody_cleaned_is_held_by_the_frame(watch: _Watch) -> None:
    """The frame alone holds as well."""
    watch.show(_raw(), {"quoteLabel": "Quoted"})
    assert (watch.ran, watch.left, watch.page.url) == ([], [], f"{_ORIGIN}/")


@pytest.mark.timeout(300)
def test_hostile_mail_with_pictures_asks_for_pictures_only(watch: _Watch) -> None:
    """What the person asked for is loaded, by https, and nothing else; of this origin nothing at all."""
    watch.show(_cleaned(), {"hasPictures": True})
    assert watch.ran == []
    assert {kind for kind, _ in watch.left} == {"image"}
    assert {urlsplit(url).scheme for _, url in watch.left} == {"https"}
    assert f"https://{LEAK_HOST}/1.png" in {url for _, url in watch.left}
    watch.show(_raw(), {"hasPictures": True})
    assert watch.ran == []
    # Chromium calls what CSS names of an SVG (clip-path, marker) another thing than a picture; the policy does not.
    assert {kind for kind, _ in watch.left} <= {"image", "other"}
    assert {urlsplit(url).scheme for _, url in watch.left} == {"https"}


def test_real_mail_can_be_read_in_the_frame(watch: _Watch) -> None:
    """All 78: there is text where the mail has some, and nobody is asked."""
    bodies = [to_graph(path.read_bytes())[0]["body"] for path in _MAILS]
    shown = [clean_html(body["content"] if body["contentType"] == "html" else text_to_html(body["content"])).html for body in bodies]
    texts = watch.show(shown, {"paper": "white", "quoteLabel": "Quoted"})
    assert len(texts) == 78
    assert [path.name for path, text, body in zip(_MAILS, texts, bodies, strict=True) if body["content"].strip() and not text.strip()] == []
    assert watch.left == []
