"""
What can happen to the daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from facewatchd.core.grouping.recluster import Labels
from facewatchd.core.tree.owners import Owner
from facewatchd.daemon.folders.scans import ScanEnd, ScanPart
from facewatchd.daemon.intake.progress import Stage
from facewatchd.domain import Root, SamePhoto, SeenFile, TakenPhoto
from facewatchd.errors import FacewatchError, PhotoError
from facewatchd.operations.base import Ask, Record, Write
from facewatchd.pipeline.grouping.regroup import Snapshot
from facewatchd.watch.hints import Hint


class Chore(StrEnum):
    """What the schedule asks for."""

    RESCAN = "rescan"
    POLL = "poll"
    SUPERVISE = "supervise"
    RECHECK = "recheck"
    RETRY = "retry"
    RECLUSTER = "recluster"


@dataclass(frozen=True, slots=True)
class Hinted:
    """A watcher heard of something."""

    root: Root
    hint: Hint


@dataclass(frozen=True, slots=True)
class Taken:
    """A worker is done with a photo, and has spent so many seconds on each stage."""

    seen: SeenFile
    result: TakenPhoto | SamePhoto | PhotoError
    seconds: Mapping[Stage, float]


@dataclass(frozen=True, slots=True)
class Clustered:
    """The clusters of a snapshot are there, or why they are not."""

    snapshot: Snapshot
    started: float
    outcome: Labels | FacewatchError


@dataclass(frozen=True, slots=True)
class Asked:
    """Another process asks for something; the result or a FacewatchError goes into `reply`."""

    operation: Write[Any, Any] | Ask[Any, Any]
    parameters: Record
    reply: Future[Record]


@dataclass(frozen=True, slots=True)
class Due:
    chore: Chore


@dataclass(frozen=True, slots=True)
class TreeTouched:
    """Something changed in the people tree; `path` is relative to it."""

    path: bytes


@dataclass(frozen=True, slots=True)
class CoverCut:
    """A cover that the tree asked for is there."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class Stop:
    """End in good order."""


@dataclass(frozen=True, slots=True)
class Reread:
    """The configuration is to be read again."""


Event = Hinted | ScanPart | ScanEnd | Taken | Clustered | Asked | Due | TreeTouched | CoverCut | Stop | Reread
