"""
Names that the user gave to links. They are kept with the faces that a link is there for: whose face it is changes, and the link
goes along with its name.
"""

from __future__ import annotations

import sqlite3

from facewatchd.domain import PersonId, PhotoId, Pool
from facewatchd.store.people import UNKNOWN_FACE


class GivenNames:
    """Rows of `given_names`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def of_owner(self, owner: PersonId | Pool, least: int) -> dict[PhotoId, bytes]:
        """
        Per photo the name of its link in an owner's folder, where the user gave one.

        Args:
            owner: Whose.
            least: People without a name and with fewer faces have no folder, and are in the unknown pool.
        """
        if not self._db.execute("SELECT 1 FROM given_names LIMIT 1").fetchone():
            return {}  # nearly everywhere; who is in the pool takes a while to tell
        condition, argument = _shown(owner, least)
        rows = self._db.execute(
            "SELECT f.photo_id, g.name FROM given_names g JOIN faces f USING (face_id)"
            f" WHERE ?1 IS NOT NULL AND {condition} ORDER BY g.face_id DESC",
            (argument,),
        )
        return dict(rows.fetchall())

    def give(self, owner: PersonId | Pool, photo_id: PhotoId, name: bytes, least: int) -> None:
        """The photo's link in an owner's folder has this name."""
        condition, argument = _shown(owner, least)
        self._db.execute(
            "INSERT OR REPLACE INTO given_names (face_id, name) SELECT f.face_id, ?2 FROM faces f"
            f" WHERE ?1 IS NOT NULL AND f.photo_id = ?3 AND {condition}",
            (argument, name, photo_id),
        )


def _shown(owner: PersonId | Pool, least: int) -> tuple[str, int]:
    """The faces that a photo is in an owner's folder for, as a condition, and its parameter ?1, which it need not have."""
    match owner:
        case Pool.IGNORED:
            return "f.ignored", least
        case Pool.UNKNOWN:
            return UNKNOWN_FACE, least
        case _:
            return "f.person_id = ?1", owner
