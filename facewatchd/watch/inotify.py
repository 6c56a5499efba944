"""
The watches of one root: a folder's inotify watch for every folder below it, kept right while folders come and go.

Works on watchdog's inotify reader (`InotifyFD`, one thread per root) and takes the place of its `InotifyWatchGroup`,
which swallows what matters here (R2): a watch that could not be added, an overflow, a root that is gone. It also pairs
the two events of a rename, and holds events back for half a second. Here a rename is "gone" there and "new" here, because
the index recognises a photo by its inode anyway. These parts of watchdog are not its public API: tests/system/test_watcher.py
notices when they change.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import count
from operator import or_

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from facewatchd.errors import displayable
from facewatchd.watch.hints import Hint, HintKind
from facewatchd.watch.ignore import MARKERS, is_ignored_file, is_ignored_folder
from facewatchd.watch.scanner import list_folder
from facewatchd.watch.ways import why_closed

_logger = logging.getLogger(__name__)

_MASK = Mask(
    reduce(
        or_,
        (
            InotifyConstants.IN_CREATE,
            InotifyConstants.IN_CLOSE_WRITE,
            InotifyConstants.IN_ATTRIB,  # a photo or folder that becomes readable
            InotifyConstants.IN_MOVED_FROM,
            InotifyConstants.IN_MOVED_TO,
            InotifyConstants.IN_DELETE,
            InotifyConstants.IN_DELETE_SELF,
            InotifyConstants.IN_ONLYDIR,
            InotifyConstants.IN_DONT_FOLLOW,
            InotifyConstants.IN_EXCL_UNLINK,
        ),
    )
)
"""Not IN_MODIFY: a slow writer would send thousands, and the gate looks for itself whether a file still changes."""

_ROOT_MASK = Mask(_MASK | InotifyConstants.IN_MOVE_SELF)

_VANISHED = frozenset((errno.ENOENT, errno.ENOTDIR))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A watched folder. `marked`: it is ignored, and watched only to see when its marker file goes away."""

    path: bytes
    callback: CallbackId
    marked: bool = False


class WatchTree:
    """
    All watches of a root; the receiver of the reader's callbacks (`watchdog...WatchCallback`).

    Args:
        reader: A started `InotifyFD` of its own.
        root: Absolute path without symlinks.
        excluded: Folders to leave out, absolute and without symlinks.
        on_hint: Called in the reader's thread; must return at once.
    """

    def __init__(
        self, reader: InotifyFD, root: bytes, excluded: frozenset[bytes], on_hint: Callable[[Hint], None]
    ) -> None:
        self._reader = reader
        self._root = root
        self._excluded = excluded
        self._on_hint = on_hint
        self._lock = threading.RLock()
        self._ids = count(1)
        self._folders: dict[WatchDescriptor, _Folder] = {}
        self._watches: dict[bytes, WatchDescriptor] = {}
        self._unwatched: dict[bytes, int] = {}
        self._stopped = False
        self._lost = False
        self._overflowed = False

    @property
    def watched(self) -> int:
        """Folders that are watched."""
        return len(self._watches)

    @property
    def lost(self) -> bool:
        """Whether the root itself was deleted, moved away or unmounted; its watches do not come back."""
        return self._lost

    @property
    def overflowed(self) -> bool:
        """Whether the kernel has dropped events since `recover`."""
        return self._overflowed

    def unwatched(self) -> dict[bytes, int]:
        """Folders that could not be watched, with the errno."""
        # without the lock: who holds it may wait for a file system
        return dict(self._unwatched)

    def recover(self) -> None:
        """Call this after a full rescan: an overflow does not matter any more, and folders that could not be watched are tried again."""
        self._overflowed = False
        with self._lock:
            unwatched, self._unwatched = self._unwatched, {}
        for path in unwatched:
            if os.path.dirname(path) not in unwatched:
                self.add(path)

    def stop(self) -> None:
        """Ignore all events from now on, and wait for what is in hand. The caller stops the reader after this."""
        self._stopped = True
        with self._lock:
            pass

    def add(self, top: bytes) -> None:
        """
        Watch a folder and all below it. A folder is watched before it is listed, so that no child is missed.
        """
        stack = [top]
        while stack and not self._stopped:
            path = stack.pop()
            if path in self._excluded or not self._watch(path):
                continue
            try:
                listing = list_folder(path)
            except OSError as error:
                if error.errno not in _VANISHED:
                    self._leave_unwatched(path, error.errno or 0)
                continue
            if listing.marked and path != self._root:
                self._mark(path)
            else:
                stack.extend(os.path.join(path, name) for name in listing.folders)

    def renew(self, top: bytes) -> None:
        """Watch a folder and all below it, where something else may be than what was watched so far."""
        self._drop(top, and_below=True)
        with self._lock:
            above = self._watches.get(os.path.dirname(top))
            is_open = above is not None and not self._folders[above].marked
        if is_open and not is_ignored_folder(os.path.basename(top)):
            self.add(top)

    # --- called by the reader, in its thread ---

    def on_event(self, event: InotifyEvent) -> None:
        """One event of one watch."""
        with self._lock:
            folder = self._folders.get(event.wd)
        if folder is None or self._stopped:
            return
        if not event.name:
            if folder.path == self._root and (event.is_move_self or event.mask & InotifyConstants.IN_UNMOUNT):
                self._lose()
            return
        path = os.path.join(folder.path, event.name)
        hint: Hint | None
        if event.name in MARKERS:
            hint = self._marker_changed(folder)
        elif folder.marked:
            hint = None
        elif event.mask & InotifyConstants.IN_ISDIR:
            hint = self._folder_changed(path, event)
        elif is_ignored_file(event.name):
            hint = None
        elif event.is_delete or event.is_moved_from:
            hint = Hint(path, HintKind.GONE)
        else:
            # a program that writes under another name and renames has finished: downloads, Syncthing, rsync
            hint = Hint(path, HintKind.FILE, closed=event.is_close_write or event.is_moved_to)
        if hint is not None:
            self._on_hint(hint)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """The kernel has removed a watch: its folder was deleted or unmounted."""
        with self._lock:
            folder = self._folders.pop(wd, None)
            if folder is None or self._stopped:
                return
            if self._watches.get(folder.path) != wd:
                return
            del self._watches[folder.path]
        if folder.path == self._root:
            self._lose()
            return
        self._on_hint(Hint(folder.path, HintKind.GONE))
        if os.path.lexists(folder.path):  # what was below the mount
            self.add(folder.path)
            self._on_hint(Hint(folder.path, HintKind.FOLDER))

    def on_queue_overflow(self) -> None:
        """
        Events were dropped. All folders are watched again under new ids, and only then the old ids are removed: removing them
        first would queue an event for every watch, and overflow again.
        """
        _logger.warning(
            "Too many changes at once below %s for the system to report; a rescan follows",
            displayable(self._root),
        )
        self._overflowed = True
        with self._lock:
            old = self._folders
            self._folders, self._watches, self._unwatched = {}, {}, {}
        self.add(self._root)
        with self._lock:
            if not self._stopped:
                self._reader.remove_callbacks([(wd, folder.callback) for wd, folder in old.items()])
                if self._root not in self._watches and self._root not in self._unwatched:
                    self._lost = True
        self._on_hint(Hint(self._root, HintKind.FOLDER))

    # --- keeping the watches right ---

    def _folder_changed(self, path: bytes, event: InotifyEvent) -> Hint | None:
        if is_ignored_folder(event.name) or path in self._excluded:
            return None
        if event.is_delete or event.is_moved_from:
            self._drop(path, and_below=event.is_moved_from)
            return Hint(path, HintKind.GONE)
        if event.is_moved_to:
            self._drop(path, and_below=True)
        elif event.is_attrib:
            return self._permissions_changed(path)
        elif path in self._watches:
            return None  # found while its parent was listed, which was reported
        self.add(path)
        return Hint(path, HintKind.FOLDER)

    def _permissions_changed(self, path: bytes) -> Hint | None:
        """The permissions of a folder changed: we may not read it any more, or may again. A scan finds the files."""
        number = why_closed(path)
        if number in _VANISHED or bool(number) == (path in self._unwatched):
            return None
        if number:
            self._leave_unwatched(path, number)
        else:
            self.add(path)
        return Hint(path, HintKind.FOLDER)

    def _marker_changed(self, folder: _Folder) -> Hint | None:
        if folder.path == self._root:
            return None
        marked = any(os.path.lexists(os.path.join(folder.path, marker)) for marker in MARKERS)
        if marked == folder.marked:
            return None
        self._drop(folder.path, and_below=True)
        self.add(folder.path)
        return Hint(folder.path, HintKind.FOLDER)

    def _watch(self, path: bytes) -> bool:
        """Watch one folder. Returns whether to go on to what is in it."""
        with self._lock:
            if self._stopped:
                return False
            self._unwatched.pop(path, None)
            if path in self._watches:
                return True
            callback = CallbackId(next(self._ids))
            try:
                found = os.lstat(path)
                if not stat.S_ISDIR(found.st_mode):
                    return False
                wd = self._reader.add_callback(path, _ROOT_MASK if path == self._root else _MASK, self, callback)
            except OSError as error:
                if error.errno not in _VANISHED:
                    self._leave_unwatched(path, error.errno or 0)
                # where watches have run out, go on, to find out how many are needed
                return error.errno == errno.ENOSPC
            if wd == -1:  # watchdog passes over EACCES in silence
                self._reader.remove_callbacks([(wd, callback)])
                self._leave_unwatched(path, errno.EACCES)
                return False
            same = self._folders.get(wd)
            if same is not None:
                self._reader.remove_callbacks([(wd, callback)])
                if _inode(same.path) == (found.st_dev, found.st_ino):
                    return False  # a bind mount: one way to the folder is enough (R8)
                self._watches.pop(same.path, None)  # moved here; the event about it is on its way
                callback = same.callback
            self._folders[wd] = _Folder(path, callback)
            self._watches[path] = wd
            return True

    def _drop(self, top: bytes, *, and_below: bool) -> None:
        with self._lock:
            if self._stopped:
                return
            below = top + b"/"
            paths = [top]
            if and_below:
                paths += [path for path in (*self._watches, *self._unwatched) if path.startswith(below)]
            removed = []
            for path in paths:
                self._unwatched.pop(path, None)
                wd = self._watches.pop(path, None)
                if wd is not None and self._folders[wd].path == path:
                    removed.append((wd, self._folders.pop(wd).callback))
            self._reader.remove_callbacks(removed)

    def _mark(self, path: bytes) -> None:
        with self._lock:
            wd = self._watches.get(path)
            if wd is not None:
                self._folders[wd] = replace(self._folders[wd], marked=True)

    def _leave_unwatched(self, path: bytes, number: int) -> None:
        _logger.debug("Cannot watch %s: %s", displayable(path), os.strerror(number))
        with self._lock:
            self._unwatched[path] = number

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._on_hint(Hint(self._root, HintKind.GONE))


def _inode(path: bytes) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
