"""
A root's identity and health (requirements R5, R35): whether what is there now is the folder that the index is about.

A disk that is not mounted leaves an empty folder, and another disk mounted in its place a strange one. Neither means
that the photos were deleted, so both are *offline*: nothing is concluded from what is not there. Device numbers change
from boot to boot (USB, NFS, btrfs), so a new number alone proves nothing: then the photos themselves are asked for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from facewatchd.domain import FileStat, Health, Root
from facewatchd.watch.ignore import is_ignored_file, is_ignored_folder
from facewatchd.watch.scanner import explain, stat_photo


@dataclass(frozen=True, slots=True)
class RootIdentity:
    """What the state records of a root: device and inode number of the folder itself."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class RootCheck:
    """
    What was found where a root should be.

    Attributes:
        health: ONLINE or OFFLINE.
        reason: Why it is offline and what to do about it, as sentences; empty where it is online.
        identity: To be recorded where the root is online; None where it is offline.
    """

    health: Health
    reason: str = ""
    identity: RootIdentity | None = None


def check_root(root: Root, recorded: RootIdentity | None, sample: Sequence[tuple[bytes, FileStat]]) -> RootCheck:
    """
    Look whether a root is there, readable, and the one that it was.

    Args:
        root: The folder.
        recorded: What it was when it was last online; None for a new root.
        sample: Some photos of it that the index holds (20 at random are plenty) as (path relative to the root, stat).
            Only looked at where the root is not the folder that was recorded.
    """
    try:
        found = os.lstat(root.path)
        if stat.S_ISLNK(found.st_mode):
            return RootCheck(
                Health.OFFLINE,
                "A symbolic link is in its place by now, and links are followed at the start only. Restart facewatchd, or "
                "correct the path.",
            )
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        is_empty = _is_empty(root.path)
        os.lstat(os.path.join(root.path, b"."))  # readable, but may it be entered?
    except OSError as error:
        return RootCheck(Health.OFFLINE, explain("The folder cannot be read", error))
    if is_empty and sample:
        return RootCheck(
            Health.OFFLINE,
            "The folder is empty, though photos of it are known. Mount its disk; if the photos are meant to be gone, "
            "remove the folder from `photos` in the configuration.",
        )
    identity = RootIdentity(found.st_dev, found.st_ino)
    if is_another(root, recorded, sample):
        return RootCheck(
            Health.OFFLINE,
            "Another folder or file system is in its place: none of the known photos is there. Mount the right disk; "
            "if the photos are meant to be gone, remove the folder from `photos` in the configuration.",
        )
    return RootCheck(Health.ONLINE, identity=identity)


def is_another(root: Root, recorded: RootIdentity | None, sample: Sequence[tuple[bytes, FileStat]]) -> bool:
    """Whether another folder or file system is where a root was; false where nothing is. Arguments as in `check_root`."""
    try:
        found = os.lstat(root.path)
    except OSError:
        return False
    here = RootIdentity(found.st_dev, found.st_ino)
    return recorded not in (None, here) and bool(sample) and not _is_any_there(root, sample)


def excluded_in(
    root: Root, own: Iterable[bytes], real_path: Callable[[bytes], bytes] = os.path.realpath
) -> frozenset[bytes]:
    """
    Which of the daemon's own folders (people tree, state, models) lie in a root: not to be scanned or watched (R35).

    Args:
        root: The photo folder.
        own: Absolute paths; they need not exist yet.
        real_path: Resolves symbolic links.

    Returns:
        Absolute paths without symlinks, as the scanner and the watcher want them.
    """
    inside = root.path.rstrip(b"/") + b"/"
    return frozenset(path for path in map(real_path, own) if path.startswith(inside))


def _is_empty(path: bytes) -> bool:
    """Whether the folder has no files of the user. A new file system has a lost+found."""
    with os.scandir(path) as entries:
        return all(is_ignored_file(entry.name) or is_ignored_folder(entry.name) for entry in entries)


def _is_any_there(root: Root, sample: Sequence[tuple[bytes, FileStat]]) -> bool:
    for path, known in sample:
        found = stat_photo(os.path.join(root.path, path))
        # inode numbers change with the disk when an archive is copied to a larger one
        if found is not None and (found.size, found.mtime_ns) == (known.size, known.mtime_ns):
            return True
    return False
