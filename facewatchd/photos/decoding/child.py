"""
The processes that decode: `python -m facewatchd.photos.decoding.child FD`, started by `isolated.Decoders`.

The first of them loads the decoders once and then only forks. It has one thread and holds no lock, so that forking it is
sound; the forks share its memory, and a decoder that has died is replaced within milliseconds. It lives as long as the
other end of its socket, and its forks live as long as it does. It reads no photo itself. A fork confines itself
(`sandbox`) before it reads the first one, so everything that a library may load later is loaded before.
"""

from __future__ import annotations

import codecs
import contextlib
import encodings.aliases
import gc
import importlib
import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NoReturn

import cv2
import numpy as np
from PIL import Image as PillowImage

from facewatchd.domain import Image
from facewatchd.errors import PhotoError
from facewatchd.photos.decoding.channel import (
    ERRORS,
    GO,
    KEPT,
    NOT_ENDED,
    READ_S,
    Asked,
    Compare,
    Compared,
    Done,
    Failed,
    Order,
    Pixels,
    Sent,
    pack,
    plain,
    received_order,
    shortened,
)
from facewatchd.photos.decoding.compare import difference
from facewatchd.photos.decoding.content import Content, read_content
from facewatchd.photos.decoding.picture import Decoded
from facewatchd.photos.decoding.read import Opened, read_all
from facewatchd.photos.decoding.reasons import no_room
from facewatchd.photos.decoding.sandbox import close_memory, confine, limit, rest
from facewatchd.photos.metadata.tags import Beside

_END_S = 1.0
"""A process that is killed ends within milliseconds, where it waits for no disk."""

_LOOK_S = 0.002


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
    """The pictures that need not be decoded: the daemon knows, and is asked. Time runs from its answer on."""

    def __init__(self, pipe: Connection, order: Order) -> None:
        self._pipe = pipe
        self._order = order

    def __contains__(self, content_hash: object) -> bool:
        assert isinstance(content_hash, bytes)
        self._pipe.send_bytes(pack(Asked(content_hash)))
        skip = self._pipe.recv_bytes() != GO
        limit(self._order.seconds, self._order.memory)
        return skip


def serve(pipe: Connection, way: socket.socket, canvas: SharedCanvas) -> None:
    """
    Do what the daemon wants until it wants nothing any more.

    Args:
        pipe: To the daemon.
        way: The same socket, for descriptors.
        canvas: Where pictures go.

    Raises:
        EOFError, OSError: The daemon is gone.
    """
    while True:
        order, handles = received_order(pipe, way)
        try:
            answer = _compared(order, *handles) if isinstance(order, Compare) else _read(order, handles, pipe, canvas)
        finally:
            for handle in handles:
                os.close(handle)
        rest()
        pipe.send_bytes(pack(answer))
        canvas.tidy()


def _read(order: Order, handles: Sequence[int], pipe: Connection, canvas: SharedCanvas) -> Done | Failed:
    limit(READ_S, order.memory)
    photo, *others = handles
    opened = Opened(photo, _beside(order.sidecar, others), _beside(order.takeout, others))
    try:
        read = read_content(
            opened, order.name, order.stat, order.max_megapixels, _Known(pipe, order), order.enough, canvas
        )
        pixels = _placed(read.decoded, canvas) if read.decoded is not None else None
    except PhotoError as error:
        return _failed(error)
    except MemoryError:
        return _failed(no_room(b""))
    return _done(read, pixels)


def _beside(sent: Sent, handles: list[int]) -> Beside:
    """Takes its descriptor from the list."""
    return Beside(handles.pop(0)) if sent.is_open else Beside(problem=sent.problem)


def _compared(order: Compare, old: int, new: int) -> Compared | Failed:
    limit(order.seconds, order.memory)
    try:
        found = difference(read_all(old), read_all(new), order.kind, order.value, order.max_megapixels)
    except MemoryError:
        return _failed(no_room(b""))
    return Compared(plain(found))


def _done(read: Content, pixels: Pixels | None) -> Done:
    sidecar = shortened(read.sidecar) if read.sidecar is not None else None
    takeout = shortened(read.takeout) if read.takeout is not None else None
    return Done(shortened(read.tags), sidecar, takeout, pixels)


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
    Fork whenever the daemon says so, and end the forks that it names, until it is gone.

    Each request is `start`, with a pair of descriptors (the decoder's socket, its shared memory), answered by the number
    of the process; or `end` and such a number, answered by how that process has ended, or `NOT_ENDED`.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    close_memory()
    _load_all()
    # one thread a photo: a decoder competes with the other decoders only
    cv2.setNumThreads(1)
    gc.freeze()
    alive: set[int] = set()
    left: set[int] = set()
    while True:
        left -= _ended(left)
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
                status = _end(int(named))
                if status == NOT_ENDED:
                    left.add(int(named))
                _tell(control, status)
            case _:
                for pid in alive:
                    _end(pid)
                return


def _load_all() -> None:
    """What the libraries would load when they first need it: a decoder can open no file any more."""
    # Pillow's formats
    PillowImage.init()
    # LibRaw; whoever has none reads no camera RAW
    with contextlib.suppress(ImportError):
        importlib.import_module("rawpy")
    # a sidecar may be in any encoding
    for name in {*encodings.aliases.aliases.values()}:
        with contextlib.suppress(LookupError):
            codecs.lookup(name)


def _tell(control: socket.socket, number: int) -> None:
    # a daemon that is gone asks for nothing any more, and that ends this process
    with contextlib.suppress(ConnectionError):
        control.send(b"%d" % number)


def _decode(pipe: int, memory: int) -> NoReturn:
    """A decoder's life. It ends in here, as the code that called this belongs to its parent."""
    try:
        # libjpeg's complaints about damaged photos go there
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        way, canvas = socket.socket(fileno=os.dup(pipe)), SharedCanvas(memory)
        confine()
        serve(Connection(pipe), way, canvas)
    except (EOFError, ConnectionError):
        pass
    except BaseException:  # noqa: BLE001 - nothing above could handle it
        os._exit(1)
    os._exit(0)


def _end(pid: int) -> int:
    """End a process if it has not ended yet; its wait status, or `NOT_ENDED`."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _END_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(_LOOK_S)
    return NOT_ENDED


def _ended(left: set[int]) -> set[int]:
    """Those of the processes that have ended after all; the system forgets them then."""
    return {pid for pid in left if os.waitpid(pid, os.WNOHANG)[0]}


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        main(given)
