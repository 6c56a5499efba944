"""
The photos' way into the state: what the folders tell of them, whose turn it is, and what each came to.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection

from facewatchd.config import Config
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.tree.scope import Scope
from facewatchd.daemon.events import Event, Taken
from facewatchd.daemon.folders.scans import ScanPart
from facewatchd.daemon.folders.sources import Sources
from facewatchd.daemon.intake.backlog import Backlog
from facewatchd.daemon.intake.progress import Progress
from facewatchd.daemon.intake.trial import Trial
from facewatchd.daemon.intake.workers import Job, Workers
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.domain import FaceEngine, Root, RootId, SamePhoto, SeenFile, TakenPhoto
from facewatchd.errors import FacewatchError, PhotoBusyError, displayable
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.metadata.beside import is_beside_name
from facewatchd.pipeline.dates.batches import accompanied, arrived, spoken_of
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.intake.discover import Discovery
from facewatchd.pipeline.intake.ingest import fail, keep, keep_same, known_contents
from facewatchd.pipeline.intake.limits import decode_limits
from facewatchd.pipeline.intake.stacks import stand_down
from facewatchd.pipeline.selftest import try_out
from facewatchd.store import Store
from facewatchd.watch.hints import Hint, HintKind

log = logging.getLogger(__name__)


class Intake:
    """
    Belongs to the thread that owns the state.

    Args:
        config: Everything that can be set.
        dates: What may be done about capture dates.
        store: The state.
        decoders: Decode the photos.
        engine: The face models.
        thresholds: Of the assignment of new faces.
        sources: The photo folders.
        tree: Is told whose folders change.
        post: Called in a worker's thread for each photo that it is done with.
    """

    def __init__(
        self,
        config: Config,
        dates: DateSettings,
        store: Store,
        decoders: Decoders,
        engine: FaceEngine,
        thresholds: Thresholds,
        sources: Sources,
        tree: TreeKeeper,
        post: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._model = engine.info
        self._dates = dates
        self.thresholds = thresholds
        self._sources = sources
        self._tree = tree
        self._discovery = Discovery(
            store, sources.roots, config.watch.settle_s, config.watch.settle_open_s, sources.trusted, sources.away
        )
        self._workers = Workers.of(config, decoders, engine, sources.roots, post, sources.away)
        self._backlog = Backlog(store, self._discovery, sources, 2 * self._workers.count)
        self.progress = Progress(self._backlog.pending)
        self._doubts: dict[RootId, str] = {}
        self._decoders, self._limits, self._engine = decoders, decode_limits(config, engine.info.provider), engine
        self._trial = Trial()

    @property
    def is_empty(self) -> bool:
        """Whether no photo waits for its turn, or is being looked at."""
        return self._backlog.is_empty()

    @property
    def is_settling(self) -> bool:
        """Whether a new file may be incomplete yet."""
        return self._discovery.settling()

    @property
    def doubts(self) -> list[str]:
        """Why photos that are not seen are not believed to be gone, and why none could be read."""
        return [doubt for doubt in (*self._doubts.values(), self._trial.problem) if doubt]

    def next_due(self, now: float) -> float | None:
        """When to call `look_again`, seconds since 1970; None while no file is waited for."""
        return self._discovery.next_due(now)

    def stop(self, patience_s: float) -> None:
        """Let the photos in hand come to an end for so long; what they came to is posted."""
        self._workers.stop(patience_s)

    # --- what the folders tell

    def hinted(self, root: Root, hint: Hint) -> None:
        """A watcher heard of something."""
        if root.root_id in self._sources.away:
            return
        path = os.path.relpath(hint.path, root.path) if hint.path != root.path else b""
        if is_beside_name(path) and hint.kind is not HintKind.FOLDER:
            self._look_beside(root, path, closed=hint.closed)
        if hint.kind is HintKind.FILE:
            self._look_at(root, path, closed=hint.closed)
            if self._discovery.is_link_instead(root, path):
                self._sources.explain(root, path)
        elif hint.kind is HintKind.FOLDER:
            self._sources.scan(root, path)
        elif path:
            with self._store.transaction():
                self._discovery.went(root, path, time.time())
        else:
            self._sources.supervise()

    def scanned(self, part: ScanPart) -> None:
        """A scan found differences."""
        if part.root.root_id in self._sources.away:
            return
        now = time.time()
        with self._store.transaction():
            for seen in part.difference.files:
                # what is settled is marked in the state, and has its turn after the arrivals
                _, scope = self._discovery.see(seen, closed=False, now=now)
                self._tree.touch_people(scope)
            self._discovery.missed(part.root, part.difference.missing, now)
        for path in part.difference.beside:
            self._look_beside(part.root, path, closed=False)

    def look_again(self) -> None:
        """Look at the files that may be complete by now."""
        for root, path in self._discovery.due(time.time()):
            if root.root_id in self._sources.away:
                self._discovery.forget(root, path)
                continue
            look_at = self._look_beside if is_beside_name(path) else self._look_at
            look_at(root, path, closed=False)

    def recheck(self) -> None:
        """Look once more for photos that were not seen; believe that they are gone, or say why not."""
        for status in self._sources.statuses():
            root = self._sources.at(status.path)
            if root.root_id in self._sources.away:
                continue
            with self._store.transaction():
                found = self._discovery.recheck(root, status.health, time.time())
            self._tree.touch_people(found.scope)
            for path in found.hidden:
                self._sources.explain(root, path)
            doubt = found.doubt
            if doubt and doubt != self._doubts.get(root.root_id):
                log.warning("%s: %s", displayable(root.path), doubt)
            self._doubts[root.root_id] = doubt

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

    def leave(self, silent: Collection[RootId]) -> None:
        """These roots do not answer: the photos in hand there are taken in when they do, and nobody waits for them."""
        for seen in self._backlog.leave(silent):
            self.progress.ended(seen)
        self._workers.leave(silent)

    # --- what the photos come to

    def give_out(self) -> None:
        """Give the workers the photos whose turn it is."""
        for seen in self._backlog.next():
            is_copy = self._backlog.is_for_itself(seen)
            known = frozenset[bytes]() if is_copy else known_contents(self._store, seen, self._model.id)
            self._workers.submit(Job(seen, known, self._store.quarantine.reasons()))
            self.progress.began(seen)

    def drop(self, seen: SeenFile) -> None:
        """Whatever a photo came to: it is found again by a scan."""
        self._backlog.ended(seen)
        self.progress.ended(seen)

    def taken(self, end: Taken) -> bool:
        """
        Keep what a photo came to.

        Returns:
            Whether its faces are new.

        Raises:
            FacewatchError: No photo so far could be read, for a reason that is not theirs.
        """
        seen = end.seen
        self.drop(seen)
        if seen.root_id in self._sources.away:
            return False
        if not self._backlog.is_wanted(seen):
            # the file changed, or went, while it was looked into: what is there now has its own turn
            return False
        # it stays pending while it is held back; a failure that is passed on is stored, and so comes no more either
        known = self._trial.pass_on(end)
        if not any(each is end for each in known):
            self._backlog.set_aside(seen)
        are_new = [self._keep(each) for each in known]
        return any(are_new)

    def is_in_doubt(self) -> bool:
        """Whether photos are held back that ended their decoder, as no other has shown yet that decoders work."""
        return self._trial.is_open

    def try_out(self) -> None:
        """
        Decode a picture of ours, and look for faces in it.

        Raises:
            FacewatchError: It did not go well, and so would no photo.
        """
        try:
            try_out(self._decoders, self._limits, self._engine)
        except FacewatchError as error:
            self._trial.problem = str(error)
            raise

    def end_doubt(self) -> None:
        """
        What was held back is the photos' own fault where a picture of ours can be decoded.

        Raises:
            FacewatchError: As `try_out`.
        """
        self.try_out()
        for each in self._trial.sound():
            self._keep(each)

    def _kept(self, taken: TakenPhoto) -> Scope:
        return keep(self._store, taken, self._model.id, self._model.dim, self.thresholds, self._sources.away)

    def _keep(self, end: Taken) -> bool:
        """
        Store what a photo came to.

        Returns:
            Whether its faces are new.
        """
        seen, result = end.seen, end.result
        if isinstance(result, TakenPhoto):
            self._tree.touch_people(self._kept(result))
            self._tree.touch_people(arrived(self._store, self._dates, seen, time.time()))
            self.progress.took(len(result.faces), end.seconds)
            return True
        if isinstance(result, SamePhoto):
            scope = keep_same(self._store, result, self.thresholds, self._sources.away)
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
            root = self._sources.roots[seen.root_id]
            if (closed := self._discovery.hidden_at(root, seen.path)) is not None:
                # when its folder is open again it is tried again
                self._sources.explain(root, closed)
            self.progress.took(0, end.seconds)
        return False
