"""Thresholds from confirmed faces: what they follow, and that those who are tried had no part in them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.core.evaluation import calibration as module
from facewatchd.core.evaluation.calibration import (
    MIN_FACES,
    MIN_PEOPLE,
    Archive,
    Calibration,
    Rates,
    calibrate,
    reference_of,
    tail,
    usable,
)
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.linkage import average_linkage
from facewatchd.core.matching.assign import COHORT_SHARE, assign, look
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.core.matching.thresholds import shipped_thresholds
from facewatchd.domain import Embeddings

SHIPPED = shipped_thresholds("buffalo_l")
REFERENCE = reference_of("buffalo_l")
ALIKE = REFERENCE.fits.spread


def archive(known: int = 30) -> Archive:
    rule = LinkRule(SHIPPED.link, SHIPPED.bonus, SHIPPED.loose, SHIPPED.large)
    return Archive(SHIPPED, SHIPPED, rule, slope=1.0, growth=1.0, known=known)


def faces(
    seed: int, people: int, each: int, alike: float = 0.0, close: float = 0.8, dim: int = 96
) -> tuple[Embeddings, NDArray[np.int64], NDArray[np.int64]]:
    """People in directions of their own, `alike` similar to each other; embeddings, people, clusters."""
    random = np.random.default_rng(seed)

    def directions(count: int) -> NDArray[np.float64]:
        vectors = random.normal(size=(count, dim))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    centres = directions(people) * np.sqrt(1 - alike) + directions(1) * np.sqrt(alike)
    owners = np.repeat(np.arange(people), each)
    vectors = centres[owners] * close + directions(len(owners)) * np.sqrt(1 - close**2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), owners + 1, owners % 3


def run(
    seed: int, known: int = 30, people: int = 25, each: int = 6, alike: float = 0.0, close: float = 0.8
) -> Calibration:
    return calibrate(*faces(seed, people, each, alike, close), archive(known), REFERENCE)


@settings(max_examples=40)
@given(location=st.floats(-0.5, 0.8), spread=st.floats(0.005, 0.3), seed=st.integers(0, 1000))
def test_the_upper_end_is_that_of_the_distribution(location: float, spread: float, seed: int) -> None:
    """Of a normal one it is that one's mean and spread; its lower end does not matter."""
    values = np.random.default_rng(seed).normal(location, spread, 20_000)
    found = tail(values)
    assert found.location == pytest.approx(location, abs=spread / 5)
    assert found.spread == pytest.approx(spread, rel=0.15)
    low = np.where(values < location, location - 5 * (location - values), values)
    assert tail(low) == found


def test_strangers_who_are_all_alike_have_a_spread() -> None:
    """So that nothing is divided by it."""
    found = tail(np.full(10, 0.5))
    assert found.location == pytest.approx(0.5, abs=1e-3)
    assert found.spread > 0


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    people=st.integers(MIN_PEOPLE, 40),
    each=st.integers(MIN_FACES, 9),
    alike=st.floats(0, 0.9),
    close=st.floats(0.3, 0.99),
)
def test_whatever_the_faces_are_like(seed: int, people: int, each: int, alike: float, close: float) -> None:
    """Thresholds are similarities, rates are shares, and the same faces give the same."""
    found = run(seed, people=people, each=each, alike=alike, close=close)
    assert found == run(seed, people=people, each=each, alike=alike, close=close)
    assert all(-1 <= value <= 1 for value in dataclasses.astuple(found.calibrated))
    rates: list[Rates] = [found.present_rates, found.calibrated_rates]
    assert all(0 <= value <= 1 for rate in rates for value in dataclasses.astuple(rate))
    assert (found.people, found.present) == (people, module.Chosen(SHIPPED.assign, SHIPPED.link))
    assert 0 < found.weight < 1


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), few=st.integers(1, 3000), more=st.integers(1, 3000))
def test_more_people_to_be_mistaken_for_ask_for_more(seed: int, few: int, more: int) -> None:
    """The more are known, the higher the threshold for new faces; grouping knows of the archive's size by itself."""
    one, other = run(seed, min(few, more)), run(seed, max(few, more))
    assert one.calibrated.assign <= other.calibrated.assign
    assert one.calibrated.link == other.calibrated.link
    assert one.present_rates.strangers <= other.present_rates.strangers


def test_what_more_people_ask_of_each_face_is_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threshold rises by what `core.matching.assign.needed` leaves."""

    def rise() -> float:
        return run(1, 10 * REFERENCE.people).calibrated.assign - run(1, REFERENCE.people).calibrated.assign

    found = rise()
    monkeypatch.setattr(module, "COHORT_SHARE", 0.0)
    assert found == pytest.approx(rise() * (1 - COHORT_SHARE))
    assert found > 0.01


def test_of_very_many_people_some_say_enough() -> None:
    """Everybody against everybody would take gigabytes; those who are looked at say the same as all."""
    found = calibrate(*faces(1, 1200, 4), archive(1200), REFERENCE)
    assert (found.people, found.faces) == (500, 2000)
    fewer = calibrate(*faces(1, 450, 4), archive(1200), REFERENCE)
    assert found.calibrated.assign == pytest.approx(fewer.calibrated.assign, abs=0.02)
    assert found.calibrated_rates.strangers == pytest.approx(fewer.calibrated_rates.strangers, abs=0.005)


def test_people_who_look_alike_ask_for_more() -> None:
    """A model or a family whose strangers are more alike than the reference's raises both thresholds, and the more so
    the more people say it; with them strangers are told apart again."""
    plain, alike = run(1, alike=0.0), run(1, alike=0.4)
    assert alike.calibrated.assign > plain.calibrated.assign + 0.05
    assert alike.calibrated.link > plain.calibrated.link + 0.03
    surer = run(1, alike=0.4, people=120)
    assert surer.calibrated.assign > alike.calibrated.assign + 0.05
    assert surer.present_rates.strangers > 0.002
    assert surer.calibrated_rates.strangers < surer.present_rates.strangers / 3
    assert surer.calibrated_rates.wrong_links <= surer.present_rates.wrong_links


def test_strangers_who_look_alike_are_told_apart_uncalibrated() -> None:
    """By how well a face fits the people next to the best one, hardly any of those are let in who would be without."""
    plain = dataclasses.replace(archive(), present=dataclasses.replace(SHIPPED, cohort=None))
    people = faces(1, 120, 6, alike=0.4)
    without = calibrate(*people, plain, REFERENCE).present_rates
    found = calibrate(*people, archive(), REFERENCE).present_rates
    assert found.strangers < without.strangers / 5
    assert found.missed == without.missed == 0


def test_what_is_said_of_strangers_is_so_where_more_people_are_known_than_confirmed() -> None:
    """From 100 confirmed of 1,000 known people: as many strangers as are really let in, or up to four times as many."""
    embeddings, people, clusters = faces(1, 1300, 6, alike=0.3)
    is_confirmed, is_known = people <= 100, people <= 1000
    said = calibrate(
        embeddings[is_confirmed], people[is_confirmed], clusters[is_confirmed], archive(1000), REFERENCE
    ).present_rates.strangers
    learned = is_known & (np.arange(len(people)) % 6 < 4)
    known = GalleryIndex(people[learned], embeddings[learned])
    let_in = [assign(one, SHIPPED).person_id is not None for one in look(embeddings[~is_known], known)]
    assert 0.002 < np.mean(let_in) <= said <= 4 * np.mean(let_in)


def test_the_margin_in_use_is_that_of_both() -> None:
    """It is not calibrated: where nobody is ahead enough, everybody is missed by either threshold."""
    found = calibrate(
        *faces(1, 25, 6), dataclasses.replace(archive(), present=dataclasses.replace(SHIPPED, margin=2.0)), REFERENCE
    )
    assert found.present_rates.missed == found.calibrated_rates.missed == 1


def test_who_is_held_out_has_no_say() -> None:
    """A fold's thresholds are the same, whatever the faces of the people whom they are tried on."""
    embeddings, people, clusters = faces(2, 25, 6)
    others, held_out = np.arange(20), np.arange(20, 25)
    changed = embeddings.copy()
    rows = np.isin(people - 1, held_out)
    changed[rows] = np.random.default_rng(3).permutation(embeddings[~rows])[: np.count_nonzero(rows)]
    chosen = [
        module._World(some, people, clusters, archive().rule).choose(others, archive(), REFERENCE)
        for some in (embeddings, changed)
    ]
    assert chosen[0] == chosen[1]


def test_a_threshold_that_the_user_set_is_meant_as_it_is() -> None:
    """Reclustering does not fit it to the archive, so what is to be expected of it is not fitted either."""
    plain = archive()
    shifted = dataclasses.replace(plain, rule=dataclasses.replace(plain.rule, threshold=0.3))
    fitted = calibrate(*faces(6, 25, 6, alike=0.4), shifted, REFERENCE)
    own = dataclasses.replace(shifted, present=dataclasses.replace(SHIPPED, strangers=None))
    meant = calibrate(*faces(6, 25, 6, alike=0.4), own, REFERENCE)
    assert meant.present == fitted.present
    assert meant.present_rates.wrong_links < fitted.present_rates.wrong_links
    assert meant.calibrated_rates == fitted.calibrated_rates


def test_errors_are_counted_by_those_who_make_them() -> None:
    """
    By thresholds that are out of reach everybody is missed and nobody let in; by the lowest it is the other way round.
    """
    world = module._World(*faces(4, 25, 6, close=0.9), archive().rule)
    others, held_out = np.arange(20), np.arange(20, 25)

    def shares(assign: float, link: float) -> list[float]:
        errors = world.errors(others, held_out, dataclasses.replace(SHIPPED, assign=assign, margin=0), link)
        fields = (getattr(errors, field.name) for field in dataclasses.fields(errors))
        return [one.part / one.whole for one in fields]

    assert shares(1.1, 1.5) == [0, 0, 1, 0, 1]
    assert shares(-1.1, -1.5) == [1, 0, 0, 1, 0]
    # 5 people, 6 faces each, 4 of them learned; 3 groups of two
    errors = world.errors(others, held_out, dataclasses.replace(SHIPPED, margin=0), 0.5)
    assert (errors.strangers.whole, errors.missed.whole) == (30, 10)
    assert (errors.missed_links.whole, errors.wrong_links.whole) == (5 * 3 * 2, 5 * 3 * 24 * 3)


def test_fits_are_those_that_new_faces_are_assigned_by() -> None:
    """Of people with more medoids than count, too."""
    embeddings, _, _ = faces(5, 1, 30, close=0.5)
    medoids, rest = embeddings[:12], embeddings[12:]
    known = GalleryIndex(np.ones(12, np.int64), medoids)
    expected = [one.candidates(frozenset())[0][2] for one in look(rest, known)]
    np.testing.assert_allclose(module._fits(rest, medoids), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_links_are_those_that_reclustering_makes(seed: int) -> None:
    """Two groups of two are joined just where what they reach is the threshold."""
    embeddings, _, _ = faces(seed, 2, 2, alike=0.6, close=0.97)
    rule = LinkRule(0.5, loose=0.35, large=0.07)
    strength = float(module._strengths(embeddings.reshape(2, 2, -1), rule)[0, 1])
    free = Ties(np.arange(4), [None] * 4, [frozenset()] * 4)
    for threshold, groups in ((strength - 1e-4, 1), (strength + 1e-4, 2)):
        labels = average_linkage(embeddings, free, dataclasses.replace(rule, threshold=threshold))
        assert len(set(labels.tolist())) == groups


def test_who_has_enough_faces() -> None:
    """Four of them; of those who have fewer none counts."""
    people = np.array([7, 7, 3, 7, 3, 7, 9, 9, 9, 9, 9, 3])
    assert usable(people).tolist() == [person in {7, 9} for person in people.tolist()]
