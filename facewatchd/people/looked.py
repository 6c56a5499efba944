"""
What was found in the people tree at earlier looks, so that a folder which has not changed need not be listed again, and one
that only we have changed neither.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from facewatchd.core.tree.entries import PresentEntry, PresentFolder
from facewatchd.core.tree.litter import is_others_business
from facewatchd.core.tree.owners import Owner
from facewatchd.people.entries import TEMPORARY
from facewatchd.people.photo_files import signature_of

Stamp = tuple[int, int, int]
"""A folder's times of change and inode."""

_COARSE_NS = 1_000_000_000


@dataclass(slots=True)
class _Seen:
    """
    Attributes:
        stamp: None while a change may follow that the clock is too coarse to tell.
        marker: The owner that the folder names.
        entries: What is in it.
        inner: The folders in it.
    """

    stamp: Stamp | None
    marker: Owner | None
    entries: dict[bytes, PresentEntry]
    inner: tuple[bytes, ...]


class Looked:
    """
    Belongs to the thread that looks.

    Attributes:
        watched: Whether `is_news` is called for every change that somebody makes to the tree: then folders that only we
            have written to since the last look are known without listing them.
        compared: See `PhotoFiles`.
    """

    def __init__(self) -> None:
        self.watched = False
        self.compared: dict[bytes, bytes | None] = {}
        self._folders: dict[bytes, _Seen] = {}

    def recall(self, path: bytes, folder: int) -> tuple[PresentFolder, tuple[bytes, ...]] | None:
        """What is in a folder, and the folders in that, if it is as it was."""
        seen = self._folders.get(path)
        if seen is None or seen.stamp is None or seen.stamp != self._stamp(folder):
            return None
        return PresentFolder(seen.marker, seen.entries), seen.inner

    def remember(
        self,
        path: bytes,
        folder: int,
        listing: Callable[[], tuple[Owner | None, dict[bytes, PresentEntry], tuple[bytes, ...]]],
    ) -> tuple[PresentFolder, tuple[bytes, ...]]:
        """List a folder."""
        stamp = self._stamp(folder)
        seen = _Seen(stamp, *listing())
        self._folders[path] = seen
        return PresentFolder(seen.marker, seen.entries), seen.inner

    def keep_only(self, paths: set[bytes]) -> set[bytes]:
        """Forget the folders that are gone. Returns which."""
        gone = self._folders.keys() - paths
        for path in gone:
            del self._folders[path]
        return gone

    def is_known(self, path: bytes, folder: int) -> bool:
        """Whether what we change in a folder now can be remembered."""
        return self.watched and self.recall(path, folder) is not None

    def changed_by_us(self, path: bytes, folder: int, name: bytes, now: PresentEntry | None) -> None:
        """We have put something into a folder that was known until then, or (None) taken it out."""
        seen = self._folders[path]
        if now is None:
            seen.entries.pop(name, None)
        else:
            seen.entries[name] = now
        seen.stamp = self._stamp(folder)

    def forget(self, path: bytes) -> None:
        """A folder has to be listed again. That it was there stays known: else nobody would notice that it is gone."""
        if path in self._folders:
            self._folders[path].stamp = None

    def is_news(self, tree: bytes, path: bytes) -> bool:
        """
        Somebody, perhaps we, changed something. What we do not know of yet makes us list its folder again.

        Args:
            tree: The people directory.
            path: What was changed, relative to it.
        """
        folder, _, name = path.rpartition(b"/")
        if name.startswith(TEMPORARY):
            return False
        if is_others_business(path):
            self.forget(folder)
            return False
        seen = self._folders.get(folder)
        is_known = seen is not None and seen.stamp is not None
        if is_known and seen is not None and _is_still(seen.entries.get(name), os.path.join(tree, path)):
            return False
        self.forget(folder)
        return True

    def _stamp(self, folder: int) -> Stamp | None:
        found = os.fstat(folder)
        if not self.watched and time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _COARSE_NS:
            return None
        return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def last_changed(tree: bytes) -> float:
    """
    When anybody last put something into the tree or one of its folders, or took it out, seconds since 1970; 0 for a tree that
    is empty or not there: nobody is in the middle of anything in it.
    """
    newest = 0.0
    with contextlib.suppress(OSError), os.scandir(tree) as listing:
        entries = list(listing)
        newest = os.stat(tree).st_mtime if entries else 0.0
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
    return newest


def _is_still(known: PresentEntry | None, path: bytes) -> bool:
    """Whether a path is what was known of it, as far as that tells one thing from another."""
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            return known is not None and known.target == os.fsencode(os.readlink(path))
    except OSError:
        return known is None
    if stat.S_ISREG(found.st_mode):
        return known is not None and known.signature == signature_of(found)
    return known == PresentEntry()
