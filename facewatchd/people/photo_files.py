"""
Files in the people tree that stand for photos: symlinks, hard links, copies. Making them, and knowing them again.

A symlink is known by its text and a hard link by its inode. A copy is known by size, time and inode as it was left, or,
where the user made it, by being the photo byte for byte.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from facewatchd.core.tree.entries import PutLink, copied, hard_link, is_hard_link, linked_inode
from facewatchd.domain import FaceId, PhotoId
from facewatchd.errors import TreeError
from facewatchd.people.covers import COVER

HARD_LINK = b"hard link"
"""Stands for a hard link's signature, which changes with the photo."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20


def _nobody(_: int) -> Iterable[tuple[bytes, bytes]]:
    return ()


def _nobody_pictured(_: int) -> Iterable[tuple[bytes, FaceId]]:
    return ()


def _no_photo(_: int) -> bool:
    return False


@dataclass
class PhotoFiles:
    """
    What is known of files of ours that are no symlinks.

    Attributes:
        path_of: The absolute path of a photo, None where it is not known.
        copies: Signature -> target, of our copies; those that are made come in.
        inodes: Of the hard links in the manifest.
        is_photo: Whether a file with this inode and more names than one is a photo's; where photos are to be hard links.
        twins: Size in bytes -> path and target of the photos that a file of this size may be a copy of by the user's
            doing.
        compared: Signature -> target, or None, of files that were compared; may be kept by the caller.
        faces: Signature -> face, of our pictures of faces; those that are made come in.
        pictures: Size in bytes -> path and face of the pictures that a file of this size may be a copy of.
    """

    path_of: Callable[[PhotoId], bytes | None]
    copies: dict[bytes, bytes] = field(default_factory=dict)
    inodes: set[int] = field(default_factory=set)
    is_photo: Callable[[int], bool] = _no_photo
    twins: Callable[[int], Iterable[tuple[bytes, bytes]]] = _nobody
    compared: dict[bytes, bytes | None] = field(default_factory=dict)
    faces: dict[bytes, FaceId] = field(default_factory=dict)
    pictures: Callable[[int], Iterable[tuple[bytes, FaceId]]] = _nobody_pictured

    def face_of(self, name: bytes, folder: int, found: os.stat_result) -> FaceId | None:
        """The face that a regular file is a picture of, if it is one of ours or a copy of one. A cover never is."""
        face = self.faces.get(signature_of(found))
        if face is not None or name == COVER:
            return face
        for path, other in self.pictures(found.st_size):
            with contextlib.suppress(OSError):
                if _same_bytes(name, folder, path):
                    return other
        return None

    def identify(self, name: bytes, folder: int, found: os.stat_result) -> bytes | None:
        """The target of a regular file, None where it is no photo's."""
        signature = signature_of(found)
        if (target := self.copies.get(signature)) is not None:
            return target
        if found.st_ino in self.inodes or (found.st_nlink > 1 and self.is_photo(found.st_ino)):
            return hard_link(found.st_ino)
        if self.twins is not _nobody and signature not in self.compared:
            self.compared[signature] = self._twin(name, folder, found)
        return self.compared.get(signature)

    def _twin(self, name: bytes, folder: int, found: os.stat_result) -> bytes | None:
        for path, target in self.twins(found.st_size):
            try:
                other = os.lstat(path)
                if not os.path.samestat(found, other) and _same_bytes(name, folder, path):
                    return target
            except OSError:
                continue
        return None

    def may_go(self, name: bytes, folder: int, photo_id: PhotoId | None = None) -> bool:
        """
        Whether a picture would be left without it: a hard link only goes where the file has other names, or makes way
        where the photo is in its place, as a new file.
        """
        found = os.lstat(name, dir_fd=folder)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or signature_of(found) in self.copies:
            return True
        path = self.path_of(photo_id) if photo_id is not None else None
        return path is not None and os.path.isfile(path)

    def link(self, folder: int, name: bytes, action: PutLink) -> bytes | None:
        """
        Make a symlink or hard link under a name that is free.

        Returns:
            What to remember as its signature; None where the photo is not the file that it was, so that nothing was done.

        Raises:
            OSError: It could not be made.
            TreeError: No hard link can be made there.
        """
        if not is_hard_link(action.target):
            os.symlink(action.target, name, dir_fd=folder)
            return b""
        path = self.path_of(action.photo_id)
        if path is None or not _is_file(path, linked_inode(action.target)):
            return None
        try:
            os.link(path, name, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno in _NO_HARD_LINKS:
                raise TreeError("A photo cannot be hard-linked into the people tree", _why_not(error), path) from error
            raise
        if os.lstat(name, dir_fd=folder).st_ino == linked_inode(action.target):
            return HARD_LINK
        os.unlink(name, dir_fd=folder)
        return None

    def copy(self, folder: int, name: bytes, action: PutLink) -> bool:
        """
        Copy the photo to a name that is free, with its time.

        Returns:
            False where the photo is not the file that it was, so that nothing was done.
        """
        path = self.path_of(action.photo_id)
        _, size, mtime_ns = copied(action.target)
        if path is None:
            return False
        try:
            source = os.open(path, _READ)
        except OSError:
            return False
        try:
            found = os.fstat(source)
            if not stat.S_ISREG(found.st_mode) or (found.st_size, found.st_mtime_ns) != (size, mtime_ns):
                return False
            handle = os.open(name, _NEW, 0o666, dir_fd=folder)
            try:
                copy_bytes(source, handle)
                os.utime(handle, ns=(found.st_atime_ns, mtime_ns))
                os.fsync(handle)
                whole = os.fstat(handle).st_size == size and os.fstat(source).st_mtime_ns == mtime_ns
            finally:
                os.close(handle)
        finally:
            os.close(source)
        if not whole:
            os.unlink(name, dir_fd=folder)
        return whole


def signature_of(found: os.stat_result) -> bytes:
    """Size, time and inode."""
    return b"%d %d %d" % (found.st_size, found.st_mtime_ns, found.st_ino)


_NO_HARD_LINKS = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP}


def _why_not(error: OSError) -> str:
    match error.errno:
        case errno.EXDEV:
            return "It lies on another file system than the tree; set people.links to relative or copy, or move people.dir."
        case errno.EMLINK:
            return "It has as many names as its file system allows; set people.links to relative or copy."
        case _:
            return (
                f"{error.strerror}: its file system has no hard links, or it belongs to another user; "
                "set people.links to relative or copy."
            )


def _is_file(path: bytes, inode: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_ino == inode


def _same_bytes(name: bytes, folder: int, path: bytes) -> bool:
    with open(os.open(name, _READ, dir_fd=folder), "rb") as one, open(os.open(path, _READ), "rb") as other:
        while (chunk := one.read(_CHUNK)) == other.read(_CHUNK):
            if not chunk:
                return True
    return False


def copy_bytes(source: int, target: int) -> None:
    """Copy all of one open file into another. Where the file system can, both share their blocks (reflinks)."""
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}:
            raise
        os.lseek(source, 0, os.SEEK_SET)
        os.lseek(target, 0, os.SEEK_SET)
        while chunk := os.read(source, _CHUNK):
            view = memoryview(chunk)
            while view:
                view = view[os.write(target, view) :]
