"""What comes in the bodies of writes: JSON and MIME, held against Graph's schema, refused as Graph refuses."""

from __future__ import annotations

import base64
import binascii
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.graph_simulator.call import Call
    from tests.graph_simulator.csdl import Schema

__all__ = ["action", "checked", "clean", "is_mime", "json_of", "mime_of"]

_ANNOTATION = "@odata."


@cache
def _schema() -> Schema:
    return load_schema()


def json_of(call: Call) -> dict[str, Any]:
    """Return the JSON object of a body; an empty body is an empty object."""
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.body and kind != "application/json":
        raise GraphFault(415, "RequestBodyRead", "A supported MIME type could not be found that matches the content type of the request.")
    try:
        found = json.loads(call.body) if call.body else {}
    except ValueError:
        raise _unreadable() from None
    if not isinstance(found, dict):
        raise _unreadable()
    return clean(found)  # type: ignore[no-any-return]  # an object in, an object out


def _unreadable() -> GraphFault:
    text = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
    return GraphFault(400, "BadRequest", text)


def clean(value: Any) -> Any:
    """Return JSON with every lone half of a surrogate pair replaced: no store keeps one."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [clean(item) for item in value]
        case dict():
            return {clean(key): clean(item) for key, item in value.items()}
        case _:
            return value


def action(call: Call, *names: str) -> dict[str, Any]:
    """Return the parameters of an action, which are taken in any case of the first letter: SDKs write `DestinationId`."""
    known = {name.lower(): name for name in names}
    given: dict[str, Any] = {}
    for name, value in json_of(call).items():
        if name.lower() not in known:
            raise GraphFault(
                400, "BadRequest", f"The parameter '{name}' in the request payload is not a valid parameter for the operation."
            )
        given[known[name.lower()]] = value
    return given


def checked(value: Any, kind: str, allowed: Collection[str] | None = None) -> dict[str, Any]:
    """Return an object of a type without its annotations; what the schema does not know or is not `allowed` to be set is refused."""
    problems = _schema().problems(value, kind)
    if problems:
        raise GraphFault(400, "RequestBodyRead", f"Cannot read the {kind} in the request body: {problems[0]}.")
    for name in value:
        if allowed is not None and name not in allowed and _ANNOTATION not in name:
            raise GraphFault(400, "ErrorInvalidPropertySet", f"Set action is invalid for property '{name}'.")
    return {name: item for name, item in value.items() if _ANNOTATION not in name}


def is_mime(call: Call) -> bool:
    """Tell whether a body says that it is a mail in MIME."""
    return call.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/plain"


def mime_of(call: Call) -> bytes:
    """Return the mail of a body, which is base64 of MIME."""
    try:
        mime = base64.b64decode(b"".join(call.body.split()), validate=True)
    except binascii.Error:
        mime = b""
    if not mime:
        raise GraphFault(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    return mime
