"""Which reclusterings are held: those that move too much, and those that mix named people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.grouping.change_guard import Mixing, examine
from facewatchd.domain import FaceId, PersonId

A, B, C = 1, 2, 3


def people(**sizes: int) -> dict[FaceId, PersonId]:
    """Faces 0, 1, ... of so many of each, in order."""
    return dict(enumerate(person for name, size in sizes.items() for person in [globals()[name]] * size))


def moved(before: dict[FaceId, PersonId], faces: range, to: PersonId | None) -> dict[FaceId, PersonId | None]:
    return {**before, **dict.fromkeys(faces, to)}


@pytest.mark.parametrize(("count", "held"), [(30, False), (31, True), (100, True)])
@pytest.mark.parametrize("to", [None, -1, B], ids=["nobody", "somebody new", "somebody else"])
def test_more_than_a_share_of_all_faces(count: int, held: bool, to: PersonId | None) -> None:
    """Wherever they go."""
    before = people(A=100)
    verdict = examine(before, moved(before, range(count), to), set(), 0.3)
    assert (verdict.held, verdict.moved, verdict.assigned) == (held, count, 100)


def test_the_first_grouping_and_small_archives_are_free() -> None:
    """Nobody is anybody's yet; or a few faces are everything."""
    assert not examine({}, {1: A, 2: B}, set(), 0.3).held
    before = people(A=19)
    assert not examine(before, moved(before, range(19), B), set(), 0.3).held
    before = people(A=20)
    assert examine(before, moved(before, range(20), B), set(), 0.3).held


def test_faces_of_nobody_may_go_anywhere() -> None:
    """They are no move: many new photos of new people hold nothing."""
    before = people(A=30)
    assert not examine(before, {**before, **dict.fromkeys(range(100, 500), C)}, {A}, 0.3).held


def test_one_named_person_who_would_swallow_another() -> None:
    """Held in an archive of any size, and though they are few among all."""
    before = people(A=400, B=8)
    after = moved(before, range(400, 405), A)
    assert examine(before, after, {A, B}, 0.3).mixed == (Mixing(B, A, 5, 8),)
    assert examine(before, after, {A, B}, 0.3).held
    assert not examine(before, after, {A}, 0.3).held
    assert not examine(before, after, {B}, 0.3).held


def test_a_few_faces_between_named_people_are_what_grouping_is_for() -> None:
    """A fifth of somebody's; a single face, though it is half of all that somebody has."""
    before = people(A=10, B=10)
    assert not examine(before, moved(before, range(2), B), {A, B}, 0.3).held
    before = people(A=2, B=10)
    assert not examine(before, moved(before, range(1), B), {A, B}, 0.3).held


def test_to_whom_most_is_lost_comes_first() -> None:
    """Everybody who would be mixed is told."""
    before = people(A=10, B=6, C=10)
    after = {**moved(before, range(4), C), **moved(before, range(10, 16), C), **dict.fromkeys(range(4), C)}
    assert examine(before, after, {A, B, C}, 0.3).mixed == (Mixing(B, C, 6, 6), Mixing(A, C, 4, 10))


@given(st.dictionaries(st.integers(0, 60), st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=60))
def test_a_share_of_one_lets_everything_through(faces: dict[FaceId, tuple[PersonId, PersonId]]) -> None:
    """The way to switch it off."""
    before = {face: person for face, (person, _) in faces.items()}
    after = {face: person for face, (_, person) in faces.items()}
    assert not examine(before, after, {1, 2, 3, 4}, 1.0).held
