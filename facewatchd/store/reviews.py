"""
What the user is asked: faces that are too close to call, and people who may be one. And photos of two people together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from facewatchd.core.grouping.suggestions import Likeness
from facewatchd.domain import FaceId, Person, PersonId
from facewatchd.store.people import PersonPhoto, photos_where

_IN_REVIEW = "f.review_of = ? AND f.person_id IS NULL AND f.poor = '' AND NOT f.ignored"


class Reviews:
    """Rows of `suggestions`, and faces with a `review_of`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # --- too close to call

    def people(self) -> list[Person]:
        """The people to whom some faces may belong."""
        rows = self._db.execute(
            "SELECT person_id, name FROM people WHERE merged_into IS NULL AND NOT hidden AND person_id IN"
            " (SELECT review_of FROM faces WHERE review_of IS NOT NULL AND person_id IS NULL) ORDER BY person_id"
        )
        return [Person(*row) for row in rows]

    def photos(self, person_id: PersonId) -> list[PersonPhoto]:
        """The photos with a face that may belong to the person."""
        return list(photos_where(self._db, _IN_REVIEW, (person_id,)))

    def rivals(self, face_id: FaceId, person_id: PersonId) -> list[FaceId]:
        """Other faces of the same photo that may belong to the person."""
        rows = self._db.execute(
            "SELECT face_id FROM faces WHERE review_of = ?2 AND face_id != ?1"
            " AND photo_id = (SELECT photo_id FROM faces WHERE face_id = ?1) ORDER BY face_id",
            (face_id, person_id),
        )
        return [face for (face,) in rows]

    # --- two who may be one

    def suggest(self, found: Iterable[Likeness]) -> None:
        """These are the people who may be one, and no others."""
        self._db.execute("DELETE FROM suggestions")
        self._db.executemany(
            "INSERT INTO suggestions VALUES (?, ?, ?)",
            [(min(like.one, like.other), max(like.one, like.other), like.strength) for like in found],
        )

    def suggestions(self) -> list[tuple[Person, Person]]:
        """
        People who may be one, the most likely pair first. In a pair the named one comes first. Pairs are left out if one was merged or
        hidden since, if both have a name, or if the user said that a face of one does not belong to the other.
        """
        rows = self._db.execute(
            """
            SELECT a.person_id, a.name, b.person_id, b.name
            FROM suggestions s JOIN people a ON a.person_id = s.one JOIN people b ON b.person_id = s.other
            WHERE a.merged_into IS NULL AND b.merged_into IS NULL AND NOT a.hidden AND NOT b.hidden
                AND (a.name = '' OR b.name = '')
                AND NOT EXISTS (SELECT 1 FROM constraints c JOIN faces f USING (face_id)
                                WHERE c.kind = 'cannot-be' AND c.person_id = s.one AND f.person_id = s.other)
                AND NOT EXISTS (SELECT 1 FROM constraints c JOIN faces f USING (face_id)
                                WHERE c.kind = 'cannot-be' AND c.person_id = s.other AND f.person_id = s.one)
            ORDER BY s.strength DESC, s.one, s.other
            """
        )
        pairs = [(Person(*row[:2]), Person(*row[2:])) for row in rows]
        return [(other, one) if other.name and not one.name else (one, other) for one, other in pairs]

    def examples(self, person_id: PersonId, other: PersonId, most: int) -> list[FaceId]:
        """The best faces of a person, in photos without the other person."""
        rows = self._db.execute(
            "SELECT f.face_id FROM faces f JOIN photos p USING (photo_id)"
            " LEFT JOIN medoids m ON m.face_id = f.face_id AND m.person_id = f.person_id"
            " WHERE f.person_id = ?1 AND f.poor = '' AND p.state != 'missing'"
            "  AND NOT EXISTS (SELECT 1 FROM faces g WHERE g.photo_id = f.photo_id AND g.person_id = ?2)"
            " ORDER BY m.face_id IS NULL, f.quality DESC, f.face_id LIMIT ?3",
            (person_id, other, most),
        )
        return [face for (face,) in rows]

    def example_photos(self, faces: Collection[FaceId]) -> list[PersonPhoto]:
        """The photos of these faces."""
        return list(photos_where(self._db, f"f.face_id IN ({','.join(str(int(face)) for face in faces)})", ()))

    # --- several people

    def together(
        self, least: int, only: Collection[PersonId] | None = None
    ) -> list[tuple[tuple[Person, Person], list[PersonPhoto]]]:
        """
        Pairs of named people, with the photos of both.

        Args:
            least: The least number of photos. Copies of a picture count once.
            only: Pairs with one of these people; all pairs if None.
        """
        chosen = ",".join(str(int(person)) for person in only or ())
        which = "" if only is None else f"AND (f.person_id IN ({chosen}) OR g.person_id IN ({chosen}))"
        pairs = self._db.execute(
            f"""
            SELECT a.person_id, a.name, b.person_id, b.name
            FROM faces f JOIN faces g ON g.photo_id = f.photo_id AND g.person_id > f.person_id
                JOIN people a ON a.person_id = f.person_id JOIN people b ON b.person_id = g.person_id
                JOIN photos p ON p.photo_id = f.photo_id
            WHERE a.name != '' AND b.name != '' AND NOT a.hidden AND NOT b.hidden AND p.state != 'missing' {which}
            GROUP BY a.person_id, b.person_id HAVING count(DISTINCT p.content_hash) >= ?
            ORDER BY a.person_id, b.person_id
            """,
            (least,),
        ).fetchall()
        both = "f.person_id = ? AND EXISTS (SELECT 1 FROM faces g WHERE g.photo_id = f.photo_id AND g.person_id = ?)"
        return [
            ((Person(one, name), Person(other, others)), list(photos_where(self._db, both, (one, other))))
            for one, name, other, others in pairs
        ]
