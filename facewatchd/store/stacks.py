"""
Stacks: which photos are shown as another one, and the moving of faces between the files of a stack.

A photo that is shown as another one (`photos.shown_as`) has no faces, so code that reads faces needs to know nothing about
stacks. It has no `model_id`, so its picture is never taken for one with known faces.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from facewatchd.core.intake.stacks import Member, stack_beginnings, stack_name
from facewatchd.domain import FaceId, PhotoId, PhotoState, RootId, SeenFile
from facewatchd.store.date_rows import DATE_COLUMNS, date_finding
from facewatchd.store.medoids import Medoids


@dataclass(frozen=True, slots=True)
class StackedPhoto:
    """A photo of a stack. `shown_as` is the photo that is shown instead, if there is one."""

    member: Member
    root_id: RootId
    state: PhotoState
    shown_as: PhotoId | None

    @property
    def photo_id(self) -> PhotoId:
        return self.member.photo_id


_ROW = f"photo_id, root_id, path, state, shown_as, {DATE_COLUMNS}"


class Stacks:
    """Rows of `photos` that are shown as others."""

    def __init__(self, connection: sqlite3.Connection, medoids: Medoids) -> None:
        self._db = connection
        self._medoids = medoids

    def get(self, photo_id: PhotoId) -> StackedPhoto | None:
        found = self._photos("photo_id = ?", photo_id)
        return found[0] if found else None

    def beside(self, root_id: RootId, path: bytes) -> list[StackedPhoto]:
        """The photos with names that may make one stack with this path, without the photo at this path."""
        found: list[StackedPhoto] = []
        for start in stack_beginnings(path):
            found += self._photos(
                # the expression of the index photos_by_name; "/" is the byte after "."
                "root_id = ?1 AND lower(CAST(path AS TEXT)) >= lower(CAST(?2 AS TEXT))"
                " AND lower(CAST(path AS TEXT)) < lower(CAST(?3 AS TEXT)) AND path != ?4",
                *(root_id, start + b".", start + b"/", path),
            )
        return [photo for photo in found if stack_name(photo.member.path) == stack_name(path)]

    def members(self, photo_id: PhotoId) -> list[StackedPhoto]:
        """The photos that are shown as this one."""
        return self._photos("shown_as = ?", photo_id)

    def shown(self) -> dict[PhotoId, PhotoId]:
        """The photo that is shown instead, for all photos that are not shown themselves."""
        return dict(self._db.execute("SELECT photo_id, shown_as FROM photos WHERE shown_as IS NOT NULL").fetchall())

    def candidates(self) -> list[PhotoId]:
        """The photos that are taken in, and that another photo may replace, judged by their names."""
        rows = self._db.execute(
            "SELECT photo_id FROM photos WHERE state = 'done' AND shown_as IS NULL AND model_id IS NOT NULL"
            " AND lower(CAST(path AS TEXT)) NOT GLOB '*.jp*g' ORDER BY photo_id"
        )
        return [photo_id for (photo_id,) in rows]

    def is_embedded(self, seen: SeenFile) -> bool:
        """Whether the faces of the picture last seen at a path were found, by any models."""
        row = self._db.execute(
            "SELECT model_id IS NOT NULL FROM photos WHERE root_id = ? AND path = ?", (seen.root_id, seen.path)
        ).fetchone()
        return bool(row and row[0])

    def count(self) -> int:
        """How many photos on disk are shown as another one."""
        row = self._db.execute("SELECT count(*) FROM photos WHERE shown_as IS NOT NULL AND state != 'missing'")
        return int(row.fetchone()[0])

    def _photos(self, condition: str, *arguments: object) -> list[StackedPhoto]:
        rows = self._db.execute(f"SELECT {_ROW} FROM photos WHERE {condition} ORDER BY path", arguments)
        return [
            StackedPhoto(Member(photo_id, path, date_finding(date)), root_id, PhotoState(state), shown_as)
            for photo_id, root_id, path, state, shown_as, *date in rows
        ]

    # --- changes

    def hide(self, photo_id: PhotoId, shown_as: PhotoId) -> None:
        """A photo is shown as another one from now on, with all photos that were shown as it."""
        self._db.execute(
            "UPDATE photos SET shown_as = ?2, model_id = NULL WHERE (photo_id = ?1 OR shown_as = ?1) AND photo_id != ?2",
            (photo_id, shown_as),
        )

    def set_content(self, photo_id: PhotoId, content_hash: bytes) -> None:
        """The content of a file that is shown as another one, so that it is recognised when it moves."""
        self._db.execute("UPDATE photos SET content_hash = ? WHERE photo_id = ?", (content_hash, photo_id))

    def show(self, photo_id: PhotoId) -> None:
        """A photo is shown itself."""
        self._db.execute("UPDATE photos SET shown_as = NULL WHERE photo_id = ?", (photo_id,))

    def dismiss(self, photo_ids: Iterable[PhotoId]) -> None:
        """Photos are shown themselves again, and must be taken in for that."""
        self._db.executemany(
            "UPDATE photos SET shown_as = NULL, model_id = NULL, state = iif(state = 'done', 'pending', state),"
            " size = iif(state = 'missing', -1, size) WHERE photo_id = ?",
            [(photo_id,) for photo_id in photo_ids],
        )

    def part(self, photo_id: PhotoId, seen: SeenFile) -> None:
        """
        A photo moves to another path, where another photo may make room. A stack has one folder and one name, so the stacks of
        both photos are dissolved.
        """
        rows = self._db.execute(
            "SELECT photo_id FROM photos WHERE (photo_id = ?1 AND shown_as IS NOT NULL) OR shown_as IN"
            " (SELECT photo_id FROM photos WHERE photo_id = ?1 OR (root_id = ?2 AND path = ?3))",
            (photo_id, seen.root_id, seen.path),
        ).fetchall()
        self.dismiss(each for (each,) in rows)

    def hand_over(self, photo_id: PhotoId, heir: PhotoId) -> None:
        """
        All faces of a photo belong to the heir now, with their corrections. If the photo comes back, it must be taken in.
        """
        self._db.execute("UPDATE faces SET photo_id = ? WHERE photo_id = ?", (heir, photo_id))
        self._db.execute(
            "UPDATE photos SET shown_as = ?, model_id = NULL, size = iif(state = 'missing', -1, size) WHERE photo_id = ?",
            (heir, photo_id),
        )

    def inherit(self, face_id: FaceId, heir: FaceId) -> None:
        """The corrections of a face hold for another face that has none. Its place among the medoids goes there too."""
        if not self._db.execute("SELECT 1 FROM constraints WHERE face_id = ?", (heir,)).fetchone():
            cursor = self._db.execute("UPDATE constraints SET face_id = ? WHERE face_id = ?", (heir, face_id))
            if cursor.rowcount:
                self._db.execute(
                    "UPDATE faces SET person_id = (SELECT person_id FROM faces WHERE face_id = ?) WHERE face_id = ?",
                    (face_id, heir),
                )
        self._db.execute(
            "UPDATE faces SET ignored = 1, person_id = NULL WHERE face_id = ?2"
            " AND (SELECT ignored FROM faces WHERE face_id = ?1)",
            (face_id, heir),
        )
        self._medoids.inherit(face_id, heir)
        self._db.execute("UPDATE OR IGNORE given_names SET face_id = ?2 WHERE face_id = ?1", (face_id, heir))

    def give_face(self, face_id: FaceId, photo_id: PhotoId) -> None:
        """A face is in this photo now."""
        self._db.execute("UPDATE faces SET photo_id = ? WHERE face_id = ?", (photo_id, face_id))

    def drop_faces(self, photo_id: PhotoId) -> None:
        """Delete the faces of a photo."""
        self._medoids.faces_change(photo_id)
        self._db.execute("DELETE FROM faces WHERE photo_id = ?", (photo_id,))

    # --- places

    def size(self, photo_id: PhotoId) -> tuple[int, int] | None:
        """Width and height of the picture in which the boxes of a photo's faces are measured. None if it was never taken in."""
        row = self._db.execute("SELECT width, height FROM photos WHERE photo_id = ?", (photo_id,)).fetchone()
        return (row[0], row[1]) if row and row[0] and row[1] else None

    def set_size(self, photo_id: PhotoId, size: tuple[int, int] | None) -> None:
        """The boxes of a photo's faces are in pixels of a picture of this size."""
        self._db.execute(
            "UPDATE photos SET width = ?, height = ? WHERE photo_id = ?", (*(size or (None, None)), photo_id)
        )

    def scale_faces(self, photo_id: PhotoId, factor: float) -> None:
        """The boxes in a picture that is this much larger."""
        self._db.execute(
            "UPDATE faces SET x = x * ?1, y = y * ?1, w = w * ?1, h = h * ?1 WHERE photo_id = ?2", (factor, photo_id)
        )
