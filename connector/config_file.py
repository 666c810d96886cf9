"""Reads a configuration file into plain values, and remembers where each one came from.

PyYAML's own constructor is not used, for three traps: a duplicate key is taken silently (the last wins), `no` and `12:30` are no
text any more, and line numbers are lost. Here every scalar stays the text that the admin wrote; pydantic gives it its type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from connector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["ENV_PREFIX", "ConfigFile", "Place", "read_config_file"]

ENV_PREFIX = "MAILDESK__"

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NULL = "tag:yaml.org,2002:null"
# Levels: section, key, list item; more is a mistake, and an alias that contains itself would never end.
_DEEPEST = 4

Place: TypeAlias = tuple[str | int, ...]


@dataclass(slots=True)
class ConfigFile:
    """`values` as they stand, `problems` that were found on the way, and the places that are `faulty` by them."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    faulty: set[Place] = field(default_factory=set)
    _lines: dict[Place, int] = field(default_factory=dict)
    _variables: dict[Place, str] = field(default_factory=dict)

    def problem(self, place: Place, what: str) -> str:
        """Word one problem: where it stands, which key, what is wrong with it."""
        return f"{self._where(place)}: {_dotted(place) or 'the file'}: {what}"

    def report(self, place: Place, what: str) -> None:
        """Note one problem."""
        self.faulty.add(place)
        self.problems.append(self.problem(place, what))

    def _where(self, place: Place) -> str:
        """Return the environment variable or the line of `place`, or of what should contain it."""
        if place[:2] in self._variables:
            return f"environment variable {self._variables[place[:2]]}"
        while place and place not in self._lines:
            place = place[:-1]
        return f"{self.path}, line {self._lines.get(place, 1)}"


def read_config_file(path: Path, environ: Mapping[str, str]) -> ConfigFile:
    """Read `path`, fill in `${NAME}`, write `MAILDESK__SECTION__KEY` over it. Raises `ConfigError` when there is nothing to go on with."""
    file = ConfigFile(path)
    root = _compose(path)
    overrides = _overrides(file, environ)
    values = _Reader(file, environ, overrides.keys()).read(root, ()) if root is not None else {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}, line 1: wants sections such as odoo: and vault:, not a single value")
    # A section of comments only is one that is absent.
    file.values = {name: section for name, section in values.items() if section is not None}
    for (name, key), value in overrides.items():
        section = file.values.setdefault(name, {})
        if isinstance(section, dict):
            section[key] = value
    return file


def _compose(path: Path) -> yaml.Node | None:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; copy config/maildesk.example.yaml there and fill it in") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from error
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{path}, line {mark.line + 1 if mark else 1}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: it has a character that YAML does not allow") from error


def _overrides(file: ConfigFile, environ: Mapping[str, str]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for name, value in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX):
            continue
        match name.removeprefix(ENV_PREFIX).lower().split("__"):
            case [section, key] if section and key:
                found[section, key] = value
                file._variables[section, key] = name  # noqa: SLF001 - this module fills what it returns
            case _:
                file.problems.append(f"environment variable {name}: wants the form {ENV_PREFIX}SECTION__KEY")
    return found


class _Reader:
    """Turns YAML nodes into values, noting the line of each."""

    def __init__(self, file: ConfigFile, environ: Mapping[str, str], overridden: Any) -> None:
        self._file = file
        self._environ = environ
        self._overridden = overridden

    def read(self, node: yaml.Node, place: Place) -> Any:
        lines = self._file._lines  # noqa: SLF001 - this module fills what it returns
        lines.setdefault(place, node.start_mark.line + 1)
        if len(place) > _DEEPEST:
            self._file.report(place[:2], "is nested too deeply")
            return None
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*place, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return None if node.tag == _NULL else self._fill(str(node.value), place)
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            inner = (*place, key)
            first = lines.get(inner)
            lines[inner] = key_node.start_mark.line + 1
            if first is not None:
                self._file.report(inner, f"stands here a second time (first in line {first})")
            values[key] = self.read(value_node, inner)
        return values

    def _fill(self, text: str, place: Place) -> str:
        """Put the environment in place of `${NAME}`; what is overridden anyway need not be there."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name not in self._environ and place[:2] not in self._overridden:
                self._file.report(place, f"the environment variable {name} is not set")
            return self._environ.get(name, "")

        return _REFERENCE.sub(value, text)


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)
