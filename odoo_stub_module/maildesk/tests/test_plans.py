"""Every query of the app is read from an index, and a page takes a bounded number of them.

As an ordinary user with 50 mailboxes, under record rules, in a table that is large enough for plans to be honest.
"""

import re
from unittest.mock import patch as mock_patch

from odoo.tests import tagged
from odoo.tools import SQL

from ..models import mailbox_message_search, message_rows
from ..models.search_query import read_query
from .common import MailDeskCase

ACCOUNTS = 50
MESSAGES = 60_000

_FILL = """
    INSERT INTO mailbox_message_index (account_id, folder_id, remote_id, conversation_id, subject, from_name, from_email, to_recipients,
                                       preview, received_at, is_read, is_flagged, has_attachments,
                                       importance, is_draft, is_local, pending_removal)
    SELECT f.account_id, f.id, 'x' || n, 'c' || n / 3, 'Subject w' || n %% 900, 'Anna', 'anna' || n %% 50 || '@pier.example',
           '[{"name": "Bert", "address": "bert@pier.example"}]', 'Preview u' || n, '2020-01-01'::timestamp + n * interval '1 minute',
           n %% 10 > 0, n %% 50 = 0, n %% 5 = 0, 'normal', false, false, false
      FROM generate_series(1, %s) n
      JOIN (SELECT id, account_id, row_number() OVER (ORDER BY id) - 1 AS place FROM mailbox_folder WHERE account_id = ANY(%s)) f
        -- Half of all mail is in one folder.
        ON f.place = CASE WHEN n %% 2 = 0 THEN 0 ELSE n %% %s END"""


@tagged("post_install", "-at_install")
class TestPlans(MailDeskCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        accounts = cls.account | cls.env["mailbox.account"].browse()
        for number in range(ACCOUNTS - 1):
            accounts |= cls._account(f"box{number}@example.com")
        cls.env["mailbox.folder"].create(
            [
                {"account_id": account.id, "remote_id": f"{role}{account.id}", "name": role.title(), "role": role}
                for account in accounts
                for role in ("inbox", "sent")
            ]
        )
        cls.env.flush_all()
        cls.env.cr.execute(_FILL, [MESSAGES, accounts.ids, 2 * ACCOUNTS])
        for table in ("mailbox_message_index", "mailbox_message_mark", "mailbox_folder", "mailbox_account"):
            cls.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table)))
        cls.env.invalidate_all()
        cls.large = cls.env["mailbox.folder"].search([("account_id", "=", accounts[0].id), ("role", "=", "inbox")])
        cls.mine = cls.messages.with_user(cls.owner)

    def queries(self, work):
        """Do some work twice, the second time warm; return the second time's SELECTs on messages, and how many queries there were."""
        work()
        self.env.invalidate_all()
        told = []
        execute = type(self.env.cr).execute

        def spy(cr, query, params=None, log_exceptions=True):  # noqa: FBT002 - as Odoo's own
            told.append(cr.mogrify(query, params).decode() if not isinstance(query, SQL) else cr.mogrify(query.code, query.params).decode())
            return execute(cr, query, params, log_exceptions)

        with mock_patch.object(type(self.env.cr), "execute", spy):
            work()
        return [query for query in told if re.search(r'(FROM|JOIN) "?mailbox_message_(index|mark)', query)], len(told)

    def assert_indexed(self, work, limit):
        queries, count = self.queries(work)
        self.assertTrue(queries)
        self.assertLessEqual(count, limit)
        for query in queries:
            plan = self.plan(query)
            self.assertNotIn("Seq Scan on mailbox_message_index", plan, query)
            if "Seq Scan on mailbox_message_mark" in plan:
                # Few marks are read as fast from the table, and the sample of ANALYZE decides: with many, the index has to serve.
                self.env.cr.execute("SET LOCAL enable_seqscan = off")
                self.assertNotIn("Seq Scan on mailbox_message_mark", self.plan(query), query)
                self.env.cr.execute("SET LOCAL enable_seqscan = on")

    def plan(self, query):
        self.env.cr.execute("EXPLAIN " + query)
        return "\n".join(row[0] for row in self.env.cr.fetchall())

    def test_list(self):
        """A folder, all Inboxes, every filter, both views, both orders, the first page and one in the midst."""
        for scope in ({"folder_id": self.large.id}, {"role": "inbox"}):
            for view in ("plain", "conversations"):
                for filters in ([], ["unread"], ["flagged"], ["attachments"], ["from_me"], ["to_me"], ["unread", "attachments"]):
                    for more in ({}, {"before": ["2020-01-20T00:00:00Z", 1]}, {"order": "oldest"}):
                        how = {**scope, **more, "view": view, "filters": filters}
                        with self.subTest(**how):
                            self.assert_indexed(lambda how=how: self.mine.maildesk_list(**how), 14)

    def test_rows(self):
        """Rows by their ids."""
        ids = [row["id"] for row in self.mine.maildesk_list(self.large.id, limit=80)["rows"]]
        for how in ({}, {"view": "conversations", "folder_id": self.large.id}, {"view": "conversations", "role": "inbox"}):
            with self.subTest(**how):
                self.assert_indexed(lambda how=how: self.mine.maildesk_rows(ids, **how), 14)

    def test_conversation(self):
        """What belongs to the message that is open, asked for each time one is opened."""
        message = self.mine.search([("folder_id", "=", self.large.id), ("conversation_id", "=", "c2")], limit=1)
        self.assertGreater(len(self.mine.maildesk_conversation(message.id)["rows"]), 1)
        # With what bounced of its mails, and which records came of it.
        self.assert_indexed(lambda: self.mine.maildesk_conversation(message.id), 16)

    def test_top_bar(self):
        """The newest unread mail of all Inboxes."""
        self.assert_indexed(self.mine.maildesk_newest_unread, 14)

    def test_categories(self):
        """The categories of a mailbox: the newest messages of each folder, however many there are."""
        self.assert_indexed(lambda: self.mine.maildesk_categories(self.large.account_id.ids), 6)

    def test_search(self):
        """Words that are frequent, rare and nowhere; operators; in all mailboxes, one, a folder."""
        for query in (
            "subject",
            "u777",
            "w7",
            "nowhere",
            "u1 w2",
            "from:anna7",
            "to:bert u9",
            "is:unread",
            "is:flagged u7",
            "has:attachment w3",
        ):
            for how in ({}, {"account_id": self.large.account_id.id}, {"folder_id": self.large.id}):
                with self.subTest(query=query, **how):
                    self.assert_indexed(lambda query=query, how=how: self.mine.maildesk_search(query, **how), 20)

    def test_search_looks_rare_words_up(self):
        """What a walk does not find comes out of the search index, whatever the planner thinks of prefixes."""
        folders = self.env["mailbox.folder"].search([("account_id", "=", self.large.account_id.id)])
        search = mailbox_message_search.Search(self.env(user=self.owner), read_query("u777"), folders, is_whole_account=True)
        queries, _count = self.queries(lambda: search._look_up(search.terms, SQL("true")))
        self.env.cr.execute("EXPLAIN " + queries[-1])
        self.assertIn("mailbox_message_index_terms", "\n".join(row[0] for row in self.env.cr.fetchall()).replace("__", "_"))

    def test_apply_asks_message_by_message(self):
        """What the connector brings is looked for by its ids, however many messages the mailbox has: no batch reads a mailbox."""
        patches = message_rows.read_patches([{"remote_id": f"x{n}", "is_read": True} for n in range(500)])
        message_rows.stage(self.env.cr, patches, {})
        values = {"account": self.large.account_id.id, "removed": ["x1"], "others": ["x2"], "now": "2026-11-01", "uid": self.env.uid}
        for name in ("UNKNOWN", "LOCK", "UPDATE", "INSERT"):
            with self.subTest(name):
                plan = self.plan(self.env.cr.mogrify(getattr(message_rows, name), values).decode()).replace("__", "_")
                self.assertIn("mailbox_message_index_remote", plan)
                self.assertNotIn("Seq Scan on mailbox_message_index", plan)
                for index in ("list", "recent", "conversation", "pending"):
                    self.assertNotIn(f"mailbox_message_index_{index}", plan)
        self.env.cr.execute(message_rows.DROP)

    def test_ids_are_found_in_other_words(self):
        """A message is looked for by its id elsewhere too: by Odoo's own search, and in a list of ids."""
        self.assert_indexed(lambda: self.mine.search([("account_id", "=", self.large.account_id.id), ("remote_id", "=", "x7")]), 4)
        self.assert_indexed(lambda: self.mine.search([("account_id", "=", self.large.account_id.id), ("remote_id", "in", ["x7", "x8"])]), 4)

    def test_reading_touches_no_index(self):
        """No index knows a column that reading, flagging or filing into categories changes: else each would grow with every such change."""
        self.env.cr.execute(
            """SELECT i.indexrelid::regclass::text, a.attname
                 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
                 CROSS JOIN LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS definition) d
                WHERE i.indrelid = 'mailbox_message_index'::regclass
                  AND a.attname IN ('is_read', 'is_flagged', 'categories', 'importance', 'write_date', 'write_uid')
                  AND d.definition ~ ('\\m' || a.attname || '\\M')"""
        )
        self.assertEqual(self.env.cr.fetchall(), [])
