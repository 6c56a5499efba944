"""
Notices when the user does something in the people tree. What it was is found by looking.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

log = logging.getLogger(__name__)

_PATIENCE_S = 5.0
_END_S = 1.0


class _Handler(FileSystemEventHandler):
    def __init__(self, people_dir: Path, on_change: Callable[[bytes], None]) -> None:
        self._top = os.fsencode(people_dir)
        self._on_change = on_change

    def on_any_event(self, event: FileSystemEvent) -> None:
        # links are only ever made, moved and deleted; that something was opened or closed says nothing
        if event.event_type in {"moved", "created", "deleted"}:
            for path in (event.src_path, event.dest_path):
                if path:
                    self._on_change(os.path.relpath(os.fsencode(path), self._top))


class TreeWatch:
    """
    Watches until stopped. Where watching is impossible (the limit of watches, a network share), gestures are found the
    next time the tree is looked after.

    Args:
        people_dir: The people tree; must exist.
        on_change: Called in a thread of its own with the path of what changed, relative to the tree; must return at once.
        on_works: Called once all of it is watched, in any thread.
    """

    def __init__(
        self, people_dir: Path, on_change: Callable[[bytes], None], on_works: Callable[[], None] = lambda: None
    ) -> None:
        self._observer = Observer()
        self._on_works = on_works
        self._stopped = False
        # watchdog looks at what the links lead to, which may be on a share that does not answer
        thread = threading.Thread(
            target=self._begin, args=(_Handler(people_dir, on_change), str(people_dir)), name="tree-watch", daemon=True
        )
        thread.start()
        thread.join(_PATIENCE_S)

    def _begin(self, handler: _Handler, people_dir: str) -> None:
        try:
            self._observer.schedule(handler, people_dir, recursive=True)
            self._observer.start()
        except OSError as error:
            log.info("The people tree is not watched (%s); renamed folders are noticed later", error.strerror)
            return
        if self._stopped:
            self._observer.stop()
        else:
            self._on_works()

    @property
    def works(self) -> bool:
        """Whether changes are noticed at all."""
        return self._observer.is_alive()

    def stop(self) -> None:
        """Watch no more. What still waits for a file system that does not answer is left alone."""
        self._stopped = True
        if self._observer.is_alive():
            # watchdog waits until its reader is done with what it has in hand
            thread = threading.Thread(target=self._end, name="tree-watch-end", daemon=True)
            thread.start()
            thread.join(_END_S)

    def _end(self) -> None:
        self._observer.stop()
        self._observer.join()
