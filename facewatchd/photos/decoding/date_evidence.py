"""
Reads no more of a photo than its date takes: the beginning, where that is enough, and what lies beside it.
"""

from __future__ import annotations

import os

from facewatchd.core.dates.evidence import Evidence
from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError
from facewatchd.photos.decoding.read import read_settled
from facewatchd.photos.formats import PhotoKind, jpeg_header_end, kind_of
from facewatchd.photos.metadata.tags import read_sidecar, read_tags, read_takeout

HEAD_BYTES = 1 << 17
"""Holds the tags of nearly every JPEG: Exif, XMP and IPTC, a segment of 64 KiB at most each, and mostly a small one."""


def read_evidence(path: bytes, relative: bytes, stat: FileStat) -> Evidence:
    """
    All that speaks of a photo's date.

    Args:
        path: Absolute.
        relative: The same, relative to its root.
        stat: The photo as it was last seen.

    Raises:
        PhotoBusyError: It is gone, or has changed.
        PhotoError: It cannot be read.
    """
    data = _head(path, stat)
    if data is None:
        data = read_settled(path, stat)
    return Evidence(relative, stat.mtime_ns, read_tags(data), read_sidecar(path), read_takeout(path))


def _head(path: bytes, stat: FileStat) -> bytes | None:
    """The beginning of a file that has its tags there, None for any other."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not FileStat.of(os.fstat(handle)).same_content(stat):
                raise PhotoBusyError("The photo cannot be read yet", "It has changed since it was taken in.", path)
            data = os.pread(handle, HEAD_BYTES, 0)
        finally:
            os.close(handle)
    except OSError:
        return None  # reading all of it says what is wrong
    is_whole = kind_of(data) is PhotoKind.JPEG and jpeg_header_end(data) < len(data)
    return data if is_whole else None
