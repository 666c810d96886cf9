"""Writes to folders: made, renamed, moved, deleted (graph-behaviour section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.graph_simulator.bodies import checked, json_of
from tests.graph_simulator.call import Answer
from tests.graph_simulator.odata import GraphFault
from tests.graph_simulator.writes import destination

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.folders import Folders
    from tests.graph_simulator.model import Folder, Mailbox
    from tests.graph_simulator.server import World

__all__ = ["FolderWrites"]


class FolderWrites:
    """Carries out writes to folders."""

    def __init__(self, world: World, folders: Folders) -> None:
        self._world = world
        self._folders = folders

    def create(self, call: Call, mailbox: Mailbox, parent: Folder) -> Answer:
        """A folder below another; `isHidden` can be said only now."""
        asked = checked(json_of(call), "mailFolder", {"displayName", "isHidden"})
        name = self._name(asked.get("displayName"), mailbox, parent.id)
        made = mailbox.add_folder(name, parent.id, is_hidden=bool(asked.get("isHidden")))
        return Answer(201, self._folders.shown(mailbox, made, ()))

    def update(self, call: Call, mailbox: Mailbox, folder: Folder) -> Answer:
        """Another name."""
        asked = checked(json_of(call), "mailFolder", {"displayName"})
        if folder.parent_id is None:
            raise GraphFault(400, "ErrorInvalidRequest", "The root folder cannot be renamed.")
        name = self._name(asked.get("displayName"), mailbox, folder.parent_id, but=folder)
        return Answer(200, self._folders.shown(mailbox, mailbox.change_folder(folder.id, name=name), ()))

    def move(self, call: Call, mailbox: Mailbox, folder: Folder) -> Answer:
        """Below another folder."""
        self._refuse_well_known(folder, "ErrorMoveDistinguishedFolder", "moved")
        parent = destination(call, mailbox, self._folders)
        if mailbox.is_within(parent, folder):
            raise GraphFault(400, "ErrorMoveCopyFailed", "A folder cannot be moved below itself.")
        self._name(folder.name, mailbox, parent.id, but=folder)
        return Answer(200, self._folders.shown(mailbox, mailbox.change_folder(folder.id, parent_id=parent.id), ()))

    def delete(self, mailbox: Mailbox, folder: Folder, *, for_good: bool = False) -> Answer:
        """To Deleted Items or out of sight, by the switch; from Deleted Items always out of sight."""
        self._refuse_well_known(folder, "ErrorDeleteDistinguishedFolder", "deleted")
        trash = mailbox.find_folder("deleteditems")
        if for_good or self._world.quirks.delete_to == "recoverable" or mailbox.is_within(folder, trash):
            mailbox.delete_folder(folder.id)
        else:
            mailbox.change_folder(folder.id, parent_id=trash.id)
        return Answer(204)

    def _name(self, name: str | None, mailbox: Mailbox, parent_id: str, *, but: Folder | None = None) -> str:
        """Return a name for a folder that no other beside it has."""
        if not name or not name.strip():
            raise GraphFault(400, "ErrorInvalidRequest", "displayName is missing.")
        if any(f is not but and f.name.lower() == name.lower() for f in mailbox.children(parent_id)):
            status = int(self._world.quirks.folder_exists_status)
            raise GraphFault(status, "ErrorFolderExists", "A folder with the specified name already exists.")
        return name

    @staticmethod
    def _refuse_well_known(folder: Folder, code: str, what: str) -> None:
        if folder.well_known:
            raise GraphFault(400, code, f"Distinguished folders cannot be {what}.")
