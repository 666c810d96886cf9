"""Mails on the wire: what a send is given, asked and told, and what Sent shows meanwhile; over both transports and in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from connector.errors import OdooFault
from connector.odoo.wire import AccountReport, Applied, DraftMade, Outcome, Person, Removed, TreeFolder
from tests.odoo_contract.behind import Entry, Letter
from tests.odoo_contract.conftest import INSTANCE, TREE, message
from tests.odoo_contract.test_contract_actions import ACKED, Connector

if TYPE_CHECKING:
    from connector.odoo.wire import Action
    from tests.odoo_contract.conftest import Mailbox

_TO = "bert@elsewhere.example"
_MESSAGE_ID = "<letter@pier.example>"
_TREE = [*TREE, TreeFolder("F-drafts", None, "Drafts", "drafts")]


async def _begun(mailbox: Mailbox) -> Connector:
    await mailbox.apply(tree=_TREE)
    connector = Connector(mailbox)
    await connector.take()
    return connector


async def _taken(mailbox: Mailbox, connector: Connector, **given: Any) -> Action:
    """Let the owner send a mail; return the action as the connector gets it."""
    await mailbox.behind.send(mailbox.id, "Hello", _TO, **given)
    (action,) = await connector.take()
    return action


async def _made(mailbox: Mailbox, action: Action, remote_id: str = "D") -> bool:
    return await mailbox.odoo.draft_made(mailbox.id, action.uuid, remote_id, "CK", _MESSAGE_ID)


async def test_send_is_given_without_what_it_says(mailbox: Mailbox) -> None:
    """The action names the mail; what is in it is asked for, files in pieces."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector, file=b"0123456789")
    assert (action.kind, action.remote_id, action.seen, action.is_again) == ("send", None, {}, False)
    assert action.values.keys() == {"tag", "draft_remote_id"}
    assert action.values["draft_remote_id"] is None
    content = await mailbox.odoo.draft(mailbox.id, action.uuid)
    assert content is not None
    assert (content.tag, content.mode, content.source, content.remote_id, content.change_key) == (action.values["tag"], "new", *(None,) * 3)
    assert (content.from_address, content.cc, content.bcc, content.subject, content.importance) == (None, [], [], "Hello", "normal")
    assert content.to == [Person("", _TO)]
    (file,) = content.attachments
    assert (file.name, file.size, file.remote_id, file.is_inline, file.is_here) == ("a.txt", 10, None, False, True)
    pieces = [await mailbox.odoo.draft_piece(mailbox.id, action.uuid, file.id, offset, 4) for offset in (0, 4, 8, 10)]
    assert pieces == [b"0123", b"4567", b"89", b""]
    assert await mailbox.odoo.draft_piece(mailbox.id, action.uuid, file.id + 1, 0, 4) is None


async def test_send_waits_for_its_time_and_says_when_that_is(mailbox: Mailbox) -> None:
    """Until its delay has passed it is neither given nor shown; the connector is told when to ask."""
    connector = await _begun(mailbox)
    uuid = await mailbox.behind.send(mailbox.id, "Hello", _TO, delay=30)
    assert await connector.take() == []
    assert connector.next_send_in is not None
    assert 0 < connector.next_send_in <= 30
    assert (await mailbox.behind.letter(mailbox.id, uuid)).state == "scheduled"
    assert await mailbox.behind.entries(mailbox.id) == []
    # Nobody has to know what it says yet.
    assert await mailbox.odoo.draft(mailbox.id, uuid) is None
    assert not await mailbox.odoo.draft_made(mailbox.id, uuid, "D", None, None)
    assert await mailbox.odoo.outcomes(mailbox.id, [Outcome(uuid, "done", acked=ACKED)]) == 0


async def test_send_of_a_mailbox_that_cannot_be_reached_waits(mailbox: Mailbox) -> None:
    """Nor does Sent show it: it was not sent."""
    connector = await _begun(mailbox)
    await mailbox.behind.send(mailbox.id, "Hello", _TO)
    await mailbox.behind.choose(mailbox.id, "reauth_required")
    assert await connector.take() == []
    assert await mailbox.behind.entries(mailbox.id) == []
    await mailbox.behind.choose(mailbox.id, "connected")
    (action,) = await connector.take()
    assert action.kind == "send"


async def test_sent_shows_it_from_the_start_and_the_copy_is_the_same_row(mailbox: Mailbox) -> None:
    """The entry takes the draft's id, is not hidden by what Drafts says of it, and becomes Outlook's copy."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    (entry,) = await mailbox.behind.entries(mailbox.id)
    assert entry[1:] == (None, "F-sent", "Hello", True)
    assert await _made(mailbox, action)
    shown = Entry(entry.id, "D", "F-sent", "Hello", is_local=True)
    assert await mailbox.behind.entries(mailbox.id) == [shown]
    assert await mailbox.behind.letter(mailbox.id, action.uuid) == Letter("sending", None, "D", _MESSAGE_ID)
    draft = message("D", "F-drafts", subject="Hello", is_draft=True, is_read=True, internet_message_id=_MESSAGE_ID)
    await mailbox.apply(draft)
    assert await mailbox.behind.entries(mailbox.id) == [shown]
    assert await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "done", acked=ACKED)]) == 1
    assert (await mailbox.behind.letter(mailbox.id, action.uuid)).state == "sent"
    # A round tells that it left Drafts before another tells where it is.
    await mailbox.apply(settled=ACKED + 1)
    assert await mailbox.behind.entries(mailbox.id) == [shown]
    await mailbox.apply(draft | {"folder": "F-sent", "is_draft": False})
    assert await mailbox.behind.entries(mailbox.id) == [shown._replace(is_local=False)]


@pytest.mark.parametrize("told", ["gone", "removed", "nothing"])
async def test_copy_with_another_id_is_the_same_row_by_its_message_id(mailbox: Mailbox, told: str) -> None:
    """Graph may give what was sent a new id; that the draft left Drafts is told in the same call, or later."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    (entry,) = await mailbox.behind.entries(mailbox.id)
    await _made(mailbox, action)
    await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "done", acked=ACKED)])
    cases: dict[str, dict[str, Any]] = {"gone": {"gone": ["D"]}, "removed": {"removed": [Removed("F-drafts", "D")]}, "nothing": {}}
    left = cases[told]
    answer = await mailbox.apply(message("S", "F-sent", subject="Hello", internet_message_id=_MESSAGE_ID), **left)
    assert isinstance(answer, Applied)
    assert await mailbox.behind.entries(mailbox.id) == [Entry(entry.id, "S", "F-sent", "Hello", is_local=False)]


@pytest.mark.parametrize(("told", "folder"), [("D", "F-sent"), ("S", "F-sent"), ("S", "F-sub")])
async def test_copy_that_came_before_anybody_told_of_the_send(mailbox: Mailbox, told: str, folder: str) -> None:
    """After a backup of Odoo was put back: what had been sent is in Sent already, and what tells of it comes later. It shows once."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    await mailbox.apply(message("S", folder, subject="Hello", internet_message_id=_MESSAGE_ID, received_at=time))
    done = Outcome(action.uuid, "done", acked=ACKED, draft=DraftMade(remote_id=told, internet_message_id=_MESSAGE_ID))
    assert await mailbox.odoo.outcomes(mailbox.id, [done]) == 1
    assert [(one.remote_id, one.is_local) for one in await mailbox.behind.entries(mailbox.id)] == [("S", False)] * (folder == "F-sent")
    assert (await mailbox.rows())["S"][0] == folder
    assert (await mailbox.behind.letter(mailbox.id, action.uuid)).state == "sent"


async def test_draft_that_came_before_its_id_is_known_is_held_back(mailbox: Mailbox) -> None:
    """A round finds it in Drafts while the connector has not told yet which mail it is: it shows in Sent alone."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    (entry,) = await mailbox.behind.entries(mailbox.id)
    await mailbox.apply(message("D", "F-drafts", subject="Hello", is_draft=True, internet_message_id=_MESSAGE_ID))
    assert await mailbox.behind.entries(mailbox.id) == [entry]
    await _made(mailbox, action)
    assert await mailbox.behind.entries(mailbox.id) == [entry._replace(remote_id="D")]


@pytest.mark.parametrize("is_made", [False, True], ids=["no draft yet", "a draft in Outlook"])
async def test_send_that_failed_leaves_sent(mailbox: Mailbox, *, is_made: bool) -> None:
    """Its author has it back with the reason; what Outlook has shows where Outlook has it."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    if is_made:
        await _made(mailbox, action)
    failed = Outcome(action.uuid, "failed", error="ErrorMessageSizeExceeded")
    assert await mailbox.odoo.outcomes(mailbox.id, [failed]) == 1
    found = await mailbox.behind.letter(mailbox.id, action.uuid)
    assert (found.state, found.error) == ("failed", "ErrorMessageSizeExceeded")
    places = [(entry.remote_id, entry.folder, entry.is_local) for entry in await mailbox.behind.entries(mailbox.id)]
    assert places == ([("D", "F-drafts", False)] if is_made else [])
    assert await mailbox.odoo.draft(mailbox.id, action.uuid) is None
    assert await mailbox.odoo.outcomes(mailbox.id, [failed]) == 0


async def test_send_that_nobody_knows_of_stays_in_sent_until_its_copy_comes(mailbox: Mailbox) -> None:
    """Its author decides, or Outlook does by showing it."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    await _made(mailbox, action)
    assert await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "unconfirmed")]) == 1
    assert (await mailbox.behind.letter(mailbox.id, action.uuid)).state == "unconfirmed"
    (entry,) = await mailbox.behind.entries(mailbox.id)
    assert (entry.folder, entry.is_local) == ("F-sent", True)
    assert await connector.take() == []
    await mailbox.apply(message("D", "F-sent", subject="Hello", internet_message_id=_MESSAGE_ID))
    assert await mailbox.behind.entries(mailbox.id) == [entry._replace(is_local=False)]
    assert (await mailbox.behind.letter(mailbox.id, action.uuid)).state == "sent"


async def test_outcome_tells_which_message_the_mail_became(mailbox: Mailbox) -> None:
    """Where it was found only afterwards, under an id that nobody had heard of."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    done = Outcome(action.uuid, "done", acked=ACKED, draft=DraftMade(remote_id="S", internet_message_id=_MESSAGE_ID))
    assert await mailbox.odoo.outcomes(mailbox.id, [done]) == 1
    (entry,) = await mailbox.behind.entries(mailbox.id)
    assert (entry.remote_id, entry.folder, entry.is_local) == ("S", "F-sent", True)
    await mailbox.apply(message("S", "F-sent", subject="Hello", internet_message_id=_MESSAGE_ID))
    assert await mailbox.behind.entries(mailbox.id) == [entry._replace(is_local=False)]


async def test_send_is_given_again_to_a_connector_that_begins(mailbox: Mailbox) -> None:
    """The same action and the same mail, said to be given before."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    (again,) = await Connector(mailbox).take()
    assert (again.uuid, again.values, again.is_again) == (action.uuid, action.values, True)
    assert len(await mailbox.behind.entries(mailbox.id)) == 1


async def test_send_is_asked_for_by_whoever_was_given_it_last(mailbox: Mailbox) -> None:
    """Who is about to ask Graph says so; one who was given the mail before somebody else was hears that it must not be sent."""
    connector = await _begun(mailbox)
    first = await _taken(mailbox, connector)
    assert (first.is_again, first.is_asked) == (False, False)
    (second,) = await Connector(mailbox).take()
    assert (second.is_again, second.is_asked) == (True, False)
    assert first.claim
    assert second.claim
    assert first.claim != second.claim
    assert not await mailbox.odoo.draft_made(mailbox.id, first.uuid, "D", "CK", _MESSAGE_ID, asking=first.claim)
    assert (await mailbox.behind.letter(mailbox.id, first.uuid)).remote_id is None
    assert await mailbox.odoo.draft_made(mailbox.id, first.uuid, "D", "CK", _MESSAGE_ID, asking=second.claim)
    assert (await mailbox.behind.letter(mailbox.id, first.uuid)).remote_id == "D"
    (entry,) = await mailbox.behind.entries(mailbox.id)
    assert (entry.remote_id, entry.folder, entry.is_local) == ("D", "F-sent", True)
    # It may be asked for again, with what is known of the draft now.
    assert await mailbox.odoo.draft_made(mailbox.id, first.uuid, "D", "CK2", _MESSAGE_ID, asking=second.claim)
    content = await mailbox.odoo.draft(mailbox.id, first.uuid)
    assert content is not None
    assert (content.remote_id, content.change_key) == ("D", "CK2")
    (third,) = await Connector(mailbox).take()
    assert (third.is_again, third.is_asked) == (True, True)
    done = Outcome(first.uuid, "done", acked=ACKED, draft=DraftMade(remote_id="D"))
    assert await mailbox.odoo.outcomes(mailbox.id, [done]) == 1
    assert not await mailbox.odoo.draft_made(mailbox.id, first.uuid, "D", "CK2", _MESSAGE_ID, asking=third.claim)


async def test_mail_is_told_to_nobody_else(mailbox: Mailbox) -> None:
    """Neither by another mailbox's id, nor to whoever means another database, nor of what does not exist."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector, file=b"0123")
    content = await mailbox.odoo.draft(mailbox.id, action.uuid)
    assert content is not None
    other, _ = await mailbox.behind.new_account()
    (file,) = content.attachments
    cases: list[tuple[int, str, str | None]] = [
        (other, action.uuid, None),
        (2**31 - 1, action.uuid, None),
        (mailbox.id, "nobody", None),
        (mailbox.id, action.uuid, "another"),
    ]
    for account_id, uuid, database in cases:
        assert await mailbox.odoo.draft(account_id, uuid, database=database) is None
        assert await mailbox.odoo.draft_piece(account_id, uuid, file.id, 0, 4, database=database) is None
        assert not await mailbox.odoo.draft_made(account_id, uuid, "D", None, None, database=database)
        assert await mailbox.odoo.outcomes(account_id, [Outcome(uuid, "done", acked=ACKED)], database=database) == 0
    assert await mailbox.behind.letter(mailbox.id, action.uuid) == Letter("sending", None, None, None)
    assert await mailbox.odoo.draft(mailbox.id, action.uuid) == content


_WRONG: list[tuple[str, tuple[Any, ...], str]] = [
    ("draft", (-1, "u"), "account_id: not a number of things"),
    ("draft", (None, "u"), "account_id: not a number of things"),
    ("draft", (1, ""), "uuid: missing"),
    ("draft", (1, 7), "uuid: not a text"),
    ("draft_piece", (1, "", 1, 0, 4), "uuid: missing"),
    ("draft_piece", (1, "u", -1, 0, 4), "attachment_id: not a number of things"),
    ("draft_piece", (1, "u", 1, -4, 4), "offset: not a number of things"),
    ("draft_piece", (1, "u", 1, 0, "4"), "size: not a number of things"),
    ("draft_piece", (1, "u", 1, 0, 4 * 2**20 + 1), "size: more than 4 MiB"),
    ("draft_made", (1, "u", "", None, None), "remote_id: missing"),
    ("draft_made", (1, "u", None, None, None), "remote_id: missing"),
    ("draft_made", (1, "u", "D", "\0", None), "change_key: a NUL character"),
    ("draft_made", (1, "u", "D", None, 7), "internet_message_id: not a text"),
    ("draft_made", (1, "", "D", None, None), "uuid: missing"),
]


async def test_wrong_question_is_a_fault_with_its_place(mailbox: Mailbox) -> None:
    """In the same words everywhere."""
    for method, args, said in _WRONG:
        with pytest.raises(OdooFault) as caught:
            await getattr(mailbox.odoo, method)(*((mailbox.id, *args[1:]) if args[0] == 1 else args))
        assert caught.value.name.endswith("WireError"), (method, args)
        assert caught.value.message.startswith(said), (method, args)
    for asking, said in (("", "asking: missing"), (7, "asking: not a text")):
        with pytest.raises(OdooFault) as caught:
            await mailbox.odoo.draft_made(mailbox.id, "u", "D", None, None, asking=asking)  # type: ignore[arg-type] # what is no text is the point
        assert caught.value.message.startswith(said)


_WRONG_DRAFTS: list[tuple[dict[str, Any], str]] = [
    ({"remote_id": "\0"}, "outcomes.draft.remote_id: a NUL character"),
    ({"change_key": 7}, "outcomes.draft.change_key: not a text"),
    ({"revision": -1}, "outcomes.draft.revision: not a number of things"),
    ({"attachments": "all"}, "outcomes.draft.attachments: not a list of objects"),
    ({"attachments": [{"id": "1", "remote_id": "A"}]}, "outcomes.draft.attachments.id: not an id"),
    ({"attachments": [{"id": True, "remote_id": "A"}]}, "outcomes.draft.attachments.id: not an id"),
    ({"attachments": [{"id": 1}]}, "outcomes.draft.attachments.remote_id: missing"),
]


async def test_outcome_with_a_draft_that_makes_no_sense_is_refused(mailbox: Mailbox) -> None:
    """Nothing of the call is taken: the mail is still on its way."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    good = Outcome(action.uuid, "done", acked=ACKED)
    for draft, said in _WRONG_DRAFTS:
        with pytest.raises(OdooFault) as caught:
            await mailbox.odoo.outcomes(mailbox.id, [good, Outcome("u", "done", acked=ACKED, draft=DraftMade(**draft))])
        assert caught.value.message.startswith(said), draft
    assert (await mailbox.behind.letter(mailbox.id, action.uuid)).state == "sending"


async def test_error_that_is_no_code_is_not_kept(mailbox: Mailbox) -> None:
    """It could be text of a mail."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "failed", error="Dear Bert, no")])
    assert (await mailbox.behind.letter(mailbox.id, action.uuid)).error == "other"


async def test_send_of_a_mailbox_that_ends_is_not_told_any_more(mailbox: Mailbox) -> None:
    """Disconnected while it is on its way: nobody waits for what came of it."""
    connector = await _begun(mailbox)
    action = await _taken(mailbox, connector)
    report = AccountReport(mailbox.id, state="disconnected")
    await mailbox.odoo.exchange(instance=INSTANCE, run=connector.run, serial=connector.serial, since=connector.since, reports=[report])
    assert await mailbox.odoo.draft(mailbox.id, action.uuid) is None
    assert not await _made(mailbox, action)
    assert await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "done", acked=ACKED)]) == 0
    found = await mailbox.behind.letter(mailbox.id, action.uuid)
    assert (found.state, found.error) == ("failed", "undecided")
    assert await mailbox.behind.entries(mailbox.id) == []
