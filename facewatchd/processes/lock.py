"""
One writer per state: an advisory lock. The kernel releases it when the process ends, in any way (R31).
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from facewatchd.errors import RunningError, StoreError

LOCK = "lock"

_PATIENCE_S = 0.3


@contextlib.contextmanager
def single_instance(state_dir: Path) -> Iterator[Callable[[], None]]:
    """
    Hold the state for this process. Yields a function that gives it back before the end, for any thread.

    Raises:
        RunningError: Another process holds it.
        StoreError: The folder cannot be made or written.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            "The state folder cannot be used",
            f"{error.strerror}. Make it writable, or choose another folder with --state.",
            state_dir,
        ) from error
    try:
        try:
            _lock(handle)
        except OSError as error:
            raise RunningError(
                "facewatchd is running already on this state",
                f"{_holder(handle)}stop it first, or give another state with --state.",
                state_dir,
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        yield functools.partial(fcntl.flock, handle, fcntl.LOCK_UN)
    finally:
        # closing is not enough where a process that was just forked has the file, too, and hangs
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _lock(handle: int) -> None:
    """A process that only asks whether the state is held (`is_running`) holds it for a moment: wait for it."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.02)
        else:
            return


def is_running(state_dir: Path) -> bool:
    """Whether some process holds the state now."""
    try:
        handle = os.open(state_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _holder(handle: int) -> str:
    pid = os.pread(handle, 32, 0).strip()
    return f"process {pid.decode()}; " if pid.isdigit() else ""
