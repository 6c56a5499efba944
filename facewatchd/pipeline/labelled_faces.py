"""
The faces of a state with their embeddings, each with the person or the cluster that it belongs to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.evaluation.embedding_rows import UNKNOWN
from facewatchd.domain import Person
from facewatchd.errors import FacewatchError
from facewatchd.store import Store, StoredModel


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """
    A face for other programs.

    Attributes:
        path: Of its photo, absolute.
        label: What the person is called; the number of its cluster where it has no person; `UNKNOWN` where it has neither.
        is_person: Whether the label is a person.
        vector: float32, shape (dim,); None where the models have not embedded it.
    """

    path: str
    label: str
    is_person: bool
    vector: NDArray[np.float32] | None


def model_to_export(store: Store) -> StoredModel:
    """
    The models that the embeddings of this state are of.

    Raises:
        FacewatchError: No photo was taken in yet.
    """
    model = store.model()
    if model is None:
        raise FacewatchError("There are no embeddings yet", "Run 'facewatchd run' first: no photo was taken in.")
    return model


def labelled_faces(store: Store, model: StoredModel) -> Iterator[LabelledFace]:
    """Every face of every photo that is not missing, by photo."""
    for exported, vector in store.faces.exported(model.id):
        face = exported.face
        if face.person_id is not None:
            label = Person(face.person_id, exported.person).title
        else:
            label = UNKNOWN if face.cluster_id is None else str(face.cluster_id)
        yield LabelledFace(
            os.fsdecode(exported.photo),
            label,
            face.person_id is not None,
            None if vector is None else np.frombuffer(vector, "<f4"),
        )
