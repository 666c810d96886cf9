"""The download of everything that Odoo keeps of a mailbox: a ZIP that is written while it is sent."""

import zipfile

from odoo import api, http
from odoo.exceptions import AccessError
from odoo.http import request

# Bytes that wait at most before they are sent on.
CHUNK = 65_536


class ExportController(http.Controller):
    @http.route("/maildesk/export/<int:account_id>", type="http", auth="user", methods=["GET"])
    def export(self, account_id, **_ignored):
        """Send the owner all that is here of a mailbox."""
        account = request.env["mailbox.account"].with_context(active_test=False).search([("id", "=", account_id)])
        if not account:
            raise request.not_found()
        if not account.is_owner:
            raise AccessError(request.env._("Only its owner exports a mailbox."))
        account._audit("exported")
        env = request.env
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": http.content_disposition(f"maildesk-{account.id}.zip"),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return http.Response(_zip(env.registry, env.uid, dict(env.context), account.id), headers=headers)


def _zip(registry, uid, context, account_id):
    """Yield the ZIP. It is sent after the request's own transaction ended, so it reads in another: all of it at one moment."""
    out = _Outlet()
    with registry.cursor(readonly=True) as cr, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        account = api.Environment(cr, uid, context)["mailbox.account"].browse(account_id)
        for name, pieces in account._dossier():
            with archive.open(name, "w", force_zip64=True) as entry:
                for piece in pieces:
                    entry.write(piece.encode())
                    if out.size >= CHUNK:
                        yield out.take()
    yield out.take()


class _Outlet:
    """Where the ZIP is written: kept until it is taken. It cannot seek, and `zipfile` writes accordingly."""

    def __init__(self):
        self._pieces = []
        self.size = 0

    def write(self, data):  # pylint: disable=method-required-super
        self._pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self):
        """Nothing is held back from `take`."""

    def take(self):
        """Return what was written since the last time."""
        taken, self._pieces, self.size = b"".join(self._pieces), [], 0
        return taken
