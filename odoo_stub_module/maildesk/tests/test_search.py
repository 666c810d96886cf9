"""Search in the index: words, operators, languages, rights, pages; and that both ways through it find the same."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..models import mailbox_message_search
from ..models.search_query import read_query
from .common import INBOX, MailDeskCase, patch

# ruff: noqa: RUF001 - letters of other widths are what is tested

CC = {"total": 1, "list": [{"name": "Zoë Brontë", "address": "zoe@moor.example"}]}

MAILS = [
    patch(
        "pier",
        subject="Pier 42: Größe der Brücke",
        preview="Die Rechnung_2026/11 liegt bei.",
        from_name="Åsa Öberg",
        from_email="asa@pier.example",
    ),
    patch(
        "kyoto",
        subject="会議室の予約",
        preview="東京オフィスでodooのテストをします。",
        from_name="田中太郎",
        from_email="tanaka@kyoto.example",
    ),
    patch("zh", subject="项目进度报告", preview="请查收附件。", from_name="王伟", from_email="wang@beijing.example"),
    patch("thai", subject="ขอใบเสนอราคา", preview="สวัสดี", from_name="Somchai"),
    patch("ru", subject="Счёт за Ноябрь", preview="Спасибо", from_name="Иван"),
    patch("wide", subject="ＦＵＬＬ ｗｉｄｔｈ", preview="ﬁne ligature", cc_recipients=CC, has_attachments=True, is_read=True),
    patch("quote", subject="O'Brien's \\ % _ \"quoted\" (a|b)*", preview="x" * 200, is_flagged=True, received_at="2026-10-01T10:00:00Z"),
    patch("sent", folder="F-sent", subject="Pier in Sent", received_at="2026-09-01T10:00:00Z", to_recipients=CC),
]


@tagged("post_install", "-at_install")
class TestSearch(MailDeskCase):
    def setUp(self):
        super().setUp()
        self.fill(*MAILS)
        self.mine = self.messages.with_user(self.owner)

    def found(self, query, **how):
        rows = self.mine.maildesk_search(query, **how)["rows"]
        return set(self.messages.browse([row["id"] for row in rows]).mapped("remote_id"))

    def test_words(self):
        """Words are beginnings of words, in any field, whatever their accents, case, width, script."""
        for query, wanted in (
            ("pie", {"pier", "sent"}),
            ("PIER größ", {"pier"}),
            ("grosse", set()),
            ("grosse brucke", set()),
            ("brucke", {"pier"}),
            ("rücke", set()),
            ("rechnung", {"pier"}),
            ("rechnung_2026/11", {"pier"}),
            ("2026", {"pier"}),
            ("oberg", {"pier"}),
            ("asa@pier.exa", {"pier"}),
            ("会議", {"kyoto"}),
            ("議室", {"kyoto"}),
            ("室の予", {"kyoto"}),
            ("会", {"kyoto"}),
            ("会室", set()),
            ("odoo", {"kyoto"}),
            ("でodooの", {"kyoto"}),
            ("田中", {"kyoto"}),
            ("进度", {"zh"}),
            ("ใบเสนอ", {"thai"}),
            ("счет", {"ru"}),
            ("НОЯ", {"ru"}),
            ("full width", {"wide"}),
            ("fine", {"wide"}),
            ("zoe bronte", {"wide", "sent"}),
            ("o'brien", {"quote"}),
            ("anna pier", {"sent"}),
            ("x" * 30, {"quote"}),
            ("x" * 201, set()),
        ):
            with self.subTest(query=query):
                self.assertEqual(self.found(query), wanted)

    def test_operators(self):
        """Operators narrow it down; quoted words are whole, and side by side."""
        for query, wanted in (
            ("from:öberg", {"pier"}),
            ("from:asa@pier.example", {"pier"}),
            ("from:pier", {"pier"}),
            ("to:zoe", {"wide", "sent"}),
            ("to:anna", set()),
            ("subject:pier", {"pier", "sent"}),
            ('subject:"pier 42"', {"pier"}),
            ('subject:"pier 4"', set()),
            ('"pie"', set()),
            ('"42 pier"', set()),
            ("has:attachment", {"wide"}),
            ("is:read", {"wide"}),
            ("is:flagged", {"quote"}),
            ("is:unread subject:pier", {"pier", "sent"}),
            ("before:2026-10-01", {"sent"}),
            ("pier after:2026-09-01 before:2026-09-02", {"sent"}),
            ("in:sent", {"sent"}),
            ('in:"sent items" pier', {"sent"}),
            ("in:inbox pier", {"pier"}),
            ("FROM:Öberg IS:unread", {"pier"}),
            ('subject:"pier', {"pier", "sent"}),
        ):
            with self.subTest(query=query):
                self.assertEqual(self.found(query), wanted)

    def test_days_are_the_persons_own(self):
        """A day begins and ends where the person is, as the dates over the list do; not where Greenwich is."""
        pier = self.messages.search([("remote_id", "=", "pier")])
        for zone, hours in (("Asia/Tokyo", -9), ("America/Los_Angeles", 8), ("UTC", 0), ("Nowhere/Atlantis", 0)):
            mine = self.mine.with_context(tz=zone)
            midnight = fields.Datetime.to_datetime("2026-11-20") + timedelta(hours=hours)
            for day, seconds, is_that_day in ((0, -1, False), (0, 0, True), (1, -1, True), (1, 0, False)):
                with self.subTest(zone=zone, day=day, seconds=seconds):
                    pier.received_at = midnight + timedelta(days=day, seconds=seconds)
                    found = mine.maildesk_search("pier after:2026-11-20 before:2026-11-21")["rows"]
                    self.assertEqual(bool(found), is_that_day)

    def test_both_ways_find_the_same(self):
        """What the search index finds is what a walk finds."""
        queries = [
            *(
                "pie",
                "größ",
                "brucke",
                "rechnung_2026/11",
                "asa@pier.exa",
                "会議",
                "会",
                "室の予",
                "でodooの",
                "会室",
                "счет",
                "fine",
                "o'brien",
            ),
            *(
                "from:asa@pier.example",
                "from:pier",
                "to:zoe",
                'subject:"pier 42"',
                '"pie"',
                "pier in:sent",
                "anna pier",
                "x" * 30,
                "x" * 201,
            ),
        ]
        walked = {query: self.found(query) for query in queries}
        self.patch(mailbox_message_search.Search, "_walk", lambda search, _stretch: ([], [0] * len(search.terms), 1, False))
        for query in queries:
            with self.subTest(query=query):
                self.assertEqual(self.found(query), walked[query])

    def test_index_without_a_search_path(self):
        """Autovacuum and pg_restore compute the index where no schema is searched."""
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL search_path TO ''")
        self.env.cr.execute("ANALYZE public.mailbox_message_index")
        self.env.cr.execute("REINDEX TABLE public.mailbox_message_index")
        self.env.cr.execute("RESET search_path")

    def test_hostile_queries(self):
        """Signs of SQL, of regular expressions, of tsqueries and of nothing at all are signs, or no words."""
        for query in (
            "'); DROP TABLE x; --",
            "a' | 'b",
            "%",
            "_",
            "\\",
            "((((",
            "a|b",
            "*",
            ":*",
            "'",
            '"',
            '""',
            "\0",
            "\ud800",
            " ",
            "from:",
            "!!",
            "x" * 9000,
            None,
            "17/<anna",
        ):
            with self.subTest(query=query):
                self.assertIsInstance(self.mine.maildesk_search(query)["rows"], list)
        self.assertEqual(self.found("%"), set())
        self.assertEqual(self.found("(a|b"), {"quote"})

    def test_notes(self):
        """What was not understood is said, and the rest is searched."""
        answer = self.mine.maildesk_search("pier is:blue before:yesterday in:nowhere")
        self.assertEqual([note.split(" ")[0] for note in answer["notes"][:2]], ["is:blue", "before:yesterday"])
        self.assertEqual((answer["rows"], len(answer["notes"])), ([], 3))
        self.assertEqual(self.mine.maildesk_search("https://pier.example")["notes"], [])

    def test_notes_while_typing(self):
        """What is still being typed is not complained of, letter by letter; what is finished and wrong is."""
        for whole in ("has:attachment", "is:unread", "is:flagged", "before:2026-11-22"):
            start = whole.index(":") + 1
            for end in range(start, len(whole) + 1):
                self.assertEqual(self.mine.maildesk_search(whole[:end])["notes"], [], whole[:end])
        self.assertEqual(len(self.mine.maildesk_search("before:2026-1 pier")["notes"]), 1)
        self.assertEqual(len(self.mine.maildesk_search("before:2026-13-01")["notes"]), 1)
        self.assertEqual(self.found("has:att"), self.found("has:attachment"))
        self.assertEqual(self.found("is:fl"), self.found("is:flagged"))

    def test_pages(self):
        """Pages follow each other; a row says which folder it is in."""
        first = self.mine.maildesk_search("pier", limit=1)
        self.assertTrue(first["more"])
        row = first["rows"][0]
        self.assertEqual(row["folder_name"], "Inbox")
        second = self.mine.maildesk_search("pier", limit=1, before=[row["received_at"], row["id"]])
        self.assertEqual(([r["folder_name"] for r in second["rows"]], second["more"]), (["Sent Items"], False))

    def test_of_another(self):
        """Nobody finds mail of a mailbox that they do not read, by whatever they name; a shared one is searched."""
        for user in (self.stranger, self.admin):
            for how in ({}, {"account_id": self.account.id}, {"folder_id": self.row("pier").folder_id.id}):
                self.assertEqual(self.messages.with_user(user).maildesk_search("pier", **how)["rows"], [])
        other = self._account("other@example.com", self.stranger)
        self.apply(other, tree=[{**INBOX, "remote_id": "F2"}], messages=[patch("theirs", folder="F2", subject="Pier")])
        self.assertEqual(self.found("pier"), {"pier", "sent"})
        self.account.with_user(self.owner).shared_user_ids = self.stranger
        rows = self.messages.with_user(self.stranger).maildesk_search("pier")["rows"]
        self.assertEqual({row["account_id"] for row in rows}, {self.account.id, other.id})
        rows = self.messages.with_user(self.stranger).maildesk_search("pier", account_id=other.id)["rows"]
        self.assertEqual({row["account_id"] for row in rows}, {other.id})

    def test_hidden_messages(self):
        """A message that is being removed is not found."""
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "pier"}])
        self.assertEqual(self.found("brucke"), set())

    def test_reading_a_query(self):
        """A query is read without asking anything."""
        query = read_query('a from:"b c" is:unread x:y before:2026-13-01 http://z')
        self.assertEqual(
            [(word.where, word.text, word.is_whole) for word in query.words],
            [("any", "a", False), ("from", "b c", True), ("any", "x:y", False), ("any", "http://z", False)],
        )
        self.assertEqual((query.states, query.notes), ({"is_read": False}, [("before", "2026-13-01")]))
