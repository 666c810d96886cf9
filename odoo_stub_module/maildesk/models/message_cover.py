"""Shown and confirmed values of messages (design, rule 6), and the one statement that brings them together.

A row shows `is_read`, `is_flagged`, `importance`, `categories`, `folder_id` and `pending_removal` (hidden). Beside each stands `said_...`:
what Graph said of it last, while an open action covers the field; NULL while none does, since then the row shows what Graph said. So a row
that nobody acts on is as small and as fast to update as if there were no actions.

    sync writes         said_x where it is not NULL, else x                       (`message_rows`)
    an action begins    said_x := x, x := what it wants                           (`fold`)
    an action ends      x := what the next open action wants, else said_x, NULL   (`fold`)

No remembered old value is ever put back: what shows after a failure, an undo or a merge is what Graph says now.
"""

# Column -> (key in `mailbox_action.vals`, how it is read, the column's value where it is NULL).
_COLUMNS = {
    "is_read": ("is_read", "(a.vals->>'is_read')::bool", "false"),
    "is_flagged": ("is_flagged", "(a.vals->>'is_flagged')::bool", "false"),
    "importance": ("importance", "a.vals->>'importance'", "'normal'"),
    "categories": ("categories", "a.vals->'categories'", "'[]'::jsonb"),
    "folder_id": ("folder_id", "(a.vals->>'folder_id')::int4", "0"),
    "pending_removal": ("hidden", "(a.vals->>'hidden')::bool", "false"),
}
COVERED = tuple(_COLUMNS)

# Rows with an open action that counts in a badge; the predicate of an index.
COUNTED = "(said_is_read IS NOT NULL OR said_folder_id IS NOT NULL OR said_pending_removal IS NOT NULL)"


def said(column, row="m"):
    """Return the SQL of what Graph said last of a column."""
    return f"COALESCE({row}.said_{column}, {row}.{column})"


def _last(read, key):
    return f"(array_agg({read} ORDER BY a.id DESC) FILTER (WHERE a.vals ? '{key}'))[1]"


# A move also keeps the row in sight while Graph tells that it left the old folder and not yet that it came to the new one.
_FOLDED = ", ".join(f"{_last(read, key)} AS {column}" for column, (key, read, _null) in _COLUMNS.items())
_SETS = ",\n           ".join(
    f"{column} = COALESCE(f.{column}, m.said_{column}, m.{column}), "
    f"said_{column} = CASE WHEN f.{column} IS NOT NULL THEN COALESCE(m.said_{column}, m.{column}, {null}) END"
    for column, (_key, _read, null) in _COLUMNS.items()
)
_DIFFER = " OR ".join(
    f"(f.{column} IS NULL) <> (m.said_{column} IS NULL) OR f.{column} IS DISTINCT FROM m.{column} AND f.{column} IS NOT NULL"
    for column in _COLUMNS
)

# The last wish for each field of messages, over what Graph said; a folder that went meanwhile covers nothing.
FOLD = f"""
    WITH held AS MATERIALIZED (
        SELECT m.id FROM mailbox_message_index m WHERE m.id = ANY(%(ids)s) ORDER BY m.id FOR NO KEY UPDATE),
    folded AS (
        SELECT m.id, m.folder_id AS old_folder_id, {_FOLDED}
          FROM held JOIN mailbox_message_index m ON m.id = held.id
          LEFT JOIN LATERAL (
                SELECT a.id, a.vals FROM mailbox_action a
                 WHERE a.message_id = m.id AND a.covers
                   AND (NOT a.vals ? 'folder_id' OR EXISTS (SELECT FROM mailbox_folder d WHERE d.id = (a.vals->>'folder_id')::int4))
                UNION ALL
                SELECT a.id, a.vals FROM mailbox_action a
                 WHERE a.folder_id = {said("folder_id")} AND a.covers AND a.is_folder_wide AND m.received_at <= a.until_at
               ) a ON true
         GROUP BY m.id, m.folder_id)
    UPDATE mailbox_message_index m
       SET {_SETS}, write_date = %(now)s, write_uid = %(uid)s
      FROM folded f
     WHERE m.id = f.id AND ({_DIFFER})
    RETURNING m.id, f.old_folder_id, m.folder_id"""


def fold(env, message_ids, now):
    """Let messages show what their open actions want, over what Graph said; return (id, folder before, folder now) of what changed."""
    if not message_ids:
        return []
    env.flush_all()
    env.cr.execute(FOLD, {"ids": list(message_ids), "now": now, "uid": env.uid}, log_exceptions=False)
    rows = env.cr.fetchall()
    env["mailbox.message_index"].invalidate_model()
    return rows
