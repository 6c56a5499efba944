"""
Takes out of a folder of the people tree what other programs left there (`core.tree.litter`), when nothing else is in it: name by
name, through descriptors of real folders (R33), and never a file that is not in the table.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from facewatchd.core.tree.litter import LEFT_FILES, is_litter, litter_in, pattern

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LEFT = pattern(LEFT_FILES)

# Synology keeps a folder a photo in its `@eaDir`, desktops' bins have folders in `files`
_DEEPEST = 3


def remove_folder(name: bytes, folder: int) -> None:
    """
    Remove a folder that is empty but for what other programs left in it.

    Args:
        name: Its name.
        folder: The open folder that it lies in.

    Raises:
        OSError: As by `os.rmdir`; something else is in it, and stays with all the rest.
    """
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:
        if not _swept(name, folder):
            raise
        os.rmdir(name, dir_fd=folder)


def _swept(name: bytes, folder: int) -> bool:
    """Whether a folder could be emptied of litter, nothing else being in it."""
    try:
        inside = os.open(name, _FOLDER, dir_fd=folder)
    except OSError:
        return False
    try:
        if not all(_may_go(entry, inside) for entry in _names(inside)):
            return False
        for entry in [*_names(inside)]:
            _remove(entry, inside, litter_in(entry))
    finally:
        os.close(inside)
    return True


def _names(folder: int) -> Iterator[bytes]:
    with os.scandir(folder) as listing:
        for entry in listing:
            yield os.fsencode(entry.name)


def _may_go(name: bytes, folder: int) -> bool:
    """Whether it is litter with all that is in it."""
    mode = os.lstat(name, dir_fd=folder).st_mode
    if stat.S_ISREG(mode):
        return is_litter(name, is_folder=False)
    files = litter_in(name) if stat.S_ISDIR(mode) else None
    return files is not None and _holds_only(name, folder, files, _DEEPEST)


def _holds_only(name: bytes, folder: int, files: re.Pattern[bytes], levels: int) -> bool:
    if not levels:
        return False
    inside = os.open(name, _FOLDER, dir_fd=folder)
    try:
        for entry in _names(inside):
            mode = os.lstat(entry, dir_fd=inside).st_mode
            if stat.S_ISDIR(mode):
                if not _holds_only(entry, inside, files, levels - 1):
                    return False
            elif not stat.S_ISREG(mode) or files.fullmatch(entry) is None:
                return False
    finally:
        os.close(inside)
    return True


def _remove(name: bytes, folder: int, files: re.Pattern[bytes] | None) -> None:
    """Remove litter: a file of the table, or a folder of another program with its files, as far as it still is that."""
    mode = os.lstat(name, dir_fd=folder).st_mode
    if stat.S_ISREG(mode) and (files or _LEFT).fullmatch(name) is not None:
        os.unlink(name, dir_fd=folder)
    elif stat.S_ISDIR(mode) and files is not None:
        inside = os.open(name, _FOLDER, dir_fd=folder)
        try:
            for entry in [*_names(inside)]:
                _remove(entry, inside, files)
        finally:
            os.close(inside)
        os.rmdir(name, dir_fd=folder)
