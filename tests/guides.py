"""The guides as pages that Odoo serves, so that Settings can lead to them: `python -m tests.guides` writes them from docs/."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

__all__ = ["GUIDES", "PAGES", "page_of"]

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "odoo_stub_module" / "maildesk" / "static" / "doc"
GUIDES = ("setting-up", "azure-app-registration")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="guide.css">
</head>
<body>
{body}</body>
</html>
"""


def page_of(guide: str) -> str:
    """Return a guide as a page; links between guides lead to pages."""
    text = (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(([\w-]+)\.md\)", r"](\1.html)", text)
    title = text.partition("\n")[0].removeprefix("# ")
    return _PAGE.format(title=title, body=MarkdownIt("commonmark").enable("table").render(text))


def main() -> None:
    """Write all pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for guide in GUIDES:
        (PAGES / f"{guide}.html").write_text(page_of(guide), encoding="utf-8")


if __name__ == "__main__":
    main()
