"""The index in a real Odoo: pages of a list, search, storage, and how fast `connector_apply` fills it."""

from __future__ import annotations

import io
import json
import random
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import httpx  # noqa: ASYNC127 - as connector/http.py says
import psycopg2

from tests.bench.figures import Figures, median_ms
from tests.bench.mails import ME, Mails
from tests.odoo.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins

__all__ = ["Index"]

# What the design asks for, whatever `n` is.
LARGE, SMALL = 1_000_000, 10_000
QUICK_LARGE = 100_000

# Messages of an apply: what the connector sends at once.
BATCH = 500

_JSON = ("to_recipients", "cc_recipients", "bcc_recipients", "reply_to")
_PLAIN = (
    *("remote_id", "internet_message_id", "conversation_id", "subject", "from_name", "from_email", "preview", "received_at", "sent_at"),
    *("is_read", "is_flagged", "importance", "has_attachments", "is_draft"),
)
_COLUMNS = ("account_id", "folder_id", *_PLAIN, *_JSON, *(f"{name.partition('_')[0]}_total" for name in _JSON[:3]), "reply_to_total")
_ALWAYS = "categories, is_local, pending_removal, create_date, write_date, create_uid, write_uid"


@dataclass
class Index:
    """One mailbox with a large and a small folder, filled as Odoo's own table is."""

    odoo: OdooServer
    logins: Logins
    figures: Figures
    account: int = 0
    folders: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Messages in the large folder."""
        return QUICK_LARGE if self.figures.quick else LARGE

    @property
    def note(self) -> str:
        """What is said of a figure with a smaller n."""
        return f"n = {self.count:,} instead of {LARGE:,}" if self.figures.quick else ""

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement in Odoo's database."""
        return self.odoo.cluster.execute(self.odoo.database, statement, *params)

    def connect(self) -> None:
        """Make a mailbox, as a sign-in leaves it, with its folders."""
        with Person.logged_in(self.odoo, self.logins.user, self.logins.user_password) as anna:
            self.account = anna.new_account(ME)
        self.sql("UPDATE mailbox_account SET state = 'connected' WHERE id = %s", self.account)
        roles = {"large": "inbox", "small": "archive", "applied": "other"}
        tree = [{"remote_id": name, "parent_remote_id": None, "name": name.title(), "role": role} for name, role in roles.items()]
        self.apply(tree=tree)
        self.folders = {
            str(name): int(one) for name, one in self.sql("SELECT remote_id, id FROM mailbox_folder WHERE account_id = %s", self.account)
        }

    def apply(self, **parts: Any) -> None:
        """Call `connector_apply` as the connector does, by JSON-2."""
        answer = self._http.post(
            f"{self.odoo.url}/json/2/mailbox.account/connector_apply",
            json={"account_id": self.account, **parts},
            headers={"Authorization": f"bearer {self.logins.connector_key}"},
        )
        assert answer.status_code == 200, answer.text[:500]
        assert answer.json()["applied"], answer.text[:500]

    @property
    def _http(self) -> httpx.Client:
        if not hasattr(self, "_client"):
            self._client = httpx.Client(timeout=120)
        return self._client

    # ---------------------------------------------------------------- apply, and what it leaves

    def bench_apply(self) -> None:
        """Fill a folder through `connector_apply`; then change each message once, through it too; measure rows and bytes."""
        count = 60_000 if self.figures.quick else 100_000
        patches = list(Mails(seed=2).patches(count, "applied"))
        ceiling = self._ceiling(patches)
        inserted = self._apply_all(patches)
        self._add_rate("connector_apply, new messages", inserted, count, ceiling)
        before = self._bytes(count)
        flips = [{"remote_id": p["remote_id"], "is_read": not p["is_read"]} for p in patches]
        scattered = random.Random(3).sample(flips, count)  # noqa: S311 - test data
        rate = self._apply_all(scattered)
        after = self._bytes(count)
        note = f"n = {count:,}; each message changed once, in no order of time"
        self.figures.add("storage per message, all indexes", "bytes", before, "2,048", met=before <= 2048, note=f"n = {count:,}")
        self.figures.add(
            "storage per message after each was read once",
            "bytes",
            after,
            "2,048",
            met=after <= 2048,
            peer=before,
            peer_name="before",
            note=note,
        )
        self.figures.add("connector_apply, changed messages", "rows/s", rate, "2,500", met=rate >= 2500)
        self._apply_all([{**flip, "is_read": not flip["is_read"]} for flip in flips])
        worst = self._bytes(count)
        self.figures.add(
            "storage per message after each was read once more, in order of time",
            "bytes", worst, "2,048", met=worst <= 2048, peer=before, peer_name="before", note=f"n = {count:,}",
        )  # fmt: skip

    def _add_rate(self, name: str, rate: float, count: int, ceiling: float) -> None:
        met = rate >= 2500
        self.figures.add(
            name, "rows/s", rate, "2,500", met=met, peer=ceiling, peer_name="COPY into the same table, plain SQL", note=f"n = {count:,}"
        )

    def _apply_all(self, patches: list[dict[str, Any]]) -> float:
        started = time.perf_counter()
        for start in range(0, len(patches), BATCH):
            self.apply(messages=patches[start : start + BATCH])
        return len(patches) / (time.perf_counter() - started)

    def _ceiling(self, patches: list[dict[str, Any]]) -> float:
        """Return rows a second of plain SQL: COPY into a table with the same indexes, in the same batches, nothing checked."""
        self.sql("CREATE TABLE bench_ceiling (LIKE mailbox_message_index INCLUDING ALL)")
        connection = psycopg2.connect(self.odoo.cluster.dsn(self.odoo.database))
        started = time.perf_counter()
        for start in range(0, len(patches), BATCH):
            self._copy(connection, "bench_ceiling", patches[start : start + BATCH], self.folders["applied"])
            connection.commit()
        rate = len(patches) / (time.perf_counter() - started)
        connection.close()
        self.sql("DROP TABLE bench_ceiling")
        return rate

    def _bytes(self, count: int) -> float:
        # Nothing else is in the table yet.
        ((size,),) = self.sql("SELECT pg_total_relation_size('mailbox_message_index') + pg_total_relation_size('mailbox_message_mark')")
        return float(size) / count

    # ---------------------------------------------------------------- a large folder

    def fill(self) -> None:
        """Fill the large and the small folder by COPY; indexes are built afterwards, as for a restored backup."""
        print(f"[bench] filling a folder of {self.count:,} messages", flush=True)  # noqa: T201 - a person waits
        indexes = [
            str(d) for (d,) in self.sql("SELECT indexdef FROM pg_indexes WHERE tablename = 'mailbox_message_index' AND indexname !~ 'pkey'")
        ]
        names = [
            str(n)
            for (n,) in self.sql("SELECT indexname FROM pg_indexes WHERE tablename = 'mailbox_message_index' AND indexname !~ 'pkey'")
        ]
        connection = psycopg2.connect(self.odoo.cluster.dsn(self.odoo.database))
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE mailbox_message_index CASCADE")
            cursor.execute("TRUNCATE mailbox_message_mark")
            for name in names:
                cursor.execute(f'DROP INDEX "{name}"')
            mails = Mails()
            for name, count in (("large", self.count), ("small", SMALL)):
                patches = mails.patches(count, name)
                while batch := list(islice(patches, 5000)):
                    self._copy(connection, "mailbox_message_index", batch, self.folders[name])
            cursor.execute("SET maintenance_work_mem = '512MB'")
            for definition in indexes:
                cursor.execute(definition)
        connection.commit()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE mailbox_message_index, mailbox_message_mark")
        connection.close()

    def _copy(self, connection: Any, table: str, patches: list[dict[str, Any]], folder: int) -> None:
        data = "".join(
            "\t".join(
                _cell(value)
                for value in (
                    *(self.account, folder),
                    *(p[name] for name in _PLAIN),
                    *(json.dumps(p[name]["list"], ensure_ascii=False) for name in _JSON),
                    *(p[name]["total"] for name in _JSON),
                    *("[]", False, False, "2026-11-01", "2026-11-01", 1, 1),
                )
            )
            + "\n"
            for p in patches
        )
        with connection.cursor() as cursor:
            cursor.copy_expert(f"COPY {table} ({', '.join(_COLUMNS)}, {_ALWAYS}) FROM STDIN", io.StringIO(data))

    def bench_list(self) -> None:
        """A page of 80 of the large folder beside one of the small folder, in every form."""
        for name, how in self._forms():
            with self._app() as call:
                ours, peer = median_ms(
                    [
                        lambda: call("maildesk_list", folder_id=self.folders["large"], **how),  # noqa: B023 - called within this turn
                        lambda: call("maildesk_list", folder_id=self.folders["small"], **how),  # noqa: B023 - called within this turn
                    ]
                )
            met = ours <= 50 and ours <= max(2 * peer, 10)
            peer_name = f"folder of {SMALL:,}"
            self.figures.add(f"list page, {name}", "ms", ours, "50 ms, x 2", met=met, peer=peer, peer_name=peer_name, note=self.note)

    @staticmethod
    def _forms() -> Iterator[tuple[str, dict[str, Any]]]:
        yield "plain", {}
        yield "conversations", {"view": "conversations"}
        yield "oldest first", {"order": "oldest"}
        for name in ("unread", "flagged", "attachments", "from_me", "to_me"):
            yield name, {"filters": [name]}

    def bench_search(self) -> None:
        """First results of words that are frequent, neither, and rare, beside Odoo's own search for the same word."""
        ((subject,),) = self.sql(
            "SELECT subject FROM mailbox_message_index WHERE folder_id = %s ORDER BY id OFFSET 5 LIMIT 1", self.folders["small"]
        )
        word = max(str(subject).split(), key=len)
        queries = {
            "one letter": "a",
            "two letters": "ka",
            "two words": "ka mo",
            "one's own name": "anna",
            "a word": word,
            "sender": "from:bor",
            "nowhere": "qqqq",
        }
        for name, query in queries.items():
            with self._app() as call:
                (ours,) = median_ms([lambda: call("maildesk_search", query=query)], 9)  # noqa: B023 - called within this turn
                domain = ["|", ["subject", "ilike", query.rpartition(":")[2]], ["preview", "ilike", query.rpartition(":")[2]]]
                (peer,) = median_ms([lambda: call("search_read", domain=domain, fields=["subject"], limit=50)], 2)  # noqa: B023 - called within this turn
            peer_name = "Odoo's own search"
            self.figures.add(f"search, {name}", "ms", ours, "100", met=ours <= 100, peer=peer, peer_name=peer_name, note=self.note)

    def _app(self) -> _App:
        return _App(self.odoo, self.logins)


class _App:
    """The app's session."""

    def __init__(self, odoo: OdooServer, logins: Logins) -> None:
        self._person = Person.logged_in(odoo, logins.user, logins.user_password)

    def __enter__(self) -> Callable[..., Any]:
        return lambda method, **how: self._person.call("mailbox.message_index", method, **how)

    def __exit__(self, *_: object) -> None:
        self._person.close()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value).replace("\\", "\\\\").replace("\t", " ").replace("\n", " ").replace("\r", " ")
