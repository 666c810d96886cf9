"""Mailboxes that stand in Odoo without a connector: laid down by SQL, so that a folder of 100,000 messages takes seconds."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg2

if TYPE_CHECKING:
    from tests.odoo.person import Person
    from tests.odoo.server import OdooServer

__all__ = ["Desk"]

SENDERS = ("Jane Doe", "Kai Müller", "Ελένη Παππά", "Port services", "Mail Delivery Subsystem", "Newsletter", "Zoë Ångström")
SUBJECTS = (
    "Offer for the pier extension",
    "Lieferung Kalenderwoche 48",
    "Смета на причал",
    "Berth plan, third revision",
    "Undeliverable: Offer",
)

# A conversation of three every five minutes, and single messages between.
_MESSAGES = """
    INSERT INTO mailbox_message_index (account_id, folder_id, remote_id, conversation_id, received_at, subject, from_name, from_email,
                                       preview, to_recipients, importance, is_read, is_flagged, has_attachments, is_draft, pending_removal)
    SELECT %(account)s, %(folder)s, 'm' || %(folder)s || '-' || n,
           'c' || CASE WHEN n %% 5 < 3 THEN 'thread' || n / 5 ELSE 'single' || n END,
           date_trunc('second', now() AT TIME ZONE 'UTC') - n * %(every)s * interval '1 second',
           (%(subjects)s::text[])[1 + n / 5 %% array_length(%(subjects)s::text[], 1)] || ' ' || n / 5,
           (%(senders)s::text[])[1 + n %% array_length(%(senders)s::text[], 1)], 'sender' || n %% 50 || '@pier.example',
           'Please find the berth plan; changes are marked in red on page 2, message ' || n,
           jsonb_build_array(jsonb_build_object('name', 'Anna Larsen', 'address', %(email)s)),
           'normal', n %% 4 <> 0, n %% 9 = 0, n %% 6 = 0, false, false
      FROM generate_series(%(first)s, %(first)s + %(count)s - 1) n"""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox of the desk: its id, and its folders by role."""

    id: int
    email: str
    folders: dict[str, int]


class Desk:
    """What one person has in MailDesk."""

    def __init__(self, odoo: OdooServer) -> None:
        self._odoo = odoo
        self.connector_is_up()

    def sql(self, statement: str, *params: object) -> list[tuple[object, ...]]:
        """Run a statement in Odoo's database."""
        return self._odoo.cluster.execute(self._odoo.database, statement, *params)

    def connector_is_up(self, *, is_up: bool = True) -> None:
        """Let a connector count as there, or as gone since an hour."""
        self.sql("DELETE FROM mailbox_connector")
        self.sql(
            """INSERT INTO mailbox_connector (instance, run, serial, seen_at)
               VALUES ('i', 'r', 's', (now() AT TIME ZONE 'UTC') + CASE WHEN %s THEN 1 ELSE -1 END * interval '1 hour')""",
            is_up,
        )

    def mailbox(self, person: Person, email: str, name: str, roles: tuple[str, ...] = ("inbox", "drafts", "sent", "archive")) -> Mailbox:
        """Make a connected mailbox with folders, without mail."""
        account_id = person.new_account(email, name)
        self.sql(
            """UPDATE mailbox_account SET state = 'connected', state_message = 'Connected', sync_phase = 'up_to_date', active = true,
                      granted_scopes = 'Mail.ReadWrite Mail.Send', last_sync_at = now() AT TIME ZONE 'UTC' WHERE id = %s""",
            account_id,
        )
        folders = {}
        for role in roles:
            title = {"inbox": "Inbox", "sent": "Sent Items"}.get(role, role.capitalize())
            ((folders[role],),) = self.sql(
                """INSERT INTO mailbox_folder (account_id, remote_id, name, role, active, sync_enabled, sync_state)
                   VALUES (%s, %s, %s, %s, true, true, 'ok') RETURNING id""",
                account_id,
                f"F-{role}",
                title,
                role,
            )
        return Mailbox(account_id, email, {role: int(str(folder)) for role, folder in folders.items()})

    def fill(self, mailbox: Mailbox, role: str, count: int, *, every: int = 300, first: int = 0) -> None:
        """Lay down messages, each `every` seconds older than the one before; with the folder's counts."""
        folder = mailbox.folders[role]
        values = {
            "account": mailbox.id,
            "folder": folder,
            "email": mailbox.email,
            "count": count,
            "every": every,
            "first": first,
            "subjects": list(SUBJECTS),
            "senders": list(SENDERS),
        }
        with (
            closing(psycopg2.connect(self._odoo.cluster.dsn(self._odoo.database))) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_MESSAGES, values)
        self.sql("DELETE FROM mailbox_folder_sync WHERE folder_id = %s", folder)
        self.sql(
            """INSERT INTO mailbox_folder_sync (account_id, folder_id, revision, unread, total)
               SELECT %s, %s, 1, count(*) FILTER (WHERE NOT is_read), count(*) FROM mailbox_message_index WHERE folder_id = %s""",
            mailbox.id,
            folder,
            folder,
        )
        self.sql("ANALYZE mailbox_message_index")
