"""
The people tree on disk: looks at it, and carries out what `core.tree.entries` decided.

Every access goes through descriptors of real folders, so that a symlink put in a folder's place leads nowhere (R33).
Nothing is removed unless it still is what the manifest says, folders only when empty (R32).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import posixpath
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from facewatchd.core.tree.entries import (
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
from facewatchd.core.tree.litter import is_kept_by_others
from facewatchd.core.tree.owners import REVIEW, TOGETHER, Owner
from facewatchd.domain import Pool
from facewatchd.errors import TreeError, displayable
from facewatchd.people.claims import Claim
from facewatchd.people.entries import Entries, Staged
from facewatchd.people.looked import Looked
from facewatchd.people.markers import read_marker
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.people.renaming import rename_new
from facewatchd.people.sweep import remove_folder

log = logging.getLogger(__name__)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# folders in these, as in people's folders, are parts of them
_PARTED = frozenset(pool.encode() for pool in Pool)

# actions that are written down together: a crash in between leaves links that the next plan adopts
_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class Done:
    """
    Attributes:
        action: What was carried out.
        signature: Of the file or copy written, empty for anything else.
    """

    action: Action
    signature: bytes = b""


WriteDown = Callable[[list[Done], list[Done]], None]
"""
Remembers, all at once, actions that are done, and files that are going to be put in place, as a crash may leave them there
when nobody could tell them as ours.
"""


_DEEPER = 8  # levels, for a folder that is nowhere else


class PeopleTree:
    """
    The people directory, opened; made where it is missing.

    Args:
        path: The directory, absolute.
        state_id: Marks our folders; folders of another state are the user's to us.
        make_file: Makes the content of a `PutFile`, None where it cannot be made now.
        files: What is known of photos' files that are no symlinks.
        looked: What was found at earlier looks, kept by the caller, so that folders which have not changed need not be
            listed again.
        claim: What is at its top.

    Raises:
        TreeError: It cannot be made, opened or read.
    """

    def __init__(
        self,
        path: bytes,
        state_id: str,
        make_file: Callable[[PutFile], bytes | None],
        files: PhotoFiles,
        looked: Looked | None = None,
        claim: Claim | None = None,
    ) -> None:
        self._path = path
        self._state_id = state_id
        self._entries = Entries(files, make_file)
        self._claim = Claim() if claim is None else claim
        self._littered: set[bytes] = set()
        self._looked = Looked() if looked is None else looked
        self._seen: set[bytes] = set()
        self.changed: set[bytes] = set()
        """Folders that the last look had to list again, or that were gone."""
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

    def look(self, needed: Container[bytes] = (), *, deeper: bool = False) -> Present:
        """
        What is there now: all real folders at the top, and one level down those needed or with a marker of ours.

        Args:
            needed: Paths of folders that must not be closed to us; others of the user's may be, and are left out.
            deeper: Go on with the last look, and look further down.
        """
        if not deeper:
            self.changed.clear()
            self._seen.clear()
        with self._errors("The people tree cannot be read"):
            with os.scandir(self._top) as listing:
                entries = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in listing]
            folders: dict[bytes, PresentFolder] = {}
            for name, is_folder in entries:
                if is_folder and (name in needed or not (name.startswith(b".") or is_kept_by_others(name))):
                    self._look_into(name, needed, folders, _DEEPER if deeper else 1)
        self.changed |= self._looked.keep_only(self._seen)
        return Present(frozenset(name for name, _ in entries), folders)

    def _look_into(
        self, path: bytes, needed: Container[bytes], folders: dict[bytes, PresentFolder], levels: int
    ) -> PresentFolder | None:
        """
        Put a folder, and those in it that have a marker of ours, among those found.

        Args:
            path: The folder.
            needed: See `look`.
            folders: Those found.
            levels: How many levels below it are looked into; in people's folders there is one more, for the years.

        Returns:
            The folder; None where it cannot be looked into.
        """
        listed = self._list(path, needed)
        if listed is None:
            return None
        found, inner = listed
        is_at_top = b"/" not in path
        has_parts = isinstance(found.marker, int) or path in _PARTED or (is_at_top and path in needed)
        parts: dict[bytes, PresentEntry] = {}
        for name in inner if has_parts or levels else ():
            if is_kept_by_others(name) and path + b"/" + name not in needed:
                continue
            below = self._look_into(
                path + b"/" + name, needed, folders, max(2, levels - 1) if has_parts else levels - 1
            )
            if has_parts and below is not None and below.marker is None:
                parts |= {name + b"/" + entry: what for entry, what in below.entries.items()}
        if parts:
            found = replace(found, entries={**found.entries, **parts})
        if found.marker is not None or is_at_top or path in needed:
            folders[path] = found
        return found

    def _list(self, path: bytes, needed: Container[bytes]) -> tuple[PresentFolder, tuple[bytes, ...]] | None:
        """What is in a folder, and the names of the folders in it; None where it cannot be told."""
        try:
            folder = self._open(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError:
            if path == UNKNOWN or path in needed:
                raise
            return None
        self._seen.add(path)
        try:
            known = self._looked.recall(path, folder)
            if known is None:
                self.changed.add(path)
                known = self._looked.remember(path, folder, lambda: self._contents(path, folder))
        finally:
            os.close(folder)
        return known

    def _contents(self, path: bytes, folder: int) -> tuple[Owner | None, dict[bytes, PresentEntry], tuple[bytes, ...]]:
        entries, inner, is_littered = self._entries.look(folder)
        if is_littered:
            self._littered.add(path)
        return read_marker(folder, self._state_id), entries, inner

    def _open(self, path: bytes) -> int:
        """Open a folder of the tree, step by step, so that no symlink leads elsewhere."""
        folder = self._top
        for name in path.split(b"/"):
            try:
                below = os.open(name, _FOLDER, dir_fd=folder)
            finally:
                if folder != self._top:
                    os.close(folder)
            folder = below
        return folder

    # --- doing

    def claim(self) -> None:
        """
        Put there what is in every people tree, see `Claim`.

        Raises:
            TreeError: The tree cannot be written.
        """
        with self._errors("The people tree cannot be written"):
            self._claim.stake(self._top)

    def has(self, path: bytes) -> bool:
        """Whether anything stands under a path of the tree."""
        return os.path.lexists(os.path.join(self._path, path))

    def carry_out(self, actions: list[Action], write_down: WriteDown) -> None:
        """
        Carry the actions out. One that finds something else in its place than the plan saw is left out: the next plan
        sees it.

        Args:
            actions: In this order; files that are made whole under another name first are put in place a little later.
            write_down: See there. Called in batches.

        Raises:
            TreeError: The tree cannot be written; what is done is written down.
        """
        self.claim()
        self._tidy()
        misplaced = set()
        done: list[Done] = []
        staged: list[tuple[PutFile | PutLink, Staged]] = []
        try:
            for action in actions:
                if action.folder in misplaced:
                    continue
                with self._errors("The people tree cannot be written", action.folder):
                    outcome = self._do(action, len(staged))
                if isinstance(outcome, Staged):
                    assert isinstance(action, PutFile | PutLink)
                    staged.append((action, outcome))
                elif outcome is not None:
                    done.append(Done(action, outcome))
                elif isinstance(action, RenameFolder):
                    # what stands there is not the folder that the rest of the plan is about
                    misplaced.add(action.to)
                if len(done) + len(staged) >= _TOGETHER:
                    done, staged = self._settle(done, staged, write_down), []
        finally:
            write_down(self._settle(done, staged, write_down), [])

    def _settle(
        self, done: list[Done], staged: list[tuple[PutFile | PutLink, Staged]], write_down: WriteDown
    ) -> list[Done]:
        """Write down what is done, and put in place what was staged. Returns what is to be written down next."""
        write_down(done, [Done(action, file.signature) for action, file in staged])
        put = []
        for action, file in staged:
            with self._errors("The people tree cannot be written", action.folder):
                if self._put_in_place(action, file):
                    put.append(Done(action, file.signature))
        return put

    def _tidy(self) -> None:
        """Remove what a crash left half done; a link or file of ours that it was for is still planned."""
        for name in self._littered:
            with self._errors("The people tree cannot be written", name), contextlib.suppress(FileNotFoundError):
                folder = self._open(name)
                try:
                    self._entries.tidy(folder)
                finally:
                    os.close(folder)
        self._littered.clear()

    def _do(self, action: Action, number: int) -> bytes | Staged | None:
        """
        Returns the signature of a file written, empty for other actions; a file that is to be put in place, under a
        temporary name with this number; None where nothing was done.
        """
        match action:
            case MakeFolder(_, name):
                self._make_folder(name)
            case RenameFolder(_, name, to):
                return self._rename_folder(name, to)
            case RemoveFolder(_, name):
                self._remove_folder(name)
            case Adopt():
                pass
            case Forget(folder, name):
                self._remove_part(folder, name)
            case PutLink() | RemoveLink() | PutFile() | RemoveFile():
                return self._inside(action, number)
        return b""

    @contextlib.contextmanager
    def _above(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """The open folder that a path lies in, and the path's own name."""
        place, _, name = path.rpartition(b"/")
        folder = self._open(place) if place else self._top
        try:
            yield folder, name
        finally:
            if place:
                os.close(folder)

    def _make_folder(self, path: bytes) -> None:
        """... and the one that it lies in."""
        for end in (*(match.start() for match in re.finditer(b"/", path)), len(path)):
            with self._above(path[:end]) as (folder, name):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
                os.close(os.open(name, _FOLDER, dir_fd=folder))

    def _rename_folder(self, path: bytes, to: bytes) -> bytes | None:
        try:
            with self._above(path) as (source, name), self._above(to) as (target, new_name):
                rename_new(name, new_name, source, target)
        except (FileExistsError, FileNotFoundError):
            return None
        return b""

    def _remove_folder(self, path: bytes) -> None:
        """... with what other programs left in it, and the one that it lies in, if that is ours and holds nothing else."""
        try:
            with self._above(path) as (folder, name):
                remove_folder(name, folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise
            log.info("%s is kept: your own files are in it", displayable(os.path.join(self._path, path)))
            return
        place = path.rpartition(b"/")[0]
        if place in {REVIEW, TOGETHER}:
            with contextlib.suppress(OSError):
                remove_folder(place, self._top)

    @contextlib.contextmanager
    def _opened(self, path: bytes) -> Iterator[int | None]:
        """A folder, None where no real folder is there."""
        try:
            folder = self._open(path)
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            yield None
            return
        try:
            yield folder
        finally:
            os.close(folder)

    def _inside(self, action: PutLink | RemoveLink | PutFile | RemoveFile, number: int) -> bytes | Staged | None:
        part, _, name = action.name.rpartition(b"/")
        if part and isinstance(action, PutLink):
            self._make_part(action.folder, part)
        with self._opened(_place(action)) as folder:
            if folder is None:
                return None
            is_known = self._looked.is_known(_place(action), folder)
            outcome = self._entries.carry_out(folder, replace(action, name=name), number)
            self._keep(action, folder, is_known=is_known)
        if isinstance(action, RemoveLink):
            self._remove_part(action.folder, action.name)
        return outcome

    def _keep(self, action: PutLink | RemoveLink | PutFile | RemoveFile, folder: int, *, is_known: bool) -> None:
        """Remember what we have changed, where the folder was known before."""
        name = action.name.rpartition(b"/")[2]
        if is_known:
            self._looked.changed_by_us(_place(action), folder, name, self._entries.at(name, folder))
        else:
            self._looked.forget(_place(action))

    def _put_in_place(self, action: PutFile | PutLink, file: Staged) -> bool:
        with self._opened(_place(action)) as folder:
            if folder is None:
                return False
            is_known = self._looked.is_known(_place(action), folder)
            is_put = self._entries.put_in_place(folder, file)
            self._keep(action, folder, is_known=is_known)
            return is_put

    def _make_part(self, folder: bytes, part: bytes) -> None:
        """A folder for a year, in a folder that stands there."""
        with self._opened(folder) as inside, contextlib.suppress(FileExistsError):
            if inside is not None:
                os.mkdir(part, dir_fd=inside)

    def _remove_part(self, folder: bytes, name: bytes) -> None:
        """The folder that something of ours was in, if nothing is left in it."""
        part = name.rpartition(b"/")[0]
        if part:
            with contextlib.suppress(OSError), self._above(folder + b"/" + part) as (inside, own_name):
                remove_folder(own_name, inside)


def _place(action: PutLink | RemoveLink | PutFile | RemoveFile) -> bytes:
    """The folder that something is in: the owner's, or a part of it."""
    return posixpath.join(action.folder, posixpath.dirname(action.name)).rstrip(b"/")


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
