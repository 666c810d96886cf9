"""Graph's own schema as an oracle: names, types, enumerations and nullability of JSON objects.

Reads `data/graph/mail-v1.0.csdl.xml` (OData CSDL). Annotations (`@odata...`, `@removed`) are not part of the schema and are passed over; an
object's own `@odata.type` decides which type it is held against, and an abstract type must have one.

Open types take any further property, except `message` and `user`: apps may add properties to those, but nobody here does, so an unknown
name there is a mistake.
"""

from __future__ import annotations

import base64
import binascii
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

__all__ = ["Schema", "load_schema"]

_FILE = Path(__file__).parent / "data" / "graph" / "mail-v1.0.csdl.xml"
_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_COLLECTION = re.compile(r"^Collection\((.+)\)$")

_TREATED_AS_CLOSED = {"message", "user"}

_WRITTEN = {"Edm.Date": r"\d{4}-\d\d-\d\d", "Edm.Guid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"}

_PRIMITIVES: dict[str, type | tuple[type, ...]] = {
    "Edm.String": str,
    "Edm.Boolean": bool,
    "Edm.Int32": int,
    "Edm.Int64": int,
    "Edm.Double": (int, float),
}


@dataclass(slots=True)
class _Type:
    name: str
    base: str | None
    is_abstract: bool
    is_open: bool
    properties: dict[str, tuple[str, bool]] = field(default_factory=dict)


@dataclass(slots=True)
class Schema:
    """Types and enumerations by short name."""

    types: dict[str, _Type]
    enums: dict[str, set[str]]

    def problems(self, value: Any, kind: str, where: str = "$") -> list[str]:
        """Return what is wrong with `value` as a `kind` (short name of an entity or complex type)."""
        if not isinstance(value, dict):
            return [f"{where}: is no object"]
        named = str(value.get("@odata.type", "")).rpartition(".")[2] or kind
        if named not in self.types:
            return [f"{where}: unknown type {named}"]
        if not self._is_a(named, kind):
            return [f"{where}: {named} is no {kind}"]
        known = self._properties(named)
        found = [f"{where}: {named} is abstract, and @odata.type does not say more"] if self.types[named].is_abstract else []
        for key, item in value.items():
            if "@" in key:
                continue
            if key in known:
                found += self._value(item, *known[key], f"{where}.{key}")
            elif not self.types[named].is_open or named in _TREATED_AS_CLOSED:
                found.append(f"{where}.{key}: {named} has no such property")
        return found

    def _value(self, value: Any, kind: str, nullable: bool, where: str) -> list[str]:  # noqa: FBT001 - a pair out of the table
        if match := _COLLECTION.match(kind):
            if not isinstance(value, list):
                return [f"{where}: is no collection"]
            return [p for n, item in enumerate(value) for p in self._value(item, match[1], True, f"{where}[{n}]")]  # noqa: FBT003
        if value is None:
            return [] if nullable else [f"{where}: is null, and may not be"]
        if kind.startswith("Edm."):
            return [] if _is_primitive(value, kind) else [f"{where}: {value!r} is no {kind}"]
        short = kind.rpartition(".")[2]
        if short in self.enums:
            return [] if isinstance(value, str) and value in self.enums[short] else [f"{where}: {value!r} is no {short}"]
        return self.problems(value, short, where)

    def _properties(self, name: str) -> dict[str, tuple[str, bool]]:
        declared = self.types[name]
        inherited = self._properties(declared.base) if declared.base else {}
        return inherited | declared.properties

    def _is_a(self, name: str | None, kind: str) -> bool:
        while name is not None:
            if name == kind:
                return True
            name = self.types[name].base
        return False


def load_schema(file: Path = _FILE) -> Schema:
    """Read the schema."""
    root = ET.parse(file).getroot()  # noqa: S314 - a file of this repository
    types: dict[str, _Type] = {}
    enums: dict[str, set[str]] = {}
    for node in root.iter():
        match node.tag.removeprefix(_EDM):
            case "EntityType" | "ComplexType":
                base = node.get("BaseType")
                of = base.rpartition(".")[2] if base else None
                made = _Type(str(node.get("Name")), of, node.get("Abstract") == "true", node.get("OpenType") == "true")
                for child in node:
                    if child.tag.removeprefix(_EDM) in {"Property", "NavigationProperty"}:
                        made.properties[str(child.get("Name"))] = (str(child.get("Type")), child.get("Nullable") != "false")
                types[made.name] = made
            case "EnumType":
                enums[str(node.get("Name"))] = {str(m.get("Name")) for m in node if m.tag.removeprefix(_EDM) == "Member"}
    for made in types.values():
        if made.base is not None and made.base not in types:
            # A base that mail does not use was left out of the file (directoryObject): what all entities have remains.
            made.base = "entity"
    return Schema(types, enums)


def _is_primitive(value: Any, kind: str) -> bool:
    match kind:
        case "Edm.DateTimeOffset":
            try:
                return isinstance(value, str) and value.endswith("Z") and datetime.fromisoformat(value) is not None
            except ValueError:
                return False
        case "Edm.Date" | "Edm.Guid":
            return isinstance(value, str) and re.fullmatch(_WRITTEN[kind], value) is not None
        case "Edm.Binary":
            try:
                return isinstance(value, str) and base64.b64decode(value, validate=True) is not None
            except binascii.Error:
                return False
        case _:
            is_in_bounds = kind != "Edm.Int32" or not isinstance(value, int) or -(2**31) <= value < 2**31
            is_no_bool = kind == "Edm.Boolean" or not isinstance(value, bool)
            return is_in_bounds and is_no_bool and isinstance(value, _PRIMITIVES.get(kind, ()))
