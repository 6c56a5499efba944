"""
The faces that a person is divided into, and the medoids of either part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facewatchd.core.grouping.copies import copies
from facewatchd.core.grouping.recluster import medoids
from facewatchd.core.grouping.split import parts
from facewatchd.core.matching.assign import NEAREST
from facewatchd.domain import FaceId, PersonId
from facewatchd.store import Store


def groups_of(store: Store, person_id: PersonId) -> list[list[FaceId]]:
    """The groups of a person's faces but the largest, see `core.grouping.split.parts`."""
    model = store.model()
    of_person = store.faces.of_person(person_id)
    embeddings = store.faces.embeddings([face.face_id for face in of_person], model.id if model else "")
    faces = sorted((face for face in of_person if face.face_id in embeddings), key=lambda face: face.face_id)
    if not faces:
        return []
    rows = parts([face.cluster_id for face in faces], np.stack([embeddings[face.face_id] for face in faces]))
    return [[faces[row].face_id for row in group.tolist()] for group in rows[1:]]


def set_medoids(store: Store, person_id: PersonId, faces: Sequence[FaceId]) -> None:
    """The medoids of a person who has these faces; of copies of a picture only the first counts."""
    model = store.model()
    embeddings = store.faces.embeddings(faces, model.id if model else "")
    again = copies(store.faces.pictured(model.id if model else ""))
    embedded = [face for face in faces if face in embeddings and again.get(face) not in embeddings]
    if embedded:
        chosen = medoids(np.stack([embeddings[face] for face in embedded]), NEAREST)
        store.medoids.replace(person_id, [embedded[row] for row in chosen])
