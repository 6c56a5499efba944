"""What `status` says: well or not, what is done, how long still, what waits."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from facewatchd.cli.status import doing, first_line, full, short
from facewatchd.cli.times import local_time
from facewatchd.operations.status import Status
from facewatchd.operations.vitals import Progress

NOW = dt.datetime(2026, 12, 1, 12, 0).astimezone().timestamp()


def document(**other: Any) -> Status:
    """How all is well, but for this."""
    usual = {
        "version": "1",
        "running": True,
        "answers": True,
        "well": True,
        "needs_you": [],
        "ended_at": None,
        "last_sign_at": None,
        "model": {"pack": "builtin", "id": "ab", "dim": 128, "provider": "CPU", "reason": ""},
        "thresholds": None,
        "photos": {"total": 4473, "done": 4473, "pending": 0, "failed": 0, "missing": 0},
        "stacked": 0,
        "quarantined": 0,
        "faces": {"total": 5120},
        "people": {"total": 312, "named": 12},
        "roots": [{"path": "/a", "mode": "inotify", "health": "online", "reason": ""}],
        "dates": {"right": 1},
        "last_recluster": {"at": utc(NOW - 3600), "seconds": 1.5, "faces": 5000, "people": 312},
        "next_recluster": utc(NOW + 86_400),
        "progress": work(0, None, "watching for changes"),
        "blocked": [],
        "failures": [],
    }
    return Status.model_validate({**usual, **other})


def utc(seconds: float) -> str:
    """A time as documents have it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def work(to_go: int, left: int | None, doing: str = "taking in photos") -> dict[str, Any]:
    """How far the work has come."""
    figures = {"done": 340, "to_go": to_go, "faces": 2, "photos_per_second": 1.0, "seconds_left": left}
    return {"doing": doing, **figures, "slow": [], "time": {}}


def test_all_is_well() -> None:
    """Three short lines and where to read more."""
    assert short(document(), NOW) == [
        "Well: watching for changes.",
        "4,473 photos with 5,120 faces of 312 people, 12 of them named.",
        "Last grouped 11:00, next time 2026-12-02 12:00.",
        "'facewatchd status -v' says more.",
    ]


def test_of_one_and_of_nothing() -> None:
    """One is not called several; what is not there is not told."""
    few = document(
        photos={"total": 1, "done": 1, "pending": 0, "failed": 0, "missing": 0},
        faces={"total": 1},
        people={"total": 0, "named": 0},
        last_recluster=None,
    )
    assert short(few, NOW)[1] == "1 photo with 1 face of 0 people."


@pytest.mark.parametrize(
    ("left", "said"),
    [(720, "about 12 min left"), (None, "how long it takes is not known yet"), (7, "about 7 s left")],
)
def test_how_long_still(left: int | None, said: str) -> None:
    """What is done, how much is to go, and about how long it takes."""
    assert doing(Progress.model_validate(work(4133, left))) == f"taking in photos; 340 done, 4,133 to go, {said}"
    taken = {"total": 4473, "done": 340, "pending": 4133, "failed": 0, "missing": 0}
    lines = short(document(progress=work(4133, left), photos=taken), NOW)
    assert lines[0] == f"Well: taking in photos; 340 done, 4,133 to go, {said}."
    assert lines[1].startswith("4,473 photos, 340 of them taken in, with 5,120 faces")


def test_what_waits_for_the_user_is_first() -> None:
    """The first reason in the first line, the others below, and what it does nevertheless."""
    needs = ["/a: Mount the disk.", "Something else."]
    lines = short(document(needs_you=needs, blocked=[*needs, "2 photos could not be taken in."]), NOW)
    assert lines[0] == "Not well: /a: Mount the disk. (1 more)"
    assert lines[1] == "Now: watching for changes."
    assert lines[-3:-1] == ["- Something else.", "- 2 photos could not be taken in."]


def test_photos_that_cannot_be_read_are_no_alarm() -> None:
    """They are told, and all is well."""
    lines = short(document(blocked=["2 photos could not be taken in."]), NOW)
    assert lines[0] == "Well: watching for changes."
    assert "- 2 photos could not be taken in." in lines


@pytest.mark.parametrize(
    ("ended", "sign", "said"),
    [
        (NOW - 60, NOW, "Not running since 11:59. Start it by 'facewatchd run', or by its service."),
        (NOW - 86_400, NOW, "Not running since 2026-11-30 12:00. Start it"),
        (None, NOW - 120, "Not running; the last sign of it is of 11:58. Start it"),
    ],
)
def test_nothing_runs(ended: float | None, sign: float, said: str) -> None:
    """Since when, as far as it is known, and what to do."""
    gone = document(running=False, answers=False, ended_at=ended and utc(ended), last_sign_at=utc(sign), progress=None)
    assert first_line(gone, NOW).startswith(said)


def test_no_answer() -> None:
    """It holds the state and does not answer: what was said last is below."""
    lines = short(document(answers=False, progress=None, needs_you=["A."], blocked=["A."]), NOW)
    assert lines[0].startswith("Not well: facewatchd holds the state and does not answer.")
    assert "- A." in lines


def test_everything() -> None:
    """The first line, then all figures; times are local, and nothing in it is taken for markup."""
    failures = [{"path": "/a/[b].jpg", "reason": "It is cut off", "retry_at": utc(NOW + 60)}] * 25
    lines = full(document(failures=failures, blocked=["[red]A"]), NOW, 200)
    assert lines[0] == "Well: watching for changes."
    text = "\n".join(lines)
    for part in ("/a (inotify, online)", "4473 total, 4473 done", "11:00: 5000 faces", "2026-12-02 12:00", "[red]A"):
        assert part in text
    assert "/a/[b].jpg: It is cut off (tried again 12:01)" in text
    assert "... and 5 more: see 'facewatchd status --json'" in text


@pytest.mark.parametrize(
    ("hours", "said"),
    [(0, "12:00"), (11, "23:00"), (12, "2026-12-02 00:00"), (-12, "00:00"), (-13, "2026-11-30 23:00")],
)
def test_times_have_their_date_where_it_is_not_today(hours: int, said: str) -> None:
    """By the clock of this computer, from seconds or from what documents say."""
    at = NOW + 3600 * hours
    assert local_time(at, NOW) == local_time(utc(at), NOW) == said
