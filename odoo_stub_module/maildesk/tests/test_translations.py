"""The terms for translators are those of the sources, and German has all of them."""

import re
from io import BytesIO

import polib
from odoo.tests import tagged
from odoo.tests.common import TransactionCase
from odoo.tools.misc import file_path
from odoo.tools.translate import trans_export

# What stands in a translation as it stands in the term: places for values, and the marks of HTML.
_KEPT = re.compile(r"%\(\w+\)[a-z]|%[a-z%]|</?\w+[^>]*>|https?://\S+|maildesk-connector \w+")

# Attributes of a mark are words for people, and translated.
_WORDS = re.compile(r'(title|aria-label)="[^"]*"')

# Word for word what guides, support and users go by (docs/setting-up.md).
FIXED = {
    "OAuth Not Configured",
    "Connected",
    "Full folder resync required",
    "Outlook authentication expired, please re-authorize",
    "Authorize Outlook",
    "Re-Authorize Outlook",
    "Refresh",
}


def kept(text):
    return sorted(_WORDS.sub("", mark) for mark in _KEPT.findall(text))


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    def setUp(self):
        super().setUp()
        self.template = polib.pofile(file_path("maildesk/i18n/maildesk.pot"))
        self.terms = {entry.msgid for entry in self.template}

    def test_template_has_the_terms_of_the_sources(self):
        """An export of now has the terms that i18n/maildesk.pot has; `make terms` writes it anew."""
        exported = BytesIO()
        trans_export(None, ["maildesk"], exported, "po", self.env)
        now = {entry.msgid for entry in polib.pofile(exported.getvalue().decode())}
        self.assertGreater(len(now), 500)
        self.assertEqual(sorted(now - self.terms), [], "new in the sources: run `make terms`, and translate what it adds to de.po")
        self.assertEqual(sorted(self.terms - now), [], "no more in the sources: run `make terms`")

    def test_fixed_messages_are_terms(self):
        """The messages that users and guides go by are in the sources as they are."""
        self.assertLessEqual(FIXED, self.terms)

    def test_german_is_complete(self):
        """Each term is translated, none as a guess, with the same places for values and the same marks."""
        german = polib.pofile(file_path("maildesk/i18n/de.po"))
        self.assertEqual({entry.msgid for entry in german if not entry.obsolete}, self.terms)
        self.assertEqual([entry.msgid for entry in german if not entry.msgstr], [], "not translated")
        self.assertEqual([entry.msgid for entry in german if "fuzzy" in entry.flags], [], "marked as a guess")
        for entry in german:
            self.assertEqual(kept(entry.msgstr), kept(entry.msgid), entry.msgid)
