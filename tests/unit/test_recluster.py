"""Grouping all faces: people that are clearly apart are found, and medoids are real faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.core.evaluation.scores import score
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.graph import neighbours
from facewatchd.core.grouping.recluster import (
    NEIGHBOURS,
    ReclusterSettings,
    cluster,
    comparison,
    density_labels,
    fitted,
    medoid,
    medoids,
    strangers,
)
from facewatchd.core.matching.thresholds import LinkInSpreads, Strangers
from facewatchd.domain import Embeddings

SETTINGS = ReclusterSettings(min_faces=3, min_samples=2, link=0.46, bonus=0.04)


def people(seed: int, sizes: list[int], spread: float = 0.35, dim: int = 64) -> tuple[Embeddings, NDArray[np.int64]]:
    """
    Faces of made-up people as an ArcFace model sees them: strangers at right angles, one's own faces near each other.

    Returns:
        The faces, shuffled, and whose each is.
    """
    random = np.random.default_rng(seed)
    truth = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres, _ = np.linalg.qr(random.normal(size=(dim, max(1, len(sizes)))))
    noise = random.normal(size=(len(truth), dim))
    vectors = centres.T[truth] + spread * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


def free(count: int) -> Ties:
    return Ties(np.arange(count), [None] * count, [frozenset()] * count)


def assert_numbered(labels: NDArray[np.int64]) -> None:
    """Clusters are numbered by their first face."""
    seen = list(dict.fromkeys(labels[labels >= 0].tolist()))
    assert seen == list(range(len(seen)))


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([5], id="one person alone"),
        pytest.param([3, 3, 3], id="three small people"),
        pytest.param([40, 3, 7, 3], id="all sizes"),
        pytest.param([3] * 20, id="many small people"),
    ],
)
def test_people_who_are_apart_are_found(sizes: list[int]) -> None:
    """Every person is one cluster and every cluster one person."""
    faces, truth = people(1, sizes)
    labels = cluster(faces, free(len(faces)), SETTINGS)
    assert len(set(zip(labels.tolist(), truth.tolist(), strict=True))) == len(sizes) == labels.max() + 1
    assert labels.min() == 0
    assert_numbered(labels)


def test_one_person_is_found_though_density_sees_nothing() -> None:
    """HDBSCAN needs contrast and finds nobody in an archive of one person; linkage does."""
    faces, _ = people(2, [5])
    assert density_labels(faces, SETTINGS).tolist() == [-1] * 5
    assert cluster(faces, free(5), SETTINGS).tolist() == [0] * 5


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_faces_for_density(count: int) -> None:
    """HDBSCAN is not even asked about so few faces."""
    faces, _ = people(3, [count])
    assert density_labels(faces, SETTINGS).tolist() == [-1] * count


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_faces_than_a_person_needs(count: int) -> None:
    """Even if they are all alike, they are nobody."""
    faces, _ = people(3, [count])
    labels = cluster(faces, free(count), SETTINGS)
    assert labels.tolist() == [-1] * count
    assert labels.dtype == np.int64


@pytest.mark.parametrize(("least", "found"), [(2, {0, 1, 2}), (3, {0, 1}), (4, {0}), (7, set())])
def test_small_groups_are_nobody(least: int, found: set[int]) -> None:
    """People below `min_faces` stay in the unknown pool; the others are numbered without gaps."""
    faces, truth = people(4, [6, 3, 2])
    labels = cluster(faces, free(11), ReclusterSettings(least, 2, 0.46, 0.04))
    assert set(truth[labels >= 0].tolist()) == found
    assert_numbered(labels)


def test_strangers_are_nobody() -> None:
    """Faces that resemble no other are in no cluster."""
    faces, truth = people(5, [4, 4, *[1] * 12])
    labels = cluster(faces, free(len(faces)), SETTINGS)
    assert (labels[truth >= 2] == -1).all()
    assert set(labels[truth < 2].tolist()) == {0, 1}


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), photos=st.lists(st.integers(0, 8), min_size=20, max_size=20))
def test_two_faces_of_a_photo_are_two_people(seed: int, photos: list[int]) -> None:
    """However alike (twins, collages), no cluster has two faces of a photo; the same input gives the same labels."""
    faces, _ = people(seed, [12, 8])
    ties = Ties(np.array(photos, np.int64), [None] * 20, [frozenset()] * 20)
    labels = cluster(faces, ties, SETTINGS)
    inside = [(photo, label) for photo, label in zip(photos, labels.tolist(), strict=True) if label >= 0]
    assert len(inside) == len(set(inside))
    sizes = np.bincount(labels[labels >= 0])
    assert (sizes >= SETTINGS.min_faces).all()
    assert_numbered(labels)
    np.testing.assert_array_equal(cluster(faces, ties, SETTINGS), labels)


def test_the_density_step_lets_a_varied_person_be_one() -> None:
    """Two looks of a person a little below the threshold are joined where HDBSCAN sees one group, and without the bonus not."""
    random = np.random.default_rng(6)
    centres, _ = np.linalg.qr(random.normal(size=(64, 4)))
    looks = [centres[:, 0], 0.8 * centres[:, 0] + 0.6 * centres[:, 1], centres[:, 2], centres[:, 3]]
    vectors = np.repeat(np.array(looks), 8, axis=0) + random.normal(size=(32, 64)) * 0.05
    faces = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    every = faces.astype(np.float64) @ faces.T
    between = float(every[:8, 8:16].mean())
    hint = density_labels(faces, SETTINGS)
    strict = cluster(faces, free(32), ReclusterSettings(3, 2, between + 0.02, 0.0))
    helped = cluster(faces, free(32), ReclusterSettings(3, 2, between + 0.02, 0.04))
    assert hint[0] == hint[8] >= 0
    assert strict[0] != strict[8]
    assert helped[0] == helped[8]


# --- medoid ----------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 20))
def test_the_medoid_is_the_member_most_like_the_others(seed: int, count: int) -> None:
    """By definition: the highest mean similarity to the cluster."""
    faces, _ = people(seed, [count], spread=0.8)
    every = faces.astype(np.float64) @ faces.T.astype(np.float64)
    # one's similarity to oneself is the same for all, but for rounding
    np.fill_diagonal(every, 1)
    at = medoid(faces)
    assert 0 <= at < count
    assert every[at].mean() == pytest.approx(every.mean(axis=1).max(), abs=1e-6)


def test_of_equal_members_the_first_is_the_medoid() -> None:
    """Two faces are each as near to the other; copies are, too."""
    faces = np.eye(4, dtype=np.float32)
    assert medoid(faces[:2]) == 0
    assert medoid(faces[[3, 0, 0, 2, 0]]) == 1


def test_a_stray_does_not_pull_the_medoid() -> None:
    """A mean would move towards the stray; the medoid is still one of the many."""
    faces, _ = people(7, [9])
    assert medoid(np.concatenate([-faces[:1], faces])) != 0


def test_further_medoids_stand_for_the_others() -> None:
    """Of a cluster with three looks, three medoids have one each, and the medoid is the first."""
    random = np.random.default_rng(8)
    vectors = np.repeat(np.eye(16)[:3] + 0.5, [9, 5, 4], axis=0) + random.normal(size=(18, 16)) * 0.02
    faces = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    chosen = medoids(faces, 3)
    assert chosen[0] == medoid(faces)
    assert {next(look for look, end in enumerate((9, 14, 18)) if at < end) for at in chosen} == {0, 1, 2}


@settings(max_examples=50)
@given(seed=st.integers(0, 1000), count=st.integers(1, 12), most=st.integers(1, 6))
def test_medoids_are_different_members(seed: int, count: int, most: int) -> None:
    """As many as there are, and copies are not worth another."""
    faces, _ = people(seed, [count])
    chosen = medoids(np.repeat(faces, 2, axis=0), most)
    assert len({at // 2 for at in chosen}) == len(chosen) == min(most, count)


# --- thresholds that follow the archive ------------------------------------------------------------------------------


def test_strangers_are_measured_between_groups() -> None:
    """However many faces the people have, what is measured is how similar different people are."""
    faces, truth = people(9, [60, 30, *[2] * 40], dim=128)
    every = faces[np.unique(truth, return_index=True)[1]]
    pairs = (every @ every.T)[np.triu_indices(len(every), 1)]
    found = strangers(faces, truth)
    assert found is not None
    assert found[1] == 42
    assert found[0].mean == pytest.approx(np.median(pairs), abs=0.01)
    assert found[0].spread == pytest.approx(pairs.std(), rel=0.15)
    assert strangers(faces[:1], truth[:1]) is None


def test_the_threshold_follows_the_strangers() -> None:
    """Where strangers are half as widely spread as in the reference, the threshold is about half as far from them."""
    random = np.random.default_rng(10)
    labels = np.full(5000, -1, np.int64)
    reference = Strangers(mean=0.0, spread=0.1)
    rules = {}
    for dim in (100, 400):
        vectors = random.normal(size=(5000, dim))
        faces = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        rules[dim] = fitted(ReclusterSettings(2, 2, 0.5, 0.04, 0.3, 0.08, reference, 5000), faces, labels)
    assert rules[100].threshold == pytest.approx(0.5, abs=0.01)
    assert rules[400].threshold == pytest.approx(0.25, abs=0.01)
    assert rules[400].bonus == pytest.approx(0.02, abs=0.001)
    assert rules[400].large == pytest.approx(0.04, abs=0.002)
    assert rules[400].loose == 0.3


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([300], id="photos of oneself"),
        pytest.param([60, *[1] * 10], id="of one's child, and who came by"),
        pytest.param([300, *[1] * 60], id="many of them"),
    ],
)
def test_the_threshold_does_not_follow_one_person(sizes: list[int]) -> None:
    """HDBSCAN finds nobody where only one person has several photos; these are no strangers to each other all the same."""
    faces, truth = people(14, sizes, spread=0.6)
    rule = ReclusterSettings(3, 2, 0.495, 0.03, 0.35, 0.07, Strangers(0.011, 0.1008))
    labels = cluster(faces, free(len(faces)), rule)
    assert (labels == np.where(truth == 0, 0, -1)).all()


def test_more_faces_ask_for_more_similarity() -> None:
    """The more strangers there are, the more similar are the most similar two of them."""
    faces, _ = people(11, [1] * 64, dim=64)
    rule = ReclusterSettings(2, 2, 0.5, 0.0, strangers=Strangers(0.0, 0.1), faces=5000)
    few = fitted(rule, faces, np.arange(64))
    many = fitted(rule, np.repeat(faces, 200, axis=0), np.repeat(np.arange(64), 200))
    assert few.threshold < many.threshold


def test_what_the_user_sets_is_meant_as_it_is() -> None:
    """Without strangers to refer to, nothing follows anything."""
    faces, truth = people(12, [3] * 30)
    rule = fitted(ReclusterSettings(2, 2, 0.61, 0.02, 0.1, 0.05), faces, truth)
    assert (rule.threshold, rule.bonus, rule.loose, rule.large) == (0.61, 0.02, 0.1, 0.05)


SPREADS = LinkInSpreads(link=4.75, bonus=0.3, large=0.7, company=1.25, coherent=0.6, strangers=Strangers(0.0, 0.1))


def scored(labels: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return score(truth, labels).bcubed_f1


def test_what_all_people_share_does_not_make_them_one_person() -> None:
    """An archive whose people are all alike along one direction, as children are: as it is, strangers among them are joined."""
    faces, truth = people(3, [6] * 150, dim=160)
    random = np.random.default_rng(4)
    shared = np.zeros(160, np.float32)
    shared[0] = 1
    alike = random.random(150) < 0.5
    faces = faces + 1.0 * alike[truth][:, np.newaxis] * shared
    faces = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    as_it_is = replace(SETTINGS, link=0.5, strangers=Strangers(0.0, 0.1))
    assert scored(cluster(faces, free(len(faces)), as_it_is), truth) < 0.9
    assert scored(cluster(faces, free(len(faces)), replace(as_it_is, spreads=SPREADS)), truth) > 0.98


@pytest.mark.parametrize("sizes", [[3], [30], [300], [15, 15], [6, 6, 6]], ids=str)
@pytest.mark.parametrize("spread", [0.5, 0.9])
def test_an_archive_of_very_few_people(sizes: list[int], spread: float) -> None:
    """What one person looks like is nothing that people have in common."""
    faces, truth = people(7, sizes, spread=spread, dim=512)
    now = replace(SETTINGS, link=0.495, strangers=Strangers(0.011, 0.1008), spreads=SPREADS)
    assert scored(cluster(faces, free(len(faces)), now), truth) == 1


@given(seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_people_who_have_nothing_in_common_are_found_as_before(seed: int) -> None:
    faces, _ = people(seed, [8, 5, 3, 3, 12])
    before = cluster(faces, free(len(faces)), SETTINGS)
    now = replace(SETTINGS, spreads=SPREADS)
    np.testing.assert_array_equal(cluster(faces, free(len(faces)), now), before)
    np.testing.assert_array_equal(cluster(faces, free(len(faces)), now), cluster(faces, free(len(faces)), now))


def test_half_precision_gives_the_same_groups() -> None:
    faces, _ = people(5, [6] * 60, dim=128)
    now = replace(SETTINGS, spreads=SPREADS)
    np.testing.assert_array_equal(
        cluster(faces.astype(np.float16), free(len(faces)), now, neighbours(faces, NEIGHBOURS)),
        cluster(faces, free(len(faces)), now),
    )


def test_an_archive_of_more_people_asks_for_more_similarity() -> None:
    """More people, not more photos of them."""
    now = replace(SETTINGS, spreads=SPREADS)

    def above(count: int, photos: int) -> float:
        """The threshold above the mean, in spreads of the impostor pairs."""
        faces, truth = people(6, [photos] * count, spread=1, dim=360)
        found = comparison(faces, truth, now)
        return (found.rule.threshold - found.mean) * SPREADS.bonus / found.rule.bonus

    assert above(360, 1) == pytest.approx(above(360, 3))
    assert above(360, 1) > above(330, 1) > above(300, 1) == pytest.approx(above(30, 1))
