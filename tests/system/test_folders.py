"""
The folders that a state belongs to: remembered, held against what the user says, and told from a slip of the pen.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from helpers import Archive

from facewatchd.config import Config, load_config
from facewatchd.errors import ConfigError
from facewatchd.pipeline.intake.folders import remembered, settle_folders
from facewatchd.pipeline.intake.roots import settle_roots

pytest_plugins = "archive_fixtures"


def config(archive: Archive, *photos: Path, people: Path | None = None) -> Config:
    """What a command line says."""
    overrides = {"state": {"dir": archive.folder / "state"}, **({"photos": photos} if photos else {})}
    return load_config(None, {**overrides, **({"people": {"dir": people}} if people is not None else {})})


@pytest.fixture
def album(archive: Archive) -> Path:
    return Path(os.fsdecode(archive.photos))


def test_folders_are_said_once(archive: Archive, album: Path) -> None:
    """Every later command has them from the state."""
    people = archive.folder / "Folks"
    settle_folders(config(archive, album, people=people), archive.store)
    for later in (settle_folders(config(archive), archive.store), remembered(config(archive))):
        assert (later.photos, later.people.dir) == ((album,), people)


def test_what_the_user_says_wins_and_a_difference_is_said(
    archive: Archive, album: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """... once: from then on it is what the state remembers."""
    other, people = archive.folder / "Other", archive.folder / "caf\udce9"
    other.mkdir()
    with caplog.at_level("INFO"):
        settle_folders(config(archive, album, people=archive.folder / "Folks"), archive.store)
        assert caplog.text == ""
        now = settle_folders(config(archive, other, people=people), archive.store)
    assert (now.photos, now.people.dir) == ((other,), people)
    assert f"until now this state had {archive.folder / 'Folks'}" in caplog.text
    assert f"until now this state had {album}" in caplog.text
    caplog.clear()
    assert settle_folders(config(archive), archive.store).people.dir == people
    assert caplog.text == ""


def test_folders_that_are_remembered_must_not_overlap_with_what_is_said(archive: Archive, album: Path) -> None:
    """The same rule as within a file."""
    settle_folders(config(archive, album, people=archive.folder / "Folks"), archive.store)
    with pytest.raises(ConfigError, match="lies in the people tree"):
        settle_folders(config(archive, archive.folder / "Folks" / "in"), archive.store)


def test_nothing_is_known_and_nothing_is_said(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no photo folder to watch"):
        settle_folders(config(archive), archive.store)
    nowhere = load_config(None, {"state": {"dir": tmp_path / "none"}})
    assert remembered(nowhere) == nowhere


def test_a_folder_that_never_was_is_a_slip_of_the_pen(archive: Archive, album: Path) -> None:
    """It is said what is nearly called so; a file is no folder."""
    with pytest.raises(ConfigError, match=rf"There is no such photo folder \(.*Phtos\).*did you mean {album}\?"):
        settle_folders(config(archive, album.with_name("Phtos")), archive.store)
    (archive.folder / "file").touch()
    with pytest.raises(ConfigError, match="It is a file"):
        settle_folders(config(archive, archive.folder / "file"), archive.store)
    with pytest.raises(ConfigError, match="There is no such photo folder"):
        settle_folders(config(archive, album, archive.folder / "no" / "way"), archive.store)
    assert archive.store.folders().photos == (), "what is wrong is not remembered"


def test_a_folder_that_was_there_is_away(archive: Archive, album: Path) -> None:
    """A disk that is not mounted: under the path that was given, or as a part of a folder that is known."""
    settle_folders(config(archive, album), archive.store)
    archive.person("Ada", [b"2019/1.jpg"])
    (root,) = settle_roots(archive.store, [archive.photos])
    archive.store.roots.set_identity(root.root_id, 1, 2)
    shutil.rmtree(album)
    for known in ((album,), (), (album / "2019",)):
        settle_folders(config(archive, *known), archive.store)
    disk = archive.folder / "disk"
    (disk / "in").mkdir(parents=True)
    (disk / "link").symlink_to(disk / "in")
    settle_folders(config(archive, disk / "link"), archive.store)
    shutil.rmtree(disk)
    settle_folders(config(archive, disk / "link"), archive.store)
