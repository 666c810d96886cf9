"""From consent to the first 50 messages, and opening one, with the connector and a Graph that takes its time."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from connector.http import open_client
from tests.bench.figures import Figures, median_ms
from tests.graph_simulator.quirks import Quirks
from tests.system.bench import Bench, open_bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.odoo.person import Person
    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins

__all__ = ["bench_reading"]

# Seconds that each answer of Graph takes (design, "Numbers to meet").
LATENCY = 0.1

ADDRESS = "reader@pier.example"


async def bench_reading(figures: Figures, odoo: OdooServer, logins: Logins, folder: Path, port: int) -> None:
    """Connect a mailbox and open messages."""
    async with open_bench(odoo, logins, folder, port, quirks=Quirks(latency=LATENCY), settings={"backfill_per_hour": 1}) as bench:
        bench.add_mailbox(ADDRESS, inbox=120)
        seconds, rows = await _first_fifty(bench)
        figures.add("consent given to 50 messages in the app, 100 ms per Graph request", "s", seconds, "3", met=seconds <= 3)
        graph = await _graph_latency(bench)
        first, again = await bench.person(partial(_open, rows=rows))
        figures.add("open a message, cached", "ms", again, "50", met=again <= 50)
        figures.add(
            "open a message, not cached", "ms", first, "Graph's latency + 150", met=first <= 2 * graph + 150, peer=2 * graph,
            peer_name="Graph alone: message and attachments, one after the other",
        )  # fmt: skip


async def _first_fifty(bench: Bench) -> tuple[float, list[dict[str, Any]]]:
    def go(someone: Person) -> tuple[float, list[dict[str, Any]]]:
        account = someone.new_account(ADDRESS)
        url = someone.start_sign_in(account).headers["location"]
        started = time.perf_counter()
        someone.finish_sign_in(url, ADDRESS)
        while time.perf_counter() - started < 60:
            accounts = someone.call("mailbox.account", "maildesk_overview")["accounts"]
            inbox = next((f for a in accounts if a["id"] == account for f in a["folders"] if f["role"] == "inbox"), None)
            if inbox is not None:
                rows = someone.call("mailbox.message_index", "maildesk_list", inbox["id"], 50)["rows"]
                if len(rows) == 50:
                    return time.perf_counter() - started, rows
            time.sleep(0.02)
        raise AssertionError("50 messages did not come within a minute")

    found: tuple[float, list[dict[str, Any]]] = await bench.person(go)
    return found


async def _graph_latency(bench: Bench) -> float:
    """Return the milliseconds that one answer of the simulator takes from here."""
    taken = []
    async with open_client() as client:
        for _ in range(10):
            started = time.perf_counter()
            await client.request("GET", f"{bench.simulator.url}/v1.0/me")
            taken.append(1000 * (time.perf_counter() - started))
    return max(statistics.median(taken), 1000 * LATENCY)


def _open(someone: Person, rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Return the median milliseconds of opening messages for the first time, and again."""
    taken = []
    for row in rows[:10]:
        started = time.perf_counter()
        opened = someone.call("mailbox.message_index", "maildesk_open", row["id"])
        taken.append(1000 * (time.perf_counter() - started))
        assert opened["body"]["state"] == "ready", opened["body"]
    (again,) = median_ms([partial(someone.call, "mailbox.message_index", "maildesk_open", rows[0]["id"])])
    return statistics.median(taken), again
