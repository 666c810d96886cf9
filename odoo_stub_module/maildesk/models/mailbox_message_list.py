"""Pages of the list: a folder or the Inboxes of all accounts, plain or by conversation, filtered, newest or oldest first.

Every page is read from indexes, so that its cost hangs on the rows of the page and not on those of the folder:

    plain                   index `list`: (folder, time, id)
    attachments             partial index `attachments`: the same, of messages with attachments only
    unread, flagged         table `mailbox_message_mark`: (kind, folder, time, id), a row per unread and per flagged message
    from_me, to_me          index `list`, and where a stretch of it holds too few, the address in the search index
    several folders         each folder's own stretch of the index, merged: LATERAL, then one sort of 50 short lists
    conversations           as above, without the messages that a newer one of the same conversation in that folder stands for

Why marks are a table of their own: a column that an index uses, or its predicate, makes each update of it a new version in *every* index of
the row. An index on unread messages costs 450 bytes a message for every time that one is read (measured: 1.7 KB a message became 2.9 KB
after each was changed once without room in its page), a mark costs 90 bytes while a message is unread. Triggers keep the marks, since
many statements write messages; they fire only where a mark comes or goes. Nothing but they writes the table, and only queries read it.

Access: folders are searched or checked under the rules of the user, and rows are read under them; the SQL between tells ids only.
"""

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..wire import iso, to_datetime
from .mailbox_search_terms import ADDRESS_LIMIT

# Rows: what one call of the app may ask for.
MAX_LIMIT = 200

# Ids of a conversation that the app gets, and messages of it that are looked at: threads of automatic mail have thousands.
THREAD_IDS = 200
THREAD_LIMIT = 1000

# Rows of a folder that are looked through for `from_me` and `to_me` before the search index is asked: some milliseconds.
STRETCH = 2000

FILTERS = ("unread", "flagged", "attachments", "from_me", "to_me")
_MARKS = {"flagged": "f", "unread": "u"}

_MARK_TABLE = """
    CREATE TABLE IF NOT EXISTS mailbox_message_mark (
        kind "char" NOT NULL, folder_id int4 NOT NULL, received_at timestamp NOT NULL, message_id int4 NOT NULL,
        PRIMARY KEY (kind, folder_id, received_at, message_id))"""

# A row's marks before and after; where they are the same, the trigger does not fire at all.
_MARK_FUNCTION = """
    CREATE OR REPLACE FUNCTION maildesk_mark() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            DELETE FROM mailbox_message_mark
             WHERE kind IN ('u', 'f') AND folder_id = OLD.folder_id AND received_at = OLD.received_at AND message_id = OLD.id;
        END IF;
        IF TG_OP <> 'DELETE' AND NOT NEW.pending_removal THEN
            INSERT INTO mailbox_message_mark (kind, folder_id, received_at, message_id)
            SELECT kind, NEW.folder_id, NEW.received_at, NEW.id
              FROM (VALUES ('u'::"char", NEW.is_read IS NOT TRUE), ('f', NEW.is_flagged)) AS mark (kind, is_set) WHERE is_set;
        END IF;
        RETURN NULL;
    END $$"""

_MARK_TRIGGERS = """
    CREATE OR REPLACE TRIGGER maildesk_mark_insert AFTER INSERT ON mailbox_message_index FOR EACH ROW
        WHEN (NEW.is_read IS NOT TRUE OR NEW.is_flagged) EXECUTE FUNCTION maildesk_mark();
    CREATE OR REPLACE TRIGGER maildesk_mark_update AFTER UPDATE ON mailbox_message_index FOR EACH ROW
        WHEN ((OLD.is_read IS NOT TRUE OR OLD.is_flagged OR NEW.is_read IS NOT TRUE OR NEW.is_flagged)
              AND (OLD.is_read, OLD.is_flagged, OLD.folder_id, OLD.received_at, OLD.pending_removal)
                  IS DISTINCT FROM (NEW.is_read, NEW.is_flagged, NEW.folder_id, NEW.received_at, NEW.pending_removal))
        EXECUTE FUNCTION maildesk_mark();
    CREATE OR REPLACE TRIGGER maildesk_mark_delete AFTER DELETE ON mailbox_message_index FOR EACH ROW
        WHEN (OLD.is_read IS NOT TRUE OR OLD.is_flagged) EXECUTE FUNCTION maildesk_mark()"""

# Room for a row is left free in each page, so that one that is read or flagged has its new version beside it (HOT): indexes stay as they
# are. Where a run of neighbours is changed in one transaction, a page has no room for all of them: they move to the end of the table, and
# the room that they leave is free at the next vacuum, which therefore comes early here.
_STORAGE = (
    "ALTER TABLE mailbox_message_index SET (fillfactor = 92, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)"
)

# Once, for messages that were here before the marks were.
_MARK_ALL = """
    INSERT INTO mailbox_message_mark (kind, folder_id, received_at, message_id)
    SELECT kind, folder_id, received_at, id
      FROM mailbox_message_index, LATERAL (VALUES ('u'::"char", is_read IS NOT TRUE), ('f', is_flagged)) AS mark (kind, is_set)
     WHERE is_set AND NOT pending_removal"""


class Scope:
    """What a list shows: folders that the user may read, filters and order; `cursor` is the last row that the app has."""

    def __init__(self, folders, filters=None, order="newest", before=None, view="plain"):
        unknown = set(filters or ()) - set(FILTERS)
        if unknown or order not in ("newest", "oldest") or view not in ("plain", "conversations"):
            raise ValidationError(folders.env._("This list cannot be shown: its filters, its order or its view are none of MailDesk's."))
        self.env = folders.env
        self.folders = folders
        self.filters = set(filters or ())
        self.newest = order == "newest"
        self.by_conversation = view == "conversations"
        self.cursor = (to_datetime(before[0]), int(before[1])) if before else None

    # ------------------------------------------------------------------ pieces of SQL; of names only, values are parameters

    def _order(self, time, message):
        direction = SQL("DESC") if self.newest else SQL("ASC")
        return SQL("%s %s, %s %s", time, direction, message, direction)

    def _beyond(self, time, message):
        if self.cursor is None:
            return SQL("true")
        return SQL("(%s, %s) %s (%s, %s)", time, message, SQL("<") if self.newest else SQL(">"), *self.cursor)

    def _conditions(self, alias="m", but=None):
        """Return what a message has to be, but for its folder and its place, and for the filter `but`."""
        me = [email.lower() for email in self.mine()]
        parts = [SQL("NOT %s.pending_removal", SQL(alias))]
        if "unread" in self.filters - {but}:
            parts.append(SQL("%s.is_read IS NOT TRUE", SQL(alias)))
        if "flagged" in self.filters - {but}:
            parts.append(SQL("%s.is_flagged", SQL(alias)))
        if "attachments" in self.filters:
            parts.append(SQL("%s.has_attachments", SQL(alias)))
        if "from_me" in self.filters:
            parts.append(SQL("lower(%s.from_email) = ANY(%s)", SQL(alias), me))
        if "to_me" in self.filters:
            people = SQL("COALESCE(%(m)s.to_recipients, '[]') || COALESCE(%(m)s.cc_recipients, '[]')", m=SQL(alias))
            parts.append(SQL("EXISTS (SELECT FROM jsonb_array_elements(%s) p WHERE lower(p ->> 'address') = ANY(%s))", people, me))
        return SQL(" AND ").join(parts)

    def _heads(self):
        """Return the condition that no message stands nearer to the top of the list for the same conversation, in the same folder."""
        if not self.by_conversation:
            return SQL("true")
        return SQL(
            """(m.conversation_id IS NULL OR NOT EXISTS (
                    SELECT FROM mailbox_message_index n
                     WHERE n.account_id = m.account_id
                       AND hashtextextended(n.conversation_id, 0) = hashtextextended(m.conversation_id, 0)
                       AND n.conversation_id = m.conversation_id AND n.folder_id = m.folder_id
                       AND (n.received_at, n.id) > (m.received_at, m.id) AND %s))""",
            self._conditions("n"),
        )

    def mine(self):
        """Return the addresses of the user's own mailboxes."""
        if not hasattr(self, "_mine"):
            own = self.env["mailbox.account"].with_context(active_test=False).search([("owner_id", "=", self.env.uid)])
            self._mine = sorted({email for email in own.mapped("email") if email})
        return self._mine

    # ------------------------------------------------------------------ the page

    def page(self, limit):
        """Return the ids of at most `limit` messages, in order."""
        if not self.folders:
            return []
        marks = [name for name in _MARKS if name in self.filters]
        if marks:
            return self._run(self._from_marks(marks[0], limit), limit)
        if self.filters & {"from_me", "to_me"}:
            return self._page_of_mine(limit)
        return self._run(self._from_list(limit), limit)

    def _run(self, stretch, limit):
        """Merge what `stretch` finds in each folder."""
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """SELECT found.id FROM unnest(%s) AS f (id) CROSS JOIN LATERAL (%s) found ORDER BY %s LIMIT %s""",
                    self.folders.ids,
                    stretch,
                    self._order(SQL("found.received_at"), SQL("found.id")),
                    limit,
                )
            )
        ]

    def _from_list(self, limit):
        return SQL(
            """SELECT m.id, m.received_at FROM mailbox_message_index m
                WHERE m.folder_id = f.id AND %s AND %s AND %s ORDER BY %s LIMIT %s""",
            self._beyond(SQL("m.received_at"), SQL("m.id")),
            self._conditions(),
            self._heads(),
            self._order(SQL("m.received_at"), SQL("m.id")),
            limit,
        )

    def _from_marks(self, name, limit):
        # Mark by mark, in their order: OFFSET 0 keeps PostgreSQL from reading all messages instead, where it thinks that few pass.
        return SQL(
            """SELECT m.id, k.received_at FROM mailbox_message_mark k CROSS JOIN LATERAL (
                      SELECT m.id FROM mailbox_message_index m WHERE m.id = k.message_id AND %s AND %s OFFSET 0) m
                WHERE k.kind = %s AND k.folder_id = f.id AND %s ORDER BY %s LIMIT %s""",
            self._conditions(but=name),
            self._heads(),
            _MARKS[name],
            self._beyond(SQL("k.received_at"), SQL("k.message_id")),
            self._order(SQL("k.received_at"), SQL("k.message_id")),
            limit,
        )

    def _page_of_mine(self, limit):
        """Look through the next stretch of each folder; where that is not enough, ask the search index for the addresses."""
        mine = self.mine()
        if not mine:
            return []
        size = max(STRETCH // len(self.folders), limit)
        rows = self.env.execute_query(
            SQL(
                """WITH walked AS MATERIALIZED (
                        SELECT f.id AS folder_id, m.id, m.received_at, (%(conditions)s AND %(heads)s) AS fits
                          FROM unnest(%(folders)s) AS f (id) CROSS JOIN LATERAL (
                               SELECT * FROM mailbox_message_index m
                                WHERE m.folder_id = f.id AND NOT m.pending_removal AND %(beyond)s ORDER BY %(order)s LIMIT %(size)s) m),
                        -- Where the stretches end that go on: what lies beyond the nearest of these ends is not the next row for sure.
                        ends AS (
                        SELECT %(far)s(received_at) AS received_at FROM walked GROUP BY folder_id HAVING count(*) = %(size)s)
                   SELECT m.id, (SELECT count(*) FROM ends) FROM walked m
                    WHERE m.fits AND NOT EXISTS (SELECT FROM ends WHERE %(is_beyond)s)
                    ORDER BY %(order)s LIMIT %(limit)s""",
                folders=self.folders.ids,
                conditions=self._conditions(),
                heads=self._heads(),
                beyond=self._beyond(SQL("m.received_at"), SQL("m.id")),
                order=self._order(SQL("m.received_at"), SQL("m.id")),
                far=SQL("min" if self.newest else "max"),
                is_beyond=SQL("m.received_at <= ends.received_at" if self.newest else "m.received_at >= ends.received_at"),
                size=size,
                limit=limit,
            )
        )
        if len(rows) == limit:
            return [row[0] for row in rows]
        index = self.env["mailbox.message_index"]
        found = [
            index._has_term(self.folders.account_id.ids, [f"{sign}{email.lower()[:ADDRESS_LIMIT]}" for email in mine])
            for name, sign in (("from_me", "<"), ("to_me", ">"))
            if name in self.filters
        ]
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """SELECT m.id FROM mailbox_message_index m
                        WHERE m.folder_id = ANY(%s) AND %s AND %s AND %s AND %s ORDER BY %s LIMIT %s""",
                    self.folders.ids,
                    SQL(" AND ").join(found),
                    self._beyond(SQL("m.received_at"), SQL("m.id")),
                    self._conditions(),
                    self._heads(),
                    self._order(SQL("m.received_at"), SQL("m.id")),
                    limit,
                )
            )
        ]

    # ------------------------------------------------------------------ conversations

    def threads(self, messages):
        """Return by message id what there is to say of the conversations that messages stand for."""
        rows = self.env.execute_query(
            SQL(
                """SELECT h.id, count(*) FILTER (WHERE t.counts),
                          count(*) FILTER (WHERE t.in_scope AND t.is_read IS NOT TRUE),
                          array_agg(t.id ORDER BY t.received_at DESC, t.id DESC) FILTER (WHERE t.in_scope),
                          array_agg(COALESCE(NULLIF(t.from_name, ''), t.from_email) ORDER BY t.received_at, t.id) FILTER (WHERE t.counts),
                          COALESCE(bool_or(t.has_attachments) FILTER (WHERE t.counts OR t.in_scope), false),
                          COALESCE(bool_or(t.is_flagged) FILTER (WHERE t.counts OR t.in_scope), false)
                     FROM mailbox_message_index h CROSS JOIN LATERAL (
                          SELECT m.*, o.role NOT IN ('trash', 'junk', 'drafts') AS counts, m.folder_id = ANY(%s) AS in_scope
                            FROM mailbox_message_index m JOIN mailbox_folder o ON o.id = m.folder_id
                           WHERE m.account_id = h.account_id
                             AND hashtextextended(m.conversation_id, 0) = hashtextextended(h.conversation_id, 0)
                             AND m.conversation_id = h.conversation_id AND NOT m.pending_removal
                           ORDER BY m.received_at DESC, m.id DESC LIMIT %s) t
                    WHERE h.id = ANY(%s) GROUP BY h.id""",
                self.folders.ids,
                THREAD_LIMIT,
                messages.ids,
            )
        )
        return {
            message: {
                "count": count,
                "unread": unread,
                "senders": [name for name in dict.fromkeys(senders or ()) if name][:3],
                "ids": (ids or [])[:THREAD_IDS],
                "has_attachments": has_attachments,
                "is_flagged": is_flagged,
            }
            for message, count, unread, ids, senders, has_attachments, is_flagged in rows
        }

    def rows(self, messages):
        """Return rows for the app, with their conversations where the list shows those."""
        rows = messages._to_rows()
        if self.by_conversation:
            threads = self.threads(messages)
            for row in rows:
                row["thread"] = threads.get(row["id"]) or _alone(row)
        return rows


class MailboxMessageIndex(models.Model):
    _inherit = "mailbox.message_index"

    def init(self):
        result = super().init()
        cr = self.env.cr
        cr.execute("SELECT to_regclass('mailbox_message_mark')")
        is_new = cr.fetchone()[0] is None
        cr.execute(_MARK_TABLE)
        cr.execute(_MARK_FUNCTION)
        cr.execute(_MARK_TRIGGERS)
        cr.execute(_STORAGE)
        if is_new:
            cr.execute(_MARK_ALL)
        return result

    @api.model
    def maildesk_list(self, folder_id=None, limit=80, before=None, role=None, view="plain", filters=None, order="newest"):
        """Return a page of a folder, or with `role` "inbox" of all Inboxes; `before` is `[received_at, id]` of the last row there is.

        With filters, a conversation is listed if a message of it passes them, and the newest that does stands for it.
        """
        scope = Scope(self._folders_of(folder_id, role), filters, order, before, view)
        limit = max(1, min(int(limit), MAX_LIMIT))
        self.env.flush_all()
        # Ids only; the rows are then read under the rules of the user.
        ids = scope.page(limit + 1)
        return {"rows": scope.rows(self.browse(ids[:limit])), "more": len(ids) > limit}

    @api.model
    def maildesk_rows(self, message_ids, view="plain", role=None, folder_id=None):
        """Return rows by id, and the ids that the user sees no more; with conversations as the list of that folder or role shows them."""
        messages = self.search([("id", "in", message_ids)])
        scope = Scope(self._folders_of(folder_id, role) if view == "conversations" else self.env["mailbox.folder"], view=view)
        return {"rows": scope.rows(messages), "missing": sorted(set(message_ids) - set(messages.ids))}

    def _folders_of(self, folder_id, role):
        """Return the folders of a list; one that the user may not read is refused, one that is gone is none."""
        folders = self.env["mailbox.folder"]
        if role is not None:
            if role != "inbox":
                raise ValidationError(self.env._("Only the Inboxes of all mailboxes can be shown as one list."))
            return folders.search([("role", "=", role), ("account_id.state", "!=", "disconnected")])
        folder = folders.browse(folder_id or ()).exists()
        folder.check_access("read")
        return folder

    def _to_rows(self):
        marks = self._action_marks()
        entries = self._entry_marks()
        reports = self._reports()
        return [
            {
                "id": message.id,
                "account_id": message.account_id.id,
                "folder_id": message.folder_id.id,
                "conversation_id": message.conversation_id or "",
                "subject": message.subject or "",
                "from_name": message.from_name or "",
                "from_email": message.from_email or "",
                "preview": message.preview or "",
                "received_at": iso(message.received_at),
                "is_read": message.is_read,
                "is_flagged": message.is_flagged,
                "has_attachments": message.has_attachments,
                "is_draft": message.is_draft and not message.is_local,
                "sending": entries.get(message.id),
                "undelivered": reports.get(message.id, []),
                "bounce_of": message.bounce_of_id.id or None,
                "importance": message.importance,
                "categories": message.categories or [],
                "to_recipients": message.to_recipients or [],
                "waiting": marks.get(message.id, (False, None))[0],
                "failed": marks.get(message.id, (False, None))[1],
            }
            for message in self
        ]


def _alone(row):
    """Return the conversation of a message that belongs to none."""
    return {
        "count": 1,
        "unread": int(not row["is_read"]),
        "senders": [name for name in (row["from_name"] or row["from_email"],) if name],
        "ids": [row["id"]],
        "has_attachments": row["has_attachments"],
        "is_flagged": row["is_flagged"],
    }
