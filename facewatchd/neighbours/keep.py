"""
The graph of neighbours as a file beside the state: brought up to date by the faces that came and went, and made anew
where it is lost, damaged, of other models, or of an archive that has long outgrown it.

Everything in it can be found again from the state, so nothing is lost with it but time.
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
# beyond this share of faces that came or went it is no dearer to make all anew, and the cells fit again
_ANEW = 0.5
# who lost more of the neighbours than this is looked after as if new
_LOST = 0.2


@dataclass(frozen=True, slots=True)
class _Kept:
    """
    What is in the file.

    Attributes:
        faces: int64, shape (n_faces,), face ids, ascending.
        marks: uint64, shape (n_faces,): tells an embedding from any other; see `_marks`.
        graph: Rows are those of `faces`.
        cells: The same.
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
    The graph of these faces: the one that is kept, brought up to date.

    Args:
        folder: Of the state.
        model_id: Whose embeddings they are.
        faces: Face ids, ascending, more than k.
        vectors: Their embeddings, row by row.
        k: How many neighbours of each face.
        similar: Similarity, -1..1, from which two faces are taken for one person.
        keep: Whether to write it down.
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
    """The rows that were there and are, before and now; None where they are too few to go on from."""
    before = np.minimum(np.searchsorted(kept.faces, faces), len(kept.faces) - 1)
    now = np.flatnonzero((kept.faces[before] == faces) & (kept.marks[before] == marks))
    changes = len(faces) + len(kept.faces) - 2 * len(now)
    if changes > _ANEW * len(faces) or not 1 - _ANEW <= len(faces) / kept.learned <= 1 + _ANEW:
        return None
    return before[now], now


def _brought_up_to_date(kept: _Kept, before: Rows, now: Rows, vectors: Vectors, similar: float) -> Neighbours:
    row = np.full(len(kept.faces) + 1, NOBODY, np.int32)  # the last is nobody's
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
    """One number an embedding, from all its bits: a photo saved anew keeps its faces' ids, and not their looks."""
    halves = np.ascontiguousarray(vectors.astype(np.float16, copy=False)).view(np.uint16)
    factors = np.random.default_rng(0).integers(1, 2**63, halves.shape[1], np.uint64) | np.uint64(1)
    marks = np.empty(len(halves), np.uint64)
    for start in range(0, len(halves), 4096):
        block = halves[start : start + 4096].astype(np.uint64)
        marks[start : start + 4096] = (block * factors).sum(axis=1, dtype=np.uint64)
    return marks


def _read(path: Path, model_id: str, k: int, dim: int) -> _Kept | None:
    """What is kept, None where nothing usable is."""
    try:
        # opened here: numpy leaves a file open in which it finds nothing to read
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if (int(stored["version"]), str(stored["model"])) != (_VERSION, model_id):
                return None
            parts = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("The graph of neighbours is damaged and is computed again: %s", cause(error))
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
    """Only its owner reads what is known of faces, whatever the umask is."""
    return os.open(path, flags, 0o600)


def _write(path: Path, model_id: str, kept: _Kept) -> None:
    """Write it beside the old one, then put it in its place; that it cannot be kept is no reason not to group."""
    # always the same name, so that what a killed writer left is written over: only one groups at a time
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
        log.warning("The graph of neighbours cannot be stored and is computed again next time: %s", cause(error))
        with contextlib.suppress(OSError):
            beside.unlink()
