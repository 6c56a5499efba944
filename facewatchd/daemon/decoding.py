"""
What the threads that have photos decoded have in common: the ones that take photos in, and the one that cuts covers.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import TypeVar

from facewatchd.photos.decoding.isolated import IsolatedReader

J = TypeVar("J")

_REST_S = 120.0
"""How long a decoder is kept for a photo that may come; starting one anew takes a third of a second."""


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
