"""
Cuts people's covers and the faces that are asked about, in a thread of its own: the photos of a thousand people take minutes
to decode, and the loop has other things to do. They are decoded where new photos are, out of the daemon's reach: the file
may be another by now.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable

from facewatchd.core.tree.owners import Owner
from facewatchd.daemon.decoding import jobs_of
from facewatchd.people.kept_pictures import KeptPictures, picture_key
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader
from facewatchd.photos.decoding.read import PhotoReader
from facewatchd.pipeline.tree.pictures import cut_faces, is_cover
from facewatchd.store import PersonFace
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)

_RETRY_S = 3600.0


class CoverCutter:
    """
    Cuts until stopped.

    Args:
        decoders: Decode the photos.
        limits: Of one photo.
        on_cut: Called in the thread with the owner whose cover, or picture of a face, is ready.
        kept: Where pictures of faces are kept.
        answers: Tells whether the file systems of the photos answer.
    """

    def __init__(
        self,
        decoders: Decoders,
        limits: DecodeLimits,
        on_cut: Callable[[Owner], None],
        kept: KeptPictures | None = None,
        answers: Answers | None = None,
    ) -> None:
        self._answers = Answers() if answers is None else answers
        self._decoders = decoders
        self._limits = limits
        self._on_cut = on_cut
        self._kept = kept
        self._jobs: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # what is being cut: per photo its faces, each with those whose folders it is for
        self._lock = threading.Lock()
        self._pending: dict[bytes, dict[PersonFace, set[Owner]]] = {}
        self._ready: dict[PersonFace, bytes] = {}
        self._failed: dict[PersonFace, tuple[float, Owner]] = {}
        self._stopping = False
        self.calm = True
        """Whether it is settled which faces are asked about: else their pictures wait."""
        self._at: bytes | None = None
        self._begin()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._work, name="covers", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether pictures are being cut whose owners `on_cut` was not called with."""
        return bool(self._pending)

    def cut(self, owner: Owner, face: PersonFace) -> bytes | None:
        """
        The picture, if it was cut; else it will be, and `on_cut` called. Of a photo that cannot be read, not at once. The
        one of a face that is asked about is kept.
        """
        key = picture_key(face.content, face.box)
        picture = self._ready.pop(face, None) if is_cover(owner) else None
        if picture is None and self._kept is not None:
            picture = self._kept.get(key)
        if picture is None and (is_cover(owner) or self.calm):
            self._ask(owner, face)
        return picture

    def _ask(self, owner: Owner, face: PersonFace) -> None:
        until, _ = self._failed.get(face, (0.0, owner))
        if time.monotonic() <= until:
            return
        with self._lock:
            is_new = face.path not in self._pending
            self._pending.setdefault(face.path, {}).setdefault(face, set()).add(owner)
        if is_new:
            self._jobs.put(face.path)

    def to_retry(self, *, at_once: bool = False) -> set[Owner]:
        """Whose pictures could not be cut a while ago, or (`at_once`) ever, and may be now."""
        now = math.inf if at_once else time.monotonic()
        due = {face: owner for face, (until, owner) in [*self._failed.items()] if now > until}
        for face in due:
            self._failed.pop(face, None)
        return {*due.values()}

    def leave(self) -> None:
        """
        Something has stopped answering: where a photo there is being cut, that may take for ever, and another thread goes on with
        the next. Its pictures are tried again.
        """
        with self._lock:
            path = self._at
        if path is None or self._answers.answers(path):
            return
        with self._lock:
            if self._at != path:
                return
            self._at = None
            for face, owners in self._pending.pop(path).items():
                self._failed[face] = (time.monotonic() + _RETRY_S, next(iter(owners)))
            self._begin()

    def stop(self) -> None:
        """Begin no more; what is not cut will be asked for again."""
        self._stopping = True
        self._jobs.put(None)

    def _work(self) -> None:
        reader = IsolatedReader(self._decoders)
        limited = reader.within(self._limits)
        for path in jobs_of(self._jobs, reader):
            if not self._stopping and not self._cut(path, limited):
                reader.close()
                return

    def _cut(self, path: bytes, reader: PhotoReader) -> bool:
        """All faces of a photo that are asked for, also those that are while it is decoded. False where it was left."""
        done: set[PersonFace] = set()
        while True:
            with self._lock:
                faces = [face for face in self._pending[path] if face not in done]
                self._at = path if faces else None
                if not faces:
                    del self._pending[path]
                    return True
            try:
                cut = cut_faces(faces, reader) if self._answers.answers(path) else {}
            except Exception:  # the boundary of one photo: whatever it is, the others are looked at
                log.exception("Cutting a cover went wrong")
                cut = {}
            with self._lock:
                if self._thread is not threading.current_thread():
                    # another thread is in its place
                    return False
                self._at = None
            done.update(faces)
            for face in faces:
                self._tell(face, cut.get(face))

    def _tell(self, face: PersonFace, picture: bytes | None) -> None:
        with self._lock:
            owners = {*self._pending[face.path][face]}
        if picture is None:
            self._failed[face] = (time.monotonic() + _RETRY_S, next(iter(owners)))
            return
        if any(is_cover(owner) for owner in owners):
            self._ready[face] = picture
        if self._kept is not None and not all(is_cover(owner) for owner in owners):
            self._kept.put(picture_key(face.content, face.box), picture)
        for owner in owners:
            self._on_cut(owner)
