"""
What stands at the top of every people tree: files that keep other programs out of it, and one that says which state looks
after it, by which an empty tree can be told from a disk that is away; and the folder `_ignored`.

Android's galleries leave out a folder with `.nomedia`. A tree of copies is there to be looked at with them: it has none, and
the folders that only ask have one each.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from facewatchd.core.tree.entries import MARKER
from facewatchd.domain import Pool
from facewatchd.people.markers import put_marker
from facewatchd.people.photo_files import signature_of

HIDDEN = b".nomedia"
"""Keeps Android's galleries out of a folder."""

# PhotoPrism; and, should the tree lie in a photo folder and be looked after no more, this program
_INDEXERS = b".ppignore"
_OURSELVES = b".facewatchdignore"

SIGNS = frozenset({HIDDEN, _INDEXERS, _OURSELVES, MARKER})

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NS = 10**9


def _forget(_: bytes) -> None:
    pass


@dataclass
class Claim:
    """
    Attributes:
        hidden: Whether galleries are kept out of the whole tree.
        made: The signature of the `.nomedia` that we made, empty for none; None where nobody knows.
        keep: Remembers another one.
        owner: What the tree says of the state that looks after it, see `markers.tree_owner_text`; empty for nothing.
    """

    hidden: bool = True
    made: bytes | None = None
    keep: Callable[[bytes], None] = _forget
    owner: bytes = b""

    def stake(self, top: int) -> None:
        """Put there what is missing, and take away the `.nomedia` that we made where it does harm."""
        made = self._made_before(top) if self.made is None else self.made
        if self.hidden:
            made = _made(HIDDEN, top) or made
        else:
            if made and _signature(HIDDEN, top) == made:
                os.unlink(HIDDEN, dir_fd=top)
            made = b""
        if made != self.made:
            self.made = made
            self.keep(made)
        for name in (_INDEXERS, _OURSELVES):
            _made(name, top)
        with contextlib.suppress(FileExistsError):
            os.mkdir(Pool.IGNORED, dir_fd=top)
        if self.owner:
            put_marker(top, self.owner)

    @staticmethod
    def _made_before(top: int) -> bytes:
        """The signature of the `.nomedia` of a tree that was made before it was written down: empty, with the other one."""
        try:
            one, other = (os.lstat(name, dir_fd=top) for name in (HIDDEN, _INDEXERS))
        except FileNotFoundError:
            return b""
        is_ours = stat.S_ISREG(one.st_mode) and one.st_size == other.st_size == 0
        return signature_of(one) if is_ours and abs(one.st_mtime_ns - other.st_mtime_ns) < _NS else b""


def _made(name: bytes, top: int) -> bytes:
    """Make an empty file. Returns its signature, empty where something has the name already."""
    try:
        handle = os.open(name, _NEW, 0o666, dir_fd=top)
    except FileExistsError:
        return b""
    try:
        return signature_of(os.fstat(handle))
    finally:
        os.close(handle)


def _signature(name: bytes, top: int) -> bytes:
    try:
        return signature_of(os.lstat(name, dir_fd=top))
    except FileNotFoundError:
        return b""
