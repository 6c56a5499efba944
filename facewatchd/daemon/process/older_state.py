"""
What a state that an earlier version made has to be told once, beside the work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.daemon.process.service import notify
from facewatchd.errors import StoreFullError
from facewatchd.pipeline.intake.stacks import meet_all
from facewatchd.store import Store


def tell_stacks(store: Store, thresholds: Thresholds, is_stopping: Callable[[], bool]) -> None:
    """Which of its photos are one. What is left, as the disk is full or the daemon is to end, is told at the next start."""
    with contextlib.suppress(StoreFullError):
        for _ in meet_all(store, thresholds):
            notify("WATCHDOG=1")
            if is_stopping():
                return
