"""What is in a database after `odoo neutralize`, and after an uninstall: every row of every table is looked at.

The database was filled with what must not be found; each search is first shown to find it where it may be.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.odoo.process import free_port
from tests.odoo.server import environment, write_config
from tests.odoo.template import TEMPLATE

if TYPE_CHECKING:
    from tests.odoo.template import Run

SOURCE = "copies_source"

# What a copy of the database must not hold; `MAIL` goes only with an uninstall.
SECRETS = ("planted-token", "planted-cursor", "planted-code", "planted-shared-secret", "planted.connector.example")
MAIL = ("planted-subject", "planted-text", "planted-address", "planted-folder")

_FILL = """
owner = env["res.users"].search([("login", "=", "anna")])
robot = env["res.users"].search([("login", "=", "maildesk_connector")])
account = env["mailbox.account"].with_user(owner).create({"name": "planted-address", "email": "planted-address@example.com"}).sudo()
waiting = env["mailbox.account"].with_user(owner).create({"name": "Draft", "email": "draft@example.com"}).sudo()
ended = env["mailbox.account"].with_user(owner).create({"name": "Ended", "email": "ended@example.com"}).sudo()
for one in (account, ended):
    one._signed_in({"token": {"sealed": "planted-token", "seq": 1}, "scopes": ["Mail.Read"]})
connector = env["mailbox.account"].with_user(robot)
tree = [{"remote_id": "F1", "parent_remote_id": None, "name": "planted-folder", "role": "inbox"}]
person = {"total": 1, "list": [{"name": "B", "address": "planted-address@example.com"}]}
message = {"remote_id": "M1", "folder": "F1", "subject": "planted-subject", "received_at": "2026-11-22T10:00:00Z", "to_recipients": person}
cursor = {"folder": "F1", "revision": 0, "cursor": "https://graph/planted-cursor", "is_bootstrapped": True, "anchor": "x", "told": 1}
for one in (account, ended):
    assert connector.connector_apply(account_id=one.id, tree=tree, messages=[message], folders=[cursor])["applied"]
ended.with_user(owner).unlink()
message = env["mailbox.message_index"].search([("account_id", "=", account.id)])
env["mailbox.message_body"]._keep(message, {"html": "<p>planted-text</p>"})
for state in ("scheduled", "pending", "running", "unconfirmed", "done", "failed"):
    env["mailbox.action"].create({"account_id": account.id, "kind": "send", "state": state})
signin = env["mailbox.signin"].with_user(owner).sudo()._begin("state-1", account, "binding")
env["mailbox.signin"]._take_answer("state-1", {"code": "planted-code", "state": "state-1"})
connector.connector_exchange(instance="i", run="r", reports=[])
account.with_user(owner).action_refresh()
env["ir.config_parameter"].set_param("maildesk.connector_url", "http://planted.connector.example")
env["ir.config_parameter"].set_param("maildesk.connector_secret", "planted-shared-secret")
env["ir.config_parameter"].set_param("maildesk.anything_later", "planted-shared-secret")
# The key of whoever is in the connector's group by way of another group.
team = env["res.groups"].create({"name": "Team", "implied_ids": [(4, env.ref("maildesk.group_connector").id)]})
member = env["res.users"].create({"name": "Member", "login": "member", "group_ids": [(4, team.id)]})
for user in (member, owner):
    env["res.users.apikeys"].with_user(user).sudo()._generate("rpc", "key of " + user.login, None)
env.cr.commit()
"""


def odoo(run: Run, database: str, *command: str, script: str | None = None) -> None:
    """Run one of Odoo's commands on a database to its end."""
    config = write_config(run.folder / f"{database}.conf", run.install, run.cluster, run.folder / "data", free_port())
    line = [*run.install.command, *command, "-c", str(config), "-d", database]
    done = subprocess.run(line, input=script, capture_output=True, text=True, check=False, env=environment(run.install))  # noqa: S603 - our Odoo
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]


@pytest.fixture(scope="module")
def source(run: Run) -> Run:
    """A database with a mailbox in it, and everything that one can have."""
    run.cluster.clone(TEMPLATE, SOURCE)
    odoo(run, SOURCE, "shell", script=_FILL)
    return run


def found(run: Run, database: str, *words: str) -> dict[str, set[str]]:
    """Return where each of the words stands in any column of any table."""
    tables = run.cluster.execute(database, "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'")
    places: dict[str, set[str]] = {word: set() for word in words}
    for (table,) in tables:
        for word in words:
            if run.cluster.execute(database, f"SELECT 1 FROM {table} t WHERE t::text ILIKE %s LIMIT 1", f"%{word}%"):  # noqa: S608 - our table
                places[word].add(str(table))
    return places


def keys(run: Run, database: str) -> set[str]:
    """Return whose API keys there are."""
    query = "SELECT u.login FROM res_users_apikeys k JOIN res_users u ON u.id = k.user_id"
    return {str(login) for (login,) in run.cluster.execute(database, query)}


@pytest.mark.timeout(600)  # seconds: the template may have to be made first
def test_neutralize_leaves_no_secret_in_any_table(source: Run) -> None:
    """Tokens, cursors, codes, the connector's URL, secret and keys are gone; accounts are paused, open actions cancelled; mail is there."""
    assert all(found(source, SOURCE, *SECRETS, *MAIL).values()), "the search finds what is there"
    assert keys(source, SOURCE) == {"maildesk_connector", "member", "anna"}
    source.cluster.clone(SOURCE, "copies_neutral")
    odoo(source, "copies_neutral", "neutralize")

    assert found(source, "copies_neutral", *SECRETS) == {word: set() for word in SECRETS}
    assert all(found(source, "copies_neutral", *MAIL).values())
    assert keys(source, "copies_neutral") == {"anna"}
    execute = source.cluster.execute
    states = execute("copies_neutral", "SELECT name, state, pause_reason FROM mailbox_account ORDER BY name")
    assert states == [("Draft", "draft", None), ("Ended", "disconnected", None), ("planted-address", "paused", "copy")]
    actions = execute("copies_neutral", "SELECT state, count(*) FROM mailbox_action GROUP BY state ORDER BY state")
    assert actions == [("cancelled", 4), ("done", 1), ("failed", 1)]
    for table in ("mailbox_connector", "mailbox_refresh", "mailbox_signin"):
        assert execute("copies_neutral", f"SELECT count(*) FROM {table}") == [(0,)], table  # noqa: S608 - our own tables
    revisions = "SELECT id, revision + %s FROM mailbox_folder_sync ORDER BY id"
    assert execute("copies_neutral", revisions, 0) == execute(SOURCE, revisions, 1), "whoever has an old cursor is refused"


@pytest.mark.timeout(600)
def test_uninstall_leaves_nothing_of_ours(source: Run) -> None:
    """No table, parameter, key, message or row of MailDesk's is left, but Odoo's own entry that there is such an addon."""
    source.cluster.clone(SOURCE, "copies_uninstalled")
    odoo(source, "copies_uninstalled", "shell", script='env["ir.module.module"]._get("maildesk").button_immediate_uninstall()\n')

    execute = source.cluster.execute
    assert execute("copies_uninstalled", "SELECT state FROM ir_module_module WHERE name = 'maildesk'") == [("uninstalled",)]
    assert found(source, "copies_uninstalled", *SECRETS, *MAIL) == {word: set() for word in (*SECRETS, *MAIL)}
    assert keys(source, "copies_uninstalled") == {"anna"}
    tables = "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'mailbox%%' OR table_name LIKE 'maildesk%%'"
    assert execute("copies_uninstalled", tables) == []
    left = found(source, "copies_uninstalled", "mailbox.", "mailbox_", "maildesk.", "maildesk/")
    # Odoo's cached bundles of all apps' assets, which it makes anew by itself, and its entry for the addon that can be installed again.
    assert set().union(*left.values()) <= {"ir_attachment", "ir_module_module"}, left
    assert execute("copies_uninstalled", "SELECT name FROM ir_model_data WHERE module = 'maildesk'") == []
