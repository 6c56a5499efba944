"""`core.grouping.common`: what the people of an archive have in common is found, and taken out; accidents are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from facewatchd.core.grouping.common import Spread, common_of, prior, spread_of_people
from facewatchd.domain import Embeddings

DIM = 64


def unit(rows: NDArray[np.floating]) -> Embeddings:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def people(count: int, seed: int = 0) -> Embeddings:
    """Directions that have nothing in common."""
    return unit(np.random.default_rng(seed).standard_normal((count, DIM)))


def axis(at: int, length: float) -> NDArray[np.float64]:
    return np.asarray(length * np.eye(DIM)[at])


def along(rows: Embeddings, at: int) -> float:
    """How far vectors differ along an axis, as a share of how far they differ along the others."""
    others = np.delete(rows, at, axis=1)
    return float(rows[:, at].std() / others.std())


def spread(embeddings: Embeddings, labels: NDArray[np.int64] | None = None) -> Spread:
    found = spread_of_people(embeddings, np.arange(len(embeddings)) if labels is None else labels)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_a_direction_in_which_all_differ_is_shortened(kind: type) -> None:
    random = np.random.default_rng(1)
    shown: Embeddings = unit(people(2000) + random.standard_normal((2000, 1)) * axis(3, 0.6)).astype(kind)
    common = common_of(spread(shown))
    assert len(common.directions) == 1
    assert abs(common.directions[0, 3]) > 0.99
    left = common.taken_out(shown)
    assert left.dtype == kind
    np.testing.assert_allclose(np.linalg.norm(left.astype(np.float32), axis=1), 1, atol=2e-3)
    assert along(shown.astype(np.float32), 3) > 3
    assert along(left.astype(np.float32), 3) < 1.6


def test_a_mean_that_all_share_is_taken_out() -> None:
    shown = unit(people(500) + axis(0, 0.8))
    left = common_of(spread(shown)).taken_out(shown)
    assert (shown @ shown.T).mean() > 0.3
    assert (left @ left.T).mean() < 0.05


@pytest.mark.parametrize("count", [1, 2, 5, 40, 300, 5000])
def test_directions_that_are_an_accident_stay(count: int) -> None:
    """So an archive of a few people changes nothing by itself."""
    assert len(common_of(spread(people(count))).directions) == 0


@pytest.mark.parametrize("count", [1, 2, 5, 40, 300])
def test_a_mean_that_is_an_accident_stays(count: int) -> None:
    """The mean of one person is this person."""
    shown = people(count)
    np.testing.assert_allclose(common_of(spread(shown)).taken_out(shown), shown, atol=0.1)


def test_the_mean_of_one_person_is_not_what_people_have_in_common() -> None:
    shown = unit(axis(0, 1) + 0.1 * people(30))
    common = common_of(spread(shown, np.zeros(30, np.int64)))
    np.testing.assert_allclose(common.taken_out(shown), shown, atol=1e-6)


def test_a_person_counts_once_however_many_photos_there_are() -> None:
    """A thousand faces along one direction are a person, and no direction that people have in common."""
    random = np.random.default_rng(2)
    shown = unit(np.concatenate([people(100), axis(5, 1) + 0.05 * random.standard_normal((1000, DIM))]))
    labels = np.concatenate([np.arange(100), np.full(1000, 100)])
    common = common_of(spread(shown, labels))
    assert len(common.directions) == 0
    assert abs(common.mean[5]) < 0.05


def test_faces_of_no_cluster_count_each() -> None:
    shown = people(30)
    alone = spread(shown, np.full(30, -1))
    every = spread(shown)
    assert alone.count == every.count == 30
    np.testing.assert_allclose(alone.covariance, every.covariance)


def test_of_very_many_people_some_are_measured() -> None:
    shown = people(30_000)
    assert spread(shown).count == 20_000
    np.testing.assert_allclose(spread(shown).covariance, np.eye(DIM) / DIM, atol=1.5e-3)


def test_two_spreads_together_are_that_of_all() -> None:
    first, second = people(300, 1), unit(people(700, 2) + axis(0, 0.5))
    both = spread(first).together(spread(second))
    of_all = spread(np.concatenate([first, second]))
    assert both.count == of_all.count
    np.testing.assert_allclose(both.mean, of_all.mean)
    np.testing.assert_allclose(both.covariance, of_all.covariance)


def test_without_faces_there_is_no_spread() -> None:
    assert spread_of_people(np.empty((0, DIM), np.float32), np.empty(0, np.int64)) is None


def test_the_prior_stands_in_for_a_small_archive() -> None:
    """The people of the built-in models lie in a narrow cone; with the prior that is known before there is anybody."""
    known = prior("dlib")
    assert known.mean.shape == (128,)
    assert 0.85 < np.linalg.norm(known.mean) < 0.95
    random = np.random.default_rng(0)
    shown = unit(random.multivariate_normal(known.mean, known.covariance, 5))
    own = spread(shown)
    left = common_of(own.together(known)).taken_out(shown)
    assert (shown @ shown.T)[~np.eye(5, dtype=bool)].mean() > 0.7
    assert (left @ left.T)[~np.eye(5, dtype=bool)].mean() < 0.3
