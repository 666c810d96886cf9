"""What the connector calls, except `apply`: greeting, exchange, taking up, comparing, late bodies (docs/protocol.md, section 1)."""

from datetime import timedelta

from odoo import api, fields, models, release
from odoo.exceptions import AccessError

from .mailbox_account import iso
from .mailbox_message_index import parse

# States that a person chose; no report changes them.
CHOSEN_STATES = ("draft", "paused", "disconnected")

# Watermarks overlap by more than the longest transaction (limit_time_real is 120 s by default), so that none is missed for committing late.
OVERLAP = timedelta(minutes=5)

REPORTED = ("sync_phase", "state_message", "backfill_done", "backfill_total")


class MailboxAccount(models.Model):
    _inherit = "mailbox.account"

    @api.model
    def _as_connector(self):
        """Return the model with full rights, for the group "MailDesk connector" alone."""
        if not self.env.user.has_group("maildesk.group_connector"):
            raise AccessError(self.env._("Only the MailDesk connector may call this."))
        # sudo: the connector has rights to its methods, none to the models
        return self.sudo().with_context(active_test=False)

    @api.model
    def connector_hello(self, connector_version):
        """Say who we are."""
        accounts = self._as_connector()
        module = accounts.env["ir.module.module"].search([("name", "=", "maildesk")])
        return {
            "addon_version": module.installed_version,
            "odoo_version": release.series,
            "database_uuid": accounts.env["ir.config_parameter"].get_param("database.uuid"),
            "now": iso(fields.Datetime.now()),
        }

    @api.model
    def connector_exchange(self, instance, since, reports):
        """Take what the connector tells, and tell which accounts changed."""
        accounts = self._as_connector()
        now = fields.Datetime.now()
        for report in reports:
            accounts.browse(report["account_id"]).exists()._take_report(report)
        domain = [("config_changed_at", ">=", parse(since) - OVERLAP)] if since else []
        changed = accounts.search(domain, order="id")
        return {"watermark": iso(now), "accounts": [account._to_connector() for account in changed]}

    def _take_report(self, report):
        if not self:
            return
        values = {key: report[key] for key in REPORTED if key in report}
        if "last_sync_at" in report:
            values["last_sync_at"] = parse(report["last_sync_at"])
        if self.state in CHOSEN_STATES:
            values.pop("state_message", None)
        elif "state" in report:
            values["state"] = report["state"]
        token = report.get("token")
        if token and token["seq"] > self.token_seq and self.state != "disconnected":
            values |= {"token_sealed": token["sealed"], "token_seq": token["seq"]}
        values = {key: value for key, value in values.items() if self[key] != value}
        for cursor in report.get("cursors") or ():
            self.env["mailbox.folder.sync"].search(
                [("account_id", "=", self.id), ("folder_id.remote_id", "=", cursor["folder"]), ("revision", "=", cursor["revision"])]
            ).write({"cursor": cursor["cursor"]})
        if values:
            self._report_write(values)
            self._notify(account=True)

    def _to_connector(self):
        return {
            "id": self.id,
            "email": self.email,
            "provider": self.provider,
            "state": self.state,
            "active": self.active,
            "token": {"sealed": self.token_sealed, "seq": self.token_seq} if self.token_sealed else None,
            "refresh_requested_at": iso(self.refresh_requested_at),
        }

    @api.model
    def connector_take_up(self, account_ids):
        """Return cursors, revisions and unresolved removals of mailboxes."""
        accounts = self._as_connector().browse(account_ids).exists()
        states = accounts.env["mailbox.folder.sync"].search([("account_id", "in", accounts.ids), ("folder_id.active", "=", True)])
        messages = accounts.env["mailbox.message_index"]
        indexed = dict(messages._read_group([("account_id", "in", accounts.ids)], ["folder_id"], ["__count"]))
        pending = messages.search_fetch([("account_id", "in", accounts.ids), ("pending_removal", "=", True)], ["remote_id", "account_id"])
        return [
            {
                "account_id": account.id,
                "folders": [row._to_connector(indexed.get(row.folder_id, 0)) for row in states if row.account_id == account],
                "pending": [m.remote_id for m in pending if m.account_id == account],
            }
            for account in accounts
        ]

    @api.model
    def connector_unlisted(self, account_id, folder, listed, since=None, after=None, until=None):
        """Return the rows of a folder that a complete listing does not have."""
        account = self._as_connector().browse(account_id)
        domain = [("account_id", "=", account.id), ("folder_id.remote_id", "=", folder), ("pending_removal", "!=", True), ("remote_id", "!=", False)]
        for operator, moment in ((">=", since), (">", after), ("<=", until)):
            if moment:
                domain.append(("received_at", operator, parse(moment)))
        rows = account.env["mailbox.message_index"].search_fetch(domain, ["remote_id"])
        return {"unlisted": sorted(set(rows.mapped("remote_id")) - set(listed))}

    @api.model
    def connector_body(self, account_id, remote_id, body):
        """Keep a body that was too late for the request that asked, and tell the people who may be waiting."""
        account = self._as_connector().browse(account_id)
        message = account.env["mailbox.message_index"].search([("account_id", "=", account.id), ("remote_id", "=", remote_id)])
        if message:
            if "error" not in body:
                account.env["mailbox.message_body"]._keep(message, body)
            people = (account.owner_id | account.shared_user_ids).partner_id
            people._bus_send("maildesk/body", {"message_id": message.id, "error": body.get("message") if "error" in body else None})
        return True


class MailboxFolderSync(models.Model):
    _inherit = "mailbox.folder.sync"

    def _to_connector(self, indexed):
        folder = self.folder_id
        return {
            "remote_id": folder.remote_id,
            "role": folder.role,
            "name": folder.name,
            "sync_enabled": folder.sync_enabled,
            "sync_state": folder.sync_state,
            "revision": self.revision,
            "cursor": self.cursor or None,
            "is_bootstrapped": self.is_bootstrapped,
            "backfill_before": self.backfill_before or None,
            "is_backfilled": self.is_backfilled,
            "unread": self.unread,
            "total": self.total,
            "indexed": indexed,
        }
