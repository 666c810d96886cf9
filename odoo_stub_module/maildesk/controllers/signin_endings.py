"""The pages for what the connector says of Microsoft's answer (docs/protocol.md, 2.2: the outcomes), where that is not "connected"."""

from odoo.http import request

from .signin_pages import authorize_url, expired, page


def refused(outcome, account):  # noqa: PLR0911 - each way out is a page of its own
    """Tell why the person is not connected; the outcome's own sentence where there is one."""
    again, message, url = authorize_url(account), outcome.get("message") or "", outcome.get("url") or None
    match outcome.get("outcome"):
        case "denied":
            return page(
                "denied",
                403,
                request.env._("Access was not granted"),
                request.env._("You did not let MailDesk into your mailbox. Nothing was connected."),
                again=again,
                copy=url,
                copy_label=request.env._("An administrator of Microsoft 365 can approve MailDesk by this link"),
            )
        case "admin_consent":
            return page(
                "admin_consent",
                403,
                request.env._("Your organisation has to agree first"),
                request.env._(
                    "Only an administrator of Microsoft 365 can approve MailDesk for your organisation. Send them this link; "
                    "when they have approved, try again."
                ),
                again=again,
                copy=url,
                copy_label=request.env._("For your administrator"),
            )
        case "interaction_required":
            return page(
                "interaction_required",
                403,
                request.env._("Microsoft wants one more proof"),
                request.env._(
                    "Your organisation asks for more than a password here, such as a code on your phone. Microsoft will ask you for it now."
                ),
                again=again,
                again_label=request.env._("Continue at Microsoft"),
            )
        case "blocked":
            return page(
                "blocked",
                403,
                request.env._("Your organisation does not allow this"),
                request.env._(
                    "Its rules do not let you sign in to MailDesk: from this device, this place, or at all. "
                    "Your administrator of Microsoft 365 can tell you more."
                ),
                again=again,
            )
        case "not_allowed":
            return page("not_allowed", 403, request.env._("This mailbox is not admitted here"), message)
        case "wrong_address":
            return _wrong_address(outcome.get("address") or "", account)
        case "other_mailbox":
            return page(
                "other_mailbox",
                409,
                request.env._("This is another mailbox than before"),
                request.env._(
                    "At Microsoft %(email)s is the address of another mailbox now. So that the mail of both is not mixed: disconnect this "
                    "mailbox here, purge it, and connect the address as a new one.",
                    email=account.email,
                ),
                again=f"/odoo/mailbox-accounts/{account.id}",
                again_label=request.env._("Open This Mailbox"),
            )
        case "already_connected":
            return already_connected(outcome.get("other"))
        case "expired":
            return expired(again)
        case _:
            return page(
                "failed",
                502,
                request.env._("The sign-in failed"),
                f"{message or request.env._('Microsoft did not complete the sign-in.')} "
                + request.env._("Please try again; if it stays so, show your administrator this page."),
                again=again,
            )


def already_connected(other_id=None):
    """Tell that the mailbox is here already; where the user may see it, under which name."""
    other = request.env["mailbox.account"].with_context(active_test=False).search([("id", "=", other_id or 0)])
    if other:
        sentence = request.env._(
            "You have this mailbox already, as “%(name)s” (%(email)s). One mailbox is connected once; others of its addresses are in it.",
            name=other.name,
            email=other.email,
        )
    else:
        sentence = request.env._(
            "Somebody in this Odoo has connected this mailbox. Ask them to share it with you (Mailbox Accounts, Shared With), "
            "or to delete it there before you connect it."
        )
    return page("already_connected", 409, request.env._("This mailbox is connected already"), sentence)


def not_now(error):
    """Tell what Odoo has against it."""
    return page("refused", 409, request.env._("This mailbox cannot be connected"), str(error))


def _wrong_address(address, account):
    """Never another mailbox silently: one that was never connected may become the other one, by the person's word."""
    title = request.env._("Another address signed in")
    if not address:
        sentence = request.env._("Microsoft did not say which mailbox signed in. Please choose %(email)s there.", email=account.email)
        return page("wrong_address", 403, title, sentence, again=authorize_url(account))
    names = {"address": address, "email": account.email}
    # One that is connected again has mail of its own address, and whoever owns it cannot give it another.
    if not account._is_unused():
        sentence = request.env._(
            "You signed in as %(address)s, but this mailbox is %(email)s. Please choose that account at Microsoft; "
            "to have both in MailDesk, add another mailbox.",
            **names,
        )
        return page("wrong_address", 403, title, sentence, again=authorize_url(account))
    sentence = request.env._(
        "You signed in as %(address)s, but entered %(email)s here. Connect the mailbox that signed in, "
        "or choose the other one at Microsoft.",
        **names,
    )
    form = {
        "url": f"/maildesk/outlook/connect-as/{account.id}",
        "label": request.env._("Connect as %s", address),
        "values": {"address": address},
    }
    return page(
        "wrong_address", 403, title, sentence, form=form, again=authorize_url(account), again_label=request.env._("Choose Another Account")
    )
