"""
Writing into and beside the user's photos. No other module does.

A change of equal length is written with one `pwrite`, so links, permissions, owner and everything else of the file stay. Any
other change goes into a temporary file in the same folder, which replaces the old one (R13). The caller has stored before how
to undo it (R15). If this process ends half-way, `restore` undoes the change.

Links, files with a second name, read-only files and files that have changed meanwhile are refused. Every folder on the path is
opened by itself, so a folder that was replaced by a symbolic link is not followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat as stat_module
from collections.abc import Iterator, Sequence

from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError, PhotoError, cause
from facewatchd.photos.decoding.read import MAX_BYTES
from facewatchd.photos.writing.edits import Edit, applied

TEMPORARY_PREFIX = b".facewatchd-date-"
"""The watcher ignores names that begin like this."""

_TITLE = "The date cannot be written"
_CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WAY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ACCESS_LIST = "system.posix_acl_access"
# these must be copied; all others are copied too, if that is allowed
_NO_ATTRIBUTES = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def read_for_change(path: bytes, expected: FileStat | None = None) -> tuple[bytes, FileStat]:
    """
    The whole content of a file that may be changed.

    Args:
        path: Absolute.
        expected: The file as it was last seen. Another one is refused. None accepts any.

    Raises:
        PhotoBusyError: The file is gone, or has changed.
        PhotoError: The file must not be changed: it is a link, has a second name, or is read-only.
    """
    return _read_file(path, os.O_RDWR, expected)


def read_file(path: bytes) -> tuple[bytes, FileStat]:
    """
    The same for a file that is only read.

    Raises:
        PhotoBusyError, PhotoError: As above.
    """
    return _read_file(path, os.O_RDONLY, None)


def _read_file(path: bytes, flags: int, expected: FileStat | None) -> tuple[bytes, FileStat]:
    handle = _open(path, flags)
    try:
        found = os.fstat(handle)
        if flags & os.O_RDWR or not stat_module.S_ISREG(found.st_mode):
            _refuse(found, path)
        stat = FileStat.of(found)
        if expected is not None and not stat.same_content(expected):
            raise _changed(path)
        data = _read_all(handle, found.st_size)
        if FileStat.of(os.fstat(handle)) != stat or len(data) != found.st_size:
            raise _changed(path)
    except OSError as error:
        raise _converted(error, path) from error
    finally:
        os.close(handle)
    return data, stat


def obstacle(path: bytes) -> str:
    """Why a file must not be changed, in a few words. Empty if it may be, as far as this is known without trying."""
    try:
        with _folder_of(path) as (folder, name):
            _refuse(os.lstat(name, dir_fd=folder), path)
    except PhotoError as error:
        return error.message
    except OSError as error:
        return error.strerror or cause(error)
    return "" if os.access(path, os.W_OK) else "facewatchd may not write the file."


def write_edits(path: bytes, stat: FileStat, data: bytes, edits: Sequence[Edit], temporary: bytes) -> FileStat:
    """
    Change a file.

    Args:
        path: Absolute.
        stat: The file as `read_for_change` saw it.
        data: Its whole content then.
        edits: The change.
        temporary: Name for a temporary file in the same folder, if one is needed. It begins with
            `TEMPORARY_PREFIX`.

    Returns:
        The file as it is now.

    Raises:
        PhotoBusyError: Another program changed the file meanwhile. Its change stays.
        PhotoError: The file could not be changed, and is as before.
    """
    new = applied(data, edits)
    if len(new) == len(data):
        return _overwrite(path, stat, data, new, edits)
    return _replace(path, stat, new, temporary)


def write_new(path: bytes, content: bytes, temporary: bytes, like: os.stat_result) -> FileStat:
    """
    Make a new file.

    Args:
        path: Absolute.
        content: Its content.
        temporary: As in `write_edits`.
        like: It gets the owner and permissions of this file, as far as possible, but not the permission to execute.

    Raises:
        PhotoBusyError: There is such a file now.
        PhotoError: The file cannot be made.
    """
    try:
        with _folder_of(path) as (folder, name), _holder(temporary, folder) as handle:
            _write_all(handle, content)
            with contextlib.suppress(PermissionError):
                os.fchown(handle, like.st_uid, like.st_gid)
            os.fchmod(handle, stat_module.S_IMODE(like.st_mode) & 0o666)
            os.fsync(handle)
            if _read_all(handle, len(content)) != content:
                raise PhotoError(_TITLE, "The disk gave back other bytes than were written: check it.", path)
            _name(temporary, name, folder, path)
            os.fsync(folder)
            return FileStat.of(os.lstat(name, dir_fd=folder))
    except OSError as error:
        raise _converted(error, path) from error


@contextlib.contextmanager
def _holder(name: bytes, folder: int) -> Iterator[int]:
    """A new open file with a temporary name. It is removed at the end, unless it got another name."""
    handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)


def _name(holder: bytes, name: bytes, folder: int, path: bytes) -> None:
    """Give a new file its name, if no other file has it."""
    try:
        os.link(holder, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError as error:
        raise _changed(path) from error
    except OSError:
        # a file system without hard links, as on memory cards: a file that is made at this moment would be replaced
        if _exists(name, folder):
            raise _changed(path) from None
        os.replace(holder, name, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(holder, dir_fd=folder)


def _exists(name: bytes, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def restore(
    path: bytes, stat: FileStat, data: bytes, edits: Sequence[Edit], temporary: bytes, mtime_ns: int
) -> FileStat:
    """
    Undo a change, as `write_edits`, and restore the old mtime.

    Args:
        path: Absolute.
        stat: The file as `read_for_change` saw it.
        data: Its whole content then.
        edits: The edits that undo the change.
        temporary: As in `write_edits`.
        mtime_ns: The mtime before the change, nanoseconds since 1970.
    """
    if edits:
        write_edits(path, stat, data, edits, temporary)
    try:
        handle = _open(path, os.O_RDWR)
        try:
            found = os.fstat(handle)
            os.utime(handle, ns=(found.st_atime_ns, mtime_ns))
            os.fsync(handle)
            return FileStat.of(os.fstat(handle))
        finally:
            os.close(handle)
    except OSError as error:
        raise _converted(error, path) from error


def remove(path: bytes, stat: FileStat) -> None:
    """Undo a `write_new`: remove the file, if it is still the same."""
    try:
        with _folder_of(path) as (folder, name):
            if not FileStat.of(os.lstat(name, dir_fd=folder)).same_content(stat):
                raise _changed(path)
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)
    except OSError as error:
        raise _converted(error, path) from error


def _overwrite(path: bytes, stat: FileStat, data: bytes, new: bytes, edits: Sequence[Edit]) -> FileStat:
    # one call from the first field to the last: if this process is killed, all of it is written or nothing
    start = edits[0].at
    end = max(edit.at + len(edit.new) for edit in edits)
    handle = _open(path, os.O_RDWR)
    try:
        _check_same(handle, path, stat)
        try:
            _pwrite(handle, new[start:end], start)
            os.fsync(handle)
            written = _read_all(handle, len(data))
        except OSError as error:
            _put_back(handle, data[start:end], start, path, stat.mtime_ns)
            raise _converted(error, path) from error
        if written != new:
            # another program writes too: only our bytes are undone
            if written[start:end] == new[start:end]:
                _put_back(handle, data[start:end], start, path)
            raise _changed(path)
        return FileStat.of(os.fstat(handle))
    except OSError as error:
        raise _converted(error, path) from error
    finally:
        os.close(handle)


def _put_back(handle: int, content: bytes, at: int, path: bytes, mtime_ns: int | None = None) -> None:
    """Restore the bytes and the mtime, so that the file looks unchanged. A file that another program changed is left."""
    try:
        _pwrite(handle, content, at)
        if mtime_ns is not None:
            os.utime(handle, ns=(os.fstat(handle).st_atime_ns, mtime_ns))
        os.fsync(handle)
    except OSError as error:
        raise PhotoError(
            "A date was written only in part",
            f"{error.strerror}. When the disk works again, 'facewatchd dates fix' restores the photo.",
            path,
        ) from error


def _replace(path: bytes, stat: FileStat, new: bytes, temporary: bytes) -> FileStat:
    source = _open(path, os.O_RDWR)
    try:
        with _folder_of(path) as (folder, name), _holder(temporary, folder) as handle:
            _check_same(source, path, stat)
            _write_all(handle, new)
            _copy_rights(source, handle, path)
            os.fsync(handle)
            if _read_all(handle, len(new)) != new:
                raise PhotoError(_TITLE, "The disk gave back other bytes than were written: check it.", path)
            made = FileStat.of(os.fstat(handle))
            _check_same(source, path, stat)
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
            now = FileStat.of(os.lstat(name, dir_fd=folder))
    except OSError as error:
        raise _converted(error, path) from error
    finally:
        os.close(source)
    if not now.same_content(made):
        raise _changed(path)
    return now


def _copy_rights(source: int, target: int, path: bytes) -> None:
    """Copy owner, mode and extended attributes, which hold the access lists. This fails if one cannot be kept."""
    found, made = os.fstat(source), os.fstat(target)
    try:
        names = _attributes(source)
        if _ACCESS_LIST in _attributes(target) and _ACCESS_LIST not in names:
            os.removexattr(target, _ACCESS_LIST)  # the default access list of the folder would let others read the file
        if (found.st_uid, found.st_gid) != (made.st_uid, made.st_gid):
            os.fchown(target, found.st_uid, found.st_gid)
        os.fchmod(target, stat_module.S_IMODE(found.st_mode))
        for name in names:
            value = os.getxattr(source, name)
            # the system sets some by itself, such as the label of SELinux
            if name not in _attributes(target) or os.getxattr(target, name) != value:
                os.setxattr(target, name, value)
    except OSError as error:
        raise PhotoError(
            _TITLE, f"A new file could not get its owner, permissions or attributes ({error.strerror}).", path
        ) from error


def _attributes(handle: int) -> list[str]:
    try:
        return os.listxattr(handle)
    except OSError as error:
        if error.errno not in _NO_ATTRIBUTES:
            raise
        return []


def _open(path: bytes, flags: int) -> int:
    try:
        with _folder_of(path) as (folder, name):
            # O_NONBLOCK: opening a FIFO would wait for its other end
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        raise _converted(error, path) from error


@contextlib.contextmanager
def _folder_of(path: bytes) -> Iterator[tuple[int, bytes]]:
    """
    The folder of a file, open, and the name of the file.

    Args:
        path: Absolute. The path of a photo folder has no symbolic link when the daemon starts.

    Raises:
        OSError: It cannot be opened. ELOOP if it, or a folder above it, is a symbolic link now.
    """
    *above, name = path.lstrip(b"/").split(b"/")
    folder = os.open(b"/", _WAY if above else _FOLDER)
    try:
        for at, part in enumerate(above):
            # the last folder must be readable, because it is synced; the others need not be
            below = _open_folder(part, folder, _FOLDER if at == len(above) - 1 else _WAY)
            os.close(folder)
            folder = below
        yield folder, name
    finally:
        os.close(folder)


def _open_folder(name: bytes, above: int, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=above)
    except NotADirectoryError as error:
        if stat_module.S_ISLNK(os.lstat(name, dir_fd=above).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
        raise


def _refuse(found: os.stat_result, path: bytes) -> None:
    if not stat_module.S_ISREG(found.st_mode):
        raise PhotoError(_TITLE, "It is no regular file.", path)
    if found.st_nlink != 1:
        raise PhotoError(_TITLE, "The file has several names (hard links). A change would change all of them.", path)
    if not found.st_mode & 0o222:
        raise PhotoError(_TITLE, "The file is read-only: make it writable if that may change.", path)
    if found.st_size > MAX_BYTES:
        raise PhotoError(_TITLE, "The file is too large.", path)


def _check_same(handle: int, path: bytes, stat: FileStat) -> None:
    opened = os.fstat(handle)
    _refuse(opened, path)
    with _folder_of(path) as (folder, name):
        if FileStat.of(opened) != stat or FileStat.of(os.lstat(name, dir_fd=folder)) != stat:
            raise _changed(path)


def _read_all(handle: int, size: int) -> bytes:
    """Reads up to one byte more than `size`, so that growth is noticed."""
    chunks = []
    at = 0
    while at <= size and (chunk := os.pread(handle, min(_CHUNK, size + 1 - at), at)):
        chunks.append(chunk)
        at += len(chunk)
    return b"".join(chunks)


def _pwrite(handle: int, content: bytes, at: int) -> None:
    done = 0
    while done < len(content):
        done += os.pwrite(handle, content[done:], at + done)


def _write_all(handle: int, content: bytes) -> None:
    _pwrite(handle, content, 0)


def _changed(path: bytes) -> PhotoBusyError:
    return PhotoBusyError(_TITLE, "The file changed meanwhile. It is left as it is.", path)


def _converted(error: OSError, path: bytes) -> PhotoError:
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}:
        return PhotoBusyError(_TITLE, "The file is gone.", path)
    if error.errno == errno.ELOOP:
        return PhotoError(_TITLE, "It, or a folder above it, is a symbolic link, and links are not followed.", path)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return PhotoError(
            _TITLE, f"{error.strerror}: let the user that runs facewatchd write the photo and its folder.", path
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return PhotoError(_TITLE, "The disk is full. Free some space, then run 'facewatchd dates fix'.", path)
    return PhotoError(_TITLE, f"{error.strerror or error}: check the disk.", path)
