"""
How good the present grouping is, and those of other algorithms on the same faces: compared with the faces that the user
confirmed, or with a folder per person. Changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewatchd.config import Config
from facewatchd.core.evaluation.scores import Scores, group, score
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.recluster import NEIGHBOURS, usual_link
from facewatchd.domain import ConstraintKind, FaceId
from facewatchd.errors import FacewatchError
from facewatchd.neighbours.keep import neighbours_of
from facewatchd.pipeline.grouping.regroup import EXACT_FACES, regroup_settings
from facewatchd.pipeline.grouping.thresholds import thresholds_in_use
from facewatchd.store import Store

PRESENT = "present"
"""No algorithm: the grouping as it is, with all that the user said."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    Attributes:
        faces: How many are known for sure.
        people: How many people they are.
        scores: Of `PRESENT`, and of each algorithm by its name.
    """

    faces: int
    people: int
    scores: Mapping[str, Scores]


def evaluation_of(config: Config, store: Store, algorithms: Sequence[str], folders: Path | None) -> Evaluation:
    """
    Compare groupings with the truth.

    Args:
        config: The configuration.
        store: The state.
        algorithms: Names of `core.evaluation.scores.ALGORITHMS`.
        folders: A folder with a folder of portraits per person, absolute and without symbolic links; None to go by the faces that the user confirmed.

    Raises:
        FacewatchError: No photo was taken in, or there is no truth in the state.
    """
    model = store.model()
    if model is None:
        raise FacewatchError("There is nothing to evaluate", "Run 'facewatchd run' first: no photo was taken in yet.")
    table = store.faces.good(model.id)
    truth = _confirmed(store) if folders is None else _portraits(store, model.id, folders)
    settings = regroup_settings(config, thresholds_in_use(config, store, model))
    known = np.array([face in truth for face in table.faces.tolist()], np.bool_)
    if not known.any():
        if folders is not None:
            raise FacewatchError(
                f"No photo in a folder of {folders} was taken in",
                "It must be one of the photo folders, or in one, with a folder of portraits per person directly in it.",
            )
        raise FacewatchError(
            "There is nothing to compare the grouping with",
            "Confirm some faces, or name a folder with a folder of portraits per person by --portraits.",
        )
    people = [truth[face] for face in table.faces[known].tolist()]
    # the truth is for the score alone: the algorithms know which faces share a photo, and nothing that the user said
    photos = settings.apart_by(table.faces, table.photos)
    ties = Ties(photos, [None] * len(table.faces), [frozenset()] * len(table.faces))
    graph = None
    if algorithms and len(table.faces) > EXACT_FACES:
        similar = usual_link(settings, len(table.faces))
        graph = neighbours_of(
            config.state.dir, model.id, table.faces, table.embeddings, NEIGHBOURS, similar, keep=False
        )
    rows: dict[str, NDArray[np.int64]] = {PRESENT: np.where(table.people > 0, table.people, -1)}
    rows |= {name: group(name, table.embeddings, ties, settings, graph) for name in algorithms}
    return Evaluation(
        len(people), len(set(people)), {name: score(people, labels[known]) for name, labels in rows.items()}
    )


def _confirmed(store: Store) -> dict[FaceId, object]:
    said = store.people.constraints()
    return {one.face_id: one.person_id for one in said if one.kind is ConstraintKind.MUST_BE}


def _portraits(store: Store, model_id: str, folders: Path) -> dict[FaceId, object]:
    """The largest face of every photo in a folder of `folders`, and that folder's name."""
    parent = os.fsencode(folders)
    largest: dict[bytes, tuple[float, FaceId]] = {}
    for exported, _ in store.faces.exported(model_id):
        if os.path.dirname(os.path.dirname(exported.photo)) == parent:
            box = exported.face.box
            # of equally large ones the first
            best = largest.get(exported.photo)
            if best is None or box.w * box.h > best[0]:
                largest[exported.photo] = (box.w * box.h, exported.face.face_id)
    return {face: os.path.basename(os.path.dirname(photo)) for photo, (_, face) in largest.items()}
