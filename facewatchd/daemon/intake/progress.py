"""
How far the work has come: the figures that `status`, the display on a terminal and the log have in common.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from facewatchd.domain import SeenFile
from facewatchd.errors import displayable

log = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0
_SHOW_EVERY_S = 0.25
_COUNT_EVERY_S = 2.0
# the rate is that of the last minute: photos differ, and so does what else the machine does
_WINDOW_S = 60.0
# a photo of a camera takes a fraction of a second
_SLOW_S = 5.0
_MOST_SLOW = 3
_WORTH_SAYING = 0.01


class Stage(StrEnum):
    """
    What is done with a photo.

    Attributes:
        READING: Getting the file from the disk or the network, and its fingerprint.
        DECODING: Turning it into pixels.
        FINDING: Detecting faces.
        EMBEDDING: Aligning them and turning them into embeddings.
    """

    READING = "reading"
    DECODING = "decoding"
    FINDING = "finding faces"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class SlowPhoto:
    """A photo that is being looked at for so many seconds."""

    path: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """
    How far it has come.

    Attributes:
        doing: What is being done, in a few words.
        done: Photos taken in since there was nothing to do.
        to_go: Photos that wait, those in hand too.
        faces: Found in those done.
        rate: Photos a second over the last minute; 0 where that is not known yet.
        slow: Photos in hand for unusually long, the longest first.
        shares: What the time of the photos of the last minute went into, 0..1 each, the largest first; empty where that
            is not known yet.
    """

    doing: str
    done: int = 0
    to_go: int = 0
    faces: int = 0
    rate: float = 0.0
    slow: tuple[SlowPhoto, ...] = ()
    shares: tuple[tuple[Stage, float], ...] = ()

    @property
    def seconds_left(self) -> float | None:
        """About how long what waits takes; None where that cannot be told."""
        return self.to_go / self.rate if self.rate > 0 else None


class Progress:
    """
    Counts what is taken in since the backlog was last empty. Belongs to the loop's thread.

    Args:
        count_pending: Counts the photos that wait; asked now and then only.
        clock: Seconds since whenever.
    """

    def __init__(self, count_pending: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._count_pending = count_pending
        self._clock = clock
        self._began = self._told = clock()
        self._photos = 0
        self._faces = 0
        self._pending = 0
        self._counted = clock() - _COUNT_EVERY_S
        self._in_hand: dict[SeenFile, float] = {}
        self._ends: deque[tuple[float, Mapping[Stage, float]]] = deque()
        self._show: Callable[[Figures], None] | None = None
        self._shown = 0.0
        self._doing = ""

    def show_by(self, show: Callable[[Figures], None]) -> None:
        """Show how far it has come by this, several times a second, and not in the log."""
        self._show = show

    def began(self, seen: SeenFile) -> None:
        """A photo is being looked at from now on."""
        self._in_hand[seen] = self._clock()

    def ended(self, seen: SeenFile) -> None:
        """It is not any more, whatever it came to."""
        self._in_hand.pop(seen, None)

    def took(self, faces: int, seconds: Mapping[Stage, float]) -> None:
        """A photo with so many faces is done; so long was spent on each stage of it."""
        now = self._clock()
        if self._photos == 0:
            self._began = self._told = now
        self._photos += 1
        self._faces += faces
        self._pending = max(0, self._pending - 1)
        self._ends.append((now, seconds))

    def figures(self, doing: str) -> Figures:
        """How far it has come."""
        now = self._clock()
        if now - self._counted >= _COUNT_EVERY_S or len(self._in_hand) > self._pending:
            self._counted = now
            self._pending = self._count_pending()
        while self._ends and self._ends[0][0] < now - _WINDOW_S:
            self._ends.popleft()
        seconds = min(now - self._began, _WINDOW_S)
        slow = sorted(((now - since, seen.path) for seen, since in self._in_hand.items()), reverse=True)
        return Figures(
            doing,
            self._photos,
            self._pending,
            self._faces,
            len(self._ends) / seconds if self._photos and seconds >= 1 else 0.0,
            tuple(SlowPhoto(displayable(path), seconds) for seconds, path in slow[:_MOST_SLOW] if seconds >= _SLOW_S),
            self._shares(),
        )

    def _shares(self) -> tuple[tuple[Stage, float], ...]:
        spent = {stage: sum(seconds.get(stage, 0.0) for _, seconds in self._ends) for stage in Stage}
        every = sum(spent.values())
        shares = [(stage, seconds / every) for stage, seconds in spent.items()] if every else []
        return tuple(sorted(shares, key=lambda share: -share[1]))

    def tell(self, doing: str) -> None:
        """Show how far it has come, or say so in the log, if it is time to; and when the backlog is empty."""
        now = self._clock()
        if self._show is not None and (doing != self._doing or now - self._shown >= _SHOW_EVERY_S):
            self._shown, self._doing = now, doing
            self._show(self.figures(doing))
        if now - self._told < _LOG_EVERY_S or self._photos == 0:
            return
        self._told = now
        figures = self.figures(doing)
        if not figures.to_go:
            self.end()
        elif self._show is None:
            log.info("%s", sentence(figures))

    def end(self) -> None:
        """The backlog is empty."""
        if self._photos:
            seconds = self._clock() - self._began
            log.info("%d photos with %d faces taken in, in %s", self._photos, self._faces, duration(seconds))
        self._photos = self._faces = 0
        self._ends.clear()


def sentence(figures: Figures) -> str:
    """The figures as a line."""
    parts = [f"{figures.done} photos with {figures.faces} faces taken in, {figures.to_go} to go"]
    if figures.rate:
        parts.append(f"{figures.rate:.1f} a second")
    if figures.seconds_left is not None:
        parts.append(f"about {duration(figures.seconds_left)} left")
    if figures.shares:
        parts.append(f"time goes into {shares_said(figures.shares)}")
    parts += [f"slow: {slow.path} ({duration(slow.seconds)})" for slow in figures.slow]
    return "; ".join(parts)


def shares_said(shares: Iterable[tuple[str, float]]) -> str:
    """What the time goes into, in words; what hardly counts is left out."""
    return ", ".join(f"{stage} {share:.0%}" for stage, share in shares if share >= _WORTH_SAYING)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
