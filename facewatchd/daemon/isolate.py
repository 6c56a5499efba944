"""
A computation in a process of its own: it holds no lock of ours, its memory goes back to the system when it ends, and it
can be ended at any moment.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from facewatchd.errors import FacewatchError

A = TypeVar("A")
R = TypeVar("R")


def _child(function: Callable[[A], R], argument: A, pipe: Connection) -> None:
    # Ctrl-C goes to the whole group of processes; the parent decides what becomes of this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    os.nice(5)
    try:
        result: tuple[bool, object] = (True, function(argument))
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, the parent must hear of it
        result = (False, f"{type(error).__name__}: {error}")
    pipe.send(result)
    pipe.close()


def _end_with_parent() -> None:
    """Nobody waits for the result once the parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _without_interrupt() -> Iterator[None]:
    """What is started in here begins with Ctrl-C held back: it would strike before `_child` can say that it may not."""
    resource_tracker.ensure_running()  # it is started with the first process, and lets the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Isolated(Generic[A, R]):
    """
    Runs `function(argument)` in a fresh process and calls back, in a thread of its own, with the result or the error.

    Args:
        name: For the thread and for messages.
        function: Importable by name; it and its argument and result are pickled.
        argument: Its only argument.
        on_end: Called once, with a result or a FacewatchError; not called after `stop`.
    """

    def __init__(
        self, name: str, function: Callable[[A], R], argument: A, on_end: Callable[[R | FacewatchError], None]
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_child, args=(function, argument, theirs), name=name, daemon=True)
        self._on_end = on_end
        self._stopped = False
        with _without_interrupt():
            self._process.start()
        theirs.close()
        self._thread = threading.Thread(target=self._wait, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it now; its result is lost."""
        self._stopped = True
        self._process.kill()
        self._thread.join()

    def _wait(self) -> None:
        outcome: R | FacewatchError
        try:
            done, value = self._pipe.recv()
            outcome = value if done else FacewatchError("The computation failed", str(value))
        except (EOFError, OSError):
            self._process.join()
            outcome = FacewatchError(
                "The computation was ended by the system",
                f"{_exit_said(self._process.exitcode)}. Usually there was not enough memory: free some, or give the service "
                "more (MemoryMax=).",
            )
        self._pipe.close()
        self._process.join()
        if not self._stopped:
            self._on_end(outcome)


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


def _exit_said(code: int | None) -> str:
    """How a process ended that said nothing, as the beginning of a sentence."""
    if code is not None and code < 0:
        return f"Its process was ended by signal {-code}"
    return f"Its process ended with exit code {code}"
