"""The graph of neighbours beside the state: found, kept up to date, found again, and the same groups by it."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import signal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facewatchd.core.evaluation.scores import score
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.graph import NOBODY, Graph, neighbours
from facewatchd.core.grouping.recluster import NEIGHBOURS, ReclusterSettings, cluster
from facewatchd.domain import Embeddings
from facewatchd.neighbours.keep import FILE, neighbours_of
from facewatchd.neighbours.search import Neighbours

SIMILAR = 0.5
COUNT = 6000


def made_up(count: int, seed: int = 0, dim: int = 64) -> tuple[Embeddings, NDArray[np.int64]]:
    """Faces of people with one to thirty each, and whose each is."""
    random = np.random.default_rng(seed)
    sizes = (1 + random.pareto(1.2, count)).astype(np.int64).clip(1, 30)
    truth = random.permutation(np.repeat(np.arange(count), sizes)[:count])
    centres = random.normal(size=(count, dim))
    faces = centres[truth] / np.linalg.norm(centres[truth], axis=1, keepdims=True)
    faces += random.normal(size=(count, dim)) * (0.75 / dim**0.5)
    unit: Embeddings = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    return unit, truth


FACES, TRUTH = made_up(COUNT)
EXACT = neighbours(FACES, NEIGHBOURS)
# ids are not rows: faces went, and others came
IDS = np.sort(np.random.default_rng(1).choice(3 * COUNT, COUNT, replace=False)).astype(np.int64)


def found(graph: Graph, truth: NDArray[np.int64], exact: Graph = EXACT) -> float:
    """Of the neighbours of the same person that there are, the share that is in the graph."""

    def same(of: Graph) -> NDArray[np.int64]:
        hits: NDArray[np.int64] = ((truth[of.indices] == truth[:, None]) & (of.indices != NOBODY)).sum(axis=1)
        return hits

    return float(np.minimum(same(graph), same(exact)).sum() / same(exact).sum())


def kept(folder: Path, rows: NDArray[np.int64] | slice = slice(None), faces: Embeddings = FACES) -> Graph:
    return neighbours_of(folder, "model", IDS[rows], faces[rows], NEIGHBOURS, SIMILAR, keep=True)


def is_sound(graph: Graph, faces: Embeddings) -> None:
    """Nobody is twice in a list or in one's own, and every similarity is that of the two."""
    for row, others in enumerate(graph.indices.tolist()):
        there = [other for other in others if other != NOBODY]
        assert row not in there
        assert len(set(there)) == len(there)
    here, place = np.nonzero(graph.indices != NOBODY)
    products = np.einsum("ij,ij->i", faces[here], faces[graph.indices[here, place]])
    np.testing.assert_allclose(products, graph.similarities[here, place], atol=1e-3)
    assert (np.diff(graph.similarities, axis=1) <= 0).all()


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_nearly_all_neighbours_are_found(kind: type) -> None:
    """Pairs too, and in half precision."""
    graph = Neighbours.find(FACES.astype(kind), NEIGHBOURS, SIMILAR).graph()
    is_sound(graph, FACES)
    assert found(graph, TRUTH) >= 0.97
    pairs = np.bincount(TRUTH)[TRUTH] == 2
    one = (TRUTH[graph.indices[pairs]] == TRUTH[pairs][:, None]).any(axis=1)
    best = (TRUTH[EXACT.indices[pairs]] == TRUTH[pairs][:, None]).any(axis=1)
    assert one.sum() >= 0.97 * best.sum()


def test_groups_are_as_good_as_on_the_exact_graph() -> None:
    """Which is what the graph is for."""
    settings = ReclusterSettings(2, 2, 0.5, 0.0)
    ties = Ties(np.arange(COUNT), [None] * COUNT, [frozenset()] * COUNT)
    graph = Neighbours.find(FACES, NEIGHBOURS, SIMILAR).graph()
    ours, exact = (score(TRUTH, cluster(FACES, ties, settings, of)) for of in (graph, EXACT))
    assert ours.bcubed_f1 >= exact.bcubed_f1 - 0.003


def test_the_same_faces_give_the_same_graph(tmp_path: Path) -> None:
    """Found twice, and read from the file."""
    (tmp_path / "other").mkdir()
    one = kept(tmp_path)
    for other in (kept(tmp_path), kept(tmp_path / "other")):
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_array_equal(one.similarities, other.similarities)


def test_faces_come_and_go(tmp_path: Path) -> None:
    """In portions: who came is in the lists of others too, who went is in none; it is as if all had been there at once."""
    random = np.random.default_rng(2)
    order = random.permutation(COUNT)
    there = np.sort(order[:5000])
    kept(tmp_path, there)
    for came, went in ((order[5000:5600], order[:200]), (order[5600:5601], order[200:600]), (order[5601:], order[:0])):
        there = np.sort(np.concatenate([np.setdiff1d(there, went), came]))
        graph = kept(tmp_path, there)
        is_sound(graph, FACES[there])
        exact = neighbours(FACES[there], NEIGHBOURS)
        assert found(graph, TRUTH[there], exact) >= 0.93
    newest = np.searchsorted(there, order[5601:])
    partners = [row for row in newest if TRUTH[there[exact.indices[row, 0]]] == TRUTH[there[row]]]
    assert len(partners) > 100
    assert all((graph.indices == row).any() for row in partners)


def test_only_what_is_missing_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few new faces are no reason to begin again; half an archive is."""
    kept(tmp_path, slice(0, 5000))
    with monkeypatch.context() as patched:
        patched.setattr(Neighbours, "find", None)
        assert len(kept(tmp_path, slice(0, 5500)).indices) == 5500
        assert len(kept(tmp_path, slice(100, 5500)).indices) == 5400
        with pytest.raises(TypeError):
            kept(tmp_path, slice(0, 2000))
    assert len(kept(tmp_path, slice(0, 2000)).indices) == 2000


def test_a_face_that_looks_different_now_is_looked_for_anew(tmp_path: Path) -> None:
    """A photo saved anew: its face keeps the id, and not the neighbours."""
    kept(tmp_path)
    faces = FACES.copy()
    changed = np.flatnonzero(np.bincount(TRUTH)[TRUTH] > 5)[0]
    other = np.flatnonzero((np.bincount(TRUTH)[TRUTH] > 5) & (TRUTH[changed] != TRUTH))[0]
    faces[changed] = faces[other]
    graph = kept(tmp_path, faces=faces)
    is_sound(graph, faces)
    assert graph.indices[changed, 0] == other
    assert graph.indices[other, 0] == changed


@pytest.mark.parametrize("harm", ["lost", "cut", "flipped", "nonsense", "other model"])
def test_a_graph_that_is_of_no_use_is_made_anew(tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost with it but time; damage is said."""
    before = kept(tmp_path)
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    if harm == "lost":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "nonsense":
        path.write_bytes(b"nonsense")
    else:
        neighbours_of(tmp_path, "another", IDS, FACES[:, ::-1].copy(), NEIGHBOURS, SIMILAR, keep=True)
    with caplog.at_level(logging.WARNING):
        after = kept(tmp_path)
    np.testing.assert_array_equal(before.indices, after.indices)
    assert ("damaged" in caplog.text) == (harm in {"cut", "flipped", "nonsense"})
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    caplog.clear()
    kept(tmp_path)
    assert not caplog.text


def killed_while_it_writes(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    kept(folder)


def test_what_a_killed_writer_leaves_behind_is_not_left_for_ever(tmp_path: Path) -> None:
    """The daemon was stopped while it was grouping, twice: the next graph that is kept takes the place of the pieces."""
    for _ in range(2):
        writer = multiprocessing.get_context("spawn").Process(target=killed_while_it_writes, args=(tmp_path,))
        writer.start()
        writer.join()
        assert writer.exitcode == -signal.SIGXFSZ
        assert len(list(tmp_path.iterdir())) == 1
    kept(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_where_it_cannot_be_kept_it_is_made_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And said; and a plan leaves nothing behind."""
    with caplog.at_level(logging.WARNING):
        assert len(kept(tmp_path / "missing").indices) == COUNT
    assert "cannot be stored" in caplog.text
    neighbours_of(tmp_path, "model", IDS, FACES, NEIGHBOURS, SIMILAR, keep=False)
    assert list(tmp_path.iterdir()) == []
