"""
Whether a changed photo is still the same photo, but for its date (R14), as the libraries see it. Runs in the decoders.

A JPEG's coded parts are compared elsewhere, byte for byte, which is more than equal pixels. Of the other formats both files
are decoded, as their directories hold both dates and pictures. Then Pillow, which shares no code with the writer, must read
the new date, and all other tags as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pillow_heif
from PIL import Image as PillowImage

from facewatchd.core.dates.stamps import parse_date
from facewatchd.errors import cause
from facewatchd.photos.decoding.decode import decode, opened_by_pillow
from facewatchd.photos.formats import PhotoKind
from facewatchd.photos.metadata.exif import (
    DATE_TIME,
    DIGITIZED,
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    OFFSET_ORIGINAL,
    ORIGINAL,
    SUBSEC_DIGITIZED,
    SUBSEC_ORIGINAL,
)

_INTEROP_DIRECTORY, _EXIF_VERSION = 40965, 36864
_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
# a TIFF keeps XMP and IPTC in tags, and both state dates, too
_DATES = frozenset({DATE_TIME, ORIGINAL, DIGITIZED, SUBSEC_ORIGINAL, SUBSEC_DIGITIZED, _XMP, _IPTC, _PHOTOSHOP})
# what comes with a new date field: the pointer to its directory moves
_NEW = frozenset({EXIF_DIRECTORY, _EXIF_VERSION, OFFSET_ORIGINAL})

Fields = Mapping[tuple[int, int], object]
"""What a second reader finds: (directory, tag) -> value."""


def difference(old: bytes, new: bytes, kind: PhotoKind, value: datetime, max_megapixels: float) -> str:
    """
    Why a changed photo must not take the place of the old one; empty where the libraries see nothing against it.

    Args:
        old: The whole file as it was.
        new: The whole file as it is to be.
        kind: The format of both.
        value: The date that was to be written.
        max_megapixels: See `decode`.

    Raises:
        MemoryError: There is not enough of it.
    """
    try:
        if kind is not PhotoKind.JPEG and not _same_pixels(old, new, max_megapixels):
            return "the picture would change"
        before, after = second_reading(old, kind), second_reading(new, kind)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a reader fails in its own ways, and any failure is a no
        return f"the file cannot be checked ({type(error).__name__}: {cause(error)[:100]})"
    written = after.get((EXIF_DIRECTORY, ORIGINAL), after.get((0, ORIGINAL)))
    if not isinstance(written, str) or parse_date(written) != value:
        return "another program would not read the new date"
    changing = _DATES | _NEW if len(new) != len(old) else _DATES
    if any(before.get(key) != after.get(key) for key in before.keys() | after.keys() if key[1] not in changing):
        return "another program would read other tags than before"
    return ""


def _same_pixels(old: bytes, new: bytes, max_megapixels: float) -> bool:
    before, after = (decode(data, b"", max_megapixels) for data in (old, new))
    return before.orientation == after.orientation and np.array_equal(before.image, after.image)


def second_reading(data: bytes, kind: PhotoKind) -> Fields:
    """All tags as Pillow reads them."""
    if kind is PhotoKind.HEIC:
        exif = PillowImage.Exif()
        exif.load(pillow_heif.open_heif(data).info.get("exif") or b"")
        return _fields(exif)
    with opened_by_pillow(data, kind) as image:
        # the fields are read lazily from the file, which ends here
        return _fields(image.getexif())


def _fields(exif: PillowImage.Exif) -> Fields:
    found = {(0, tag): _comparable(value) for tag, value in exif.items()}
    for directory in (EXIF_DIRECTORY, GPS_DIRECTORY, _INTEROP_DIRECTORY):
        found |= {(directory, tag): _comparable(value) for tag, value in exif.get_ifd(directory).items()}
    return found


def _comparable(value: object) -> object:
    """Fractions may be 0/0, which equals nothing, itself included."""
    return value if isinstance(value, str | bytes | int) else repr(value)
