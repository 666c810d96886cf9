"""What is known of the API key without Odoo: by which characters Odoo finds it, and what is said before it expires."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["expiry_warning", "key_index"]

# Odoo keeps the first 8 characters of a key in clear to find it, and a hash of the whole (res.users.apikeys, INDEX_SIZE, API_KEY_SIZE).
_KEY = re.compile(r"([0-9a-f]{8})[0-9a-f]{32}")

# How long before its end a key is warned of; the addon's `WARNING_DAYS` says it as well.
_WARNING = timedelta(days=14)


def key_index(api_key: str) -> str | None:
    """Return the characters by which Odoo finds the key; None of what is no key of Odoo's, a password say: not a part of it leaves here."""
    match = _KEY.fullmatch(api_key)
    return match[1] if match else None


def expiry_warning(expires_at: str | None, now: datetime) -> str | None:
    """Return a sentence when the key expires within 14 days (or has), else None."""
    if expires_at is None:
        return None
    left = datetime.fromisoformat(expires_at).astimezone(UTC) - now
    if left > _WARNING:
        return None
    when = f"expires in {left.days} days, on {expires_at}" if left > timedelta(0) else f"has expired on {expires_at}"
    return f"the API key {when}; make a new one in Odoo (Settings, MailDesk, New Key)"
