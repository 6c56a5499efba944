"""
Clusters of faces while they grow, and how similar two of them are.
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

# pairs in one block of dot products: its copies, half a megabyte, stay in the cache of one core; 2048 pairs take three times as
# long
_BLOCK = 128
# with more faces than this, sums are in single precision, because reading them takes the time
_EXACT_FACES = 50_000


@dataclass(frozen=True, slots=True)
class LinkRule:
    """
    When two clusters are one person. All similarities are cosines.

    Attributes:
        threshold: Mean similarity, -1..1, below which two single faces are not joined.
        bonus: How much less is enough if another method (`hint`) joins the two.
        loose: 0..1: how far the mean is divided by the mean similarity within the clusters. 0 is average linkage. 1
            compares the directions of the sums, which is right for a person with faces that differ much.
            large: How much less is enough for two large clusters, because a mean over many pairs is no accident. Clusters of a
        and b faces get `1 - 1 / sqrt(a * b)` of it, single faces nothing.
            hubs: 0..1: how much more is needed between faces that resemble strangers, as a share of their mean hubness.
        company: How much less is enough for two groups that are in photos with a third one; see `core.grouping.company`.
    """

    threshold: float
    bonus: float = 0.0
    loose: float = 0.0
    large: float = 0.0
    hubs: float = 0.0
    company: float = 0.0


@dataclass(slots=True)
class Clusters:
    """
    Clusters while they grow, one row per cluster.

    Attributes:
        rule: When two of them are one person.
        sums: The sums of their faces' embeddings, shape (n_clusters, dim).
        sizes: How many faces each has.
        tightness: Mean similarity of all pairs of faces in each, with each face to itself.
        hubness: Mean hubness of the faces of each.
        kind: The label of each in the hint, -1 for none.
    """

    rule: LinkRule
    sums: NDArray[np.floating]
    sizes: Reals
    tightness: Reals
    hubness: Reals
    kind: Ids

    @classmethod
    def of_faces(cls, embeddings: Embeddings, rule: LinkRule, hint: Ids | None, hubness: Reals | None) -> Clusters:
        """Every face is a cluster. The embeddings of many faces are not copied: only components of them are joined."""
        count = len(embeddings)
        sums = embeddings.astype(np.float64) if count <= _EXACT_FACES else embeddings
        kind = np.full(count, -1, np.int64) if hint is None else hint.astype(np.int64)
        return cls(rule, sums, np.ones(count), np.ones(count), np.zeros(count) if hubness is None else hubness, kind)

    def only(self, rows: Ids) -> Clusters:
        """Some of the clusters, as an object of their own."""
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
        """The values that must reach the threshold, from the mean similarities."""
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
        """Add `joined` to `into`, which may contain a cluster several times."""
        # the hint of the larger part holds for the whole cluster
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
        """The directions of their sums, L2-normalised."""
        lengths = np.maximum(np.linalg.norm(self.sums, axis=1, keepdims=True), 1e-9)
        directions: Embeddings = (self.sums / lengths).astype(np.float32)
        return directions
