"""Groups whose faces do not fit together are told from people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.grouping.cohesion import cohesion, incoherent
from facewatchd.domain import Embeddings

LEAST = 0.3


def faces(people: list[int], noise: float = 0.05, dim: int = 64) -> Embeddings:
    """A face of each of these people, who are as unlike as can be."""
    vectors = np.eye(dim)[people] + np.random.default_rng(0).normal(0, noise, (len(people), dim))
    found: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


@pytest.mark.parametrize(
    ("people", "fits"),
    [
        pytest.param([0] * 12, True, id="one"),
        pytest.param([0] * 40 + [1], True, id="a stray among forty"),
        pytest.param([0] * 10 + [1] * 3, False, id="two, one of them small"),
        pytest.param([0, 1, 2], False, id="strangers"),
        pytest.param(list(range(30)), False, id="everybody"),
        pytest.param([0] * 2000 + [1] * 2000, False, id="two large"),
        pytest.param([0] * 4000, True, id="one large"),
    ],
)
def test_people_and_mixtures(people: list[int], fits: bool) -> None:
    """Nine of ten pairs are alike where it is one person."""
    assert (cohesion(faces(people)) >= LEAST) == fits


def test_few_faces_say_less() -> None:
    """One unlike face of eight is chance; two hundred unlike ones of sixteen hundred are somebody else's."""
    one, many = [0] * 7 + [1], [0] * 1400 + [1] * 200
    assert cohesion(faces(one)) >= LEAST > cohesion(faces(many))


def test_what_the_user_said_is_left_alone() -> None:
    """Where one person has half of the cluster: less may be guesses. Faces of no cluster are no cluster."""
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, -1, -1])
    people = [0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 8]
    whose = np.zeros(len(labels), np.int64)
    assert incoherent(faces(people), labels, LEAST, whose) == [0, 1]
    whose[[3, 4]] = 1, 2
    assert incoherent(faces(people), labels, LEAST, whose) == [0, 1]
    whose[3] = 2
    assert incoherent(faces(people), labels, LEAST, whose) == [0]


def test_nobody() -> None:
    """No faces; single ones."""
    none = np.empty(0, np.int64)
    assert incoherent(np.empty((0, 8), np.float32), none, LEAST, none) == []
    assert incoherent(faces([0, 1]), np.array([0, 1]), LEAST, np.zeros(2, np.int64)) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 4)), max_size=40), st.floats(-1, 1))
def test_fewer_are_refused_the_less_is_asked(members: list[tuple[int, int]], least: float) -> None:
    """Monotone; and nothing is asked of anybody at -1."""
    labels = np.array([label for _, label in members], np.int64)
    embeddings, free = faces([person for person, _ in members]), np.zeros(len(labels), np.int64)
    found = incoherent(embeddings, labels, least, free)
    assert set(found) <= set(incoherent(embeddings, labels, min(least + 0.2, 1.0), free))
    assert incoherent(embeddings, labels, -1.0, free) == []
