"""`connector_compare`: what it finds, what it leaves alone, and that a large folder costs little."""

import time

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.mailbox_compare import comparison
from .common import MailDeskCase, patch

# Rows of the large folder, ids of a listing.
ROWS, LISTED = 50_000, 5_000

# Seconds that such a comparison may take.
ROOM = 0.25


@tagged("post_install", "-at_install")
class TestCompare(MailDeskCase):
    def test_compare(self):
        """What a listing and the index do not agree about, within the bounds; pending rows are missing rows."""
        self.fill(*(patch(f"m{n}", received_at=f"2026-11-2{n}T10:00:00Z") for n in range(5)))
        self.apply(removed=[{"folder": "F-inbox", "remote_id": "m4"}])
        ask = lambda listed, **bounds: self.connector.connector_compare(self.account.id, "F-inbox", listed, **bounds)  # noqa: E731
        self.assertEqual(ask([["m2", None, None]]), {"differing": [], "unlisted": ["m0", "m1", "m3"]})
        self.assertEqual(ask([["m2", False, False], ["m1", True, None]])["differing"], ["m1"])
        self.assertEqual(ask([["m4", False, False], ["m9", None, None]])["differing"], ["m4", "m9"])
        self.assertEqual(ask([], after="2026-11-21T10:00:00Z", until="2026-11-23T10:00:00Z")["unlisted"], ["m2", "m3"])
        for wrong in ([["m1"]], [["m1", "yes", None]], [[None, None, None]], {"m1": True}):
            with self.assertRaises(ValidationError):
                ask(wrong)

    def test_compare_set_aside_is_not_missing(self):
        """A message that cannot be read is no difference each day anew."""
        self.fill()
        self.apply(set_aside=[{"remote_id": "bad", "folder": "F-inbox", "reason": "ErrorCorruptData"}])
        answer = self.connector.connector_compare(self.account.id, "F-inbox", [["m1", None, None], ["bad", None, None]])
        self.assertEqual(answer, {"differing": [], "unlisted": []})

    def fill_large(self):
        """Fill the Inbox with a message a minute, every tenth of them read."""
        self.fill()
        folder = self.row("m1").folder_id
        self.env.cr.execute(
            """INSERT INTO mailbox_message_index (account_id, folder_id, remote_id, received_at, is_read, importance, pending_removal)
               SELECT %s, %s, 'x' || n, '2020-01-01'::timestamp + n * interval '1 minute', n %% 10 = 0, 'normal', false
                 FROM generate_series(1, %s) n""",
            [self.account.id, folder.id, ROWS],
        )
        self.env.cr.execute("ANALYZE mailbox_message_index")
        bounds = {
            "after": "2020-01-11T00:00:00Z",
            "until": f"2020-01-{11 + LISTED // 1440:02}T{LISTED % 1440 // 60:02}:{LISTED % 60:02}:00Z",
        }
        first = 10 * 1440 + 1
        return bounds, [[f"x{n}", n % 10 == 0, None] for n in range(first, first + LISTED)]

    def test_compare_large(self):
        """Five thousand ids against fifty thousand rows, one moved read state and one id on each side: found, and soon."""
        bounds, listed = self.fill_large()
        listed[7][1] = not listed[7][1]
        listed[9][0] = "stranger"
        start = time.monotonic()
        answer = self.connector.connector_compare(self.account.id, "F-inbox", listed, **bounds)
        took = time.monotonic() - start
        self.assertEqual(answer, {"differing": [listed[7][0], "stranger"], "unlisted": ["x14410"]})
        self.assertLess(took, ROOM)

    def test_compare_uses_its_indexes(self):
        """A window of a large folder is read from the list's index, the listing by the ids' index; nothing reads the whole table."""
        bounds, listed = self.fill_large()
        columns = [list(column) for column in zip(*listed[:50], strict=True)]
        query = comparison(self.env["mailbox.folder"], self.account.id, "F-inbox", columns, *bounds.values())
        plan = "\n".join(row[0] for row in self.env.execute_query(SQL("EXPLAIN %s", query))).replace("__", "_")
        self.assertIn("mailbox_message_index_list", plan, plan)
        self.assertIn("mailbox_message_index_remote", plan, plan)
        self.assertNotIn("Seq Scan on mailbox_message_index", plan)
