"""How long the loop is busy is measured, and what takes too long is logged."""

from __future__ import annotations

import itertools
import logging
from concurrent.futures import Future

import pytest

from facewatchd.daemon.events import Asked, Chore, Due
from facewatchd.daemon.turns import TurnWatch, kind_of


def watch(slow_s: float) -> TurnWatch:
    """A second passes from one look at the clock to the next; a tenth of it is work."""
    return TurnWatch(slow_s, itertools.count().__next__, (second / 10 for second in itertools.count()).__next__)


def test_a_slow_turn_is_logged_with_its_parts(caplog: pytest.LogCaptureFixture) -> None:
    """One line: how long, how much of it was work, and the parts, the longest first."""
    turns = watch(0.25)
    with caplog.at_level(logging.DEBUG):
        turns.begin()
        with turns.on("files that settle"):
            pass
        for _ in range(2):
            with turns.on(kind_of(Asked("merge", {}, Future()))):
                pass
        turns.end()
    assert [record.getMessage() for record in caplog.records] == [
        "The loop was busy for 7000 ms (100 ms of processor): command merge 2000, files that settle 1000"
    ]
    assert caplog.records[0].levelno == logging.DEBUG


def test_a_quick_turn_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nor is the waiting between two turns; and each turn is counted for itself."""
    turns = watch(3.5)
    with caplog.at_level(logging.DEBUG):
        turns.end()
        for _ in range(3):
            turns.begin()
            with turns.on(kind_of(Due(Chore.RESCAN))):
                pass
            turns.end()
    assert not caplog.records


def test_what_a_command_is_called_cannot_break_the_line() -> None:
    """It comes over a socket, from whoever may open it."""
    assert "\n" not in kind_of(Asked("a\nb", {}, Future()))
