"""The folder tree.

`/mailFolders` is one level, ten a page, with search folders and under localised names; v1.0 has no wellKnownName. So: walk
every level, drop search folders and hidden ones, and find the special folders by asking for each by its well-known name
(api-reference/v1.0/api/user-list-mailfolders.md, resources/mailfolder.md).

A walk is a question-and-answer game that fits into batches: `asks()` are the pages that are wanted next, `take()` takes each reply, until
`asks()` is empty. A walk that knows the last tree asks for all levels at once, so that a tree that has not changed costs one round.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from connector.errors import GraphError, GraphMailboxGone, GraphNotFound
from connector.graph.batch import Ask, ask_all
from connector.graph.gate import Priority
from connector.graph.types import FolderPage, GraphFolder

if TYPE_CHECKING:
    from connector.graph.batch import Reply
    from connector.graph.client import MailboxClient

__all__ = ["ROLES", "Folder", "Tree", "TreeWalk", "list_tree"]

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
_ROOT = "/me/mailFolders"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that users see; `parent_id` None is the top level."""

    id: str
    parent_id: str | None
    name: str
    role: str
    unread: int
    total: int
    has_children: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """All folders, parents before children, and the ids of the well-known ones."""

    folders: list[Folder]
    well_known: dict[str, str]

    @property
    def parents(self) -> list[str]:
        """Ids of the folders that have children."""
        return [f.id for f in self.folders if f.has_children]


@dataclass(slots=True)
class _Level:
    """The children of one folder, page by page; `is_wanted` once its parent is known to have children."""

    parent_id: str | None
    found: list[GraphFolder] = field(default_factory=list)
    next: str | None = None
    walked: set[str] = field(default_factory=set)
    is_done: bool = False
    error: GraphError | None = None


class TreeWalk:
    """One walk over the whole tree. `known` is the last tree: its levels are asked for in the first round, its names not again."""

    def __init__(self, known: Tree | None = None) -> None:
        self._known_ids = {f.id for f in known.folders} if known else set()
        self._well_known = dict(known.well_known) if known else {}
        self._names = [] if known else list(ROLES)
        self._asked_names = False
        self._levels: dict[str | None, _Level] = {None: _Level(None)}
        for parent in known.parents if known else ():
            self._levels[parent] = _Level(parent)
        self._open: dict[Ask, _Level | str] = {}

    def asks(self) -> list[Ask]:
        """Return what to ask for next; empty when the tree is complete."""
        self._open = {Ask(f"{_ROOT}/{name}", (("$select", "id"),)): name for name in self._names}
        for level in self._levels.values():
            if not level.is_done:
                path = _ROOT if level.parent_id is None else f"{_ROOT}/{quote(level.parent_id, safe='')}/childFolders"
                self._open[Ask(level.next) if level.next else Ask(path, (("$select", _SELECT), ("$top", _PAGE)))] = level
        return list(self._open)

    def take(self, ask: Ask, reply: Reply) -> None:
        """Take the reply to one of the asks. Raises what makes the walk worthless: half a tree must not be taken for the whole."""
        place = self._open.pop(ask)
        if isinstance(place, str):
            self._take_name(place, reply)
        else:
            self._take_level(place, reply)
        if not self._open:
            self._look_deeper()

    def tree(self) -> Tree:
        """Return the finished tree. Raises the error of a level that is part of it and could not be read."""
        roles = {folder_id: ROLES[name] for name, folder_id in self._well_known.items()}
        folders: list[Folder] = []
        met: set[str] = set()
        levels = [self._levels[None]]
        for level in levels:
            if level.error is not None:
                raise level.error
            for folder in level.found:
                # A folder that was moved during the walk may show in two levels.
                if not _is_shown(folder) or folder.id in met:
                    continue
                met.add(folder.id)
                folders.append(
                    Folder(
                        id=folder.id,
                        parent_id=level.parent_id,
                        name=folder.display_name or "",
                        role=roles.get(folder.id, "other"),
                        unread=folder.unread_item_count or 0,
                        total=folder.total_item_count or 0,
                        has_children=bool(folder.child_folder_count),
                    )
                )
                if folder.child_folder_count:
                    levels.append(self._levels[folder.id])
            if len(folders) > _LIMIT:
                raise GraphError(f"this mailbox lists more than {_LIMIT} folders")
        return Tree(folders=folders, well_known=dict(self._well_known))

    def _take_name(self, name: str, reply: Reply) -> None:
        """Note which folder a well-known name is; not every mailbox has all of them."""
        self._names.remove(name)
        try:
            self._well_known[name] = reply.read(GraphFolder).id
        except GraphNotFound:
            return
        except GraphError as error:
            # Which code an absent folder has is not confirmed (graph-behaviour 14): any 404 that is not the mailbox's says "none".
            if error.status != 404 or isinstance(error, GraphMailboxGone):
                raise

    @staticmethod
    def _take_level(level: _Level, reply: Reply) -> None:
        try:
            page = reply.read(FolderPage)
        except GraphNotFound as error:
            # A folder of the last tree that is no more; whether it matters is known when its parent's level is.
            level.error, level.is_done = error, True
            return
        level.found += page.value
        if page.next_link is None:
            level.is_done = True
        elif page.next_link in level.walked:
            raise GraphError("Graph's folder list leads in a circle")
        else:
            level.walked.add(page.next_link)
            level.next = page.next_link

    def _look_deeper(self) -> None:
        """Want the levels that only now are known, and the well-known names again when there are new folders to bear them."""
        shown = [f for level in self._levels.values() for f in level.found if _is_shown(f)]
        for folder in shown:
            if folder.child_folder_count and folder.id not in self._levels:
                self._levels[folder.id] = _Level(folder.id)
        if len(self._levels) > _LIMIT:
            raise GraphError(f"this mailbox lists more than {_LIMIT} folders")
        # An Archive folder, say, is made by the first click on "Archive", and made anew, with another id, after it was deleted.
        if self._known_ids and not self._asked_names and any(f.id not in self._known_ids for f in shown):
            here = {f.id for f in shown}
            self._well_known = {name: folder_id for name, folder_id in self._well_known.items() if folder_id in here}
            self._names = [name for name in ROLES if name not in self._well_known]
            self._asked_names = True


async def list_tree(mailbox: MailboxClient, *, known: Tree | None = None, priority: Priority = Priority.LIVE) -> Tree:
    """List the whole tree. Raises the `GraphError` family."""
    walk = TreeWalk(known)
    while asks := walk.asks():
        for place, reply in await ask_all(mailbox, asks, priority):
            walk.take(asks[place], reply)
    return walk.tree()


def _is_shown(folder: GraphFolder) -> bool:
    """Tell whether users see a folder: search folders are typed, plain ones are not."""
    return not folder.is_hidden and not (folder.odata_type or "").lower().endswith("mailsearchfolder")
