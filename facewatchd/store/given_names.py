"""
Names that the user gave to links. They are kept with the faces that a link is there for: whose face it is changes, and the link
goes along with its name.
"""

from __future__ import annotations

import sqlite3

from facewatchd.domain import PersonId, PhotoId, Pool


class GivenNames:
    """Rows of `given_names`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def of_owner(self, owner: PersonId | Pool) -> dict[PhotoId, bytes]:
        """Per photo the name of its link in an owner's folder, where the user gave one."""
        condition, arguments = _shown(owner)
        rows = self._db.execute(
            "SELECT f.photo_id, g.name FROM given_names g JOIN faces f USING (face_id)"
            f" WHERE {condition} ORDER BY g.face_id DESC",
            arguments,
        )
        return dict(rows.fetchall())

    def give(self, owner: PersonId | Pool, photo_id: PhotoId, name: bytes) -> None:
        """The photo's link in an owner's folder has this name."""
        condition, arguments = _shown(owner)
        self._db.execute(
            "INSERT OR REPLACE INTO given_names (face_id, name) SELECT f.face_id, ? FROM faces f"
            f" WHERE f.photo_id = ? AND {condition}",
            (name, photo_id, *arguments),
        )


def _shown(owner: PersonId | Pool) -> tuple[str, tuple[int, ...]]:
    """The faces that a photo is in an owner's folder for."""
    match owner:
        case Pool.IGNORED:
            return "f.ignored", ()
        case Pool.UNKNOWN:
            # people without a name may have too few faces for a folder
            return (
                "NOT f.ignored"
                " AND (f.person_id IS NULL OR f.person_id IN (SELECT person_id FROM people WHERE name = ''))"
            ), ()
        case _:
            return "f.person_id = ?", (owner,)
