"""
Photos read in processes of their own, so that whatever a damaged or hostile file does to its decoder costs that one photo
and one restart (R23). This is the daemon's side; `child` is the other.

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
import subprocess
import threading
from collections.abc import Container
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from facewatchd.domain import FileStat, Image
from facewatchd.errors import PhotoBusyError, PhotoCrashError, PhotoError, PhotoTroubleError, displayable
from facewatchd.photos.decoding import child
from facewatchd.photos.decoding.channel import (
    ERRORS,
    GO,
    MOST_BYTES,
    SKIP,
    Asked,
    Done,
    Failed,
    Order,
    Pixels,
    pack,
    unpack,
)
from facewatchd.photos.decoding.child import KEPT, READ_S
from facewatchd.photos.decoding.decode import Decoded
from facewatchd.photos.decoding.read import PhotoRead
from facewatchd.photos.decoding.sandbox import ending, was_slow
from facewatchd.processes.start import start_module

log = logging.getLogger(__name__)

_GRACE_S = 10.0
"""The kernel ends a decoder that takes too long; after so much longer the daemon believes that it failed to."""

_ANSWER_S = 60.0
"""The starting process answers at once, but that it loads the decoders first, and cannot bury one that a dead disk holds."""

_END_S = 0.5

_CALM = {
    # a process that forks must have no threads, and decoding needs none of theirs
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # each reserves address space, which is limited
    "MALLOC_ARENA_MAX": "2",
}


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


class Decoders:
    """
    The process that starts decoders. It is itself started when it is first needed, and anew where it has died. Safe to
    call from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._stopped = False
        self._alive: set[int] = set()

    @property
    def stopped(self) -> bool:
        return self._stopped

    def warm_up(self) -> None:
        """Have the process started, without waiting for it."""
        with self._lock:
            self._running()

    def start(self, pipe: socket.socket, memory: int) -> int:
        """
        A new decoder.

        Args:
            pipe: Its end of the sockets.
            memory: The memory file for its pictures.

        Returns:
            Its number.

        Raises:
            OSError: None can be started.
        """
        with self._lock:
            try:
                number = self._ask(b"start", pipe.fileno(), memory)
            except OSError:
                self._drop()
                number = self._ask(b"start", pipe.fileno(), memory)
            self._alive.add(number)
            return number

    def end(self, number: int) -> int | None:
        """End a decoder, if it has not ended yet; its wait status, None where nobody knows."""
        with self._lock:
            if number not in self._alive:
                return None  # it went with the process that started it
            self._alive.discard(number)
            try:
                return self._ask(b"end %d" % number)
            except OSError:
                self._drop()
                return None

    def rest(self) -> None:
        """Nothing is to be done for a while: where no decoder is left, the process that starts them is not needed either."""
        with self._lock:
            if not self._alive:
                self._drop()

    def stop(self) -> None:
        """End all decoders, whatever they do; none is started any more."""
        self._stopped = True
        # whoever holds the lock may let go of it at any moment
        control = self._control
        if control is not None:
            # wakes whoever waits for an answer, and holds the lock
            with contextlib.suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._drop()

    def _running(self) -> socket.socket:
        if self._stopped:
            raise OSError("stopped")
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.settimeout(_ANSWER_S)
            self._control = ours
            with theirs:
                self._process = start_module(child.__name__, theirs, environment=_CALM)
        return self._control

    def _ask(self, request: bytes, *handles: int) -> int:
        control = self._running()
        socket.send_fds(control, [request], handles)
        answer = control.recv(64)
        if not answer:
            raise ConnectionResetError("the decoders' parent has ended")
        return int(answer)

    def _drop(self) -> None:
        self._alive.clear()
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class IsolatedReader:
    """
    See `PhotoReader`. One decoder, replaced when it dies, and the memory for one picture.

    Args:
        decoders: Who starts it.
    """

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self._pipe: Connection | None = None
        self._number = 0
        self._file = os.memfd_create("facewatchd", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # a decoder in wrong hands must not pull the memory from under the daemon
        fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self._map: mmap.mmap | None = None

    def within(self, limits: DecodeLimits) -> LimitedReader:
        """The same reader, bound to limits."""
        return LimitedReader(self, limits)

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes], enough: int | None, limits: DecodeLimits
    ) -> PhotoRead:
        """See `PhotoReader`."""
        order = Order(path, stat, limits.max_megapixels, enough, limits.seconds, limits.memory)
        picture: bytes | None = None
        decoded: Decoded | None = None
        try:
            pipe = self._connected()
            pipe.send_bytes(pack(order))
            message = _heard(pipe, READ_S)
            is_known = False
            if isinstance(message, Asked):
                picture = message.content_hash
                is_known = picture in known
                pipe.send_bytes(SKIP if is_known else GO)
                message = _heard(pipe, limits.seconds)
                if isinstance(message, Done) and not is_known:
                    decoded = self._decoded(message.pixels, limits)
            if isinstance(message, Failed):
                raise _error(message, path)
            if isinstance(message, Asked) or picture is None:
                raise ValueError("it was not its turn")  # noqa: TRY301 - of what was received, not of an argument
        except (EOFError, OSError, ValueError) as error:
            raise self._death(path, picture, error) from error
        return PhotoRead(
            picture, decoded, message.tags, message.sidecar, message.takeout, stat.mtime_ns, message.beside
        )

    def tidy(self) -> None:
        """The last image is not wanted any more: give back what a very large one took; the next goes over what is kept."""
        if self._map is not None and len(self._map) > KEPT:
            self._map.madvise(mmap.MADV_REMOVE, KEPT)
            self._map = None

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
            # nobody has asked it anything: it died while it was idle, which no photo is to blame for
            self._let_go()
        if self._pipe is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            # whoever begins a message has it ready
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", math.ceil(_GRACE_S), 0))
            with ours, theirs:
                try:
                    self._number = self._decoders.start(theirs, self._file)
                except OSError as error:
                    raise _NoDecoderError from error
                self._pipe = Connection(ours.detach())
        return self._pipe

    def _let_go(self) -> int | None:
        """End the decoder, if it has not ended yet; its wait status, None where nobody knows."""
        if self._pipe is None:
            return None
        self._pipe.close()
        self._pipe = None
        return self._decoders.end(self._number)

    def _death(self, path: bytes, picture: bytes | None, error: Exception) -> PhotoError:
        """The decoder is gone, or has to go: why, as an error about the photo."""
        status = self._let_go()
        if not self._decoders.stopped and isinstance(error, _NoDecoderError):
            why = f"A process to decode it cannot be started ({error.__cause__}): 'facewatchd doctor' looks into it."
            return PhotoTroubleError("The photo cannot be read", why, path)
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

    def _decoded(self, pixels: Pixels | None, limits: DecodeLimits) -> Decoded:
        """
        Raises:
            ValueError: No decoder says so that is in its right mind.
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


class _NoDecoderError(OSError):
    """None can be started."""


def _why(error: Exception, status: int, *, slow: bool) -> str:
    """What became of a decoder, as the end of a sentence about it."""
    if slow:
        return "took longer than ingest.max_seconds allows"
    if isinstance(error, ValueError | BlockingIOError) or str(error) == "bad message length":
        # it was ended for it: nonsense, half of something, or more than there can be (by multiprocessing.connection)
        return "gave an answer that is none"
    return ending(status)


def _error(failed: Failed, path: bytes) -> PhotoError:
    """Its words are shown to the user, and are not to steer a terminal."""
    return ERRORS[failed.error](displayable(failed.title), displayable(failed.message), path)


def _heard(pipe: Connection, patience: float) -> Asked | Done | Failed:
    """
    What a decoder says next.

    Raises:
        TimeoutError: Nothing, for longer than the kernel lets it work.
        EOFError, OSError, ValueError: It is gone, or talks nonsense.
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
