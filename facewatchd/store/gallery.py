"""
The medoids of everybody known, in memory: read from the state once, and then only what changed of them.

What changes a medoid, or the embedding of one, is written down by triggers of the state itself (`gallery_changes`), so
that no writer can forget it, in this process or in another.
"""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.matching.assign import Gallery
from facewatchd.domain import Embeddings, FaceId

# changes that are read one by one; after more of them reading everything is as fast
_MOST_CHANGES = 1000
_ROOM = 1.25


class KnownMedoids:
    """
    Of one model's embeddings.

    Args:
        connection: To the state.
        model_id: The model.
        dim: The length of its embeddings.
    """

    def __init__(self, connection: sqlite3.Connection, model_id: str, dim: int) -> None:
        self._db = connection
        self.model_id = model_id
        self._seen = 0
        self._places: dict[FaceId, list[int]] = {}
        self._faces: list[FaceId] = []
        self._people: NDArray[np.int64] = np.empty(0, np.int64)
        self._vectors: Embeddings = np.empty((0, dim), np.float32)
        self._gallery: Gallery | None = None

    def gallery(self) -> Gallery:
        """Everybody, as of now. Its arrays are this object's own: they hold until the next call."""
        row = self._db.execute("SELECT max(change_id) FROM gallery_changes").fetchone()
        latest = int(row[0] or 0)
        if self._gallery is not None and latest == self._seen:
            return self._gallery
        if self._gallery is None or not self._follow(self._gallery):
            self._read()
        self._seen = latest
        assert self._gallery is not None
        return self._gallery

    def _read(self) -> None:
        rows = self._db.execute(
            "SELECT m.person_id, m.face_id, e.vector FROM medoids m JOIN embeddings e USING (face_id)"
            " WHERE e.model_id = ? ORDER BY m.person_id, m.face_id",
            (self.model_id,),
        ).fetchall()
        self._people = np.array([person for person, _, _ in rows], np.int64)
        self._vectors = np.empty((len(rows), self._vectors.shape[1]), np.float32)
        for place, (_, _, vector) in enumerate(rows):
            self._vectors[place] = np.frombuffer(vector, "<f4")
        self._faces = [face for _, face, _ in rows]
        self._places = {}
        for place, face in enumerate(self._faces):
            self._places.setdefault(face, []).append(place)
        self._gallery = Gallery(self._people, self._vectors)

    def _follow(self, gallery: Gallery) -> bool:
        """Carry out what changed since; False where that is not known any more, or too much."""
        oldest, count = self._db.execute(
            "SELECT min(change_id), count(*) FROM gallery_changes WHERE change_id > ?", (self._seen,)
        ).fetchone()
        if oldest != self._seen + 1 or count > _MOST_CHANGES:
            return False
        changed = self._db.execute(
            "SELECT DISTINCT face_id FROM gallery_changes WHERE change_id > ? ORDER BY face_id", (self._seen,)
        ).fetchall()
        touched: set[int] = set()
        for (face,) in changed:
            while places := self._places.get(face):
                touched.add(places[-1])
                self._remove(places[-1])
            for person, vector in self._db.execute(
                "SELECT m.person_id, e.vector FROM medoids m JOIN embeddings e USING (face_id)"
                " WHERE m.face_id = ? AND e.model_id = ? ORDER BY m.person_id",
                (face, self.model_id),
            ).fetchall():
                touched.add(self._add(person, face, np.frombuffer(vector, "<f4")))
        count = len(self._faces)
        self._gallery = gallery.after(self._people[:count], self._vectors[:count], np.array(sorted(touched), np.int64))
        return True

    def _add(self, person: int, face: FaceId, vector: NDArray[np.float32]) -> int:
        place = len(self._faces)
        if place == len(self._people):
            room = int(_ROOM * place) + 16
            people, vectors = np.zeros(room, np.int64), np.zeros((room, self._vectors.shape[1]), np.float32)
            people[:place], vectors[:place] = self._people, self._vectors
            self._people, self._vectors = people, vectors
        self._people[place], self._vectors[place] = person, vector
        self._faces.append(face)
        self._places.setdefault(face, []).append(place)
        return place

    def _remove(self, place: int) -> None:
        """Take one out; the last takes its place."""
        last = len(self._faces) - 1
        face, moving = self._faces[place], self._faces[last]
        self._places[moving].remove(last)
        if place != last:
            self._people[place], self._vectors[place] = self._people[last], self._vectors[last]
            self._faces[place] = moving
            self._places[face].remove(place)
            self._places[moving].append(place)
        self._faces.pop()
        if not self._places[face]:
            del self._places[face]
