"""
The faces of photos, as the decision needs them which of them a gesture is about (`core.tree.meant_faces`).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from facewatchd.core.tree.meant_faces import Candidate
from facewatchd.domain import Embeddings, FaceId, PersonId, PhotoId
from facewatchd.store import Store


class PhotoFaces:
    """
    Belongs to one gesture: who has a name and who is hidden is read once.

    Args:
        store: The state; only read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._model = store.model()
        self._named = {person.person_id for person in store.people.named()}
        self._hidden = store.people.hidden()

    def of(self, photo_id: PhotoId, pointed: Collection[FaceId] = ()) -> list[Candidate]:
        """The faces of a photo; only those of `pointed`, if any of these is in it."""
        store = self._store
        faces = store.faces.of_photo(photo_id)
        faces = [face for face in faces if face.face_id in pointed] or faces
        embeddings = store.faces.embeddings([face.face_id for face in faces], self._model.id if self._model else "")
        # of itself: a link in the folder of somebody hidden stands for their face
        ignored = set(store.faces.ignored_in(photo_id))
        return [
            Candidate(
                face.face_id,
                face.person_id,
                face.confirmed,
                bool(face.poor),
                face.quality,
                embeddings.get(face.face_id),
                face.review,
                face.face_id in ignored,
                face.person_id in self._named,
                face.person_id in self._hidden,
            )
            for face in faces
        ]

    def medoids(self, person_id: PersonId) -> Embeddings:
        """A person's medoids, float32, shape (n_medoids, dim), length 1 each; empty where no model is known."""
        if self._model is None:
            return np.empty((0, 0), np.float32)
        found = self._store.faces.embeddings(self._store.medoids.of(person_id), self._model.id)
        return np.stack([*found.values()]) if found else np.empty((0, self._model.dim), np.float32)
