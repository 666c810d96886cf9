"""Graph's own schema as an oracle: names, types, enumerations and nullability of JSON objects.

Reads `data/graph/mail-v1.0.csdl.xml` (OData CSDL). Annotations (`@odata...`, `@removed`) are not part of the schema and are passed over; an
object's own `@odata.type` decides which type it is held against.
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
        found = []
        for key, item in value.items():
            if "@" in key:
                continue
            if key not in known:
                found.append(f"{where}.{key}: {named} has no such property")
            else:
                found += self._value(item, *known[key], f"{where}.{key}")
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
            return [] if value in self.enums[short] else [f"{where}: {value!r} is no {short}"]
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
    types, enums = {}, {}
    for node in root.iter():
        match node.tag.removeprefix(_EDM):
            case "EntityType" | "ComplexType":
                base = node.get("BaseType")
                made = _Type(str(node.get("Name")), base.rpartition(".")[2] if base else None)
                for child in node:
                    if child.tag.removeprefix(_EDM) in {"Property", "NavigationProperty"}:
                        made.properties[str(child.get("Name"))] = (str(child.get("Type")), child.get("Nullable") != "false")
                types[made.name] = made
            case "EnumType":
                enums[str(node.get("Name"))] = {str(m.get("Name")) for m in node if m.tag.removeprefix(_EDM) == "Member"}
    return Schema(types, enums)


def _is_primitive(value: Any, kind: str) -> bool:
    match kind:
        case "Edm.DateTimeOffset":
            try:
                return isinstance(value, str) and value.endswith("Z") and datetime.fromisoformat(value) is not None
            except ValueError:
                return False
        case "Edm.Binary":
            try:
                return isinstance(value, str) and base64.b64decode(value, validate=True) is not None
            except binascii.Error:
                return False
        case _:
            wanted = _PRIMITIVES.get(kind)
            if wanted is None:
                return False
            return isinstance(value, wanted) and (kind == "Edm.Boolean" or not isinstance(value, bool))
