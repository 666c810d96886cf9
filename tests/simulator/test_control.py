"""The control API: every call of its README works, all else gets a sentence."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from starlette.routing import Route

from tests.graph_simulator.control import control_routes
from tests.graph_simulator.quirks import PROFILES, Quirks
from tests.graph_simulator.server import make_world
from tests.simulator.conftest import ADDRESS, open_graph

if TYPE_CHECKING:
    from connector.http import Response
    from tests.simulator.conftest import Graph

README = (Path(__file__).parents[1] / "graph_simulator" / "README.md").read_text(encoding="utf-8")
BOX = f"/mailboxes/{quote(ADDRESS)}"
EML = b"From: A <a@b.example>\r\nSubject: New\r\n\r\nHello"


async def _send(graph: Graph, method: str, path: str, body: Any = None) -> Response:
    given: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    return await graph.http.request(method, f"{graph.url}/_sim{path}", **given)


async def _ask(graph: Graph, method: str, path: str, body: Any = None) -> Any:
    answer = await _send(graph, method, path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _truth(graph: Graph, message_id: str) -> dict[str, Any] | None:
    found = [m for m in await _ask(graph, "GET", f"{BOX}/messages") if m["id"] == message_id]
    return found[0] if found else None


def _newest(graph: Graph) -> str:
    return graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0].immutable_id


def test_readme_names_the_routes_and_no_others() -> None:
    """The table and the code agree, call by call."""
    described = set(re.findall(r"^\| `([A-Z]+) (/_sim[^`?]*)", README, re.MULTILINE))
    there = set()
    for route in control_routes(make_world(demo=False)):
        assert isinstance(route, Route)
        if not route.path.endswith(":path}"):
            there |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    assert described == there


def test_readme_names_only_switches_and_profiles_that_are() -> None:
    """What stands in backticks as a switch in the README exists, and so does the profile of its example."""
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", README))
    assert named
    assert named <= set(Quirks().to_json())
    assert set(re.findall(r"--profile (\w+)", README)) <= set(PROFILES)


# ---------------------------------------------------------------- mailboxes and folders


async def test_mailboxes_are_made_and_listed(graph: Graph) -> None:
    """With all real mail, at least so much in the Inbox, or empty."""
    made = await _ask(graph, "POST", "/mailboxes", {"address": "b@x.example", "name": "Bo", "personal": True, "inbox": 90})
    assert made == await _ask(graph, "GET", "/mailboxes")
    assert [m["address"] for m in made] == [ADDRESS, "b@x.example"]
    assert {k: made[1][k] for k in ("name", "personal", "requests")} == {"name": "Bo", "personal": True, "requests": 0}
    inbox = [m for m in await _ask(graph, "GET", "/mailboxes/b@x.example/messages") if m["well_known"] == "inbox"]
    assert len(inbox) == 90
    assert made[1]["messages"] > 90
    made = await _ask(graph, "POST", "/mailboxes", {"address": "c@x.example", "empty": True})
    assert (made[2]["messages"], made[2]["name"]) == (0, "c@x.example")


async def test_mailboxes_count_requests(graph: Graph) -> None:
    """Graph requests count, calls of this API do not."""
    await graph.get("/me/mailFolders")
    assert (await _ask(graph, "GET", "/mailboxes"))[0]["requests"] == 1


async def test_messages_are_the_truth(graph: Graph) -> None:
    """Every message once, as Graph will show it."""
    truth = await _ask(graph, "GET", f"{BOX}/messages")
    assert len(truth) == len({m["id"] for m in truth}) == 78
    for shown in truth[:5]:
        message = await graph.get(f"/me/messages/{shown['id']}")
        assert (shown["subject"], shown["isRead"], shown["received"]) == (
            message["subject"],
            message["isRead"],
            message["receivedDateTime"],
        )
        assert (shown["folder_id"], shown["flag"]) == (message["parentFolderId"], message["flag"]["flagStatus"])


async def test_folders_are_made_renamed_moved_and_deleted(graph: Graph) -> None:
    """And Graph sees each of it at once."""
    (made,) = [f for f in await _ask(graph, "POST", f"{BOX}/folders", {"name": "New/One", "parent": "archive"}) if f["name"] == "New/One"]
    assert made["parent_id"] == graph.mailbox.folder_id("archive")
    changed = await _ask(graph, "PATCH", f"{BOX}/folders/{made['id']}", {"name": "Two", "parent": "inbox"})
    assert changed == {"id": made["id"], "name": "Two"}
    seen = await graph.get(f"/me/mailFolders/{made['id']}")
    assert (seen["displayName"], seen["parentFolderId"]) == ("Two", graph.mailbox.folder_id("inbox"))
    mail = await _ask(graph, "POST", f"{BOX}/deliver?folder={made['id']}", EML)
    assert await _ask(graph, "DELETE", f"{BOX}/folders/{made['id']}") == {}
    assert (await graph.raw(f"/me/mailFolders/{made['id']}")).status_code == 404
    assert await _truth(graph, mail["id"]) is None
    counts = {f["well_known"]: f["total"] for f in await _ask(graph, "GET", f"{BOX}/folders")}
    assert counts["inbox"] == (await graph.get("/me/mailFolders/inbox"))["totalItemCount"]


# ---------------------------------------------------------------- mail


async def test_deliver_puts_a_mail_where_and_when(graph: Graph) -> None:
    """Into the Inbox now, or into a folder at a time; the time may have an offset."""
    before = datetime.now(UTC).replace(microsecond=0)
    mail = await _ask(graph, "POST", f"{BOX}/deliver", EML)
    assert (mail["subject"], mail["well_known"], mail["isRead"]) == ("New", "inbox", False)
    assert before <= datetime.fromisoformat(mail["received"]) <= datetime.now(UTC)
    mail = await _ask(graph, "POST", f"{BOX}/deliver?folder=JunkEmail&received={quote('2026-05-01T10:00:00+02:00')}", EML)
    assert (mail["well_known"], mail["received"]) == ("junkemail", "2026-05-01T08:00:00Z")
    assert (await graph.raw(f"/me/messages/{mail['id']}/$value")).content == EML


async def test_message_verbs_do_what_they_say(graph: Graph) -> None:
    """Move, read, unread, flag, change, delete: each answers with the truth after it, and the delta tells of it."""
    _, link = await graph.rounds("/me/mailFolders/inbox/messages/delta")
    message = f"{BOX}/messages/{_newest(graph)}"
    assert (await _ask(graph, "POST", f"{message}/read"))["isRead"] is True
    assert (await _ask(graph, "POST", f"{message}/unread"))["isRead"] is False
    assert (await _ask(graph, "POST", f"{message}/flag"))["flag"] == "flagged"
    assert (await _ask(graph, "POST", f"{message}/flag", {"status": "complete"}))["flag"] == "complete"
    changed = await _ask(graph, "POST", f"{message}/change", {"importance": "low", "categories": ["Red category"]})
    assert (changed["importance"], changed["categories"]) == ("low", ["Red category"])
    (item,), link = await graph.rounds(link)
    assert (item["importance"], item["flag"]["flagStatus"]) == ("low", "complete")
    moved = await _ask(graph, "POST", f"{message}/move", {"folder": "Archive"})
    assert moved["well_known"] == "archive"
    assert [("@removed" in i) for i in (await graph.rounds(link))[0]] == [True]
    assert await _ask(graph, "POST", f"{message}/delete") == {}
    assert await _truth(graph, moved["id"]) is None


async def test_grow_adds_older_mail(graph: Graph) -> None:
    """So many more, older than all before, each with an id of its own."""
    before = await _ask(graph, "GET", f"{BOX}/messages")
    assert await _ask(graph, "POST", f"{BOX}/grow", {"count": 30, "folder": "archive"}) == {"messages": 108}
    ids = {m["id"] for m in before}
    new = [m for m in await _ask(graph, "GET", f"{BOX}/messages") if m["id"] not in ids]
    assert {m["well_known"] for m in new} == {"archive"}
    assert max(m["received"] for m in new) < min(m["received"] for m in before)
    assert len({m["internetMessageId"] for m in new}) == 30
    assert await _ask(graph, "POST", f"{BOX}/grow") == {"messages": 208}


async def test_revoke_shuts_graph(graph: Graph) -> None:
    """The next request is a 401."""
    assert await _ask(graph, "POST", f"{BOX}/revoke") == {}
    assert (await graph.raw("/me")).status_code == 401


# ---------------------------------------------------------------- awkwardnesses


async def test_faults_are_set_kept_and_taken_back() -> None:
    """A switch stays until told otherwise; a profile sets all; DELETE goes back to how this simulator was started."""
    async with open_graph(Quirks(page_size=5)) as graph:
        assert (await _ask(graph, "GET", "/faults"))["page_size"] == 5
        await _ask(graph, "POST", "/faults", {"lanes": 2})
        now = await _ask(graph, "POST", "/faults", {"aba_loss": False})
        assert (now["lanes"], now["aba_loss"], now["page_size"]) == (2, False, 5)
        assert len((await graph.get("/me/mailFolders/inbox/messages"))["value"]) == 5
        now = await _ask(graph, "POST", "/faults", {"profile": "hostile", "lanes": 3})
        assert (now["shuffle"], now["lanes"], now["page_size"]) == (True, 3, 10)
        assert await _ask(graph, "DELETE", "/faults") == Quirks(page_size=5).to_json()
        assert PROFILES["hostile"].lanes == 4


async def test_faults_fail_graph_for_so_many_requests(graph: Graph) -> None:
    """The next two fail with what was said, for this mailbox; then all is well."""
    await _ask(graph, "POST", "/faults", {"fail_graph": "503 ErrorServerBusy", "fail_count": 2, "fail_mailbox": ADDRESS})
    answers = [await graph.raw("/me/mailFolders") for _ in range(3)]
    assert [a.status_code for a in answers] == [503, 503, 200]
    assert (answers[0].json()["error"]["code"], answers[0].headers["retry-after"]) == ("ErrorServerBusy", "1")


async def test_faults_say_what_they_are_told_to_say(graph: Graph) -> None:
    """Exchange quotes what a request was about; so may an injected fault."""
    await _ask(graph, "POST", "/faults", {"fail_graph": "418 ErrorTeapot", "fail_message": "No coffee for 'anna@pier.example'."})
    assert (await graph.raw("/me/mailFolders")).json()["error"]["message"] == "No coffee for 'anna@pier.example'."


async def test_faults_of_another_mailbox_are_not_ours(graph: Graph) -> None:
    """A fault for one mailbox leaves the others alone, and without Retry-After there is none."""
    await _ask(graph, "POST", "/faults", {"fail_graph": "429 ApplicationThrottled", "fail_mailbox": "b@x.example", "retry_after": False})
    assert (await graph.raw("/me/mailFolders")).status_code == 200
    await _ask(graph, "POST", "/faults", {"fail_mailbox": ""})
    answer = await graph.raw("/me/mailFolders")
    assert (answer.status_code, "retry-after" in answer.headers) == (429, False)


async def test_latency_is_set_and_taken_back(graph: Graph) -> None:
    """It is one of the switches; that it is waited stands in test_wire."""
    assert (await _ask(graph, "POST", "/latency", {"seconds": 0.5}))["latency"] == 0.5
    assert (await _ask(graph, "POST", "/latency", {"seconds": 0}))["latency"] == 0
    assert (await _ask(graph, "GET", "/faults"))["latency"] == 0


async def test_log_tells_requests_and_no_secret(graph: Graph) -> None:
    """What was asked and with which preferences; no access token, no paging token, no body."""
    _, link = await graph.rounds("/me/mailFolders/inbox/messages/delta", prefer="odata.maxpagesize=50")
    await graph.get(link)
    answer = await _send(graph, "GET", "/log")
    first, last = answer.json()[0], answer.json()[-1]
    assert (first["method"], first["path"], first["mailbox"]) == ("GET", "/v1.0/me/mailFolders/inbox/messages/delta", ADDRESS)
    assert first["prefer"] == ['IdType="ImmutableId", odata.maxpagesize=50']
    assert last["query"] == {}
    assert graph.token not in answer.text
    assert link.rpartition("=")[2] not in answer.text


# ---------------------------------------------------------------- bad input

ID = "{id}"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/mailboxes", {}, 400, "address is missing"),
        ("POST", "/mailboxes", {"address": ADDRESS}, 400, "is there already"),
        ("POST", "/mailboxes", {"address": 5}, 400, "address wants str, not int"),
        ("POST", "/mailboxes", {"address": "b@x.example", "inbox": "many"}, 400, "inbox wants int, not str"),
        ("POST", "/mailboxes", {"address": "b@x.example", "inbox": None}, 400, "inbox wants int, not NoneType"),
        ("POST", "/mailboxes", {"address": "b@x.example", "inbox": -1}, 400, "inbox is out of bounds"),
        ("POST", "/mailboxes", {"address": "b@x.example", "inbox": 5, "empty": True}, 400, "empty"),
        ("POST", "/mailboxes", {"adress": "b@x.example", "address": "c@x.example"}, 400, "unknown name 'adress'"),
        ("POST", "/mailboxes", b"{", 400, "Expecting"),
        ("POST", "/mailboxes", b"\xff", 400, "decode"),
        ("POST", "/mailboxes", ["x"], 400, "wants a JSON object"),
        ("GET", "/mailboxes/nobody@x.example/messages", None, 404, "nobody@x.example"),
        ("GET", "/mailboxes/nobody@x.example/folders", None, 404, "nobody@x.example"),
        ("POST", "/mailboxes/nobody@x.example/deliver", EML, 404, "nobody@x.example"),
        ("POST", "/mailboxes/nobody@x.example/grow", {}, 404, "nobody@x.example"),
        ("POST", "/mailboxes/nobody@x.example/revoke", {}, 404, "nobody@x.example"),
        ("POST", f"{BOX}/folders", {}, 400, "name is missing"),
        ("POST", f"{BOX}/folders", {"name": "x", "parent": "nowhere"}, 404, "nowhere"),
        ("PATCH", f"{BOX}/folders/nowhere", {"name": "x"}, 404, "nowhere"),
        ("PATCH", f"{BOX}/folders/inbox", {"parent": "inbox"}, 400, "below Inbox"),
        ("PATCH", f"{BOX}/folders/msgfolderroot", {"parent": "inbox"}, 400, "below Inbox"),
        ("DELETE", f"{BOX}/folders/inbox", None, 400, "inbox cannot be deleted"),
        ("DELETE", f"{BOX}/folders/nowhere", None, 404, "nowhere"),
        ("POST", f"{BOX}/deliver?folder=nowhere", EML, 404, "nowhere"),
        ("POST", f"{BOX}/deliver?received=yesterday", EML, 400, "yesterday"),
        ("POST", f"{BOX}/messages/nonsense/read", None, 404, "nonsense"),
        ("POST", f"{BOX}/messages/{ID}/move", {}, 400, "folder is missing"),
        ("POST", f"{BOX}/messages/{ID}/move", {"folder": "nowhere"}, 404, "nowhere"),
        ("POST", f"{BOX}/messages/{ID}/flag", {"status": "red"}, 400, "red"),
        ("POST", f"{BOX}/messages/{ID}/change", {"importance": "urgent"}, 400, "urgent"),
        ("POST", f"{BOX}/messages/{ID}/change", {"subjekt": "x"}, 400, "subjekt"),
        ("POST", f"{BOX}/messages/{ID}/change", {"parentFolderId": "x"}, 400, "parentFolderId changes by a move only"),
        ("POST", f"{BOX}/messages/{ID}/burn", None, 404, "README.md"),
        ("POST", f"{BOX}/grow", {"count": -5}, 400, "count is out of bounds"),
        ("POST", f"{BOX}/grow", {"folder": "nowhere"}, 404, "nowhere"),
        ("POST", "/faults", {"lane": 3}, 400, "unknown switch 'lane'"),
        ("POST", "/faults", {"lanes": "three"}, 400, "lanes wants int, not str"),
        ("POST", "/faults", {"lanes": True}, 400, "lanes wants int, not bool"),
        ("POST", "/faults", {"lanes": -1}, 400, "lanes wants 0 or more"),
        ("POST", "/faults", {"page_size": 0}, 400, "page_size wants 1 or more"),
        ("POST", "/faults", {"delta_generations": 0}, 400, "delta_generations wants 1 or more"),
        ("POST", "/faults", {"fail_graph": "busy"}, 400, "503 ErrorServerBusy"),
        ("POST", "/faults", {"profile": "kind"}, 400, "unknown profile 'kind'"),
        ("POST", "/faults", {"profile": ["hostile"]}, 400, "unknown profile ['hostile']"),
        ("POST", f"{BOX}/lifecycle", {}, 400, "event is missing"),
        ("POST", f"{BOX}/lifecycle", {"event": "lost"}, 400, "unknown event 'lost'"),
        ("POST", f"{BOX}/lifecycle", {"event": "missed"}, 404, "a subscription of"),
        ("GET", "/mailboxes/nobody@x.example/subscriptions", None, 404, "nobody@x.example"),
        ("POST", "/latency", {}, 400, "seconds is missing"),
        ("POST", "/latency", {"seconds": "1"}, 400, "seconds wants float, not str"),
        ("POST", "/latency", {"seconds": -1}, 400, "seconds is out of bounds"),
        ("POST", "/latency", b'{"seconds": NaN}', 400, "seconds is out of bounds"),
        ("PUT", "/faults", {}, 404, "PUT /_sim/faults"),
        ("GET", "/nothing", None, 404, "GET /_sim/nothing"),
    ],
)
async def test_control_bad_input_gets_a_sentence_and_changes_nothing(
    graph: Graph, method: str, path: str, body: Any, status: int, says: str
) -> None:
    """Never a 500, and everything is as before."""
    truth, faults = graph.mailbox.truth(), graph.world.quirks.to_json()
    folders = [(f.id, f.parent_id, f.name) for f in graph.mailbox.folders.values()]
    answer = await _send(graph, method, path.replace(ID, _newest(graph)), body)
    assert (answer.status_code, says in answer.json()["error"]) == (status, True), answer.text
    assert graph.mailbox.truth() == truth
    assert graph.world.quirks.to_json() == faults
    assert [(f.id, f.parent_id, f.name) for f in graph.mailbox.folders.values()] == folders
    assert list(graph.world.mailboxes) == [ADDRESS]


async def test_grow_an_empty_mailbox_has_nothing_to_vary(graph: Graph) -> None:
    """A sentence, not a failure."""
    await _ask(graph, "POST", "/mailboxes", {"address": "c@x.example", "empty": True})
    answer = await _send(graph, "POST", "/mailboxes/c@x.example/grow", {"count": 3})
    assert (answer.status_code, "no mail to vary" in answer.json()["error"]) == (400, True)


async def test_folder_is_not_moved_below_itself(graph: Graph) -> None:
    """A ring of folders would never end."""
    projects = next(f for f in graph.mailbox.folders.values() if f.name == "Projekte")
    below = next(f for f in graph.mailbox.folders.values() if f.parent_id == projects.id)
    answer = await _send(graph, "PATCH", f"{BOX}/folders/{projects.id}", {"name": "X", "parent": below.id})
    assert answer.status_code == 400
    assert (projects.name, projects.parent_id) == ("Projekte", graph.mailbox.folder_id("msgfolderroot"))
