"""The life of one mailbox in the connector, all transitions in one table.

     not connected ──connected──▶ discovering ──tree──▶ bootstrapping ──bootstrapped──▶ live ◀──▶ throttled
                                      ▲                      ▲                           │
                                      │                      └───── folder reset ────────┤
                                      └──────────────── retried ── failing ◀── failed ───┤  (from any working state)
                                                                                         ├──▶ needs sign-in
                                                                                         ├──▶ needs admin
                                                                                         └──▶ stopped (paused, disconnected, archived)

What a person sees of it (contract, "What the states say"): `seen_as`. Throttling is silent: a throttled mailbox looks
like what it was before. `failing` becomes visible only after three cycles with an error that nobody foresaw.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "AUTH_EXPIRED",
    "CONNECTED",
    "FAILURES_UNTIL_SEEN",
    "RESYNC_REQUIRED",
    "TRANSITIONS",
    "WORKING",
    "Event",
    "Phase",
    "Seen",
    "State",
    "next_state",
    "phase_of",
    "seen_as",
]

# Sentences that users read, word for word (contract).
CONNECTED = "Connected"
AUTH_EXPIRED = "Outlook authentication expired, please re-authorize"
RESYNC_REQUIRED = "Full folder resync required"

# Cycles: one bad answer is weather, three in a row are worth a person's attention (contract: "an unknown error three cycles long").
FAILURES_UNTIL_SEEN = 3


class State(Enum):
    """Where a mailbox stands."""

    NOT_CONNECTED = "not_connected"
    DISCOVERING = "discovering"
    BOOTSTRAPPING = "bootstrapping"
    LIVE = "live"
    THROTTLED = "throttled"
    FAILING = "failing"
    NEEDS_SIGN_IN = "needs_sign_in"
    NEEDS_ADMIN = "needs_admin"
    STOPPED = "stopped"


class Event(Enum):
    """What can happen to it."""

    CONNECTED = "connected"  # Odoo says it is connected, with a token newer than the refused one
    TREE = "tree"  # the folder tree is in Odoo
    BOOTSTRAPPED = "bootstrapped"  # every synced folder has a cursor
    FOLDER_RESET = "folder_reset"  # a cursor died
    THROTTLED = "throttled"  # Graph asks to wait
    RESUMED = "resumed"  # the wait is over
    FAILED = "failed"  # an error that no rule foresaw
    RETRIED = "retried"  # the next attempt begins
    SIGN_IN_NEEDED = "sign_in_needed"
    ADMIN_NEEDED = "admin_needed"
    STOPPED = "stopped"  # paused, disconnected or archived in Odoo


WORKING = frozenset({State.DISCOVERING, State.BOOTSTRAPPING, State.LIVE, State.THROTTLED, State.FAILING})

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.NOT_CONNECTED, Event.CONNECTED): State.DISCOVERING,
    (State.NEEDS_SIGN_IN, Event.CONNECTED): State.DISCOVERING,
    (State.NEEDS_ADMIN, Event.CONNECTED): State.DISCOVERING,
    (State.STOPPED, Event.CONNECTED): State.DISCOVERING,
    (State.DISCOVERING, Event.TREE): State.BOOTSTRAPPING,
    (State.BOOTSTRAPPING, Event.BOOTSTRAPPED): State.LIVE,
    (State.BOOTSTRAPPING, Event.FOLDER_RESET): State.BOOTSTRAPPING,
    (State.LIVE, Event.FOLDER_RESET): State.BOOTSTRAPPING,
    (State.THROTTLED, Event.RESUMED): State.DISCOVERING,
    (State.FAILING, Event.RETRIED): State.DISCOVERING,
    (State.NEEDS_SIGN_IN, Event.STOPPED): State.STOPPED,
    (State.NEEDS_ADMIN, Event.STOPPED): State.STOPPED,
    (State.NOT_CONNECTED, Event.STOPPED): State.STOPPED,
    **{(state, Event.THROTTLED): State.THROTTLED for state in WORKING},
    **{(state, Event.FAILED): State.FAILING for state in WORKING},
    **{(state, Event.SIGN_IN_NEEDED): State.NEEDS_SIGN_IN for state in WORKING},
    **{(state, Event.ADMIN_NEEDED): State.NEEDS_ADMIN for state in WORKING},
    **{(state, Event.STOPPED): State.STOPPED for state in WORKING},
}


class Phase(Enum):
    """`sync_phase` of an account in Odoo."""

    DISCOVERING = "discovering"
    BOOTSTRAPPING = "bootstrapping"
    BACKFILLING = "backfilling"
    UP_TO_DATE = "up_to_date"


@dataclass(frozen=True, slots=True)
class Seen:
    """What Odoo shows: `state` and `message`; None leaves what is shown."""

    state: str | None
    message: str | None


def next_state(state: State, event: Event) -> State:
    """Return the state after `event`; an event that means nothing in `state` changes nothing."""
    return TRANSITIONS.get((state, event), state)


def seen_as(state: State, *, failures: int = 0, resetting: bool = False, message: str | None = None) -> Seen:
    """Tell how a person sees `state`; `failures` counts cycles with an unforeseen error, `resetting` whether a folder starts afresh."""
    match state:
        case State.NOT_CONNECTED | State.STOPPED | State.THROTTLED:
            return Seen(None, None)
        case State.NEEDS_SIGN_IN:
            return Seen("reauth_required", AUTH_EXPIRED)
        case State.NEEDS_ADMIN:
            return Seen("admin_required", message)
        case State.FAILING:
            return Seen("error", message) if failures >= FAILURES_UNTIL_SEEN else Seen(None, None)
        case State.DISCOVERING | State.BOOTSTRAPPING | State.LIVE:
            return Seen("connected", RESYNC_REQUIRED if resetting else CONNECTED)


def phase_of(*, discovered: bool, bootstrapped: bool, backfilled: bool) -> Phase:
    """Return the phase that is true: "up to date" only when nothing is left to fetch."""
    if not discovered:
        return Phase.DISCOVERING
    if not bootstrapped:
        return Phase.BOOTSTRAPPING
    return Phase.UP_TO_DATE if backfilled else Phase.BACKFILLING
