"""Search at Microsoft through the whole chain: Odoo, connector, Graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.graph_simulator.quirks import Quirks

if TYPE_CHECKING:
    from tests.odoo.person import Person
    from tests.system.conftest import Opener

ADDRESS = "finder@pier.example"


async def test_search_finds_at_microsoft_what_the_index_does_not_have(bench_of: Opener) -> None:
    """A message in Spam, which is not synced, is found and opened; one that the index has is not told twice; nothing of it is kept."""
    async with bench_of(quirks=Quirks(search_delay=0.0)) as bench:
        mailbox = bench.add_mailbox(ADDRESS)
        spam, inbox = (mailbox.in_folder(mailbox.folder_id(role))[0] for role in ("junkemail", "inbox"))
        body = {"contentType": "html", "content": "<p>the whole story</p>"}
        mailbox.change(spam.immutable_id, {"subject": 'Zebrafish "fin"', "body": body})
        mailbox.change(inbox.immutable_id, {"subject": "Zebrafish here"})
        account = await bench.connect(ADDRESS)
        await bench.until_equal(mailbox, account)

        def search(someone: Person) -> tuple[Any, Any, Any, Any]:
            def call(method: str, **how: Any) -> Any:
                return someone.call("mailbox.message_index", method, **how)

            remote = call("maildesk_search_remote", query='zebra subject:"zebrafish fin"')
            opened = call("maildesk_open_remote", account_id=account, remote_id=spam.immutable_id)
            return call("maildesk_search", query="zebra"), call("maildesk_search_remote", query="zebra"), remote, opened

        index, remote, quoted, opened = await bench.person(search)
        assert [row["subject"] for row in index["rows"]] == ["Zebrafish here"]
        for answer in (remote, quoted):
            assert answer["state"] == "ready"
            assert [(row["remote_id"], row["subject"]) for row in answer["rows"]] == [(spam.immutable_id, 'Zebrafish "fin"')]
        assert remote["rows"][0]["folder_name"] == "Junk Email"
        assert "the whole story" in opened["body"]["html"]
        bench.assert_equal(mailbox, account)
