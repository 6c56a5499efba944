"""
What the daemon says of itself, made of what it knows.
"""

from __future__ import annotations

from facewatchd.daemon.intake.progress import Figures
from facewatchd.domain import RootStatus
from facewatchd.operations.vitals import Progress, RootEntry, SlowPhoto


def progress_entry(figures: Figures) -> Progress:
    """How far the work has come."""
    left = figures.seconds_left
    return Progress(
        doing=figures.doing,
        done=figures.done,
        to_go=figures.to_go,
        faces=figures.faces,
        photos_per_second=round(figures.rate, 2),
        seconds_left=None if left is None else round(left),
        slow=tuple(SlowPhoto(path=slow.path, seconds=round(slow.seconds, 1)) for slow in figures.slow),
        time={stage.value: round(share, 3) for stage, share in figures.shares},
    )


def root_entry(status: RootStatus) -> RootEntry:
    """How a root is watched."""
    return RootEntry(
        path=status.path.decode("utf-8", "backslashreplace"),
        mode=status.mode.value,
        health=status.health.value,
        reason=status.reason,
    )
