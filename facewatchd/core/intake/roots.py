"""
Which photos of one folder are in another folder now (requirement R39): the user renamed a photo folder, mounted it elsewhere,
copied it to another disk, or configured another part of it.

Paths are absolute, without symlinks.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facewatchd.domain import Root, RootId

LEAST_SHARE = 0.5
"""
Share of the photos that must be found in a folder to take it for the known one. After a move nearly all are there. Of two albums
with the same numbering (DSC_0001.jpg) nearly no photo has the same size.
"""


@dataclass(frozen=True, slots=True)
class KnownRoot:
    """
    A photo folder as the state knows it.

    Attributes:
        root: The folder.
        is_home: Whether it is configured, and the folder at its path is the known one, or is away.
    """

    root: Root
    is_home: bool


@dataclass(frozen=True, slots=True)
class Likeness:
    """
    How much a folder looks like a known one.

    Attributes:
        is_same_folder: Whether it has the same device and inode number. The numbers of deleted folders are used again, so
            this alone proves nothing.
        asked: How many known photos were looked for.
        found: How many of them are there, by path and size.
    """

    is_same_folder: bool
    asked: int
    found: int

    @property
    def score(self) -> tuple[bool, float]:
        """The sort key: the best one is the largest."""
        return (self.is_same_folder, self.found / self.asked if self.asked else 0.0)

    @property
    def is_believed(self) -> bool:
        """Whether the folder is taken for the known one."""
        return self.found > 0 and (self.is_same_folder or self.found >= LEAST_SHARE * self.asked)


@dataclass(frozen=True, slots=True)
class Carry:
    """
    Photos that have another path now.

    Attributes:
        root: The folder where they are known.
        below: Only those below this folder of it; b"" for all.
        to: The photo folder where they are now, absolute.
        into: The folder of it that `below` is now; b"" for the photo folder itself.
    """

    root: Root
    below: bytes
    to: bytes
    into: bytes

    @property
    def is_whole(self) -> bool:
        """Whether one folder became another, with everything in it."""
        return not self.below and not self.into


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether a path is below a folder. No folder is below itself."""
    return path != folder and path.startswith(folder.rstrip(b"/") + b"/")


def plan_carries(
    configured: Sequence[bytes], known: Sequence[KnownRoot], likeness: Mapping[tuple[RootId, bytes], Likeness]
) -> list[Carry]:
    """
    Decide which photos are under another path now.

    Args:
        configured: The photo folders that are watched.
        known: The photo folders of the state that have photos.
        likeness: Per known folder that is not at home, and configured folder that is there and holds none that is.

    Returns:
        First whole folders that moved, then folders that are part of another one now, or contain others.
    """
    moved = _moved([one.root for one in known if not one.is_home], configured, likeness)
    carries = [Carry(root, b"", to, b"") for root, to in moved.items()]
    names = set(configured)
    for one in known:
        if one.root in moved or one.root.path in names:
            continue
        outer = next((path for path in configured if is_inside(one.root.path, path)), None)
        if outer is not None:
            carries.append(Carry(one.root, b"", outer, posixpath.relpath(one.root.path, outer)))
            continue
        carries += [
            Carry(one.root, posixpath.relpath(path, one.root.path), path, b"")
            for path in configured
            if is_inside(path, one.root.path)
        ]
    return carries


def _moved(
    away: Sequence[Root], configured: Sequence[bytes], likeness: Mapping[tuple[RootId, bytes], Likeness]
) -> dict[Root, bytes]:
    """The new place of each folder that is not at home: the surest first, and each place once."""
    pairs = [
        (likeness[root.root_id, path], root, path)
        for root in away
        for path in configured
        if (root.root_id, path) in likeness
    ]
    moved: dict[Root, bytes] = {}
    for like, root, path in sorted(pairs, key=lambda pair: pair[0].score, reverse=True):
        if like.is_believed and root not in moved and path not in moved.values():
            moved[root] = path
    return moved


def common_end(path: bytes, other: bytes) -> int:
    """How many parts at the end of two paths are the same. Of several copies of a photo, the one with the same name is the photo."""
    count = 0
    for part, match in zip(reversed(path.split(b"/")), reversed(other.split(b"/")), strict=False):
        if part != match:
            break
        count += 1
    return count
