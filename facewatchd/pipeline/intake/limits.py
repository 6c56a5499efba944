"""
How many photos are worked on at a time, and how much memory and time each may take: by what the user says, else by what there
is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from facewatchd.config import Config
from facewatchd.faces.sessions import CPU
from facewatchd.photos.decoding.isolated import DecodeLimits

_MOST, _PER_WORKER = 3000 << 20, 400 << 20
"""What is taken where the configuration says nothing, bytes: enough for every photo of a camera, one per worker."""

_ON_GPU = 8
"""Photos in a batch of the GPU, beside those that the cores work on."""


def decode_limits(config: Config, provider: str) -> DecodeLimits:
    """
    Of a photo that has the memory for itself.

    Args:
        config: As the user has it.
        provider: Where the models run.
    """
    ingest = config.ingest
    memory = memory_for(ingest.max_memory, workers_for(ingest.workers, provider))
    return DecodeLimits(ingest.max_megapixels, ingest.max_seconds, memory)


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
    # photos that are on the GPU leave their cores to others
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
