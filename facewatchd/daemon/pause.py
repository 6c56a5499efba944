"""
While the state cannot be written, for want of room, because the disk fails or another program holds it, nothing is begun;
once it can be again, the work goes on by itself (R31).
"""

from __future__ import annotations

import logging
import time

from facewatchd.errors import StoreError, StoreFullError
from facewatchd.store import Store

log = logging.getLogger(__name__)

_TRY_EVERY_S = 5.0


class Pause:
    """
    Whether the work rests, and why.

    Attributes:
        reason: As a sentence; empty while it does not.
        waits_for: What it waits for, behind 'waiting'.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.waits_for = ""
        self._next_try = 0.0

    def begin(self, error: StoreFullError) -> None:
        """Writing failed; called again where it still does, perhaps for another reason."""
        if not self.reason or self.waits_for != error.waits_for:
            log.error("%s The work pauses.", error)
        self.reason, self.waits_for = str(error), error.waits_for
        self._next_try = time.monotonic() + _TRY_EVERY_S

    def is_over(self, store: Store) -> bool:
        """Whether the state can be written again; tries it now and then."""
        if time.monotonic() < self._next_try:
            return False
        try:
            store.try_writing()
        except StoreFullError as error:
            self.begin(error)
            return False
        except StoreError:
            self._next_try = time.monotonic() + _TRY_EVERY_S
            return False
        log.info("The state can be written again; the work goes on")
        self.reason = ""
        return True
