"""
Splitting a person who is several: which faces belong together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Embeddings

# it settles within about ten rounds; more only move single faces between two groups that hardly differ
_ROUNDS = 50


def parts(clusters: Sequence[int | None], embeddings: Embeddings) -> list[NDArray[np.int64]]:
    """
    The faces of a person, as the clusters that they came from. If there is only one, it is split into the two most different
    groups.

    Args:
        clusters: The cluster of each face in the last reclustering. A face with None goes to the cluster that it resembles
            most.
        embeddings: Of the faces, float32, shape (n_faces, dim), L2-normalised.

    Returns:
        The rows of each group, int64, ascending. The largest group comes first, of equal ones the one with the first face.
        There is only one group if all faces are the same.
    """
    if len(embeddings) == 0:
        return []
    labels = np.array([-1 if cluster is None else cluster for cluster in clusters], np.int64)
    known = np.unique(labels[labels >= 0])
    if len(known) > 1:
        centres = np.stack([embeddings[labels == label].sum(axis=0) for label in known])
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
        loose = labels < 0
        labels[loose] = known[np.argmax(embeddings[loose] @ centres.T, axis=1)]
    else:
        labels = _halves(embeddings)
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return sorted(groups, key=lambda rows: (-len(rows), int(rows[0])))


def _halves(embeddings: Embeddings) -> NDArray[np.int64]:
    """
    Two groups by spherical 2-means (Dhillon and Modha 2001), started from the two sides of the first principal component.
    """
    vectors = embeddings.astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    side: NDArray[np.bool_] = centred @ axes[:, -1] > 0
    for _ in range(_ROUNDS):
        if side.all() or not side.any():
            break
        directions = np.stack([vectors[~side].sum(axis=0), vectors[side].sum(axis=0)])
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
        nearer: NDArray[np.bool_] = vectors @ (directions[1] - directions[0]) > 0
        if np.array_equal(nearer, side):
            break
        side = nearer
    return side.astype(np.int64)
