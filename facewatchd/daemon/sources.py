"""
The photo folders as the daemon sees them: which there are, whether they are there, and who watches and scans them.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from facewatchd.config import Config
from facewatchd.daemon.scans import ScanEnd, ScanPart, Scans
from facewatchd.domain import Health, Root, RootId, RootStatus, WatchMode
from facewatchd.errors import displayable
from facewatchd.pipeline.roots import SAMPLE, leave_out, settle_roots, unwatched
from facewatchd.store import Store
from facewatchd.watch.hints import Hint
from facewatchd.watch.mounts import read_mounts, trusts_ctime, watch_mode
from facewatchd.watch.roots import RootCheck, RootIdentity, check_root, excluded_in
from facewatchd.watch.watcher import Watcher

log = logging.getLogger(__name__)

_MOST_FAILED_SCANS = 3


class Sources:
    """
    All roots with their watchers, and the scanning thread. Belongs to the thread that owns the state.

    Args:
        config: Which folders, and how to watch them.
        store: The state.
        on_hint: Called in a watcher's thread.
        on_scan: Called in the scanning thread.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        on_hint: Callable[[Root, Hint], None],
        on_scan: Callable[[ScanPart | ScanEnd], None],
    ) -> None:
        self._config = config
        self._store = store
        self._on_hint = on_hint
        roots = settle_roots(store, [os.path.realpath(os.fsencode(path)) for path in config.photos])
        self._unwatched = unwatched(store)
        self.roots: dict[RootId, Root] = {root.root_id: root for root in roots}
        self.trusted: set[RootId] = set()
        self._modes: dict[RootId, WatchMode] = {}
        for root in roots:
            self._choose_mode(root)
        self._checks: dict[RootId, RootCheck] = {}
        self._watchers: dict[RootId, Watcher] = {}
        self._own = [os.fsencode(path) for path in (config.people.dir, config.state.dir, config.models.root)]
        self._on_scan = on_scan
        self._scans: Scans | None = None
        self._unscanned: set[RootId] = set()
        self._failed_scans: Counter[RootId] = Counter()

    def start(self) -> None:
        """Watch all roots that are there, then scan them; in this order nothing slips in between."""
        self._scans = Scans(Path(self._config.state.dir), self._excluded, self._on_scan)
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
        return check is not None and check.health is Health.ONLINE

    def online(self) -> list[RootId]:
        """Roots whose photos can be read."""
        return [root_id for root_id in self.roots if self.is_online(root_id)]

    def scan(self, root: Root, below: bytes = b"") -> None:
        """Have a root, or a folder in it, scanned soon."""
        if self._scans is not None:
            self._scans.request(root, below)

    def scan_all(self) -> None:
        for root in self.roots.values():
            self.scan(root)

    def poll(self) -> None:
        """Scan the roots about which the watchers do not tell everything."""
        for status in self.statuses():
            if status.mode is WatchMode.POLLING or status.health is Health.DEGRADED:
                self.scan(self.at(status.path))

    def supervise(self) -> None:
        """Take up roots that came back, let go of those that went."""
        for root in self.roots.values():
            watcher = self._watchers.get(root.root_id)
            if not self.is_online(root.root_id) or watcher is None or watcher.lost:
                self._take_up(root)

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
            os.path.isdir(root.path) or self._store.roots.identity(root.root_id) for root in self.roots.values()
        )
        return are_known and leave_out(self._store, self._unwatched)

    def statuses(self) -> list[RootStatus]:
        """How each root fares: what is wrong with the folder itself goes before what is wrong with watching it."""
        found = []
        for root_id, root in self.roots.items():
            mode, check = self._modes[root_id], self._checks.get(root_id)
            if check is not None and check.health is not Health.ONLINE:
                found.append(RootStatus(root.path, mode, check.health, check.reason))
            elif root_id in self._watchers:
                found.append(self._watchers[root_id].status())
            else:
                found.append(RootStatus(root.path, mode, Health.DEGRADED, "It has not been looked at yet."))
        return found

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
                log.info("Photos in %s", displayable(root.path))
            else:
                log.warning("%s is %s: %s", displayable(root.path), check.health, check.reason)

    def _excluded(self, root: Root) -> frozenset[bytes]:
        return excluded_in(root, self._own)
