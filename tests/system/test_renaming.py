"""
What the user puts into the people tree between our look and our deed is never overwritten.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from facewatchd.core.tree.entries import MARKER, Action, MakeFolder, PutFile, PutLink, RenameFolder
from facewatchd.people import renaming
from facewatchd.people.markers import marker_text
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.people.renaming import exchange, rename_new
from facewatchd.people.tree import Done, PeopleTree

THEIRS = b"the only copy of something"


def content(action: PutFile) -> bytes:
    return marker_text(action.owner, "state") if action.name == MARKER else action.version.encode()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "People"


@pytest.fixture
def tree(top: Path) -> Iterator[PeopleTree]:
    with PeopleTree(os.fsencode(top), "state", content, PhotoFiles(lambda photo: None)) as opened:
        do(opened, MakeFolder(1, b"Ada"), PutFile(1, b"Ada", MARKER, "state"))
        yield opened


def do(tree: PeopleTree, *actions: Action) -> list[Done]:
    written: list[Done] = []
    tree.carry_out(list(actions), lambda done, intended: written.extend(done))
    return written


@contextmanager
def at(moment: str, function: str, work: Callable[[], object], times: int = 1) -> Iterator[None]:
    """Do something at the very moment, "call" or "return", of a function of the program; the first time, or a later one."""
    left = times

    def look(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if event == moment and frame.f_code.co_name == function:
            left -= 1
            if left == 0:
                work()

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)
    assert left <= 0, f"{function} was not called"


@pytest.mark.parametrize("case", ["a link in place of ours", "a file in place of ours", "a new file"])
def test_a_file_of_the_users_that_came_in_between_stays(tree: PeopleTree, top: Path, case: str) -> None:
    """Whether there was nothing, or something of ours, when we looked. (A new link is made in one step.)"""
    # a file is looked for when it is made, and again when it is put in place
    place, function, times = top / "Ada" / "x", "_has_room", 2
    action: Action = PutFile(1, b"Ada", b"x", "new")
    if case == "a link in place of ours":
        do(tree, PutLink(b"Ada", b"x", 1, b"../old"))
        action, function, times = PutLink(b"Ada", b"x", 1, b"../new", b"../old"), "link", 1
    elif case == "a file in place of ours":
        (first,) = do(tree, PutFile(1, b"Ada", b"x", "old"))
        action = PutFile(1, b"Ada", b"x", "new", first.signature)

    def save() -> None:
        (top / "theirs").write_bytes(THEIRS)
        (top / "theirs").rename(place)

    with at("return", function, save, times):
        done = do(tree, action)
    assert place.read_bytes() == THEIRS
    assert done == []
    assert {entry.name for entry in (top / "Ada").iterdir()} == {"x", ".facewatchd"}


def test_a_folder_of_the_users_that_came_in_between_stays(tree: PeopleTree, top: Path) -> None:
    """Ours is not renamed over it, even where it is empty."""
    with at("call", "rename_new", (top / "Anna").mkdir):
        do(tree, RenameFolder(1, b"Ada", b"Anna"))
    assert list((top / "Anna").iterdir()) == []
    assert (top / "Ada" / ".facewatchd").exists()


def test_where_the_system_cannot_it_is_looked_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old kernel, or a file system such as some FUSE ones: as good as renaming gets there."""
    monkeypatch.setattr(renaming, "_libc", object())
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not exchange(b"a", b"b", folder)
        with pytest.raises(FileExistsError):
            rename_new(b"a", b"b", folder, folder)
        rename_new(b"a", b"c", folder, folder)
    finally:
        os.close(folder)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b": "b", "c": "a"}


def test_names_are_exchanged(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert exchange(b"a", b"b", folder)
        with pytest.raises(FileNotFoundError):
            exchange(b"a", b"none", folder)
    finally:
        os.close(folder)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "b", "b": "a"}
