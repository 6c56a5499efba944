"""
Files that no camera has written: damaged, lying, and made to do harm. Pure: the same seed makes the same files.
"""

from __future__ import annotations

import io
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "system"))
from raw_files import dng

BAD_DECODER = Path(__file__).parent / "bad_decoder"
"""A folder for `PYTHONPATH`: with it, the decoder of `crashing` pictures goes wrong."""

NONSENSE = "DECODERS_TALK_NONSENSE"
"""A variable for its environment: with it, no answer of any decoder is understood."""

_SIDE = 96


def samples() -> dict[str, bytes]:
    """A sound picture in every format that can be written here, by the ending of its name."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    picture = Image.fromarray(np.stack([x * 2, y * 2, (x * y) % 256], axis=2).astype(np.uint8))
    exif = picture.getexif()
    exif[271], exif[306] = "Seagull", "2019:08:17 12:00:00"
    made = {
        "jpg": saved(picture, "JPEG", quality=90, exif=exif),
        "progressive.jpg": saved(picture, "JPEG", quality=90, progressive=True),
        "cmyk.jpg": saved(picture.convert("CMYK"), "JPEG"),
        "png": saved(picture, "PNG", exif=exif),
        "palette.png": saved(picture.quantize(16), "PNG"),
        "webp": saved(picture, "WEBP", exif=exif),
        "lossless.webp": saved(picture, "WEBP", lossless=True),
        "tif": saved(picture, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "gif": saved(picture, "GIF"),
        "bmp": saved(picture, "BMP"),
        "dng": dng(np.ascontiguousarray(np.asarray(picture)[..., ::-1])),
        "avif": saved(picture, "AVIF", quality=80, exif=exif.tobytes()),
    }
    heic = io.BytesIO()
    pillow_heif.from_pillow(picture).save(heic, quality=80)
    return {**made, "heic": heic.getvalue()}


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def mutations(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """
    So many damaged files, of every format in turn, with names that say what was done to them.

    Bits are flipped, ends cut off, and the head of one file is set upon the rest of another.
    """
    rng = random.Random(seed)
    sound = samples()
    endings = list(sound)
    for number in range(count):
        ending = endings[number % len(endings)]
        how = rng.choice(("flipped", "cut", "spliced"))
        yield f"{number:04d} {how}.{ending}", _damaged(sound[ending], how, rng, list(sound.values()))


def _damaged(data: bytes, how: str, rng: random.Random, others: list[bytes]) -> bytes:
    raw = bytearray(data)
    if how == "cut":
        return bytes(raw[: rng.randrange(len(raw))])
    if how == "flipped":
        for _ in range(rng.choice((1, 2, 8, 64))):
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        return bytes(raw)
    other = rng.choice(others)
    at = rng.randrange(4, min(len(raw), len(other), 256))
    return bytes(raw[:at]) + other[at if rng.random() < 0.5 else 0 :]


def bombs() -> dict[str, bytes]:
    """Small files that claim to be huge, by name."""
    jpeg = saved(Image.effect_noise((160, 120), 60).convert("RGB"), "JPEG", quality=90)
    return {
        # 48 kB for 400 megapixels, which the cap refuses, and 27 kB for 225, which it lets through
        "bomb 400.png": saved(Image.new("1", (20_000, 20_000)), "PNG", optimize=True),
        "bomb 225.png": saved(Image.new("1", (15_000, 15_000)), "PNG", optimize=True),
        "liar 4290.jpg": lying(jpeg, 65_500),
        "liar 225.jpg": lying(jpeg, 15_000),
    }


def lying(jpeg: bytes, side: int) -> bytes:
    """A JPEG whose header claims that it is so many pixels high and wide."""
    frame = re.search(rb"\xff\xc0..\x08", jpeg, re.DOTALL)
    assert frame is not None
    claim = side.to_bytes(2, "big") * 2
    return jpeg[: frame.end()] + claim + jpeg[frame.end() + 4 :]


def crashing(way: str, number: int = 0) -> bytes:
    """A sound GIF at which a bad decoder (`BAD_DECODER`) goes wrong in this way; another picture for every number."""
    return saved(Image.new("RGB", (64, 64), (len(way) * 20 % 256, 80 + number, 160)), "GIF", comment=way.encode())
