"""
Which file a photo is, and which photos a file may be.
"""

from __future__ import annotations

import sqlite3

from facewatchd.domain import FileStat, PhotoId
from facewatchd.store.stat_rows import STAT_COLUMNS, signed, stat_of_row


class Files:
    """Rows of `photos`, as files."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def stat_of(self, photo_id: PhotoId) -> FileStat | None:
        """A photo's file as it was last seen."""
        row = self._db.execute(f"SELECT {STAT_COLUMNS} FROM photos WHERE photo_id = ?", (photo_id,)).fetchone()
        return stat_of_row(*row) if row else None

    def with_inode(self, inode: int) -> list[PhotoId]:
        """Photos with a file of this inode number, on any file system."""
        rows = self._db.execute(
            "SELECT photo_id FROM photos WHERE inode = ? AND state != 'missing' ORDER BY photo_id", (signed(inode),)
        )
        return [photo_id for (photo_id,) in rows]

    def of_size(self, size: int) -> list[PhotoId]:
        """Photos with a file of this size."""
        rows = self._db.execute(
            "SELECT photo_id FROM photos WHERE size = ? AND state = 'done' ORDER BY photo_id", (size,)
        )
        return [photo_id for (photo_id,) in rows]
