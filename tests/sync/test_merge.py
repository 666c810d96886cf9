"""Graph's message into a patch: absent is unchanged, null is a statement, nothing unfit reaches PostgreSQL."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.graph.types import GraphMessage
from connector.sync.merge import PREVIEW_KEPT, RECIPIENTS_KEPT, SUBJECT_KEPT, clean, combine, is_whole, to_patch


def _message(**given: Any) -> GraphMessage:
    return msgspec.convert({"id": "m", **given}, GraphMessage)


def test_to_patch_partial_update_stays_partial() -> None:
    """A read toggle (docs#7776) changes the read state, and nothing else."""
    assert to_patch(_message(isRead=True, parentFolderId="F")) == {"remote_id": "m", "folder": "F", "is_read": True}


def test_to_patch_parent_that_graph_names_counts() -> None:
    """An answer may come from where the message was: Graph's word on its folder is the newer one."""
    assert to_patch(_message(parentFolderId="B"), "A")["folder"] == "B"
    assert "folder" not in to_patch(_message(isRead=True))


def test_to_patch_long_texts_are_cut() -> None:
    """A subject or a name of a megabyte does not become a row of a megabyte."""
    person = {"emailAddress": {"name": "n" * 2000, "address": "a" * 2000}}
    patch = to_patch(_message(subject="s" * 2000, bodyPreview="p" * 2000, toRecipients=[person], **{"from": person}))
    cut = [patch["subject"], patch["from_name"], patch["from_email"], *patch["to_recipients"]["list"][0].values()]
    assert [len(text) for text in cut] == [SUBJECT_KEPT] * 5
    assert len(patch["preview"]) == PREVIEW_KEPT


def test_to_patch_null_is_a_statement() -> None:
    """No sender, no subject: empty, not unchanged."""
    patch = to_patch(_message(**{"from": None, "subject": None, "ccRecipients": None, "flag": None}), "F")
    assert (patch["from_name"], patch["from_email"], patch["subject"]) == ("", "", "")
    assert patch["cc_recipients"] == {"total": 0, "list": []}
    assert patch["is_flagged"] is False
    assert patch["folder"] == "F"


def test_to_patch_sender_stands_in_for_from() -> None:
    """Drafts may have one without the other."""
    patch = to_patch(_message(**{"from": None, "sender": {"emailAddress": {"name": "A", "address": "a@x.example"}}}))
    assert (patch["from_name"], patch["from_email"]) == ("A", "a@x.example")


def test_to_patch_many_recipients_are_cut_and_counted() -> None:
    """5,000 recipients make a short list beside their number."""
    people = [{"emailAddress": {"name": f"P{n}", "address": f"p{n}@x.example"}} for n in range(5000)]
    patch = to_patch(_message(toRecipients=people))
    assert len(patch["to_recipients"]["list"]) == RECIPIENTS_KEPT
    assert patch["to_recipients"]["total"] == 5000


@pytest.mark.parametrize(("status", "flagged"), [("flagged", True), ("complete", False), ("notFlagged", False)])
def test_to_patch_flag(status: str, *, flagged: bool) -> None:
    """A completed flag is no flag any more."""
    assert to_patch(_message(flag={"flagStatus": status}))["is_flagged"] is flagged


def test_to_patch_unknown_importance_is_normal() -> None:
    """A value of tomorrow does not stop today's mail."""
    assert to_patch(_message(importance="urgent"))["importance"] == "normal"


@given(st.text())
def test_clean_any_text_can_be_stored(text: str) -> None:
    """No NUL, no lone surrogate, no control character, one line; cleaning twice changes nothing."""
    fit = clean(text)
    fit.encode()
    assert "\x00" not in fit
    assert "\n" not in fit
    assert clean(fit) == fit


def test_clean_keeps_what_people_write() -> None:
    """Letters of all scripts, emoji and punctuation pass unharmed."""
    assert clean("Grüße, 山田太郎 👩‍👩‍👧 “so”") == "Grüße, 山田太郎 👩‍👩‍👧 “so”"
    assert clean("a\x00b\ud800c\x0bd\r\ne") == "abcd e"


def test_combine_later_keys_win_and_others_stay() -> None:
    """A round may name a message several times."""
    folded = combine([{"remote_id": "m", "is_read": False, "subject": "x"}, {"remote_id": "n"}, {"remote_id": "m", "is_read": True}])
    assert folded == [{"remote_id": "m", "is_read": True, "subject": "x"}, {"remote_id": "n"}]


def test_is_whole_tells_a_row_from_a_patch() -> None:
    """Only what has folder, time, subject and read state makes a row."""
    assert not is_whole({"remote_id": "m", "folder": "F", "is_read": True})
    assert is_whole({"remote_id": "m", "folder": "F", "is_read": True, "subject": "", "received_at": "2026-11-23T10:00:00Z"})
