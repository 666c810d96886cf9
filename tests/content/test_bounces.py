"""Reports of mail that was not delivered."""

from __future__ import annotations

from connector.content.bounces import from_status, is_status, reported

_STATUS = b"""Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; nobody@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <nobody@example.org>:
  user unknown

Original-Recipient: rfc822;late@example.org
Action: Delayed
Status: 4.4.1
"""


def test_from_status_tells_who_and_why() -> None:
    """One entry a recipient; folded lines are one."""
    assert from_status(_STATUS) == [
        {
            "address": "nobody@example.org",
            "action": "failed",
            "status": "5.1.1",
            "reason": "550 5.1.1 <nobody@example.org>: user unknown",
        },
        {"address": "late@example.org", "action": "delayed", "status": "4.4.1", "reason": ""},
    ]
    assert from_status(_STATUS.replace(b"\n", b"\r\n")) == from_status(_STATUS)


def test_from_status_nonsense_tells_nothing() -> None:
    """Bytes, nothing at all, a thousand recipients."""
    assert from_status(b"\xff\x00\n\n") == []
    assert from_status(b"") == []
    assert len(from_status(b"\n\n".join(b"Final-Recipient: rfc822; %d@example.org" % n for n in range(1000)))) == 20


def test_is_status() -> None:
    """Both types there are (RFC 3464, RFC 6533)."""
    assert is_status("message/delivery-status; charset=x")
    assert is_status("message/global-delivery-status")
    assert not is_status("message/rfc822")


def test_reported_is_the_mail_that_was_answered() -> None:
    """In-Reply-To says it, else the end of References; nonsense says nothing."""
    assert reported({"in-reply-to": "<sent@pier.example>", "references": "<first@x> <other@x>"}) == "<sent@pier.example>"
    assert reported({"references": "<first@x>\r\n <sent@pier.example>"}) == "<sent@pier.example>"
    assert reported({"in-reply-to": "your mail of Monday", "references": ""}) == ""
    assert reported({}) == ""
