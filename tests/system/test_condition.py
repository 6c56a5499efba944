"""How the daemon is, as it says itself; what `status` makes of it is in test_daemon."""

from __future__ import annotations

from pathlib import Path

from facewatchd.config import Config
from facewatchd.daemon.events import Chore, Due, Stop
from facewatchd.daemon.loop import Daemon
from facewatchd.domain import FaceEngine
from facewatchd.errors import StoreFullError
from facewatchd.store import Store

pytest_plugins = "archive_fixtures"


def test_nothing_is_counted_while_nobody_asks(tmp_path: Path, store: Store, builtin_engine: FaceEngine) -> None:
    """It is found out every few seconds for as long as the daemon runs: the state is not even read for it."""
    photos = tmp_path / "photos"
    photos.mkdir()
    config = Config.model_validate({"photos": [photos], "people": {"dir": tmp_path / "people"}})
    daemon = Daemon(config, store, builtin_engine)
    daemon.condition.write()
    assert "not been looked at" in store.vitals()
    read: list[str] = []
    store._db.set_trace_callback(read.append)
    daemon.condition.write()
    assert read == []
    progress = daemon.condition.vitals().progress
    assert progress is not None
    assert progress["to_go"] == 0
    daemon.post(Stop())
    daemon.run()


def test_a_grouping_that_is_due_while_the_disk_is_full_is_made_later(
    tmp_path: Path, store: Store, builtin_engine: FaceEngine
) -> None:
    """Its next time may be a month away."""
    photos = tmp_path / "photos"
    photos.mkdir()
    config = Config.model_validate({"photos": [photos], "people": {"dir": tmp_path / "people"}})
    daemon = Daemon(config, store, builtin_engine)
    daemon._pause.begin(StoreFullError("The disk is full", "", tmp_path))
    daemon._turn(Due(Chore.RECLUSTER))
    assert daemon._grouping.wanted
    assert not daemon._grouping.running
    daemon.post(Stop())
    daemon.run()
