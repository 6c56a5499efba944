"""
How long the loop is busy with one event, and with what: whatever comes in meanwhile waits.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator

from facewatchd.daemon.events import Asked, Clustered, CoverCut, Due, Event, Hinted, Reread, Stop, Taken, TreeTouched
from facewatchd.daemon.folders.scans import ScanEnd, ScanPart

log = logging.getLogger(__name__)

SLOW_S = 0.25
"""A turn that takes longer is logged. A person does not notice a delay that is shorter."""


class TurnWatch:
    """
    Measures each turn of the loop: one event, and what is done after it. Belongs to the thread that owns the state.

    Args:
        slow_s: Turns of so many seconds or more are logged, at debug level.
        clock: Seconds, never set back.
        worked: Seconds of processor that this thread has used.
    """

    def __init__(
        self,
        slow_s: float = SLOW_S,
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        self._slow_s = slow_s
        self._clock = clock
        self._worked = worked
        self._began: float | None = None
        self._had_worked = 0.0
        self._parts: dict[str, float] = {}

    def begin(self) -> None:
        """The loop has stopped waiting."""
        self._began, self._had_worked = self._clock(), self._worked()
        self._parts.clear()

    @contextlib.contextmanager
    def on(self, part: str) -> Iterator[None]:
        """What is done now is this part of the turn."""
        began = self._clock()
        try:
            yield
        finally:
            self._parts[part] = self._parts.get(part, 0.0) + self._clock() - began

    def end(self) -> None:
        """The loop waits again. A slow turn is logged, with its parts, the longest first."""
        if self._began is None:
            return
        seconds, self._began = self._clock() - self._began, None
        if seconds < self._slow_s:
            return
        parts = sorted(self._parts.items(), key=lambda part: -part[1])
        log.debug(
            "The loop was busy for %.0f ms (%.0f ms of processor): %s",
            seconds * 1000,
            (self._worked() - self._had_worked) * 1000,
            ", ".join(f"{part} {spent * 1000:.0f}" for part, spent in parts),
        )


def kind_of(event: Event) -> str:
    """What an event is called in the log."""
    match event:
        case Hinted(_, hint):
            return f"hint of a {hint.kind}"
        case ScanPart():
            return "part of a scan"
        case ScanEnd():
            return "end of a scan"
        case Taken():
            return "photo taken in"
        case Clustered():
            return "groups found"
        case Asked(operation):
            return f"command {operation.name}"
        case Due(chore):
            return f"{chore} due"
        case TreeTouched():
            return "change in the people tree"
        case CoverCut():
            return "picture of a face cut"
        case Reread():
            return "configuration read again"
        case Stop():
            return "stop"
