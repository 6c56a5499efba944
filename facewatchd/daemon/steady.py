"""
The thread that owns the state asks before it touches what others serve; still, a file system may stop answering while it is at
work there, and then it waits, perhaps for ever, and cannot be interrupted. Such a thread is left behind, as a process is by
which the power fails: what it had begun in the state is undone, and another thread goes on. The one that was left ends as
soon as it comes to the state again.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from facewatchd.daemon.events import Event
from facewatchd.errors import LeftBehindError
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)

_LOOK_S = 0.25
_LONG_S = 2.0
"""Shorter work is not looked into."""
_STOP_S = 1.0
"""SIGTERM to exit takes at most 5 s."""

_ELSEWHERE = tuple(
    os.path.join(os.path.dirname(os.path.dirname(__file__)), part)
    for part in (f"store{os.sep}", f"processes{os.sep}", f"neighbours{os.sep}")
)
"""Who waits in one of our modules there waits for something else than a user's file."""
_LIBRARIES = ("threading.py", "queue.py", "selectors.py", "connection.py", "socket.py")
"""
Who waits in one of these, too. Not so in `subprocess`: a process that is started has to close the files that are open here, which
waits for a file on a share that hangs.
"""


class Steady:
    """
    Runs the loop.

    Args:
        answers: Tells whether the file systems answer. A thread that waits for one that is away is left behind.
        is_stopping: Whether the daemon ends.
    """

    def __init__(self, answers: Answers, is_stopping: Callable[[], bool]) -> None:
        self._answers = answers
        self._is_stopping = is_stopping
        self._thread: threading.Thread | None = None
        self._since: float | None = None
        self._event: Event | None = None
        self._seen: tuple[FrameType, int, int] | None = None
        self._seen_at = 0.0

    def works(self, event: Event | None = None) -> None:
        """The loop begins with an event, or with what is to be done beside."""
        self._since, self._event = time.monotonic(), event

    def rests(self) -> None:
        """
        The loop waits for an event.

        Raises:
            LeftBehindError: Another thread has taken it over.
        """
        if threading.current_thread() is not self._thread:
            raise LeftBehindError
        self._since, self._event = None, None

    def run(self, work: Callable[[], None], left: Callable[[threading.Thread, Event | None], None]) -> None:
        """
        Do the work, in a thread, to its end.

        Args:
            work: The loop; begun again in another thread where one is left behind.
            left: Called with a thread that is left behind, and the event that it had in hand; then nothing else works.

        Raises:
            BaseException: As the work does.
        """
        while True:
            failures: list[BaseException] = []
            self._thread = threading.Thread(target=_run, args=(work, failures), name="loop", daemon=True)
            self.works()
            self._thread.start()
            while self._thread.is_alive() and not self._is_stuck(self._thread):
                self._thread.join(_LOOK_S)
            if not self._thread.is_alive():
                if failures:
                    raise failures[0]
                return
            thread, self._thread = self._thread, None
            log.error(
                "A file system stopped answering in the midst of the work (%s). The work goes on without it.",
                " ".join(self._answers.silent_ones()),
            )
            self._answers.leave(thread)
            left(thread, self._event)
            if self._is_stopping():
                return

    def _is_stuck(self, thread: threading.Thread) -> bool:
        """Whether the loop waits for a file system that does not answer."""
        since, is_stopping = self._since, self._is_stopping()
        limit = min(_STOP_S, self._answers.silent_s) if is_stopping else self._answers.silent_s
        if since is None or (not is_stopping and time.monotonic() - since < min(_LONG_S, limit)):
            self._seen = None
            return False
        # asked on the way, so that it is known when that is needed
        if self._answers.waits_s() < limit or time.monotonic() - since < limit:
            return False
        now, before = time.monotonic(), self._seen
        self._seen = waits_in(thread)
        if self._seen is None or self._seen != before:
            self._seen_at = now
            return False
        # long work on a file system that answers waits, too, but never for so long in one call
        return now - self._seen_at >= min(_LONG_S, limit)


def _run(work: Callable[[], None], failures: list[BaseException]) -> None:
    try:
        work()
    except LeftBehindError:
        log.info("What stopped answering in the midst of the work answers again")
    except BaseException as error:  # noqa: BLE001 - it is raised where the work was wanted
        failures.append(error)


def waits_in(thread: threading.Thread) -> tuple[FrameType, int, int] | None:
    """
    Where a thread waits in a call of the system that may be about a user's file; None where it does not.

    Returns:
        The frame, the instruction in it, and how often the thread has waited so far: equal as long as it waits in one call.
    """
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - documented, in spite of its name
    if frame is None:
        return None
    name = frame.f_code.co_filename
    if name.startswith(_ELSEWHERE) or name.endswith(_LIBRARIES):
        return None
    try:
        lines = Path(f"/proc/self/task/{thread.native_id}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # proc_pid_status(5)
    status = dict(line.split(":", 1) for line in lines.splitlines() if ":" in line)
    if status.get("State", "R").split()[:1] == ["R"]:
        return None
    return frame, frame.f_lasti, int(status.get("voluntary_ctxt_switches", "0"))
