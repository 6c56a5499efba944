"""
One person is several: which of their faces belong together?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Embeddings

# it settles within some ten; more change single faces between two groups that are hardly two
_ROUNDS = 50


def parts(clusters: Sequence[int | None], embeddings: Embeddings) -> list[NDArray[np.int64]]:
    """
    A person's faces as the groups that they came together from; where that is one only, as the two that are most unlike.

    Args:
        clusters: Of each face the cluster of the last reclustering, None for one that was in none: it belongs to the
            cluster whose faces it resembles most.
        embeddings: Theirs, float32, shape (n_faces, dim), L2-normalised.

    Returns:
        The rows of each group, int64, ascending; the largest group first, of equals that of the first face. One group
        only where all faces are the same.
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
    Two groups, each of the faces that are more like its direction than like the other's: spherical 2-means (Dhillon and
    Modha 2001), begun from the two sides of the first principal component.
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
