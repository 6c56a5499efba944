"""
What runs in the processes that decode: `python -m facewatchd.photos.decoding.child FD`, started by `isolated.Decoders`.

The first of them loads the decoders once and then only forks: it has one thread and holds no lock, so that a fork of it
is sound, the forks share its memory, and a decoder that died is replaced within milliseconds. It lives as long as the
other end of its socket, and its forks as long as it.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import socket
import sys
from multiprocessing.connection import Connection
from typing import NoReturn

import cv2
import numpy as np

from facewatchd.domain import Image
from facewatchd.errors import PhotoError
from facewatchd.photos.decoding.channel import (
    ERRORS,
    GO,
    Asked,
    Done,
    Failed,
    Order,
    Pixels,
    pack,
    plain,
    shortened,
    unpack_order,
)
from facewatchd.photos.decoding.decode import Decoded
from facewatchd.photos.decoding.read import PhotoRead, read_photo
from facewatchd.photos.decoding.reasons import no_room
from facewatchd.photos.decoding.sandbox import confine, limit, rest

READ_S = 300.0
"""How long reading a file may take; a slow network is no reason to give it up."""

KEPT = 64 << 20
"""More memory than this is not kept from photo to photo, bytes."""


class SharedCanvas:
    """
    The picture goes into memory that the daemon maps too, the rest into memory of this process that is used again.

    Args:
        handle: The shared memory, a file that grows as needed.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._shared = _nothing()
        self._draft = _nothing()
        self._file = os.memfd_create("photo", os.MFD_CLOEXEC)

    def picture(self, height: int, width: int) -> Image:
        size = height * width * 3
        if self._shared.size < size:
            if os.fstat(self._handle).st_size < size:
                os.ftruncate(self._handle, size)
            self._shared = _mapped(self._handle, size)
        return self._shared[:size].reshape(height, width, 3)

    def draft(self, height: int, width: int) -> Image:
        size = height * width * 3
        if self._draft.size < size:
            self._draft = _mapped(-1, size)
        return self._draft[:size].reshape(height, width, 3)

    def file(self, data: bytes) -> str:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, data, 0)
        return f"/proc/self/fd/{self._file}"

    def place(self, image: Image) -> None:
        """See that the picture is in the shared memory."""
        room = self.picture(*image.shape[:2])
        if not np.shares_memory(room, image):
            np.copyto(room, image)

    def tidy(self) -> None:
        """Keep no more memory than an ordinary photo needs."""
        os.ftruncate(self._file, 0)
        if self._shared.size > KEPT:
            self._shared = _nothing()
        if self._draft.size > KEPT:
            self._draft = _nothing()


def _mapped(handle: int, size: int) -> Image:
    try:
        return np.frombuffer(mmap.mmap(handle, size), np.uint8)
    except OSError as error:
        raise MemoryError from error


def _nothing() -> Image:
    return np.empty(0, np.uint8)


class _Known:
    """The pictures that need not be decoded: the daemon knows, and is asked. From its answer on, time runs."""

    def __init__(self, pipe: Connection, order: Order) -> None:
        self._pipe = pipe
        self._order = order

    def __contains__(self, content_hash: object) -> bool:
        assert isinstance(content_hash, bytes)
        self._pipe.send_bytes(pack(Asked(content_hash)))
        skip = self._pipe.recv_bytes() != GO
        limit(self._order.seconds, self._order.memory)
        return skip


def serve(pipe: Connection, canvas: SharedCanvas) -> None:
    """
    Read photos until nobody wants any more.

    Raises:
        EOFError, OSError: The daemon is gone.
    """
    while True:
        order = unpack_order(pipe.recv_bytes())
        answer = _answer(order, pipe, canvas)
        rest()
        pipe.send_bytes(pack(answer))
        canvas.tidy()


def _answer(order: Order, pipe: Connection, canvas: SharedCanvas) -> Done | Failed:
    limit(READ_S, order.memory)
    try:
        read = read_photo(order.path, order.stat, order.max_megapixels, _Known(pipe, order), order.enough, canvas)
        pixels = _placed(read.decoded, canvas) if read.decoded is not None else None
    except PhotoError as error:
        return _failed(error)
    except MemoryError:
        return _failed(no_room(order.path))
    return _done(read, pixels)


def _done(read: PhotoRead, pixels: Pixels | None) -> Done:
    sidecar = shortened(read.sidecar) if read.sidecar is not None else None
    takeout = shortened(read.takeout) if read.takeout is not None else None
    return Done(shortened(read.tags), sidecar, takeout, read.beside, pixels)


def _failed(error: PhotoError) -> Failed:
    kind = next(number for number, each in enumerate(ERRORS) if type(error) is each or each is PhotoError)
    return Failed(kind, plain(error.title), plain(error.message))


def _placed(decoded: Decoded, canvas: SharedCanvas) -> Pixels:
    canvas.place(decoded.image)
    height, width = decoded.image.shape[:2]
    size = (decoded.width, decoded.height)
    return Pixels((height, width), decoded.kind, decoded.orientation, decoded.reduction, size)


def main(control: socket.socket) -> None:
    """
    Fork whenever the daemon says so, and bury whom it names, until it is gone.

    Each request is `start`, with a pair of descriptors (the decoder's socket, its shared memory), answered by its number;
    or `end` and such a number, answered by how that process has ended.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # one thread a photo: a decoder competes with nobody but the others
    cv2.setNumThreads(1)
    gc.freeze()
    alive: set[int] = set()
    while True:
        try:
            request, handles, _, _ = socket.recv_fds(control, 64, 2)
        except OSError:
            request, handles = b"", []
        match request.split():
            case [b"start"]:
                pid = os.fork()
                if pid == 0:
                    control.close()
                    _decode(*handles)
                for handle in handles:
                    os.close(handle)
                alive.add(pid)
                _tell(control, pid)
            case [b"end", named]:
                alive.discard(int(named))
                _tell(control, _end(int(named)))
            case _:
                for pid in alive:
                    _end(pid)
                return


def _tell(control: socket.socket, number: int) -> None:
    # a daemon that is gone asks for nothing any more, which ends this process
    with contextlib.suppress(ConnectionError):
        control.send(b"%d" % number)


def _decode(pipe: int, memory: int) -> NoReturn:
    """A decoder's life; it knows no other end than this, as what is behind belongs to its parent."""
    try:
        # libjpeg's complaints about damaged photos go there
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        confine()
        serve(Connection(pipe), SharedCanvas(memory))
    except (EOFError, ConnectionError):
        pass
    except BaseException:  # noqa: BLE001 - nobody is behind this who could handle it
        os._exit(1)
    os._exit(0)


def _end(pid: int) -> int:
    """End a process if it has not ended yet; its wait status."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        main(given)
