"""What an answer of Odoo means for the person who set this up: one wording for both transports.

connection fails, 429, 502-504      OdooUnreachable   wait
Odoo's own database is away         OdooUnreachable   wait
not JSON, a redirect, 404 of a page OdooUnsuitable    odoo.url
no such database                    OdooNoDatabase    odoo.database
no such model or method             OdooUnsuitable    the addon
401, AccessDenied                   OdooRefused       odoo.login, odoo.api_key
403, AccessError                    OdooNotAllowed    the group
version below 19                    OdooUnsuitable    another Odoo
anything else                       OdooFault         Odoo's own exception
"""

from __future__ import annotations

from connector.errors import OdooError, OdooFault, OdooNoDatabase, OdooNotAllowed, OdooRefused, OdooUnreachable, OdooUnsuitable

__all__ = ["BUSY", "addon_missing", "fault", "key_refused", "no_database", "not_in_group", "not_odoo", "too_old", "unreachable"]

# HTTP statuses of an Odoo, or of the proxy before it, that has no time now.
BUSY = frozenset({429, 502, 503, 504})

# Only these exceptions are written for a reader. Another one's text may hold what was sent, down to the row of a failed statement.
_READABLE = ("odoo.exceptions.", "odoo.addons.maildesk.")


def unreachable(url: str, why: str) -> OdooError:
    """Odoo, or the way to it, is down; `why` is an exception's name or a status."""
    return OdooUnreachable(f"Odoo at {url} does not answer ({why})")


def not_odoo(url: str, why: str) -> OdooError:
    """Something answers, but not Odoo."""
    return OdooUnsuitable(f"what answers at {url} is not Odoo ({why}); is odoo.url right?")


def no_database(url: str, database: str) -> OdooError:
    """The database has another name, or Odoo's dbfilter hides it."""
    return OdooNoDatabase(f"Odoo at {url} has no database {database!r}; is odoo.database right, and does Odoo's dbfilter let it through?")


def addon_missing(database: str) -> OdooError:
    """The model or one of its methods does not exist."""
    return OdooUnsuitable(
        f"the addon maildesk is missing in Odoo's database {database!r}, or older than this connector: install or update it"
    )


def key_refused() -> OdooError:
    """The login or the key is not Odoo's; the login is not named, since it may be an address."""
    return OdooRefused(
        "Odoo does not accept odoo.login with odoo.api_key; make a new API key for that user in Odoo (Settings, MailDesk, New Key), "
        "enter it as odoo.api_key and start the connector again"
    )


def not_in_group() -> OdooError:
    """The user is known, but may not do this."""
    return OdooNotAllowed('the user odoo.login is not in the group "MailDesk connector"; add it in Odoo')


def too_old(url: str, version: str, needed: int) -> OdooError:
    """MailDesk does not exist for this Odoo."""
    return OdooUnsuitable(f"Odoo at {url} is version {version}; MailDesk needs Odoo {needed} or later")


def fault(url: str, name: str, message: str) -> OdooError:
    """Odoo raised an exception that has no meaning of its own here."""
    if name.endswith("OperationalError"):
        return unreachable(url, "its database is away")
    return OdooFault(name, message if name.startswith(_READABLE) else "the reason is in Odoo's log")
