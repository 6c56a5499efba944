"""
Photo folders under another path: what was known under the old one carries on, and nothing is looked at again (R39).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from helpers import Archive, stat_of, unit

from facewatchd.domain import PhotoState, SeenFile
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.intake.discover import Discovery
from facewatchd.pipeline.intake.roots import leave_out, move_root, settle_roots, unwatched
from facewatchd.watch.roots import RootIdentity, check_root

pytest_plugins = "archive_fixtures"

NAMES = [b"2019/a/1.jpg", b"2019/a/2.jpg", b"2019/b/3.jpg", b"2020/4.jpg", b"2020/5.jpg"]


@pytest.fixture
def family(archive: Archive) -> Archive:
    """Ada is in five photos, in three folders."""
    archive.person("Ada", NAMES)
    record(archive, archive.photos)
    return archive


def record(archive: Archive, path: bytes) -> None:
    """What the daemon records of a root that is online."""
    found = os.lstat(path)
    archive.store.roots.set_identity(archive.store.roots.ensure(path).root_id, found.st_dev, found.st_ino)


def places(archive: Archive) -> dict[bytes, int]:
    """Every photo that is there, by its absolute path: how many faces of Ada it has."""
    paths = [
        (os.path.join(root.path, path), known.photo_id)
        for root in archive.store.roots.all().values()
        for path, known in archive.store.photos.known(root.root_id).items()
        if known.state is PhotoState.DONE
    ]
    faces = archive.store.faces
    return {path: sum(face.person_id is not None for face in faces.of_photo(photo_id)) for path, photo_id in paths}


def expected(folder: bytes, names: list[bytes] = NAMES, below: bytes = b"") -> dict[bytes, int]:
    return {os.path.join(folder, os.path.relpath(name, below or b".")): 1 for name in names}


def look_through(archive: Archive, *folders: bytes) -> list[SeenFile]:
    """What is to be taken in, when everything in these folders has been seen."""
    roots = settle_roots(archive.store, folders)
    discovery = Discovery(archive.store, {root.root_id: root for root in roots}, 0, 0, {r.root_id for r in roots})
    waiting = []
    for root in roots:
        for folder, _, names in os.walk(root.path):
            for name in (name for name in names if name.endswith(b".jpg")):
                path = os.path.relpath(os.path.join(folder, name), root.path)
                seen = SeenFile(root.root_id, path, stat_of(os.path.join(folder, name)))
                settled, _ = discovery.see(seen, closed=True, now=4e9)
                waiting += [settled] if settled is not None else []
    return waiting


def test_a_renamed_folder_carries_on(family: Archive, caplog: pytest.LogCaptureFixture) -> None:
    """The configuration follows the folder: every photo is as it was, and it is said."""
    new = os.path.dirname(family.photos) + b"/Bilder"
    os.rename(family.photos, new)
    with caplog.at_level("INFO"):
        assert look_through(family, new) == []
    assert places(family) == expected(new)
    assert "5 photos of " in caplog.text
    assert "they keep faces, names and corrections" in caplog.text
    (root,) = family.store.roots.all().values()
    check = check_root(root, None, family.store.photos.sample(root.root_id, 20))
    assert check.identity == RootIdentity(os.lstat(new).st_dev, os.lstat(new).st_ino)


@pytest.mark.parametrize("keep", [False, True], ids=["the old one is gone", "the old one stays"])
@pytest.mark.parametrize("times", [True, False], ids=["with times", "without times"])
def test_a_copied_folder_carries_on(family: Archive, *, keep: bool, times: bool) -> None:
    """On another disk inodes differ, and perhaps times: the photos wait to be compared by content, and stay whose they are."""
    new = os.path.dirname(family.photos) + b"/disk/Bilder"
    shutil.copytree(
        os.fsdecode(family.photos), os.fsdecode(new), copy_function=shutil.copy2 if times else shutil.copyfile
    )
    if not keep:
        shutil.rmtree(family.photos)
    waiting = look_through(family, new)
    assert {seen.path for seen in waiting} == {*NAMES}
    assert [root.path for root in family.store.roots.all().values()] == [new]
    assert all(family.store.photos.find(seen.root_id, seen.path) is not None for seen in waiting)


def test_a_folder_is_split_and_joined_again(family: Archive) -> None:
    """Its parts are written into the configuration, then the whole again."""
    old = family.photos
    parts = [old + b"/2019", old + b"/2020"]
    assert look_through(family, *parts) == []
    assert places(family) == expected(old)
    assert {root.path for root in family.store.roots.all().values() if family.store.photos.count(root.root_id)} == {
        *parts
    }
    assert look_through(family, old) == []
    assert places(family) == expected(old)


def test_a_folder_is_narrowed_and_widened_again(family: Archive) -> None:
    """What is left out is shown no more, and is back with the faces that it had."""
    old = family.photos
    assert look_through(family, old + b"/2019") == []
    assert [root.path for root in unwatched(family.store)] == [old]
    assert leave_out(family.store, {})
    assert places(family) == expected(old + b"/2019", NAMES[:3], b"2019")
    assert look_through(family, os.path.dirname(old)) == []
    assert places(family) == expected(old)


def test_parts_that_moved_apart_are_recognised_photo_by_photo(
    family: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """The parts are renamed and moved: no folder is what it was, and every photo is."""
    folder = os.path.dirname(family.photos)
    for name, to in ((b"2019/a", b"one"), (b"2019/b", b"two/inner"), (b"2020", b"two/2020")):
        os.makedirs(os.path.dirname(os.path.join(folder, to)), exist_ok=True)
        os.rename(os.path.join(family.photos, name), os.path.join(folder, to))
    assert look_through(family, folder + b"/one", folder + b"/two") == []
    assert places(family) == {
        folder + b"/one/1.jpg": 1,
        folder + b"/one/2.jpg": 1,
        folder + b"/two/inner/3.jpg": 1,
        folder + b"/two/2020/4.jpg": 1,
        folder + b"/two/2020/5.jpg": 1,
    }
    assert unwatched(family.store) == {}
    with caplog.at_level("INFO"):
        assert not leave_out(family.store, {family.root: 5})
    assert "5 photos of " in caplog.text
    assert "were found in other folders: they keep faces" in caplog.text


def test_two_folders_are_moved_into_one(family: Archive) -> None:
    """... and the configuration names that one."""
    folder = os.path.dirname(family.photos)
    parts = [family.photos + b"/2019", family.photos + b"/2020"]
    look_through(family, *parts)
    os.mkdir(folder + b"/all")
    for part in parts:
        os.rename(part, folder + b"/all/" + os.path.basename(part))
    assert look_through(family, folder + b"/all") == []
    assert places(family) == expected(folder + b"/all")


def test_disks_that_are_mounted_the_other_way_round(family: Archive) -> None:
    """Both names are configured as before; each has the other's photos."""
    folder = os.path.dirname(family.photos)
    bob = folder + b"/Other"
    os.mkdir(bob)
    other = Archive(family.folder, family.store, family.store.roots.ensure(bob), family.tree)
    other.person("Bob", [b"x.jpg", b"y.jpg"])
    record(family, bob)
    os.rename(family.photos, folder + b"/aside")
    os.rename(bob, family.photos)
    os.rename(folder + b"/aside", bob)
    assert look_through(family, family.photos, bob) == []
    assert places(family) == {**expected(bob), family.photos + b"/x.jpg": 1, family.photos + b"/y.jpg": 1}


def test_a_new_folder_that_got_the_number_of_a_deleted_one_is_new(family: Archive) -> None:
    """File systems give inode numbers out again."""
    new = os.path.dirname(family.photos) + b"/new"
    os.mkdir(new)
    found = os.lstat(new)
    family.store.roots.set_identity(family.root.root_id, found.st_dev, found.st_ino)
    shutil.rmtree(family.photos)
    look_through(family, new)
    assert [root.path for root in unwatched(family.store)] == [family.photos]
    assert leave_out(family.store, {})
    assert places(family) == {}


def test_of_two_copies_each_keeps_its_own_faces(archive: Archive) -> None:
    """Two files with the same bytes: after a move each is told by its path."""
    for name in (b"a/1.jpg", b"b/1.jpg"):
        archive.add(name, [(None, unit(1))])
    first, second = (archive.store.photos.find(1, name) for name in (b"a/1.jpg", b"b/1.jpg"))
    assert first is not None
    assert second is not None
    folder = os.path.dirname(archive.photos)
    for name in (b"b", b"a"):
        os.makedirs(folder + b"/moved/deep/" + name)
        os.rename(archive.photos + b"/" + name + b"/1.jpg", folder + b"/moved/deep/" + name + b"/1.jpg")
    look_through(archive, folder + b"/moved")
    (root,) = [root for root in archive.store.roots.all().values() if root.path == folder + b"/moved"]
    known = {path: photo.photo_id for path, photo in archive.store.photos.known(root.root_id).items()}
    assert known == {b"deep/a/1.jpg": first.photo_id, b"deep/b/1.jpg": second.photo_id}


def test_a_photo_in_a_folder_that_is_away_is_the_one_that_is_seen_elsewhere(family: Archive) -> None:
    """The very file under another path is proof enough, though nobody can look into its old folder."""
    folder = os.path.dirname(family.photos)
    os.rename(family.photos, folder + b"/elsewhere")
    assert look_through(family, family.photos, folder + b"/elsewhere") == []
    assert places(family) == expected(folder + b"/elsewhere")


def test_the_user_says_where_a_folder_is(family: Archive) -> None:
    """By command: a folder, or a folder in one; what is not known, or contains itself, is refused."""
    old, folder = family.photos, os.path.dirname(family.photos)
    with pytest.raises(FacewatchError, match="None of the known photos"):
        move_root(family.store, old, folder + b"/nowhere")
    os.rename(old + b"/2019", folder + b"/x")
    os.rename(old, folder + b"/y")
    assert move_root(family.store, old + b"/2019", folder + b"/x") == 3
    assert move_root(family.store, old, folder + b"/y") == 2
    assert places(family) == {
        **expected(folder + b"/x", NAMES[:3], b"2019"),
        **expected(folder + b"/y", NAMES[3:]),
    }
    os.rename(folder + b"/x", folder + b"/y/back")
    assert move_root(family.store, folder + b"/x", folder + b"/y/back") == 3
    assert set(places(family)) == {
        *expected(folder + b"/y/back", NAMES[:3], b"2019"),
        *expected(folder + b"/y", NAMES[3:]),
    }
    for wrong in ((old, folder + b"/z"), (folder + b"/y", folder + b"/y/in"), (folder + b"/y", folder + b"/y")):
        with pytest.raises(FacewatchError):
            move_root(family.store, *wrong)


def test_photos_that_were_taken_in_again_make_room(family: Archive) -> None:
    """A folder was taken for a new one before the user said that it is the old one: the old photos have the user's word."""
    old, new = family.photos, os.path.dirname(family.photos) + b"/new"
    shutil.copytree(os.fsdecode(old), os.fsdecode(new))
    again = Archive(family.folder, family.store, family.store.roots.ensure(new), family.tree)
    for name in NAMES:
        again.add(name, [(None, unit(5))])
    assert move_root(family.store, old, new) == 5
    assert places(family) == expected(new)


def test_the_path_of_the_folder_is_told_apart_from_its_neighbours(archive: Archive, tmp_path: Path) -> None:
    """Only what is below the folder moves: neither its neighbour with a longer name, nor one with an earlier one."""
    for name in (b"2019/1.jpg", b"2019-x/2.jpg", b"20190/3.jpg", b"2019.jpg"):
        archive.add(name, [(None, unit(1))])
    os.rename(archive.photos + b"/2019", tmp_path / "n")
    assert move_root(archive.store, archive.photos + b"/2019", os.fsencode(tmp_path / "n")) == 1
    assert {*archive.store.photos.known(1)} == {b"2019-x/2.jpg", b"20190/3.jpg", b"2019.jpg"}
