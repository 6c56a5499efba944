"""
While the state cannot be written, for want of room or because the disk fails, nothing is begun; once it can be again, the
work goes on by itself (R31).
"""

from __future__ import annotations

import logging
import os
import time

from facewatchd.errors import StoreError, StoreFullError, displayable
from facewatchd.store import Store
from facewatchd.watch.mounts import mount_of, read_mounts

log = logging.getLogger(__name__)

_TRY_EVERY_S = 5.0


class Pause:
    """Whether the work rests, and why."""

    def __init__(self) -> None:
        self.reason = ""
        self._next_try = 0.0

    def begin(self, error: StoreFullError) -> None:
        """Writing failed."""
        if not self.reason:
            log.error("%s The work pauses.", error)
        self.reason = f"{error}{_where(error.path)}"
        self._next_try = time.monotonic() + _TRY_EVERY_S

    def is_over(self, store: Store) -> bool:
        """Whether the state can be written again; tries it now and then."""
        if time.monotonic() < self._next_try:
            return False
        try:
            store.try_writing()
        except StoreError:
            self._next_try = time.monotonic() + _TRY_EVERY_S
            return False
        log.info("The state can be written again; the work goes on")
        self.reason = ""
        return True


def _where(path: bytes | str | os.PathLike[str] | None) -> str:
    """Which file system it is, and how much room it has."""
    if path is None:
        return ""
    mount = mount_of(os.path.realpath(os.fsencode(path)), read_mounts())
    try:
        found = os.statvfs(path)
    except OSError:
        return ""
    at = displayable(mount.point) if mount is not None else "?"
    return f" It is the file system at {at}, with {found.f_bavail * found.f_frsize / 1e6:.1f} MB free."
