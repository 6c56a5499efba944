"""
Where the index has a photo, and what is there now.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from facewatchd.domain import FileStat, Root
from facewatchd.errors import displayable
from facewatchd.store import Store
from facewatchd.watch.scanner import explain, stat_photo
from facewatchd.watch.ways import Way, WayKind, disks_on, is_open, way_to, way_to_file

_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A photo's place: the way there, and the file where there is one."""

    way: Way
    stat: FileStat | None

    @property
    def is_empty(self) -> bool:
        """Whether the photo is not there, as far as can be said: not where the way is closed, a link, or on another disk."""
        return self.stat is None and self.way.kind in {WayKind.GONE, WayKind.IGNORED}

    @property
    def is_hidden(self) -> bool:
        """Whether nothing can be said of the photo, which so is kept."""
        return self.stat is None and not self.is_empty


class Places:
    """
    Places in one root, looked at one after the other; what is found out about folders holds for one pass.

    A link that leads to where photos are found anyway counts as nothing: what it replaced is gone from there. Any other
    hides what it replaced, since its target is not looked through (R8).

    A disk inside a root that is unmounted, or over which another is mounted, takes its photos away and deletes none (R5).
    Numbers of devices change from boot to boot, so a new one alone proves nothing: where other photos of the old number
    are there, the disk is the same.

    Args:
        store: The state.
        root: The root.
    """

    def __init__(self, store: Store, root: Root) -> None:
        self._store = store
        self._root = root
        self._ways: dict[bytes, Way] = {}
        self._watched: list[Root] | None = None
        self._away: dict[tuple[bytes, int], Way | None] = {}

    def look(self, path: bytes, device: int | None = None) -> Place:
        """At a photo; `path` is relative to the root. `device`: where its disk may be away, the number that this had."""
        place = self._look(path)
        if device is None or place.way.kind is not WayKind.GONE:
            return place
        key = (os.path.dirname(path), device)
        if key not in self._away:
            self._away[key] = self._way_to_disk(*key)
        away = self._away[key]
        return place if away is None else Place(away, None)

    def _way_to_disk(self, folder: bytes, device: int) -> Way | None:
        """The way where the disk of a folder is not mounted, None where it is, as far as can be said."""
        disks = disks_on(self._root.path, folder)
        if not disks or any(number == device for _, number in disks[-1:]):
            return None
        last, present = disks[-1]
        begin = next(at for at, number in disks if number == present)
        for path, known in self._store.photos.on_device(self._root.root_id, begin, device, _SAMPLE):
            found = stat_photo(os.path.join(self._root.path, path))
            if found is not None and (found.size, found.mtime_ns) == (known.size, known.mtime_ns):
                return None
        # in the root itself its mount point is missing, which some systems make and remove as they mount
        return Way(WayKind.OTHER_DISK, last or folder.split(b"/")[0])

    def _look(self, path: bytes) -> Place:
        folder = os.path.dirname(path)
        way = self._ways.get(folder)
        if way is None:
            way = self._ways[folder] = self._judged(way_to(self._root.path, folder))
        to_file = way_to_file(self._root.path, path, way)
        if to_file is not way:
            to_file = self._judged(to_file)
        if to_file.kind is not WayKind.OPEN:
            return Place(to_file, None)
        stat = stat_photo(os.path.join(self._root.path, path))
        return Place(to_file if stat is not None else replace(to_file, kind=WayKind.GONE), stat)

    def why_hidden(self, way: Way) -> str:
        """Why nothing is known of what is beyond the end of a way, and what to do, as a sentence."""
        full = os.path.join(self._root.path, way.at)
        if way.kind is WayKind.CLOSED:
            return explain("The folder cannot be read", OSError(way.error, os.strerror(way.error)))
        if way.kind is WayKind.OTHER_DISK:
            return (
                "The disk that its photos were on is not here: they are kept as they were. Mount the right "
                "disk; if they are meant to be gone, put an empty file .facewatchdignore into this folder."
            )
        target = displayable(os.path.realpath(full))
        if os.path.isdir(full):
            return (
                "It is a symbolic link by now, and links to folders are not followed: its photos are kept as they were, and "
                f"new ones are not noticed. Add the folder that it leads to, {target}, under `photos` in the configuration."
            )
        return (
            "It is a symbolic link by now, and links are not followed: what was there is kept as it was. Put the file or "
            f"folder itself back, or add the folder of {target} under `photos` in the configuration."
        )

    def _judged(self, way: Way) -> Way:
        if way.kind is not WayKind.LINK:
            return way
        target = os.path.realpath(os.path.join(self._root.path, way.at))
        return replace(way, kind=WayKind.GONE) if self._is_looked_at(target) else way

    def _is_looked_at(self, target: bytes) -> bool:
        """Whether a scan of one of the roots comes to a folder or file."""
        if self._watched is None:
            roots = self._store.roots
            self._watched = [root for root in roots.all().values() if roots.is_watched(root.root_id)]
        for root in self._watched:
            if target == root.path:
                return True
            start = root.path.rstrip(b"/") + b"/"
            if target.startswith(start):
                below = target[len(start) :]
                folder = below if os.path.isdir(target) else os.path.dirname(below)
                return os.path.lexists(target) and is_open(root.path, folder)
        return False
