"""
The full rescan: what is really there (requirements R1, R8, R9). Events are hints; this is the truth.

Symlinks are never followed. A folder that is reached a second time (bind mount) and a file that is (hard link) are
reported under the first path only, in the order of the walk: a folder's files by name, then its subfolders by name.
File systems mounted inside a root belong to it.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from facewatchd.domain import FileStat, Root, SeenFile
from facewatchd.errors import cause, displayable
from facewatchd.watch.ignore import MARKERS, is_ignored_file, is_ignored_folder
from facewatchd.watch.ways import is_open

_logger = logging.getLogger(__name__)

_ENTRIES_PER_STOP_CHECK = 1000

_REMEDIES = {
    errno.EACCES: "Give the user that facewatchd runs as the right to read and enter it (chmod, chown or setfacl).",
    errno.EPERM: "Give the user that facewatchd runs as the right to read and enter it (chmod, chown or setfacl).",
    errno.EIO: "Check the disk: `dmesg` and `smartctl -a` say more.",
    errno.ESTALE: "Mount the share again.",
    errno.ENOTCONN: "Mount the share again.",
    errno.EHOSTDOWN: "Check the network and the server.",
    errno.ETIMEDOUT: "Check the network and the server.",
    errno.ENAMETOOLONG: "Shorten the names of the folders above it; a path may have 4095 bytes.",
    errno.ENOENT: "Connect or mount the disk, or correct the path.",
    errno.ENOTDIR: "Correct the path.",
    errno.EMFILE: "Raise the limit of open files (LimitNOFILE= in the unit).",
}


@dataclass(frozen=True, slots=True)
class ScannedFolder:
    """
    One folder as the scan found it.

    Attributes:
        path: Relative to the root, "" for the root itself.
        files: Its own photo-like files, by name.
        symlinks: Symlinks that were not followed.
        hard_links: Files that were reported before under another name.
        beside: Its own files that may hold the date of a photo beside them, by name.
        problem: Why not all of it could be seen, and what to do. Empty if all was seen. No photo in or below a folder with
            a problem counts as missing.
    """

    path: bytes
    files: tuple[SeenFile, ...]
    symlinks: int = 0
    hard_links: int = 0
    problem: str = ""
    beside: tuple[SeenFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """The entries of a folder that matter, by name; `marked` where a marker file says that it be ignored."""

    folders: list[bytes]
    files: list[os.DirEntry[bytes]]
    symlinks: int
    marked: bool


class _StoppedError(Exception):
    """The scan was told to stop in the midst of a folder."""


def scan(
    root: Root,
    is_photo: Callable[[bytes], bool],
    *,
    below: bytes = b"",
    excluded: frozenset[bytes] = frozenset(),
    stop: Callable[[], bool] = lambda: False,
    is_beside: Callable[[bytes], bool] = lambda _: False,
) -> Iterator[ScannedFolder]:
    """
    Walk a root, or a folder in it, and yield each folder that is there.

    A folder that vanishes in the meantime is not yielded, nor is one that is ignored. When `stop` says so the walk ends
    early, and what it did not come to must not be taken for missing.

    Args:
        root: What to scan.
        is_photo: Whether a file name (not a path) looks like a photo's.
        below: Folder to begin at, relative to the root.
        excluded: Folders to leave out with all below them, absolute and without symlinks: the people tree, the state.
        stop: Asked now and then.
        is_beside: Whether a file with this name may hold the date of a photo beside it, as sidecars do.
    """
    if below and not is_open(root.path, below, excluded):
        return
    walk = _Walk(root, is_photo, is_beside, stop)
    stack = [below]
    while stack and not stop():
        path = stack.pop()
        full = os.path.join(root.path, path) if path else root.path
        if full in excluded or not walk.is_new_folder(full):
            continue
        try:
            listing = list_folder(full, stop)
            if listing.marked and path:
                continue
            yield walk.folder(path, listing)
        except _StoppedError:
            return
        except OSError as error:
            if path and error.errno in (errno.ENOENT, errno.ENOTDIR):
                continue
            _logger.debug("Cannot scan %s: %s", displayable(full), cause(error))
            yield ScannedFolder(path, (), problem=explain("The folder cannot be read", error))
        else:
            stack.extend(os.path.join(path, name) for name in reversed(listing.folders))


def list_folder(path: bytes, stop: Callable[[], bool] = lambda: False) -> Listing:
    """
    Read a folder, ignored names left out.

    Raises:
        OSError: It cannot be read.
    """
    folders: list[bytes] = []
    files: list[os.DirEntry[bytes]] = []
    symlinks = 0
    marked = False
    with os.scandir(path) as entries:
        for number, entry in enumerate(entries, 1):
            if number % _ENTRIES_PER_STOP_CHECK == 0 and stop():
                raise _StoppedError
            name = entry.name
            if name in MARKERS:
                marked = True
            elif entry.is_symlink():
                symlinks += 1
            elif entry.is_dir(follow_symlinks=False):
                if not is_ignored_folder(name):
                    folders.append(name)
            elif not is_ignored_file(name):
                files.append(entry)
    folders.sort()
    files.sort(key=lambda entry: entry.name)
    return Listing(folders, files, symlinks, marked)


def stat_photo(path: bytes) -> FileStat | None:
    """
    Look at a file before acting on an event about it (requirement R10).

    Returns:
        None where no regular file is there, or none that can be looked at; a rescan will tell.
    """
    try:
        return file_stat(os.lstat(path))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            _logger.debug("Cannot look at %s: %s", displayable(path), error.strerror)
        return None


def file_stat(found: os.stat_result) -> FileStat | None:
    """The needed part of an `lstat`. None for anything but a regular file."""
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileStat.of(found)


def explain(what: str, error: OSError) -> str:
    """A sentence for the user about a folder's trouble, and the remedy where one is known."""
    remedy = _REMEDIES.get(error.errno or 0, "Then the next rescan takes it up again by itself.")
    return f"{what} ({error.strerror or error}). {remedy}"


class _Walk:
    """What one walk has come across."""

    def __init__(
        self,
        root: Root,
        is_photo: Callable[[bytes], bool],
        is_beside: Callable[[bytes], bool],
        stop: Callable[[], bool],
    ) -> None:
        self._root_id = root.root_id
        self._is_photo = is_photo
        self._is_beside = is_beside
        self._stop = stop
        self._folders: set[tuple[int, int]] = set()
        self._linked: set[tuple[int, int]] = set()

    def is_new_folder(self, full: bytes) -> bool:
        """Whether this is a folder, by its inode, that the walk has not come to by another way."""
        try:
            found = os.lstat(full)
        except OSError:
            return True  # listing it will say why
        identity = (found.st_dev, found.st_ino)
        if identity in self._folders or stat.S_ISLNK(found.st_mode):
            return False
        self._folders.add(identity)
        return True

    def folder(self, path: bytes, listing: Listing) -> ScannedFolder:
        """
        Stat the photos of a folder, and their sidecars.

        Raises:
            _StoppedError: The walk is to end.
        """
        files = []
        beside = []
        hard_links = 0
        problem = ""
        prefix = path + b"/" if path else b""
        for number, entry in enumerate(listing.files, 1):
            if number % _ENTRIES_PER_STOP_CHECK == 0 and self._stop():
                raise _StoppedError
            is_beside = self._is_beside(entry.name)
            if not is_beside and not self._is_photo(entry.name):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                problem = problem or explain("Some files cannot be looked at", error)
                continue
            known = file_stat(found)
            if known is None:
                continue
            if is_beside:
                beside.append(SeenFile(self._root_id, prefix + entry.name, known))
                continue
            if found.st_nlink > 1:
                identity = (found.st_dev, found.st_ino)
                if identity in self._linked:
                    hard_links += 1
                    continue
                self._linked.add(identity)
            files.append(SeenFile(self._root_id, prefix + entry.name, known))
        return ScannedFolder(path, tuple(files), listing.symlinks, hard_links, problem, tuple(beside))
