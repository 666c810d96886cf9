"""The command line: its options make the world that they name, and the same seed makes the same one again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.graph_simulator import __main__ as program
from tests.graph_simulator.server import World, make_world

if TYPE_CHECKING:
    import trio

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """The worlds that were served; serving ends at once."""
    served: list[World] = []

    async def serve_world(world: World, *, task_status: trio.TaskStatus[str], **_: Any) -> None:
        served.append(world)
        task_status.started("http://127.0.0.1:1")

    monkeypatch.setattr(program, "serve_world", serve_world)
    return served


def _run(*args: str) -> str:
    result = CliRunner().invoke(program.main, args)
    assert result.exit_code == 0, result.output
    return result.output


def test_main_serves_the_demos_mailboxes(worlds: list[World]) -> None:
    """Two, on a good day; the addresses are printed."""
    output = _run()
    (world,) = worlds
    assert list(world.mailboxes) == ["anna@pier.example", "anna.larsen@outlook.example"]
    assert all(address in output for address in world.mailboxes)
    assert world.quirks.to_json() == world.start_quirks.to_json()
    assert world.quirks.storm == 0
    assert world.entra.redirect_uris == ()


def test_main_options_reach_the_world(worlds: list[World]) -> None:
    """More mailboxes, more mail, redirect URIs, a profile with the seed for its storm."""
    uris = ["https://odoo.example/maildesk/outlook/callback", "http://localhost/x"]
    _run("--mailboxes", "4", "--grow", "15", "--seed", "9", "--profile", "storm", *(a for u in uris for a in ("--redirect-uri", u)))
    (world,) = worlds
    sizes = [len(m.messages) for m in world.mailboxes.values()]
    assert len(sizes) == 4
    assert sizes[3] == 78 + 15
    assert world.entra.redirect_uris == tuple(uris)
    assert (world.seed, world.quirks.storm_seed, world.quirks.storm > 0) == (9, 9, True)


@pytest.mark.parametrize("args", [["--mailboxes", "0"], ["--grow", "-1"], ["--seed", "x"], ["--profile", "kind"]])
def test_main_wrong_option_is_refused(worlds: list[World], args: list[str]) -> None:
    """Usage, exit code 2, nothing served."""
    assert CliRunner().invoke(program.main, args).exit_code == 2
    assert worlds == []


def test_world_of_the_same_seed_is_the_same() -> None:
    """Mail, folders and states; another seed puts other mail elsewhere."""

    def truth(seed: int) -> list[tuple[str, ...]]:
        mailbox = make_world(mailboxes=1, grown=20, seed=seed, clock=lambda: NOON).mailboxes["anna@pier.example"]
        return [(m["folder"], m["subject"], m["received"], str(m["isRead"])) for m in mailbox.truth()]

    assert truth(0) == truth(0) != truth(1)
    assert truth(1) == truth(1)
