"""The pages on which a sign-in ends that did not connect: each says what happened, who can mend it, and how to go on.

A page has a `kind` (in its HTML too, `data-kind`), a sentence, and at most: steps for whoever mends it, a text to copy, one button.
"""

import logging

from odoo.http import request

from ..connector_client import ConnectorDown

_logger = logging.getLogger(__name__)

APP_URL = "/odoo/maildesk"
SETTINGS_URL = "/odoo/settings?module=maildesk#maildesk"

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def page(kind, status, title, sentence, **more):
    """Return a page; `more` is in the defaults below: URLs, labels, a form with hidden values, steps, a text to copy, a detail."""
    values = {
        "kind": kind,
        "title": title,
        "sentence": sentence,
        "again": None,
        "again_label": request.env._("Try Again"),
        "form": None,
        "steps": (),
        "copy": None,
        "copy_label": None,
        "detail": None,
        "app_url": APP_URL,
        **more,
    }
    response = request.render("maildesk.signin_page", values)
    response.status_code = status
    response.headers.update(HEADERS)
    return response


def authorize_url(account):
    """Return where the sign-in of an account begins."""
    return f"/maildesk/outlook/authorize/{account.id}"


# ---------------------------------------------------------------------- before and beside Microsoft


def no_such_mailbox():
    """Tell that the account is not the user's to sign in."""
    return page(
        "no_mailbox", 404, request.env._("No such mailbox"), request.env._("This mailbox does not exist, or another user connected it.")
    )


def disconnected(account):
    """Tell that a mailbox which was deleted is not signed in to before its owner takes it up again."""
    return page(
        "disconnected",
        409,
        request.env._("This mailbox is disconnected"),
        request.env._("To sign in to %(email)s again, open it in MailDesk and press “Connect Again”.", email=account.email),
    )


def other_address(base, here, redirect_uri):
    """Tell that Microsoft would send the browser to another address of this Odoo, where nobody is signed in."""
    return page(
        "other_address",
        409,
        request.env._("Open MailDesk at its own address"),
        request.env._(
            "Microsoft sends you back to %(base)s, but you are at %(here)s. Sign in to Odoo at %(base)s and try again, or ask your "
            "administrator to correct the system parameter maildesk.redirect_base.",
            base=base,
            here=here,
        ),
        copy=redirect_uri,
        copy_label=request.env._("The redirect URI that Microsoft has to know"),
    )


def not_configured(redirect_uri, *, has_connector):
    """Tell what an administrator has to do before anybody can sign in. The title is the contract's word."""
    if has_connector:
        steps = (
            request.env._("Register an app at Microsoft Entra (entra.microsoft.com, App registrations) with the redirect URI below."),
            request.env._("Write its client id and client secret into the section “entra” of the connector's configuration."),
            request.env._("Start the connector again."),
        )
    else:
        steps = (
            request.env._("Start the MailDesk connector beside Odoo."),
            request.env._("Enter its URL and shared secret in Settings, MailDesk."),
        )
    is_admin = request.env.user.has_group("base.group_system")
    return page(
        "not_configured",
        409 if has_connector else 503,
        request.env._("OAuth Not Configured"),
        request.env._("MailDesk and Microsoft do not know each other yet. An administrator has to do this once:"),
        steps=steps,
        copy=redirect_uri if has_connector else None,
        copy_label=request.env._("Redirect URI"),
        again=SETTINGS_URL if is_admin else None,
        again_label=request.env._("Open Settings"),
    )


def trouble(error, redirect_uri, again):
    """Tell that the connector did not do its part, and why as far as it said; `again` is where the person goes on afterwards."""
    if isinstance(error, ConnectorDown):
        _logger.warning("sign-in: the connector does not answer (%s)", error)
        return page(
            "connector_down",
            502,
            request.env._("The connector does not answer"),
            request.env._("Nothing was changed, and nothing is lost. Try again in a minute; if it stays so, tell your administrator."),
            again=again,
        )
    _logger.warning("sign-in: the connector refused (%s)", error.code)
    match error.code:
        case "oauth_not_configured":
            return not_configured(redirect_uri, has_connector=True)
        case "entra_unreachable":
            return page(
                "entra_down",
                502,
                request.env._("Microsoft cannot be reached"),
                request.env._("Microsoft's sign-in does not answer at the moment. Nothing was changed. Please try again in a minute."),
                again=again,
            )
        case "entra_credentials":
            return page(
                "credentials",
                502,
                request.env._("An administrator has to renew MailDesk's access"),
                request.env._(
                    "This is nothing that you can mend by signing in: Microsoft does not accept the app MailDesk itself at the moment."
                ),
                detail=error.message,
            )
        case "unauthorized":
            return page(
                "secret",
                502,
                request.env._("The connector refused Odoo"),
                request.env._("The shared secret in Settings, MailDesk is not the connector's. Please tell your administrator."),
            )
        case _:
            return page(
                "failed",
                502,
                request.env._("The sign-in failed"),
                error.message or request.env._("The connector gave no reason. Please try again."),
                again=again,
            )


# ---------------------------------------------------------------------- the answer of Microsoft


def not_waited_for(why):
    """Tell why an answer of Microsoft finds no sign-in: too late, answered before, or never begun here."""
    match why:
        case "answered":
            return page(
                "used",
                410,
                request.env._("This sign-in was used already"),
                request.env._("An answer of Microsoft serves once. If your mailbox is not connected, please begin again from MailDesk."),
            )
        case "unknown":
            return page(
                "unknown",
                410,
                request.env._("Nobody began this sign-in"),
                request.env._(
                    "This answer belongs to no sign-in that is under way here. If somebody sent you a link, do not follow it; "
                    "otherwise please begin again from MailDesk."
                ),
            )
        case _:
            return expired()


def expired(again=None):
    """Tell that it took too long."""
    return page(
        "expired",
        410,
        request.env._("This sign-in has expired"),
        request.env._("A sign-in must be finished within ten minutes, and serves once. Please begin again."),
        again=again,
    )


def foreign():
    """Tell that this browser or user did not begin the sign-in."""
    return page(
        "foreign",
        403,
        request.env._("Begun somewhere else"),
        request.env._("This sign-in was begun by another user or in another browser. Please begin again from MailDesk."),
    )


def approval(error):
    """Tell the administrator who came by the link of `admin_consent` what became of it."""
    if error:
        return page(
            "not_approved",
            403,
            request.env._("MailDesk was not approved"),
            request.env._(
                "Nothing was changed. The people of your organisation cannot connect their mailboxes until an administrator approves."
            ),
        )
    return page(
        "approved",
        200,
        request.env._("MailDesk is approved"),
        request.env._("The people of your organisation can connect their mailboxes now: “Authorize Outlook” in MailDesk."),
    )


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
                copy_label=request.env._("If Microsoft wanted an administrator's approval, send yours this link"),
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
                    "Your administrator of Microsoft 365 can tell."
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
                    "At Microsoft %(email)s is the address of another mailbox now. Mail of both must not be mixed: delete and purge "
                    "this mailbox in MailDesk, and connect it as a new one.",
                    email=account.email,
                ),
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
                message or request.env._("Microsoft did not complete the sign-in. Please try again."),
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
