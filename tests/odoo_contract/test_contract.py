"""What `OdooPort` promises, kept by the real addon over each transport, and by the one in memory that other tests run against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from connector.errors import OdooFault
from connector.odoo.wire import (
    AccountReport,
    Applied,
    ApplyRequest,
    CursorReport,
    FolderUpdate,
    Listed,
    Refused,
    Removed,
    SealedToken,
    SetAside,
    TreeFolder,
)
from tests.odoo_contract.conftest import INSTANCE, RUN, TREE, message

if TYPE_CHECKING:
    from connector.odoo.port import OdooPort
    from tests.odoo_contract.conftest import Mailbox


async def test_hello_says_who_odoo_is(odoo: OdooPort) -> None:
    """Version, addon, and the database's name for itself."""
    hello = await odoo.hello("0.1.0")
    assert hello.odoo_version.startswith("19")
    assert len(hello.database_uuid) == 36
    assert hello.now.endswith("Z")


async def test_exchange_without_watermark_brings_every_account(mailbox: Mailbox) -> None:
    """With its sealed token."""
    account = await mailbox.account()
    assert (account.email, account.provider, account.state, account.active) == (mailbox.email, "outlook", "connected", True)
    assert account.token == SealedToken("sealed-1", 1)


async def test_exchange_tells_whose_mailbox_an_account_is(mailbox: Mailbox) -> None:
    """Tenant and mailbox, as the sign-in told them; unknown before."""
    before = await mailbox.account()
    await mailbox.behind.identify(mailbox.id, "pier.example", f"user-{mailbox.id}")
    after = await mailbox.account()
    assert (before.tenant, before.mailbox_id) == (None, None)
    assert (after.tenant, after.mailbox_id) == ("pier.example", f"user-{mailbox.id}")


async def test_exchange_with_watermark_brings_what_changed(mailbox: Mailbox) -> None:
    """What changed long before the watermark stays away; what changed since comes."""
    await mailbox.behind.age(mailbox.id)
    first = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=[])
    again = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=first.watermark, reports=[])
    assert mailbox.id in {a.id for a in first.accounts}
    assert mailbox.id not in {a.id for a in again.accounts}


async def test_exchange_report_is_kept_where_it_says_something(mailbox: Mailbox) -> None:
    """Absent is unchanged; a token and a cursor only where they are newer."""
    await mailbox.apply(folders=[FolderUpdate("F-inbox", revision=mailbox.revisions["F-inbox"], cursor="link-1", is_bootstrapped=True)])
    revision = mailbox.revisions["F-inbox"] + 1
    reports = [
        AccountReport(
            mailbox.id,
            state="error",
            state_message="Something went wrong",
            sync_phase="backfilling",
            backfill_done=5,
            backfill_total=9,
            last_sync_at="2026-11-23T10:00:00Z",
            token=SealedToken("sealed-2", 2),
            cursors=[CursorReport("F-inbox", revision, "link-2"), CursorReport("F-sent", 99, "never")],
        )
    ]
    await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=reports)
    await mailbox.odoo.exchange(
        instance=INSTANCE,
        run=RUN,
        serial=None,
        since=None,
        reports=[AccountReport(mailbox.id, token=SealedToken("sealed-old", 1), backfill_done=6)],
    )
    account = await mailbox.account()
    assert (account.state, account.token) == ("error", SealedToken("sealed-2", 2))
    cursors = {f.remote_id: (f.revision, f.cursor) for f in (await mailbox.snapshot()).folders}
    assert cursors["F-inbox"] == (revision, "link-2")
    assert cursors["F-sent"][1] is None
    assert await mailbox.behind.told(mailbox.id) == ("Something went wrong", "backfilling", 6, 9, "2026-11-23T10:00:00Z")


async def test_exchange_state_that_a_person_chose_stays(mailbox: Mailbox) -> None:
    """A paused mailbox is not woken by what the connector last thought."""
    await mailbox.behind.choose(mailbox.id, "paused")
    await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=[AccountReport(mailbox.id, state="connected")])
    assert (await mailbox.account()).state == "paused"


async def test_exchange_report_on_a_deleted_account_says_disconnected(odoo: OdooPort) -> None:
    """The connector stops what Odoo does not know."""
    answer = await odoo.exchange(
        instance=INSTANCE, run=RUN, serial=None, since=None, reports=[AccountReport(999999, sync_phase="up_to_date")]
    )
    (account,) = (a for a in answer.accounts if a.id == 999999)
    assert (account.state, account.active, account.token) == ("disconnected", False, None)


async def test_take_up_returns_the_tree_that_was_applied(mailbox: Mailbox) -> None:
    """With a revision for each folder, and no cursor yet."""
    folders = (await mailbox.snapshot()).folders
    assert {(f.remote_id, f.role, f.name) for f in folders} == {(f.remote_id, f.role, f.name) for f in TREE}
    assert all(f.cursor is None and not f.is_bootstrapped and f.indexed == 0 for f in folders)


async def test_take_up_unknown_account_is_no_answer(odoo: OdooPort) -> None:
    """Nothing is made up for it."""
    assert await odoo.take_up([999999]) == []


async def test_apply_messages_and_cursor_are_one(mailbox: Mailbox) -> None:
    """The revision rises with the data, and the counts are Graph's."""
    base = mailbox.revisions["F-inbox"]
    update = FolderUpdate(
        "F-inbox", revision=base, cursor="link", is_bootstrapped=True, backfill_before="2026-01-01T00:00:00Z", unread=2, total=3
    )
    result = await mailbox.apply(message("m1"), message("m2"), folders=[update])
    assert isinstance(result, Applied)
    assert (result.revisions, result.new, result.pending) == ({"F-inbox": base + 1}, 2, [])
    folder = next(f for f in (await mailbox.snapshot()).folders if f.remote_id == "F-inbox")
    assert (folder.revision, folder.cursor, folder.is_bootstrapped, folder.indexed) == (base + 1, "link", True, 2)
    assert (folder.unread, folder.total, folder.backfill_before) == (2, 3, "2026-01-01T00:00:00Z")


async def test_apply_again_changes_nothing(mailbox: Mailbox) -> None:
    """Every step can be repeated."""
    await mailbox.apply(message("m1"))
    result = await mailbox.apply(message("m1"))
    assert isinstance(result, Applied)
    assert (result.new, result.changed) == (0, 0)


async def test_apply_stale_revision_changes_nothing_and_tells_the_current(mailbox: Mailbox) -> None:
    """Somebody else moved the cursor: it is taken up again, not overwritten."""
    base = mailbox.revisions["F-inbox"]
    await mailbox.apply(folders=[FolderUpdate("F-inbox", revision=base, cursor="theirs")])
    result = await mailbox.apply(message("m1"), folders=[FolderUpdate("F-inbox", revision=base, cursor="ours")])
    assert result == Refused("revision", revisions={"F-inbox": base + 1})
    assert await mailbox.rows() == {}
    assert next(f for f in (await mailbox.snapshot()).folders if f.remote_id == "F-inbox").cursor == "theirs"


async def test_apply_patch_of_an_unknown_message_is_refused_whole(mailbox: Mailbox) -> None:
    """A patch cannot make a row; what came with it waits for the whole message."""
    result = await mailbox.apply(message("m1"), {"remote_id": "m2", "is_read": True})
    assert result == Refused("unknown", unknown=["m2"])
    assert await mailbox.rows() == {}


async def test_apply_unknown_folder_is_refused(mailbox: Mailbox) -> None:
    """The tree comes first."""
    assert await mailbox.apply(message("m1", "F-new")) == Refused("folder", unknown=["F-new"])


async def test_apply_account_that_is_not_connected_is_refused(mailbox: Mailbox) -> None:
    """Disconnected in between: nothing of it is written any more. The same for one that does not exist."""
    await mailbox.behind.choose(mailbox.id, "disconnected")
    assert await mailbox.apply(message("m1")) == Refused("account")
    assert await mailbox.odoo.apply(ApplyRequest(999999, None, [], [], [], [])) == Refused("account")


async def test_apply_patch_leaves_what_is_absent(mailbox: Mailbox) -> None:
    """An absent key is not an empty one."""
    await mailbox.apply(message("m1"))
    result = await mailbox.apply({"remote_id": "m1", "is_read": True})
    assert isinstance(result, Applied)
    assert result.changed == 1
    assert await mailbox.rows() == {"m1": ("F-inbox", "About m1", True, False)}


async def test_apply_removal_speaks_of_one_folder_only(mailbox: Mailbox) -> None:
    """A message that moved on is not touched by its old folder's removal; one that is still there waits, hidden, until it is gone."""
    await mailbox.apply(message("moved"), message("left"))
    await mailbox.apply({"remote_id": "moved", "folder": "F-sent"})
    result = await mailbox.apply(removed=[Removed("F-inbox", "moved"), Removed("F-inbox", "left")])
    assert isinstance(result, Applied)
    assert result.pending == ["left"]
    assert (await mailbox.snapshot()).pending == ["left"]
    result = await mailbox.apply(gone=["left", "moved"])
    assert isinstance(result, Applied)
    assert result.pending == []
    assert list(await mailbox.rows()) == ["moved"]


async def test_apply_message_that_comes_back_is_not_pending(mailbox: Mailbox) -> None:
    """A move shows as removed here and new there, in whatever order."""
    await mailbox.apply(message("m1"))
    await mailbox.apply(removed=[Removed("F-inbox", "m1")])
    result = await mailbox.apply({"remote_id": "m1", "folder": "F-sub"})
    assert isinstance(result, Applied)
    assert result.pending == []
    assert (await mailbox.rows())["m1"][0] == "F-sub"


async def test_apply_tree_without_a_folder_leaves_its_messages_pending(mailbox: Mailbox) -> None:
    """They may have gone somewhere else: that is asked, not assumed."""
    await mailbox.apply(message("m1", "F-sub"))
    result = await mailbox.apply(tree=[f for f in TREE if f.remote_id != "F-sub"])
    assert isinstance(result, Applied)
    assert result.pending == ["m1"]
    assert {f.remote_id for f in (await mailbox.snapshot()).folders} == {"F-inbox", "F-sent"}


async def test_compare_tells_where_a_listing_and_the_index_differ(mailbox: Mailbox) -> None:
    """Missing, otherwise, unlisted; after `after`, up to `until`; null is not compared, and categories have no order."""
    for day in (1, 2, 3, 4):
        await mailbox.apply(message(f"m{day}", received_at=f"2026-11-0{day}T10:00:00Z"))

    async def compare(*listed: Listed, **bounds: Any) -> tuple[list[str], list[str]]:
        found = await mailbox.odoo.compare(mailbox.id, "F-inbox", listed, **bounds)
        return found.differing, found.unlisted

    found = await compare(Listed("m1", is_read=False, is_flagged=False), Listed("m2", is_flagged=True), Listed("new"))
    assert found == (["m2", "new"], ["m3", "m4"])
    await mailbox.apply({"remote_id": "m1", "importance": "low", "categories": ["Red", "Blue"]})
    same = Listed("m1", importance="low", categories=["Blue", "Red"])
    found = await compare(
        same, Listed("m2", importance="normal", categories=[]), Listed("m3", importance="low"), Listed("m4", categories=["x"])
    )
    assert found == (["m3", "m4"], [])
    assert (await compare(same._replace(categories=["Red"]), same._replace(importance="high")))[0] == ["m1", "m1"]
    assert await compare(after="2026-11-01T10:00:00Z", until="2026-11-03T10:00:00Z") == ([], ["m2", "m3"])


async def test_exchange_second_connector_is_told_who_serves(mailbox: Mailbox) -> None:
    """It takes nothing of what that one reports, and tells no account."""
    report = AccountReport(mailbox.id, backfill_done=77)
    mine = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=[])
    other = await mailbox.odoo.exchange(instance="other", run="other", serial=None, since=None, reports=[report])
    assert other.held is not None
    assert (other.held.instance, other.accounts) == (INSTANCE, [])
    again = await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=mine.serial, since=None, reports=[])
    assert (again.held, again.restored) == (None, False)
    # The answer was lost, and the call is made once more; and then a serial that this Odoo never gave.
    assert not (await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=mine.serial, since=None, reports=[])).restored
    assert (await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial="of another time", since=None, reports=[])).restored


async def test_apply_sets_aside_until_the_message_is_read(mailbox: Mailbox) -> None:
    """What cannot be read is told with the snapshot; its arrival ends it."""
    await mailbox.apply(set_aside=[SetAside("bad", "F-inbox", "shape")])
    assert (await mailbox.snapshot()).unreadable == ["bad"]
    await mailbox.apply(message("bad"))
    assert (await mailbox.snapshot()).unreadable == []


async def test_apply_filtered_cursor_keeps_its_anchor(mailbox: Mailbox) -> None:
    """From when it sees and how much it told travel with the cursor."""
    update = FolderUpdate("F-inbox", mailbox.revisions["F-inbox"], cursor="c", anchor="2026-11-01T10:00:00Z", told=7, is_bootstrapped=True)
    await mailbox.apply(folders=[update])
    folder = next(f for f in (await mailbox.snapshot()).folders if f.remote_id == "F-inbox")
    assert (folder.cursor, folder.anchor, folder.told) == ("c", "2026-11-01T10:00:00Z", 7)


async def test_apply_removal_of_a_message_that_is_not_there_is_asked_about(mailbox: Mailbox) -> None:
    """Graph may never say more of it than that."""
    refused = await mailbox.apply(message("m1"), removed=[Removed("F-inbox", "m1"), Removed("F-inbox", "stranger")])
    assert refused == Refused("unknown", unknown=["stranger"])
    assert await mailbox.rows() == {}


async def test_apply_for_another_database_changes_nothing(mailbox: Mailbox) -> None:
    """A database that was swapped under a running connector is not written before the next exchange finds out; one's own is."""
    ours = (await mailbox.odoo.hello("0.1.0")).database_uuid
    request = ApplyRequest(mailbox.id, None, [message("m1")], [], [], [], database="11111111-0000-4000-8000-000000000000")
    assert await mailbox.odoo.apply(request) == Refused("database")
    assert await mailbox.rows() == {}
    await mailbox.odoo.body(mailbox.id, "m1", {"error": "unavailable", "message": "x"}, database="another")
    assert isinstance(await mailbox.odoo.apply(msgspec.structs.replace(request, database=ours)), Applied)
    assert list(await mailbox.rows()) == ["m1"]


async def test_body_late_is_taken(mailbox: Mailbox) -> None:
    """Also an error, and one for a message that is not there any more."""
    await mailbox.apply(message("m1"))
    await mailbox.odoo.body(mailbox.id, "m1", {"html": "<p>x</p>", "has_remote": False, "attachments": []})
    await mailbox.odoo.body(mailbox.id, "m1", {"error": "unavailable", "message": "Please try again."})
    await mailbox.odoo.body(mailbox.id, "nowhere", {"html": "", "has_remote": False, "attachments": []})


@pytest.mark.parametrize("text", ["Grüße 👋 \u2028", "tab\tnewline\nbackslash\\N", "'; DROP TABLE mailbox_account; --", "%s %(x)s {0}"])
async def test_apply_any_text_arrives_as_it_is(mailbox: Mailbox, text: str) -> None:
    """Whatever people write into subjects and folder names."""
    await mailbox.apply(message("m1", subject=text), tree=[*TREE, TreeFolder("F-odd", None, text, "other")])
    assert (await mailbox.rows())["m1"][1] == text
    assert text in {f.name for f in (await mailbox.snapshot()).folders}


async def test_apply_what_the_addon_refuses_names_the_key_only(mailbox: Mailbox) -> None:
    """A value that cannot be stored is a fault with a place, not with the mail."""
    with pytest.raises(OdooFault) as caught:
        await mailbox.apply(message("m1", subject="secret \0 subject"))
    assert "subject: a NUL character" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert await mailbox.rows() == {}


async def test_apply_a_thousand_messages_is_one_call(mailbox: Mailbox) -> None:
    """The size that the connector sends at most."""
    result = await mailbox.apply(*(message(f"m{n}") for n in range(1000)))
    assert isinstance(result, Applied)
    assert result.new == 1000


async def test_apply_at_the_same_time_one_is_refused(mailbox: Mailbox) -> None:
    """Two connectors on one mailbox: one cursor, and the other one knows."""
    base = mailbox.revisions["F-inbox"]
    results = []

    async def go(name: str) -> None:
        results.append(await mailbox.apply(message(name), folders=[FolderUpdate("F-inbox", revision=base, cursor=name)]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go, "one")
        nursery.start_soon(go, "two")
    assert sorted(type(r).__name__ for r in results) == ["Applied", "Refused"]
    assert len(await mailbox.rows()) == 1
