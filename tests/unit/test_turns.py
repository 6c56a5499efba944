"""How long the loop is busy is measured, and what takes too long is logged."""

from __future__ import annotations

import itertools
import logging
from concurrent.futures import Future

import pytest

from facewatchd.daemon.events import Chore, Due
from facewatchd.daemon.requests import understood
from facewatchd.daemon.turns import TurnWatch, kind_of
from facewatchd.errors import FacewatchError


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
            with turns.on(kind_of(understood("people.merge", {"person": "1", "into": "2"}, Future()))):
                pass
        turns.end()
    assert [record.getMessage() for record in caplog.records] == [
        "The loop was busy for 7000 ms (100 ms of processor): command people.merge 2000, files that settle 1000"
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


def test_a_request_has_the_name_of_an_operation() -> None:
    """What comes over the socket, from whoever may open it, cannot break the line: other names are refused before."""
    assert kind_of(understood("tree", {}, Future())) == "command tree"
    with pytest.raises(FacewatchError):
        understood("tree\n", {}, Future())
