"""
How much memory photos may take while they are worked on: each its share, or one photo all of it, alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from facewatchd.faces.sessions import CPU

_MOST, _PER_WORKER = 3000 << 20, 400 << 20
"""What is taken where the configuration says nothing, bytes: enough for every photo of a camera, one per worker."""


_ON_GPU = 8
"""Photos in a batch of the GPU, beside those that the cores work on."""


class Room:
    """Lets many in who need a share, or one who needs everything; whoever needs everything keeps others from entering."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting = 0

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """One of many."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting == 0)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self._inside == 0)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._waiting -= 1
                self._changed.notify_all()


def workers_for(wanted: int, provider: str) -> int:
    """
    How many photos to work on at a time.

    Args:
        wanted: `ingest.workers`; 0 to choose by what there is.
        provider: Where the models run.
    """
    if wanted:
        return wanted
    cores = len(os.sched_getaffinity(0))
    # those whose turn it is on the GPU leave their cores to others
    return cores if provider == CPU else cores + _ON_GPU


def memory_for(wanted: int, workers: int) -> int:
    """
    Bytes that the photos in work may need together.

    Args:
        wanted: `ingest.max_memory`, megabytes; 0 to choose by what there is.
        workers: Photos worked on at a time.
    """
    if wanted:
        return wanted << 20
    return min(_available() // 2, max(_MOST, workers * _PER_WORKER))


def _available() -> int:
    """Memory of the machine, or of the service where it is given less, bytes."""
    every = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/"):
                group = Path("/sys/fs/cgroup") / line[4:]
                every = min([every, *_limits(group)])
    return every


def _limits(group: Path) -> Iterator[int]:
    """The limits of a control group and of those around it."""
    for each in (group, *group.parents):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            yield int((each / "memory.max").read_text())
