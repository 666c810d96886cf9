"""One call that writes a mailbox at a time, beside users, and without Odoo's retries.

Odoo's transactions are REPEATABLE READ: whoever writes a row that was changed since the transaction began fails, and Odoo tries again after
up to 2, 4, 8 and 16 seconds. Here the first try is such a transaction, as Odoo began it, and nearly always the only one. If another call
for the mailbox is under way, or somebody wrote in between, the second try waits for its turn and runs at READ COMMITTED: there a row that
somebody changed is looked at anew instead of failing, and with one call at a time nothing else can come between.
"""

from contextlib import suppress

from psycopg2.errors import SerializationFailure

# The first half of the advisory lock's key; the other is the account. Any number that no other addon uses.
_LOCK_SPACE = 1_483_001


def in_turn(env, account_ids, work):
    """Return what `work()` returns; it is called at the start of a transaction, and a second time if the first was in vain."""
    cr = env.cr
    # A take-up may be of several mailboxes: in the order of ids, or not at all, so that nobody waits for one another.
    cr.execute("SELECT pg_try_advisory_xact_lock(%s, id) FROM unnest(%s::int4[]) id", [_LOCK_SPACE, account_ids], log_exceptions=False)
    if all(row[0] for row in cr.fetchall()):
        with suppress(SerializationFailure):
            return work()
    # As Odoo does between its tries; nothing was written before.
    cr.rollback()
    env.transaction.reset()
    env.registry.reset_changes()
    cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    for account_id in sorted(account_ids):
        cr.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, account_id], log_exceptions=False)
    return work()
