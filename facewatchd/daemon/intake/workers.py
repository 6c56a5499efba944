"""
The threads that take photos in, one a core. Each has a process that decodes for it, and does the rest itself: while the
process decodes, the thread waits, and the other way round, so that as many cores are busy as there are threads, no photo
waits half done, and no more of them are in memory than are worked on.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, replace

import cv2

from facewatchd.config import Config
from facewatchd.daemon.decoding import jobs_of
from facewatchd.daemon.events import Taken
from facewatchd.daemon.intake.room import Room
from facewatchd.daemon.intake.stopwatch import Stopwatch, TimedEngine, TimedReader
from facewatchd.domain import FaceEngine, Root, RootId, SamePhoto, SeenFile, TakenPhoto
from facewatchd.errors import PhotoCrashError, PhotoError, PhotoRoomError, PhotoTroubleError, cause
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader
from facewatchd.pipeline.intake.ingest import IngestSettings, take_in
from facewatchd.pipeline.intake.limits import decode_limits, workers_for

log = logging.getLogger(__name__)

_LET_FINISH_S = 0.7


@dataclass(frozen=True, slots=True)
class Job:
    """
    A photo to be taken in.

    Attributes:
        seen: The file.
        known: Content hashes of pictures that need not be looked at again; see `take_in`.
        refused: Content hashes of pictures that are not to be decoded, and why.
    """

    seen: SeenFile
    known: Container[bytes]
    refused: Mapping[bytes, str]


class Workers:
    """
    Takes photos in, in parallel, until stopped.

    Args:
        count: Threads.
        decoders: Decode for them; they are ended with the workers.
        limits: Of one photo that has the memory for itself; many share it.
        engine: Shared by all of them.
        roots: Where the photos are.
        settings: See there.
        post: Called in a worker's thread for each photo that it is done with.
        away: Roots that do not answer: photos there are passed over.
    """

    def __init__(
        self,
        count: int,
        decoders: Decoders,
        limits: DecodeLimits,
        engine: FaceEngine,
        roots: Mapping[RootId, Root],
        settings: IngestSettings,
        post: Callable[[Taken], None],
        away: Container[RootId] = (),
    ) -> None:
        self.count = count
        self._alone = limits
        self._shared = replace(limits, memory=limits.memory // count)
        self._engine = engine
        self._roots = roots
        self._settings = settings
        self._post = post
        self._room = Room()
        self._decoders = decoders
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._away = away
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._at: dict[threading.Thread, RootId] = {}
        self._threads = [self._thread(number) for number in range(count)]
        # one thread a photo; OpenCV's own pool would only compete with that
        cv2.setNumThreads(1)
        self._decoders.warm_up()
        for thread in self._threads:
            thread.start()

    @classmethod
    def of(
        cls,
        config: Config,
        decoders: Decoders,
        engine: FaceEngine,
        roots: Mapping[RootId, Root],
        post: Callable[[Taken], None],
        away: Container[RootId] = (),
    ) -> Workers:
        """As the configuration has it."""
        count = workers_for(config.ingest.workers, engine.info.provider)
        limits = decode_limits(config, engine.info.provider)
        return cls(count, decoders, limits, engine, roots, IngestSettings.of(config), post, away)

    def submit(self, job: Job) -> None:
        """Take this photo in. The caller keeps the number in hand small."""
        self._jobs.put(job)

    def leave(self, roots: Collection[RootId]) -> None:
        """
        These roots do not answer: who works on a photo there may wait for long. Others go on in their place; they end when they
        are done, and what they came to is not posted.
        """
        with self._lock:
            left = {thread for thread, root_id in self._at.items() if root_id in roots}
            if not left:
                return
            for thread in left:
                del self._at[thread]
            # who is left may hold the room for long
            self._room = Room()
            new = [self._thread(number) for number, thread in enumerate(self._threads) if thread in left]
            self._threads = [thread for thread in self._threads if thread not in left] + new
        for thread in new:
            thread.start()

    def _thread(self, number: int) -> threading.Thread:
        return threading.Thread(target=self._work, name=f"ingest-{number}", daemon=True)

    def stop(self, timeout_s: float) -> None:
        """Finish the photos in hand if that takes a moment only, and end; the others stay pending."""
        self._stopping.set()
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout_s
        self._join(min(deadline, time.monotonic() + _LET_FINISH_S))
        self._decoders.stop()
        self._join(deadline)

    def _join(self, deadline: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        reader = IsolatedReader(self._decoders)
        for job in jobs_of(self._jobs, reader):
            root_id = job.seen.root_id
            if self._stopping.is_set() or root_id in self._away:
                continue
            with self._lock:
                self._at[threading.current_thread()] = root_id
            watch = Stopwatch()
            result = self._take(job, reader, watch)
            with self._lock:
                is_left = self._at.pop(threading.current_thread(), None) is None
            if is_left:
                # another thread is in its place
                reader.close()
                return
            if not (self._decoders.stopped and isinstance(result, PhotoError)):
                self._post(Taken(job.seen, result, watch.seconds))

    def _take(self, job: Job, reader: IsolatedReader, watch: Stopwatch) -> TakenPhoto | SamePhoto | PhotoError:
        try:
            try:
                with self._room.shared():
                    return self._take_in(job, reader, watch, self._shared)
            except PhotoRoomError:
                pass
            except PhotoCrashError as error:
                # once may be an accident; one that was too slow is not helped by having the memory for itself
                if error.slow:
                    with self._room.shared():
                        return self._take_in(job, reader, watch, self._shared)
            with self._room.alone():
                return self._take_in(job, reader, watch, self._alone)
        except PhotoError as error:
            return error
        except Exception as error:  # the boundary of one photo: whatever it is, the others go on
            log.exception("Taking in a photo went wrong")
            return PhotoTroubleError(
                "The photo cannot be taken in",
                f"{type(error).__name__}: {cause(error)}; please report this.",
                self._roots[job.seen.root_id].path + b"/" + job.seen.path,
            )

    def _take_in(
        self, job: Job, reader: IsolatedReader, watch: Stopwatch, limits: DecodeLimits
    ) -> TakenPhoto | SamePhoto:
        return take_in(
            job.seen,
            self._roots[job.seen.root_id],
            TimedReader(reader.within(limits), watch),
            TimedEngine(self._engine, watch),
            self._settings,
            time.time(),
            job.known,
            job.refused,
        )
