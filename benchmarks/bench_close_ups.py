"""
Faces that fill the picture, and what looking for them costs: `python benchmarks/bench_close_ups.py` (`make bench`).

Portraits of ../shared (or $FACEWATCHD_SHARED) are cut to so many times the face, and enlarged to the size of a scan; how many
of the faces are found. Then what the second look costs for a picture that
shows nobody: the best of several turns, one core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
from figures import SHARED, Figure, at_least, at_most, told

from facewatchd.domain import Box, Detection, FaceEngine, Image
from facewatchd.faces import close_up
from facewatchd.faces.packs import open_engine

CUTS = (1.0, 1.1, 1.2, 1.3, 1.5, 1.75)
ENLARGED = 6
TURNS = 15


CENTRAL = Box(80, 68, 90, 118)
"""About where the face of a portrait of 250 x 250 pixels is."""


def portraits(number: int) -> list[Image]:
    """By chance, the same ones each time."""
    paths = sorted((SHARED / "photos" / "lfw-dev").glob("*/*.jpg"))
    chosen = np.random.default_rng(3).permutation(len(paths))[:number]
    return [np.asarray(cv2.imread(str(paths[at])), np.uint8) for at in chosen]


def central(found: list[Detection]) -> Box | None:
    """The face that is there, as the detector draws it."""
    boxes = [face.box for face in found if face.score > 0.5]
    return max(boxes, key=lambda box: box.overlap(CENTRAL), default=None)


def cut(image: Image, box: Box, times: float) -> tuple[Image, Box]:
    """The portrait cut to so many times the face, enlarged; and the face in it."""
    left, top = (max(0, round(start - length * (times - 1) / 2)) for start, length in ((box.x, box.w), (box.y, box.h)))
    part = image[top : round(top + times * box.h), left : round(left + times * box.w)]
    large = np.asarray(cv2.resize(part, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC), np.uint8)
    return large, Box(*(ENLARGED * length for length in (box.x - left, box.y - top, box.w, box.h)))


def is_found(found: list[Detection], box: Box) -> bool:
    return any(face.score > 0.5 and face.box.overlap(box) > 0.4 for face in found)


def cost(engine: FaceEngine) -> float:
    """Milliseconds of a second look: the best turn with it, less the best turn without."""
    picture = np.random.default_rng(0).integers(90, 110, (960, 1280, 3)).astype(np.uint8)
    twice, once = [], []
    for _ in range(TURNS):
        twice.append(seconds_of_a_look(engine, picture))
        with mock.patch.object(close_up, "may_be_close_up", return_value=False):
            once.append(seconds_of_a_look(engine, picture))
    return 1000 * (min(twice) - min(once))


def seconds_of_a_look(engine: FaceEngine, picture: Image) -> float:
    started = time.perf_counter()
    engine.detect(picture)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=int, default=150)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    shown = portraits(arguments.portraits)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as cache:
        for pack in ("testpack", "builtin"):
            name = str(SHARED / "models" / pack) if pack != "builtin" else pack
            engine = open_engine(name, Path(cache), Path(cache), "cpu")
            faces = [(image, box) for image in shown if (box := central(engine.detect(image))) is not None]
            for times in CUTS:
                cuts = [cut(image, box, times) for image, box in faces]
                share = float(np.mean([is_found(engine.detect(picture), box) for picture, box in cuts]))
                figures.append(at_least(f"{pack}: faces found, cut to {times:g} times the face", share, 0.97))
            figures.append(at_most(f"{pack}: a second look", cost(engine), 5, "ms"))
    return told(figures)


if __name__ == "__main__":
    raise SystemExit(main())
