"""
Why SQLite fails, as a sentence. SQLite reports 'disk I/O error' for a quota, for a limit on file sizes and for a failing disk
alike. So a small test file is written into the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facewatchd.errors import StoreError, StoreFullError, displayable

_ESCAPE = re.compile(rb"\\([0-7]{3})")
_TRIAL_BYTES = 65_536
_NO_NAMELESS_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
_GOES_ON = "the work goes on by itself. Nothing is lost."


@dataclass(frozen=True, slots=True)
class Place:
    """
    The file system that the state is on.

    Attributes:
        point: Where it is mounted.
        free: Bytes that we may still write.
        file_limit: Bytes that a file of this process may have at most; None for no limit.
        holders: Other processes that hold locks on the state, as "sqlite3 (process 123)".
    """

    point: str
    free: int
    file_limit: int | None = None
    holders: tuple[str, ...] = ()


def converted(error: sqlite3.Error, path: Path, title: str = "The state cannot be used") -> StoreError:
    """An error of SQLite about the state, as an error for the user."""
    name = getattr(error, "sqlite_errorname", "") or ""
    writes = name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"))
    number = _trial(path) if writes else None
    said, waits_for = reason(name, str(error), number, _place(path, name))
    if not waits_for:
        return StoreError(title, said, path)
    return StoreFullError(title, said, path, waits_for)


def advice(error: sqlite3.Error) -> str:
    """What to do about an error of SQLite, if its file is not known."""
    return reason(getattr(error, "sqlite_errorname", "") or "", str(error), None, None)[0]


def reason(name: str, text: str, number: int | None, place: Place | None) -> tuple[str, str]:
    """
    What happened and what to do.

    Args:
        name: SQLite's name of the error, such as "SQLITE_IOERR_WRITE".
        text: SQLite's words.
        number: The result of writing a test file beside the state: an errno, None if it worked or was not tried.
        place: The file system of the state, as far as it is known.

    Returns:
        Sentences, and what the work waits for. The latter is empty if the trouble cannot end by itself.
    """
    where = f" It is the file system at {place.point}, with {place.free / 1e6:,.1f} MB free." if place else ""
    at = f" at {place.point}" if place else ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        held = (
            f": {', '.join(place.holders)}"
            if place and place.holders
            else "; is a second facewatchd or a backup running"
        )
        end = "" if place and place.holders else "?"
        return f"Another program holds it{held}{end or '.'} When it lets go, {_GOES_ON}", "for another program"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return (
            f"The file is damaged ({text}); restore it from a backup, "
            "or move it away and start again: photos are taken in again, names are lost."
        ), ""
    if name == "SQLITE_READONLY_DBMOVED" or (name.startswith("SQLITE") and number == errno.ENOENT):
        return "The file was moved or deleted while it was in use; put it back and start facewatchd again.", ""
    if number == errno.EDQUOT:
        return (
            f"Your disk quota is used up. Delete files there, or ask for a larger quota. Then {_GOES_ON}{where}"
        ), "for space"
    if number == errno.EFBIG:
        return _too_large(place, at), "for a restart"
    if number == errno.EROFS:
        return (
            f"The file system{at} is read-only; mount it writable (`dmesg` says whether a fault of the disk made it so; a service has "
            "it in ReadWritePaths=), "
            f"then {_GOES_ON}"
        ), "for the disk"
    if name.startswith("SQLITE_FULL") or number == errno.ENOSPC:
        return f"The disk is full; free some space, then {_GOES_ON}{where}", "for space"
    if name.startswith("SQLITE_IOERR"):
        return (
            f"The disk fails ({text}); check it: `dmesg` says more. Nothing that was stored is lost.{where}",
            "for the disk",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"It cannot be opened for writing ({text}); check the folder's owner and permissions.", ""
    return f"{text}.", ""


def _too_large(place: Place | None, at: str) -> str:
    if place is not None and place.file_limit is not None:
        return (
            f"This process may not make a file larger than {place.file_limit / 1e6:,.1f} MB, and the state has that size. Raise "
            "the limit (`ulimit -f`, or LimitFSIZE= of the service) and start facewatchd again. Nothing is lost."
        )
    return (
        f"The file system{at} cannot hold a larger file. Move the state to another one (state.dir) and start facewatchd again. "
        "Nothing is lost."
    )


# --- what the folder says


def _trial(path: Path) -> int | None:
    """Write a test file beside the state, at an offset of the size of the state. Returns the errno of the failure, None if it worked."""
    try:
        length = max((size for size in map(_size, _files(path))), default=0)
        handle = _nameless(path.parent)
        try:
            os.pwrite(handle, bytes(_TRIAL_BYTES), length)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        return error.errno
    return None


def _nameless(folder: Path) -> int:
    """A file that disappears when it is closed."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_NAMELESS_FILES or not folder.is_dir():
            raise
    trial = folder / f".trial-{os.getpid()}"
    handle = os.open(trial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    trial.unlink()
    return handle


def _files(path: Path) -> tuple[Path, ...]:
    """The files of the state."""
    return (path, *(path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm", "-journal")))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _place(path: Path, name: str) -> Place | None:
    try:
        folder = path.parent.resolve()
        found = os.statvfs(folder)
    except (OSError, RuntimeError):
        return None
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return Place(
        displayable(_mount_point(os.fsencode(folder))),
        found.f_bavail * found.f_frsize,
        None if limit == resource.RLIM_INFINITY else limit,
        tuple(_holders(_files(path))) if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) else (),
    )


def _mount_point(folder: bytes) -> bytes:
    """Where the file system of a folder is mounted. In a service that may write only in some folders, each of these is a mount."""
    points = [b"/"]
    with contextlib.suppress(OSError, IndexError):
        table = [line.split()[4] for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
        points += [_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), point) for point in table]
    return max((point for point in points if (folder + b"/").startswith(point.rstrip(b"/") + b"/")), key=len)


def _holders(files: Iterable[Path]) -> list[str]:
    """Other processes with locks on these files, as far as the kernel shows them (proc_locks(5))."""
    inodes = set()
    for file in files:
        with contextlib.suppress(OSError):
            inodes.add(str(file.stat().st_ino))
    pids: dict[str, None] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.replace("->", "").split()
            if (
                len(words) > 5
                and words[5].rpartition(":")[2] in inodes
                and words[4] not in {str(os.getpid()), "-1", "0"}
            ):
                pids[words[4]] = None
    return [f"{_program(pid)} (process {pid})" for pid in pids]


def _program(pid: str) -> str:
    try:
        return displayable(Path(f"/proc/{pid}/comm").read_text().strip())
    except OSError:
        return "a program"
