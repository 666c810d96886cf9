"""What a person typed into the search: words and operators, read without asking anything.

    anna pier            both, anywhere: sender, recipients, subject, preview; a word is a beginning of one ("pie" finds "pier")
    "pier 42"            these words side by side, and whole
    from: to: subject:   a word or quoted words, there only
    has:attachment  is:unread is:read is:flagged  before:2026-11-01 after:2026-10-01  in:sent in:"My folder"

Like a word, has: and is: take a beginning ("has:att"). What is not understood is said, and the rest is searched; of a day at the end that
may be on its way still, nothing is said. A colon that belongs to no operator is a sign like any other.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time

# A person types no more; what comes in more is cut off and said.
QUERY_LIMIT = 500
WORD_LIMIT = 12

_PART = re.compile(
    r'(?:(?P<operator>from|to|subject|has|is|before|after|in):)?(?:"(?P<quoted>[^"]*)(?P<end>"?)|(?P<plain>[^\s"]+))', re.IGNORECASE
)
_STATES = {"unread": ("is_read", False), "read": ("is_read", True), "flagged": ("is_flagged", True)}
_DAY_BEGUN = re.compile(r"\d{1,4}|\d{4}-\d{0,2}|\d{4}-\d{2}-\d?", re.ASCII)


@dataclass
class Word:
    """A word, or words that stand side by side; `where` is any, from, to or subject. Whole ones end where they end."""

    where: str
    text: str
    is_whole: bool = False


@dataclass
class Query:
    """A query as it was understood; `notes` are pairs of a code and what it is about."""

    words: list = field(default_factory=list)
    states: dict = field(default_factory=dict)
    has_attachments: bool = False
    before: datetime | None = None
    after: datetime | None = None
    places: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def is_empty(self):
        return not (self.words or self.states or self.has_attachments or self.before or self.after or self.places)


def read_query(text):
    """Read what was typed."""
    query = Query()
    text = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]+", " ", text if isinstance(text, str) else "")
    if len(text) > QUERY_LIMIT:
        query.notes.append(("long", ""))
    for match in _PART.finditer(text[:QUERY_LIMIT]):
        operator = (match["operator"] or "").lower()
        value = (match["plain"] if match["plain"] is not None else match["quoted"]).strip()
        if not value:
            continue
        if operator in ("", "from", "to", "subject"):
            if len(query.words) < WORD_LIMIT:
                query.words.append(Word(operator or "any", value, bool(match["end"])))
            elif ("long", "") not in query.notes:
                query.notes.append(("long", ""))
        elif not _take(query, operator, value):
            is_typed = operator in ("before", "after") and match.end() == len(text) and _DAY_BEGUN.fullmatch(value)
            if not is_typed:
                query.notes.append((operator, value))
    return query


def _take(query, operator, value):
    """Take an operator; return whether its value makes sense."""
    word = value.lower()
    if operator == "has" and "attachments".startswith(word):
        query.has_attachments = True
    elif operator == "is" and (state := next((state for state in _STATES if state.startswith(word)), None)):
        name, wanted = _STATES[state]
        query.states[name] = wanted
    elif operator == "in":
        query.places.append(value)
    elif operator in ("before", "after"):
        try:
            day = datetime.combine(date.fromisoformat(value), time())
        except ValueError:
            return False
        setattr(query, operator, day)
    else:
        return False
    return True
