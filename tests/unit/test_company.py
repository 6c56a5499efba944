"""`core.grouping.company`: companions in common make up for a little similarity; not those whom everybody meets."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.company import Company, join_by_company
from facewatchd.core.grouping.graph import neighbours
from facewatchd.domain import Embeddings

RULE = LinkRule(threshold=0.6, company=0.15)

Ids = NDArray[np.int64]


def faces(*people: tuple[int, float], others: int = 0) -> Embeddings:
    """
    A face of each (plane, angle in degrees): those of one plane are as similar as their angles are near, those of two planes
    are not similar. Then faces of that many others.
    """
    dim = 2 * (1 + max((plane for plane, _ in people), default=0)) + others
    found = np.zeros((len(people) + others, dim), np.float32)
    for row, (plane, angle) in enumerate(people):
        found[row, 2 * plane : 2 * plane + 2] = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    found[len(people) :, dim - others :] = np.eye(others)
    return found


def joined(embeddings: Embeddings, labels: list[int], photos: list[int], ties: Ties | None = None) -> list[int]:
    count = len(labels)
    ties = ties or Ties(np.array(photos, np.int64), [None] * count, [frozenset()] * count)
    graph = neighbours(embeddings, 15)
    none = np.full(count, -1)
    given = np.array(labels, np.int64)
    found = join_by_company(embeddings, given, ties, RULE, graph, none, np.zeros(count))
    return [int(label) for label in found]


# A child at two (0) and at five (1): 57 degrees apart, a similarity of 0.54. Their mother (2) is in a photo with each.
FAMILY = ((0, 0), (0, 57), (1, 0), (1, 3))
PHOTOS = [10, 20, 10, 20]
MOTHER = [0, 1, 2, 2]


def elsewhere(count: int) -> tuple[list[int], list[int]]:
    """Labels and photos of `count` pairs of others, in photos of their own."""
    return list(range(3, 3 + 2 * count)), [100 + at // 2 for at in range(2 * count)]


def test_two_who_are_seen_with_the_same_person_are_joined() -> None:
    labels, photos = elsewhere(50)
    found = joined(faces(*FAMILY, others=100), MOTHER + labels, PHOTOS + photos)
    assert found[0] == found[1] != found[2]
    assert len(set(found)) == len(set(MOTHER + labels)) - 1


def test_without_a_companion_in_common_nothing_is_joined() -> None:
    labels, photos = elsewhere(50)
    found = joined(faces(*FAMILY, others=100), [0, 1, 2, 2, *labels], [10, 20, 10, 30, *photos])
    assert found[0] != found[1]


def test_a_companion_who_is_in_every_photo_says_nothing() -> None:
    """The owner of the archive, who is in all photos of several people."""
    shown = faces(*FAMILY, *[(1, at / 20) for at in range(50)], others=50)
    labels = [0, 1, 2, 2, *[2] * 50, *range(3, 53)]
    photos = [10, 20, 10, 20, *range(100, 150), *range(100, 150)]
    found = joined(shown, labels, photos)
    assert found[0] != found[1]


def test_the_rarest_companion_counts() -> None:
    """The owner is in every photo, and the mother in those of the child only."""
    owner = [(2, at / 20) for at in range(52)]
    shown = faces(*FAMILY, *owner, others=50)
    labels = [*MOTHER, *[3] * 52, *range(4, 54)]
    photos = [*PHOTOS, 10, 20, *range(100, 150), *range(100, 150)]
    found = joined(shown, labels, photos)
    assert found[0] == found[1]


@pytest.mark.parametrize(("angle", "expected"), [(57, True), (62, True), (66, False), (90, False)])
def test_no_more_than_the_allowance_is_made_up_for(angle: float, *, expected: bool) -> None:
    """62 degrees are a similarity of 0.47, 66 of 0.41."""
    labels, photos = elsewhere(2000)
    shown = faces((0, 0), (0, angle), (1, 0), (1, 3))
    shown = np.hstack([shown, np.zeros((4, 60), np.float32)])
    random = np.random.default_rng(0).standard_normal((4000, 64)).astype(np.float32)
    random[:, :4] = 0
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    found = joined(np.vstack([shown, random]), MOTHER + labels, PHOTOS + photos)
    assert (found[0] == found[1]) is expected


def test_two_of_one_photo_stay_apart() -> None:
    labels, photos = elsewhere(50)
    found = joined(faces(*FAMILY, others=100), MOTHER + labels, [10, 10, 10, 20, *photos])
    assert found[0] != found[1]


def test_what_the_user_said_is_two_people_stays_apart() -> None:
    labels, photos = elsewhere(50)
    count = 4 + len(labels)
    owners: list[int | None] = [7, 8, *[None] * (count - 2)]
    ties = Ties(np.array(PHOTOS + photos), owners, [frozenset()] * count)
    found = joined(faces(*FAMILY, others=100), MOTHER + labels, [], ties)
    assert found[0] != found[1]


def test_years_are_chained_through_the_years_between() -> None:
    """At two, five and eight: the first and the last are not similar enough, both are to the one between."""
    shown = faces((0, 0), (0, 54), (0, 110), (1, 0), (1, 2), (1, 4), others=100)
    labels, photos = elsewhere(50)
    found = joined(shown, [0, 1, 2, 3, 3, 3, *[label + 1 for label in labels]], [10, 20, 30, 10, 20, 30, *photos])
    assert found[0] == found[1]
    assert len({*found[:3]}) == 2  # average linkage: the third is too far from the first two together


def test_labels_are_numbered_by_the_first_member() -> None:
    labels, photos = elsewhere(50)
    found = joined(faces(*FAMILY, others=100), MOTHER + labels, PHOTOS + photos)
    _, first = np.unique(found, return_index=True)
    assert sorted(first.tolist()) == first.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_the_evidence_is_that_of_a_count_by_hand(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, groups = int(random.integers(1, 60)), int(random.integers(1, 12))
    of = np.concatenate([np.arange(groups), random.integers(0, groups, count)])
    photos = random.integers(0, int(random.integers(1, 25)), len(of))
    company = Company.of(of, photos, groups)
    there = [
        {group for group, photo in zip(of.tolist(), photos.tolist(), strict=True) if photo == each}
        for each in range(25)
    ]
    several = [shown for shown in there if len(shown) > 1]
    a, b = (rows.astype(np.int64) for rows in np.triu_indices(groups, 1))
    for one, other, found in zip(a.tolist(), b.tolist(), company.evidence(a, b).tolist(), strict=True):
        best = 0.0
        for third in set(range(groups)) - {one, other}:
            share = sum(third in shown for shown in several) / max(len(several), 1)
            meets = [any({third, each} <= shown for shown in several) for each in (one, other)]
            if all(meets):
                chances = [1 - (1 - share) ** sum(each in shown for shown in several) for each in (one, other)]
                best = max(best, -float(np.log(chances[0] * chances[1])))
        assert found == pytest.approx(best, abs=1e-9)


def test_archives_without_photos_of_several_people_stay_as_they_are() -> None:
    assert joined(faces(*FAMILY), MOTHER, [1, 2, 3, 4]) == MOTHER
    assert joined(np.empty((0, 4), np.float32), [], []) == []
