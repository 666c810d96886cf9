"""`maildesk-connector doctor`: asks every link of the chain, and says of each whether it holds, what is wrong, and what to do.

    configuration ─ state file ─ vault key          local
    running connector ─ Odoo ─ key ─ rights ─ addon ─ database ─ clock ─ and back from Odoo to the connector
    Entra ─ app registration ─ clock ─ Graph        microsoft

It changes nothing, may be asked while a connector runs, and needs none. A link behind a broken one is not asked and says so. Like
`app`, it builds what it needs, since it has to look where the running connector does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from connector.doctor.finding import Finding, Status
from connector.doctor.local import examine_files
from connector.doctor.microsoft import examine_microsoft
from connector.doctor.odoo import examine_odoo
from connector.http import open_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from connector.config import Config

__all__ = ["Finding", "Status", "examine"]


async def examine(config: Config, path: Path) -> list[Finding]:
    """Ask everything that `config` (read from `path`) names; the parts side by side, the findings in their order."""
    files, local = await examine_files(config, path)
    found: dict[int, list[Finding]] = {}
    async with open_client() as http, trio.open_nursery() as nursery:

        async def ask(place: int, part: Callable[[], Awaitable[list[Finding]]]) -> None:
            found[place] = await part()

        nursery.start_soon(ask, 0, lambda: examine_odoo(config, http, files))
        nursery.start_soon(ask, 1, lambda: examine_microsoft(config, http))
    return [*local, *found[0], *found[1]]
