"""Run the simulator by hand: `python -m tests.graph_simulator --port 8090`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import BinaryIO

import click
import trio

from tests.graph_simulator.quirks import PROFILES
from tests.graph_simulator.seed import DEMO_MAILBOXES
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET, make_world, serve_world


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine.")
@click.option("--port", default=8090, show_default=True, help="0 takes a free one.")
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="default", show_default=True, help="How awkward to be.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="For mail, order and storms: the same seed, the same world."
)
@click.option("--mailboxes", type=click.IntRange(1), default=len(DEMO_MAILBOXES), show_default=True, help="How many: the demo's first.")
@click.option("--grow", type=click.IntRange(0), default=0, show_default=True, help="Messages that each Inbox has more, by variation.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="The only ones to take; may be given again.")
@click.option("--empty", is_flag=True, help="Start without the demo's mailboxes.")
@click.option("--client-id", default=CLIENT_ID, show_default=True)
@click.option("--client-secret", default=CLIENT_SECRET, show_default=True)
@click.option("--certificate", type=click.File("rb"), help="A PEM certificate that is registered for the app.")
def main(
    *,
    host: str,
    port: int,
    profile: str,
    seed: int,
    mailboxes: int,
    grow: int,
    redirect_uris: tuple[str, ...],
    empty: bool,
    client_id: str,
    client_secret: str,
    certificate: BinaryIO | None,
) -> None:
    """Serve Entra ID, Graph mail and the control API until Ctrl-C."""
    world = make_world(
        demo=not empty,
        mailboxes=mailboxes,
        grown=grow,
        quirks=replace(PROFILES[profile], storm_seed=seed),
        seed=seed,
        client_id=client_id,
        client_secret=client_secret,
        certificate=certificate.read() if certificate is not None else None,
        redirect_uris=redirect_uris,
    )

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            url = await nursery.start(partial(serve_world, world, host=host, port=port))
            click.echo(f"listening on {url}")
            for address in world.mailboxes:
                click.echo(f"  {address}")

    try:
        trio.run(run)
    except* KeyboardInterrupt:
        click.echo("stopped")


if __name__ == "__main__":
    main()
