"""
The folder that `sort` fills: it must be empty, or made by `sort`.

A list in it says what `sort` has made, and is written before anything is made. So a run that was broken off goes on where it
was, and a later run replaces what it made itself and nothing else. Files get their names when they are whole.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from facewatchd.core.intake.roots import is_inside
from facewatchd.core.tree.folder_names import fold
from facewatchd.core.tree.sorted_folders import Placed
from facewatchd.errors import FacewatchError, displayable, remedy
from facewatchd.people.photo_files import copy_bytes
from facewatchd.store import PersonFace

MARKER = b".facewatchd.sort"
"""The list of what was made."""

_PART = b".facewatchd.part"
_IGNORED = b".facewatchdignore"
_TITLE = "The photos cannot be put into folders"
# FAT keeps times to two seconds
_SAME_TIME_NS = 2 * 10**9
_NO_SUCH_NAME = {errno.EINVAL, errno.EILSEQ, errno.ENOENT, errno.EPROTO, errno.EIO}


class Way(StrEnum):
    """What stands for a photo in a folder."""

    COPY = "copy"
    LINK = "link"
    HARDLINK = "hardlink"
    CROPS = "crops"


Cut = Callable[[Sequence[PersonFace]], Mapping[PersonFace, bytes]]
"""Cuts faces of one photo out of it."""


@dataclass(frozen=True, slots=True)
class Filled:
    """
    What was done.

    Attributes:
        made: Files that were made.
        kept: Files that were there already.
        removed: Files that an earlier run had made, and that are not wanted any more.
        changed: Photos that were changed or went away meanwhile, and were left out.
    """

    made: int
    kept: int
    removed: int
    changed: int


@dataclass(frozen=True, slots=True)
class _Source:
    """The file that something was made from, as it was then."""

    way: str
    path: bytes
    size: int
    mtime_ns: int
    box: tuple[float, ...] = ()

    def text(self) -> list[Any]:
        return [self.way, os.fsdecode(self.path), self.size, self.mtime_ns, *self.box]

    @classmethod
    def of(cls, text: Sequence[Any]) -> _Source:
        way, path, size, mtime_ns, *box = text
        return cls(str(way), os.fsencode(path), int(size), int(mtime_ns), tuple(map(float, box)))

    def is_there(self) -> bool:
        """Whether the photo is still the same file."""
        with contextlib.suppress(OSError):
            found = os.lstat(self.path)
            return stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns)
        return False


class Destination:
    """
    Made by `opened`; belongs to one run.

    Attributes:
        portable: Whether names must be such as FAT takes.
    """

    def __init__(self, path: bytes, made: dict[bytes, _Source], *, portable: bool) -> None:
        self._path = path
        self._made = made
        self.portable = portable

    def taken(self) -> Mapping[bytes, frozenset[str]]:
        """Folder -> folded names of what `sort` has not made, or what was changed since or has lost its photo."""
        found: dict[bytes, set[str]] = defaultdict(set)
        with os.scandir(self._path) as entries:
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for folder in folders:
            for name in os.listdir(os.path.join(self._path, folder)):
                if not self._may_go(folder + b"/" + name):
                    found[folder].add(fold(name))
        return {folder: frozenset(names) for folder, names in found.items()}

    def fill(
        self, wanted: Sequence[Placed[PersonFace]], way: Way, cut: Cut, progress: Callable[[int, int | None], None]
    ) -> Filled:
        """
        Make what is wanted, and remove what earlier runs have made besides.

        Args:
            wanted: Where each photo, or face, goes.
            way: What stands for it.
            cut: Cuts faces.
            progress: Is told how many files are done, and how many there are.

        Raises:
            FacewatchError: The folder cannot be written. What was done stays.
        """
        with _told(self._path):
            sources = {one.path: _source(one.what, way) for one in wanted}
            removed = self._remove_all_but(sources)
            self._made |= {path: source for path, source in sources.items() if source is not None}
            self._write_list()
            made = kept = changed = 0
            pictures: Mapping[PersonFace, bytes] = {}
            by_photo: dict[bytes, list[PersonFace]] = defaultdict(list)
            for one in wanted:
                by_photo[one.what.path].append(one.what)
            # one after the other by photo, so that each is decoded once
            order = sorted(wanted, key=lambda one: one.what.path) if way is Way.CROPS else wanted
            for done, one in enumerate(order, 1):
                source = sources[one.path]
                if source is None:
                    changed += 1
                elif self._has(one.path, source):
                    kept += 1
                else:
                    if way is Way.CROPS and one.what not in pictures:
                        pictures = cut(by_photo[one.what.path])
                    is_made = self._make(one.path, source, pictures.get(one.what))
                    made += is_made
                    changed += not is_made
                progress(done, len(wanted))
        return Filled(made, kept, removed, changed)

    def _remove_all_but(self, sources: Mapping[bytes, _Source | None]) -> int:
        removed = 0
        for path, source in [*self._made.items()]:
            if sources.get(path) == source:
                continue
            if self._may_go(path):
                os.unlink(self._at(path))
                removed += 1
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.dirname(self._at(path)))
            # what stays is the user's from now on
            del self._made[path]
        return removed

    def _may_go(self, path: bytes) -> bool:
        """Whether a file is as `sort` has made it, and its photo is there: it can be made again."""
        source = self._made.get(path)
        return source is not None and self._has(path, source) and source.is_there()

    def _at(self, path: bytes) -> bytes:
        return os.path.join(self._path, path)

    def _has(self, path: bytes, source: _Source) -> bool:
        """Whether a file is as `sort` has made it of this source."""
        if self._made.get(path) != source:
            return False
        try:
            found = os.lstat(self._at(path))
            match source.way:
                case Way.LINK:
                    return stat.S_ISLNK(found.st_mode) and os.readlink(self._at(path)) == self._target(path, source)
                case Way.HARDLINK:
                    return os.path.samestat(found, os.lstat(source.path))
                case _:
                    is_as_old = abs(found.st_mtime_ns - source.mtime_ns) <= _SAME_TIME_NS
                    is_as_large = found.st_size == source.size or source.way == Way.CROPS
                    return stat.S_ISREG(found.st_mode) and is_as_large and is_as_old
        except OSError:
            return False

    def _target(self, path: bytes, source: _Source) -> bytes:
        return os.path.relpath(source.path, os.path.dirname(self._at(path)))

    def _make(self, path: bytes, source: _Source, picture: bytes | None) -> bool:
        """Returns False where the photo is not the file that it was, or the face cannot be cut out of it."""
        target, part = self._at(path), self._at(_PART)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _remove(part)
        if source.way == Way.LINK:
            _link(lambda: os.symlink(self._target(path, source), part), self._path)
        elif source.way == Way.HARDLINK:
            _link(lambda: os.link(source.path, part, follow_symlinks=False), self._path)
        elif source.way == Way.CROPS:
            if picture is None:
                return False
            _write(part, picture)
            _set_time(part, source)
        elif not _copied(source, part):
            _remove(part)
            return False
        # something of the user's may have been put there meanwhile
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        os.rename(part, target)
        return True

    def _write_list(self) -> None:
        made = {os.fsdecode(path): source.text() for path, source in sorted(self._made.items())}
        _write(self._at(_PART), json.dumps({"made by": "facewatchd sort", "made": made}, indent=0).encode())
        os.rename(self._at(_PART), self._at(MARKER))


@contextlib.contextmanager
def opened(path: bytes, source: bytes) -> Iterator[Destination]:
    """
    The folder to fill, held by this process.

    Args:
        path: The folder; made where it is missing, and removed again where nothing came into it.
        source: The folder with the photos, without symbolic links.

    Raises:
        FacewatchError: It cannot be used.
    """
    with _told(path):
        _refuse_overlap(path, source)
        is_new = _make_folder(path)
        real = os.path.realpath(path)
        with _held(real):
            made = _read_list(real)
            strange = [name for name in os.listdir(real) if name not in {_PART, _IGNORED}]
            if made is None and strange:
                raise FacewatchError(
                    "The folder is not empty",
                    f"It holds {displayable(min(strange))}, and was not made by 'facewatchd sort'. Name a new or an empty folder.",
                    path,
                )
            _write(os.path.join(real, _PART), b"")
            destination = Destination(real, made or {}, portable=_wants_portable(real))
            _remove(os.path.join(real, _PART))
            if is_inside(real, source):
                # what is sorted is no photo to be sorted
                _write(os.path.join(real, _IGNORED), b"")
            try:
                yield destination
            finally:
                _remove(os.path.join(real, _PART))
                if not os.path.lexists(os.path.join(real, MARKER)):
                    _remove(os.path.join(real, _IGNORED))
                    if is_new:
                        with contextlib.suppress(OSError):
                            os.rmdir(real)


def _refuse_overlap(path: bytes, source: bytes) -> None:
    real = os.path.realpath(path)
    if real == source or is_inside(source, real):
        raise FacewatchError(
            "The photos lie in the folder for the result", "Name a folder that does not hold them.", path
        )


def _make_folder(path: bytes) -> bool:
    """Returns whether it is new."""
    if os.path.isdir(path):
        return False
    os.makedirs(path)
    return True


@contextlib.contextmanager
def _held(path: bytes) -> Iterator[None]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FacewatchError(
                "The folder is in use", "Another 'facewatchd sort' writes there: wait for its end.", path
            ) from error
        except OSError:
            # a file system without locks
            pass
        yield
    finally:
        os.close(handle)


def _read_list(path: bytes) -> dict[bytes, _Source] | None:
    """What was made; None where there is no list."""
    marker = os.path.join(path, MARKER)
    try:
        with open(marker, "rb") as file:
            made = json.load(file)["made"]
        return {os.fsencode(name): _Source.of(text) for name, text in made.items()}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FacewatchError(
            "The list of what was made here cannot be read", "Name another folder, or delete this one.", marker
        ) from error


def _wants_portable(path: bytes) -> bool:
    """Whether the file system refuses names that others take."""
    probe = os.path.join(path, _PART + b":?\xff")
    try:
        _write(probe, b"")
    except OSError as error:
        if error.errno not in _NO_SUCH_NAME:
            raise
        return True
    _remove(probe)
    return False


def _source(face: PersonFace, way: Way) -> _Source | None:
    try:
        found = os.lstat(face.path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    box = face.box
    # as JSON keeps them
    cut = tuple(round(value, 2) for value in (box.x, box.y, box.w, box.h)) if way is Way.CROPS else ()
    return _Source(way.value, face.path, found.st_size, found.st_mtime_ns, cut)


def _copied(source: _Source, part: bytes) -> bool:
    """Whether the whole photo is copied, with its time; not where it was changed meanwhile."""
    try:
        handle = os.open(source.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        out = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            copy_bytes(handle, out)
            os.fsync(out)
            size = os.fstat(out).st_size
        finally:
            os.close(out)
    finally:
        os.close(handle)
    _set_time(part, source)
    return size == source.size and source.is_there()


def _set_time(part: bytes, source: _Source) -> None:
    """That of the photo; by it a file is known again."""
    os.utime(part, ns=(source.mtime_ns, source.mtime_ns))


def _write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove(path: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _link(make: Callable[[], None], path: bytes) -> None:
    try:
        make()
    except OSError as error:
        if error.errno == errno.EXDEV:
            why = "The photos lie on another file system: use --link or --copy."
        elif error.errno in {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}:
            why = f"{error.strerror}: this file system cannot hold such links. Use --copy."
        else:
            raise
        raise FacewatchError("The photos cannot be linked", why, path) from error


@contextlib.contextmanager
def _told(path: bytes) -> Iterator[None]:
    """What the system says, as a sentence."""
    try:
        yield
    except OSError as error:
        raise FacewatchError(_TITLE, remedy(error), error.filename or path) from error
