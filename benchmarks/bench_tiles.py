"""
What looking in tiles gains on large group photos, and what it costs: `python benchmarks/bench_tiles.py` (`make bench`).

Groups are made of the portraits of ../shared (or $FACEWATCHD_SHARED), each person's second one, in a grid on photos of 12
megapixels, with faces of one height a photo; who they are is asked of a gallery of their first portraits. At each height:
how many are found, how many of those are fit to be grouped, how many get the right name (at the threshold of new
faces), wrong names, faces found where none is, and milliseconds of detection a photo.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from figures import SHARED

from facewatchd.config import Config
from facewatchd.core.intake.quality import judge
from facewatchd.core.intake.tiles import is_worth_it, merged
from facewatchd.core.matching.assign import assign_photo, look
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.domain import Detection, FaceEngine, Image
from facewatchd.faces.packs import open_engine
from facewatchd.pipeline.grouping.thresholds import thresholds_for
from facewatchd.pipeline.intake.ingest import IngestSettings
from facewatchd.pipeline.intake.look import look_in_tiles

SIZE = (4000, 3000)
HEIGHTS = (32, 40, 50, 64, 80, 100, 130, 160, 200, 240)
# of a face in a portrait of 250 pixels, as the detectors draw it
_FACE_SHARE = 0.46


@dataclass(frozen=True)
class Shown:
    """A person in a group photo; `face` is the centre of the portrait, `side` its side, pixels."""

    person: int
    face: tuple[float, float]
    side: int


def people(portraits: Path) -> list[tuple[Path, Path]]:
    """Two portraits each of everybody who has two."""
    pairs = []
    for folder in sorted(portraits.iterdir()):
        found = sorted(folder.glob("*.jpg"))
        if len(found) > 1:
            pairs.append((found[0], found[1]))
    return pairs


def group_photo(pairs: list[tuple[Path, Path]], height: int, rng: np.random.Generator) -> tuple[Image, list[Shown]]:
    """Up to 40 people in rows, on a grainy backdrop."""
    width, tall = SIZE
    canvas = rng.normal(110, 9, (tall, width, 1)).clip(0, 255).astype(np.uint8).repeat(3, axis=2)
    side = round(height / _FACE_SHARE)
    columns, rows = min(8, width // (side + 20)), min(5, tall // (side + 20))
    shown = []
    chosen = rng.choice(len(pairs), columns * rows, replace=False)
    for at, person in enumerate(chosen):
        cell_w, cell_h = width // columns, tall // rows
        x = (at % columns) * cell_w + int(rng.integers(0, cell_w - side))
        y = (at // columns) * cell_h + int(rng.integers(0, cell_h - side))
        portrait = cv2.imread(str(pairs[int(person)][1]))
        method = cv2.INTER_AREA if side < 250 else cv2.INTER_CUBIC
        canvas[y : y + side, x : x + side] = cv2.resize(portrait, (side, side), interpolation=method)
        shown.append(Shown(int(person), (x + side / 2, y + side / 2), side))
    # as cameras do
    done, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert done
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8), shown


def gallery(engine: FaceEngine, pairs: list[tuple[Path, Path]]) -> GalleryIndex:
    """Everybody's first portrait."""
    numbers, vectors = [], []
    for person, (first, _) in enumerate(pairs):
        image = np.asarray(cv2.imread(str(first)), np.uint8)
        found = engine.detect(image)
        if found:
            best = min(
                found, key=lambda face: np.hypot(face.box.x + face.box.w / 2 - 125, face.box.y + face.box.h / 2 - 125)
            )
            numbers.append(person + 1)
            vectors.append(engine.embed([engine.align(image, best.landmarks)])[0])
    return GalleryIndex(np.array(numbers, np.int64), np.stack(vectors))


def figures(
    engine: FaceEngine, pack: str, image: Image, shown: list[Shown], found: list[Detection], known: GalleryIndex
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Shown, found, fit, named rightly, named wrongly, found where nobody is."""
    config = Config()
    limits, thresholds = IngestSettings.of(config).limits, thresholds_for(config, pack)
    right = wrong = fit = hit = stray = 0
    seen: set[int] = set()
    for face in found:
        x, y = face.box.x + face.box.w / 2, face.box.y + face.box.h / 2
        who = [one for one in shown if max(abs(x - one.face[0]), abs(y - one.face[1])) < 0.2 * one.side]
        if not who:
            stray += all(max(abs(x - one.face[0]), abs(y - one.face[1])) > 0.5 * one.side for one in shown)
            continue
        if who[0].person in seen:
            stray += 1
            continue
        seen.add(who[0].person)
        hit += 1
        chip = engine.align(image, face.landmarks)
        if judge(face, chip, limits).poor:
            continue
        fit += 1
        (answer,) = assign_photo(look(engine.embed([chip]), known), thresholds, [frozenset()])
        right += answer.person_id == who[0].person + 1
        wrong += answer.person_id not in {None, who[0].person + 1}
    return np.array([len(shown), hit, fit, right, wrong, stray], np.int64)


def engines(cache: Path) -> Iterator[tuple[str, FaceEngine]]:
    yield "builtin", open_engine("builtin", cache, cache, "cpu")
    pack = SHARED / "models" / "testpack"
    if pack.is_dir():
        yield "testpack", open_engine(str(pack), cache, cache, "cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3, help="group photos a height")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pairs = people(SHARED / "photos" / "lfw-dev")
    with tempfile.TemporaryDirectory() as cache:
        for pack, engine in engines(Path(cache)):
            known = gallery(engine, pairs)
            print(f"{pack}: {len(known.people)} people known; of those shown, percent (whole -> with tiles)")
            print(
                "face px     shown  found          fit            right name     wrong  stray  ms        tiled by auto"
            )
            for height in HEIGHTS:
                rng = np.random.default_rng(height)
                totals = np.zeros((2, 6), np.int64)
                seconds = np.zeros(2)
                tiled = 0
                for _ in range(arguments.photos):
                    image, shown = group_photo(pairs, height, rng)
                    started = time.perf_counter()
                    whole = engine.detect(image)
                    between = time.perf_counter()
                    both = merged(whole, look_in_tiles(engine, image))
                    ended = time.perf_counter()
                    seconds += (between - started, ended - started)
                    tiled += is_worth_it(whole, image.shape[1], image.shape[0])
                    for row, found in enumerate((whole, both)):
                        totals[row] += figures(engine, pack, image, shown, found, known)
                share = 100 * totals / totals[:, :1]
                print(
                    f"{height:7d} {totals[0, 0]:9d}"
                    + "".join(f"  {share[0, at]:5.1f} -> {share[1, at]:5.1f}" for at in (1, 2, 3))
                    + "".join(f"  {totals[0, at]:d} -> {totals[1, at]:d}" for at in (4, 5))
                    + f"  {1e3 * seconds[0] / arguments.photos:.0f} -> {1e3 * seconds[1] / arguments.photos:.0f}"
                    + f"  {tiled} of {arguments.photos}"
                )


if __name__ == "__main__":
    main()
