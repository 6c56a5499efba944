"""
Which files are one photo: a camera RAW or a HEIC beside its JPEG, with the same folder and name, and taken at the same
moment if both have a date. Such files are a stack. A stack is shown once, by its primary photo: the JPEG, else the HEIC, else
the RAW. Several JPEGs are several photos.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from facewatchd.core.dates.evidence import CONFIDENCE_ORIGINAL
from facewatchd.core.name_forms import composed, forms
from facewatchd.domain import DateFinding, DateSource, PhotoId, Precision

JPEG_ENDINGS = frozenset(b".jpg .jpeg .jpe .jfif".split())
HEIC_ENDINGS = frozenset(b".heic .heif .hif".split())
RAW_ENDINGS = frozenset(b".cr2 .cr3 .nef .arw .dng .raf .orf .rw2".split())

_PIXEL = re.compile(rb"\.RAW-[0-9]{2}\.[A-Z.]+$", re.IGNORECASE)
# a camera that writes two files may round the seconds differently; two shots with one name are not this close
_SAME_MOMENT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Member:
    """A file that may be part of a stack. `path` is relative to its root."""

    photo_id: PhotoId
    path: bytes
    date: DateFinding | None


def rank(path: bytes) -> int | None:
    """The rank of a file as the primary photo, 0 first. None for files that are never part of a stack."""
    ending = posixpath.splitext(path)[1].lower()
    kinds = (JPEG_ENDINGS, HEIC_ENDINGS, RAW_ENDINGS)
    return next((number for number, endings in enumerate(kinds) if ending in endings), None)


def stack_name(path: bytes) -> bytes:
    """
    What the files of a stack have in common: the folder, and the name without its ending, in lower case and in one
    normal form (a Mac writes accents as characters of their own). Programs that develop `IMG_1.CR2` may call the result
    `IMG_1.CR2.jpg`. Pixel phones write `PXL_1.RAW-01.COVER.jpg` beside `PXL_1.RAW-02.ORIGINAL.dng` for the same photo.
    """
    folder, name = posixpath.split(_stem(path))
    return posixpath.join(folder, composed(name).lower())


def stack_beginnings(path: bytes) -> tuple[bytes, ...]:
    """The beginnings of the paths of a stack's files, without regard to case: one for each normal form of the name."""
    folder, name = posixpath.split(_stem(path))
    return tuple(posixpath.join(folder, form) for form in forms(name))


def _stem(path: bytes) -> bytes:
    """A path without the ending that programs add to the name."""
    stem = _PIXEL.sub(b"", posixpath.splitext(path)[0])
    inner, ending = posixpath.splitext(stem)
    if ending.lower() in HEIC_ENDINGS | RAW_ENDINGS:
        stem = inner
    return stem


def shown_for(one: Member, others: Iterable[Member]) -> Member | None:
    """
    The file that is shown instead of another one. None if that one is shown itself.

    Args:
        one: Any file.
        others: Files that are shown, with any names.
    """
    if not rank(one.path):
        return None
    better = [other for other in others if _order(other) < _order(one) and is_same_photo(one, other)]
    return min(better, key=_order, default=None)


def first(members: Iterable[Member]) -> Member | None:
    """The primary photo of the files of a stack. None if there are no files."""
    return min(members, key=_order, default=None)


def is_same_photo(one: Member, other: Member) -> bool:
    """Whether two files are of one stack. Either may be the one that is shown."""
    ranks = {rank(one.path), rank(other.path)}
    if None in ranks or ranks == {0} or stack_name(one.path) != stack_name(other.path):
        return False
    if _moment_is_known(one.date) and _moment_is_known(other.date):
        assert one.date is not None
        assert other.date is not None
        return abs(one.date.value - other.date.value) <= _SAME_MOMENT
    return True


def _moment_is_known(date: DateFinding | None) -> bool:
    """Whether the date is from the camera's clock. Any other source may hold for only one of the two files."""
    return (
        date is not None
        and date.source is DateSource.EXIF
        and date.precision is Precision.SECOND
        and date.confidence >= CONFIDENCE_ORIGINAL
    )


def _order(member: Member) -> tuple[int, bytes]:
    number = rank(member.path)
    return (9 if number is None else number, member.path)
