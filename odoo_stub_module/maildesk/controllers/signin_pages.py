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


def other_address(base, here, path, redirect_uri):
    """Tell that Microsoft would send the browser to another address of this Odoo, where nobody is signed in; `path` begins again there."""
    is_admin = _is_admin()
    return page(
        "other_address",
        409,
        request.env._("Open MailDesk at its own address"),
        request.env._(
            "Microsoft sends you back to %(base)s, but you are at %(here)s. Go on there; Odoo may ask you to log in once more. "
            "If that address is wrong, an administrator corrects the system parameter maildesk.redirect_base.",
            base=base,
            here=here,
        ),
        again=base + path,
        again_label=request.env._("Go On There"),
        copy=redirect_uri if is_admin else None,
        copy_label=request.env._("The redirect URI that is registered at Microsoft"),
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
    return page(
        "not_configured",
        409 if has_connector else 503,
        request.env._("OAuth Not Configured"),
        request.env._("MailDesk and Microsoft do not know each other yet. An administrator has to do this once:"),
        steps=steps,
        copy=redirect_uri if has_connector else None,
        copy_label=request.env._("Redirect URI"),
        **_to_settings(),
    )


def _is_admin():
    return request.env.user.has_group("base.group_system")


def _to_settings():
    """Return the button of those who can mend it in Settings."""
    return {"again": SETTINGS_URL, "again_label": request.env._("Open Settings")} if _is_admin() else {}


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
                **_to_settings(),
            )
        case _:
            return page(
                "failed",
                502,
                request.env._("The sign-in failed"),
                error.message or request.env._("The connector gave no reason. Please try again."),
                again=again,
            )


# ---------------------------------------------------------------------- an answer that finds no sign-in, or none that waits for it


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
    """Tell the administrator who came by the link of `admin_consent` what became of it: perhaps nobody who uses this Odoo."""
    if error:
        return page(
            "not_approved",
            403,
            request.env._("MailDesk was not approved"),
            request.env._(
                "Nothing was changed. The people of your organisation cannot connect their mailboxes until an administrator approves."
            ),
            app_url=None,
        )
    return page(
        "approved",
        200,
        request.env._("MailDesk is approved"),
        request.env._(
            "The people of your organisation can connect their mailboxes now: “Authorize Outlook” in MailDesk. You can close this page."
        ),
        app_url=None,
    )
