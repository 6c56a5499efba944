"""Which faces are another one again: the same picture, the same place."""

from __future__ import annotations

from facewatchd.core.grouping.copies import PicturedFace, copies
from facewatchd.domain import Box

LEFT, RIGHT = Box(10, 10, 100, 100), Box(200, 10, 100, 100)


def face(face_id: int, photo_id: int, picture: bytes = b"A", box: Box = LEFT) -> PicturedFace:
    return PicturedFace(face_id, photo_id, picture, box)


def test_the_first_stands_for_the_others() -> None:
    """However many there are, and each face of a picture for itself."""
    faces = [face(1, 1), face(2, 1, box=RIGHT), face(3, 2), face(4, 2, box=RIGHT), face(5, 3), face(6, 3, box=RIGHT)]
    assert copies(faces) == {3: 1, 4: 2, 5: 1, 6: 2}


def test_a_box_may_be_off_by_what_rounding_does() -> None:
    """Two decoders need not agree to the last bit."""
    assert copies([face(1, 1), face(2, 2, box=Box(11, 9.5, 99, 101))]) == {2: 1}


def test_what_differs_is_no_copy() -> None:
    """Another picture, another place, or another face of the same photo."""
    assert copies([face(1, 1), face(2, 2, b"B")]) == {}
    assert copies([face(1, 1), face(2, 2, box=RIGHT)]) == {}
    assert copies([face(1, 1), face(2, 1)]) == {}
    assert copies([]) == {}


def test_who_stands_for_others_stands_for_itself() -> None:
    """No chains: whoever follows is followed by nobody."""
    found = copies([face(number, number) for number in range(5)])
    assert found.keys().isdisjoint(found.values())
