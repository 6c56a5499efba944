"""
How good a grouping is: B-cubed and pairwise figures against the truth, for our algorithm and for those of other programs.

B-cubed: Bagga and Baldwin 1998, Amigo et al. 2009. A face in no group counts as a group of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.graph import Graph, connected, neighbours
from facewatchd.core.grouping.linkage import average_linkage
from facewatchd.core.grouping.recluster import NEIGHBOURS, Labels, ReclusterSettings, cluster, density_labels
from facewatchd.domain import Embeddings

ALGORITHMS = ("ours", "average_linkage", "hdbscan", "dbscan", "chinese_whispers")
"""The algorithms of `group`. Other programs use chinese whispers and DBSCAN."""

ROUNDS = 20
"""How often chinese whispers goes through all faces; it seldom changes anything after ten."""


@dataclass(frozen=True, slots=True)
class Scores:
    """
    Shares, 0..1.

    Attributes:
        bcubed_precision: The share of a face's group that is the same person.
        bcubed_recall: The share of a person's faces that is in the face's group.
        bcubed_f1: Their harmonic mean.
        pairwise_precision: The share of the pairs in a group that are the same person.
        pairwise_recall: The share of the pairs of a person that are in a group.
        pairwise_f1: Their harmonic mean.
        people: Groups of two faces or more.
    """

    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    pairwise_precision: float
    pairwise_recall: float
    pairwise_f1: float
    people: int


def score(truth: Sequence[object] | NDArray[np.generic], labels: Labels) -> Scores:
    """
    Compare a grouping with the truth.

    Args:
        truth: The person of each face.
        labels: The group of each face, -1 for none.

    Returns:
        The figures. All are 1 if there is no face.
    """
    count = len(labels)
    if count == 0:
        return Scores(1, 1, 1, 1, 1, 1, 0)
    numbers: dict[object, int] = {}
    person = np.array([numbers.setdefault(one, len(numbers)) for one in truth], np.int64)
    alone = labels < 0
    group = labels.copy()
    group[alone] = labels.max() + 1 + np.arange(np.count_nonzero(alone))
    group = np.unique(group, return_inverse=True)[1]
    width = int(group.max()) + 1
    both, joint = np.unique(person * width + group, return_counts=True)
    people, groups = np.bincount(person), np.bincount(group)
    of_person, of_group = np.divmod(both, width)
    squares = joint.astype(np.float64) ** 2
    precision = float((squares / groups[of_group]).sum() / count)
    recall = float((squares / people[of_person]).sum() / count)
    hit, said, true = _pairs(joint), _pairs(groups), _pairs(people)
    right, found = (hit / said if said else 1.0), (hit / true if true else 1.0)
    return Scores(
        *(precision, recall, _f1(precision, recall)),
        *(right, found, _f1(right, found)),
        people=int(np.count_nonzero(groups > 1)),
    )


def group(
    algorithm: str,
    embeddings: Embeddings,
    ties: Ties,
    settings: ReclusterSettings,
    graph: Graph | None = None,
    rounds: int = ROUNDS,
) -> Labels:
    """
    Group faces by one of `ALGORITHMS`.

    Args:
        algorithm: Its name.
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        ties: The cannot-links. Only our algorithm and average linkage use them.
        settings: The other algorithms use `link` as the least similarity, if they have one.
        graph: The nearest neighbours, if they are known already.
        rounds: Of chinese whispers.

    Returns:
        Labels; groups below `min_faces` are -1.
    """
    if len(embeddings) == 0:
        return np.empty(0, np.int64)
    graph = graph or neighbours(embeddings, NEIGHBOURS)
    if algorithm == "ours":
        return cluster(embeddings, ties, settings, graph)
    if algorithm == "hdbscan":
        return density_labels(embeddings, settings, graph)
    if algorithm == "average_linkage":
        labels = average_linkage(embeddings, ties, settings.link, graph=graph)
    elif algorithm == "dbscan":
        labels = _connected(graph, settings.link)
    elif algorithm == "chinese_whispers":
        labels = _whispers(graph, settings.link, rounds)
    else:
        raise ValueError(f"{algorithm}: no such algorithm; there are {', '.join(ALGORITHMS)}")
    return np.where(np.bincount(labels)[labels] >= settings.min_faces, labels, -1)


def _connected(graph: Graph, threshold: float) -> Labels:
    """DBSCAN (Ester et al. 1996) as face programs use it: every pair is dense, so connected faces are one group."""
    a, b, similarity = graph.edges(NEIGHBOURS)
    near = similarity >= threshold
    return connected(a[near], b[near], len(graph.indices))


def _whispers(graph: Graph, threshold: float, rounds: int) -> Labels:
    """Chinese whispers (Biemann 2006; used by dlib): every face takes the label of most of its neighbours."""
    count = len(graph.indices)
    near: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for a, b, weight in zip(*(part.tolist() for part in graph.edges(NEIGHBOURS)), strict=True):
        if weight >= threshold:
            near[a].append((b, weight))
            near[b].append((a, weight))
    labels = list(range(count))
    random = np.random.default_rng(0)
    for _ in range(rounds):
        for face in random.permutation(count).tolist():
            votes: dict[int, float] = {}
            for other, weight in near[face]:
                votes[labels[other]] = votes.get(labels[other], 0.0) + weight
            if votes:
                labels[face] = max(votes, key=lambda label: (votes[label], -label))
    return np.unique(np.array(labels, np.int64), return_inverse=True)[1].astype(np.int64)


def _pairs(sizes: NDArray[np.int64]) -> float:
    counts = sizes.astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
