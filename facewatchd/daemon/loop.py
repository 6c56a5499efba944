"""
The daemon's one loop: everything that happens is an event in one queue, and one thread, which owns the state, handles
them one by one. Scanning, watching, taking in and clustering run beside it and only post events.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import time
from collections.abc import Callable

from facewatchd.config import Config
from facewatchd.daemon.backlog import Backlog
from facewatchd.daemon.covers import CoverCutter
from facewatchd.daemon.events import Asked, Chore, Clustered, CoverCut, Due, Event, Hinted, Stop, Taken, TreeTouched
from facewatchd.daemon.grouping import Grouping
from facewatchd.daemon.older_state import tell_stacks
from facewatchd.daemon.pause import Pause
from facewatchd.daemon.progress import Progress
from facewatchd.daemon.requests import Requests
from facewatchd.daemon.scans import ScanEnd, ScanPart
from facewatchd.daemon.service import notify
from facewatchd.daemon.sources import Sources
from facewatchd.daemon.tree_keeper import TreeKeeper
from facewatchd.daemon.vitals import Vitals, progress_entry, root_entry
from facewatchd.daemon.workers import Job, Workers
from facewatchd.domain import FaceEngine, Health, Root, SamePhoto, SeenFile, TakenPhoto
from facewatchd.errors import FacewatchError, PhotoBusyError, PhotoError, StoreFullError, displayable
from facewatchd.photos.beside import is_beside_name
from facewatchd.pipeline.date_batches import accompanied, arrived, spoken_of
from facewatchd.pipeline.date_recovery import recover
from facewatchd.pipeline.dates import DateSettings
from facewatchd.pipeline.discover import Discovery
from facewatchd.pipeline.ingest import fail, keep, keep_same, known_contents
from facewatchd.pipeline.materialize import TreeSettings
from facewatchd.pipeline.regroup import regroup_settings
from facewatchd.pipeline.stacks import stand_down
from facewatchd.pipeline.thresholds import thresholds_in_use
from facewatchd.store import Store
from facewatchd.watch.hints import HintKind

log = logging.getLogger(__name__)

# the loop looks around this often even when nothing happens
_PATIENCE_S = 2.0
_VITALS_S = 2.0
# SIGTERM to exit takes at most 5 s; closing needs some of them
_LAST_PHOTOS_S = 3.5


class Daemon:
    """
    One run of the program.

    Args:
        config: Everything that can be set.
        store: The state, opened by this thread.
        engine: The face models; the state is made with them.
        models_reason: Why these models, for `status`; empty where the user asked for them.
        once: Take in everything that there is, recluster, materialize and end.
    """

    def __init__(
        self, config: Config, store: Store, engine: FaceEngine, models_reason: str = "", *, once: bool = False
    ) -> None:
        self._store = store
        self._engine = engine
        self._once = once
        self._models_reason = models_reason
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._config = config
        self._thresholds = thresholds_in_use(config, store, engine.info)
        self._covers = CoverCutter(config.ingest.max_megapixels, lambda owner: self.post(CoverCut(owner)))
        self._tree = TreeKeeper(store, TreeSettings.of(config), self._covers.cut)
        self._grouping = Grouping(
            store,
            engine.info.id,
            regroup_settings(config, self._thresholds),
            self._thresholds,
            config.recluster.when_new,
            config.recluster.max_moved,
            self.post,
        )
        self._sources = Sources(config, store, lambda root, hint: self.post(Hinted(root, hint)), self.post)
        self._discovery = Discovery(
            store, self._sources.roots, config.watch.settle_s, config.watch.settle_open_s, self._sources.trusted
        )
        self._workers = Workers.of(
            config, engine, self._sources.roots, lambda seen, result: self.post(Taken(seen, result))
        )
        self._backlog = Backlog(store, self._discovery, self._sources, 2 * self._workers.count)
        self._dates = DateSettings.of(config)
        self._requests = Requests(store, self._tree, self._grouping, self.vitals, self._dates, self._recalibrated)
        self.progress = Progress(self._backlog.pending)
        self._pause = Pause()
        self._doubts: dict[int, str] = {}
        self._stopping = False
        self._ready = False
        self._grouped_once = False
        self._vitals = Vitals()
        self._vitals_at = 0.0
        self.next_recluster: Callable[[], float | None] = lambda: None

    def post(self, event: Event) -> None:
        """Say that something happened; from any thread, and from a signal handler."""
        if isinstance(event, Stop):
            self._stopping = True
        self._events.put(event)

    def tree_is_watched(self) -> None:
        """Every change to the tree is going to be posted."""
        self._tree.is_watched()

    def run(self) -> None:
        """
        Work until `Stop`, or with `once` until everything is done.

        Raises:
            FacewatchError: The work cannot go on; or, with `once`, not a single photo folder could be read, the faces
                could not be grouped, or the state or the people tree not be written.
        """
        try:
            recover(self._store)
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
                    return
                try:
                    self._turn(event)
                    if self._once and self._is_done():
                        break
                except StoreFullError as error:
                    if self._once:
                        raise  # whoever started it is told; nothing is lost, and the next run goes on from here
                    self._pause.begin(error)
        finally:
            self._end()
        if not self._sources.online():
            status = self._sources.statuses()[0]
            raise FacewatchError("No photo folder can be read", status.reason, status.path)
        if self._grouping.problem:
            raise FacewatchError("The faces were not grouped", self._grouping.problem)
        if self._tree.failure is not None:
            raise self._tree.failure

    def _recalibrated(self) -> None:
        self._thresholds = thresholds_in_use(self._config, self._store, self._engine.info)
        self._grouping.use(regroup_settings(self._config, self._thresholds), self._thresholds)

    # --- events

    def _turn(self, event: Event | None) -> None:
        """One event, and what is to be done where no other waits."""
        if self._pause.reason:
            self._turn_in_pause(event)
            return
        if event is not None:
            self._handle(event)
        if event is None or self._events.empty():
            self._between()

    def _turn_in_pause(self, event: Event | None) -> None:
        """The state cannot be written. Nothing is begun; what is dropped here is found again by a scan afterwards."""
        if isinstance(event, Taken):
            self._backlog.ended(event.seen)
            self.progress.ended(event.seen)
        elif isinstance(event, Clustered):
            self._grouping.forget()
            self._requests.grouped(None, self._pause.reason)
        elif isinstance(event, Asked):
            self._requests.take_in_pause(event, self._pause.reason)
        if self._pause.is_over(self._store):
            self._sources.scan_all()
            self._tree.touch(None)
        else:
            notify("WATCHDOG=1")

    def _wait(self) -> Event | None:
        wall, monotonic = time.time(), time.monotonic()
        patience = _PATIENCE_S
        if self._pause.reason:
            # nobody would serve what is due
            return self._next_event(patience)
        if (due := self._discovery.next_due(wall)) is not None:
            patience = min(patience, due - wall)
        if (due := self._tree.next_due()) is not None:
            patience = min(patience, due - monotonic)
        return self._next_event(patience)

    def _next_event(self, patience: float) -> Event | None:
        try:
            return self._events.get(timeout=patience) if patience > 0 else self._events.get_nowait()
        except queue.Empty:
            return None

    def _handle(self, event: Event) -> None:
        match event:
            case Hinted(root, hint):
                path = os.path.relpath(hint.path, root.path) if hint.path != root.path else b""
                self._hinted(root, path, hint.kind, closed=hint.closed)
            case ScanPart():
                self._scan_part(event)
            case ScanEnd():
                self._scan_end(event)
            case Taken(seen, result):
                self._taken(seen, result)
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
            case Stop():
                raise AssertionError("the loop ends before this")

    def _hinted(self, root: Root, path: bytes, kind: HintKind, *, closed: bool) -> None:
        if is_beside_name(path) and kind is not HintKind.FOLDER:
            self._look_beside(root, path, closed=closed)
        if kind is HintKind.FILE:
            self._look_at(root, path, closed=closed)
        elif kind is HintKind.FOLDER:
            self._sources.scan(root, path)
        elif path:
            with self._store.transaction():
                self._discovery.went(root, path, time.time())
        else:
            self._sources.supervise()

    def _look_at(self, root: Root, path: bytes, *, closed: bool, again: bool = False) -> None:
        with self._store.transaction():
            settled, scope = self._discovery.look_at(root, path, closed=closed, now=time.time(), again=again)
        self._tree.touch_people(scope)
        if settled is not None:
            self._backlog.arrived(settled)

    def _look_beside(self, root: Root, path: bytes, *, closed: bool) -> None:
        """A file that may speak of a photo's date has come, changed or gone."""
        now = time.time()
        if not spoken_of(self._store, root, path):
            self._discovery.forget(root, path)
        elif self._discovery.is_settled(root, path, closed=closed, now=now):
            self._tree.touch_people(accompanied(self._store, self._dates, root, path, now))

    def _scan_part(self, part: ScanPart) -> None:
        now = time.time()
        for path, problem in part.difference.problems:
            log.warning("%s: %s", displayable(path), problem)
        with self._store.transaction():
            for seen in part.difference.files:
                # what is settled is marked in the state, and has its turn after the arrivals
                _, scope = self._discovery.see(seen, closed=False, now=now)
                self._tree.touch_people(scope)
            self._store.photos.absent(part.difference.missing, now, 1)
        for path in part.difference.beside:
            self._look_beside(part.root, path, closed=False)

    def _scan_end(self, end: ScanEnd) -> None:
        if end.error is not None:
            log.warning("%s", end.error)
        self._sources.scanned(end)
        log.debug("Scanned %s in %.1f s", displayable(os.path.join(end.root.path, end.below)), end.seconds)

    def _taken(self, seen: SeenFile, result: TakenPhoto | SamePhoto | PhotoError) -> None:
        self._backlog.ended(seen)
        self.progress.ended(seen)
        if not self._backlog.is_wanted(seen):
            # the file changed, or went, while it was looked into: what is there now has its own turn
            return
        if isinstance(result, TakenPhoto):
            info = self._engine.info
            self._tree.touch_people(keep(self._store, result, info.id, info.dim, self._thresholds))
            self._tree.touch_people(arrived(self._store, self._dates, seen, time.time()))
            self.progress.took(len(result.faces))
            self._grouping.grew()
        elif isinstance(result, SamePhoto):
            scope = keep_same(self._store, result, self._thresholds)
            if scope is None:
                # the picture has turned up where it was: this is another copy
                self._backlog.take_for_itself(seen)
            else:
                self._tree.touch_people(scope | arrived(self._store, self._dates, seen, time.time()))
        elif isinstance(result, PhotoBusyError) and self._backlog.may_retry(seen):
            log.debug("%s", result)
            self._look_at(self._sources.roots[seen.root_id], seen.path, closed=False, again=True)
        else:
            log.warning("%s", result)
            with self._store.transaction():
                fail(self._store, seen, result, time.time())
                self._tree.touch_people(stand_down(self._store, seen))
            self.progress.took(0)

    def _clustered(self, clustered: Clustered) -> None:
        regrouping = self._grouping.end(clustered)
        if regrouping is not None:
            self._tree.touch(None)
        self._requests.grouped(regrouping, self._grouping.problem, self._grouping.held)

    def _do(self, chore: Chore) -> None:
        match chore:
            case Chore.RESCAN:
                self._sources.scan_all()
            case Chore.POLL:
                self._sources.poll()
            case Chore.SUPERVISE:
                self._sources.supervise()
            case Chore.RECHECK:
                self._recheck()
            case Chore.RETRY:
                with self._store.transaction():
                    self._store.photos.retry(time.time())
            case Chore.RECLUSTER:
                self._grouping.wanted = True

    def _recheck(self) -> None:
        """Look once more for photos that were not seen; believe that they are gone, or say why not."""
        for status in self._sources.statuses():
            root = self._sources.at(status.path)
            with self._store.transaction():
                scope, doubt = self._discovery.recheck(root, status.health, time.time())
            self._tree.touch_people(scope)
            if doubt and doubt != self._doubts.get(root.root_id):
                log.warning("%s: %s", displayable(root.path), doubt)
            self._doubts[root.root_id] = doubt

    # --- between events

    def _between(self) -> None:
        for root, path in self._discovery.due(time.time()):
            look_at = self._look_beside if is_beside_name(path) else self._look_at
            look_at(root, path, closed=False)
        for seen in self._backlog.next():
            is_copy = self._backlog.is_for_itself(seen)
            known = frozenset[bytes]() if is_copy else known_contents(self._store, seen, self._engine.info.id)
            self._workers.submit(Job(seen, known, self._store.quarantine.reasons()))
            self.progress.began(seen)
        idle = self._is_idle()
        if idle:
            self._be_ready()
            if self._should_group():
                self._grouped_once = True
                self._grouping.start()
        elif self._grouping.wanted:
            self._grouping.start()
        self._tree.tend(idle=idle)
        self.progress.tell(self._doing())
        self._tell()

    def _is_idle(self) -> bool:
        return self._backlog.is_empty() and not self._discovery.settling() and not self._sources.scanning

    def _should_group(self) -> bool:
        if self._grouping.running:
            return False
        return self._grouping.wanted or self._grouping.much_is_new() or (self._once and not self._grouped_once)

    def _is_done(self) -> bool:
        if self._pause.reason:
            return False
        is_due = self._tree.next_due() is not None or self._covers.busy or not self._events.empty()
        tree_is_done = not is_due or self._tree.failure is not None
        return self._is_idle() and self._grouped_once and not self._grouping.running and tree_is_done

    def _be_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self.progress.end()
            log.info("Everything there is was taken in; %s", "done" if self._once else "watching for changes")

    def _doing(self) -> str:
        """What is being done, in a few words."""
        if self._pause.reason:
            return "waiting for space"
        if not self._backlog.is_empty():
            return "taking in photos"
        if self._sources.scanning:
            return "looking through the folders"
        if self._discovery.settling():
            return "waiting until new files are complete"
        if self._grouping.running:
            return "grouping the faces"
        return "making links" if self._tree.next_due() is not None else "watching for changes"

    def _tell(self) -> None:
        """Write down how things are, where that changed, and tell the service manager that work goes on."""
        now = time.monotonic()
        if now - self._vitals_at < _VITALS_S:
            return
        self._vitals_at = now
        notify("WATCHDOG=1")
        self._write_vitals()

    def vitals(self) -> Vitals:
        """How things are now, and how far the work has come."""
        return self._condition().model_copy(update={"progress": progress_entry(self.progress.figures(self._doing()))})

    def _condition(self) -> Vitals:
        """How things are now; found out every few seconds, so that nothing is counted for it."""
        statuses = self._sources.statuses()
        blocked = [f"{displayable(s.path)}: {s.reason}" for s in statuses if s.health is not Health.ONLINE]
        blocked += [doubt for doubt in self._doubts.values() if doubt]
        blocked += [problem for problem in (self._tree.problem, self._tree.notice, self._grouping.problem) if problem]
        if self._pause.reason:
            blocked.append(self._pause.reason)
        return Vitals(
            roots=tuple(root_entry(status) for status in statuses),
            next_recluster=self.next_recluster(),
            blocked=tuple(blocked),
            models=self._models_reason,
        )

    def _write_vitals(self) -> None:
        vitals = self._condition()
        if vitals != self._vitals:
            with self._store.transaction():
                self._store.set_vitals(vitals.model_dump_json())
            self._vitals = vitals

    def _end(self) -> None:
        """Finish the photos in hand, keep what they came to, and let go of everything."""
        notify("STOPPING=1")
        with contextlib.suppress(StoreFullError):
            self._write_vitals()
        self._grouping.stop()
        self._covers.stop()
        self._workers.stop(_LAST_PHOTOS_S)
        self._sources.stop()
        while not self._events.empty():
            event = self._events.get()
            if isinstance(event, Taken) and not self._pause.reason:
                with contextlib.suppress(StoreFullError):
                    self._taken(event.seen, event.result)
            elif isinstance(event, Asked):
                self._requests.refuse(event, "facewatchd is stopping")
        self._requests.give_up()
        # links that are not made yet are made at the next start, which looks after the whole tree
        self.progress.end()
