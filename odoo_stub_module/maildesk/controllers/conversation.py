"""The way back from a record to the mail that was copied onto it."""

from odoo import http
from odoo.http import request

from .signin_pages import HEADERS, page


class ConversationController(http.Controller):
    @http.route("/maildesk/mail/<int:link_id>", type="http", auth="user", methods=["GET"])
    def mail(self, link_id):
        """Open the mail in MailDesk, for whoever reads the mailbox; anybody else hears no more than that they do not."""
        # sudo: links are nobody's to read; the message is searched for under the user's rules
        link = request.env["mailbox.conversation.link"].sudo().browse(link_id).exists()
        is_reader = request.env["mailbox.message_index"].has_access("read")
        message = link._message() if link and is_reader else None
        if not message:
            return page(
                "no_mail",
                404,
                request.env._("The mail itself is not here for you"),
                request.env._(
                    "It lies in a mailbox that is not shared with you, or it is not in MailDesk any more. The copy on the record stays."
                ),
                app_url="/odoo/maildesk" if is_reader else None,
            )
        response = request.redirect(f"/odoo/maildesk/{message.id}", 303)
        response.headers.update(HEADERS)
        return response
