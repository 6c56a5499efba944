"""
When the people tree is read: when the user, or whoever copies for them, has finished. The tree is a real one, the clock is the
test's.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Archive, unit
from trees import know_two, look, shown

from facewatchd.core.tree.half_moves import WHILE_S
from facewatchd.daemon.tree.tree_keeper import TreeKeeper

pytest_plugins = "archive_fixtures"

TICK = 0.1


class Watched:
    """A keeper whose tree is watched, and the clock that it goes by."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.top = Path(os.fsdecode(archive.tree.path))
        self.now = 1000.0
        self.started = time.time() - self.now
        self.keeper = self.fresh()

    def fresh(self, *, is_watched: bool = True) -> TreeKeeper:
        """A program that has just started."""
        keeper = TreeKeeper(self.archive.store, self.archive.tree, lambda *_: None, lambda: self.now, self.wall)
        if is_watched:
            keeper.is_watched()
        return keeper

    def wall(self) -> float:
        """Seconds since 1970: the clock of the file system, but for the time that the test has let go by."""
        return self.started + self.now

    def changed(self, path: str) -> None:
        """Something changed there."""
        self.keeper.touched(os.fsencode(path))

    def link(self, photo: str, folder: str) -> None:
        """A link to a photo comes, as one does that is copied from elsewhere."""
        (self.top / folder / photo).symlink_to(f"../../Photos/{photo}")
        self.changed(f"{folder}/{photo}")

    def wait(self, seconds: float) -> None:
        """Time goes by, and the keeper does what is due."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + TICK, end)
            due = self.keeper.next_due()
            if due is not None and due <= self.now:
                self.keeper.tend(idle=True)

    def titles(self) -> list[str]:
        return [entry.title for entry in self.archive.store.journal.entries(9)][::-1]


@pytest.fixture
def watched(archive: Archive) -> Iterator[Watched]:
    """Ada and Bob, who have names, and Person 3 in six photos."""
    know_two(archive, 3, 3)
    archive.person("", [b"c%d.jpg" % number for number in range(6)], 4)
    with archive.store.transaction():
        archive.store.people.rename(1, "Ada")
        archive.store.people.rename(2, "Bob")
    look(archive)
    watched = Watched(archive)
    watched.wait(5)
    yield watched
    assert not watched.keeper.problem


@pytest.mark.parametrize("marker", ["last", "first"])
@pytest.mark.parametrize("pause", [0.4, 1.5, 2.5])
def test_a_folder_that_grows_slowly_is_read_when_it_is_whole(watched: Watched, marker: str, pause: float) -> None:
    """Person 3's folder comes under another name, link by link, and goes under the old one: that is their name."""
    names = [f"c{number}.jpg" for number in range(6)]
    names = [*names, ".facewatchd"] if marker == "last" else [".facewatchd", *names]
    (watched.top / "Grandma").mkdir()
    watched.changed("Grandma")
    for name in names:
        watched.wait(pause)
        if name == ".facewatchd":
            shutil.copy2(watched.top / "Person 3" / name, watched.top / "Grandma" / name)
            watched.changed(f"Grandma/{name}")
        else:
            watched.link(name, "Grandma")
        assert watched.titles() == []
    for name in names:
        watched.wait(pause)
        (watched.top / "Person 3" / name).unlink()
        watched.changed(f"Person 3/{name}")
    shutil.rmtree(watched.top / "Person 3")
    watched.changed("Person 3")
    watched.wait(15)
    assert watched.titles() == ["Person 3 is Grandma"]
    assert shown(watched.archive)[b"Grandma"] == {f"c{number}.jpg".encode() for number in range(6)}


def test_a_slow_merge_is_one(watched: Watched) -> None:
    """Every link of Person 3 goes to Bob's folder, one in 1.5 s, and at last the folder: the two are one, at once."""
    for number in range(6):
        name = f"c{number}.jpg"
        (watched.top / "Person 3" / name).rename(watched.top / "Bob" / name)
        watched.changed(f"Person 3/{name}")
        watched.changed(f"Bob/{name}")
        watched.wait(1.5)
        assert watched.titles() == []
    shutil.rmtree(watched.top / "Person 3")
    watched.changed("Person 3")
    watched.wait(10)
    assert watched.titles() == ["Person 3 is Bob"]


def test_one_gesture_is_read_within_a_few_seconds(watched: Watched) -> None:
    """There is nothing to wait for."""
    (watched.top / "Person 3").rename(watched.top / "Grandma")
    watched.changed("Person 3")
    watched.changed("Grandma")
    watched.wait(3.2)
    assert watched.titles() == ["Person 3 is Grandma"]


def test_a_tree_that_is_never_quiet_is_read_all_the_same(watched: Watched) -> None:
    """Some program writes there every second."""
    (watched.top / "Person 3").rename(watched.top / "Grandma")
    watched.changed("Person 3")
    for number in range(290):
        (watched.top / "busy").mkdir()
        watched.changed("busy")
        (watched.top / "busy").rmdir()
        watched.changed("busy")
        watched.wait(1)
        assert not watched.titles(), number
    for _ in range(20):
        watched.changed("busy")
        watched.wait(1)
    assert watched.titles() == ["Person 3 is Grandma"]


def test_what_is_under_way_when_the_program_starts(watched: Watched) -> None:
    """A folder that grew a moment ago may grow on; nothing told of it."""
    (watched.top / "Grandma").mkdir()
    (watched.top / "Grandma" / "c0.jpg").symlink_to("../../Photos/c0.jpg")
    os.utime(watched.top / "Grandma", (watched.wall(), watched.wall()))
    watched.keeper = watched.fresh()
    watched.keeper.tend(idle=True)
    watched.wait(1)
    assert watched.titles() == []
    watched.link("c1.jpg", "Grandma")
    watched.wait(2.5)
    assert watched.titles() == []
    watched.wait(1)
    assert watched.titles() == ["Grandma is somebody new"]
    assert shown(watched.archive)[b"Grandma"] == {b"c0.jpg", b"c1.jpg"}


def test_a_new_tree_is_filled_at_once(archive: Archive) -> None:
    """There is nothing in it that anybody could be at work with, though the folder itself was made just now."""
    archive.person("Ada", [b"a.jpg", b"b.jpg"])
    Path(os.fsdecode(archive.tree.path)).mkdir()
    keeper = TreeKeeper(archive.store, archive.tree, lambda *_: None)
    keeper.is_watched()
    keeper.tend(idle=True)
    assert not keeper.is_busy
    assert shown(archive) == {b"Ada": {b"a.jpg", b"b.jpg"}}


def test_a_tree_that_cannot_be_watched(watched: Watched) -> None:
    """On a network share the folders themselves tell when they were last changed; photos that come wait for that, too."""
    watched.keeper = watched.fresh(is_watched=False)
    watched.wait(5)
    (watched.top / "Grandma").mkdir()
    for number in range(6):
        (watched.top / "Grandma" / f"c{number}.jpg").symlink_to(f"../../Photos/c{number}.jpg")
        os.utime(watched.top / "Grandma", (watched.wall(), watched.wall()))
        watched.keeper.touch({1})
        watched.wait(1.5)
        assert watched.titles() == []
    shutil.rmtree(watched.top / "Person 3")
    os.utime(watched.top, (watched.wall(), watched.wall()))
    watched.keeper.touch({1})
    watched.wait(4)
    assert watched.titles() == ["Grandma is somebody new"]


def test_a_copy_that_takes_no_face_is_undone_by_itself(watched: Watched) -> None:
    """With nothing else going on; it is told, in `status` too."""
    watched.archive.add(b"two.jpg", [(1, unit(0)), (2, unit(1))])
    watched.keeper.touch(None)
    watched.wait(5)
    (watched.top / "Eve").mkdir()
    watched.changed("Eve")
    watched.link("two.jpg", "Eve")
    watched.wait(10)
    assert (watched.top / "Eve" / "two.jpg").is_symlink()
    assert not watched.keeper.is_busy
    assert watched.keeper.notice == ""
    watched.wait(WHILE_S)
    assert not (watched.top / "Eve" / "two.jpg").is_symlink()
    assert watched.keeper.notice.startswith("two.jpg was copied to Eve, but every face in it is somebody's already")
    assert watched.titles() == []
    assert watched.keeper.next_due() is None
    (watched.top / "Person 3").rename(watched.top / "Grandma")
    watched.changed("Person 3")
    watched.wait(5)
    assert watched.keeper.notice == ""
