"""The edges of the contract: what the addon in memory must do exactly as the real one, or tests of the engine prove nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from connector.errors import OdooFault
from connector.graph.types import GraphMessage
from connector.odoo.wire import (
    AccountReport,
    Applied,
    CursorReport,
    FolderUpdate,
    Listed,
    Refused,
    Removed,
    SealedToken,
    SetAside,
    TreeFolder,
)
from connector.sync.merge import state_of
from tests.odoo_contract.conftest import INSTANCE, RUN, TREE, message

if TYPE_CHECKING:
    from tests.odoo_contract.conftest import Mailbox


async def test_compare_looks_at_whole_seconds_of_one_folder(mailbox: Mailbox) -> None:
    """Hidden rows and other folders' differ if they are listed; what is set aside is not missing; strange folders have no rows."""
    await mailbox.apply(message("early", received_at="2026-11-01T10:00:00.9Z"), message("sent", "F-sent"), message("hidden"))
    aside = [SetAside("bad", "F-inbox", "shape")]
    await mailbox.apply(message("zone", received_at="2026-11-01T12:00:01+02:00"), removed=[Removed("F-inbox", "hidden")], set_aside=aside)
    listed = [Listed(name) for name in ("hidden", "sent", "bad", "early", "hidden")]
    found = await mailbox.odoo.compare(mailbox.id, "F-inbox", listed, after="2026-11-01T10:00:00Z", until="2026-11-01T10:00:01.5Z")
    assert (found.differing, found.unlisted) == (["hidden", "sent", "hidden"], ["zone"])
    found = await mailbox.odoo.compare(mailbox.id, "F-strange", listed)
    assert (found.differing, found.unlisted) == (["hidden", "sent", "early", "hidden"], [])
    found = await mailbox.odoo.compare(999999, "F-inbox", listed[:1])
    assert (found.differing, found.unlisted) == (["hidden"], [])


# What Graph may say of a message's categories and importance, and what no Outlook would.
_HOSTILE: list[dict[str, Any]] = [
    *({"categories": names} for names in ([], None, ["Red", "red", "RED"], ["Red", "Red"], ["", " ", "\x00", "\n"], [" a\tb\r\n", "a b"])),
    *(
        {"categories": [name]}
        for name in ("n" * 70_000, "\x00Red\x1f", "é", "e\u0301", "\\u0000", "\ud800", '"', "\\", "{}", "💩\uffff", "%s")
    ),
    {"categories": [f"Colour {n}" for n in range(500)]},
    *({"importance": value} for value in ("low", "normal", "high", "High", "urgent", "", None, "\x00")),
]


async def test_compare_of_what_was_just_applied_finds_nothing(mailbox: Mailbox) -> None:
    """Whatever Graph says: a difference that no repair ends would be asked about in each comparison."""
    found = [msgspec.convert({"id": f"m{n}", **said}, GraphMessage) for n, said in enumerate(_HOSTILE)]
    await mailbox.apply(*(message(one.id, **state_of(one)) for one in found))
    listed = [Listed(one.id, **state_of(one)) for one in found]
    turned = [one._replace(categories=[*reversed(one.categories), *one.categories]) for one in listed if one.categories]
    assert (await mailbox.odoo.compare(mailbox.id, "F-inbox", listed)).differing == []
    assert (await mailbox.odoo.compare(mailbox.id, "F-inbox", turned)).differing == []
    other = [one._replace(categories=[*(one.categories or ()), "Other"]) for one in listed]
    assert (await mailbox.odoo.compare(mailbox.id, "F-inbox", other)).differing == [one.remote_id for one in listed]


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (Listed("m", importance="urgent"), "not one of low, normal, high"),
        (Listed("m", categories=["\0"]), "a NUL character"),
        (Listed(""), "missing"),
    ],
)
async def test_compare_refuses_what_no_row_can_hold(mailbox: Mailbox, listed: Listed, said: str) -> None:
    """As apply does: what cannot be written cannot be compared."""
    with pytest.raises(OdooFault, match=f"listed: {said}"):
        await mailbox.odoo.compare(mailbox.id, "F-inbox", [listed])


async def test_exchange_leaving_frees_the_lease(mailbox: Mailbox) -> None:
    """Whoever comes next need not wait; who left and comes back finds a database that does not know it."""
    mine = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=[])
    left = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=mine.serial, since=None, reports=[], leaving=True)
    other = await mailbox.odoo.exchange(instance="other", run="other", serial=None, since=None, reports=[])
    assert (left.held, left.restored, other.held, other.restored) == (None, False, None, False)
    held = (await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=left.serial, since=None, reports=[])).held
    assert held is not None
    assert (held.instance, held.seen_at[-1]) == ("other", "Z")
    await mailbox.odoo.exchange(instance="other", run="other", serial=other.serial, since=None, reports=[], leaving=True)
    assert (await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=left.serial, since=None, reports=[])).restored


async def test_exchange_newer_run_takes_the_lease_from_the_older(mailbox: Mailbox) -> None:
    """A restart waits for nobody; the older run of the same file, should it come back, is the one that is held."""
    first = await mailbox.odoo.exchange(instance=INSTANCE, run="older", serial=None, since=None, reports=[])
    newer = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=[])
    older = await mailbox.odoo.exchange(instance=INSTANCE, run="older", serial=first.serial, since=None, reports=[])
    assert (newer.held, newer.restored, older.held is None) == (None, False, False)


async def test_exchange_tells_of_a_request_to_refresh(mailbox: Mailbox) -> None:
    """The account comes for it, though nothing in it changed."""
    await mailbox.behind.age(mailbox.id)
    before = await mailbox.account()
    await mailbox.behind.refresh(mailbox.id)
    found = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=before.config_changed_at, reports=[])
    again = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=found.watermark, reports=[])
    (account,) = (a for a in again.accounts if a.id == mailbox.id)
    assert before.refresh_requested_at is None
    assert account.config_changed_at == before.config_changed_at
    assert account.refresh_requested_at is not None
    assert found.watermark[:-2] >= account.refresh_requested_at[:-2] > str(before.config_changed_at)


async def test_exchange_wrong_report_takes_none(mailbox: Mailbox) -> None:
    """One transaction: what was right in the others is not written either."""
    for wrong, said in (
        (AccountReport(mailbox.id, state="paused"), "state: not one of"),
        (AccountReport(mailbox.id, sync_phase="somewhere"), "sync_phase: not one of"),
        (AccountReport(mailbox.id, backfill_total=-1), "backfill_total: not a number"),
        (AccountReport(mailbox.id, last_sync_at="yesterday"), "last_sync_at: not an ISO 8601 time"),
        (AccountReport(mailbox.id, token=SealedToken("", 9)), "token.sealed: missing"),
        (AccountReport(mailbox.id, state_message="\0"), "state_message: a NUL character"),
        (AccountReport(mailbox.id, cursors=[CursorReport("F-inbox", 0, "")]), "cursors.cursor: missing"),
    ):
        with pytest.raises(OdooFault) as caught:
            await mailbox.odoo.exchange(
                instance=INSTANCE, run=RUN, serial=None, since=None, reports=[AccountReport(mailbox.id, backfill_done=5), wrong]
            )
        assert said in str(caught.value)
    assert (await mailbox.behind.told(mailbox.id))[2] in {0, None}


async def test_apply_folder_that_comes_back_starts_anew(mailbox: Mailbox) -> None:
    """Its cursor and all that goes with it are gone, and who builds on them is refused; its messages stay hidden until they are told."""
    base = mailbox.revisions["F-sub"]
    update = FolderUpdate("F-sub", base, cursor="c", anchor="a", told=3, is_bootstrapped=True, is_backfilled=True, backfill_before="b")
    await mailbox.apply(message("m1", "F-sub"), folders=[update])
    await mailbox.apply(tree=TREE[:1])
    assert await mailbox.apply(tree=TREE, folders=[FolderUpdate("F-sub", base + 1, cursor="d")]) == Refused("revision", {"F-sub": base + 2})
    result = await mailbox.apply(tree=TREE, folders=[FolderUpdate("F-sub", base + 2, cursor="d")])
    assert isinstance(result, Applied)
    assert (result.revisions, result.pending) == ({"F-sub": base + 3}, ["m1"])
    folder = next(f for f in (await mailbox.snapshot()).folders if f.remote_id == "F-sub")
    assert (folder.cursor, folder.anchor, folder.told, folder.backfill_before) == ("d", None, 0, None)
    assert (folder.is_bootstrapped, folder.is_backfilled, folder.indexed) == (False, False, 0)


async def test_apply_empty_folder_that_is_gone_is_no_more(mailbox: Mailbox) -> None:
    """Should one of its id come again, it is a new folder."""
    await mailbox.apply(message("m1", "F-sub"), folders=[FolderUpdate("F-sent", mailbox.revisions["F-sent"], cursor="c")])
    await mailbox.apply(tree=TREE[:1], gone=["m1"])
    await mailbox.apply(tree=TREE)
    revisions = {f.remote_id: f.revision for f in (await mailbox.snapshot()).folders}
    assert revisions == mailbox.revisions
    assert await mailbox.rows() == {}


async def test_apply_folder_that_is_switched_off(mailbox: Mailbox) -> None:
    """Its rows, its cursor and what of it was set aside go at once; no mail comes into it, counts do; on again, it starts anew."""
    base = mailbox.revisions["F-inbox"]
    update = FolderUpdate("F-inbox", base, cursor="c", is_bootstrapped=True, sync_state="resync")
    await mailbox.apply(message("m1"), message("m2", "F-sent"), folders=[update], set_aside=[SetAside("bad", "F-inbox", "shape")])
    await mailbox.behind.age(mailbox.id)
    before = await mailbox.account()
    await mailbox.behind.switch(mailbox.id, "F-inbox", enabled=False)
    assert str((await mailbox.account()).config_changed_at) > str(before.config_changed_at)
    assert list(await mailbox.rows()) == ["m2"]
    snapshot = await mailbox.snapshot()
    folder = next(f for f in snapshot.folders if f.remote_id == "F-inbox")
    assert (folder.sync_enabled, folder.sync_state, folder.cursor, folder.revision) == (False, "ok", None, base + 2)
    assert snapshot.unreadable == []
    refused = Refused("folder", unknown=["F-inbox"])
    assert await mailbox.apply(message("m1")) == refused
    assert await mailbox.apply({"remote_id": "m2", "folder": "F-inbox"}) == refused
    assert await mailbox.apply(set_aside=[SetAside("bad", "F-inbox", "shape")]) == refused
    assert isinstance(await mailbox.apply(folders=[FolderUpdate("F-inbox", unread=3)]), Applied)
    await mailbox.behind.switch(mailbox.id, "F-inbox", enabled=True)
    result = await mailbox.apply(message("m1"), folders=[FolderUpdate("F-inbox", base + 3, cursor="d")])
    assert isinstance(result, Applied)
    assert (result.revisions, result.new) == ({"F-inbox": base + 4}, 1)


async def test_apply_new_spam_folder_takes_no_mail(mailbox: Mailbox) -> None:
    """It is shown and not synced, from the call on that brings it."""
    spam = [*TREE, TreeFolder("F-junk", None, "Spam", "junk")]
    assert await mailbox.apply(message("m1", "F-junk"), tree=spam) == Refused("folder", unknown=["F-junk"])
    assert isinstance(await mailbox.apply(tree=spam, folders=[FolderUpdate("F-junk", total=2)]), Applied)
    assert next(f for f in (await mailbox.snapshot()).folders if f.role == "junk").sync_enabled is False


async def test_apply_counts_what_it_did_in_the_order_of_the_wire(mailbox: Mailbox) -> None:
    """Messages, then removals, then what is gone; pending in the order in which the rows came."""
    await mailbox.apply(message("a"), message("b"), message("c"))
    result = await mailbox.apply(
        message("new"),
        {"remote_id": "b", "is_read": True},
        {"remote_id": "b", "is_read": False},
        removed=[Removed("F-inbox", i) for i in ("new", "c", "a", "b")],
        gone=["b", "stranger"],
    )
    assert isinstance(result, Applied)
    assert (result.new, result.changed, result.pending) == (1, 4, ["a", "c", "new"])
    assert list(await mailbox.rows()) == ["a", "c", "new"]
    result = await mailbox.apply({"remote_id": "a"}, {"remote_id": "c", "folder": "F-sent"})
    assert isinstance(result, Applied)
    assert (result.changed, result.pending) == (2, ["new"])


async def test_apply_least_that_makes_a_row(mailbox: Mailbox) -> None:
    """Folder and time; a patch that says what a new row says of itself changes nothing, a text where there was none does."""
    await mailbox.apply({"remote_id": "m1", "folder": "F-inbox", "received_at": "2026-11-22T10:00:00Z"})
    same = {"is_read": False, "is_flagged": False, "importance": "normal", "has_attachments": False, "is_draft": False, "subject": None}
    result = await mailbox.apply({"remote_id": "m1", "received_at": "2026-11-22T11:00:00.7+01:00", **same})
    assert isinstance(result, Applied)
    assert result.changed == 0
    for key, value in {
        "subject": "",
        "categories": [],
        "to_recipients": {"total": 0, "list": []},
        "sent_at": "2026-11-22T10:00:00Z",
    }.items():
        result = await mailbox.apply({"remote_id": "m1", key: value})
        assert isinstance(result, Applied)
        assert result.changed == 1, key


async def test_apply_unknown_is_told_once_and_in_order(mailbox: Mailbox) -> None:
    """Patches that are too little for a row, and removals of strangers; a message that arrives in the same call is neither."""
    result = await mailbox.apply(
        {"remote_id": "m2", "folder": "F-inbox"},
        {"remote_id": "m1", "received_at": "2026-11-22T10:00:00Z"},
        {"remote_id": "m3", "folder": "F-inbox"},
        {"remote_id": "m3", "received_at": "2026-11-22T10:00:00Z"},
        removed=[Removed("F-inbox", i) for i in ("m0", "m2", "m3", "m0")],
    )
    assert result == Refused("unknown", unknown=["m0", "m1", "m2"])


async def test_apply_set_aside_keeps_its_first_reason_and_ends_with_the_message(mailbox: Mailbox) -> None:
    """Told in the order in which they came; one that is gone is forgotten, one that arrives in the same call was read."""
    await mailbox.apply(set_aside=[SetAside("z", None, "shape"), SetAside("a", "F-nowhere", "refused")])
    await mailbox.apply(message("read"), set_aside=[SetAside("z", "F-inbox", "other"), SetAside("read", None, "shape")])
    assert (await mailbox.snapshot()).unreadable == ["z", "a"]
    await mailbox.apply(gone=["z"])
    assert (await mailbox.snapshot()).unreadable == ["a"]


_WRONG_MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"remote_id": ""}, "messages.remote_id: missing"),
    ({"colour": "blue"}, "messages: an unknown key"),
    ({"folder": None}, "messages.folder: missing"),
    ({"subject": 7}, "messages.subject: not a text"),
    ({"preview": "\0"}, "messages.preview: a NUL character"),
    ({"received_at": None}, "messages.received_at: missing"),
    ({"received_at": "soon"}, "messages.received_at: not an ISO 8601 time"),
    ({"sent_at": "0001-01-01T00:00:00+14:00"}, "messages.sent_at: a time out of range"),
    ({"is_read": None}, "messages.is_read: not true or false"),
    ({"is_flagged": 1}, "messages.is_flagged: not true or false"),
    ({"importance": "urgent"}, "messages.importance: not one of low, normal, high"),
    ({"categories": None}, "messages.categories: not a list"),
    ({"categories": [1]}, "messages.categories: not a text"),
    ({"to_recipients": []}, "messages.to_recipients: not a total and a list"),
    ({"cc_recipients": {"total": -1, "list": []}}, "messages.cc_recipients: not a number of things"),
    ({"bcc_recipients": {"total": 1, "list": ["Ben"]}}, "messages.bcc_recipients: not a name and an address"),
    ({"reply_to": {"total": 1, "list": [{"name": "\0"}]}}, "messages.reply_to: a NUL character"),
]
_WRONG_PARTS: list[tuple[dict[str, Any], str]] = [
    ({"tree": [*TREE, TREE[0]]}, "tree: a folder twice"),
    ({"tree": [TreeFolder("F", None, "", "other")]}, "tree.name: missing"),
    ({"tree": [TreeFolder("F", None, "F", "outbox")]}, "tree.role: not a role of a folder"),
    ({"removed": [Removed("", "m")]}, "removed.folder: missing"),
    ({"gone": [""]}, "gone: missing"),
    ({"set_aside": [SetAside("m", None, "")]}, "set_aside.reason: missing"),
    ({"folders": [FolderUpdate("F-inbox"), FolderUpdate("F-inbox")]}, "folders: a folder twice"),
    ({"folders": [FolderUpdate("F-inbox", cursor="c")]}, "folders: without a revision only unread and total may be given"),
    ({"folders": [FolderUpdate("F-inbox", unread=-1)]}, "folders.unread: not a number of things"),
    ({"folders": [FolderUpdate("F-inbox", 0, sync_state="so so")]}, "folders.sync_state: not ok or resync"),
    ({"folders": [FolderUpdate("F-inbox", 0, cursor="\0")]}, "folders.cursor: a NUL character"),
]


async def test_apply_wrong_value_is_a_fault_with_its_place(mailbox: Mailbox) -> None:
    """Each in the same words, and nothing of the call is done."""
    cases: list[tuple[list[dict[str, Any]], dict[str, Any], str]] = [([message("m2") | patch], {}, said) for patch, said in _WRONG_MESSAGES]
    cases += [([], parts, said) for parts, said in _WRONG_PARTS]
    before = await mailbox.snapshot()
    for patches, parts, said in cases:
        with pytest.raises(OdooFault) as caught:
            await mailbox.apply(message("m1"), *patches, **parts)
        assert caught.value.name == "odoo.addons.maildesk.wire.WireError"
        assert caught.value.message.startswith(said)
    # Each take-up gives another fence.
    assert (await mailbox.rows(), replace(await mailbox.snapshot(), fence=before.fence)) == ({}, before)
