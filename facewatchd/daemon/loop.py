"""
The daemon's one loop: everything that happens is an event in one queue, and one thread, which owns the state, handles
them one by one. Scanning, watching, taking in and clustering run beside it and only post events.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable

from facewatchd.daemon.condition import Condition
from facewatchd.daemon.events import (
    Asked,
    Chore,
    Clustered,
    CoverCut,
    Due,
    Event,
    Hinted,
    Reread,
    Stop,
    Taken,
    TreeTouched,
)
from facewatchd.daemon.folders.scans import ScanEnd, ScanPart
from facewatchd.daemon.folders.sources import Sources
from facewatchd.daemon.grouping import Grouping
from facewatchd.daemon.intake.date_keeper import DateKeeper
from facewatchd.daemon.intake.intake import Intake
from facewatchd.daemon.once import refuse_unfinished
from facewatchd.daemon.pause import Pause
from facewatchd.daemon.process.older_state import tell_stacks
from facewatchd.daemon.process.service import notify, notify_reloading
from facewatchd.daemon.requests import InDaemon, Requests
from facewatchd.daemon.reread import Prepared
from facewatchd.daemon.steady import Steady
from facewatchd.daemon.tree.covers import CoverCutter
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.daemon.turns import TurnWatch, kind_of
from facewatchd.errors import FacewatchError, StoreFullError, displayable
from facewatchd.people.kept_pictures import KeptPictures
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import IsolatedReader
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.recovery import recover
from facewatchd.pipeline.grouping.regroup import regroup_settings
from facewatchd.pipeline.grouping.thresholds import thresholds_in_use
from facewatchd.pipeline.intake.limits import decode_limits
from facewatchd.pipeline.tree.materialize import TreeSettings
from facewatchd.store import Store

log = logging.getLogger(__name__)

# the loop looks around this often even when nothing happens
_PATIENCE_S = 2.0
# SIGTERM to exit takes at most 5 s; closing needs some of them
_LAST_PHOTOS_S = 3.5


class Daemon:
    """
    One run of the program.

    Args:
        prepared: What it works with; the state is made with these models.
        store: The state, opened by this thread.
        once: Take in everything that there is, recluster, materialize and end.
        read_again: Reads and prepares the configuration anew; None where nothing in it has changed.

    Attributes:
        successor: What the next run is to begin with, once `run` has ended because the configuration has changed.
    """

    def __init__(
        self,
        prepared: Prepared,
        store: Store,
        *,
        once: bool = False,
        read_again: Callable[[], Prepared | None] = lambda: None,
    ) -> None:
        config, engine, answers = prepared.config, prepared.engine, prepared.answers
        self._config, self._answers = config, answers
        self._read_again = read_again
        self.successor: Prepared | None = None
        self._store, self._model, self._once = store, engine.info, once
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thresholds = thresholds_in_use(config, store, engine.info)
        decoders, limits = Decoders(), decode_limits(config, engine.info.provider)
        # looks at changed photos before their dates are written
        self._checker = IsolatedReader(decoders)
        checker = self._checker.within(limits)
        dates = DateSettings.of(config, checker, answers)
        kept = KeptPictures(store.folder)
        self._covers = CoverCutter(decoders, limits, lambda owner: self.post(CoverCut(owner)), kept, answers)
        self._covers.calm = False
        self._tree = TreeKeeper(store, TreeSettings.of(config, answers), self._covers.cut)
        self._grouping = Grouping(
            store,
            engine.info.id,
            regroup_settings(config, self._thresholds),
            self._thresholds,
            config.recluster.when_new,
            config.recluster.max_moved,
            self.post,
        )
        self._sources = Sources(config, store, lambda root, hint: self.post(Hinted(root, hint)), self.post, answers)
        self._intake = Intake(
            config, dates, store, decoders, engine, self._thresholds, self._sources, self._tree, self.post
        )
        self.progress = self._intake.progress
        self._dates = DateKeeper(store, dates, self._sources, self._tree)
        self._pause, self._turns = Pause(), TurnWatch()
        self.condition = Condition(
            store, self._sources, self._intake, self._tree, self._grouping, self._pause, prepared.models_reason
        )
        self._context = InDaemon(
            config, store, checker, self._tree, self._grouping, self.condition.vitals, self._recalibrated, answers
        )
        self._requests = Requests(self._context)
        self._steady = Steady(answers, lambda: self._stopping)
        self._begun = self._ready = self._grouped_once = self._stopping = self._ended = False
        self.watch_tree: Callable[[], None] = lambda: None
        """Called now and then: the people tree may be there by now, and can be watched."""

    def post(self, event: Event) -> None:
        """Say that something happened; from any thread, and from a signal handler."""
        if isinstance(event, Stop):
            self._stopping = True
        self._events.put(event)
        if self._ended:
            self._refuse_waiting()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping

    def tree_is_watched(self) -> None:
        """Every change to the tree is going to be posted."""
        self._tree.is_watched()

    def run(self) -> None:
        """
        Work until `Stop`, until another configuration is to be used, or with `once` until everything is done.

        Raises:
            FacewatchError: The work cannot go on; or, with `once`, it was told to stop before the end, not a single photo
                folder could be read, the faces could not be grouped, or the state or the people tree not be written.
        """
        try:
            self._steady.run(self._work, self._left)
        finally:
            self._end()
        if self._once:
            refuse_unfinished(self._store, self._sources, self._grouping, self._tree, stopped=self._stopping)

    def _work(self) -> None:
        """All of it, in one thread; what is left of it, where that was left behind."""
        if not self._begun:
            self._begun = True
            recover(self._store, self._answers)
            if not self._store.photos.any_taken():
                self._intake.try_out()
            self._sources.start()
            notify("READY=1")
            tell_stacks(self._store, self._thresholds, lambda: self._stopping)
        while True:
            event = self._wait()
            if self._stopping:
                # at once, however much is before it in the queue
                if event is not None:
                    self._events.put(event)
                log.info("Stopping")
                break
            try:
                self._turn(event)
                if self.successor is not None:
                    return
                if self._once and self._is_done():
                    break
            except StoreFullError as error:
                if self._once:
                    raise  # whoever started it is told; nothing is lost, and the next run goes on from here
                self._pause.begin(error)

    def _left(self, thread: threading.Thread, event: Event | None) -> None:
        """A thread is left behind that waits for a file system: what it had in hand is dropped, and found again."""
        self._store.leave(thread)
        notify("READY=1")
        self._sources.left()
        self._tree.left()
        self._drop(event, "A file system stopped answering while this was done")
        self._events.put(Due(Chore.RESCAN))

    def _recalibrated(self) -> None:
        self._thresholds = thresholds_in_use(self._config, self._store, self._model)
        self._intake.thresholds = self._thresholds
        self._grouping.use(regroup_settings(self._config, self._thresholds), self._thresholds)

    # --- events

    def _turn(self, event: Event | None) -> None:
        """One event, and what is to be done where no other waits."""
        if silent := self._sources.look_out():
            self._intake.leave(silent)
            self._covers.leave()
        if self._pause.reason:
            self._turn_in_pause(event)
            return
        if event is not None:
            with self._turns.on(kind_of(event)):
                self._handle(event)
            self._steady.works()
        if event is None or self._events.empty():
            self._between()

    def _turn_in_pause(self, event: Event | None) -> None:
        """The state cannot be written. Nothing is begun; what is dropped here is found again by a scan afterwards."""
        if isinstance(event, Asked):
            self._requests.take_in_pause(event, self._pause.reason)
        elif isinstance(event, Reread):
            self._reread()
        else:
            self._drop(event, self._pause.reason)
        if self._pause.is_over(self._store):
            self._sources.scan_all()
            self._tree.touch(None)
        else:
            notify("WATCHDOG=1")

    def _drop(self, event: Event | None, why: str) -> None:
        """An event that is not to be handled."""
        if isinstance(event, Taken):
            self._intake.drop(event.seen)
        elif isinstance(event, Clustered):
            self._grouping.forget()
            self._context.regrouped(None, why)
        elif isinstance(event, Asked):
            self._requests.refuse(event, why)
        elif event == Due(Chore.RECLUSTER):
            self._grouping.wanted = True

    def _wait(self) -> Event | None:
        patience = self._patience()
        self._turns.end()
        self._steady.rests()
        event: Event | None = None
        with contextlib.suppress(queue.Empty):
            event = self._events.get(timeout=patience) if patience > 0 else self._events.get_nowait()
        self._steady.works(event)
        self._turns.begin()
        return event

    def _patience(self) -> float:
        """How long to wait for an event, seconds; 0 where there is something to do at once."""
        wall, monotonic = time.time(), time.monotonic()
        patience = _PATIENCE_S
        if self._pause.reason:
            # what is due would not be done
            return patience
        if self._ready and self._dates.is_busy:
            return 0.0
        if (due := self._intake.next_due(wall)) is not None:
            patience = min(patience, due - wall)
        if (due := self._tree.next_due()) is not None:
            patience = min(patience, due - monotonic)
        return patience

    def _handle(self, event: Event) -> None:
        match event:
            case Hinted(root, hint):
                self._intake.hinted(root, hint)
            case ScanPart():
                self._intake.scanned(event)
            case ScanEnd():
                self._scan_end(event)
            case Taken():
                self._taken(event)
            case Clustered():
                self._clustered(event)
            case Asked():
                self._requests.take(event)
            case Due(chore):
                self._do(chore)
            case TreeTouched(path):
                self._tree.touched(path)
            case CoverCut(owner):
                self._tree.covered(owner)
            case Reread():
                self._reread()
            case Stop():
                raise AssertionError("the loop ends before this")

    def _reread(self) -> None:
        notify_reloading()
        try:
            self.successor = self._read_again()
        except FacewatchError as error:
            refusal = f"The configuration was read again and refused, and the old one is kept: {error}"
            log.warning("%s", refusal)
            self.condition.refusal = refusal
        else:
            self.condition.refusal = ""
        if self.successor is None:
            notify("READY=1")

    def _scan_end(self, end: ScanEnd) -> None:
        if end.error is not None:
            log.warning("%s", end.error)
        self._sources.scanned(end)
        if not end.below and end.error is None:
            # its disk may be back
            self._cut_again(at_once=True)
        log.debug("Scanned %s in %.1f s", displayable(os.path.join(end.root.path, end.below)), end.seconds)

    def _taken(self, taken: Taken) -> None:
        if self._intake.taken(taken):
            self._grouping.grew()

    def _clustered(self, clustered: Clustered) -> None:
        regrouping = self._grouping.end(clustered)
        if regrouping is not None:
            self._tree.touch(None)
        self._context.regrouped(regrouping, self._grouping.problem, self._grouping.held)

    def _do(self, chore: Chore) -> None:
        match chore:
            case Chore.RESCAN:
                self._sources.scan_all()
            case Chore.POLL:
                self._sources.poll()
            case Chore.SUPERVISE:
                self._sources.supervise()
                self.watch_tree()
            case Chore.RECHECK:
                self._intake.recheck()
            case Chore.RETRY:
                self._cut_again()
                with self._store.transaction():
                    self._store.photos.retry(time.time())
            case Chore.RECLUSTER:
                self._grouping.wanted = True

    # --- between events

    def _between(self) -> None:
        with self._turns.on("files that settle"):
            self._intake.look_again()
        with self._turns.on("photos given out"):
            self._intake.give_out()
            idle = self.condition.is_idle
        if idle and self._intake.is_in_doubt():
            # fewer than would tell by themselves
            self._intake.end_doubt()
        with self._turns.on("capture dates"):
            self._dates.work()
            if idle and not self._dates.is_busy:
                self._dates.sum_up()
                self._checker.end_decoder()
        if idle:
            self._be_ready()
        with self._turns.on("grouping begun"):
            self._begin_grouping(idle=idle)
        self._be_calm(idle and not self._grouping.running)
        with self._turns.on("people tree"):
            self._tree.tend(idle=idle)
        with self._turns.on("figures"):
            self.progress.tell(self.condition.doing())
            self.condition.tell()

    def _begin_grouping(self, *, idle: bool) -> None:
        if idle and self._should_group():
            self._grouped_once = True
            self._grouping.start()
        elif not idle and self._grouping.wanted:
            self._grouping.start()

    def _cut_again(self, *, at_once: bool = False) -> None:
        for owner in self._covers.to_retry(at_once=at_once):
            self._tree.covered(owner)

    def _be_calm(self, calm: bool) -> None:
        """While photos stream in and faces are grouped, other faces are asked about every moment: no pictures of them yet."""
        if calm and not self._covers.calm:
            self._tree.look_for_pictures()
        self._covers.calm = calm

    def _should_group(self) -> bool:
        if self._grouping.running:
            return False
        return self._grouping.wanted or self._grouping.much_is_new() or (self._once and not self._grouped_once)

    def _is_done(self) -> bool:
        if self._pause.reason:
            return False
        is_busy = self._dates.is_busy or self._tree.is_busy or self._covers.busy or not self._events.empty()
        tree_is_done = not is_busy or self._tree.failure is not None
        return self.condition.is_idle and self._grouped_once and not self._grouping.running and tree_is_done

    def _be_ready(self) -> None:
        if not self._ready:
            self._ready = True
            if self._sources.leave_out():
                self._tree.touch(None)
            self.progress.end()
            log.info("Everything there is was taken in; %s", "done" if self._once else "watching for changes")

    def _end(self) -> None:
        """Finish the photos in hand, keep what they came to, and let go of everything."""
        if self.successor is None:
            notify("STOPPING=1")
        with contextlib.suppress(StoreFullError):
            self.condition.write(ended_at=time.time())
        self._grouping.stop()
        self._covers.stop()
        self._intake.stop(_LAST_PHOTOS_S)
        self._sources.stop()
        while not self._events.empty():
            event = self._events.get()
            if isinstance(event, Taken) and not self._pause.reason:
                with contextlib.suppress(StoreFullError):
                    self._taken(event)
            elif isinstance(event, Asked):
                self._requests.refuse(event, self._why_ended())
        self._context.give_up(self._why_ended())
        # a request may come until the socket is closed: it must not wait for an answer for ever
        self._ended = True
        self._refuse_waiting()
        self._dates.sum_up()
        self._checker.close()
        # links that are not made yet are made at the next start, which looks after the whole tree
        self.progress.end()

    def _why_ended(self) -> str:
        does = "is stopping" if self.successor is None else "is starting again with another configuration"
        return f"facewatchd {does}"

    def _refuse_waiting(self) -> None:
        """The loop has ended, and handles nothing that is still in the queue."""
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, Asked):
                    self._requests.refuse(event, self._why_ended())
