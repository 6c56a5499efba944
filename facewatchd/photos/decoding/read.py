"""
Reads a photo from disk exactly once: pixels, fingerprint and all that speaks of its date. First step of taking it in.

The file may be a stranger's and may be changing: no link is followed, nothing but a regular file is opened, and what was
read is believed only if the file was, before and after, the one that the watcher has seen.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from facewatchd.core.dates.evidence import Evidence, Sidecar, Tags, Takeout
from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError, PhotoError
from facewatchd.photos.decoding.decode import Canvas, Decoded, decode, stored_orientation
from facewatchd.photos.decoding.reasons import no_photo
from facewatchd.photos.formats import SNIFF_BYTES, kind_of
from facewatchd.photos.metadata.beside import fingerprint_at
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.tags import read_sidecar, read_tags, read_takeout

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
    """Reads photos, here or in another process. Belongs to one thread."""

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes] = frozenset(), enough: int | None = None
    ) -> PhotoRead:
        """
        See `read_photo`. The image is valid until the next call.

        Raises:
            PhotoError: As in `read_photo`; also `PhotoRoomError` and `PhotoCrashError`.
        """


@dataclass(frozen=True, slots=True)
class PlainReader:
    """
    Reads photos in this very process.

    Attributes:
        max_megapixels: Larger pictures are refused.
    """

    max_megapixels: float

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes] = frozenset(), enough: int | None = None
    ) -> PhotoRead:
        return read_photo(path, stat, self.max_megapixels, known, enough)


def read_photo(
    path: bytes,
    stat: FileStat,
    max_megapixels: float,
    known: Container[bytes] = frozenset(),
    enough: int | None = None,
    canvas: Canvas | None = None,
) -> PhotoRead:
    """
    Read and decode a photo.

    Args:
        path: Absolute.
        stat: The file as it was seen; another content behind the same name is not read.
        max_megapixels: Larger pictures are refused, see `decode`.
        known: Content hashes of pictures that need not be decoded.
        enough: How many pixels of the longer side suffice, see `decode`.
        canvas: Where to put the picture, see `decode`.

    Raises:
        PhotoBusyError: The file vanished, is not the one that was seen, changed meanwhile, or the disk failed.
        PhotoError: It cannot be read or decoded, and will not be until it changes.
    """
    data = read_settled(path, stat)
    picture = content_hash(data, stored_orientation(data))
    beside = fingerprint_at(path)
    return PhotoRead(
        picture,
        None if picture in known else decode(data, path, max_megapixels, enough, canvas),
        read_tags(data),
        read_sidecar(path),
        read_takeout(path),
        stat.mtime_ns,
        beside,
    )


def read_settled(path: bytes, stat: FileStat) -> bytes:
    """
    The whole content of a photo-like file that is, before and after reading, the one that was seen.

    Raises:
        PhotoBusyError, PhotoError: As in `read_photo`.
    """
    try:
        # O_NONBLOCK: opening a FIFO would wait for its other end
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            opened = os.fstat(handle)
            if not stat_module.S_ISREG(opened.st_mode):
                raise PhotoError("The photo cannot be read", "It is no regular file: move it away.", path)
            _check_same(stat, opened, path)
            data = _read(handle, stat.size, path)
            _check_same(stat, os.fstat(handle), path)
        finally:
            os.close(handle)
        # the name may lead to another file by now, which would then never be read
        _check_same(stat, os.lstat(path), path)
    except OSError as error:
        raise _converted(error, path) from error
    return data


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
