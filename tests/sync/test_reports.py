"""What the next exchange tells Odoo: each change once, none lost."""

from __future__ import annotations

import trio

from connector.sync.reports import Reports


def test_reports_say_what_changed_once_and_keep_what_was_not_heard() -> None:
    """Merged until taken; given back under newer values; not repeated once heard; a heartbeat is always said."""
    reports = Reports()
    reports.put(1, sync_phase="discovering", backfill_done=1)
    reports.put(1, sync_phase="bootstrapping")
    taken = reports.take()
    assert [(r.sync_phase, r.backfill_done) for r in taken] == [("bootstrapping", 1)]
    reports.put(1, sync_phase="up_to_date")
    reports.put_back(taken)
    taken = reports.take()
    assert [(r.sync_phase, r.backfill_done) for r in taken] == [("up_to_date", 1)]
    reports.heard(taken)
    reports.put(1, sync_phase="up_to_date", backfill_done=1)
    assert reports.take() == []
    reports.heartbeat(1, "2026-11-23T12:00:00Z", is_awaited=False)
    reports.heard(reports.take())
    reports.heartbeat(1, "2026-11-23T12:00:00Z", is_awaited=True)
    assert len(reports.take()) == 1


def test_reports_change_back_while_a_report_travels_is_said() -> None:
    """Odoo is about to hear "error": that it heard "connected" before does not make "connected" old news."""
    reports = Reports()
    reports.put(1, state="connected")
    reports.heard(reports.take())
    reports.put(1, state="error")
    travelling = reports.take()
    reports.put(1, state="connected")
    reports.heard(travelling)
    assert [r.state for r in reports.take()] == ["connected"]


def test_reports_change_back_while_a_report_is_lost_is_said() -> None:
    """Whether Odoo has what it did not confirm is not known: the present value is said."""
    reports = Reports()
    reports.put(1, state="connected")
    reports.heard(reports.take())
    reports.put(1, state="error")
    lost = reports.take()
    reports.put(1, state="connected")
    reports.put_back(lost)
    assert [r.state for r in reports.take()] == ["connected"]


def test_reports_forgotten_account_is_told_anew() -> None:
    """Somebody else changed its record in Odoo: what was said counts no more; other accounts are not repeated."""
    reports = Reports()
    for account_id in (1, 2):
        reports.put(account_id, state="connected")
    reports.heard(reports.take())
    reports.forget(1)
    for account_id in (1, 2):
        reports.put(account_id, state="connected")
    assert [r.account_id for r in reports.take()] == [1]


async def test_reports_wait_urgent_only_for_what_a_person_waits_for() -> None:
    """A state is said at once; counts of the backfill go with the next regular call."""
    reports = Reports()
    reports.put(1, backfill_done=1, backfill_total=9)
    reports.heartbeat(1, "2026-11-23T12:00:00Z", is_awaited=False)
    with trio.move_on_after(0) as scope:
        await reports.wait_urgent()
    assert scope.cancelled_caught
    reports.put(1, state="reauth_required")
    with trio.fail_after(1):
        await reports.wait_urgent()
