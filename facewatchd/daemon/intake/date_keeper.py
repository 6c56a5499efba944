"""
Capture dates beside the arrival of photos: what is looked for again as something changed that it hangs on, and what is said of
the dates that are written into the user's files.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import islice

from facewatchd.core.dates.plan import Mode
from facewatchd.daemon.folders.sources import Sources
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.domain import PhotoId
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.redate import basis_of, look_again, machine_zone, mark_by_clock, mark_by_rules
from facewatchd.store import DatedPhoto, Store

log = logging.getLogger(__name__)

_TARGETS = {Mode.INPLACE: "photos, or into sidecars beside them", Mode.SIDECAR: "sidecars beside the photos"}
# how long the loop may be kept from everything else
_PIECE_S = 0.1
_PHOTOS = 50
_DAY_S = 86_400.0
# clocks are put right by seconds all the time
_CLOCK_STEP_S = 60.0


def tell_at_first_start(store: Store, mode: Mode) -> None:
    """Before anything is written, say once that it will be, and how to do without."""
    if store.dates_are_told():
        return
    is_new = not any(store.photos.counts().values())
    if is_new and mode in _TARGETS:
        log.info(
            "Missing or wrong capture dates are written into %s; every one is told here, and 'facewatchd dates undo' takes "
            "them back. To only report: dates.mode: report",
            _TARGETS[mode],
        )
    with store.transaction():
        store.tell_dates()


class DateKeeper:
    """
    Belongs to the thread that owns the state.

    Args:
        store: The state.
        settings: What may be done about capture dates.
        sources: Which folders can be read.
        tree: Is told whose folders change.
        wall: Seconds since 1970.
        clock: Seconds since whenever, never set.
    """

    def __init__(
        self,
        store: Store,
        settings: DateSettings,
        sources: Sources,
        tree: TreeKeeper,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._settings = settings
        self._sources = sources
        self._tree = tree
        self._wall = wall
        self._clock = clock
        self._basis = basis_of(settings, machine_zone())
        self._summed_up = store.date_journal.latest()
        self._marking = True
        # where marking by the clock goes on; None where it is done
        self._by_clock: PhotoId | None = 0
        self._ahead = wall() - clock()
        self._clock_due = clock() + _DAY_S
        # what could not be looked at; its file has gone or changed, and has its own turn
        self._held: set[PhotoId] = set()

    @property
    def is_busy(self) -> bool:
        """Whether dates are to be looked for again now."""
        return self._marking or self._by_clock is not None or bool(self._due())

    def work(self) -> None:
        """Do a little of what is to be done, which may be nothing."""
        self._mind_the_clock()
        if self._marking:
            self._marking = mark_by_rules(self._store, self._basis)
        elif self._by_clock is not None:
            self._by_clock = mark_by_clock(self._store, self._by_clock, self._wall())
        else:
            self._look_again()

    def sum_up(self) -> None:
        """All there is to do is done: say how many dates were written since this was last said, and the way back."""
        latest = self._store.date_journal.latest()
        if latest == self._summed_up:
            return
        photos, sidecars = self._store.date_journal.written_since(self._summed_up)
        self._summed_up = latest
        written = ((photos, "photos"), (sidecars, "sidecars"))
        parts = [
            f"{count} capture {'date' if count == 1 else 'dates'} into {where}" for count, where in written if count
        ]
        if parts:
            log.info("Wrote %s. To take back what was written: facewatchd dates undo", " and ".join(parts))

    def _mind_the_clock(self) -> None:
        """Where the clock was set, or a day has gone by, other dates may be in the future than before."""
        ahead, now = self._wall() - self._clock(), self._clock()
        if abs(ahead - self._ahead) > _CLOCK_STEP_S or now >= self._clock_due:
            self._by_clock = 0
            self._clock_due = now + _DAY_S
            self._held.clear()
        self._ahead = ahead

    def _due(self) -> list[DatedPhoto]:
        found = self._store.dates.due(self._sources.online(), _PHOTOS + len(self._held))
        return list(islice((photo for photo in found if photo.photo_id not in self._held), _PHOTOS))

    def _look_again(self) -> None:
        deadline = self._clock() + _PIECE_S
        done = []
        for photo in self._due():
            outcome = look_again(self._store, self._settings, photo, self._wall())
            if outcome is None:
                self._held.add(photo.photo_id)
            else:
                done.append(photo.photo_id)
                if outcome.said:
                    log.info("%s", outcome.said)
                self._tree.touch_people(outcome.scope)
            if self._clock() >= deadline:
                break
        if done:
            with self._store.transaction():
                self._store.dates.set_due(done, due=False)
