"""Attachments over HTTP: for Odoo by the secret, for its proxy by a ticket that serves once (docs/protocol.md, 2.7 and 2.8)."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias

import structlog
import trio
from msgspec import Meta, Struct
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from connector.content.attachments import Wish
from connector.content.serving import Unsatisfiable, part_of, wants_part
from connector.errors import AuthError, CacheBusy, CacheFull, ConnectorError, ContentComing, GraphNotFound, GraphUnauthorized, NoContent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from connector.content.attachments import Opened
    from connector.content.tickets import Tickets
    from connector.graph.messages import AttachmentInfo

__all__ = ["AttachmentSource", "attachment_routes", "refusal_of"]

# Seconds that Odoo's requests wait for Graph to say what an attachment is (Odoo itself waits 3 s).
_PATIENCE = 2.5
# Seconds that a proxy's request waits, which holds no worker of Odoo's.
_PROXY_PATIENCE = 50.0
# Seconds after which whoever was told "coming" or "busy" should ask again.
_AGAIN = "2"

_Handler: TypeAlias = "Callable[[Request], Awaitable[Response]]"
_log = structlog.get_logger(__name__)

_Id = Annotated[str, Meta(min_length=1, max_length=1024)]


class AttachmentSource(Protocol):
    """What the handlers ask for."""

    tickets: Tickets[Wish]

    async def open(self, wish: Wish, *, patience: float, needs_total: bool) -> Opened:
        """Open one. Raises `ConnectorError`."""

    async def listed(self, wish: Wish) -> list[AttachmentInfo]:
        """Return what a ZIP would hold. Raises `ConnectorError`."""

    def zipped(self, wish: Wish, files: list[AttachmentInfo]) -> AsyncGenerator[bytes]:
        """Yield a ZIP."""

    async def item(self, account_id: int, remote_id: str, attachment_id: str) -> dict[str, Any] | None:
        """Return a mail in a mail. Raises `ConnectorError`."""

    async def link(self, account_id: int, remote_id: str, attachment_id: str) -> dict[str, Any]:
        """Return where a reference leads. Raises `ConnectorError`."""


class _Ask(Struct, frozen=True):
    account_id: Annotated[int, Meta(gt=0)]
    remote_id: _Id
    attachment_id: Annotated[str, Meta(max_length=1024)] = ""
    download: bool = False


class _AskOne(Struct, frozen=True):
    account_id: Annotated[int, Meta(gt=0)]
    remote_id: _Id
    attachment_id: _Id


class _Streamed(StreamingResponse):
    """An answer whose body is closed, and what it reads from let go, however it ends: also if the client has gone before it began."""

    def __init__(self, body: AsyncGenerator[bytes], wish: Wish, let_go: Callable[[], None] = lambda: None, **given: Any) -> None:
        super().__init__(body, **given)
        self._body = body
        self._wish = wish
        self._let_go = let_go

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._body):
                await super().__call__(scope, receive, send)
        except ConnectorError as error:
            # Told in the log, and by a connection that breaks, so that nobody takes it for whole.
            _log.warning("an attachment broke off", account=self._wish.account_id, error=type(error).__name__)
            raise
        finally:
            self._let_go()


def attachment_routes(  # noqa: C901 - a table of small handlers
    source: AttachmentSource,
    *,
    guarded: Callable[[_Handler], _Handler],
    counted: Callable[[_Handler], _Handler],
    read: Callable[[Request, type[Any]], Awaitable[Any]],
) -> list[Route]:
    """Return the routes. A ticket is in the query, and so are ids: the path alone names a route in the metrics."""

    async def by_secret(request: Request) -> Response:
        query = request.query_params
        account = query.get("account_id", "")
        wish = Wish(
            int(account) if account.isascii() and account.isdecimal() else 0,
            query.get("remote_id", ""),
            query.get("attachment_id", ""),
            query.get("download") == "1",
        )
        if not wish.account_id or not wish.remote_id:
            return _error(400, "bad_request", "account_id and remote_id are needed")
        return await _give(source, request, wish, _PATIENCE)

    with_secret = guarded(by_secret)

    @counted
    async def by_ticket(request: Request) -> Response:
        wish = source.tickets.redeem(request.query_params["ticket"])
        if wish is None:
            return _error(403, "ticket", "this ticket is unknown, was used, or is older than a minute")
        return await _give(source, request, wish, _PROXY_PATIENCE)

    async def content(request: Request) -> Response:
        return await (by_ticket if "ticket" in request.query_params else with_secret)(request)

    async def ticket(request: Request) -> Response:
        asked = await read(request, _Ask)
        wish = Wish(asked.account_id, asked.remote_id, asked.attachment_id, asked.download)
        try:
            if wish.attachment_id:
                (await source.open(wish, patience=_PATIENCE, needs_total=False)).close()
            else:
                await source.listed(wish)
        except ConnectorError as error:
            return refusal_of(error)
        return JSONResponse({"ticket": source.tickets.issue(wish)})

    async def answered(request: Request, ask: Callable[[int, str, str], Awaitable[dict[str, Any] | None]], what: str) -> Response:
        asked = await read(request, _AskOne)
        found = None
        try:
            with trio.move_on_after(_PATIENCE) as waiting:
                found = await ask(asked.account_id, asked.remote_id, asked.attachment_id)
        except ConnectorError as error:
            return refusal_of(error)
        if waiting.cancelled_caught:
            return refusal_of(ContentComing("the attachment is on its way from Outlook"))
        return JSONResponse({what: found})

    async def item(request: Request) -> Response:
        return await answered(request, source.item, "message")

    async def link(request: Request) -> Response:
        return await answered(request, source.link, "link")

    return [
        Route("/content/attachment", content, methods=["GET"]),
        Route("/content/ticket", guarded(ticket), methods=["POST"]),
        Route("/content/item", guarded(item), methods=["POST"]),
        Route("/content/link", guarded(link), methods=["POST"]),
    ]


async def _give(source: AttachmentSource, request: Request, wish: Wish, patience: float) -> Response:
    try:
        return await (_one if wish.attachment_id else _all)(source, request, wish, patience)
    except ConnectorError as error:
        return refusal_of(error)


async def _one(source: AttachmentSource, request: Request, wish: Wish, patience: float) -> Response:
    asked, condition = request.headers.get("range"), request.headers.get("if-range")
    opened = await source.open(wish, patience=patience, needs_total=asked is not None)
    is_kept = False
    try:
        total, etag = opened.entry.total, opened.etag
        if etag in {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers={k: v for k, v in opened.headers.items() if k in {"ETag", "Cache-Control"}})
        part = None
        if total is not None and wants_part(asked, condition, etag):
            try:
                part = part_of(asked, condition, etag, total)
            except Unsatisfiable:
                return Response(status_code=416, headers={"Content-Range": f"bytes */{total}", "Accept-Ranges": "bytes", "ETag": etag})
        headers = dict(opened.headers)
        if part is not None:
            headers["Content-Range"] = f"bytes {part.first}-{part.last}/{part.total}"
            headers["Content-Length"] = str(part.last + 1 - part.first)
        elif total is not None:
            headers["Content-Length"] = str(total)
        status = 200 if part is None else 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers) if "Content-Length" in headers else _bare(status, headers)
        is_kept = True
        body = opened.read(part.first if part else 0, part.last if part else None)
        return _Streamed(body, wish, opened.close, status_code=status, headers=headers)
    finally:
        if not is_kept:
            opened.close()


async def _all(source: AttachmentSource, request: Request, wish: Wish, patience: float) -> Response:
    with trio.move_on_after(patience) as waiting:
        files = await source.listed(wish)
    if waiting.cancelled_caught:
        raise ContentComing("the list of attachments is on its way from Outlook")
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": 'attachment; filename="attachments.zip"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "none",
    }
    if not files:
        return _error(404, "not_found", "Nothing is attached to this message any more.")
    if request.method == "HEAD":
        return _bare(200, headers)
    return _Streamed(source.zipped(wish, files), wish, headers=headers)


def _bare(status: int, headers: dict[str, str]) -> Response:
    """Return an answer to HEAD of what has no length yet: none is better than a wrong one."""
    response = Response(status_code=status, headers=headers)
    del response.headers["content-length"]
    return response


def refusal_of(error: ConnectorError) -> Response:
    """Return status, CODE and sentence of an attachment that cannot be had (docs/protocol.md, 2.7)."""
    said = (502, "unavailable", "Outlook does not answer at the moment. Please try again.")
    match error:
        case GraphNotFound():
            said = (404, "not_found", "This attachment does not exist in Outlook any more.")
        case NoContent():
            said = (409, "is_link", "This attachment is a link; it has no content of its own.")
        case ContentComing():
            said = (503, "coming", "The attachment is on its way from Outlook.")
        case CacheBusy():
            said = (503, "busy", "Many large attachments are being opened at the moment.")
        case CacheFull():
            _log.error("attachments cannot be kept", reason=str(error))
            said = (507, "no_space", "The connector has no space for attachments; an administrator has to look into it.")
        case GraphUnauthorized() | AuthError():
            said = (502, "needs_sign_in", "Outlook does not let us in at the moment.")
    return _error(*said)


def _error(status: int, code: str, message: str) -> Response:
    headers = {"Retry-After": _AGAIN} if status == 503 else {}
    return JSONResponse({"error": code, "message": message}, status_code=status, headers={"Cache-Control": "no-store", **headers})
