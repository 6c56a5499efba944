"""
The files beside a photo that hold its date, XMP sidecars and Takeout's JSON: to which photo they belong, and whether they have
changed since they were read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat as stat_module
from collections.abc import Mapping

from facewatchd.core.name_forms import common_beginning
from facewatchd.domain import FileStat
from facewatchd.photos.formats import EXTENSIONS
from facewatchd.photos.metadata.tags import sidecar_names
from facewatchd.photos.metadata.takeout import takeout_names

_ENDINGS = (b".xmp", b".XMP", b".json")
_PHOTO_ENDING = re.compile(b"|".join(re.escape(ending) for ending in sorted(EXTENSIONS)), re.IGNORECASE)
_NUMBER = re.compile(rb"\([0-9]+\)$")
_DIGEST_BYTES = 16


def is_beside_name(name: bytes) -> bool:
    """Whether a file with this name may hold the date of a photo beside it."""
    return name.endswith(_ENDINGS)


def names_beside(photo: bytes) -> tuple[bytes, ...]:
    """The names that the sidecars and JSON of `photo` may have."""
    return (*sidecar_names(photo), *takeout_names(photo))


def beginning_of_photos(name: bytes) -> bytes:
    """
    The beginning of the names of all photos to which a file with this name may belong. This is the reverse of
    `names_beside`, except for photos with `-edited` in the middle of their names.
    """
    stem = os.path.splitext(name)[0]
    if name.endswith(b".json"):
        # IMG.jpg(1).json is of IMG(1).jpg, IMG(1).jpg.json of IMG-edited(1).jpg, and a long name is cut anywhere
        found = _PHOTO_ENDING.search(stem)
        stem = _NUMBER.sub(b"", stem[: found.start()] if found else os.path.splitext(_NUMBER.sub(b"", stem))[0])
    return common_beginning(stem)


def fingerprint(photo: bytes, beside: Mapping[bytes, FileStat]) -> bytes:
    """
    A fingerprint of the files beside a photo. It changes if such a file comes, changes or goes.

    Args:
        photo: The photo's name.
        beside: Files in its folder by name, at least those that may belong to the photo.

    Returns:
        Some bytes. Empty if nothing is beside it.
    """
    found = [(name, beside[name]) for name in names_beside(photo) if name in beside]
    if not found:
        return b""
    words = [(name, stat.size, stat.mtime_ns, stat.inode) for name, stat in found]
    return hashlib.blake2b(repr(words).encode(), digest_size=_DIGEST_BYTES).digest()


def fingerprint_at(path: bytes) -> bytes:
    """The same for the photo at `path`, from the files that are there now. Call this before the files are read."""
    folder, photo = os.path.split(path)
    beside = {}
    for name in names_beside(photo):
        try:
            found = os.lstat(os.path.join(folder, name))
        except OSError:
            continue
        if stat_module.S_ISREG(found.st_mode):
            beside[name] = FileStat.of(found)
    return fingerprint(photo, beside)
