"""
The way from a root to a folder or file in it: whether it is open, ignored (R4), a symbolic link by now (R8), closed to us, or
gone. Only what is gone or ignored says something about a photo that was there; the others say nothing, so that it is kept.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from enum import StrEnum

from facewatchd.watch.ignore import MARKERS, is_ignored_folder

_VANISHED = frozenset((errno.ENOENT, errno.ENOTDIR))
# too many open files
_OURS = frozenset((errno.EMFILE, errno.ENFILE))


class WayKind(StrEnum):
    """How a way ends."""

    OPEN = "open"
    IGNORED = "ignored"
    LINK = "link"
    CLOSED = "closed"
    OTHER_DISK = "other disk"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Way:
    """
    Attributes:
        kind: How the way ends.
        at: Where it ends, relative to the root: the link, or the folder that cannot be entered; the folder itself where
            the way is open; where another disk is, the last folder that there is.
        error: The errno where it is closed.
    """

    kind: WayKind
    at: bytes
    error: int = 0


def way_to(root: bytes, below: bytes, excluded: frozenset[bytes] = frozenset()) -> Way:
    """
    The way that a walk from the root would take to a folder.

    Args:
        root: Absolute.
        below: The folder, relative to the root.
        excluded: Folders to leave out, absolute and without symlinks.
    """
    full, at = root, b""
    for name in below.split(b"/") if below else ():
        before, full, at = at, os.path.join(full, name), os.path.join(at, name)
        if is_ignored_folder(name) or full in excluded:
            return Way(WayKind.IGNORED, at)
        try:
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                return Way(WayKind.LINK, at)
            if not stat.S_ISDIR(mode):
                return Way(WayKind.GONE, at)
            # the folder itself is checked by the walk
            if any(os.path.lexists(os.path.join(full, marker)) for marker in MARKERS):
                return Way(WayKind.IGNORED, at)
        except OSError as error:
            return _ended(error, before, at)
    return Way(WayKind.OPEN, below)


def way_to_file(root: bytes, path: bytes, way: Way) -> Way:
    """
    The way to a file.

    Args:
        root: Absolute.
        path: The file, relative to the root.
        way: To its folder, see `way_to`.
    """
    if way.kind is not WayKind.OPEN:
        return way
    try:
        mode = os.lstat(os.path.join(root, path)).st_mode
    except OSError as error:
        return _ended(error, way.at, path)
    if stat.S_ISLNK(mode):
        return Way(WayKind.LINK, path)
    return Way(WayKind.OPEN if stat.S_ISREG(mode) else WayKind.GONE, path)


def is_open(root: bytes, below: bytes, excluded: frozenset[bytes] = frozenset()) -> bool:
    """Whether the walk from the root would come to a folder: no part of the way is ignored, excluded or a symlink."""
    return way_to(root, below, excluded).kind is WayKind.OPEN


def why_closed(folder: bytes) -> int:
    """
    Why a folder cannot be listed, or what is in it not looked at.

    Returns:
        The errno; 0 where nothing is in the way, or nothing that says anything about the folder.
    """
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
        os.lstat(os.path.join(folder, b"."))
    except OSError as error:
        return 0 if error.errno in _OURS else error.errno or errno.EIO
    return 0


def disks_on(root: bytes, below: bytes) -> list[tuple[bytes, int]]:
    """The folders from a root to a folder in it, as far as they are there, relative to the root, each with its device."""
    found = []
    at = b""
    for name in (b"", *below.split(b"/")) if below else (b"",):
        at = os.path.join(at, name) if name else at
        try:
            entry = os.lstat(os.path.join(root, at) if at else root)
        except OSError:
            break
        if not stat.S_ISDIR(entry.st_mode):
            break
        found.append((at, entry.st_dev))
    return found


def _ended(error: OSError, before: bytes, at: bytes) -> Way:
    if error.errno in _VANISHED:
        return Way(WayKind.GONE, at)
    # who may not look at what is in a folder is told so of each thing in it
    return Way(WayKind.CLOSED, before, error.errno or errno.EIO)
