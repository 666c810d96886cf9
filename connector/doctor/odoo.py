"""The links to Odoo and back: the running connector, Odoo, our key and rights there, the addon, the database, the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from connector.config import is_loopback
from connector.doctor.finding import Finding, clock_finding, note, ok, skipped, wrong
from connector.errors import (
    ConnectorError,
    OdooError,
    OdooNoDatabase,
    OdooNotAllowed,
    OdooRefused,
    OdooUnreachable,
    OdooUnsuitable,
)
from connector.odoo import open_odoo
from connector.odoo.key import expiry_warning
from connector.odoo.probe import ask_version
from connector.peer import NoConnector, OtherSecret, open_peer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.config import Config
    from connector.http import AsyncClient
    from connector.odoo.wire import Checkup
    from connector.state.peek import Peek

__all__ = ["examine_odoo"]

# The links behind Odoo, in the order in which they are told.
_BEHIND = ("addon", "key", "rights", "database", "odoo_clock", "odoo_to_connector", "redirect_uri")

_NEW_KEY = "in Odoo: Settings, MailDesk, New Key; enter it as odoo.api_key and start the connector again"

# What `/readyz` says of a connector that runs and does not sync, and what to do about it.
_NOT_READY = {
    "starting": "it is starting; ask again in a minute",
    "odoo": "see what is said of Odoo below",
    "refused": "see what is said of the API key and the rights below; it goes on by itself when they are mended",
    "standby": "another connector serves this Odoo: stop one of the two",
    "foreign": "see what is said of the database below",
    "state": "its state file cannot be written: its log says why; make room or mend the rights, and it goes on by itself",
}

# What Odoo met on its way to the connector, and what to do about it.
_BACK = {
    "not_configured": ("Odoo has no address or no secret of the connector", "in Odoo: Settings, MailDesk, Connect the Sidecar"),
    "unreachable": (
        "Odoo gets no answer from the connector",
        "in Odoo: Settings, MailDesk, Connector URL: it must lead, from Odoo's machine, to server.listen",
    ),
    "untrusted": (
        "Odoo does not trust the connector's certificate",
        "in Odoo: Settings, MailDesk, CA Certificate: the path, on Odoo's machine, of the file that it is to be checked against",
    ),
    "unauthorized": (
        "Odoo has another shared secret than the connector",
        "make server.secret and Shared Secret (Settings, MailDesk) the same",
    ),
    "not_connector": ("what answers Odoo is no connector, or another version of it", "in Odoo: Settings, MailDesk, Connector URL"),
}


async def examine_odoo(config: Config, http: AsyncClient, files: Peek | None) -> list[Finding]:
    """Ask the running connector, then Odoo, which asks the connector as well."""
    running, instance = await _connector(config)
    found = [running]
    try:
        version = await ask_version(http, config.odoo.url)
    except OdooError as error:
        to_do = "start Odoo, and check odoo.url, as seen from this machine"
        return [*found, wrong("odoo", str(error), to_do), *_not_asked(_BEHIND, "Odoo does not answer")]
    if version.series < 19:
        said = f"Odoo at {config.odoo.url} is version {version.name}"
        return [*found, wrong("odoo", said, "MailDesk needs Odoo 19 or later"), *_not_asked(_BEHIND, "another Odoo is needed")]
    found.append(ok("odoo", f"Odoo {version.name} answers at {config.odoo.url}"))
    async with open_odoo(config.odoo, http) as odoo:
        try:
            checkup = await odoo.check()
        except OdooError as error:
            return [*found, *_refused(error)]
    return [*found, *_accepted(checkup, files, instance or (files.instance if files is not None else None))]


async def _connector(config: Config) -> tuple[Finding, str | None]:
    """Ask the connector that runs on this configuration; return its name too."""
    listen = config.server.listen
    try:
        async with open_peer(config.server) as peer:
            who = await peer.ask("GET", "/ping")
    except NoConnector:
        return wrong("connector", f"no connector answers on {listen}", "start it: maildesk-connector run"), None
    except OtherSecret as error:
        return wrong("connector", str(error), "it was started with another configuration: start it again, or stop the other one"), None
    except ConnectorError as error:
        return wrong("connector", str(error), "stop what listens there, or give another server.listen"), None
    ready, version = str(who.get("ready")), who.get("version")
    if ready != "ok":
        said = f"version {version} runs on {listen} and does not sync ({ready})"
        return wrong("connector", said, _NOT_READY.get(ready, "see its log")), who["instance"]
    return ok("connector", f"version {version} runs on {listen} and is ready"), who["instance"]


def _refused(error: OdooError) -> list[Finding]:
    """Tell at which link behind Odoo's door it ended."""
    match error:
        case OdooNotAllowed():
            said = [
                ok("key", "Odoo accepts odoo.api_key"),
                wrong("rights", str(error), "in Odoo: Settings, MailDesk, Connect the Sidecar puts the technical user right"),
            ]
        case OdooRefused():
            said = [wrong("key", "Odoo does not accept odoo.login with odoo.api_key: deleted, expired or mistyped", _NEW_KEY)]
        case OdooNoDatabase():
            said = [wrong("database", str(error), "correct odoo.database; Odoo's list is at /web/database/manager")]
        case OdooUnreachable():
            said = [wrong("odoo", str(error), "look into Odoo's log; its database or its workers may be busy")]
        case OdooUnsuitable():
            said = [wrong("addon", str(error), "in Odoo: Apps, MailDesk, Install or Upgrade")]
        case _:
            said = [wrong("addon", str(error), "look into Odoo's log")]
    told = {finding.check for finding in said}
    rest = _not_asked((check for check in _BEHIND if check not in told), "Odoo did not let us in")
    order = ("odoo", *_BEHIND)
    return sorted([*said, *rest], key=lambda finding: order.index(finding.check))


def _accepted(checkup: Checkup, files: Peek | None, instance: str | None) -> list[Finding]:
    return [
        ok("addon", f"the addon maildesk is version {checkup.addon_version}"),
        _key(checkup),
        ok("rights", 'the user is in the group "MailDesk connector"'),
        _database(checkup, files),
        clock_finding("odoo_clock", "Odoo's", datetime.fromisoformat(checkup.now)),
        _back(checkup, instance),
        _redirect_uri(checkup.redirect_uri),
    ]


def _key(checkup: Checkup) -> Finding:
    if warning := expiry_warning(checkup.key_expires_at, datetime.now(UTC)):
        return note("key", f"Odoo accepts odoo.api_key; {warning.partition(';')[0]}", _NEW_KEY)
    until = "has no end that is known" if checkup.key_expires_at is None else f"is good until {checkup.key_expires_at}"
    return ok("key", f"Odoo accepts odoo.api_key, which {until}")


def _database(checkup: Checkup, files: Peek | None) -> Finding:
    known = files.database if files is not None else None
    if known is None or known == checkup.database_uuid:
        return ok("database", f"the state file {'belongs to this database' if known else 'belongs to no database yet'}")
    return wrong(
        "database",
        f"the state file belongs to another database ({known}) than odoo.database is ({checkup.database_uuid}): nothing runs",
        "a copy of a database: stop here, or give it a state.path of its own. Moved for good: maildesk-connector adopt",
    )


def _back(checkup: Checkup, instance: str | None) -> Finding:
    seen = checkup.connector
    if seen.outcome == "ok":
        if instance is not None and seen.instance != instance:
            to_do = "in Odoo: Settings, MailDesk, Connector URL leads to another one: correct it, or stop that one"
            return wrong("odoo_to_connector", f"Odoo asks another connector than this one, at {seen.url}", to_do)
        return ok("odoo_to_connector", f"Odoo reaches the connector at {seen.url}, with the same secret")
    said, to_do = _BACK.get(seen.outcome, (f"Odoo says {seen.outcome}", "look into Odoo's log"))
    where = f" at {seen.url}" if seen.url else ""
    why = f" ({seen.detail})" if seen.detail else ""
    return wrong("odoo_to_connector", f"{said}{where}{why}", to_do)


def _redirect_uri(uri: str) -> Finding:
    parts = urlsplit(uri)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        to_do = "Microsoft takes http for localhost only: put Odoo behind https and correct the system parameter maildesk.redirect_base"
        return wrong("redirect_uri", f"{uri} is what people would be sent back to", to_do)
    return ok("redirect_uri", f"{uri} (has to stand in the app registration, letter by letter)")


def _not_asked(checks: Iterable[str], why: str) -> list[Finding]:
    return [skipped(check, f"not asked: {why}") for check in checks]
