"""Finding the faces of a picture: in the whole of it, and in tiles where it shows a group from afar."""

from __future__ import annotations

import numpy as np

from facewatchd.core.intake.tiles import is_worth_it, merged, placed, tiles
from facewatchd.domain import Detection, FaceEngine, Image


def look_for_faces(engine: FaceEngine, image: Image, *, in_tiles: bool) -> list[Detection]:
    """
    All faces that the detector believes in, best score first.

    Args:
        engine: The models.
        image: Upright, at its full size.
        in_tiles: Whether a large photo of a group is looked at in tiles too.
    """
    found = engine.detect(image)
    height, width = image.shape[:2]
    if not in_tiles or not is_worth_it(found, width, height):
        return found
    return merged(found, look_in_tiles(engine, image))


def look_in_tiles(engine: FaceEngine, image: Image) -> list[Detection]:
    """What the tiles of a picture show, in its own pixels; a face may be among it more than once."""
    height, width = image.shape[:2]
    found: list[Detection] = []
    for tile in tiles(width, height):
        part = np.ascontiguousarray(image[tile.top : tile.bottom, tile.left : tile.right])
        found += placed(engine.detect(part), tile, width, height)
    return found
