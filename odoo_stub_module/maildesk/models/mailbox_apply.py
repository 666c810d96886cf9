"""`connector_apply`: one transaction that moves the index towards Graph, cursor and data together (docs/protocol.md, section 1).

The patches are copied (COPY) into a temporary table with a bit mask of the keys that each one has; then one UPDATE touches only rows that
differ, and one INSERT adds the unknown. No value of a mail is part of an SQL text, because Odoo and PostgreSQL log statements when one fails.
"""

import csv
import io
import json
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from .mailbox_folder import ROLES
from .mailbox_message_index import parse

# Key of a patch -> (columns of the index, their SQL types). The place in this table is the bit in the mask.
KEYS = {
    "folder": (("folder_id",), ("int4",)),
    "internet_message_id": (("internet_message_id",), ("varchar",)),
    "conversation_id": (("conversation_id",), ("varchar",)),
    "subject": (("subject",), ("varchar",)),
    "from_name": (("from_name",), ("varchar",)),
    "from_email": (("from_email",), ("varchar",)),
    "to_recipients": (("to_recipients", "to_total"), ("jsonb", "int4")),
    "cc_recipients": (("cc_recipients", "cc_total"), ("jsonb", "int4")),
    "bcc_recipients": (("bcc_recipients", "bcc_total"), ("jsonb", "int4")),
    "reply_to": (("reply_to", "reply_to_total"), ("jsonb", "int4")),
    "preview": (("preview",), ("varchar",)),
    "received_at": (("received_at",), ("timestamp",)),
    "sent_at": (("sent_at",), ("timestamp",)),
    "is_read": (("is_read",), ("bool",)),
    "is_flagged": (("is_flagged",), ("bool",)),
    "importance": (("importance",), ("varchar",)),
    "has_attachments": (("has_attachments",), ("bool",)),
    "is_draft": (("is_draft",), ("bool",)),
    "categories": (("categories",), ("jsonb",)),
}
BIT = {key: 1 << place for place, key in enumerate(KEYS)}
COLUMNS = [(column, kind, BIT[key]) for key, (columns, kinds) in KEYS.items() for column, kind in zip(columns, kinds, strict=True)]
NEEDED_TO_INSERT = BIT["folder"] | BIT["received_at"]

# The temporary table lives as long as the connection (a new one per call would bloat the catalogue); its name changes with its shape.
TABLE = SQL.identifier("maildesk_apply_1")


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def connector_apply(self, account_id, tree=None, messages=None, removed=None, gone=None, folders=None):
        """Apply changes of one mailbox, all or nothing."""
        account = self._as_connector().browse(account_id).exists()
        if not account or account.state in ("draft", "paused", "disconnected") or not account.active:
            return {"applied": False, "reason": "account"}
        return _Apply(account).run(tree, messages or [], removed or [], gone or [], folders or [])


class _Refused(Exception):
    def __init__(self, reason, **more):
        self.answer = {"applied": False, "reason": reason, **more}
        super().__init__(reason)


class _Apply:
    """One call; `run` either does all of it or changes nothing."""

    def __init__(self, account):
        self.account = account
        self.env = account.env
        self.touched_folders = set()
        self.touched_messages = set()
        self.new_ids = []
        self.changed = 0
        self.account_changed = False

    def run(self, tree, messages, removed, gone, folders):
        try:
            with self.env.cr.savepoint():
                states = self._lock_states(folders)
                if tree is not None:
                    self._apply_tree(tree)
                folder_ids = self._folder_ids()
                if messages:
                    self._apply_messages(messages, folder_ids)
                self._apply_removed(removed, folder_ids)
                self._apply_gone(gone)
                revisions = self._apply_states(folders, states, folder_ids)
        except _Refused as refused:
            return refused.answer
        self.env.invalidate_all()
        if self.new_ids:
            self.env["mailbox.message_index"]._after_apply(self.new_ids)
        if self.touched_folders or self.touched_messages or self.account_changed:
            self.account._notify(folder_ids=self.touched_folders, message_ids=self.touched_messages, account=self.account_changed)
        return {"applied": True, "revisions": revisions, "new": len(self.new_ids), "changed": self.changed, "pending": self._pending()}

    # ---------------------------------------------------------------- folders

    def _lock_states(self, folders):
        """Lock the sync rows of the folders that carry a revision, in id order, and check the revisions."""
        wanted = {f["folder"]: f["revision"] for f in folders if "revision" in f}
        if not wanted:
            return {}
        self.env.cr.execute(
            SQL(
                """SELECT s.id, f.remote_id, s.revision FROM mailbox_folder_sync s JOIN mailbox_folder f ON f.id = s.folder_id
                   WHERE s.account_id = %s AND f.remote_id = ANY(%s) ORDER BY s.id FOR UPDATE OF s""",
                self.account.id,
                list(wanted),
            ),
            log_exceptions=False,
        )
        states = {remote_id: (row_id, revision) for row_id, remote_id, revision in self.env.cr.fetchall()}
        if unknown := sorted(wanted.keys() - states.keys()):
            raise _Refused("folder", unknown=unknown)
        if any(states[folder][1] != revision for folder, revision in wanted.items()):
            raise _Refused("revision", revisions={folder: revision for folder, (_row, revision) in states.items()})
        return states

    def _apply_tree(self, tree):
        """Make the folders what Graph lists: the missing are archived, their messages become pending."""
        roles = dict(ROLES)
        known = {f.remote_id: f for f in self.env["mailbox.folder"].search([("account_id", "=", self.account.id)])}
        listed = {}
        for row in tree:
            values = {
                "name": row["name"] or "?",
                "role": row["role"] if row["role"] in roles else "other",
                "active": True,
            }
            folder = known.get(row["remote_id"])
            if folder is None:
                folder = self.env["mailbox.folder"].create(
                    {**values, "account_id": self.account.id, "remote_id": row["remote_id"], "sync_enabled": values["role"] != "junk"}
                )
                self.env["mailbox.folder.sync"].create({"account_id": self.account.id, "folder_id": folder.id})
                self.account_changed = True
            else:
                self._write_changed(folder, values)
            listed[row["remote_id"]] = folder
        for row in tree:
            parent = listed.get(row["parent_remote_id"])
            self._write_changed(listed[row["remote_id"]], {"parent_id": parent.id if parent else False})
        for remote_id, folder in known.items():
            if remote_id in listed:
                continue
            self._write_changed(folder, {"active": False})
            self.env["mailbox.folder.sync"].search([("folder_id", "=", folder.id)]).write(
                {"cursor": False, "is_bootstrapped": False, "is_backfilled": False, "backfill_before": False}
            )
            left = self._mark_pending("m.folder_id = %s", folder.id)
            if not left and not self.env["mailbox.message_index"].search_count([("folder_id", "=", folder.id)], limit=1):
                folder.unlink()
        self.env.flush_all()

    def _write_changed(self, folder, values):
        changed = {
            key: value for key, value in values.items() if (folder[key].id if key == "parent_id" else folder[key]) != value
        }
        if changed:
            folder.write(changed)
            self.account_changed = True

    def _folder_ids(self):
        self.env.cr.execute(SQL("SELECT remote_id, id FROM mailbox_folder WHERE account_id = %s AND active", self.account.id))
        return dict(self.env.cr.fetchall())

    def _apply_states(self, folders, states, folder_ids):
        """Write cursors and counts; each that carried a revision goes up by one."""
        revisions = {}
        for update in folders:
            folder_id = folder_ids.get(update["folder"])
            if folder_id is None:
                raise _Refused("folder", unknown=[update["folder"]])
            row = self.env["mailbox.folder.sync"].search([("folder_id", "=", folder_id)])
            values = {key: update[key] for key in ("unread", "total") if key in update}
            if "revision" in update:
                plain = ("cursor", "is_bootstrapped", "backfill_before", "is_backfilled")
                values |= {key: update[key] or False for key in plain if key in update}
                values["revision"] = revisions[update["folder"]] = states[update["folder"]][1] + 1
                if "sync_state" in update and row.folder_id.sync_state != update["sync_state"]:
                    row.folder_id.write({"sync_state": update["sync_state"]})
                    self.account_changed = True
            if "unread" in values or "total" in values:
                self.touched_folders.add(folder_id)
            row.write(values)
        self.env.flush_all()
        return revisions

    # ---------------------------------------------------------------- messages

    def _apply_messages(self, messages, folder_ids):
        self._copy(messages, folder_ids)
        cr = self.env.cr
        cr.execute(
            SQL(
                """SELECT t.remote_id FROM %(t)s t
                   LEFT JOIN mailbox_message_index m ON m.account_id = %(account)s AND m.remote_id = t.remote_id
                   WHERE m.id IS NULL AND t.mask & %(needed)s <> %(needed)s""",
                t=TABLE,
                account=self.account.id,
                needed=NEEDED_TO_INSERT,
            ),
            log_exceptions=False,
        )
        if unknown := sorted(row[0] for row in cr.fetchall()):
            raise _Refused("unknown", unknown=unknown)
        self._update()
        self._insert()

    def _copy(self, messages, folder_ids):
        """Copy the patches into the temporary table."""
        cr = self.env.cr
        columns = SQL(", ").join(SQL("%s %s", SQL.identifier(column), SQL(kind)) for column, kind, _bit in COLUMNS)
        cr.execute(SQL("CREATE TEMP TABLE IF NOT EXISTS %s (remote_id varchar, mask int4, %s) ON COMMIT DELETE ROWS", TABLE, columns))
        cr.execute(SQL("DELETE FROM %s", TABLE))
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        for patch in messages:
            writer.writerow(self._row(patch, folder_ids))
        file.seek(0)
        cr._obj.copy_expert("COPY maildesk_apply_1 FROM STDIN WITH (FORMAT csv)", file)

    def _row(self, patch, folder_ids):
        """Return the fields of one patch; whatever PostgreSQL could choke on is refused here, with the id alone."""
        try:
            cells = {}
            for key in KEYS.keys() & patch.keys():
                cells |= self._cells(key, patch[key], folder_ids)
            mask = sum(BIT[key] for key in KEYS.keys() & patch.keys())
            return [fit(patch["remote_id"]), mask, *(cells.get(column, "") for column, _kind, _bit in COLUMNS)]
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise ValidationError(self.env._("The patch of message %s cannot be read.", str(patch.get("remote_id"))[:200])) from error

    def _cells(self, key, value, folder_ids):
        columns, kinds = KEYS[key]
        if key == "folder":
            if value not in folder_ids:
                raise _Refused("folder", unknown=[value])
            return {"folder_id": folder_ids[value]}
        match kinds[0]:
            case "jsonb" if len(columns) == 2:
                people = [{"name": fit(p.get("name") or ""), "address": fit(p.get("address") or "")} for p in value["list"]]
                return {columns[0]: json.dumps(people), columns[1]: int(value["total"])}
            case "jsonb":
                return {columns[0]: json.dumps([fit(v) for v in value])}
            case "timestamp":
                return {columns[0]: fields.Datetime.to_string(parse(value)) if value else ""}
            case "bool":
                return {columns[0]: "t" if value else "f"}
            case _:
                # COPY takes the empty text for NULL; Odoo shows both alike
                return {columns[0]: fit(value or "")}

    def _update(self):
        """Change the rows that differ, locked in id order."""
        cr = self.env.cr
        differs = SQL(" OR ").join(
            SQL("(t.mask & %s <> 0 AND t.%s IS DISTINCT FROM m.%s)", bit, SQL.identifier(column), SQL.identifier(column))
            for column, _kind, bit in COLUMNS
        )
        cr.execute(
            SQL(
                """SELECT m.id, m.folder_id FROM mailbox_message_index m JOIN %(t)s t ON m.remote_id = t.remote_id
                   WHERE m.account_id = %(account)s AND (m.pending_removal OR %(differs)s) ORDER BY m.id FOR UPDATE OF m""",
                t=TABLE,
                account=self.account.id,
                differs=differs,
            ),
            log_exceptions=False,
        )
        rows = cr.fetchall()
        if not rows:
            return
        self.touched_folders.update(folder_id for _id, folder_id in rows)
        assignments = SQL(", ").join(
            SQL(
                "%s = CASE WHEN t.mask & %s <> 0 THEN t.%s ELSE m.%s END",
                SQL.identifier(column),
                bit,
                SQL.identifier(column),
                SQL.identifier(column),
            )
            for column, _kind, bit in COLUMNS
        )
        cr.execute(
            SQL(
                """UPDATE mailbox_message_index m
                   SET %(assignments)s, pending_removal = false, write_uid = %(uid)s, write_date = now() AT TIME ZONE 'UTC'
                   FROM %(t)s t WHERE m.account_id = %(account)s AND m.remote_id = t.remote_id AND m.id = ANY(%(ids)s)
                   RETURNING m.id, m.folder_id""",
                assignments=assignments,
                uid=self.env.uid,
                t=TABLE,
                account=self.account.id,
                ids=[row[0] for row in rows],
            ),
            log_exceptions=False,
        )
        self._touched(cr.fetchall())

    def _insert(self):
        """Add the unknown rows; another transaction that added one first wins, and the next apply sees it."""
        cr = self.env.cr
        names = SQL(", ").join(SQL.identifier(column) for column, _kind, _bit in COLUMNS)
        values = SQL(", ").join(SQL("t.%s", SQL.identifier(column)) for column, _kind, _bit in COLUMNS)
        cr.execute(
            SQL(
                """INSERT INTO mailbox_message_index
                       (account_id, remote_id, %(names)s, pending_removal, is_local, create_uid, create_date, write_uid, write_date)
                   SELECT %(account)s, t.remote_id, %(values)s, false, false,
                          %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                   FROM %(t)s t
                   WHERE NOT EXISTS (SELECT 1 FROM mailbox_message_index m WHERE m.account_id = %(account)s AND m.remote_id = t.remote_id)
                   ORDER BY t.received_at
                   ON CONFLICT DO NOTHING RETURNING id, folder_id""",
                names=names,
                values=values,
                account=self.account.id,
                uid=self.env.uid,
                t=TABLE,
            ),
            log_exceptions=False,
        )
        rows = cr.fetchall()
        self.new_ids += [row[0] for row in rows]
        self._touched(rows)
        self.changed -= len(rows)

    def _touched(self, rows):
        self.changed += len(rows)
        for message_id, folder_id in rows:
            self.touched_messages.add(message_id)
            self.touched_folders.add(folder_id)

    # ---------------------------------------------------------------- removals

    def _apply_removed(self, removed, folder_ids):
        """Hide messages that left a folder, where the row still is in that folder (design, rule 4)."""
        by_folder = defaultdict(list)
        for item in removed:
            by_folder[item["folder"]].append(item["remote_id"])
        for folder, remote_ids in sorted(by_folder.items()):
            if folder in folder_ids:
                self._mark_pending("m.folder_id = %s AND m.remote_id = ANY(%s)", folder_ids[folder], remote_ids)

    def _mark_pending(self, condition, *params):
        cr = self.env.cr
        cr.execute(
            SQL(
                "SELECT m.id FROM mailbox_message_index m WHERE m.account_id = %s AND m.pending_removal IS NOT TRUE AND %s ORDER BY m.id FOR UPDATE",
                self.account.id,
                SQL(condition, *params),
            ),
            log_exceptions=False,
        )
        ids = [row[0] for row in cr.fetchall()]
        if ids:
            cr.execute(
                SQL(
                    """UPDATE mailbox_message_index SET pending_removal = true, write_date = now() AT TIME ZONE 'UTC'
                       WHERE id = ANY(%s) RETURNING id, folder_id""",
                    ids,
                ),
                log_exceptions=False,
            )
            self._touched(cr.fetchall())
        return ids

    def _apply_gone(self, gone):
        """Delete rows that Graph does not have any more; only those that were hidden before."""
        if not gone:
            return
        cr = self.env.cr
        cr.execute(
            SQL(
                """SELECT m.id, m.folder_id FROM mailbox_message_index m
                   WHERE m.account_id = %s AND m.pending_removal AND m.remote_id = ANY(%s) ORDER BY m.id FOR UPDATE""",
                self.account.id,
                list(gone),
            ),
            log_exceptions=False,
        )
        rows = cr.fetchall()
        if rows:
            cr.execute(SQL("DELETE FROM mailbox_message_index WHERE id = ANY(%s)", [row[0] for row in rows]), log_exceptions=False)
            self._touched(rows)

    def _pending(self):
        self.env.cr.execute(
            SQL("SELECT remote_id FROM mailbox_message_index WHERE account_id = %s AND pending_removal ORDER BY id", self.account.id)
        )
        return [row[0] for row in self.env.cr.fetchall()]


def fit(text):
    """Return `text` if PostgreSQL can store it, else raise ValueError (the connector cleans what it sends)."""
    if not isinstance(text, str) or "\x00" in text:
        raise ValueError("no text for PostgreSQL")
    text.encode()
    return text
