"""`keys rotate` and `adopt`: by the running connector, or in its file where none is running."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import trio

from connector.errors import ConfigError
from connector.odoo.wire import SealedToken, Trouble
from connector.state.sealed import TOKEN
from connector.state.store import open_store
from connector.state.vault import Vault, new_key
from tests.test_cli import invoke, listen, write_config
from tests.web.conftest import FakeBackend, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

OURS, THEIRS = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"
OLD, NEW = new_key(), new_key()


class _Odoo(BaseHTTPRequestHandler):
    """An Odoo that says who it is, and nothing else."""

    def do_POST(self) -> None:
        """Answer the questions for version and addon."""
        hello = {"addon_version": "19.0.1.4.0", "odoo_version": "19.0", "database_uuid": THEIRS, "now": "2026-11-28T10:00:00Z"}
        answer = hello if self.path.endswith("/connector_hello") else {"result": {"server_version": "19.0"}}
        body = json.dumps(answer).encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
        """Say nothing."""


@contextmanager
def an_odoo() -> Iterator[str]:
    """Run an Odoo; give its URL."""
    server = HTTPServer(("127.0.0.1", 0), _Odoo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def state_of(folder: Path) -> Path:
    """Return where the state file of `write_config` lies."""
    return folder / "var" / "state.sqlite3"


async def ask(*args: object) -> Result:
    """Run a command beside this loop."""
    return await trio.to_thread.run_sync(invoke, *map(str, args))


def with_keys(path: Path, *keys: str) -> Path:
    """Put keys into a configuration."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("vault:")]
    path.write_text("\n".join([*lines, f"vault: {{keys: [{', '.join(keys)}]}}"]) + "\n")
    return path


async def test_keys_rotate_without_a_connector_does_it_in_the_file(tmp_path: Path) -> None:
    """Every token has the new key; and it is said that Odoo's copies follow later."""
    async with open_store(state_of(tmp_path)) as store:
        await store.save_token(7, Vault([OLD]).seal(b"t", purpose=TOKEN, account_id=7), 1)
    path = with_keys(write_config(tmp_path), NEW, OLD)
    result = await ask("keys", "rotate", "--config", path)
    assert result.exit_code == 0, result.output
    assert f"1 sealed value has the key {Vault([NEW]).first} now" in result.output
    assert "Leave the old key" in result.output
    async with open_store(state_of(tmp_path)) as store:
        token = await store.load_token(7)
    assert token is not None
    assert Vault([NEW]).open(token.sealed, purpose=TOKEN, account_id=7) == b"t"


async def test_keys_rotate_that_cannot_open_something_exits_1(tmp_path: Path) -> None:
    """The old key was left out: what it sealed is as it was, and it is said what to do."""
    sealed = Vault([OLD]).seal(b"t", purpose=TOKEN, account_id=7)
    async with open_store(state_of(tmp_path)) as store:
        await store.save_token(7, sealed, 1)
    result = await ask("keys", "rotate", "--config", with_keys(write_config(tmp_path), NEW))
    assert result.exit_code == 1
    assert "Put the key back that they were sealed with" in result.stderr
    async with open_store(state_of(tmp_path)) as store:
        assert await store.load_token(7) == SealedToken(sealed, 1)


async def test_keys_rotate_and_adopt_ask_the_connector_that_runs(tmp_path: Path) -> None:
    """Whoever holds the file does it; nothing is said of leaving the key."""
    backend = FakeBackend()
    async with serving(backend) as odoo, open_store(state_of(tmp_path)):
        path = write_config(tmp_path, listen=listen(odoo))
        rotated, adopted = await ask("keys", "rotate", "--config", path), await ask("adopt", "--config", path)
        backend.error = ConfigError("vault.keys[0]: is no key")
        refused = await ask("keys", "rotate", "--config", path)
    assert (rotated.exit_code, rotated.output.strip()) == (0, "3 sealed values have the key 0123abcd now")
    assert (adopted.exit_code, "belongs to the database new now. It belonged to old" in adopted.output) == (0, True)
    assert (refused.exit_code, "vault.keys[0]: is no key" in refused.stderr) == (1, True)


async def test_adopt_without_a_connector_does_it_in_the_file(tmp_path: Path) -> None:
    """The accounts of the other database are forgotten; a second time there is nothing to do."""
    async with open_store(state_of(tmp_path)) as store:
        await store.remember_database(OURS)
        await store.save_token(7, "sealed", 1)
    with an_odoo() as url:
        path = write_config(tmp_path, odoo=url)
        first, second = await ask("adopt", "--config", path), await ask("adopt", "--config", path)
    assert (first.exit_code, THEIRS in first.output, OURS in first.output) == (0, True, True), first.output + first.stderr
    assert (second.exit_code, "nothing to adopt" in second.output) == (0, True)
    async with open_store(state_of(tmp_path)) as store:
        assert (store.database, await store.load_token(7)) == (THEIRS, None)


async def test_adopt_file_that_knows_no_database_yet_forgets_nothing(tmp_path: Path) -> None:
    """It was made by a version that did not look."""
    async with open_store(state_of(tmp_path)) as store:
        await store.save_token(7, "sealed", 1)
    with an_odoo() as url:
        result = await ask("adopt", "--config", write_config(tmp_path, odoo=url))
    assert (result.exit_code, "nothing to adopt" in result.output) == (0, True)
    async with open_store(state_of(tmp_path)) as store:
        assert (store.database, await store.load_token(7)) == (THEIRS, SealedToken("sealed", 1))


async def test_adopt_odoo_that_is_away_exits_1(tmp_path: Path) -> None:
    """And the file stays as it was."""
    async with open_store(state_of(tmp_path)) as store:
        await store.remember_database(OURS)
    result = await ask("adopt", "--config", write_config(tmp_path))
    assert (result.exit_code, "does not answer" in result.stderr) == (1, True)
    async with open_store(state_of(tmp_path)) as store:
        assert store.database == OURS


async def test_status_says_what_is_wrong_with_the_connector(tmp_path: Path) -> None:
    """Above the table, once."""
    backend = FakeBackend(trouble=Trouble("entra_credentials", "a secret may have expired"))
    async with serving(backend) as odoo:
        result = await ask("status", "--config", write_config(tmp_path, listen=listen(odoo)))
    assert (result.exit_code, result.output.count("a secret may have expired")) == (0, 1)
