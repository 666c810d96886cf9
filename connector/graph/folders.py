"""The folder tree.

`/mailFolders` is one level, ten a page, with search folders and under localised names; v1.0 has no wellKnownName. So: walk
every level, drop search folders and hidden ones, and find the special folders by asking for each by its well-known name
(api-reference/v1.0/api/user-list-mailfolders.md, resources/mailfolder.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from connector.errors import GraphError, GraphMailboxGone, GraphNotFound
from connector.graph.gate import Priority
from connector.graph.types import FolderPage, GraphFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.graph.client import MailboxClient

__all__ = ["ROLES", "Folder", "Tree", "list_tree"]

# Well-known name -> role. `archive` is the one-click Archive folder, not the archive mailbox.
ROLES = {
    "inbox": "inbox",
    "sentitems": "sent",
    "drafts": "drafts",
    "deleteditems": "trash",
    "junkemail": "junk",
    "archive": "archive",
}

# Folders a page: in use by real clients; the maximum is not documented.
_PAGE = "100"
# Folders: Exchange allows 300 children a folder in practice and 10,000 a mailbox; a tree beyond that is a loop.
_LIMIT = 10_000

_SELECT = "id,displayName,parentFolderId,childFolderCount,unreadItemCount,totalItemCount,isHidden"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that users see; `parent_id` None is the top level."""

    id: str
    parent_id: str | None
    name: str
    role: str
    unread: int
    total: int


@dataclass(frozen=True, slots=True)
class Tree:
    """All folders, parents before children, and the ids of the well-known ones."""

    folders: list[Folder]
    well_known: dict[str, str]


async def list_tree(mailbox: MailboxClient, *, known: Mapping[str, str] | None = None, priority: Priority = Priority.LIVE) -> Tree:
    """List the whole tree. `known` maps well-known names to ids, from an earlier listing: those are not asked for again."""
    well_known = dict(known) if known is not None else await _well_known(mailbox, priority)
    roles = {folder_id: ROLES[name] for name, folder_id in well_known.items()}
    folders: list[Folder] = []
    levels: list[tuple[str, str | None]] = [("/me/mailFolders", None)]
    while levels:
        path, parent_id = levels.pop(0)
        for folder in await _level(mailbox, path, priority):
            if folder.odata_type is not None and folder.odata_type.lower().endswith("mailsearchfolder"):
                continue
            if folder.is_hidden:
                continue
            folders.append(
                Folder(
                    id=folder.id,
                    parent_id=parent_id,
                    name=folder.display_name or "",
                    role=roles.get(folder.id, "other"),
                    unread=folder.unread_item_count or 0,
                    total=folder.total_item_count or 0,
                )
            )
            if folder.child_folder_count:
                levels.append((f"/me/mailFolders/{quote(folder.id, safe='')}/childFolders", folder.id))
        if len(folders) > _LIMIT:
            raise GraphError(f"this mailbox lists more than {_LIMIT} folders")
    return Tree(folders=folders, well_known=well_known)


async def _well_known(mailbox: MailboxClient, priority: Priority) -> dict[str, str]:
    """Ask for each well-known folder by name; not every mailbox has all of them."""
    found = {}
    for name in ROLES:
        try:
            folder = await mailbox.get(f"/me/mailFolders/{name}", into=GraphFolder, priority=priority, params={"$select": "id"})
        except GraphNotFound:
            continue
        except GraphError as error:
            # Which code an absent folder has is not confirmed (graph-behaviour 14): any 404 that is not the mailbox's says "none".
            if error.status != 404 or isinstance(error, GraphMailboxGone):
                raise
            continue
        found[name] = folder.id
    return found


async def _level(mailbox: MailboxClient, path: str, priority: Priority) -> list[GraphFolder]:
    """List one level, all pages."""
    page = await mailbox.get(path, into=FolderPage, priority=priority, params={"$select": _SELECT, "$top": _PAGE})
    folders = list(page.value)
    walked: set[str] = set()
    while page.next_link is not None:
        if page.next_link in walked:
            # Half a tree must not be taken for the whole: what it lacks would be put away.
            raise GraphError("Graph's folder list leads in a circle")
        walked.add(page.next_link)
        page = await mailbox.get(page.next_link, into=FolderPage, priority=priority)
        folders += page.value
    return folders
