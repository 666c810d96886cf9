"""What the connector calls (docs/protocol.md, section 1), but for apply and compare. Each method is one transaction.

Every method checks the group first and only then works as superuser: the connector's user has no access rights of its own, so its key
opens these few doors and nothing else.
"""

from datetime import timedelta

from odoo import api, fields, models, release
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..connector_client import ConnectorClient
from ..wire import WireError, iso, key, number, objects, text, to_datetime
from .apply_turn import in_turn

# States that a person chose; a report of the connector does not change them.
CHOSEN_STATES = ("draft", "paused", "disconnected")
REPORTED_STATES = ("connected", "reauth_required", "admin_required", "error")
# What the connector reports of an account that a backup brought back: a person had disconnected it.
DISCONNECTED = "disconnected"
# States in which a connector works on a mailbox.
RUNNING = ("connected", "error", "admin_required")
PHASES = ("discovering", "bootstrapping", "backfilling", "up_to_date")

# Why a body does not come, as the bus says it; the app has the sentences. Anything else is the first.
BODY_ERRORS = ("unavailable", "not_found", "needs_sign_in", "unreadable")

# Minutes by which watermarks overlap: longer than any transaction of Odoo, since a change is dated when its transaction starts.
OVERLAP_MINUTES = 5


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def _as_connector(self):
        """Return the model as superuser, for the connector only."""
        if not self.env.user.has_group("maildesk.group_connector"):
            raise AccessError(self.env._("Only the MailDesk connector may do this."))
        # sudo: the group was checked; the connector sees all mailboxes, through these methods only
        return self.sudo().with_context(active_test=False)

    @api.model
    def connector_hello(self, connector_version, key_index=None):
        """Tell the connector who is here, and note which version came with which key."""
        model = self._as_connector()
        found = model._key_of_caller(key_index)
        model.env["mailbox.hello"]._say(key(connector_version, "connector_version"), model.env.user, found)
        return model._who_is_here(found)

    @api.model
    def connector_check(self, key_index=None):
        """Tell what `connector_hello` tells, and ask the connector that is set up here whether it answers: for `doctor`. Notes nothing."""
        model = self._as_connector()
        found = model._key_of_caller(key_index)
        return {
            **model._who_is_here(found),
            "redirect_uri": model._redirect_uri(),
            "connector": ConnectorClient.check(model.env),
        }

    def _key_of_caller(self, key_index):
        """Return the API key that the connector came with, as far as it says."""
        return self.env["res.users.apikeys"]._maildesk_find(self.env.user, text(key_index, "key_index"))

    def _who_is_here(self, found):
        return {
            "addon_version": self.env["ir.module.module"]._get("maildesk").installed_version,
            "odoo_version": release.series,
            "database_uuid": self._database_uuid(),
            "now": iso(fields.Datetime.now()),
            "key_expires_at": iso(found.expiration_date),
        }

    @api.model
    def _database_uuid(self):
        """Return the database's name for itself: a copy has another one."""
        # sudo: system parameters are for administrators
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    @api.model
    def _is_meant(self, database):
        """Tell whether a call means this database: where it was swapped under a connector that runs, it means another one."""
        return text(database, "database") in (None, self._database_uuid())

    @api.model
    def connector_exchange(
        self, instance, run, serial=None, since=None, reports=None, *, leaving=False, database=None, trouble=False, actions=0
    ):
        """Take reports on any number of accounts and return the accounts whose configuration changed, and actions that are due.

        `database` is the only one that the connector means; `trouble` what is wrong with the connector itself (False: not known yet);
        `actions` is how many the connector takes.
        """
        model = self._as_connector()
        if not model._is_meant(database):
            return {"foreign": {"database_uuid": model._database_uuid()}}
        lease, holder = model.env["mailbox.connector"]._take(key(instance, "instance"), key(run, "run"), text(serial, "serial"))
        if lease is None:
            return {"held": {"instance": holder.instance, "seen_at": iso(holder.seen_at)}}
        if trouble is not False:
            holder._take_trouble(trouble)
        reports = sorted(objects(reports, "reports"), key=lambda report: number(report.get("account_id"), "account_id"))
        known = model.browse([report["account_id"] for report in reports]).exists()
        model._lock(known.ids)
        changed = model.browse()
        for report in reports:
            account = model.browse(report["account_id"])
            if account in known and account._take_report(report):
                changed |= account
        changed._notify(account=True)
        now = fields.Datetime.now()
        refreshes = model.env["mailbox.refresh"]._newest()
        domain = []
        if since is not None:
            bound = to_datetime(since, "since") - timedelta(minutes=OVERLAP_MINUTES)
            asked = [account_id for account_id, moment in refreshes.items() if moment >= bound]
            domain = ["|", ("config_changed_at", ">=", bound), ("id", "in", asked)]
        accounts = [account._to_connector(refreshes.get(account.id)) for account in model.search(domain, order="id")]
        # The connector speaks of an account that was deleted here: say so.
        accounts += [_deleted(report["account_id"]) for report in reports if report["account_id"] not in known._ids]
        if leaving:
            # Whoever comes next need not wait.
            holder._leave()
            model.env["mailbox.hello"]._leave()
        new_serial, restored = lease
        taken = [] if restored or leaving else model._take_actions(number(actions, "actions"), text(serial, "serial"), since, holder)
        return {
            "watermark": iso(now),
            "serial": new_serial,
            "restored": restored,
            "accounts": accounts,
            "last_account_id": model._last_id(),
            "actions": taken,
            "next_send_in": None if restored or leaving else model._next_send_in(),
        }

    @api.model
    def _last_id(self):
        """Return the highest number that an account ever got: what is above it was made in another life of this database."""
        self.env.cr.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM mailbox_account_id_seq")
        return self.env.cr.fetchone()[0]

    def _lock(self, ids):
        """Lock rows in the order of ids, so that two calls never wait for each other."""
        if ids:
            self.env.cr.execute(
                "SELECT id FROM mailbox_account WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids], log_exceptions=False
            )

    def _to_connector(self, refresh_requested_at):
        connected = self.state not in ("draft", "disconnected") and self.token_sealed
        return {
            "id": self.id,
            "email": self.email,
            "provider": self.provider,
            "state": self.state,
            "active": self.active,
            "token": {"sealed": self.token_sealed, "seq": self.token_seq} if connected else None,
            "config_changed_at": iso(self.config_changed_at),
            "refresh_requested_at": iso(refresh_requested_at),
            "tenant": self.tenant or None,
            "mailbox_id": self.mailbox_id or None,
            "token_seq": self.token_seq,
        }

    def _take_report(self, report):
        """Write what differs; return whether users are to be told."""
        if report.get("state") == DISCONNECTED:
            if self.state not in ("draft", DISCONNECTED):
                self._disconnect()
            return False
        vals = self._reported(report)
        self._take_cursors(objects(report.get("cursors"), "cursors"))
        vals = {name: value for name, value in vals.items() if self[name] != value}
        if vals.get("state") == "reauth_required":
            self._ask_to_reauthorize()
        if vals:
            # The connector need not hear of what it says itself.
            self._write_unheard(vals)
        # A heartbeat is told even within the same second: whoever pressed Refresh is waiting for it.
        return "last_sync_at" in report or bool(vals.keys() - {"token_sealed", "token_seq"})

    def _reported(self, report):
        """Return what a report says of the account's own fields, as far as it is taken now."""
        vals = {}
        if self.state not in CHOSEN_STATES:
            if "state" in report:
                vals["state"] = _one_of(report["state"], REPORTED_STATES, "state")
            if "state_message" in report:
                vals["state_message"] = text(report["state_message"], "state_message") or False
        if "token" in report and self._takes_tokens():
            self._take_token(report["token"], vals)
        if "sync_phase" in report:
            vals["sync_phase"] = _one_of(report["sync_phase"], PHASES, "sync_phase")
        for name in ("backfill_done", "backfill_total"):
            if name in report:
                vals[name] = number(report[name], name)
        if report.get("last_sync_at") is not None:
            vals["last_sync_at"] = to_datetime(report["last_sync_at"], "last_sync_at")
        return vals

    def _takes_tokens(self):
        """A newer token is kept, in a paused mailbox too (sealed anew, say); where a person or a copy let it go, none comes back."""
        return self.state not in CHOSEN_STATES or bool(self.state == "paused" and self.token_sealed)

    def _take_token(self, token, vals):
        if not isinstance(token, dict):
            raise WireError("token: not an object")
        seq = number(token.get("seq"), "token.seq")
        if seq > self.token_seq:
            vals |= {"token_sealed": key(token.get("sealed"), "token.sealed"), "token_seq": seq}

    def _take_cursors(self, cursors):
        """Take cursors that moved without news, where nobody else moved them."""
        if not cursors:
            return
        syncs = self.env["mailbox.folder.sync"]
        # Locked first: a write that fails is logged with its values, and a cursor is a secret.
        syncs._lock(self.id, [key(report.get("folder"), "cursors.folder") for report in cursors])
        rows = {row.folder_id.remote_id: row for row in syncs.search([("account_id", "=", self.id)])}
        for report in cursors:
            row = rows.get(report["folder"])
            if row and row.revision == number(report.get("revision"), "cursors.revision"):
                row.cursor = key(report.get("cursor"), "cursors.cursor")

    @api.model
    def connector_take_up(self, account_ids):
        """Return what the connector needs to go on with mailboxes; what it sent before is in there, or refused from now on."""
        model = self._as_connector()
        wanted = sorted({number(one, "account_ids") for one in account_ids or []})

        def work():
            accounts = model.search([("id", "in", wanted)], order="id")
            return [{**account._snapshot(), "fence": account.env["mailbox.fence"]._renew(account.id)} for account in accounts]

        return in_turn(model.env, wanted, work)

    def _snapshot(self):
        self.env.flush_all()
        counts = dict(
            self.env.execute_query(
                SQL(
                    """SELECT COALESCE(said_folder_id, folder_id), count(*) FROM mailbox_message_index
                        WHERE account_id = %s AND NOT COALESCE(said_pending_removal, pending_removal) GROUP BY 1""",
                    self.id,
                )
            )
        )
        rows = self.env["mailbox.folder.sync"].search([("account_id", "=", self.id), ("folder_id.active", "=", True)], order="folder_id")
        return {
            "account_id": self.id,
            "folders": [row._to_connector(counts.get(row.folder_id.id, 0)) for row in rows],
            "pending": self._pending(),
            "unreadable": self.env["mailbox.unreadable"].search([("account_id", "=", self.id)], order="id").mapped("remote_id"),
            "unsettled": self._unsettled(),
            "covered": self._covered(),
            "covered_folders": self._covered_folders(),
        }

    def _pending(self):
        """Return the messages of the account that are hidden until the connector knows where they went."""
        query = SQL(
            """SELECT remote_id FROM mailbox_message_index
                WHERE account_id = %s AND COALESCE(said_pending_removal, pending_removal) AND NOT is_local ORDER BY id""",
            self.id,
        )
        return [row[0] for row in self.env.execute_query(query)]

    @api.model
    def connector_body(self, account_id, remote_id, body, database=None):
        """Take a body that was too late for the request that asked; tell the app that it is here."""
        model = self._as_connector()
        if not model._is_meant(database):
            return False
        message = model.env["mailbox.message_index"].search(
            [("account_id", "=", number(account_id, "account_id")), ("remote_id", "=", key(remote_id, "remote_id"))]
        )
        if message and isinstance(body, dict):
            code = body.get("error") or model.env["mailbox.message_body"]._keep(message, body).get("error")
            # A code, never a sentence: bus messages rest in a table.
            error = code if code in (None, *BODY_ERRORS) else BODY_ERRORS[0]
            message.account_id._people()._bus_send("maildesk/body", {"message_id": message.id, "error": error})
        return True


def _one_of(value, allowed, where):
    if value not in allowed:
        raise WireError(f"{where}: not one of {', '.join(allowed)}")
    return value


def _deleted(account_id):
    return {
        "id": account_id,
        "email": "",
        "provider": "outlook",
        "state": "disconnected",
        "active": False,
        "token": None,
        "config_changed_at": None,
        "refresh_requested_at": None,
        "tenant": None,
        "mailbox_id": None,
        "token_seq": 0,
    }
