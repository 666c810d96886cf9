"""The mail that says that a mail could not be delivered (RFC 3464), as Exchange writes it."""

from __future__ import annotations

from email import message_from_string
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from typing import TYPE_CHECKING

from tests.graph_simulator.compose import WIRE_POLICY

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
    status = message_from_string(
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns;{domain}\n\nFinal-Recipient: rfc822;{address}\nAction: failed\n"
        "Status: 5.1.10\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound\n"
    )
    report.attach(status)
    return report.as_bytes(policy=WIRE_POLICY)
