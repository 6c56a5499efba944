"""
The processes that decode, as the daemon starts and ends them: one of `child`, which forks the others.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading

from facewatchd.photos.decoding.channel import NOT_ENDED
from facewatchd.photos.decoding.sandbox import close_memory
from facewatchd.processes.start import start_module

_CHILD = "facewatchd.photos.decoding.child"
"""Not imported here, as it loads the libraries that decode."""

_ANSWER_S = 60.0
"""The starting process answers at once, but it loads the decoders first."""

_END_S = 0.5

_CALM = {
    # a process that forks must have no threads, and decoding needs none of theirs
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # each reserves address space, which is limited
    "MALLOC_ARENA_MAX": "2",
}


class Decoders:
    """
    The process that starts decoders. It is itself started when it is first needed, and again where it has died. Safe to
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
        """End a decoder, if it has not ended yet; its wait status, None where it is not known or not ended yet."""
        with self._lock:
            if number not in self._alive:
                return None  # it went with the process that started it
            self._alive.discard(number)
            try:
                status = self._ask(b"end %d" % number)
            except OSError:
                self._drop()
                return None
            return None if status == NOT_ENDED else status

    def rest(self) -> None:
        """Nothing is to be done for a while: where no decoder is left, the process that starts them is ended, too."""
        with self._lock:
            if not self._alive:
                self._drop()

    def stop(self) -> None:
        """End all decoders, whatever they do; none is started any more."""
        self._stopped = True
        # another thread may let go of the lock at any moment
        control = self._control
        if control is not None:
            # wakes the thread that waits for an answer, and holds the lock
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
            close_memory()
            with theirs:
                self._process = start_module(_CHILD, theirs, environment=_CALM)
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
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END_S)
            self._process = None
