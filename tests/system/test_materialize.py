"""From the state to the people tree on disk: the right links in the right folders, and nothing else touched (R32-R36)."""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import pytest
from helpers import NASTY_NAMES, Archive, broken_links, links, listing, open_archive, unit
from plain import materialize

from facewatchd.core.tree.entries import MARKER, Action, LinkMode, PutFile, PutLink
from facewatchd.corrections.apply import apply
from facewatchd.corrections.records import Merge, Rename
from facewatchd.domain import Assignment, DateFinding, DateSource, Precision
from facewatchd.errors import TreeError
from facewatchd.pipeline.tree.materialize import Materialized
from facewatchd.store import Store

pytest_plugins = "archive_fixtures"

ROUNDS = 20
OURS = {MARKER, b"folder.jpg", b".nomedia", b".ppignore", b".facewatchdignore"}


def build(archive: Archive) -> Materialized:
    return materialize(archive.store, archive.tree)


def tree_of(archive: Archive) -> dict[bytes, set[bytes]]:
    """Folder -> the names in it, without our own small files and what is always there."""
    return {
        name: {inner for inner in os.listdir(os.path.join(archive.tree.path, name)) if inner not in OURS}
        for name in os.listdir(archive.tree.path)
        if os.path.isdir(os.path.join(archive.tree.path, name)) and name != b"_ignored"
    }


def shown(archive: Archive) -> dict[bytes, bytes]:
    """Link -> the photo that it leads to, relative to the photo folder."""
    return {path: os.path.relpath(target, archive.photos) for path, target in links(archive.tree.path).items()}


def at(archive: Archive, path: bytes) -> Path:
    return Path(os.fsdecode(os.path.join(archive.tree.path, path)))


def taken_on(year: int, month: int, day: int, source: DateSource = DateSource.EXIF) -> DateFinding:
    return DateFinding(dt.datetime(year, month, day, 12), Precision.SECOND, source, 0.9)  # noqa: DTZ001


def restarted(archive: Archive) -> Archive:
    """The same archive after the program ended and began anew."""
    archive.store.close()
    return open_archive(archive.folder)


# --- what is where ---------------------------------------------------------------------------------------------------


def test_everybody_has_a_folder_of_links_to_their_photos(archive: Archive) -> None:
    """Named or not; a photo of two people is in both folders, and each link leads to the photo."""
    ada = archive.person("Ada", [b"2019/1.jpg", b"2019/2.jpg"])
    someone = archive.person("", [b"3.jpg", b"4.jpg"], 1)
    archive.add(b"5.jpg", [(ada, unit(0)), (someone, unit(1)), (None, unit(2))])
    build(archive)
    person = b"Person %d" % someone
    assert shown(archive) == {
        b"Ada/1.jpg": b"2019/1.jpg",
        b"Ada/2.jpg": b"2019/2.jpg",
        b"Ada/5.jpg": b"5.jpg",
        person + b"/3.jpg": b"3.jpg",
        person + b"/4.jpg": b"4.jpg",
        person + b"/5.jpg": b"5.jpg",
        b"_unknown/5.jpg": b"5.jpg",
    }
    assert os.readlink(at(archive, b"Ada/1.jpg")) == "../../Photos/2019/1.jpg"


def test_links_survive_a_move_of_photos_and_tree_together(archive: Archive) -> None:
    """Relative links lead on when the folder above both is moved: a backup, another mount point (R35)."""
    archive.person("Ada", [b"1.jpg", b"a/b/c/2.jpg"])
    build(archive)
    archive.store.close()
    archive.folder.rename(archive.folder.with_name("moved"))
    assert broken_links(archive.folder.with_name("moved") / "People") == []
    archive.folder.with_name("moved").rename(archive.folder)


def test_absolute_links_where_they_are_wished(archive: Archive) -> None:
    """And back: each link is replaced, none is left over."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    absolute = replace(archive.tree, links=LinkMode.ABSOLUTE)
    materialize(archive.store, absolute)
    assert os.readlink(os.fsencode(at(archive, b"Ada/1.jpg"))) == archive.photos + b"/1.jpg"
    assert len(shown(archive)) == 2
    assert {action.name for action in build(archive).actions if isinstance(action, PutLink)} == {b"1.jpg", b"2.jpg"}
    assert os.readlink(at(archive, b"Ada/1.jpg")) == "../../Photos/1.jpg"
    assert len(shown(archive)) == 2


def test_a_tree_inside_the_photo_folder_and_behind_a_symlink(archive: Archive) -> None:
    """Relative links start from where the tree really is."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    (archive.folder / "alias").symlink_to("Photos")
    for path in (b"Photos/People", b"alias/sub/People"):
        real = os.path.realpath(os.path.join(os.fsencode(archive.folder), path))
        tree = replace(archive.tree, path=real)
        store = archive.store
        for person in list(store.manifest.names()):
            store.manifest.removed(person)
        materialize(store, tree)
        assert set(links(real).values()) == {archive.photos + b"/1.jpg", archive.photos + b"/2.jpg"}


def test_who_has_a_folder(archive: Archive) -> None:
    """Unnamed people with enough faces, named ones always; the others' photos are in the pool (`people.min_faces`)."""
    one = archive.person("", [b"1.jpg"], 1)
    two = archive.person("", [b"2.jpg", b"3.jpg"], 2)
    three = archive.person("", [b"4.jpg", b"5.jpg", b"6.jpg"], 3)
    archive.person("Ada", [b"7.jpg"], 4)
    archive.add(b"8.jpg")
    archive.add(b"9.jpg", [(None, unit(9))], poor="blurred")
    archive.add(b"10.jpg", [(None, unit(9))])
    materialize(archive.store, replace(archive.tree, min_faces=3))
    everybody = {b"Ada": {b"7.jpg"}, b"Person %d" % three: {b"4.jpg", b"5.jpg", b"6.jpg"}}
    assert tree_of(archive) == everybody | {b"_unknown": {b"1.jpg", b"2.jpg", b"3.jpg", b"10.jpg"}}
    build(archive)
    everybody[b"Person %d" % two] = {b"2.jpg", b"3.jpg"}
    assert tree_of(archive) == everybody | {b"_unknown": {b"1.jpg", b"10.jpg"}}
    assert one


def test_the_pool_goes_when_nobody_is_unknown(archive: Archive) -> None:
    """And comes back."""
    photo = archive.add(b"1.jpg", [(None, unit(0))])
    for _ in range(2):
        build(archive)
        assert tree_of(archive) == {b"_unknown": {b"1.jpg"}}
        archive.store.photos.miss([photo])
        build(archive)
        assert tree_of(archive) == {}
        archive.store.photos.present([photo])


def test_links_begin_with_the_date(archive: Archive) -> None:
    """So that a folder lists them in the order of time; without it where the file's own time is all that is known."""
    ada = archive.store.people.add("Ada")
    month = DateFinding(dt.datetime(2018, 5, 1), Precision.MONTH, DateSource.FOLDER, 0.5)  # noqa: DTZ001
    for path, date in (
        (b"b.jpg", taken_on(2019, 8, 17)),
        (b"2019-08-17 c.jpg", taken_on(2019, 8, 17)),
        (b"d.jpg", taken_on(2019, 8, 17, DateSource.MTIME)),
        (b"e.jpg", month),
        (b"f.jpg", None),
    ):
        archive.add(path, [(ada, unit(0))], date)
    build(archive)
    assert tree_of(archive)[b"Ada"] == {b"2019-08-17 b.jpg", b"2019-08-17 c.jpg", b"d.jpg", b"2018-05 e.jpg", b"f.jpg"}


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_a_photo_of_any_name_is_linked(archive: Archive, name: bytes) -> None:
    """From drop to link (R9), with a name that the file system takes; the second run finds it as it should be."""
    archive.person("Ada", [name, b"sub/" + name])
    build(archive)
    assert set(shown(archive).values()) == {name, b"sub/" + name}
    assert broken_links(archive.tree.path) == []
    assert build(archive).actions == ()


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Ad\u00e1", "Ad\u00e1".encode()),
        ("../../etc", b"_.._etc"),
        ("a/b", b"a_b"),
        ("_unknown", b"_unknown (2)"),
        ("...", b"_"),
        ("x" * 300, b"x" * 239),
        ("CON. ", b"CON"),
    ],
)
def test_a_person_of_any_name_has_a_folder(archive: Archive, name: str, folder: bytes) -> None:
    """Inside the tree, whatever the name says (R34); and that folder does not rename the person."""
    person = archive.person(name, [b"1.jpg"])
    before = listing(archive.folder / "Photos")
    build(archive)
    assert set(tree_of(archive)) == {folder}
    again = build(archive)
    assert (again.actions, again.gestures) == ((), ())
    found = archive.store.people.get(person)
    assert found is not None
    assert found.name == name
    assert listing(archive.folder / "Photos") == before


def test_a_cover_shows_the_medoids_face(archive: Archive) -> None:
    """It is a picture, and another one when another face stands for the person."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    faces = archive.faces_of(ada)
    covers = []
    for face in faces:
        archive.store.medoids.replace(ada, [face])
        build(archive)
        covers.append(at(archive, b"Ada/folder.jpg").read_bytes())
        picture = cv2.imdecode(np.frombuffer(covers[-1], np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[0] == picture.shape[1] > 4
    assert covers[0] != covers[1]


def test_without_the_photo_there_is_no_cover_yet(archive: Archive) -> None:
    """The links are there all the same, and the cover comes with the photo."""
    archive.person("Ada", [b"1.jpg"])
    photo = Path(os.fsdecode(archive.photos)) / "1.jpg"
    photo.rename(photo.with_name("away"))
    build(archive)
    assert set(os.listdir(at(archive, b"Ada"))) == {".facewatchd", "1.jpg"}
    photo.with_name("away").rename(photo)
    build(archive)
    assert at(archive, b"Ada/folder.jpg").is_file()


# --- collisions ------------------------------------------------------------------------------------------------------


def test_photos_of_one_name_are_numbered_and_keep_their_numbers(archive: Archive) -> None:
    """Whoever comes or goes: the user has a link open, or named in a document."""
    ada = archive.person("Ada", [b"a/x.jpg", b"b/x.jpg", b"c/x.jpg"])
    build(archive)
    before = shown(archive)
    assert before == {b"Ada/x.jpg": b"a/x.jpg", b"Ada/x (2).jpg": b"b/x.jpg", b"Ada/x (3).jpg": b"c/x.jpg"}
    photos = {photo.path: photo.photo_id for photo in archive.store.people.photos(ada)}
    archive.store.photos.miss([photos[archive.photos + b"/a/x.jpg"]])
    build(archive)
    del before[b"Ada/x.jpg"]
    assert shown(archive) == before
    archive.add(b"0/X.JPG", [(ada, unit(0))])
    build(archive)
    before[b"Ada/X.JPG"] = b"0/X.JPG"
    assert shown(archive) == before
    archive.store.photos.present([photos[archive.photos + b"/a/x.jpg"]])
    build(archive)
    before[b"Ada/x (4).jpg"] = b"a/x.jpg"
    assert shown(archive) == before
    assert build(archive).actions == ()


def test_people_of_one_name_are_numbered(archive: Archive) -> None:
    """Also where only the case differs, as some file systems do not tell them apart (R34)."""
    for number, name in enumerate(("Ada", "ADA", "ada")):
        archive.person(name, [b"%d.jpg" % number], number)
    build(archive)
    assert set(tree_of(archive)) == {b"Ada", b"ADA (2)", b"ada (3)"}
    assert build(archive).actions == ()


# --- again and again -------------------------------------------------------------------------------------------------


def test_a_second_run_does_nothing(archive: Archive) -> None:
    """No action, and nothing touched, also after a restart."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    archive.person("", [b"a/1.jpg", b"3.jpg"], 1)
    archive.add(b"4.jpg", [(None, unit(2))])
    assert build(archive).actions
    before = listing(archive.tree.path)
    assert build(archive) == Materialized((), ())
    again = restarted(archive)
    with again.store:
        assert build(again) == Materialized((), ())
    assert listing(archive.tree.path) == before


def test_a_dry_run_touches_nothing(archive: Archive) -> None:
    """Neither a missing tree nor one that is out of date, and says what would be done."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    with Store(archive.folder / "state", read_only=True) as reader:
        planned = materialize(reader, archive.tree, dry_run=True)
    assert not os.path.lexists(archive.tree.path)
    assert without_versions(planned) == without_versions(build(archive))
    archive.person("Bob", [b"3.jpg"], 1)
    apply(archive.store, Rename(1, "Eve"))
    before = listing(archive.folder / "People")
    with Store(archive.folder / "state", read_only=True) as reader:
        planned = materialize(reader, archive.tree, dry_run=True)
    assert listing(archive.folder / "People") == before
    assert planned.actions == build(archive).actions
    assert set(tree_of(archive)) == {b"Eve", b"Bob"}


def without_versions(done: Materialized) -> list[Action]:
    """A state that never wrote a tree has no id yet that a marker could name."""
    return [replace(action, version="") if isinstance(action, PutFile) else action for action in done.actions]


def test_a_dry_run_before_the_first_real_one(archive: Archive) -> None:
    """Into a folder that is there already, from a state that never wrote a tree."""
    archive.person("Ada", [b"1.jpg"])
    Path(os.fsdecode(archive.tree.path)).mkdir()
    with Store(archive.folder / "state", read_only=True) as reader:
        assert materialize(reader, archive.tree, dry_run=True).actions
    assert os.listdir(archive.tree.path) == []


def test_a_scope_touches_its_folders_only(archive: Archive) -> None:
    """What is out of date elsewhere stays so."""
    ada = archive.person("Ada", [b"1.jpg"])
    bob = archive.person("Bob", [b"2.jpg"], 1)
    build(archive)
    for path in (b"3.jpg", b"4.jpg"):
        archive.add(path, [(ada, unit(0)), (bob, unit(1)), (None, unit(2))])
    before = listing(at(archive, b"Bob"))
    materialize(archive.store, archive.tree, {ada})
    assert tree_of(archive) == {b"Ada": {b"1.jpg", b"3.jpg", b"4.jpg"}, b"Bob": {b"2.jpg"}}
    assert listing(at(archive, b"Bob")) == before
    materialize(archive.store, archive.tree, set())
    assert listing(at(archive, b"Bob")) == before


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_new_name_renames_the_folder_with_the_users_files_in_it(archive: Archive) -> None:
    """Nothing in it is made anew."""
    ada = archive.person("", [b"1.jpg", b"2.jpg"])
    build(archive)
    folder = at(archive, b"Person %d" % ada)
    (folder / "note.txt").write_text("mine", encoding="utf-8")
    (folder / "own").mkdir()
    inodes = {path.name: path.lstat().st_ino for path in folder.iterdir()}
    apply(archive.store, Rename(ada, "Ada"))
    build(archive)
    assert set(tree_of(archive)) == {b"Ada"}
    assert {path.name: path.lstat().st_ino for path in at(archive, b"Ada").iterdir()} == inodes
    assert (at(archive, b"Ada") / "note.txt").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_the_user_renames_names_the_person(archive: Archive) -> None:
    """Also while the program was off; the folder stays as it is, and links that are due come into it."""
    ada = archive.person("", [b"1.jpg", b"2.jpg"])
    build(archive)
    at(archive, b"Person %d" % ada).rename(at(archive, "Gr\u00e1ndma".encode()))
    archive.add(b"3.jpg", [(ada, unit(0))])
    again = restarted(archive)
    with again.store:
        done = materialize(again.store, again.tree)
        assert len(done.gestures) == 1
        assert {action.name for action in done.actions if isinstance(action, PutLink)} == {b"3.jpg"}
        person = again.store.people.get(ada)
        assert person is not None
        assert person.name == "Gr\u00e1ndma"
        assert tree_of(again) == {"Gr\u00e1ndma".encode(): {b"1.jpg", b"2.jpg", b"3.jpg"}}
        done = build(again)
        assert (done.gestures, done.actions) == ((), ())


def test_two_folders_that_swap_their_names(archive: Archive) -> None:
    """Each person has the other's name, and keeps their photos."""
    ada = archive.person("Ada", [b"1.jpg"])
    bob = archive.person("Bob", [b"2.jpg"], 1)
    build(archive)
    at(archive, b"Ada").rename(at(archive, b"tmp"))
    at(archive, b"Bob").rename(at(archive, b"Ada"))
    at(archive, b"tmp").rename(at(archive, b"Bob"))
    build(archive)
    assert [archive.store.people.get(person).name for person in (ada, bob)] == ["Bob", "Ada"]  # type: ignore[union-attr]
    assert tree_of(archive) == {b"Bob": {b"1.jpg"}, b"Ada": {b"2.jpg"}}
    assert build(archive).actions == ()


def test_an_odd_name_given_on_disk_is_put_right(archive: Archive) -> None:
    """Not UTF-8, in another Unicode form, with a line break: the folder gets a name that every system takes (R34)."""
    ada = archive.person("", [b"1.jpg", b"2.jpg"])
    name = b"Person %d" % ada
    for odd, tidy in (
        (b"caf\xe9", "caf\ufffd".encode()),
        (b"Ada\xcc\x81", "Ad\u00e1".encode()),
        (b"a\nb", b"a_b"),
        (b"dots...", b"dots"),
    ):
        build(archive)
        at(archive, name).rename(at(archive, odd))
        for _ in range(2):
            build(archive)
        assert tree_of(archive) == {tidy: {b"1.jpg", b"2.jpg"}}
        name = tidy


def test_a_rename_that_a_crash_kept_from_the_manifest_names_nobody(archive: Archive) -> None:
    """A folder's name is not always the person's: a slash, a number that made it unique."""
    ada = archive.person("", [b"1.jpg", b"2.jpg"])
    build(archive)
    plain = b"Person %d" % ada
    apply(archive.store, Rename(ada, "Ada/Eve"))
    at(archive, plain).rename(at(archive, b"Ada_Eve"))  # what RenameFolder did, killed before it was written down
    build(archive)
    person = archive.store.people.get(ada)
    assert person is not None
    assert person.name == "Ada/Eve"
    assert tree_of(archive) == {b"Ada_Eve": {b"1.jpg", b"2.jpg"}}
    assert build(archive).actions == ()


def test_two_who_are_merged_share_one_folder(archive: Archive) -> None:
    """The other's links and folder go; files of the user's own in it stay."""
    ada = archive.person("Ada", [b"1.jpg"])
    bob = archive.person("Bob", [b"2.jpg"], 1)
    eve = archive.person("Eve", [b"3.jpg"], 2)
    build(archive)
    (at(archive, b"Bob") / "note.txt").write_text("mine", encoding="utf-8")
    for person in (bob, eve):
        materialize(archive.store, archive.tree, apply(archive.store, Merge(person, ada)).scope)
    assert tree_of(archive) == {b"Ada": {b"1.jpg", b"2.jpg", b"3.jpg"}, b"Bob": {b"note.txt"}}
    assert os.listdir(at(archive, b"Bob")) == ["note.txt"]
    assert build(archive).actions == ()


# --- what is the user's ----------------------------------------------------------------------------------------------


def plant_everywhere(archive: Archive) -> None:
    top = at(archive, b"")
    for folder in (top, at(archive, b"Ada"), at(archive, b"_unknown")):
        (folder / "note.txt").write_text("mine", encoding="utf-8")
        (folder / "album").mkdir()
        (folder / "album" / "x.jpg").write_bytes(b"mine")
        (folder / "out").symlink_to("/etc")
        (folder / "nowhere.jpg").symlink_to("nowhere")
    (top / "Person 99").mkdir()
    (top / "Eve").symlink_to("Ada")


def of_the_user(archive: Archive) -> dict[bytes, bytes]:
    """What was planted, wherever it is now: its content by its own name and that of the folder."""
    names = {b"note.txt", b"album", b"x.jpg", b"out", b"nowhere.jpg", b"Person 99", b"Eve"}
    return {
        path: entry.content for path, entry in listing(archive.tree.path).items() if os.path.basename(path) in names
    }


def test_what_is_the_users_survives_everything(archive: Archive) -> None:
    """Photos come and go, people are named, merged and emptied, everything is built anew: not a byte of it changes."""
    ada = archive.person("Ada", [b"1.jpg", b"2.jpg"])
    unknown = archive.add(b"3.jpg", [(None, unit(2))])
    bob = archive.person("Bob", [b"4.jpg"], 1)
    build(archive)
    plant_everywhere(archive)
    before = of_the_user(archive)
    assert len(before) == 17
    photos = listing(archive.photos)
    archive.add(b"5.jpg", [(ada, unit(0))])
    build(archive)
    apply(archive.store, Merge(bob, ada))
    build(archive)
    archive.store.photos.miss([unknown, *(photo.photo_id for photo in archive.store.people.photos(ada))])
    build(archive)
    archive.store.people.rename(ada, "")
    build(archive)
    assert of_the_user(archive) == before
    assert {path: entry for path, entry in listing(archive.photos).items() if path != b"5.jpg"} == photos


def a_file(path: Path) -> None:
    path.write_bytes(b"mine")


def a_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "inner").write_bytes(b"mine")


@pytest.mark.parametrize("make", [a_file, a_link, a_folder])
@pytest.mark.parametrize("place", ["link", "cover", "folder"])
def test_what_stands_in_the_way_stays(archive: Archive, make: Callable[[Path], None], place: str) -> None:
    """Ours gets a number or is left out; before the first run, and in the place of what was ours."""
    archive.person("Ada", [b"1.jpg"])
    for rebuilt in (False, True):
        if rebuilt:
            build(archive)
        folder = at(archive, b"Ada")
        target = {"link": folder / "1.jpg", "cover": folder / "folder.jpg", "folder": folder}[place]
        if rebuilt and place == "folder":
            continue
        if rebuilt:
            folder = at(archive, b"Eve")
            apply(archive.store, Rename(1, "Eve"))
            build(archive)
            target = folder / target.name
            if target.is_dir():
                continue
            target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        make(target)
        before = {path: entry for path, entry in listing(folder.parent).items() if os.fsencode(target.name) in path}
        build(archive)
        found = listing(folder.parent)
        assert {path: found[path].content for path in before} == {path: was.content for path, was in before.items()}
        assert set(shown(archive).values()) - {os.path.relpath(b"/etc/hostname", archive.photos)} >= {b"1.jpg"}
        assert build(archive).actions == ()
        if place == "folder":
            break


def test_a_folder_replaced_by_a_link_is_never_written_through(archive: Archive) -> None:
    """Nothing behind the link is read, written or removed (R33); others have what is due to them."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    build(archive)
    at(archive, b"Ada").rename(archive.folder / "elsewhere")
    at(archive, b"Ada").symlink_to(archive.folder / "elsewhere")
    archive.person("Bob", [b"3.jpg"], 1)
    archive.store.photos.miss([1])
    before = listing(archive.folder / "elsewhere")
    build(archive)
    assert listing(archive.folder / "elsewhere") == before
    assert at(archive, b"Ada").is_symlink()
    assert tree_of(archive)[b"Bob"] == {b"3.jpg"}
    assert build(archive).actions == ()


@pytest.mark.parametrize("make", [a_file, a_link])
def test_something_in_the_place_of_the_pool(archive: Archive, make: Callable[[Path], None]) -> None:
    """People have their folders all the same, one line says what to move away, and then the pool is made."""
    archive.person("Ada", [b"1.jpg"])
    archive.add(b"2.jpg", [(None, unit(2))])
    at(archive, b"").mkdir()
    make(at(archive, b"_unknown"))
    before = listing(archive.tree.path)[b"_unknown"]
    for _ in range(2):
        with pytest.raises(TreeError, match=r"_unknown\).*move that away"):
            build(archive)
        assert listing(archive.tree.path)[b"_unknown"] == before
        assert tree_of(archive)[b"Ada"] == {b"1.jpg"}
    at(archive, b"_unknown").unlink()
    build(archive)
    assert tree_of(archive) == {b"Ada": {b"1.jpg"}, b"_unknown": {b"2.jpg"}}


def test_the_tree_of_another_state_is_refused(archive: Archive, tmp_path: Path) -> None:
    """Two daemons would take each other's links for the user's doing; also a dry run says so, and nothing is touched."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    build(archive)
    before = listing(archive.tree.path)
    other = open_archive(tmp_path / "other")
    with other.store:
        other.person("Ada", [b"3.jpg"])
        tree = replace(other.tree, path=archive.tree.path)
        for dry_run in (True, False):
            with pytest.raises(TreeError, match="belongs to another state") as refused:
                materialize(other.store, tree, dry_run=dry_run)
            assert str(archive.folder / "state") in str(refused.value)
    assert listing(archive.tree.path) == before
    assert build(archive).actions == ()


def test_the_tree_of_a_state_that_is_gone_is_taken_over(archive: Archive, tmp_path: Path) -> None:
    """The user has deleted the state of this machine and begun again; a state of another machine may be well."""
    archive.person("Ada", [b"1.jpg"])
    build(archive)
    other = open_archive(tmp_path / "other")
    with other.store:
        other.person("Ada", [b"3.jpg"])
        tree = replace(other.tree, path=archive.tree.path)
        marker = at(archive, b".facewatchd")
        said = marker.read_bytes()
        archive.store.close()
        shutil.rmtree(archive.folder / "state")
        marker.write_bytes(said.replace(b"host: ", b"host: elsewhere-"))
        with pytest.raises(TreeError, match="elsewhere-"):
            materialize(other.store, tree)
        marker.write_bytes(said)
        materialize(other.store, tree)
        assert other.store.state_id().encode() in marker.read_bytes()
        assert materialize(other.store, tree).actions == ()


def test_folders_of_another_state_are_the_users(archive: Archive, tmp_path: Path) -> None:
    """They may have been copied here, with their markers: they are not touched."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    build(archive)
    at(archive, b".facewatchd").unlink()
    before = listing(archive.tree.path)
    other = open_archive(tmp_path / "other")
    with other.store:
        other.person("Ada", [b"3.jpg"])
        other.person("", [b"4.jpg", b"5.jpg"], 1)
        tree = replace(other.tree, path=archive.tree.path)
        materialize(other.store, tree)
        assert {b"Ada", b"Ada (2)", b"Person 2"} <= set(os.listdir(archive.tree.path))
        other.store.photos.miss([1, 2, 3])
        other.store.people.rename(1, "")
        materialize(other.store, tree)
    found = listing(archive.tree.path)
    assert {path: found[path].content for path in before} == {path: was.content for path, was in before.items()}
    assert set(found) == {*before, b".facewatchd"}


def test_a_marker_that_is_gone_is_written_again(archive: Archive) -> None:
    """The manifest knows the folder by its name."""
    archive.person("Ada", [b"1.jpg"])
    build(archive)
    at(archive, b"Ada/.facewatchd").unlink()
    build(archive)
    assert set(tree_of(archive)) == {b"Ada"}
    assert at(archive, b"Ada/.facewatchd").is_file()
    assert build(archive).actions == ()


# --- crashes ---------------------------------------------------------------------------------------------------------


def crowd(archive: Archive, people: int = 30, photos: int = 300) -> None:
    """People with links enough for a crash to fall between; names collide, and two faces are in each photo."""
    store = archive.store
    with store.transaction():
        ids = [store.people.add(f"Person of note {number}" if number % 2 else "") for number in range(people)]
    for number in range(photos // 2):
        first, second = ids[number % people], ids[(number * 7 + 1) % people]
        faces = [(first, unit(0)), (second if second != first else None, unit(1))]
        archive.add(b"%d/x%d.jpg" % (number, number % 40), faces)


def as_seen(archive: Archive) -> dict[bytes, tuple[int, bytes]]:
    return {path: (entry.mode, entry.content) for path, entry in listing(archive.tree.path).items()}


# Forks a process for every line of input, which kills itself before or after a chosen change to the tree or the state.
KILLER = """
import os, signal, sys
from pathlib import Path
from facewatchd.core.tree.entries import LinkMode
from facewatchd.pipeline.tree.materialize import TreeSettings, materialize
from facewatchd.store import Store
CHANGES = {"mkdir", "symlink", "rename", "unlink", "rmdir", "execute"}
tree = TreeSettings(os.fsencode(sys.argv[2]), 2, links=LinkMode.RELATIVE, max_megapixels=50)
for line in sys.stdin:
    left = int(line)
    pid = os.fork()
    if pid == 0:
        def hook(frame, event, function):
            global left
            if event in ("c_call", "c_return") and getattr(function, "__name__", "") in CHANGES:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        code = 1
        with Store(Path(sys.argv[1])) as store:
            sys.setprofile(hook)
            materialize(store, tree)
            sys.setprofile(None)
            code = 0
        os.write(1, b"%d\\n" % left)
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        os.write(1, b"-1\\n")
"""


class Killer:
    """Materializes in another process and kills that with -9; the state must be closed meanwhile."""

    def __init__(self, archive: Archive) -> None:
        script = [sys.executable, "-c", KILLER, str(archive.folder / "state"), os.fsdecode(archive.tree.path)]
        self._process = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, moment: int) -> int:
        """Kill at the moment of this number; how many moments were left over, -1 where it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"%d\n" % moment)
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def change_everything(archive: Archive) -> None:
    """Renames, merges, new and lost photos, other dates: every kind of action."""
    store = archive.store
    apply(store, Rename(1, "Zoe"))
    apply(store, Rename(3, "Zoe/2"))
    apply(store, Merge(2, 4))
    store.photos.miss([1, 2])
    with store.transaction():
        for face in archive.faces_of(6):
            store.faces.assign({face: Assignment(None, 0.1, 0.1)})
    archive.add(b"new/x1.jpg", [(1, unit(0)), (5, unit(1))], taken_on(2020, 2, 2))
    archive.write(b"gone.jpg")
    store.photos.move(7, archive.seen(b"gone.jpg"))


def leftovers(archive: Archive) -> set[bytes]:
    """What is in the tree after everybody has gone: all that the program does not know as its own."""
    store = archive.store
    with store.transaction():
        store.photos.miss(known.photo_id for known in store.photos.known(archive.root.root_id).values())
        for person in store.people.named():
            store.people.rename(person.person_id, "")
    build(archive)
    return {os.path.basename(path) for path in listing(archive.tree.path) if not at(archive, path).is_dir()}


def forget_tree(archive: Archive) -> None:
    """As if it had never been written."""
    shutil.rmtree(archive.tree.path, ignore_errors=True)
    with archive.store.transaction():
        for person in list(archive.store.manifest.names()):
            archive.store.manifest.removed(person)


# ours by their names
NOT_KNOWN = {b".nomedia", b".ppignore", b".facewatchdignore", b".facewatchd"}


def test_a_first_run_that_is_killed_anywhere_is_completed_by_the_next(tmp_path: Path) -> None:
    """Before and after changes to tree and state: then the tree is the same, and no second run is needed."""
    archive = open_archive(tmp_path)
    crowd(archive, 6, 16)
    build(archive)
    wanted = as_seen(archive)
    moment, left = 0, -1
    with Killer(archive) as killer:
        while left < 0:
            forget_tree(archive)
            archive.store.close()
            left = killer.run(moment)
            assert broken_links(archive.tree.path) == [] if moment else True
            archive = open_archive(tmp_path)
            build(archive)
            assert as_seen(archive) == wanted, moment
            assert build(archive).actions == (), moment
            moment += 5
    assert moment > 100
    assert leftovers(archive) <= NOT_KNOWN
    archive.store.close()


def test_a_later_run_that_is_killed_anywhere_is_completed_by_the_next(tmp_path: Path) -> None:
    """After changes of every kind: links replaced and taken away, folders renamed and emptied."""
    archive = open_archive(tmp_path)
    crowd(archive, 6, 16)
    archive.store.close()
    shutil.copytree(tmp_path / "state", tmp_path / "before")
    wanted: dict[bytes, tuple[int, bytes]] = {}
    moment, left = -1, -1
    with Killer(archive) as killer:
        while left < 0:
            shutil.rmtree(archive.tree.path, ignore_errors=True)
            shutil.rmtree(tmp_path / "state")
            shutil.copytree(tmp_path / "before", tmp_path / "state")
            archive = open_archive(tmp_path)
            build(archive)
            change_everything(archive)
            if moment < 0:
                build(archive)
                wanted = as_seen(archive)
            archive.store.close()
            left = killer.run(moment) if moment >= 0 else -1
            archive = open_archive(tmp_path)
            build(archive)
            assert without_ids(as_seen(archive)) == without_ids(wanted), moment
            assert build(archive).actions == (), moment
            assert leftovers(archive) <= NOT_KNOWN
            archive.store.close()
            moment += 5
    assert moment > 100


def without_ids(found: dict[bytes, tuple[int, bytes]]) -> dict[bytes, tuple[int, bytes]]:
    """Without the state's id in the markers."""
    return {path: (mode, b"" if path.endswith(MARKER) else content) for path, (mode, content) in found.items()}


def test_kill_9_among_300_links(tmp_path: Path) -> None:
    """Twenty times over, at any moment: no broken link, nothing half done, and in the end the very same tree (R36)."""
    rng = random.Random(36)
    archive = open_archive(tmp_path)
    crowd(archive)
    build(archive)
    wanted = as_seen(archive)
    assert len(shown(archive)) >= 290
    with Killer(archive) as killer:
        forget_tree(archive)
        archive.store.close()
        moments = 100_000 - killer.run(100_000)
        for _ in range(ROUNDS):
            archive = open_archive(tmp_path)
            forget_tree(archive)
            archive.store.close()
            assert killer.run(rng.randrange(moments)) == -1
            assert broken_links(archive.tree.path) == []
            archive = open_archive(tmp_path)
            build(archive)
            assert as_seen(archive) == wanted
            assert build(archive).actions == ()
            archive.store.close()
