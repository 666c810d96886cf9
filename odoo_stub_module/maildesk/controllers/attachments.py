"""Attachments: who may have them is decided here; the bytes come from the connector, and are never kept.

    administrator has set maildesk.accel      the proxy fetches them itself, with a ticket that serves once: no worker waits
    otherwise                                 they pass through this worker, two large ones at a time over all workers

What passes is told in the connector's words (docs/protocol.md, 2.7); what a browser may show is settled there, and held to here.
"""

import json
import logging
import time

import requests
from odoo import http
from odoo.http import request
from odoo.sql_db import db_connect
from odoo.tools import SQL

from ..connector_client import ConnectorClient, ConnectorDown, ConnectorRefused

_logger = logging.getLogger(__name__)

# Bytes: what is no larger is answered at once and in one piece. Pictures in a mail are many, and none of them waits for a big download.
SMALL = 1_048_576
# Bytes that are passed on at once.
CHUNK = 131_072

# Large downloads that pass through workers at once, over all of them.
SLOTS = 2
# Seconds that another one waits, and after which it should be asked for again.
SLOT_PATIENCE = 2.0
SLOT_AGAIN = 3
SLOT_PAUSE = 0.1

# Of the connector's headers, those that are passed on.
PASSED = (
    "Content-Type",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
    "Cache-Control",
    "Cross-Origin-Resource-Policy",
    "Referrer-Policy",
)
# Whatever the connector says.
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox",
}
# Types that may be shown; a second look, since what is shown is shown at Odoo's own address.
SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif", "application/pdf", "text/plain"}
# Statuses of the connector that are the browser's business: not there, a link, not now, no space.
TOLD = {404, 409, 502, 503, 507}
# Of the browser's headers, those that the connector has to see.
ASKED = ("Range", "If-Range", "If-None-Match")


class AttachmentController(http.Controller):
    @http.route(
        "/maildesk/attachment/<int:account_id>/<string:remote_id>/<string:attachment_id>", type="http", auth="user", methods=["GET"]
    )
    def attachment(self, account_id, remote_id, attachment_id, download=None, **_ignored):
        """Give one attachment: to be shown where that is safe, else to be saved."""
        return _give(account_id, {"remote_id": remote_id, "attachment_id": attachment_id}, is_download=bool(download))

    @http.route("/maildesk/attachments/<int:account_id>/<string:remote_id>.zip", type="http", auth="user", methods=["GET"])
    def attachments(self, account_id, remote_id, **_ignored):
        """Give all attachments of a message in one ZIP."""
        return _give(account_id, {"remote_id": remote_id}, is_download=True)


def _give(account_id, wish, *, is_download):
    account = request.env["mailbox.account"]._readable_by_id(account_id)
    if not account:
        raise request.not_found()
    client = ConnectorClient.of(request.env)
    if client is None:
        return _refusal(
            503, "not_configured", request.env._("The connector is not set up; an administrator does that in Settings, MailDesk.")
        )
    account._note_opened()
    # sudo: a system parameter, which says where the proxy finds the connector
    accel = request.env["ir.config_parameter"].sudo().get_param("maildesk.accel")
    try:
        if accel:
            ticket = client.ticket(account.id, **wish, download=is_download)
            # Without a body, and without headers of its own: the proxy gives those of the connector. Of a type that has no charset, since
            # nginx would add that to the connector's type.
            way = f"{accel.rstrip('/')}/attachment?ticket={ticket}"
            return http.Response(headers={"X-Accel-Redirect": way, "Content-Type": "application/octet-stream"})
        asked = {name: value for name in ASKED if (value := request.httprequest.headers.get(name))}
        answer = client.attachment(request.httprequest.method, account.id, wish, is_download=is_download, headers=asked)
    except ConnectorRefused as error:
        # What is between Odoo and the connector (a wrong secret, say) is nothing that the browser did wrong.
        status = error.status if error.status in TOLD else 502
        return _refusal(status, error.code, error.message, error.retry_after)
    except ConnectorDown as error:
        _logger.warning("an attachment: the connector does not answer (%s)", error)
        return _refusal(503, "connector_down", request.env._("The connector does not answer now. Please try again in a minute."), "10")
    return _pass_on(answer)


def _pass_on(answer):
    """Pass the connector's answer on; a large one if not too many others pass already."""
    headers = {name: answer.headers[name] for name in PASSED if name in answer.headers} | ALWAYS
    shown = headers.get("Content-Type", "").partition(";")[0].strip()
    if headers.get("Content-Disposition", "").startswith("inline") and shown not in SHOWN:
        headers |= {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
    length = answer.headers.get("Content-Length", "")
    is_small = length.isdecimal() and int(length) <= SMALL
    if answer.status_code in (304, 416) or (is_small and request.httprequest.method != "HEAD"):
        try:
            content = answer.content
        except requests.RequestException:
            return _refusal(502, "unavailable", request.env._("Outlook does not answer at the moment. Please try again."))
        finally:
            answer.close()
        return http.Response(content, status=answer.status_code, headers=headers)
    slot = None if is_small else _Slot.take(request.db)
    if not is_small and slot is None:
        answer.close()
        return _refusal(503, "busy", request.env._("Others are downloading large files. Please try again in a moment."), str(SLOT_AGAIN))
    if request.httprequest.method == "HEAD":
        # What a browser asks before it begins: that there would have been a place was worth knowing.
        answer.close()
        if slot is not None:
            slot.close()
        response = http.Response(status=answer.status_code, headers=headers)
        response.automatically_set_content_length = False
        return response
    return http.Response(_Passing(answer, slot), status=answer.status_code, headers=headers, direct_passthrough=True)


class _Passing:
    """The body of a large answer, piece by piece; closed by whoever sends it, also if it was never begun."""

    def __init__(self, answer, slot):
        self._answer = answer
        self._slot = slot
        self._pieces = answer.iter_content(CHUNK)

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self._pieces)
        except requests.RequestException as error:
            # The connection has to break: an answer that ends in order would be taken for whole.
            raise ConnectionAbortedError("the connector broke off") from error

    def close(self):
        self._answer.close()
        self._slot.close()


class _Slot:
    """A place among those that stream: a lock of PostgreSQL's, which a worker that is killed lets go with its connection.

    It has a connection of its own, in no transaction: what is committed is nothing, so that none stays open for as long as a download.
    """

    def __init__(self, cr, number):
        self._cr = cr
        self._number = number

    @classmethod
    def take(cls, database):
        """Return a slot; None if none becomes free in time."""
        deadline = time.monotonic() + SLOT_PATIENCE
        cr = db_connect(database).cursor()
        try:
            while True:
                for number in range(SLOTS):
                    cr.execute(SQL("SELECT pg_try_advisory_lock(hashtext('maildesk.attachment'), %s)", number))
                    if cr.fetchone()[0]:
                        cr.commit()  # pylint: disable=invalid-commit
                        return cls(cr, number)
                cr.commit()  # pylint: disable=invalid-commit
                if time.monotonic() >= deadline:
                    break
                time.sleep(SLOT_PAUSE)
        except BaseException:
            cr.close()
            raise
        cr.close()
        return None

    def close(self):
        """Let it go."""
        if self._cr.closed:
            return
        try:
            self._cr.execute(SQL("SELECT pg_advisory_unlock(hashtext('maildesk.attachment'), %s)", self._number))
            self._cr.commit()  # pylint: disable=invalid-commit
        finally:
            self._cr.close()


def _refusal(status, code, message, retry_after=None):
    """Return an error that the app understands, and a person who sees it too."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **ALWAYS}
    if retry_after:
        headers["Retry-After"] = retry_after
    return http.Response(json.dumps({"error": code, "message": message}), status=status, headers=headers)
