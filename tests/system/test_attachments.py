"""Attachments through the real Odoo: by its workers and by nginx, in parts, two at a time, without being held in memory."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.stage import Control, start_connector, start_simulator, write_config
from tests.graph_simulator.filler import Filler
from tests.odoo.nginx import run_nginx
from tests.odoo.person import Person
from tests.odoo.process import free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.odoo.server import OdooServer
    from tests.odoo.template import Run

SECRET = "shared-secret-of-the-files"
ADDRESS = "anna.larsen@outlook.example"
MIB = 2**20

# Outlook's limit for a file.
BIG = 150 * MIB
# Bytes by which neither process may grow while it passes.
GROWTH = 50 * MIB


@dataclass(slots=True)
class Files:
    """An Odoo, a connector and a simulator as processes, a mailbox connected, a message to attach to."""

    folder: Path
    odoo: OdooServer
    connector_pid: int
    connector: str
    simulator: Control
    person: Person
    admin: Person
    account: int
    message: str

    def put(self, name: str, **given: Any) -> str:
        """Attach something; return its id."""
        path = f"/mailboxes/{ADDRESS}/messages/{self.message}/attach"
        return str(self.simulator.ask("POST", path, {"name": name, **given})["id"])

    def path(self, attachment: str) -> str:
        """Return the path that the app asks for."""
        return f"/maildesk/attachment/{self.account}/{self.message}/{attachment}"


def _rss(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123 - a file of the kernel
        found = re.search(r"VmRSS:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) * 1024


@pytest.fixture(scope="module")
def files(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """Everything up, one mailbox connected."""
    folder: Path = tmp_path_factory.mktemp("files")
    with ExitStack() as stack:
        simulator = Control(start_simulator(stack, folder))
        listen = f"127.0.0.1:{free_port()}"
        odoo = stack.enter_context(run.odoo(connector_url=f"http://{listen}", secret=SECRET))
        settings = {"url": odoo.url, "database": odoo.database, "login": run.logins.connector, "api_key": run.logins.connector_key}
        write_config(folder / "maildesk.yaml", settings, listen, SECRET, simulator.url)
        process = start_connector(stack, folder / "maildesk.yaml", listen, folder / "connector.log", os.environ)
        person = stack.enter_context(Person.logged_in(odoo, run.logins.user, run.logins.user_password))
        admin = stack.enter_context(Person.logged_in(odoo, run.logins.admin, run.logins.admin_password))
        account = person.new_account(ADDRESS)
        answer = person.sign_in(account, ADDRESS)
        assert answer.headers.get("location", "").endswith("/odoo/maildesk"), answer.text[:500]
        messages = simulator.ask("GET", f"/mailboxes/{ADDRESS}/messages")
        message = next(m["id"] for m in messages if m["well_known"] == "inbox" and not m["hasAttachments"])
        in_odoo = "SELECT count(*) FROM mailbox_message_index WHERE remote_id = %s"
        wait_until(
            lambda: odoo.cluster.execute(odoo.database, in_odoo, message) == [(1,)], process, "the mailbox", folder / "connector.log"
        )
        yield Files(folder, odoo, process.pid, listen, simulator, person, admin, account, message)


def _digest(size: int, first: int = 0) -> str:
    hashed = hashlib.sha256()
    for offset in range(first, size, MIB):
        hashed.update(Filler(size).read(offset, MIB))
    return hashed.hexdigest()


def _fetch(person: Person, url: str, **headers: str) -> tuple[int, dict[str, str], str, int]:
    """Return status, headers, digest and length of an answer, read piece by piece."""
    hashed, length = hashlib.sha256(), 0
    with person.http.stream("GET", url, headers=headers) as answer:
        for piece in answer.iter_bytes():
            hashed.update(piece)
            length += len(piece)
        return answer.status_code, dict(answer.headers), hashed.hexdigest(), length


def _downloads(files: Files) -> int:
    """Return how often Graph was asked for a file's bytes; of all tests of this module, whichever came first."""
    return sum(entry["path"].endswith("/$value") for entry in files.simulator.ask("GET", "/log"))


@pytest.mark.timeout(300)
def test_big_file_passes_without_being_held(files: Files) -> None:
    """The bytes are right, and neither the connector nor Odoo grows by them; a download that was cut goes on with Range."""
    asked = _downloads(files)
    # What is loaded at the first time is no growth.
    _fetch(files.person, files.odoo.url + files.path(files.put("first.bin", size=2 * MIB)))
    before = _rss(files.connector_pid), _rss(files.odoo.pid)
    url = files.odoo.url + files.path(files.put("Grüße.bin", size=BIG))
    status, headers, digest, length = _fetch(files.person, url)
    assert (status, length, digest) == (200, BIG, _digest(BIG))
    assert headers["content-disposition"] == "attachment; filename=\"Gru_e.bin\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.bin"
    grown = [now - then for now, then in zip((_rss(files.connector_pid), _rss(files.odoo.pid)), before, strict=True)]
    assert all(g < GROWTH for g in grown), [g // MIB for g in grown]
    # Cut in the middle (limit_time_real), then the rest, for the same version only.
    with files.person.http.stream("GET", url) as cut:
        got = next(cut.iter_bytes(MIB))
    status, headers, digest, length = _fetch(files.person, url, Range=f"bytes={MIB}-", **{"If-Range": headers["etag"]})
    assert (len(got), status, headers["content-range"]) == (MIB, 206, f"bytes {MIB}-{BIG - 1}/{BIG}")
    assert (digest, length) == (_digest(BIG, MIB), BIG - MIB)
    assert _downloads(files) - asked == 2, "one for each of the two files"


@pytest.mark.timeout(300)
def test_third_large_download_is_told_to_come_again(files: Files) -> None:
    """Two stream at once, over all workers; a third is told when to come, and gets through when one has ended. Small ones never wait."""
    url = files.odoo.url + files.path(files.put("large.bin", size=32 * MIB))
    small = files.odoo.url + files.path(files.put("small.txt", text="hello", type="text/plain"))
    assert _fetch(files.person, url)[3] == 32 * MIB
    with files.person.http.stream("GET", url) as one, files.person.http.stream("GET", url) as two:
        # Held by their names: an iterator that is dropped closes its answer.
        going = [one.iter_bytes(MIB), two.iter_bytes(MIB)]
        assert all(next(pieces) for pieces in going)
        busy = files.person.http.get(url)
        assert (busy.status_code, busy.json()["error"], busy.headers["retry-after"]) == (503, "busy", "3")
        assert files.person.http.head(url).status_code == 503
        assert files.person.http.get(small).text == "hello"
    assert files.person.http.head(url).headers["content-length"] == str(32 * MIB)
    assert _fetch(files.person, url)[3] == 32 * MIB


@pytest.mark.timeout(300)
def test_nginx_fetches_with_a_ticket_and_no_byte_passes_through_odoo(files: Files, tmp_path: Path) -> None:
    """Odoo checks the right and answers with a ticket; nginx gets the file from the connector, in parts too; the ticket is used up then."""
    name = files.path(files.put("large.bin", size=8 * MIB))
    with run_nginx(tmp_path / "nginx", files.odoo.url, files.connector) as proxy:
        files.admin.call("ir.config_parameter", "set_param", "maildesk.accel", "/maildesk-content")
        try:
            told = files.person.http.get(files.odoo.url + name)
            assert (told.status_code, told.content) == (200, b""), "Odoo itself gives no byte of it"
            ticket = told.headers["x-accel-redirect"]
            assert ticket.startswith("/maildesk-content/attachment?ticket=")
            status, headers, digest, length = _fetch(files.person, proxy + name)
            assert (status, length, digest) == (200, 8 * MIB, _digest(8 * MIB))
            assert headers["content-type"] == "application/octet-stream"
            assert headers["content-disposition"] == 'attachment; filename="large.bin"'
            assert headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in headers["content-security-policy"]
            assert "x-accel-redirect" not in headers
            status, headers, digest, length = _fetch(files.person, proxy + name, Range=f"bytes={MIB}-")
            assert (status, digest, headers["content-range"]) == (206, _digest(8 * MIB, MIB), f"bytes {MIB}-{8 * MIB - 1}/{8 * MIB}")
            assert files.person.http.head(proxy + name).headers["content-length"] == str(8 * MIB)
            # The ticket of the first answer is still good, once: at the connector, and nobody from outside gets to the location.
            assert files.person.http.get(f"{proxy}{ticket}").status_code == 404
            connector = f"http://{files.connector}/content/{ticket.rpartition('/')[2]}"
            assert len(files.person.http.get(connector).content) == 8 * MIB
            assert files.person.http.get(connector).status_code == 403
            # A picture keeps its type, whatever Odoo's own answer has.
            picture = files.person.http.get(proxy + files.path(files.put("a.png", text="no picture", type="image/png")))
            assert (picture.headers["content-type"], picture.headers["content-disposition"]) == ("image/png", 'inline; filename="a.png"')
            zipped = files.person.http.get(f"{proxy}/maildesk/attachments/{files.account}/{files.message}.zip")
            assert (zipped.status_code, zipped.content[:2]) == (200, b"PK")
            assert "ticket" not in (tmp_path / "nginx" / "access.log").read_text()
        finally:
            files.admin.call("ir.config_parameter", "set_param", "maildesk.accel", "")
