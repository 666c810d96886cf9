"""The mail that says that a mail could not be delivered (RFC 3464), as Exchange writes it."""

from __future__ import annotations

from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tests.graph_simulator.model import Mailbox, Message

__all__ = ["bounce"]


def bounce(message: Message, address: str, mailbox: Mailbox, now: datetime) -> bytes:
    """Return the report about one recipient of a message."""
    domain = mailbox.address.partition("@")[2]
    original = message.data["internetMessageId"]
    report = MIMEMultipart("report")
    report.set_param("report-type", "delivery-status")
    report["From"] = f"Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@{domain}>"
    report["To"] = mailbox.address
    report["Subject"] = Header(f"Undeliverable: {message.data['subject'] or ''}", "utf-8").encode()
    report["Date"] = format_datetime(now)
    report["Message-ID"] = mailbox.new_internet_id()
    report["In-Reply-To"] = original
    report["References"] = " ".join(part for part in (message.headers.get("References"), original) if part)
    report["X-Failed-Recipients"] = address
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText(f"<p>Your message to {address} couldn't be delivered.</p>", "html", "utf-8"))
    status = MIMEBase("message", "delivery-status")
    status.set_payload(
        f"Reporting-MTA: dns;{domain}\r\n\r\nFinal-Recipient: rfc822;{address}\r\nAction: failed\r\nStatus: 5.1.10\r\n"
        "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound\r\n"
    )
    report.attach(status)
    return report.as_bytes()
