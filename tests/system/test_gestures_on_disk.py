"""
Every gesture, made with plain `mv`, `rm` and `mkdir` on real folders: what it does to the state and the tree, that a second
look finds nothing to do, that three reclusterings do not undo it, and that `undo` does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import Archive, broken_links, unit
from plain import materialize
from trees import Failing, know_two, look, regroup, shown

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.tree.gestures import Deleted, Hidden, Merged
from facewatchd.corrections.gestures import apply_gestures
from facewatchd.corrections.undo import undo
from facewatchd.domain import Assignment, Face
from facewatchd.errors import TreeError
from facewatchd.people.looked import Looked

pytest_plugins = "archive_fixtures"

ADA, BOB = b"Person 1", b"Person 2"


@pytest.fixture
def tree(archive: Archive) -> Iterator[Path]:
    """Ada in five photos, Bob in four, both in one more, and two unknown faces; all linked."""
    know_two(archive, 5, 4)
    yield Path(os.fsdecode(archive.tree.path))
    assert broken_links(archive.tree.path) == []


def settles(archive: Archive) -> dict[bytes, set[bytes]]:
    """Look, look again (nothing is left to do), recluster three times with other settings: nothing changes."""
    first = look(archive)
    after = shown(archive)
    again = look(archive)
    assert (again.gestures, again.actions) == ((), ()), first
    for min_samples, link in ((1, 0.6), (2, 0.8), (3, 0.7)):
        regroup(archive, ReclusterSettings(2, min_samples, link, 0.0))
        assert look(archive).gestures == ()
        assert shown(archive) == after
    return after


BEFORE = {
    ADA: {b"a0.jpg", b"a1.jpg", b"a2.jpg", b"a3.jpg", b"a4.jpg", b"both.jpg"},
    BOB: {b"b0.jpg", b"b1.jpg", b"b2.jpg", b"b3.jpg", b"both.jpg"},
    b"_unknown": {b"x.jpg", b"y.jpg"},
}


def undone(archive: Archive, *, times: int = 1) -> dict[bytes, set[bytes]]:
    for _ in range(times):
        undo(archive.store)
    look(archive)
    return shown(archive)


def test_nothing_done(archive: Archive, tree: Path) -> None:
    """The tree as it is, through three reclusterings."""
    assert settles(archive) == BEFORE


@pytest.mark.parametrize("left", range(16))
def test_what_could_not_be_made_was_not_deleted(archive: Archive, left: int) -> None:
    """Whichever folder or link a full disk kept from being made: it is made later, and nobody is hidden for it."""
    with Failing(left, errno.ENOSPC), contextlib.suppress(TreeError):
        know_two(archive, 5, 4)
    # a link of which it was not told that it was made may pass for the user's: it says what is believed anyway
    assert not any(isinstance(gesture, Hidden | Deleted) for gesture in look(archive).gestures)
    assert shown(archive) == BEFORE


def test_a_renamed_folder_is_a_name(archive: Archive, tree: Path) -> None:
    """... for good; taken back, the folder has its number again."""
    (tree / "Person 1").rename(tree / "Ada")
    assert settles(archive) == {b"Ada": BEFORE[ADA], BOB: BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"]}
    assert undone(archive) == BEFORE


def test_a_folder_renamed_to_the_name_that_somebody_has_is_a_merge(archive: Archive, tree: Path) -> None:
    """Where a file of the user's stands in the way of Ada's own, it can get just her name."""
    (tree / "Person 1").rename(tree / "Ada")
    look(archive)
    (tree / "Ada").rename(tree / "Ada (2)")
    (tree / "Ada").write_bytes(b"mine")
    look(archive)
    (tree / "Ada").unlink()
    (tree / "Person 2").rename(tree / "Ada")
    assert settles(archive) == {b"Ada": BEFORE[ADA] | BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"] | {b"both.jpg"}}


@pytest.mark.parametrize("how", ["moved into", "merged by the file manager"])
def test_two_folders_in_one_are_one_person(archive: Archive, tree: Path, how: str) -> None:
    """
    The photos of both, in the other's folder. Two faces of a photo are two people all the same: one of those in the photo
    of both is somebody unknown.
    """
    if how == "moved into":
        (tree / "Person 2").rename(tree / "Person 1" / "Person 2")
    else:
        for entry in (tree / "Person 2").iterdir():
            if entry.name in {"both.jpg", "folder.jpg", ".facewatchd"}:
                entry.unlink()
            else:
                entry.rename(tree / "Person 1" / entry.name)
        (tree / "Person 2").rmdir()
    assert settles(archive) == {ADA: BEFORE[ADA] | BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"] | {b"both.jpg"}}
    assert undone(archive) == BEFORE


def test_a_folder_that_was_renamed_takes_another(archive: Archive, tree: Path) -> None:
    """Both are read at one look, as where the program does not run: nobody is lost on the way."""
    (tree / "Person 1").rename(tree / "Ada")
    (tree / "Person 2").rename(tree / "Ada" / "Person 2")
    assert settles(archive) == {b"Ada": BEFORE[ADA] | BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"] | {b"both.jpg"}}
    assert undone(archive, times=2) == BEFORE


def test_a_folder_in_a_folder_in_a_folder(archive: Archive, tree: Path) -> None:
    """All three are one, and no folder is left behind; taken back one by one."""
    archive.person("", [b"c%d.jpg" % number for number in range(3)], 4)
    look(archive)
    before = shown(archive)
    (tree / "Person 3").rename(tree / "Person 2" / "Person 3")
    (tree / "Person 2").rename(tree / "Person 1" / "Person 2")
    assert settles(archive) == {
        ADA: before[ADA] | before[BOB] | before[b"Person 3"],
        b"_unknown": BEFORE[b"_unknown"] | {b"both.jpg"},
    }
    assert undone(archive, times=2) == before


@pytest.mark.parametrize("at_once", [False, True])
def test_the_name_of_somebody_who_is_hidden(archive: Archive, tree: Path, at_once: bool) -> None:
    """Who gets it from the user is to be seen: they are not who is hidden."""
    (tree / "Person 2").rename(tree / "Bob")
    look(archive)
    shutil.rmtree(tree / "Bob")
    if not at_once:
        look(archive)
    (tree / "Person 1").rename(tree / "Bob")
    assert settles(archive) == {b"Bob": BEFORE[ADA], b"_unknown": BEFORE[b"_unknown"]}
    assert archive.store.people.hidden() == {2}


def test_a_name_from_a_mac(archive: Archive, tree: Path) -> None:
    """The same name, though its bytes are others; for somebody else it is no other name."""
    (tree / "Person 2").rename(tree / "Zoe\u0308")
    assert settles(archive).keys() == {ADA, "Zo\u00eb".encode(), b"_unknown"}
    (tree / "Person 1").rename(tree / "Zoe\u0308")
    assert settles(archive).keys() == {ADA, "Zo\u00eb".encode(), b"_unknown"}
    assert [person.name for person in archive.store.people.named()] == ["Zo\u00eb"]


def test_whom_somebody_was_merged_into_is_restored_too(archive: Archive, tree: Path) -> None:
    """Two words of one look about the same three: each taken back leaves nothing behind."""
    store = archive.store
    cyd = archive.person("Cyd", [b"c%d.jpg" % number for number in range(3)], 4)
    store.medoids.replace(cyd, archive.faces_of(cyd)[:1])
    apply_gestures(store, [Merged(2, 1)], 1.0)
    before = (store.medoids.of(1), archive.faces_of(1), store.people.named())
    apply_gestures(store, [Merged(cyd, 2)], 1.0)
    undo(store)
    assert (store.medoids.of(1), archive.faces_of(1), store.people.named()) == before


def test_whom_the_user_founded_is_who_the_user_says(archive: Archive, tree: Path) -> None:
    """What a grouping once put with them is somebody else as soon as it stands alone."""
    (tree / "Eve").mkdir()
    (tree / "_unknown" / "x.jpg").rename(tree / "Eve" / "x.jpg")
    look(archive)
    (eve,) = (person.person_id for person in archive.store.people.named())
    with archive.store.transaction():
        archive.store.faces.give(archive.faces_of(2), eve)
    regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0))
    assert settles(archive) == {
        ADA: BEFORE[ADA],
        b"Eve": {b"x.jpg"},
        b"Person 4": BEFORE[BOB],
        b"_unknown": {b"y.jpg"},
    }


def test_a_link_moved_to_somebody_is_their_face(archive: Archive, tree: Path) -> None:
    """It is Bob and not Ada."""
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    assert settles(archive) == {
        ADA: BEFORE[ADA] - {b"a0.jpg"},
        BOB: BEFORE[BOB] | {b"a0.jpg"},
        b"_unknown": BEFORE[b"_unknown"],
    }
    assert undone(archive) == BEFORE


def test_a_link_moved_out_of_the_unknown_pool(archive: Archive, tree: Path) -> None:
    """Somebody unknown is Ada."""
    (tree / "_unknown" / "x.jpg").rename(tree / "Person 1" / "x.jpg")
    assert settles(archive) == {ADA: BEFORE[ADA] | {b"x.jpg"}, BOB: BEFORE[BOB], b"_unknown": {b"y.jpg"}}
    assert undone(archive) == BEFORE


def test_a_moved_link_may_have_another_name(archive: Archive, tree: Path) -> None:
    """A link is known by where it leads to. Under a name of the user's it is the photo's link, for good."""
    (tree / "_unknown" / "x.jpg").rename(tree / "Person 1" / "what a day.jpg")
    assert settles(archive)[ADA] == BEFORE[ADA] | {b"what a day.jpg"}


def test_a_deleted_link_is_a_lasting_no(archive: Archive, tree: Path) -> None:
    """It is not Ada, however much it looks like her; somebody unknown, then."""
    (tree / "Person 1" / "a0.jpg").unlink()
    assert settles(archive) == {
        ADA: BEFORE[ADA] - {b"a0.jpg"},
        BOB: BEFORE[BOB],
        b"_unknown": BEFORE[b"_unknown"] | {b"a0.jpg"},
    }
    assert undone(archive) == BEFORE


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_no_other_face_of_the_photo_brings_the_link_back(archive: Archive, tree: Path, how: str) -> None:
    """After a merge, both faces of the photo of both are like Ada; neither is hers once the user said so."""
    (tree / "Person 2").rename(tree / "Person 1" / "Person 2")
    look(archive)
    (tree / "Eve").mkdir()
    if how == "deleted":
        (tree / "Person 1" / "both.jpg").unlink()
    else:
        (tree / "Person 1" / "both.jpg").rename(tree / "Eve" / "both.jpg")
    after = settles(archive)
    assert b"both.jpg" not in after[ADA]
    assert how == "deleted" or after[b"Eve"] == {b"both.jpg"}


def test_one_of_two_in_a_photo(archive: Archive, tree: Path) -> None:
    """Bob's link is deleted: Ada's face in the same photo stays hers."""
    (tree / "Person 2" / "both.jpg").unlink()
    after = settles(archive)
    assert b"both.jpg" in after[ADA]
    assert b"both.jpg" not in after[BOB]
    assert b"both.jpg" in after[b"_unknown"]


def test_a_link_moved_beside_the_one_that_is_there(archive: Archive, tree: Path) -> None:
    """A photo of Ada and her mirror image, taken for Bob's: both faces are hers. The second link is the user's."""
    (tree / "Person 2" / "both.jpg").rename(tree / "Person 1" / "both (2).jpg")
    after = settles(archive)
    assert after == {
        ADA: BEFORE[ADA] | {b"both (2).jpg"},
        BOB: BEFORE[BOB] - {b"both.jpg"},
        b"_unknown": BEFORE[b"_unknown"],
    }
    (summary,) = archive.store.people.summaries([1])
    assert (summary.faces, summary.photos, summary.confirmed) == (7, 6, 2)
    assert archive.store.journal.entries(1)[0].title == "both.jpg: it is Person 1 and not Person 2"
    assert undone(archive) == {**BEFORE, ADA: after[ADA]}


def put_over(archive: Archive, source: Path, to: Path) -> None:
    """As a file manager replaces a link. No file system tells times finer than its clock ticks."""
    while True:
        os.utime(source.parent)
        if os.stat(source.parent).st_ctime_ns > archive.store.tree_seen_ns():
            break
    os.replace(source, to)


@pytest.mark.parametrize("how", ["over it", "beside it"])
@pytest.mark.parametrize("pool", ["_unknown", "_review/Person 1?"])
def test_a_link_moved_from_a_pool_onto_the_one_that_is_there(archive: Archive, tree: Path, how: str, pool: str) -> None:
    """The other face is hers too: it is not put away. In a review, it is a yes."""
    archive.add(b"z.jpg", [(1, unit(0)), (None, unit(7))])
    (face,) = (face for face in faces_in(archive, b"z.jpg") if face.person_id is None)
    if pool != "_unknown":
        archive.store.faces.assign({face.face_id: Assignment(None, 0.4, 0.1, 1)})
    look(archive)
    before = shown(archive)
    put_over(archive, tree / pool / "z.jpg", tree / "Person 1" / ("z.jpg" if how == "over it" else "z (2).jpg"))
    after = settles(archive)
    # a link out of a review leads nowhere from there
    stays = how == "beside it" and pool == "_unknown"
    assert after[ADA] == before[ADA] | ({b"z (2).jpg"} if stays else set())
    assert [(face.person_id, face.confirmed, face.ignored) for face in faces_in(archive, b"z.jpg")] == [
        (1, True, False)
    ] * 2
    assert b"z.jpg" not in after[b"_unknown"]
    assert archive.store.journal.entries(1)[0].title == "z.jpg: it is Person 1"
    undone(archive)
    assert [(face.person_id, face.ignored) for face in faces_in(archive, b"z.jpg")] == [(1, False), (None, False)]


def test_of_several_unknown_faces_nothing_tells_which_one(archive: Archive, tree: Path) -> None:
    """No stranger becomes Ada, and none is put away: the link comes back."""
    archive.add(b"z.jpg", [(1, unit(0)), (None, unit(7)), (None, unit(8))])
    look(archive)
    before = shown(archive)
    put_over(archive, tree / "_unknown" / "z.jpg", tree / "Person 1" / "z.jpg")
    assert settles(archive) == before
    assert [face.ignored for face in faces_in(archive, b"z.jpg")] == [False] * 3
    assert archive.store.journal.entries(1) == []


def test_a_link_deleted_from_the_unknown_pool_beside_somebodys(archive: Archive, tree: Path) -> None:
    """It is a deletion all the same: nothing was put over Ada's link, which is as we left it."""
    archive.add(b"z.jpg", [(1, unit(0)), (None, unit(7))])
    look(archive)
    (tree / "_unknown" / "z.jpg").unlink()
    settles(archive)
    assert [face.ignored for face in faces_in(archive, b"z.jpg")] == [False, True]


def faces_in(archive: Archive, name: bytes) -> list[Face]:
    photo = archive.store.photos.find(archive.root.root_id, name)
    assert photo is not None
    return archive.store.faces.of_photo(photo.photo_id)


def test_two_links_say_nothing_more_once_they_are_understood(archive: Archive, tree: Path) -> None:
    """Another link of the same photo that is deleted later is deleted."""
    eve = archive.store.people.add("Eve")
    archive.add(b"three.jpg", [(1, unit(0)), (2, unit(1)), (eve, unit(5))])
    look(archive)
    (tree / "Person 2" / "three.jpg").rename(tree / "Person 1" / "three (2).jpg")
    look(archive)
    (tree / "Eve" / "three.jpg").unlink()
    photo = archive.store.photos.at(archive.photos + b"/three.jpg")
    assert photo is not None
    assert look(archive).gestures == (Deleted(photo, eve),)
    assert archive.faces_of(eve) == []


@pytest.mark.parametrize("allowed", [False, True])
def test_two_faces_of_a_photo_may_be_one_person_where_that_is_allowed(archive: Archive, allowed: bool) -> None:
    """In collages; by a gesture as well as by grouping."""
    allowing = replace(archive, tree=replace(archive.tree, allow_same_photo=allowed))
    ada = archive.person("Ada", [b"a.jpg", b"b.jpg"], 0)
    for name in (b"c.jpg", b"d.jpg"):
        archive.add(name, [(None, unit(0)), (None, unit(0))])
    eve = archive.store.people.add("Eve")
    archive.add(b"e.jpg", [(eve, unit(0)), (ada, unit(0))])
    look(allowing)
    top = Path(os.fsdecode(archive.tree.path))
    (top / "Eve").rename(top / "Ada" / "Eve")
    look(allowing)
    assert len(archive.faces_of(ada)) == (4 if allowed else 3)
    for _ in range(2):
        regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0, allow_same_photo=allowed))
        assert len(archive.faces_of(ada)) == (8 if allowed else 5)
        assert look(allowing).gestures == ()


def test_a_folder_with_links_is_a_new_person(archive: Archive, tree: Path) -> None:
    """Two of Ada's photos show Eve."""
    (tree / "Eve").mkdir()
    for name in ("a0.jpg", "a1.jpg"):
        (tree / "Person 1" / name).rename(tree / "Eve" / name)
    assert settles(archive) == {
        ADA: BEFORE[ADA] - {b"a0.jpg", b"a1.jpg"},
        BOB: BEFORE[BOB],
        b"Eve": {b"a0.jpg", b"a1.jpg"},
        b"_unknown": BEFORE[b"_unknown"],
    }
    assert (tree / "Eve" / ".facewatchd").is_file()
    assert undone(archive) == BEFORE
    assert [summary.person.person_id for summary in archive.store.people.summaries()] == [1, 2]


def test_a_copied_link_adds_somebody(archive: Archive, tree: Path) -> None:
    """The unknown face in a photo that is linked to Bob too is Bob; the pool has no more of it."""
    os.symlink(os.readlink(tree / "_unknown" / "x.jpg"), tree / "Person 2" / "x.jpg")
    after = settles(archive)
    assert after[BOB] == BEFORE[BOB] | {b"x.jpg"}
    assert after[b"_unknown"] == {b"y.jpg"}


def test_a_copied_link_takes_the_face(archive: Archive, tree: Path) -> None:
    """Bob is who was taken for Ada, in a photo of one face: she has neither link nor medoid of it, at that very look."""
    store, looked = archive.store, Looked()
    materialize(store, archive.tree, looked=looked)
    medoids = store.medoids.of(1)
    shutil.copy(tree / "Person 1" / "a0.jpg", tree / "Person 2" / "a0.jpg", follow_symlinks=False)
    materialize(store, archive.tree, set(), looked=looked)
    after = shown(archive)
    assert (b"a0.jpg" in after[ADA], b"a0.jpg" in after[BOB]) == (False, True)
    assert store.medoids.of(1)
    assert not {*medoids} & {*store.medoids.of(1)}
    assert settles(archive) == after
    assert undone(archive) == BEFORE


def test_who_was_ignored_is_who_they_were(archive: Archive, tree: Path) -> None:
    """Not to be seen is not to be somebody else: shown again, Ada's face is Ada's with the next grouping."""
    (tree / "Person 1" / "a0.jpg").rename(tree / "_ignored" / "a0.jpg")
    assert settles(archive)[b"_ignored"] == {b"a0.jpg"}
    (tree / "_ignored" / "a0.jpg").unlink()
    look(archive)
    assert shown(archive)[b"_unknown"] == {b"a0.jpg", b"x.jpg", b"y.jpg"}
    regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0))
    assert settles(archive) == BEFORE


def test_a_link_into_ignored(archive: Archive, tree: Path) -> None:
    """The face is shown nowhere any more, nor grouped."""
    (tree / "_unknown" / "x.jpg").rename(tree / "_ignored" / "x.jpg")
    assert settles(archive) == {
        ADA: BEFORE[ADA],
        BOB: BEFORE[BOB],
        b"_unknown": {b"y.jpg"},
        b"_ignored": {b"x.jpg"},
    }


def test_what_was_ignored_before_says_nothing_about_another_face(archive: Archive, tree: Path) -> None:
    """A passer-by in one of Ada's photos is ignored; that the other face is not Ada's is another word: it is unknown."""
    archive.add(b"z.jpg", [(1, unit(0)), (None, unit(7))])
    look(archive)
    (tree / "_unknown" / "z.jpg").rename(tree / "_ignored" / "z.jpg")
    look(archive)
    (tree / "Person 1" / "z.jpg").unlink()
    after = settles(archive)
    assert b"z.jpg" not in after[ADA]
    assert b"z.jpg" in after[b"_unknown"]
    # a second link there is news
    (tree / "_unknown" / "z.jpg").rename(tree / "_ignored" / "z (2).jpg")
    assert b"z.jpg" not in settles(archive)[b"_unknown"]


@pytest.mark.parametrize("how", ["deleted", "ignored"])
def test_a_hidden_person(archive: Archive, tree: Path, how: str) -> None:
    """Their folder goes and does not come back, not even in the unknown pool; taken back, it does."""
    if how == "deleted":
        shutil.rmtree(tree / "Person 2")
    else:
        (tree / "Person 2").rename(tree / "_ignored" / "Person 2")
    after = settles(archive)
    assert {name for name in after if name != b"_ignored"} == {ADA, b"_unknown"}
    assert after[b"_unknown"] == BEFORE[b"_unknown"]
    assert undone(archive) == BEFORE


def test_a_folder_moved_out_and_back(archive: Archive, tree: Path, tmp_path: Path) -> None:
    """Out of the tree: hidden. Back: as if nothing had happened."""
    (tree / "Person 2").rename(tmp_path / "elsewhere")
    look(archive)
    assert BOB not in shown(archive)
    (tmp_path / "elsewhere").rename(tree / "Person 2")
    assert settles(archive) == BEFORE


def test_a_hidden_folder_that_is_back_under_another_name(archive: Archive, tree: Path, tmp_path: Path) -> None:
    """Shown again, by the name that it has now: what the user called it last holds."""
    (tree / "Person 1").rename(tree / "Ada")
    assert set(settles(archive)) == {b"Ada", BOB, b"_unknown"}
    (tree / "Ada").rename(tmp_path / "kept")
    assert set(settles(archive)) == {BOB, b"_unknown"}
    (tmp_path / "kept").rename(tree / "Ada Lovelace")
    assert settles(archive) == {b"Ada Lovelace": BEFORE[ADA], BOB: BEFORE[BOB], b"_unknown": BEFORE[b"_unknown"]}
    assert undone(archive).get(b"Ada Lovelace", set()) == set()
    assert archive.store.people.hidden() == {1}
    assert [person.name for person in archive.store.people.named()] == ["Ada"]


def test_a_hidden_folder_that_is_back_under_the_name_of_somebody(archive: Archive, tree: Path, tmp_path: Path) -> None:
    """Two are not made one by that: they are shown by the name that they had."""
    (tree / "Person 2").rename(tree / "Bob")
    look(archive)
    (tree / "Person 1").rename(tmp_path / "kept")
    look(archive)
    (tmp_path / "kept").rename(tree / "BOB")
    assert settles(archive)[ADA] == BEFORE[ADA]
    assert [person.name for person in archive.store.people.named()] == ["Bob"]


def test_many_deletions_at_once_are_not_believed(archive: Archive, tree: Path) -> None:
    """A fifth of the tree, and more than fifty links: they come back, and it is said."""
    eve = archive.person("Eve", [b"e%02d.jpg" % number for number in range(60)], 5)
    look(archive)
    for entry in (tree / "Eve").iterdir():
        if entry.is_symlink():
            entry.unlink()
    done = look(archive)
    assert done.doubted == 60
    assert len(shown(archive)[b"Eve"]) == 60
    assert len(archive.faces_of(eve)) == 60
    assert look(archive).actions == ()


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_tree_that_is_not_mounted(archive: Archive, tree: Path, how: str) -> None:
    """Nothing is built where it was, nothing forgotten; when it is back all is well, and `tree` can build it anew."""
    away = tree.with_name("away")
    tree.rename(away)
    if how == "empty":
        tree.mkdir()
    with pytest.raises(TreeError, match="Mount its disk"):
        look(archive)
    if how == "empty":
        assert list(tree.iterdir()) == []
        tree.rmdir()
    away.rename(tree)
    assert settles(archive) == BEFORE
    shutil.rmtree(tree)
    materialize(archive.store, archive.tree, rebuild=True)
    assert shown(archive) == BEFORE


def test_the_users_own_files_are_no_gestures(archive: Archive, tree: Path) -> None:
    """Notes, copies of photos, droppings of file managers, links to elsewhere, folders of their own."""
    for name in ("note.txt", ".DS_Store", "Thumbs.db", ".directory", "copy.jpg"):
        (tree / "Person 1" / name).write_bytes(b"mine")
    os.symlink("/etc/hostname", tree / "Person 1" / "elsewhere")
    (tree / "Plans").mkdir()
    (tree / "Plans" / "list.txt").write_bytes(b"mine")
    done = look(archive)
    assert (done.gestures, done.actions) == ((), ())
    shutil.copytree(tree / "Person 1", tree / "Person 1 (copy)", symlinks=True)
    assert look(archive).gestures == ()


def test_a_crash_in_the_midst_of_writing_is_no_gesture(archive: Archive, tree: Path) -> None:
    """Links that we removed and did not come to write down were not deleted by the user."""
    with archive.store.transaction():
        archive.store.manifest.begin([ADA])
    (tree / "Person 1" / "a0.jpg").unlink()
    done = look(archive)
    assert done.gestures == ()
    assert shown(archive) == BEFORE


def test_what_the_user_does_after_a_failure_is_their_word(archive: Archive, tree: Path) -> None:
    """The tree could not be written to its end, which is no crash: what was done is known."""
    archive.person("Eve", [b"e0.jpg", b"e1.jpg"], 5)
    archive.add(b"a9.jpg", [(1, unit(0))])
    archive.add(b"z.jpg", [(None, unit(7))])
    shutil.rmtree(tree / "_unknown")
    (tree / "_unknown").touch()
    with pytest.raises(TreeError, match="move that away"):
        look(archive)
    (tree / "_unknown").unlink()
    assert archive.store.manifest.busy() == set()
    (tree / "Person 1").rename(tree / "Ada")
    (tree / "Person 2" / "b0.jpg").unlink()
    after = settles(archive)
    assert after[b"Ada"] == BEFORE[ADA] | {b"a9.jpg"}
    assert b"b0.jpg" not in after[BOB]


def test_gestures_survive_photos_that_move(archive: Archive, tree: Path) -> None:
    """The word is about the face, wherever its photo lies."""
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    look(archive)
    os.rename(archive.photos + b"/a0.jpg", archive.photos + b"/moved.jpg")
    photo = archive.store.photos.find(archive.root.root_id, b"a0.jpg")
    assert photo is not None
    with archive.store.transaction():
        archive.store.photos.move(photo.photo_id, archive.seen(b"moved.jpg"))
    assert b"moved.jpg" in settles(archive)[BOB]


def test_a_link_whose_photo_moved_meanwhile(archive: Archive, tree: Path) -> None:
    """Moved to Bob while the program was off, as its photo was to another folder: the link leads there."""
    (tree / "Person 1" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    (tree / "Person 1" / "a1.jpg").rename(tree / "Person 1" / "One.jpg")
    for old, new in ((b"a0.jpg", b"sub/a0.jpg"), (b"a1.jpg", b"sub/a1.jpg")):
        number = archive.store.photos.find(archive.root.root_id, old)
        assert number is not None
        os.makedirs(archive.photos + b"/sub", exist_ok=True)
        os.rename(archive.photos + b"/" + old, archive.photos + b"/" + new)
        with archive.store.transaction():
            archive.store.photos.move(number.photo_id, archive.seen(new))
    after = settles(archive)
    assert after[ADA] == BEFORE[ADA] - {b"a0.jpg", b"a1.jpg"} | {b"One.jpg"}
    assert after[BOB] == BEFORE[BOB] | {b"a0.jpg"}


def test_undo_goes_back_step_by_step(archive: Archive, tree: Path) -> None:
    """Three words, taken back in turn."""
    (tree / "Person 1").rename(tree / "Ada")
    look(archive)
    (tree / "Ada" / "a0.jpg").rename(tree / "Person 2" / "a0.jpg")
    look(archive)
    (tree / "Person 2").rename(tree / "Ada" / "Person 2")
    look(archive)
    assert set(shown(archive)) == {b"Ada", b"_unknown"}
    assert undone(archive, times=3) == BEFORE
    titles = [(entry.title, entry.undone) for entry in archive.store.journal.entries(10)]
    assert titles == [
        ("Taken back: Person 1 is Ada", False),
        ("Taken back: a0.jpg: it is Person 2 and not Ada", False),
        ("Taken back: Person 2 is Ada", False),
        ("Person 2 is Ada", True),
        ("a0.jpg: it is Person 2 and not Ada", True),
        ("Person 1 is Ada", True),
    ]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("to", ["Person 2", "Eve", "_ignored", ""])
def test_a_link_that_was_out_of_date_says_the_same(archive: Archive, tree: Path, to: str, hidden: bool) -> None:
    """The program had just given the face to somebody else, and had not come to showing that: it is not Ada, for good."""
    store = archive.store
    photo = store.photos.find(archive.root.root_id, b"a0.jpg")
    assert photo is not None
    (face,) = store.faces.of_photo(photo.photo_id)
    with store.transaction():
        third = store.people.add()
        store.people.hide(third, hidden=hidden)
        store.faces.give([face.face_id], third)
    if to:
        (tree / to).mkdir(exist_ok=True)
        (tree / "Person 1" / "a0.jpg").rename(tree / to / "a0.jpg")
    else:
        (tree / "Person 1" / "a0.jpg").unlink()
    look(archive)
    assert (look(archive).gestures, look(archive).actions) == ((), ())
    for min_samples, link in ((1, 0.6), (2, 0.8), (3, 0.7)):
        regroup(archive, ReclusterSettings(2, min_samples, link, 0.0))
        assert look(archive).gestures == ()
        after = shown(archive)
        assert b"a0.jpg" not in after[ADA]
        assert not to or b"a0.jpg" in after[to.encode()]


@pytest.mark.parametrize("to", ["Person 2", "_ignored"])
def test_a_link_whose_photo_went_does_not_stay_broken(archive: Archive, tree: Path, to: str) -> None:
    """Its word holds; it goes as every link to a photo that is gone does, and is there again with the photo."""
    photo = archive.store.photos.find(archive.root.root_id, b"a0.jpg")
    assert photo is not None
    (tree / "Person 1" / "a0.jpg").rename(tree / to / "a0.jpg")
    os.rename(archive.photos + b"/a0.jpg", archive.photos + b"/moved.jpg")
    with archive.store.transaction():
        archive.store.photos.move(photo.photo_id, archive.seen(b"moved.jpg"))
        archive.store.photos.miss([photo.photo_id])
    look(archive)
    assert (look(archive).gestures, look(archive).actions) == ((), ())
    assert broken_links(archive.tree.path) == []
    with archive.store.transaction():
        archive.store.photos.present([photo.photo_id])
    after = settles(archive)
    assert b"moved.jpg" in after[to.encode()]
    assert b"moved.jpg" not in after[ADA]
