"""Connecting the sidecar: its user, its keys, what is shown and where it is not stored, and how Settings tells its state."""

from datetime import timedelta
from unittest.mock import patch as replaced

import requests
from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessDenied, AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connector_client import ConnectorClient
from ..connector_yaml import new_key_lines, whole_configuration
from ..models.connector_user import KEY_NAME, LOGIN
from .common import MailDeskCase

URL = "http://127.0.0.1:8071"


@tagged("post_install", "-at_install")
class TestConnect(MailDeskCase):
    def setUp(self):
        super().setUp()
        # The template has a technical user already, made in the same way.
        self.env["res.users"].with_context(active_test=False).search([("login", "=", LOGIN)]).login = "another_connector"
        self.env["mailbox.hello"].search([]).unlink()
        self.system = self.env.ref("base.user_admin")
        self.params = self.env["ir.config_parameter"]
        for name in ("url", "secret", "ca"):
            self.params.set_param(f"maildesk.connector_{name}", "")

    def wizard(self, **vals):
        return (
            self.env["maildesk.connect"].with_user(self.system).create({"connector_url": URL, "odoo_url": "http://127.0.0.1:8069", **vals})
        )

    def make_key(self, days=None):
        """Make a key; return it."""
        return self.env["res.users.apikeys"]._maildesk_make(days and fields.Datetime.now() + timedelta(days=days))

    def technical(self):
        return self.env["res.users"].search([("login", "=", LOGIN)])

    def hello(self, key, version="0.1.0"):
        return self.env["mailbox.account"].with_user(self.technical()).connector_hello(connector_version=version, key_index=key[:8])

    def keys(self):
        return self.env["res.users.apikeys"].search([("user_id", "=", self.technical().id)], order="id")

    def settings(self):
        return self.env["res.config.settings"].with_user(self.system).create({})

    # ------------------------------------------------------------------ the user

    def test_user_has_one_group_and_no_password(self):
        """It can do nothing but the connector's methods, and nobody logs in as it: by form or by RPC, whatever password it is given."""
        user = self.env["res.users"]._maildesk_connector()
        self.assertEqual(user.all_group_ids, self.env.ref("maildesk.group_connector"))
        self.assertEqual(self.env["res.users"]._maildesk_connector(), user)
        user.password = "known-to-somebody"  # noqa: S105 - of a test
        for interactive in (True, False):
            with self.assertRaises(AccessDenied), mute_logger("odoo.addons.base.models.res_users"):
                user.with_user(user)._check_credentials({"type": "password", "password": "known-to-somebody"}, {"interactive": interactive})
        key = self.make_key()
        checked = user.with_user(user)._check_credentials({"type": "password", "password": key}, {"interactive": False})
        self.assertEqual(checked["uid"], user.id)
        with self.assertRaises(AccessDenied):
            user.with_user(user)._check_credentials({"type": "password", "password": key}, {"interactive": True})

    def test_user_reads_nothing(self):
        """Its key opens no model at all."""
        user = self.env["res.users"]._maildesk_connector()
        for model in (
            "res.partner",
            "mailbox.account",
            "mailbox.message_index",
            "res.users.apikeys",
            "ir.config_parameter",
            "mailbox.hello",
            "mailbox.fence",
        ):
            with self.subTest(model=model), self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_model"):
                self.env[model].with_user(user).search([])

    def test_user_is_taken_up_again(self):
        """Archived, or with rights that it does not need: put right. Somebody else's login: refused, and nothing is changed."""
        user = self.env["res.users"]._maildesk_connector()
        user.write({"active": False, "group_ids": [(4, self.env.ref("base.group_user").id)]})
        again = self.env["res.users"]._maildesk_connector()
        self.assertEqual((again, again.active), (user, True))
        self.assertEqual(again.group_ids, self.env.ref("maildesk.group_connector"))
        user.group_ids = self.env.ref("base.group_user")
        with self.assertRaises(UserError):
            self.env["res.users"]._maildesk_connector()
        self.assertEqual(user.group_ids, self.env.ref("base.group_user"))

    def test_person_in_the_group_can_still_log_in(self):
        """An administrator who was put into the group by mistake is not locked out."""
        self.system.write({"password": "a-good-password", "group_ids": [(4, self.env.ref("maildesk.group_connector").id)]})
        self.assertFalse(self.system._is_maildesk_connector())
        checked = self.system.with_user(self.system)._check_credentials(
            {"type": "password", "password": "a-good-password"}, {"interactive": True}
        )
        self.assertEqual(checked["uid"], self.system.id)

    # ------------------------------------------------------------------ the wizard

    def test_wizard_makes_everything_and_stores_the_key_nowhere(self):
        """User, key and secret; the key is in the text, and in no table of the database."""
        text = self.wizard()._connect()
        secret = self.params.get_param("maildesk.connector_secret")
        self.assertGreaterEqual(len(secret), 32)
        self.assertEqual(self.params.get_param("maildesk.connector_url"), URL)
        self.assertIn(f'secret: "{secret}"', text)
        (key,) = [line.split('"')[1] for line in text.splitlines() if "api_key:" in line]
        self.assertEqual(self.env["res.users.apikeys"]._check_credentials(scope="rpc", key=key), self.technical().id)
        self.assertFalse(self.keys().expiration_date)
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT table_name, column_name FROM information_schema.columns
               WHERE table_schema = 'public' AND data_type IN ('character varying', 'text', 'jsonb')"""
        )
        columns = self.env.cr.fetchall()
        for table, column in columns:
            self.env.cr.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s', [f"%{key[8:]}%"])  # pylint: disable=sql-injection
            self.assertEqual(self.env.cr.fetchone(), (0,), (table, column))
        self.assertGreater(len(columns), 500)
        entry = self.env["mailbox.audit"].search([("event", "=", "key_made")], limit=1)
        self.assertTrue(entry.detail.startswith(KEY_NAME))

    def test_wizard_keeps_the_secret_unless_asked(self):
        """Connecting again breaks nothing that runs."""
        self.wizard()._connect()
        secret = self.params.get_param("maildesk.connector_secret")
        self.wizard()._connect()
        self.assertEqual(self.params.get_param("maildesk.connector_secret"), secret)
        self.wizard(is_secret_new=True)._connect()
        self.assertNotEqual(self.params.get_param("maildesk.connector_secret"), secret)

    def test_wizard_warns_where_a_connector_has_a_configuration(self):
        """Its file holds what Odoo does not know: the text and the pages say what to take of it, and that a new key is had otherwise."""
        fresh = self.wizard()
        self.assertFalse(fresh.is_known)
        self.assertNotIn("do not replace", fresh._connect())
        self.hello(self.make_key())
        again = self.wizard()
        self.assertTrue(again.is_known)
        text = again._connect()
        self.assertIn("do not replace that one", text.splitlines()[0])
        self.assertIn("Take only the sections odoo and server", text)

    def test_wizard_lets_the_key_last_as_long_as_chosen(self):
        """Longer than the 90 days that Odoo grants to people, up to for ever; a day that is past is refused."""
        for validity, days in (("90", 90), ("365", 365), ("date", 1000)):
            day = fields.Date.today() + timedelta(days=1000)
            self.wizard(purpose="new_key", validity=validity, expiration_date=day)._new_key()
            left = self.keys()[-1].expiration_date - fields.Datetime.now()
            self.assertAlmostEqual(left.total_seconds() / 86400, days, delta=1.1)
        for day in (False, fields.Date.today(), fields.Date.today() - timedelta(days=3)):
            with self.assertRaises(UserError):
                self.wizard(validity="date", expiration_date=day)._connect()

    def test_wizard_wrong_address_is_told_and_changes_nothing(self):
        """A page's address, no address, another scheme: nothing is made."""
        before = self.env["res.users.apikeys"].search_count([])
        for url in ("127.0.0.1:8071", "ftp://x:1", "http://", "http://x:port", "http://x/odoo/settings", "https://me:pw@x"):
            for field in ("connector_url", "odoo_url"):
                with self.subTest(url=url, field=field), self.assertRaises(UserError):
                    self.wizard(**{field: url})._connect()
        self.assertFalse(self.params.get_param("maildesk.connector_secret"))
        self.assertEqual(self.env["res.users.apikeys"].search_count([]), before)

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_wizard_is_for_administrators_of_odoo(self):
        """Not for a MailDesk administrator, nor anybody else; neither the wizard nor its last page."""
        for user in (self.admin, self.owner, self.robot, self.employee):
            for model in ("maildesk.connect", "maildesk.connect.show"):
                with self.subTest(user=user.login, model=model), self.assertRaises(AccessError):
                    self.env[model].with_user(user).create({"connector_url": URL} if model == "maildesk.connect" else {})
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["res.config.settings"].with_user(user).maildesk_test()

    def test_wizard_wants_the_password_again(self):
        """As Odoo's own wizard for API keys does: a call without a browser's session is refused."""
        with self.assertRaises(UserError):
            self.wizard().action_make()

    def test_wizard_warns_of_an_open_line(self):
        """Http to another machine."""
        for url, is_open in (
            (URL, False),
            ("http://localhost:1", False),
            ("http://10.0.0.5:8071", True),
            ("https://10.0.0.5", False),
            ("x", False),
        ):
            self.assertEqual(self.wizard(connector_url=url).is_unencrypted, is_open)

    def test_yaml_says_how_the_connector_listens(self):
        """At home; by https elsewhere; unencrypted elsewhere only with the switch."""
        given = {"odoo_url": "http://o/", "database": "d", "login": "l", "api_key": "k", "secret": "s", "redirect_uri": "r"}
        for url, lines in (
            ("http://127.0.0.1:8071", ['listen: "127.0.0.1:8071"']),
            ("http://[::1]:8071", ['listen: "[::1]:8071"']),
            ("https://mail.example.com", ['listen: "0.0.0.0:443"', "tls_certificate:", "tls_key:"]),
            ("http://connector:8071", ['listen: "0.0.0.0:8071"', "allow_unencrypted: true"]),
        ):
            text = whole_configuration(connector_url=url, **given)
            for line in lines:
                self.assertIn(line, text)
            self.assertEqual("tls_key" in text, url.startswith("https"))
        self.assertIn('api_key: "k"', new_key_lines("k"))

    # ------------------------------------------------------------------ keys

    def test_new_key_overlaps_until_it_is_used(self):
        """Two are valid; the older ones of ours go when the connector came with the newer one; what a person made stays."""
        first = self.make_key()
        mine = self.env["res.users.apikeys"].with_user(self.technical()).sudo()._generate("rpc", "by hand", None)
        self.hello(first)
        second, third = self.make_key(), self.make_key()
        valid = self.env["res.users.apikeys"]._check_credentials
        self.assertTrue(all(valid(scope="rpc", key=key) for key in (first, second, third)))
        self.assertTrue(self.env["mailbox.hello"]._sidecar()["is_key_unused"])
        # The one that runs says hello again, say after Odoo was away: nothing newer goes.
        self.hello(first)
        self.assertTrue(all(valid(scope="rpc", key=key) for key in (first, second, third)))
        self.hello(third)
        self.assertEqual([bool(valid(scope="rpc", key=key)) for key in (first, second, third, mine)], [False, False, True, True])
        self.assertFalse(self.env["mailbox.hello"]._sidecar()["is_key_unused"])

    def test_check_notes_nothing(self):
        """`doctor` with the new key must not take the old one from the connector that runs."""
        first = self.make_key()
        self.hello(first)
        second = self.make_key(days=30)
        answer = self.env["mailbox.account"].with_user(self.technical()).connector_check(key_index=second[:8])
        self.assertTrue(answer["key_expires_at"].endswith("Z"))
        self.assertTrue(self.env["res.users.apikeys"]._check_credentials(scope="rpc", key=first))
        self.assertEqual(answer["connector"]["outcome"], "not_configured")
        self.assertTrue(answer["redirect_uri"].endswith("/maildesk/outlook/callback"))

    def test_hello_tells_when_the_key_ends(self):
        """Of the key that it came with; null for one without an end, and for characters that nobody has."""
        self.assertIsNone(self.hello(self.make_key())["key_expires_at"])
        self.assertEqual(
            self.hello(self.make_key(days=30))["key_expires_at"][:10], str((fields.Datetime.now() + timedelta(days=30)).date())
        )
        self.assertIsNone(self.hello("00000000")["key_expires_at"])
        self.assertIsNone(self.hello("' OR 1=1")["key_expires_at"])
        # Another user's key is none of the caller's.
        other = self.env["res.users.apikeys"].with_user(self.system).sudo()._generate("rpc", "x", fields.Datetime.now() + timedelta(days=9))
        self.assertIsNone(self.hello(other)["key_expires_at"])

    def test_end_of_key_is_told_once(self):
        """One activity for each administrator of Odoo, fourteen days before; not again when it is done; gone when a new key is used."""
        hello = self.env["mailbox.hello"]
        self.hello(self.make_key(days=30))
        hello._cron_key_expiry()
        self.assertFalse(hello._activities())
        with freeze_time(fields.Datetime.now() + timedelta(days=17)):
            hello._cron_key_expiry()
            told = hello._activities()
            self.assertEqual(told.user_id, self.env.ref("base.group_system").all_user_ids.filtered("active"))
            self.assertEqual(len(told), len(told.user_id))
            hello._cron_key_expiry()
            self.assertEqual(hello._activities(), told)
            told.action_done()
            hello._cron_key_expiry()
            self.assertFalse(hello._activities())
            self.hello(self.make_key(days=10))
            hello._cron_key_expiry()
            self.assertTrue(hello._activities())
            self.hello(self.make_key())
            self.assertFalse(hello._activities())

    def test_end_of_key_is_told_where_nothing_is_known(self):
        """A connector that never came, or came with a password, has no key to warn of."""
        self.env["mailbox.hello"]._cron_key_expiry()
        self.make_key()
        self.hello("")
        self.env["mailbox.hello"]._cron_key_expiry()
        self.assertFalse(self.env["mailbox.hello"]._activities())

    # ------------------------------------------------------------------ settings

    def test_settings_tell_how_the_sidecar_stands(self):
        """Not set up, never seen, running, gone in order, not heard from."""
        self.assertEqual(self.settings().maildesk_sidecar_state, "off")
        self.wizard()._connect()
        self.assertEqual(self.settings().maildesk_sidecar_state, "waiting")
        self.hello(self.make_key(days=30), "0.1.0")
        connector = self.env["mailbox.account"].with_user(self.technical())
        self.assertEqual(self.settings().maildesk_sidecar_state, "silent")
        connector.connector_exchange(instance="i", run="r")
        shown = self.settings()
        self.assertEqual((shown.maildesk_sidecar_state, shown.maildesk_sidecar_version), ("running", "0.1.0"))
        self.assertFalse(shown.maildesk_is_key_soon)
        with freeze_time(fields.Datetime.now() + timedelta(days=17)):
            shown = self.settings()
            self.assertEqual((shown.maildesk_sidecar_state, shown.maildesk_is_key_soon), ("silent", True))
        self.env["mailbox.connector"].search([]).write({"trouble_code": "entra_credentials", "trouble_message": "The secret has expired."})
        self.assertEqual(self.settings().maildesk_sidecar_trouble, "The secret has expired.")
        connector.connector_exchange(instance="i", run="r", leaving=True)
        shown = self.settings()
        self.assertEqual((shown.maildesk_sidecar_state, bool(shown.maildesk_sidecar_seen_at)), ("stopped", True))

    def test_settings_that_were_open_do_not_undo_the_wizard(self):
        """The form was loaded before the wizard wrote; saving something else puts no old value back."""
        form = self.settings()
        self.wizard()._connect()
        form.execute()
        self.assertEqual(self.params.get_param("maildesk.connector_url"), URL)
        self.assertTrue(self.params.get_param("maildesk.connector_secret"))
        form.maildesk_connector_url = " http://127.0.0.1:9/ "
        self.assertEqual(self.params.get_param("maildesk.connector_url"), "http://127.0.0.1:9")

    # ------------------------------------------------------------------ asking the connector

    def ask(self, answer=None, error=None, ca=None):
        """Check with a connector that answers so; return outcome and how it was asked."""
        self.params.set_param("maildesk.connector_url", "https://me:pw@connector.example:8071")
        self.params.set_param("maildesk.connector_secret", "the-secret-of-both")
        self.params.set_param("maildesk.connector_ca", ca)
        asked = {}

        def request(session, method, url, **kwargs):
            asked.update(kwargs, method=method, url=url, trust_env=session.trust_env)
            if error:
                raise error
            return answer

        with replaced.object(requests.Session, "request", request):
            return ConnectorClient.check(self.env), asked

    def response(self, status, content):
        answer = requests.Response()
        answer.status_code, answer._content = status, content
        return answer

    def test_check_tells_what_happened(self):
        """One word for each way in which it can fail; never a secret, never what stood before the host."""
        for answer, outcome in (
            (self.response(200, b'{"version": "1", "instance": "i"}'), "ok"),
            (self.response(401, b'{"error": "unauthorized", "message": "x"}'), "unauthorized"),
            (self.response(404, b"Not Found"), "not_connector"),
            (self.response(404, b'{"detail": "x"}'), "not_connector"),
            (self.response(200, b"<html>"), "not_connector"),
            (self.response(200, b"[]"), "not_connector"),
            (requests.ConnectionError("x"), "unreachable"),
            (requests.Timeout("x"), "unreachable"),
            (requests.exceptions.SSLError("x"), "untrusted"),
            (OSError("no such file"), "untrusted"),
        ):
            with self.subTest(outcome=outcome):
                given = {"error": answer} if isinstance(answer, Exception) else {"answer": answer}
                seen, asked = self.ask(**given)
                self.assertEqual(seen["outcome"], outcome)
                self.assertEqual(seen["url"], "https://connector.example:8071")
                self.assertNotIn("the-secret", str(seen))
                self.assertEqual((asked["trust_env"], asked["allow_redirects"]), (False, False))
                self.assertLessEqual(asked["timeout"], 3)

    def test_check_trusts_what_is_configured(self):
        """The system's store, or the file that is named."""
        answer = self.response(200, b'{"version": "1", "instance": "i"}')
        self.assertEqual(self.ask(answer, ca="/etc/maildesk/connector.crt")[1]["verify"], "/etc/maildesk/connector.crt")
        self.assertTrue(self.ask(answer)[1]["verify"])

    def test_test_button_says_it_in_a_sentence(self):
        """Green where all is well."""
        self.assertEqual(self.settings().maildesk_test()["params"]["type"], "danger")
