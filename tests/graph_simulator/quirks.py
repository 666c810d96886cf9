"""The awkwardnesses of the real thing, each a switch with its source; `default` is what every client meets on a good day."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

__all__ = ["PROFILES", "STORM_KINDS", "WIRE_KINDS", "Quirks", "listed"]

# What may strike a connection, and what may strike an item of a batch as well.
WIRE_KINDS = ("cut", "cut_body", "truncated", "control", "slow")
STORM_KINDS = (
    *("429", "429_bare", "429_float", "429_date", "500", "502", "503", "503_bare", "503_empty", "504", "410"),
    *WIRE_KINDS,
)


def listed(text: str) -> list[str]:
    """Split a switch that is a list."""
    return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(slots=True)
class Quirks:
    """What to be awkward about. Sources are sections of the Graph notes that came with the project's design."""

    lanes: int = 4  # requests at once per mailbox; a fifth gets 429 MailboxConcurrency (section 6); 0: no limit
    request_rate: int = 10_000  # requests in ten minutes per mailbox; more get 429 RequestRate (6); 0: no limit
    page_size: int = 10  # default page of lists and deltas (1.1, 3)
    top_caps_delta: bool = True  # $top on a delta caps the whole round (1.1)
    filter_cap: int = 5000  # items that come through one filtered cursor, all its rounds together; what is over it never comes (1.1)
    delta_generations: int = 20  # delta links of a folder that live; older ones are 410 SyncStateNotFound (1.5)
    partial_read_updates: bool = True  # a read toggle comes as id, isRead, parentFolderId only (1.3)
    forget_page_size: bool = True  # links do not remember odata.maxpagesize: without the header a page is `page_size` (1.1, 14)
    sync_error: str = "410 SyncStateNotFound"  # "STATUS CODE" of links that live no more: every row of 1.5, in any casing
    nextlink_dies: int = 0  # every so manyth next link of a delta is dead when it is given (1.5, docs#2162); 0: none
    same_link: bool = False  # a round with nothing new gives its own link back (1.2)
    quota_delta: str = ""  # deltas answer ErrorQuotaExceeded with this status, lists go on (1.5, 14); '': they work
    delay: float = 0.0  # seconds by which deltas lag behind the truth; GET of a message or a list is current (1.4)
    removed_in_first_round: bool = False  # @removed of messages that went before, and of one that nobody knows (1.2)
    out_of_filter_events: bool = True  # changes and removals of messages older than the filter are reported all the same (1.2)
    aba_loss: bool = True  # moved away and back between two polls: only @removed is reported (1.4, contrib#72)
    search_delay: float = 20.0  # seconds until $search finds what came or moved: its index is eventual (4.2)
    moved_twice: bool = False  # a message that was moved in is reported in this round and again in the next (1.4, msgraph-sdk-go#969)
    move_without_add: int = 0  # with immutable ids, every so manyth move is not reported where it went (1.4, atlas#48); 0: none
    read_as_removed: int = 0  # every so manyth event that marks read is reported as a removal (1.4, contrib#2866); 0: none
    empty_pages: bool = False  # a page with no items and a next link comes first (1.2)
    duplicates: bool = False  # the last item of a page comes again on the next (1.4)
    shuffle: bool = False  # no order without $orderby (1.1)
    control_characters: bool = False  # raw control characters inside JSON strings (4.1)
    retry_after: bool = True  # 429 names a time (6)
    batch_missing: int = 0  # every so manyth item of a batch has no answer (6: emailengine reconciles them); 0: none
    folder_delta_counts: bool = False  # mailFolders/delta tells changes of counts alone (1.6, 14: not known)
    absent_folder_code: str = "404 ErrorItemNotFound"  # "STATUS CODE" of well-known folders that are not there (3, 14)
    deleted_stays: bool = False  # a message deleted for good can be opened by its id, in a folder that no list has (5.1, 14)
    scope_restamp: bool = False  # Entra echoes scopes in their short form (9.1)
    consent_scopes: str = (
        ""  # what consent grants, with commas between, such as "Mail.Read,offline_access"; '': all that is asked for (9.1)
    )
    admin_consent: bool = False  # only administrators of organisations may consent (9.1, 10: the default of some tenants since 2025)
    fail_token: str = ""  # token endpoint: an `error`, or an HTTP status such as 503 (9.1)
    fail_token_count: int = 0  # how many token requests `fail_token` hits; 0: all
    folder_top: int = 0  # a $top of folders is cut to so many without a word (3, 14); 0: up to 1,000 as it is, more is 400
    gone_location: bool = False  # a 410 of a delta names the link of a first round in Location (1.5, 14)
    listed_content_id: bool = True  # lists of attachments have the contentId of files (4.3, 14)
    delete_to: str = "deleteditems"  # where DELETE puts a message or folder: deleteditems, or recoverable (5.1, 14)
    folder_exists_status: str = "409"  # status of ErrorFolderExists (7, 14)
    write_conflicts: bool = True  # two writes to one message at once: the second is 409 ErrorIrresolvableConflict (5)
    reply_all_reads: bool = True  # createReplyAll marks the original as read (5.5)
    send_pickup: float = 2.0  # seconds for which an accepted mail stands in Drafts (5.2, 5.4)
    send_transit: float = 5.0  # seconds for which it is in no folder then, before it is in Sent Items (5.4)
    sent_id_changes: bool = False  # the copy in Sent Items has another immutable id than the draft (2, 5.4, 14)
    sent_keeps_properties: bool = True  # it has the extended properties of the draft (5.4, 14)
    resend_doubles: bool = True  # a draft that was accepted and still stands in Drafts goes out again when it is sent again (5.3)
    ndr_recipients: str = ""  # addresses, or @domains, that bounce into the sender's Inbox, with commas between (5.2)
    send_as: str = ""  # addresses besides its own that a mailbox may send as; others are 403 ErrorSendAsDenied (7)
    send_504: int = 0  # every so manyth accepted sendMail or send is answered 504 all the same (5.3); 0: none
    send_202_retry: int = 0  # every so manyth 202 of them has a Retry-After (5.3, msgraph-sdk-java#1487); 0: none
    send_rate: int = 30  # mails in a minute per mailbox (6); more get `send_rate_code`; 0: no limit
    send_rate_code: str = "429 ErrorExceededMessageLimit"  # "STATUS CODE" (6, 14: not known for sure)
    upload_budget: int = 150_000_000  # bytes in five minutes per mailbox; more get 429 IncomingBytes (6); 0: no limit
    body_cap: int = 4_194_304  # bytes of a request's body at most; more is 413 (5.6)
    message_cap: int = 36_700_160  # bytes of a whole message at most; more is ErrorMessageSizeExceeded (5.6)
    upload_ttl: float = 3600.0  # seconds that an upload session lives (5.6)
    subscription_minutes: int = 4230  # the longest that a subscription may live: older documents 4,230, newer ones 10,080 (8, 14)
    subscribe_needs_read: bool = False  # Mail.ReadWrite alone does not subscribe: Mail.Read or Mail.ReadBasic has to be there (10)
    notify_delay: float = 1.0  # seconds from a change to its notification; what comes meanwhile goes in one POST (8)
    notify_duplicates: bool = False  # each change is told twice (8: many duplicate `updated`)
    notify_loss: float = 0.0  # share of notifications that never go out, and nothing says so (8: hints only)
    notify_bulk: int = 0  # more moves than that in one POST are not told: the lifecycle URL hears `missed` (8); 0: no limit
    notify_patience: float = 14_400.0  # seconds for which a failed POST is tried again, then it is dropped (8)
    notify_slow: int = 100  # POSTs in ten minutes from which on a tenth of slow ones shuts an endpoint for ten minutes (8)
    fail_graph: str = ""  # Graph: "STATUS CODE" for the next requests, such as "503 ErrorServerBusy" (7)
    fail_count: int = 0  # how many requests `fail_graph` hits; 0: all
    fail_mailbox: str = ""  # address that `fail_graph` is limited to
    fail_message: str = ""  # what `fail_graph` says besides: Exchange quotes what it was about (7)
    latency: float = 0.0  # seconds before each Graph answer
    storm: float = 0.0  # share of all answers that something strikes (storm.py; 4.1, 6, 7)
    storm_seed: int = 0  # the same seed draws the same strikes for each mailbox
    storm_kinds: str = ""  # kinds, with commas between; '': all of STORM_KINDS
    storm_mailboxes: str = ""  # addresses, with commas between; '': all

    def changed(self, values: dict[str, Any]) -> Quirks:
        """Return a copy with `values` set. Raises `ValueError` for an unknown switch, or a value of another type or out of bounds."""
        kinds = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for name, value in values.items():
            if name not in kinds:
                raise ValueError(f"unknown switch {name!r}; there are: {', '.join(kinds)}")
            if kinds[name] is float and isinstance(value, int) and not isinstance(value, bool):
                continue
            if type(value) is not kinds[name]:
                raise ValueError(f"{name} wants {kinds[name].__name__}, not {type(value).__name__}")
        for name, value in values.items():
            low = 1 if name in _AT_LEAST_ONE else 0
            if isinstance(value, int | float) and not low <= value < math.inf:
                raise ValueError(f"{name} wants {low} or more, not {value}")
        for name, pattern, example in _FORMS:
            if not re.fullmatch(pattern, values.get(name, example)):
                raise ValueError(
                    f"{name} wants a status{' and a code' if ' ' in example else ''} such as {example!r}, not {values[name]!r}"
                )
        if values.get("delete_to", "recoverable") not in {"deleteditems", "recoverable"}:
            raise ValueError(f"delete_to wants deleteditems or recoverable, not {values['delete_to']!r}")
        for name in ("storm", "notify_loss"):
            if values.get(name, 0) > 1:
                raise ValueError(f"{name} wants a share from 0 to 1, not {values[name]}")
        _check_storm(values)
        return replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Return all switches."""
        return asdict(self)


def _check_storm(values: dict[str, Any]) -> None:
    for kind in listed(values.get("storm_kinds", "")):
        if kind not in STORM_KINDS:
            raise ValueError(f"unknown kind of storm {kind!r}; there are: {', '.join(STORM_KINDS)}")


# Switches that are a status, or a status and a code.
_FORMS = (
    ("fail_graph", r"([45]\d\d \S+)?", "503 ErrorServerBusy"),
    ("sync_error", r"4\d\d \S+", "410 SyncStateNotFound"),
    ("absent_folder_code", r"4\d\d \S+", "404 ErrorItemNotFound"),
    ("quota_delta", r"([45]\d\d)?", "507"),
    ("folder_exists_status", r"4\d\d", "409"),
    ("send_rate_code", r"[45]\d\d \S+", "429 ErrorExceededMessageLimit"),
)

# Switches that would stand everything still at 0.
_AT_LEAST_ONE = {"page_size", "delta_generations", "body_cap", "message_cap", "upload_ttl", "subscription_minutes", "notify_slow"}

# All that a correct client can live with for ever.
_HOSTILE = Quirks(
    delta_generations=3,
    sync_error="410 resyncRequired",
    # Rarely enough that a long round comes to its end now and then.
    nextlink_dies=97,
    same_link=True,
    delay=1.0,
    removed_in_first_round=True,
    moved_twice=True,
    move_without_add=5,
    read_as_removed=7,
    empty_pages=True,
    duplicates=True,
    shuffle=True,
    control_characters=True,
    retry_after=False,
    batch_missing=13,
    absent_folder_code="404 ErrorFolderNotFound",
    deleted_stays=True,
    folder_top=100,
    gone_location=True,
    listed_content_id=False,
    delete_to="recoverable",
    folder_exists_status="400",
    send_pickup=20.0,
    send_transit=60.0,
    sent_id_changes=True,
    send_504=5,
    send_202_retry=3,
    notify_delay=3.0,
    notify_duplicates=True,
    notify_loss=0.1,
    notify_bulk=25,
)

PROFILES = {"default": Quirks(), "hostile": _HOSTILE, "storm": replace(_HOSTILE, storm=0.1)}
