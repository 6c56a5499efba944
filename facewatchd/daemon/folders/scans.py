"""
The thread that scans: it reads the disk and the index, and hands on only what differs.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from facewatchd.domain import Health, Root
from facewatchd.errors import FacewatchError, cause
from facewatchd.photos.formats import is_photo_name
from facewatchd.photos.metadata.beside import is_beside_name
from facewatchd.pipeline.intake.discover import Difference, differences
from facewatchd.pipeline.intake.roots import SAMPLE
from facewatchd.store import Store
from facewatchd.watch.answering import Answers
from facewatchd.watch.roots import RootCheck, RootIdentity, check_root
from facewatchd.watch.scanner import scan

log = logging.getLogger(__name__)

_BATCH = 500


@dataclass(frozen=True, slots=True)
class ScanPart:
    """A part of what a scan came to."""

    root: Root
    difference: Difference


@dataclass(frozen=True, slots=True)
class ScanEnd:
    """
    A scan is over.

    Attributes:
        root: What was scanned.
        below: The folder, "" for the whole root.
        check: How the root was found after the scan, or before it where there was none to scan; None after an error.
        seconds: How long it took.
        problems: Why parts could not be looked at, and what to do: paths relative to the root, and a sentence each. None
            where the scan did not go to its end.
        error: What ended it early, None where it went to its end.
    """

    root: Root
    below: bytes
    check: RootCheck | None
    seconds: float
    problems: tuple[tuple[bytes, str], ...] | None = None
    error: FacewatchError | None = None


class Scans:
    """
    Scans roots and folders, one after the other; a request that waits already is not repeated.

    Args:
        state_dir: Of the state that is compared with, read through a connection of its own.
        excluded: Per root, the folders to leave out.
        post: Called in the scanning thread with each part and each end.
        answers: Tells whether the file systems answer.
    """

    def __init__(
        self,
        state_dir: Path,
        excluded: Callable[[Root], frozenset[bytes]],
        post: Callable[[ScanPart | ScanEnd], None],
        answers: Answers,
    ) -> None:
        self._state_dir = state_dir
        self._excluded = excluded
        self._post = post
        self._queue: queue.SimpleQueue[tuple[Root, bytes] | None] = queue.SimpleQueue()
        self._waiting: set[tuple[Root, bytes]] = set()
        self._lock = threading.Lock()
        self._answers = answers
        self._at: Root | None = None
        self._begin()

    def _begin(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(self._stopping,), name="scan", daemon=True)
        self._thread.start()

    def request(self, root: Root, below: bytes = b"") -> bool:
        """Scan a root or a folder in it; false where that is about to be done anyway."""
        with self._lock:
            if (root, below) in self._waiting:
                return False
            self._waiting.add((root, below))
        self._queue.put((root, below))
        return True

    def leave(self, root: Root) -> None:
        """A root does not answer: where it is being scanned, that may take for ever, and another thread goes on without it."""
        with self._lock:
            if self._at != root:
                return
            self._at = None
            self._stopping.set()
            self._answers.leave(self._thread)
            self._begin()

    def stop(self) -> None:
        """End soon; a scan under way is cut short and reports nothing missing."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(2)

    def _work(self, stopping: threading.Event) -> None:
        while (job := self._queue.get()) is not None and not stopping.is_set():
            with self._lock:
                self._waiting.discard(job)
                self._at = job[0]
            started = time.monotonic()
            check, problems, error = None, None, None
            try:
                check, problems = self._scan(*job, stopping)
            except FacewatchError as caught:
                error = caught
            except Exception as caught:  # the boundary of one scan: the next one may do
                log.exception("A scan went wrong")
                error = FacewatchError("The scan failed", f"{type(caught).__name__}: {cause(caught)}.", job[0].path)
            with self._lock:
                if stopping.is_set():
                    # another thread is in its place, or all of it ends
                    return
                self._at = None
                self._post(ScanEnd(*job, check, time.monotonic() - started, problems, error))

    def _scan(
        self, root: Root, below: bytes, stopping: threading.Event
    ) -> tuple[RootCheck, tuple[tuple[bytes, str], ...] | None]:
        if not self._answers.answers(root.path, inside=True):
            return RootCheck(Health.OFFLINE, self._answers.why_not(root.path, inside=True)), None
        with Store(self._state_dir, read_only=True) as store:
            check = self._check(store, root)
            if check.health is Health.OFFLINE:
                return check, None
            excluded = self._excluded(root)
            folders = scan(
                root,
                is_photo_name,
                below=below,
                excluded=excluded,
                stop=stopping.is_set,
                is_beside=is_beside_name,
            )
            part = Difference()
            for part in differences(store, root, below, folders, _BATCH):
                if not part.missing and not stopping.is_set():
                    self._post(ScanPart(root, part))
            check = self._check(store, root)
        # a scan cut short has not seen everything, and what lies on a root that went away is not gone
        complete = check.health is Health.ONLINE and not stopping.is_set()
        if part.missing and not stopping.is_set():
            self._post(ScanPart(root, part if complete else replace(part, missing=())))
        return check, part.problems if complete else None

    @staticmethod
    def _check(store: Store, root: Root) -> RootCheck:
        recorded = store.roots.identity(root.root_id)
        return check_root(
            root, RootIdentity(*recorded) if recorded else None, store.photos.sample(root.root_id, SAMPLE)
        )
