"""Starlette on hypercorn's trio worker. Handlers check who asks and what they ask for; a `Backend` does the work.

Everything but health and metrics needs the shared secret. Health and metrics tell no names.
"""

from __future__ import annotations

import hmac
import os
import socket
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

import msgspec
import structlog
import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio import serve as hypercorn_serve
from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connector.config import TENANT
from connector.content.search import Asked
from connector.errors import (
    AppRefused,
    AuthError,
    ConnectorError,
    EntraUnreachable,
    ForeignDatabase,
    GraphNotFound,
    GraphUnauthorized,
    NotConfigured,
)
from connector.web.attachments import attachment_routes
from connector.web.backend import AccountStatus, Backend, SignInOutcome, StartedSignIn, WhoAmI

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from connector.config import ServerConfig
    from connector.metrics import Metrics

__all__ = ["AccountStatus", "Backend", "SignInOutcome", "StartedSignIn", "WhoAmI", "body_error", "make_app", "serve"]

# Bytes: what Odoo sends is small; anything larger is a mistake or an attack.
_BODY_LIMIT = 2**20

# Seconds that a client gets for the head of its request, and after that for its body: both are small, and come in one piece.
_HEAD_PATIENCE = 5
_READ_PATIENCE = 10.0

# Seconds that a request for a body waits for Graph (Odoo itself waits 3 s).
BODY_PATIENCE = 2.5

# Seconds that requests under way get at shutdown; with the last words to Odoo under the ten seconds of SIGTERM.
_GRACE = 3.0

_T = TypeVar("_T")
_Handler: TypeAlias = "Callable[[Request], Awaitable[Response]]"
_log = structlog.get_logger(__name__)


# PostgreSQL's int4, in which Odoo counts: a larger number would break our file, and in a hint the call to Odoo that all mailboxes share.
_AccountId = Annotated[int, Meta(gt=0, le=2**31 - 1)]


class _Wake(Struct, frozen=True):
    reason: Literal["refresh", "changed"]
    accounts: list[_AccountId] | None = None
    folder: str | None = None


class _Start(Struct, frozen=True):
    account_id: _AccountId
    email: Annotated[str, Meta(min_length=3, max_length=320)]
    redirect_uri: Annotated[str, Meta(pattern="^https?://")]
    # A kind of account, or a tenant's id or domain: it becomes a part of a URL.
    tenant: Annotated[str, Meta(pattern=f"^{TENANT}$")] | None = None


class _Finish(Struct, frozen=True):
    account_id: _AccountId
    email: Annotated[str, Meta(min_length=3, max_length=320)]
    state: Annotated[str, Meta(min_length=8)]
    answer: dict[str, str]


class _Body(Struct, frozen=True):
    account_id: _AccountId
    remote_id: Annotated[str, Meta(min_length=1, max_length=1024)]
    # Seconds; 0: nobody waits, it comes by `connector_body`.
    patience: Annotated[float, Meta(ge=0, le=BODY_PATIENCE)] = BODY_PATIENCE


class _Sync(Struct, frozen=True):
    emails: list[str] | None = None


class _RefusedRequest(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.response = _error(status, code, message)
        super().__init__(message)


async def serve(
    backend: Backend,
    config: ServerConfig,
    *,
    metrics: Metrics,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; `started` is called with the URL. Raises `ConnectorError` when the address is taken."""
    settings = HypercornConfig()
    settings.bind = [config.listen]
    settings.graceful_timeout = _GRACE
    settings.accesslog = None
    settings.errorlog = None
    settings.alpn_protocols = ["http/1.1"]
    # Seconds from a connection to the end of a request's headers, and between two requests; not reset by a byte now and then.
    settings.keep_alive_timeout = _HEAD_PATIENCE
    settings.ssl_handshake_timeout = _HEAD_PATIENCE
    if config.tls_certificate is not None:
        settings.certfile, settings.keyfile = str(config.tls_certificate), str(config.tls_key)
    _check_free(config.listen)
    async with trio.open_nursery() as nursery:
        app = make_app(backend, config.secret.get_secret_value(), metrics)
        # ignored: hypercorn types a scope as a dict of its own, Starlette as any mapping
        urls = await nursery.start(partial(hypercorn_serve, app, settings, mode="asgi"))  # type: ignore[arg-type]
        task_status.started(urls[0])


def _check_free(listen: str) -> None:
    """Bind once beforehand: hypercorn binds deep inside its nurseries, where a taken port is no plain error any more."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else "there is no such host"
        raise ConnectorError(f"server.listen {listen}: {why}") from error


def make_app(backend: Backend, secret: str, metrics: Metrics) -> Starlette:  # noqa: C901 - a table of small handlers
    """Build the application."""
    expected = f"Bearer {secret}".encode()
    metrics.watch(backend)

    def counted(handler: _Handler) -> _Handler:
        async def endpoint(request: Request) -> Response:
            response = await handler(request)
            metrics.served.labels(request.url.path, response.status_code).inc()
            return response

        return endpoint

    def guarded(handler: _Handler) -> _Handler:
        @counted
        async def endpoint(request: Request) -> Response:
            sent = request.headers.get("authorization", "")
            if not hmac.compare_digest(sent.encode(), expected):
                return _error(401, "unauthorized", "the shared secret is missing or wrong (server.secret)")
            # A copy of the database has the secret too, but not the database's name.
            if (asking := request.headers.get("x-maildesk-database")) is not None and backend.database not in {None, asking}:
                return _error(409, "foreign_database", "this connector belongs to another Odoo database (maildesk-connector adopt)")
            try:
                return await handler(request)
            except _RefusedRequest as refused:
                return refused.response
            except Exception as error:  # noqa: BLE001 - a fault of ours in one request ends that request only
                _log.error("request failed", path=request.url.path, error=type(error).__name__, exc_info=error)
                return _error(500, "internal", "the connector made a mistake; its log tells more")

        return endpoint

    async def wake(request: Request) -> Response:
        asked = await _read(request, _Wake)
        backend.wake(asked.accounts, asked.reason, asked.folder)
        return JSONResponse({}, status_code=202)

    async def signin_start(request: Request) -> Response:
        asked = await _read(request, _Start)
        return await _signing_in(backend.signin_start(asked.account_id, asked.email, asked.redirect_uri, asked.tenant))

    async def signin_finish(request: Request) -> Response:
        asked = await _read(request, _Finish)
        return await _signing_in(backend.signin_finish(asked.account_id, asked.email, asked.state, asked.answer))

    async def body(request: Request) -> Response:
        asked = await _read(request, _Body)
        try:
            found = await backend.body(asked.account_id, asked.remote_id, patience=asked.patience)
        except ConnectorError as error:
            return JSONResponse({"state": "error", **body_error(error)})
        return JSONResponse({"state": "coming"} if found is None else {"state": "ready", "body": found})

    async def search(request: Request) -> Response:
        return _json(await backend.search(await _read(request, Asked), patience=BODY_PATIENCE))

    async def message(request: Request) -> Response:
        asked = await _read(request, _Body)
        try:
            found = await backend.message(asked.account_id, asked.remote_id, patience=BODY_PATIENCE)
        except ConnectorError as error:
            return JSONResponse({"state": "error", **body_error(error)})
        return JSONResponse({"state": "error", **body_error(None)} if found is None else {"state": "ready", "message": found})

    async def ping(_: Request) -> Response:
        return _json(backend.whoami())

    async def status(_: Request) -> Response:
        return _json({"accounts": backend.status(), "connector": backend.whoami(), "trouble": backend.trouble})

    async def sync(request: Request) -> Response:
        asked = await _read(request, _Sync)
        accounts, ticket = backend.request_sync(asked.emails)
        return JSONResponse({"accounts": accounts, "ticket": ticket}, status_code=202)

    async def rotate(_: Request) -> Response:
        return await _administering(backend.rotate_keys())

    async def adopt(_: Request) -> Response:
        return await _administering(backend.adopt())

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        reason = backend.readiness()
        return PlainTextResponse(reason or "ok", status_code=503 if reason else 200)

    async def numbers(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return Starlette(
        routes=[
            Route("/wake", guarded(wake), methods=["POST"]),
            Route("/signin/start", guarded(signin_start), methods=["POST"]),
            Route("/signin/finish", guarded(signin_finish), methods=["POST"]),
            Route("/content/body", guarded(body), methods=["POST"]),
            *attachment_routes(backend.attachments, guarded=guarded, counted=counted, read=_read),
            Route("/content/search", guarded(search), methods=["POST"]),
            Route("/content/message", guarded(message), methods=["POST"]),
            Route("/ping", guarded(ping)),
            Route("/status", guarded(status)),
            Route("/sync", guarded(sync), methods=["POST"]),
            Route("/keys/rotate", guarded(rotate), methods=["POST"]),
            Route("/adopt", guarded(adopt), methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", numbers),
        ]
    )


def body_error(error: ConnectorError | None) -> dict[str, str]:
    """Return CODE and a sentence for a body that cannot be had (docs/protocol.md, 2.3)."""
    match error:
        case GraphNotFound():
            return {"error": "not_found", "message": "This message does not exist in Outlook any more."}
        case GraphUnauthorized() | AuthError():
            return {"error": "needs_sign_in", "message": "Outlook does not let us in at the moment."}
        case _:
            return {"error": "unavailable", "message": "Outlook does not answer at the moment. Please try again."}


async def _signing_in(step: Awaitable[Struct]) -> Response:
    """Await a step of a sign-in and map what can be wrong with the configuration or with Entra."""
    try:
        return _json(await step)
    except ConnectorError as error:
        return _error(*_signin_trouble(error))


def _signin_trouble(error: ConnectorError) -> tuple[int, str, str]:
    """Return status, code and sentence of what kept a sign-in from its end (docs/protocol.md, 2.2)."""
    match error:
        case ForeignDatabase():
            said = (409, "foreign_database", str(error))
        case NotConfigured():
            said = (409, "oauth_not_configured", "OAuth Not Configured")
        case EntraUnreachable():
            said = (502, "entra_unreachable", f"Microsoft's sign-in service does not answer at the moment. {error}")
        case AppRefused():
            said = (502, "entra_credentials", str(error))
        case AuthError():
            said = (502, "entra_refused", str(error))
        case _:
            _log.error("sign-in failed", reason=str(error))
            said = (500, "internal", "The connector cannot keep sign-ins at the moment; its log tells more.")
    return said


async def _administering(step: Awaitable[Struct]) -> Response:
    """Await what an administrator asked for at the command line, and say in a sentence what is in the way."""
    try:
        return _json(await step)
    except ConnectorError as error:
        return _error(409, "refused", str(error))


async def _read(request: Request, kind: type[_T]) -> _T:
    """Read a JSON body as `kind`."""
    received = bytearray()
    with trio.move_on_after(_READ_PATIENCE) as patience:
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                received += chunk
                if len(received) > _BODY_LIMIT:
                    raise _RefusedRequest(413, "too_large", "the request is larger than 1 MiB")
    if patience.cancelled_caught:
        raise _RefusedRequest(408, "too_slow", f"the request was not complete after {_READ_PATIENCE:.0f} s")
    try:
        return msgspec.json.decode(bytes(received), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _RefusedRequest(400, "bad_request", str(error)) from error


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": code, "message": message}, status_code=status)
