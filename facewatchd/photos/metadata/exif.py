"""
Finding the Exif block of a photo, and reading the few tags that are needed, without decoding the picture.

The directories are walked here and not by Pillow or piexif. piexif gives up the whole block at the first broken tag. Pillow
reports broken tags through `warnings`, which no thread can catch for itself. Here a broken tag loses only that tag, and is
reported. Only the three directories with the tags are followed, so no loop is possible.

Layout: TIFF 6.0, section 2; tags: Exif 2.32 (CIPA DC-008), tables 4-8.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from facewatchd.photos.formats import JPEG_APP1, JPEG_SOS, Part, PhotoKind, jpeg_segments, png_chunks, riff_chunks
from facewatchd.photos.metadata.heif_tags import heif_exif_block
from facewatchd.photos.metadata.png_text import png_exif
from facewatchd.photos.raw_containers import (
    BYTE_ORDERS,
    CR3_BRAND,
    RAF_MAGIC,
    RAW_BYTE_ORDERS,
    cr3_directories,
    raf_jpeg,
)

MAKE, MODEL, ORIENTATION, DATE_TIME = 271, 272, 274, 306
EXIF_DIRECTORY, GPS_DIRECTORY = 34665, 34853
ORIGINAL, DIGITIZED = 36867, 36868
OFFSET, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 36880, 36881, 36882
SUBSEC, SUBSEC_ORIGINAL, SUBSEC_DIGITIZED = 37520, 37521, 37522
GPS_TIME, GPS_DATE = 7, 29

_PREFIX = b"Exif\0\0"
_MAIN_TAGS = frozenset({MAKE, MODEL, ORIENTATION, DATE_TIME, EXIF_DIRECTORY, GPS_DIRECTORY, ORIGINAL, DIGITIZED})
_EXIF_TAGS = frozenset(
    {
        ORIGINAL,
        DIGITIZED,
        OFFSET,
        OFFSET_ORIGINAL,
        OFFSET_DIGITIZED,
        SUBSEC,
        SUBSEC_ORIGINAL,
        SUBSEC_DIGITIZED,
    }
)
_GPS_TAGS = frozenset({GPS_TIME, GPS_DATE})
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8, 13: 4}
_ASCII_TYPES = frozenset({1, 2, 7})
# every wanted tag is short; a longer one is damaged or hostile
_MAX_TAG_BYTES = 1024

Value = str | tuple[int, ...]
"""Text as it stands, without the closing NUL; or whole numbers, a fraction as two of them."""


@dataclass(frozen=True, slots=True)
class Exif:
    """
    The wanted tags of an Exif block.

    Attributes:
        tags: Of the main and the Exif directory, by number.
        gps: Of the GPS directory, by number.
        problems: What could not be read, in a few words each.
    """

    tags: Mapping[int, Value] = field(default_factory=dict)
    gps: Mapping[int, Value] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def text(self, tag: int) -> str:
        """The text of a tag. Empty if there is none."""
        value = self.tags.get(tag, "")
        return value if isinstance(value, str) else ""

    @property
    def orientation(self) -> int:
        """The orientation, 1..8. 1 if the tag is missing or has another value."""
        value = self.tags.get(ORIENTATION, (1,))
        return value[0] if isinstance(value, tuple) and len(value) == 1 and 1 <= value[0] <= 8 else 1


def exif_block(data: bytes, kind: PhotoKind) -> bytes | None:
    """
    The Exif block as a TIFF structure. None if the photo has none, or several (CR3).

    Raises:
        ValueError: The container is damaged before the block could be found.
    """
    block: bytes | None = None
    if kind is PhotoKind.RAW and data.startswith(RAF_MAGIC):
        return exif_block(raf_jpeg(data), PhotoKind.JPEG)
    if kind is PhotoKind.TIFF or (kind is PhotoKind.RAW and data[4:8] != b"ftyp"):
        block = data
    elif kind is PhotoKind.JPEG:
        for part in jpeg_segments(data):
            # metadata are before the picture, and walking through the picture takes long
            if part.name[0] == JPEG_SOS:
                break
            if is_exif(data, part):
                block = data[part.body : part.end]
                break
    elif kind is PhotoKind.PNG:
        block = next((data[part.body : part.end] for part in png_chunks(data) if part.name == b"eXIf"), None)
        block = block or png_exif(data)
    elif kind is PhotoKind.WEBP:
        block = next((data[part.body : part.end] for part in riff_chunks(data) if part.name == b"EXIF"), None)
    elif kind in {PhotoKind.HEIC, PhotoKind.AVIF}:
        block = heif_exif_block(data)
    return block.removeprefix(_PREFIX) if block else None


def is_exif(data: bytes, part: Part) -> bool:
    """Whether a JPEG's segment holds an Exif block."""
    return part.name[0] == JPEG_APP1 and data.startswith(_PREFIX, part.body)


def read_exif(data: bytes, kind: PhotoKind) -> Exif:
    """
    The wanted tags of a photo. None are there if it has no Exif block.

    Raises:
        ValueError: As `exif_block`.
    """
    if kind is PhotoKind.RAW and data[8:12] == CR3_BRAND:
        return _read_cr3(cr3_directories(data))
    block = exif_block(data, kind)
    return parse_exif(block) if block else Exif()


def _read_cr3(directories: Mapping[bytes, bytes]) -> Exif:
    """The tags of a CR3: every directory is a TIFF structure of its own, with its tags in the first directory."""
    problems: list[str] = []
    found: list[dict[int, Value]] = []
    for name, wanted in ((b"CMT1", _MAIN_TAGS), (b"CMT2", _EXIF_TAGS), (b"CMT4", _GPS_TAGS)):
        block = directories.get(name, b"")
        order = BYTE_ORDERS.get(block[:4])
        if order is None or len(block) < 8:
            found.append({})
            continue
        (first,) = struct.unpack_from(order + "I", block, 4)
        found.append(_read_directory(block, order, first, wanted, problems))
    main, exif, gps = found
    return Exif(main | exif, gps, tuple(problems))


def parse_exif(block: bytes) -> Exif:
    """Read the wanted tags. This never raises: what cannot be read is among the problems."""
    order = BYTE_ORDERS.get(block[:4]) or RAW_BYTE_ORDERS.get(block[:4])
    if order is None or len(block) < 8:
        return Exif(problems=("the Exif block has no valid header",))
    problems: list[str] = []
    (first,) = struct.unpack_from(order + "I", block, 4)
    tags = _read_directory(block, order, first, _MAIN_TAGS, problems)
    gps: dict[int, Value] = {}
    below = tags.pop(EXIF_DIRECTORY, None)
    if isinstance(below, tuple) and below:
        tags |= _read_directory(block, order, below[0], _EXIF_TAGS, problems)
    below = tags.pop(GPS_DIRECTORY, None)
    if isinstance(below, tuple) and below:
        gps = _read_directory(block, order, below[0], _GPS_TAGS, problems)
    return Exif(tags, gps, tuple(problems))


def _read_directory(
    block: bytes, order: str, offset: int, wanted: frozenset[int], problems: list[str]
) -> dict[int, Value]:
    """Adds to `problems`."""
    found: dict[int, Value] = {}
    if offset + 2 > len(block):
        problems.append("an Exif directory lies outside the block")
        return found
    (count,) = struct.unpack_from(order + "H", block, offset)
    for at in range(offset + 2, offset + 2 + 12 * count, 12):
        if at + 12 > len(block):
            problems.append("an Exif directory is cut off")
            break
        tag, type_, number, where = struct.unpack_from(order + "HHII", block, at)
        # the first of two equal tags counts, as in other readers
        if tag not in wanted or tag in found:
            continue
        size = _TYPE_BYTES.get(type_, 0) * number
        start = at + 8 if size <= 4 else where
        if not 0 < size <= _MAX_TAG_BYTES or start + size > len(block):
            if number:
                problems.append(f"tag {tag} cannot be read")
            continue
        found[tag] = _value(block[start : start + size], order, type_)
    return found


def _value(raw: bytes, order: str, type_: int) -> Value:
    if type_ in _ASCII_TYPES:
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
    letter = {3: "H", 4: "I", 5: "I", 9: "i", 10: "i", 13: "I"}[type_]
    return struct.unpack(f"{order}{len(raw) // struct.calcsize(letter)}{letter}", raw)
