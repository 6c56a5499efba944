"""Who resembles everybody must resemble somebody more to be them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.graph import NEVER, NOBODY, Graph, neighbours
from facewatchd.core.grouping.hubness import hubness
from facewatchd.core.grouping.linkage import average_linkage
from facewatchd.domain import Embeddings

STRANGERS = 30


def faces(*alike: float) -> Embeddings:
    """Two faces each, of similarity 0.5 to each other and so similar to all of thirty strangers; and the strangers."""
    axes = np.eye(STRANGERS + 2 * len(alike))
    strangers = axes[:STRANGERS]
    rows = []
    for number, similarity in enumerate(alike):
        blend = strangers.sum(axis=0) * similarity
        own, other = axes[STRANGERS + 2 * number : STRANGERS + 2 * number + 2]
        for sign in (1, -1):
            shared = np.sqrt((1 + 0.5) / 2 - blend @ blend)
            rows.append(blend + shared * own + sign * 0.5 * other)
    found: Embeddings = np.concatenate([rows, strangers]).astype(np.float32)
    return found


def free(count: int) -> Ties:
    return Ties(np.arange(count), [None] * count, [frozenset()] * count)


def test_the_same_similarity_says_less_of_who_resembles_everybody() -> None:
    """Of two pairs, equally similar, only the one that resembles nobody is one person."""
    embeddings = faces(0.0, 0.15)
    graph = neighbours(embeddings, 15)
    found = hubness(graph, np.full(len(embeddings), -1))
    assert found[2:4] == pytest.approx(0.15, abs=0.01)
    assert found[:2] == pytest.approx(0.0, abs=0.03)
    rule = LinkRule(0.48, hubs=0.5)
    labels = average_linkage(embeddings, free(len(embeddings)), rule, graph=graph, hubness=found)
    assert labels[0] == labels[1]
    assert labels[2] != labels[3]
    plain = average_linkage(embeddings, free(len(embeddings)), LinkRule(0.48), graph=graph, hubness=found)
    assert plain[2] == plain[3]


def test_one_s_own_photos_are_no_strangers() -> None:
    """Twenty photos of one person are alike, which says nothing against them; they have what a few of them have."""
    random = np.random.default_rng(0)
    own = np.eye(64)[0] + random.normal(0, 0.02, (20, 64))
    others = np.eye(64)[1:31]
    embeddings = np.concatenate([own, others]).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = np.array([0] * 20 + [-1] * 30)
    found = hubness(neighbours(embeddings, 15), labels)
    assert np.abs(found).max() < 0.1
    assert np.ptp(found[:20]) < 1e-6


def test_nothing_known() -> None:
    """Too few faces to have strangers among their neighbours, or none at all."""
    empty = Graph(np.full((3, 15), NOBODY, np.int32), np.full((3, 15), NEVER, np.float32))
    assert hubness(empty, np.array([0, -1, 0])).tolist() == [0.0, 0.0, 0.0]
    assert hubness(neighbours(faces(0.1)[:4], 15), np.full(4, -1)).tolist() == [0.0] * 4
    assert hubness(Graph(empty.indices[:0], empty.similarities[:0]), np.empty(0, np.int64)).tolist() == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_it_is_a_difference_to_the_median(seed: int, count: int) -> None:
    """So that the threshold means the same in every archive; and finite, whatever the clusters are."""
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(count, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = hubness(neighbours(embeddings, 15), np.full(count, -1))
    assert np.median(found) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(hubness(neighbours(embeddings, 15), random.integers(-1, 4, count))).all()
