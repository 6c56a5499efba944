"""
Small faces in large photos. A detector sees a photo at about 640 pixels, where a face in the back row of a group is a few
pixels tall. Such photos are searched a second time in overlapping tiles, and the faces of the tiles are joined with those of
the whole photo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facewatchd.domain import Box, Detection

TILE = 1280
"""Side of a tile, pixels: twice what the detectors see, so that the smallest face worth grouping (32 pixels) is 16 there."""

OVERLAP = 0.2
"""Share of a tile's side. The search in the whole photo finds larger faces than this well enough."""

# so many faces of this height, as shares of the photo's longer side, are a group: up to here tiles help (benchmarks/
# bench_tiles.py); two very small faces suggest that there are more
_GROUP, _SMALL = 4, 0.035
_FEW, _TINY = 2, 0.02
# share of the smaller box: two boxes that share more are one face, of any sizes
_SHARED = 0.5
# a box that ends this near to a tile's inner edge, in pixels, may be a part of a face
_EDGE = 3.0


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a photo, in pixels: from the left and top edge to before the right and bottom one."""

    left: int
    top: int
    right: int
    bottom: int


def is_worth_it(found: Sequence[Detection], width: int, height: int) -> bool:
    """
    Whether a photo is searched in tiles: it is large, and shows a group of people.

    Args:
        found: The faces that were found in the whole photo.
        width: Of the photo, pixels.
        height: Of the photo, pixels.
    """
    longest = max(width, height)
    if longest < 1.5 * TILE or len(found) < _FEW:
        return False
    middle = float(np.median([face.box.h for face in found]))
    return middle <= (_SMALL if len(found) >= _GROUP else _TINY) * longest


def tiles(width: int, height: int) -> list[Tile]:
    """The tiles of a photo, row by row; together they cover it, and neighbours overlap by at least `OVERLAP`."""
    return [
        Tile(left, top, min(left + TILE, width), min(top + TILE, height))
        for top in _starts(height)
        for left in _starts(width)
    ]


def _starts(length: int) -> list[int]:
    if length <= TILE:
        return [0]
    count = int(np.ceil((length - OVERLAP * TILE) / ((1 - OVERLAP) * TILE)))
    return [round(start) for start in np.linspace(0, length - TILE, count)]


def placed(found: Iterable[Detection], tile: Tile, width: int, height: int) -> list[Detection]:
    """
    The faces of a tile, in pixels of the photo. Faces that the tile may have cut are left out: its neighbour or the whole
    photo shows them.
    """
    kept = []
    for face in found:
        box = face.box
        cut = (
            (tile.left > 0 and box.x < _EDGE)
            or (tile.top > 0 and box.y < _EDGE)
            or (tile.right < width and box.x + box.w > tile.right - tile.left - _EDGE)
            or (tile.bottom < height and box.y + box.h > tile.bottom - tile.top - _EDGE)
        )
        if not cut:
            moved = Box(box.x + tile.left, box.y + tile.top, box.w, box.h)
            offset = np.array([tile.left, tile.top], np.float32)
            kept.append(replace(face, box=moved, landmarks=face.landmarks + offset))
    return kept


def merged(whole: Sequence[Detection], tiled: Sequence[Detection]) -> list[Detection]:
    """
    Each face once, best score first. A face that is smaller than the overlap is taken from a tile, where its landmarks are
    more precise. Any other face is taken from the whole photo.
    """
    small = OVERLAP * TILE
    order = sorted(whole, key=lambda face: -face.score)
    first = [face for face in order if face.box.h > small]
    second = sorted((face for face in tiled if face.box.h <= small), key=lambda face: -face.score)
    third = [face for face in order if face.box.h <= small]
    kept: list[Detection] = []
    for face in (*first, *second, *third):
        if not any(_is_same(face.box, other.box) for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face.score)


def _is_same(one: Box, other: Box) -> bool:
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return False
    return width * height > _SHARED * min(one.w * one.h, other.w * other.h)
