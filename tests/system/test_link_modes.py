"""
Hard links and copies in the place of symlinks (`people.links`): the same gestures, the user's files as safe, and one kind
made into another.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import Archive, in_namespace, jpeg, listing, unit
from trees import know_two, look, regroup, shown

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.tree.entries import LinkMode, RemoveFolder
from facewatchd.corrections.apply import apply
from facewatchd.corrections.records import Merge, Rename
from facewatchd.corrections.undo import undo
from facewatchd.domain import DateFinding, DateSource, Precision
from facewatchd.people.claims import HIDDEN
from facewatchd.people.covers import COVER
from facewatchd.photos.formats import is_photo_name
from facewatchd.watch.scanner import scan

pytest_plugins = "archive_fixtures"

TAKEN = DateFinding(dt.datetime(2019, 8, 17, 12), Precision.SECOND, DateSource.EXIF, 0.9)  # noqa: DTZ001
FILES = (LinkMode.HARDLINK, LinkMode.COPY)
ADA, BOB = b"Person 1", b"Person 2"
BEFORE = {
    ADA: {b"a0.jpg", b"a1.jpg", b"a2.jpg", b"both.jpg"},
    BOB: {b"b0.jpg", b"b1.jpg", b"both.jpg"},
    b"_unknown": {b"x.jpg", b"y.jpg"},
}


@pytest.fixture(params=FILES)
def mode(request: pytest.FixtureRequest) -> LinkMode:
    return LinkMode(request.param)


@pytest.fixture
def album(archive: Archive, mode: LinkMode) -> Iterator[Archive]:
    """Ada in three photos, Bob in two, both in one more, and two unknown faces; all linked. No photo is ever harmed."""
    archive = replace(archive, tree=replace(archive.tree, links=mode))
    know_two(archive, 3, 2)
    assert shown(archive) == BEFORE
    photos = {path: entry.content for path, entry in listing(archive.photos).items()}
    yield archive
    after = {path: entry.content for path, entry in listing(archive.photos).items()}
    assert {path: after.get(path) for path in photos if path in after} == {
        path: content for path, content in photos.items() if path in after
    }


def at(archive: Archive, path: str) -> Path:
    return Path(os.fsdecode(archive.tree.path)) / path


def kinds(archive: Archive) -> set[LinkMode]:
    """Of what kinds the links in the tree are."""
    found = set()
    for path, entry in listing(archive.tree.path).items():
        full = os.path.join(archive.tree.path, path)
        name = os.path.basename(path)
        photo = os.path.join(archive.photos, name)
        if os.path.islink(full):
            found.add(LinkMode.ABSOLUTE if os.path.isabs(entry.content) else LinkMode.RELATIVE)
            assert os.path.realpath(full) == photo
        elif name.endswith(b".jpg") and name != COVER and os.path.exists(photo):
            same = os.path.samestat(os.lstat(full), os.lstat(photo))
            found.add(LinkMode.HARDLINK if same else LinkMode.COPY)
            with open(photo, "rb") as file:
                assert file.read() == entry.content
    return found


def settles(archive: Archive) -> dict[bytes, set[bytes]]:
    """Look, look again (nothing is left to do), recluster three times with other settings: nothing changes."""
    look(archive)
    after = shown(archive)
    again = look(archive)
    assert (again.gestures, again.actions) == ((), ())
    for min_samples, link in ((1, 0.6), (2, 0.8), (3, 0.7)):
        regroup(archive, ReclusterSettings(2, min_samples, link, 0.0))
        assert look(archive).gestures == ()
        assert shown(archive) == after
    return after


# --- gestures --------------------------------------------------------------------------------------------------------


def test_nothing_done(album: Archive, mode: LinkMode) -> None:
    """The tree holds what it should, through three reclusterings."""
    assert settles(album) == BEFORE
    assert kinds(album) == {mode}


def test_moved_deleted_ignored(album: Archive, mode: LinkMode) -> None:
    """It is Bob and not Ada; it is not Ada; it is not to be shown. Taken back, all is as it was."""
    at(album, "Person 1/a0.jpg").rename(at(album, "Person 2/a0.jpg"))
    at(album, "Person 1/a1.jpg").unlink()
    at(album, "_unknown/x.jpg").rename(at(album, "_ignored/x.jpg"))
    assert settles(album) == {
        ADA: {b"a2.jpg", b"both.jpg"},
        BOB: BEFORE[BOB] | {b"a0.jpg"},
        b"_unknown": {b"y.jpg", b"a1.jpg"},
        b"_ignored": {b"x.jpg"},
    }
    assert kinds(album) == {mode}
    for _ in range(3):
        undo(album.store)
    look(album)
    assert {name: entries for name, entries in shown(album).items() if name != b"_ignored"} == BEFORE


def test_somebody_new_a_new_name_and_a_merge(album: Archive) -> None:
    """Whole folders: made with a link in it, renamed, moved into another."""
    at(album, "Eve").mkdir()
    at(album, "_unknown/x.jpg").rename(at(album, "Eve/x.jpg"))
    at(album, "Person 1").rename(at(album, "Ada"))
    look(album)
    assert shown(album) == {b"Ada": BEFORE[ADA], BOB: BEFORE[BOB], b"Eve": {b"x.jpg"}, b"_unknown": {b"y.jpg"}}
    at(album, "Person 2").rename(at(album, "Ada/Person 2"))
    assert settles(album) == {
        b"Ada": BEFORE[ADA] | BEFORE[BOB],
        b"Eve": {b"x.jpg"},
        b"_unknown": {b"y.jpg", b"both.jpg"},
    }


@pytest.mark.parametrize("source", ["the link", "the photo"])
@pytest.mark.parametrize("how", ["cp", "cp -p", "cp -l"])
def test_a_copy_adds_somebody(album: Archive, mode: LinkMode, how: str, source: str) -> None:
    """However it was copied. Where it is no hard link although it should be, it is the user's own and stays beside ours."""
    there = at(album, "_unknown/x.jpg") if source == "the link" else Path(os.fsdecode(album.photos)) / "x.jpg"
    copy = at(album, "Person 2/x.jpg")
    if how == "cp -l":
        os.link(there, copy)
    else:
        (shutil.copy2 if how == "cp -p" else shutil.copyfile)(there, copy)
    stays = mode is LinkMode.HARDLINK and how != "cp -l"
    if mode is LinkMode.COPY and how == "cp -l" and source == "the photo":
        # a hard link is the photo itself, not a copy of it: the user's own
        look(album)
        assert copy.samefile(Path(os.fsdecode(album.photos)) / "x.jpg")
        return
    after = settles(album)
    assert after[BOB] == BEFORE[BOB] | ({b"x.jpg", b"x (2).jpg"} if stays else {b"x.jpg"})
    assert after[b"_unknown"] == {b"y.jpg"}


def test_a_link_moved_from_the_unknown_pool_over_the_one_that_is_there(album: Archive, mode: LinkMode) -> None:
    """A copy is another file: the other face is hers, too. Of hard links nothing tells more than that one is gone."""
    album.add(b"z.jpg", [(1, unit(0)), (None, unit(7))])
    look(album)
    while os.stat(at(album, "_unknown")).st_ctime_ns <= album.store.tree_seen_ns():
        os.utime(at(album, "_unknown"))
    os.replace(at(album, "_unknown/z.jpg"), at(album, "Person 1/z.jpg"))
    at(album, "_unknown/z.jpg").unlink(missing_ok=True)  # two names of one file: replacing does nothing
    settles(album)
    photo = album.store.photos.find(album.root.root_id, b"z.jpg")
    assert photo is not None
    faces = [(face.person_id, face.ignored) for face in album.store.faces.of_photo(photo.photo_id)]
    assert faces == [(1, False), (1, False) if mode is LinkMode.COPY else (None, True)]


# --- the user's own --------------------------------------------------------------------------------------------------


def test_the_users_own_pictures_are_no_gestures(album: Archive) -> None:
    """Pictures that are no photos of the archive, among ours and in folders of their own, in any mode."""
    for folder in ("Person 1", "_unknown", "Best of"):
        at(album, folder).mkdir(exist_ok=True)
        at(album, folder + "/mine.jpg").write_bytes(jpeg(4711))
    done = look(album)
    assert (done.gestures, done.actions) == ((), ())
    for other in (LinkMode.RELATIVE, LinkMode.HARDLINK, LinkMode.COPY):
        look(replace(album, tree=replace(album.tree, links=other)))
        for folder in ("Person 1", "_unknown", "Best of"):
            assert at(album, folder + "/mine.jpg").read_bytes() == jpeg(4711)


@pytest.mark.parametrize("how", ["saved over", "saved beside and renamed"])
def test_a_copy_that_the_user_changed_is_theirs(album: Archive, mode: LinkMode, how: str) -> None:
    """It is never overwritten or removed, and takes nobody out of the photo, which gets a link of ours beside it."""
    mine = at(album, "Person 1/a0.jpg")
    if how == "saved over":
        if mode is LinkMode.HARDLINK:
            pytest.skip("that is the photo itself")
        mine.write_bytes(b"cropped")
    else:
        at(album, "Person 1/a0.tmp").write_bytes(b"cropped")
        at(album, "Person 1/a0.tmp").rename(mine)
    assert settles(album) == BEFORE | {ADA: BEFORE[ADA] | {b"a0 (2).jpg"}}
    assert mine.read_bytes() == b"cropped"
    apply(album.store, Rename(1, "Ada"))
    album.store.photos.miss([1])
    look(album)
    assert at(album, "Ada/a0.jpg").read_bytes() == b"cropped"
    assert not at(album, "Ada/a0 (2).jpg").exists() or mode is LinkMode.HARDLINK


def test_a_symlink_that_was_saved_over_is_no_refusal(archive: Archive) -> None:
    """Programs that come over Samba replace the link by what they save."""
    archive.person("Ada", [b"1.jpg", b"2.jpg"])
    look(archive)
    at(archive, "Ada/new").write_bytes(b"cropped")
    at(archive, "Ada/new").rename(at(archive, "Ada/1.jpg"))
    done = look(archive)
    assert done.gestures == ()
    assert shown(archive) == {b"Ada": {b"1.jpg", b"1 (2).jpg", b"2.jpg"}}
    assert at(archive, "Ada/1.jpg").read_bytes() == b"cropped"


def test_the_last_name_of_a_picture_is_never_removed(album: Archive, mode: LinkMode) -> None:
    """Whoever deletes a photo keeps a hard link of it in the tree, as a file of their own; a copy goes with its photo."""
    photo = Path(os.fsdecode(album.photos)) / "a0.jpg"
    content = photo.read_bytes()
    photo.unlink()
    album.store.photos.miss([1])
    look(album)
    assert at(album, "Person 1/a0.jpg").exists() == (mode is LinkMode.HARDLINK)
    if mode is LinkMode.HARDLINK:
        assert look(album).actions == ()
        look(replace(album, tree=replace(album.tree, links=LinkMode.RELATIVE)))
        apply(album.store, Merge(1, 2))
        look(album)
        assert at(album, "Person 1/a0.jpg").read_bytes() == content


def test_a_photo_that_is_gone_unnoticed_outlives_a_change_of_mode(album: Archive) -> None:
    """A hard link is not replaced by a symlink that leads nowhere."""
    photo = Path(os.fsdecode(album.photos)) / "a0.jpg"
    content = photo.read_bytes()
    photo.unlink()
    look(replace(album, tree=replace(album.tree, links=LinkMode.RELATIVE)))
    if album.tree.links is LinkMode.HARDLINK:
        assert at(album, "Person 1/a0.jpg").read_bytes() == content


# --- photos that change, other modes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["in place", "renamed"])
def test_a_photo_that_changes_changes_in_the_tree(album: Archive, mode: LinkMode, how: str) -> None:
    """As soon as the program knows of it."""
    photo = Path(os.fsdecode(album.photos)) / "a0.jpg"
    before, fresh = photo.read_bytes(), photo.with_name("fresh")
    (photo if how == "in place" else fresh).write_bytes(jpeg(99))
    if how == "renamed":
        fresh.rename(photo)
    stat = album.seen(b"a0.jpg").stat
    album.store.dates.rewritten(1, stat, b"another hash")
    look(album)
    assert at(album, "Person 1/a0.jpg").read_bytes() == jpeg(99)
    assert kinds(album) == {mode}
    assert settles(album) == BEFORE
    photo.write_bytes(before)


def test_every_mode_becomes_every_other(archive: Archive) -> None:
    """Under the same names, with nothing else touched and nothing left over; and each is at rest then."""
    archive.person("Ada", [b"1.jpg", b"sub/1.jpg"])
    archive.add(b"2.jpg", [(None, unit(2))])
    look(archive)
    at(archive, "Ada/note.txt").write_bytes(b"mine")
    names = {*listing(archive.tree.path)} - {HIDDEN}
    for one, other in itertools.permutations(LinkMode, 2):
        for mode in (one, other):
            changed = replace(archive, tree=replace(archive.tree, links=mode))
            done = look(changed)
            assert done.gestures == ()
            assert not [action for action in done.actions if isinstance(action, RemoveFolder)]
            assert look(changed).actions == ()
            # who looks at copies with a gallery finds the people, and not what only asks
            hidden = {b"_ignored/.nomedia", b"_unknown/.nomedia"} if mode is LinkMode.COPY else {HIDDEN}
            assert {*listing(archive.tree.path)} == names | hidden
        link = os.fsencode(at(archive, "Ada/1.jpg"))
        photo = archive.photos + b"/1.jpg"
        assert os.path.islink(link) == (other in {LinkMode.RELATIVE, LinkMode.ABSOLUTE})
        assert os.path.samefile(link, photo) == (other is not LinkMode.COPY)
    assert at(archive, "Ada/note.txt").read_bytes() == b"mine"


def test_years_and_photos_of_two_in_any_mode(album: Archive, mode: LinkMode) -> None:
    """Deeper folders hold the same files; moved out of them they say the same."""
    deep = replace(album, tree=replace(album.tree, years=True, together=1))
    with album.store.transaction():
        for photo_id in (1, 2, 3):
            album.store.dates.redate(photo_id, TAKEN)
        for person, name in ((1, "Ada"), (2, "Bob")):
            album.store.people.rename(person, name)
    look(deep)
    assert look(deep).actions == ()
    assert kinds(deep) == {mode}
    year = at(album, "Ada/2019")
    assert {path.name for path in year.iterdir()} == {f"2019-08-17 a{number}.jpg" for number in range(3)}
    assert os.listdir(at(album, "_together/Ada + Bob")) != []
    (year / "2019-08-17 a0.jpg").rename(at(album, "Bob/whatever.jpg"))
    at(album, "_together/Ada + Bob/both.jpg").unlink()
    look(deep)
    bob = {photo.photo_id for photo in album.store.people.photos(2)}
    assert 1 in bob
    assert at(album, "_together/Ada + Bob/both.jpg").exists()
    assert (look(deep).gestures, look(deep).actions) == ((), ())


OTHER_FILE_SYSTEM = """
import os, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from helpers import *
from facewatchd.core.tree.entries import LinkMode
from facewatchd.errors import TreeError
from plain import materialize
from dataclasses import replace
folder = Path(sys.argv[1])
(folder / "People").mkdir()
subprocess.run(["mount", "-t", "tmpfs", "tree", folder / "People"], check=True)
archive = open_archive(folder)
archive.person("Ada", [b"1.jpg", b"2.jpg"])
try:
    materialize(archive.store, replace(archive.tree, links=LinkMode.HARDLINK))
except TreeError as error:
    print(error)
print(sorted(os.listdir(folder / "People" / "Ada")))
materialize(archive.store, replace(archive.tree, links=LinkMode.COPY))
print(sorted(os.listdir(folder / "People" / "Ada")))
"""


def test_a_hard_link_to_another_file_system_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """One line that says what and what to do; copies work there."""
    done = in_namespace(OTHER_FILE_SYSTEM, tmp_path, Path(__file__).parent)
    assert done.returncode == 0, done.stderr
    error, before, after = done.stdout.splitlines()
    assert "1.jpg" in error
    assert "another file system" in error
    assert "set people.links to relative or copy" in error
    assert before == "['.facewatchd', 'folder.jpg']"
    assert after == "['.facewatchd', '1.jpg', '2.jpg', 'folder.jpg']"


# --- galleries -------------------------------------------------------------------------------------------------------


def in_mode(archive: Archive, mode: LinkMode) -> Archive:
    return replace(archive, tree=replace(archive.tree, links=mode))


def test_copies_are_seen_by_galleries(archive: Archive) -> None:
    """A tree of copies has no `.nomedia` but where it only asks; one of links has, whatever it was before."""
    know_two(archive, 3, 2)
    archive.store.faces.ignore([archive.store.faces.of_photo(1)[0].face_id], ignored=True)
    look(archive)
    assert at(archive, ".nomedia").exists()
    copies = in_mode(archive, LinkMode.COPY)
    look(copies)
    hidden = {path.parent.name for path in at(archive, ".").rglob(".nomedia")}
    assert hidden == {"_unknown", "_ignored"}
    assert look(copies).actions == ()
    look(archive)
    hidden = {path.parent.name for path in at(archive, ".").rglob(".nomedia")}
    assert hidden == {at(archive, ".").name}


@pytest.mark.parametrize("when", ["before", "after", "instead"])
def test_what_the_user_hid_stays_hidden(archive: Archive, when: str) -> None:
    """A `.nomedia` of the user's stays: made before the tree was, while it was of copies, or in the place of ours."""
    copies = in_mode(archive, LinkMode.COPY)
    mine = at(archive, ".nomedia")
    if when == "before":
        mine.parent.mkdir()
        mine.touch()
    know_two(archive if when != "after" else copies, 3, 2)
    if when == "instead":
        mine.unlink()
    if when != "before":
        mine.write_bytes(b"mine" if when == "instead" else b"")
    look(copies)
    assert mine.exists()
    look(archive)
    look(copies)
    assert mine.exists()


@pytest.mark.parametrize("is_ours", [True, False])
def test_trees_of_older_versions(archive: Archive, *, is_ours: bool) -> None:
    """Nobody wrote down who made their `.nomedia`: ours was made with the other files, and is empty."""
    know_two(archive, 3, 2)
    archive.store._set("tree.kept_out", "")
    if not is_ours:
        os.utime(at(archive, ".nomedia"), (1, 1))
    look(in_mode(archive, LinkMode.COPY))
    assert at(archive, ".nomedia").exists() == (not is_ours)


def test_a_tree_of_copies_that_hides_itself_is_mended(archive: Archive) -> None:
    """Also where nothing else is to be done: it was made by an older version."""
    copies = in_mode(archive, LinkMode.COPY)
    know_two(copies, 3, 2)
    for name in (".nomedia", ".ppignore"):
        at(archive, name).touch()
    archive.store._set("tree.kept_out", "")
    assert look(copies).actions == ()
    assert not at(archive, ".nomedia").exists()


def test_copies_in_a_photo_folder_are_not_taken_in(archive: Archive) -> None:
    """Not by the daemon, which knows its tree, nor once another tree is looked after and this one is forgotten."""
    inside = replace(archive, tree=replace(archive.tree, path=archive.photos + b"/People", links=LinkMode.COPY))
    know_two(inside, 3, 2)
    names = {seen.path for folder in scan(archive.root, is_photo_name) for seen in folder.files}
    assert len(names) == len(archive.store.photos.known(archive.root.root_id)) == 8
    assert b"People/Person 1/a0.jpg" not in names
