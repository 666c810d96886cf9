"""The doctor against a real Odoo and the simulator: the good case, and each link broken, by what an administrator would have done wrong."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from pydantic import SecretStr

from connector.config import Config, ServerConfig
from connector.doctor import Finding, Status, examine
from connector.metrics import Metrics
from connector.state.vault import new_key
from connector.web.server import serve
from tests.certificate import make_certificate
from tests.odoo.person import Person
from tests.odoo.process import free_port
from tests.system.bench import SECRET
from tests.web.conftest import FakeBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.system.bench import Bench
    from tests.system.conftest import Opener

ADDRESS = "anna@pier.example"
ODOO_LINKS = {"addon", "key", "rights", "database", "odoo_clock", "odoo_to_connector", "redirect_uri"}


def _by_check(findings: list[Finding]) -> dict[str, Finding]:
    found = {finding.check: finding for finding in findings}
    assert len(found) == len(findings), "a link is told once"
    return found


def _with(config: Config, section: str, **values: Any) -> Config:
    return config.model_copy(update={section: getattr(config, section).model_copy(update=values)})


async def _examine(config: Config) -> dict[str, Finding]:
    return _by_check(await examine(config, Path("maildesk.yaml")))


async def _as_admin(bench: Bench, model: str, method: str, *args: Any) -> Any:
    def go() -> Any:
        with Person.logged_in(bench.odoo, bench.logins.admin, bench.logins.admin_password) as admin:
            return admin.call(model, method, *args)

    return await trio.to_thread.run_sync(go)


@pytest.fixture
def ready(bench_of: Opener) -> Opener:
    """Open benches whose connector has been heard by Odoo."""

    @asynccontextmanager
    async def open_it(**given: Any) -> AsyncIterator[Bench]:
        async with bench_of(**given) as bench:
            await bench.until(lambda: _is(bench, (200, "ok")), "the connector to be ready")
            yield bench

    return open_it


async def _is(bench: Bench, wanted: tuple[int, str]) -> bool:
    """Tell whether `/readyz` says so."""
    return await bench.get(f"http://127.0.0.1:{bench.port}/readyz") == wanted


@asynccontextmanager
async def _parameter(bench: Bench, name: str, value: str) -> AsyncIterator[None]:
    """A system parameter is otherwise, meanwhile."""
    before = await _as_admin(bench, "ir.config_parameter", "get_param", name)
    await _as_admin(bench, "ir.config_parameter", "set_param", name, value)
    try:
        yield
    finally:
        with trio.CancelScope(shield=True):
            await _as_admin(bench, "ir.config_parameter", "set_param", name, before)


async def test_doctor_all_well(ready: Opener) -> None:
    """Every link is asked and holds, on both transports, and nothing is changed by asking."""
    async with ready() as bench:
        bench.add_mailbox(ADDRESS, inbox=1)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        hello = "SELECT said_at, key_id FROM mailbox_hello"
        before = bench.odoo.cluster.execute(bench.odoo.database, hello)
        for transport in ("json2", "jsonrpc"):
            found = await _examine(_with(bench.config(), "odoo", transport=transport))
            assert {f.status for f in found.values()} == {Status.OK}, found
            assert found.keys() >= ODOO_LINKS | {
                "config",
                "state",
                "vault",
                "connector",
                "odoo",
                "entra",
                "app",
                "graph",
                "microsoft_clock",
            }
            assert "opens all 1 sealed" in found["vault"].said
            assert "/maildesk/outlook/callback" in found["redirect_uri"].said
        assert bench.odoo.cluster.execute(bench.odoo.database, hello) == before


@dataclass(frozen=True)
class Case:
    """A broken link: the configuration that breaks it, the checks that must be wrong, and words that must be said of the first."""

    name: str
    change: Callable[[Config, Bench], Config]
    wrong: tuple[str, ...]
    said: str
    skipped: frozenset[str] = frozenset()


def _refused(port: int) -> str:
    return f"http://127.0.0.1:{port}"


CASES = [
    Case(
        "odoo-down",
        lambda c, _: _with(c, "odoo", url=_refused(free_port())),
        ("odoo",),
        "does not answer (ConnectError)",
        frozenset(ODOO_LINKS),
    ),
    Case("odoo-is-another-program", lambda c, b: _with(c, "odoo", url=b.simulator.url), ("odoo",), "is not Odoo", frozenset(ODOO_LINKS)),
    Case(
        "no-database",
        lambda c, _: _with(c, "odoo", database="nobodys"),
        ("database",),
        "has no database 'nobodys'",
        frozenset(ODOO_LINKS - {"database"}),
    ),
    Case(
        "wrong-key-json2",
        lambda c, _: _with(c, "odoo", api_key=SecretStr("f" * 40)),
        ("key",),
        "deleted, expired or mistyped",
        frozenset(ODOO_LINKS - {"key"}),
    ),
    Case(
        "wrong-key-jsonrpc",
        lambda c, _: _with(c, "odoo", api_key=SecretStr("f" * 40), transport="jsonrpc"),
        ("key",),
        "deleted, expired or mistyped",
        frozenset(ODOO_LINKS - {"key"}),
    ),
    Case("secret-of-the-file", lambda c, _: _with(c, "server", secret=SecretStr("x" * 20)), ("connector",), "another server.secret"),
    Case("nobody-listens", lambda c, _: _with(c, "server", listen=f"127.0.0.1:{free_port()}"), ("connector",), "no connector answers"),
    Case(
        "another-program-listens",
        lambda c, b: _with(c, "server", listen=b.simulator.url.removeprefix("http://")),
        ("connector",),
        "is no connector",
    ),
    Case(
        "entra-down", lambda c, _: _with(c, "entra", authority=_refused(free_port())), ("entra",), "cannot be reached", frozenset({"app"})
    ),
    Case("entra-is-odoo", lambda c, b: _with(c, "entra", authority=b.odoo.url), ("entra",), "does not know the tenant", frozenset({"app"})),
    Case("client-unknown", lambda c, _: _with(c, "entra", client_id="0000"), ("app",), "AADSTS700016"),
    Case("client-secret", lambda c, _: _with(c, "entra", client_secret=SecretStr("old")), ("app",), "AADSTS7000215"),
    Case("graph-down", lambda c, _: _with(c, "graph", base_url=f"{_refused(free_port())}/v1.0"), ("graph",), "cannot be reached"),
    Case("graph-is-odoo", lambda c, b: _with(c, "graph", base_url=f"{b.odoo.url}/v1.0"), ("graph",), "is not Microsoft Graph"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_doctor_broken_by_the_configuration(ready: Opener, case: Case) -> None:
    """The broken link is wrong and says what to do; those behind it are not asked; all others hold."""
    async with ready() as bench:
        found = await _examine(case.change(bench.config(), bench))
    assert {check for check, f in found.items() if f.status is Status.WRONG} == set(case.wrong), found
    assert {check for check, f in found.items() if f.status is Status.SKIPPED} == set(case.skipped)
    assert case.said in found[case.wrong[0]].said
    assert found[case.wrong[0]].to_do


@pytest.mark.parametrize(
    ("name", "value", "check", "said"),
    [
        ("maildesk.connector_secret", "another-secret-of-odoo", "odoo_to_connector", "another shared secret"),
        ("maildesk.connector_url", "http://127.0.0.1:9", "odoo_to_connector", "gets no answer"),
        ("maildesk.connector_url", "", "odoo_to_connector", "has no address or no secret"),
        ("maildesk.connector_url", "{odoo}", "odoo_to_connector", "is no connector"),
        ("maildesk.redirect_base", "http://odoo.example", "redirect_uri", "is what people would be sent back to"),
    ],
)
async def test_doctor_broken_in_odoos_settings(ready: Opener, name: str, value: str, check: str, said: str) -> None:
    """What Odoo has entered wrongly shows from here: Odoo is made to ask the connector."""
    async with ready() as bench, _parameter(bench, name, value.format(odoo=bench.odoo.url)):
        found = await _examine(bench.config())
    assert {c for c, f in found.items() if f.status is Status.WRONG} == {check}, found
    assert said in found[check].said


async def test_doctor_connector_that_does_not_run(ready: Opener) -> None:
    """Both sides of the link say so, and the state file is read all the same."""
    async with ready() as bench:
        await bench.stop()
        found = await _examine(bench.config())
        await bench.start()
    assert {c for c, f in found.items() if f.status is Status.WRONG} == {"connector", "odoo_to_connector"}
    assert "maildesk-connector run" in found["connector"].to_do


async def test_doctor_user_without_the_group(ready: Opener) -> None:
    """The key is accepted, the rights are not; the running connector is told to be refused."""
    async with ready() as bench:
        ((group,),) = bench.odoo.cluster.execute(
            bench.odoo.database, "SELECT res_id FROM ir_model_data WHERE module = 'maildesk' AND name = 'group_connector'"
        )
        ((user,),) = bench.odoo.cluster.execute(bench.odoo.database, "SELECT id FROM res_users WHERE login = %s", bench.logins.connector)
        await _as_admin(bench, "res.users", "write", [user], {"group_ids": [[3, group, 0]]})
        try:
            found = await _examine(bench.config())
            await bench.until(lambda: _is(bench, (503, "refused")), "/readyz to say refused")
        finally:
            with trio.CancelScope(shield=True):
                await _as_admin(bench, "res.users", "write", [user], {"group_ids": [[4, group, 0]]})
        await bench.until(lambda: _is(bench, (200, "ok")), "the connector to go on by itself")
    assert (found["key"].status, found["rights"].status) == (Status.OK, Status.WRONG)


async def test_doctor_key_that_ends_soon_is_a_note(ready: Opener) -> None:
    """Nothing is broken yet, so it is no failure."""
    async with ready() as bench:
        execute = partial(bench.odoo.cluster.execute, bench.odoo.database)
        change = "UPDATE res_users_apikeys SET expiration_date = {} WHERE index = %s RETURNING 1"
        execute(change.format("now() AT TIME ZONE 'UTC' + interval '5 days'"), bench.logins.connector_key[:8])
        try:
            found = await _examine(bench.config())
        finally:
            execute(change.format("NULL"), bench.logins.connector_key[:8])
    assert found["key"].status is Status.NOTE
    assert "expires in 4 days" in found["key"].said
    assert not [f for f in found.values() if f.status is Status.WRONG]


async def test_doctor_vault_key_that_opens_nothing(ready: Opener) -> None:
    """A new key in the place of the one that sealed."""
    async with ready() as bench:
        bench.add_mailbox(ADDRESS)
        await bench.connect(ADDRESS)
        found = await _examine(_with(bench.config(), "vault", keys=[SecretStr(new_key())]))
        more = await _examine(_with(bench.config(), "vault", keys=[SecretStr(new_key()), SecretStr(bench.key)]))
    assert {c for c, f in found.items() if f.status is Status.WRONG} == {"vault"}
    assert "1 of 1 sealed sign-ins cannot be opened: no key in vault.keys opens" in found["vault"].said
    assert more["vault"].status is Status.OK


async def test_doctor_state_file_of_another_database(ready: Opener) -> None:
    """A restored copy: named, and what accepts it."""
    async with ready() as bench:
        await bench.stop()
        with sqlite3.connect(bench.state) as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('database', 'another')")
        db.close()
        found = await _examine(bench.config())
        bench.lose_state()
        await bench.start()
    assert found["database"].status is Status.WRONG
    assert "maildesk-connector adopt" in found["database"].to_do


async def test_doctor_odoo_asks_another_connector(ready: Opener) -> None:
    """Two connectors with one secret: this one runs, and Odoo talks to the other."""
    async with ready() as bench, trio.open_nursery() as nursery:
        server = ServerConfig(listen="127.0.0.1:0", secret=SecretStr(SECRET))
        url = await nursery.start(partial(serve, FakeBackend(), server, metrics=Metrics()))
        found = await _examine(_with(bench.config(), "server", listen=url.removeprefix("http://")))
        nursery.cancel_scope.cancel()
    assert {c for c, f in found.items() if f.status is Status.WRONG} == {"odoo_to_connector"}
    assert "another connector than this one" in found["odoo_to_connector"].said


async def test_doctor_over_tls_both_ways(ready: Opener, tmp_path: Path) -> None:
    """Odoo trusts the connector's own certificate once it is told which; before that it says so, and sends no secret."""
    certificate, key = make_certificate(tmp_path, days=5)
    server = ServerConfig(listen="127.0.0.1:0", secret=SecretStr(SECRET), tls_certificate=certificate, tls_key=key)
    async with ready() as bench, trio.open_nursery() as nursery:
        backend = FakeBackend()
        url = await nursery.start(partial(serve, backend, server, metrics=Metrics()))
        config = bench.config().model_copy(update={"server": server.model_copy(update={"listen": url.removeprefix("https://")})})
        async with _parameter(bench, "maildesk.connector_url", url):
            untrusted = await _examine(config)
            async with _parameter(bench, "maildesk.connector_ca", str(certificate)):
                trusted = await _examine(config)
        nursery.cancel_scope.cancel()
    assert {c for c, f in untrusted.items() if f.status is Status.WRONG} == {"odoo_to_connector"}
    assert "does not trust the connector's certificate" in untrusted["odoo_to_connector"].said
    assert not [f for f in trusted.values() if f.status is Status.WRONG], trusted
    assert trusted["certificate"].status is Status.NOTE


async def test_doctor_without_entra_is_a_note(ready: Opener) -> None:
    """A configuration without it is allowed; nobody can connect a mailbox."""
    async with ready(entra=False) as bench:
        found = await _examine(bench.config())
    assert found["entra"].status is Status.NOTE
    assert "OAuth Not Configured" in found["entra"].said


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.chmod(0o644), "others than its owner can read"),
        (lambda path: path.write_bytes(b"not a database at all, but long enough to be taken for one" * 20), "file is not a database"),
    ],
)
async def test_doctor_state_file_spoiled(ready: Opener, spoil: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    """Open to others, or no database."""
    spoiled = tmp_path / "spoiled.sqlite3"
    spoiled.touch(mode=0o600)
    spoil(spoiled)
    async with ready() as bench:
        found = await _examine(_with(bench.config(), "state", path=spoiled))
    assert {c for c, f in found.items() if f.status is Status.WRONG} == {"state"}, found
    assert said in found["state"].said


async def test_doctor_state_path_that_cannot_be_written(ready: Opener, tmp_path: Path) -> None:
    """A file stands where the folder should be: found for root too, whom no rights keep out."""
    (tmp_path / "file").touch()
    async with ready() as bench:
        found = await _examine(_with(bench.config(), "state", path=tmp_path / "file" / "state.sqlite3"))
    assert {c for c, f in found.items() if f.status is Status.WRONG} == {"state"}, found
    assert "cannot be written" in found["state"].said
