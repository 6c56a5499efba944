"""The graph of nearest neighbours: every pair once, most similar first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.core.grouping.graph import NEVER, NOBODY, Lists, distinct, neighbours
from facewatchd.domain import Embeddings


def some_faces(seed: int, count: int) -> Embeddings:
    vectors = np.random.default_rng(seed).normal(size=(count, 6))
    unit: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@settings(max_examples=50)
@given(seed=st.integers(0, 1000), count=st.integers(2, 30), k=st.integers(1, 12), fewer=st.integers(1, 12))
def test_edges_name_every_pair_once(seed: int, count: int, k: int, fewer: int) -> None:
    """A pair is an edge if one of the two is among the other's nearest, whichever it is."""
    graph = neighbours(some_faces(seed, count), k)
    a, b, similarity = graph.edges(fewer)
    expected = {
        (min(face, other), max(face, other))
        for face, others in enumerate(graph.indices[:, :fewer].tolist())
        for other in others
    }
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert pairs == sorted(expected)
    faces = some_faces(seed, count)
    np.testing.assert_allclose(similarity, (faces[a] * faces[b]).sum(axis=1), atol=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), count=st.integers(2, 30))
def test_the_most_similar_comes_first(seed: int, count: int) -> None:
    """So that fewer neighbours are the first columns."""
    faces = some_faces(seed, count)
    graph = neighbours(faces, 8)
    assert (np.diff(graph.similarities, axis=1) <= 0).all()
    np.testing.assert_array_equal(neighbours(faces, 1).indices[:, 0], graph.indices[:, 0])


def test_of_equals_the_first() -> None:
    """Copies are neighbours in the order in which they came in."""
    graph = neighbours(np.repeat(some_faces(1, 1), 4, axis=0), 3)
    assert graph.indices.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_nobody_is_no_edge() -> None:
    """A list that is not full ends with nobody."""
    lists = Lists(3, 2)
    lists.offer(np.array([0, 1]), np.array([2]), np.array([[0.5], [0.25]], np.float32))
    graph = lists.graph()
    assert graph.indices.tolist() == [[2, NOBODY], [2, NOBODY], [NOBODY, NOBODY]]
    a, b, similarity = graph.edges(2)
    assert list(zip(a.tolist(), b.tolist(), similarity.tolist(), strict=True)) == [(0, 2, 0.5), (1, 2, 0.25)]


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), count=st.integers(2, 60), k=st.integers(1, 5), parts=st.integers(1, 6))
def test_lists_do_not_hang_on_how_faces_are_offered(seed: int, count: int, k: int, parts: int) -> None:
    """In any number of portions, some of them twice: who is nearest is nearest, once."""
    faces = some_faces(seed, count)
    k = min(k, count - 1)
    products = faces @ faces.T
    np.fill_diagonal(products, -2)
    lists, everybody = Lists(count, k), np.arange(count)
    order = np.random.default_rng(seed).permutation(count)
    for others in (*np.array_split(order, parts), order[: count // 2]):
        lists.offer(everybody, others, products[:, others])
    graph, exact = lists.graph(), neighbours(faces, k)
    np.testing.assert_allclose(graph.similarities, exact.similarities, atol=1e-6)
    assert all(len(set(row)) == k for row in graph.indices.tolist())


@given(st.lists(st.integers(-5, 5)))
def test_distinct(values: list[int]) -> None:
    """As a set, ascending."""
    assert distinct(np.array(values, np.int64)).tolist() == sorted(set(values))


@given(seed=st.integers(0, 100), count=st.integers(0, 700), k=st.integers(1, 6))
def test_neighbours_are_compared_again_by_other_embeddings(seed: int, count: int, k: int) -> None:
    """The same ones, by their new similarities in the new order; lists that are not full stay so."""
    graph = neighbours(some_faces(seed, count), k)
    if count > k:
        graph.indices[0, -1], graph.similarities[0, -1] = NOBODY, NEVER
    other = some_faces(seed + 1, count)
    again = graph.compared_again(other)
    for face, (before, after, similarities) in enumerate(
        zip(graph.indices.tolist(), again.indices.tolist(), again.similarities.tolist(), strict=True)
    ):
        assert sorted(before) == sorted(after)
        assert similarities == sorted(similarities, reverse=True)
        for neighbour, similarity in zip(after, similarities, strict=True):
            expected = float(NEVER) if neighbour == NOBODY else float(other[face] @ other[neighbour])
            assert similarity == pytest.approx(expected, abs=1e-5)
