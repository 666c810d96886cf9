"""What crosses the wire, checked and turned into what PostgreSQL takes (docs/protocol.md, section 1).

Every value is checked here, in Python: an error that PostgreSQL raises on a row tells the row, and that is mail in a log.
Errors of ours name the key and the place, never the value.
"""

import io
import json
from datetime import UTC, datetime

from odoo.exceptions import ValidationError

# Recipients kept in a row; the total stands beside them.
MAX_RECIPIENTS = 50

IMPORTANCE = ("low", "normal", "high")


class WireError(ValidationError):
    """The connector sent something that this addon does not take."""


def iso(moment):
    """Return a naive UTC datetime as the wire has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def to_datetime(value, where="time"):
    """Return an ISO time as naive UTC, in whole seconds as the wire tells it back."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise WireError(f"{where}: not an ISO 8601 time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    except OverflowError:
        raise WireError(f"{where}: a time out of range") from None


def text(value, where):
    """Return `value` if PostgreSQL can hold it: text without NUL and lone surrogates, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise WireError(f"{where}: not a text")
    if "\0" in value:
        raise WireError(f"{where}: a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WireError(f"{where}: a lone surrogate") from None
    return value


def key(value, where):
    """Return a text that is not empty."""
    if not text(value, where):
        raise WireError(f"{where}: missing")
    return value


def moment(value, where):
    """Return a time as text for PostgreSQL, or None."""
    return None if value is None else to_datetime(value, where).isoformat(" ")


def flag(value, where):
    """Return a boolean."""
    if not isinstance(value, bool):
        raise WireError(f"{where}: not true or false")
    return value


def number(value, where):
    """Return an integer that fits PostgreSQL's int4 and is not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise WireError(f"{where}: not a number of things")
    return value


def seconds(value, where):
    """Return a time by the connector's clock, in seconds since 1970: such times are compared with each other only."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise WireError(f"{where}: not a time in seconds")
    return float(value)


def importance(value, where):
    """Return one of Graph's three."""
    if value not in IMPORTANCE:
        raise WireError(f"{where}: not one of {', '.join(IMPORTANCE)}")
    return value


def names(value, where):
    """Return a list of texts."""
    if not isinstance(value, list):
        raise WireError(f"{where}: not a list")
    return [text(item, where) or "" for item in value]


def categories(value, where):
    """Return a list of texts as JSON."""
    return json.dumps(names(value, where), ensure_ascii=False)


def recipients(value, where):
    """Return the list of name and address as JSON."""
    if not isinstance(value, dict) or not isinstance(value.get("list"), list):
        raise WireError(f"{where}: not a total and a list")
    kept = [_person(item, where) for item in value["list"][:MAX_RECIPIENTS]]
    return json.dumps(kept, ensure_ascii=False)


def recipient_total(value, where):
    """Return how many recipients there are."""
    return number(value.get("total", len(value["list"])), where)


def _person(item, where):
    if not isinstance(item, dict):
        raise WireError(f"{where}: not a name and an address")
    return {"name": text(item.get("name"), where) or "", "address": text(item.get("address"), where) or ""}


def strings(values, where):
    """Return a list of ids of Graph; None is empty."""
    if values is None:
        return []
    if not isinstance(values, list):
        raise WireError(f"{where}: not a list")
    return [key(value, where) for value in values]


def objects(values, where):
    """Return a list of objects; None is empty."""
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise WireError(f"{where}: not a list of objects")
    return values


def copy_in(cr, table, columns, rows):
    """COPY `rows` into `table`: no value of a mail is ever part of an SQL text, which Odoo and PostgreSQL log on errors."""
    data = "".join("\t".join(map(_cell, row)) + "\n" for row in rows)
    cr.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.StringIO(data))


def _cell(value):
    """Return a value in COPY's text format."""
    if value is None:
        return r"\N"
    if value is True:
        return "t"
    if value is False:
        return "f"
    return str(value).replace("\\", "\\\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
