"""
Which photo folders there are: what becomes of the photos of one that the user takes out of the configuration, and what is
said of folders that cannot be looked into.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Archive, in_namespace, unit
from plain import materialize

from facewatchd.config import load_config
from facewatchd.daemon.folders.scans import ScanEnd, ScanPart
from facewatchd.daemon.folders.sources import Sources
from facewatchd.daemon.troubles import Troubles
from facewatchd.domain import Health, PhotoState, Root
from facewatchd.pipeline.intake.discover import Discovery

pytest_plugins = "archive_fixtures"


def sources(
    archive: Archive, *folders: Path, on_scan: Callable[[ScanPart | ScanEnd], None] = lambda part: None
) -> Sources:
    overrides = {
        "photos": folders,
        "people": {"dir": archive.folder / "People"},
        "state": {"dir": archive.folder / "state"},
    }
    return Sources(load_config(None, overrides), archive.store, lambda root, hint: None, on_scan)


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


# --- what could not be looked at


def test_what_could_not_be_looked_at_is_said_until_it_can_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each change of a folder is told once; the first after the scan even where nothing has changed since."""
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / name).mkdir()
    troubles = Troubles(Root(1, bytes(tmp_path)))
    problems = [(name, "It is closed.") for name in (b"a", b"b", b"c", b"d", b"e")]
    assert troubles.scanned(b"", problems) == []
    assert caplog.text.count("It is closed.") == 3
    assert "so it is with 2 more" in caplog.text
    assert troubles.sentences()[:3] == [f"{tmp_path / name}: It is closed." for name in "abc"]
    assert troubles.sentences()[3].startswith("2 more folders and files are kept from facewatchd in ")
    assert set(troubles.changed()) == {b"a", b"b", b"c", b"d", b"e"}
    assert troubles.scanned(b"", problems) == []
    assert troubles.changed() == []
    assert caplog.text.count("It is closed.") == 3
    (tmp_path / "a").rmdir()
    (tmp_path / "b").rmdir()
    (tmp_path / "b").symlink_to(tmp_path / "c")
    assert set(troubles.changed()) == {b"a", b"b"}
    assert troubles.changed() == []
    assert troubles.links() == [b"b"]
    assert troubles.scanned(b"a", []) == [b"a"]
    assert b"a" not in troubles
    assert set(troubles.scanned(b"", [(b"b", "It is a link.")])) == {b"c", b"d", b"e"}
    troubles.forget([b"b"])
    assert not troubles


@pytest.mark.usefixtures("strict")
def test_photos_that_failed_in_a_closed_folder_are_tried_again_when_it_is_open(archive: Archive) -> None:
    """Nothing about the photos themselves changes: neither a scan nor the kernel tells of them."""
    seen = archive.write(b"a/1.jpg")
    other = archive.write(b"b/2.jpg")
    ends: queue.SimpleQueue[ScanPart | ScanEnd] = queue.SimpleQueue()
    watched = sources(archive, archive.folder / "Photos", on_scan=ends.put)
    watched.start()
    try:

        def scanned(below: bytes) -> None:
            while True:
                found = ends.get(timeout=30)
                if isinstance(found, ScanEnd):
                    watched.scanned(found)
                    if found.below == below:
                        return

        scanned(b"")
        with archive.store.transaction():
            for each in (seen, other):
                archive.store.photos.fail(each, "Permission is denied.", 0, passing=False)
        os.chmod(archive.photos + b"/a", 0o000)
        watched.explain(watched.at(archive.photos), b"a")
        scanned(b"a")
        (said,) = watched.blocked()
        assert said.startswith(
            f"{archive.folder / 'Photos' / 'a'}: The folder cannot be read (Permission denied). Give"
        )
        assert watched.statuses()[0].health is Health.DEGRADED
        watched.supervise()
        scanned(b"a")
        os.chmod(archive.photos + b"/a", 0o755)
        watched.supervise()
        scanned(b"a")
        assert watched.blocked() == []
        states = {path: photo.state for path, photo in archive.store.photos.known(1).items()}
        assert states == {b"a/1.jpg": PhotoState.PENDING, b"b/2.jpg": PhotoState.FAILED}
        # the root itself
        os.chmod(archive.photos, 0o000)
        watched.supervise()
        assert watched.statuses()[0].health is Health.OFFLINE
        (said,) = watched.blocked()
        assert said.startswith(f"{archive.folder / 'Photos'}: The folder cannot be read (Permission denied). Give")
        os.chmod(archive.photos, 0o755)
        watched.supervise()
        scanned(b"")
        assert watched.blocked() == []
        assert archive.store.photos.counts()[PhotoState.PENDING] == 2
    finally:
        os.chmod(archive.photos, 0o755)
        os.chmod(archive.photos + b"/a", 0o755)
        watched.stop()


MOUNTED_INSIDE = """
import os, queue, subprocess, sys
from pathlib import Path
from facewatchd.config import load_config
from facewatchd.daemon.folders.scans import ScanEnd
from facewatchd.daemon.folders.sources import Sources
from facewatchd.store import Store
from facewatchd.watch.hints import Hint, HintKind
top = Path(sys.argv[1])
sub = top / "Photos" / "sub"
sub.mkdir(parents=True)
hints, ends = queue.Queue(), queue.Queue()
config = load_config(None, {"photos": [top / "Photos"], "people": {"dir": top / "People"}, "state": {"dir": top / "state"}})
def until_scanned(below):
    while not (isinstance(end := ends.get(timeout=20), ScanEnd) and end.below == below):
        pass
def until_heard(name):
    (sub / name).write_bytes(b"x")
    while hints.get(timeout=20) != Hint(os.fsencode(sub / name), HintKind.FILE, closed=True):
        pass
with Store(top / "state") as store:
    sources = Sources(config, store, lambda root, hint: hints.put(hint), ends.put)
    sources.start()
    until_scanned(b"")
    until_heard("1.jpg")
    subprocess.run(["mount", "-t", "tmpfs", "card", sub], check=True)
    sources.supervise()
    until_scanned(b"sub")
    until_heard("2.jpg")
    print("mounted over")
    sources.supervise()
    subprocess.run(["umount", "-l", sub], check=True)
    sources.supervise()
    until_scanned(b"sub")
    until_heard("3.jpg")
    print("unmounted", [status.health.value for status in sources.statuses()])
    sources.stop()
"""


def test_what_is_mounted_in_a_folder_is_looked_at_and_watched(tmp_path: Path) -> None:
    """The kernel does not tell of it; the mount table does."""
    done = in_namespace(MOUNTED_INSIDE, tmp_path)
    assert done.stdout.splitlines() == ["mounted over", "unmounted ['online']"], done.stderr
