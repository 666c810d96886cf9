"""What the search index holds of a message: two functions in PostgreSQL, used by the index and by every query.

`maildesk_fold` makes text comparable: compatibility forms resolved, accents off, small letters. It needs no extension (unaccent, pg_trgm)
and no dictionary, so it works for every language and for every role that may make a table; Odoo's databases are UTF-8, which `normalize`
wants.

`maildesk_terms` makes the terms of a message, for one GIN index. Each carries the number of its mailbox ("17/pier"), so that a search costs
what its own mailboxes hold, however many others lie in the table. A word of the subject or the preview stands plain, one of the sender
behind "<", one of a recipient behind ">"; whole addresses stand there too. Chinese, Japanese and Thai have no spaces between words: of such
a run each pair of neighbours is a term. What the index proposes is compared with the text again (`mailbox_message_search.py`), so that
long words cut off at 24 characters, and pairs that stand apart, do no harm.

The index knows these functions by name: one that makes other terms needs another name, so that Odoo builds the index anew.
"""

from odoo import models
from odoo.tools import SQL

# Characters of a term: prefixes that long are typed by nobody, and encoded ids and links would fill the index.
TERM_LIMIT = 24

# Characters of a whole address as a term.
ADDRESS_LIMIT = 120

# Written without spaces between words: Thai, Lao, Burmese, Khmer, Kana, Han.
RUN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"

# What is no part of a word, in a bracket of a regular expression: ASCII but letters and digits, and signs that stand beside words.
# Ranges, not classes: what [[:alnum:]] is depends on the locale of the database.
BETWEEN = (
    r"\x01-/:-@\[-`{-\x7f"
    "\u00a0-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u060c\u061b\u061f\u2000-\u206f\u20a0-\u20bf\u2190-\u2bff\u3000-\u3004\u3008-\u3020"
    "\u30fb\ufe30-\ufe4f\uff61-\uff65"
)

# The expression that is indexed; a query has to say it word for word.
TERMS = "maildesk_terms(account_id, subject, preview, from_name, from_email, to_recipients, cc_recipients, bcc_recipients)"

_FOLD = """
    CREATE OR REPLACE FUNCTION maildesk_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT lower(CASE WHEN octet_length(value) = length(value) THEN value
                          ELSE regexp_replace(normalize(value, NFKD), '[\u0300-\u036f]', '', 'g') END)
    $$"""

_TERMS = f"""
    CREATE OR REPLACE FUNCTION maildesk_terms(account int4, subject text, preview text, from_name text, from_email text,
                                              to_list jsonb, cc_list jsonb, bcc_list jsonb)
    RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
    DECLARE
        words text := maildesk_fold(concat_ws(' ', subject, preview));
        senders text := maildesk_fold(concat_ws(' ', from_name, from_email));
        people jsonb := COALESCE(to_list, '[]') || COALESCE(cc_list, '[]') || COALESCE(bcc_list, '[]');
        receivers text := maildesk_fold(jsonb_path_query_array(people, '$[*].*')::text);
        terms text[];
    BEGIN
        SELECT array_agg(account || mark || left(word, {TERM_LIMIT})) INTO terms
          FROM (SELECT '/', unnest(regexp_split_to_array(words, '[{BETWEEN}{RUN}]+'))
                 UNION ALL SELECT '/<', unnest(regexp_split_to_array(senders, '[{BETWEEN}{RUN}]+'))
                 UNION ALL SELECT '/>', unnest(regexp_split_to_array(receivers, '[{BETWEEN}{RUN}]+'))) AS every (mark, word)
         WHERE word <> '';
        -- Whole addresses: filters and `from:` ask for them.
        terms := terms || (account || '/<' || left(lower(NULLIF(from_email, '')), {ADDRESS_LIMIT}));
        IF people <> '[]' THEN
            terms := terms || ARRAY(
                SELECT account || '/>' || left(lower(NULLIF(person ->> 'address', '')), {ADDRESS_LIMIT})
                  FROM jsonb_array_elements(people) person);
        END IF;
        IF octet_length(words) + octet_length(senders) + octet_length(receivers) > length(words) + length(senders) + length(receivers) THEN
            terms := terms || ARRAY(
                SELECT account || mark || substr(run[1], place, 2)
                  FROM (VALUES ('/', words), ('/<', senders), ('/>', receivers)) AS every (mark, said),
                       regexp_matches(said, '[{RUN}]+', 'g') run, generate_series(1, length(run[1])) place);
        END IF;
        RETURN array_to_tsvector(array_remove(COALESCE(terms, '{{}}'), NULL));
    END $$"""


def terms_of(alias):
    """Return the indexed expression of the table that is called `alias` in a query."""
    return SQL("maildesk_terms(%s)", SQL(", ").join(SQL.identifier(alias, name) for name in TERMS[len("maildesk_terms(") : -1].split(", ")))


class MailboxSearchTerms(models.AbstractModel):
    _name = "mailbox.search.terms"
    _description = "Terms of the Search Index"

    def init(self):
        # Before the table of messages, whose index is made of them.
        self.env.cr.execute(_FOLD)
        # By its full name: autovacuum, REINDEX and pg_restore compute the index with an empty search path.
        [(schema,)] = self.env.execute_query(SQL("SELECT quote_ident(current_schema())"))
        self.env.cr.execute(_TERMS.replace("maildesk_fold(", f"{schema}.maildesk_fold("))
