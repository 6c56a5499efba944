"""
Which photo a link of the people tree leads to, and how a link to a photo has to be: by `people.links` a symlink, a hard
link or a copy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from facewatchd.core.tree.entries import (
    LinkMode,
    copied,
    copy_of,
    hard_link,
    is_copy,
    is_hard_link,
    is_symlink,
    linked_inode,
)
from facewatchd.core.tree.face_pictures import pictured
from facewatchd.domain import FaceId, PhotoId
from facewatchd.people.kept_pictures import KeptPictures, picture_key
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.store import PersonPhoto, Store

_FILES = {LinkMode.HARDLINK, LinkMode.COPY}


def photo_files(store: Store, mode: LinkMode, compared: dict[bytes, bytes | None]) -> PhotoFiles:
    """
    What tells which files of the tree are photos'.

    Args:
        store: The state.
        mode: What links are to be.
        compared: See `PhotoFiles`.
    """
    copies, inodes = store.manifest.copies()

    def twins(size: int) -> Iterator[tuple[bytes, bytes]]:
        for photo_id in store.files.of_size(size):
            path, stat = store.photos.path_of(photo_id), store.files.stat_of(photo_id)
            if path is not None and stat is not None:
                yield path, copy_of(photo_id, stat.size, stat.mtime_ns)

    files = PhotoFiles(store.photos.path_of, copies, inodes, compared=compared)
    _know_pictures(store, files)
    if mode is LinkMode.HARDLINK:
        files.is_photo = lambda inode: bool(store.files.with_inode(inode))
    # where photos are links, a file that the user copied is just that
    if mode in _FILES:
        files.twins = twins
    return files


def _know_pictures(store: Store, files: PhotoFiles) -> None:
    """The pictures of faces that we made, and what a copy of one is known by: also of one that has just gone."""
    for entry in store.manifest.pictures():
        face = pictured(entry.content)
        if face is not None and entry.signature:
            files.faces[entry.signature] = face
    kept = KeptPictures(store.folder)

    def pictures(size: int) -> Iterator[tuple[bytes, FaceId]]:
        for path, content in kept.of_size(size):
            for face, box in store.pictures.with_content(content).items():
                if os.path.basename(path) == os.fsencode(picture_key(content, box)):
                    yield path, face

    files.pictures = pictures


def target_maker(store: Store, tree: bytes, mode: LinkMode) -> Callable[[PersonPhoto], bytes]:
    """
    What a link to a photo leads to, see `core.tree.entries`; for links in a folder at the top of the tree, `deeper` for others.

    Args:
        store: The state.
        tree: The people directory.
        mode: What links are to be.
    """
    if mode is LinkMode.ABSOLUTE:
        return lambda photo: photo.path
    if mode in _FILES:
        return lambda photo: _file_target(store, mode, photo.photo_id)
    # relative links share their beginning per root, which is worked out once
    roots = sorted((root.path for root in store.roots.all().values()), key=len, reverse=True)
    starts = [(root + b"/", os.path.relpath(root, os.path.join(tree, b"x")) + b"/") for root in roots]

    def relative(photo: PersonPhoto) -> bytes:
        for root, start in starts:
            if photo.path.startswith(root):
                return start + photo.path[len(root) :]
        return photo.path

    return relative


def deeper(target: bytes) -> bytes:
    """What a link leads to that is one level further down."""
    return b"../" + target if is_symlink(target) and not target.startswith(b"/") else target


def _file_target(store: Store, mode: LinkMode, photo_id: PhotoId) -> bytes:
    stat = store.files.stat_of(photo_id)
    assert stat is not None
    return hard_link(stat.inode) if mode is LinkMode.HARDLINK else copy_of(photo_id, stat.size, stat.mtime_ns)


def photo_of_file(store: Store, tree: bytes, target: bytes) -> PhotoId | None:
    """The photo that a hard link or a copy of the user's making is, by its target."""
    if is_copy(target):
        return copied(target)[0]
    if not is_hard_link(target):
        return None
    device, inode = os.stat(tree).st_dev, linked_inode(target)
    for photo_id in store.files.with_inode(inode):
        path = store.photos.path_of(photo_id)
        try:
            found = os.lstat(path) if path is not None else None
        except OSError:
            continue
        # inodes of other file systems are other files
        if found is not None and (found.st_ino, found.st_dev) == (inode, device):
            return photo_id
    return None
