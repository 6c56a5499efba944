"""Whether a file system answers is asked by somebody else, and what is caught all the same holds nobody up."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hanging import FLUSH, GETATTR, OPEN, READ, hanging_mount
from helpers import jpeg, open_archive
from running import is_alive, wait_until

from facewatchd.config import load_config
from facewatchd.core.tree.owners import Owner
from facewatchd.daemon.folders.scans import ScanEnd, ScanPart
from facewatchd.daemon.folders.sources import Sources
from facewatchd.daemon.steady import Steady, waits_in
from facewatchd.daemon.tree.covers import CoverCutter
from facewatchd.daemon.tree.tree_watch import TreeWatch
from facewatchd.domain import Box, FileStat, Health, Root, RootId, WatchMode
from facewatchd.photos.decoding.channel import Order, Sent, send_order
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader
from facewatchd.store import PersonFace
from facewatchd.watch.answering import Answers, reach
from facewatchd.watch.hints import Hint
from facewatchd.watch.mounts import parse_mounts
from facewatchd.watch.watcher import Watcher


def test_a_path_is_followed_up_to_what_others_serve(tmp_path: Path) -> None:
    """Through links, relative and absolute, and round in a circle; nothing beyond the mount point is touched."""
    table = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / %s rw - nfs4 nas:/ rw\n" % os.fsencode(tmp_path / "nas")
    mounts, top = parse_mounts(table), os.fsencode(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "up").symlink_to("../nas/./pictures")
    (tmp_path / "to").symlink_to(tmp_path / "in")
    (tmp_path / "round").symlink_to("round")
    path, mount = reach(top + b"/to/up/2019", mounts)
    assert (path, mount) == (top + b"/nas/./pictures/2019", mounts[1])
    assert reach(top + b"/in/../nas", mounts)[1] == mounts[1]
    for local in (b"/to/x", b"/nasty", b"/round/x"):
        assert reach(top + local, mounts)[1] is None


def test_what_hangs_is_told_and_what_answers_again_too(tmp_path: Path) -> None:
    """Asking takes no longer than it is allowed to; what is mounted anew in the same place is another."""
    answers, point = Answers(patience_s=0.3, silent_s=0.6), tmp_path / "nas"
    path = os.fsencode(point / "photos")
    with hanging_mount(tmp_path / "behind", point) as mount:
        (tmp_path / "link").symlink_to(point)
        assert answers.answers(path)
        assert answers.silence(path) == ""
        mount.mute()
        wait_until(lambda: not answers.answers(path), 5)
        began = time.monotonic()
        assert not answers.answers(path)
        assert not answers.answers(os.fsencode(tmp_path), inside=True)
        assert answers.real_path(os.fsencode(tmp_path / "link" / "a")) == os.fsencode(point / "a")
        assert time.monotonic() - began < 0.3
        assert answers.answers(os.fsencode(tmp_path))
        wait_until(lambda: f"{point} (fuse) has not answered since" in answers.silence(path), 5)
        assert answers.waits_s() > 0.5
        mount.go_on()
        wait_until(lambda: answers.answers(path), 5)
        assert (answers.silence(path), answers.waits_s()) == ("", 0.0)
        mount.stop()
        wait_until(lambda: not answers.answers(path), 5)
        subprocess.run(["umount", "-l", str(point)], check=True)
        with hanging_mount(tmp_path / "behind", point):
            wait_until(lambda: answers.answers(path), 5)
    answers.close()


def test_what_answers_of_itself_only_does_not_answer(tmp_path: Path) -> None:
    """A program may know how full its server was, while it waits for the server."""
    nas = tmp_path / "nas"
    answers = Answers(2.0, 4.0)
    with hanging_mount(tmp_path / "behind", nas, at=(GETATTR, "")) as mount:
        with mount.in_the_end():
            assert not answers.answers(os.fsencode(nas))
            mount.wait_until_mute()
        answers.close()


def test_a_scan_that_is_caught_holds_up_no_other(tmp_path: Path) -> None:
    """The folder is offline meanwhile, the others are scanned; when it answers it is scanned from the beginning."""
    archive = open_archive(tmp_path / "archive")
    local, nas = tmp_path / "local", tmp_path / "nas"
    local.mkdir()
    (local / "a.jpg").write_bytes(jpeg(1))
    config = load_config(
        None,
        {"photos": [nas, local], "people": {"dir": tmp_path / "people"}, "state": {"dir": archive.store.folder}},
    )
    told: queue.SimpleQueue[ScanPart | ScanEnd] = queue.SimpleQueue()
    with hanging_mount(tmp_path / "behind", nas) as mount:
        for number in range(2000):
            (tmp_path / "behind" / f"{number}.jpg").write_bytes(b"")
        answers = Answers(patience_s=0.5)
        sources = Sources(config, archive.store, lambda _root, _hint: None, told.put, answers)
        remote, root = (sources.at(os.fsencode(path)) for path in (nas, local))
        with mount.in_the_end():
            sources.start()
            # a stat of each of its files is under way now, or about to be
            mount.mute()
            wait_until(lambda: sources.look_out() and remote.root_id in sources.away, 10)
            assert sources.online() == [root.root_id]
            ends: list[ScanEnd] = []
            while not ends or ends[-1].root != root:
                part = told.get(timeout=10)
                ends += [part] if isinstance(part, ScanEnd) else []
            assert ends[-1].check is not None
            assert ends[-1].check.health is Health.ONLINE
            status = next(one for one in sources.statuses() if one.path == remote.path)
            assert (status.health, "are kept" in status.reason) == (Health.OFFLINE, True)
        wait_until(lambda: not sources.look_out() and not sources.away, 10)
        seen: set[bytes] = set()
        while len(seen) < 2000:
            part = told.get(timeout=10)
            if isinstance(part, ScanPart):
                assert not part.difference.missing
                seen |= {file.path for file in part.difference.files if file.root_id == remote.root_id}
        sources.stop()
        answers.close()


def watch_tree(folder: Path, on_change: Callable[[object], None]) -> Callable[[], None]:
    watch = TreeWatch(folder, on_change)
    assert watch.works
    return watch.stop


def watch_photos(folder: Path, on_change: Callable[[object], None]) -> Callable[[], None]:
    def on_hint(hint: Hint) -> None:
        on_change(hint)

    watcher = Watcher(Root(RootId(1), os.fsencode(folder)), WatchMode.INOTIFY, frozenset(), on_hint)
    watcher.start()
    return watcher.stop


@pytest.mark.parametrize("watch", [watch_tree, watch_photos])
def test_who_watches_what_hangs_can_be_ended(
    tmp_path: Path, watch: Callable[[Path, Callable[[object], None]], Callable[[], None]]
) -> None:
    """A share hangs just when a new folder is looked at: who watches it is told to end, and not waited for."""
    told: queue.SimpleQueue[object] = queue.SimpleQueue()
    with hanging_mount(tmp_path / "behind", tmp_path / "nas", at=(GETATTR, "Ada")) as mount, mount.in_the_end():
        stop = watch(tmp_path / "nas", told.put)
        (tmp_path / "nas" / "Bo").mkdir()
        told.get(timeout=10)
        (tmp_path / "nas" / "Ada").mkdir()
        mount.wait_until_mute()
        began = time.monotonic()
        stop()
        assert time.monotonic() - began < 4


def test_a_decoder_that_is_caught_holds_up_no_other(tmp_path: Path) -> None:
    """One that waits for a share cannot be ended: it is given up, and another does its work."""
    decoders, limits = Decoders(), DecodeLimits(max_megapixels=30, seconds=20, memory=400 << 20)
    (tmp_path / "behind").mkdir()
    for folder in (tmp_path, tmp_path / "behind"):
        (folder / "a.jpg").write_bytes(jpeg(1))
    stat = FileStat.of(os.lstat(tmp_path / "a.jpg"))
    ours, theirs = socket.socketpair()
    memory = os.memfd_create("picture")
    reader = IsolatedReader(decoders)
    with (
        hanging_mount(tmp_path / "behind", tmp_path / "nas", at=(READ, "a.jpg")) as mount,
        Connection(ours.detach()) as pipe,
        theirs,
        (tmp_path / "nas" / "a.jpg").open("rb") as photo,
        mount.in_the_end(),
    ):
        number = decoders.start(theirs, memory)
        nothing = Sent(is_open=False, problem="")
        order = Order(b"a.jpg", FileStat.of(os.fstat(photo.fileno())), nothing, nothing, 30, None, 20, 400 << 20)
        send_order(pipe, order, [photo.fileno()])
        mount.wait_until_mute()
        began = time.monotonic()
        assert decoders.end(number) is None
        assert reader.within(limits).read(os.fsencode(tmp_path / "a.jpg"), stat).decoded is not None
        assert time.monotonic() - began < 5
        mount.go_on()
        # it is buried by and by: nothing is left of it
        wait_until(lambda: not is_alive(number), 5)
        began = time.monotonic()
        reader.close()
        decoders.stop()
        assert time.monotonic() - began < 5
    os.close(memory)


def test_a_cover_that_is_caught_holds_up_no_other(tmp_path: Path) -> None:
    """Another thread cuts the next, nothing counts as being cut any more, and the picture is tried again."""
    (tmp_path / "behind").mkdir()
    for folder in (tmp_path, tmp_path / "behind"):
        (folder / "a.jpg").write_bytes(jpeg(1))
    cut: queue.SimpleQueue[Owner] = queue.SimpleQueue()
    decoders, answers = Decoders(), Answers(0.3, 1.0)
    limits = DecodeLimits(max_megapixels=30, seconds=20, memory=400 << 20)
    covers = CoverCutter(decoders, limits, cut.put, answers=answers)
    caught, other = (
        PersonFace(number, os.fsencode(folder / "a.jpg"), Box(10, 10, 20, 20))
        for number, folder in enumerate((tmp_path / "nas", tmp_path))
    )
    with hanging_mount(tmp_path / "behind", tmp_path / "nas", at=(OPEN, "a.jpg")) as mount:
        with mount.in_the_end():
            covers.cut(1, caught)
            mount.wait_until_mute()
            covers.cut(2, other)
            wait_until(lambda: not answers.answers(caught.path), 5)
            covers.leave()
            assert cut.get(timeout=30) == 2
            assert not covers.busy
            mount.go_on()
            assert covers.to_retry(at_once=True) == {1}
            # once the thread that was left has ended
            wait_until(lambda: answers.answers(caught.path), 10)
            covers.cut(1, caught)
            assert cut.get(timeout=30) == 1
        covers.stop()
        decoders.stop()
        answers.close()


def test_long_work_elsewhere_goes_on(tmp_path: Path) -> None:
    """Where one share hangs, work that waits again and again, each time for a moment only, is not left behind."""
    answers = Answers(0.1, 0.3)

    def work() -> None:
        for _ in range(200):
            time.sleep(0.01)

    def left(_: threading.Thread, event: object) -> None:
        raise AssertionError(f"it was left behind, with {event}")

    with hanging_mount(tmp_path / "behind", tmp_path / "nas") as mount:
        with mount.in_the_end():
            mount.stop()
            assert not answers.answers(os.fsencode(tmp_path / "nas"))
            Steady(answers, lambda: False).run(work, left)
        answers.close()


def test_a_program_that_is_started_may_wait_for_what_hangs(tmp_path: Path) -> None:
    """It has to close the files that are open here: who starts it counts as waiting for the share."""
    (tmp_path / "behind").mkdir()
    (tmp_path / "behind" / "cover.jpg").write_bytes(jpeg(1))

    def work() -> None:
        with (tmp_path / "nas" / "cover.jpg").open("rb"):
            subprocess.run(["true"], check=True)

    with hanging_mount(tmp_path / "behind", tmp_path / "nas", at=(FLUSH, "cover.jpg")) as mount:
        thread = threading.Thread(target=work)
        with mount.in_the_end():
            thread.start()
            mount.wait_until_mute()
            wait_until(lambda: waits_in(thread) is not None, 5)
        thread.join()
