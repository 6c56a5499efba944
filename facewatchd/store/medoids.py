"""
Medoids, and the gallery index that is made of them.

Only this module writes the table, and one process alone writes a state (it holds the lock). So what changed since the
index was made is known here, and only that is read again. A store that only reads makes the index each time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.domain import Embeddings, FaceId, PersonId, PhotoId

# rows that are read at once: 4,096 embeddings of 512 numbers are 8 MB
_BLOCK = 4096
# share of the people in the index; when more than these changed, all of them are read, in one pass over the table
_MANY = 1 / 4


class Medoids:
    """
    Rows of `medoids`.

    Args:
        connection: To the state.
        read_only: Whether another process may write meanwhile.
    """

    def __init__(self, connection: sqlite3.Connection, *, read_only: bool) -> None:
        self._db = connection
        self._read_only = read_only
        self._index: GalleryIndex | None = None
        self._model_id = ""
        # people who have other medoids, or other embeddings of them, than the index
        self._changed: set[PersonId] = set()

    # --- reading

    def of(self, person_id: PersonId) -> list[FaceId]:
        """The medoids of a person, ascending."""
        rows = self._db.execute("SELECT face_id FROM medoids WHERE person_id = ? ORDER BY face_id", (person_id,))
        return [face_id for (face_id,) in rows]

    def count_people(self) -> int:
        """How many people have medoids."""
        return int(self._db.execute("SELECT count(DISTINCT person_id) FROM medoids").fetchone()[0])

    def gallery_index(self, model_id: str, dim: int) -> GalleryIndex:
        """
        The medoids of all people that these models have embedded.

        It stays in memory until the next call: 60 MB for 30,000 medoids of 512 numbers. A call after a change reads the
        people who changed, and copies the rest.

        Args:
            model_id: The models.
            dim: The length of their embeddings.
        """
        index = self._index
        if index is None or self._read_only or self._model_id != model_id:
            index = self._read(model_id, dim)
        elif self._changed:
            index = self._read_changed(index, model_id, dim)
        self._index, self._model_id = index, model_id
        self._changed.clear()
        return index

    def discard_index(self) -> None:
        """Make the index from the table next time: a transaction was rolled back, so it may hold what was never stored."""
        self._index = None

    def _read(self, model_id: str, dim: int, person_id: PersonId | None = None) -> GalleryIndex:
        """Of everybody, or of one person."""
        rows = self._db.execute(
            "SELECT m.person_id, e.vector FROM medoids m JOIN embeddings e USING (face_id)"
            f" WHERE e.model_id = ?1 {'' if person_id is None else 'AND m.person_id = ?2'}"
            " ORDER BY m.person_id, m.face_id",
            (model_id,) if person_id is None else (model_id, person_id),
        )
        people: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        vectors: list[Embeddings] = [np.empty((0, dim), np.float32)]
        while block := rows.fetchmany(_BLOCK):
            people.append(np.array([person for person, _ in block], np.int64))
            vectors.append(np.frombuffer(b"".join(vector for _, vector in block), "<f4").reshape(len(block), dim))
        return GalleryIndex(np.concatenate(people), np.concatenate(vectors))

    def _read_changed(self, index: GalleryIndex, model_id: str, dim: int) -> GalleryIndex:
        changed = np.array(sorted(self._changed), np.int64)
        if len(changed) > _MANY * len(index.people):
            return self._read(model_id, dim)
        stays = ~np.isin(index.people, changed)
        new = [self._read(model_id, dim, person_id) for person_id in changed.tolist()]
        return GalleryIndex(
            np.concatenate([index.people[stays], *(one.people for one in new)]),
            np.concatenate([index.medoids[stays], *(one.medoids for one in new)]),
        )

    # --- writing

    def replace(self, person_id: PersonId, faces: Sequence[FaceId]) -> None:
        """A person has these medoids, and no others."""
        self.remove_people([person_id])
        self.add((person_id, face_id) for face_id in faces)

    def regroup(self, faces: Collection[FaceId], medoids: Mapping[PersonId, Collection[FaceId]]) -> None:
        """
        Store the medoids of a reclustering. Most of them stay; only the difference is written.

        Args:
            faces: All faces of the reclustering. Those that are not among `medoids` are medoids no longer.
            medoids: Of each person who has faces in the reclustering. Other people keep the medoids that are not in it.
        """
        wanted = {(person, face) for person, theirs in medoids.items() for face in theirs}
        grouped = set(faces)
        stored = set(self._db.execute("SELECT person_id, face_id FROM medoids").fetchall())
        self.remove((p, f) for p, f in stored if (p, f) not in wanted and (f in grouped or p in medoids))
        self.add(wanted - stored)

    def add(self, rows: Iterable[tuple[PersonId, FaceId]]) -> None:
        """Store medoids; those that are stored already stay."""
        new = sorted(rows)
        self._changed.update(person for person, _ in new)
        self._db.executemany("INSERT OR IGNORE INTO medoids (person_id, face_id) VALUES (?, ?)", new)

    def remove(self, rows: Iterable[tuple[PersonId, FaceId]]) -> None:
        """These faces are medoids of these people no longer."""
        old = sorted(rows)
        self._changed.update(person for person, _ in old)
        self._db.executemany("DELETE FROM medoids WHERE person_id = ? AND face_id = ?", old)

    def remove_people(self, people: Iterable[PersonId]) -> None:
        """These people have no medoids."""
        old = [(person,) for person in people]
        self._changed.update(person for (person,) in old)
        self._db.executemany("DELETE FROM medoids WHERE person_id = ?", old)

    def remove_faces(self, faces: Iterable[FaceId]) -> None:
        """These faces are not medoids."""
        old = [(face_id,) for face_id in faces]
        for face in old:
            self._note("face_id = ?", face)
        self._db.executemany("DELETE FROM medoids WHERE face_id = ?", old)

    def remove_refused(self, person_id: PersonId) -> None:
        """The faces that a person must not have are not their medoids."""
        self._changed.add(person_id)
        self._db.execute(
            "DELETE FROM medoids WHERE person_id = ?1 AND face_id IN"
            " (SELECT face_id FROM constraints WHERE person_id = ?1 AND kind = 'cannot-be')",
            (person_id,),
        )

    def remove_unassigned(self, people: Collection[PersonId]) -> None:
        """Unassigned faces are not medoids of these people."""
        self._changed.update(people)
        self._db.executemany(
            "DELETE FROM medoids WHERE person_id = ?"
            " AND face_id IN (SELECT face_id FROM faces WHERE person_id IS NULL)",
            [(person,) for person in people],
        )

    def remove_others(self, people: Collection[PersonId]) -> None:
        """Only faces that are a person's are their medoids."""
        self._changed.update(people)
        self._db.executemany(
            "DELETE FROM medoids WHERE person_id = ?1"
            " AND face_id NOT IN (SELECT face_id FROM faces WHERE person_id = ?1)",
            [(person,) for person in people],
        )

    def merge(self, person_id: PersonId, into: PersonId) -> None:
        """The medoids of one person are another's."""
        self._changed |= {person_id, into}
        self._db.execute("UPDATE OR IGNORE medoids SET person_id = ? WHERE person_id = ?", (into, person_id))
        self._db.execute("DELETE FROM medoids WHERE person_id = ?", (person_id,))

    def inherit(self, face_id: FaceId, heir: FaceId) -> None:
        """Another face of the same person is a medoid instead."""
        self._note("face_id = ?", (face_id,))
        self._db.execute(
            "UPDATE OR IGNORE medoids SET face_id = ?2 WHERE face_id = ?1"
            " AND person_id = (SELECT person_id FROM faces WHERE face_id = ?2)",
            (face_id, heir),
        )

    def faces_change(self, photo_id: PhotoId) -> None:
        """To be called before faces of a photo are deleted, which deletes their medoids too, or get other embeddings."""
        self._note("face_id IN (SELECT face_id FROM faces WHERE photo_id = ?)", (photo_id,))

    def _note(self, condition: str, arguments: Sequence[int]) -> None:
        """People with such medoids change."""
        rows = self._db.execute(f"SELECT person_id FROM medoids WHERE {condition}", arguments)
        self._changed.update(person for (person,) in rows)
