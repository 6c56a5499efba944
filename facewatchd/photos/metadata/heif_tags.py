"""
The Exif block of a HEIC or AVIF, and how an AVIF is turned, found without a library: the container is walked in Python, which
no file can crash. What is written into such a file is found more strictly (`photos.writing.patch_heif`).

Layout: ISO/IEC 14496-12 (boxes, `meta`, `iinf`, `iloc`, `iref`), 23008-12 (`iprp`, `irot`, `imir`; annex A, the Exif item).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from facewatchd.photos.raw_containers import boxes

_MOST_ITEMS = 100_000
_MOST_BYTES = 1 << 26
"""No Exif block is longer; a few extents may name the whole file many times."""

_TURNED_OVER: Mapping[tuple[int, int | None], int] = MappingProxyType(
    {
        (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
        (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
        (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
    }
)  # fmt: skip
"""`irot` (quarter turns, anti-clockwise) and then `imir` (the axis; None for none), as an Exif orientation."""


class _Reader:
    """Takes big-endian numbers from some bytes, and none from beyond them."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, size: int) -> int:
        if self._at + size > len(self._data):
            raise ValueError("a table of the file is cut off")
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], "big")

    def full_box(self) -> tuple[int, int]:
        """Version and flags."""
        return self.number(1), self.number(3)

    def rest(self) -> bytes:
        return self._data[self._at :]


@dataclass(frozen=True, slots=True)
class _Place:
    """
    Where an item lies.

    Attributes:
        method: 0: in the file, 1: in the box `idat`; others are not followed.
        extents: Beginning and length of each part; a length of 0 is up to the end.
    """

    method: int
    extents: tuple[tuple[int, int], ...]


def heif_exif_block(data: bytes) -> bytes | None:
    """
    The Exif block of the primary picture, as a TIFF structure; None where there is none.

    Raises:
        ValueError: The container is damaged.
    """
    tables = _tables(data)
    exif = [item for item, kind in _items(tables.get(b"iinf", b"")) if kind == b"Exif"]
    if not exif:
        return None
    primary, described = _primary(tables), _described(tables.get(b"iref", b""))
    # one that describes no picture is the whole file's
    wanted = [item for item in exif if primary in described.get(item, ())] or [
        item for item in exif if item not in described
    ]
    places = _places(tables.get(b"iloc", b""))
    for item in wanted:
        content = _content(data, tables.get(b"idat", b""), places[item]) if item in places else b""
        if len(content) > 4:
            start = 4 + int.from_bytes(content[:4], "big")
            # some programs leave the offset out
            return content[start:] if start + 4 < len(content) else content[4:]
    return None


def heif_orientation(data: bytes) -> int:
    """The orientation of the primary picture by its container, as Exif's, 1..8; 1 where the container is damaged."""
    try:
        tables = _tables(data)
        properties = dict(boxes_of(tables.get(b"iprp", b"")))
        kinds = list(boxes_of(properties.get(b"ipco", b"")))
        turns, axis = 0, None
        for index in _associated(properties.get(b"ipma", b""), _primary(tables)):
            kind, content = kinds[index - 1] if 0 < index <= len(kinds) else (b"", b"")
            if kind == b"irot" and content:
                turns = content[0] & 3
            elif kind == b"imir" and content:
                axis = content[0] & 1
    except ValueError:
        return 1
    return _TURNED_OVER[turns, axis]


def boxes_of(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the boxes in a box."""
    for name, body, end in boxes(content, 0, len(content)):
        yield name, content[body:end]


def _tables(data: bytes) -> dict[bytes, bytes]:
    """The boxes in the file's `meta`, the first of each name."""
    for name, body, end in boxes(data, 0, len(data)):
        if name == b"meta":
            found: dict[bytes, bytes] = {}
            for inner, start, stop in boxes(data, body + 4, end):
                found.setdefault(inner, data[start:stop])
            return found
    raise ValueError("the file has no table of contents")


def _primary(tables: Mapping[bytes, bytes]) -> int:
    reader = _Reader(tables.get(b"pitm", b""))
    version, _ = reader.full_box()
    return reader.number(2 if version == 0 else 4)


def _items(table: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and type of every item."""
    if not table:
        return
    reader = _Reader(table)
    version, _ = reader.full_box()
    reader.number(2 if version == 0 else 4)
    for name, entry in boxes_of(reader.rest()):
        inner = _Reader(entry)
        kind, _ = inner.full_box()
        if name == b"infe" and kind in {2, 3}:
            item = inner.number(2 if kind == 2 else 4)
            inner.number(2)
            yield item, inner.number(4).to_bytes(4, "big")


def _described(table: bytes) -> dict[int, set[int]]:
    """Which items each item describes (`cdsc`)."""
    found: dict[int, set[int]] = {}
    if not table:
        return found
    reader = _Reader(table)
    version, _ = reader.full_box()
    size = 2 if version == 0 else 4
    for name, entry in boxes_of(reader.rest()):
        if name == b"cdsc":
            inner = _Reader(entry)
            item = inner.number(size)
            found.setdefault(item, set()).update(inner.number(size) for _ in range(inner.number(2)))
    return found


def _places(table: bytes) -> dict[int, _Place]:
    reader = _Reader(table)
    version, _ = reader.full_box()
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    places: dict[int, _Place] = {}
    for _ in range(min(reader.number(2 if version < 2 else 4), _MOST_ITEMS)):
        item = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version else 0
        # pictures in other files are not followed
        method = 15 if reader.number(2) else method
        base = reader.number(base_size)
        extents = []
        for _ in range(reader.number(2)):
            reader.number(index_size if version else 0)
            extents.append((base + reader.number(offset_size), reader.number(length_size)))
        places[item] = _Place(method, tuple(extents))
    return places


def _content(data: bytes, within: bytes, place: _Place) -> bytes:
    source = {0: data, 1: within}.get(place.method, b"")
    parts = []
    for start, length in place.extents:
        end = start + length if length else len(source)
        if end > len(source):
            raise ValueError("the file is cut off")
        parts.append(source[start:end])
        if sum(map(len, parts)) > _MOST_BYTES:
            raise ValueError("a table of the file names too much")
    return b"".join(parts)


def _associated(table: bytes, item: int) -> list[int]:
    """The properties of an item, by their numbers from 1 on."""
    reader = _Reader(table)
    version, flags = reader.full_box()
    size = 2 if flags & 1 else 1
    for _ in range(min(reader.number(4), _MOST_ITEMS)):
        owner = reader.number(2 if version < 1 else 4)
        found = [reader.number(size) & (0x7FFF if flags & 1 else 0x7F) for _ in range(reader.number(1))]
        if owner == item:
            return found
    return []
