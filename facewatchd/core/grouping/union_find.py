"""
Clusters in parts that have nothing to do with each other.

What no pair connects cannot come together, so it can be looked at on its own: a hundred parts of some thousands of
clusters take less time and memory than one of a million, as what is worked on stays in the processor's caches.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.graph import connected

Ids = NDArray[np.int64]

TOGETHER = 16384
"""Clusters in a part, unless more of them are connected: 32 MB of sums of 512 numbers."""

NONE = -1
"""The part of who is in no pair."""


class Parts:
    """
    Args:
        of: Of each cluster its part, 0.. or `NONE`; int64, shape (n_clusters,).
        count: How many parts.

    Attributes:
        of: See above.
        rows: Of each part its clusters, ascending.
        place: int64, shape (n_clusters,): where in its part each cluster is.
    """

    def __init__(self, of: Ids, count: int) -> None:
        self.of = of
        self._count = count
        self.rows = self._sorted(of)
        self.place = np.empty(len(of), np.int64)
        for rows in self.rows:
            self.place[rows] = np.arange(len(rows))

    @classmethod
    def connected(cls, a: Ids, b: Ids, count: int) -> Parts:
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
        parts = np.full(len(sizes), NONE)
        parts[sizes > 0] = of
        return cls(parts[number], len(numbers))

    @classmethod
    def single(cls, rows: Ids, count: int) -> Parts:
        """A part of these clusters; the others are in none."""
        of = np.full(count, NONE)
        of[rows] = 0
        return cls(of, 1)

    def split(self, a: Ids, b: Ids) -> list[Ids]:
        """Of each part which of these pairs are within it, in their order."""
        return self._sorted(np.where(self.of[a] == self.of[b], self.of[a], NONE))

    def _sorted(self, of: Ids) -> list[Ids]:
        # a stable sort of 16 bits is one pass
        order = np.argsort(of.astype(np.int16), kind="stable")
        ends = np.searchsorted(of[order], np.arange(self._count + 1))
        return [order[start:end] for start, end in pairwise(ends.tolist())]
