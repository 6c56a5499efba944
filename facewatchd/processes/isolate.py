"""
A computation in a process of its own: it holds no lock of ours, its memory goes back to the system when it ends, and it
can be ended at any moment. This is the daemon's side; `computation` is the other.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from facewatchd.errors import FacewatchError
from facewatchd.processes import computation
from facewatchd.processes.start import start_module
from facewatchd.processes.wire import decode, encode, schema_of

A = TypeVar("A")
R = TypeVar("R")


class Isolated(Generic[A, R]):
    """
    Runs `function(argument)` in a fresh process and calls back, in a thread of its own, with the result or the error.

    Args:
        name: For the thread.
        function: Of a module, not of a class or a function. The types that it gives its argument and its result are
            the schema of what is sent there and back, see `processes.wire`.
        argument: Its only argument.
        on_end: Called once, with a result or a FacewatchError; not called after `stop`.
    """

    def __init__(
        self, name: str, function: Callable[[A], R], argument: A, on_end: Callable[[R | FacewatchError], None]
    ) -> None:
        self._schema = schema_of(function)[1]
        self._argument = encode(argument)
        self._on_end = on_end
        self._stopped = False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            self._process = start_module(computation.__name__, theirs, function.__module__, function.__qualname__)
            self._pipe = Connection(ours.detach())
        self._thread = threading.Thread(target=self._wait, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it now; its result is lost."""
        self._stopped = True
        self._process.kill()
        self._thread.join()

    def _wait(self) -> None:
        try:
            outcome = self._outcome()
        finally:
            self._pipe.close()
            self._process.wait()
        if not self._stopped:
            self._on_end(outcome)

    def _outcome(self) -> R | FacewatchError:
        try:
            # as soon as it listens: an argument may be larger than a socket holds
            self._pipe.send_bytes(self._argument)
            self._argument = b""
            verdict, answer = self._pipe.recv_bytes(), self._pipe.recv_bytes()
            if verdict == computation.DONE:
                found: R = decode(answer, self._schema)
                return found
            why = str(decode(answer, str))
        except (EOFError, OSError):
            return FacewatchError(
                "The computation was ended by the system",
                f"{_exit_said(self._process.wait())}. Usually there was not enough memory: free some, or give the service "
                "more (MemoryMax=).",
            )
        except ValueError as error:
            why = f"Its result cannot be read: {error}"
        return FacewatchError("The computation failed", why)


def run_isolated(name: str, function: Callable[[A], R], argument: A) -> R:
    """
    The same, waiting for the result.

    Raises:
        FacewatchError: It failed.
    """
    ended = threading.Event()
    outcomes: list[R | FacewatchError] = []

    def on_end(outcome: R | FacewatchError) -> None:
        outcomes.append(outcome)
        ended.set()

    isolated = Isolated(name, function, argument, on_end)
    try:
        ended.wait()
    except BaseException:
        isolated.stop()
        raise
    if isinstance(outcomes[0], FacewatchError):
        raise outcomes[0]
    return outcomes[0]


def _exit_said(code: int) -> str:
    """How a process ended that said nothing, as the beginning of a sentence."""
    if code < 0:
        return f"Its process was ended by signal {-code}"
    return f"Its process ended with exit code {code}"
