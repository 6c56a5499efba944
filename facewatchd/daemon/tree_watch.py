"""
Notices when the user does something in the people tree. What it was is found by looking.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

log = logging.getLogger(__name__)


class _Handler(FileSystemEventHandler):
    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    def on_any_event(self, event: FileSystemEvent) -> None:
        # links are only ever made, moved and deleted; that something was opened or closed says nothing
        if event.event_type in {"moved", "created", "deleted"}:
            self._on_change()


class TreeWatch:
    """
    Watches until stopped. Where watching is impossible (the limit of watches, a network share), gestures are found the
    next time the tree is looked after.

    Args:
        people_dir: The people tree; must exist.
        on_change: Called in a thread of its own; must return at once.
    """

    def __init__(self, people_dir: Path, on_change: Callable[[], None]) -> None:
        self._observer = Observer()
        try:
            self._observer.schedule(_Handler(on_change), str(people_dir), recursive=True)
            self._observer.start()
        except OSError as error:
            log.info("The people tree is not watched (%s); renamed folders are noticed later", error.strerror)

    def stop(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(2)
