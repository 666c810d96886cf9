"""What the addon in memory has beyond the contract: time, backups, a test's hand in each call; and that a call is done or not done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import OdooFault, OdooUnreachable
from connector.odoo.wire import (
    AccountReport,
    Applied,
    ApplyRequest,
    CursorReport,
    FolderUpdate,
    Refused,
    Removed,
    SealedToken,
    SetAside,
    TreeFolder,
)
from tests.sync.memory_addon import MemoryAddon

if TYPE_CHECKING:
    from connector.odoo.port import OdooPort
    from connector.odoo.wire import ApplyResult, Exchange

TREE = [TreeFolder("in", None, "Inbox", "inbox"), TreeFolder("sub", "in", "Sub", "other"), TreeFolder("junk", None, "Spam", "junk")]


@dataclass
class Bench:
    """An addon with one connected account, and a clock."""

    time: datetime = datetime(2026, 11, 23, 12, 0, 0, 900_000, tzinfo=UTC)
    addon: MemoryAddon = field(init=False)
    account: int = 0

    def __post_init__(self) -> None:
        self.addon = MemoryAddon(lambda: self.time)
        self.account = self.addon.new_account("anna@pier.example")
        self.addon.sign_in(self.account, SealedToken("one", 1))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)

    async def exchange(self, *reports: AccountReport, instance: str = "i", serial: str | None = None, since: str | None = None) -> Exchange:
        """Exchange, as the run that its instance is named after."""
        return await self.addon.exchange(instance=instance, run=f"run of {instance}", serial=serial, since=since, reports=reports)

    async def apply(self, *messages: dict[str, Any], **parts: Any) -> ApplyResult:
        """Apply changes."""
        empty: dict[str, Any] = {"tree": None, "removed": [], "gone": [], "folders": []}
        return await self.addon.apply(ApplyRequest(self.account, messages=list(messages), **(empty | parts)))


@pytest.fixture
async def bench() -> Bench:
    """Return a bench whose account has folders."""
    bench = Bench()
    assert isinstance(await bench.apply(tree=TREE), Applied)
    return bench


def mail(remote_id: str, folder: str = "in", **values: Any) -> dict[str, Any]:
    """Return enough for a row."""
    return {"remote_id": remote_id, "folder": folder, "received_at": "2026-11-22T10:00:00Z", **values}


# -------------------------------------------------------------------- a test's hand in each call


async def test_on_call_sees_every_call_and_its_request(bench: Bench) -> None:
    """Before and after; the port is whole."""
    seen: list[tuple[str, str]] = []
    fused: list[str] = []
    requests: list[object] = []

    async def on_call(phase: str, method: str, request: object) -> None:
        seen.append((phase, method))
        requests.append(request)

    async def fuse(where: str) -> None:
        fused.append(where)

    bench.addon.on_call, bench.addon.fuse = on_call, fuse
    port: OdooPort = bench.addon
    hello = await port.hello("0.1.0")
    await bench.exchange()
    await port.take_up([bench.account])
    await bench.apply(mail("m"))
    await port.compare(bench.account, "in", [])
    await port.body(bench.account, "m", {"html": "x"})
    methods = ("hello", "exchange", "take_up", "apply", "compare", "body")
    assert seen == [(phase, method) for method in methods for phase in ("before", "after")]
    assert fused == [f"{phase} {method}" for phase, method in seen]
    assert bench.addon.calls["after compare"] == 1
    applied = requests[6]
    assert isinstance(applied, ApplyRequest)
    assert applied.messages == [mail("m")]
    assert hello.now == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(("phase", "is_done"), [("before", False), ("after", True)])
async def test_on_call_loses_the_call_or_its_answer(bench: Bench, phase: str, *, is_done: bool) -> None:
    """Lost before, nothing was done; lost after, all of it was."""

    async def cut(at: str, method: str, request: object) -> None:
        if (at, method) == (phase, "apply"):
            raise OdooUnreachable("cut")

    bench.addon.on_call = cut
    with pytest.raises(OdooUnreachable):
        await bench.apply(mail("m"))
    assert ("m" in bench.addon.rows(bench.account)) is is_done


async def test_apply_killed_caller_did_nothing_or_all(bench: Bench) -> None:
    """Who is cancelled before the call did nothing; who is cancelled while the answer is on its way did all of it."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await bench.apply(mail("never"))
    with trio.CancelScope() as scope:

        async def kill(phase: str, method: str, request: object) -> None:
            if phase == "after":
                scope.cancel()
                await trio.lowlevel.checkpoint()

        bench.addon.on_call = kill
        await bench.apply(mail("done"))
    assert scope.cancelled_caught
    assert list(bench.addon.rows(bench.account)) == ["done"]


# -------------------------------------------------------------------- backups


async def test_restore_brings_everything_back(bench: Bench) -> None:
    """Rows, folders, states, what was set aside, the lease; as often as one likes, whatever happens to what was restored."""
    first = await bench.exchange()
    await bench.apply(mail("m"), mail("hidden"), removed=[Removed("in", "hidden")], folders=[FolderUpdate("in", 0, cursor="c")])
    await bench.apply(set_aside=[SetAside("bad", "in", "shape")])
    bench.addon.maildesk_refresh([bench.account])
    (before,) = await bench.addon.take_up([bench.account])
    dump = bench.addon.dump()
    for _ in range(2):
        await bench.apply(
            mail("m", subject="x"), mail("new"), gone=["hidden", "bad"], tree=TREE[:1], folders=[FolderUpdate("in", 1, cursor="d")]
        )
        await bench.exchange(AccountReport(bench.account, state="error", token=SealedToken("two", 2)), serial=first.serial)
        bench.addon.delete_account(bench.account)
        bench.addon.restore(dump)
        (after,) = await bench.addon.take_up([bench.account])
        assert msgspec.structs.replace(after, fence=before.fence) == before
        assert bench.addon.rows(bench.account)["m"]["subject"] is None
        answer = await bench.exchange(serial=first.serial)
        assert (answer.restored, answer.accounts[0].token) == (False, SealedToken("one", 1))
        assert answer.accounts[0].refresh_requested_at == "2026-11-23T12:00:00Z"


async def test_restore_older_database_is_told(bench: Bench) -> None:
    """It does not have the serial that it gave last, nor the one before."""
    serial = (await bench.exchange()).serial
    dump = bench.addon.dump()
    for _ in range(3):
        serial = (await bench.exchange(serial=serial)).serial
    bench.addon.restore(dump)
    assert (await bench.exchange(serial=serial)).restored


async def test_restore_something_else_is_refused(bench: Bench) -> None:
    """A mistake of the test's."""
    with pytest.raises(TypeError, match="not a dump"):
        bench.addon.restore({})


async def test_rows_given_out_do_not_change(bench: Bench) -> None:
    """Neither with the index, nor with what the caller sent."""
    patch = mail("m", categories=["Blue"], to_recipients={"total": 1, "list": [{"name": "Ben", "address": "ben@pier.example"}]})
    await bench.apply(patch)
    rows = bench.addon.rows(bench.account)
    patch["categories"].append("Red")
    patch["to_recipients"]["list"].clear()
    await bench.apply({"remote_id": "m", "is_read": True}, removed=[Removed("in", "m")])
    assert (rows["m"]["categories"], len(rows["m"]["to_recipients"]["list"])) == (["Blue"], 1)
    assert (rows["m"]["is_read"], rows["m"]["pending"]) == (False, False)
    assert bench.addon.rows(bench.account)["m"]["categories"] == ["Blue"]


# -------------------------------------------------------------------- time


async def test_exchange_lease_runs_out_after_a_minute(bench: Bench) -> None:
    """Not a second before, counted from its holder's last exchange; what a held one reports is not taken."""
    serial = (await bench.exchange()).serial
    bench.wait(50)
    serial = (await bench.exchange(serial=serial)).serial
    bench.wait(59)
    held = await bench.exchange(AccountReport(bench.account, backfill_done=7), instance="other")
    assert held.held is not None
    assert (held.held.instance, held.held.seen_at) == ("i", "2026-11-23T12:00:50Z")
    assert (held.accounts, bench.addon.mailboxes[bench.account].backfill_done) == ([], 0)
    bench.wait(1)
    assert (await bench.exchange(instance="other")).held is None
    assert (await bench.exchange(serial=serial)).held is not None


async def test_exchange_watermarks_overlap_by_five_minutes(bench: Bench) -> None:
    """An account comes until its change is five minutes older than the watermark."""
    since = (await bench.exchange()).watermark
    assert since == "2026-11-23T12:00:00Z"
    assert (await bench.exchange(since="2026-11-23T12:05:00Z")).accounts
    assert not (await bench.exchange(since="2026-11-23T12:05:01Z")).accounts
    bench.wait(600)
    bench.addon.configure(bench.account, state="paused")
    (account,) = (await bench.exchange(since="2026-11-23T12:10:00Z")).accounts
    assert (account.state, account.config_changed_at) == ("paused", "2026-11-23T12:10:00Z")


async def test_exchange_forgets_requests_to_refresh(bench: Bench) -> None:
    """After ten minutes; the newest one is told, and only of mailboxes that sync."""
    other = bench.addon.new_account("ben@pier.example")
    bench.addon.maildesk_refresh()
    bench.wait(5)
    bench.addon.maildesk_refresh([bench.account])
    asked = {a.id: a.refresh_requested_at for a in (await bench.exchange()).accounts}
    assert asked == {bench.account: "2026-11-23T12:00:05Z", other: None}
    bench.wait(600)
    assert (await bench.exchange()).accounts[0].refresh_requested_at == "2026-11-23T12:00:05Z"
    bench.wait(1)
    assert (await bench.exchange()).accounts[0].refresh_requested_at is None


# -------------------------------------------------------------------- accounts


async def test_exchange_account_that_is_not_connected(bench: Bench) -> None:
    """Archived ones come too; a token is told and taken only where somebody signed in."""
    draft = bench.addon.new_account("ben@pier.example")
    bench.addon.configure(bench.account, active=False)
    first, second = (await bench.exchange(AccountReport(draft, token=SealedToken("two", 2), backfill_done=3))).accounts
    assert (first.active, first.token, second.state, second.token) == (False, SealedToken("one", 1), "draft", None)
    assert bench.addon.mailboxes[draft].token is None
    assert bench.addon.mailboxes[draft].backfill_done == 3
    assert await bench.apply(mail("m")) == Refused("account")
    bench.addon.configure(bench.account, active=True, state="disconnected")
    assert (await bench.exchange()).accounts[0].token is None
    assert await bench.apply(mail("m")) == Refused("account")


async def test_exchange_newest_token_of_several_stays(bench: Bench) -> None:
    """In whatever order they come, in one call or in two."""
    reports = [AccountReport(bench.account, token=SealedToken(f"seq {seq}", seq)) for seq in (3, 5, 4)]
    answer = await bench.exchange(*reports)
    assert answer.accounts[0].token == SealedToken("seq 5", 5)
    assert (await bench.exchange(reports[0], serial=answer.serial)).accounts[0].token == SealedToken("seq 5", 5)


async def test_exchange_deleted_account_is_told_and_its_id_not_used_again(bench: Bench) -> None:
    """Its folders and rows went with it."""
    await bench.apply(mail("m"))
    bench.addon.delete_account(bench.account)
    (gone,) = (await bench.exchange(AccountReport(bench.account, state="connected"))).accounts
    assert (gone.id, gone.email, gone.state, gone.active) == (bench.account, "", "disconnected", False)
    assert await bench.addon.take_up([bench.account]) == []
    assert bench.addon.new_account("ben@pier.example") > bench.account


async def test_exchange_wrong_report_leaves_the_lease(bench: Bench) -> None:
    """One transaction: the serial of before is still good, the other reports were not taken."""
    serial = (await bench.exchange()).serial
    dump = bench.addon.dump()
    good = AccountReport(bench.account, backfill_done=1, cursors=[CursorReport("in", 0, "moved")])
    with pytest.raises(OdooFault, match="sync_phase: not one of"):
        await bench.exchange(good, AccountReport(bench.account, sync_phase="?"), serial=serial)
    assert bench.addon.dump() == dump


async def test_body_first_one_stays_while_its_message_does(bench: Bench) -> None:
    """An error is no body, and none comes for what is not here."""
    await bench.apply(mail("m"))
    for body in ({"error": "unavailable"}, {"html": "one"}, {"html": "two"}):
        await bench.addon.body(bench.account, "m", body)
        await bench.addon.body(bench.account, "nowhere", body)
    bodies = bench.addon.mailboxes[bench.account].bodies
    assert bodies == {"m": {"html": "one"}}
    await bench.apply(removed=[Removed("in", "m")], gone=["m"])
    assert bodies == {}


async def test_apply_lone_surrogate_is_refused(bench: Bench) -> None:
    """No PostgreSQL takes it."""
    with pytest.raises(OdooFault, match=r"messages\.subject: a lone surrogate"):
        await bench.apply(mail("m", subject="\ud800"))
    assert bench.addon.rows(bench.account) == {}


# -------------------------------------------------------------------- done, or not done

_id = st.sampled_from("abcde")
_folder = st.sampled_from(["in", "sub", "junk", "new"])
_patch = st.fixed_dictionaries(
    {"remote_id": _id},
    optional={
        "folder": _folder,
        "received_at": st.sampled_from(["2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"]),
        "is_read": st.sampled_from([True, False, False, True, 1]),
        "subject": st.sampled_from(["x", "y", None, "\0"]),
    },
)
_update = st.builds(FolderUpdate, _folder, st.integers(0, 3), cursor=st.sampled_from(["c", None]), told=st.integers(-1, 9))
_request = st.builds(
    ApplyRequest,
    st.just(1),
    st.none() | st.lists(st.sampled_from([*TREE, TreeFolder("new", "sub", "New", "other")]), unique_by=lambda f: f.remote_id),
    st.lists(_patch, max_size=4),
    st.lists(st.builds(Removed, _folder, _id), max_size=3),
    st.lists(_id, max_size=2),
    st.lists(_update, max_size=2),
    st.lists(st.builds(SetAside, _id, st.none() | _folder, st.just("shape")), max_size=2),
)


async def _step(bench: Bench, request: ApplyRequest) -> None:
    """Apply, and look at what may not be otherwise."""
    before = bench.addon.dump()
    try:
        answer: ApplyResult | None = await bench.addon.apply(request)
    except OdooFault:
        answer = None
    box = bench.addon.mailboxes[bench.account]
    hidden = [i for i, row in box.rows.items() if row["pending"]]
    if isinstance(answer, Applied):
        assert answer.pending == hidden
        assert answer.revisions == {u.folder: box.folders[u.folder].revision for u in request.folders}
        assert not box.unreadable.keys() & {patch["remote_id"] for patch in request.messages}
    else:
        assert bench.addon.dump() == before
    assert box.pending == hidden
    assert {row["folder"] for row in box.rows.values()} <= box.folders.keys()
    assert all(folder.active or name in {row["folder"] for row in box.rows.values()} for name, folder in box.folders.items())
    assert all(folder.parent is None or folder.parent in box.folders for folder in box.folders.values())
    numbers = [row["id"] for row in box.rows.values()]
    assert numbers == sorted(set(numbers))


@settings(max_examples=200, deadline=None)
@given(st.lists(_request, min_size=1, max_size=12))
def test_apply_any_call_is_done_or_not_done(requests: list[ApplyRequest]) -> None:
    """Refused or at fault, nothing changed; done, the tables agree with each other and with the answer."""

    async def live() -> None:
        bench = Bench()
        await bench.apply(*(mail(i) for i in "abc"), tree=TREE)
        for request in requests:
            await _step(bench, request)

    trio.run(live)
