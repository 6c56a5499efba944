"""What the scripts in tests/faults and benchmarks came across, each as small as it can be made."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

import pytest
from helpers import Archive

from facewatchd.daemon.process.service import notify
from facewatchd.domain import PhotoState
from facewatchd.photos.formats import is_photo_name
from facewatchd.pipeline.intake.discover import Discovery, differences
from facewatchd.watch.scanner import scan

pytest_plugins = "archive_fixtures"


@pytest.fixture
def discovery(archive: Archive) -> Discovery:
    roots = {archive.root.root_id: archive.root}
    return Discovery(archive.store, roots, 2.0, 5.0, set(roots))


def hint(archive: Archive, discovery: Discovery, path: bytes) -> bool:
    """Whether a hint about a file that has been quiet for long is a reason to take it in."""
    return discovery.look_at(archive.root, path, closed=True, now=time.time() + 1000)[0] is not None


def missing(archive: Archive) -> set[int]:
    """The photos that a full scan misses."""
    folders = scan(archive.root, is_photo_name)
    parts = differences(archive.store, archive.root, b"", folders, 100)
    return {photo for part in parts for photo, _ in part.missing}


def states(archive: Archive) -> dict[bytes, PhotoState]:
    return {path: known.state for path, known in archive.store.photos.known(archive.root.root_id).items()}


def test_a_hard_link_that_an_event_tells_of_is_no_second_photo(archive: Archive, discovery: Discovery) -> None:
    """It was embedded again, and then one of the two was missed by every scan (R8)."""
    archive.add(b"b.jpg")
    os.link(archive.photos + b"/b.jpg", archive.photos + b"/a.jpg")
    assert not hint(archive, discovery, b"a.jpg")
    assert states(archive) == {b"b.jpg": PhotoState.DONE}
    # the scan comes to the new name first, and tells of no other
    assert missing(archive) == set()


def test_the_other_name_of_a_photo_takes_over_when_the_first_goes(archive: Archive, discovery: Discovery) -> None:
    """It is the same photo, with the same faces."""
    archive.add(b"b.jpg")
    os.link(archive.photos + b"/b.jpg", archive.photos + b"/a.jpg")
    assert not hint(archive, discovery, b"a.jpg")
    before = archive.store.photos.known(archive.root.root_id)[b"b.jpg"].photo_id
    os.unlink(archive.photos + b"/b.jpg")
    assert not hint(archive, discovery, b"a.jpg")
    (known,) = archive.store.photos.known(archive.root.root_id).items()
    assert (known[0], known[1].photo_id, known[1].state) == (b"a.jpg", before, PhotoState.DONE)


def test_a_symlink_left_behind_does_not_hide_a_move(archive: Archive, discovery: Discovery) -> None:
    """Behind a symlink nothing is watched or scanned: what is reached through it only has moved away."""
    archive.add(b"old/b.jpg")
    os.rename(archive.photos + b"/old", archive.photos + b"/new")
    os.symlink(b"new", archive.photos + b"/old")
    assert not hint(archive, discovery, b"new/b.jpg")
    assert states(archive) == {b"new/b.jpg": PhotoState.DONE}


def test_a_service_manager_that_reads_nothing_does_not_stop_the_daemon(tmp_path: Path) -> None:
    """Its socket's queue is full after some notifications; the next one waited for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.connect(str(tmp_path / "notify"))
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(queue + 2):
                    other.send(b"WATCHDOG=1")
        started = time.monotonic()
        notify("WATCHDOG=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert time.monotonic() - started < 5
