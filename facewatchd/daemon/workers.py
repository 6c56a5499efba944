"""
The threads that take photos in, one a core: decoding and the models run outside Python's lock.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping

import cv2

from facewatchd.domain import FaceEngine, Root, RootId, SamePhoto, SeenFile, TakenPhoto
from facewatchd.errors import PhotoError, PhotoTroubleError
from facewatchd.pipeline.ingest import IngestSettings, take_in

log = logging.getLogger(__name__)


class Workers:
    """
    Takes photos in, in parallel, until stopped.

    Args:
        count: Threads.
        engine: Shared by all of them.
        roots: Where the photos are.
        settings: See there.
        on_end: Called in a worker's thread for each photo with the result, or the error that says why there is none.
    """

    def __init__(
        self,
        count: int,
        engine: FaceEngine,
        roots: Mapping[RootId, Root],
        settings: IngestSettings,
        on_end: Callable[[SeenFile, TakenPhoto | SamePhoto | PhotoError], None],
    ) -> None:
        self.count = count
        self._engine = engine
        self._roots = roots
        self._settings = settings
        self._on_end = on_end
        self._jobs: queue.SimpleQueue[tuple[SeenFile, frozenset[bytes]] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"ingest-{number}", daemon=True) for number in range(count)
        ]
        # one thread a photo; OpenCV's own pool would only compete with that
        cv2.setNumThreads(1)
        for thread in self._threads:
            thread.start()

    def submit(self, seen: SeenFile, known: frozenset[bytes]) -> None:
        """Take this photo in, unless it is one of the pictures known. The caller keeps the number in hand small."""
        self._jobs.put((seen, known))

    def stop(self, timeout_s: float) -> None:
        """Finish the photos in hand and end; photos not begun stay pending."""
        self._stopping.set()
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._stopping.is_set():
            self._on_end(job[0], self._take(*job))

    def _take(self, seen: SeenFile, known: frozenset[bytes]) -> TakenPhoto | SamePhoto | PhotoError:
        root = self._roots[seen.root_id]
        try:
            return take_in(seen, root, self._engine, self._settings, time.time(), known)
        except PhotoError as error:
            return error
        except Exception as error:  # the boundary of one photo: whatever it is, the others go on
            log.exception("Taking in a photo went wrong")
            return PhotoTroubleError(
                "The photo cannot be taken in",
                f"{type(error).__name__}: {error}; please report this.",
                root.path + b"/" + seen.path,
            )
