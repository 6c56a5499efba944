"""Average linkage on neighbours: what all pairs would give, and never what must not be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.core.grouping import union_find
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.graph import _BLOCK, neighbours
from facewatchd.core.grouping.linkage import average_linkage
from facewatchd.domain import Embeddings

seeds = st.integers(0, 10_000)


@pytest.fixture(scope="module", autouse=True, params=[1, union_find.TOGETHER], ids=["many pieces", "one piece"])
def together(request: pytest.FixtureRequest) -> Iterator[None]:
    """However an archive is divided to be worked on, everything holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(union_find, "TOGETHER", request.param)
        yield


def some_faces(seed: int, count: int, dim: int = 8) -> Embeddings:
    """Random unit vectors in a cone, so that all kinds of similarity occur."""
    vectors = np.random.default_rng(seed).normal(size=(count, dim)) + 0.6
    unit: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def free(count: int) -> Ties:
    """Nothing must stay apart: a photo each, no word of the user."""
    return Ties(np.arange(count), [None] * count, [frozenset()] * count)


def partition(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def at_angles(*degrees: float) -> Embeddings:
    """Faces on a circle: their similarity is the cosine of the angle between them."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


# --- neighbours ------------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(seed=seeds, count=st.integers(2, 40), k=st.integers(1, 45))
def test_neighbours_are_those_of_a_full_sort(seed: int, count: int, k: int) -> None:
    """Each face gets its k most similar others, never itself, with their similarities."""
    faces = some_faces(seed, count)
    indices, similarities = neighbours(faces, k)
    assert indices.shape == similarities.shape == (count, min(k, count - 1))
    every = faces @ faces.T
    np.testing.assert_allclose(np.take_along_axis(every, indices, axis=1), similarities, atol=1e-6)
    assert not (indices == np.arange(count)[:, None]).any()
    assert all(len(set(row)) == len(row) for row in indices.tolist())
    np.fill_diagonal(every, -2)
    best = -np.sort(-every, axis=1)[:, : min(k, count - 1)]
    np.testing.assert_allclose(-np.sort(-similarities, axis=1), best, atol=1e-6)


def test_bursts_of_one_person_are_found_together() -> None:
    """Four series of fifteen frames: all neighbours of a frame are in its own series, and yet it is one person."""
    rng = np.random.default_rng(0)

    def near(centre: NDArray[np.float64], similarity: float) -> NDArray[np.float64]:
        noise = rng.standard_normal(128)
        mixed = centre * np.sqrt(similarity) + noise / np.linalg.norm(noise) * np.sqrt(1 - similarity)
        vector: NDArray[np.float64] = mixed / np.linalg.norm(mixed)
        return vector

    person, stranger = near(np.zeros(128), 0.0), near(np.zeros(128), 0.0)
    series = [near(person, 0.74) for _ in range(4)]
    frames = [near(centre, 0.99) for centre in series for _ in range(15)]
    faces = np.array([*frames, *(near(stranger, 0.8) for _ in range(15))], np.float32)
    assert partition(average_linkage(faces, free(75), 0.46)) == {frozenset(range(60)), frozenset(range(60, 75))}


def test_neighbours_across_blocks() -> None:
    """The last, smaller block of a large archive is searched like the others."""
    faces = some_faces(1, _BLOCK + 3, dim=4)
    indices, _ = neighbours(faces, 1)
    for face in (0, _BLOCK - 1, _BLOCK, _BLOCK + 2):
        similarities = faces @ faces[face]
        similarities[face] = -2
        assert similarities[indices[face, 0]] == pytest.approx(similarities.max(), abs=1e-6)


def test_a_copy_is_a_neighbour() -> None:
    """Of two identical faces each is the other's neighbour, and not its own."""
    indices, _ = neighbours(at_angles(0, 0, 90), 1)
    assert indices[:2, 0].tolist() == [1, 0]


@pytest.mark.parametrize(("count", "k"), [(0, 10), (1, 10), (3, 0)])
def test_no_neighbours(count: int, k: int) -> None:
    """Nobody, somebody alone, and nobody asked for."""
    indices, similarities = neighbours(some_faces(1, count), k)
    assert indices.shape == similarities.shape == (count, 0)


# --- linkage ---------------------------------------------------------------------------------------------------------


def may_join(a: frozenset[int], b: frozenset[int], ties: Ties) -> bool:
    """The definition, pair of faces by pair of faces."""
    members = a | b
    if len({int(ties.photo[face]) for face in members}) < len(members):
        return False
    owners = {owner for face in members if (owner := ties.owner[face]) is not None}
    return len(owners) <= 1 and not any(owners & ties.refused[face] for face in members)


def naive_linkage(faces: Embeddings, ties: Ties, threshold: float) -> set[frozenset[int]]:
    """All pairs of clusters are compared, all pairs of their faces averaged, again and again."""
    every = faces.astype(np.float64) @ faces.T.astype(np.float64)
    clusters = {frozenset([face]) for face in range(len(faces))}
    while True:
        pairs = [(a, b) for a, b in combinations(clusters, 2) if may_join(a, b, ties)]
        means = {(a, b): float(every[np.ix_(sorted(a), sorted(b))].mean()) for a, b in pairs}
        best = max(means, key=lambda pair: means[pair], default=None)
        if best is None or means[best] < threshold:
            return clusters
        clusters = clusters - set(best) | {best[0] | best[1]}


@st.composite
def random_ties(draw: st.DrawFn, count: int) -> Ties:
    """Faces of few photos, and a user who said much."""
    photos = draw(st.lists(st.integers(0, count), min_size=count, max_size=count))
    owners = draw(st.lists(st.sampled_from([None, None, None, 1, 2]), min_size=count, max_size=count))
    refused = draw(st.lists(st.frozensets(st.integers(1, 2), max_size=1), min_size=count, max_size=count))
    # nobody says that a face is Anna's and is not
    refused = [people - {owner} for people, owner in zip(refused, owners, strict=True)]
    return Ties(np.array(photos, np.int64), owners, refused)


@settings(max_examples=60)
@given(seed=seeds, count=st.integers(1, 14), threshold=st.floats(0.1, 0.9), data=st.data())
def test_with_all_neighbours_it_is_average_linkage(
    seed: int, count: int, threshold: float, data: st.DataObject
) -> None:
    """Where every face is everybody's neighbour, the result is that of the plain algorithm."""
    faces = some_faces(seed, count)
    ties = data.draw(st.one_of(st.just(free(count)), random_ties(count)))
    assert partition(average_linkage(faces, ties, threshold, k=count)) == naive_linkage(faces, ties, threshold)


@settings(max_examples=100)
@given(seed=seeds, count=st.integers(0, 30), threshold=st.floats(-1, 0.9), k=st.integers(1, 30), data=st.data())
def test_what_must_stay_apart_stays_apart(seed: int, count: int, threshold: float, k: int, data: st.DataObject) -> None:
    """However similar, two faces of a photo, of two people, or of a person and one refused to them, are never joined."""
    ties = data.draw(random_ties(count))
    hint = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count)), np.int64)
    labels = average_linkage(some_faces(seed, count), ties, threshold, hint, 0.5, k)
    for cluster in partition(labels):
        assert may_join(cluster, frozenset(), ties)
    assert labels.shape == (count,)
    assert labels.dtype == np.int64


@settings(max_examples=50)
@given(seed=seeds, count=st.integers(1, 25), threshold=st.floats(0.2, 0.9), data=st.data())
def test_order_does_not_matter(seed: int, count: int, threshold: float, data: st.DataObject) -> None:
    """The same faces in another order are the same groups."""
    faces, ties = some_faces(seed, count), data.draw(random_ties(count))
    order = np.array(data.draw(st.permutations(range(count))), np.int64)
    other = Ties(
        ties.photo[order], [ties.owner[at] for at in order.tolist()], [ties.refused[at] for at in order.tolist()]
    )
    shuffled = average_linkage(faces[order], other, threshold)
    back = {frozenset(order[sorted(cluster)].tolist()) for cluster in partition(shuffled)}
    assert back == partition(average_linkage(faces, ties, threshold))


@settings(max_examples=50)
@given(seed=seeds, count=st.integers(0, 25), threshold=st.floats(0.2, 0.9))
def test_labels_are_numbered_by_their_first_face(seed: int, count: int, threshold: float) -> None:
    """Labels are 0, 1, ... in the order in which clusters first appear, the same each time."""
    faces = some_faces(seed, count)
    labels = average_linkage(faces, free(count), threshold)
    assert list(dict.fromkeys(labels.tolist())) == list(range(len(partition(labels))))
    np.testing.assert_array_equal(average_linkage(faces, free(count), threshold), labels)


@settings(max_examples=50)
@given(seed=seeds, count=st.integers(1, 14), threshold=st.floats(0.1, 0.9))
def test_clusters_are_as_similar_as_asked_and_no_more_could_be_joined(seed: int, count: int, threshold: float) -> None:
    """No two of the clusters left are similar enough to be one."""
    faces = some_faces(seed, count)
    clusters = partition(average_linkage(faces, free(count), threshold, k=count))
    every = faces.astype(np.float64) @ faces.T.astype(np.float64)
    for a, b in combinations(clusters, 2):
        assert every[np.ix_(sorted(a), sorted(b))].mean() < threshold + 1e-9


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        pytest.param(at_angles(), [], id="nobody"),
        pytest.param(at_angles(0), [0], id="one"),
        pytest.param(at_angles(0, 30), [0, 0], id="two alike"),
        pytest.param(at_angles(0, 90), [0, 1], id="two unlike"),
        pytest.param(at_angles(0, 0, 0), [0, 0, 0], id="copies"),
    ],
)
def test_few_faces(faces: Embeddings, expected: list[int]) -> None:
    """The smallest archives."""
    assert average_linkage(faces, free(len(faces)), 0.5).tolist() == expected


@pytest.mark.parametrize(
    ("hint", "bonus", "expected"),
    [
        pytest.param([0, 0], 0.1, [0, 0], id="a hint joins what is just below the threshold"),
        pytest.param([0, 0], 0.01, [0, 1], id="... within the bonus only"),
        pytest.param([0, 1], 0.1, [0, 1], id="two hints"),
        pytest.param([-1, -1], 0.1, [0, 1], id="to be in no cluster is no hint"),
        pytest.param([0, -1], 0.1, [0, 1], id="a hint for one of them"),
    ],
)
def test_hints(hint: list[int], bonus: float, expected: list[int]) -> None:
    """Two faces of similarity 0.5 and a threshold of 0.55: the hint decides."""
    faces = at_angles(0, 60)
    assert average_linkage(faces, free(2), 0.55, np.array(hint, np.int64), bonus).tolist() == expected


def test_a_cluster_passes_its_hint_on() -> None:
    """A face without a hint that joins a hinted one is one with it: the pair is then hinted as a whole."""
    faces = at_angles(0, 5, 62)
    hint = np.array([-1, 0, 0], np.int64)
    assert average_linkage(faces, free(3), 0.55, hint, 0.1).tolist() == [0, 0, 0]
    assert average_linkage(faces, free(3), 0.55, hint, 0.0).tolist() == [0, 0, 1]


def test_a_refusal_keeps_a_whole_cluster_away() -> None:
    """A face refused to Anna cannot come into her cluster through a face of nobody that it joined before."""
    faces = at_angles(0, 1, 3)
    ties = Ties(np.arange(3), [None, None, 1], [frozenset({1}), frozenset(), frozenset()])
    assert average_linkage(faces, ties, 0.5).tolist() == [0, 0, 1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_around_a_large_cluster_everything_still_stays_apart(seed: int) -> None:
    """A cluster that takes in many at once takes no two of a photo, nobody refused and nobody else's."""
    random = np.random.default_rng(seed)
    vectors = np.eye(16)[0] + random.normal(size=(600, 16)) * 0.12
    faces = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    owners = [None if number % 25 else number % 2 for number in range(600)]
    ties = Ties(
        random.integers(0, 300, 600), owners, [frozenset({0}) if n % 40 == 1 else frozenset() for n in range(600)]
    )
    labels = average_linkage(faces, ties, 0.3)
    assert np.bincount(labels).max() > 50
    for cluster in partition(labels):
        assert may_join(cluster, frozenset(), ties)
    np.testing.assert_array_equal(average_linkage(faces, ties, 0.3), labels)


def test_a_large_cluster_loses_nobody() -> None:
    """Taking in many at once ends where one by one ends: one person of 2,000 faces, and the strangers outside."""
    random = np.random.default_rng(1)
    vectors = np.concatenate(
        [np.eye(64)[0] + random.normal(size=(2000, 64)) * 0.1, random.normal(size=(40, 64)) - 3 * np.eye(64)[0]]
    )
    faces = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    labels = average_linkage(faces, free(2040), 0.4)
    assert len(set(labels[:2000].tolist())) == 1
    assert labels[0] not in labels[2000:]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(LinkRule(0.41), [0, 0, 1, 1], id="two pairs, their mean below the threshold"),
        pytest.param(LinkRule(0.41, large=0.05), [0, 0, 0, 0], id="less is enough for more faces"),
        pytest.param(LinkRule(0.41, loose=1.0), [0, 0, 0, 0], id="... and for loose ones"),
    ],
)
def test_rules(rule: LinkRule, expected: list[int]) -> None:
    """Two pairs, each 30 degrees wide, 35 apart: their mean similarity is 0.394, that of their directions 0.423."""
    assert average_linkage(at_angles(0, 30, 65, 95), free(4), rule).tolist() == expected


def three_times_each(*vectors: tuple[float, float, float]) -> Embeddings:
    """Series of three frames: with two neighbours each, all of a frame's are in its own series."""
    return np.repeat(np.array(vectors, np.float32), 3, axis=0)


def test_who_just_missed_a_person_joins_when_that_person_has_grown() -> None:
    """A face too unlike three frames is near enough to six, whose mean is less of an accident: 0.400 + 0.05 * 0.59."""
    frames = three_times_each((0.894, 0.447, 0.0), (0.894, -0.447, 0.0))
    faces = np.concatenate([frames, np.array([[0.447, 0.001, 0.894]], np.float32)])
    rule = LinkRule(0.425, large=0.05)
    assert average_linkage(faces[[0, 1, 2, 6]], free(4), rule, k=2).tolist() == [0, 0, 0, 1]
    assert average_linkage(faces, free(7), rule, k=2).tolist() == [0] * 7


def test_a_series_that_fits_none_of_two_fits_both_together() -> None:
    """0.45 to either of two series of a person whose looks vary is too little; to both together, of one direction, not."""
    faces = three_times_each((0.906, 0.423, 0.0), (0.906, -0.423, 0.0), (0.4965, 0.0, 0.868))
    rule = LinkRule(0.48, loose=1.0)
    assert average_linkage(faces[[0, 1, 2, 6, 7, 8]], free(6), rule, k=2).tolist() == [0, 0, 0, 1, 1, 1]
    assert average_linkage(faces, free(9), rule, k=2).tolist() == [0] * 9
