"""
The graph of nearest neighbours that everything about groups is computed on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Embeddings

# rows of one block of the neighbour search: 2,048 x 50,000 float32 are 400 MB, the most it takes
_BLOCK = 2048


class Graph(NamedTuple):
    """
    The most similar other faces of each face.

    Attributes:
        indices: int64, shape (n_faces, k), most similar first; rows of the embeddings that it was made from.
        similarities: float32, same shape.
    """

    indices: NDArray[np.int64]
    similarities: NDArray[np.float32]

    def edges(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """
        Every pair of which one is among the other's k nearest, once.

        Returns:
            The lower index, the higher one, and their similarity.
        """
        count, width = self.indices.shape
        k = min(k, width)
        here = np.repeat(np.arange(count), k)
        there = self.indices[:, :k].ravel()
        keys = np.minimum(here, there) * count + np.maximum(here, there)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        first = np.concatenate([np.ones(min(len(keys), 1), np.bool_), keys[1:] != keys[:-1]])
        a, b = np.divmod(keys[first], max(count, 1))
        return a, b, self.similarities[:, :k].ravel()[order[first]].astype(np.float64)


def neighbours(embeddings: Embeddings, k: int) -> Graph:
    """
    The most similar other faces of each face, exactly; the cost grows with the square of their number.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        k: How many; fewer where there are not so many others.
    """
    count = len(embeddings)
    k = max(min(k, count - 1), 0)
    indices = np.empty((count, k), np.int64)
    similarities = np.empty((count, k), np.float32)
    if k < 1:
        return Graph(indices, similarities)
    for start in range(0, count, _BLOCK):
        block = embeddings[start : start + _BLOCK] @ embeddings.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -2  # nobody is a neighbour of oneself
        nearest = np.argpartition(block, -k, axis=1)[:, -k:]
        values = block[rows[:, None], nearest]
        # of equals the lower index first, whatever the partition made of them
        order = np.lexsort((nearest, -values), axis=1)
        indices[start : start + _BLOCK] = np.take_along_axis(nearest, order, 1)
        similarities[start : start + _BLOCK] = np.take_along_axis(values, order, 1)
    return Graph(indices, similarities)


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different values, ascending: numpy's `unique`, which takes five times as long over millions of numbers."""
    if not len(values):
        return values
    ordered = np.sort(values)
    found: NDArray[np.int64] = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return found
