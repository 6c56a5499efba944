"""
The one gate (requirement R3): observations of files and the time in, "settled" out. Between the watcher and the queue.

A file is settled when its size, mtime and inode have been the same for `settle_s` since a close-write was seen, or for
`settle_open_s` where none was; a change starts the wait anew. The gate never looks at a file itself: it says which files
are due, the shell stats them again and hands the result back, and only that second look can let a file through:

    for key in gate.due(now):
        stat = stat_photo(key)
        if stat is None:
            gate.forget(key)
        elif gate.observe(key, stat, closed=False, now=now):
            ...  # settled: take it in

What the scanner and the watcher see goes through the same `observe`.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from facewatchd.domain import FileStat

K = TypeVar("K", bound=Hashable)

LONGEST_WAIT_S = 60.0
"""A file that keeps changing is looked at ever more rarely, but at least this often: the user waits for it."""

RESTLESS_CHANGES = 3
"""A file that changed so often in a row is not waited for by anything else."""

LOOK_AGAIN_S = 1.0
"""A due file that the shell did not get round to is due again after at least this long."""

CLOCK_JITTER_S = 1.0
"""Threads read the clock a little apart; only a larger step back means that someone set it."""


@dataclass(slots=True)
class _Waiting:
    """
    What the gate remembers of one file. Changed in place, as a frozen copy per event would double the cost.

    Attributes:
        stat: The last observation.
        since: When that was first observed.
        closed_at: When the first close-write of this content was seen, None where none was.
        changes: Changes in a row without a close-write.
        armed: Time of its one valid entry in the heap.
    """

    stat: FileStat
    since: float
    closed_at: float | None
    changes: int
    armed: float


class Gate(Generic[K]):
    """
    Decides when files are settled. Not safe to share between threads: one thread owns it.

    Every `now` is wall-clock time (seconds since 1970), as it is compared with ctimes; a clock that is set back delays
    nothing.

    Args:
        settle_s: Wait after a close-write, seconds, >= 0.
        settle_open_s: Wait where no close was seen, seconds, >= 0.
    """

    def __init__(self, settle_s: float, settle_open_s: float) -> None:
        self._settle_s = settle_s
        self._settle_open_s = settle_open_s
        self._waiting: dict[K, _Waiting] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = count()
        self._latest = float("-inf")
        self._set_back = 0.0

    def __len__(self) -> int:
        """Files that wait."""
        return len(self._waiting)

    def __contains__(self, key: object) -> bool:
        """Whether this file waits."""
        return key in self._waiting

    def settling(self) -> bool:
        """Whether any file waits that may be settled soon; one that changes all the time, as a webcam's, is none."""
        return any(waiting.changes < RESTLESS_CHANGES for waiting in self._waiting.values())

    def observe(self, key: K, stat: FileStat, *, closed: bool, now: float, trust_ctime: bool = True) -> bool:
        """
        Take note of what a file looks like now.

        Args:
            key: Whatever names the file.
            stat: Taken just now.
            closed: Whether this is because a writer closed the file.
            now: The time.
            trust_ctime: Whether ctimes are this machine's own and no program can set them: false for network file
                systems, FUSE and FAT. Where they can be trusted, a file that is old at first sight need not wait.

        Returns:
            Whether the file is settled; the gate then forgets it.
        """
        time = self._time(now)
        waiting = self._waiting.get(key)
        if waiting is None:
            if trust_ctime and self._is_old(stat, now):
                return True
            waiting = _Waiting(stat, time, time if closed else None, changes=0, armed=float("inf"))
            self._waiting[key] = waiting
        elif not stat.same_content(waiting.stat):
            waiting.stat = stat
            waiting.since = time
            waiting.closed_at = time if closed else None
            waiting.changes = 0 if closed else waiting.changes + 1
        elif closed and waiting.closed_at is None:
            waiting.closed_at = time
        due = self._due(waiting)
        if time >= due:
            del self._waiting[key]
            return True
        if due < waiting.armed:
            self._arm(key, waiting, due)
        return False

    def due(self, now: float) -> list[K]:
        """
        The files to look at again, those that have waited longest first.

        A file that is neither observed nor forgotten after this is due again later, so that none is lost to an error
        in between.
        """
        time = self._time(now)
        found = []
        while self._heap and self._heap[0][0] <= time:
            armed, _, key = heapq.heappop(self._heap)
            waiting = self._waiting.get(key)
            if waiting is None or waiting.armed != armed:
                continue
            due = self._due(waiting)
            if due > time:
                self._arm(key, waiting, due)
            else:
                found.append(key)
                self._arm(key, waiting, time + max(self._settle_open_s, LOOK_AGAIN_S))
        return found

    def next_due(self, now: float) -> float | None:
        """When to call `due` again at the latest, on the caller's clock; None while no file waits."""
        self._time(now)
        while self._heap:
            armed, _, key = self._heap[0]
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.armed == armed:
                return armed - self._set_back
            heapq.heappop(self._heap)
        return None

    def forget(self, key: K) -> None:
        """The file is gone, or of no interest any more."""
        self._waiting.pop(key, None)

    def _is_old(self, stat: FileStat, now: float) -> bool:
        """An archive must not wait at the first scan. A ctime in the future says nothing."""
        return now - stat.ctime_ns / 1e9 >= self._settle_open_s

    def _due(self, waiting: _Waiting) -> float:
        longest = max(self._settle_open_s, LONGEST_WAIT_S)
        # the exponent is capped only to keep the number finite
        due = waiting.since + min(self._settle_open_s * 2.0 ** min(waiting.changes, 30), longest)
        if waiting.closed_at is not None:
            due = min(due, waiting.closed_at + self._settle_s)
        return due

    def _arm(self, key: K, waiting: _Waiting, at: float) -> None:
        """
        Plan the next look. A look that moves to a later time keeps its entry until that comes up, so that a file that
        changes a thousand times has one entry, not a thousand.
        """
        waiting.armed = at
        heapq.heappush(self._heap, (at, next(self._order), key))

    def _time(self, now: float) -> float:
        """The gate's own time, which never goes back: where the wall clock is set back, it goes on from where it was."""
        time = now + self._set_back
        if time < self._latest:
            if self._latest - time > CLOCK_JITTER_S:
                self._set_back += self._latest - time
            time = self._latest
        self._latest = time
        return time
