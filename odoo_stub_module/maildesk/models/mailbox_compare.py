"""`connector_compare`: where the index and a complete listing of a time of a folder differ (docs/protocol.md). Reads only.

One statement for any number of ids: the listing is a relation, looked up id by id in their unique index; the folder's rows of that time
come from the list's own index, newest first, and what the listing has is taken out of them. What Graph said is compared, not what is
shown: rows that an open action shows elsewhere, or hides, are looked for where Graph has them.

Categories are compared as a set, since Graph promises no order of them, and by a hash: names are of a mail, and none of its values may be
part of an SQL text.
"""

from hashlib import sha256

from odoo import api, models
from odoo.tools import SQL

from ..wire import WireError, flag, importance, key, moment, names, number
from .message_cover import said
from .message_rows import has_remote_id

# The hash of the categories that Graph said a row has, as `_hash` makes it of those that are listed; anything but a list is none.
_SAID_NAMES = f"CASE WHEN jsonb_typeof({said('categories')}) = 'array' THEN {said('categories')} END"
_SAID_HASH = f"""COALESCE((
    SELECT encode(sha256(string_agg(one, '' ORDER BY one)), 'hex')
      FROM (SELECT DISTINCT sha256(convert_to(name, 'UTF8')) AS one
              FROM jsonb_array_elements_text({_SAID_NAMES}) name) c), '')"""


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def connector_compare(self, account_id, folder, listed, after=None, until=None):
        """Return where a complete listing of a time of a folder and the index differ."""
        model = self._as_connector()
        account_id, folder = number(account_id, "account_id"), key(folder, "folder")
        query = comparison(
            model.env["mailbox.folder"], account_id, folder, _columns(listed), moment(after, "after"), moment(until, "until")
        )
        found = model.env.execute_query(query)
        return {
            "differing": [remote_id for is_listed, remote_id in found if is_listed],
            "unlisted": [remote_id for is_listed, remote_id in found if not is_listed],
        }


def comparison(folders, account_id, folder, columns, after, until):
    """Return the statement: rows of (is listed, remote id), those that are listed first and in their order."""
    # As a number, not a subquery: so PostgreSQL knows how many rows a folder has.
    folder_id = folders.search([("account_id", "=", account_id), ("remote_id", "=", folder)]).id or 0
    bounds = SQL(" ").join(
        SQL(f"AND m.received_at {operator} %s", value) for operator, value in ((">", after), ("<=", until)) if value is not None
    )
    return SQL(
        f"""WITH listed AS MATERIALIZED (
                SELECT * FROM unnest(%s::text[], %s::bool[], %s::bool[], %s::text[], %s::text[]) WITH ORDINALITY
                    AS l(remote_id, is_read, is_flagged, importance, categories, n))
           SELECT is_listed, remote_id
             FROM (SELECT true AS is_listed, l.remote_id, l.n
                     FROM listed l
                     LEFT JOIN LATERAL (
                          SELECT * FROM mailbox_message_index m WHERE {has_remote_id("m", "%s", "l.remote_id")} OFFSET 0) m ON true
                    WHERE CASE WHEN m.id IS NULL
                          THEN NOT EXISTS (SELECT FROM mailbox_unreadable u WHERE u.account_id = %s AND u.remote_id = l.remote_id)
                          ELSE COALESCE(m.said_pending_removal, m.pending_removal) OR COALESCE(m.said_folder_id, m.folder_id) <> %s
                               OR COALESCE(m.said_is_read, m.is_read, false) <> l.is_read
                               OR COALESCE(m.said_is_flagged, m.is_flagged, false) <> l.is_flagged
                               OR {said("importance")} <> l.importance
                               OR l.categories IS NOT NULL AND {_SAID_HASH} <> l.categories
                          END
                   UNION ALL
                   SELECT false, m.remote_id, m.id
                     FROM mailbox_message_index m
                    WHERE m.folder_id = %s AND NOT m.pending_removal AND m.said_pending_removal IS NULL AND m.said_folder_id IS NULL
                      AND m.remote_id IS NOT NULL %s
                      AND NOT EXISTS (SELECT FROM listed l WHERE l.remote_id = m.remote_id)
                   UNION ALL
                   SELECT false, m.remote_id, m.id
                     FROM mailbox_message_index m
                    WHERE m.account_id = %s AND (said_is_read IS NOT NULL OR said_folder_id IS NOT NULL OR said_pending_removal IS NOT NULL)
                      AND (m.said_pending_removal IS NOT NULL OR m.said_folder_id IS NOT NULL)
                      AND NOT COALESCE(m.said_pending_removal, m.pending_removal) AND COALESCE(m.said_folder_id, m.folder_id) = %s
                      AND m.remote_id IS NOT NULL %s
                      AND NOT EXISTS (SELECT FROM listed l WHERE l.remote_id = m.remote_id)) found
            ORDER BY is_listed DESC, n""",
        *columns,
        account_id,
        account_id,
        folder_id,
        folder_id,
        bounds,
        account_id,
        folder_id,
        bounds,
    )


def _hash(value, where):
    """Return the hash of a set of categories; of none, ''."""
    hashes = {sha256(name.encode()).digest() for name in names(value, where)}
    return sha256(b"".join(sorted(hashes))).hexdigest() if hashes else ""


# How what is listed of a message is read, after its id.
_STATES = (flag, flag, importance, _hash)


def _columns(listed):
    """Return what a listing says, column by column; None is not compared."""
    if not isinstance(listed, list) or not all(isinstance(item, list) and len(item) == 5 for item in listed):
        raise WireError("listed: not a list of id, read, flagged, importance, categories")
    rows = [(key(item[0], "listed"), *(_optional(read, value) for read, value in zip(_STATES, item[1:], strict=True))) for item in listed]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(5)]


def _optional(read, value):
    return None if value is None else read(value, "listed")
