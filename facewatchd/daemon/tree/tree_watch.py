"""
Notices when the user does something in the people tree. What it was is found by looking.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

log = logging.getLogger(__name__)


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
    """

    def __init__(self, people_dir: Path, on_change: Callable[[bytes], None]) -> None:
        self._observer = Observer()
        try:
            self._observer.schedule(_Handler(people_dir, on_change), str(people_dir), recursive=True)
            self._observer.start()
        except OSError as error:
            log.info("The people tree is not watched (%s); renamed folders are noticed later", error.strerror)

    @property
    def works(self) -> bool:
        """Whether changes are noticed at all."""
        return self._observer.is_alive()

    def stop(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(2)
