"""`$search` of messages: KQL within quotes, newest sent first, 1,000 at most, behind the truth by some seconds.

Sources: learn.microsoft.com/graph/search-query-parameter, and Microsoft's reference of KQL, the Keyword Query Language.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.graph_simulator.model import Mailbox, Message

    _Test = Callable[[Message], bool]

__all__ = ["SEARCH_CAP", "searched"]

# Results at most, however many pages are asked for.
SEARCH_CAP = 1000

# A value between quotes, a parenthesis, or whatever else stands without a space.
_TOKEN = re.compile(
    r'\s*(?:(?P<paren>[()])|(?:(?P<name>[A-Za-z]+)(?P<op>:|>=|<=|>|<|=))?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))(?P<star>\*?))'
)


def searched(mailbox: Mailbox, folder_id: str | None, text: str, *, at: datetime, delay: float) -> list[str]:
    """Return the ids of what is found; what came or changed its folder within `delay` seconds before `at` is not in the index yet."""
    quoted = re.fullmatch(r'\s*"((?:[^"\\]|\\.)*)"\s*', text)
    if quoted is None:
        # Without quotes only a single word is taken.
        if not re.fullmatch(r"\w+", text):
            raise _syntax(text)
        kql = text
    else:
        kql = re.sub(r"\\(.)", r"\1", quoted[1])
    test = _Parser(kql).read()
    seen = mailbox.history.until(at - timedelta(seconds=delay))
    found = [
        m
        for m in mailbox.messages.values()
        if folder_id in {None, m.folder_id} and m.arrived <= seen and not _is_aside(mailbox, m) and test(m)
    ]
    found.sort(key=lambda m: (m.data["sentDateTime"] or "", m.immutable_id), reverse=True)
    return [m.immutable_id for m in found[:SEARCH_CAP]]


@dataclass
class _Parser:
    """KQL, as far as mail needs it: words, phrases, properties, AND, OR, NOT, parentheses; a space is AND."""

    text: str
    at: int = 0

    def read(self) -> _Test:
        test = self._any()
        if self.text[self.at :].strip():
            raise _syntax(self.text)
        return test

    def _any(self) -> _Test:
        tests = [self._all()]
        while self._takes("OR"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda m: any(test(m) for test in tests)

    def _all(self) -> _Test:
        tests = [self._one()]
        while self._takes("AND") or self._goes_on():
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda m: all(test(m) for test in tests)

    def _one(self) -> _Test:
        if self._takes("NOT"):
            test = self._one()
            return lambda m: not test(m)
        match = _TOKEN.match(self.text, self.at)
        if match is None or match["paren"] == ")" or self._peek() in {"AND", "OR"}:
            raise _syntax(self.text)
        self.at = match.end()
        if match["paren"]:
            inner = self._any()
            if self._peek() != ")":
                raise _syntax(self.text)
            self.at = self.text.index(")", self.at) + 1
            return inner
        return _restriction(match)

    def _goes_on(self) -> bool:
        return self._peek() not in {"", ")", "OR", "AND"}

    def _takes(self, operator: str) -> bool:
        match = re.compile(rf"\s*{operator}(?=[\s()]|$)").match(self.text, self.at)
        if match:
            self.at = match.end()
        return match is not None

    def _peek(self) -> str:
        match = re.compile(r"\s*([()]|AND(?=[\s()]|$)|OR(?=[\s()]|$)|\S)").match(self.text, self.at)
        return match[1] if match else ""


def _restriction(match: re.Match[str]) -> _Test:
    name, operator = (match["name"] or "").lower(), match["op"]
    value = match["phrase"] if match["phrase"] is not None else match["word"]
    if name in {"received", "sent"} and operator:
        return _dated("receivedDateTime" if name == "received" else "sentDateTime", operator, value)
    if name == "hasattachments":
        return lambda m: bool(m.data["hasAttachments"]) is (value.lower() == "true")
    fields = _FIELDS.get(name)
    if name and fields is None:
        # No property of a mail: the colon is a sign like any other.
        value, fields = f"{match['name']}{operator}{value}", _FIELDS[""]
    is_prefix = bool(match["star"]) or value.endswith("*")
    words = _words(value)
    if not words:
        return lambda _: True
    return lambda m: any(_has(_words(text), words, is_prefix=is_prefix) for text in (fields or _FIELDS[""])(m))


def _dated(name: str, operator: str, value: str) -> _Test:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise _syntax(value)
    compare: dict[str, Callable[[str], bool]] = {
        ">=": lambda day: day >= value,
        ">": lambda day: day > value,
        "<=": lambda day: day <= value,
        "<": lambda day: day < value,
        "=": lambda day: day == value,
        ":": lambda day: day == value,
    }
    return lambda m: compare[operator]((m.data[name] or "")[:10])


def _has(words: list[str], wanted: list[str], *, is_prefix: bool) -> bool:
    *whole, last = wanted
    for place in range(len(words) - len(wanted) + 1):
        end = words[place + len(whole)]
        if words[place : place + len(whole)] == whole and (end.startswith(last) if is_prefix else end == last):
            return True
    return False


def _words(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain.casefold())


def _people(*names: str) -> Callable[[Message], Iterator[str]]:
    def said(message: Message) -> Iterator[str]:
        for name in names:
            value: Any = message.data.get(name)
            for person in value if isinstance(value, list) else [value] if value else []:
                address = person["emailAddress"]
                yield f"{address.get('name') or ''} {address.get('address') or ''}"

    return said


def _default(message: Message) -> Iterator[str]:
    yield from _people("from")(message)
    yield message.data["subject"] or ""
    yield re.sub(r"<[^>]*>", " ", message.data["body"]["content"] or "")


_FIELDS: dict[str, Callable[[Message], Iterator[str]]] = {
    "": _default,
    "from": _people("from"),
    "to": _people("toRecipients"),
    "cc": _people("ccRecipients"),
    "bcc": _people("bccRecipients"),
    "recipients": _people("toRecipients", "ccRecipients", "bccRecipients"),
    "participants": _people("from", "toRecipients", "ccRecipients", "bccRecipients"),
    "subject": lambda m: iter([m.data["subject"] or ""]),
    "body": lambda m: iter([re.sub(r"<[^>]*>", " ", m.data["body"]["content"] or "")]),
}


def _is_aside(mailbox: Mailbox, message: Message) -> bool:
    return mailbox.folders[message.folder_id].is_hidden


def _syntax(text: str) -> GraphFault:
    return GraphFault(400, "BadRequest", f"Syntax error: character is not valid at position 0 in '{text}'.")
