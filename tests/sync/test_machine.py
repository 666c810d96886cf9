"""The state machine of a mailbox, tested as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sync.machine import (
    AUTH_EXPIRED,
    FAILURES_UNTIL_SEEN,
    RESYNC_REQUIRED,
    TRANSITIONS,
    WORKING,
    Event,
    Phase,
    State,
    next_state,
    phase_of,
    seen_as,
)


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([Event.CONNECTED, Event.TREE, Event.BOOTSTRAPPED], State.LIVE),
        ([Event.CONNECTED, Event.TREE, Event.BOOTSTRAPPED, Event.FOLDER_RESET], State.BOOTSTRAPPING),
        ([Event.CONNECTED, Event.TREE, Event.THROTTLED, Event.RESUMED], State.DISCOVERING),
        ([Event.CONNECTED, Event.FAILED, Event.RETRIED, Event.TREE], State.BOOTSTRAPPING),
        ([Event.CONNECTED, Event.SIGN_IN_NEEDED, Event.TREE], State.NEEDS_SIGN_IN),
        ([Event.CONNECTED, Event.SIGN_IN_NEEDED, Event.CONNECTED], State.DISCOVERING),
        ([Event.CONNECTED, Event.ADMIN_NEEDED, Event.CONNECTED], State.DISCOVERING),
        ([Event.CONNECTED, Event.TREE, Event.STOPPED, Event.BOOTSTRAPPED], State.STOPPED),
    ],
)
def test_next_state_story(events: list[Event], end: State) -> None:
    """Each life of a mailbox ends where the drawing says."""
    state = State.NOT_CONNECTED
    for event in events:
        state = next_state(state, event)
    assert state is end


@given(st.lists(st.sampled_from(Event)))
def test_next_state_any_events_stay_in_table(events: list[Event]) -> None:
    """No sequence of events leaves the table, and a stop always stops."""
    state = State.NOT_CONNECTED
    for event in events:
        state = next_state(state, event)
        assert state in State
    assert next_state(state, Event.STOPPED) is State.STOPPED


def test_transitions_every_working_state_can_end() -> None:
    """From every working state a person's or an administrator's turn can come."""
    for state in WORKING:
        for event in (Event.SIGN_IN_NEEDED, Event.ADMIN_NEEDED, Event.STOPPED, Event.THROTTLED):
            assert (state, event) in TRANSITIONS


def test_seen_as_throttled_is_silent() -> None:
    """A throttled mailbox looks like what it was before."""
    assert seen_as(State.THROTTLED).state is None


def test_seen_as_sign_in_needed_says_the_sentence() -> None:
    """The contract's words reach the person unchanged."""
    seen = seen_as(State.NEEDS_SIGN_IN)
    assert (seen.state, seen.message) == ("reauth_required", AUTH_EXPIRED)


@pytest.mark.parametrize(("failures", "shown"), [(1, None), (FAILURES_UNTIL_SEEN - 1, None), (FAILURES_UNTIL_SEEN, "error")])
def test_seen_as_failing_only_after_three_cycles(failures: int, shown: str | None) -> None:
    """One bad cycle is not shown, three are."""
    assert seen_as(State.FAILING, failures=failures, message="x").state == shown


def test_seen_as_reset_is_said_while_it_lasts() -> None:
    """A folder being listed again is named in the account's message."""
    assert seen_as(State.LIVE, resetting=True).message == RESYNC_REQUIRED
    assert seen_as(State.LIVE).message == "Connected"


@pytest.mark.parametrize(
    ("discovered", "bootstrapped", "backfilled", "phase"),
    [
        (False, False, False, Phase.DISCOVERING),
        (True, False, True, Phase.BOOTSTRAPPING),
        (True, True, False, Phase.BACKFILLING),
        (True, True, True, Phase.UP_TO_DATE),
    ],
)
def test_phase_of_up_to_date_only_when_nothing_is_left(*, discovered: bool, bootstrapped: bool, backfilled: bool, phase: Phase) -> None:
    """The phase "up to date" is said only when it is."""
    assert phase_of(discovered=discovered, bootstrapped=bootstrapped, backfilled=backfilled) is phase
