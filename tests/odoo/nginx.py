"""A real nginx in front of an Odoo and a connector, with the configuration that administrators are given."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.odoo.process import SetupError, child, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run_nginx"]

EXAMPLE = Path(__file__).parents[2] / "config" / "nginx.example.conf"


@contextmanager
def run_nginx(folder: Path, odoo_url: str, connector: str) -> Iterator[str]:
    """Run nginx until we leave; yields its URL. Only addresses of the example are changed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise SetupError("nginx is missing: apt-get install nginx-light")
    port = free_port()
    site = EXAMPLE.read_text()
    for told, ours in (
        ("127.0.0.1:8069", f"127.0.0.1:{urlsplit(odoo_url).port}"),
        ("127.0.0.1:8071", connector),
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
        ("odoo.example.com", "localhost"),
    ):
        if told not in site:
            raise SetupError(f"{EXAMPLE} has no {told} any more")
        site = site.replace(told, ours)
    folder.mkdir()
    (folder / "site.conf").write_text(site)
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log info;\nevents {{}}\n"
        f"http {{\naccess_log {folder}/access.log;\n{temporary}include {folder}/site.conf;\n}}\n"
    )
    log = folder / "output.log"
    with child([program, "-c", str(main), "-e", str(folder / "error.log"), "-p", str(folder)], log=log) as process:
        url = f"http://localhost:{port}"
        wait_until(lambda: _answers(f"{url}/web/health"), process, "nginx", log)
        yield url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
