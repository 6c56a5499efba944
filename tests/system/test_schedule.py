"""`daemon.process.schedule`: chores come when they are due, by a real clock."""

from __future__ import annotations

import contextlib
import datetime as dt
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apscheduler.schedulers import SchedulerNotRunningError

from facewatchd.config import Config, load_config
from facewatchd.daemon.events import Chore
from facewatchd.daemon.process.schedule import Schedule

DAY = 86_400.0

Start = Callable[..., Schedule]


@pytest.fixture
def posted() -> queue.Queue[Chore]:
    """The chores that came."""
    return queue.Queue()


@pytest.fixture
def start(posted: queue.Queue[Chore]) -> Iterator[Start]:
    """Starts a schedule, and stops it in the end."""
    running: list[Schedule] = []

    def begin(
        last: float | None = None, post: Callable[[Chore], None] = posted.put, **settings: dict[str, Any]
    ) -> Schedule:
        running.append(Schedule(configured(**settings), last, post))
        return running[-1]

    yield begin
    for schedule in running:
        with contextlib.suppress(SchedulerNotRunningError):
            schedule.stop()


def configured(**settings: dict[str, Any]) -> Config:
    return load_config(None, settings)


def test_the_next_reclustering_counts_from_the_last(start: Start) -> None:
    """Not from the start, or a machine that is off at night would never group anything."""
    last = time.time() - 0.25 * DAY
    assert start(last).next_recluster() == pytest.approx(last + DAY, abs=1)
    assert start(last, recluster={"every_days": 7}).next_recluster() == pytest.approx(last + 7 * DAY, abs=1)


def test_the_first_reclustering_is_a_period_away(start: Start) -> None:
    """What is new is grouped for its own sake before that."""
    assert start(None).next_recluster() == pytest.approx(time.time() + DAY, abs=2)


def test_one_that_is_overdue_comes_soon(start: Start, posted: queue.Queue[Chore]) -> None:
    """And once only, however many periods were missed; the next one is a period later."""
    schedule = start(time.time() - 10 * DAY)
    assert posted.get(timeout=10) is Chore.RECLUSTER
    assert schedule.next_recluster() == pytest.approx(time.time() + DAY, abs=5)
    with pytest.raises(queue.Empty):
        posted.get(timeout=1.5)


def test_a_last_time_in_the_future_is_not_waited_for(start: Start) -> None:
    """The clock was wrong when it was written down."""
    assert start(time.time() + 900 * DAY).next_recluster() == pytest.approx(time.time() + DAY, abs=2)


def test_a_clock_that_is_set_back_delays_nothing(start: Start, posted: queue.Queue[Chore]) -> None:
    """What was planned by the wrong clock would not come until the right one says so: for hours no folder is looked at."""
    schedule = start(time.time(), watch={"poll_s": 1})
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    for job in schedule._scheduler.get_jobs():
        job.modify(next_run_time=ahead)
    while not posted.empty():
        posted.get()
    assert posted.get(timeout=15) is Chore.POLL
    assert schedule.next_recluster() == pytest.approx(time.time() + DAY, abs=15)


def test_a_chore_that_takes_long_loses_no_other(start: Start) -> None:
    """One that is due while another is held up comes later; it is not dropped (APScheduler's default drops it)."""
    came: queue.Queue[Chore] = queue.Queue()

    def post(chore: Chore) -> None:
        if chore is Chore.POLL:
            # longer than the second after which APScheduler gives a job up
            time.sleep(2.5)
        came.put(chore)

    start(time.time() - 10 * DAY, post, watch={"poll_s": 1, "rescan_s": 1.5})
    first = {came.get(timeout=10) for _ in range(6)}
    assert {Chore.POLL, Chore.RESCAN, Chore.RECLUSTER} <= first


@pytest.mark.parametrize("number", [1e5, 1e9, 1e300])
def test_a_very_large_number_means_never(start: Start, number: float) -> None:
    """Whoever writes it means so; the calendar ends in the year 9999."""
    settings = {"recluster": {"every_days": number}, "watch": {"poll_s": number, "rescan_s": number}}
    planned = start(None, **settings).next_recluster()
    assert planned is not None
    assert planned > time.time() + 50 * 365 * DAY


def test_a_very_small_number_is_no_storm(start: Start, posted: queue.Queue[Chore]) -> None:
    """Chores come once a second at most."""
    start(time.time(), recluster={"every_days": 1e-12}, watch={"poll_s": 1e-9, "rescan_s": 1e-9})
    time.sleep(1.2)
    assert posted.qsize() < 10


def test_after_stop_nothing_comes(start: Start, posted: queue.Queue[Chore]) -> None:
    """Even what was about to be due."""
    start(time.time() - 10 * DAY).stop()
    with pytest.raises(queue.Empty):
        posted.get(timeout=1.5)
