"""Search in the index as one types: words are beginnings of words, all have to match, newest first.

No single way through a million messages is fast for every word, so there are two:

    walk    the newest messages, through the index by time, each compared with the words: for what is frequent ("a", the own name)
    terms   the search index (mailbox_search_terms.py), then the time of what it found: for what is rare

Each search walks a stretch first. If the stretch fills the page, that is all. If not, it has counted how often each word occurs: where a
longer stretch would fill the page, it is walked, and else the rare words are looked up, and the frequent ones compared: first among the
messages since a time that should be enough, then among all. Both ways compare by the same expression, so that they find the same messages,
and a page goes on where the other way left off.

Access: folders are searched under the rules of the user, and rows are read under them; the SQL between tells ids of messages in those
folders only. Words are parameters, never part of an SQL text.
"""

import re

import pytz
from odoo import api, models
from odoo.tools import SQL

from ..wire import to_datetime
from .mailbox_message_list import MAX_LIMIT
from .mailbox_search_terms import ADDRESS_LIMIT, BETWEEN, RUN, TERM_LIMIT, terms_of
from .search_query import read_query

# Messages that are walked, one stretch after the other, until the page is full: some 12 us each.
STRETCHES = (250, 1250)

# Messages that are walked where that will fill the page, and where no word leads to an index.
LONG_STRETCH = 6000
BLIND_STRETCH = 50_000

# A word that more than this share of a stretch has is compared, not looked up: its postings would be read for nothing.
FREQUENT = 0.2

_SIGNS = {"any": ("", "<", ">"), "from": ("<",), "to": (">",), "subject": ("",)}
_ROLES = {"spam": "junk", "deleted": "trash", "bin": "trash"}

_PIECES = re.compile(f"(?P<run>[{RUN}]+)|(?P<word>[^{BETWEEN}{RUN}]+)")

# What a word is compared with; most messages have no Cc and no Bcc.
_PEOPLE = ", ".join(
    f"CASE WHEN m.{name} <> '[]' THEN jsonb_path_query_array(m.{name}, '$[*].*')::text END"
    for name in ("to_recipients", "cc_recipients", "bcc_recipients")
)
_TEXTS = {
    "any": f"concat_ws(' ', m.subject, m.from_name, m.from_email, m.preview, {_PEOPLE})",
    "from": "concat_ws(' ', m.from_name, m.from_email)",
    "to": f"concat_ws(' ', {_PEOPLE})",
    "subject": "COALESCE(m.subject, '')",
}


class Term:
    """A word of a query: how a text is compared with it, and what it is in the search index."""

    def __init__(self, word, folded):
        self.where = word.where
        self.is_whole = word.is_whole
        self.pieces = [(match.lastgroup, match[0]) for match in _PIECES.finditer(folded)]
        self.address = folded if "@" in folded and word.where in ("from", "to") and not re.search(r"\s", folded) else None

    @property
    def pattern(self):
        """Return a regular expression. Pieces hold letters and digits only: all else is between them."""
        parts, last = [], None
        for kind, text in self.pieces:
            if last is None:
                parts.append(f"(?:^|[{BETWEEN}{RUN}])" if kind == "word" else "")
            else:
                parts.append(f"[{BETWEEN}]+" if kind == last == "word" else f"[{BETWEEN}]*")
            parts.append(text)
            last = kind
        return "".join(parts) + (f"(?:$|[{BETWEEN}{RUN}])" if self.is_whole and last == "word" else "")

    def condition(self):
        """Return the comparison with the texts of a message (`_texts`)."""
        return SQL("texts.%s ~ %s", SQL.identifier(self.where), self.pattern)

    @property
    def is_exact(self):
        """Whether the search index finds just what the comparison does."""
        return self.where != "subject" and len(self.pieces) == 1 and self.pieces[0][0] == "word" and len(self.pieces[0][1]) <= TERM_LIMIT

    def looked_up(self, account):
        """Return what the search index is asked, as text of a tsquery; it lets through all that the comparison does, and a little more."""
        if self.address:
            return f"'{account}/{_SIGNS[self.where][0]}{quoted(self.address[:ADDRESS_LIMIT])}':*"
        return "(" + " | ".join(self._signed(account, sign) for sign in _SIGNS[self.where]) + ")"

    def _signed(self, account, sign):
        terms = []
        for place, (kind, text) in enumerate(self.pieces):
            if kind == "run" and len(text) > 1:
                terms += [f"'{account}/{sign}{text[at : at + 2]}'" for at in range(len(text) - 1)]
            elif kind == "run" or (place == len(self.pieces) - 1 and not self.is_whole):
                terms.append(f"'{account}/{sign}{text[:TERM_LIMIT]}':*")
            else:
                terms.append(f"'{account}/{sign}{text[:TERM_LIMIT]}'")
        return "(" + " & ".join(terms) + ")"


def quoted(text):
    """Return text as it stands within quotes of a tsquery."""
    return text.replace("\\", "\\\\").replace("'", "''")


class Search:
    """One page of a search."""

    def __init__(self, env, query, folders, *, is_whole_account, before=None, limit=50):
        self.env = env
        self.query = query
        self.folders = folders
        self.accounts = folders.account_id
        self.limit = limit
        self.cursor = (to_datetime(before[0]), int(before[1])) if before else None
        # What is walked: all mail of mailboxes by their time, or that of folders.
        self.mark = next((mark for name, mark in (("is_flagged", "f"), ("is_read", "u")) if query.states.get(name) is (mark == "f")), None)
        by_folder = self.mark or query.has_attachments or not is_whole_account
        self.key = SQL("folder_id" if by_folder else "account_id")
        self.places = folders.ids if by_folder else self.accounts.ids
        self.is_cut = False
        self.terms = self._terms()

    def _terms(self):
        texts = [word.text for word in self.query.words]
        folded = [row[0] for row in self.env.execute_query(SQL("SELECT maildesk_fold(word) FROM unnest(%s) word", texts))] if texts else []
        terms = [Term(word, text) for word, text in zip(self.query.words, folded, strict=True)]
        return [term for term in terms if term.pieces]

    def ids(self):
        """Return the ids of the page, and one more if there is more."""
        if not self.places or self.query.is_empty or (self.query.words and not self.terms):
            return []
        for stretch in STRETCHES if self.terms else (*STRETCHES, BLIND_STRETCH):
            found, hits, walked, is_all = self._walk(stretch)
            if is_all or len(found) > self.limit:
                return found
        if not self.terms:
            self.is_cut = True
            return found
        # As many as fill the page if the words go on to occur as often, and some more.
        needed = (self.limit + 1) * walked * 1.4 / max(len(found), 1)
        if needed <= LONG_STRETCH:
            longer, hits, walked, is_all = self._walk(int(needed))
            if is_all or len(longer) > self.limit:
                return longer
        rare = self._rare(hits, walked)
        if found and (since := self._time_at(int(needed * 3))):
            newest = self._look_up(rare, SQL("m.received_at >= %s", since))
            if len(newest) > self.limit:
                return newest
        return self._look_up(rare, SQL("true"))

    def _time_at(self, number):
        """Return the time of the message after so many, where there are that many: what lies before it need not be read for a page."""
        ((since,),) = self.env.execute_query(
            SQL(
                "SELECT max(m.received_at) FROM unnest(%s) AS f (id) CROSS JOIN LATERAL (%s OFFSET %s LIMIT 1) m",
                self.places,
                self._source(SQL("m.received_at")),
                number // len(self.places),
            )
        )
        return since

    def _rare(self, hits, walked):
        """Return the words that the search index is asked for: the rarest, and others that are not frequent."""
        by_hits = sorted(zip(hits, range(len(self.terms)), strict=True))
        return [self.terms[place] for rank, (count, place) in enumerate(by_hits) if rank == 0 or count < FREQUENT * walked]

    def _walk(self, stretch):
        """Compare a stretch of messages; return what is found for sure, how often each word occurs, how many were compared, if all."""
        size = max(stretch // len(self.places), self.limit + 1)
        (row,) = self.env.execute_query(
            SQL(
                """WITH walked AS MATERIALIZED (
                        SELECT f.id AS place, m.id, m.received_at, %(conditions)s AS fits, ARRAY[%(hits)s]::bool[] AS hits
                          FROM unnest(%(places)s) AS f (id) CROSS JOIN LATERAL (%(source)s LIMIT %(size)s) m CROSS JOIN %(texts)s),
                        -- Where stretches end that go on: what lies beyond the nearest of these ends is not the next one for sure.
                        ends AS (SELECT max(last) AS last FROM (
                                 SELECT min(received_at) AS last FROM walked GROUP BY place HAVING count(*) = %(size)s) each)
                   SELECT ARRAY(SELECT id FROM walked, ends
                                 WHERE fits AND true = ALL(hits) AND (ends.last IS NULL OR received_at > ends.last)
                                 ORDER BY received_at DESC, id DESC LIMIT %(limit)s),
                          %(counts)s,
                          (SELECT count(*) FROM walked),
                          (SELECT last IS NULL FROM ends)""",
                conditions=self._conditions(),
                hits=SQL(", ").join(term.condition() for term in self.terms),
                places=self.places,
                source=self._source(),
                texts=self._texts(self.terms),
                size=size,
                limit=self.limit + 1,
                counts=SQL(
                    "ARRAY[%s]::int4[]",
                    SQL(", ").join(SQL("(SELECT count(*) FROM walked WHERE hits[%s])", place + 1) for place in range(len(self.terms))),
                ),
            )
        )
        return row

    def _source(self, columns=SQL("m.*")):  # noqa: B008 - SQL does not change
        """Return the messages of a place `f`, newest first: by their marks, their attachments or their time, each of which is an index."""
        if self.mark:
            return SQL(
                """SELECT %s FROM mailbox_message_mark k
                     CROSS JOIN LATERAL (SELECT * FROM mailbox_message_index WHERE id = k.message_id OFFSET 0) m
                    WHERE k.kind = %s AND k.folder_id = f.id AND %s ORDER BY k.received_at DESC, k.message_id DESC""",
                columns,
                self.mark,
                self._beyond(SQL("k.received_at"), SQL("k.message_id")),
            )
        return SQL(
            """SELECT %s FROM mailbox_message_index m WHERE m.%s = f.id AND NOT m.pending_removal AND %s AND %s
                ORDER BY m.received_at DESC, m.id DESC""",
            columns,
            self.key,
            SQL("m.has_attachments") if self.query.has_attachments else SQL("true"),
            self._beyond(SQL("m.received_at"), SQL("m.id")),
        )

    def _texts(self, terms):
        """Return the texts of a message `m` that `terms` are compared with, each of them folded once."""
        names = sorted({term.where for term in terms}) or ["subject"]
        return SQL(
            "LATERAL (SELECT %s FROM (SELECT %s OFFSET 0) said OFFSET 0) texts",
            SQL(", ").join(SQL("maildesk_fold(said.%(name)s) AS %(name)s", name=SQL.identifier(name)) for name in names),
            SQL(", ").join(SQL("%s AS %s", SQL(_TEXTS[name]), SQL.identifier(name)) for name in names),
        )

    def _look_up(self, terms, since):
        asked = " | ".join("(" + " & ".join(term.looked_up(account) for term in terms) + ")" for account in self.accounts.ids)
        compared = [term for term in self.terms if term not in terms or not term.is_exact]
        # Room for what frequent words find: else PostgreSQL keeps pages instead of rows, and makes the terms of each row in them anew.
        self.env.cr.execute("SET LOCAL work_mem = '64MB'")
        rows = self.env.execute_query(
            SQL(
                """WITH found AS MATERIALIZED (
                        SELECT m.id, m.received_at FROM mailbox_message_index m CROSS JOIN %(texts)s
                         WHERE %(terms)s @@ %(asked)s::tsquery AND NOT m.pending_removal AND m.folder_id = ANY(%(folders)s)
                           AND %(since)s AND %(beyond)s AND %(conditions)s AND %(hits)s)
                   SELECT id FROM found ORDER BY received_at DESC, id DESC LIMIT %(limit)s""",
                texts=self._texts(compared) if compared else SQL("(VALUES (1)) texts"),
                terms=terms_of("m"),
                asked=asked,
                since=since,
                folders=self.folders.ids,
                beyond=self._beyond(SQL("m.received_at"), SQL("m.id")),
                conditions=self._conditions(),
                hits=SQL(" AND ").join(term.condition() for term in compared) if compared else SQL("true"),
                limit=self.limit + 1,
            )
        )
        return [row[0] for row in rows]

    def _beyond(self, received, message):
        parts = []
        if self.cursor is not None:
            parts.append(SQL("(%s, %s) < (%s, %s)", received, message, *self.cursor))
        if self.query.before is not None:
            parts.append(SQL("%s < %s", received, self._begin(self.query.before)))
        if self.query.after is not None:
            parts.append(SQL("%s >= %s", received, self._begin(self.query.after)))
        return SQL(" AND ").join(parts) if parts else SQL("true")

    def _begin(self, day):
        """Return when a day begins where the person is, in UTC."""
        try:
            return self.env.tz.localize(day).astimezone(pytz.utc).replace(tzinfo=None)
        except OverflowError:
            # The first day there is, or the last.
            return day

    def _conditions(self):
        parts = [SQL("COALESCE(m.%s, false) = %s", SQL(name), wanted) for name, wanted in sorted(self.query.states.items())]
        if self.query.has_attachments:
            parts.append(SQL("m.has_attachments"))
        return SQL("(%s)", SQL(" AND ").join(parts)) if parts else SQL("true")


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    @api.model
    def maildesk_search(self, query, account_id=None, folder_id=None, limit=50, before=None):
        """Return a page of what the index has, newest first; `before` is `[received_at, id]` of the last row that the app has."""
        asked = read_query(query)
        limit = max(1, min(int(limit), MAX_LIMIT))
        folders, is_whole_account = self._searched_folders(asked, account_id, folder_id)
        self.env.flush_all()
        search = Search(self.env, asked, folders, is_whole_account=is_whole_account, before=before, limit=limit)
        ids = search.ids()
        messages = self.browse(ids[:limit])
        names = {folder.id: folder.name for folder in messages.folder_id}
        rows = [{**row, "folder_name": names[row["folder_id"]]} for row in messages._to_rows()]
        return {"rows": rows, "more": len(ids) > limit, "notes": self._search_notes(asked, search)}

    def _searched_folders(self, asked, account_id, folder_id):
        """Return the folders that are searched, of those that the user may read, and whether they are all of their mailboxes."""
        domain = []
        if account_id:
            domain.append(("account_id", "=", account_id))
        if folder_id:
            domain.append(("id", "=", folder_id))
        folders = self.env["mailbox.folder"].with_context(active_test=False).search(domain)
        for place in asked.places:
            name = place.casefold()
            found = folders.filtered(lambda f, name=name: f.role == _ROLES.get(name, name) or f.name.casefold() == name)
            if not found:
                asked.notes.append(("in", place))
            folders = found
        return folders, not (folder_id or asked.places)

    def _search_notes(self, asked, search):
        said = {
            "has": self.env._("has:%s was not understood: only has:attachment is."),
            "is": self.env._("is:%s was not understood: is:unread, is:read and is:flagged are."),
            "before": self.env._("before:%s was not understood: a day is written as 2026-11-22."),
            "after": self.env._("after:%s was not understood: a day is written as 2026-11-22."),
            "in": self.env._("There is no folder named %s here."),
        }
        notes = [
            said[code] % value if code in said else self.env._("The query is long; only its beginning was searched.")
            for code, value in asked.notes
        ]
        if search.is_cut:
            notes.append(self.env._("Only the newest messages were looked through; add a word to find older ones."))
        return notes

    def _has_term(self, account_ids, terms):
        """Return the condition that the search index has one of `terms` for a message `m` of one of these mailboxes."""
        asked = " | ".join(f"'{account}/{quoted(term)}'" for account in account_ids for term in terms)
        return SQL("%s @@ %s::tsquery", terms_of("m"), asked)
