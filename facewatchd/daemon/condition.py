"""
How the daemon is: said to the state, to the service manager, and to whoever asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from facewatchd.daemon.folders.sources import Sources
from facewatchd.daemon.grouping import Grouping
from facewatchd.daemon.intake.intake import Intake
from facewatchd.daemon.pause import Pause
from facewatchd.daemon.process.service import notify
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.daemon.vitals import progress_entry, root_entry
from facewatchd.operations.vitals import Vitals
from facewatchd.store import Store

_EVERY_S = 2.0


class Condition:
    """
    Belongs to the thread that owns the state.

    Args:
        store: The state.
        sources: The photo folders.
        intake: The photos' way into the state.
        tree: Looks after the people tree.
        grouping: Reclusters.
        pause: Whether the work rests.
        models_reason: Why these models; empty where the user asked for them.
        clock: Seconds since whenever.

    Attributes:
        refusal: Why a configuration that was read again is not used; empty where it is.
        next_recluster: When everything is grouped next, seconds since 1970; None where that is not planned.
    """

    def __init__(
        self,
        store: Store,
        sources: Sources,
        intake: Intake,
        tree: TreeKeeper,
        grouping: Grouping,
        pause: Pause,
        models_reason: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._intake = intake
        self._tree = tree
        self._grouping = grouping
        self._pause = pause
        self._models_reason = models_reason
        self._clock = clock
        self._written = Vitals()
        self._told_at = 0.0
        self.refusal = ""
        self.next_recluster: Callable[[], float | None] = lambda: None

    @property
    def is_idle(self) -> bool:
        """Whether everything there is was taken in."""
        return self._intake.is_empty and not self._intake.is_settling and not self._sources.scanning

    def doing(self) -> str:
        """What is being done, in a few words."""
        if self._pause.reason:
            return f"waiting {self._pause.waits_for}"
        if not self._intake.is_empty:
            return "taking in photos"
        if self._sources.scanning:
            return "looking through the folders"
        if self._intake.is_settling:
            return "waiting until new files are complete"
        if self._grouping.running:
            return "grouping the faces"
        return "making links" if self._tree.is_busy else "watching for changes"

    def vitals(self) -> Vitals:
        """How things are now, and how far the work has come."""
        figures = self._intake.progress.figures(self.doing())
        return self._now().model_copy(update={"progress": progress_entry(figures)})

    def tell(self) -> None:
        """Write down how things are, where that changed, and tell the service manager that work goes on."""
        now = self._clock()
        if now - self._told_at < _EVERY_S:
            return
        self._told_at = now
        notify("WATCHDOG=1")
        self.write()

    def write(self, *, ended_at: float | None = None) -> None:
        """Write down how things are, where that changed; `ended_at`: it is the last time, as the daemon ends."""
        vitals = self._now().model_copy(update={"ended_at": ended_at})
        if vitals != self._written:
            with self._store.transaction():
                self._store.set_vitals(vitals.model_dump_json())
            self._written = vitals

    def _now(self) -> Vitals:
        """How things are; found out every few seconds, so that nothing is counted for it."""
        statuses = self._sources.statuses()
        blocked = self._sources.blocked() + self._intake.doubts
        blocked += [problem for problem in (self._tree.problem, self._tree.notice, self._grouping.problem) if problem]
        if self._pause.reason:
            blocked.append(self._pause.reason)
        if self.refusal:
            blocked.append(self.refusal)
        return Vitals(
            roots=tuple(root_entry(status) for status in statuses),
            next_recluster=self.next_recluster(),
            blocked=tuple(blocked),
            models=self._models_reason,
        )
