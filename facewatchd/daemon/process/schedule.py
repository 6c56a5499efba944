"""
What happens by the clock (APScheduler; its jobs only post events, so that none can run twice or late).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Callable

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from facewatchd.config import Config
from facewatchd.daemon.events import Chore

log = logging.getLogger(__name__)

_SUPERVISE_S = 5.0
_RECHECK_S = 20.0
_RETRY_S = 15.0

_LOOK_AT_CLOCK_S = 2.0
# a planned time is rounded, and the clock read a little later
_SLACK_S = 1.0

_SHORTEST_S = 1.0
_LONGEST_S = 100 * 365 * 86_400.0


class Schedule:
    """
    Calls `post` for every chore when it is due, in a thread of its own, until stopped. A clock that is set back delays
    nothing.

    Args:
        config: How often.
        last_recluster: When everything was grouped last, seconds since 1970; None if never.
        post: Must return at once.
    """

    def __init__(self, config: Config, last_recluster: float | None, post: Callable[[Chore], None]) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=dt.UTC,
            # R30: with the defaults a job that is held up by another for a second is dropped
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(_complain, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        every = {
            Chore.RESCAN: config.watch.rescan_s,
            Chore.POLL: config.watch.poll_s,
            Chore.SUPERVISE: _SUPERVISE_S,
            Chore.RECHECK: _RECHECK_S,
            Chore.RETRY: _RETRY_S,
        }
        self._periods = {chore: dt.timedelta(seconds=_sane(every_s)) for chore, every_s in every.items()}
        for chore, period in self._periods.items():
            self._scheduler.add_job(post, "interval", args=[chore], seconds=period.total_seconds(), id=chore)
        period = self._periods[Chore.RECLUSTER] = dt.timedelta(seconds=_sane(config.recluster.every_days * 86_400))
        now = dt.datetime.now(dt.UTC)
        # one in the future was written down while the clock was wrong
        last = now if last_recluster is None else min(now, dt.datetime.fromtimestamp(last_recluster, dt.UTC))
        self._scheduler.add_job(
            post,
            "interval",
            args=[Chore.RECLUSTER],
            seconds=period.total_seconds(),
            # one that was due while nobody ran is due soon, not at once: photos that came meanwhile go first
            next_run_time=max(last + period, now + dt.timedelta(seconds=1)),
            id=Chore.RECLUSTER,
        )
        self._scheduler.start()
        self._stopped = threading.Event()
        threading.Thread(target=self._mind_the_clock, name="clock", daemon=True).start()

    def next_recluster(self) -> float | None:
        """When everything is grouped next, seconds since 1970."""
        job = self._scheduler.get_job(Chore.RECLUSTER)
        return job.next_run_time.timestamp() if job is not None and job.next_run_time is not None else None

    def stop(self) -> None:
        self._stopped.set()
        self._scheduler.shutdown(wait=False)

    def _mind_the_clock(self) -> None:
        """What is further away than its period was planned by a clock that has been set back since."""
        while not self._stopped.wait(_LOOK_AT_CLOCK_S):
            for job in self._scheduler.get_jobs():
                now = dt.datetime.now(dt.UTC)
                period = self._periods[Chore(job.id)]
                if job.next_run_time - now > period + dt.timedelta(seconds=_SLACK_S):
                    # the schedule may end meanwhile
                    with contextlib.suppress(JobLookupError):
                        job.modify(next_run_time=now + period)


def _sane(seconds: float) -> float:
    """Who writes a very large number means never, which the calendar must be able to hold."""
    return min(max(seconds, _SHORTEST_S), _LONGEST_S)


def _complain(event: JobExecutionEvent) -> None:
    log.error("The schedule failed at %s: %s", event.job_id, event.exception or "it ran too late")
