"""A sign-in under way: whose it is, and Entra's answer for the moment between callback and finish.

    started ──callback: the answer, a one-time handle──▶ answered ──finish: user, account and session checked──▶ deleted

The callback is public (the browser's cookie stays away from a cross-site POST), so it decides nothing. No URL of ours carries the code.
"""

import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.http import STORED_SESSION_BYTES

# Minutes: as long as Entra lets a code live.
TTL_MINUTES = 10

# What Entra may send; anything else is dropped unread.
ANSWER_KEYS = ("code", "state", "error", "error_description", "error_codes", "session_state", "client_info", "error_uri", "admin_consent")


class MailboxSignin(models.Model):
    _name = "mailbox.signin"
    _description = "Sign-in Under Way"

    state = fields.Char(required=True)
    account_id = fields.Many2one("mailbox.account", required=True, index=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", required=True, ondelete="cascade")
    session = fields.Char(required=True)
    answer = fields.Json()
    handle = fields.Char(index="btree_not_null")

    _state_unique = models.UniqueIndex("(state)")

    @api.model
    def _begin(self, account, state, session):
        """Remember who started the sign-in `state`; an older one of the same account is void."""
        self.search([("account_id", "=", account.id)]).unlink()
        return self.create({"state": state, "account_id": account.id, "user_id": self.env.uid, "session": session_key(session)})

    @api.model
    def _answered(self, params):
        """Keep Entra's answer; return the one-time handle of the finish page, or None for an unknown or late state."""
        signin = self.search([("state", "=", params.get("state") or ""), ("create_date", ">", self._oldest()), ("handle", "=", False)])
        if not signin:
            return None
        signin.write({"answer": {k: str(params[k]) for k in ANSWER_KEYS if params.get(k)}, "handle": secrets.token_urlsafe(32)})
        return signin.handle

    @api.model
    def _take(self, handle, session):
        """Take an answered sign-in, once: (account, state, answer), or None unless it is this user's, in this browser session."""
        signin = self.search([("handle", "=", handle), ("create_date", ">", self._oldest())])
        if not signin or signin.user_id.id != self.env.uid or signin.session != session_key(session):
            return None
        taken = signin.account_id.with_env(self.env), signin.state, signin.answer
        signin.unlink()
        return taken

    @api.model
    def _oldest(self):
        return fields.Datetime.now() - timedelta(minutes=TTL_MINUTES)

    @api.autovacuum
    def _gc_old(self):
        self.search([("create_date", "<=", self._oldest())]).unlink()


def session_key(session):
    """Return what names a browser session for good: its id rotates, the first part of it does not."""
    return hashlib.sha256(session.sid[:STORED_SESSION_BYTES].encode()).hexdigest()
