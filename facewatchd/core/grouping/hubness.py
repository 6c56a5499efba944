"""
How much a face resembles faces of other people in general (hubness).

Blurred, dark and turned faces are similar to each other and to many good ones, and for some models whole groups of people are
more similar than others. Two faces that resemble many people must be more similar to each other to be one person. Speaker
recognition normalises its scores in this way (adaptive s-norm, Matejka et al. 2017), and so does the translation of words (CSLS,
Conneau et al. 2018). The cohort here is the archive itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.graph import NOBODY, Graph

# the nearest faces of other clusters may still be the same person, which the clusters missed
_MAY_BE_THEIRS = 5


def hubness(graph: Graph, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """
    Mean similarity of each face to its nearest strangers.

    Args:
        graph: The nearest neighbours.
        labels: Clusters of mostly one person each, shape (n_faces,), -1 for none.

    Returns:
        Shape (n_faces,), as a difference to the median of the archive: above 0 for a face that resembles more. If all
        neighbours of a face are in its own cluster, it has the mean of the cluster. 0 if nothing is known.
    """
    there = graph.indices
    is_other = (there != NOBODY) & ((labels[there] != labels[:, np.newaxis]) | (labels[:, np.newaxis] < 0))
    is_stranger = is_other & (np.cumsum(is_other, axis=1, dtype=np.int16) > _MAY_BE_THEIRS)
    count = np.count_nonzero(is_stranger, axis=1)
    is_known = count > 0
    found = np.zeros(len(there))
    if not is_known.any():
        return found
    sums = np.where(is_stranger, graph.similarities, 0).sum(axis=1, dtype=np.float64)
    found[is_known] = sums[is_known] / count[is_known]
    found[is_known] -= np.median(found[is_known])
    clustered = labels >= 0
    total = np.bincount(labels[clustered], found[clustered])
    known = np.bincount(labels[clustered], is_known[clustered])
    lacking = clustered & ~is_known
    found[lacking] = (total / np.maximum(known, 1))[labels[lacking]]
    return found
