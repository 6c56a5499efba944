"""
Photos read in processes of their own, so that whatever a damaged or hostile file does to its decoder costs that one photo
and one restart (R23). This is the daemon's side; `child` is the other.

The daemon opens the photo and what is beside it, and sends descriptors: a decoder can open nothing itself (`sandbox`).
Pixels come back through memory that both sides map: a memory file without a name, which needs no /dev/shm, counts as the
service's own memory, and is gone with the last process that holds it, however that ends.

Neither multiprocessing nor Pebble, which is built on it, serves here: their locks are named semaphores, which fail where
/dev/shm is missing or full, their pools break when an idle worker is killed, and each of their processes first imports
the daemon's own main module.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import mmap
import os
import socket
import struct
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection

import numpy as np

from facewatchd.domain import FileStat, Image
from facewatchd.errors import PhotoBusyError, PhotoCrashError, PhotoError, PhotoTroubleError, displayable
from facewatchd.photos.decoding.channel import (
    ERRORS,
    GO,
    KEPT,
    MOST_BYTES,
    READ_S,
    SKIP,
    Answer,
    Asked,
    Compare,
    Compared,
    Done,
    Failed,
    Order,
    Pixels,
    Sent,
    send_order,
    unpack,
)
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.picture import Decoded
from facewatchd.photos.decoding.read import PhotoRead, check_name, opened
from facewatchd.photos.decoding.sandbox import ending, was_slow
from facewatchd.photos.formats import PhotoKind
from facewatchd.photos.metadata.beside import fingerprint_at
from facewatchd.photos.metadata.tags import Beside

log = logging.getLogger(__name__)

_GRACE_S = 10.0
"""The kernel ends a decoder that takes too long; after so much longer the daemon believes that it failed to."""

_CHUNK = 8 << 20


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """
    What decoding one photo may cost.

    Attributes:
        max_megapixels: Larger pictures are refused.
        seconds: Time, of the clock and of the processor.
        memory: Bytes, the picture itself included.
    """

    max_megapixels: float
    seconds: float
    memory: int


class IsolatedReader:
    """
    See `PhotoReader` and `Checker`. One decoder, replaced when it dies, and the memory for one picture.

    Args:
        decoders: Starts it.
    """

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self._pipe: Connection | None = None
        self._number = 0
        self._file = os.memfd_create("facewatchd", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # a hostile decoder must not take away memory that the daemon maps
        fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self._map: mmap.mmap | None = None

    def within(self, limits: DecodeLimits) -> LimitedReader:
        """The same reader, bound to limits."""
        return LimitedReader(self, limits)

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes], enough: int | None, limits: DecodeLimits
    ) -> PhotoRead:
        """See `PhotoReader`."""
        # before the files are read, so that a change meanwhile is noticed
        beside = fingerprint_at(path)
        with opened(path, stat) as files:
            order = Order(
                os.path.basename(path),
                stat,
                _sent(files.sidecar),
                _sent(files.takeout),
                limits.max_megapixels,
                enough,
                limits.seconds,
                limits.memory,
            )
            neighbours = (files.sidecar.handle, files.takeout.handle)
            handles = [files.photo, *(handle for handle in neighbours if handle is not None)]
            return self._read(path, stat, order, handles, known, limits, beside)

    def _read(
        self,
        path: bytes,
        stat: FileStat,
        order: Order,
        handles: Sequence[int],
        known: Container[bytes],
        limits: DecodeLimits,
        beside: bytes,
    ) -> PhotoRead:
        picture: bytes | None = None
        decoded: Decoded | None = None
        moved: PhotoError | None = None
        try:
            pipe = self._connected()
            send_order(pipe, order, handles)
            message = _heard(pipe, READ_S)
            if isinstance(message, Asked):
                picture = message.content_hash
                moved = _moved(path, stat)
                is_skipped = moved is not None or picture in known
                pipe.send_bytes(SKIP if is_skipped else GO)
                message = _heard(pipe, limits.seconds)
                if isinstance(message, Done) and not is_skipped:
                    decoded = self._decoded(message.pixels, limits)
            if isinstance(message, Failed):
                raise _error(message, path)
            if not isinstance(message, Done) or picture is None:
                raise ValueError("it was not its turn")  # noqa: TRY301 - of what was received, not of an argument
        except (EOFError, OSError, ValueError) as error:
            raise self._death(path, picture, error) from error
        if moved is not None:
            raise moved
        return PhotoRead(picture, decoded, message.tags, message.sidecar, message.takeout, stat.mtime_ns, beside)

    def difference(self, old: bytes, new: bytes, kind: PhotoKind, value: datetime, limits: DecodeLimits) -> str:
        """
        See `compare.difference`. A decoder that dies of it is a difference, too.

        Raises:
            PhotoBusyError: The decoders were stopped.
        """
        order = Compare(kind, value, limits.max_megapixels, limits.seconds, limits.memory)
        try:
            with _in_memory(old) as before, _in_memory(new) as after:
                pipe = self._connected()
                send_order(pipe, order, (before, after))
                message = _heard(pipe, limits.seconds)
            if isinstance(message, Failed):
                return f"the file cannot be checked: {displayable(message.message)}"
            if not isinstance(message, Compared):
                raise ValueError("it was not its turn")  # noqa: TRY004, TRY301 - of what was received
        except (EOFError, OSError, ValueError) as error:
            return f"the file cannot be checked: {self._why_not(error)}"
        return displayable(message.flaw)

    def tidy(self) -> None:
        """The last image is not needed any more: give back what a very large one took; the next uses what is kept."""
        if self._map is not None and len(self._map) > KEPT:
            self._map.madvise(mmap.MADV_REMOVE, KEPT)
            self._map = None

    def end_decoder(self) -> None:
        """Nothing is to be read now: end the decoder. The next photo starts another, which takes milliseconds."""
        self._let_go()

    def rest(self) -> None:
        """Nothing is to be read for a while: end the decoder, and give its memory back. The next photo starts another."""
        self._let_go()
        self._decoders.rest()
        size = os.fstat(self._file).st_size
        if size:
            with mmap.mmap(self._file, size) as whole:
                whole.madvise(mmap.MADV_REMOVE)
        self._map = None

    def close(self) -> None:
        """Read nothing any more."""
        self._let_go()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _connected(self) -> Connection:
        """
        Raises:
            _NoDecoderError: None can be started.
        """
        if self._pipe is not None and self._pipe.poll(0):
            # it was asked nothing: it died while it was idle, and no photo is to blame
            self._let_go()
        if self._pipe is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            # a decoder that begins a message has all of it ready
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", math.ceil(_GRACE_S), 0))
            with ours, theirs:
                try:
                    self._number = self._decoders.start(theirs, self._file)
                except OSError as error:
                    raise _NoDecoderError from error
                self._pipe = Connection(ours.detach())
        return self._pipe

    def _let_go(self) -> int | None:
        """End the decoder, if it has not ended yet; its wait status, None where it is not known."""
        if self._pipe is None:
            return None
        self._pipe.close()
        self._pipe = None
        return self._decoders.end(self._number)

    def _death(self, path: bytes, picture: bytes | None, error: Exception) -> PhotoError:
        """The decoder is gone, or has to go: why, as an error about the photo."""
        status = self._let_go()
        if not self._decoders.stopped and isinstance(error, _NoDecoderError):
            return PhotoTroubleError("The photo cannot be read", error.sentence, path)
        if self._decoders.stopped or status is None:
            return PhotoBusyError("The photo cannot be read yet", "Its decoder was stopped: it is tried again.", path)
        slow = isinstance(error, TimeoutError) or was_slow(status)
        why = _why(error, status, slow=slow)
        if picture is None:
            return PhotoTroubleError(
                "The photo cannot be read", f"The decoder {why} while it read the file: it is tried again.", path
            )
        log.info("The decoder of %s %s; it is replaced", displayable(path), why)
        return PhotoCrashError(why, path, picture, slow=slow)

    def _why_not(self, error: Exception) -> str:
        """
        The decoder is gone, or has to go: why, as the end of a sentence about a check.

        Raises:
            PhotoBusyError: The decoders were stopped.
        """
        status = self._let_go()
        if not self._decoders.stopped and isinstance(error, _NoDecoderError):
            return error.sentence
        if self._decoders.stopped or status is None:
            raise PhotoBusyError("The photo cannot be checked now", "Its decoder was stopped: it is tried again.")
        why = _why(error, status, slow=isinstance(error, TimeoutError) or was_slow(status))
        log.info("A decoder that checked a changed photo %s; it is replaced", why)
        return f"the decoder {why}"

    def _decoded(self, pixels: Pixels | None, limits: DecodeLimits) -> Decoded:
        """
        Raises:
            ValueError: There is no such picture.
        """
        if pixels is None:
            raise ValueError("no picture")
        (height, width), (whole_width, whole_height) = pixels.shape, pixels.size
        if (height, width) != tuple(-(-side // pixels.reduction) for side in (whole_height, whole_width)):
            raise ValueError("no such reduction")
        size = height * width * 3
        if whole_height * whole_width > limits.max_megapixels * 1e6 or size > os.fstat(self._file).st_size:
            raise ValueError("no such picture")
        if self._map is None or len(self._map) < size:
            self._map = mmap.mmap(self._file, size)
        image: Image = np.frombuffer(self._map, np.uint8, size).reshape(height, width, 3)
        return Decoded(image, pixels.kind, pixels.orientation, pixels.reduction, pixels.size)


@contextlib.contextmanager
def own_reader(limits: DecodeLimits) -> Iterator[LimitedReader]:
    """A reader with decoders of its own, for commands. They are started when it is first used, and ended afterwards."""
    decoders = Decoders()
    reader = IsolatedReader(decoders)
    try:
        yield reader.within(limits)
    finally:
        reader.close()
        decoders.stop()


class _NoDecoderError(OSError):
    """None can be started."""

    @property
    def sentence(self) -> str:
        return f"A process to decode it cannot be started ({self.__cause__}): 'facewatchd doctor' looks into it."


def _why(error: Exception, status: int, *, slow: bool) -> str:
    """What became of a decoder, as the end of a sentence about it."""
    if slow:
        return "took longer than ingest.max_seconds allows"
    if isinstance(error, ValueError | BlockingIOError) or str(error) == "bad message length":
        # it was ended for that: nonsense, half of a message, or too long a one (by multiprocessing.connection)
        return "gave an answer that is none"
    return ending(status)


@contextlib.contextmanager
def _in_memory(data: bytes) -> Iterator[int]:
    """A file in memory that holds this, open meanwhile."""
    with open(os.memfd_create("photo", os.MFD_CLOEXEC), "r+b", buffering=0) as file:
        done = 0
        while done < len(data):
            done += os.pwrite(file.fileno(), data[done : done + _CHUNK], done)
        yield file.fileno()


def _sent(beside: Beside) -> Sent:
    return Sent(beside.handle is not None, beside.problem)


def _moved(path: bytes, stat: FileStat) -> PhotoError | None:
    """Whether the name leads to another file than the one that was read; the error for it."""
    try:
        check_name(path, stat)
    except PhotoError as error:
        return error
    return None


def _error(failed: Failed, path: bytes) -> PhotoError:
    """Its sentences are shown to the user, and must not control a terminal."""
    return ERRORS[failed.error](displayable(failed.title), displayable(failed.message), path)


def _heard(pipe: Connection, patience: float) -> Answer:
    """
    What a decoder says next.

    Raises:
        TimeoutError: Nothing, for longer than the kernel lets it work.
        EOFError, OSError, ValueError: It is gone, or sends nonsense.
    """
    if not pipe.poll(patience + _GRACE_S):
        raise TimeoutError
    return unpack(pipe.recv_bytes(MOST_BYTES))


@dataclass(frozen=True, slots=True)
class LimitedReader:
    """See `PhotoReader`; made by `IsolatedReader.within`."""

    reader: IsolatedReader
    limits: DecodeLimits

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes] = frozenset(), enough: int | None = None
    ) -> PhotoRead:
        return self.reader.read(path, stat, known, enough, self.limits)

    def difference(self, old: bytes, new: bytes, kind: PhotoKind, value: datetime) -> str:
        """See `Checker`."""
        return self.reader.difference(old, new, kind, value, self.limits)
