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
from facewatchd.watch.ways import Way, WayKind, is_open, way_to, way_to_file


@dataclass(frozen=True, slots=True)
class Place:
    """A photo's place: the way there, and the file where there is one."""

    way: Way
    stat: FileStat | None

    @property
    def is_empty(self) -> bool:
        """Whether the photo is not there, as far as can be said: not where the way is closed, or a link by now."""
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

    Args:
        store: The state.
        root: The root.
    """

    def __init__(self, store: Store, root: Root) -> None:
        self._store = store
        self._root = root
        self._ways: dict[bytes, Way] = {}
        self._watched: list[Root] | None = None

    def look(self, path: bytes) -> Place:
        """At a photo; `path` is relative to the root."""
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
