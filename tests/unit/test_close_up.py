"""`faces.close_up`: when a picture is looked at a second time, small on a canvas, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest

from facewatchd.domain import Box, Detection
from facewatchd.faces.close_up import SHARE, joined, may_be_close_up, on_canvas

WIDTH, HEIGHT = 1000, 800


def face(x: float, y: float, w: float, h: float, score: float = 0.8) -> Detection:
    return Detection(Box(x, y, w, h), np.array([(x, y)] * 5, np.float32), score)


ORDINARY = face(400, 300, 100, 130)
AT_THE_EDGE = face(-3, 300, 100, 130)
AT_THE_BOTTOM = face(400, 680, 100, 119)
LARGE = face(200, 60, 500, 650)
DOUBTFUL = face(400, 300, 100, 130, score=0.4)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], True),
        ([ORDINARY], False),
        ([AT_THE_EDGE], True),
        ([AT_THE_BOTTOM, AT_THE_EDGE], True),
        ([AT_THE_EDGE, ORDINARY], False),
        ([LARGE], True),
        ([DOUBTFUL], True),
    ],
)
def test_a_picture_with_an_ordinary_face_is_looked_at_once(found: list[Detection], *, expected: bool) -> None:
    assert may_be_close_up(found, WIDTH, HEIGHT) is expected


def test_a_close_up_takes_the_place_of_its_own_parts() -> None:
    """The eye that the first look took for a face goes, if it is the more doubtful one; a face beside it stays."""
    close, eye, beside = face(0, 0, 700, 800, 0.9), face(200, 200, 90, 90, 0.6), face(800, 300, 100, 130, 0.7)
    assert joined([eye, beside], [close], WIDTH, HEIGHT) == [close, beside]


def test_what_is_small_on_the_canvas_does_not_count() -> None:
    assert joined([DOUBTFUL], [face(100, 100, 50, 60, 0.9)], WIDTH, HEIGHT) == [DOUBTFUL]


def test_of_one_face_in_both_looks_the_surer_one_is_kept() -> None:
    other = face(205, 65, 500, 650, 0.7)
    assert joined([LARGE], [other], WIDTH, HEIGHT) == [LARGE]
    assert joined([other], [LARGE], WIDTH, HEIGHT) == [LARGE]


@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 400), (37, 1000), (1, 1), (3000, 11)])
def test_a_place_on_the_canvas_is_told_in_pixels_of_the_picture(width: int, height: int) -> None:
    """The corners of the picture, where the canvas shows them."""
    picture = np.full((height, width, 3), 200, np.uint8)
    canvas = on_canvas(picture, 160)
    rows, columns = np.nonzero(canvas.image[..., 0])
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == round(SHARE * 160)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    found = canvas.in_the_picture(face(left, top, right - left, bottom - top))
    assert (found.box.x, found.box.y) == (0, 0)
    assert (found.box.w, found.box.h) == pytest.approx((width, height))
    assert found.landmarks == pytest.approx(0)
