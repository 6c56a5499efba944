"""
Why a photo could not be decoded, as one sentence for the user. What the libraries say is one witness; what the file claims
of itself, and how much memory there still is, are others: a file that was cut off is not blamed on its camera, and one whose
header was damaged not on a lack of memory.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from facewatchd.errors import PhotoError, PhotoRoomError
from facewatchd.photos.decoding.sandbox import headroom
from facewatchd.photos.formats import PhotoKind
from facewatchd.photos.metadata.exif import read_exif
from facewatchd.photos.raw_containers import BYTE_ORDERS, RAF_MAGIC, RAW_BYTE_ORDERS

TITLE = "The photo cannot be decoded"

# what the libraries say when they get no memory; none says so with an exception of its own
_MEMORY = re.compile(
    r"insufficient memory|out of memory|memory allocation|failed to allocate|cannot allocate|bad_alloc", re.IGNORECASE
)
# libheif's own bounds, which no sound picture reaches; it calls them a failed allocation
_BEYOND_BOUNDS = re.compile(r"security limit", re.IGNORECASE)
_UNSUPPORTED = re.compile(r"unsupported|not supported|not implemented|cannot handle|unknown compression", re.IGNORECASE)

_LEAST_BYTES, _MOST_BYTES = 3, 16
"""What a pixel takes at least while it is decoded (the picture itself), and at most (a copy in 32 bits, and the picture)."""

_RESERVE = 64 << 20
"""Libraries take memory in pieces: less than this is as good as none, bytes."""

_MAKE, _MODEL = 271, 272
_DIRECTORIES = frozenset({330, 34665})
_STRIPS = ((273, 279), (324, 325), (513, 514))
"""Tags of a TIFF that say where the parts of a picture are, and how long they are (TIFF 6.0): strips, tiles, a JPEG."""

_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_PARTS = 32, 1000, 100_000
_NOWHERE = 0xFFFFFFFF
"""Panasonic's place of strips that are somewhere else."""


class UnsupportedRawError(Exception):
    """LibRaw does not recognise a RAW file."""


def no_room(path: bytes) -> PhotoRoomError:
    """The error for want of memory."""
    return PhotoRoomError(TITLE, "There is not enough memory for it: raise ingest.max_memory.", path)


def no_photo(data: bytes, path: bytes) -> PhotoError:
    """The error for content that is none of the supported formats; of a large file the beginning is enough."""
    if not data:
        return PhotoError(TITLE, "The file is empty: copy it again from its source, or delete it.", path)
    if not data.strip(b"\0"):
        return PhotoError(
            TITLE,
            "There is nothing in the file but zeros, as after a copy that failed: copy it again from its source.",
            path,
        )
    return PhotoError(
        TITLE,
        "The content is none of JPEG, PNG, WebP, TIFF, GIF, BMP, HEIC, AVIF or camera RAW, or its beginning is damaged: copy"
        " it again from its source, convert it to one of them, or move it away.",
        path,
    )


def failure(kind: PhotoKind, data: bytes, path: bytes, error: Exception, pixels: int) -> PhotoError:
    """
    The error for a photo that a library failed with.

    Args:
        kind: The format, as the content tells it.
        data: The whole file.
        path: Of the file.
        error: What the library raised.
        pixels: How many the header claims; 0 where it was not understood.
    """
    said = _said(error)
    if _was_room(kind, error, said, pixels):
        return no_room(path)
    if is_cut_off(data, kind):
        return _damaged(kind, "it is shorter than its header says", path)
    if isinstance(error, UnsupportedRawError):
        return PhotoError(TITLE, _of_camera(data), path)
    if isinstance(error, MemoryError) or _BEYOND_BOUNDS.search(said) or _MEMORY.search(said):
        return _damaged(kind, "its header asks for more than a picture can need", path)
    if _UNSUPPORTED.search(said):
        return PhotoError(
            TITLE,
            f"This {kind} cannot be read ({said}): it is damaged, or of a kind that is not supported. Copy it again from its"
            " source, or convert it to JPEG.",
            path,
        )
    return _damaged(kind, said, path)


def _damaged(kind: PhotoKind, why: str, path: bytes) -> PhotoError:
    return PhotoError(TITLE, f"This {kind} is damaged or incomplete ({why}): copy it again from its source.", path)


def _was_room(kind: PhotoKind, error: Exception, said: str, pixels: int) -> bool:
    """
    Whether memory was short: it is said, and there is little; or it is not said, and there is less than the picture needs (that
    of a JPEG has its place before it is decoded).
    """
    room = headroom()
    if isinstance(error, MemoryError) or (_MEMORY.search(said) and not _BEYOND_BOUNDS.search(said)):
        return room is None or room < max(_MOST_BYTES * pixels, _RESERVE)
    return kind is not PhotoKind.JPEG and room is not None and room < _LEAST_BYTES * pixels


def _said(error: Exception) -> str:
    """The first line of what a library says, kept short, and without the marks of Python's bytes."""
    given = error.args[0] if error.args else ""
    text = given.decode("utf-8", "replace") if isinstance(given, bytes) else str(error)
    lines = re.sub(r"\bb'([^']*)'", r"'\1'", text).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:120].rstrip(".: ")


def _of_camera(data: bytes) -> str:
    """Why LibRaw may not recognise a file that is whole, as far as it can be told."""
    try:
        tags = read_exif(data, PhotoKind.RAW).tags
    except ValueError:
        tags = {}
    names = (tags.get(tag) for tag in (_MAKE, _MODEL))
    camera = " ".join(name.strip() for name in names if isinstance(name, str) and name.strip())
    return (
        f"LibRaw does not recognise this camera RAW{f' ({camera})' if camera else ''}: the file is damaged, or the camera is"
        " newer than LibRaw. Where others of this camera are read, copy it again from its source; else update rawpy, or put"
        " the camera's JPEG beside it."
    )


# --- whether a file has an end


def is_cut_off(data: bytes, kind: PhotoKind) -> bool:
    """Whether a file is shorter than what it says of itself, as after a copy that was broken off."""
    try:
        return any(end > len(data) for end in _ends(data, kind))
    except struct.error:
        return True  # a header is cut off


def _ends(data: bytes, kind: PhotoKind) -> Iterator[int]:
    """Where the parts of a file end, by its own word."""
    if data.startswith(RAF_MAGIC):
        yield from (sum(struct.unpack_from(">II", data, at)) for at in (84, 92, 100))
    elif data[4:8] == b"ftyp":
        yield from _ends_of_boxes(data)
    elif kind is PhotoKind.WEBP:
        yield 8 + int(struct.unpack_from("<I", data, 4)[0])
    elif (order := BYTE_ORDERS.get(data[:4]) or RAW_BYTE_ORDERS.get(data[:4])) is not None:
        yield from _ends_of_tiff(data, order)


def _ends_of_boxes(data: bytes) -> Iterator[int]:
    """ISO base media files (HEIC, AVIF, CR3): boxes, each with its size in front (ISO 14496-12, 4.2)."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        elif size == 0:
            return  # to the end of the file, whatever that is
        if size < 8:
            return
        at += size
        yield at


def _ends_of_tiff(data: bytes, order: str) -> Iterator[int]:
    waiting = [int(struct.unpack_from(order + "I", data, 4)[0])]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        offset = waiting.pop(0)
        if offset == 0 or offset in seen:
            continue
        seen.add(offset)
        (count,) = struct.unpack_from(order + "H", data, offset)
        found: dict[int, tuple[int, ...]] = {}
        for at in range(offset + 2, offset + 2 + 12 * min(count, _MOST_ENTRIES), 12):
            tag, numbers, end = _entry(data, order, at)
            found[tag] = numbers
            yield end
        for starts, lengths in _STRIPS:
            for start, length in zip(found.get(starts, ()), found.get(lengths, ()), strict=False):
                if start != _NOWHERE:
                    yield start + length
        waiting += [number for tag in _DIRECTORIES for number in found.get(tag, ())[:_MOST_DIRECTORIES]]
        following = offset + 2 + 12 * count
        if following + 4 <= len(data):
            waiting.append(int(struct.unpack_from(order + "I", data, following)[0]))


def _entry(data: bytes, order: str, at: int) -> tuple[int, tuple[int, ...], int]:
    """A tag of a directory, its numbers where it has whole ones, and where they end."""
    tag, type_, number = struct.unpack_from(order + "HHI", data, at)
    size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}.get(type_, 0) * number
    start = at + 8 if size <= 4 else int(struct.unpack_from(order + "I", data, at + 8)[0])
    letter = {3: "H", 4: "I", 13: "I"}.get(type_)
    if letter is None or number > _MOST_PARTS or start + size > len(data):
        return tag, (), start + size
    return tag, struct.unpack_from(f"{order}{number}{letter}", data, start), start + size
