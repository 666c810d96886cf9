"""Numbers for Prometheus: how it goes, never who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

__all__ = ["Metrics"]


class Metrics:
    """The metrics of one connector, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.graph_requests = Counter(
            "maildesk_graph_requests", "Answers of Microsoft Graph by HTTP status", ["status"], registry=self.registry
        )
        self.cycles = Counter("maildesk_cycles", "Cycles of all mailboxes by how they ended", ["outcome"], registry=self.registry)

    def watch_mailboxes(self, read: Callable[[], tuple[int, int, float]]) -> None:
        """Report (accounts known, mailboxes running, largest lag in seconds) whenever somebody asks."""

        class _Mailboxes:
            def collect(self) -> Iterable[Metric]:
                known, running, lag = read()
                yield GaugeMetricFamily("maildesk_accounts", "Accounts that Odoo named", value=known)
                yield GaugeMetricFamily("maildesk_mailboxes_running", "Mailboxes with a running task", value=running)
                yield GaugeMetricFamily("maildesk_lag_seconds", "Seconds since the oldest last successful round", value=lag)

        self.registry.register(_Mailboxes())

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self.registry)
