"""
The photo folders of the state: those that are watched, and those that were.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from facewatchd.domain import Root, RootId
from facewatchd.store.stat_rows import MISSING, signed, unsigned


@dataclass(frozen=True, slots=True)
class RootFigures:
    """
    A photo folder with its figures.

    Attributes:
        root: The folder.
        watched: Whether it was configured when the daemon last ran.
        photos: Photos that are not gone.
        missing: Photos that are gone, or are not shown because the folder is not watched.
    """

    root: Root
    watched: bool
    photos: int
    missing: int


class Roots:
    """Rows of `roots`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def ensure(self, path: bytes) -> Root:
        """The root with this path. It is made if it is new."""
        self._db.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (path,))
        (root_id,) = self._db.execute("SELECT root_id FROM roots WHERE path = ?", (path,)).fetchone()
        return Root(root_id, path)

    def all(self) -> dict[RootId, Root]:
        return {root_id: Root(root_id, path) for root_id, path in self._db.execute("SELECT root_id, path FROM roots")}

    def identity(self, root_id: RootId) -> tuple[int, int] | None:
        """Device and inode of the root's folder when it was last online, None before that."""
        row = self._db.execute("SELECT device, inode FROM roots WHERE root_id = ?", (root_id,)).fetchone()
        return (unsigned(row[0]), unsigned(row[1])) if row and row[0] is not None else None

    def set_identity(self, root_id: RootId, device: int, inode: int) -> None:
        self._db.execute(
            "UPDATE roots SET device = ?, inode = ? WHERE root_id = ?", (signed(device), signed(inode), root_id)
        )

    def watch(self, root_ids: Collection[RootId]) -> None:
        """These roots are watched, and no others."""
        self._db.execute("UPDATE roots SET watched = 0")
        self._db.executemany("UPDATE roots SET watched = 1 WHERE root_id = ?", [(root_id,) for root_id in root_ids])

    def is_watched(self, root_id: RootId) -> bool:
        row = self._db.execute("SELECT watched FROM roots WHERE root_id = ?", (root_id,)).fetchone()
        return bool(row and row[0])

    def figures(self) -> list[RootFigures]:
        """Every root with its figures, by path."""
        rows = self._db.execute(
            "SELECT r.root_id, r.path, r.watched, count(p.photo_id) - total(p.state = 'missing'), total(p.state = 'missing')"
            " FROM roots r LEFT JOIN photos p USING (root_id) GROUP BY r.root_id ORDER BY r.path"
        )
        return [
            RootFigures(Root(root_id, path), bool(watched), int(photos), int(missing))
            for root_id, path, watched, photos, missing in rows
        ]

    def holding(self, path: bytes) -> Iterator[tuple[Root, bytes]]:
        """The roots that contain a path, and its relative path in each."""
        for root in self.all().values():
            if path.startswith(root.path.rstrip(b"/") + b"/"):
                yield root, path[len(root.path.rstrip(b"/")) + 1 :]

    # --- photos that stay what they are under another path

    def readdress(self, paths: Mapping[RootId, bytes]) -> None:
        """
        Roots have other paths now, with all their photos. If another root is known at such a path, it gets the path that becomes
        free.
        """
        before = {root_id: root.path for root_id, root in self.all().items()}
        displaced = [root_id for root_id, path in before.items() if path in paths.values() and root_id not in paths]
        free = sorted({before[root_id] for root_id in paths} - set(paths.values()))
        after = {**paths, **dict(zip(displaced, free, strict=False))}
        # two roots may never have one path, not even for a moment
        self._db.executemany(
            "UPDATE roots SET path = CAST(path || x'00' AS BLOB) WHERE root_id = ?", [(root_id,) for root_id in after]
        )
        self._db.executemany(
            "UPDATE roots SET path = ?, device = NULL, inode = NULL WHERE root_id = ?",
            [(path, root_id) for root_id, path in after.items()],
        )

    def carry(self, root_id: RootId, below: bytes, to: RootId, into: bytes) -> int:
        """
        Photos belong to another root now. Photos that are known there under the same path make room, as in `Photos.move`.

        Args:
            root_id: The root where they are known.
            below: Only those below this folder; b"" for all.
            to: The root that they belong to now.
            into: The folder of it that `below` is now; b"" for the root itself.

        Returns:
            How many photos.
        """
        prefix, start = (into + b"/" if into else b""), len(below) + 2 if below else 1
        # a photo that had to make room has a NUL in its path, which no file has
        moving = "root_id = ?1 AND instr(path, x'00') = 0" + (" AND path >= ?2 AND path < ?3" if below else "")
        there = f"SELECT CAST(?4 || substr(path, ?5) AS BLOB) FROM photos WHERE {moving}"
        # "0" is the byte after "/"
        numbered = (root_id, below + b"/", below + b"0", prefix, start, to)
        self._db.execute(
            f"DELETE FROM photos WHERE root_id = ?6 AND path IN ({there}) AND content_hash IS NULL", numbered
        )
        self._db.execute(
            f"UPDATE photos SET {MISSING}, path = CAST(path || x'00' || photo_id AS BLOB)"
            f" WHERE root_id = ?6 AND path IN ({there})",
            numbered,
        )
        cursor = self._db.execute(
            f"UPDATE photos SET root_id = ?6, path = CAST(?4 || substr(path, ?5) AS BLOB) WHERE {moving}", numbered
        )
        return cursor.rowcount
