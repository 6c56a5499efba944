"""
Clusters of faces while they grow, and how alike two of them are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.graph import distinct
from facewatchd.core.matching.float16 import single
from facewatchd.domain import Embeddings

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

# pairs of one block of dot products: what is copied for it, half a megabyte, stays in the cache of one core, and in memory
# that is there already; 2048 of them take three times as long
_BLOCK = 128
# sums of more faces than this are kept in single precision: to read them is what takes the time
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


@dataclass(slots=True)
class Clusters:
    """
    Clusters while they grow; one row a cluster.

    Attributes:
        rule: When two of them are one person.
        sums: Of their faces' embeddings, shape (n_clusters, dim).
        sizes: How many faces each has.
        tightness: Mean similarity between the faces of each, each face with itself included.
        hubness: Mean over the faces of each.
        kind: What the hint says of each, -1 for nothing.
    """

    rule: LinkRule
    sums: NDArray[np.floating]
    sizes: Reals
    tightness: Reals
    hubness: Reals
    kind: Ids

    @classmethod
    def of_faces(cls, embeddings: Embeddings, rule: LinkRule, hint: Ids | None, hubness: Reals | None) -> Clusters:
        """Every face a cluster. Of many faces the embeddings are not copied: only parts of them are to be joined."""
        count = len(embeddings)
        sums = embeddings.astype(np.float64) if count <= _EXACT_FACES else embeddings
        kind = np.full(count, -1, np.int64) if hint is None else hint.astype(np.int64)
        return cls(rule, sums, np.ones(count), np.ones(count), np.zeros(count) if hubness is None else hubness, kind)

    def only(self, rows: Ids) -> Clusters:
        """Some of them, for themselves."""
        sums = self.sums[rows]
        # embeddings may be in half precision
        sums = single(sums) if sums.dtype == np.float16 else sums
        return Clusters(self.rule, sums, self.sizes[rows], self.tightness[rows], self.hubness[rows], self.kind[rows])

    @staticmethod
    def together(some: Sequence[Clusters]) -> Clusters:
        """All of them, one after the other; at least one."""
        return Clusters(
            some[0].rule,
            np.concatenate([one.sums for one in some]),
            np.concatenate([one.sizes for one in some]),
            np.concatenate([one.tightness for one in some]),
            np.concatenate([one.hubness for one in some]),
            np.concatenate([one.kind for one in some]),
        )

    def similarity(self, a: Ids, b: Ids) -> Reals:
        """Mean similarity between the members of two clusters each."""
        means = np.empty(len(a))
        for start in range(0, len(a), _BLOCK):
            rows = slice(start, start + _BLOCK)
            means[rows] = np.einsum("ij,ij->i", self.sums.take(a[rows], 0), self.sums.take(b[rows], 0))
        means /= self.sizes[a] * self.sizes[b]
        return means

    def strength(self, a: Ids, b: Ids, means: Reals) -> Reals:
        """What is to reach the threshold, from the mean similarities."""
        rule, strength = self.rule, means.astype(np.float64)
        if rule.loose:
            strength /= (self.tightness[a] * self.tightness[b]) ** (rule.loose / 2)
        if rule.large:
            strength += rule.large * (1 - 1 / np.sqrt(self.sizes[a] * self.sizes[b]))
        if rule.bonus:
            strength += rule.bonus * ((self.kind[a] == self.kind[b]) & (self.kind[a] >= 0))
        if rule.hubs:
            strength -= (self.hubness[a] + self.hubness[b]) * (rule.hubs / 2)
        return strength

    def join(self, into: Ids, joined: Ids) -> None:
        """Put `joined` into `into`, which may name a cluster several times."""
        # of each cluster, the larger part's hint stands for the whole
        order = np.argsort(self.sizes[joined], kind="stable")
        a, b = into[order], joined[order]
        better = (self.kind[b] >= 0) & ((self.kind[a] < 0) | (self.sizes[b] > self.sizes[a]))
        self.kind[a[better]] = self.kind[b[better]]
        grown = distinct(into)
        self.hubness[grown] *= self.sizes[grown]
        np.add.at(self.hubness, into, self.hubness[joined] * self.sizes[joined])
        np.add.at(self.sizes, into, self.sizes[joined])
        self.hubness[grown] /= self.sizes[grown]
        if len(grown) == len(into):
            self.sums[into] += self.sums[joined]
        else:
            np.add.at(self.sums, into, self.sums[joined])
        if self.rule.loose:
            self.tightness[grown] = self.similarity(grown, grown)

    def directions(self) -> Embeddings:
        """Those of their sums, L2-normalised."""
        lengths = np.maximum(np.linalg.norm(self.sums, axis=1, keepdims=True), 1e-9)
        directions: Embeddings = (self.sums / lengths).astype(np.float32)
        return directions
