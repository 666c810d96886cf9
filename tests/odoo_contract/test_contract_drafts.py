"""Drafts on the wire: what is saved and thrown away in Outlook, over both transports. The addon in memory writes no drafts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.odoo.wire import DraftMade, Outcome
from tests.odoo_contract.behind import InOdoo
from tests.odoo_contract.conftest import TREE, Mailbox
from tests.odoo_contract.test_contract_actions import ACKED, Connector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Literal

    from connector.odoo.wire import Action, DraftContent
    from tests.odoo_contract.behind import Place

_DRAFT = "mailbox.draft"


class Desk:
    """A person who writes one mail, and a connector that began."""

    def __init__(self, mailbox: Mailbox, person: InOdoo) -> None:
        self.mailbox = mailbox
        self.connector = Connector(mailbox)
        self.behind = person
        self.draft: dict[str, Any] = {}

    async def call(self, method: str, *args: Any) -> Any:
        """Let the person call a method of drafts."""
        return await self.behind.person(lambda person: person.call(_DRAFT, method, *args))

    async def compose(self) -> None:
        """Begin the mail."""
        self.draft = await self.call("maildesk_compose", "new", None, self.mailbox.id)

    async def save(self, **values: Any) -> None:
        """Save what the person wrote."""
        self.draft |= await self.call("maildesk_save", self.draft["id"], self.draft["revision"], values)

    async def look(self) -> dict[str, Any]:
        """Return DRAFT as the app sees it, and go on from there."""
        self.draft = await self.call("maildesk_draft", self.draft["id"])
        return self.draft

    async def taken(self) -> tuple[Action, DraftContent]:
        """Return the one action that the connector gets now, and what the mail says."""
        (action,) = await self.connector.take()
        content = await self.mailbox.odoo.draft(self.mailbox.id, action.uuid)
        assert content is not None
        return action, content

    async def told(self, action: Action, outcome: str = "done", error: str | None = None, **draft: Any) -> None:
        """Let the connector tell what came of an action."""
        more: dict[str, Any] = {"draft": DraftMade(**draft)} if draft else {}
        more |= {"error": error} if error is not None else {}
        assert await self.mailbox.odoo.outcomes(self.mailbox.id, [Outcome(action.uuid, outcome, acked=ACKED, **more)]) == 1

    async def saved(self, **values: Any) -> Action:
        """Save, and let Outlook have it as the message D."""
        await self.save(**values)
        action, content = await self.taken()
        await self.told(action, remote_id="D", change_key="CK1", revision=content.revision)
        return action


@pytest.fixture
async def desk(place: Place, transport: Literal["json2", "jsonrpc"]) -> AsyncIterator[Desk]:
    """Return somebody who has begun a mail."""
    behind = InOdoo(place, transport)
    async with behind.port() as odoo:
        account_id, email = await behind.new_account()
        mailbox = Mailbox(odoo, behind, account_id, email)
        await mailbox.apply(tree=TREE)
        desk = Desk(mailbox, behind)
        await desk.connector.take()
        await desk.compose()
        yield desk


async def test_saves_are_merged_and_the_last_one_counts(desk: Desk) -> None:
    """Nothing goes before the first save; two saves that nobody took are one."""
    assert await desk.connector.take() == []
    await desk.save(subject="First", to=["bert@elsewhere.example"])
    await desk.save(subject="Second", html="<p>Dear Bert</p>")
    action, content = await desk.taken()
    assert (action.kind, action.remote_id, action.values) == ("draft_save", None, {"tag": content.tag, "draft_remote_id": None})
    assert (content.subject, content.html, content.revision) == ("Second", "<p>Dear Bert</p>", desk.draft["revision"])
    assert (content.remote_id, content.change_key, [one.address for one in content.to]) == (None, None, ["bert@elsewhere.example"])
    assert await desk.connector.take() == []


async def test_save_that_is_done_is_known_by_its_revision(desk: Desk) -> None:
    """Outlook has it; the next save names the draft there and what it builds on."""
    first = await desk.saved(subject="First")
    assert (await desk.look())["outlook"] == "saved"
    await desk.save(subject="Second")
    assert (await desk.look())["outlook"] == "saving"
    action, content = await desk.taken()
    assert action.uuid != first.uuid
    assert action.values["draft_remote_id"] == "D"
    assert (content.remote_id, content.change_key, content.subject) == ("D", "CK1", "Second")


async def test_save_during_a_save_comes_afterwards(desk: Desk) -> None:
    """What was written after the connector read it is not saved yet."""
    await desk.save(subject="First")
    action, content = await desk.taken()
    await desk.save(subject="Second")
    await desk.told(action, remote_id="D", change_key="CK1", revision=content.revision)
    assert (await desk.look())["outlook"] == "saving"
    _, content = await desk.taken()
    assert (content.subject, content.remote_id, content.change_key) == ("Second", "D", "CK1")


async def test_save_of_what_was_changed_in_outlook_waits_for_a_choice(desk: Desk) -> None:
    """Neither text is lost: until its author has chosen nothing is saved or sent."""
    await desk.saved(subject="First")
    await desk.save(subject="Mine")
    action, _ = await desk.taken()
    await desk.told(action, "failed", "changed")
    assert (await desk.look())["outlook"] == "changed"
    await desk.save(subject="Mine still")
    assert await desk.connector.take() == []
    assert "conflict" in await desk.call("maildesk_send", desk.draft["id"], desk.draft["revision"], 0)
    assert await desk.connector.take() == []
    await desk.call("maildesk_take", desk.draft["id"], "mine")
    _, content = await desk.taken()
    # Whatever Outlook has is written over.
    assert (content.subject, content.remote_id, content.change_key) == ("Mine still", "D", None)


async def test_save_of_what_was_deleted_in_outlook_waits_for_its_author(desk: Desk) -> None:
    """The text is here and is saved here; it gets a draft of its own in Outlook, and another tag, once the author says so."""
    await desk.saved(subject="First")
    await desk.save(subject="Second")
    action, content = await desk.taken()
    await desk.told(action, "gone", "deleted")
    look = await desk.look()
    assert (look["state"], look["subject"], look["outlook"]) == ("editing", "Second", "deleted")
    await desk.save(subject="Third")
    assert await desk.connector.take() == []
    await desk.call("maildesk_take", desk.draft["id"], "anew")
    action, anew = await desk.taken()
    assert (anew.remote_id, anew.subject) == (None, "Third")
    assert anew.tag != content.tag
    assert action.values == {"tag": anew.tag, "draft_remote_id": None}


async def test_save_that_failed_says_so_and_is_tried_with_the_next_one(desk: Desk) -> None:
    """It stays where it is written."""
    await desk.save(subject="First")
    action, _ = await desk.taken()
    await desk.told(action, "failed", "ErrorQuotaExceeded")
    look = await desk.look()
    assert (look["state"], look["outlook"]) == ("editing", "failed")
    assert "full" in look["error"]
    await desk.saved(subject="Second")
    assert (await desk.look())["outlook"] == "saved"


async def test_files_that_outlook_has_are_given_no_more(desk: Desk) -> None:
    """They have an id there from then on, and the upload goes."""
    await desk.save(subject="First")
    upload = await desk.behind.person(lambda someone: someone.call("ir.attachment", "create", [{"name": "a.txt", "raw": "0123"}])[0])
    await desk.save(attachment_ids=[upload])
    action, content = await desk.taken()
    (file,) = content.attachments
    assert (file.is_here, file.remote_id) == (True, None)
    attachments = [{"id": file.id, "remote_id": "A"}]
    await desk.told(action, remote_id="D", change_key="CK1", revision=content.revision, attachments=attachments)
    await desk.save(subject="Second")
    action, content = await desk.taken()
    (file,) = content.attachments
    assert (file.is_here, file.remote_id, file.name) == (False, "A", "a.txt")
    assert await desk.mailbox.odoo.draft_piece(desk.mailbox.id, action.uuid, file.id, 0, 4) is None


async def test_send_takes_the_place_of_a_save(desk: Desk) -> None:
    """A save that nobody took is not wanted any more: the send brings the text."""
    await desk.saved(subject="First", to=["bert@elsewhere.example"])
    await desk.save(subject="Second")
    await desk.call("maildesk_send", desk.draft["id"], desk.draft["revision"], 0)
    action, content = await desk.taken()
    assert (action.kind, action.values) == ("send", {"tag": content.tag, "draft_remote_id": "D"})
    assert (content.subject, content.remote_id, content.change_key) == ("Second", "D", "CK1")


async def test_send_taken_back_is_not_given(desk: Desk) -> None:
    """It is saved as a draft instead."""
    await desk.save(subject="First", to=["bert@elsewhere.example"])
    await desk.call("maildesk_send", desk.draft["id"], desk.draft["revision"], 30)
    assert await desk.connector.take() == []
    await desk.call("maildesk_unsend", desk.draft["id"])
    action, _ = await desk.taken()
    assert action.kind == "draft_save"


async def test_discard_names_the_draft_in_outlook_and_says_nothing(desk: Desk) -> None:
    """What it said is forgotten here at once."""
    await desk.saved(subject="First", html="<p>Dear Bert</p>")
    await desk.call("maildesk_discard", desk.draft["id"])
    (action,) = await desk.connector.take()
    assert (action.kind, action.remote_id, action.values["draft_remote_id"]) == ("draft_discard", None, "D")
    content = await desk.mailbox.odoo.draft(desk.mailbox.id, action.uuid)
    assert content is not None
    assert (content.subject, content.html, content.attachments) == ("", "", [])
    await desk.told(action)
    assert await desk.mailbox.odoo.draft(desk.mailbox.id, action.uuid) is None
