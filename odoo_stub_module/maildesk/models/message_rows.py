"""Patches of messages as rows of a temporary table, and the two statements that bring them into the index.

One table says how each key of the wire is checked and where it goes. The SQL is built from it once, of names only, never of values:
Odoo and PostgreSQL log whole statements when one fails.
"""

from ..wire import WireError, categories, copy_in, flag, importance, key, moment, recipient_total, recipients, text
from .message_cover import COVERED, said

TABLE = "maildesk_apply"

# What is unique of a message, instead of its long id.
REMOTE_KEY = "account_id, hashtextextended(remote_id, 0), hashtextextended(remote_id, 1)"


def has_remote_id(row, account, remote_id):
    """Return the SQL of a row being the message with that id, in words that its unique index answers."""
    same = " AND ".join(f"hashtextextended({row}.remote_id, {seed}) = hashtextextended({remote_id}, {seed})" for seed in (0, 1))
    return f"{row}.account_id = {account} AND {same} AND {row}.remote_id = {remote_id}"


def _is_here(remote_id):
    """Return the SQL of a message being in the index. A subquery that PostgreSQL cannot join: a join may read the whole mailbox."""
    return f"(SELECT true FROM mailbox_message_index m WHERE {has_remote_id('m', '%(account)s', remote_id)}) IS TRUE"


# Key of the wire -> columns of the index: name, type in PostgreSQL, how it is read, what a new row says where the patch says nothing.
_KEYS = {
    "internet_message_id": [("internet_message_id", "text", text, "NULL")],
    "conversation_id": [("conversation_id", "text", text, "NULL")],
    "subject": [("subject", "text", text, "NULL")],
    "from_name": [("from_name", "text", text, "NULL")],
    "from_email": [("from_email", "text", text, "NULL")],
    "to_recipients": [("to_recipients", "jsonb", recipients, "NULL"), ("to_total", "int4", recipient_total, "0")],
    "cc_recipients": [("cc_recipients", "jsonb", recipients, "NULL"), ("cc_total", "int4", recipient_total, "0")],
    "bcc_recipients": [("bcc_recipients", "jsonb", recipients, "NULL"), ("bcc_total", "int4", recipient_total, "0")],
    "reply_to": [("reply_to", "jsonb", recipients, "NULL"), ("reply_to_total", "int4", recipient_total, "0")],
    "preview": [("preview", "text", text, "NULL")],
    "received_at": [("received_at", "timestamp", moment, "NULL")],
    "sent_at": [("sent_at", "timestamp", moment, "NULL")],
    "is_read": [("is_read", "bool", flag, "false")],
    "is_flagged": [("is_flagged", "bool", flag, "false")],
    "importance": [("importance", "text", importance, "'normal'")],
    "has_attachments": [("has_attachments", "bool", flag, "false")],
    "is_draft": [("is_draft", "bool", flag, "false")],
    "categories": [("categories", "jsonb", categories, "NULL")],
}
_COLUMNS = [column for columns in _KEYS.values() for column in columns]

# Which keys a patch has: the place of a key is its bit.
_BITS = {name: 1 << place for place, name in enumerate(["folder", *_KEYS])}
_NEEDED = _BITS["folder"] | _BITS["received_at"]
_BIT_OF_COLUMN = {"folder_id": _BITS["folder"]} | {column[0]: _BITS[name] for name, columns in _KEYS.items() for column in columns}


def read_patches(items):
    """Check patches; return by remote id what columns they set and with which bits. Of two for one message the later wins, key by key."""
    patches = {}
    for item in items:
        remote_id = key(item.get("remote_id"), "messages.remote_id")
        patch = patches.setdefault(remote_id, {"mask": 0})
        for name, value in item.items():
            if name == "remote_id":
                continue
            if name not in _BITS:
                raise WireError("messages: an unknown key")
            patch["mask"] |= _BITS[name]
            if name == "folder":
                patch["folder"] = key(value, "messages.folder")
            for column, _type, read, _default in _KEYS.get(name, ()):
                patch[column] = read(value, f"messages.{name}")
        if patch["mask"] & _BITS["received_at"] and patch["received_at"] is None:
            raise WireError("messages.received_at: missing")
    return patches


def stage(cr, patches, folder_ids):
    """Lay patches down in the temporary table; a folder that has no id yet stays open."""
    cr.execute(_CREATE)
    rows = [
        (
            n,
            remote_id,
            patch["mask"],
            patch.get("folder"),
            folder_ids.get(patch.get("folder")),
            *(patch.get(column[0]) for column in _COLUMNS),
        )
        for n, (remote_id, patch) in enumerate(patches.items())
    ]
    copy_in(cr, TABLE, ["n", "remote_id", "mask", "folder", "folder_id", *(column[0] for column in _COLUMNS)], rows)


_CREATE = f"""
    CREATE TEMP TABLE {TABLE} (n int4, remote_id text, mask int4, folder text, folder_id int4,
        {", ".join(f"{name} {sql_type}" for name, sql_type, _read, _default in _COLUMNS)}) ON COMMIT DROP"""

DROP = f"DROP TABLE {TABLE}"

# Patches for messages that are not here and that do not say enough to be inserted, and removals of messages that are not here.
UNKNOWN = f"""
    SELECT s.remote_id
      FROM (SELECT t.remote_id FROM {TABLE} t WHERE t.mask & {_NEEDED} <> {_NEEDED} UNION SELECT unnest(%(removed)s::text[])) s
     WHERE NOT {_is_here("s.remote_id")}
     ORDER BY 1"""

# Folders that the tree of the same call brought had no id when the patches were laid down.
FIND_FOLDERS = f"""
    UPDATE {TABLE} t SET folder_id = f.id
      FROM mailbox_folder f WHERE f.account_id = %(account)s AND f.remote_id = t.folder AND t.folder_id IS NULL"""


def _confirmed(name):
    """Return the SQL of what Graph said last: beside what is shown where an open action covers it (`message_cover`)."""
    return said(name) if name in COVERED else f"m.{name}"


def _taken(name, bit):
    """Return the SQL that sets a column to what a patch says of it, if it says anything."""
    if name not in COVERED:
        return f"{name} = CASE WHEN t.mask & {bit} <> 0 THEN t.{name} ELSE m.{name} END"
    return (
        f"{name} = CASE WHEN t.mask & {bit} <> 0 AND m.said_{name} IS NULL THEN t.{name} ELSE m.{name} END, "
        f"said_{name} = CASE WHEN t.mask & {bit} <> 0 AND m.said_{name} IS NOT NULL THEN t.{name} ELSE m.said_{name} END"
    )


# Rows that a patch changes: those that differ, and those that a message coming back takes out of hiding. Message by message (OFFSET 0):
# before its statistics know a growing mailbox, PostgreSQL would read all of it for every batch.
_DIFFERING = f"""
          FROM {TABLE} t CROSS JOIN LATERAL (
               SELECT * FROM mailbox_message_index m WHERE {has_remote_id("m", "%(account)s", "t.remote_id")} OFFSET 0) m
         WHERE {said("pending_removal")}
            OR {" OR ".join(f"(t.mask & {bit} <> 0 AND {_confirmed(n)} IS DISTINCT FROM t.{n})" for n, bit in _BIT_OF_COLUMN.items())}"""

LOCK = f"""
    SELECT id FROM mailbox_message_index
     WHERE id = ANY(ARRAY(SELECT m.id {_DIFFERING}
                   UNION SELECT id FROM mailbox_message_index WHERE account_id = %(account)s AND remote_id = ANY(%(others)s)))
     ORDER BY id FOR NO KEY UPDATE"""

# Locked in the order of ids.
UPDATE = f"""
    WITH differing AS MATERIALIZED (
        SELECT m.id, m.folder_id AS old_folder_id, {said("folder_id")} AS old_place, {said("is_read")} AS was_read, t.n {_DIFFERING}),
    held AS MATERIALIZED (
        SELECT id FROM mailbox_message_index WHERE id = ANY(ARRAY(SELECT id FROM differing)) ORDER BY id FOR NO KEY UPDATE)
    UPDATE mailbox_message_index m
       SET {", ".join(_taken(name, bit) for name, bit in _BIT_OF_COLUMN.items())},
           pending_removal = m.pending_removal AND m.said_pending_removal IS NOT NULL,
           said_pending_removal = CASE WHEN m.said_pending_removal IS NOT NULL THEN false END,
           write_date = %(now)s, write_uid = %(uid)s
      FROM held JOIN differing d ON d.id = held.id JOIN {TABLE} t ON t.n = d.n
     WHERE m.id = d.id
    RETURNING m.id, d.old_folder_id, m.folder_id, d.old_place, {said("folder_id")}, d.was_read, {said("is_read")}"""

INSERT = f"""
    INSERT INTO mailbox_message_index (account_id, remote_id, folder_id, {", ".join(column[0] for column in _COLUMNS)},
                                       is_local, pending_removal, create_date, write_date, create_uid, write_uid)
    SELECT %(account)s, t.remote_id, t.folder_id, {", ".join(f"COALESCE(t.{name}, {default})" for name, _type, _read, default in _COLUMNS)},
           false, false, %(now)s, %(now)s, %(uid)s, %(uid)s
      FROM {TABLE} t
     WHERE t.mask & {_NEEDED} = {_NEEDED} AND NOT {_is_here("t.remote_id")}
     ORDER BY t.n
    ON CONFLICT ({REMOTE_KEY}) DO NOTHING
    RETURNING id, folder_id"""

_NAMES = ", ".join(column[0] for column in _COLUMNS)

# A mail that begins to go: the row that its draft has becomes its entry in Sent, or a row that no message of Graph stands behind yet.
LOCAL_UPDATE = f"""
    UPDATE mailbox_message_index m
       SET {", ".join(f"{name} = t.{name}" for name, *_ in _COLUMNS if name not in ("internet_message_id", "conversation_id", *COVERED))},
           is_local = true, write_date = %(now)s, write_uid = %(uid)s
      FROM {TABLE} t WHERE {has_remote_id("m", "%(account)s", "t.remote_id")}
    RETURNING m.id"""
LOCAL_INSERT = f"""
    INSERT INTO mailbox_message_index (account_id, remote_id, folder_id, {_NAMES},
                                       is_local, pending_removal, create_date, write_date, create_uid, write_uid)
    SELECT %(account)s, NULL, %(sent)s, {", ".join(f"COALESCE(t.{name}, {default})" for name, _type, _read, default in _COLUMNS)},
           true, false, %(now)s, %(now)s, %(uid)s, %(uid)s
      FROM {TABLE} t
    RETURNING id"""

# Outlook's copy of a mail that was sent from here, under another id than its draft had: the entry takes it, and so keeps its own row.
MATCH = f"""
    WITH copy AS (
        SELECT DISTINCT ON (m.id) m.id, t.remote_id, m.remote_id AS old_remote_id
          FROM {TABLE} t
          JOIN mailbox_folder f ON f.id = t.folder_id AND f.role = 'sent'
          JOIN mailbox_message_index m ON m.account_id = %(account)s AND m.is_local AND m.internet_message_id = t.internet_message_id
         WHERE t.mask & {_NEEDED} = {_NEEDED} AND t.is_draft IS NOT TRUE AND m.remote_id IS DISTINCT FROM t.remote_id
           AND NOT {_is_here("t.remote_id")}
           -- The entry has its copy already, and this is another one.
           AND NOT EXISTS (SELECT FROM {TABLE} own WHERE own.remote_id = m.remote_id AND own.is_draft IS FALSE)
         ORDER BY m.id, t.n)
    UPDATE mailbox_message_index m SET remote_id = copy.remote_id FROM copy WHERE m.id = copy.id RETURNING copy.old_remote_id"""

# Entries whose copy is here: what the patch says of it lies outside Drafts.
ARRIVED = f"""
    UPDATE mailbox_message_index m SET is_local = false
      FROM {TABLE} t, mailbox_folder f
     WHERE m.account_id = %(account)s AND m.is_local AND m.remote_id = t.remote_id AND t.mask & {_BITS["folder"]} <> 0
       AND f.id = t.folder_id AND f.role <> 'drafts' AND m.is_draft IS NOT TRUE
    RETURNING m.id"""

# What comes into Drafts and is, or may be, a mail that is on its way out: held back like what left its folder, so that it is asked about.
HOLD = f"""
    UPDATE mailbox_message_index m SET pending_removal = true
      FROM {TABLE} t, mailbox_folder f
     WHERE {has_remote_id("m", "%(account)s", "t.remote_id")} AND NOT m.is_local AND m.said_pending_removal IS NULL
       AND NOT m.pending_removal AND f.id = m.folder_id AND f.role = 'drafts'
       AND EXISTS (SELECT FROM mailbox_draft d
                    WHERE d.account_id = m.account_id AND d.message_id IS DISTINCT FROM m.id
                      AND (d.state = 'sending' AND d.remote_id IS NULL AND m.create_date >= date_trunc('second', d.write_date)
                           OR d.state IN ('sending', 'sent') AND d.remote_id = m.remote_id))
    RETURNING m.id"""
