"""
What a photo and the files beside it say of its date, as raw texts; `core.dates.evidence` judges them.

Tolerant throughout: what does not parse is recorded as a problem and never raised. The files beside a photo are as much a
stranger's as the photo: no links are followed, and no more than 1 MiB is read.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat

from facewatchd.core.dates.evidence import Embedded, Sidecar, Tags, Takeout
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
from facewatchd.photos.metadata.xmp import parse_xmp

MAX_BESIDE_BYTES = 1 << 20
"""The largest sidecar or JSON that is read; real ones have a few kilobytes."""

TAKEOUT_STEM = 46
"""Takeout cuts the name of a JSON to this many characters, `.json` not counted."""

_SUPPLEMENT = ".supplemental-metadata"
_EDITED = ("-edited", "-bearbeitet", "-modifi\u00e9", "-editado", "-modificato", "-bewerkt")
_NUMBERED = re.compile(r"(?P<stem>.+)(?P<number>\([0-9]+\))")


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
    return tuple(base + ending for ending in (b".xmp", b".XMP") for base in (name, stem))


def read_sidecar(path: bytes) -> Sidecar | None:
    """The dates of the XMP sidecar beside the photo at `path`; None where there is none."""
    for candidate in sidecar_names(path):
        content, problem = _read_beside(candidate)
        if content is not None:
            return parse_xmp(content)
        if problem:
            return Sidecar(problem=problem)
    return None


def takeout_names(name: bytes) -> tuple[bytes, ...]:
    """
    The names that Google Takeout may have given to the JSON of the photo `name`, likeliest first (R21).

    `IMG.jpg.supplemental-metadata.json`, cut to 46 characters before `.json`; `IMG.jpg.json` of older exports; the
    number of a duplicate moves behind (`IMG(1).jpg`, `IMG.jpg(1).json`); an edited photo shares its original's.
    """
    text = name.decode("utf-8", "surrogateescape")
    stem, ending = os.path.splitext(text)
    # IMG-edited(1).jpg and IMG(1)-edited.jpg both occur
    stems = [stem, *(stem.replace(edited, "", 1) for edited in _EDITED if edited in stem)]
    names: dict[str, None] = {}
    for one in stems:
        numbered = _NUMBERED.fullmatch(one)
        if numbered is not None:
            bare, number = numbered["stem"] + ending, numbered["number"]
            names[f"{(bare + _SUPPLEMENT)[:TAKEOUT_STEM]}{number}.json"] = None
            names[f"{bare[:TAKEOUT_STEM]}{number}.json"] = None
        whole = one + ending
        names[f"{(whole + _SUPPLEMENT)[:TAKEOUT_STEM]}.json"] = None
        names[f"{whole[:TAKEOUT_STEM]}.json"] = None
    return tuple(json_name.encode("utf-8", "surrogateescape") for json_name in names)


def read_takeout(path: bytes) -> Takeout | None:
    """What Takeout's JSON beside the photo at `path` says; None where there is none."""
    folder, name = os.path.split(path)
    for candidate in takeout_names(name):
        content, problem = _read_beside(os.path.join(folder, candidate))
        if content is not None:
            return parse_takeout(content, name)
        if problem:
            return Takeout(problem=problem)
    return None


def parse_takeout(content: bytes, name: bytes) -> Takeout:
    """
    The date of a Takeout JSON. `creationTime` is the upload and is ignored.

    Args:
        content: The JSON.
        name: The photo's name, which the JSON's `title` must fit.
    """
    try:
        record = json.loads(content)
        title, seconds = record["title"], float(record["photoTakenTime"]["timestamp"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return Takeout(problem="the JSON beside it is none of Takeout's")
    if not isinstance(title, str) or not _fits(title, name.decode("utf-8", "surrogateescape")):
        return Takeout(problem="the JSON beside it is about another photo")
    return Takeout(taken=seconds)


def _fits(title: str, name: str) -> bool:
    """
    Whether a title may have become this name: Takeout cuts long names, replaces what some systems cannot write, numbers
    duplicates and adds `-edited`.
    """
    wanted, given = (_comparable(os.path.splitext(text)[0]) for text in (title, name))
    return bool(given) and (wanted == given or (len(given) >= TAKEOUT_STEM - 6 and wanted.startswith(given)))


def _comparable(stem: str) -> str:
    for edited in _EDITED:
        stem = stem.replace(edited, "", 1)
    numbered = _NUMBERED.fullmatch(stem)
    return re.sub(r"[^\w]", "_", numbered["stem"] if numbered is not None else stem).casefold()


def _read_beside(path: bytes) -> tuple[bytes | None, str]:
    """A small file's content, or None and what is wrong with it; None and nothing where there is no such file."""
    try:
        # O_NONBLOCK: opening a FIFO would wait for its other end
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        # a name that is too long cannot exist either
        missing = error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
        return None, "" if missing else f"the file beside it cannot be read: {error.strerror}"
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None, ""
        content = b""
        while len(content) <= MAX_BESIDE_BYTES and (more := os.read(handle, MAX_BESIDE_BYTES + 1 - len(content))):
            content += more
    except OSError as error:
        return None, f"the file beside it cannot be read: {error.strerror}"
    finally:
        os.close(handle)
    return (content, "") if len(content) <= MAX_BESIDE_BYTES else (None, "the file beside it is too large")
