"""The seed of a run, and whether it is the long form: what `make drill` says to the tests.

MAILDESK_SEED    a number: the same choices again (not the same instants: the processes are real)
MAILDESK_DRILL   1: the long form
"""

from __future__ import annotations

import os
import random

__all__ = ["is_drill", "seed"]

# Small enough to be read out and typed.
_SEEDS = 1_000_000


def is_drill() -> bool:
    """Tell whether this is the long form."""
    return os.environ.get("MAILDESK_DRILL") == "1"


def seed() -> int:
    """Return the seed that was asked for, or draw one."""
    given = os.environ.get("MAILDESK_SEED")
    return int(given) if given else random.SystemRandom().randrange(_SEEDS)
