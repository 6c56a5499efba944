"""
What the daemon says of itself, kept in the state so that `status` can read it at any time.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from facewatchd.daemon.intake.progress import Figures
from facewatchd.domain import RootStatus


class Vitals(BaseModel):
    """
    The daemon's own view, as JSON in the state.

    Attributes:
        roots: How each root is watched.
        next_recluster: Seconds since 1970, None where none is planned.
        blocked: Sentences: what waits, and what would clear it.
        models: Why these models are used, empty where the user asked for them.
        ended_at: When the daemon ended in order, seconds since 1970; None while it runs, and where it did not.
        progress: See `progress_entry`; None in the state, where it would be old.
    """

    model_config = ConfigDict(frozen=True)

    roots: tuple[dict[str, Any], ...] = ()
    next_recluster: float | None = None
    blocked: tuple[str, ...] = ()
    models: str = ""
    ended_at: float | None = None
    progress: dict[str, Any] | None = None


def progress_entry(figures: Figures) -> dict[str, Any]:
    """How far the work has come, as `status --json` shows it."""
    left = figures.seconds_left
    return {
        "doing": figures.doing,
        "done": figures.done,
        "to_go": figures.to_go,
        "faces": figures.faces,
        "photos_per_second": round(figures.rate, 2),
        "seconds_left": None if left is None else round(left),
        "slow": [{"path": slow.path, "seconds": round(slow.seconds, 1)} for slow in figures.slow],
        "time": {stage.value: round(share, 3) for stage, share in figures.shares},
    }


def root_entry(status: RootStatus) -> dict[str, Any]:
    """A root as `status --json` shows it; undecodable bytes as surrogates."""
    return {
        "path": status.path.decode("utf-8", "backslashreplace"),
        "mode": status.mode.value,
        "health": status.health.value,
        "reason": status.reason,
    }
