"""
Renaming that overwrites nothing (renameat2(2)): between a look at what stands under a name and the renaming, the user may put
something there.
"""

from __future__ import annotations

import ctypes
import errno
import os

_NOREPLACE = 1
_EXCHANGE = 2
_UNABLE = frozenset({errno.ENOSYS, errno.EINVAL})

_libc = ctypes.CDLL(None, use_errno=True)


def rename_new(name: bytes, new: bytes, source: int, target: int) -> None:
    """
    Give something another name that nothing has yet.

    Args:
        name: In the open folder `source`.
        new: In the open folder `target`, on the same file system.
        source: Descriptor.
        target: Descriptor.

    Raises:
        FileExistsError: Something has the new name.
        OSError: It cannot be renamed.
    """
    if _renameat2(name, new, source, target, _NOREPLACE):
        return
    # a system or a file system that cannot: what is put there in this very moment is overwritten
    if exists(new, target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
    os.rename(name, new, src_dir_fd=source, dst_dir_fd=target)


def exchange(name: bytes, other: bytes, folder: int) -> bool:
    """
    Let two things in an open folder change names.

    Returns:
        Whether they did; not where the system cannot.

    Raises:
        OSError: They cannot.
    """
    return _renameat2(name, other, folder, folder, _EXCHANGE)


def _renameat2(name: bytes, new: bytes, source: int, target: int, flags: int) -> bool:
    """Whether the system can do this at all, and did."""
    call = getattr(_libc, "renameat2", None)
    if call is None:
        return False
    if call(source, name, target, new, flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), new)


def exists(name: bytes, folder: int) -> bool:
    """Whether anything has this name in a folder."""
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
