"""
Names that the user gave to links. They are stored with the faces that a link shows. If such a face goes to another person, the
link follows with its name.
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
        Per photo the name of its link in an owner's folder, if the user gave one.

        Args:
            owner: The owner of the folder.
            least: People without a name and with fewer faces have no folder. Their faces are in the unknown pool.
        """
        if not self._db.execute("SELECT 1 FROM given_names LIMIT 1").fetchone():
            return {}  # nearly always; the faces of the pool take a while to find
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
    """An SQL condition for the faces that a link in an owner's folder shows, and its parameter ?1, which it may not use."""
    match owner:
        case Pool.IGNORED:
            return "f.ignored", least
        case Pool.UNKNOWN:
            return UNKNOWN_FACE, least
        case _:
            return "f.person_id = ?1", owner
