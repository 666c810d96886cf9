"""The index of messages: what a list shows and an open message is headed with. Bodies lie in a cache of their own.

Rows are written by `connector_apply` only, in SQL. There are no stored computed fields, no tracking and no mail.thread here, so that
10,000 rows a second stay possible. No index uses a column that reading, flagging or filing into categories changes, so that such an update
touches no index (mailbox_message_list.py, where the unread ones are found all the same). A row that a removal speaks of is hidden
(`pending_removal`) until the connector has asked Outlook where the message went.
"""

from odoo import api, fields, models

from .mailbox_search_terms import TERMS
from .message_rows import REMOTE_KEY


class MailboxMessageIndex(models.Model):
    _name = "mailbox.message_index"
    _inherit = ["mailbox.mail"]
    _description = "Message"
    _order = "received_at desc, id desc"
    _rec_name = "subject"

    account_id = fields.Many2one("mailbox.account", required=True, ondelete="cascade")
    folder_id = fields.Many2one("mailbox.folder", required=True, ondelete="cascade")
    remote_id = fields.Char()
    internet_message_id = fields.Char()
    conversation_id = fields.Char()
    subject = fields.Char()
    from_name = fields.Char()
    from_email = fields.Char()
    to_recipients = fields.Json()
    cc_recipients = fields.Json()
    bcc_recipients = fields.Json()
    reply_to = fields.Json()
    # How many there really are: a list keeps at most 50.
    to_total = fields.Integer()
    cc_total = fields.Integer()
    bcc_total = fields.Integer()
    reply_to_total = fields.Integer()
    preview = fields.Char()
    received_at = fields.Datetime(required=True)
    sent_at = fields.Datetime()
    is_read = fields.Boolean()
    is_flagged = fields.Boolean()
    importance = fields.Selection([("low", "Low"), ("normal", "Normal"), ("high", "High")], required=True, default="normal")
    has_attachments = fields.Boolean()
    is_draft = fields.Boolean()
    categories = fields.Json()
    is_local = fields.Boolean(help="An entry that waits for Outlook's copy.")
    pending_removal = fields.Boolean(required=True, default=False)

    # Unique by 128 bits of a hash: an id of Graph's is 150 characters long, and a tree of them a seventh of all storage. `has_remote_id` is
    # how a statement asks it; where PostgreSQL is asked for an id in other words, it takes the second one.
    _remote_unique = models.UniqueIndex(f"({REMOTE_KEY})")
    _remote = models.Index("USING hash (remote_id)")
    _list = models.Index("(folder_id, received_at DESC, id DESC) WHERE NOT pending_removal")
    _attachments = models.Index("(folder_id, received_at DESC, id DESC) WHERE has_attachments AND NOT pending_removal")
    # Conversations, by a hash: their ids are long. A query names the hash and the id.
    _conversation = models.Index("(account_id, hashtextextended(conversation_id, 0), received_at DESC, id DESC)")
    # All mail of a mailbox by time: what a search walks.
    _recent = models.Index("(account_id, received_at DESC, id DESC) WHERE NOT pending_removal")
    # A short list of what waits to be merged (kB): a search reads it from end to end, and it takes its room in the file for good.
    _terms = models.Index(f"USING gin ({TERMS}) WITH (gin_pending_list_limit = 512)")
    # What a folder's cascade and the count of `connector_take_up` need beside the list.
    _pending = models.Index("(account_id, folder_id) WHERE COALESCE(said_pending_removal, pending_removal)")

    # ------------------------------------------------------------------ for the app (docs/protocol.md, section 4)

    @api.model
    # ------------------------------------------------------------------ for other addons

    @api.model
    def _after_apply(self, new_ids):
        """Extend to act on messages that have just come in; runs in the transaction that brought them."""
