"""
The orientation of a photo by its tags.
"""

from __future__ import annotations

from facewatchd.photos.formats import PhotoKind, kind_of
from facewatchd.photos.metadata.embedded import embedded_orientation
from facewatchd.photos.metadata.exif import ORIENTATION, Exif, read_exif
from facewatchd.photos.metadata.heif_tags import heif_orientation

# the others have an orientation of their container
_TURNED_BY_XMP = frozenset({PhotoKind.JPEG, PhotoKind.PNG, PhotoKind.WEBP})


def stored_orientation(data: bytes) -> int:
    """The orientation that `decode` applies, 1..8, without decoding; never raises."""
    kind = kind_of(data)
    # these are turned by their libraries, or as LibRaw says
    turned = {PhotoKind.HEIC, PhotoKind.TIFF, PhotoKind.RAW, PhotoKind.JPEG_XL}
    return 1 if kind is None or kind in turned else orientation_of(data, kind)


def orientation_of(data: bytes, kind: PhotoKind) -> int:
    """Exif's, else XMP's, else 1: a damaged block must not cost the picture. The container's of an AVIF."""
    if kind is PhotoKind.AVIF:
        # as in HEIC, the container decides; but its library does not turn the picture
        return heif_orientation(data)
    try:
        exif = read_exif(data, kind)
    except ValueError:
        exif = Exif()
    if ORIENTATION not in exif.tags and kind in _TURNED_BY_XMP:
        return embedded_orientation(data, kind) or 1
    return exif.orientation
