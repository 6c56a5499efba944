"""
Where the Exif block of a HEIC or AVIF file is. The reading is strict, because parts of the block are overwritten.

Layout: ISO/IEC 14496-12 (boxes, `meta`, `iinf`, `iloc`) and 23008-12 annex A (the Exif item).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from facewatchd.photos.writing.patch_tiff import DamagedError, Span

_MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class _Box:
    start: int
    name: bytes
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class _Place:
    method: int
    reference: int
    spans: tuple[Span, ...]
    # of the last extent: its fields in the table
    base: int = 0
    offset_at: int = 0
    length_at: int = 0


@dataclass(frozen=True, slots=True)
class ExifItem:
    """
    The only Exif item of a file.

    Attributes:
        start: Where it begins.
        block: Where its TIFF structure begins.
        end: Where both end.
        base: What its offset in the table of places is counted from.
        offset_at: Where that offset is, of `offset_bytes`.
        length_at: Where its length is, of `length_bytes`, which may be 0.
        is_open: Whether the last box of the file has no length of its own, so that what is added belongs to it.
    """

    start: int
    block: int
    end: int
    base: int
    offset_at: int
    offset_bytes: int
    length_at: int
    length_bytes: int
    is_open: bool


class _Reader:
    """Reads big-endian numbers from a span, and nothing outside it."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self._end = data, at, end

    def number(self, size: int) -> int:
        if self.at + size > self._end:
            raise DamagedError("a table of the file is cut off")
        self.at += size
        return int.from_bytes(self._data[self.at - size : self.at], "big")


def heif_exif(data: bytes) -> Span | None:
    """
    Where the TIFF structure of the only Exif item is. None if there is none, or if it is not in one piece.

    Raises:
        DamagedError: As `heif_exif_item`.
    """
    item = heif_exif_item(data)
    return None if item is None else (item.block, item.end)


def heif_exif_item(data: bytes) -> ExifItem | None:
    """
    The only Exif item; None where there is none, or none that lies in one piece.

    Raises:
        DamagedError: The boxes have a flaw, or there are several Exif items.
    """
    boxes = list(_boxes(data, 0, len(data)))
    metas = [box for box in boxes if box.name == b"meta"]
    if len(metas) != 1:
        raise DamagedError("the file has no single table of contents")
    inner = {box.name: box for box in _boxes(data, metas[0].body + 4, metas[0].end)}
    if b"iinf" not in inner or b"iloc" not in inner:
        raise DamagedError("the file's table of contents is incomplete")
    items = [item for item, kind in _items(data, inner[b"iinf"]) if kind == b"Exif"]
    if not items:
        return None
    if len(items) > 1:
        raise DamagedError("the file has several Exif blocks")
    places, sizes = _places(data, inner[b"iloc"])
    place = places.get(items[0])
    if place is None or place.method != 0 or place.reference != 0 or len(place.spans) != 1:
        return None
    start, end = place.spans[0]
    if not any(box.name == b"mdat" and box.body <= start and end <= box.end for box in boxes):
        raise DamagedError("the Exif block lies where no data are")
    for item, other in places.items():
        if item != items[0] and other.method == 0 and any(a < end and start < b for a, b in other.spans):
            raise DamagedError("the Exif block overlaps something else in the file")
    reader = _Reader(data, start, end)
    base = start + 4 + reader.number(4)
    if base + 8 > end:
        raise DamagedError("the Exif block is cut off")
    offset_bytes, length_bytes = sizes
    is_open = data[boxes[-1].start : boxes[-1].start + 4] == bytes(4)
    return ExifItem(start, base, end, place.base, place.offset_at, offset_bytes, place.length_at, length_bytes, is_open)


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    while at < end:
        reader = _Reader(data, at, end)
        size, name = reader.number(4), data[at + 4 : at + 8]
        reader.number(4)
        if size == 1:
            size = reader.number(8)
        elif size == 0:
            size = end - at
        if size < reader.at - at or at + size > end:
            raise DamagedError("a box of the file has a wrong length")
        yield _Box(at, name, reader.at, at + size)
        at += size


def _items(data: bytes, box: _Box) -> Iterator[tuple[int, bytes]]:
    """Number and type of every item."""
    reader = _Reader(data, box.body, box.end)
    version = reader.number(4) >> 24
    reader.number(2 if version == 0 else 4)
    for entry in _boxes(data, reader.at, box.end):
        inner = _Reader(data, entry.body, entry.end)
        kind = inner.number(4) >> 24
        if entry.name != b"infe" or kind not in {2, 3}:
            raise DamagedError("the file's list of items has an unknown version")
        item = inner.number(2 if kind == 2 else 4)
        inner.number(2)
        inner.number(4)
        yield item, data[inner.at - 4 : inner.at]


def _places(data: bytes, box: _Box) -> tuple[dict[int, _Place], tuple[int, int]]:
    """Where the items lie, and how many bytes an offset and a length have."""
    reader = _Reader(data, box.body, box.end)
    version = reader.number(4) >> 24
    if version > 2:
        raise DamagedError("the file's table of places has an unknown version")
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    count = reader.number(2 if version < 2 else 4)
    if count > _MOST_ITEMS:
        raise DamagedError("the file has too many items")
    places: dict[int, _Place] = {}
    for _ in range(count):
        item = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version else 0
        reference = reader.number(2)
        base = reader.number(base_size)
        spans = []
        offset_at = length_at = 0
        for _ in range(reader.number(2)):
            if version:
                reader.number(index_size)
            offset_at, length_at = reader.at, reader.at + offset_size
            start = base + reader.number(offset_size)
            length = reader.number(length_size)
            spans.append((start, start + length if length else len(data)))
        if item in places:
            raise DamagedError("the file lists an item twice")
        if method == 0 and reference == 0 and any(end > len(data) for _, end in spans):
            raise DamagedError("the file ends in the middle")
        places[item] = _Place(method, reference, tuple(spans), base, offset_at, length_at)
    return places, (offset_size, length_size)
