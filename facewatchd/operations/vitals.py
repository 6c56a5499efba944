"""
What the daemon says of itself: kept in the state, so that `status` can read it at any time, and answered while it runs.
"""

from __future__ import annotations

from pydantic import ConfigDict

from facewatchd.operations.base import Ask, Nothing, Record


class RootEntry(Record):
    """
    How a photo folder is watched.

    Attributes:
        path: Undecodable bytes are escaped.
        mode: A `domain.WatchMode`.
        health: A `domain.Health`.
        reason: Why it is not watched as it should be; empty where it is.
    """

    model_config = ConfigDict(extra="ignore")

    path: str
    mode: str
    health: str
    reason: str


class SlowPhoto(Record):
    """A photo that has been worked on for so many seconds."""

    path: str
    seconds: float


class Progress(Record):
    """
    How far the work has come.

    Attributes:
        doing: What is being done, in a few words.
        done: Photos taken in since there was nothing to do.
        to_go: Photos that wait, and those in hand.
        faces: Found in those done.
        photos_per_second: Over the last minute; 0 where that is not known yet.
        seconds_left: None where that is not known yet.
        slow: Photos in hand for unusually long, the longest first.
        time: What the time of the photos of the last minute went into, 0..1 each, the largest first.
    """

    doing: str
    done: int
    to_go: int
    faces: int
    photos_per_second: float
    seconds_left: int | None
    slow: tuple[SlowPhoto, ...]
    time: dict[str, float]


class Vitals(Record):
    """
    The daemon's own view. What an older version wrote into the state can be read.

    Attributes:
        roots: How each root is watched.
        next_recluster: Seconds since 1970, None where none is planned.
        blocked: Sentences: what waits, and what would clear it.
        models: Why these models are used, empty where the user asked for them.
        ended_at: When the daemon ended in order, seconds since 1970; None while it runs, and where it did not.
        progress: None in the state, where it would be old.
    """

    model_config = ConfigDict(extra="ignore")

    roots: tuple[RootEntry, ...] = ()
    next_recluster: float | None = None
    blocked: tuple[str, ...] = ()
    models: str = ""
    ended_at: float | None = None
    progress: Progress | None = None


VITALS = Ask("vitals", Nothing, Vitals, lambda daemon, _: daemon.vitals())
