"""Runs in Odoo's shell: makes the people of the table, and tells what the addon has: models, public methods, routes, closed fields.

`env` is Odoo's. What is told is read by `place.py`; the table is held to it, so that nothing new goes untried.
"""

# ruff: noqa: ANN001, ANN201, F821, T201 - a script for a shell that has `env`; what it prints is read
# mypy: ignore-errors

import inspect
import json

from odoo.orm.models import NO_ACCESS

OURS = "odoo.addons.maildesk"

GROUPS = {
    "portal": ("base.group_portal",),
    "other": ("maildesk.group_user", "base.group_allow_export"),
    "shared": ("maildesk.group_user", "base.group_allow_export"),
    "owner": ("maildesk.group_user", "base.group_allow_export"),
    "admin": ("maildesk.group_admin", "base.group_allow_export"),
    # The addon promises that its key opens the connector's methods and nothing else; as an employee too.
    "connector": ("base.group_user", "maildesk.group_connector", "base.group_allow_export"),
}


def person(role, groups):
    """Make a user with a password and an API key."""
    password = f"{role}-of-the-table-1"
    login = f"table_{role}"
    values = {"name": f"Table {role}", "login": login, "email": f"{login}@pier.example", "password": password}
    user = env["res.users"].create({**values, "group_ids": [(6, 0, [env.ref(group).id for group in groups])]})
    user.write({"odoobot_state": "disabled"})
    key = env["res.users.apikeys"].with_user(user).sudo()._generate("rpc", "table", None)
    return {"id": user.id, "partner": user.partner_id.id, "login": login, "password": password, "key": key}


def is_public(model, name):
    """Tell whether RPC may call it (odoo.service.model.get_public_method)."""
    if name.startswith("_"):
        return False
    versions = [version for cls in type(model).mro() if (version := getattr(cls, name, None)) is not None]
    return callable(versions[0]) and not any(getattr(version, "_api_private", False) for version in versions)


def is_ours(model, name):
    """Tell whether one of its versions is of the addon."""
    return any(getattr(cls.__dict__.get(name), "__module__", "").startswith(OURS) for cls in type(model).mro())


def methods_of(model):
    """Return {name: parameters} of all that RPC may call."""
    found = {}
    for name in dir(type(model)):
        if is_public(model, name):
            function = getattr(model, name)
            try:
                parameters = list(inspect.signature(function).parameters)
            except (TypeError, ValueError):
                continue
            found[name] = {
                "parameters": parameters,
                "is_model": bool(getattr(function, "_api_model", False)),
                "is_ours": is_ours(model, name),
            }
    return found


people = {role: person(role, groups) for role, groups in GROUPS.items()}
ours = env["ir.model"].search(["|", ("model", "=like", "mailbox.%"), ("model", "=like", "maildesk.%")]).mapped("model")
touched = [name for name in env.registry if any(cls.__module__.startswith(OURS) for cls in type(env[name]).mro())]
routes = [
    {"path": rule.rule, "methods": sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}), "auth": rule.endpoint.routing["auth"]}
    for rule in env["ir.http"].routing_map().iter_rules()
    if rule.endpoint.func.__module__.startswith(OURS)
]
closed = {name: [field.name for field in env[name]._fields.values() if field.groups == NO_ACCESS] for name in ours}
# Odoo's views as JSON are a door too, where an administrator opens it.
env["ir.config_parameter"].set_param("web.json.enabled", "True")
env.cr.commit()
told = {
    "people": people,
    "models": [name for name in ours if not env[name]._abstract],
    "methods": {name: methods_of(env[name]) for name in touched},
    "routes": routes,
    "closed": {name: fields for name, fields in closed.items() if fields},
    "model_ids": {name: env["ir.model"]._get_id(name) for name in ours},
}
print("TOLD " + json.dumps(told))
