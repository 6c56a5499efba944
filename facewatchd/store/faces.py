"""
Faces, their embeddings, and their people.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.copies import PicturedFace
from facewatchd.domain import (
    Assignment,
    Box,
    Embeddings,
    Face,
    FaceId,
    FaceState,
    FoundFace,
    PersonId,
    PhotoId,
)
from facewatchd.store.medoids import Medoids

_FACE = """
    SELECT f.face_id, f.photo_id, f.x, f.y, f.w, f.h, f.score, f.quality, f.poor, f.person_id,
           c.face_id IS NOT NULL, f.cluster_id, f.similarity, f.ignored OR coalesce(h.hidden, 0), v.person_id
    FROM faces f LEFT JOIN people h ON h.person_id = f.person_id
        LEFT JOIN people v ON v.person_id = f.review_of AND f.person_id IS NULL AND NOT v.hidden
        LEFT JOIN constraints c
        ON c.face_id = f.face_id AND c.person_id = f.person_id AND c.kind = 'must-be'
"""
_FIT = """
    FROM faces f JOIN embeddings e USING (face_id) JOIN photos p USING (photo_id)
    WHERE NOT f.ignored AND e.model_id = ? AND p.state != 'missing'
"""
# rows read at once where embeddings are among them: 4,096 of 512 numbers are 8 MB
_BLOCK = 4096
_CONFIRMED = "EXISTS (SELECT 1 FROM constraints c WHERE c.face_id = f.face_id AND c.kind = 'must-be')"


@dataclass(frozen=True, slots=True)
class FaceTable:
    """
    Faces with their embeddings, row by row.

    Attributes:
        faces: int64, shape (n_faces,), face ids, ascending.
        photos: int64, shape (n_faces,).
        people: int64, shape (n_faces,): the person of each now, 0 for the unknown pool.
        embeddings: float32, shape (n_faces, dim).
    """

    faces: NDArray[np.int64]
    photos: NDArray[np.int64]
    people: NDArray[np.int64]
    embeddings: Embeddings

    def only(self, rows: NDArray[np.bool_]) -> FaceTable:
        """The chosen rows."""
        return FaceTable(self.faces[rows], self.photos[rows], self.people[rows], self.embeddings[rows])

    @classmethod
    def joined(cls, tables: Sequence[FaceTable]) -> FaceTable:
        """All rows, table by table; the empty ones may be without a dimension."""
        full = [table for table in tables if len(table.faces)]
        if not full:
            none = np.empty(0, np.int64)
            return cls(none, none, none, np.empty((0, 0), np.float32))
        return cls(
            np.concatenate([table.faces for table in full]),
            np.concatenate([table.photos for table in full]),
            np.concatenate([table.people for table in full]),
            np.concatenate([table.embeddings for table in full]),
        )


@dataclass(frozen=True, slots=True)
class ExportedFace:
    """A face with the absolute path of its photo and the name of its person, as `faces export` writes it."""

    photo: bytes
    face: Face
    person: str


def _face(row: Sequence[Any]) -> Face:
    face_id, photo_id, x, y, w, h, *rest = row
    score, quality, poor, person_id, confirmed, cluster_id, similarity, ignored, review = rest
    return Face(
        face_id,
        photo_id,
        Box(x, y, w, h),
        score,
        quality,
        poor,
        person_id,
        bool(confirmed),
        cluster_id,
        similarity,
        bool(ignored),
        review,
    )


class Faces:
    """Rows of `faces` and `embeddings`."""

    def __init__(self, connection: sqlite3.Connection, medoids: Medoids) -> None:
        self._db = connection
        self._medoids = medoids

    def get(self, face_id: FaceId) -> Face | None:
        row = self._db.execute(f"{_FACE} WHERE f.face_id = ?", (face_id,)).fetchone()
        return _face(row) if row else None

    def of_photo(self, photo_id: PhotoId) -> list[Face]:
        return [_face(row) for row in self._db.execute(f"{_FACE} WHERE f.photo_id = ? ORDER BY f.face_id", (photo_id,))]

    def replace(
        self,
        photo_id: PhotoId,
        found: Sequence[FoundFace],
        same_as: Sequence[FaceId | None],
        model_id: str,
        spared: Collection[FaceId] = (),
    ) -> list[FaceId]:
        """
        Store the faces of a photo just taken in.

        Args:
            photo_id: The photo.
            found: Its faces.
            same_as: For each, the stored face that it is the same as (which keeps its id, person and constraints), or
                None. Stored faces that none is the same as are dropped.
            model_id: Which models made the embeddings.
            spared: Stored faces that are not dropped.

        Returns:
            The ids, in the order given.
        """
        kept = {*spared, *(face for face in same_as if face is not None)}
        marks = ",".join("?" * len(kept))
        self._medoids.faces_change(photo_id)
        self._db.execute(f"DELETE FROM faces WHERE photo_id = ? AND face_id NOT IN ({marks})", (photo_id, *kept))
        ids = []
        for face, old in zip(found, same_as, strict=True):
            box = face.detection.box
            landmarks = np.ascontiguousarray(face.detection.landmarks, "<f4").tobytes()
            quality = face.quality
            row = self._db.execute(
                "INSERT INTO faces (face_id, photo_id, x, y, w, h, landmarks, score, quality, sharpness, poor)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (face_id) DO UPDATE SET x = excluded.x,"
                " y = excluded.y, w = excluded.w, h = excluded.h, landmarks = excluded.landmarks,"
                " score = excluded.score, quality = excluded.quality, sharpness = excluded.sharpness,"
                " poor = excluded.poor RETURNING face_id",
                (
                    *(old, photo_id, box.x, box.y, box.w, box.h, landmarks),
                    *(face.detection.score, quality.value, quality.sharpness, quality.poor),
                ),
            ).fetchone()
            ids.append(int(row[0]))
            self._db.execute(
                "INSERT OR REPLACE INTO embeddings (face_id, model_id, vector) VALUES (?, ?, ?)",
                (ids[-1], model_id, np.ascontiguousarray(face.embedding, "<f4").tobytes()),
            )
        return ids

    def assign(self, assignments: Mapping[FaceId, Assignment]) -> None:
        """Store the people of faces. A confirmed face stays with the person that the user chose."""
        self._db.executemany(
            f"UPDATE faces AS f SET person_id = iif({_CONFIRMED}, f.person_id, ?), similarity = ?, gap = ?,"
            " review_of = ? WHERE face_id = ?",
            [
                (a.person_id, _finite(a.similarity), _finite(a.gap), a.review, face_id)
                for face_id, a in assignments.items()
            ],
        )

    def regroup(self, clusters: Mapping[FaceId, int]) -> None:
        """Store the clusters of a reclustering; faces that are not named were in none."""
        self._db.execute("UPDATE faces SET cluster_id = NULL WHERE cluster_id IS NOT NULL")
        self._db.executemany(
            "UPDATE faces SET cluster_id = ? WHERE face_id = ?",
            [(cluster, face_id) for face_id, cluster in clusters.items()],
        )

    def ignore(self, face_ids: Iterable[FaceId], *, ignored: bool) -> None:
        """The user does not want to see them, so they become unassigned; or wants to see them again."""
        ids = list(face_ids)
        if ignored:
            self.give(ids, None)
            self._db.executemany("DELETE FROM constraints WHERE face_id = ? AND kind = 'must-be'", [(i,) for i in ids])
            self._medoids.remove_faces(ids)
        self._db.executemany("UPDATE faces SET ignored = ? WHERE face_id = ?", [(ignored, face_id) for face_id in ids])

    def ignored_in(self, photo_id: PhotoId) -> list[FaceId]:
        """The ignored faces of a photo."""
        rows = self._db.execute(
            "SELECT face_id FROM faces WHERE photo_id = ? AND ignored ORDER BY face_id", (photo_id,)
        )
        return [face_id for (face_id,) in rows]

    def give(self, face_ids: Iterable[FaceId], person_id: PersonId | None) -> None:
        """Assign them to this person, or to the unknown pool."""
        self._db.executemany(
            "UPDATE faces SET person_id = ?, review_of = NULL WHERE face_id = ?",
            [(person_id, face_id) for face_id in face_ids],
        )

    # --- reading

    def clusters_of(self, face_ids: Sequence[FaceId]) -> dict[FaceId, int]:
        """The clusters of the last reclustering that these faces were in; those that were in none are left out."""
        wanted = set(face_ids)
        rows = self._db.execute("SELECT face_id, cluster_id FROM faces WHERE cluster_id IS NOT NULL")
        return {face: cluster for face, cluster in rows if face in wanted}

    def count_good(self, model_id: str) -> int:
        """How many faces `good` has."""
        return int(self._db.execute(f"SELECT count(*) {_FIT} AND f.poor = ''", (model_id,)).fetchone()[0])

    def newest(self) -> FaceId:
        """The number of the face that came last, 0 where there is none."""
        return int(self._db.execute("SELECT coalesce(max(face_id), 0) FROM faces").fetchone()[0])

    def good_ids(self, model_id: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The faces that `good` has, ascending, their photos, and their people now, 0 for the unknown pool."""
        rows = self._db.execute(
            f"SELECT f.face_id, f.photo_id, coalesce(f.person_id, 0) {_FIT} AND f.poor = '' ORDER BY f.face_id",
            (model_id,),
        ).fetchall()
        faces, photos, people = np.array(rows, np.int64).reshape(len(rows), 3).T.copy()
        return faces, photos, people

    def pictured(self, model_id: str, only: Collection[FaceId] | None = None) -> list[PicturedFace]:
        """
        The faces of pictures that are known more than once, ascending: only these, or where None, all but those of which
        the user said something, since that was said of one file.
        """
        unspoken = "AND NOT EXISTS (SELECT 1 FROM constraints c WHERE c.face_id = f.face_id)" if only is None else ""
        rows = self._db.execute(
            f"SELECT f.face_id, f.photo_id, p.content_hash, f.x, f.y, f.w, f.h {_FIT} AND p.content_hash IN"
            # what is missing is left out above; to ask for it here, too, would read all photos and not the index alone
            " (SELECT content_hash FROM photos WHERE content_hash IS NOT NULL GROUP BY content_hash HAVING count(*) > 1)"
            f" {unspoken} ORDER BY f.face_id",
            (model_id,),
        )
        return [
            PicturedFace(face_id, photo_id, picture, Box(*box))
            for face_id, photo_id, picture, *box in rows
            if only is None or face_id in only
        ]

    def vectors(
        self, model_id: str, face_ids: NDArray[np.int64], halved_from: int
    ) -> tuple[NDArray[np.int64], Embeddings]:
        """
        The embeddings of many faces, read in blocks.

        Args:
            model_id: The models of the embeddings.
            face_ids: int64, ascending.
            halved_from: From more faces than this on they are kept in half precision.

        Returns:
            The faces that these models have embedded, ascending, and the embeddings: float32, or float16.
        """
        kind = np.float16 if len(face_ids) > halved_from else np.float32
        faces, blocks = [np.empty(0, np.int64)], []
        rows = self._db.execute(
            "SELECT face_id, vector FROM embeddings WHERE model_id = ? ORDER BY face_id", (model_id,)
        )
        while block := rows.fetchmany(_BLOCK):
            ids = np.array([face for face, _ in block], np.int64)
            wanted = np.isin(ids, face_ids)
            vectors = np.frombuffer(b"".join(vector for _, vector in block), "<f4").reshape(len(block), -1)
            faces.append(ids[wanted])
            blocks.append(vectors[wanted].astype(kind))
        return np.concatenate(faces), np.concatenate(blocks) if blocks else np.empty((0, 0), np.float32)

    def good(self, model_id: str) -> FaceTable:
        """The faces to group: not poor, embedded by these models, in photos that are not missing."""
        return self._table("f.poor = ''", model_id)

    def poor(self, model_id: str) -> FaceTable:
        """The faces that may join when those are grouped."""
        return self._table("f.poor != ''", model_id)

    def _table(self, condition: str, model_id: str) -> FaceTable:
        rows = self._db.execute(
            f"SELECT f.face_id, f.photo_id, coalesce(f.person_id, 0), e.vector {_FIT} AND {condition} ORDER BY f.face_id",
            (model_id,),
        )
        tables = []
        while block := rows.fetchmany(_BLOCK):
            columns = list(zip(*block, strict=True))
            faces, photos, people = (np.array(column, np.int64) for column in columns[:3])
            vectors = np.frombuffer(b"".join(columns[3]), "<f4").reshape(len(block), -1)
            tables.append(FaceTable(faces, photos, people, vectors))
        return FaceTable.joined(tables)

    def embeddings(self, face_ids: Sequence[FaceId], model_id: str) -> dict[FaceId, NDArray[np.float32]]:
        """Embeddings by face; faces that these models have not embedded are left out."""
        found = {}
        for face_id in face_ids:
            row = self._db.execute(
                "SELECT vector FROM embeddings WHERE face_id = ? AND model_id = ?", (face_id, model_id)
            ).fetchone()
            if row:
                found[face_id] = np.frombuffer(row[0], "<f4")
        return found

    def of_person(self, person_id: PersonId) -> list[Face]:
        """Best first."""
        return [
            _face(row)
            for row in self._db.execute(
                f"{_FACE} WHERE f.person_id = ? ORDER BY f.quality DESC, f.face_id", (person_id,)
            )
        ]

    def exported(self, model_id: str) -> Iterator[tuple[ExportedFace, bytes | None]]:
        """Every face of every photo that is not missing, by photo, with the bytes of these models' embedding."""
        rows = self._db.execute(
            f"""
            SELECT CAST(r.path || x'2f' || p.path AS BLOB), coalesce(n.name, ''), e.vector, face.*
            FROM ({_FACE}) AS face JOIN photos p USING (photo_id) JOIN roots r USING (root_id)
                LEFT JOIN people n USING (person_id)
                LEFT JOIN embeddings e ON e.face_id = face.face_id AND e.model_id = ?
            WHERE p.state != 'missing' ORDER BY r.path, p.path, face.face_id
            """,
            (model_id,),
        )
        for photo, person, vector, *row in rows:
            yield ExportedFace(photo, _face(row), person), vector

    def counts(self) -> dict[FaceState, int]:
        """Faces of photos that are not missing, by state."""
        row = self._db.execute(
            f"""
            SELECT iif(f.ignored OR coalesce(n.hidden, 0), 'ignored', iif({_CONFIRMED}, 'confirmed',
                   iif(f.person_id IS NOT NULL, 'assigned', iif(f.poor != '', 'poor',
                   iif(v.person_id IS NULL, 'unknown', 'review'))))) AS state, count(*)
            FROM faces f JOIN photos p USING (photo_id) LEFT JOIN people n ON n.person_id = f.person_id
                LEFT JOIN people v ON v.person_id = f.review_of AND NOT v.hidden
            WHERE p.state != 'missing' GROUP BY 1
            """
        ).fetchall()
        counted = dict(row)
        return {state: counted.get(state.value, 0) for state in FaceState}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
