"""
Clusters of faces while they grow, and how alike two of them are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Embeddings

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

# pairs of one block of dot products: what is copied for it, half a megabyte, stays in the cache of one core, and in memory
# that is there already; 2048 of them take three times as long
_BLOCK = 128
# sums of more faces than this are kept in single precision: 1,000,000 x 512 are 2 GB instead of 4
_EXACT_FACES = 50_000


@dataclass(frozen=True, slots=True)
class LinkRule:
    """
    When two clusters are one person. All similarities are cosines.

    Attributes:
        threshold: Mean similarity, -1..1, below which two single faces are not joined.
        bonus: How much less is enough where another method (`hint`) puts the two together.
        loose: 0..1: how far the mean is divided by the clusters' own mean similarity. 0 is average linkage; 1 compares
            the directions of the sums, so that a person whose looks vary is not held to the threshold of one whose
            looks do not.
        large: How much less is enough for two large clusters, whose mean over many pairs is no accident; two single
            faces get nothing of it, a and b faces `1 - 1 / sqrt(a * b)` of it.
        hubs: 0..1: how much more is needed between who resembles strangers, in parts of their mean hubness.
    """

    threshold: float
    bonus: float = 0.0
    loose: float = 0.0
    large: float = 0.0
    hubs: float = 0.0


class Clusters:
    """The clusters while they grow: sums, sizes and what they are alike by."""

    def __init__(self, embeddings: Embeddings, rule: LinkRule, hint: Ids | None, hubness: Reals | None) -> None:
        count = len(embeddings)
        self._rule = rule
        self._sums: NDArray[np.float32] | NDArray[np.float64] = (
            embeddings.astype(np.float64) if count <= _EXACT_FACES else embeddings.astype(np.float32)
        )
        self.sizes = np.ones(count)
        self._tightness = np.ones(count)
        self._hubness = np.zeros(count) if hubness is None else hubness.copy()
        self._mean_hubness = self._hubness.copy()
        self._kind = np.full(count, -1, np.int64) if hint is None else hint.astype(np.int64)
        self._part_of = np.arange(count)

    def similarity(self, a: Ids, b: Ids) -> Reals:
        """Mean similarity between the members of two clusters each."""
        means = np.empty(len(a))
        for start in range(0, len(a), _BLOCK):
            rows = slice(start, start + _BLOCK)
            means[rows] = np.einsum("ij,ij->i", self._sums[a[rows]], self._sums[b[rows]])
        means /= self.sizes[a] * self.sizes[b]
        return means

    def strength(self, a: Ids, b: Ids, means: Reals) -> Reals:
        """What is to reach the threshold, from the mean similarities."""
        rule, strength = self._rule, means.astype(np.float64)
        if rule.loose:
            strength /= (self._tightness[a] * self._tightness[b]) ** (rule.loose / 2)
        if rule.large:
            strength += rule.large * (1 - 1 / np.sqrt(self.sizes[a] * self.sizes[b]))
        if rule.bonus:
            strength += rule.bonus * ((self._kind[a] == self._kind[b]) & (self._kind[a] >= 0))
        if rule.hubs:
            strength -= (self._mean_hubness[a] + self._mean_hubness[b]) * (rule.hubs / 2)
        return strength

    def join(self, into: Ids, joined: Ids) -> None:
        """Put `joined` into `into`, which may name a cluster several times."""
        # of each cluster, the larger part's hint stands for the whole
        order = np.argsort(self.sizes[joined], kind="stable")
        a, b = into[order], joined[order]
        better = (self._kind[b] >= 0) & ((self._kind[a] < 0) | (self.sizes[b] > self.sizes[a]))
        self._kind[a[better]] = self._kind[b[better]]
        np.add.at(self.sizes, into, self.sizes[joined])
        np.add.at(self._hubness, into, self._hubness[joined])
        self._mean_hubness[into] = self._hubness[into] / self.sizes[into]
        if len(np.unique(into)) == len(into):
            self._sums[into] += self._sums[joined]
        else:
            np.add.at(self._sums, into, self._sums[joined])
        self._part_of[joined] = into
        if self._rule.loose:
            grown = np.unique(into)
            self._tightness[grown] = self.similarity(grown, grown)

    def wholes(self, least: int) -> tuple[Ids, Embeddings]:
        """The clusters of more than `least` faces, and the directions of their sums, L2-normalised."""
        large = np.flatnonzero((self._part_of == np.arange(len(self._part_of))) & (self.sizes > least))
        sums = self._sums[large]
        lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        return large, (sums / lengths).astype(np.float32)

    def labels(self) -> Ids:
        """Cluster of each face, numbered by the first member's position."""
        root = self._part_of
        while not np.array_equal(root, root[root]):
            root = root[root]
        _, first, labels = np.unique(root, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[labels]
