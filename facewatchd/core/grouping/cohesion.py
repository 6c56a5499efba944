"""
Do the faces of a group fit together? What links face to face, one after the other, may end far from where it began:
blurred, turned and half-hidden faces resemble each other more than themselves, and gather in a group of everybody.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.common import Common
from facewatchd.domain import Embeddings

# Of a real person's faces at most so many pairs are as unlike as strangers. By the tenth least similar pair of a hundred
# mixed groups are told from people better than by the mean or least similarity to the medoid, or the share of members
# near any medoid.
_UNLIKE = 0.1
# Of few faces more may be so by chance. How many more is the sampling error of a share, sqrt(p (1 - p) / n), taken so
# often that one group in twenty goes beyond (a normal distribution's 95 %). With one share for all sizes half as many
# mixed groups again get through where as few people are lost (benchmarks/bench_grouping.py, 'mixed groups').
_CHANCE = 1.64
# the middle pair says whether two of a person's faces are alike at all
_MIDDLE = 0.5
# members of a group that are compared, each with each: with more the tenth changes by less than a hundredth
_MOST = 256


def cohesion(embeddings: Embeddings) -> float:
    """
    How well the faces of a group fit together.

    Args:
        embeddings: The members, float32, shape (n_members, dim), n_members >= 2, L2-normalised.

    Returns:
        The similarity that nine of ten pairs of them reach, -1..1; of a few faces somewhat fewer pairs.
    """
    step = -(-len(embeddings) // _MOST)
    members = embeddings[::step]
    pairs = (members @ members.T)[np.triu_indices(len(members), 1)]
    unlike = _UNLIKE + _CHANCE * np.sqrt(_UNLIKE * (1 - _UNLIKE) / len(members))
    return float(np.quantile(pairs, min(unlike, _MIDDLE)))


def incoherent(
    embeddings: Embeddings,
    labels: NDArray[np.int64],
    least: float,
    whose: NDArray[np.int64],
    common: Common | None = None,
) -> list[int]:
    """
    The clusters whose faces do not fit together.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        labels: Of each face the cluster, -1 for none, shape (n_faces,).
        least: Cohesion of a person, -1..1.
        whose: Of each face the person whom the user spoke of and whose it is, 0 for nobody: a cluster of which one such
            person has half is left alone. A few faces of theirs say nothing of the others, and may be guesses.
        common: What is taken out of the embeddings before they are compared.

    Returns:
        Their labels, ascending.
    """
    order = np.argsort(labels, kind="stable")
    known, first = np.unique(labels[order], return_index=True)
    found = []
    for label, rows in zip(known.tolist(), np.split(order, first)[1:], strict=True):
        if label < 0 or len(rows) < 2:
            continue
        theirs = Counter(whose[rows][whose[rows] > 0].tolist())
        if 2 * max(theirs.values(), default=0) >= len(rows):
            continue
        members = embeddings[rows]
        if cohesion(members if common is None else common.taken_out(members)) < least:
            found.append(label)
    return found
