"""
Whether a changed photo is still the same photo, but for its date (R14). Asked before a change is written, about the bytes
in memory, and afterwards, about those on disk.

The changed bytes are compared with the edits, which are in date fields or in one new segment; that alone leaves pictures
behind the first, trailers, and everything that points at them, as they were. Then the picture: a JPEG's coded parts are
compared byte for byte, which is more than equal pixels; other formats are decoded twice, as their directories hold both
dates and pictures. Last, Pillow, which shares no code with the writer, must read the new date and all other tags as
before.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pillow_heif
from PIL import Image as PillowImage

from facewatchd.core.dates.stamps import parse_stamp
from facewatchd.errors import cause
from facewatchd.photos.decoding.decode import decode, stored_orientation
from facewatchd.photos.formats import PhotoKind, jpeg_segments, kind_of
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.exif import (
    DATE_TIME,
    DIGITIZED,
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    OFFSET_ORIGINAL,
    ORIGINAL,
)
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.writing.edits import Edit

_INTEROP_DIRECTORY, _EXIF_VERSION = 40965, 36864
_DATES = frozenset({DATE_TIME, ORIGINAL, DIGITIZED})
# what comes with a new date field: the pointer to its directory moves
_NEW = frozenset({EXIF_DIRECTORY, _EXIF_VERSION, OFFSET_ORIGINAL})

Fields = Mapping[tuple[int, int], object]
"""What a second reader finds: (directory, tag) -> value."""


def flaw(old: bytes, new: bytes, edits: Sequence[Edit], value: datetime, max_megapixels: float) -> str:
    """
    Why a changed photo must not take the place of the old one; empty where it may.

    Args:
        old: The whole file as it was.
        new: The whole file after the change.
        edits: The wanted changes.
        value: The date to write.
        max_megapixels: See `decode`.
    """
    if not edits:
        return "nothing would change"
    if not _only_edited(old, new, edits):
        return "bytes outside the date fields would change"
    kind = kind_of(old)
    if kind is None or kind_of(new) is not kind:
        return "the file would be of another format"
    if kind is PhotoKind.RAW:
        return "camera RAW is never written into"
    try:
        if not _same_picture(old, new, kind, max_megapixels):
            return "the picture would change"
        if parse_date(read_tags(new, kind).original) != value:
            return "the new date could not be read back"
        before, after = second_reading(old, kind), second_reading(new, kind)
    except Exception as error:  # noqa: BLE001 - a reader fails in its own ways, and any failure is a no
        return f"the file cannot be checked ({type(error).__name__}: {cause(error)[:100]})"
    written = after.get((EXIF_DIRECTORY, ORIGINAL), after.get((0, ORIGINAL)))
    if not isinstance(written, str) or parse_date(written) != value:
        return "another program would not read the new date"
    changing = _DATES | _NEW if len(new) != len(old) else _DATES
    if any(before.get(key) != after.get(key) for key in before.keys() | after.keys() if key[1] not in changing):
        return "another program would read other tags than before"
    return ""


def parse_date(text: str) -> datetime | None:
    """The moment that a date tag names, None where it names none."""
    stamp = parse_stamp(text)
    return None if stamp is None else stamp.value


def _only_edited(old: bytes, new: bytes, edits: Sequence[Edit]) -> bool:
    """Whether the two are equal but for the edits, piece by piece."""
    done_old = done_new = 0
    for edit in edits:
        kept = edit.at - done_old
        if kept < 0 or old[done_old : edit.at] != new[done_new : done_new + kept]:
            return False
        done_old, done_new = edit.at, done_new + kept
        if old[done_old : done_old + len(edit.old)] != edit.old:
            return False
        if new[done_new : done_new + len(edit.new)] != edit.new:
            return False
        done_old, done_new = done_old + len(edit.old), done_new + len(edit.new)
    return old[done_old:] == new[done_new:]


def _same_picture(old: bytes, new: bytes, kind: PhotoKind, max_megapixels: float) -> bool:
    if kind is PhotoKind.JPEG:
        # of a damaged one the whole file would be hashed, which says nothing: the walk must come to its end
        for data in (old, new):
            for _ in jpeg_segments(data):
                pass
        return content_hash(old, stored_orientation(old)) == content_hash(new, stored_orientation(new))
    before, after = (decode(data, b"", max_megapixels) for data in (old, new))
    return before.orientation == after.orientation and np.array_equal(before.image, after.image)


def second_reading(data: bytes, kind: PhotoKind) -> Fields:
    """All tags as Pillow reads them."""
    if kind is PhotoKind.HEIC:
        exif = PillowImage.Exif()
        exif.load(pillow_heif.open_heif(data).info.get("exif") or b"")
    else:
        with PillowImage.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            # the fields are read lazily from the file, which ends here
            return _fields(exif)
    return _fields(exif)


def _fields(exif: PillowImage.Exif) -> Fields:
    found = {(0, tag): _comparable(value) for tag, value in exif.items()}
    for directory in (EXIF_DIRECTORY, GPS_DIRECTORY, _INTEROP_DIRECTORY):
        found |= {(directory, tag): _comparable(value) for tag, value in exif.get_ifd(directory).items()}
    return found


def _comparable(value: object) -> object:
    """Fractions may be 0/0, which equals nothing, itself included."""
    return value if isinstance(value, str | bytes | int) else repr(value)
