"""
What other programs leave in folders, by name: one table, for the people tree and, as far as folders go, for photo folders.

What a file manager leaves is no gesture of the user's and keeps no folder: a folder that holds nothing else is empty. Names
are bytes and hold no slash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LEFT_FILES = (
    b".DS_Store",  # macOS: how a window looks
    b"._*",  # macOS: what a file system cannot keep of a file
    b".localized",
    b".apdisk",
    b"Icon\r",  # macOS: a folder's picture
    b"Thumbs.db",  # Windows
    b"Thumbs.db:encryptable",
    b"ehthumbs.db",
    b"ehthumbs_vista.db",
    b"desktop.ini",
    b".directory",  # KDE: how a window looks
    b"*.trashinfo",  # desktops: where a file in the bin was
    b"*@SynoEAStream",  # Synology: what a file system cannot keep of a file
    b"*@SynoResource",
    b".thumbdata*",  # Android
    b".database_uuid",
    b"ZbThumbnail.info",  # Canon
)

_THUMBNAILS = (b"*.jpg", b"*.jpeg", b"*.png", b"*.webp", b"*.thumb", b"*.db", b"SYNO*", b".nomedia")

THUMBNAIL_FOLDERS = (
    b"@eaDir",  # Synology
    b".@__thumb",  # QNAP
    b".thumbnails",
    b".thumbnail",
    b".thumbs",
    b".thumb",
    b".tmb",
    b".xvpics",
    b".pics",
)

BINS = (
    b".Trash",
    b".Trash-*",
    b".recycle",  # Samba
    b"#recycle",  # Synology
    b"@Recycle",  # QNAP
    b"$RECYCLE.BIN",  # Windows
    b".dtrash",  # digiKam
    b".stversions",  # Syncthing
)

KEPT_FOLDERS = {
    **dict.fromkeys(THUMBNAIL_FOLDERS, _THUMBNAILS),
    # what the user has thrown away is a file of theirs as long as it is there
    **dict.fromkeys(BINS, (b"directorysizes",)),
    b".AppleDouble": (b"*",),  # netatalk: beside each file what the file system cannot keep of it
    b".stfolder": (b"syncthing-folder-*.txt",),  # Syncthing: that this is a folder of its
}
"""Folders that other programs keep, and the files in them, at any depth, that come again or say nothing."""

OTHER_FOLDERS = (
    b"@tmp",  # Synology
    b"#snapshot",
    b"@Recently-Snapshot",  # QNAP
    b"System Volume Information",  # Windows
    b"lost+found",
)


def pattern(globs: Iterable[bytes]) -> re.Pattern[bytes]:
    """Matches names as a whole; only `*` is special. Windows and cameras change the case of names at will."""
    either = b"|".join(re.escape(glob).replace(rb"\*", b".*") for glob in globs)
    return re.compile(b"(?:" + either + b")", re.DOTALL | re.IGNORECASE)


_FILES = pattern(LEFT_FILES)
_KEPT = [(pattern([folder]), pattern((*files, *LEFT_FILES))) for folder, files in KEPT_FOLDERS.items()]
_FOLDERS = pattern((*KEPT_FOLDERS, *OTHER_FOLDERS))


def is_litter(name: bytes, *, is_folder: bool) -> bool:
    """Whether a file or folder of this name is another program's, and keeps no folder (of a folder: see `litter_in`)."""
    return litter_in(name) is not None if is_folder else _FILES.fullmatch(name) is not None


def litter_in(folder: bytes) -> re.Pattern[bytes] | None:
    """Which files, at any depth, may go with a folder of another program; None where this is no such folder."""
    return next((files for folders, files in _KEPT if folders.fullmatch(folder)), None)


def is_kept_by_others(folder: bytes) -> bool:
    """Whether what is in a folder of this name is another program's business: nothing there is a gesture."""
    return _FOLDERS.fullmatch(folder) is not None


def is_others_business(path: bytes) -> bool:
    """Whether a path in the tree is another program's file, or in a folder of one."""
    *folders, name = path.split(b"/")
    return any(is_kept_by_others(part) for part in (*folders, name)) or is_litter(name, is_folder=False)
