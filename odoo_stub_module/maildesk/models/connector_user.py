"""The technical user of the connector, and its API keys.

The user has the group "MailDesk connector" and nothing else: its key opens the connector_* methods. It cannot log in with a password, by
the form or by RPC. A key is kept by Odoo as a hash; its first characters, in clear, find it again when the connector comes with it.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessDenied, UserError
from odoo.tools import SQL

LOGIN = "maildesk_connector"

# How the keys that MailDesk made are told from those that people made: by the beginning of their name.
KEY_NAME = "MailDesk connector"

# Days before its end when a key is warned of (connector/odoo/key.py says it as well).
WARNING_DAYS = 14


class ResUsers(models.Model):
    _inherit = "res.users"

    @api.model
    def _maildesk_connector(self):
        """Return the technical user, made if it is not there."""
        group = self.env.ref("maildesk.group_connector")
        # sudo: the wizard checked that an administrator asks
        users = self.sudo().with_context(active_test=False)
        user = users.search([("login", "=", LOGIN)])
        if user and group not in user.group_ids:
            raise UserError(
                self.env._(
                    "There is a user “%s” that is not the connector's. Give that user another login, or the group “MailDesk connector”.",
                    LOGIN,
                )
            )
        if not user:
            # No mail about it to anybody: nobody reads its mail.
            return users.with_context(no_reset_password=True).create(
                {"name": "MailDesk connector", "login": LOGIN, "group_ids": [(6, 0, group.ids)]}
            )
        if not user.active or user.group_ids != group:
            user.write({"active": True, "group_ids": [(6, 0, group.ids)]})
        return user

    def _is_maildesk_connector(self):
        """Tell whether this is a technical user; a person who was put into the group as well can still log in."""
        return self._has_group("maildesk.group_connector") and not self._has_group("base.group_user")

    def _rpc_api_keys_only(self):
        return self._is_maildesk_connector() or super()._rpc_api_keys_only()

    def _check_credentials(self, credential, env):
        if (env or {}).get("interactive", True) and self.env.user._is_maildesk_connector():
            raise AccessDenied
        return super()._check_credentials(credential, env)


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    @api.model
    def _maildesk_make(self, expiration_date):
        """Make a key of the technical user and return it: the only time that anybody sees it. None: it never expires."""
        user = self.env["res.users"]._maildesk_connector()
        name = f"{KEY_NAME} {fields.Datetime.now():%Y-%m-%d %H:%M:%S}"
        # sudo: lets a key last longer than Odoo lets people's keys; the wizard checked that an administrator asks
        key = self.with_user(user).sudo()._generate("rpc", name, expiration_date or None)
        self.env["mailbox.account"]._audit("key_made", name)
        return key

    @api.model
    def _maildesk_find(self, user, index):
        """Return the key of a user that begins with these characters; empty if there is none, or more than one by chance."""
        if not index:
            return self.browse()
        found = self.env.execute_query(SQL("SELECT id FROM res_users_apikeys WHERE user_id = %s AND index = %s", user.id, index))
        return self.browse(found[0]) if len(found) == 1 else self.browse()

    def _maildesk_is_ours(self):
        """Tell whether MailDesk made this key."""
        # sudo: a name, for a decision
        return (self.sudo().name or "").startswith(KEY_NAME)

    def _maildesk_older(self):
        """Return the keys of ours that were made before this one, for the same user."""
        # sudo: keys of the technical user, looked at by its own call
        domain = [("user_id", "=", self.sudo().user_id.id), ("name", "=like", f"{KEY_NAME}%"), ("id", "<", self.id)]
        return self.sudo().search(domain)

    @api.model
    def _maildesk_newest(self):
        """Return the newest key of ours."""
        # sudo: its name and dates are shown to administrators
        return self.sudo().search([("name", "=like", f"{KEY_NAME}%"), ("user_id.login", "=", LOGIN)], order="id desc", limit=1)


def is_soon(expires_at, now):
    """Tell whether a time is within the days that are warned of, or past."""
    return bool(expires_at) and expires_at - now <= timedelta(days=WARNING_DAYS)
