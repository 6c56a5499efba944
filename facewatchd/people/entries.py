"""
Links and files inside one folder of the people tree that is open (by its descriptor).
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from facewatchd.core.tree.entries import (
    MARKER,
    PresentEntry,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveLink,
    is_copy,
    is_hard_link,
)
from facewatchd.core.tree.face_pictures import pictured
from facewatchd.people.photo_files import PhotoFiles, signature_of
from facewatchd.people.renaming import exchange, exists, rename_new

TEMPORARY = b".facewatchd-tmp"
_TEMPORARY_NAME = re.compile(re.escape(TEMPORARY) + rb"(-\d+)?\Z")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that is whole, under a temporary name."""

    action: PutFile | PutLink
    name: bytes
    signature: bytes


class Entries:
    """
    Looks at what is in a folder, and makes and removes what is ours.

    Args:
        files: What is known of photos' files that are no symlinks.
        make_file: Makes the content of a `PutFile`, None where it cannot be made now.
    """

    def __init__(self, files: PhotoFiles, make_file: Callable[[PutFile], bytes | None]) -> None:
        self._files = files
        self._make_file = make_file

    def look(self, folder: int) -> tuple[dict[bytes, PresentEntry], tuple[bytes, ...], bool]:
        """What is in it, the names of the folders in it, and whether a crash left something half done."""
        found = {}
        inner = []
        is_littered = False
        with os.scandir(folder) as listing:
            for entry in listing:
                name = os.fsencode(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    found[name] = PresentEntry()
                    inner.append(name)
                elif name.startswith(TEMPORARY) and _TEMPORARY_NAME.match(name):
                    is_littered = True
                elif entry.is_symlink():
                    found[name] = PresentEntry(_text(name, folder))
                elif entry.is_file(follow_symlinks=False):
                    found[name] = self._regular(name, folder)
                else:
                    found[name] = PresentEntry()
        return found, tuple(inner), is_littered

    def _regular(self, name: bytes, folder: int) -> PresentEntry:
        try:
            there = os.lstat(name, dir_fd=folder)
        except FileNotFoundError:
            return PresentEntry()
        target = self._files.identify(name, folder, there)
        is_last = target is not None and is_hard_link(target) and there.st_nlink == 1
        face = self._files.face_of(name, folder, there) if target is None else None
        return PresentEntry(target, signature_of(there), is_last, face)

    def at(self, name: bytes, folder: int) -> PresentEntry | None:
        """What stands under a name, None for nothing; half done things of ours are nothing."""
        try:
            there = os.lstat(name, dir_fd=folder)
        except FileNotFoundError:
            return None
        if _TEMPORARY_NAME.match(name) and not stat.S_ISDIR(there.st_mode):
            return None
        if stat.S_ISLNK(there.st_mode):
            return PresentEntry(target=_text(name, folder))
        return self._regular(name, folder) if stat.S_ISREG(there.st_mode) else PresentEntry()

    def tidy(self, folder: int) -> None:
        """Remove what a crash left half done; what it was for is still planned."""
        for entry in os.listdir(folder):
            name = os.fsencode(entry)
            if _TEMPORARY_NAME.match(name):
                with contextlib.suppress(IsADirectoryError):
                    os.unlink(name, dir_fd=folder)

    def carry_out(
        self, folder: int, action: PutLink | RemoveLink | PutFile | RemoveFile, number: int
    ) -> bytes | Staged | None:
        """
        Returns the signature of a file written, empty for other actions; a file that is to be put in place, under a
        temporary name with this number; None where nothing was done.
        """
        match action:
            case PutLink() if is_copy(action.target):
                return self._copy(folder, action, TEMPORARY + b"-%d" % number)
            case PutLink():
                return self._put_link(folder, action)
            case RemoveLink(_, name, target):
                if self._target(name, folder) == target and self._files.may_go(name, folder):
                    os.unlink(name, dir_fd=folder)
                return b""
            case PutFile(name=name) if name == MARKER:
                return self._put_marker(folder, action)
            case PutFile():
                return self._make(folder, action, TEMPORARY + b"-%d" % number)
            case RemoveFile(_, name, signature):
                if _signature(name, folder) == signature:
                    os.unlink(name, dir_fd=folder)
                return b""

    def put_in_place(self, folder: int, file: Staged) -> bool:
        """Whether it was: not where something else stands there by now."""
        is_put = self._replace(folder, file.name, file.action)
        if is_put and isinstance(file.action, PutLink):
            self._files.copies[file.signature] = file.action.target
        elif (
            is_put and isinstance(file.action, PutFile) and (face := pictured(file.action.version.encode())) is not None
        ):
            self._files.faces[file.signature] = face
        return is_put

    def _replace(self, folder: int, temporary: bytes, action: PutFile | PutLink) -> bool:
        """
        Give what is under a temporary name its own, where nothing of the user's has that, not even since a moment ago.

        Returns:
            Whether it has it; the temporary name is free afterwards.
        """
        try:
            if not self._has_room(folder, action):
                return False
            if action.instead_of is None:
                rename_new(temporary, action.name, folder, folder)
            elif not exchange(temporary, action.name, folder):
                os.rename(temporary, action.name, src_dir_fd=folder, dst_dir_fd=folder)
            elif not self._has_room(folder, action, temporary):
                # the user was quicker: theirs goes back
                exchange(temporary, action.name, folder)
                return False
        except FileExistsError:
            return False
        finally:
            # ours where it was not put in place, else what it was put in place of; a file may have both names already
            _remove(temporary, folder)
        return True

    def _has_room(self, folder: int, action: PutFile | PutLink, name: bytes = b"") -> bool:
        """Whether what stands in its place, or under another name, is what the plan saw: nothing, or something of ours."""
        name = name or action.name
        if action.instead_of is None:
            return not exists(name, folder)
        if isinstance(action, PutFile):
            return _signature(name, folder) == action.instead_of
        is_ours = self._target(name, folder) == action.instead_of
        return is_ours and self._files.may_go(name, folder, action.photo_id)

    def _put_link(self, folder: int, action: PutLink) -> bytes | None:
        """A fresh one is made in one step; another is put in place by renaming, so that there is always a link (R36)."""
        if action.instead_of is None:
            with contextlib.suppress(FileExistsError):
                return self._files.link(folder, action.name, action)
            return None
        if not self._has_room(folder, action):
            return None
        _remove(TEMPORARY, folder)
        made = self._files.link(folder, TEMPORARY, action)
        return made if made is not None and self._replace(folder, TEMPORARY, action) else None

    def _copy(self, folder: int, action: PutLink, name: bytes) -> Staged | None:
        if not self._has_room(folder, action):
            return None
        _remove(name, folder)
        with _whole_or_gone(name, folder):
            copied = self._files.copy(folder, name, action)
        return Staged(action, name, _signature(name, folder) or b"") if copied else None

    def _put_marker(self, folder: int, action: PutFile) -> bytes | None:
        """In place at once: whoever finds it can tell that it is ours."""
        staged = self._make(folder, action, TEMPORARY)
        return staged.signature if staged is not None and self.put_in_place(folder, staged) else None

    def _make(self, folder: int, action: PutFile, name: bytes) -> Staged | None:
        if not self._has_room(folder, action) or (content := self._make_file(action)) is None:
            return None
        _remove(name, folder)
        with _whole_or_gone(name, folder), open(os.open(name, _NEW, 0o666, dir_fd=folder), "wb") as file:
            file.write(content)
        return Staged(action, name, _signature(name, folder) or b"")

    def _target(self, name: bytes, folder: int) -> bytes | None:
        """What stands under a name leads to; None for what is no link and no photo's."""
        try:
            found = os.lstat(name, dir_fd=folder)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(found.st_mode):
            return _text(name, folder)
        return self._files.identify(name, folder, found) if stat.S_ISREG(found.st_mode) else None


@contextlib.contextmanager
def _whole_or_gone(name: bytes, folder: int) -> Iterator[None]:
    try:
        yield
    except OSError:
        # on a full disk it would take the room that it did not have
        _remove(name, folder)
        raise


def _remove(name: bytes, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _text(name: bytes, folder: int) -> bytes | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def _signature(name: bytes, folder: int) -> bytes | None:
    """Size, time and inode of a regular file, None for anything else."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    return signature_of(found) if stat.S_ISREG(found.st_mode) else None
