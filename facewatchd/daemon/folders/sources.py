"""
The photo folders as the daemon sees them: which there are, whether they are there, and who watches and scans them.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from facewatchd.config import Config
from facewatchd.daemon.folders.scans import ScanEnd, ScanPart, Scans
from facewatchd.daemon.troubles import Troubles
from facewatchd.domain import Health, Root, RootId, RootStatus, WatchMode
from facewatchd.errors import displayable
from facewatchd.pipeline.intake.roots import SAMPLE, leave_out, settle_roots, unwatched
from facewatchd.store import Store
from facewatchd.watch.answering import Answers
from facewatchd.watch.hints import Hint
from facewatchd.watch.mounts import Mount, mounts_in, read_mounts, trusts_ctime, watch_mode
from facewatchd.watch.roots import RootCheck, RootIdentity, check_root, excluded_in
from facewatchd.watch.watcher import Watcher
from facewatchd.watch.ways import why_closed

log = logging.getLogger(__name__)

_MOST_FAILED_SCANS = 3

_LOOK_OUT_S = 1.0
"""So often, and before anything is done in them, folders that others serve are asked whether they answer."""


class Sources:
    """
    All roots with their watchers, and the scanning thread. Belongs to the thread that owns the state.

    Args:
        config: Which folders, and how to watch them.
        store: The state.
        on_hint: Called in a watcher's thread.
        on_scan: Called in the scanning thread.
        answers: Tells whether the file systems answer.

    Attributes:
        roots: All of them.
        trusted: Roots with ctimes that no program can set.
        away: Roots that do not answer now. Nothing may be touched in them, since that may wait for ever; what is told of them is
            dropped, as they are scanned when they answer again.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        on_hint: Callable[[Root, Hint], None],
        on_scan: Callable[[ScanPart | ScanEnd], None],
        answers: Answers | None = None,
    ) -> None:
        self._answers = Answers() if answers is None else answers
        self._config = config
        self._store = store
        self._on_hint = on_hint
        paths = [self._answers.real_path(os.fsencode(path)) for path in config.photos]
        roots = settle_roots(store, paths, self._answers)
        self._unwatched = unwatched(store)
        self.roots: dict[RootId, Root] = {root.root_id: root for root in roots}
        self.trusted: set[RootId] = set()
        self.away: set[RootId] = set()
        self._looked_out = float("-inf")
        self._modes: dict[RootId, WatchMode] = {}
        for root in roots:
            self._choose_mode(root)
        self._troubles = {root.root_id: Troubles(root) for root in roots}
        self._mounts: dict[RootId, Counter[Mount]] = {}
        self._checks: dict[RootId, RootCheck] = {}
        self._watchers: dict[RootId, Watcher] = {}
        self._own = [os.fsencode(path) for path in (config.people.dir, config.state.dir, config.models.root)]
        self._on_scan = on_scan
        self._scans: Scans | None = None
        self._unscanned: set[RootId] = set()
        self._failed_scans: Counter[RootId] = Counter()

    def start(self) -> None:
        """Watch all roots that are there, then scan them; in this order nothing slips in between."""
        self._scans = Scans(Path(self._config.state.dir), self._excluded, self._on_scan, self._answers)
        for root in self.roots.values():
            self._unscanned.add(root.root_id)
            self._take_up(root)

    def stop(self) -> None:
        for watcher in self._watchers.values():
            watcher.stop()
        self._watchers.clear()
        if self._scans is not None:
            self._scans.stop()

    @property
    def scanning(self) -> bool:
        """Whether a root that is there has not been scanned to its end yet since it was taken up."""
        return any(self.is_online(root_id) for root_id in self._unscanned)

    def at(self, path: bytes) -> Root:
        """The root with this path."""
        return next(root for root in self.roots.values() if root.path == path)

    def is_online(self, root_id: RootId) -> bool:
        check = self._checks.get(root_id)
        return check is not None and check.health is Health.ONLINE and root_id not in self.away

    def online(self) -> list[RootId]:
        """Roots whose photos can be read."""
        return [root_id for root_id in self.roots if self.is_online(root_id)]

    def look_out(self) -> frozenset[RootId]:
        """
        Ask the roots whether they answer; to be called before anything is touched in them.

        Returns:
            Those that have stopped answering.
        """
        if time.monotonic() - self._looked_out < _LOOK_OUT_S:
            return frozenset()
        before = {*self.away}
        for root_id, root in self.roots.items():
            if self._answers.answers(root.path, inside=True):
                if root_id in self.away:
                    self.away.discard(root_id)
                    self._take_up(root)
                continue
            self.away.add(root_id)
            if self._scans is not None:
                self._scans.leave(root)
            silence = self._answers.silence(root.path, inside=True)
            if silence and (root_id not in self._checks or self._checks[root_id].health is Health.ONLINE):
                self._found(root, _away(silence))
        self._looked_out = time.monotonic()
        return frozenset(self.away - before)

    def left(self) -> None:
        """A thread that was at work here is left behind: something does not answer any more."""
        self._looked_out = float("-inf")

    def scan(self, root: Root, below: bytes = b"") -> None:
        """Have a root, or a folder in it, scanned soon."""
        if self._scans is not None:
            self._scans.request(root, below)

    def scan_all(self) -> None:
        for root in self.roots.values():
            self.scan(root)

    def poll(self) -> None:
        """Scan the roots about which the watchers do not tell everything."""
        for root_id, root in self.roots.items():
            watcher = self._watchers.get(root_id)
            if watcher is None or not watcher.tells_everything():
                self.scan(root)

    def explain(self, root: Root, path: bytes) -> None:
        """Nothing can be said of photos at a path: have it said why."""
        if path not in self._troubles[root.root_id]:
            self.scan(root, path)

    def supervise(self) -> None:
        """
        Take up roots that came back, let go of those that went; look at what was closed and is open again, and where
        something else is mounted than before.
        """
        mounts = read_mounts()
        for root in self.roots.values():
            if root.root_id in self.away:
                continue
            watcher = self._watchers.get(root.root_id)
            if not self.is_online(root.root_id) or watcher is None or watcher.lost:
                self._take_up(root)
            # a network share is asked by the thread that scans, for the answer may be long in coming
            elif self._modes[root.root_id] is WatchMode.INOTIFY:
                if why_closed(root.path):
                    self._take_up(root)
                else:
                    self._look_at_mounts(root, watcher, mounts)
                    self._look_at_troubles(root, watcher)

    def _look_at_mounts(self, root: Root, watcher: Watcher, mounts: Sequence[Mount]) -> None:
        """The kernel says that something was unmounted, and never that something was mounted."""
        inside = Counter(mounts_in(root.path, mounts))
        before, self._mounts[root.root_id] = self._mounts.get(root.root_id, inside), inside
        for mount in (inside - before) + (before - inside):
            watcher.renew(mount.point)
            self.scan(root, os.path.relpath(mount.point, root.path))

    def _look_at_troubles(self, root: Root, watcher: Watcher) -> None:
        troubles = self._troubles[root.root_id]
        # their photos may have been found elsewhere
        troubles.forget([path for path in troubles.links() if not self._store.photos.are_in(root.root_id, path)])
        for path in troubles.changed():
            self.scan(root, path)
        for folder in watcher.closed():
            if not why_closed(folder):
                watcher.again(folder)
                self.scan(root, os.path.relpath(folder, root.path) if folder != root.path else b"")

    def scanned(self, end: ScanEnd) -> None:
        """A scan is over. One that failed is tried again; after some failures the rest of the work waits no longer."""
        root_id = end.root.root_id
        if end.check is None:
            self._failed_scans[root_id] += 1
            if self._failed_scans[root_id] < _MOST_FAILED_SCANS:
                self.scan(end.root, end.below)
            else:
                self._unscanned.discard(root_id)
            return
        self._failed_scans[root_id] = 0
        self._found(end.root, end.check)
        if root_id in self.away:
            return
        if end.problems is not None:
            opened = self._troubles[root_id].scanned(end.below, end.problems)
            with self._store.transaction():
                for path in opened:
                    self._store.photos.retry_in(root_id, path)
        if not end.below and end.check.health is Health.ONLINE:
            self._unscanned.discard(end.root.root_id)
            if end.root.root_id in self._watchers:
                self._watchers[end.root.root_id].rescanned()

    def leave_out(self) -> bool:
        """
        Show no more what is known of folders that are not configured, once everything that is was looked through: until
        then it may turn up there.

        Returns:
            Whether there was something.
        """
        # one that was never there may be a link on a disk that is not mounted, to any folder that is known
        are_known = all(
            self._store.roots.identity(root_id) or (root_id not in self.away and os.path.isdir(root.path))
            for root_id, root in self.roots.items()
        )
        return are_known and leave_out(self._store, self._unwatched)

    def statuses(self) -> list[RootStatus]:
        """How each root fares: what is wrong with the folder itself goes before what is wrong with watching it."""
        return [self._status(root) for root in self.roots.values()]

    def blocked(self) -> list[str]:
        """What is wrong with the roots, and with folders in them, a sentence each with what to do."""
        said = []
        for root_id, root in self.roots.items():
            status, troubles = self._status(root), self._troubles[root_id].sentences()
            if status.health is not Health.ONLINE and status.reason not in troubles:
                said.append(f"{displayable(root.path)}: {status.reason}")
            if status.health is not Health.OFFLINE:
                said += troubles
        return said

    def _status(self, root: Root) -> RootStatus:
        mode, check = self._modes[root.root_id], self._checks.get(root.root_id)
        if root.root_id in self.away and (check is None or check.health is Health.ONLINE):
            check = _away(self._answers.why_not(root.path, inside=True))
        if check is not None and check.health is not Health.ONLINE:
            return RootStatus(root.path, mode, check.health, check.reason)
        watcher = self._watchers.get(root.root_id)
        if watcher is None:
            return RootStatus(root.path, mode, Health.DEGRADED, "It has not been looked at yet.")
        if self._troubles[root.root_id] and watcher.tells_what_it_can():
            return RootStatus(root.path, mode, Health.DEGRADED, self._troubles[root.root_id].sentences()[0])
        return watcher.status()

    def _choose_mode(self, root: Root) -> None:
        """How to watch a root, by what is mounted there now."""
        mounts = read_mounts()
        chosen = self._config.watch.mode
        self._modes[root.root_id] = watch_mode(root.path, mounts) if chosen == "auto" else WatchMode(chosen)
        if trusts_ctime(root.path, mounts):
            self.trusted.add(root.root_id)
        else:
            self.trusted.discard(root.root_id)

    def _take_up(self, root: Root) -> None:
        """Look whether a root is there; if so watch it and scan it."""
        if not self._answers.answers(root.path, inside=True):
            self.away.add(root.root_id)
            self._found(root, _away(self._answers.why_not(root.path, inside=True)))
            return
        recorded = self._store.roots.identity(root.root_id)
        check = check_root(
            root, RootIdentity(*recorded) if recorded else None, self._store.photos.sample(root.root_id, SAMPLE)
        )
        self._found(root, check)
        self._choose_mode(root)
        if root.root_id in self._watchers:
            self._watchers.pop(root.root_id).stop()
        if check.health is not Health.ONLINE:
            return
        watcher = Watcher(root, self._modes[root.root_id], self._excluded(root), lambda hint: self._on_hint(root, hint))
        self._mounts[root.root_id] = Counter(mounts_in(root.path, read_mounts()))
        watcher.start()
        self._watchers[root.root_id] = watcher
        self._unscanned.add(root.root_id)
        self.scan(root)

    def _found(self, root: Root, check: RootCheck) -> None:
        before = self._checks.get(root.root_id)
        self._checks[root.root_id] = check
        if check.identity is not None:
            now = (check.identity.device, check.identity.inode)
            if self._store.roots.identity(root.root_id) != now:
                with self._store.transaction():
                    self._store.roots.set_identity(root.root_id, *now)
        if before is None or before.health is not check.health:
            if check.health is Health.ONLINE:
                if before is not None:
                    with self._store.transaction():
                        self._store.photos.retry_in(root.root_id)
                log.info("Photos in %s", displayable(root.path))
            else:
                log.warning("%s is %s: %s", displayable(root.path), check.health, check.reason)

    def _excluded(self, root: Root) -> frozenset[bytes]:
        return excluded_in(root, self._own, self._answers.real_path)


def _away(why: str) -> RootCheck:
    """A root that does not answer."""
    return RootCheck(Health.OFFLINE, f"{why} The photos in it are kept, and wait until it answers.")
