"""`connector_compare`: what it finds, what it leaves alone, and that a large folder costs little."""

import time
from unittest.mock import patch as mock_patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.mailbox_compare import comparison
from .common import MailDeskCase, patch

# Rows of the large folder, ids of a listing.
ROWS, LISTED = 50_000, 5_000

# Seconds that such a comparison may take.
ROOM = 0.25


def entry(remote_id, is_read=None, is_flagged=None, importance=None, categories=None):
    """Return a listed message; None is not compared."""
    return [remote_id, is_read, is_flagged, importance, categories]


@tagged("post_install", "-at_install")
class TestCompare(MailDeskCase):
    def test_compare(self):
        """What a listing and the index do not agree about, within the bounds; pending rows are missing rows."""
        self.fill(*(patch(f"m{n}", received_at=f"2026-11-2{n}T10:00:00Z") for n in range(5)))
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m4"}])
        ask = lambda listed, **bounds: self.connector.connector_compare(self.account.id, "F-inbox", listed, **bounds)  # noqa: E731
        self.assertEqual(ask([entry("m2")]), {"differing": [], "unlisted": ["m0", "m1", "m3"]})
        self.assertEqual(ask([entry("m2", is_read=False, is_flagged=False), entry("m1", is_read=True)])["differing"], ["m1"])
        self.assertEqual(ask([entry("m4", is_read=False, is_flagged=False), entry("m9")])["differing"], ["m4", "m9"])
        self.assertEqual(ask([], after="2026-11-21T10:00:00Z", until="2026-11-23T10:00:00Z")["unlisted"], ["m2", "m3"])
        strange = [{"is_read": "yes"}, {"importance": "urgent"}, {"categories": "Red"}, {"categories": [1]}, {"categories": ["\0"]}]
        for wrong in ([["m1"]], [["m1", None, None]], [entry(None)], {"m1": True}, *([entry("m1", **one)] for one in strange)):
            with self.assertRaises(ValidationError):
                ask(wrong)

    def differing(self, *listed):
        """Return what a listing of the Inbox has otherwise than the index."""
        return self.connector.connector_compare(self.account.id, "F-inbox", list(listed))["differing"]

    def test_compare_importance_and_categories(self):
        """Categories are a set: neither their order counts nor a name twice; a row that nobody told of any has none."""
        bare = patch("bare")
        del bare["categories"]
        self.fill(patch("low", importance="low", categories=["Red", 'Blue, "x"', "Grün"]), bare, patch("none", categories=[]))
        alike = [["Grün", "Red", 'Blue, "x"'], ["Red", "Red", "Grün", 'Blue, "x"']]
        self.assertEqual(self.differing(*(entry("low", importance="low", categories=names) for names in alike)), [])
        for names in ([], ["Red", "Grün"], ["red", "Grün", 'Blue, "x"'], ["Red", "Blue", ' "x"', "Grün"], ["Red", 'Blue, "x"', "Grün", ""]):
            self.assertEqual(self.differing(entry("low", categories=names)), ["low"], names)
        self.assertEqual(self.differing(entry("low", importance="normal"), entry("bare", importance="high")), ["low", "bare"])
        self.assertEqual(self.differing(*(entry(name, importance="normal", categories=[]) for name in ("bare", "none"))), [])
        self.assertEqual(self.differing(*(entry(name, categories=["Red"]) for name in ("bare", "none"))), ["bare", "none"])

    def test_compare_speaks_of_what_graph_said(self):
        """An action that nobody carried yet shows something else; covered with nothing said of it is no category, not any."""
        bare = patch("bare")
        del bare["categories"]
        self.fill(patch("m1"), bare)
        do = self.env["mailbox.action"].with_user(self.owner).maildesk_do
        for kind, value in (("importance", "high"), ("categories", ["Blue"])):
            do(kind, [self.row("m1").id, self.row("bare").id], {kind: value})
        self.assertEqual((self.row("bare").importance, self.row("bare").categories), ("high", ["Blue"]))
        said = [entry("m1", importance="normal", categories=["Red"]), entry("bare", importance="normal", categories=[])]
        self.assertEqual(self.differing(*said), [])
        shown = [entry(name, **state) for name in ("m1", "bare") for state in ({"importance": "high"}, {"categories": ["Blue"]})]
        self.assertEqual(self.differing(*shown), ["m1", "m1", "bare", "bare"])

    def test_compare_finds_nothing_in_what_was_just_applied(self):
        """Whatever a list of categories is like, what apply keeps of it is what compare takes for the same."""
        awkward = [
            [],
            [""],
            ["a" * 100_000],
            ["Red", "red", "RED"],
            ["é", "e\u0301"],
            ["\\", '"', "\\u0000"],
            ["\U0001f4a9", "\uffff"],
            ["{}", "[]", "null"],
        ]
        states = [{"importance": one, "categories": names} for one in ("low", "normal", "high") for names in awkward]
        self.fill(*(patch(f"m{n}", **state) for n, state in enumerate(states)))
        self.assertEqual(self.differing(*(entry(f"m{n}", **state) for n, state in enumerate(states))), [])

    def test_compare_writes_no_category_into_its_statement(self):
        """Odoo and PostgreSQL log statements: when they fail, when they are slow."""
        self.fill(patch("m1", categories=["Secret"]))
        told = []
        execute = type(self.env.cr).execute

        def spy(cr, query, params=None, **options):
            told.append(cr.mogrify(query.code, query.params) if isinstance(query, SQL) else cr.mogrify(query, params))
            return execute(cr, query, params, **options)

        with mock_patch.object(type(self.env.cr), "execute", spy):
            self.assertEqual(self.differing(entry("m1", categories=["Secret"])), [])
        self.assertTrue(any(b"jsonb_array_elements_text" in statement for statement in told))
        self.assertFalse(any(b"Secret" in statement for statement in told))

    def test_compare_set_aside_is_not_missing(self):
        """A message that cannot be read is no difference each day anew."""
        self.fill()
        self.apply(set_aside=[{"remote_id": "bad", "folder": "F-inbox", "reason": "ErrorCorruptData"}])
        answer = self.connector.connector_compare(self.account.id, "F-inbox", [entry("m1"), entry("bad")])
        self.assertEqual(answer, {"differing": [], "unlisted": []})

    def fill_large(self):
        """Fill the Inbox with a message a minute, every tenth of them read, every fourth in categories; return bounds and a listing."""
        self.fill()
        folder = self.row("m1").folder_id
        self.env.cr.execute(
            """INSERT INTO mailbox_message_index
                      (account_id, folder_id, remote_id, received_at, is_read, importance, categories, pending_removal)
               SELECT %s, %s, 'x' || n, '2020-01-01'::timestamp + n * interval '1 minute', n %% 10 = 0, 'normal',
                      CASE n %% 4 WHEN 0 THEN '["Red", "Blue"]'::jsonb WHEN 1 THEN '[]'::jsonb END, false
                 FROM generate_series(1, %s) n""",
            [self.account.id, folder.id, ROWS],
        )
        self.env.cr.execute("ANALYZE mailbox_message_index")
        bounds = {
            "after": "2020-01-11T00:00:00Z",
            "until": f"2020-01-{11 + LISTED // 1440:02}T{LISTED % 1440 // 60:02}:{LISTED % 60:02}:00Z",
        }
        first = 10 * 1440 + 1
        labels = {0: ["Blue", "Red"]}
        return bounds, [[f"x{n}", n % 10 == 0, None, "normal", labels.get(n % 4, [])] for n in range(first, first + LISTED)]

    def test_compare_large(self):
        """Five thousand ids against fifty thousand rows, a moved read state, other categories, and one id on each side: found, and soon."""
        bounds, listed = self.fill_large()
        listed[7][1] = not listed[7][1]
        listed[8][4] = ["Green"]
        listed[9][0] = "stranger"
        start = time.monotonic()
        answer = self.connector.connector_compare(self.account.id, "F-inbox", listed, **bounds)
        took = time.monotonic() - start
        self.assertEqual(answer, {"differing": [listed[7][0], listed[8][0], "stranger"], "unlisted": ["x14410"]})
        self.assertLess(took, ROOM)

    def test_compare_uses_its_indexes(self):
        """A window of a large folder is read from the list's index, the listing by the ids' index; nothing reads the whole table."""
        bounds, listed = self.fill_large()
        columns = [list(column) for column in zip(*([*row[:4], "" if not row[4] else "0" * 64] for row in listed[:50]), strict=True)]
        query = comparison(self.env["mailbox.folder"], self.account.id, "F-inbox", columns, *bounds.values())
        plan = "\n".join(row[0] for row in self.env.execute_query(SQL("EXPLAIN %s", query))).replace("__", "_")
        self.assertIn("mailbox_message_index_list", plan, plan)
        self.assertIn("mailbox_message_index_remote", plan, plan)
        self.assertNotIn("Seq Scan on mailbox_message_index", plan)
