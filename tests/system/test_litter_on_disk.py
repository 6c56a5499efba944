"""Emptied folders of the people tree go with what file managers left in them, and never with a file of the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import Archive, listing
from trees import know_two, look, regroup

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.corrections.apply import apply
from facewatchd.corrections.records import Merge, Rename

pytest_plugins = "archive_fixtures"


def left(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"left")


MACOS = (".DS_Store", "._a0.jpg", "Icon\r")
WINDOWS = ("Thumbs.db", "desktop.ini")
SYNOLOGY = ("@eaDir/a0.jpg/SYNOPHOTO_THUMB_M.jpg", "@eaDir/a0.jpg@SynoEAStream")
LINUX = (
    ".directory",
    ".thumbnails/normal/01.png",
    ".Trash-0/info/a0.jpg.trashinfo",
    ".stfolder/syncthing-folder-1.txt",
)
ALL = (*MACOS, *WINDOWS, *SYNOLOGY, *LINUX)


@pytest.fixture
def tree(archive: Archive) -> Path:
    know_two(archive, 3, 3)
    return Path(os.fsdecode(archive.tree.path))


def merge(archive: Archive) -> None:
    apply(archive.store, Merge(1, 2))
    look(archive)


@pytest.mark.parametrize("names", [MACOS, WINDOWS, SYNOLOGY, LINUX, ALL], ids=["mac", "windows", "nas", "linux", "all"])
def test_litter_goes_with_its_folder(archive: Archive, tree: Path, names: tuple[str, ...]) -> None:
    """Nothing is left of it; a second look finds nothing to do."""
    left(tree / "Person 1", *names)
    assert look(archive).gestures == ()
    merge(archive)
    assert not (tree / "Person 1").exists()
    assert look(archive).actions == ()


@pytest.mark.parametrize(
    "mine",
    [
        "notes.txt",
        "2019/deep.jpg",
        "@eaDir/diary.txt",
        ".Trash-0/files/a0.jpg",
        ".thumbnails/a/b/c/d.png",
        "Picasa.ini",
    ],
)
def test_a_file_of_the_users_keeps_the_folder(archive: Archive, tree: Path, mine: str) -> None:
    """... and then all that was beside it stays, too."""
    left(tree / "Person 1", *ALL, mine)
    before = listing(tree / "Person 1")
    merge(archive)
    after = listing(tree / "Person 1")
    gone = before.keys() - after.keys()
    assert {os.fsdecode(name) for name in gone} == {
        ".facewatchd",
        "folder.jpg",
        "a0.jpg",
        "a1.jpg",
        "a2.jpg",
        "both.jpg",
    } & {os.fsdecode(name) for name in before}
    assert all(after[name].content == before[name].content for name in after)


def test_links_and_folders_called_like_litter_are_no_litter(archive: Archive, tree: Path) -> None:
    """Only what is what it seems to be goes."""
    (tree / "Person 1" / ".DS_Store").mkdir()
    merge(archive)
    assert (tree / "Person 1" / ".DS_Store").is_dir()
    (tree / "elsewhere").mkdir()
    left(tree / "elsewhere", "a.jpg")
    left(tree / "Person 2", "x")
    (tree / "Person 2" / "x").unlink()
    (tree / "Person 2" / "@eaDir").symlink_to(tree / "elsewhere")
    apply(archive.store, Merge(2, archive.person("Carl", [b"c0.jpg"], 5)))
    look(archive)
    assert (tree / "Person 2" / "@eaDir").is_symlink()
    assert (tree / "elsewhere" / "a.jpg").read_bytes() == b"left"


def test_the_name_is_free_again(archive: Archive, tree: Path) -> None:
    """Who comes next gets the folder's name without a number."""
    apply(archive.store, Rename(1, "Ada"))
    apply(archive.store, Rename(2, "Bob"))
    look(archive)
    left(tree / "Ada", *ALL)
    merge(archive)
    apply(archive.store, Rename(2, "Ada"))
    look(archive)
    assert (tree / "Ada" / "a0.jpg").is_symlink()


def test_the_pool_too(archive: Archive, tree: Path) -> None:
    """`_unknown`, emptied."""
    left(tree / "_unknown", *ALL)
    for photo in (b"x.jpg", b"y.jpg"):
        (tree / "_unknown" / os.fsdecode(photo)).unlink()
    look(archive)
    assert not (tree / "_unknown").exists()


@pytest.mark.parametrize(
    "bin_folder", ["#recycle", "@Recycle", "$RECYCLE.BIN", "Person 2/.Trash-0/files", "#recycle/Person 1"]
)
def test_what_is_in_a_bin_is_deleted(archive: Archive, tree: Path, bin_folder: str) -> None:
    """A share's bin inside the tree is nobody's folder, and nobody is founded there."""
    (tree / bin_folder).mkdir(parents=True)
    (tree / "Person 1" / "a0.jpg").rename(tree / bin_folder / "a0.jpg")
    done = look(archive)
    assert [type(gesture).__name__ for gesture in done.gestures] == ["Deleted"]
    assert look(archive).gestures == ()


def test_a_person_deleted_into_a_bin_is_hidden(archive: Archive, tree: Path) -> None:
    """... once, whatever the bin keeps of the folder."""
    (tree / "#recycle").mkdir()
    (tree / "Person 1").rename(tree / "#recycle" / "Person 1")
    assert [type(gesture).__name__ for gesture in look(archive).gestures] == ["Hidden"]
    assert look(archive).gestures == ()


def test_thumbnails_that_are_photos_byte_for_byte_say_nothing(archive: Archive, tree: Path) -> None:
    """Some programs keep small pictures as they are."""
    photo = archive.folder / "Photos" / "b0.jpg"
    (tree / "Person 1" / ".thumbnails").mkdir()
    (tree / "Person 1" / ".thumbnails" / "b0.jpg").hardlink_to(photo)
    (tree / "Person 1" / "@eaDir").mkdir()
    (tree / "Person 1" / "@eaDir" / "b0.jpg").symlink_to(photo)
    assert look(archive).gestures == ()
    regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0))
    assert look(archive).gestures == ()
