"""An Odoo a module, and benches on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.odoo.process import free_port
from tests.system.bench import SECRET, Bench, open_bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.odoo.server import OdooServer
    from tests.odoo.template import Run

__all__ = ["Opener"]


class Opener(Protocol):
    """Opens a bench."""

    def __call__(self, **given: Any) -> AbstractAsyncContextManager[Bench]: ...  # noqa: D102


@pytest.fixture(scope="module")
def place(run: Run) -> Iterator[tuple[OdooServer, int]]:
    """An Odoo for this module, and the port where its connector will listen."""
    port = free_port()
    with run.odoo(connector_url=f"http://127.0.0.1:{port}", secret=SECRET) as server:
        yield server, port


@pytest.fixture
def bench_of(run: Run, place: tuple[OdooServer, int], tmp_path: Path) -> Opener:
    """Open benches on this module's Odoo."""

    def open_it(**given: Any) -> AbstractAsyncContextManager[Bench]:
        return open_bench(place[0], run.logins, tmp_path, place[1], **given)

    return open_it
