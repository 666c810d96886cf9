"""Logging: structlog on standard error, ids and hosts only.

Libraries log what we must not (odoorpc writes the API key at DEBUG, httpx every URL), so their loggers are held at WARNING
whatever the level.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from connector.config import LogConfig

__all__ = ["QUIET_LOGGERS", "configure", "mask"]

QUIET_LOGGERS = ("httpcore", "httpx", "hypercorn.access", "hypercorn.error", "msal", "odoorpc", "urllib3")

# Keys of a log call whose value is a secret or mail by its nature: masked by name, should one ever be passed.
_NEVER = frozenset({"token", "secret", "key", "password", "authorization", "code", "subject", "body", "address", "email", "url_with_query"})


def mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of keys that must never be logged."""
    for key in event.keys() & _NEVER:
        event[key] = "***"
    return event


def configure(config: LogConfig) -> None:
    """Set up logging for the process."""
    level = getattr(logging, config.level.upper())
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    is_json = config.format == "json"
    renderer: list[Any] = (
        # Without locals: they hold tokens and mail.
        [ExceptionRenderer(ExceptionDictTransformer(show_locals=False)), structlog.processors.JSONRenderer()]
        if is_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask,
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
