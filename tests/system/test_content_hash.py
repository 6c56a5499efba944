"""
The fingerprint: the same for the same picture with other tags, another for another picture (R6).
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import piexif
import pytest
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from facewatchd.photos.metadata.content_hash import HASH_BYTES, content_hash


def _picture(seed: int = 0) -> PillowImage.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (32, 48, 3), np.uint8)
    return PillowImage.fromarray(noise)


def _saved(ending: str, seed: int = 0, **options: object) -> bytes:
    target = io.BytesIO()
    _picture(seed).save(target, ending, **options)
    return target.getvalue()


def _exif(stamp: str = "2019:08:17 12:34:56") -> bytes:
    block: bytes = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: stamp}})
    return block


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


JPEG = _saved("JPEG")

RETAGGED = {
    "an Exif block": _saved("JPEG", exif=_exif()),
    "another date": _saved("JPEG", exif=_exif("1987:06:05 04:03:02")),
    "a comment": _saved("JPEG", comment=b"Grandma in the garden"),
    "a colour profile": _saved("JPEG", icc_profile=bytes(200)),
    "XMP": JPEG[:2] + _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>") + JPEG[2:],
    "IPTC": JPEG[:2] + _segment(0xED, b"Photoshop 3.0\x008BIM") + JPEG[2:],
    "no JFIF": JPEG[:2] + JPEG[20:],
    "a film behind it": JPEG + b"\0\0\0\x18ftypmp42" + bytes(500),
    "another image behind it": JPEG + _saved("JPEG", 1),
}


@pytest.mark.parametrize("data", RETAGGED.values(), ids=list(RETAGGED))
def test_a_retagged_jpeg_is_the_same_photo(data: bytes) -> None:
    """Only what makes the primary picture counts."""
    assert data != JPEG
    assert content_hash(data) == content_hash(JPEG)


def test_piexif_writing_into_the_file_changes_nothing(tmp_path: Path) -> None:
    """As a tagging program does it."""
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    piexif.insert(_exif(), str(path))
    assert path.read_bytes() != JPEG
    assert content_hash(path.read_bytes()) == content_hash(JPEG)


def test_a_retagged_png_is_the_same_photo() -> None:
    """Texts, times and Exif are ancillary chunks."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Grandma in the garden")
    assert content_hash(_saved("PNG", pnginfo=text, exif=_exif(), dpi=(300, 300))) == content_hash(_saved("PNG"))


def test_a_png_with_another_transparency_is_another_photo() -> None:
    """tRNS is ancillary by name, but decides what is seen."""
    assert content_hash(_saved("PNG", transparency=(1, 2, 3))) != content_hash(_saved("PNG"))


OTHERS = {
    "another picture": _saved("JPEG", 1),
    "another quality": _saved("JPEG", quality=30),
    "one bit in the coded data": JPEG[:-10] + bytes((JPEG[-10] ^ 1,)) + JPEG[-9:],
    "other colours": JPEG[:2] + _segment(0xEE, b"Adobe\0d\0\0\0\0\0") + JPEG[2:],
    "another format": _saved("PNG"),
    "cut off": JPEG[:-2],
    "empty": b"",
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=list(OTHERS))
def test_another_picture_is_another_photo(data: bytes) -> None:
    """Adobe's segment counts, because it says how the colours are coded."""
    assert content_hash(data) != content_hash(JPEG)


def test_a_photo_turned_in_a_viewer_is_another_picture() -> None:
    """Its faces are elsewhere, so that it has to be taken in anew; no tag and 'upright' are the same."""
    assert content_hash(JPEG, 6) != content_hash(JPEG)
    assert content_hash(JPEG, 6) != content_hash(JPEG, 8)
    assert content_hash(JPEG, 1) == content_hash(JPEG)


@pytest.mark.parametrize("ending", ["WEBP", "TIFF", "BMP", "GIF"])
def test_other_formats_count_whole(ending: str) -> None:
    """There a new tag makes a new photo."""
    data = _saved(ending)
    assert content_hash(data) == content_hash(bytes(data))
    assert content_hash(data + b"\0") != content_hash(data)


def test_damage_never_raises() -> None:
    """Whatever is not understood counts whole."""
    png = _saved("PNG")
    seen = {content_hash(data[:end]) for data in (JPEG, png) for end in range(0, len(data), 37)}
    assert all(len(digest) == HASH_BYTES for digest in seen)
    looping = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 0xFFFFFFFF) + b"IDAT" + struct.pack(">I", zlib.crc32(b""))
    assert len(content_hash(looping)) == HASH_BYTES
