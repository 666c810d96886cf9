"""A sign-in under way: which user, in which browser session, for which mailbox; for ten minutes, once (docs/protocol.md, 2.2).

The answer of Microsoft comes back as a cross-site POST without Odoo's session, so it is laid down here under its state, and the browser is
sent on to a page that has the session, with a handle that serves once.
"""

import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models

# Minutes that a sign-in may take; the connector's side of it lives as long.
LIFETIME_MINUTES = 10


class MailboxSignin(models.TransientModel):
    _name = "mailbox.signin"
    _description = "Sign-in to a Mailbox"
    # Hours; the check of every read is the ten minutes above, this only sweeps.
    _transient_max_hours = 0.5

    state = fields.Char(required=True, index=True)
    user_id = fields.Many2one("res.users", required=True, ondelete="cascade")
    account_id = fields.Many2one("mailbox.account", required=True, ondelete="cascade")
    binding = fields.Char(required=True, help="Digest of a secret that lies in the browser's session.")
    answer = fields.Json()
    handle = fields.Char(index="btree_not_null", help="Digest of the handle in the URL that goes on from the answer.")
    is_claimed = fields.Boolean(help="A request finishes it, or did; free again only where the connector was not reached.")

    @api.model
    def _begin(self, state, account, binding):
        """Note that the current user started a sign-in."""
        return self.create({"state": state, "user_id": self.env.uid, "account_id": account.id, "binding": digest(binding)})

    @api.model
    def _take_answer(self, state, answer):
        """Lay an answer down under its state; return the handle, or None where nobody waits for it (any more)."""
        found = self.search([("state", "=", state), ("handle", "=", False), *self._alive()], limit=1) if state else self
        if not found:
            return None
        # Taken first: after the lock nothing can fail with the answer (which holds a code) in the statement that would be logged.
        self.env.cr.execute("SELECT id FROM mailbox_signin WHERE id = %s FOR UPDATE", [found.id], log_exceptions=False)
        handle = secrets.token_urlsafe(32)
        found.write({"answer": answer, "handle": digest(handle)})
        return handle

    @api.model
    def _why_not(self, state):
        """Tell why an answer finds nobody: its sign-in is `expired`, was `answered` before, or is `unknown` here."""
        found = self.search([("state", "=", state)], limit=1) if state else self
        if not found:
            return "unknown"
        return "answered" if found.handle else "expired"

    def _claim(self):
        """Begin to finish it; False where another request does already."""
        self.env.cr.execute("UPDATE mailbox_signin SET is_claimed = TRUE WHERE id = %s AND is_claimed IS NOT TRUE RETURNING id", [self.id])
        return bool(self.env.cr.fetchone())

    def _end(self):
        """Forget the answer: it was redeemed, or is good for nothing. That there was one is known for as long as it could come again."""
        self.answer = False

    def _release(self):
        """Let it be finished by another request: nobody redeemed its answer."""
        self.invalidate_recordset(["is_claimed"])
        self.is_claimed = False

    @api.model
    def _by_handle(self, handle):
        """Return the sign-in of a handle, if it is not older than ten minutes."""
        return self.search([("handle", "=", digest(handle)), *self._alive()], limit=1)

    @api.model
    def _alive(self):
        return [("create_date", ">", fields.Datetime.now() - timedelta(minutes=LIFETIME_MINUTES))]


def digest(secret):
    """Return what is kept of a secret that comes back."""
    return hashlib.sha256(secret.encode()).hexdigest()
