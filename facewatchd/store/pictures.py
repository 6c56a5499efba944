"""
The faces with a picture beside the link to their photo: those that the user is asked about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from facewatchd.domain import Box, FaceId, PersonId, PhotoId
from facewatchd.store.people import UNKNOWN_FACE

FaceOnPhoto = tuple[FaceId, PhotoId]


class Pictures:
    """Rows of `faces` that the user is asked about."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def unknown(self, least: int, most: int) -> list[FaceOnPhoto]:
        """
        The newest faces of the unknown pool, from left to right in each photo.

        Args:
            least: See `People.unknown_photos`.
            most: How many at most.
        """
        rows = self._db.execute(
            "SELECT face_id, photo_id FROM (SELECT f.face_id, f.photo_id, f.x FROM faces f JOIN photos p USING (photo_id)"
            f" WHERE p.state != 'missing' AND {UNKNOWN_FACE} ORDER BY f.face_id DESC LIMIT ?) ORDER BY photo_id, x, face_id",
            (least, most),
        )
        return rows.fetchall()

    def in_review(self, person_id: PersonId) -> list[FaceOnPhoto]:
        """The faces that may belong to a person, from left to right in each photo."""
        rows = self._db.execute(
            "SELECT f.face_id, f.photo_id FROM faces f WHERE f.review_of = ? AND f.person_id IS NULL AND f.poor = ''"
            " AND NOT f.ignored ORDER BY f.photo_id, f.x, f.face_id",
            (person_id,),
        )
        return rows.fetchall()

    def photos(self, faces: Collection[FaceId]) -> dict[FaceId, PhotoId]:
        """The photos of these faces. Faces that were deleted are left out."""
        chosen = ",".join(str(int(face)) for face in faces)
        return dict(self._db.execute(f"SELECT face_id, photo_id FROM faces WHERE face_id IN ({chosen})").fetchall())

    def sources(self, faces: Collection[FaceId]) -> dict[FaceId, tuple[bytes, Box]]:
        """Where these faces are cut out: the content hash of the photo, and the box."""
        chosen = ",".join(str(int(face)) for face in faces)
        rows = self._db.execute(
            "SELECT f.face_id, p.content_hash, f.x, f.y, f.w, f.h FROM faces f JOIN photos p USING (photo_id)"
            f" WHERE f.face_id IN ({chosen}) AND p.content_hash IS NOT NULL"
        )
        return {face: (content, Box(*place)) for face, content, *place in rows}

    def with_content(self, content_hash: bytes) -> dict[FaceId, Box]:
        """The faces of photos with this content, and their boxes."""
        rows = self._db.execute(
            "SELECT f.face_id, f.x, f.y, f.w, f.h FROM faces f JOIN photos p USING (photo_id) WHERE p.content_hash = ?",
            (content_hash,),
        )
        return {face: Box(*place) for face, *place in rows}
