"""
The neighbour graph as a file beside the state. Faces that came and went are added and removed. The graph is computed from
nothing if it is lost, damaged, of other models, or much too small for the archive.

Everything in it can be computed from the state again, so its loss costs only time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from facewatchd.core.grouping.graph import NEVER, NOBODY, Graph, Lists, Rows
from facewatchd.errors import cause
from facewatchd.neighbours.search import Cells, Neighbours, Vectors

log = logging.getLogger(__name__)

FILE = "neighbours.npz"

_VERSION = 1
# if more than this share of the faces came or went, computing everything costs no more, and the cells fit again
_ANEW = 0.5
# a face that lost more than this share of its neighbours is searched as if it were new
_LOST = 0.2


@dataclass(frozen=True, slots=True)
class _Kept:
    """
    What is in the file.

    Attributes:
        faces: int64, shape (n_faces,), face ids, ascending.
        marks: uint64, shape (n_faces,): a hash of each embedding; see `_marks`.
        graph: The neighbours, row by row as `faces`.
        cells: The cells, row by row as `faces`.
        learned: How many faces there were when the cells were found.
    """

    faces: NDArray[np.int64]
    marks: NDArray[np.uint64]
    graph: Graph
    cells: Cells
    learned: int


def neighbours_of(
    folder: Path, model_id: str, faces: NDArray[np.int64], vectors: Vectors, k: int, similar: float, *, keep: bool
) -> Graph:
    """
    The graph of these faces: the kept one, brought up to date.

    Args:
        folder: The state folder.
        model_id: The models of the embeddings.
        faces: Face ids, ascending, more than k.
        vectors: Their embeddings, row by row.
        k: How many neighbours of each face.
        similar: Similarity, -1..1, from which two faces are taken for one person.
        keep: Whether to write the file.
    """
    marks = _marks(vectors)
    kept = _read(folder / FILE, model_id, k, vectors.shape[1])
    same = None if kept is None else _same(kept, faces, marks)
    if kept is None or same is None:
        found = Neighbours.find(vectors, k, similar)
        learned = len(faces)
    else:
        before, now = same
        if len(before) == len(kept.faces) == len(faces):
            return kept.graph
        found = _brought_up_to_date(kept, before, now, vectors, similar)
        learned = kept.learned
    graph = found.graph()
    if keep:
        _write(folder / FILE, model_id, _Kept(faces, marks, graph, found.cells, learned))
    return graph


def _same(kept: _Kept, faces: NDArray[np.int64], marks: NDArray[np.uint64]) -> tuple[Rows, Rows] | None:
    """The rows of the faces that are in both, before and now. None if they are too few to go on from."""
    before = np.minimum(np.searchsorted(kept.faces, faces), len(kept.faces) - 1)
    now = np.flatnonzero((kept.faces[before] == faces) & (kept.marks[before] == marks))
    changes = len(faces) + len(kept.faces) - 2 * len(now)
    if changes > _ANEW * len(faces) or not 1 - _ANEW <= len(faces) / kept.learned <= 1 + _ANEW:
        return None
    return before[now], now


def _brought_up_to_date(kept: _Kept, before: Rows, now: Rows, vectors: Vectors, similar: float) -> Neighbours:
    row = np.full(len(kept.faces) + 1, NOBODY, np.int32)  # the last cell stands for no face
    row[before] = now
    count, k = len(vectors), kept.graph.indices.shape[1]
    indices = np.full((count, k), NOBODY, np.int32)
    indices[now] = row[kept.graph.indices[before]]
    similarities = np.full((count, k), NEVER, np.float32)
    similarities[now] = kept.graph.similarities[before]
    similarities[indices == NOBODY] = NEVER
    lists = Lists.of(Graph(indices, similarities))
    cells = np.zeros(count, np.int32)
    cells[now] = kept.cells.of[before]
    lost = (kept.graph.indices[before] != NOBODY).sum(axis=1) - (indices[now] != NOBODY).sum(axis=1)
    robbed = now[lost > _LOST * k]
    new = np.setdiff1d(np.arange(count), now)
    inside = np.setdiff1d(now, robbed)
    found = Neighbours(lists, Cells(kept.cells.centres, cells), inside, similar)
    if len(new) or len(robbed):
        with threadpool_limits(1):
            found.add(vectors, np.union1d(new, robbed))
    return found


def _marks(vectors: Vectors) -> NDArray[np.uint64]:
    """One number for each embedding, from all its bits. A photo that was saved again keeps the ids of its faces, but not their
    embeddings.
    """
    halves = np.ascontiguousarray(vectors.astype(np.float16, copy=False)).view(np.uint16)
    factors = np.random.default_rng(0).integers(1, 2**63, halves.shape[1], np.uint64) | np.uint64(1)
    marks = np.empty(len(halves), np.uint64)
    for start in range(0, len(halves), 4096):
        block = halves[start : start + 4096].astype(np.uint64)
        marks[start : start + 4096] = (block * factors).sum(axis=1, dtype=np.uint64)
    return marks


def _read(path: Path, model_id: str, k: int, dim: int) -> _Kept | None:
    """The kept graph, None if there is none that can be used."""
    try:
        # opened here, because numpy does not close a file that it cannot read
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if (int(stored["version"]), str(stored["model"])) != (_VERSION, model_id):
                return None
            parts = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("The neighbour graph is damaged and is computed again: %s", cause(error))
        return None
    kept = _Kept(
        parts["faces"],
        parts["marks"],
        Graph(parts["indices"], parts["similarities"]),
        Cells(parts["centres"], parts["cells"]),
        int(parts["learned"]),
    )
    if kept.graph.indices.shape != (len(kept.faces), k) or kept.cells.centres.shape[1] != dim:
        return None
    return kept


def _private(path: str, flags: int) -> int:
    """A file that only its owner can read, with any umask."""
    return os.open(path, flags, 0o600)


def _write(path: Path, model_id: str, kept: _Kept) -> None:
    """Write it beside the old one, then replace that. If it cannot be written, the grouping goes on."""
    # always the same name, so that the file of a killed writer is overwritten; only one process groups at a time
    beside = path.with_name(f"{path.name}.part")
    try:
        with open(beside, "wb", opener=_private) as file:
            os.fchmod(file.fileno(), 0o600)
            np.savez(  # each part with a checksum of its own
                file,
                version=_VERSION,
                model=model_id,
                faces=kept.faces,
                marks=kept.marks,
                indices=kept.graph.indices,
                similarities=kept.graph.similarities,
                centres=kept.cells.centres,
                cells=kept.cells.of,
                learned=kept.learned,
            )
        beside.replace(path)
    except OSError as error:
        log.warning("The neighbour graph cannot be stored. The next grouping computes it again: %s", cause(error))
        with contextlib.suppress(OSError):
            beside.unlink()
