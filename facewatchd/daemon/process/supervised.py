"""
The work of the daemon runs in a thread of its own. The main thread handles signals and touches no folder of the user: where the
work waits for a file system that does not answer, SIGTERM is heard all the same, and the state is given back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from facewatchd.daemon.events import Reread, Stop
from facewatchd.daemon.loop import Daemon
from facewatchd.daemon.steady import waits_in
from facewatchd.kept_signal import KeptSignal
from facewatchd.store import Store
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_END_S = 3.5
"""So long the work has to end by itself: SIGTERM to exit takes at most 5 s."""
_SILENT_S = 1.0
"""What has not answered for so long may be what the work waits for."""


class Supervised:
    """
    Runs the work, and tells the daemon what the process is told by signals.

    Args:
        store: The state. It belongs to the work.
        answers: Tells whether the file systems answer.
        give_back: Gives back the lock of the state; called in the main thread.
        code: The exit code where the work is broken off.
        is_part: Whether the work is a part of a command, which has something to clean up after it. The process then does not end
            before the daemon is there; the daemon is told as soon as it is.
    """

    def __init__(
        self, store: Store, answers: Answers, give_back: Callable[[], None], code: int, *, is_part: bool = False
    ) -> None:
        self._store = store
        self._answers = answers
        self._give_back = give_back
        self._code = code
        self._is_part = is_part
        self._terminal = sys.stderr.isatty()
        self._thread: threading.Thread | None = None
        self._daemon: Daemon | None = None
        self._reread = False
        self._stop_at: float | None = None

    @contextlib.contextmanager
    def tells(self, daemon: Daemon) -> Iterator[None]:
        """While this lasts, the daemon is told of signals, also of those that came before. Belongs to the work."""
        self._daemon = daemon
        self._tell()
        try:
            yield
        finally:
            self._daemon = None

    def run(self, work: Callable[[], None]) -> None:
        """
        Do the work to its end. Only in the main thread of a process. Where the process is told to stop, and the work waits for a
        file system that does not answer, this does not return: the process ends.

        Raises:
            BaseException: As the work does.
        """
        failures: list[BaseException] = []
        self._thread = threading.Thread(target=_run, args=(work, failures), name="work", daemon=True)
        with self._signals():
            self._thread.start()
            while self._thread.is_alive():
                self._thread.join(_LOOK_S)
                if self._stop_at is not None and self._is_caught(time.monotonic() - self._stop_at):
                    log.warning(
                        "facewatchd ends without waiting for what does not answer. %s",
                        " ".join(self._answers.silent_ones()),
                    )
                    self._exit()
        if failures:
            raise failures[0]

    def _is_caught(self, seconds: float) -> bool:
        """Whether the work, so long after it was told to stop, waits for a file system that does not answer."""
        # asked from the beginning, so that it is known when that is needed
        silent_s = self._answers.waits_s()
        return seconds > _END_S and silent_s >= _SILENT_S

    def _exit(self) -> NoReturn:
        """
        End at once. The kernel keeps what the process has locked until no thread of it waits any more, so both locks of the
        state are given back here.
        """
        if self._thread is not None and waits_in(self._thread) is not None:
            self._store.leave(self._thread)
        self._give_back()
        os._exit(self._code)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        handlers = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: self._hang_up}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        # since the start
        waiting = before[signal.SIGHUP]
        self._reread |= isinstance(waiting, KeptSignal) and waiting.came
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            KeptSignal.keep(signal.SIGHUP)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._daemon is None and not self._is_part:
            # there is nothing to finish yet, or no more
            self._exit()
        if self._stop_at is None:
            self._stop_at = time.monotonic()
        self._tell()

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        # a terminal that was closed says it in the same way
        if self._terminal and not os.isatty(sys.stderr.fileno()):
            _write_nowhere()
            self._stop(number, frame)
        else:
            self._reread = True
            self._tell()

    def _tell(self) -> None:
        """Tell the daemon, where there is one now."""
        daemon = self._daemon
        if daemon is None:
            return
        if self._reread:
            self._reread = False
            daemon.post(Reread())
        if self._stop_at is not None:
            daemon.post(Stop())


def _run(work: Callable[[], None], failures: list[BaseException]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - it is raised where the work was wanted
        failures.append(error)


def _write_nowhere() -> None:
    """What is still said finds nobody, and must not be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
