"""The fencing token of a mailbox: each take-up makes a new one, and what was sent with an older one is refused.

A call of the connector may be carried out long after it was given up, or its sender died: a busy server had it in its queue. What it says
was read before the take-up, and would get over what was read since. A table of its own, so that people who write an account meet nobody.
"""

import uuid

from odoo import api, fields, models

from ..wire import text


class MailboxFence(models.Model):
    _name = "mailbox.fence"
    _description = "Fencing Token of a Mailbox"

    account_id = fields.Many2one("mailbox.account", required=True, ondelete="cascade")
    token = fields.Char(required=True)

    _one = models.UniqueIndex("(account_id)")

    @api.model
    def _renew(self, account_id):
        """Return a new token; a random one, since a restored backup would count again."""
        token = str(uuid.uuid4())
        self.env.cr.execute(
            """INSERT INTO mailbox_fence (account_id, token) VALUES (%s, %s)
               ON CONFLICT (account_id) DO UPDATE SET token = excluded.token""",
            [account_id, token],
            log_exceptions=False,
        )
        self.invalidate_model()
        return token

    @api.model
    def _is_in_time(self, account_id, token):
        """Tell whether a call with this token may write; None is not compared."""
        if text(token, "fence") is None:
            return True
        # Written, not only read: whoever has a transaction from before this one, or before a take-up, fails and looks anew (`in_turn`).
        cr = self.env.cr
        cr.execute("UPDATE mailbox_fence SET token = token WHERE account_id = %s AND token = %s", [account_id, token], log_exceptions=False)
        return bool(cr.rowcount)
