"""
The neighbour graph. All grouping is computed on it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.matching.float16 import single
from facewatchd.domain import Embeddings

Rows = NDArray[np.int64]

NOBODY, NEVER = -1, np.float32(-2)
"""The value in a list that is not full, and its similarity, which is below that of any two faces."""

# rows and columns of one block of products, 16 MB
_BLOCK = 2048
# faces of which the neighbours are compared at a time
_COMPARED = 512


class Graph(NamedTuple):
    """
    The most similar other faces of each face.

    Attributes:
        indices: int32, shape (n_faces, k), most similar first: rows of the embeddings, `NOBODY` if no more were found.
        similarities: float32, same shape. `NEVER` if no more were found.
    """

    indices: NDArray[np.int32]
    similarities: NDArray[np.float32]

    def edges(self, k: int) -> tuple[Rows, Rows, NDArray[np.float64]]:
        """
        Every pair in which one is among the k nearest of the other, once.

        Returns:
            The lower index, the higher one, and their similarity.
        """
        from scipy.sparse import csr_matrix, triu  # noqa: PLC0415 - a quarter of a second that only groupings need

        indices = self.indices[:, :k]
        count, is_there = len(indices), indices != NOBODY
        if not is_there.any():
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        ends = np.concatenate([[0], np.cumsum(np.count_nonzero(is_there, axis=1))])
        # a pair in no list counts as zero, so all pairs in lists must have more
        above = self.similarities[:, :k][is_there].astype(np.float64) - NEVER
        lists = csr_matrix((above, indices[is_there], ends), shape=(count, count))
        lists.sort_indices()
        pairs = triu(lists.maximum(lists.T.tocsr()), 1, "coo")
        return pairs.row.astype(np.int64), pairs.col.astype(np.int64), pairs.data + NEVER

    def compared_again(self, embeddings: Embeddings) -> Graph:
        """
        The same neighbours with the similarities of other embeddings, most similar first.

        Args:
            embeddings: float32 or float16, shape (n_faces, dim), L2-normalised.
        """
        lists = Lists(0, self.indices.shape[1])
        lists.indices, lists.similarities = self.indices, np.empty_like(self.similarities)
        for start in range(0, len(self.indices), _COMPARED):
            rows = slice(start, start + _COMPARED)
            there = self.indices[rows]
            products = np.einsum("ijk,ik->ij", single(embeddings[there]), single(embeddings[rows]))
            lists.similarities[rows] = np.where(there == NOBODY, NEVER, products)
        return lists.graph()


class Lists:
    """
    The graph while it is made: the best neighbours of every face so far, in no order.

    Args:
        count: How many faces.
        k: How many neighbours of each.
    """

    def __init__(self, count: int, k: int) -> None:
        self.indices = np.full((count, k), NOBODY, np.int32)
        self.similarities = np.full((count, k), NEVER, np.float32)
        self._least = np.full(count, NEVER, np.float32)

    @classmethod
    def of(cls, graph: Graph) -> Lists:
        """The lists of a graph, to continue from. The arrays of the graph are changed."""
        lists = cls(0, graph.indices.shape[1])
        lists.indices, lists.similarities = graph
        lists._least = graph.similarities.min(axis=1)
        return lists

    def offer(self, rows: Rows, others: Rows, products: NDArray[np.float32]) -> None:
        """
        Offer faces as neighbours. A face that is in a list already is not added twice.

        Args:
            rows: The faces with the lists, each once.
            others: The faces that are offered, each once.
            products: Their similarities, shape (len(rows), len(others)). Do not offer a face to itself.
        """
        k = self.indices.shape[1]
        better = products > self._least[rows][:, None]
        many = np.flatnonzero(np.count_nonzero(better, axis=1) > 2 * k)
        if len(many):
            # all entries of the list may be among the offered ones
            at = np.argpartition(products[many], -2 * k, axis=1)[:, -2 * k :]
            self._take(rows[many], others[at].astype(np.int32), np.take_along_axis(products[many], at, axis=1))
            better[many] = False
        row, other = np.nonzero(better)
        if not len(row):
            return
        fitting, first = np.unique(row, return_index=True)
        counts = np.diff(np.append(first, len(row)))
        there = np.repeat(np.arange(len(fitting)), counts), np.arange(len(row)) - np.repeat(first, counts)
        indices = np.full((len(fitting), int(counts.max())), NOBODY, np.int32)
        similarities = np.full(indices.shape, NEVER, np.float32)
        indices[there], similarities[there] = others[other], products[row, other]
        self._take(rows[fitting], indices, similarities)

    def _take(self, rows: Rows, indices: NDArray[np.int32], similarities: NDArray[np.float32]) -> None:
        k = self.indices.shape[1]
        before = self.indices[rows]
        for column in range(k):
            similarities[indices == before[:, column, None]] = NEVER
        indices = np.concatenate([before, indices], axis=1)
        similarities = np.concatenate([self.similarities[rows], similarities], axis=1)
        best = np.argpartition(similarities, -k, axis=1)[:, -k:]
        similarities = np.take_along_axis(similarities, best, axis=1)
        self.indices[rows] = np.where(similarities > NEVER, np.take_along_axis(indices, best, axis=1), NOBODY)
        self.similarities[rows] = similarities
        self._least[rows] = similarities.min(axis=1)

    def graph(self) -> Graph:
        """The lists as they are now, in order. Of equal similarities the lower row comes first."""
        order = np.lexsort((self.indices, -self.similarities), axis=1)
        return Graph(np.take_along_axis(self.indices, order, 1), np.take_along_axis(self.similarities, order, 1))


def neighbours(embeddings: Embeddings, k: int) -> Graph:
    """
    The most similar other faces of each face, exactly. The cost grows with the square of the number of faces.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        k: How many. Fewer if there are not so many other faces.
    """
    count = len(embeddings)
    everybody = np.arange(count)
    lists = Lists(count, max(min(k, count - 1), 0))
    if count < 2 or k < 1:
        return lists.graph()
    blocks = [everybody[start : start + _BLOCK] for start in range(0, count, _BLOCK)]
    for rows in blocks:
        for others in blocks:
            products = embeddings[rows] @ embeddings[others].T
            if others is rows:
                np.fill_diagonal(products, NEVER)  # a face is not its own neighbour
            lists.offer(rows, others, products)
    return lists.graph()


def connected(a: Rows, b: Rows, count: int) -> Rows:
    """
    The connected components of pairs.

    Args:
        a: The first of each pair.
        b: The other.
        count: How many there are.

    Returns:
        The number of each one's component, shape (count,), 0.. in the order of their first members.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - a quarter of a second that only groupings need
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    pairs = csr_matrix((np.ones(len(a), np.bool_), (a, b)), shape=(count, count))
    return np.asarray(connected_components(pairs, directed=False)[1], np.int64)


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different values, ascending, as numpy's `unique`, which takes five times as long for millions of numbers."""
    if not len(values):
        return values
    ordered = np.sort(values)
    found: NDArray[np.int64] = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return found
