"""The people tree's shell on a real folder: it does what it was told, and nothing to what is not ours (R32, R33, R36)."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import NASTY_NAMES, in_namespace, listing, without_roots_rights
from running import wait_until

from facewatchd.core.tree.entries import (
    MARKER,
    Action,
    Adopt,
    Forget,
    MakeFolder,
    PresentEntry,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveFolder,
    RemoveLink,
    RenameFolder,
)
from facewatchd.domain import Pool
from facewatchd.errors import TreeError
from facewatchd.people.looked import Looked
from facewatchd.people.markers import marker_text
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.people.tree import Done, PeopleTree

STATE = "state-1"
COVER = b"folder.jpg"
TEMPORARY = b".facewatchd-tmp"


def content(action: PutFile) -> bytes | None:
    if action.name == MARKER:
        return marker_text(action.owner, STATE)
    return f"version {action.version}".encode() if action.version else None


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "People"


@pytest.fixture
def tree(top: Path) -> Iterator[PeopleTree]:
    with PeopleTree(os.fsencode(top), STATE, content, FILES) as opened:
        yield opened


FILES = PhotoFiles(lambda photo: None)


def do(tree: PeopleTree, *actions: Action) -> list[Done]:
    """Carry out; returns what was written down as done."""
    written: list[Done] = []
    tree.carry_out(list(actions), lambda done, intended: written.extend(done))
    return written


def deeds(done: list[Done]) -> list[Action]:
    return [deed.action for deed in done]


def cover_signature(done: list[Done]) -> bytes:
    return next(deed.signature for deed in done if isinstance(deed.action, PutFile) and deed.action.name == COVER)


def ada(tree: PeopleTree) -> bytes:
    """Ada's folder with a marker, a cover and two links; returns the cover's signature."""
    done = do(
        tree,
        MakeFolder(1, b"Ada"),
        PutFile(1, b"Ada", MARKER, STATE),
        PutFile(1, b"Ada", COVER, "1"),
        PutLink(b"Ada", b"a.jpg", 1, b"../../Photos/a.jpg"),
        PutLink(b"Ada", b"b.jpg", 2, b"../../Photos/b.jpg"),
    )
    assert len(done) == 5
    return cover_signature(done)


def untouched(folder: Path) -> dict[bytes, tuple[int, bytes]]:
    """Everything there: rights and content by path."""
    return {path: (entry.mode, entry.content) for path, entry in listing(folder).items()}


# --- what it does ----------------------------------------------------------------------------------------------------


def test_a_folder_is_made_filled_and_seen(tree: PeopleTree, top: Path) -> None:
    """What `look` says afterwards is what was done; indexers are kept out."""
    signature = ada(tree)
    assert sorted(path.name for path in top.iterdir()) == [
        ".facewatchdignore",
        ".nomedia",
        ".ppignore",
        "Ada",
        "_ignored",
    ]
    found = tree.look()
    assert found.names == {b".facewatchdignore", b".nomedia", b".ppignore", b"Ada", b"_ignored"}
    folder = found.folders[b"Ada"]
    assert folder.marker == 1
    assert set(folder.entries) == {MARKER, COVER, b"a.jpg", b"b.jpg"}
    assert folder.entries[b"a.jpg"] == PresentEntry(target=b"../../Photos/a.jpg")
    assert folder.entries[COVER] == PresentEntry(signature=signature)
    assert (top / "Ada" / "folder.jpg").read_text() == "version 1"
    assert stat.S_IMODE((top / "Ada" / "folder.jpg").stat().st_mode) == 0o644


def test_looking_finds_all_folders_and_those_of_ours_one_level_down(tree: PeopleTree, top: Path) -> None:
    """The user's folders too, as links may have been moved there; further down only what has a marker of ours."""
    ada(tree)
    do(tree, MakeFolder(2, b"Bob"), PutFile(2, b"Bob", MARKER, STATE))
    for path in ("mine", "mine/inner", ".hidden"):
        (top / path).mkdir()
    (top / "mine" / "a.jpg").touch()
    (top / "note").touch()
    (top / "Bob").rename(top / "mine" / "Bob")
    found = tree.look()
    assert {path: folder.marker for path, folder in found.folders.items()} == {
        b"Ada": 1,
        b"mine": None,
        b"mine/Bob": 2,
        b"_ignored": None,
    }
    assert set(found.folders[b"mine"].entries) == {b"a.jpg", b"inner", b"Bob"}
    assert found.names == {
        b"Ada",
        b"mine",
        b".hidden",
        b"note",
        b".facewatchdignore",
        b".nomedia",
        b".ppignore",
        b"_ignored",
    }


def test_a_look_remembers_what_has_not_changed(tree: PeopleTree, top: Path) -> None:
    """Folders that have been left alone for a while are not listed again; any change of theirs is noticed."""
    ada(tree)
    looked = Looked()
    for path in (top / "Ada", top / "_ignored"):
        os.utime(path, ns=(1, 1))
    with PeopleTree(os.fsencode(top), STATE, content, FILES, looked) as again:
        first = again.look()
        assert again.changed == {b"Ada", b"_ignored"}
        assert again.look() == first
        (top / "Ada" / "a.jpg").unlink()
        assert set(again.look().folders[b"Ada"].entries) == {MARKER, COVER, b"b.jpg"}
        assert b"Ada" in again.changed


@pytest.mark.parametrize("is_told", [False, True])
def test_a_folder_that_is_gone_is_a_change(tree: PeopleTree, top: Path, is_told: bool) -> None:
    """Deleted or moved away, whatever else is as it was: else a person's hiding would be noticed late."""
    ada(tree)
    do(tree, MakeFolder(2, b"Bob"), PutFile(2, b"Bob", MARKER, STATE))
    looked = Looked()
    with PeopleTree(os.fsencode(top), STATE, content, FILES, looked) as seen:
        wait_until(lambda: (seen.look(), not seen.changed)[-1], 5)
        shutil.rmtree(top / "Bob")
        if is_told:
            for path in (b"Bob/" + MARKER, b"Bob"):
                looked.is_news(os.fsencode(top), path)
        seen.look()
        assert seen.changed == {b"Bob"}
        seen.look()
        assert seen.changed == set()


def test_links_in_parts_of_a_folder(tree: PeopleTree, top: Path) -> None:
    """A part is made with its first link and goes with the last; what the user has in it keeps it."""
    ada(tree)
    do(tree, PutLink(b"Ada", b"2019/a.jpg", 1, b"x"), PutLink(b"Ada", b"2020/a.jpg", 2, b"y"))
    (top / "Ada" / "2020" / "notes.txt").write_text("mine", encoding="utf-8")
    found = tree.look({b"Ada"}).folders
    assert {b"2019/a.jpg", b"2020/a.jpg", b"2020/notes.txt"} < found[b"Ada"].entries.keys()
    assert b"Ada/2019" not in found
    do(tree, PutLink(b"Ada", b"2019/a.jpg", 1, b"z", b"x"))
    assert os.readlink(top / "Ada" / "2019" / "a.jpg") == "z"
    do(tree, RemoveLink(b"Ada", b"2019/a.jpg", b"z"), RemoveLink(b"Ada", b"2020/a.jpg", b"y"))
    assert not (top / "Ada" / "2019").exists()
    assert os.listdir(top / "Ada" / "2020") == ["notes.txt"]
    (top / "Ada" / "2021").mkdir()
    do(tree, Forget(b"Ada", b"2021/a.jpg"))
    assert not (top / "Ada" / "2021").exists()


def test_parts_are_not_written_through(tree: PeopleTree, top: Path, tmp_path: Path) -> None:
    """A link in a part's place leads nowhere, a file there stays."""
    ada(tree)
    (tmp_path / "elsewhere").mkdir()
    os.symlink("note", tmp_path / "elsewhere" / "b.jpg")
    (top / "Ada" / "2019").symlink_to(tmp_path / "elsewhere")
    (top / "Ada" / "2020").write_text("mine", encoding="utf-8")
    done = do(
        tree,
        PutLink(b"Ada", b"2019/a.jpg", 1, b"x"),
        RemoveLink(b"Ada", b"2019/b.jpg", b"note"),
        PutLink(b"Ada", b"2020/a.jpg", 1, b"x"),
        PutLink(b"nobody", b"2020/a.jpg", 1, b"x"),
    )
    assert deeds(done) == []
    assert os.listdir(tmp_path / "elsewhere") == ["b.jpg"]
    assert not (top / "nobody").exists()


def test_links_and_files_are_replaced_in_one_step(tree: PeopleTree, top: Path) -> None:
    """By renaming: whoever had the old one open keeps it whole, and no temporary stays."""
    signature = ada(tree)
    before = os.lstat(top / "Ada" / "a.jpg").st_ino
    with (top / "Ada" / "folder.jpg").open() as old:
        done = do(
            tree,
            PutLink(b"Ada", b"a.jpg", 1, b"elsewhere", b"../../Photos/a.jpg"),
            PutFile(1, b"Ada", COVER, "2", signature),
        )
        assert old.read() == "version 1"
    assert os.readlink(top / "Ada" / "a.jpg") == "elsewhere"
    assert os.lstat(top / "Ada" / "a.jpg").st_ino != before
    assert (top / "Ada" / "folder.jpg").read_text() == "version 2"
    assert cover_signature(done) not in {b"", signature}
    assert not os.path.lexists(os.fsencode(top) + b"/Ada/" + TEMPORARY)


def test_everything_of_ours_can_be_taken_away_again(tree: PeopleTree, top: Path) -> None:
    """Links, files, and the folder when it is empty; a folder can be renamed before."""
    signature = ada(tree)
    marker = tree.look().folders[b"Ada"].entries[MARKER].signature
    assert marker is not None
    done = do(
        tree,
        RenameFolder(1, b"Ada", b"Eve"),
        RemoveLink(b"Eve", b"a.jpg", b"../../Photos/a.jpg"),
        RemoveLink(b"Eve", b"b.jpg", b"../../Photos/b.jpg"),
        RemoveFile(b"Eve", COVER, signature),
        RemoveFile(b"Eve", MARKER, marker),
        Forget(b"Eve", b"c.jpg"),
        Adopt(b"Eve", b"d.jpg", 4, b"x"),
        RemoveFolder(1, b"Eve"),
        RemoveFolder(2, b"never there"),
    )
    assert len(done) == 9
    assert sorted(path.name for path in top.iterdir()) == [".facewatchdignore", ".nomedia", ".ppignore", "_ignored"]


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_any_name_for_folders_links_and_targets(tree: PeopleTree, top: Path, name: bytes) -> None:
    """Names are bytes (R9)."""
    do(tree, MakeFolder(1, name), PutFile(1, name, MARKER, STATE), PutLink(name, name, 1, b"../" + name))
    found = tree.look().folders[name]
    assert found.marker == 1
    assert found.entries[name] == PresentEntry(target=b"../" + name)
    do(tree, PutLink(name, name, 1, b"x" + name, b"../" + name))
    assert os.readlink(os.path.join(os.fsencode(top), name, name)) == b"x" + name


def test_what_is_done_is_written_down_in_batches(tree: PeopleTree, top: Path) -> None:
    """... and a file's signature before it is in place, as nobody could tell it for ours after a crash (R32)."""
    written: list[tuple[list[Action], list[tuple[Action, bytes, bool]]]] = []
    folder = os.fsencode(top / "Ada")

    def write_down(done: list[Done], intended: list[Done]) -> None:
        files = [(deed.action, deed.signature, os.path.lexists(folder + b"/" + COVER)) for deed in intended]
        written.append((deeds(done), files))

    links: list[Action] = [PutLink(b"Ada", b"%d" % n, n, b"x") for n in range(3)]
    cover = PutFile(1, b"Ada", COVER, "1")
    tree.carry_out([MakeFolder(1, b"Ada"), cover, *links], write_down)
    signature = tree.look().folders[b"Ada"].entries[COVER].signature
    assert written == [([MakeFolder(1, b"Ada"), *links], [(cover, signature, False)]), ([cover], [])]


# --- what is the user's ----------------------------------------------------------------------------------------------


def plant(at: Path, what: str) -> None:
    """Put something of the user's there, in the place of whatever is."""
    if os.path.lexists(at):
        at.unlink()
    if what == "file":
        at.write_text("mine", encoding="utf-8")
    elif what == "folder":
        at.mkdir()
        (at / "inner").write_text("mine", encoding="utf-8")
    elif what == "link":
        at.symlink_to("mine")
    elif what == "link to a folder":
        elsewhere = at.parent.parent / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "inner").write_text("mine", encoding="utf-8")
        at.symlink_to(elsewhere)
    elif what == "pipe":
        os.mkfifo(at)


THINGS = ("file", "folder", "link", "link to a folder", "pipe")


@pytest.mark.parametrize("what", THINGS)
def test_what_the_user_put_in_the_place_of_ours_stays(tree: PeopleTree, top: Path, what: str) -> None:
    """Whatever it is: it is neither replaced nor removed, and the plan goes on with the rest (R32)."""
    signature = ada(tree)
    for name in ("a.jpg", "folder.jpg"):
        if name == "a.jpg" or what != "link to a folder":
            plant(top / "Ada" / name, what)
    before = untouched(top)
    done = do(
        tree,
        PutLink(b"Ada", b"a.jpg", 1, b"ours", b"../../Photos/a.jpg"),
        PutLink(b"Ada", b"a.jpg", 1, b"ours"),
        RemoveLink(b"Ada", b"a.jpg", b"../../Photos/a.jpg"),
        PutFile(1, b"Ada", b"a.jpg", "2"),
        PutFile(1, b"Ada", b"a.jpg", "2", signature),
        RemoveFile(b"Ada", b"a.jpg", signature),
        RemoveFolder(1, b"Ada"),
    )
    assert untouched(top) == before
    assert not [deed for deed in deeds(done) if isinstance(deed, PutLink | PutFile)]
    (rest,) = do(tree, PutLink(b"Ada", b"c.jpg", 3, b"ours"))
    assert rest.action == PutLink(b"Ada", b"c.jpg", 3, b"ours")


@pytest.mark.parametrize("how", ["appended", "rewritten", "replaced"])
def test_a_file_that_the_user_changed_is_the_users(tree: PeopleTree, top: Path, how: str) -> None:
    """A cover of their own, even of the same length and time."""
    signature = ada(tree)
    cover = top / "Ada" / "folder.jpg"
    times = cover.stat().st_mtime_ns
    if how == "replaced":
        cover.unlink()
        (top / "Ada" / "other").write_text("takes the inode", encoding="utf-8")
        cover.write_text("VERSION 1", encoding="utf-8")
        os.utime(cover, ns=(times, times))
    else:
        with cover.open("a" if how == "appended" else "w") as file:
            file.write("VERSION 1")
        os.utime(cover, ns=(times + 1, times + 1))
    before = untouched(top)
    do(tree, PutFile(1, b"Ada", COVER, "2", signature), RemoveFile(b"Ada", COVER, signature))
    assert untouched(top) == before


@pytest.mark.parametrize("back", [False, True])
def test_a_folder_replaced_by_a_link_is_never_written_through(tree: PeopleTree, top: Path, back: bool) -> None:
    """Neither out of the tree nor to another folder in it; nothing is read there either (R33)."""
    signature = ada(tree)
    do(tree, MakeFolder(2, b"Bob"), PutFile(2, b"Bob", MARKER, STATE))
    elsewhere = top / "Bob" if back else top.parent / "elsewhere"
    (top / "Ada").rename(top.parent / "Ada")
    if not back:
        (top.parent / "Ada").rename(elsewhere)
    (top / "Ada").symlink_to(elsewhere)
    before = untouched(top.parent)
    done = do(
        tree,
        PutLink(b"Ada", b"c.jpg", 3, b"ours"),
        PutLink(b"Ada", b"a.jpg", 1, b"ours", b"../../Photos/a.jpg"),
        PutFile(1, b"Ada", b"new", "2"),
        PutFile(1, b"Ada", COVER, "2", signature),
        RemoveLink(b"Ada", b"a.jpg", b"../../Photos/a.jpg"),
        RemoveFile(b"Ada", COVER, signature),
        RemoveFolder(1, b"Ada"),
    )
    assert deeds(done) == [RemoveFolder(1, b"Ada")]
    with pytest.raises(TreeError, match="something else than a folder"):
        do(tree, MakeFolder(1, b"Ada"))
    assert untouched(top.parent) == before
    assert b"Ada" in tree.look().names
    assert b"Ada" not in tree.look().folders


@pytest.mark.parametrize("what", ["file", "link", "link to a folder", "pipe"])
def test_something_in_the_place_of_a_pool_is_said(tree: PeopleTree, top: Path, what: str) -> None:
    """Its name is fixed, so the user is asked to move it away."""
    plant(top / "_unknown", what)
    before = untouched(top.parent)
    with pytest.raises(
        TreeError, match=r"_unknown.*There is something else than a folder in its place; move that away"
    ):
        do(tree, MakeFolder(Pool.UNKNOWN, b"_unknown"))
    assert {path: entry for path, entry in untouched(top.parent).items() if path in before} == before
    assert b"_unknown" not in tree.look().folders


def test_a_folder_of_the_users_with_the_pools_name_is_shared(tree: PeopleTree, top: Path) -> None:
    """Their files stay beside our links, and when those go."""
    plant(top / "_unknown", "folder")
    do(tree, MakeFolder(Pool.UNKNOWN, b"_unknown"), PutLink(b"_unknown", b"a.jpg", 1, b"x"))
    assert sorted(os.listdir(top / "_unknown")) == ["a.jpg", "inner"]
    do(tree, RemoveLink(b"_unknown", b"a.jpg", b"x"), RemoveFolder(Pool.UNKNOWN, b"_unknown"))
    assert os.listdir(top / "_unknown") == ["inner"]


def test_a_rename_that_finds_its_place_taken_is_left_out_with_all_that_follows(tree: PeopleTree, top: Path) -> None:
    """Links for Ada do not end up in a folder of the user's that has just taken the name."""
    ada(tree)
    (top / "Eve").mkdir()
    (top / "Eve" / "note").write_text("mine", encoding="utf-8")
    before = untouched(top)
    follow: list[Action] = [PutLink(b"Eve", b"c.jpg", 3, b"ours"), PutFile(1, b"Eve", COVER, "2")]
    assert do(tree, RenameFolder(1, b"Ada", b"Eve"), *follow) == []
    assert do(tree, RenameFolder(1, b"just renamed by the user", b"Bob"), PutLink(b"Bob", b"x", 1, b"x")) == []
    assert untouched(top) == before
    assert len(do(tree, PutLink(b"Ada", b"c.jpg", 3, b"ours"))) == 1


# --- markers ---------------------------------------------------------------------------------------------------------


def foreign_state(folder: Path) -> None:
    (folder / ".facewatchd").write_bytes(marker_text(1, "another state"))


def garbage(folder: Path) -> None:
    (folder / ".facewatchd").write_bytes(b"person: 1\xff\n\0" * 9999)


def no_number(folder: Path) -> None:
    (folder / ".facewatchd").write_text(f"person: {'9' * 5000}\nstate: {STATE}\n", encoding="utf-8")


def a_folder(folder: Path) -> None:
    (folder / ".facewatchd").mkdir()


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / ".facewatchd")


def a_link(folder: Path) -> None:
    (folder / "real").write_bytes(marker_text(1, STATE))
    (folder / ".facewatchd").symlink_to("real")


@pytest.mark.parametrize("make", [foreign_state, garbage, no_number, a_folder, a_pipe, a_link])
def test_a_marker_that_is_not_ours_says_nothing(tree: PeopleTree, top: Path, make: Callable[[Path], None]) -> None:
    """Of another state, damaged, or no file: the folder is the user's. Nothing hangs, and no handle stays open."""
    (top / "Ada").mkdir()
    make(top / "Ada")
    signal.alarm(20)  # a pipe without a writer
    try:
        assert tree.look().folders[b"Ada"].marker is None
        before = len(os.listdir("/proc/self/fd"))
        assert tree.look().folders[b"Ada"].marker is None
    finally:
        signal.alarm(0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_marker_outlives_a_text_editor(tree: PeopleTree, top: Path) -> None:
    """Lines before and after, and Windows' line ends are another matter."""
    ada(tree)
    marker = top / "Ada" / ".facewatchd"
    marker.write_bytes(b"my note\n" + marker.read_bytes() + b"\nmore\n")
    assert tree.look().folders[b"Ada"].marker == 1


# --- crashes ---------------------------------------------------------------------------------------------------------


def test_what_a_crash_left_half_done_is_removed(tree: PeopleTree, top: Path) -> None:
    """With the next plan, even if that has nothing to do there; a folder of that name is the user's."""
    ada(tree)
    do(tree, MakeFolder(2, b"Bob"), PutFile(2, b"Bob", MARKER, STATE))
    half = [os.path.join(os.fsencode(top), folder, TEMPORARY) for folder in (b"Ada", b"Bob")]
    os.symlink(b"x", half[0])
    os.mkdir(half[1])
    found = tree.look()
    assert TEMPORARY not in found.folders[b"Ada"].entries
    assert os.path.islink(half[0])
    do(tree)
    assert not os.path.lexists(half[0])
    assert os.path.isdir(half[1])


def test_a_file_that_cannot_be_made_now_is_left_out(tree: PeopleTree) -> None:
    """A cover whose photo is away; the rest is done."""
    ada(tree)
    done = do(tree, PutFile(1, b"Ada", b"other.jpg", ""), PutLink(b"Ada", b"c.jpg", 3, b"x"))
    assert deeds(done) == [PutLink(b"Ada", b"c.jpg", 3, b"x")]


# --- trouble ---------------------------------------------------------------------------------------------------------


def test_a_tree_that_cannot_be_made(tmp_path: Path) -> None:
    """Below a file, or in the place of one: one line that names it and says what to do."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for path in (tmp_path / "file", tmp_path / "file" / "People"):
        with pytest.raises(TreeError, match=r"something else than a folder in its place; move that away") as caught:
            PeopleTree(os.fsencode(path), STATE, content, FILES)
        assert caught.value.path == os.fsencode(path)
        assert "\n" not in str(caught.value)
    assert untouched(tmp_path) == {b"file": (0o100644, b"mine")}


CARRY_OUT = """
import os, sys
from facewatchd.core.tree.entries import *
from facewatchd.errors import TreeError
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.people.tree import PeopleTree
def work(top, count=100):
    try:
        with PeopleTree(os.fsencode(top), "state-1", lambda action: b"x" * 5000, PhotoFiles(lambda photo: None)) as tree:
            present = tree.look({b"Ada"})
            print("looked", sorted(present.names), flush=True)
            actions = [MakeFolder(1, b"Ada"), *(PutLink(b"Ada", b"%d" % n, n, b"x" * 200) for n in range(count))]
            written = []
            tree.carry_out(actions, lambda done, intended: written.extend(done))
        print("done", len(written))
    except TreeError as error:
        print(error)
"""


@pytest.mark.parametrize("what", ["tree", "folder", "parent"])
def test_a_tree_that_may_not_be_written(tmp_path: Path, what: str) -> None:
    """Says for whom to make it writable, or where to put it instead."""
    top = tmp_path / "a" / "People"
    (top / "Ada").mkdir(parents=True)
    closed = {"tree": top, "folder": top / "Ada", "parent": tmp_path / "a"}[what]
    if what == "tree":
        (top / "Ada").rmdir()
    if what == "parent":
        (top / "Ada").rmdir()
        top.rmdir()
    closed.chmod(0o555)
    try:
        done = without_roots_rights(CARRY_OUT + "work(sys.argv[1])", top)
    finally:
        closed.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "Permission denied; make it writable for the user that facewatchd runs as, or set people.dir" in done.stdout


def test_a_folder_of_the_users_that_is_closed_to_us_is_left_alone(tmp_path: Path) -> None:
    """It is none of our business; only where we must look into it, that is said."""
    top = tmp_path / "People"
    (top / "private").mkdir(parents=True)
    (top / "private").chmod(0)
    done = without_roots_rights(CARRY_OUT + "work(sys.argv[1])", top)
    subprocess.run(["rm", "-r", top / "Ada"], check=True)
    (top / "private").rename(top / "Ada")
    refused = without_roots_rights(CARRY_OUT + "work(sys.argv[1])", top)
    (top / "Ada").chmod(0o755)
    assert done.stdout.splitlines() == ["looked [b'private']", "done 101"]
    assert "Permission denied; make it" in refused.stdout


FULL = """
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k,nr_inodes=2000", "none", sys.argv[1]], check=True)
top = sys.argv[1] + "/People"
work(top, 5000)
folder = top + "/Ada"
print(len(os.listdir(folder)), {os.readlink(folder + "/" + name) for name in os.listdir(folder)} == {"x" * 200})
subprocess.run(["mount", "-o", "remount,size=40m,nr_inodes=90000", sys.argv[1]], check=True)
work(top, 5000)
print(len(os.listdir(folder)))
"""


def test_a_full_disk_is_said_and_passes(tmp_path: Path) -> None:
    """What was made before is whole, and the plan is completed when there is room (R31)."""
    done = in_namespace(CARRY_OUT + FULL, tmp_path)
    assert done.returncode == 0, done.stderr
    looked, error, made, _, completed, total = done.stdout.splitlines()
    assert looked == "looked []"
    assert "free some space, the tree is completed by itself then" in error
    count, whole = made.split()
    assert 0 < int(count) < 5000
    assert whole == "True"
    assert completed == f"done {5001 - int(count)}"
    assert total == "5000"
