"""
Opens a photo and the files beside it, and reads it exactly once. First step of taking it in.

The file may come from anywhere and may be changing: no link is followed, nothing but a regular file is opened, and what was
read is believed only if the file was, before and after, the one that the watcher has seen. Who opens is the daemon; who
reads is mostly a decoder, which is given descriptors and no path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat as stat_module
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from facewatchd.core.dates.evidence import Evidence, Sidecar, Tags, Takeout
from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError, PhotoError
from facewatchd.photos.decoding.picture import Decoded
from facewatchd.photos.decoding.reasons import no_photo
from facewatchd.photos.formats import SNIFF_BYTES, kind_of
from facewatchd.photos.metadata.tags import Beside, sidecar_beside, takeout_beside

MAX_BYTES = 1 << 30
"""No photo of the largest allowed size has more; a film that is called a photo must not fill the memory."""

_CHUNK = 8 << 20

# What the user can do; anything else may pass by itself and is tried again.
_LASTING: Mapping[int, str] = MappingProxyType(
    {
        errno.EACCES: "Permission is denied: let the user that runs facewatchd read it and its folder.",
        errno.EPERM: "Permission is denied: let the user that runs facewatchd read it and its folder.",
        errno.ELOOP: "It is a symbolic link, and links are not followed: put the photo itself here.",
        errno.ENXIO: "It is no regular file: move it away.",
        errno.EISDIR: "It is a folder: rename it so that it does not end like a photo.",
    }
)
_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


@dataclass(frozen=True, slots=True)
class PhotoRead:
    """
    All that was read of a photo.

    Attributes:
        content_hash: 32 bytes; equal for the same picture with other tags.
        decoded: The pixels; None where the picture is one of those known.
        tags: The photo's own date tags.
        sidecar: Of the XMP file beside it, if there is one.
        takeout: Of the Takeout JSON beside it, if there is one.
        mtime_ns: Last change of the file, nanoseconds since 1970.
        beside: Fingerprint of the files beside the photo, see `photos.metadata.beside`.
    """

    content_hash: bytes
    decoded: Decoded | None
    tags: Tags
    sidecar: Sidecar | None
    takeout: Takeout | None
    mtime_ns: int
    beside: bytes

    def evidence(self, path: bytes) -> Evidence:
        """What `core.dates.evidence.date_of` wants to know; `path` is relative to the root, so that its folders count."""
        return Evidence(path, self.mtime_ns, self.tags, self.sidecar, self.takeout)


class PhotoReader(Protocol):
    """Reads photos in another process. Belongs to one thread."""

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes] = frozenset(), enough: int | None = None
    ) -> PhotoRead:
        """
        Read and decode a photo.

        Args:
            path: Absolute.
            stat: The file as it was seen; another content behind the same name is not read.
            known: Content hashes of pictures that need not be decoded.
            enough: How many pixels of the longer side suffice, see `decode`.

        Returns:
            The photo; its image is valid until the next call.

        Raises:
            PhotoBusyError: The file vanished, is not the one that was seen, changed meanwhile, or the disk failed.
            PhotoRoomError: There is not enough memory for it.
            PhotoCrashError: It ended its decoder.
            PhotoError: It cannot be read or decoded, and will not be until it changes.
        """


@dataclass(frozen=True, slots=True)
class Opened:
    """
    A photo and what is beside it, open for reading.

    Attributes:
        photo: Descriptor of the photo.
        sidecar: The XMP sidecar.
        takeout: Takeout's JSON.
    """

    photo: int
    sidecar: Beside
    takeout: Beside


@contextlib.contextmanager
def opened(path: bytes, stat: FileStat) -> Iterator[Opened]:
    """
    A photo and the files beside it, open meanwhile.

    Raises:
        PhotoBusyError, PhotoError: As in `PhotoReader.read`.
    """
    with _photo(path, stat) as photo, sidecar_beside(path) as sidecar, takeout_beside(path) as takeout:
        yield Opened(photo, sidecar, takeout)


@contextlib.contextmanager
def _photo(path: bytes, stat: FileStat) -> Iterator[int]:
    """A photo-like file, open; only the regular file that was seen."""
    try:
        # O_NONBLOCK: opening a FIFO would wait for its other end
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _converted(error, path) from error
    try:
        try:
            found = os.fstat(handle)
        except OSError as error:
            raise _converted(error, path) from error
        if not stat_module.S_ISREG(found.st_mode):
            raise PhotoError("The photo cannot be read", "It is no regular file: move it away.", path)
        _check_same(stat, found, path)
        yield handle
    finally:
        os.close(handle)


def read_settled(path: bytes, stat: FileStat) -> bytes:
    """
    The whole content of a photo-like file that is, before and after reading, the one that was seen.

    Raises:
        PhotoBusyError, PhotoError: As in `PhotoReader.read`.
    """
    with _photo(path, stat) as handle:
        data = read_opened(handle, stat, path)
    check_name(path, stat)
    return data


def read_opened(handle: int, stat: FileStat, path: bytes) -> bytes:
    """
    The whole content of a photo-like file that is open, and is the one that was seen before and after reading.

    Args:
        handle: At the file's beginning.
        stat: The file as it was seen.
        path: For the error only; empty where it is not known.

    Raises:
        PhotoBusyError, PhotoError: As in `PhotoReader.read`.
    """
    try:
        _check_same(stat, os.fstat(handle), path)
        data = _read(handle, stat.size, path)
        _check_same(stat, os.fstat(handle), path)
    except OSError as error:
        raise _converted(error, path) from error
    return data


def check_name(path: bytes, stat: FileStat) -> None:
    """
    The name still leads to the file that was read: another one behind it would never be read.

    Raises:
        PhotoBusyError, PhotoError: It does not.
    """
    try:
        _check_same(stat, os.lstat(path), path)
    except OSError as error:
        raise _converted(error, path) from error


def _read(handle: int, size: int, path: bytes) -> bytes:
    """The content, refused after its first bytes where it is no photo: it may be gigabytes of something else."""
    head = os.read(handle, SNIFF_BYTES)
    if kind_of(head) is None:
        raise no_photo(head, path)
    if size > MAX_BYTES:
        raise PhotoError(
            "The photo is too large",
            f"It has {size / 1e9:.1f} GB, and at most {MAX_BYTES / 1e9:.1f} are read: make it smaller.",
            path,
        )
    chunks = [head]
    missing = size - len(head)
    # one byte more than expected, so that a file that has grown is noticed
    while missing >= 0 and (chunk := os.read(handle, min(_CHUNK, missing + 1))):
        chunks.append(chunk)
        missing -= len(chunk)
    if missing != 0:
        raise _changed(path)
    return b"".join(chunks)


def read_all(handle: int) -> bytes:
    """The content of an open file, from where it stands to its end."""
    chunks = []
    while chunk := os.read(handle, _CHUNK):
        chunks.append(chunk)
    return b"".join(chunks)


def _check_same(seen: FileStat, present: os.stat_result, path: bytes) -> None:
    if not seen.same_content(FileStat.of(present)):
        raise _changed(path)


def _changed(path: bytes) -> PhotoBusyError:
    return PhotoBusyError(
        "The photo cannot be read yet", "It is being changed: it is read when it is left alone.", path
    )


def _converted(error: OSError, path: bytes) -> PhotoError:
    if error.errno in _VANISHED:
        return PhotoBusyError(
            "The photo cannot be read", "It is gone, deleted or moved: if that was a mistake, put it back.", path
        )
    lasting = _LASTING.get(error.errno or 0)
    if lasting is not None:
        return PhotoError("The photo cannot be read", lasting, path)
    return PhotoBusyError(
        "The photo cannot be read",
        f"{error.strerror or error}: it is tried again; check the disk or the network if this stays.",
        path,
    )
