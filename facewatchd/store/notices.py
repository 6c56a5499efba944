"""
Messages about the people tree: what is there and waits for the user, and what was put back a while ago.
"""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass

KEPT_S = 86_400.0
"""Seconds for which something that was put back is told."""

_KEY = "tree.notices"
_MOST_EVENTS = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """
    A sentence.

    Attributes:
        at: Since when, seconds since 1970.
        path: The folder of the tree, for a message that holds while the folder exists. Empty for an event.
        is_question: Whether it waits for the user's answer.
    """

    text: str
    at: float
    path: bytes = b""
    is_question: bool = False


class Notices:
    """One row of `meta`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def all(self, now: float) -> list[Notice]:
        """The messages of now."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
        notices = [
            Notice(text, at, os.fsencode(path), bool(asks))
            for text, at, path, asks in json.loads(row[0] if row else "[]")
        ]
        return [notice for notice in notices if notice.path or now - notice.at < KEPT_S]

    def replace(self, notices: list[Notice]) -> None:
        """Tell these messages and no others. Of events, only the last few are kept."""
        events = [notice for notice in notices if not notice.path][-_MOST_EVENTS:]
        kept = [*(notice for notice in notices if notice.path), *events]
        rows = [(notice.text, notice.at, os.fsdecode(notice.path), notice.is_question) for notice in kept]
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_KEY, json.dumps(rows)))
