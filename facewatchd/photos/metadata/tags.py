"""
What a photo and the files beside it say of its date, as raw texts; `core.dates.evidence` judges them.

Tolerant throughout: what does not parse is recorded as a problem and never raised. The files beside a photo come from
anywhere, as the photo does: no links are followed, and no more than 1 MiB is read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from facewatchd.core.dates.evidence import Embedded, Sidecar, Tags, Takeout
from facewatchd.core.name_forms import forms
from facewatchd.photos.formats import PhotoKind, kind_of
from facewatchd.photos.metadata.embedded import embedded_dates
from facewatchd.photos.metadata.exif import (
    DATE_TIME,
    DIGITIZED,
    GPS_DATE,
    GPS_TIME,
    MAKE,
    MODEL,
    OFFSET,
    OFFSET_DIGITIZED,
    OFFSET_ORIGINAL,
    ORIGINAL,
    SUBSEC,
    SUBSEC_DIGITIZED,
    SUBSEC_ORIGINAL,
    Exif,
    read_exif,
)
from facewatchd.photos.metadata.takeout import parse_takeout, takeout_names
from facewatchd.photos.metadata.xmp import parse_xmp

MAX_BESIDE_BYTES = 1 << 20
"""The largest sidecar or JSON that is read; real ones have a few kilobytes."""


def read_tags(data: bytes, kind: PhotoKind | None = None) -> Tags:
    """
    The date tags of a photo, without decoding it. GIF and BMP have none, those of JPEG XL are not read.

    Args:
        data: The whole file; of a JPEG, at least all that stands before the picture.
        kind: Its format, where that is known already.
    """
    kind = kind or kind_of(data)
    if kind is None:
        return Tags(problems=("it is no photo",))
    embedded = embedded_dates(data, kind)
    try:
        return _tags(read_exif(data, kind), embedded)
    except ValueError as error:
        return Tags(problems=(f"no tags can be read: {error}",), embedded=embedded)


def _tags(exif: Exif, embedded: Embedded) -> Tags:
    return Tags(
        original=exif.text(ORIGINAL),
        digitized=exif.text(DIGITIZED),
        modified=exif.text(DATE_TIME),
        original_offset=exif.text(OFFSET_ORIGINAL),
        digitized_offset=exif.text(OFFSET_DIGITIZED),
        modified_offset=exif.text(OFFSET),
        original_subsec=exif.text(SUBSEC_ORIGINAL),
        digitized_subsec=exif.text(SUBSEC_DIGITIZED),
        modified_subsec=exif.text(SUBSEC),
        gps=_gps_text(exif),
        make=exif.text(MAKE).strip(),
        model=exif.text(MODEL).strip(),
        problems=exif.problems,
        embedded=embedded,
    )


def _gps_text(exif: Exif) -> str:
    """GPSDateStamp is text, GPSTimeStamp three fractions; together they read like any other date tag."""
    day, clock = exif.gps.get(GPS_DATE), exif.gps.get(GPS_TIME)
    if not isinstance(day, str) or not isinstance(clock, tuple) or len(clock) != 6 or 0 in clock[1::2]:
        return ""
    hour, minute, second = (clock[at] // clock[at + 1] for at in (0, 2, 4))
    return f"{day.strip()} {hour:02d}:{minute:02d}:{second:02d}"


def sidecar_names(name: bytes) -> tuple[bytes, ...]:
    """The names that an XMP sidecar of the photo `name` may have, the unmistakable one first."""
    stem = os.path.splitext(name)[0]
    return tuple(form + ending for ending in (b".xmp", b".XMP") for base in (name, stem) for form in forms(base))


@dataclass(frozen=True, slots=True)
class Beside:
    """
    A file beside a photo.

    Attributes:
        handle: It, open for reading; None where there is none, or it cannot be opened.
        problem: Why it cannot be opened; empty where it is open, or there is none.
    """

    handle: int | None = None
    problem: str = ""


def read_sidecar(path: bytes) -> Sidecar | None:
    """The dates of the XMP sidecar beside the photo at `path`; None where there is none."""
    with sidecar_beside(path) as beside:
        return sidecar_in(beside)


def sidecar_in(beside: Beside) -> Sidecar | None:
    """The dates of an XMP sidecar; None where there is none."""
    content, problem = _content_of(beside)
    if content is not None:
        return parse_xmp(content)
    return Sidecar(problem=problem) if problem else None


def read_takeout(path: bytes) -> Takeout | None:
    """What Takeout's JSON beside the photo at `path` says; None where there is none."""
    with takeout_beside(path) as beside:
        return takeout_in(beside, os.path.basename(path))


def takeout_in(beside: Beside, name: bytes) -> Takeout | None:
    """What Takeout's JSON beside the photo of this name says; None where there is none."""
    content, problem = _content_of(beside)
    if content is not None:
        return parse_takeout(content, name)
    return Takeout(problem=problem) if problem else None


@contextlib.contextmanager
def sidecar_beside(path: bytes) -> Iterator[Beside]:
    """The XMP sidecar of the photo at `path`, open meanwhile."""
    folder, name = os.path.split(path)
    with _first_of(folder, sidecar_names(name)) as found:
        yield found


@contextlib.contextmanager
def takeout_beside(path: bytes) -> Iterator[Beside]:
    """Takeout's JSON of the photo at `path`, open meanwhile."""
    folder, name = os.path.split(path)
    with _first_of(folder, takeout_names(name)) as found:
        yield found


@contextlib.contextmanager
def _first_of(folder: bytes, names: Iterable[bytes]) -> Iterator[Beside]:
    """The first of these files that is there; what is no regular file is none."""
    for name in names:
        found = _opened(os.path.join(folder, name))
        if found.handle is None and not found.problem:
            continue
        try:
            yield found
        finally:
            if found.handle is not None:
                os.close(found.handle)
        return
    yield Beside()


def _opened(path: bytes) -> Beside:
    """A file, open; nothing and no problem where there is no such regular file."""
    try:
        # O_NONBLOCK: opening a FIFO would wait for its other end
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        # a name that is too long cannot exist either
        missing = error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
        return Beside(problem="" if missing else _unreadable(error))
    try:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return Beside(handle)
        problem = ""
    except OSError as error:
        problem = _unreadable(error)
    os.close(handle)
    return Beside(problem=problem)


def _content_of(beside: Beside) -> tuple[bytes | None, str]:
    """A small file's content, or None and what is wrong with it; None and nothing where there is no such file."""
    if beside.handle is None:
        return None, beside.problem
    content = b""
    try:
        while len(content) <= MAX_BESIDE_BYTES and (
            more := os.read(beside.handle, MAX_BESIDE_BYTES + 1 - len(content))
        ):
            content += more
    except OSError as error:
        return None, _unreadable(error)
    return (content, "") if len(content) <= MAX_BESIDE_BYTES else (None, "the file beside it is too large")


def _unreadable(error: OSError) -> str:
    return f"the file beside it cannot be read: {error.strerror}"
