"""The delta of a folder's messages, page by page (graph-behaviour section 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.graph_simulator.call import Answer
from tests.graph_simulator.folders import Folders
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import GraphFault, page_size, wants_immutable
from tests.graph_simulator.rounds import Rounds, dead_link, delta_token
from tests.graph_simulator.tokens import Paging

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.messages import Messages
    from tests.graph_simulator.model import Folder, Mailbox
    from tests.graph_simulator.server import World
    from tests.graph_simulator.tokens import Tokens

__all__ = ["Deltas", "quota"]


class Deltas:
    """Answers delta queries."""

    def __init__(self, world: World, tokens: Tokens, messages: Messages) -> None:
        self._world = world
        self._tokens = tokens
        self._messages = messages
        self._rounds = Rounds(world, tokens)
        self._links_given = 0

    def page(self, call: Call, mailbox: Mailbox, folder_key: str) -> Answer:
        """One page of a round."""
        try:
            folder = Folders.find(mailbox, folder_key)
        except NotThere as error:
            raise GraphFault(404, "ErrorSyncFolderNotFound", "The specified folder could not be found in the store.") from error
        quirks = self._world.quirks
        quota(quirks.quota_delta)
        skip, delta = call.query_params.get("$skiptoken"), delta_token(call, quirks)
        if skip is not None:
            paging = self._tokens.resume(skip, folder.id, "delta")
        elif delta is not None:
            paging = self._rounds.next(call, mailbox, folder, delta)
        else:
            paging = self._rounds.first(call, mailbox, folder)
        path = f"{call.base}/v1.0/me/mailfolders('{quote(folder.id)}')/messages/delta"
        if paging is None:
            raise dead_link(quirks, mailbox.history.number, path)
        body: dict[str, Any] = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(message)", "value": []}
        headers = {"Preference-Applied": "odata.track-changes"}
        if quirks.empty_pages and skip is None and paging.ids:
            body["@odata.nextLink"] = f"{path}?$skiptoken={self._keep(paging)}"
            return Answer(200, body, headers)
        end = paging.at + (page_size(call) or paging.size or quirks.page_size)
        page = paging.ids[paging.at : end]
        body["value"] = [item for i in page if (item := self._item(call, mailbox, folder, i, paging)) is not None]
        if end < len(paging.ids):
            # The last item comes again, unless that would be the whole page for ever.
            paging.at = end - 1 if quirks.duplicates and len(page) > 1 else end
            body["@odata.nextLink"] = f"{path}?$skiptoken={self._keep(paging)}"
        elif quirks.same_link and delta is not None and not paging.ids:
            body["@odata.deltaLink"] = f"{path}?$deltatoken={delta}"
        else:
            body["@odata.deltaLink"] = f"{path}?$deltatoken={self._end_round(mailbox, folder, paging)}"
        return Answer(200, body, headers)

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
            shown = self._messages.shown(call, mailbox, message, ("isRead", "parentFolderId"), context=False)
            return {**head, **{name: shown[name] for name in ("id", "isRead", "parentFolderId")}}
        return {**head, **self._messages.shown(call, mailbox, message, paging.select, context=False, expand=paging.expand)}

    def _keep(self, paging: Paging) -> str:
        token = self._tokens.keep(paging)
        self._links_given += 1
        every = self._world.quirks.nextlink_dies
        if every and self._links_given % every == 0:
            self._tokens.forget(token)
        return token

    def _end_round(self, mailbox: Mailbox, folder: Folder, paging: Paging) -> str:
        ended = Paging("round", folder.id, [], paging.select, paging.number, size=paging.size, lower=paging.lower)
        ended.told, ended.again, ended.expand = paging.told, paging.again, paging.expand
        return self._tokens.keep_link(mailbox.delta_links, ended, self._world.quirks.delta_generations)


def quota(status: str) -> None:
    """Refuse a delta of a mailbox that is full (1.5: corso then lists; the status is not known for sure)."""
    if status:
        raise GraphFault(int(status), "ErrorQuotaExceeded", "The mailbox has exceeded its maximum mailbox size.")
