"""
Names that are never looked at (requirement R4): one table. Names are bytes and hold no slash.

A root itself is never ignored, whatever it is called and whatever lies in it: the user named it.
"""

from __future__ import annotations

from facewatchd.core.tree.litter import BINS, OTHER_FOLDERS, THUMBNAIL_FOLDERS, pattern

TEMPORARY_PREFIX = b".facewatchd-"
"""What our own temporary files begin with, in photo folders and in the people tree."""

MARKERS = frozenset((b".nomedia", b".noimage", b".facewatchdignore"))
"""A folder that holds one of these, and all below it, is ignored."""

IGNORED_FILES = (
    b".*",  # hidden: .syncthing.*.tmp, .~lock, ._AppleDouble, our own temporary files
    b"~syncthing~*",  # Syncthing on file systems without dot files
    b"*~",  # editors' backups
    b"*.part",  # Firefox, KDE, wget-like tools
    b"*.partial",  # Internet Explorer, old Edge
    b"*.filepart",  # WinSCP
    b"*.crdownload",  # Chrome
    b"*.download",  # Safari
    b"*.tmp",
)
IGNORED_FOLDERS = (
    b".*",  # hidden: .stversions, .stfolder, .Trash-*, .thumbnails, .dtrash, .@__thumb
    *THUMBNAIL_FOLDERS,
    *BINS,
    *OTHER_FOLDERS,
)


_FILES = pattern(IGNORED_FILES)
_FOLDERS = pattern(IGNORED_FOLDERS)


def is_ignored_file(name: bytes) -> bool:
    """Whether a file of this name is never a photo of the user's."""
    return _FILES.fullmatch(name) is not None


def is_ignored_folder(name: bytes) -> bool:
    """Whether a folder of this name, and all below it, is never looked at."""
    return _FOLDERS.fullmatch(name) is not None
