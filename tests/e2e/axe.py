"""axe-core, which finds what people with a screen reader, a keyboard or little sight would stumble over.

Fetched once by npm, by version and hash, into the user's cache; not kept in the repository: it is 650 KB of other people's code
under another licence (MPL-2.0), used by tests only.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.odoo.process import SetupError

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["axe_source", "violations"]

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="

# What axe itself calls grave; "moderate" and "minor" are matters of taste in an app that lives inside Odoo's page.
GRAVE = ("serious", "critical")

_RUN = """async ([include, exclude]) => {
    const context = { include, exclude: exclude.map((selector) => [selector]) };
    const { violations, passes } = await axe.run(context, { iframes: false, resultTypes: ["violations"] });
    const told = ({ target, html, failureSummary }) => ({ target: target.join(" "), html: html.slice(0, 200), failureSummary });
    return { passes: passes.length, violations: violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(told) })) };
}"""


def axe_source() -> str:
    """Return axe's script. Raises `SetupError`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maildesk-connector"
    kept = cache / f"axe-core-{VERSION}.tgz"
    if not kept.is_file() or not _is_right(kept):
        _fetch(kept)
    with tarfile.open(kept) as package:
        member = package.extractfile("package/axe.min.js")
        if member is None:
            raise SetupError(f"{kept} has no axe.min.js")
        return member.read().decode()


def _is_right(path: Path) -> bool:
    return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode() == SHA512


def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError("npm is missing, which fetches axe-core: apt-get install npm")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, f"axe-core@{VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603 - our own words
        fetched = Path(folder) / kept.name
        if done.returncode or not fetched.is_file():
            raise SetupError(f"npm could not fetch axe-core {VERSION}: {done.stderr[-500:]}")
        if not _is_right(fetched):
            raise SetupError(f"axe-core {VERSION} is not the one that was tried: its SHA-512 differs")
        fetched.replace(kept)


def violations(page: Page, source: str, include: str = "body", exclude: tuple[str, ...] = ()) -> list[str]:
    """Return what axe finds grave in a part of the page, each with where it is."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(source)
    found: dict[str, Any] = page.evaluate(_RUN, [include, list(exclude)])
    if not found["passes"]:
        raise AssertionError(f"axe looked at nothing in {include}")
    return [
        f"{one['impact']} {one['id']}: {node['target']}\n    {node['html']}\n    {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
