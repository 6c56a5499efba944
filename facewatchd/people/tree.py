"""
The people tree on disk: looks at it, and carries out what `core.tree` decided.

Every access goes through descriptors of real folders, so that a symlink put in a folder's place leads nowhere (R33).
Nothing is removed unless it still is what the manifest says, folders only when empty (R32).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from facewatchd.core.tree import (
    MARKER,
    UNKNOWN,
    Action,
    Adopt,
    Forget,
    MakeFolder,
    Present,
    PresentEntry,
    PresentFolder,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveFolder,
    RemoveLink,
    RenameFolder,
)
from facewatchd.domain import PersonId
from facewatchd.errors import TreeError, displayable

log = logging.getLogger(__name__)

_TEMPORARY = b".facewatchd-tmp"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MARKER_LINE = re.compile(rb"^person: (\d{1,18})$", re.MULTILINE)
_STATE_LINE = re.compile(rb"^state: (\S+)$", re.MULTILINE)

# keep other programs' indexers out of a tree of duplicates (R4)
_KEEP_OUT = (b".nomedia", b".ppignore")


@dataclass(frozen=True, slots=True)
class Done:
    """
    Attributes:
        action: What was carried out.
        signature: Of the file written, empty for anything else.
    """

    action: Action
    signature: bytes = b""


def marker_text(person_id: PersonId, state_id: str) -> bytes:
    """What a person's folder carries, so that it is known by whatever name the user gives it."""
    return (
        b"# facewatchd knows this folder by this file. Rename the folder to name the person.\nperson: %d\nstate: %s\n"
        % (
            person_id,
            state_id.encode(),
        )
    )


class PeopleTree:
    """
    The people directory, opened; made where it is missing.

    Args:
        path: The directory, absolute.
        state_id: Marks our folders; folders of another state are the user's to us.
        make_file: Makes the content of a `PutFile`, None where it cannot be made now.

    Raises:
        TreeError: It cannot be made, opened or read.
    """

    def __init__(self, path: bytes, state_id: str, make_file: Callable[[PutFile], bytes | None]) -> None:
        self._path = path
        self._state_id = state_id
        self._make_file = make_file
        with self._errors("The people tree cannot be opened"):
            os.makedirs(path, exist_ok=True)
            self._top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._top)

    @contextlib.contextmanager
    def _errors(self, title: str, name: bytes = b"") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TreeError(title, _remedy(error), os.path.join(self._path, name) if name else self._path) from error

    # --- looking

    def look(self, into: set[bytes] | None) -> Present:
        """
        What is there now.

        Args:
            into: Folders to list; all folders of ours where None. Markers are read in every folder either way.
        """
        with self._errors("The people tree cannot be read"):
            with os.scandir(self._top) as listing:
                entries = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in listing]
            folders = {}
            for name, is_folder in entries:
                if is_folder:
                    found = self._look_into(name, into)
                    if found is not None:
                        folders[name] = found
        return Present(frozenset(name for name, _ in entries), folders)

    def _look_into(self, name: bytes, into: set[bytes] | None) -> PresentFolder | None:
        try:
            folder = os.open(name, _FOLDER, dir_fd=self._top)
        except FileNotFoundError:
            return None
        try:
            marker = self._marker(folder)
            wanted = name in into if into is not None else marker is not None or name == UNKNOWN
            if not wanted and marker is None:
                return None
            return PresentFolder(marker, _entries(folder) if wanted else {})
        finally:
            os.close(folder)

    def _marker(self, folder: int) -> PersonId | None:
        try:
            with open(os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
                text = file.read(4096)
        except OSError:
            return None
        person, state = _MARKER_LINE.search(text), _STATE_LINE.search(text)
        if person is None or state is None or state[1] != self._state_id.encode():
            return None
        return int(person[1])

    # --- doing

    def carry_out(self, actions: list[Action]) -> Iterator[Done]:
        """
        Carry the actions out one by one; yields each when it is done. One that finds something else in its place than
        the plan saw is left out: the next plan sees it.

        Raises:
            TreeError: The tree cannot be written; what was yielded before is done.
        """
        with self._errors("The people tree cannot be written"):
            for name in _KEEP_OUT:
                with contextlib.suppress(FileExistsError):
                    os.close(
                        os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=self._top)
                    )
        for action in actions:
            with self._errors("The people tree cannot be written", action.folder):
                signature = self._do(action)
            if signature is not None:
                yield Done(action, signature)

    def _do(self, action: Action) -> bytes | None:
        """Returns the signature of a file written, empty for other deeds, None where nothing was done."""
        match action:
            case MakeFolder(_, name):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=self._top)
                os.close(os.open(name, _FOLDER, dir_fd=self._top))
            case RenameFolder(_, name, to):
                if _exists(to, self._top):
                    return None
                os.rename(name, to, src_dir_fd=self._top, dst_dir_fd=self._top)
            case RemoveFolder(_, name):
                self._remove_folder(name)
            case Adopt() | Forget():
                pass
            case PutLink() | RemoveLink() | PutFile() | RemoveFile():
                return self._inside(action)
        return b""

    def _remove_folder(self, name: bytes) -> None:
        try:
            os.rmdir(name, dir_fd=self._top)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise
            log.info("%s stays, as there are files of yours in it", displayable(os.path.join(self._path, name)))

    def _inside(self, action: PutLink | RemoveLink | PutFile | RemoveFile) -> bytes | None:
        try:
            folder = os.open(action.folder, _FOLDER, dir_fd=self._top)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise
        try:
            match action:
                case PutLink():
                    return _put_link(folder, action)
                case RemoveLink(_, name, target):
                    if _target(name, folder) == target:
                        os.unlink(name, dir_fd=folder)
                    return b""
                case PutFile():
                    return self._put_file(folder, action)
                case RemoveFile(_, name, signature):
                    if _signature(name, folder) == signature:
                        os.unlink(name, dir_fd=folder)
                    return b""
        finally:
            os.close(folder)

    def _put_file(self, folder: int, action: PutFile) -> bytes | None:
        content = self._make_file(action)
        if content is None or _signature(action.name, folder) != action.instead_of:
            return None
        _remove_temporary(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(_TEMPORARY, flags, 0o644, dir_fd=folder), "wb") as file:
            file.write(content)
        os.rename(_TEMPORARY, action.name, src_dir_fd=folder, dst_dir_fd=folder)
        return _signature(action.name, folder)


def _entries(folder: int) -> dict[bytes, PresentEntry]:
    found = {}
    with os.scandir(folder) as listing:
        for entry in listing:
            name = os.fsencode(entry.name)
            if name == _TEMPORARY:
                continue
            if entry.is_symlink():
                found[name] = PresentEntry(target=_target(name, folder))
            elif entry.is_file(follow_symlinks=False):
                found[name] = PresentEntry(signature=_signature(name, folder))
            else:
                found[name] = PresentEntry()
    return found


def _put_link(folder: int, action: PutLink) -> bytes | None:
    """A fresh link is made in one step; a new target is put in place by renaming, so that there is always a link (R36)."""
    if action.instead_of is None:
        try:
            os.symlink(action.target, action.name, dir_fd=folder)
        except FileExistsError:
            return None
        return b""
    if _target(action.name, folder) != action.instead_of:
        return None
    _remove_temporary(folder)
    os.symlink(action.target, _TEMPORARY, dir_fd=folder)
    os.rename(_TEMPORARY, action.name, src_dir_fd=folder, dst_dir_fd=folder)
    return b""


def _remove_temporary(folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_TEMPORARY, dir_fd=folder)


def _exists(name: bytes, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _target(name: bytes, folder: int) -> bytes | None:
    try:
        return os.fsencode(os.readlink(name, dir_fd=folder))
    except OSError:
        return None


def _signature(name: bytes, folder: int) -> bytes | None:
    """Size, time and inode of a regular file, None for anything else."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return b"%d %d %d" % (found.st_size, found.st_mtime_ns, found.st_ino)


def _remedy(error: OSError) -> str:
    why = error.strerror or str(error)
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{why}; make it writable for the user that facewatchd runs as, or set people.dir to another folder."
        case errno.ENOSPC | errno.EDQUOT:
            return f"{why}; free some space, the tree is completed by itself then."
        case errno.ENOTDIR | errno.EEXIST | errno.ELOOP:
            return "There is something else than a folder in its place; move that away."
        case _:
            return f"{why}."
