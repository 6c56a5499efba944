"""
Which photos the links in a folder of the people tree lead to, whoever made them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from facewatchd.core.tree.entries import PresentFolder, Written, WrittenFolder, is_symlink
from facewatchd.domain import PhotoId
from facewatchd.pipeline.tree.files import photo_of_file
from facewatchd.store import Store

# how many folders deep links of ours may lie: a review's or a year's, moved into another folder
_DEEPEST = 4

Ours = dict[tuple[int, bytes], PhotoId]
"""
How deep in the tree a link of ours lies (0 for a file, which is a photo's anywhere), and what it leads to -> the photo.
"""


def depth_of(path: bytes, name: bytes, target: bytes) -> int:
    return path.count(b"/") + name.count(b"/") + 1 if is_symlink(target) else 0


def ours_in(written: Sequence[WrittenFolder]) -> Ours:
    return {
        (depth_of(folder.name, entry.name, entry.content), entry.content): entry.photo_id
        for folder in written
        for entry in folder.entries
        if entry.photo_id is not None
    }


def moved_photo(ours: Ours, depth: int, target: bytes) -> PhotoId | None:
    """The photo of a link that we wrote at another depth, so that it leads nowhere here."""
    if (depth, target) in ours:
        return None
    return next((ours[at, target] for at in range(1, _DEEPEST + 1) if (at, target) in ours), None)


def links_in(store: Store, tree: bytes, path: bytes, folder: PresentFolder, ours: Ours) -> Iterator[Written]:
    """What stands for photos in a folder, whoever made it."""
    for name, entry in folder.entries.items():
        if entry.target is None:
            continue
        depth = depth_of(path, name, entry.target)
        photo = ours.get((depth, entry.target)) or moved_photo(ours, depth, entry.target)
        if photo is None and not is_symlink(entry.target):
            photo = photo_of_file(store, tree, entry.target)
        elif photo is None:
            # a link moved with its folder leads from where it was: one level up
            base = os.path.join(tree, path.rpartition(b"/")[2], os.path.dirname(name))
            photo = store.photos.at(os.path.normpath(os.path.join(base, entry.target)))
        if photo is not None:
            yield Written(name, photo, entry.target, entry.signature or b"")
