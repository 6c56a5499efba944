"""
The groups of faces that `sort` puts into folders: those of the program itself, or of an algorithm that other programs use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.config import Config
from facewatchd.core.evaluation.scores import group
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.graph import Graph
from facewatchd.core.grouping.recluster import NEIGHBOURS, Labels, ReclusterSettings, usual_link
from facewatchd.domain import Embeddings, FaceId
from facewatchd.neighbours.keep import neighbours_of
from facewatchd.pipeline.grouping.regroup import EXACT_FACES, regroup_settings
from facewatchd.pipeline.grouping.thresholds import thresholds_in_use
from facewatchd.store import PersonFace, Store, StoredModel

OURS = "ours"
"""The algorithm of the program itself."""


@dataclass(frozen=True, slots=True)
class Groups:
    """
    Faces of a state in groups.

    Attributes:
        groups: The faces of each, by photo; the group with most photos first.
        unknown: Faces of no group that are fit to be grouped, by photo.
        faces: How many are fit to be grouped.
        photos: How many photos there are.
        without: How many of them have no face, or none that is fit to be grouped or belongs to a group.
        failed: Photos that could not be read, and why.
        threshold: The similarity that was used.
    """

    groups: tuple[tuple[PersonFace, ...], ...]
    unknown: tuple[PersonFace, ...]
    faces: int
    photos: int
    without: int
    failed: tuple[tuple[bytes, str], ...]
    threshold: float


def groups_in(config: Config, store: Store, model: StoredModel, algorithm: str, rounds: int) -> Groups:
    """
    Group the faces of a state that `run --once` has made.

    Args:
        config: The configuration of that run.
        store: The state.
        model: Its models.
        algorithm: One of `core.evaluation.scores.ALGORITHMS`.
        rounds: See `core.evaluation.scores.group`.
    """
    thresholds = thresholds_in_use(config, store, model)
    table = store.faces.good(model.id)
    labels: dict[FaceId, int] | None = None
    if algorithm != OURS:
        settings = regroup_settings(config, thresholds)
        found = _labels(config, model, table.faces, table.photos, table.embeddings, settings, algorithm, rounds)
        labels = dict(zip(table.faces.tolist(), found.tolist(), strict=True))
    good = frozenset(table.faces.tolist())
    members: dict[int, list[PersonFace]] = defaultdict(list)
    unknown: list[PersonFace] = []
    for exported, _ in store.faces.exported(model.id):
        face = exported.face
        label = face.person_id if labels is None else labels.get(face.face_id, -1)
        shown = PersonFace(face.face_id, exported.photo, face.box)
        if label is not None and label >= 0:
            members[label].append(shown)
        elif face.face_id in good:
            unknown.append(shown)
    groups = sorted(members.values(), key=lambda faces: (-len({face.path for face in faces}), faces[0].face_id))
    failed = tuple((path, reason) for path, reason, _ in store.photos.failures())
    photos = sum(store.photos.counts().values())
    placed = {face.path for faces in (*groups, unknown) for face in faces}
    return Groups(
        tuple(map(tuple, groups)),
        tuple(unknown),
        len(good),
        photos,
        photos - len(failed) - len(placed),
        failed,
        thresholds.link,
    )


def _labels(
    config: Config,
    model: StoredModel,
    faces: NDArray[np.int64],
    photos: NDArray[np.int64],
    embeddings: Embeddings,
    settings: ReclusterSettings,
    algorithm: str,
    rounds: int,
) -> Labels:
    ties = _apart(settings.apart_by(faces, photos).tolist())
    graph: Graph | None = None
    if len(faces) > EXACT_FACES:
        similar = usual_link(settings, len(faces))
        graph = neighbours_of(config.state.dir, model.id, faces, embeddings, NEIGHBOURS, similar, keep=False)
    return group(algorithm, embeddings, ties, settings, graph, rounds)


def _apart(photos: Sequence[int]) -> Ties:
    """Two faces of a photo are two people; nothing more is known."""
    return Ties(np.array(photos, np.int64), [None] * len(photos), [frozenset()] * len(photos))


def grouped(
    embeddings: Embeddings, paths: Sequence[str], algorithm: str, threshold: float, min_faces: int, rounds: int
) -> Labels:
    """
    Group embeddings of any models.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        paths: The photo of each face.
        algorithm: One of `core.evaluation.scores.ALGORITHMS`.
        threshold: The least similarity, where the algorithm has one.
        min_faces: The smallest group, 2 or more.
        rounds: See `core.evaluation.scores.group`.

    Returns:
        The group of each face, -1 for none.
    """
    numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    settings = ReclusterSettings(min_faces=min_faces, min_samples=2, link=threshold, bonus=0.0)
    return group(algorithm, embeddings, _apart([numbers[path] for path in paths]), settings, rounds=rounds)
