"""
Finding the date fields of a TIFF structure, so strictly that overwriting them cannot damage anything else. Every directory that
a reader may read is walked, and a field that shares a byte with something else is refused.

Unlike `photos.metadata.exif`, which reads what it can, this refuses a structure with any flaw.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from facewatchd.core.dates.plan import FIELD_BYTES, DateField
from facewatchd.photos.metadata.exif import (
    DATE_TIME,
    DIGITIZED,
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    ORIGINAL,
    SUBSEC_DIGITIZED,
    SUBSEC_ORIGINAL,
)

_DATE_TAGS = frozenset({DATE_TIME, ORIGINAL, DIGITIZED})
_FRACTION_TAGS = frozenset({SUBSEC_ORIGINAL, SUBSEC_DIGITIZED})
_INTEROP_DIRECTORY, _SUB_DIRECTORIES = 40965, 330
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ASCII = 2
# offsets and lengths of data outside the directories: strips, tiles, a JPEG preview
_AREAS = ((273, 279), (324, 325), (513, 514))
# real files have a few; a multi-page scan has one per page
_MOST_DIRECTORIES = 2000

Span = tuple[int, int]


class DamagedError(ValueError):
    """The structure has a fault, so nothing about it is certain."""


@dataclass(frozen=True, slots=True)
class TiffDates:
    """
    The date fields of one TIFF structure, the date tags that cannot be overwritten, and the fields with parts of a second, of
    any length.
    """

    fields: tuple[DateField, ...]
    fixed: tuple[int, ...]
    fractions: tuple[DateField, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    type: int
    count: int
    start: int  # the place of the value, relative to the structure
    size: int


def find_dates(data: bytes, base: int, end: int) -> TiffDates:
    """
    The date fields of the main directory and of its Exif directory.

    Args:
        data: The whole file.
        base: Where the structure begins in it.
        end: Where it ends.

    Raises:
        DamagedError: It has a flaw.
    """
    return _Walk(data, base, end).dates()


class _Walk:
    def __init__(self, data: bytes, base: int, end: int) -> None:
        self._data, self._base, self._length = data, base, end - base
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[base : base + 4])
        if order is None or self._length < 8:
            raise DamagedError("the Exif block has no valid header")
        self._order = order
        self._taken: list[Span] = [(0, 8)]
        self._seen: set[int] = set()
        self._dates: list[tuple[int, Span]] = []
        self._fixed: list[int] = []
        self._inline: list[tuple[int, Span]] = []

    def dates(self) -> TiffDates:
        (first,) = struct.unpack_from(self._order + "I", self._data, self._base + 4)
        following = self._directory(first, with_dates=True, is_linked=True)
        while following:
            following = self._directory(following, is_linked=True)
        spans = set(self._dates)
        for tag, span in spans:
            if any(start < span[1] and span[0] < end for start, end in self._taken):
                raise DamagedError(f"the value of tag {tag} overlaps something else in the Exif block")
            if any(start < span[1] and span[0] < end and (start, end) != span for _, (start, end) in spans):
                raise DamagedError("two dates in the Exif block overlap")
        found = [
            DateField(tag, self._base + start, self._data[self._base + start : self._base + end])
            for tag, (start, end) in sorted((*spans, *self._inline))
        ]
        fields = tuple(field for field in found if field.tag in _DATE_TAGS)
        fractions = tuple(field for field in found if field.tag in _FRACTION_TAGS)
        return TiffDates(fields, tuple(sorted(set(self._fixed))), fractions)

    def _directory(self, offset: int, *, with_dates: bool = False, is_linked: bool = False) -> int:
        """
        Walk a directory and those below it.

        Args:
            offset: Where it begins.
            with_dates: Whether its date tags count.
            is_linked: Whether it is part of a chain. In other directories the pointer to the next one means nothing, and
                writers such as piexif leave it out.

        Returns:
            Where the next directory is, or 0.
        """
        if offset in self._seen:
            raise DamagedError("the directories of the Exif block form a loop")
        if len(self._seen) >= _MOST_DIRECTORIES:
            raise DamagedError("the Exif block has too many directories")
        self._seen.add(offset)
        if offset < 8 or offset + 2 > self._length:
            raise DamagedError("a directory lies outside the Exif block")
        (count,) = self._unpack("H", offset, 2)
        end = offset + 2 + 12 * count
        if end > self._length:
            raise DamagedError("a directory of the Exif block is cut off")
        behind = 4 if is_linked and end + 4 <= self._length else 0
        following = self._unpack("I", end, 4)[0] if behind else 0
        self._take(offset, end + behind)
        entries: dict[int, _Entry] = {}
        for at in range(offset + 2, end, 12):
            entry = self._entry(at)
            entries.setdefault(entry.tag, entry)
            if with_dates and entry.tag in _DATE_TAGS:
                self._date(entry)
            elif with_dates and entry.tag in _FRACTION_TAGS and entry.type == _ASCII:
                # up to four bytes stand in the directory itself
                (self._inline if entry.size <= 4 else self._dates).append(
                    (entry.tag, (entry.start, entry.start + entry.size))
                )
            elif entry.size > 4:
                self._take(entry.start, entry.start + entry.size)
        for offsets_tag, lengths_tag in _AREAS:
            self._areas(entries.get(offsets_tag), entries.get(lengths_tag))
        for tag in (EXIF_DIRECTORY, GPS_DIRECTORY, _INTEROP_DIRECTORY, _SUB_DIRECTORIES):
            if tag in entries:
                dated = with_dates and tag == EXIF_DIRECTORY
                for below in self._numbers(entries[tag]):
                    self._directory(below, with_dates=dated)
        return int(following)

    def _entry(self, at: int) -> _Entry:
        tag, type_, count = self._unpack("HHI", at, 8)
        if type_ not in _SIZES:
            raise DamagedError(f"tag {tag} of the Exif block has an unknown type")
        size = _SIZES[type_] * count
        start = at + 8 if size <= 4 else self._unpack("I", at + 8, 4)[0]
        if start + size > self._length:
            raise DamagedError(f"tag {tag} lies outside the Exif block")
        return _Entry(tag, type_, count, start, size)

    def _date(self, entry: _Entry) -> None:
        if entry.type == _ASCII and entry.count == FIELD_BYTES:
            self._dates.append((entry.tag, (entry.start, entry.start + entry.size)))
            return
        self._fixed.append(entry.tag)
        if entry.size > 4:
            self._take(entry.start, entry.start + entry.size)

    def _areas(self, offsets: _Entry | None, lengths: _Entry | None) -> None:
        if offsets is None or lengths is None:
            return
        starts, sizes = self._numbers(offsets), self._numbers(lengths)
        if len(starts) != len(sizes):
            raise DamagedError("the image data of the Exif block cannot be found")
        for start, size in zip(starts, sizes, strict=True):
            if start + size > self._length:
                raise DamagedError("image data lie outside the Exif block")
            self._take(start, start + size)

    def _numbers(self, entry: _Entry) -> tuple[int, ...]:
        letter = {3: "H", 4: "I", 13: "I"}.get(entry.type)
        if letter is None:
            raise DamagedError(f"tag {entry.tag} of the Exif block has the wrong type")
        return self._unpack(f"{entry.count}{letter}", entry.start, entry.size)

    def _take(self, start: int, end: int) -> None:
        self._taken.append((start, end))

    def _unpack(self, letters: str, at: int, size: int) -> tuple[int, ...]:
        if at + size > self._length:
            raise DamagedError("the Exif block is cut off")
        return struct.unpack_from(self._order + letters, self._data, self._base + at)
