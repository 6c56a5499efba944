"""
The file in each folder of ours by which it is known whatever its name is.
"""

from __future__ import annotations

import os
import re

from facewatchd.core.owners import Owner, owner_of, owner_text
from facewatchd.core.tree import MARKER

_MARKER_LINE = re.compile(rb"^(?:person: (\d{1,18})|folder: ([a-z0-9 ]+))$", re.MULTILINE)
_STATE_LINE = re.compile(rb"^state: (\S+)$", re.MULTILINE)


def marker_text(owner: Owner, state_id: str) -> bytes:
    """What a folder of ours carries, so that it is known by whatever name the user gives it."""
    kind, advice = (b"person", b"Rename the folder to name the person.") if isinstance(owner, int) else (b"folder", b"")
    about = b"# facewatchd knows this folder by this file. " + advice
    return b"%s\n%s: %s\nstate: %s\n" % (about.rstrip(), kind, owner_text(owner).encode(), state_id.encode())


def read_marker(folder: int, state_id: str) -> Owner | None:
    """Whose an open folder says to be; None where it says nothing, or is another state's."""
    try:
        # O_NONBLOCK: a pipe would wait for its other end
        marker = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    try:
        text = os.read(marker, 4096)
    except OSError:
        return None
    finally:
        os.close(marker)
    owner, state = _MARKER_LINE.search(text), _STATE_LINE.search(text)
    if owner is None or state is None or state[1] != state_id.encode():
        return None
    return owner_of((owner[1] or owner[2]).decode())
