"""Microsoft's pages of a sign-in, as far as a person or a browser test has to do with them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["approval", "consent", "form_post", "picker", "proof", "trouble"]

# What the consent page says of each permission (Microsoft Graph permissions reference).
_DESCRIPTIONS = {
    "mail.readwrite": ("Read and write access to your mail", "Allows the app to create, read, update, and delete email in your mailbox."),
    "mail.read": ("Read your mail", "Allows the app to read email in your mailbox."),
    "mail.send": ("Send mail as you", "Allows the app to send mail as you."),
    "user.read": ("View your basic profile", "Allows you to sign in to the app with your organizational account."),
    "offline_access": (
        "Maintain access to data you have given it access to",
        "Allows the app to see and update the data when you are not using it.",
    ),
}

_STYLE = """
body{font:15px/1.4 "Segoe UI",system-ui,sans-serif;background:#f2f2f2;color:#1b1b1b}
body{display:grid;place-items:center;min-height:100vh;margin:0}
main{background:#fff;width:440px;max-width:100%;padding:44px;box-sizing:border-box;box-shadow:0 2px 6px rgba(0,0,0,.2)}
h1{font-size:24px;font-weight:600}.logo{color:#737373;font-weight:600;font-size:18px}
.tile{display:block;width:100%;text-align:left;padding:12px;border:0;border-bottom:1px solid #eee;background:#fff;font:inherit}
.tile:hover{background:#f2f2f2}.tile b{display:block;font-weight:600}.tile span,small{color:#616161;display:block}
.other{margin-top:16px}.problem{color:#c50f1f}ul{padding-left:18px}li{margin:8px 0}
.buttons{display:flex;gap:8px;justify-content:flex-end}.buttons button{padding:8px 28px;border:0;background:#e1e1e1;font:inherit}
.buttons .primary{background:#0067b8;color:#fff}
"""


def trouble(problem: str) -> str:
    """The page of an error that never comes back to the app, such as a redirect URI mismatch."""
    return _page("Sign in", f"<h1>Sorry, but we're having trouble signing you in.</h1><p>{escape(problem)}</p>")


def picker(names: Mapping[str, str], hint: str, problem: str = "") -> str:
    """The account picker; the hinted address stands first."""
    tiles = "".join(_tile(a, names[a]) for a in sorted(names, key=lambda a: (a.lower() != hint.lower(), a)))
    other = (
        '<form method="post" class="other"><input type="hidden" name="step" value="picked"><label>Use another account '
        '<input name="account" type="email" placeholder="Email"></label><button>Next</button></form>'
    )
    warning = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return _page("Pick an account", f"<h1>Pick an account</h1>{warning}{tiles}{other}")


def proof(address: str) -> str:
    """The page that asks for one more proof, such as a code on a phone."""
    return _page(
        "Approve sign in request",
        f"<p>{escape(address)}</p><h1>Approve sign in request</h1><p>Open your Authenticator app, and approve the request to sign in.</p>"
        f"{_buttons(address, ('proved', 'Approve'))}",
    )


def approval(address: str) -> str:
    """The page of an organisation in which only administrators consent."""
    return _page(
        "Need admin approval",
        f"<p>{escape(address)}</p><h1>Need admin approval</h1><p><b>MailDesk</b> needs permission to access resources in your organization "
        "that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.</p>"
        f"{_buttons(address, ('no_approval', 'Return to the application without granting consent'))}",
    )


def consent(address: str, scopes: Sequence[str], *, is_for_all: bool = False) -> str:
    """The consent page: who, which app, which permissions; Cancel and Accept. `is_for_all`: of a whole organisation."""
    asked = {s.rpartition("/")[2].lower() for s in scopes}
    rows = "".join(f"<li><b>{name}</b><small>{text}</small></li>" for key, (name, text) in _DESCRIPTIONS.items() if key in asked)
    whole = "<p>Accept for your organization</p>" if is_for_all else ""
    return _page(
        "Permissions requested",
        f"<p>{escape(address)}</p><h1>Permissions requested</h1>{whole}<p><b>MailDesk</b><br><small>unverified</small></p>"
        f"<p>This app would like to:</p><ul>{rows}</ul>"
        "<p><small>Accepting these permissions means that you allow this app to use your data as specified in their terms of "
        "service and privacy statement.</small></p>"
        f"{_buttons(address, ('cancel', 'Cancel'), ('accept', 'Accept'))}",
    )


def form_post(redirect: str, answer: Mapping[str, str]) -> str:
    """The page that posts the answer back by itself (response_mode=form_post)."""
    fields = "".join(f'<input type="hidden" name="{k}" value="{escape(v)}">' for k, v in answer.items())
    return (
        '<html><head><title>Working...</title></head><body><form method="POST" name="hiddenform" '
        f'action="{escape(redirect)}">{fields}<noscript><p>Script is disabled. Click Submit to continue.</p>'
        "<input type='submit' value='Submit'></noscript></form><script>document.forms[0].submit();</script></body></html>"
    )


def _buttons(address: str, *steps: tuple[str, str]) -> str:
    """A form about an account, with a button for each step; the last one is what the page is for."""
    buttons = "".join(
        f'<button name="step" value="{step}"{" class=" + chr(34) + "primary" + chr(34) if step == steps[-1][0] else ""}>{name}</button>'
        for step, name in steps
    )
    return f'<form method="post" class="buttons"><input type="hidden" name="account" value="{escape(address)}">{buttons}</form>'


def _tile(address: str, name: str) -> str:
    return (
        '<form method="post"><input type="hidden" name="step" value="picked">'
        f'<input type="hidden" name="account" value="{escape(address)}"><button class="tile" data-account="{escape(address)}">'
        f"<b>{escape(name)}</b><span>{escape(address)}</span></button></form>"
    )


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><main><div class="logo">Microsoft (simulated)</div>{content}</main></body></html>'
    )
