"""Sends mails, each exactly once, or says that nobody can know (issue: writing mail).

```
 taken ──▶ drafting ──▶ drafted ──▶ asked ──accepted (202)──────────────────────────────────────▶ done
   │       the draft is  files are    │ ▲
   │       made, by tag  there        │ └─ still a draft, as we left it, after 5 min: once more ─┐
   │                                  │                                                           │
   │                                  └─no answer, 5xx, 202 with Retry-After, death──▶ looked for after 5 s, 30 s, 2 min, 5 min
   │                                                                                  │   found outside Drafts ──────────▶ done
   └─ never noted here, though it may have been begun (a lost file, a backup) ────────┘   else, or the second time ──▶ unconfirmed

 refused (4xx): failed, and why; its author has it back      429, 401: Graph did not look at it, it waits
```
Each arrow that leaves for Graph is noted before it goes (`journal.Letter`), so that whoever comes after a death knows where it was. Before
"asked" Odoo is told ("asking"): whom it has given the mail to last sends it, nobody else; and where neither knows of an asking there was
none, whoever died with the mail in hand. "Looked for" is by our tag, by id and by Message-ID, in all folders: an accepted mail may stand in
Drafts for two minutes, and then in no folder for one; so a draft that is there says nothing, until it has been there for five minutes.
Nothing is sent twice because an answer was lost.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
import trio
from msgspec import UNSET
from msgspec.structs import replace

from connector.errors import (
    AuthError,
    ConnectorError,
    GraphError,
    GraphForbidden,
    GraphMailboxGone,
    GraphNotFound,
    GraphSyncStateGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
    OdooError,
)
from connector.graph.drafts import DraftItem, find_by_message_id, find_by_tag, get_draft, send_draft
from connector.odoo.wire import DraftMade, Outcome
from connector.outbox.drafts import Changed, Deleted, DraftBox, Ready, SentInOutlook
from connector.outbox.upload import FileGone
from connector.state.journal import Letter
from connector.sync.plan import backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from connector.graph.client import MailboxClient
    from connector.odoo.port import OdooPort
    from connector.odoo.wire import DraftContent
    from connector.outbox.queue import Task
    from connector.state.journal import Journal

__all__ = ["LOOKS", "Post"]

# Seconds after a doubtful answer at which the mail is looked for.
LOOKS = (5.0, 30.0, 120.0, 300.0)
# Times that Graph is asked to send one mail at most.
_ASKS = 2
# Times that what may be repeated is tried: a quarter of an hour, with the pauses below.
_TRIES = 20
# Seconds: the longest pause before that; and for what stops the whole mailbox, which is the runner's to judge.
_CEILING = 60.0
_STOPPED = 30.0

# Refusals of a send that come with a status which means something else elsewhere: over the limit of 30 a minute, over the day's.
_LIMITS = frozenset({"errorexceededmessagelimit", "errormessagesubmissionblocked", "errorsendquotaexceeded", "errorrecipientlimitexceeded"})

_log = structlog.get_logger(__name__)


class Post:
    """Saves, discards and sends the mails of one mailbox; `run` carries one as far as it goes now."""

    def __init__(
        self,
        client: MailboxClient,
        account_id: int,
        odoo: OdooPort,
        journal: Journal,
        now: Callable[[], datetime],
        database: Callable[[], str | None],
        *,
        on_trouble: Callable[[], None],
    ) -> None:
        """`database` says which of Odoo's databases is meant, `on_trouble` hears that something stops the mailbox."""
        self._client = client
        self._account_id = account_id
        self._odoo = odoo
        self._journal = journal
        self._now = now
        self._database = database
        self._on_trouble = on_trouble
        self._box = DraftBox(client)

    async def run(self, task: Task) -> Outcome | None:
        """Return what came of an action; None where it goes on later (`task.not_before`)."""
        uuid = task.action.uuid
        try:
            outcome = await self._carry(task)
        except SentInOutlook as sent:
            # Its author pressed Send there: it went once.
            made = UNSET if sent.item is None else _made(sent.item)
            outcome = (
                Outcome(uuid, "done", acked=self._clock(), draft=made)
                if task.action.kind == "send"
                else Outcome(uuid, "gone", error="sent")
            )
        except Changed:
            outcome = Outcome(uuid, "failed", error="changed")
        except Deleted:
            outcome = Outcome(uuid, "failed" if task.action.kind == "send" else "gone", error="deleted")
        except FileGone:
            outcome = Outcome(uuid, "failed", error="attachment")
        except ConnectorError as error:
            outcome = self._judge(task, error)
        return outcome

    async def _carry(self, task: Task) -> Outcome | None:
        action = task.action
        if action.kind == "draft_discard":
            await self._box.discard(action.values.get("draft_remote_id"), str(action.values.get("tag")))
            return Outcome(action.uuid, "done", acked=self._clock())
        content = await self._odoo.draft(self._account_id, action.uuid, database=self._database())
        if content is None:
            # Undone, or over, meanwhile.
            return Outcome(action.uuid, "gone")
        letter = task.letter
        if letter is None and action.kind == "send" and task.is_doubtful:
            # It may have been sent by somebody whose notes are lost: as if Graph had just been asked, and not answered.
            letter = Letter("asked", content.remote_id, content.change_key, asks=1, asked_at=self._clock())
            await self._note(task, letter)
        if letter is not None and letter.step == "asked":
            return await self._look(task, letter, content)
        ready = await self._prepare(task, letter or Letter("taken"), content)
        if action.kind == "draft_save":
            return Outcome(action.uuid, "done", acked=self._clock(), draft=ready.made)
        return await self._ask(task, ready.letter, ready.made)

    async def _prepare(self, task: Task, letter: Letter, content: DraftContent) -> Ready:
        uuid = task.action.uuid

        async def pieces(attachment_id: int, offset: int, size: int) -> bytes | None:
            return await self._odoo.draft_piece(self._account_id, uuid, attachment_id, offset, size, database=self._database())

        async def made(item: DraftItem) -> None:
            if task.action.kind == "send":
                # Before anything is sent: Sent shows it once whatever comes.
                await self._odoo.draft_made(
                    self._account_id, uuid, item.id, item.change_key, item.internet_message_id, database=self._database()
                )

        async def note(one: Letter) -> None:
            await self._note(task, one)

        # A mail that is to be sent, and has no draft, may have gone by an action that a backup of Odoo forgot (sent later, taken back,
        # sent at once). No note is under this action's name then; its tag is in Outlook all the same.
        is_doubtful = task.is_doubtful or task.action.kind == "send"
        return await self._box.prepare(content, letter, note, pieces, made, is_doubtful=is_doubtful)

    # ---------------------------------------------------------------- asking

    async def _ask(self, task: Task, letter: Letter, made: DraftMade) -> Outcome | None:
        """Ask Graph to send the draft: the one request that nothing may repeat by itself."""
        before = replace(letter, is_told=True)
        # Noted here, there, and here: whoever comes after a death knows whether it may have been asked, also where a failing power took the
        # last notes of this file with it.
        await self._note(task, replace(before, step="asking"))
        if not await self._is_ours(task, before, made):
            self._later(task, _STOPPED, is_counted=False)
            return None
        letter = replace(before, step="asked", asks=letter.asks + 1, asked_at=self._clock())
        await self._note(task, letter)
        try:
            is_clear = await send_draft(self._client, letter.remote_id or "")
        except (GraphError, AuthError) as error:
            return await self._refused(task, before, letter, error)
        if is_clear:
            return Outcome(task.action.uuid, "done", acked=self._clock(), draft=made)
        self._look_later(task, letter)
        return None

    async def _is_ours(self, task: Task, before: Letter, made: DraftMade) -> bool:
        """Tell Odoo that Graph is about to be asked; False where the mail was given to another connector, or nobody wants it any more.

        Where that fails Graph is not asked, and all is as before.
        """
        try:
            is_ours = await self._odoo.draft_made(
                self._account_id,
                task.action.uuid,
                before.remote_id or "",
                made.change_key or None,
                made.internet_message_id or None,
                database=self._database(),
                asking=task.claim or "",
            )
        except OdooError:
            await self._note(task, before)
            raise
        if not is_ours:
            await self._note(task, before)
        return is_ours

    async def _refused(self, task: Task, before: Letter, letter: Letter, error: GraphError | AuthError) -> Outcome | None:
        """Tell what an error says of the mail: that it was not sent, or nothing. `before`: what was noted before Graph was asked."""
        status = error.status if isinstance(error, GraphError) else None
        is_first = letter.asks == 1
        if isinstance(error, AuthError | GraphUnauthorized) or status == 429:
            if not (isinstance(error, GraphError) and error.code.lower() in _LIMITS):
                # Graph did not look at it: all is as before, an earlier doubt too.
                await self._note(task, before)
                raise error
        elif status == 409:
            # Another write to the draft was under way.
            await self._note(task, before)
            self._later(task, None)
            return None
        assert isinstance(error, GraphError)  # noqa: S101 - what is left
        # After an earlier doubt no refusal says anything: the first time may have gone through all the same.
        if not is_first or status is None or status >= 500 or status in {200, 202, 404, 408}:
            self._look_later(task, letter)
            return None
        return self._failed(task, error)

    @staticmethod
    def _failed(task: Task, error: GraphError) -> Outcome:
        return Outcome(task.action.uuid, "failed", error=error.code or str(error.status))

    # ---------------------------------------------------------------- doubt

    async def _look(self, task: Task, letter: Letter, content: DraftContent) -> Outcome | None:
        """Look for a mail of which nobody knows whether it was sent."""
        elapsed = self._clock() - letter.asked_at
        if elapsed < LOOKS[0]:
            self._look_later(task, letter)
            return None
        found, tagged = await self._find(letter, content)
        drafts, trash = await self._box.folder("drafts"), await self._box.folder("deleteditems")
        away = [one for one in found.values() if not one.is_draft or one.parent_folder_id not in {drafts, trash}]
        if away:
            # A copy in one's own Inbox may have the tag too: only what is in Sent is the entry's.
            sent = await self._box.folder("sentitems")
            ours = [one for one in away if one.id == letter.remote_id or (one.id in tagged and one.parent_folder_id == sent)]
            made = _made(ours[0]) if ours else UNSET
            return Outcome(task.action.uuid, "done", acked=self._clock(), draft=made)
        waiting = [one for one in found.values() if one.parent_folder_id == drafts]
        if waiting and letter.change_key is None:
            letter = replace(letter, remote_id=waiting[0].id, change_key=waiting[0].change_key, message_id=waiting[0].internet_message_id)
            await self._note(task, letter)
        if elapsed < LOOKS[-1]:
            self._look_later(task, letter)
            return None
        is_untouched = len(waiting) == 1 and waiting[0].change_key == letter.change_key and waiting[0].id == letter.remote_id
        if is_untouched and letter.asks < _ASKS:
            return await self._ask(task, letter, _made(waiting[0]))
        _log.warning("nobody knows whether a mail was sent", account=self._account_id, action=task.action.uuid, asks=letter.asks)
        return Outcome(task.action.uuid, "unconfirmed", draft=_made(waiting[0]) if waiting else UNSET)

    async def _find(self, letter: Letter, content: DraftContent) -> tuple[dict[str, DraftItem], set[str]]:
        """Return everything that may be the mail, by its id, and the ids of what has its tag."""
        found = {one.id: one for one in await find_by_tag(self._client, content.tag)}
        tagged = set(found)
        if letter.remote_id is not None and letter.remote_id not in found:
            with suppress(GraphNotFound):
                found[letter.remote_id] = await get_draft(self._client, letter.remote_id)
        if not found and letter.message_id is not None:
            found |= {one.id: one for one in await find_by_message_id(self._client, letter.message_id)}
        return found, tagged

    def _look_later(self, task: Task, letter: Letter) -> None:
        elapsed = self._clock() - letter.asked_at
        wait = next((look for look in LOOKS if look > elapsed), LOOKS[-1]) - elapsed
        task.not_before = trio.current_time() + max(0.1, wait)

    # ---------------------------------------------------------------- what may be repeated

    def _judge(self, task: Task, error: ConnectorError) -> Outcome | None:
        """Judge an error of a step that may be done again."""
        match error:
            case OdooError():
                self._later(task, None, is_counted=False)
            case GraphThrottled():
                self._later(task, error.retry_after, is_counted=False)
            case AuthError() | GraphUnauthorized():
                self._on_trouble()
                task.not_before = trio.current_time() + _STOPPED
            case GraphMailboxGone() if not isinstance(error, GraphForbidden):
                self._on_trouble()
                task.not_before = trio.current_time() + _STOPPED
            case GraphUnreachable() | GraphSyncStateGone():
                self._later(task, error.retry_after)
            case GraphError() if error.status == 409 or error.status is None:
                self._later(task, None)
            case GraphError() if task.letter is not None and task.letter.asks:
                # Of looking for it: that is refused, and says nothing of the mail.
                self._later(task, None)
                if task.attempts >= _TRIES:
                    return Outcome(task.action.uuid, "unconfirmed")
            case GraphError():
                return self._failed(task, error)
            case _:
                raise error
        if task.attempts >= _TRIES and not (task.letter is not None and task.letter.asks):
            return Outcome(task.action.uuid, "failed", error="unavailable")
        return None

    def _later(self, task: Task, retry_after: float | None, *, is_counted: bool = True) -> None:
        task.attempts += is_counted
        pause = backoff(max(1, task.attempts), ceiling=_CEILING, jitter=random.random())  # noqa: S311 - spreads load
        task.not_before = trio.current_time() + max(pause, retry_after or 0.0)

    async def _note(self, task: Task, letter: Letter) -> None:
        await self._journal.note(self._account_id, {task.action.uuid: letter}, self._clock())
        task.letter = letter

    def _clock(self) -> float:
        return self._now().timestamp()


def _made(item: DraftItem) -> DraftMade:
    return DraftMade(remote_id=item.id, change_key=item.change_key or UNSET, internet_message_id=item.internet_message_id or UNSET)
