"""
Which photo folders there are: what becomes of the photos of one that the user takes out of the configuration.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from helpers import Archive, unit

from facewatchd.config import load_config
from facewatchd.daemon.sources import Sources
from facewatchd.domain import PhotoState
from facewatchd.pipeline.discover import Discovery
from facewatchd.pipeline.materialize import materialize

pytest_plugins = "archive_fixtures"


def sources(archive: Archive, *folders: Path) -> Sources:
    overrides = {
        "photos": folders,
        "people": {"dir": archive.folder / "People"},
        "state": {"dir": archive.folder / "state"},
    }
    return Sources(load_config(None, overrides), archive.store, lambda root, hint: None, lambda part: None)


def test_a_folder_taken_out_of_the_configuration(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    """Its photos are shown no more; they keep faces and names, and are back when the folder is."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    archive.add(b"3.jpg", [(None, unit(1))])
    materialize(archive.store, archive.tree)
    other = archive.folder / "Other"
    other.mkdir()
    with caplog.at_level("INFO"):
        left = sources(archive, other)
        assert "are not shown" not in caplog.text, "until the other folder was looked through, they may turn up there"
        assert left.leave_out()
    assert "3 photos of" in caplog.text
    materialize(archive.store, archive.tree)
    tree = archive.folder / "People"
    assert not list((tree / "Ada").glob("*.jpg"))
    assert len(archive.faces_of(ada)) == 2

    back = sources(archive, other, archive.folder / "Photos")
    discovery = Discovery(archive.store, back.roots, 0, 0, back.trusted)
    for path in (b"1.jpg", b"2.jpg", b"3.jpg"):
        assert discovery.see(archive.seen(path), closed=False, now=time.time() + 10)[0] is None
    materialize(archive.store, archive.tree)
    assert {link.name for link in (tree / "Ada").glob("?.jpg")} == {"1.jpg", "2.jpg"}
    assert archive.store.photos.counts()[PhotoState.DONE] == 3


def test_a_disk_that_is_not_mounted_may_hold_the_link_to_a_folder(archive: Archive) -> None:
    """Until one can see where the configured folder leads, no other is taken out: its photos stay where they are (R5)."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    disk = archive.folder / "disk"
    disk.mkdir()
    (disk / "Pictures").symlink_to(archive.folder / "Photos")
    assert [root.path for root in sources(archive, disk / "Pictures").roots.values()] == [archive.photos]
    disk.rename(archive.folder / "pulled out")
    assert not sources(archive, disk / "Pictures").leave_out()
    assert archive.store.photos.counts()[PhotoState.DONE] == 2
    disk.mkdir()
    (disk / "Pictures").mkdir()
    assert sources(archive, disk / "Pictures").leave_out()
    assert archive.store.photos.counts()[PhotoState.DONE] == 0
