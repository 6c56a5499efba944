"""
The file in each folder of ours by which it is known whatever its name is, and the one in the people folder itself, which
says which state looks after it.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass

from facewatchd.core.tree.entries import MARKER
from facewatchd.core.tree.owners import Owner, owner_of, owner_text

_MARKER_LINE = re.compile(rb"^(?:person: (\d{1,18})|folder: ([a-z0-9 ]+))$", re.MULTILINE)
_STATE_LINE = re.compile(rb"^state: (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TreeOwner:
    """
    The state that looks after a people folder.

    Attributes:
        state_id: See `Store.state_id`.
        host: Name of the machine that it is on.
        folder: Its folder there.
    """

    state_id: str
    host: str
    folder: bytes


_OWNER = re.compile(rb"^state: (\S+)\nhost: (.*)\nfolder: (.*)$", re.MULTILINE)


def tree_owner_text(owner: TreeOwner) -> bytes:
    """What a people folder says of the state that looks after it."""
    about = b"# This people folder is looked after by facewatchd, with the state in this folder. No other state may."
    # a folder's name may hold anything but NUL
    folder = owner.folder.replace(b"\n", b"\0")
    return b"%s\nstate: %s\nhost: %s\nfolder: %s\n" % (about, owner.state_id.encode(), owner.host.encode(), folder)


def read_tree_owner(path: bytes) -> TreeOwner | None:
    """Who looks after a people folder; None where it does not say, or is not there."""
    text = _read(os.path.join(path, MARKER), None)
    found = _OWNER.search(text)
    if found is None:
        return None
    return TreeOwner(
        found[1].decode("utf-8", "replace"), found[2].decode("utf-8", "replace"), found[3].replace(b"\0", b"\n")
    )


def put_marker(folder: int, text: bytes) -> None:
    """
    Have an open people folder say this, where it says something else; there is always the old file or the new one.

    Raises:
        OSError: It cannot be written.
    """
    if _read(MARKER, folder) == text:
        return
    part = MARKER + b".part"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        os.write(handle, text)
    finally:
        os.close(handle)
    os.rename(part, MARKER, src_dir_fd=folder, dst_dir_fd=folder)


def _read(path: bytes, folder: int | None) -> bytes:
    """The beginning of a small file that is no link; empty where there is none."""
    try:
        # O_NONBLOCK: a pipe would wait for its other end
        marker = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b""
    try:
        return os.read(marker, 8192)
    except OSError:
        return b""
    finally:
        os.close(marker)


def marker_text(owner: Owner, state_id: str) -> bytes:
    """What a folder of ours carries, so that it is known by whatever name the user gives it."""
    kind, advice = (b"person", b"Rename the folder to name the person.") if isinstance(owner, int) else (b"folder", b"")
    about = b"# facewatchd knows this folder by this file. " + advice
    return b"%s\n%s: %s\nstate: %s\n" % (about.rstrip(), kind, owner_text(owner).encode(), state_id.encode())


def read_marker(folder: int, state_id: str) -> Owner | None:
    """The owner that an open folder names; None where it names none, or is another state's."""
    text = _read(MARKER, folder)
    owner, state = _MARKER_LINE.search(text), _STATE_LINE.search(text)
    if owner is None or state is None or state[1] != state_id.encode():
        return None
    return owner_of((owner[1] or owner[2]).decode())
