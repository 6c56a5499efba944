"""
When everything is grouped anew: on schedule, on demand, and when much has come in since the last time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from facewatchd.core.grouping.recluster import Labels, ReclusterSettings
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.daemon.events import Clustered
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.grouping.guarded import apply_guarded
from facewatchd.pipeline.grouping.regroup import Regrouping, Snapshot, compute, decide, take_snapshot
from facewatchd.processes.isolate import Isolated
from facewatchd.store import Store

log = logging.getLogger(__name__)


class Grouping:
    """
    Starts reclusterings and carries their results into the state. Belongs to the thread that owns the state.

    Args:
        store: The state.
        model_id: Whose embeddings are grouped.
        settings: Of the clusters.
        thresholds: Of the assignment of left-over faces.
        when_new: Share of faces that are new since the last reclustering, from which one is worth while.
        max_moved: Of the known faces; a reclustering that moves more is held, see `core.grouping.change_guard`.
        post: Called in a thread of its own when the clusters are there.
    """

    def __init__(
        self,
        store: Store,
        model_id: str,
        settings: ReclusterSettings,
        thresholds: Thresholds,
        when_new: float,
        max_moved: float,
        post: Callable[[Clustered], None],
    ) -> None:
        self._store = store
        self._model_id = model_id
        self._settings = settings
        self._thresholds = thresholds
        self._when_new = when_new
        self._max_moved = max_moved
        self._post = post
        self._running: Isolated[Snapshot, Labels] | None = None
        # faces may have come in before this run
        self._grown = True
        # how many good faces there were, and the newest face of all, when they were last counted
        self._counted = (0, 0)
        self.wanted = False
        self.forced = False
        self.problem = ""
        self.held = ""

    def use(self, settings: ReclusterSettings, thresholds: Thresholds) -> None:
        """Other settings and thresholds from now on; a reclustering under way ends with the settings that it has."""
        self._settings, self._thresholds = settings, thresholds

    @property
    def running(self) -> bool:
        return self._running is not None

    def grew(self) -> None:
        """Faces came in."""
        self._grown = True

    def much_is_new(self) -> bool:
        """Whether so many faces came in since the last reclustering that the next should not wait for its time."""
        if not self._grown:
            return False
        self._grown = False
        last = self._store.last_recluster()
        held = self._store.held()
        # one that is held is not tried again with every photo that comes in
        before = max(last.faces if last is not None else 0, held.faces if held is not None else 0)
        enough = before + max(self._settings.min_faces, self._when_new * before)
        # counting looks at every face of the archive: it waits until enough can have come
        newest = self._store.faces.newest()
        counted, last_counted = self._counted
        if counted + newest - last_counted < enough:
            return False
        self._counted = (self._store.faces.count_good(self._model_id), newest)
        return self._counted[0] >= enough

    def start(self) -> None:
        """Begin, unless one is under way."""
        if self._running is not None:
            return
        self.wanted = False
        snapshot = take_snapshot(self._store, self._model_id, self._settings)
        log.info("Grouping %d faces", len(snapshot.faces))
        started = time.time()

        def on_end(outcome: Labels | FacewatchError) -> None:
            self._post(Clustered(snapshot, started, outcome))

        self._running = Isolated("recluster", compute, snapshot, on_end)

    def end(self, clustered: Clustered) -> Regrouping | None:
        """The clusters are there: carry them into the state. None where the computation failed, which is logged."""
        self._running = None
        if isinstance(clustered.outcome, FacewatchError):
            # whoever asked for it whatever it moves is told so, and may ask again
            self.forced = False
            self.problem = f"The last reclustering failed: {clustered.outcome}"
            log.error("%s", self.problem)
            return None
        self.problem = ""
        seconds = time.time() - clustered.started
        # until it is stored it is not done: a full disk must not make it forgotten
        self.wanted = True
        regrouping = decide(self._store, clustered.snapshot, clustered.outcome, self._thresholds)
        self.held = apply_guarded(
            self._store, regrouping, clustered.started, seconds, self._max_moved, force=self.forced
        )
        self.wanted = self.forced = False
        if self.held:
            log.warning("%s", self.held)
            return regrouping
        log.info(
            "Grouped %d faces into %d people (%d new) in %.1f s; %d faces moved, %d unassigned",
            regrouping.faces,
            regrouping.people,
            regrouping.new_people,
            seconds,
            regrouping.moved,
            regrouping.unknown,
        )
        if regrouping.incoherent:
            log.info(
                "Groups without a folder, as their faces are not alike enough to be one person: %d",
                regrouping.incoherent,
            )
        return regrouping

    def forget(self) -> None:
        """The clusters are there and cannot be stored: they are to be made again."""
        self._running = None
        self.wanted, self.forced = True, False

    def stop(self) -> None:
        """Break off what is under way; it starts anew next time."""
        if self._running is not None:
            self._running.stop()
            self._running = None
