"""
A small photo album to look at facewatchd with, made out of real photographs that installed packages carry.

Three photographs of eight people, and three of things, become sixty: other crops, sizes, light, angles and qualities, with
all the kinds of dates that real albums hold. The faces are those of real people, so that finding and grouping them is real
work; that it can be done was measured with the built-in models: the nearest face is always one of the same person.
Run as `python -m facewatchd.demo DIR`; `make run` without PHOTOS does so.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import piexif

from facewatchd.domain import Box, Image
from facewatchd.errors import FacewatchError, remedy

SEED = 1
MARKER = ".facewatchd-demo"
"""Written into the album: empty while it is being made, then the numbers of its photos and people."""

GROUP = ("insightface", "data/images/t1.jpg")
ASTRONAUT = ("skimage", "data/astronaut.png")
ACTOR = ("insightface", "data/images/Tom_Hanks_54745.png")
NO_FACES = (("skimage", "data/coffee.png"), ("skimage", "data/rocket.jpg"), ("skimage", "data/motorcycle_left.png"))

MOUNT = 48
"""Pixels of plain grey around the actor's picture, which is nothing but a face: detectors want to see an outline."""

FACES = {
    # As SCRFD found them, pixels of the photograph; the actor's with the mount.
    GROUP: (
        Box(59, 263, 110, 133),  # sits on the left
        Box(269, 147, 102, 118),  # leans on the man before her
        Box(465, 265, 108, 151),  # smiles at the cards
        Box(746, 339, 100, 141),  # laughs, in red
        Box(905, 54, 108, 150),  # stands
        Box(1131, 271, 95, 128),  # sits on the right
    ),
    ASTRONAUT: (Box(181, 56, 90, 123),),
    ACTOR: (Box(56, 52, 76, 109),),
}

EVENTS = ("", "", "Birthday", "Cards with friends", "In town", "Trip")
DATE_KINDS = {"exif": 9, "name": 4, "none": 2, "epoch, name": 2, "epoch": 2}
"""How often a photo has a good EXIF date, one only in its name, none, or 1970 in its EXIF with and without one."""


@dataclass(frozen=True, slots=True)
class DemoAlbum:
    """What was made: photos, and the people in them."""

    photos: int
    people: int


@dataclass(frozen=True, slots=True)
class Shot:
    """
    One photo to be made.

    Attributes:
        source: Package and path of the photograph that it is cut from.
        affine: float64, shape (2, 3): from pixels of the source to pixels of the upright photo.
        size: Width and height of the upright photo, pixels.
        gamma: Below 1 brightens, above 1 darkens.
        contrast: Factor around mid-grey.
        cast: Factor per channel, blue, green, red.
        blur: Sigma of a Gaussian, pixels of the photo; 0 for none.
        grain: Standard deviation of the noise, grey levels.
        quality: Of the JPEG, 1..100.
        sideways: Stored turned, with EXIF orientation 6, as phones do.
    """

    source: tuple[str, str]
    affine: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    size: tuple[int, int]
    gamma: float
    contrast: float
    cast: tuple[float, float, float]
    blur: float
    grain: float
    quality: int
    sideways: bool = False


def make_demo_album(out: Path) -> DemoAlbum:
    """
    Make the album, the same one every time. An album that is already complete is left alone.

    Args:
        out: Where to; made with its parents where it is not there yet.

    Raises:
        FacewatchError: The folder holds something else, cannot be written, or a package lacks its photographs.
    """
    marker = out / MARKER
    try:
        if marker.is_file():
            made = marker.read_text("ascii").split()
            if len(made) == 2:
                return DemoAlbum(int(made[0]), int(made[1]))
        elif out.is_dir() and any(out.iterdir()):
            raise FacewatchError(
                "The demo album cannot be made", "The folder holds other files; name one that is empty or new.", out
            )
        out.mkdir(parents=True, exist_ok=True)
        marker.touch()
        album = _make(out, random.Random(SEED))  # noqa: S311  # no secret, but the same album every time
        marker.write_text(f"{album.photos} {album.people}\n", "ascii")
    except OSError as error:
        raise FacewatchError("The demo album cannot be made", remedy(error), error.filename or out) from error
    return album


def _make(out: Path, rng: random.Random) -> DemoAlbum:
    sources = {source: _load(source) for source in (*FACES, *NO_FACES)}
    shots = list(_shots(rng, sources))
    rng.shuffle(shots)
    kinds = [kind for kind, weight in DATE_KINDS.items() for _ in range(weight)]
    for index, shot in enumerate(shots):
        taken = datetime(2014, 1, 1) + timedelta(seconds=rng.randrange(10 * 365 * 86400))  # noqa: DTZ001  # a camera's
        kind = kinds[index % len(kinds)]
        path = out / _name(rng, taken, kind, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        jpeg = _develop(shot, sources[shot.source], index)
        path.write_bytes(_with_exif(jpeg, kind, taken, sideways=shot.sideways))
    return DemoAlbum(len(shots), sum(map(len, FACES.values())))


def _load(source: tuple[str, str]) -> Image:
    """The photograph, found without importing its package, which takes long and may print."""
    package, name = source
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        image = cv2.imread(str(Path(folder) / name), cv2.IMREAD_COLOR)
        if image is not None:
            if source == ACTOR:
                image = np.pad(image, ((MOUNT, MOUNT), (MOUNT, MOUNT), (0, 0)), constant_values=190)
            return np.asarray(image, np.uint8)
    raise FacewatchError("The demo album cannot be made", f"The package {package} has no {name}; reinstall it.")


def _shots(rng: random.Random, sources: dict[tuple[str, str], Image]) -> Iterator[Shot]:
    for _ in range(4):
        yield _shot(rng, GROUP, sources[GROUP], FACES[GROUP], 1300)
    for near in range(5):
        for _ in range(2):
            yield _shot(rng, GROUP, sources[GROUP], FACES[GROUP][near : near + 2], 900)
    for face in FACES[GROUP]:
        for take in range(5):
            shot = _shot(rng, GROUP, sources[GROUP], [face], 640)
            yield replace(shot, sideways=take == 0 and face in FACES[GROUP][::3])
    for source, takes in ((ASTRONAUT, 7), (ACTOR, 6)):
        for _ in range(takes):
            yield _shot(rng, source, sources[source], FACES[source], 480)
    for source in NO_FACES:
        height, width = sources[source].shape[:2]
        yield _shot(rng, source, sources[source], [Box(0, 0, width, height)], 900)


def _shot(rng: random.Random, source: tuple[str, str], image: Image, faces: Sequence[Box], side: int) -> Shot:
    """A photo with these faces whole in it and some room around them, at least `side` pixels along its longer side."""
    tall = max(face.h for face in faces)
    left, right = min(face.x for face in faces), max(face.x + face.w for face in faces)
    top, bottom = min(face.y for face in faces), max(face.y + face.h for face in faces)
    others = [face for face in FACES.get(source, ()) if face not in faces]
    while True:
        x0 = max(0.0, left - tall * rng.uniform(0.4, 1.5))
        x1 = min(image.shape[1], right + tall * rng.uniform(0.4, 1.5))
        y0 = max(0.0, top - tall * rng.uniform(0.4, 1.2))
        y1 = min(image.shape[0], bottom + tall * rng.uniform(0.4, 2.5))
        if not any(0.2 < _seen(other, x0, y0, x1, y1) < 0.9 for other in others):
            break  # half a face resembles no person, and a photographer would not cut it either
    scale = side * rng.uniform(1, 1.8) / max(x1 - x0, y1 - y0)
    width, height = round((x1 - x0) * scale), round((y1 - y0) * scale)
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    affine = cv2.getRotationMatrix2D(centre, rng.gauss(0, 5), scale)
    affine[:, 2] += width / 2 - centre[0], height / 2 - centre[1]
    return Shot(
        source=source,
        affine=affine,
        size=(width, height),
        gamma=math.exp(rng.gauss(0, 0.4)),
        contrast=rng.uniform(0.6, 1.3),
        cast=(rng.uniform(0.85, 1.15), 1.0, rng.uniform(0.85, 1.15)),
        blur=rng.choice((0, 0, rng.uniform(0.5, 1.5))),
        grain=rng.choice((0, rng.uniform(2, 7))),
        quality=rng.randint(55, 95),
    )


def _seen(face: Box, x0: float, y0: float, x1: float, y1: float) -> float:
    """The share of a face that a frame shows, 0..1."""
    width = min(face.x + face.w, x1) - max(face.x, x0)
    height = min(face.y + face.h, y1) - max(face.y, y0)
    return max(0.0, width) * max(0.0, height) / (face.w * face.h)


def _develop(shot: Shot, image: Image, seed: int) -> bytes:
    """The photo as a JPEG without any metadata."""
    # The edge is stretched, not mirrored, where the turned frame reaches over it: a mirror would make new faces.
    photo = cv2.warpAffine(image, shot.affine, shot.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if shot.blur:
        photo = cv2.GaussianBlur(photo, (0, 0), shot.blur)
    light = (np.linspace(0, 1, 256)[:, None] ** shot.gamma * shot.cast - 0.5) * shot.contrast + 0.5
    photo = cv2.LUT(photo, (light.clip(0, 1) * 255).astype(np.uint8)[:, None])
    grain = np.random.default_rng(seed).standard_normal(photo.shape, np.float32) * np.float32(shot.grain)
    photo = (photo + grain).clip(0, 255).astype(np.uint8)
    if shot.sideways:
        photo = cv2.rotate(photo, cv2.ROTATE_90_COUNTERCLOCKWISE)
    done, jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, shot.quality])
    if not done:
        raise FacewatchError("The demo album cannot be made", "OpenCV cannot write JPEG.")
    return bytes(jpeg)


def _name(rng: random.Random, taken: datetime, kind: str, index: int) -> Path:
    """A camera's, a phone's or a messenger's name, in a folder per year and sometimes per event."""
    folder = Path(f"{taken:%Y}" if kind != "none" else "Unsorted") / rng.choice(EVENTS)
    if "name" not in kind:
        return folder / rng.choice((f"DSC{index + 4100:05d}.JPG", f"IMG_{index + 2300:04d}.jpg"))
    return folder / rng.choice(
        (f"IMG_{taken:%Y%m%d_%H%M%S}.jpg", f"{taken:%Y-%m-%d %H.%M.%S}.jpg", f"IMG-{taken:%Y%m%d}-WA{index:04d}.jpg")
    )


def _with_exif(jpeg: bytes, kind: str, taken: datetime, *, sideways: bool) -> bytes:
    stamp = {"exif": f"{taken:%Y:%m:%d %H:%M:%S}", "epoch": "1970:01:01 00:00:00"}.get(kind.split(",", 1)[0], "")
    if not stamp and not sideways:
        return jpeg
    main: dict[int, object] = {piexif.ImageIFD.Orientation: 6 if sideways else 1}
    times: dict[int, object] = {}
    if stamp:
        main |= {piexif.ImageIFD.Make: b"Seagull", piexif.ImageIFD.Model: b"DF-300", piexif.ImageIFD.DateTime: stamp}
        times = {piexif.ExifIFD.DateTimeOriginal: stamp, piexif.ExifIFD.DateTimeDigitized: stamp}
    exif: bytes = piexif.dump({"0th": main, "Exif": times})
    # A new JPEG has no EXIF yet: its segment goes right behind the start marker and the JFIF segment that OpenCV writes.
    at = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:at] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[at:]


def main(arguments: Sequence[str]) -> int:
    """`python -m facewatchd.demo DIR`. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m facewatchd.demo", description="Make an album to try facewatchd with.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="where; made if need be")
    folder = parser.parse_args(arguments).folder
    try:
        album = make_demo_album(folder)
    except FacewatchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{folder}: {album.photos} photos of {album.people} people\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
