"""
Hints about one root, as they happen (requirements R2, R7), and a report of the changes that are not noticed.

A hint shortens the wait for the next rescan and nothing more; the scanner is the truth. A root in polling mode gives no
hints at all: the daemon rescans it every `watch.poll_s`. So should it a root that is degraded.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable

from watchdog.observers.inotify_c import InotifyFD

from facewatchd.domain import Health, Root, RootStatus, WatchMode
from facewatchd.errors import displayable
from facewatchd.watch.hints import Hint
from facewatchd.watch.inotify import WatchTree
from facewatchd.watch.scanner import explain

_logger = logging.getLogger(__name__)

_PATIENCE_S = 2.0

_WATCH_LIMITS = {
    "fs.inotify.max_user_watches": "/proc/sys/fs/inotify/max_user_watches",
    "user.max_inotify_watches": "/proc/sys/user/max_inotify_watches",
}
"""The same number in the first user namespace; in another (a container) the second may be the smaller."""

LEAST_LIMIT = 524_288
"""What distributions set for desktops; a watch costs the kernel about 1 KiB, and only where it is used."""


class Watcher:
    """
    Watches a root from `start` to `stop`. Neither raises because of the file system: `status` tells.

    A watcher that has lost its root does not find it again: when the root is back, stop it and start a new one.

    Args:
        root: The folder; its path is absolute and without symlinks.
        mode: Whether there are hints at all.
        excluded: Folders in it to leave out, absolute and without symlinks: the people tree, the state.
        on_hint: Called in the watcher's own thread; must return at once (put it into a queue) and must not call `stop`.
    """

    def __init__(
        self, root: Root, mode: WatchMode, excluded: frozenset[bytes], on_hint: Callable[[Hint], None]
    ) -> None:
        self._root = root
        self._mode = mode
        self._excluded = excluded
        self._on_hint = on_hint
        self._reader: InotifyFD | None = None
        self._tree: WatchTree | None = None
        self._inode: tuple[int, int] | None = None
        self._failure = ""

    def start(self) -> None:
        """
        Begin; returns when every folder is watched. Hints may come before that. Scan after this, not before, and
        nothing is missed in between.
        """
        if self._mode is WatchMode.POLLING:
            return
        try:
            found = os.lstat(self._root.path)
            self._inode = (found.st_dev, found.st_ino)
            reader = InotifyFD()
        except OSError as error:
            self._failure = _start_failure(error)
            _logger.warning("Cannot watch %s: %s", displayable(self._root.path), self._failure)
            return
        reader.name = f"watch-{self._root.root_id}"
        reader.start()
        self._reader = reader
        self._tree = WatchTree(reader, self._root.path, self._excluded, self._on_hint)
        self._tree.add(self._root.path)
        _logger.info("Watching %d folders below %s", self._tree.watched, displayable(self._root.path))

    def stop(self) -> None:
        """
        End, and wait until no hint can come any more; but not for a file system that does not answer. May be called twice.
        """
        reader, tree = self._reader, self._tree
        self._reader = self._tree = None
        if tree is not None and reader is not None:
            thread = threading.Thread(target=_end, args=(tree, reader), name="watch-end", daemon=True)
            thread.start()
            thread.join(_PATIENCE_S)

    def rescanned(self) -> None:
        """
        To be called after a full rescan of the root: what was dropped before it has been made up for, and folders that
        could not be watched are tried again.
        """
        if self._tree is not None and not self._tree.lost:
            self._tree.recover()

    def again(self, folder: bytes) -> None:
        """To be called when a folder that could not be watched may be, or was closed for a while: it is watched again."""
        if self._tree is not None and not self._tree.lost:
            self._tree.add(folder)

    def renew(self, folder: bytes) -> None:
        """To be called when another file system is in the place of a folder: what is there now is watched."""
        if self._tree is not None and not self._tree.lost:
            self._tree.renew(folder)

    def tells_everything(self) -> bool:
        """Whether no change in the root goes unheard."""
        return self._mode is WatchMode.INOTIFY and self.status().health is Health.ONLINE

    def tells_what_it_can(self) -> bool:
        """Whether nothing but closed folders keeps it from telling everything, if anything does."""
        health, _ = self._judge()
        return health is Health.ONLINE or (health is Health.DEGRADED and self._is_kept_out_only())

    def _is_kept_out_only(self) -> bool:
        tree, reader = self._tree, self._reader
        if tree is None or reader is None or not reader.is_alive() or tree.overflowed:
            return False
        return len(self.closed()) == len(tree.unwatched())

    def closed(self) -> dict[bytes, int]:
        """The folders that cannot be watched for reasons of their own, with the errno: absolute paths."""
        unwatched = self._tree.unwatched() if self._tree is not None else {}
        return {path: number for path, number in unwatched.items() if number != errno.ENOSPC}

    @property
    def lost(self) -> bool:
        """Whether the root was deleted, moved away, unmounted or mounted over, so that a new watcher is needed."""
        return self._tree is not None and (self._tree.lost or self._is_replaced())

    def status(self) -> RootStatus:
        """How far the hints can be relied on: OFFLINE where the root is lost, DEGRADED where some changes go unheard."""
        health, reason = self._judge()
        return RootStatus(self._root.path, self._mode, health, reason)

    def _judge(self) -> tuple[Health, str]:
        if self._mode is WatchMode.POLLING:
            return Health.ONLINE, ""
        if self._failure:
            return Health.DEGRADED, self._failure
        if self._tree is None or self._reader is None:
            return Health.DEGRADED, "The folder is not watched: watching has not begun, or has ended."
        if self.lost:
            return Health.OFFLINE, "The folder was deleted, moved away or unmounted. Put it back or mount its disk."
        if not self._reader.is_alive():
            return (
                Health.DEGRADED,
                "Watching has ended after an error; changes are found by the rescan only. Restart facewatchd.",
            )
        unwatched = self._tree.unwatched()
        if unwatched:
            return Health.DEGRADED, _unwatched_reason(self._tree.watched, unwatched)
        if self._tree.overflowed:
            return (
                Health.DEGRADED,
                "More files changed at once than the system could report; a rescan finds them.",
            )
        return Health.ONLINE, ""

    def _is_replaced(self) -> bool:
        """Nothing tells that a file system was mounted over the root, or that a folder above it was renamed."""
        try:
            found = os.lstat(self._root.path)
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self._inode


def _end(tree: WatchTree, reader: InotifyFD) -> None:
    """Each of these waits for whatever is being added to the watches."""
    tree.stop()
    reader.stop()
    reader.join()


def _start_failure(error: OSError) -> str:
    if error.errno == errno.EMFILE:
        return (
            "No change is noticed before the rescan: too many programs use inotify. "
            "Raise the limit: `sudo sysctl fs.inotify.max_user_instances=1024`."
        )
    return explain("The folder cannot be watched", error)


def _unwatched_reason(watched: int, unwatched: dict[bytes, int]) -> str:
    folders = "1 folder is" if len(unwatched) == 1 else f"{len(unwatched)} folders are"
    if errno.ENOSPC in unwatched.values():
        limits = _limits()
        name = min(limits, key=lambda key: limits[key]) if limits else "fs.inotify.max_user_watches"
        said = f" {limits[name]}" if limits else ""
        wanted = wanted_limit(watched + len(unwatched))
        return (
            f"{folders} not watched, as the system's limit{said} of {name} is used up: {watched + len(unwatched)} "
            f"watches are needed. Changes there are found by the rescan only. Raise the limit: "
            f"`echo {name}={wanted} | sudo tee /etc/sysctl.d/60-facewatchd.conf && sudo sysctl --system`."
        )
    path, number = min(unwatched.items())
    return explain(
        f"{folders} not watched, such as {displayable(path)}; changes there are found by the rescan only",
        OSError(number, os.strerror(number)),
    )


def wanted_limit(folders: int) -> int:
    """A limit of watches that leaves as many again for other programs: a power of two, at least the usual one."""
    return max(LEAST_LIMIT, 1 << (2 * folders - 1).bit_length())


def _limits() -> dict[str, int]:
    limits = {}
    for name, path in _WATCH_LIMITS.items():
        try:
            with open(path, encoding="ascii") as file:
                limits[name] = int(file.read())
        except (OSError, ValueError):
            continue
    return limits
