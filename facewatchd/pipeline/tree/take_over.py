"""
Links and folders in the people tree that become ours although we did not put them there: the user moved them, a crash kept them
out of the manifest, or the state is a copy that was put back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from facewatchd.core.tree.entries import MARKER, Present, Written, WrittenFolder, is_copy, is_symlink
from facewatchd.core.tree.owners import Review
from facewatchd.domain import Pool
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.pipeline.tree.links import Ours, depth_of, links_in, moved_photo
from facewatchd.pipeline.tree.picture_reading import take_over_pictures
from facewatchd.store import Store

# a link in a year's folder
_YEAR = re.compile(rb"[0-9]{4}/[^/]+", re.DOTALL)


def take_over(store: Store, tree: bytes, present: Present, written: Sequence[WrittenFolder], ours: Ours) -> Present:
    """
    What the user moved into folders of ours, and cannot stay as it is: links that lead nowhere from there, or nowhere any
    more, or have no business there, and markers. They are ours to put right or take away. To be done with the gestures
    that they were, all or nothing.

    Args:
        store: The state; written to.
        tree: The people directory.
        present: What is there now.
        written: All of the manifest, as it was before the gestures.
        ours: The links in it.
    """
    left = {folder.owner: {entry.name for entry in folder.entries} for folder in written}
    folders = dict(present.folders)
    missing = store.photos.missing()
    ignored = Pool.IGNORED.encode()
    if ignored in folders and Pool.IGNORED not in store.manifest.names():
        # stands in every tree; from the first link on that the user moves there it is looked after
        store.manifest.made(Pool.IGNORED, ignored)
    for owner, path in store.manifest.names().items():
        folder = folders.get(path)
        if folder is None:
            continue
        for name, entry in folder.entries.items():
            if entry.target is None:
                continue
            depth = depth_of(path, name, entry.target)
            photo, here = moved_photo(ours, depth, entry.target), ours.get((depth, entry.target))
            # in the others there is nothing to be put but by us
            is_stray = here in missing or not isinstance(owner, int | Pool) or _YEAR.fullmatch(name) is not None
            # the user moved the link, and then its photo went elsewhere
            if here is not None and not is_stray and is_symlink(entry.target) and name not in left.get(owner, ()):
                place = os.path.join(tree, path, os.path.dirname(name))
                is_stray = os.path.normpath(os.path.join(place, entry.target)) != store.photos.path_of(here)
            if is_stray:
                photo = photo or here
            if photo is not None:
                store.manifest.put(path, Written(name, photo, entry.target, entry.signature or b""))
        take_over_pictures(store, path, folder)
        marker = folder.entries.get(MARKER)
        if isinstance(folder.marker, Review) and folder.marker != owner and marker is not None and marker.signature:
            store.manifest.put(path, Written(MARKER, None, b"", marker.signature))
            folders[path] = replace(folder, marker=owner)
    return replace(present, folders=folders)


def take_over_all(store: Store, tree: bytes, present: Present) -> None:
    """
    The state is a copy that was put back, perhaps with a copy of the tree, where files have other inodes: a file under the
    name and with the size of one of ours is ours; and so is every symbolic link to a photo in a folder of ours, so that it
    goes where the state does not want it. To be done in a transaction.
    """
    for written in store.manifest.folders():
        folder = present.folders.get(written.name)
        known = {entry.name: entry for entry in written.entries}
        for name, entry in folder.entries.items() if folder is not None else ():
            ours = known.get(name)
            if ours is not None and ours.signature and entry.signature:
                if _size(ours.signature) == _size(entry.signature):
                    store.manifest.put(written.name, ours._replace(signature=entry.signature))
            elif entry.target is not None and is_symlink(entry.target) and (ours is None or ours.photo_id is not None):
                # also under a known name: the folder may lie deeper by now, or less deep
                place = os.path.join(tree, written.name, os.path.dirname(name))
                photo = store.photos.at(os.path.normpath(os.path.join(place, entry.target)))
                if photo is not None:
                    store.manifest.put(written.name, Written(name, photo, entry.target, b""))


def _size(signature: bytes) -> bytes:
    return signature.split(b" ", 1)[0]


def restore(store: Store, tree: bytes, present: Present, path: bytes, ours: Ours, files: PhotoFiles) -> None:
    """A folder of ours is back from elsewhere: its links were ours, and go where the state does not want them any more."""
    folder = present.folders.get(path)
    for link in links_in(store, tree, path, folder, ours) if folder is not None else ():
        store.manifest.put(path, link)
        if is_copy(link.content):
            # byte for byte the photo, which is still there: no file of the user's own
            files.copies[link.signature] = link.content


def recover(store: Store, present: Present) -> None:
    """A crash may keep the renaming of a folder out of the manifest: its marker tells it, with all that is ours in it."""
    names = store.manifest.names()
    for name in store.manifest.busy() - present.folders.keys():
        owner = next(owner for owner, known in names.items() if known == name)
        marked = [path for path, folder in present.folders.items() if folder.marker == owner]
        if len(marked) == 1 and marked[0] not in names.values():
            with store.transaction():
                store.manifest.renamed(owner, marked[0])
