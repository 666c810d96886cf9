"""A mail with a file of 25 MB, from the upload to its recipient: memory of the connector's and Odoo's processes, and time.

The connector is a process of its own and Odoo has HTTP workers, as in an installation. Extra is the most that a process had while it was
at it (VmHWM), over what it had at rest (VmRSS) after a mail with a file of 4 MB had gone the same way: the code is loaded, and little held.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx  # noqa: ASYNC127 - as tests/odoo/person.py has it
import trio

from tests.drill.place import open_place
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.quirks import Quirks
from tests.odoo.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.bench.figures import Figures
    from tests.drill.place import Place
    from tests.odoo.server import OdooServer
    from tests.odoo.template import Run

__all__ = ["bench_sending"]

# Seconds that each answer of Graph takes, as in the other figures.
LATENCY = 0.1

ADDRESS = "sender@pier.example"
SIZE = 25 * 2**20
_SMALL = 4 * 2**20
# MB more than at rest that a send may take of the connector (issue: writing mail), and of an Odoo worker, which has a piece at a time too.
_TARGET = 50
# Bytes of a range, as the connector sends them: the peer is one request for each.
_RANGE = 3 * 2**20

# Seconds for which a mail is waited for.
_PATIENCE = 120.0


async def bench_sending(figures: Figures, run: Run, odoo: OdooServer, folder: Path, port: int) -> None:
    """Connect a mailbox and send from it."""
    quirks = Quirks(latency=LATENCY, send_pickup=0.0, send_transit=0.0)
    async with open_place(run, odoo, folder, port, transport="json2", settings={"interval": "1h"}, quirks=quirks) as place:
        _, account = await place.connect(ADDRESS, inbox=10)
        await place.until_ready()
        await trio.to_thread.run_sync(_send, place, account, _SMALL)
        connector = _process(place)
        workers = place.odoo.workers()
        upload, sending, seconds = await trio.to_thread.run_sync(_send, place, account, SIZE)
        note = f"{SIZE // 2**20} MB"
        figures.add(
            "send of a large file, extra memory of the connector", "MB", sending[connector], str(_TARGET),
            met=sending[connector] <= _TARGET, peer=SIZE / 2**20, peer_name="the file", note=note,
        )  # fmt: skip
        worker = max(sending[one] for one in workers)
        figures.add(
            "send of a large file, extra memory of an Odoo worker", "MB", worker, f"{_TARGET}", met=worker <= _TARGET,
            peer=SIZE / 2**20, peer_name="the file", note=note,
        )  # fmt: skip
        # The browser hands it over whole, and Odoo's own form does the same.
        worker = max(upload[one] for one in workers)
        figures.add(
            "upload of a large file into a mail, extra memory of an Odoo worker", "MB", worker, f"{_TARGET}", met=worker <= _TARGET,
            peer=SIZE / 2**20, peer_name="the file", note=note,
        )  # fmt: skip
        alone = await trio.to_thread.run_sync(_alone, place, SIZE)
        figures.add(
            "send of a large file, from the click to Graph", "s", seconds, "x 4", met=seconds <= 4 * alone, peer=alone,
            peer_name="the same ranges from memory to Graph", note=note,
        )  # fmt: skip


def _alone(place: Place, size: int) -> float:
    """Make a draft, upload a file and send it, with nothing but the requests that this takes; return the seconds."""
    place.simulator.world.entra.grants["bench"] = Grant(ADDRESS, ("Mail.ReadWrite", "Mail.Send"), 10**12)
    begun = time.monotonic()
    with httpx.Client(base_url=f"{place.simulator.url}/v1.0", headers={"Authorization": "Bearer bench"}, timeout=_PATIENCE) as graph:
        to = [{"emailAddress": {"address": "bert@elsewhere.example"}}]
        draft = graph.post("/me/messages", json={"subject": "Alone", "toRecipients": to}).raise_for_status().json()["id"]
        item = {"AttachmentItem": {"attachmentType": "file", "name": "film.bin", "size": size}}
        session = graph.post(f"/me/messages/{draft}/attachments/createUploadSession", json=item).raise_for_status().json()["uploadUrl"]
        for start in range(0, size, _RANGE):
            end = min(size, start + _RANGE)
            headers = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Type": "application/octet-stream"}
            httpx.put(session, content=bytes(end - start), headers=headers, timeout=_PATIENCE).raise_for_status()
        graph.post(f"/me/messages/{draft}/send").raise_for_status()
    return time.monotonic() - begun


def _process(place: Place) -> int:
    process = place.connector.process
    assert process is not None, "the connector does not run"
    return int(process.pid)


def _send(place: Place, account: int, size: int) -> tuple[dict[int, float], dict[int, float], float]:
    """Write a mail with a file and send it; return extra MB by process while it was uploaded, and while it was sent, and its seconds."""
    processes = [_process(place), *place.odoo.workers()]
    logins, outgoing = place.run.logins, place.simulator.world.post.outgoing
    with Person.logged_in(place.odoo, logins.user, logins.user_password) as author:
        draft = author.call("mailbox.draft", "maildesk_compose", "new", None, account, ["bert@elsewhere.example"], f"File of {size}")
        rest, sent = _rest(processes), len(outgoing)
        saved = _upload(author, draft["upload_url"], size)
        upload = _peaks(rest)
        # The connector begins at once: the mail is saved in Outlook's Drafts, file and all.
        workers = _rest(processes[1:])
        begun = time.monotonic()
        author.call("mailbox.draft", "maildesk_send", draft["id"], saved, 0)
        while len(outgoing) == sent:
            assert time.monotonic() - begun < _PATIENCE, "it never went out"
            time.sleep(0.02)
        seconds = time.monotonic() - begun
        (file,) = outgoing[-1]["attachments"]
        assert file["size"] == size
        return upload, _peaks({**rest, **workers}), seconds


def _upload(author: Person, url: str, size: int) -> int:
    """Upload a file as the compose window does; return the revision that the mail has with it."""
    content = os.urandom(2**20) * (size // 2**20) + bytes(size % 2**20)
    answer = author.http.post(f"{author.url}{url}", files={"ufile": ("film.bin", content, "application/octet-stream")}, data=_token(author))
    assert answer.status_code == 200, answer.text[:500]
    return int(answer.json()["revision"])


def _token(author: Person) -> dict[str, Any]:
    """Return what a form of the web client has."""
    page = author.http.get(f"{author.url}/odoo").text
    start = page.index('csrf_token: "') + len('csrf_token: "')
    return {"csrf_token": page[start : page.index('"', start)]}


def _rest(processes: Iterable[int]) -> dict[int, float]:
    """Return the MB that processes have now; their peak is measured from here on."""
    for one in processes:
        Path(f"/proc/{one}/clear_refs").write_text("5")
    return {one: _megabytes(one, "VmRSS") for one in processes}


def _peaks(rest: dict[int, float]) -> dict[int, float]:
    """Return the MB that processes had at most, over what they had at rest."""
    return {one: _megabytes(one, "VmHWM") - before for one, before in rest.items()}


def _megabytes(process: int, name: str) -> float:
    """Return a size of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) / 1024
