"""`GET /me/mailFolders/delta`: changes of the folders themselves, of the whole tree (graph-behaviour 1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.graph_simulator.call import Answer
from tests.graph_simulator.delta import quota
from tests.graph_simulator.odata import page_size, selected
from tests.graph_simulator.rounds import dead_link, delta_token, horizon
from tests.graph_simulator.tokens import Paging

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.folders import Folders
    from tests.graph_simulator.model import Folder, Mailbox
    from tests.graph_simulator.server import World
    from tests.graph_simulator.tokens import Tokens

__all__ = ["FolderDeltas"]


class FolderDeltas:
    """Answers delta queries for folders."""

    def __init__(self, world: World, tokens: Tokens, folders: Folders) -> None:
        self._world = world
        self._tokens = tokens
        self._folders = folders

    def page(self, call: Call, mailbox: Mailbox) -> Answer:
        """One page of a round."""
        quirks = self._world.quirks
        quota(quirks.quota_delta)
        skip, delta = call.query_params.get("$skiptoken"), delta_token(call, quirks)
        if skip is not None:
            paging = self._tokens.resume(skip, _tree(mailbox), "tree")
        elif delta is not None:
            paging = self._next(mailbox, delta)
        else:
            paging = self._first(call, mailbox)
        path = f"{call.base}/v1.0/me/mailfolders/delta"
        if paging is None:
            raise dead_link(quirks, mailbox.history.number, path)
        end = paging.at + (page_size(call) or paging.size or quirks.page_size)
        body: dict[str, Any] = {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(mailFolder)",
            "value": [self._item(mailbox, i, paging) for i in paging.ids[paging.at : end]],
        }
        if end < len(paging.ids):
            paging.at = end
            body["@odata.nextLink"] = f"{path}?$skiptoken={self._tokens.keep(paging)}"
        else:
            ended = Paging("treeround", _tree(mailbox), [], paging.select, paging.number, size=paging.size, again=paging.again)
            link = self._tokens.keep_link(mailbox.delta_links, ended, quirks.delta_generations)
            body["@odata.deltaLink"] = f"{path}?$deltatoken={link}"
        return Answer(200, body, {"Preference-Applied": "odata.track-changes"})

    def _first(self, call: Call, mailbox: Mailbox) -> Paging:
        quirks = self._world.quirks
        wants_hidden = call.query_params.get("includeHiddenFolders", "").lower() == "true"
        ids = [f.id for f in mailbox.folders.values() if _is_told(f, wants_hidden=wants_hidden)]
        if quirks.shuffle:
            self._tokens.random.shuffle(ids)
        size = 0 if quirks.forget_page_size else page_size(call) or 0
        # That hidden ones are wanted is kept in the token like all that was asked once.
        again = ("hidden",) if wants_hidden else ()
        return Paging("tree", _tree(mailbox), ids, selected(call), mailbox.history.number, size=size, again=again)

    def _next(self, mailbox: Mailbox, token: str) -> Paging | None:
        kept = self._tokens.resume(token, _tree(mailbox), "treeround")
        if kept is None:
            return None
        number = max(kept.number, horizon(self._world, mailbox))
        touched = dict.fromkeys(e.folder_id for e in mailbox.history.folders_since(kept.number, number))
        if self._world.quirks.folder_delta_counts:
            touched |= dict.fromkeys(f for f in mailbox.folders if any(mailbox.history.since(f, kept.number, number)))
        wants_hidden = "hidden" in kept.again
        ids = [i for i in touched if i not in mailbox.folders or _is_told(mailbox.folders[i], wants_hidden=wants_hidden)]
        return Paging("tree", _tree(mailbox), ids, kept.select, number, size=kept.size, again=kept.again)

    def _item(self, mailbox: Mailbox, folder_id: str, paging: Paging) -> dict[str, Any]:
        folder = mailbox.folders.get(folder_id)
        if folder is None:
            return {"@odata.type": "#microsoft.graph.mailFolder", "id": folder_id, "@removed": {"reason": "deleted"}}
        return self._folders.shown(mailbox, folder, paging.select)


def _tree(mailbox: Mailbox) -> str:
    """Return what stands for the tree where other tokens have a folder's id."""
    return f"tree of {mailbox.oid}"


def _is_told(folder: Folder, *, wants_hidden: bool) -> bool:
    return folder.well_known != "msgfolderroot" and (wants_hidden or not folder.is_hidden)
