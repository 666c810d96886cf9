"""Names as mails bring them: written by whoever sent the mail, and shown to somebody else."""

import re
import unicodedata

# Characters: longer than any person's name, short enough for a line.
NAME_LIMIT = 100
# RFC 5321: 64 before the @, 255 after it; a path has 254 in all.
ADDRESS_LIMIT = 254

# Control, format (which turn text round, or are not seen), private and unpaired: none of them is part of a name.
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}

_ADDRESS = re.compile(r"[^\s@<>()\"',;:]+@[^\s@<>()\"',;:]+\.[^\s@<>()\"',;:]+")


def clean_name(name, address):
    """Return what a person is called; their address where the name is empty or pretends to be an address."""
    seen = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in name or "")
    # Compatibility forms are folded for the look only: a wide @ reads as @.
    if _ADDRESS.search(unicodedata.normalize("NFKC", seen)):
        return address
    words = " ".join(seen.split()).strip("\"'“”„«»")
    return words[:NAME_LIMIT].strip() or address
