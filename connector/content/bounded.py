"""Cleaning with bounds: whatever a mail is made of, a body comes within seconds, and the connector lives on.

HTML can be written so that parsing it as browsers do takes time that grows with the square of its size (100,000 nested tags: 14 s), in a
library that cannot be interrupted. So what is large is cleaned in a process of its own, which is ended when it takes too long; then the
mail is shown as text, by a way that is linear.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from typing import TYPE_CHECKING

import trio

from connector.content.clean import Cleaned, clean_html
from connector.content.text import html_to_text, text_to_html
from connector.http import in_thread

if TYPE_CHECKING:
    from subprocess import CompletedProcess

__all__ = ["clean_bounded"]

# Start tags and characters up to which the worst that can be written takes under half a second: those are cleaned in a thread.
_FEW_TAGS = 1_500
_SMALL = 200_000

# Seconds for all else, and bytes that the process may take. Ordinary mails of 5 MB take one second and 300 MiB.
_SECONDS = 5.0
_MEMORY = 2 * 2**30

# Characters: nobody reads that much, and neither Odoo nor a browser should be given it.
_SOURCE_LIMIT = 12_000_000
_RESULT_LIMIT = 8_000_000
_TEXT_LIMIT = 500_000

_START = re.compile(r"<[a-zA-Z]")


async def clean_bounded(source: str) -> tuple[Cleaned, bool]:
    """Clean HTML; return it, and whether only its text could be kept."""
    if len(source) > _SOURCE_LIMIT:
        return await in_thread(_as_text, source), True
    if len(source) <= _SMALL and len(_START.findall(source)) <= _FEW_TAGS:
        return await in_thread(clean_html, source), False
    found = await _in_process(source)
    if found is None or len(found.html) > _RESULT_LIMIT:
        return await in_thread(_as_text, source), True
    return found, False


def _as_text(source: str) -> Cleaned:
    return clean_html(text_to_html(html_to_text(source[:_SOURCE_LIMIT])[:_TEXT_LIMIT], flowed=False))


async def _in_process(source: str) -> Cleaned | None:
    """Clean in a process of its own; None if that took too long or broke."""
    done: CompletedProcess[bytes] | None = None
    with trio.move_on_after(_SECONDS):
        done = await trio.run_process(
            [sys.executable, "-m", "connector.content.bounded"],
            stdin=source.encode("utf-8", "replace"),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            deliver_cancel=_kill,
            # Nothing of the connector's environment: secrets are in it.
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
        )
    if done is None or done.returncode != 0:
        return None
    return Cleaned(**json.loads(done.stdout))


async def _kill(process: trio.Process) -> None:
    process.kill()


def _main() -> None:
    """Clean standard input onto standard output, within hard limits of the system."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(_SECONDS) + 1,) * 2)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY,) * 2)
    cleaned = clean_html(sys.stdin.buffer.read().decode("utf-8", "replace"))
    json.dump({"html": cleaned.html, "has_remote": cleaned.has_remote, "dark": cleaned.dark}, sys.stdout)


if __name__ == "__main__":
    _main()
