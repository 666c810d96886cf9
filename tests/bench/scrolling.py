"""Frames while the list is scrolled in Chromium, beside those of a page that does nothing but show as many rows in a window of a list."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.desk import SENDERS, SUBJECTS, Desk
from tests.odoo.browser import open_browser
from tests.odoo.person import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.bench.figures import Figures
    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins

__all__ = ["bench_scrolling"]

MESSAGES = 20_000

# Seconds of turning the wheel, and times that app and reference take turns.
SECONDS = 5.0
ROUNDS = 2

# Pixels of a notch of the wheel, and seconds between two.
_NOTCH, _PAUSE = 120, 0.016

# Milliseconds of a frame at 60 a second; one that takes half as long again has let another drop.
_FRAME = 1000 / 60

_SCROLLER = ".o-maildesk-rows"

_RECORD = """() => {
    window.frames_ = [];
    let last = null;
    const step = (now) => {
        if (last !== null) { window.frames_.push(now - last); }
        last = now;
        window.frameStep_ = requestAnimationFrame(step);
    };
    window.frameStep_ = requestAnimationFrame(step);
}"""
_STOP = "() => { cancelAnimationFrame(window.frameStep_); return window.frames_; }"

# Rows of text at fixed places, made anew for each window: no framework, no dates, no state.
_REFERENCE = """({ count, width, height, rowHeight, senders, subjects }) => {
    document.body.innerHTML = '<div class="rows"><div class="canvas"></div></div>';
    document.body.style.margin = "0";
    const scroller = document.querySelector(".rows");
    const canvas = document.querySelector(".canvas");
    scroller.style.cssText = `width: ${width}px; height: ${height}px; overflow-y: auto`;
    canvas.style.cssText = `position: relative; height: ${count * rowHeight}px`;
    const draw = () => {
        const first = Math.max(0, Math.floor(scroller.scrollTop / rowHeight) - 10);
        const last = Math.min(count, first + Math.ceil(height / rowHeight) + 20);
        const rows = [];
        for (let n = first; n < last; n++) {
            const row = document.createElement("div");
            row.style.cssText = `position: absolute; top: ${n * rowHeight}px; height: ${rowHeight}px; width: 100%; overflow: hidden`;
            const texts = [senders[n % senders.length], `${subjects[n % subjects.length]} ${n}`, `Please find the plan, message ${n}`];
            for (const text of texts) {
                const line = document.createElement("div");
                line.style.cssText = "white-space: nowrap; overflow: hidden; text-overflow: ellipsis";
                line.textContent = text;
                row.append(line);
            }
            rows.push(row);
        }
        canvas.replaceChildren(...rows);
    };
    scroller.addEventListener("scroll", draw);
    draw();
}"""


@dataclass(frozen=True, slots=True)
class Frames:
    """Milliseconds of frames, in short."""

    median: float
    p95: float
    dropped: float

    @classmethod
    def of(cls, deltas: list[float]) -> Frames:
        """Sum up; `dropped` is the share of all frames there was time for, in percent."""
        ordered = sorted(deltas)
        missed = sum(round(delta / _FRAME) - 1 for delta in deltas if delta > 1.5 * _FRAME)
        return cls(statistics.median(ordered), ordered[int(len(ordered) * 0.95)], 100 * missed / (len(deltas) + missed))


def bench_scrolling(figures: Figures, odoo: OdooServer, logins: Logins) -> None:
    """Scroll both lists, in turns."""
    desk = Desk(odoo)
    with Person.logged_in(odoo, logins.user, logins.user_password) as person:
        mailbox = desk.mailbox(person, "anna@pier.example", "Work Outlook")
    desk.fill(mailbox, "inbox", MESSAGES)
    ours: list[float] = []
    reference: list[float] = []
    rows = 0
    with open_browser() as browser:
        app = _open_app(browser, odoo, logins)
        page = _open_reference(browser, app)
        for _ in range(ROUNDS):
            ours += _scroll(app, _SCROLLER)
            reference += _scroll(page, ".rows")
        rows = int(app.locator(_SCROLLER).evaluate("el => el.scrollTop")) // _row_height(app)
    mine, plain = Frames.of(ours), Frames.of(reference)
    note = f"{MESSAGES:,} messages, {ROUNDS} x {SECONDS:g} s of wheel, to row {rows:,}"
    name = "a plain page of as many rows"
    for what, unit, a, b, target, is_met in (
        ("frame while scrolling, median", "ms", mine.median, plain.median, "x 1.5", mine.median <= 1.5 * plain.median),
        ("frame while scrolling, p95", "ms", mine.p95, plain.p95, "33, or x 2", mine.p95 <= max(2 * _FRAME + 1, 2 * plain.p95)),
        ("frames dropped while scrolling", "%", mine.dropped, plain.dropped, "5, or x 2", mine.dropped <= max(5, 2 * plain.dropped)),
    ):
        figures.add(what, unit, a, target, met=is_met, peer=b, peer_name=name, note=note)


def _open_app(browser: Browser, odoo: OdooServer, logins: Logins) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=odoo.url).new_page()
    page.goto("/web/login")
    page.fill("input[name=login]", logins.user)
    page.fill("input[name=password]", logins.user_password)
    page.click("button[type=submit]")
    page.wait_for_selector(".o_main_navbar")
    page.goto("/odoo/maildesk")
    page.locator(".o-maildesk-row").first.wait_for()
    return page


def _row_height(app: Page) -> int:
    return int(app.locator(".o-maildesk-row").first.evaluate("el => el.getBoundingClientRect().height"))


def _open_reference(browser: Browser, app: Page) -> Page:
    """Open the reference page, of the size of the app's list."""
    box = app.locator(_SCROLLER).bounding_box()
    assert box is not None
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    size = {"width": box["width"], "height": box["height"], "rowHeight": _row_height(app)}
    page.evaluate(_REFERENCE, {"count": MESSAGES, "senders": list(SENDERS), "subjects": list(SUBJECTS), **size})
    return page


def _scroll(page: Page, selector: str) -> list[float]:
    """Turn the wheel over a list for some seconds; return the milliseconds from frame to frame meanwhile."""
    page.bring_to_front()
    box = page.locator(selector).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(300)
    page.evaluate(_RECORD)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        page.mouse.wheel(0, _NOTCH)
        time.sleep(_PAUSE)
    deltas: list[float] = page.evaluate(_STOP)
    return deltas
