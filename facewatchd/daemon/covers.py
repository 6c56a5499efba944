"""
Cuts people's covers in a thread of its own: the photos of a thousand people take minutes to decode, and the loop has
other things to do. They are decoded where new photos are, out of the daemon's reach: the file may be another by now.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from facewatchd.core.owners import Owner
from facewatchd.daemon.decoding import jobs_of
from facewatchd.photos.isolated import DecodeLimits, Decoders, IsolatedReader
from facewatchd.pipeline.tree_deeds import Cutter, cut_now
from facewatchd.store import PersonFace

log = logging.getLogger(__name__)

_RETRY_S = 3600.0


class CoverCutter:
    """
    Cuts until stopped.

    Args:
        decoders: Decode the photos.
        limits: Of one photo.
        on_cut: Called in the thread with the owner whose cover is ready.
    """

    def __init__(self, decoders: Decoders, limits: DecodeLimits, on_cut: Callable[[Owner], None]) -> None:
        self._decoders = decoders
        self._limits = limits
        self._on_cut = on_cut
        self._jobs: queue.SimpleQueue[tuple[Owner, PersonFace] | None] = queue.SimpleQueue()
        self._pending: set[PersonFace] = set()
        self._ready: dict[PersonFace, bytes] = {}
        self._failed: dict[PersonFace, float] = {}
        self._stopping = False
        threading.Thread(target=self._work, name="covers", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether covers are being cut whose owners `on_cut` was not called with."""
        return bool(self._pending)

    def cut(self, owner: Owner, face: PersonFace) -> bytes | None:
        """The cover, if it was cut; else it will be, and `on_cut` called. Of a photo that cannot be read, not at once."""
        cover = self._ready.pop(face, None)
        if cover is None and face not in self._pending and time.monotonic() > self._failed.get(face, 0.0):
            self._pending.add(face)
            self._jobs.put((owner, face))
        return cover

    def stop(self) -> None:
        """Begin no more; what is not cut will be asked for again."""
        self._stopping = True
        self._jobs.put(None)

    def _work(self) -> None:
        reader = IsolatedReader(self._decoders)
        cutter = cut_now(reader.within(self._limits))
        for owner, face in jobs_of(self._jobs, reader):
            if self._stopping:
                continue
            cover = self._cut(cutter, owner, face)
            if cover is not None:
                self._ready[face] = cover
                self._on_cut(owner)
            else:
                self._failed[face] = time.monotonic() + _RETRY_S
            self._pending.discard(face)

    @staticmethod
    def _cut(cutter: Cutter, owner: Owner, face: PersonFace) -> bytes | None:
        try:
            return cutter(owner, face)
        except Exception:  # the boundary of one cover: whatever it is, the others are cut
            log.exception("Cutting a cover went wrong")
            return None
