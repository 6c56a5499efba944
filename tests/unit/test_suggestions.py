"""Two people who may be one: close and not joined, never against the user's word or two faces of a photo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.suggestions import MOST, contradicted, kept_apart, suggestions
from facewatchd.domain import Embeddings, PersonId

ANNA, BOB, CARL = 1, 2, 3
RULE = LinkRule(0.9)


def at(*degrees: float) -> Embeddings:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


# 0 and 30 degrees: 0.87, and no pair below 0.8 is asked about
GROUPS = {ANNA: [at(0, 0, 0)], BOB: [at(30, 30)], CARL: [at(80, 80)]}
PHOTOS = {ANNA: {1, 2, 3}, BOB: {4, 5}, CARL: {6, 7}}


def pairs(
    groups: dict[PersonId, list[Embeddings]] = GROUPS,
    photos: dict[PersonId, set[int]] = PHOTOS,
    impossible: frozenset[tuple[PersonId, PersonId]] = frozenset(),
    named: frozenset[PersonId] = frozenset(),
    near: float = 0.1,
) -> list[tuple[PersonId, PersonId]]:
    found = suggestions(groups, photos, RULE, near, impossible, named)
    assert [like.strength for like in found] == sorted((like.strength for like in found), reverse=True)
    return [(like.one, like.other) for like in found]


def test_who_is_close_is_asked_about() -> None:
    """Once, and nobody else is; with more room the next ones are, after them."""
    assert pairs() == [(ANNA, BOB)]
    assert pairs(near=0.3) == [(ANNA, BOB), (BOB, CARL)]


def test_the_closest_clusters_count() -> None:
    """A person's looks of another time are no reason against it."""
    assert pairs({ANNA: [at(0, 0), at(170, 170)], BOB: [at(30, 30)], CARL: [at(155, 155)]}) == [
        (ANNA, CARL),
        (ANNA, BOB),
    ]


@pytest.mark.parametrize("impossible", [(ANNA, BOB), (BOB, ANNA)])
def test_the_users_word_binds(impossible: tuple[PersonId, PersonId]) -> None:
    """In whichever order it was said."""
    assert pairs(impossible=frozenset({impossible})) == []


def test_names() -> None:
    """Two names are two people; one is none against it."""
    assert pairs(named=frozenset({ANNA})) == [(ANNA, BOB)]
    assert pairs(named=frozenset({ANNA, BOB})) == []


def test_joint_photos() -> None:
    """One may be a mirror, more are two people."""
    assert pairs(photos=PHOTOS | {BOB: {1, 4, 5}}) == [(ANNA, BOB)]
    assert pairs(photos=PHOTOS | {BOB: {1, 2, 4}}) == []


def test_there_are_never_many() -> None:
    """The likeliest ones only."""
    crowd = {person: [at(person / 10, person / 10)] for person in range(1, 40)}
    found = pairs(crowd, {})
    assert len(found) == MOST
    assert all(other - one == 1 for one, other in found)


@pytest.mark.parametrize("groups", [{}, {ANNA: [at(0)]}])
def test_too_few_people(groups: dict[PersonId, list[Embeddings]]) -> None:
    """Nobody to ask about."""
    assert pairs(groups) == []


def test_whom_the_user_told_apart() -> None:
    """A face of either is not the other's: both stand for their person. A single refusal anchors nobody."""
    person_of = {10: ANNA, 11: ANNA, 20: BOB, 30: CARL}
    refused = [(10, BOB), (20, ANNA), (30, ANNA), (99, ANNA)]
    assert contradicted(person_of, refused) == {(ANNA, BOB), (BOB, ANNA), (CARL, ANNA)}
    assert kept_apart(person_of, refused) == {10: ANNA, 20: BOB}


@given(st.permutations(sorted(GROUPS)))
def test_the_order_of_people_is_nothing(order: list[PersonId]) -> None:
    """The same question, whoever comes first."""
    assert pairs({person: GROUPS[person] for person in order}) == [(ANNA, BOB)]
