"""
People, and what the user said of their faces.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from facewatchd.domain import Box, Constraint, ConstraintKind, FaceId, KnownDate, Person, PersonId, PhotoId
from facewatchd.store.date_rows import KNOWN_DATE_COLUMNS, known_date
from facewatchd.store.medoids import Medoids


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person with figures: the faces and photos of the person, without missing photos."""

    person: Person
    faces: int
    photos: int
    confirmed: int


class PersonPhoto(NamedTuple):
    """A photo of a person. `path` is absolute."""

    photo_id: PhotoId
    path: bytes
    date: KnownDate | None


@dataclass(frozen=True, slots=True)
class PersonFace:
    """A face with the absolute path of its photo, and the hash of what that shows."""

    face_id: FaceId
    path: bytes
    box: Box
    content: bytes = b""


_PATH = "CAST(r.path || x'2f' || p.path AS BLOB)"


# in how many different pictures a person is, counted up to a limit
_PICTURES = (
    "(SELECT count(*) FROM (SELECT DISTINCT q.content_hash FROM faces g JOIN photos q USING (photo_id)"
    " WHERE g.person_id = {} AND q.state != 'missing' LIMIT {}))"
)

UNKNOWN_FACE = (
    "f.poor = '' AND NOT f.ignored AND (f.person_id IS NULL AND NOT EXISTS (SELECT 1 FROM people v"
    "  WHERE v.person_id = f.review_of AND NOT v.hidden) OR f.person_id IN (SELECT n.person_id FROM people n"
    f"  WHERE n.name = '' AND NOT n.hidden AND {_PICTURES.format('n.person_id', '?1')} < ?1))"
)
"""A face `f` of the unknown pool: unassigned, or of an unnamed person in fewer different pictures than ?1."""


def photos_where(connection: sqlite3.Connection, condition: str, arguments: Sequence[object]) -> Iterator[PersonPhoto]:
    """
    The photos on disk with a face `f` that meets the condition, by their ids. All are read before this returns, but each
    record is made when its turn comes.
    """
    rows = connection.execute(
        f"SELECT p.photo_id, {_PATH}, {KNOWN_DATE_COLUMNS} FROM photos p JOIN roots r USING (root_id)"
        f" WHERE p.state != 'missing' AND p.photo_id IN (SELECT f.photo_id FROM faces f WHERE {condition})"
        " ORDER BY p.photo_id",
        arguments,
    ).fetchall()
    return (
        PersonPhoto(photo_id, path, known_date(value, precision, source))
        for photo_id, path, value, precision, source in rows
    )


class People:
    """Rows of `people` and `constraints`."""

    def __init__(self, connection: sqlite3.Connection, medoids: Medoids) -> None:
        self._db = connection
        self._medoids = medoids

    def add(self, name: str = "", *, founded: bool = False) -> PersonId:
        """A new person, with an id that was never used. `founded`: the user made them from chosen faces."""
        cursor = self._db.execute("INSERT INTO people (name, founded) VALUES (?, ?)", (name, founded))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def get(self, person_id: PersonId) -> Person | None:
        """The person. For one who was merged, the person into whom they were merged."""
        while True:
            row = self._db.execute(
                "SELECT person_id, name, merged_into FROM people WHERE person_id = ?", (person_id,)
            ).fetchone()
            if row is None:
                return None
            if row[2] is None:
                return Person(row[0], row[1])
            person_id = row[2]

    def named(self) -> list[Person]:
        rows = self._db.execute("SELECT person_id, name FROM people WHERE name != '' AND merged_into IS NULL")
        return [Person(*row) for row in rows]

    def rename(self, person_id: PersonId, name: str) -> None:
        self._db.execute("UPDATE people SET name = ? WHERE person_id = ?", (name, person_id))

    def hide(self, person_id: PersonId, *, hidden: bool) -> None:
        """The user does not want to see them, or wants to again."""
        self._db.execute("UPDATE people SET hidden = ? WHERE person_id = ?", (hidden, person_id))

    def hidden(self) -> set[PersonId]:
        return {person_id for (person_id,) in self._db.execute("SELECT person_id FROM people WHERE hidden")}

    def founded(self) -> set[PersonId]:
        """The people that the user made from chosen faces."""
        return {person_id for (person_id,) in self._db.execute("SELECT person_id FROM people WHERE founded")}

    def refuse(self, faces: Collection[FaceId], person_id: PersonId) -> None:
        """These faces do not belong to the person, for good. They are unassigned until another person is found."""
        self.say(Constraint(ConstraintKind.CANNOT_BE, face_id, person_id) for face_id in faces)
        self._db.executemany(
            "UPDATE faces SET person_id = NULL WHERE face_id = ? AND person_id = ?",
            [(face_id, person_id) for face_id in faces],
        )
        self._db.executemany(
            "UPDATE faces SET review_of = NULL WHERE face_id = ? AND review_of = ?",
            [(face_id, person_id) for face_id in faces],
        )
        self._medoids.remove((person_id, face_id) for face_id in faces)

    def faces_concerned(self, person_id: PersonId) -> set[FaceId]:
        """The faces that belong or may belong to a person, or that have a correction about this person."""
        rows = self._db.execute(
            "SELECT face_id FROM faces WHERE person_id = ?1 OR review_of = ?1 UNION SELECT face_id FROM constraints WHERE person_id = ?1",
            (person_id,),
        )
        return {face_id for (face_id,) in rows}

    def merge(
        self, person_id: PersonId, into: PersonId, *, allow_same_photo: bool = False, keeps_name: bool = True
    ) -> None:
        """
        The two are one person, for good: the faces of the first are confirmed as faces of the second. A person who was merged
        before means the person into whom they were merged. If the two are one already, nothing happens. In photos of both
        the second keeps their own face, and the other one becomes unassigned, because two faces of a photo are two people. A face
        that the user confirmed stays in any case, and every face does if two faces of a photo may be one person. If the second
        has no name, they get the name of the first if `keeps_name`.
        """
        one, other = self.get(person_id), self.get(into)
        if one is None or other is None or one.person_id == other.person_id:
            return
        person_id, into = one.person_id, other.person_id
        if keeps_name:
            self._db.execute(
                "UPDATE people SET name = (SELECT name FROM people WHERE person_id = ?) WHERE person_id = ? AND name = ''",
                (person_id, into),
            )
        # the merge undoes corrections that keep the two apart, which are about faces of both; corrections of other faces stay
        apart = (
            "SELECT c.face_id FROM constraints c JOIN faces f USING (face_id)"
            " WHERE c.kind = 'cannot-be' AND c.person_id = ? AND f.person_id = ?"
        )
        if self._db.execute(f"{apart} LIMIT 1", (into, person_id)).fetchone():
            self._db.execute(
                f"DELETE FROM constraints WHERE person_id = ? AND face_id IN ({apart})", (person_id, person_id, into)
            )
        # a refusal for one does not count any more if the user confirmed the face as the other's
        self._db.execute(
            "UPDATE constraints SET kind = 'must-be' WHERE person_id = ? AND face_id IN"
            " (SELECT face_id FROM constraints WHERE person_id = ? AND kind = 'must-be')",
            (into, person_id),
        )
        self._db.execute("UPDATE OR IGNORE constraints SET person_id = ? WHERE person_id = ?", (into, person_id))
        self._db.execute("DELETE FROM constraints WHERE person_id = ?", (person_id,))
        # a face that the program gave to the second, and that the user refused for the first, belongs to neither
        refused = "SELECT face_id FROM constraints WHERE person_id = ? AND kind = 'cannot-be'"
        self._db.execute(
            f"UPDATE faces SET person_id = NULL WHERE person_id = ? AND face_id IN ({refused})", (into, into)
        )
        self._medoids.remove_refused(into)
        sure = "SELECT face_id FROM constraints WHERE person_id = ? AND kind = 'must-be'"
        for goes, stays in () if allow_same_photo else ((person_id, into), (into, person_id)):
            self._db.execute(
                f"UPDATE faces SET person_id = NULL WHERE person_id = ? AND face_id NOT IN ({sure})"
                " AND photo_id IN (SELECT photo_id FROM faces WHERE person_id = ?)",
                (goes, into, stays),
            )
        self._medoids.remove_unassigned((person_id, into))
        self._db.execute(
            "INSERT INTO constraints (kind, face_id, person_id) SELECT 'must-be', face_id, ? FROM faces"
            " WHERE person_id = ? ON CONFLICT DO UPDATE SET kind = 'must-be'",
            (into, person_id),
        )
        self._db.execute("UPDATE faces SET person_id = ? WHERE person_id = ?", (into, person_id))
        self._db.execute("UPDATE faces SET review_of = ? WHERE review_of = ?", (into, person_id))
        self._medoids.merge(person_id, into)
        self._db.execute("UPDATE people SET merged_into = ? WHERE person_id = ?", (into, person_id))

    # --- the corrections of the user

    def say(self, constraints: Iterable[Constraint]) -> None:
        """
        Store corrections. A later one about the same face and person replaces the earlier one. A face belongs to one person: to
        confirm it for one removes its confirmation for any other.
        """
        for constraint in constraints:
            if constraint.kind is ConstraintKind.MUST_BE:
                self._db.execute(
                    "DELETE FROM constraints WHERE face_id = ? AND person_id != ? AND kind = 'must-be'",
                    (constraint.face_id, constraint.person_id),
                )
            self._db.execute(
                "INSERT INTO constraints (kind, face_id, person_id) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET kind = excluded.kind",
                (constraint.kind, constraint.face_id, constraint.person_id),
            )

    def constraints(self) -> list[Constraint]:
        rows = self._db.execute("SELECT kind, face_id, person_id FROM constraints ORDER BY face_id, person_id")
        return [Constraint(ConstraintKind(kind), face_id, person_id) for kind, face_id, person_id in rows]

    def constraints_on(self, face_ids: Iterable[FaceId]) -> list[Constraint]:
        """The corrections about these faces."""
        return [
            Constraint(ConstraintKind(kind), face, person_id)
            for face in face_ids
            for kind, person_id in self._db.execute(
                "SELECT kind, person_id FROM constraints WHERE face_id = ? ORDER BY person_id", (face,)
            )
        ]

    # --- reading

    def summaries(self, only: Collection[PersonId] | None = None) -> list[PersonSummary]:
        """People with faces or a name, most faces first; of these people only, where any are named."""
        chosen = "" if only is None else f"AND n.person_id IN ({','.join(str(int(person)) for person in only)})"
        rows = self._db.execute(
            f"""
            SELECT n.person_id, n.name, count(f.face_id), count(DISTINCT f.photo_id),
                   count(c.face_id)
            FROM people n
                LEFT JOIN (SELECT f.face_id, f.photo_id, f.person_id FROM faces f JOIN photos p USING (photo_id)
                           WHERE p.state != 'missing') f USING (person_id)
                LEFT JOIN constraints c ON c.face_id = f.face_id AND c.person_id = n.person_id AND c.kind = 'must-be'
            WHERE n.merged_into IS NULL {chosen}
            GROUP BY n.person_id HAVING count(f.face_id) > 0 OR n.name != ''
            ORDER BY 3 DESC, n.person_id
            """
        )
        return [PersonSummary(Person(pid, name), faces, photos, sure) for pid, name, faces, photos, sure in rows]

    def photos(self, person_id: PersonId) -> list[PersonPhoto]:
        """The photos that a person is in, as far as they are on disk."""
        return list(photos_where(self._db, "f.person_id = ?", (person_id,)))

    def photos_of_all(self, people: Collection[PersonId]) -> list[PersonPhoto]:
        """The photos that all of these are in, one or more people, as far as they are on disk."""
        chosen = sorted(set(people))
        marks = ",".join("?" * len(chosen))
        condition = (
            "f.photo_id IN (SELECT photo_id FROM faces WHERE person_id IN"
            f" ({marks}) GROUP BY photo_id HAVING count(DISTINCT person_id) = ?)"
        )
        return list(photos_where(self._db, condition, (*chosen, len(chosen))))

    def unknown_photos(self, least: int, among: Collection[PhotoId] | None = None) -> Iterator[PersonPhoto]:
        """
        Photos with an unassigned good face that is not in review, or with a face of an unnamed person who is in fewer than
        `least` different pictures and has no folder. Only those `among` these, if any are given.
        """
        chosen = "" if among is None else f"f.photo_id IN ({','.join(str(int(photo)) for photo in among)}) AND "
        return photos_where(
            self._db,
            chosen + UNKNOWN_FACE,
            (least,),
        )

    def is_in(self, person_id: PersonId, least: int) -> bool:
        """Whether a person is in so many different pictures."""
        row = self._db.execute(f"SELECT {_PICTURES.format('?1', '?2')} >= ?2", (person_id, least)).fetchone()
        return bool(row[0])

    def ignored_photos(self) -> Iterator[PersonPhoto]:
        """Photos with an ignored face."""
        return photos_where(self._db, "f.ignored", ())

    def cover(self, person_id: PersonId) -> FaceId | None:
        """The face for a person's cover: the best of the medoids, else the best face. It is never of low quality."""
        row = self._db.execute(
            "SELECT f.face_id FROM faces f JOIN photos p USING (photo_id)"
            " LEFT JOIN medoids m ON m.face_id = f.face_id AND m.person_id = f.person_id"
            " WHERE f.person_id = ? AND f.poor = '' AND p.state != 'missing'"
            " ORDER BY m.face_id IS NULL, f.quality DESC, f.face_id LIMIT 1",
            (person_id,),
        ).fetchone()
        return int(row[0]) if row else None

    def face(self, face_id: FaceId) -> PersonFace | None:
        row = self._db.execute(
            f"SELECT f.face_id, {_PATH}, p.content_hash, f.x, f.y, f.w, f.h FROM faces f JOIN photos p USING (photo_id)"
            " JOIN roots r USING (root_id) WHERE f.face_id = ?",
            (face_id,),
        ).fetchone()
        return PersonFace(row[0], row[1], Box(*row[3:]), row[2] or b"") if row else None
