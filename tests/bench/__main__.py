"""Run the benchmarks: `python -m tests.bench` (`make bench`); QUICK=1 has the same targets and a smaller n.

What is measured stands beside its peer in var/bench/latest.json: name, unit, ours, peer, peer_name, ratio, target, met, note.
A target that is missed is said, and does not end the run; the exit code is 1 then.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import structlog
import trio

from tests.bench.acting import bench_acting
from tests.bench.figures import Figures
from tests.bench.index import Index
from tests.bench.reading import bench_reading
from tests.bench.scrolling import bench_scrolling
from tests.bench.sending import bench_sending
from tests.drill.place import prefork_odoo
from tests.odoo.process import free_port
from tests.odoo.template import CLONE, open_run
from tests.system.bench import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

REPORT = CLONE / "var" / "bench" / "latest.json"
PARTS = ("reading", "acting", "sending", "scrolling", "apply", "list", "search")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
def main(parts: tuple[str, ...]) -> None:
    """Run the parts named, or all: reading, acting, sending, scrolling, apply (and storage), list, search."""
    wanted = parts or PARTS
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 2:
        click.echo(f"[bench] this machine is busy (load {load:.1f} on {cores} cores): times are longer than they would be alone")
    figures = Figures(quick=os.environ.get("QUICK", "") not in {"", "0"})
    with open_run("tests") as run:
        port = free_port()
        if "reading" in wanted:
            with run.odoo(connector_url=f"http://127.0.0.1:{port}", secret=SECRET) as server:
                trio.run(partial(bench_reading, figures, server, run.logins, run.folder, port))
        if "acting" in wanted:
            with run.odoo(connector_url=f"http://127.0.0.1:{port}", secret=SECRET) as server:
                trio.run(partial(bench_acting, figures, server, run.logins, run.folder, port))
        if "sending" in wanted:
            with prefork_odoo(run, "bench_sending", port) as server:
                trio.run(partial(bench_sending, figures, run, server, run.folder, port))
        if "scrolling" in wanted:
            with run.odoo() as server:
                bench_scrolling(figures, server, run.logins)
        if {"apply", "list", "search"} & set(wanted):
            with run.odoo(connector_url=f"http://127.0.0.1:{port}", secret=SECRET) as server:
                index = Index(server, run.logins, figures)
                index.connect()
                if "apply" in wanted:
                    index.bench_apply()
                if {"list", "search"} & set(wanted):
                    index.fill()
                works: dict[str, Callable[[], None]] = {"list": index.bench_list, "search": index.bench_search}
                for name, work in works.items():
                    if name in wanted:
                        work()
    figures.write(REPORT)
    missed = [line.name for line in figures.lines if not line.met]
    click.echo(f"[bench] {len(figures.lines) - len(missed)} of {len(figures.lines)} targets met; {REPORT.relative_to(CLONE)}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
