"""Which photos are looked at in tiles, how they are cut, and how what the tiles show is joined."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.intake.tiles import OVERLAP, TILE, Tile, is_worth_it, merged, placed, tiles
from facewatchd.domain import Box, Detection

TALL = (3000, 4000)


def face(x: float, y: float, side: float, score: float = 0.8) -> Detection:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    return Detection(Box(x, y, side, side), points * np.float32(side) + np.array([x, y], np.float32), score)


@pytest.mark.parametrize(
    ("heights", "size", "wanted"),
    [
        pytest.param([100] * 4, (4000, 3000), True, id="a group from afar"),
        pytest.param([100] * 4, TALL, True, id="upright"),
        pytest.param([60, 60], (4000, 3000), True, id="two people far away, where there may be more"),
        pytest.param([60], (4000, 3000), False, id="somebody in the background"),
        pytest.param([100] * 3, (4000, 3000), False, id="three people"),
        pytest.param([400] * 6, (4000, 3000), False, id="a group close by"),
        pytest.param([400, 400, 50], (4000, 3000), False, id="a couple with a passer-by"),
        pytest.param([40] * 9, (1600, 1200), False, id="a small photo, of which the whole shows as much"),
        pytest.param([], (8000, 6000), False, id="nobody"),
    ],
)
def test_large_photos_of_groups_are_worth_it(heights: list[int], size: tuple[int, int], wanted: bool) -> None:
    """By what the whole photo showed."""
    assert is_worth_it([face(0, 0, height) for height in heights], *size) is wanted


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_tiles_cover_the_photo(width: int, height: int) -> None:
    """Without gaps, inside it, none larger than `TILE`, and neighbours share enough."""
    cut = tiles(width, height)
    for start, end, length in ((0, 2, width), (1, 3, height)):
        spans = sorted({((t.left, t.top)[start], (t.right, t.bottom)[end - 2]) for t in cut})
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        assert all(0 < b - a <= TILE for a, b in spans)
        assert all(after[0] <= before[1] - OVERLAP * TILE + 1 for before, after in pairwise(spans))
    assert len(set(cut)) == len(cut)


def test_a_face_is_placed_in_the_photo() -> None:
    """With its landmarks."""
    tile = Tile(1000, 500, 1000 + TILE, 500 + TILE)
    (found,) = placed([face(100, 200, 50)], tile, 4000, 3000)
    assert found.box == Box(1100, 700, 50, 50)
    assert found.landmarks.dtype == np.float32
    assert np.allclose(found.landmarks, face(1100, 700, 50).landmarks)


@pytest.mark.parametrize(
    ("x", "y", "tile", "kept"),
    [
        (0, 300, Tile(1000, 0, 1000 + TILE, TILE), False),
        (300, 1, Tile(0, 1000, TILE, 1000 + TILE), False),
        (TILE - 50, 300, Tile(0, 0, TILE, TILE), False),
        (300, TILE - 49, Tile(0, 0, TILE, TILE), False),
        (0, 0, Tile(0, 0, TILE, TILE), True),
        (TILE - 50, TILE - 50, Tile(4000 - TILE, 3000 - TILE, 4000, 3000), True),
    ],
)
def test_a_face_that_a_tile_may_have_cut_is_left_out(x: int, y: int, tile: Tile, kept: bool) -> None:
    """But not at the edge of the photo, where there is no more of it."""
    assert bool(placed([face(x, y, 50)], tile, 4000, 3000)) is kept


def test_every_face_is_there_once() -> None:
    """Small ones as the tiles have them, large ones as the whole has them, best score first."""
    small, large = face(100, 100, 60, 0.5), face(1000, 1000, 600, 0.7)
    better, twice, part = face(103, 98, 58, 0.9), face(102, 99, 59, 0.6), face(1050, 1050, 250, 0.95)
    alone = face(2000, 2000, 40, 0.4)
    found = merged([small, large], [better, twice, part, alone])
    assert [one.score for one in found] == [0.9, 0.7, 0.4]


def test_what_only_the_whole_shows_stays() -> None:
    """A tile may miss what the whole sees."""
    found = merged([face(0, 0, 60), face(500, 0, 60)], [face(1, 1, 60, 0.9)])
    assert sorted(one.box.x for one in found) == [1, 500]


def test_neighbours_are_two_people() -> None:
    """Cheek to cheek."""
    assert len(merged([], [face(0, 0, 60), face(40, 0, 60)])) == 2
