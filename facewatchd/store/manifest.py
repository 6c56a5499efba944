"""
The manifest: what was last written into the people tree. Each line is written right after the deed.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

from facewatchd.core.tree import Written, WrittenFolder
from facewatchd.domain import PersonId


class Manifest:
    """Rows of `tree_folders` and `tree_entries`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def names(self) -> dict[PersonId | None, bytes]:
        """The folder of every person who has one; the pool's under None."""
        return dict(self._db.execute("SELECT person_id, name FROM tree_folders ORDER BY folder_id").fetchall())

    def folders(self, scope: set[PersonId | None] | None = None) -> list[WrittenFolder]:
        """The folders of these people with all their entries, or all folders."""
        rows = self._db.execute("SELECT folder_id, person_id, name FROM tree_folders ORDER BY folder_id").fetchall()
        wanted = [row for row in rows if scope is None or row[1] in scope]
        entries: dict[int, list[Written]] = defaultdict(list)
        if scope is None:
            found = self._db.execute("SELECT folder_id, name, photo_id, content, signature FROM tree_entries")
            for folder_id, *entry in found:
                entries[folder_id].append(Written(*entry))
        else:
            for folder_id, _, _ in wanted:
                found = self._db.execute(
                    "SELECT name, photo_id, content, signature FROM tree_entries WHERE folder_id = ?", (folder_id,)
                )
                entries[folder_id] = [Written(*entry) for entry in found]
        return [WrittenFolder(person_id, name, tuple(entries[folder_id])) for folder_id, person_id, name in wanted]

    def begin(self, names: Iterable[bytes]) -> None:
        """These folders are about to be written."""
        self._db.executemany("UPDATE tree_folders SET busy = 1 WHERE name = ?", [(name,) for name in names])

    def end(self) -> None:
        """Everything that was begun is written down."""
        self._db.execute("UPDATE tree_folders SET busy = 0 WHERE busy")

    def busy(self) -> set[bytes]:
        """Folders whose writing was begun and, for a crash or a full disk, not ended."""
        return {name for (name,) in self._db.execute("SELECT name FROM tree_folders WHERE busy")}

    def made(self, person_id: PersonId | None, name: bytes) -> None:
        """A folder was made; nothing of ours is in it yet."""
        self._db.execute("DELETE FROM tree_folders WHERE person_id IS ?", (person_id,))
        self._db.execute("INSERT INTO tree_folders (person_id, name) VALUES (?, ?)", (person_id, name))

    def renamed(self, person_id: PersonId | None, name: bytes) -> None:
        self._db.execute("UPDATE tree_folders SET name = ? WHERE person_id IS ?", (name, person_id))

    def removed(self, person_id: PersonId | None) -> None:
        self._db.execute("DELETE FROM tree_folders WHERE person_id IS ?", (person_id,))

    def put(self, folder: bytes, entry: Written) -> None:
        """A link or file of ours is in the folder of this name."""
        self._db.execute(
            "INSERT OR REPLACE INTO tree_entries (folder_id, name, photo_id, content, signature)"
            " SELECT folder_id, ?, ?, ?, ? FROM tree_folders WHERE name = ?",
            (entry.name, entry.photo_id, entry.content, entry.signature, folder),
        )

    def dropped(self, folder: bytes, name: bytes) -> None:
        self._db.execute(
            "DELETE FROM tree_entries WHERE name = ?"
            " AND folder_id = (SELECT folder_id FROM tree_folders WHERE name = ?)",
            (name, folder),
        )
