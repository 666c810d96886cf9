"""`connector_apply` on the tables in memory, step by step as `odoo_stub_module/maildesk/models/mailbox_apply.py` goes.

Everything is checked and refused before the first write; the writes cannot fail. So a call is done or not done, without a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.odoo.wire import Applied, Refused, SetAside
from tests.sync import memory_addon_letters as letters
from tests.sync.memory_addon_actions import settle
from tests.sync.memory_addon_tables import MemoryFolder
from tests.sync.memory_addon_wire import IS_NEW, folder_update, objects, patches, removal, set_aside, strings, tree_folder, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.odoo.wire import ApplyResult
    from tests.sync.memory_addon_tables import MemoryMailbox

__all__ = ["Apply"]

_NEEDED = {"folder", "received_at"}


class Apply:
    """One call: checked by the constructor, refused or carried out by `run`."""

    def __init__(self, box: MemoryMailbox, request: dict[str, Any], numbers: Iterator[int]) -> None:
        """`request` is the JSON of the wire; `numbers` give new rows their ids. Raises `OdooFault` on a value that is not taken."""
        self._box = box
        self._numbers = numbers
        tree = request["tree"]
        self._tree = None if tree is None else {item["remote_id"]: item for item in map(tree_folder, objects(tree, "tree"))}
        self._patches = patches(objects(request["messages"], "messages"))
        self._removed = [removal(item) for item in objects(request["removed"], "removed")]
        self._gone = strings(request["gone"], "gone")
        self._aside = [set_aside(item) for item in objects(request.get("set_aside"), "set_aside")]
        self._updates = {item["folder"]: item for item in map(folder_update, objects(request["folders"], "folders"))}
        self._settled: float | None = request.get("settled")
        if self._settled is not None and (isinstance(self._settled, bool) or not isinstance(self._settled, int | float)):
            raise wrong("settled: not a time in seconds")
        if self._tree is not None and len(self._tree) < len(tree):
            raise wrong("tree: a folder twice")
        if len(self._updates) < len(request["folders"] or ()):
            raise wrong("folders: a folder twice")

    def run(self) -> ApplyResult:
        """Refuse, or do all of it."""
        refused = self._refusal()
        if refused is not None:
            return refused
        changed = self._apply_tree()
        new = self._apply_messages(changed)
        changed |= {remote_id for folder, remote_id in self._removed if self._box.hide(remote_id, folder)}
        self._apply_gone(changed)
        self._apply_set_aside()
        if self._settled is not None:
            changed |= settle(self._box, self._settled)
        self._drop_empty_folders()
        return Applied({name: self._update(item) for name, item in self._updates.items()}, new, len(changed), self._box.pending)

    # ---------------------------------------------------------------- what is refused

    def _refusal(self) -> Refused | None:
        folders, rows = self._box.folders, self._box.rows
        known = {f.remote_id for f in folders.values() if f.active} if self._tree is None else self._tree.keys()
        off = {f.remote_id for f in folders.values() if not f.sync_enabled}
        off |= {name for name, item in (self._tree or {}).items() if item["role"] == "junk" and name not in folders}
        filled = {patch["folder"] for patch in self._patches.values() if "folder" in patch}
        wanted = filled | {folder for _, folder, _ in self._aside if folder}
        if strange := (self._updates.keys() - known) | (filled - known) | (wanted & off):
            return Refused("folder", unknown=sorted(strange))
        current = {name: folders[name].revision if name in folders else 0 for name in self._updates}
        if any("revision" in item and item["revision"] != current[name] for name, item in self._updates.items()):
            return Refused("revision", current)
        unknown = {i for i, patch in self._patches.items() if i not in rows and not patch.keys() >= _NEEDED}
        unknown |= {i for _, i in self._removed if i not in rows and i not in self._patches}
        return Refused("unknown", unknown=sorted(unknown)) if unknown else None

    # ---------------------------------------------------------------- folders

    def _apply_tree(self) -> set[str]:
        """Write the tree; return the messages that its missing folders leave hidden."""
        if self._tree is None:
            return set()
        folders = self._box.folders
        for name, item in self._tree.items():
            folder = folders.get(name)
            if folder is None:
                folder = folders[name] = MemoryFolder(name, sync_enabled=item["role"] != "junk")
            folder.name, folder.role, folder.active = item["name"], item["role"], True
        for name, item in self._tree.items():
            folders[name].parent = item["parent_remote_id"] if item["parent_remote_id"] in folders else None
        archived = {name for name, folder in folders.items() if folder.active and name not in self._tree}
        for name in archived:
            # Should the folder come back, it starts anew.
            folders[name].active, folders[name].parent = False, None
            folders[name].begin_anew()
        if not archived:
            return set()
        places = ((i, self._box.confirmed(i)["folder"]) for i in self._box.rows)
        left = [(i, folder) for i, folder in places if folder in archived]
        return {remote_id for remote_id, folder in left if self._box.hide(remote_id, folder)}

    def _drop_empty_folders(self) -> None:
        folders = self._box.folders
        empty = {name for name, folder in folders.items() if not folder.active}
        if empty:
            empty -= {row["folder"] for row in self._box.rows.values()} | {said.get("folder") for said in self._box.said.values()}
        for name in empty:
            del folders[name]
        if empty:
            for folder in folders.values():
                folder.parent = None if folder.parent in empty else folder.parent

    def _update(self, item: dict[str, Any]) -> int:
        folder = self._box.folders[item["folder"]]
        for name in item.keys() - {"folder", "revision"}:
            setattr(folder, name, item[name])
        folder.revision += "revision" in item
        return folder.revision

    # ---------------------------------------------------------------- messages

    def _apply_messages(self, changed: set[str]) -> int:
        """Write patches, adding to `changed` the rows that they change; return how many rows are new."""
        new = 0
        letters.match(self._box, self._patches)
        for remote_id, patch in self._patches.items():
            row = self._box.rows.get(remote_id)
            if row is None:
                self._box.put({"id": next(self._numbers), "remote_id": remote_id, **IS_NEW, **patch, "pending": False})
                new += 1
            elif self._box.take(remote_id, {**patch, "pending": False}):
                changed.add(remote_id)
        letters.copies_came(self._box, self._patches)
        letters.hold(self._box, self._patches)
        return new

    def _apply_gone(self, changed: set[str]) -> None:
        for remote_id in self._gone:
            row = self._box.rows.get(remote_id)
            if row is not None and not row.get("local") and self._box.confirmed(remote_id)["pending"]:
                self._box.drop(remote_id)
                changed.add(remote_id)

    def _apply_set_aside(self) -> None:
        """Forget what was read or is gone, and note what could not be read; one that arrives in the same call was read after all."""
        unreadable = self._box.unreadable
        if unreadable:
            for remote_id in (*self._patches, *self._gone):
                unreadable.pop(remote_id, None)
        for remote_id, folder, reason in self._aside:
            if remote_id not in self._patches:
                unreadable.setdefault(remote_id, SetAside(remote_id, folder if folder in self._box.folders else None, reason))
