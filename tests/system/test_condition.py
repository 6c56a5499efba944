"""How the daemon is, as it says itself; what `status` makes of it is in test_daemon."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from facewatchd.config import Config
from facewatchd.daemon.events import Chore, Due, Stop
from facewatchd.daemon.loop import Daemon
from facewatchd.daemon.requests import understood
from facewatchd.daemon.reread import Prepared
from facewatchd.domain import FaceEngine
from facewatchd.errors import FacewatchError, StoreFullError
from facewatchd.store import Store

pytest_plugins = "archive_fixtures"


def test_nothing_is_counted_while_nobody_asks(tmp_path: Path, store: Store, builtin_engine: FaceEngine) -> None:
    """It is found out every few seconds for as long as the daemon runs: the state is not even read for it."""
    photos = tmp_path / "photos"
    photos.mkdir()
    config = Config.model_validate({"photos": [photos], "people": {"dir": tmp_path / "people"}})
    daemon = Daemon(Prepared(config, builtin_engine, ""), store)
    daemon.condition.write()
    assert "not been looked at" in store.vitals()
    read: list[str] = []
    store._db.set_trace_callback(read.append)
    daemon.condition.write()
    assert read == []
    progress = daemon.condition.vitals().progress
    assert progress is not None
    assert progress.to_go == 0
    daemon.post(Stop())
    daemon.run()


def test_what_is_waited_for_while_another_program_holds_the_state(
    tmp_path: Path, store: Store, builtin_engine: FaceEngine
) -> None:
    """It is no want of space; who holds it is named, questions are answered at once, and it passes by itself."""
    photos = tmp_path / "photos"
    photos.mkdir()
    config = Config.model_validate({"photos": [photos], "people": {"dir": tmp_path / "people"}})
    daemon = Daemon(Prepared(config, builtin_engine, ""), store)
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print(); input()"
    command = [sys.executable, "-uc", hold, str(store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        started = time.monotonic()
        with pytest.raises(StoreFullError) as caught:
            store.try_writing()
        daemon._pause.begin(caught.value)
        assert time.monotonic() - started < 5
        vitals = daemon.condition.vitals()
        assert daemon.condition.doing() == "waiting for another program"
        assert any(f"(process {other.pid}). When it lets go" in sentence for sentence in vitals.blocked)
        other.communicate(b"\n")
    daemon._pause._next_try = 0.0
    assert daemon._pause.is_over(store)
    assert daemon._pause.reason == ""
    daemon.post(Stop())
    daemon.run()


def test_a_grouping_that_is_due_while_the_disk_is_full_is_made_later(
    tmp_path: Path, store: Store, builtin_engine: FaceEngine
) -> None:
    """Its next time may be a month away."""
    photos = tmp_path / "photos"
    photos.mkdir()
    config = Config.model_validate({"photos": [photos], "people": {"dir": tmp_path / "people"}})
    daemon = Daemon(Prepared(config, builtin_engine, ""), store)
    daemon._pause.begin(StoreFullError("The disk is full", "", tmp_path))
    daemon._turn(Due(Chore.RECLUSTER))
    assert daemon._grouping.wanted
    assert not daemon._grouping.running
    daemon.post(Stop())
    daemon.run()


def test_a_request_that_comes_too_late_is_refused(tmp_path: Path, store: Store, builtin_engine: FaceEngine) -> None:
    """The loop has ended, and the socket is not closed yet: whoever asks must not wait for ever."""
    (tmp_path / "photos").mkdir()
    config = Config.model_validate({"photos": [tmp_path / "photos"], "people": {"dir": tmp_path / "people"}})
    daemon = Daemon(Prepared(config, builtin_engine, ""), store)
    early, late = (understood("retry", {}, Future()) for _ in range(2))
    daemon.post(early)
    daemon.post(Stop())
    daemon.run()
    daemon.post(late)
    for asked in (early, late):
        with pytest.raises(FacewatchError, match=r"facewatchd is stopping\. Ask again later\."):
            asked.reply.result(timeout=5)
