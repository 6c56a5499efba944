"""
Times as people read them: by the clock of this computer, with the date where it is not today. Documents for programs
(`--json`) have them in UTC.
"""

from __future__ import annotations

import datetime as dt
import time


def local_time(at: float | str, now: float | None = None) -> str:
    """
    Args:
        at: Seconds since 1970, or a time as documents have it.
        now: Seconds since 1970; None for what the clock says.

    Returns:
        `12:34`, or `2026-11-30 12:34` where that is not today.
    """
    seconds = at if isinstance(at, float | int) else dt.datetime.fromisoformat(at).timestamp()
    then = dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone()
    today = dt.datetime.fromtimestamp(time.time() if now is None else now, dt.UTC).astimezone().date()
    return f"{then:%H:%M}" if then.date() == today else f"{then:%Y-%m-%d %H:%M}"
