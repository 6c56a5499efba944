"""
Connected components of clusters, put together to pieces of a useful size.

Clusters that no chain of pairs connects are never joined, so each piece is computed by itself. A hundred pieces of some
thousand clusters take less time and memory than a million clusters at once, because a piece stays in the processor's caches.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.graph import connected

Ids = NDArray[np.int64]

TOGETHER = 16384
"""Clusters in a piece, unless more of them are connected: 32 MB of sums of 512 numbers."""

NONE = -1
"""The piece of a cluster that is in no pair."""


class Components:
    """
    Args:
        of: The piece of each cluster, 0.. or `NONE`; int64, shape (n_clusters,).
        count: How many pieces.

    Attributes:
        of: See above.
        rows: The clusters of each piece, ascending.
        place: int64, shape (n_clusters,): the place of each cluster in its piece.
    """

    def __init__(self, of: Ids, count: int) -> None:
        self.of = of
        self._count = count
        self.rows = self._sorted(of)
        self.place = np.empty(len(of), np.int64)
        for rows in self.rows:
            self.place[rows] = np.arange(len(rows))

    @classmethod
    def connected(cls, a: Ids, b: Ids, count: int) -> Components:
        """
        Args:
            a: One cluster of each pair.
            b: The other.
            count: How many clusters there are.
        """
        if not len(a):
            return cls(np.full(count, NONE), 0)
        number = connected(a, b, count)
        sizes = np.bincount(number)
        sizes[sizes == 1] = 0
        numbers, of = np.unique((np.cumsum(sizes) - sizes)[sizes > 0] // TOGETHER, return_inverse=True)
        components = np.full(len(sizes), NONE)
        components[sizes > 0] = of
        return cls(components[number], len(numbers))

    @classmethod
    def single(cls, rows: Ids, count: int) -> Components:
        """One piece of these clusters. The others are in none."""
        of = np.full(count, NONE)
        of[rows] = 0
        return cls(of, 1)

    def split(self, a: Ids, b: Ids) -> list[Ids]:
        """For each piece the pairs within it, in their order."""
        return self._sorted(np.where(self.of[a] == self.of[b], self.of[a], NONE))

    def _sorted(self, of: Ids) -> list[Ids]:
        # a stable sort of 16 bits is one pass
        order = np.argsort(of.astype(np.int16), kind="stable")
        ends = np.searchsorted(of[order], np.arange(self._count + 1))
        return [order[start:end] for start, end in pairwise(ends.tolist())]
