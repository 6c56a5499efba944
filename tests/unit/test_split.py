"""Which of a person's faces belong together, where the user says that they are several people."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.core.grouping.split import parts
from facewatchd.domain import Embeddings


def around(axes: list[int], seed: int = 0) -> Embeddings:
    """A face near each of these axes of 32."""
    vectors = np.eye(32)[axes] + np.random.default_rng(seed).normal(0, 0.08, (len(axes), 32))
    unit: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def rows(groups: list[NDArray[np.int64]]) -> list[list[int]]:
    return [group.tolist() for group in groups]


def test_the_groups_that_somebody_came_together_from() -> None:
    """Clusters of the last reclustering, the largest first; who was in none goes with whom they resemble."""
    axes = [0, 1, 1, 2, 1, 0, 2]
    clusters = [4, 9, 9, 2, None, 4, 2]
    assert rows(parts(clusters, around(axes))) == [[1, 2, 4], [0, 5], [3, 6]]


def test_one_group_is_halved_where_it_is_most_unlike() -> None:
    """Two people whom the program took for one."""
    axes = [0, 0, 1, 0, 1, 0, 1, 0]
    assert rows(parts([7] * len(axes), around(axes))) == [[0, 1, 3, 5, 7], [2, 4, 6]]
    assert rows(parts([None] * len(axes), around(axes))) == [[0, 1, 3, 5, 7], [2, 4, 6]]


def test_faces_that_are_all_the_same_are_one() -> None:
    """Copies of one photo; a single face; none at all."""
    assert rows(parts([1] * 4, np.tile(around([3]), (4, 1)))) == [[0, 1, 2, 3]]
    assert rows(parts([1], around([3]))) == [[0]]
    assert parts([], np.empty((0, 32), np.float32)) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 3))), min_size=1, max_size=40))
def test_every_face_is_in_one_group(faces: list[tuple[int, int | None]]) -> None:
    """None is lost, none is in two."""
    groups = parts([cluster for _, cluster in faces], around([axis for axis, _ in faces]))
    assert sorted(row for group in rows(groups) for row in group) == list(range(len(faces)))
    assert [len(group) for group in groups] == sorted((len(group) for group in groups), reverse=True)
