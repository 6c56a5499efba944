"""
Half moves of links (`core.tree.half_moves`), and copies of links that wait for their other half.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from facewatchd.core.tree.half_moves import HalfKind, HalfMove
from facewatchd.core.tree.owners import Owner, owner_of, owner_text
from facewatchd.domain import PhotoId

Waiting = tuple[bytes, PhotoId]
"""A folder's path in the tree, and the photo that a link in it leads to."""


class HalfMoves:
    """Rows of `half_moves` and `waiting_links`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def since(self, at: float) -> list[HalfMove]:
        """
        The half moves since then. Those of corrections that were undone do not count, nor does a copy if the face belongs to
        another person now.
        """
        rows = self._db.execute(
            "SELECT h.photo_id, h.kind, h.owner, h.at, h.entry_id, h.founded FROM half_moves h"
            " JOIN journal j USING (entry_id) WHERE h.at >= ? AND NOT j.undone AND (h.kind != 'came' OR EXISTS"
            "  (SELECT 1 FROM faces f WHERE f.photo_id = h.photo_id AND f.person_id = CAST(h.owner AS INTEGER)))",
            (at,),
        )
        return [
            HalfMove(photo_id, HalfKind(kind), _owner(text), then, entry_id, bool(founded))
            for photo_id, kind, text, then, entry_id, founded in rows
        ]

    def remember(self, half: HalfMove) -> None:
        """A link came or went."""
        self._db.execute(
            "INSERT OR REPLACE INTO half_moves (photo_id, kind, owner, at, entry_id, founded) VALUES (?, ?, ?, ?, ?, ?)",
            (half.photo_id, half.kind, owner_text(half.owner), half.at, half.entry_id, half.founded),
        )

    def forget(self, photo_id: PhotoId) -> None:
        """Remove these: the move is complete, or is not one any more."""
        self._db.execute("DELETE FROM half_moves WHERE photo_id = ?", (photo_id,))

    def forget_before(self, at: float) -> None:
        """Remove these: their other halves will not come."""
        self._db.execute("DELETE FROM half_moves WHERE at < ?", (at,))

    # --- copies that say nothing by themselves

    def waiting(self) -> dict[Waiting, float]:
        """The copies that wait, and since when, seconds since 1970."""
        rows = self._db.execute("SELECT folder, photo_id, since FROM waiting_links")
        return {(folder, photo_id): since for folder, photo_id, since in rows}

    def keep_waiting(self, waiting: Collection[Waiting], now: float) -> None:
        """These copies wait, and no others. Those that waited already keep their time."""
        gone = self.waiting().keys() - {*waiting}
        self._db.executemany("DELETE FROM waiting_links WHERE folder = ? AND photo_id = ?", sorted(gone))
        self._db.executemany(
            "INSERT OR IGNORE INTO waiting_links (folder, photo_id, since) VALUES (?, ?, ?)",
            [(folder, photo_id, now) for folder, photo_id in sorted(waiting)],
        )


def _owner(text: str) -> Owner:
    owner = owner_of(text)
    assert owner is not None
    return owner
