"""
The manifest: what the program wrote into the people tree. Each entry is stored right after the write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable

from facewatchd.core.tree.entries import INTENDED, Written, WrittenFolder, is_copy, is_hard_link, linked_inode
from facewatchd.core.tree.owners import Owner, owner_of, owner_text
from facewatchd.domain import PhotoId

_IS_PICTURE = "photo_id IS NULL AND substr(content, 1, 5) = CAST('face ' AS BLOB)"


class Manifest:
    """Rows of `tree_folders` and `tree_entries`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def names(self) -> dict[Owner, bytes]:
        """The path of every folder that the program made."""
        rows = self._db.execute("SELECT owner, name FROM tree_folders ORDER BY folder_id")
        return {_owner(text): name for text, name in rows}

    def folders(self, concerned: Callable[[Owner], bool] | None = None) -> list[WrittenFolder]:
        """The folders of these owners with all their entries, or all folders."""
        rows = self._db.execute("SELECT folder_id, owner, name FROM tree_folders ORDER BY folder_id").fetchall()
        folders = [(folder_id, _owner(text), name) for folder_id, text, name in rows]
        wanted = [folder for folder in folders if concerned is None or concerned(folder[1])]
        return [WrittenFolder(owner, name, self._entries(folder_id)) for folder_id, owner, name in wanted]

    def _entries(self, folder_id: int, condition: str = "") -> tuple[Written, ...]:
        rows = self._db.execute(
            f"SELECT name, photo_id, content, signature, intended FROM tree_entries WHERE folder_id = ? {condition}",
            (folder_id,),
        ).fetchall()
        return tuple(map(Written._make, rows))

    def of_photos(self, owner: Owner, photos: Collection[PhotoId]) -> WrittenFolder | None:
        """The owner's folder, only with the entries of these photos. None if there is no folder."""
        row = self._db.execute(
            "SELECT folder_id, name FROM tree_folders WHERE owner = ?", (owner_text(owner),)
        ).fetchone()
        if row is None:
            return None
        marks = ",".join(str(int(photo)) for photo in photos)
        return WrittenFolder(owner, row[1], self._entries(row[0], f"AND photo_id IN ({marks})"))

    def begin(self, names: Iterable[bytes]) -> None:
        """These folders are about to be written."""
        self._db.executemany("UPDATE tree_folders SET busy = 1 WHERE name = ?", [(name,) for name in names])

    def end(self) -> None:
        """Everything that was begun is stored."""
        self._db.execute("UPDATE tree_folders SET busy = 0 WHERE busy")

    def busy(self) -> set[bytes]:
        """Folders in which writing began and did not end, because of a crash or a full disk."""
        return {name for (name,) in self._db.execute("SELECT name FROM tree_folders WHERE busy")}

    def made(self, owner: Owner, name: bytes) -> None:
        """A folder was made. The program wrote nothing into it yet."""
        self.removed(owner)
        self._db.execute("INSERT INTO tree_folders (owner, name) VALUES (?, ?)", (owner_text(owner), name))

    def renamed(self, owner: Owner, name: bytes) -> None:
        self._db.execute("UPDATE tree_folders SET name = ? WHERE owner = ?", (name, owner_text(owner)))

    def removed(self, owner: Owner) -> None:
        self._db.execute("DELETE FROM tree_folders WHERE owner = ?", (owner_text(owner),))

    def clear(self) -> None:
        """Forget everything: there is no tree."""
        self._db.execute("DELETE FROM tree_folders")

    def put(self, folder: bytes, entry: Written) -> None:
        """The program put a link or file into the folder with this name."""
        self._db.execute(
            "INSERT OR REPLACE INTO tree_entries (folder_id, name, photo_id, content, signature)"
            " SELECT folder_id, ?, ?, ?, ? FROM tree_folders WHERE name = ?",
            (entry.name, entry.photo_id, entry.content, entry.signature, folder),
        )

    def intend(self, folder: bytes, name: bytes, photo_id: PhotoId | None, signature: bytes) -> None:
        """A file of this signature is about to be put in place. The former entry stays stored."""
        self._db.execute(
            "INSERT INTO tree_entries (folder_id, name, photo_id, content, signature, intended)"
            " SELECT folder_id, ?, ?, ?, x'', ? FROM tree_folders WHERE name = ?"
            " ON CONFLICT (folder_id, name) DO UPDATE SET intended = excluded.intended",
            (name, photo_id, INTENDED, signature, folder),
        )

    def copies(self) -> tuple[dict[bytes, bytes], set[int]]:
        """The copies of photos, as signature -> target, and the inodes of hard links."""
        rows = self._db.execute(
            "SELECT content, signature, intended FROM tree_entries INDEXED BY tree_files"
            " WHERE (signature != x'' OR intended != x'') AND photo_id IS NOT NULL"
        )
        found: dict[bytes, bytes] = {}
        inodes = set()
        for content, signature, intended in rows:
            if is_hard_link(content):
                inodes.add(linked_inode(content))
            elif is_copy(content):
                found[signature] = content
            if intended:
                found[intended] = INTENDED
        return found, inodes

    def pictures(self) -> list[Written]:
        """The pictures of faces in all folders."""
        rows = self._db.execute(
            "SELECT name, photo_id, content, signature, intended FROM tree_entries INDEXED BY tree_files"
            f" WHERE (signature != x'' OR intended != x'') AND {_IS_PICTURE}"
        )
        return [Written(*row) for row in rows]

    def pictures_of(self, owner: Owner) -> list[Written]:
        """The pictures of faces in the owner's folder."""
        rows = self._db.execute(
            "SELECT name, photo_id, content, signature, intended FROM tree_entries INDEXED BY tree_files"
            f" WHERE (signature != x'' OR intended != x'') AND {_IS_PICTURE}"
            " AND folder_id = (SELECT folder_id FROM tree_folders WHERE owner = ?)",
            (owner_text(owner),),
        )
        return [Written(*row) for row in rows]

    def dropped(self, folder: bytes, name: bytes) -> None:
        self._db.execute(
            "DELETE FROM tree_entries WHERE name = ?"
            " AND folder_id = (SELECT folder_id FROM tree_folders WHERE name = ?)",
            (name, folder),
        )


def _owner(text: str) -> Owner:
    owner = owner_of(text)
    assert owner is not None
    return owner
