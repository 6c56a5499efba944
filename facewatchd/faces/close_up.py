"""
Faces that fill the picture: passport scans, selfies, a baby held to the camera.

SCRFD is trained on faces with something around them. Of portraits that are cut to 1.0 to 1.15 times the face it finds none,
at 1.3 times 9 %. The same pictures, small in the middle of a black canvas, show it all of them. A face that fills its picture
is large on any canvas, so that a canvas of 160 pixels is enough: 2.8 ms on one core, and the embedding is the same as that of
a canvas of 640 to a cosine of 0.98.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facewatchd.domain import Box, Detection, Image
from facewatchd.faces.align import resized

SIDE = 160
"""Of the canvas, pixels. At 128 the landmarks are less precise; 320 takes 10 ms, and is no better."""

SHARE = 0.7
"""Of the canvas: the longer side of the picture on it."""

# a face of this share of the picture's width or height is a close-up; up to here the usual look finds all faces
_CLOSE = 0.5
# of the picture's sides: a face that ends nearer to the edge may be a part of a larger face
_EDGE = 0.02
# a detection below this score says little about what the picture shows
_BELIEVED = 0.5
# share of the smaller box: two boxes that share more are one face, or a face and a part of it
_SHARED = 0.5


@dataclass(frozen=True, slots=True)
class Canvas:
    """
    A picture in the middle of a black square.

    Attributes:
        image: The square.
        left: Of the picture on it, pixels.
        top: Of the picture on it, pixels.
        scale: Pixels of the canvas per pixel of the picture, in x and in y.
    """

    image: Image
    left: int
    top: int
    scale: tuple[float, float]

    def in_the_picture(self, face: Detection) -> Detection:
        """A face on the canvas, in pixels of the picture; its box may reach beyond the picture."""
        x, y, box = *self.scale, face.box
        moved = Box((box.x - self.left) / x, (box.y - self.top) / y, box.w / x, box.h / y)
        points = np.asarray((face.landmarks - (self.left, self.top)) / self.scale, np.float32)
        return replace(face, box=moved, landmarks=points)


def on_canvas(image: Image, side: int) -> Canvas:
    """
    A picture in the middle of a canvas.

    Args:
        image: Any size; its longer side becomes `SHARE` of the canvas, and the shorter one at least a pixel.
        side: Of the canvas, pixels.
    """
    height, width = image.shape[:2]
    scale = SHARE * side / max(width, height)
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (side - columns) // 2, (side - rows) // 2
    canvas = np.zeros((side, side, 3), np.uint8)
    canvas[top : top + rows, left : left + columns] = resized(image, columns, rows)
    return Canvas(canvas, left, top, (columns / width, rows / height))


def with_close_ups(
    found: list[Detection], image: Image, look: Callable[[Image], Iterable[Detection]], side: int = SIDE
) -> list[Detection]:
    """
    The faces of a picture, close-ups among them. The picture is looked at a second time only where it may be one.

    Args:
        found: The faces of the usual look.
        image: The picture.
        look: Finds the faces of a canvas, in its pixels.
        side: Of the canvas, pixels.

    Returns:
        Each face once, best score first.
    """
    height, width = image.shape[:2]
    if not may_be_close_up(found, width, height):
        return found
    canvas = on_canvas(image, side)
    return joined(found, [canvas.in_the_picture(face) for face in look(canvas.image)], width, height)


def may_be_close_up(found: Sequence[Detection], width: int, height: int) -> bool:
    """
    Whether a picture may be filled by a face: the usual look found no face that lies whole within it at an ordinary size.

    Args:
        found: The faces of the usual look.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
    """
    return not any(face.score >= _BELIEVED and _is_ordinary(face.box, width, height) for face in found)


def joined(found: Sequence[Detection], seen_small: Sequence[Detection], width: int, height: int) -> list[Detection]:
    """
    Each face once, best score first.

    Args:
        found: The faces of the usual look.
        seen_small: Those of the look on the canvas, in pixels of the picture. Only the close-ups among them count: the usual
            look finds the others better.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
    """
    close = [face for face in seen_small if _fills(face.box, width, height)]
    kept: list[Detection] = []
    for face in sorted((*found, *close), key=lambda face: -face.score):
        if not any(_shared(face.box, other.box) > _SHARED for other in kept):
            kept.append(face)
    return kept


def _is_ordinary(box: Box, width: int, height: int) -> bool:
    across, down = _EDGE * width, _EDGE * height
    is_whole = box.x > across and box.y > down and box.x + box.w < width - across and box.y + box.h < height - down
    return is_whole and not _fills(box, width, height)


def _fills(box: Box, width: int, height: int) -> bool:
    return box.w >= _CLOSE * width or box.h >= _CLOSE * height


def _shared(one: Box, other: Box) -> float:
    """Area of both, as a share of the smaller."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min(one.w * one.h, other.w * other.h)
