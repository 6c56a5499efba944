"""Which stored faces are which of those just found: what the user said of a face must survive a second look."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.core.matching.rematch import LEAST_OVERLAP, same_faces
from facewatchd.domain import Box, FaceId


def box(x: float, side: float = 100.0) -> Box:
    return Box(x, 0, side, side)


def match(
    stored: Sequence[tuple[FaceId, Box]], found: Sequence[Box], likeness: Sequence[Sequence[float | None]] | None = None
) -> list[FaceId | None]:
    """Faces at the same place that are 0.5 alike are the same, and anywhere those that are 0.8 alike."""
    return same_faces(stored, found, likeness or [[None] * len(stored)] * len(found), 0.5, 0.8)


# two boxes of 100 pixels, `shift` apart, overlap by (100 - shift) / (100 + shift)
JUST_ENOUGH = 100 * (1 - LEAST_OVERLAP) / (1 + LEAST_OVERLAP)


@pytest.mark.parametrize(
    ("stored", "found", "expected"),
    [
        pytest.param([], [], [], id="no faces"),
        pytest.param([], [box(0)], [None], id="a new face"),
        pytest.param([(7, box(0))], [], [], id="a face that is not found again"),
        pytest.param([(7, box(0))], [box(0)], [7], id="the same box"),
        pytest.param([(7, box(0))], [box(JUST_ENOUGH - 0.1)], [7], id="just near enough"),
        pytest.param([(7, box(0))], [box(JUST_ENOUGH + 0.1)], [None], id="a little too far"),
        pytest.param([(7, box(0))], [box(0, 64)], [7], id="a detector that draws smaller boxes"),
        pytest.param([(7, box(0))], [box(500)], [None], id="elsewhere"),
        pytest.param([(7, box(0)), (8, box(300))], [box(310), box(10)], [8, 7], id="in another order"),
        pytest.param([(7, box(0))], [box(20), box(5)], [None, 7], id="two claim one: the better overlap"),
        pytest.param([(7, box(20)), (8, box(0))], [box(2)], [8], id="one may be two: the better overlap"),
        pytest.param([(8, box(0)), (7, box(0))], [box(0)], [7], id="of equals the older face"),
        pytest.param([(7, box(0)), (8, box(20))], [box(15), box(44)], [8, None], id="best first, not most matches"),
    ],
)
def test_matching_by_place(stored: list[tuple[FaceId, Box]], found: list[Box], expected: list[FaceId | None]) -> None:
    """Best overlap first, one to one."""
    assert match(stored, found) == expected


def test_looks_can_veto() -> None:
    """Another picture under the same name: a face in the same place that does not look alike is a new one."""
    stored = [(7, box(0)), (8, box(20))]
    assert match(stored, [box(0)], [[0.4, 0.6]]) == [8]
    assert match(stored, [box(0)], [[0.4, 0.4]]) == [None]


def test_looks_find_a_face_that_moved() -> None:
    """The picture was cropped: every box is elsewhere, and the faces are as they were."""
    stored = [(7, box(0)), (8, box(300))]
    assert match(stored, [box(1000), box(1300)], [[0.9, 0.3], [0.3, 0.85]]) == [7, 8]
    assert match(stored, [box(1000)], [[0.79, 0.3]]) == [None]
    # a face that is in its place is it, whoever else looks like it
    assert match(stored, [box(0), box(600)], [[0.6, 0.3], [0.95, 0.3]]) == [7, None]


some_boxes = st.lists(
    st.builds(Box, st.integers(0, 60), st.integers(0, 60), st.integers(1, 80), st.integers(1, 80)), max_size=6
)


@settings(max_examples=200)
@given(old=some_boxes, new=some_boxes, data=st.data())
def test_one_to_one_and_only_where_they_overlap(old: list[Box], new: list[Box], data: st.DataObject) -> None:
    """No stored face twice, no match that does not overlap or look alike, and no match left out."""
    alike = st.lists(st.sampled_from((None, 0.1, 0.6)), min_size=len(old), max_size=len(old))
    likeness = data.draw(st.lists(alike, min_size=len(new), max_size=len(new)))
    matched = match(list(enumerate(old)), new, likeness)
    used = [face for face in matched if face is not None]
    assert len(used) == len(set(used))
    for place, face in enumerate(matched):
        possible = {
            number
            for number, stored in enumerate(old)
            if new[place].overlap(stored) >= LEAST_OVERLAP and likeness[place][number] != 0.1
        }
        assert (face in possible) if face is not None else (possible <= set(used))
        assert face is not None or not (possible - set(used))


@settings(max_examples=100)
@given(boxes=some_boxes)
def test_the_same_photo_again_keeps_every_face(boxes: list[Box]) -> None:
    """Nothing changed, so every box finds a face with its own place."""
    matched = match(list(enumerate(boxes, 100)), boxes)
    assert [boxes[face - 100] for face in matched if face is not None] == boxes


@settings(max_examples=200)
@given(pair=st.tuples(some_boxes.filter(bool), some_boxes.filter(bool)))
def test_overlap_is_a_share(pair: tuple[list[Box], list[Box]]) -> None:
    """Intersection over union: symmetric, 0..1, and 1 for the same box only."""
    a, b = pair[0][0], pair[1][0]
    assert a.overlap(b) == b.overlap(a)
    assert 0 <= a.overlap(b) <= 1
    assert a.overlap(a) == 1
    assert (a.overlap(b) == 1) == (a == b)
