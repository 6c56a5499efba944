"""
Single links and files in an open folder of the people tree.
"""

from __future__ import annotations

import contextlib
import os
import stat

from facewatchd.core.tree import PresentEntry, PutLink

TEMPORARY = b".facewatchd-tmp"
"""Where something is made that takes the place of something else."""


def entries_of(folder: int) -> tuple[dict[bytes, PresentEntry], tuple[bytes, ...]]:
    """What is in a folder, and the names of the folders in it."""
    found = {}
    inner = []
    with os.scandir(folder) as listing:
        for entry in listing:
            name = os.fsencode(entry.name)
            if entry.is_symlink():
                found[name] = PresentEntry(target=target_of(name, folder))
            elif entry.is_file(follow_symlinks=False):
                found[name] = PresentEntry(signature=signature_of(name, folder))
            else:
                found[name] = PresentEntry()
                if entry.is_dir(follow_symlinks=False):
                    inner.append(name)
    return found, tuple(inner)


def put_link(folder: int, action: PutLink) -> bytes | None:
    """A fresh link is made in one step; a new target is put in place by renaming, so that there is always a link (R36)."""
    if action.instead_of is None:
        try:
            os.symlink(action.target, action.name, dir_fd=folder)
        except FileExistsError:
            return None
        return b""
    if target_of(action.name, folder) != action.instead_of:
        return None
    remove_temporary(folder)
    os.symlink(action.target, TEMPORARY, dir_fd=folder)
    os.rename(TEMPORARY, action.name, src_dir_fd=folder, dst_dir_fd=folder)
    return b""


def remove_temporary(folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(TEMPORARY, dir_fd=folder)


def exists(name: bytes, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def target_of(name: bytes, folder: int) -> bytes | None:
    try:
        return os.fsencode(os.readlink(name, dir_fd=folder))
    except OSError:
        return None


def signature_of(name: bytes, folder: int) -> bytes | None:
    """Size, time and inode of a regular file, None for anything else."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return b"%d %d %d" % (found.st_size, found.st_mtime_ns, found.st_ino)
