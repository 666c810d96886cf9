"""Numbers for Prometheus: how it goes, never who it is.

What the connector knows anyway is read when somebody asks; only what nobody keeps (requests served) is counted.
"""

from __future__ import annotations

from collections import Counter as Tally
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from connector.web.backend import Backend

__all__ = ["Metrics"]


class Metrics:
    """The metrics of one connector, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.served = Counter("maildesk_http_requests", "Requests to this connector", ["route", "status"], registry=self.registry)

        self._unknown = Counter(
            "maildesk_graph_unknown_errors", "Errors of Graph that no row of the catalogue knows", ["status"], registry=self.registry
        )

    def unknown_error(self, status: int, _code: str) -> None:
        """Count an error of Graph that nobody knows; its codes are in the log."""
        self._unknown.labels(str(status)).inc()

    def watch(self, backend: Backend) -> None:
        """Report where the accounts of `backend` stand whenever somebody asks."""
        self.registry.register(_Accounts(backend))

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self.registry)


class _Accounts:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def describe(self) -> Iterable[Metric]:
        """Nothing yet: the registry would otherwise collect at once."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges."""
        accounts = self._backend.status()
        ready = self._backend.readiness() is None
        yield GaugeMetricFamily("maildesk_ready", "1 while Odoo answers", value=int(ready))
        if (expires_at := self._backend.whoami().key_expires_at) is not None:
            moment = datetime.fromisoformat(expires_at).timestamp()
            yield GaugeMetricFamily("maildesk_odoo_key_expires_timestamp_seconds", "When the API key of Odoo expires", value=moment)
        by_state = GaugeMetricFamily("maildesk_accounts", "Accounts that Odoo named, by state", labels=["state"])
        for state, count in sorted(Tally(a.state for a in accounts).items()):
            by_state.add_metric([state], count)
        yield by_state
        running = [a for a in accounts if a.phase is not None]
        lag = max((a.lag_seconds for a in running if a.lag_seconds is not None), default=0.0)
        unsynced = sum(a.lag_seconds is None for a in running)
        yield GaugeMetricFamily("maildesk_mailboxes_running", "Mailboxes that are being synced", value=len(running))
        yield GaugeMetricFamily("maildesk_mailboxes_never_synced", "Running mailboxes without a good round so far", value=unsynced)
        yield GaugeMetricFamily("maildesk_lag_seconds", "The longest time since a mailbox's last good round", value=lag)
        yield GaugeMetricFamily("maildesk_messages_indexed", "Messages that are in Odoo", value=sum(a.backfill_done for a in running))
        yield GaugeMetricFamily(
            "maildesk_messages_total", "Messages that are in the mailboxes", value=sum(a.backfill_total for a in running)
        )
        yield GaugeMetricFamily(
            "maildesk_drift_rows",
            "Differences that reconciles of the last seven days found and repaired",
            value=sum(a.drift for a in accounts),
        )
        yield GaugeMetricFamily("maildesk_messages_unreadable", "Messages that were set aside", value=sum(a.unreadable for a in accounts))
        yield GaugeMetricFamily(
            "maildesk_graph_requests_last_day", "Requests to Graph in 24 hours", value=sum(a.requests_24h for a in accounts)
        )
