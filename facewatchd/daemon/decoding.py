"""
What the threads that have photos decoded have in common: the ones that take photos in, and the one that cuts covers.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import TypeVar

from facewatchd.config import Config
from facewatchd.daemon.intake.room import memory_for, workers_for
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader

J = TypeVar("J")

_REST_S = 120.0
"""How long a decoder is kept for a photo that may come; starting one anew takes a third of a second."""


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


def jobs_of(jobs: queue.SimpleQueue[J | None], reader: IsolatedReader) -> Iterator[J]:
    """
    Every job of a queue, up to the first None. The reader rests while none comes, gives back after each what it took, and
    is closed in the end.
    """
    while True:
        try:
            job = jobs.get(timeout=_REST_S)
        except queue.Empty:
            reader.rest()
            continue
        if job is None:
            reader.close()
            return
        yield job
        reader.tidy()
