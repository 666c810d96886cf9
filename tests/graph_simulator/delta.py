"""The delta of a folder's messages (graph-behaviour section 1): first rounds, later rounds, and what Graph gets wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.graph_simulator.call import Answer
from tests.graph_simulator.folders import Folders
from tests.graph_simulator.messages import filtered_ids, shown_id
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import MAX_TOP, GraphFault, above, page_size, selected, time_bound, wants_immutable, whole
from tests.graph_simulator.tokens import Paging

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.messages import Messages
    from tests.graph_simulator.model import Folder, Mailbox
    from tests.graph_simulator.server import World
    from tests.graph_simulator.tokens import Tokens

__all__ = ["Deltas"]


class Deltas:
    """Answers delta queries."""

    def __init__(self, world: World, tokens: Tokens, messages: Messages) -> None:
        self._world = world
        self._tokens = tokens
        self._messages = messages

    def page(self, call: Call, mailbox: Mailbox, folder_key: str) -> Answer:
        """One page of a round."""
        try:
            folder = Folders.find(mailbox, folder_key)
        except NotThere as error:
            raise GraphFault(404, "ErrorSyncFolderNotFound", "The specified folder could not be found in the store.") from error
        query, quirks = call.query_params, self._world.quirks
        skip, delta = query.get("$skiptoken"), query.get("$deltatoken")
        if skip is not None:
            paging = self._tokens.resume(skip, folder.id, "delta")
        elif delta is not None:
            paging = self._next_round(mailbox, folder, delta)
        else:
            paging = self._first_round(call, mailbox, folder)
        body: dict[str, Any] = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(message)", "value": []}
        path = f"{call.base}/v1.0/me/mailfolders('{quote(folder.id)}')/messages/delta"
        headers = {"Preference-Applied": "odata.track-changes"}
        if quirks.empty_pages and skip is None and paging.ids:
            body["@odata.nextLink"] = f"{path}?$skiptoken={self._tokens.keep(paging)}"
            return Answer(200, body, headers)
        end = paging.at + (page_size(call) or quirks.page_size)
        page = paging.ids[paging.at : end]
        body["value"] = [item for i in page if (item := self._item(call, mailbox, folder, i, paging)) is not None]
        if end < len(paging.ids):
            # The last item comes again, unless that would be the whole page for ever.
            paging.at = end - 1 if quirks.duplicates and len(page) > 1 else end
            body["@odata.nextLink"] = f"{path}?$skiptoken={self._tokens.keep(paging)}"
        else:
            body["@odata.deltaLink"] = f"{path}?$deltatoken={self._end_round(mailbox, folder, paging)}"
        return Answer(200, body, headers)

    def _first_round(self, call: Call, mailbox: Mailbox, folder: Folder) -> Paging:
        query, quirks = call.query_params, self._world.quirks
        select = selected(call, message=True)
        lower = None
        condition = query.get("$filter")
        if condition:
            lower = time_bound(condition)
            if lower is None or lower[0] not in {"ge", "gt"}:
                raise GraphFault(400, "BadRequest", "Only receivedDateTime ge or gt is supported in a delta filter.")
        ids = filtered_ids(mailbox, folder, condition or None)
        if lower:
            ids = ids[: quirks.filter_cap]
        order = query.get("$orderby", "").lower().strip()
        if order not in {"", "receiveddatetime desc"}:
            raise GraphFault(400, "BadRequest", "The sort order is not supported in a delta.")
        if not order and quirks.shuffle:
            self._tokens.random.shuffle(ids)
        if quirks.top_caps_delta and (top := query.get("$top")):
            ids = ids[: whole(top, 10, MAX_TOP)]
        return Paging("delta", folder.id, ids, select, mailbox.number, lower=lower)

    def _next_round(self, mailbox: Mailbox, folder: Folder, token: str) -> Paging:
        """Work out what happened in the folder since the link was given."""
        kept = self._tokens.resume(token, folder.id, "round")
        if kept.folder_id != folder.id or token not in mailbox.delta_links.get(folder.id, ()):
            generation = mailbox.number
            raise GraphFault(
                410, "SyncStateNotFound", f"The sync state generation is not found; generation={kept.number};[highest={generation}]."
            )
        quirks = self._world.quirks
        last: dict[str, list[str]] = {}
        known: dict[str, str] = {}
        for event in mailbox.since(folder.id, kept.number):
            last.setdefault(event.message_id, []).append(event.kind)
            if event.kind == "removed":
                known.setdefault(event.message_id, event.mutable_id)
        removed: dict[str, str] = {}
        partial: set[str] = set()
        ids: list[str] = []
        for message_id, kinds in last.items():
            message = mailbox.messages.get(message_id)
            is_here = message is not None and message.folder_id == folder.id
            if not is_here or (quirks.aba_loss and "removed" in kinds):
                removed[message_id] = known[message_id]
            elif message is not None and not quirks.out_of_filter_events and not above(message, kept.lower):
                continue
            elif quirks.partial_read_updates and set(kinds) == {"read"}:
                partial.add(message_id)
            ids.append(message_id)
        if quirks.shuffle:
            self._tokens.random.shuffle(ids)
        return Paging("delta", folder.id, ids, kept.select, mailbox.number, removed=removed, partial=partial, lower=kept.lower)

    def _item(self, call: Call, mailbox: Mailbox, folder: Folder, message_id: str, paging: Paging) -> dict[str, Any] | None:
        message = mailbox.messages.get(message_id)
        head = {"@odata.type": "#microsoft.graph.message"}
        if message_id in paging.removed:
            removed_id = message_id if wants_immutable(call) else paging.removed[message_id]
            return {**head, "id": removed_id, "@removed": {"reason": "deleted"}}
        if message is None or message.folder_id != folder.id:
            # Gone since the page was made up: the next round tells.
            return None
        if message_id in paging.partial:
            return {**head, "id": shown_id(call, message), "isRead": message.data["isRead"], "parentFolderId": message.folder_id}
        return {**head, **self._messages.shown(call, mailbox, message, paging.select, context=False)}

    def _end_round(self, mailbox: Mailbox, folder: Folder, paging: Paging) -> str:
        token = self._tokens.keep(Paging("round", folder.id, [], paging.select, paging.number, lower=paging.lower))
        links = mailbox.delta_links.setdefault(folder.id, [])
        links.append(token)
        del links[: -self._world.quirks.delta_generations]
        return token
