"""Mail that could not be delivered: the report in the Inbox, and the mail in Sent that it speaks of, know of each other.

    apply       a new message whose sender looks like a mail system, in a mailbox that sent something lately: its text is asked for
    the text    says what could not be delivered, to whom and why (`undelivered`), and which mail that was (`reports_on`, a Message-ID)
    the link    is written on the report's row: `bounce_of_id`, and what it says of recipients in `bounce_says`

A report that nobody recognised by its sender is linked when somebody opens it. No value of a mail is part of an SQL text here.
"""

import json
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused
from ..wire import copy_in, text

# Days: a report comes within two, as long as mail systems go on trying; mails that were sent from here are known for thirty.
REPORT_DAYS = 3
# Texts that one apply asks for; any other is read when somebody opens it.
ASKED_FOR = 5
# Recipients of one report that are kept, and characters of a reason.
MAX_PEOPLE = 20
MAX_REASON = 500

# Local parts that mail systems write reports from; Exchange Online has a number behind its name.
_SYSTEMS = r"^(postmaster|mailer-daemon|microsoftexchange[0-9a-f]*)@"

_STAGE = "CREATE TEMP TABLE maildesk_bounce (id int4, reports_on text, says jsonb) ON COMMIT DROP"
# The mail that a report speaks of: one that was sent from here, else one of the report's conversation; its copy in Sent before all others.
_REPORTED = """
    SELECT m.id, m.folder_id
      FROM maildesk_bounce s
      JOIN mailbox_message_index b ON b.id = s.id
      JOIN LATERAL (
            SELECT d.message_id AS id, 0 AS rank FROM mailbox_draft d
             WHERE d.account_id = b.account_id AND d.internet_message_id = s.reports_on AND d.message_id IS NOT NULL
             UNION ALL
            SELECT c.id, 1 FROM mailbox_message_index c
             WHERE c.account_id = b.account_id AND hashtextextended(c.conversation_id, 0) = hashtextextended(b.conversation_id, 0)
               AND c.conversation_id = b.conversation_id AND c.internet_message_id = s.reports_on) found ON true
      JOIN mailbox_message_index m ON m.id = found.id AND m.id <> b.id AND m.account_id = b.account_id
      JOIN mailbox_folder f ON f.id = m.folder_id
     ORDER BY found.rank, f.role = 'sent' DESC, m.id LIMIT 1"""


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    bounce_of_id = fields.Many2one(
        "mailbox.message_index", index="btree_not_null", ondelete="set null", help="The mail that this report speaks of."
    )
    bounce_says = fields.Json(help="Who did not get it, and why: address, action, status, reason.")

    @api.model
    def _after_apply(self, new_ids):
        result = super()._after_apply(new_ids)
        self._ask_for_reports(new_ids)
        return result

    @api.model
    def _ask_for_reports(self, new_ids):
        """Have the text of new messages fetched that may report on a mail from here: after the commit, and nobody waits."""
        client = ConnectorClient.of(self.env) if new_ids else None
        if client is None:
            return
        since = fields.Datetime.now() - timedelta(days=REPORT_DAYS)
        found = self.env.execute_query(
            SQL(
                """SELECT m.account_id, m.remote_id FROM mailbox_message_index m
                    WHERE m.id = ANY(%s) AND lower(m.from_email) ~ %s AND m.received_at > %s AND m.remote_id IS NOT NULL
                      AND EXISTS (SELECT FROM mailbox_draft d WHERE d.account_id = m.account_id AND d.internet_message_id IS NOT NULL)
                    ORDER BY m.id DESC LIMIT %s""",
                list(new_ids),
                _SYSTEMS,
                since,
                ASKED_FOR,
            )
        )

        def ask():
            for account_id, remote_id in found:
                try:
                    client.ask_body(account_id, remote_id)
                except (ConnectorDown, ConnectorRefused):
                    return

        if found:
            self.env.cr.postcommit.add(ask)

    def _note_report(self, reports_on, undelivered):
        """Link a report, whose text is here, to the mail that it speaks of; `self` is the report, as superuser."""
        self.ensure_one()
        reports_on = text(reports_on, "reports_on")
        if not reports_on or not undelivered or self.bounce_of_id:
            return
        says = text(json.dumps([_person(one) for one in undelivered[:MAX_PEOPLE]], ensure_ascii=False), "undelivered")
        self.env.flush_all()
        cr = self.env.cr
        cr.execute(_STAGE)
        copy_in(cr, "maildesk_bounce", ["id", "reports_on", "says"], [(self.id, reports_on, says)])
        cr.execute(_REPORTED, log_exceptions=False)
        if sent := cr.fetchone():
            cr.execute(
                """UPDATE mailbox_message_index m SET bounce_of_id = %s, bounce_says = s.says, write_date = %s
                     FROM maildesk_bounce s WHERE m.id = s.id""",
                [sent[0], fields.Datetime.now()],
                log_exceptions=False,
            )
            self.invalidate_recordset()
            self.account_id._notify(folder_ids={sent[1], self.folder_id.id}, message_ids=[sent[0], self.id])
        cr.execute("DROP TABLE maildesk_bounce")

    def _reports(self):
        """Return by message what could not be delivered of it: `{"bounce_id", "address", "action", "status", "reason"}`, oldest first."""
        found = {}
        for report in self.search([("bounce_of_id", "in", self.ids)], order="received_at, id"):
            people = [{"bounce_id": report.id, **one} for one in report.bounce_says or []]
            found.setdefault(report.bounce_of_id.id, []).extend(people)
        return found


def _person(item):
    return {name: (text(item.get(name), f"undelivered.{name}") or "")[:MAX_REASON] for name in ("address", "action", "status", "reason")}
