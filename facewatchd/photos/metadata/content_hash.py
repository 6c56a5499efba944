"""
A hash of a photo that does not change with its tags, so that a photo with a new caption or date is the same photo (R6).
"""

from __future__ import annotations

import hashlib

from facewatchd.photos.formats import (
    JPEG_APP0,
    JPEG_APP14,
    JPEG_APP15,
    JPEG_COM,
    Part,
    PhotoKind,
    jpeg_segments,
    kind_of,
    png_chunks,
)

HASH_BYTES = 32
# an ancillary chunk, but it decides which pixels are seen
_PNG_TRANSPARENCY = b"tRNS"


def content_hash(data: bytes, orientation: int = 1) -> bytes:
    """
    A hash of the data that makes up the picture.

    JPEG: all segments of the primary image except APPn and comments. APP14 counts: it tells how the colours are coded. Data
    after the image, such as a film or a depth map, does not count. PNG: the critical chunks and tRNS. Every other format, and
    a damaged file: the whole file, so a new tag makes a new photo.

    Args:
        data: The whole file.
        orientation: The Exif orientation, 1..8. It counts although it is a tag: a photo that was turned in a viewer is
            another upright picture, and its faces are at other places.

    Returns:
        32 bytes, BLAKE2b.
    """
    kind = kind_of(data)
    digest = hashlib.blake2b(digest_size=HASH_BYTES, person=str(kind or "").encode())
    if orientation != 1:
        digest.update(b"orientation %d" % orientation)
    try:
        parts = _picture_parts(data, kind)
    except ValueError:
        parts = None
    view = memoryview(data)
    if parts is None:
        digest.update(view)
        return digest.digest()
    for part in parts:
        digest.update(view[part.start : part.end])
    return digest.digest()


def _picture_parts(data: bytes, kind: PhotoKind | None) -> list[Part] | None:
    if kind is PhotoKind.JPEG:
        return [part for part in jpeg_segments(data) if not _is_jpeg_metadata(part.name[0])]
    if kind is PhotoKind.PNG:
        # the fifth bit of the first letter is clear in critical chunks: an upper-case letter
        return [part for part in png_chunks(data) if not part.name[0] & 0x20 or part.name == _PNG_TRANSPARENCY]
    return None


def _is_jpeg_metadata(marker: int) -> bool:
    return marker == JPEG_COM or (JPEG_APP0 <= marker <= JPEG_APP15 and marker != JPEG_APP14)
