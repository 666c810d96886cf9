"""Files for a mail that is being written."""

import json

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request


class DraftController(http.Controller):
    @http.route("/maildesk/draft/<int:draft_id>/attach", type="http", auth="user", methods=["POST"])
    def attach(self, draft_id, inline=None, **_ignored):
        """Take files (`ufile`, of a form, many at once) for the caller's own draft; answer what is attached now and the new revision."""
        files = request.httprequest.files.getlist("ufile")
        try:
            answer = request.env["mailbox.draft"]._attach(draft_id, files, is_inline=bool(inline))
        except UserError as error:
            return _json({"error": str(error)}, 422)
        return _json(answer, 200)


def _json(value, status):
    return http.Response(json.dumps(value), status=status, headers={"Content-Type": "application/json", "Cache-Control": "no-store"})
