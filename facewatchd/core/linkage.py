"""
Average-linkage agglomeration on a graph of nearest neighbours.

Two clusters are as similar as their members are on average over all pairs; the most similar pair is joined first, until
no pair reaches the threshold (UPGMA, Sokal and Michener 1958). For L2-normalised embeddings that mean is the dot
product of the clusters' sums over the product of their sizes, so no matrix of all pairs is needed, and only clusters
that some neighbour edge connects are ever compared: on faces, ten neighbours give what all pairs give.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Embeddings, PersonId

# rows of one block of the neighbour search: 2,048 x 50,000 float32 are 400 MB, the most it takes
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Ties:
    """
    What must stay apart, face by face; every sequence has one entry a face.

    Attributes:
        photo: int64, shape (n_faces,). Two faces of a photo are two people.
        owner: The person whom the user says it is, or None.
        refused: The people whom the user says it is not.
    """

    photo: NDArray[np.int64]
    owner: Sequence[PersonId | None]
    refused: Sequence[frozenset[PersonId]]


def neighbours(embeddings: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """
    The most similar other faces of each face, exactly.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        k: How many; fewer where there are not so many others.

    Returns:
        Indices, shape (n_faces, k), and their similarities, float32, same shape; in no particular order.
    """
    count = len(embeddings)
    k = min(k, count - 1)
    indices = np.empty((count, max(k, 0)), np.int64)
    similarities = np.empty((count, max(k, 0)), np.float32)
    if k < 1:
        return indices, similarities
    for start in range(0, count, _BLOCK):
        block = embeddings[start : start + _BLOCK] @ embeddings.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -2  # nobody is a neighbour of oneself
        nearest = np.argpartition(block, -k, axis=1)[:, -k:]
        indices[start : start + _BLOCK] = nearest
        similarities[start : start + _BLOCK] = block[rows[:, None], nearest]
    return indices, similarities


class _Clusters:
    """The clusters while they grow: sums, sizes, ties and the edges between them."""

    def __init__(self, embeddings: Embeddings, edges: NDArray[np.int64], ties: Ties) -> None:
        count = len(embeddings)
        self.sums = embeddings.astype(np.float64)
        self.sizes = np.ones(count)
        self.members: list[list[int]] = [[face] for face in range(count)]
        self.age = [0] * count
        self.adjacent: list[set[int]] = [set() for _ in range(count)]
        self._photos = [{int(photo)} for photo in ties.photo]
        self._owner = list(ties.owner)
        self._refused = [set(people) for people in ties.refused]
        for face, others in enumerate(edges):
            for other in others.tolist():
                self.adjacent[face].add(other)
                self.adjacent[other].add(face)

    def similarity(self, cluster: int, others: list[int]) -> NDArray[np.float64]:
        """Mean similarity between the members of one cluster and those of each of the others."""
        means: NDArray[np.float64] = self.sums[others] @ self.sums[cluster] / (self.sizes[others] * self.sizes[cluster])
        return means

    def may_join(self, a: int, b: int) -> bool:
        owner_a, owner_b = self._owner[a], self._owner[b]
        if owner_a is not None and (owner_b not in (None, owner_a) or owner_a in self._refused[b]):
            return False
        if owner_b is not None and owner_b in self._refused[a]:
            return False
        return self._photos[a].isdisjoint(self._photos[b])

    def join(self, a: int, b: int) -> None:
        """Put everything of `b` into `a`; `b` is empty afterwards."""
        self.sums[a] += self.sums[b]
        self.sizes[a] += self.sizes[b]
        self.members[a] += self.members[b]
        self._photos[a] |= self._photos[b]
        self._refused[a] |= self._refused[b]
        self._owner[a] = self._owner[b] if self._owner[a] is None else self._owner[a]
        for other in self.adjacent[b]:
            self.adjacent[other].discard(b)
            if other != a:
                self.adjacent[other].add(a)
                self.adjacent[a].add(other)
        self.age[a] += 1
        self.age[b] = -1
        self.members[b], self.adjacent[b] = [], set()


def average_linkage(
    embeddings: Embeddings,
    ties: Ties,
    threshold: float,
    hint: NDArray[np.int64] | None = None,
    bonus: float = 0.0,
    k: int = 10,
) -> NDArray[np.int64]:
    """
    Join faces and clusters, most similar first, while their mean similarity reaches the threshold.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        ties: What must stay apart.
        threshold: Mean similarity, -1..1, below which nothing is joined.
        hint: Another method's labels, shape (n_faces,), -1 for none. Two clusters that it puts together need `bonus`
            less similarity.
        bonus: See `hint`.
        k: Neighbours of each face that it may be joined through.

    Returns:
        Labels, int64, shape (n_faces,): 0.. by the first member's position. A single face is a cluster of its own.
    """
    edges, _ = neighbours(embeddings, k)
    clusters = _Clusters(embeddings, edges, ties)
    kind = [-1] * len(embeddings) if hint is None else hint.tolist()
    heap: list[tuple[float, int, int, int, int]] = []

    def offer(cluster: int) -> None:
        others = sorted(clusters.adjacent[cluster])
        if not others:
            return
        for other, similarity in zip(others, clusters.similarity(cluster, others).tolist(), strict=True):
            strength = similarity + (bonus if kind[cluster] == kind[other] >= 0 else 0.0)
            if strength >= threshold:
                a, b = min(cluster, other), max(cluster, other)
                heapq.heappush(heap, (-strength, a, b, clusters.age[a], clusters.age[b]))

    for face in range(len(embeddings)):
        offer(face)
    while heap:
        _, a, b, age_a, age_b = heapq.heappop(heap)
        if clusters.age[a] != age_a or clusters.age[b] != age_b or not clusters.may_join(a, b):
            continue
        if kind[a] < 0 or clusters.sizes[b] > clusters.sizes[a]:
            kind[a] = kind[b] if kind[b] >= 0 else kind[a]
        clusters.join(a, b)
        offer(a)

    labels = np.empty(len(embeddings), np.int64)
    for label, members in enumerate(members for members in clusters.members if members):
        labels[members] = label
    return labels
