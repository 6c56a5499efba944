"""
Whether a changed photo is still the same photo, but for its date (R14). Asked before a change is written, about the bytes
in memory.

The changed bytes are compared with the edits, which are in date fields or in one new segment; that alone leaves pictures
behind the first, trailers, and everything that points at them, as they were. A JPEG's coded parts are compared byte for
byte, which is more than equal pixels, and the new date must be read back. What needs a library, the pixels of other formats
and a second reader of the tags, is looked at by a decoder in a process of its own (`decoding.compare`): a photo that
crashes its library is refused, and nothing else happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from facewatchd.core.dates.stamps import parse_date
from facewatchd.photos.formats import PhotoKind, jpeg_segments, kind_of
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.orientation import stored_orientation
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.writing.edits import Edit


class Checker(Protocol):
    """Compares two photos, in another process."""

    def difference(self, old: bytes, new: bytes, kind: PhotoKind, value: datetime) -> str:
        """
        See `decoding.compare.difference`. A decoder that dies of it is a difference, too.

        Raises:
            PhotoBusyError: It cannot be done now.
        """


def flaw(old: bytes, new: bytes, edits: Sequence[Edit], value: datetime, checker: Checker) -> str:
    """
    Why a changed photo must not take the place of the old one; empty where it may.

    Args:
        old: The whole file as it was.
        new: The whole file after the change.
        edits: The wanted changes.
        value: The date to write.
        checker: Looks at what needs a library.

    Raises:
        PhotoBusyError: It cannot be checked now.
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
    if kind is PhotoKind.JPEG:
        try:
            if not _same_coded_picture(old, new):
                return "the picture would change"
        except ValueError as error:
            return f"the file cannot be checked ({error})"
    if parse_date(read_tags(new, kind).original) != value:
        return "the new date could not be read back"
    return checker.difference(old, new, kind, value)


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


def _same_coded_picture(old: bytes, new: bytes) -> bool:
    """
    Of JPEGs.

    Raises:
        ValueError: One is damaged.
    """
    # of a damaged one the whole file would be hashed, which says nothing: the walk must come to its end
    for data in (old, new):
        for _ in jpeg_segments(data):
            pass
    return content_hash(old, stored_orientation(old)) == content_hash(new, stored_orientation(new))
