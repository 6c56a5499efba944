"""
The nearest neighbours of very many faces. Nearly all are found, at a cost that grows little faster than the number of faces.

There are two searches. First each face is compared with the faces of its own k-means cell and of the `_PROBES` cells next to it
(an inverted file; Sivic and Zisserman 2003). That finds the members of large groups, because every cell has some. It misses
pairs: two photos of one person are often in cells far apart. So the faces with hardly any similar neighbour are then compared
with each other. On 100,000 synthetic faces, 87 % of people with two photos are found. The inverted files of faiss find 40 %, in
twice the time (docs/benchmarks.md).

All work is products of matrices, and choosing from them, in two threads. Each thread writes its own faces, so the result does
not depend on their timing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from facewatchd.core.grouping.graph import NEVER, Graph, Lists, Rows, distinct
from facewatchd.core.matching.float16 import single

T = TypeVar("T")

Vectors = NDArray[np.float16] | NDArray[np.float32]
"""Embeddings, shape (n_faces, dim), L2-normalised. Half precision changes a similarity by less than 0.0005."""

_WORKERS = 2
# number of cells: with twice the square root of the faces, finding the cells and searching them cost about the same
_CELLS = 2.0
_PROBES = 4
# rounds of k-means, and faces per cell that it learns from: more do not change the result
_ROUNDS, _LEARN = 5, 48
_SEED = 1
# rows of one block of products
_BLOCK = 2048
# faces with fewer similar neighbours than this get a second search, so groups of up to this size do
_FEW = 4
# ... but at most so many faces, those with the least similar neighbours, or this share of all
_LONELY, _LONELY_SHARE = 30_000, 0.2
# cells that each of those is compared with, and faces per cell
_SECOND_PROBES, _SECOND_CELL = 16, 1000


class Cells(NamedTuple):
    """
    Attributes:
        centres: float32, shape (n_cells, dim), L2-normalised.
        of: int32, shape (n_faces,): the cell of each face.
    """

    centres: NDArray[np.float32]
    of: NDArray[np.int32]


class Neighbours:
    """
    The graph while it changes: the neighbours of each face, and the cells in which they are searched.

    Args:
        lists: The neighbours of each face so far.
        cells: The cell of each face. For faces that are not in the graph yet, any cell.
        inside: The rows of the faces in the graph, ascending.
        similar: Similarity, -1..1, from which two faces are taken for one person.
    """

    def __init__(self, lists: Lists, cells: Cells, inside: Rows, similar: float) -> None:
        self.cells = cells
        self._lists = lists
        self._inside = np.zeros(len(cells.of), np.bool_)
        self._inside[inside] = True
        self._similar = similar
        self._members = _split(inside, cells.of[inside], len(cells.centres))

    @classmethod
    def find(cls, vectors: Vectors, k: int, similar: float) -> Neighbours:
        """
        The neighbours of all faces. The same vectors give the same result.

        Args:
            vectors: Of all faces, more than k.
            k: How many neighbours of each.
            similar: See above.
        """
        everybody = np.arange(len(vectors))
        with threadpool_limits(1):
            centres = _centres(vectors, everybody, round(_CELLS * len(vectors) ** 0.5))
            probes = _nearest_cells(vectors, everybody, centres, _PROBES + 1)
            found = cls(Lists(len(vectors), k), Cells(centres, probes[:, 0].copy()), everybody, similar)
            _look(vectors, everybody, probes, found._members, found._lists)
            found._look_again(vectors, everybody)
        return found

    def add(self, vectors: Vectors, new: Rows, *, again: bool = True) -> None:
        """
        Add faces: they get their neighbours, and enter the lists of these neighbours. If one face is added at a time, one
        thread should make the products (`threadpool_limits`): several threads only wait for each other.

        Args:
            vectors: Of all faces, with the new ones.
            new: The rows that are not in the graph yet, ascending.
            again: Whether faces with hardly any similar neighbour get their second search, which costs about as much for
                one face as for thousands.
        """
        probes = _nearest_cells(vectors, new, self.cells.centres, _PROBES + 1)
        self.cells.of[new] = probes[:, 0]
        self._inside[new] = True
        for cell in distinct(probes[:, 0].astype(np.int64)).tolist():
            self._members[cell] = np.union1d(self._members[cell], new[probes[:, 0] == cell])
        _look(vectors, new, probes, self._members, self._lists, both_ways=True)
        if again:
            self._look_again(vectors, new)

    def graph(self) -> Graph:
        """The graph as it is now."""
        return self._lists.graph()

    def _look_again(self, vectors: Vectors, rows: Rows) -> None:
        """The second search: compare those of the rows that have hardly any similar neighbour with all faces that have hardly any."""
        similarities = self._lists.similarities
        few = np.partition(similarities, -_FEW, axis=1)[:, -_FEW]
        lonely = np.flatnonzero(self._inside & (few < self._similar))
        most = max(_LONELY, round(_LONELY_SHARE * len(similarities)))
        if len(lonely) > most:
            lonely = np.sort(lonely[np.argpartition(few[lonely], most)[:most]])
        asking = np.intersect1d(rows, lonely)
        if not len(asking):
            return
        count = max(1, round(len(lonely) / _SECOND_CELL))
        if count <= _SECOND_PROBES:
            of = (np.arange(len(lonely)) * count // len(lonely)).astype(np.int32)
            probes = np.tile(np.arange(count, dtype=np.int32), (len(asking), 1))
        else:
            centres = _centres(vectors, lonely, count)
            of = _nearest_cells(vectors, lonely, centres, 1)[:, 0]
            probes = _nearest_cells(vectors, asking, centres, _SECOND_PROBES)
        both_ways = len(asking) < len(lonely)
        _look(vectors, asking, probes, _split(lonely, of, count), self._lists, both_ways=both_ways)


def _look(
    vectors: Vectors,
    rows: Rows,
    probes: NDArray[np.int32],
    members: Sequence[Rows],
    lists: Lists,
    *,
    both_ways: bool = False,
) -> None:
    """
    Compare each face with the faces of its cells.

    Args:
        vectors: Of all faces.
        rows: The faces.
        probes: Their cells, shape (n_rows, any).
        members: The faces of each cell, ascending.
        lists: Gets the neighbours found.
        both_ways: Whether the members also get the faces as neighbours. It is not needed if all search for all.
    """

    def look(part: Rows) -> None:
        cells = probes[part].ravel()
        order = np.argsort(cells, kind="stable")
        used, first = np.unique(cells[order], return_index=True)
        for cell, at in zip(used.tolist(), np.split(part[order // probes.shape[1]], first[1:]), strict=True):
            theirs = members[cell]
            if not len(theirs):
                continue
            others = single(vectors[theirs])
            for start in range(0, len(at), _BLOCK):
                mine = rows[at[start : start + _BLOCK]]
                products = single(vectors[mine]) @ others.T
                place = np.minimum(np.searchsorted(theirs, mine), len(theirs) - 1)
                oneself = np.flatnonzero(theirs[place] == mine)
                products[oneself, place[oneself]] = NEVER
                lists.offer(mine, theirs, products)
                if both_ways:
                    lists.offer(theirs, mine, np.ascontiguousarray(products.T))

    # every n-th face, so that both threads have the same amount of work; each writes only the lists of its own faces
    workers = 1 if both_ways else _WORKERS
    _in_parallel(look, [np.arange(start, len(rows), workers) for start in range(workers)])


def _in_parallel(work: Callable[[T], None], parts: Sequence[T]) -> None:
    if len(parts) == 1:
        work(parts[0])
        return
    with ThreadPoolExecutor(_WORKERS) as workers:
        list(workers.map(work, parts))


def _split(rows: Rows, cells: NDArray[np.int32], count: int) -> list[Rows]:
    """The rows of each of the cells, in their order."""
    order = np.argsort(cells, kind="stable")
    return np.split(rows[order], np.searchsorted(cells[order], np.arange(1, count)))


def _centres(vectors: Vectors, rows: Rows, count: int) -> NDArray[np.float32]:
    """Spherical k-means (Dhillon and Modha 2001) on a sample of the rows; float32, shape (count, dim)."""
    random = np.random.default_rng(_SEED)
    sample = np.sort(random.choice(rows, min(len(rows), count * _LEARN), replace=False))
    learned = single(vectors[sample])
    centres: NDArray[np.float32] = learned[np.sort(random.choice(len(learned), count, replace=False))]
    for _ in range(_ROUNDS):
        cells = _nearest_cells(learned, np.arange(len(learned)), centres, 1)[:, 0]
        order = np.argsort(cells, kind="stable")
        used, first = np.unique(cells[order], return_index=True)
        # an empty cell stays where it is
        centres[used] = np.add.reduceat(learned[order], first, axis=0)
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    return centres


def _nearest_cells(vectors: Vectors, rows: Rows, centres: NDArray[np.float32], most: int) -> NDArray[np.int32]:
    """The cells with the centres most similar to each row, int32, shape (n_rows, most), the nearest first."""
    found = np.empty((len(rows), min(most, len(centres))), np.int32)

    def nearest(start: int) -> None:
        part = slice(start, start + _BLOCK)
        products = single(vectors[rows[part]]) @ centres.T
        each = np.arange(len(products))
        # one maximum at a time: for a few of hundreds this takes a tenth of the time of a partition
        for place in range(found.shape[1]):
            found[part, place] = best = np.argmax(products, axis=1)
            products[each, best] = NEVER

    _in_parallel(nearest, range(0, len(rows), _BLOCK))
    return found
