"""
The Multi-Picture Format: further pictures behind the first of a JPEG (second views, previews, gain maps), and the table that
points at them. Source: CIPA DC-007.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from facewatchd.photos.formats import JPEG_SOI, Part
from facewatchd.photos.writing.patch_tiff import DamagedError

APP2 = 0xE2
_PREFIX = b"MPF\0"
_TABLE = 0xB002
_UNDEFINED = 7
_RECORD_BYTES = 16
_MOST_PICTURES = 1000


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the table: where it stands in the file, and its four bytes."""

    at: int
    content: bytes


def is_mpf(data: bytes, part: Part) -> bool:
    """Whether a JPEG's segment holds the table."""
    return part.name[0] == APP2 and data.startswith(_PREFIX, part.body)


def moved_numbers(data: bytes, part: Part, at: int, by: int) -> list[tuple[Number, bytes]]:
    """
    What the table must say once bytes are put in before the end of the first picture.

    Args:
        data: The whole file.
        part: The segment with the table.
        at: Where the bytes are put in.
        by: How many.

    Returns:
        Numbers that change, with what they become, in the order of their places.

    Raises:
        DamagedError: The table has a flaw, or points at something that is no picture.
    """
    base = part.body + len(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[base : base + 4])
    if order is None or base + 8 > part.end:
        raise DamagedError("the table of its further pictures has no valid header")
    table, length = _table(data, base, part.end, order)
    changes: list[tuple[Number, bytes]] = []
    for record in range(table, table + length, _RECORD_BYTES):
        size, offset = struct.unpack_from(order + "II", data, record + 4)
        is_first = record == table
        if not is_first and size == offset == 0:
            continue  # a place for one that was never made
        # the first picture's offset is 0 by definition
        start = 0 if is_first else base + offset
        if start + size > len(data) or data[start : start + 2] != bytes((0xFF, JPEG_SOI)):
            raise DamagedError("the table of its further pictures points at none")
        if start < at < start + size:
            changes.append(_changed(data, record + 4, order, size + by))
        elif start >= at and base < at:
            # both ends of the way move, or only its far end
            changes.append(_changed(data, record + 8, order, offset + by))
    return changes


def _changed(data: bytes, at: int, order: str, value: int) -> tuple[Number, bytes]:
    return Number(at, data[at : at + 4]), struct.pack(order + "I", value)


def _table(data: bytes, base: int, end: int, order: str) -> tuple[int, int]:
    """Where the table begins in the file, and how long it is."""
    (directory,) = struct.unpack_from(order + "I", data, base + 4)
    at = base + directory
    if at + 2 > end:
        raise DamagedError("the table of its further pictures is cut off")
    (count,) = struct.unpack_from(order + "H", data, at)
    if at + 2 + 12 * count > end:
        raise DamagedError("the table of its further pictures is cut off")
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, type_, size, offset = struct.unpack_from(order + "HHII", data, entry)
        if tag == _TABLE:
            is_whole = size % _RECORD_BYTES == 0 and 0 < size <= _RECORD_BYTES * _MOST_PICTURES
            if type_ != _UNDEFINED or not is_whole or base + offset + size > end:
                break
            return base + offset, size
    raise DamagedError("the table of its further pictures cannot be found")
