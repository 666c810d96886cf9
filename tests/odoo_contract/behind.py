"""What is behind a port, and what tests look at and arrange there: the same for the real addon and for the one in memory."""

from __future__ import annotations

import base64
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import trio
from pydantic import SecretStr

from connector.config import OdooConfig
from connector.http import open_client
from connector.odoo import open_odoo
from connector.odoo.wire import SealedToken
from tests.odoo.person import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from connector.http import AsyncClient
    from connector.odoo.port import OdooPort
    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins
    from tests.sync.memory_addon import MemoryAddon

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """An Odoo, and how the connector logs in there."""

    server: OdooServer
    logins: Logins

    def config(self, transport: Literal["json2", "jsonrpc", "auto"], **changes: Any) -> OdooConfig:
        """Return a configuration that works, but for `changes`."""
        given: dict[str, Any] = {
            "url": self.server.url,
            "database": self.server.database,
            "login": self.logins.connector,
            "api_key": SecretStr(self.logins.connector_key),
        }
        return OdooConfig(transport=transport, **(given | changes))

    def execute(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Look into, or reach into, Odoo's database beside Odoo."""
        return self.server.cluster.execute(self.server.database, statement, *params)


@asynccontextmanager
async def opened(config: OdooConfig) -> AsyncIterator[tuple[OdooPort, AsyncClient]]:
    """Open a port."""
    async with open_client() as client, open_odoo(config, client) as odoo:
        yield odoo, client


def new_account(place: Place) -> tuple[int, str]:
    """Let a person make an account, and connect it as a sign-in would."""
    email = f"box{next(_numbers)}@pier.example"
    with Person.logged_in(place.server, place.logins.user, place.logins.user_password) as person:
        account_id = person.new_account(email)
    place.execute("UPDATE mailbox_account SET state = 'connected', token_sealed = 'sealed-1', token_seq = 1 WHERE id = %s", account_id)
    place.execute("UPDATE mailbox_account SET granted_scopes = 'Mail.ReadWrite Mail.Send' WHERE id = %s", account_id)
    return account_id, email


class Letter(NamedTuple):
    """How a mail stands."""

    state: str
    error: str | None
    remote_id: str | None
    message_id: str | None


class Entry(NamedTuple):
    """A row in sight: `id` is Odoo's, `remote_id` None until there is a message of Graph behind it."""

    id: int
    remote_id: str | None
    folder: str
    subject: str
    is_local: bool


class Behind(Protocol):
    """What is behind a port, past it."""

    def port(self) -> AbstractAsyncContextManager[OdooPort]:
        """Open the port."""

    async def new_account(self) -> tuple[int, str]:
        """Make an account with the token `sealed-1` of a sign-in; return its id and address."""

    async def choose(self, account_id: int, state: str) -> None:
        """Put an account into a state, as a person may."""

    async def identify(self, account_id: int, tenant: str, mailbox_id: str) -> None:
        """Note what a sign-in told of a mailbox."""

    async def age(self, account_id: int) -> None:
        """Let the last change of an account be an hour ago."""

    async def switch(self, account_id: int, folder: str, *, enabled: bool) -> None:
        """Switch the sync of a folder, as its owner."""

    async def refresh(self, account_id: int) -> None:
        """Ask for a cycle now, as a person."""

    async def delete(self, account_id: int) -> None:
        """Let the record of an account be gone."""

    async def token(self, account_id: int) -> str | None:
        """Return the sealed token of an account, whatever its state."""

    async def trouble(self) -> tuple[str | None, str | None, int]:
        """Return the trouble of the connector: code, message, and how often administrators were told of one."""

    async def told(self, account_id: int) -> tuple[Any, ...]:
        """Return what reports told: message, phase, messages done and in all, last sync."""

    async def rows(self, account_id: int) -> dict[str, tuple[Any, ...]]:
        """Return what stands in the index: remote id -> (folder, subject, read, pending)."""

    async def act(self, account_id: int, kind: str, *remote_ids: str, folder: str | None = None, **values: Any) -> str:
        """Do something with messages, as the owner; return what undoes it."""

    async def undo(self, account_id: int, group: str) -> None:
        """Take it back, as the owner."""

    async def counts(self, account_id: int, folder: str) -> tuple[int, int]:
        """Return Graph's counts of a folder as Odoo keeps them: unread, total."""

    async def send(self, account_id: int, subject: str, to: str, *, delay: int = 0, file: bytes | None = None) -> str:
        """Send a mail as the owner, perhaps with the file `a.txt`; return its action's uuid."""

    async def letter(self, account_id: int, uuid: str) -> Letter:
        """Return how the mail of an action stands."""

    async def entries(self, account_id: int) -> list[Entry]:
        """Return what shows of the mailbox, and is a draft or in Sent."""


@dataclass(frozen=True)
class InOdoo:
    """The real addon, by one of the transports."""

    place: Place
    transport: Literal["json2", "jsonrpc"]

    @asynccontextmanager
    async def port(self) -> AsyncIterator[OdooPort]:
        """Open the port."""
        async with opened(self.place.config(self.transport)) as (odoo, _):
            yield odoo

    async def new_account(self) -> tuple[int, str]:
        """Let a person make it."""
        return await trio.to_thread.run_sync(new_account, self.place)

    async def choose(self, account_id: int, state: str) -> None:
        """Write the state."""
        await self._execute("UPDATE mailbox_account SET state = %s WHERE id = %s", state, account_id)

    async def identify(self, account_id: int, tenant: str, mailbox_id: str) -> None:
        """Write the fields."""
        await self._execute("UPDATE mailbox_account SET tenant = %s, mailbox_id = %s WHERE id = %s", tenant, mailbox_id, account_id)

    async def age(self, account_id: int) -> None:
        """Write the time."""
        statement = "UPDATE mailbox_account SET config_changed_at = now() at time zone 'utc' - interval '1 hour' WHERE id = %s"
        await self._execute(statement, account_id)

    async def switch(self, account_id: int, folder: str, *, enabled: bool) -> None:
        """Let the person who made it do so."""
        statement = "SELECT id FROM mailbox_folder WHERE account_id = %s AND remote_id = %s"
        ((folder_id,),) = await self._execute(statement, account_id, folder)
        await self._call("mailbox.folder", "maildesk_set_sync", [folder_id], enabled)

    async def refresh(self, account_id: int) -> None:
        """Let the person who made it do so."""
        await self._call("mailbox.account", "maildesk_refresh", [account_id])

    async def delete(self, account_id: int) -> None:
        """Delete the row; all that is its goes with it."""
        await self._execute("DELETE FROM mailbox_account WHERE id = %s", account_id)

    async def token(self, account_id: int) -> str | None:
        """Read the field."""
        ((sealed,),) = await self._execute("SELECT token_sealed FROM mailbox_account WHERE id = %s", account_id)
        return None if sealed is None else str(sealed)

    async def trouble(self) -> tuple[str | None, str | None, int]:
        """Read the connector's row, and count the notifications."""
        ((code, message),) = await self._execute("SELECT trouble_code, trouble_message FROM mailbox_connector")
        ((count,),) = await self._execute("SELECT count(*) FROM mail_message WHERE subject LIKE %s", "MailDesk: the connector%%")
        return code, message, int(count)

    async def told(self, account_id: int) -> tuple[Any, ...]:
        """Read the account."""
        statement = """
            SELECT state_message, sync_phase, backfill_done, backfill_total, to_char(last_sync_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
              FROM mailbox_account WHERE id = %s"""
        return (await self._execute(statement, account_id))[0]

    async def rows(self, account_id: int) -> dict[str, tuple[Any, ...]]:
        """Read the index."""
        statement = (
            "SELECT m.remote_id, f.remote_id, m.subject, m.is_read, m.pending_removal FROM mailbox_message_index m "
            "JOIN mailbox_folder f ON f.id = m.folder_id WHERE m.account_id = %s ORDER BY m.id"
        )
        return {row[0]: row[1:] for row in await self._execute(statement, account_id)}

    async def act(self, account_id: int, kind: str, *remote_ids: str, folder: str | None = None, **values: Any) -> str:
        """Let the person who made the account do it."""
        statement = "SELECT id FROM mailbox_message_index WHERE account_id = %s AND remote_id = ANY(%s)"
        ids = [row[0] for row in await self._execute(statement, account_id, list(remote_ids))]
        if folder is not None:
            statement = "SELECT id FROM mailbox_folder WHERE account_id = %s AND remote_id = %s"
            ((values["folder_id"],),) = await self._execute(statement, account_id, folder)
        return str((await self._call("mailbox.action", "maildesk_do", kind, ids, values))["undo"])

    async def undo(self, account_id: int, group: str) -> None:
        """Let the person who made the account do it."""
        del account_id  # the group says enough
        await self._call("mailbox.action", "maildesk_undo", group)

    async def counts(self, account_id: int, folder: str) -> tuple[int, int]:
        """Read them."""
        statement = (
            "SELECT s.unread, s.total FROM mailbox_folder_sync s JOIN mailbox_folder f ON f.id = s.folder_id "
            "WHERE s.account_id = %s AND f.remote_id = %s"
        )
        ((unread, total),) = await self._execute(statement, account_id, folder)
        return unread or 0, total or 0

    async def send(self, account_id: int, subject: str, to: str, *, delay: int = 0, file: bytes | None = None) -> str:
        """Let the person who made the account write and send it."""

        def write(person: Person) -> int:
            given = [{"name": "a.txt", "datas": base64.b64encode(file).decode()}] if file is not None else []
            files = [person.call("ir.attachment", "create", [one])[0] for one in given]
            draft = person.call("mailbox.draft", "maildesk_compose", "new", None, account_id, [to], subject, files)
            person.call("mailbox.draft", "maildesk_send", draft["id"], draft["revision"], delay)
            return int(draft["id"])

        draft = await self.person(write)
        statement = "SELECT uuid FROM mailbox_action WHERE draft_id = %s AND kind = 'send'"
        ((uuid,),) = await self._execute(statement, draft)
        return str(uuid)

    async def letter(self, account_id: int, uuid: str) -> Letter:
        """Read the draft."""
        statement = (
            "SELECT d.state, d.error_code, d.remote_id, d.internet_message_id FROM mailbox_draft d "
            "JOIN mailbox_action a ON a.draft_id = d.id WHERE d.account_id = %s AND a.uuid = %s"
        )
        (row,) = await self._execute(statement, account_id, uuid)
        return Letter(*row)

    async def entries(self, account_id: int) -> list[Entry]:
        """Read the index."""
        statement = (
            "SELECT m.id, m.remote_id, f.remote_id, m.subject, COALESCE(m.is_local, false) FROM mailbox_message_index m "
            "JOIN mailbox_folder f ON f.id = m.folder_id WHERE m.account_id = %s AND f.role IN ('sent', 'drafts') "
            "AND NOT m.pending_removal ORDER BY m.id"
        )
        return [Entry(*row) for row in await self._execute(statement, account_id)]

    async def person(self, work: Callable[[Person], Any]) -> Any:
        """Let the person who made the account do something."""

        def at_the_browser() -> Any:
            with Person.logged_in(self.place.server, self.place.logins.user, self.place.logins.user_password) as person:
                return work(person)

        return await trio.to_thread.run_sync(at_the_browser)

    async def _call(self, model: str, method: str, *args: Any) -> Any:
        return await self.person(lambda person: person.call(model, method, *args))

    async def _execute(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        return await trio.to_thread.run_sync(self.place.execute, statement, *params)


@dataclass(frozen=True)
class InMemory:
    """The addon in memory."""

    addon: MemoryAddon

    @asynccontextmanager
    async def port(self) -> AsyncIterator[OdooPort]:
        """Return it: it is the port."""
        yield self.addon

    async def new_account(self) -> tuple[int, str]:
        """Make and connect it."""
        email = f"box{next(_numbers)}@pier.example"
        account_id = self.addon.new_account(email)
        self.addon.sign_in(account_id, SealedToken("sealed-1", 1))
        return account_id, email

    async def choose(self, account_id: int, state: str) -> None:
        """Write the state."""
        self.addon.configure(account_id, state=state)

    async def identify(self, account_id: int, tenant: str, mailbox_id: str) -> None:
        """Write the fields."""
        self.addon.configure(account_id, tenant=tenant, mailbox_id=mailbox_id)

    async def age(self, account_id: int) -> None:
        """Write the time."""
        self.addon.mailboxes[account_id].config_changed_at -= timedelta(hours=1)

    async def switch(self, account_id: int, folder: str, *, enabled: bool) -> None:
        """Switch it."""
        self.addon.maildesk_set_sync(account_id, [folder], enabled=enabled)

    async def refresh(self, account_id: int) -> None:
        """Ask."""
        self.addon.maildesk_refresh([account_id])

    async def delete(self, account_id: int) -> None:
        """Delete it."""
        self.addon.delete_account(account_id)

    async def token(self, account_id: int) -> str | None:
        """Read the field."""
        token = self.addon.mailboxes[account_id].token
        return None if token is None else token.sealed

    async def trouble(self) -> tuple[str | None, str | None, int]:
        """Read it, and count the notifications."""
        trouble = self.addon.trouble
        return (*((trouble.code, trouble.message) if trouble is not None else (None, None)), len(self.addon.notified))

    async def told(self, account_id: int) -> tuple[Any, ...]:
        """Read the account."""
        box = self.addon.mailboxes[account_id]
        return box.state_message, box.sync_phase, box.backfill_done, box.backfill_total, box.last_sync_at

    async def rows(self, account_id: int) -> dict[str, tuple[Any, ...]]:
        """Read the index."""
        rows = self.addon.rows(account_id)
        return {i: (row["folder"], row["subject"], row["is_read"], row["pending"]) for i, row in rows.items()}

    async def act(self, account_id: int, kind: str, *remote_ids: str, folder: str | None = None, **values: Any) -> str:
        """Do it."""
        return self.addon.maildesk_do(account_id, kind, remote_ids, **values, **({} if folder is None else {"folder": folder}))

    async def undo(self, account_id: int, group: str) -> None:
        """Take it back."""
        self.addon.maildesk_undo(account_id, group)

    async def counts(self, account_id: int, folder: str) -> tuple[int, int]:
        """Read them."""
        found = self.addon.mailboxes[account_id].folders[folder]
        return found.unread, found.total

    async def send(self, account_id: int, subject: str, to: str, *, delay: int = 0, file: bytes | None = None) -> str:
        """Send it."""
        files = () if file is None else ((1, "a.txt", file),)
        return self.addon.maildesk_send(account_id, subject, to, delay=delay, files=files)

    async def letter(self, account_id: int, uuid: str) -> Letter:
        """Read it."""
        box = self.addon.mailboxes[account_id]
        found = box.letters[box.actions[uuid].group]
        return Letter(found.state, found.error, found.remote_id, found.message_id)

    async def entries(self, account_id: int) -> list[Entry]:
        """Read the rows."""
        box = self.addon.mailboxes[account_id]
        return [
            Entry(row["id"], None if i in box.letters else i, row["folder"], row["subject"], bool(row.get("local")))
            for i, row in box.rows.items()
            if not row["pending"] and box.folders[row["folder"]].role in {"sent", "drafts"}
        ]
