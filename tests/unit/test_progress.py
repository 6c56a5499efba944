"""The figures of how far the work has come, and how they are said."""

from __future__ import annotations

import pytest

from facewatchd.daemon.intake.progress import Figures, Progress, SlowPhoto, Stage, duration, sentence
from facewatchd.daemon.vitals import progress_entry
from facewatchd.domain import FileStat, SeenFile

NOTHING = dict.fromkeys(Stage, 0.0)


def seen(number: int) -> SeenFile:
    return SeenFile(1, b"%d.jpg" % number, FileStat(1, 1, 1, number, 1))


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_counted() -> None:
    """Done, faces, and what is to go, which is counted now and then and goes down in between."""
    counts, clock = iter([10, 6]), Clock()
    progress = Progress(lambda: next(counts), clock)
    assert (progress.figures("x").done, progress.figures("x").to_go) == (0, 10)
    for number in range(3):
        progress.began(seen(number))
        progress.ended(seen(number))
        progress.took(number, NOTHING)
    figures = progress.figures("x")
    assert (figures.done, figures.faces, figures.to_go, figures.rate) == (3, 3, 7, 0)
    clock.now += 2
    figures = progress.figures("x")
    assert (figures.to_go, figures.rate, figures.seconds_left) == (6, 1.5, 4)
    progress.end()
    assert (progress.figures("x").done, progress.figures("x").faces) == (0, 0)


def test_the_rate_is_that_of_the_last_minute() -> None:
    """What came before says little of what comes."""
    clock = Clock()
    progress = Progress(lambda: 600, clock)
    for _ in range(1000):
        progress.took(0, NOTHING)
    clock.now += 100
    for _ in range(30):
        progress.took(0, NOTHING)
    assert progress.figures("x").rate == 0.5


def test_photos_that_take_long_are_named() -> None:
    """The longest first, until they end."""
    clock = Clock()
    progress = Progress(lambda: 1, clock)
    progress.began(seen(1))
    clock.now += 3
    progress.began(seen(2))
    assert progress.figures("x").slow == ()
    clock.now += 5
    assert progress.figures("x").slow == (SlowPhoto("1.jpg", 8), SlowPhoto("2.jpg", 5))
    progress.ended(seen(1))
    assert progress.figures("x").slow == (SlowPhoto("2.jpg", 5),)


def test_what_the_time_goes_into_is_that_of_the_last_minute() -> None:
    """A disk that was slow is of no interest any more; the largest share comes first."""
    clock = Clock()
    progress = Progress(lambda: 600, clock)
    assert progress.figures("x").shares == ()
    progress.took(0, {Stage.READING: 50.0, Stage.DECODING: 0.1})
    clock.now += 100
    assert progress.figures("x").shares == ()
    progress.took(2, {Stage.READING: 0.1, Stage.DECODING: 1.0, Stage.FINDING: 2.0, Stage.EMBEDDING: 0.9})
    stages, shares = zip(*progress.figures("x").shares, strict=True)
    assert stages == (Stage.FINDING, Stage.DECODING, Stage.EMBEDDING, Stage.READING)
    assert shares == pytest.approx((0.5, 0.25, 0.225, 0.025))
    progress.end()
    assert progress.figures("x").shares == ()


@pytest.mark.parametrize("in_log", [True, False])
def test_the_log_has_a_line_a_minute(caplog: pytest.LogCaptureFixture, in_log: bool) -> None:
    """Where no terminal shows it; the end is told in any case."""
    clock, left = Clock(), [5]
    caplog.set_level("INFO")
    progress = Progress(lambda: left[0], clock)
    shown: list[Figures] = []
    if not in_log:
        progress.show_by(shown.append)
    for _ in range(241):
        progress.took(1, NOTHING)
        progress.tell("taking in photos")
        clock.now += 1
    assert len(caplog.messages) == (4 if in_log else 0)
    assert [figures.done for figures in shown] == ([] if in_log else list(range(1, 242)))
    left[0] = 0
    clock.now += 60
    progress.tell("taking in photos")
    progress.tell("taking in photos")
    assert [line for line in caplog.messages if "to go" not in line] == ["241 photos with 241 faces taken in, in 5 min"]


FIGURES = Figures(
    "taking in photos",
    120,
    600,
    250,
    4.0,
    (SlowPhoto("a/1.CR2", 14.2),),
    ((Stage.FINDING, 0.6), (Stage.READING, 0.4), (Stage.DECODING, 0.001)),
)


def test_they_are_said_in_a_line() -> None:
    """With what is slow; what is not known yet is left out."""
    assert sentence(FIGURES) == (
        "120 photos with 250 faces taken in, 600 to go; 4.0 a second; about 2 min left; "
        "time goes into finding faces 60%, reading 40%; slow: a/1.CR2 (14 s)"
    )
    assert sentence(Figures("x", 1, 2, 0)) == "1 photos with 0 faces taken in, 2 to go"


def test_status_has_the_same_figures() -> None:
    """By their fixed keys."""
    assert progress_entry(FIGURES).document() == {
        "doing": "taking in photos",
        "done": 120,
        "to_go": 600,
        "faces": 250,
        "photos_per_second": 4.0,
        "seconds_left": 150,
        "slow": [{"path": "a/1.CR2", "seconds": 14.2}],
        "time": {"finding faces": 0.6, "reading": 0.4, "decoding": 0.001},
    }
    assert progress_entry(Figures("x")).seconds_left is None


@pytest.mark.parametrize(("seconds", "said"), [(3, "3 s"), (89, "89 s"), (100, "2 min"), (7200, "2.0 h")])
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    """No more than two digits matter."""
    assert duration(seconds) == said
