"""Mail folders as Graph shows them: one level at a time, ten a page, search folders among them, no well-known names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.graph_simulator.call import Answer
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import MAX_TOP, GraphFault, named_fault, no_property, selected, whole

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Folder, Mailbox
    from tests.graph_simulator.server import World

__all__ = ["Folders"]

_FIELDS = ("id", "displayName", "parentFolderId", "childFolderCount", "unreadItemCount", "totalItemCount", "isHidden")

# All names of section 3; a mailbox has some of them.
_WELL_KNOWN = {
    *("archive", "clutter", "conflicts", "conversationhistory", "deleteditems", "drafts", "inbox", "junkemail", "localfailures"),
    *("msgfolderroot", "outbox", "recoverableitemsdeletions", "scheduled", "searchfolders", "sentitems", "serverfailures", "syncissues"),
}


class Folders:
    """Lists and shows folders."""

    def __init__(self, world: World) -> None:
        self._world = world

    @staticmethod
    def find(mailbox: Mailbox, name: str) -> Folder:
        """Return a folder by id or well-known name."""
        if len(name) > 20 and not re.fullmatch(r"[A-Za-z0-9_=-]+", name):
            raise GraphFault(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        return mailbox.find_folder(name)

    def open(self, mailbox: Mailbox, name: str) -> Folder:
        """The same for reading, where the switch says how a well-known folder is missing that this mailbox does not have."""
        try:
            return self.find(mailbox, name)
        except NotThere:
            if name.lower() in _WELL_KNOWN:
                raise named_fault(self._world.quirks.absent_folder_code, "The specified object was not found in the store.") from None
            raise

    def children(self, call: Call, mailbox: Mailbox, parent_id: str) -> Answer:
        """One level, ten a page, search folders among them, hidden ones only on request (user-list-mailfolders)."""
        query = call.query_params
        wants_hidden = query.get("includeHiddenFolders", "").lower() == "true"
        children = [f for f in mailbox.children(parent_id) if wants_hidden or not f.is_hidden]
        quirks = self._world.quirks
        cap = quirks.folder_top
        top = whole(query.get("$top"), quirks.page_size, 10**6 if cap else MAX_TOP)
        top = min(top, cap) if cap else top
        skip = whole(query.get("$skip"), 0, 10**6, low=0)
        select = selected(call)
        body: dict[str, Any] = {
            "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{quote(mailbox.oid)}')/mailFolders",
            "value": [self.shown(mailbox, f, select) for f in children[skip : skip + top]],
        }
        if skip + top < len(children):
            kept = "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items() if k != "$skip")
            body["@odata.nextLink"] = f"{call.base}{call.raw_path}?{kept}{'&' if kept else ''}$skip={skip + top}"
        return Answer(200, body)

    @staticmethod
    def shown(mailbox: Mailbox, folder: Folder, select: tuple[str, ...]) -> dict[str, Any]:
        """Return a folder's JSON."""
        unread, total = mailbox.counts(folder.id)
        full = {
            "id": folder.id,
            "displayName": folder.name,
            "parentFolderId": folder.parent_id or folder.id,
            "childFolderCount": len([f for f in mailbox.children(folder.id) if not f.is_hidden]),
            "unreadItemCount": unread,
            "totalItemCount": total,
            "isHidden": folder.is_hidden,
        }
        unknown = set(select) - set(_FIELDS)
        if unknown:
            raise no_property(min(unknown), "mailFolder")
        shown = {k: v for k, v in full.items() if not select or k in select or k == "id"}
        if folder.is_search:
            shown = {"@odata.type": "#microsoft.graph.mailSearchFolder", **shown, "isSupported": True, "includeNestedFolders": True}
        return shown
