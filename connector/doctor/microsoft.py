"""The links to Microsoft: Entra, our app registration there, Graph, the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.doctor.finding import Finding, clock_finding, note, ok, skipped, wrong
from connector.errors import AuthError, ConfigError, EntraUnreachable, GraphUnreachable
from connector.graph.auth import Entra
from connector.graph.probe import UnknownTenant, probe_app, probe_entra, probe_graph

if TYPE_CHECKING:
    from datetime import datetime

    from connector.config import Config, EntraConfig
    from connector.http import AsyncClient

__all__ = ["examine_microsoft"]

_WAY_OUT = "let this machine reach it: firewall, proxy (HTTPS_PROXY), DNS"


async def examine_microsoft(config: Config, http: AsyncClient) -> list[Finding]:
    """Ask Entra and Graph."""
    found, times = await _entra(config, http)
    try:
        times.append(await probe_graph(http, config.graph.base_url))
    except GraphUnreachable as error:
        found.append(wrong("graph", str(error), f"{_WAY_OUT}; graph.base_url is {config.graph.base_url}"))
    else:
        found.append(ok("graph", f"Microsoft Graph answers at {config.graph.base_url}"))
    theirs = next((time for time in times if time is not None), None)
    if theirs is None:
        return [*found, skipped("microsoft_clock", "not asked: Microsoft told no time")]
    return [*found, clock_finding("microsoft_clock", "Microsoft's", theirs)]


async def _entra(config: Config, http: AsyncClient) -> tuple[list[Finding], list[datetime | None]]:
    settings = config.entra
    if settings is None:
        to_do = "register an app (docs/azure-app-registration.md) and fill in the section entra"
        return [note("entra", "there is no section entra: MailDesk says “OAuth Not Configured”", to_do)], []
    try:
        time = await probe_entra(http, settings)
    except EntraUnreachable as error:
        return [
            wrong("entra", str(error), f"{_WAY_OUT}; or correct entra.authority"),
            skipped("app", "not asked: Entra does not answer"),
        ], []
    except UnknownTenant as error:
        to_do = "entra.tenant: common, organizations, consumers, or the id or domain of a tenant"
        return [wrong("entra", str(error), to_do), skipped("app", "not asked: the tenant is not known")], []
    entra = ok("entra", f"Entra ID answers for the tenant {settings.tenant}")
    return [entra, await _app(config, settings, http)], [time]


async def _app(config: Config, settings: EntraConfig, http: AsyncClient) -> Finding:
    credential = "client secret" if settings.client_secret is not None else "certificate"
    try:
        await probe_app(Entra(settings, config.graph.scopes, http), settings)
    except ConfigError as error:
        return wrong("app", str(error), "make the file as docs/azure-app-registration.md says")
    except EntraUnreachable as error:
        return wrong("app", str(error), "ask again in some minutes")
    except AuthError as error:
        to_do = "at entra.microsoft.com, App registrations: compare entra.client_id, and make a new client secret if it has expired"
        return wrong("app", str(error), to_do)
    return ok("app", f"Entra ID takes entra.client_id with its {credential}; permissions: {config.graph.permissions}")
