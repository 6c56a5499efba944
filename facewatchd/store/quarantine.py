"""
Pictures that ended the process that decoded them. They are not decoded again, in any file (R23).
"""

from __future__ import annotations

import sqlite3


class Quarantine:
    """Rows of `quarantine`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, content_hash: bytes, reason: str, now: float) -> None:
        """
        Do not decode a picture again.

        Args:
            content_hash: Of the picture.
            reason: A sentence for the user.
            now: Seconds since 1970.
        """
        self._db.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", (content_hash, reason, now))

    def reasons(self) -> dict[bytes, str]:
        """Why each picture is not decoded, by its content hash."""
        return dict(self._db.execute("SELECT content_hash, reason FROM quarantine").fetchall())

    def count(self) -> int:
        row = self._db.execute("SELECT count(*) FROM quarantine").fetchone()
        return int(row[0])

    def clear(self) -> None:
        """Try all of them again."""
        self._db.execute("DELETE FROM quarantine")
