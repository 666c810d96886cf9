"""Sending against any history: awkward answers, faults, deaths at any await, lost files, backups of Odoo.

At every moment    Sent shows each mail that is on its way, or was sent, once; Drafts never does
After quiet        each mail went out exactly once, or it failed and never did, or it is unconfirmed and went out at most once
Nobody is asked    about a mail that Graph was never asked to send, unless the connector's file was lost, or is older than it was
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from unittest.mock import patch

import httpx
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from structlog.testing import capture_logs
from trio.testing import MockClock

from connector.graph.drafts import TAG
from connector.outbox import upload
from connector.outbox.send import Post
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.odata import GraphFault
from tests.graph_simulator.quirks import Quirks
from tests.sync import test_model as sync_model
from tests.sync.world import ACCOUNT, World, open_world

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.sync.memory_addon import MemoryMailbox

_EXAMPLES = int(os.environ.get("MAILDESK_EXAMPLES", "60"))
# Real seconds that many histories may take on a busy machine.
_PATIENCE = 600 if _EXAMPLES <= 200 else 6 * 3600
# Seconds of the test's clock after which everything is known: two doubts of five minutes, and what is tried for a quarter of an hour.
_QUIET = 3000.0
_TO = "bert@elsewhere.example"

Step = sync_model.Step
_number = st.integers(0, 1000)
_HAPPENINGS = ["run", "run", "die", "die_anywhere", "die_anywhere", "lose_call", "lose_answer", "cut", "cut_answer"]
_step = st.builds(Step, st.sampled_from(["send"] * 8 + _HAPPENINGS * 2), _number, _number)
_DISASTERS = ["lose_file", "keep_file", "restore_file", "dump", "restore"]
_disaster = st.builds(Step, st.sampled_from(["send"] * 8 + _HAPPENINGS + _DISASTERS * 2), _number, _number)
_switches = st.fixed_dictionaries(
    {
        "send_pickup": st.sampled_from([0.0, 2.0, 60.0, 120.0]),
        "send_transit": st.sampled_from([0.0, 5.0, 60.0]),
        "send_504": st.sampled_from([0, 1, 2, 3]),
        "send_202_retry": st.sampled_from([0, 1, 2]),
        "sent_id_changes": st.booleans(),
        "sent_keeps_properties": st.booleans(),
        "listed_content_id": st.booleans(),
        "ndr_recipients": st.sampled_from(["", _TO]),
    }
)


class History(sync_model.History):
    """Carries out steps."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.is_restored = False
        # The tags of mails that Graph was, or was just to be, asked to send.
        self.asked: set[str] = set()

    def watch_asking(self) -> Any:
        """Note what is asked for."""
        ask, asked = Post._ask, self.asked

        async def noted(post: Post, task: Any, *args: Any) -> Any:
            asked.add(task.action.values["tag"])
            return await ask(post, task, *args)

        return patch.object(Post, "_ask", noted)

    async def on_send(self, step: Step) -> None:
        """Let a mail be sent, some of them with a file."""
        number = len(self.world.addon.mailboxes[ACCOUNT].letters)
        files = ((number + 1, f"file {number}.txt", b"x" * (10 + step.b)),) if step.b % 3 == 0 else ()
        self.world.addon.maildesk_send(ACCOUNT, f"Letter {number} {step.a}", _TO, delay=float(step.a % 12), files=files)

    async def on_lose_call(self, step: Step) -> None:
        """Lose a call."""
        calls = ("apply", "exchange", "outcomes", "draft", "draft_made")
        self.world.lose[f"before {calls[step.a % 5]}"] = 1 + step.b % 2

    async def on_lose_answer(self, step: Step) -> None:
        """Lose an answer."""
        calls = ("apply", "exchange", "outcomes", "draft", "draft_made")
        self.world.lose[f"after {calls[step.a % 5]}"] = 1 + step.b % 2

    async def on_cut(self, step: Step) -> None:
        """Lose requests."""
        self.world.lose["before graph"] = 1 + step.a % 3

    async def on_cut_answer(self, step: Step) -> None:
        """Lose answers of Graph: what was asked for was done."""
        self.world.lose["after graph"] = 1 + step.a % 3

    async def on_restore(self, step: Step) -> None:
        """Put a backup of Odoo in place."""
        self.is_restored = self.is_restored or self.backup is not None
        await sync_model.History.on_restore(self, step)


def _watch(world: World, wrong: list[str]) -> Callable[[str, str, object], Awaitable[None]]:
    """Return what looks at Sent and Drafts after each call."""

    async def look(phase: str, method: str, request: object) -> None:
        del request
        if phase == "after":
            wrong.extend(f"after {method}: {one}" for one in _shown_wrongly(world.addon.mailboxes[ACCOUNT]))

    return look


def _shown_wrongly(box: MemoryMailbox) -> list[str]:
    roles = {f.remote_id: f.role for f in box.folders.values()}
    shown = Counter((row["subject"], roles.get(row["folder"])) for row in box.rows.values() if not row["pending"])
    found = []
    for letter in box.letters.values():
        if letter.state in {"sending", "sent", "unconfirmed"} and letter.entry is not None:
            there, in_drafts = shown[letter.subject, "sent"], shown[letter.subject, "drafts"]
            if there != 1 or in_drafts:
                found.append(f"{letter.subject} ({letter.state}): {there} times in Sent, {in_drafts} in Drafts")
    return found


async def _live_through(folder: Path, steps: list[Step], switches: dict[str, Any]) -> World:
    with capture_logs():
        async with open_world(folder, quirks=Quirks(**switches), outbox=True, bootstrap_messages=50) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            history, wrong = History(world), list[str]()
            world.addon.on_call = _watch(world, wrong)
            with history.watch_asking():
                for step in steps:
                    await history.do(step)
                    if history.is_restored:
                        # What a backup does not know shows twice until it is told again.
                        world.addon.on_call = None
                world.lose.clear()
                await world.run(_QUIET)
                await world.run(1.0)
            assert history.is_restored or not wrong, "\n".join(wrong[:5])
            _check(world)
            if not {step.kind for step in steps} & set(_DISASTERS):
                unknown = {letter.tag for letter in world.addon.mailboxes[ACCOUNT].letters.values() if letter.state == "unconfirmed"}
                assert unknown <= history.asked, "somebody was asked about a mail that was never sent"
            return world


def _check(world: World) -> None:
    box = world.addon.mailboxes[ACCOUNT]
    states = Counter(action.state for action in box.actions.values())
    assert not states["scheduled"] + states["pending"] + states["running"], states
    gone = Counter(mail["subject"] for mail in world.simulator.post.outgoing)
    assert all(count == 1 for count in gone.values()), gone
    for letter in box.letters.values():
        wanted = {"sent": {1}, "failed": {0}, "unconfirmed": {0, 1}}[letter.state]
        assert gone[letter.subject] in wanted, (letter, gone[letter.subject])
    assert not _shown_wrongly(box)


def _history(steps: list[Step], switches: dict[str, Any]) -> World:
    folder = Path(tempfile.mkdtemp(prefix="maildesk-send-"))
    try:
        return trio.run(partial(_live_through, folder, steps, switches), clock=MockClock(autojump_threshold=0))
    finally:
        shutil.rmtree(folder)


_RUN, _SEND = Step("run", 60), Step("send", 0, 0)


@pytest.mark.timeout(_PATIENCE)
@settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(_step, min_size=2, max_size=12), _switches)
def test_send_any_history_sends_once(steps: list[Step], switches: dict[str, Any]) -> None:
    """Whatever happens to the connector, each mail goes out once, and Sent shows it once at every moment."""
    _history(steps, switches)


@pytest.mark.timeout(_PATIENCE)
@settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(_disaster, min_size=3, max_size=12), _switches)
def test_send_lost_files_and_backups_send_nothing_twice(steps: list[Step], switches: dict[str, Any]) -> None:
    """A lost file of the connector, or an Odoo that was restored, sends nothing twice."""
    _history(steps, switches)


@pytest.mark.parametrize(
    "steps",
    [
        [Step("lose_answer", 1), _SEND, _RUN],
        [Step("lose_answer", 3), _SEND, _RUN],
        [Step("lose_answer", 4), _SEND, _RUN],
        [Step("lose_call", 4), _SEND, _RUN],
        *([_SEND, Step("die", n), Step("die", n)] for n in range(1, 24)),
        *([_SEND, Step("die_anywhere", 0, n), Step("die_anywhere", 0, n)] for n in range(20, 700, 20)),
    ],
    ids=repr,
)
def test_send_that_was_given_to_one_who_died_goes_out_and_nobody_is_asked(steps: list[Step]) -> None:
    """An answer that was lost, a death before or after the mail was taken: it was given before, and never sent."""
    world = _history(steps, {"send_transit": 5.0, "sent_id_changes": True})
    assert [one.state for one in world.addon.mailboxes[ACCOUNT].letters.values()] == ["sent"]


def test_send_that_odoo_gave_to_another_connector_since_is_not_asked_for(tmp_path: Path) -> None:
    """Odoo says so at the last moment; nothing is noted as asked, and where it was a mistake the mail goes later, once."""

    async def main() -> None:
        async with open_world(tmp_path, quirks=Quirks(), outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            world.addon.maildesk_send(ACCOUNT, "Letter", _TO)
            made, refused = type(world.addon).draft_made, list[str]()

            async def refuse(addon: Any, *args: Any, **more: Any) -> bool:
                if more.get("asking") is not None:
                    refused.append(more["asking"])
                    return False
                return await made(addon, *args, **more)

            with patch.object(type(world.addon), "draft_made", refuse):
                await world.run(200)
            assert refused
            assert not world.simulator.post.outgoing
            await world.run(200)
            assert [mail["subject"] for mail in world.simulator.post.outgoing] == ["Letter"]
            _check(world)

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("moment", ["draft", "draft_made", "asking"])
@pytest.mark.parametrize("pickup", [0.0, 120.0])
@pytest.mark.parametrize("is_restored", [False, True], ids=["Odoo as it is", "a backup of Odoo too"])
def test_send_with_an_older_file_goes_out_once(tmp_path: Path, moment: str, pickup: float, *, is_restored: bool) -> None:
    """The file is put back to what it was at any moment of a send, alone or with Odoo: what was sent since is not sent again."""

    async def main() -> None:
        quirks = Quirks(send_pickup=pickup, send_transit=5.0, sent_id_changes=True, resend_doubles=True)
        async with open_world(tmp_path, quirks=quirks, outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            kept: dict[str, bytes] = {}
            backups: list[Any] = []

            async def keep(phase: str, method: str, request: Any) -> None:
                said = "asking" if method == "draft_made" and request["asking"] is not None else method
                if (phase, said) == ("before", moment) and not kept:
                    kept.update(_files(tmp_path))
                    backups.append(world.addon.dump())

            world.addon.on_call = keep
            world.addon.maildesk_send(ACCOUNT, "Letter", _TO)
            world.lose["before outcomes"] = 0 if is_restored else 100
            await world.run(300 if is_restored else 2)
            assert world.simulator.post.outgoing or pickup
            world.lose.clear()
            world.addon.on_call = None
            _put_back(tmp_path, kept)
            if is_restored:
                world.addon.restore(backups[0])
            await world.run(_QUIET)
            _check(world)

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("awkward", [{"send_504": 1}, {"send_202_retry": 1}], ids=["504", "202 with Retry-After"])
@pytest.mark.parametrize("pickup", [2.0, 120.0])
def test_send_doubtful_answer_is_found_out(awkward: dict[str, Any], pickup: float) -> None:
    """A mail that went out although Graph said otherwise is found, and not sent again; nobody is asked."""
    world = _history([_SEND, _RUN], {**awkward, "send_pickup": pickup, "send_transit": 60.0, "sent_id_changes": True})
    assert [one.state for one in world.addon.mailboxes[ACCOUNT].letters.values()] == ["sent"]


def test_send_request_that_never_arrived_is_sent_again_once() -> None:
    """A draft that still stands there after five minutes, as it was left, is sent."""

    async def main() -> None:
        async with open_world(Path(tempfile.mkdtemp(prefix="maildesk-send-")), quirks=Quirks(), outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            world.addon.maildesk_send(ACCOUNT, "Letter", _TO)
            with patch.object(type(world.simulator.post), "accept", _swallow(world)):
                world.spoil = _answer_once(504, "/send")
                await world.run(60)
            world.spoil = None
            await world.run(_QUIET)
            assert [mail["subject"] for mail in world.simulator.post.outgoing] == ["Letter"]
            _check(world)

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize(("status", "code"), [(403, "ErrorAccessDenied"), (400, "ErrorInvalidRestriction")])
@pytest.mark.parametrize(("seconds", "state"), [(600, "sent"), (_QUIET, "unconfirmed")])
def test_send_look_that_is_refused_says_nothing_of_the_mail(tmp_path: Path, status: int, code: str, seconds: float, state: str) -> None:
    """A mail went out and the answer was lost; that Graph refuses to look for it does not mean that it was not sent."""

    async def main() -> None:
        async with open_world(tmp_path, quirks=Quirks(send_504=1), outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            world.addon.maildesk_send(ACCOUNT, "Letter", _TO)
            world.spoil = _refuse_looks(status, code)
            await world.run(seconds)
            world.spoil = None
            await world.run(_QUIET)
            assert [mail["subject"] for mail in world.simulator.post.outgoing] == ["Letter"]
            assert [one.state for one in world.addon.mailboxes[ACCOUNT].letters.values()] == [state]

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))


def test_send_that_is_asked_again_and_put_off_stays_doubtful(tmp_path: Path) -> None:
    """The first asking got no answer, the second 429; then the draft is gone: nobody knows, and nobody says that it failed."""

    async def main() -> None:
        async with open_world(tmp_path, quirks=Quirks(), outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            world.addon.maildesk_send(ACCOUNT, "Letter", _TO)
            with patch.object(type(world.simulator.post), "accept", _swallow(world)):
                world.spoil = _answer_once(504, "/send")
                await world.run(60)
            world.spoil = None
            with patch.object(type(world.simulator.post), "accept", _put_off):
                await world.run(400)
            for key in [key for key, one in world.truth.messages.items() if one.data["subject"] == "Letter"]:
                world.truth.lift(key)
            await world.run(_QUIET)
            assert [one.state for one in world.addon.mailboxes[ACCOUNT].letters.values()] == ["unconfirmed"]

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))


def test_send_to_oneself_takes_nothing_from_the_inbox(tmp_path: Path) -> None:
    """What was sent to oneself has our tag in the Inbox too: the entry in Sent becomes the copy in Sent, not that one."""

    async def main() -> None:
        async with open_world(tmp_path, quirks=Quirks(send_504=1, sent_id_changes=True, sent_keeps_properties=False), outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            world.addon.maildesk_send(ACCOUNT, "Letter", "anna@pier.example")
            (letter,) = world.addon.mailboxes[ACCOUNT].letters.values()
            told: list[Any] = []
            outcomes = type(world.addon).outcomes

            async def hear(addon: Any, account_id: int, ended: Any, **more: Any) -> Any:
                told.extend(ended)
                return await outcomes(addon, account_id, ended, **more)

            # Exchange keeps the property of what stays in the house.
            deliver = type(world.simulator.post)._deliver

            def keep(post: Any, mailbox: Any, mime: bytes) -> None:
                before = set(mailbox.messages)
                deliver(post, mailbox, mime)
                for new in set(mailbox.messages) - before:
                    mailbox.messages[new].tags = {TAG: letter.tag}

            with patch.object(type(world.simulator.post), "_deliver", keep), patch.object(type(world.addon), "outcomes", hear):
                await world.run(_QUIET)
            _check(world)
            inbox = set(world.truth.ids_in_folder(world.truth.folder_id("inbox")))
            assert [(one.outcome, one.draft is not UNSET and one.draft.remote_id in inbox) for one in told] == [("done", False)]

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))


def _files(folder: Path) -> dict[str, bytes]:
    """Return the connector's file as it lies there."""
    return {file.name: file.read_bytes() for file in folder.glob("state-*") if file.suffix != ".lock"}


def _put_back(folder: Path, files: dict[str, bytes]) -> None:
    for file in folder.glob("state-*"):
        file.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _refuse_looks(status: int, code: str) -> Any:
    """Answer with an error whoever looks for a mail by its tag after Graph was asked to send it."""
    asked = []

    def spoil(url: str) -> httpx.Response | None:
        asked.extend([url] if url.endswith("/send") else [])
        is_look = asked and "singleValueExtendedProperties" in url
        return httpx.Response(status, json={"error": {"code": code, "message": ""}}) if is_look else None

    return spoil


def _put_off(*_args: object, **_kwargs: object) -> NoReturn:
    raise GraphFault(429, "TooManyRequests", "")


def _answer_once(status: int, what: str) -> Any:
    lost = [1]
    return lambda url: httpx.Response(status, json={}) if url.endswith(what) and lost and lost.pop() else None


def _swallow(world: World) -> Any:
    from tests.graph_simulator.call import Answer  # noqa: PLC0415 - for this one test

    del world
    return lambda *_args, **_kwargs: Answer(202)


@pytest.mark.parametrize(
    ("switches", "to", "code"),
    [
        ({"message_cap": 5}, _TO, "ErrorMessageSizeExceeded"),
        ({}, "nonsense", "ErrorInvalidRecipients"),
        ({"send_rate": 1}, _TO, "ErrorExceededMessageLimit"),
    ],
)
def test_send_refusal_comes_back_with_its_reason(tmp_path: Path, switches: dict[str, Any], to: str, code: str) -> None:
    """What Graph refuses for good comes back to its author."""

    async def main() -> None:
        async with open_world(tmp_path, quirks=Quirks(), outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            world.simulator.quirks = replace(world.simulator.quirks, **switches)
            for number in range(2):
                world.addon.maildesk_send(ACCOUNT, f"Letter {number}", to, files=((number + 1, "a.txt", b"0123456789"),))
            await world.run(300)
            errors = [one.error for one in world.addon.mailboxes[ACCOUNT].letters.values() if one.state == "failed"]
            assert errors
            assert set(errors) == {code}

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))


def test_send_large_file_goes_in_ranges_and_is_resumed(tmp_path: Path) -> None:
    """A file over 3 MB goes by an upload session; answers that are lost on the way cost a range at most."""
    content = os.urandom(7_000_000)

    async def main() -> None:
        async with open_world(tmp_path, quirks=Quirks(), outbox=True) as world:
            world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
            await world.run(30)
            world.addon.maildesk_send(ACCOUNT, "Letter", _TO, files=((1, "large.bin", content), (2, "small.txt", b"small")))
            world.lose["after draft_piece"] = 1
            await world.run(20)
            world.lose["after graph"] = 2
            await world.run(_QUIET)
            (mail,) = world.simulator.post.outgoing
            assert sorted((one["name"], one["size"]) for one in mail["attachments"]) == [("large.bin", len(content)), ("small.txt", 5)]
            sent = next(m for m in world.truth.messages.values() if m.data["subject"] == "Letter")
            assert next(a for a in sent.attachments if a and a["name"] == "large.bin")["content"] == content
            assert max(upload.PIECE, upload.SMALL) < 4 * 2**20
            _check(world)

    with capture_logs():
        trio.run(main, clock=MockClock(autojump_threshold=0))
