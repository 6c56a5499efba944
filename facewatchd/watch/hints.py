"""
The messages of the watcher to the daemon.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HintKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Hint:
    """
    Something may have changed. A hint can come late, twice, or for a file that is no photo: look before acting (R10).

    Attributes:
        path: Absolute.
        kind: FILE: look at this file. FOLDER: scan this folder and all below it; for the root itself, rescan.
            GONE: a file or folder (with all below it) is not there any more: deleted, moved, or unmounted, perhaps
            together with the root; for the root itself, it is lost.
        closed: Whether a writer has just finished the file: closed it, or renamed it into its place.
    """

    path: bytes
    kind: HintKind
    closed: bool = False
