"""
How far a long backlog has come, as a line in the log now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_EVERY_S = 10.0


class Progress:
    """Counts what is taken in since the backlog was last empty."""

    def __init__(self) -> None:
        self._began = self._told = time.monotonic()
        self._photos = 0
        self._faces = 0

    def took(self, faces: int) -> None:
        """A photo with so many faces is done."""
        if self._photos == 0:
            self._began = self._told = time.monotonic()
        self._photos += 1
        self._faces += faces

    def tell(self, count_pending: Callable[[], int]) -> None:
        """Say how far it has come, if it is time to; only then is counted how much there is to go."""
        now = time.monotonic()
        if now - self._told < _EVERY_S or self._photos == 0:
            return
        self._told = now
        pending = count_pending()
        rate = self._photos / (now - self._began)
        if pending:
            log.info(
                "%d photos taken in, %d to go; %.1f a second, about %s left",
                self._photos,
                pending,
                rate,
                duration(pending / rate),
            )
        else:
            self.end()

    def end(self) -> None:
        """The backlog is empty."""
        if self._photos:
            seconds = time.monotonic() - self._began
            log.info("%d photos with %d faces taken in, in %s", self._photos, self._faces, duration(seconds))
        self._photos = self._faces = 0


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
