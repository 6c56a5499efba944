"""
Which files are settled (requirement R3). It takes observations of files and the time, and stands between watcher and queue.

A file is settled when its size, mtime and inode have been the same for `settle_s` since a close-write was seen, or for
`settle_open_s` if none was seen. A change starts the wait again. The gate never looks at a file itself: it says which files
are due, the caller stats them again and passes the result, and only this second look can settle a file:

    for key in gate.due(now):
        stat = stat_photo(key)
        if stat is None:
            gate.forget(key)
        elif gate.observe(key, stat, closed=False, now=now):
            ...  # settled: take it in

Scanner and watcher use the same `observe`.
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
"""A file that keeps changing is looked at less and less often, but at least this often, because the user waits for it."""

RESTLESS_CHANGES = 3
"""Nothing else waits for a file that changed this often in a row."""

LOOK_AGAIN_S = 1.0
"""A due file that the caller did not look at is due again after this long."""

CLOCK_JITTER_S = 1.0
"""Threads read the clock at slightly different times. Only a larger step back means that the clock was set."""


@dataclass(slots=True)
class _Waiting:
    """
    What the gate remembers of one file. It is changed in place, because a copy per event would double the cost.

    Attributes:
        stat: The last observation.
        since: When that was first observed.
        closed_at: When the first close-write of this content was seen, None if none was.
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
    Decides when files are settled. One thread owns it.

    Every `now` is wall-clock time (seconds since 1970), because it is compared with ctimes. A clock that is set back delays
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
        """How many files wait."""
        return len(self._waiting)

    def __contains__(self, key: object) -> bool:
        """Whether this file waits."""
        return key in self._waiting

    def settling(self) -> bool:
        """Whether a file waits that may be settled soon. A file that changes all the time, such as a webcam's, does not count."""
        return any(waiting.changes < RESTLESS_CHANGES for waiting in self._waiting.values())

    def observe(self, key: K, stat: FileStat, *, closed: bool, now: float, trust_ctime: bool = True) -> bool:
        """
        Note the present state of a file.

        Args:
            key: The name of the file.
            stat: Its stat, taken now.
            closed: Whether a writer closed the file just now.
            now: The time.
            trust_ctime: Whether ctimes come from this machine and no program can set them: false for network file
                systems, FUSE and FAT. If they can be trusted, a file that is old when first seen does not wait.

        Returns:
            Whether the file is settled. The gate then forgets it.
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
        The files to look at again. Those that have waited longest come first.

        A file that is neither observed nor forgotten afterwards is due again later, so that an error in between loses
        none.
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
        """When to call `due` again at the latest, on the caller's clock. None while no file waits."""
        self._time(now)
        while self._heap:
            armed, _, key = self._heap[0]
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.armed == armed:
                return armed - self._set_back
            heapq.heappop(self._heap)
        return None

    def forget(self, key: K) -> None:
        """The file is gone, or is not needed any more."""
        self._waiting.pop(key, None)

    def _is_old(self, stat: FileStat, now: float) -> bool:
        """Whether a file is old enough not to wait, so that an archive does not wait at the first scan. A ctime in the future says nothing."""
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
        Plan the next look. A look that moves to a later time keeps its entry until that time, so that a file that
        changes a thousand times has one entry.
        """
        waiting.armed = at
        heapq.heappush(self._heap, (at, next(self._order), key))

    def _time(self, now: float) -> float:
        """The gate's own time, which never goes back. If the wall clock is set back, this goes on from its last value."""
        time = now + self._set_back
        if time < self._latest:
            if self._latest - time > CLOCK_JITTER_S:
                self._set_back += self._latest - time
            time = self._latest
        self._latest = time
        return time
