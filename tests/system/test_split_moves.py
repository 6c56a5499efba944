"""
A link that is moved by those who copy first and delete later, or the other way round: Syncthing, rclone, file managers over a
network. Whoever reads one half before the other is there, in the end it is a move, and one entry of the journal.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import Archive, broken_links, open_archive, unit
from plain import materialize
from trees import know_two, look, regroup, shown

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.tree.entries import LinkMode
from facewatchd.core.tree.half_moves import WHILE_S
from facewatchd.corrections.apply import apply
from facewatchd.corrections.from_commands import confirm_face
from facewatchd.corrections.undo import undo
from facewatchd.domain import FaceState
from facewatchd.people.looked import Looked
from facewatchd.pipeline.tree.materialize import Materialized

pytest_plugins = "archive_fixtures"

NOW = 1_700_000_000.0
ADA, BOB = 1, 2


@pytest.fixture(params=[LinkMode.RELATIVE, LinkMode.HARDLINK, LinkMode.COPY])
def album(archive: Archive, request: pytest.FixtureRequest) -> Iterator[Archive]:
    """
    Ada and Bob, who have names, in photos of their own, and both in four photos, in two of them with somebody unknown; Person 3,
    who has none, with Ada in two.
    """
    archive = replace(archive, tree=replace(archive.tree, links=LinkMode(request.param)))
    know_two(archive, 3, 3)
    store = archive.store
    for number in range(2):
        archive.add(b"two%d.jpg" % number, [(ADA, unit(0)), (BOB, unit(1))])
        archive.add(b"three%d.jpg" % number, [(ADA, unit(0)), (BOB, unit(1)), (None, unit(5 + number))])
    cyd = archive.person("", [b"c0.jpg", b"c1.jpg"], 4)
    archive.add(b"ac0.jpg", [(ADA, unit(0)), (cyd, unit(4))])
    archive.add(b"ac1.jpg", [(ADA, unit(0)), (cyd, unit(4))])
    with store.transaction():
        store.people.rename(ADA, "Ada")
        store.people.rename(BOB, "Bob")
        store.medoids.replace(cyd, archive.faces_of(cyd)[:1])
    look(archive, now=NOW - 1000)
    yield archive
    assert broken_links(archive.tree.path) == []


def at(archive: Archive, path: str) -> Path:
    return Path(os.fsdecode(archive.tree.path)) / path


def copy(archive: Archive, source: str, to: str) -> None:
    """As a file manager does."""
    at(archive, to).parent.mkdir(exist_ok=True)
    if archive.tree.links is LinkMode.HARDLINK:
        os.link(at(archive, source), at(archive, to))
    else:
        shutil.copy2(at(archive, source), at(archive, to), follow_symlinks=False)


def people_in(archive: Archive, photo: str) -> list[tuple[str, bool]]:
    """Whose each face of a photo is, and whether that is confirmed; "" for nobody's, "-" for one that is ignored."""
    store = archive.store
    photo_id = store.photos.at(archive.photos + b"/" + os.fsencode(photo))
    assert photo_id is not None
    found = []
    for face in store.faces.of_photo(photo_id):
        person = store.people.get(face.person_id) if face.person_id is not None else None
        title = person.title if person is not None else ""
        found.append(("-" if face.state is FaceState.IGNORED else title, face.confirmed))
    return found


def titles(archive: Archive) -> list[str]:
    return [entry.title for entry in archive.store.journal.entries(9) if not entry.undone][::-1]


def settles(archive: Archive, now: float) -> None:
    """A later look finds nothing to do, nor one after the while, nor do groupings change anything."""
    for then in (now, now + 2 * WHILE_S):
        again = look(archive, now=then)
        assert (again.gestures, again.actions) == ((), ())
    before = shown(archive)
    regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0))
    again = look(archive, now=now + 3 * WHILE_S)
    assert again.gestures == ()
    assert shown(archive) == before


def reopened(archive: Archive) -> Archive:
    """The program ends and starts again."""
    archive.store.close()
    return replace(open_archive(archive.folder), tree=archive.tree)


# --- both halves ------------------------------------------------------------------------------------------------------

PHOTOS: tuple[str, ...] = ("two0.jpg", "three0.jpg", "a0.jpg", "ac0.jpg")
ORDERS = ("copied first", "deleted first")


@pytest.mark.parametrize(("order", "to", "restarts"), [*itertools.product(ORDERS, ("Bob", "Eve"), (False, True))])
def test_the_face_that_was_meant_goes_whichever_half_is_first(
    album: Archive, order: str, to: str, restarts: bool
) -> None:
    """Of every photo that Ada is in, her face becomes the other's, nobody else's does, and it is one entry each."""
    photos = ("a0.jpg", "ac0.jpg", "ac1.jpg") if to == "Bob" else PHOTOS
    expected = {photo: [(to if who == "Ada" else who) for who, _ in people_in(album, photo)] for photo in photos}
    steps: list[Callable[[str], None]] = [
        lambda photo: copy(album, f"Ada/{photo}", f"{to}/{photo}"),
        lambda photo: at(album, f"Ada/{photo}").unlink(missing_ok=True),
    ]
    kept = at(album, "kept")
    if order == "deleted first":
        # the other computer has the original still
        kept.mkdir()
        for photo in photos:
            copy(album, f"Ada/{photo}", f"kept/{photo}")
        away = album.folder / "kept"
        kept.rename(away)
        steps = [steps[1], lambda photo: _bring(away / photo, at(album, f"{to}/{photo}"))]
    for number, step in enumerate(steps):
        for photo in photos:
            step(photo)
        look(album, now=NOW + 60 * number)
        if restarts:
            album.store.close()
            album = reopened(album)
    assert {photo: [who for who, _ in people_in(album, photo)] for photo in photos} == expected
    after = shown(album)
    assert {os.fsencode(photo) for photo in photos} <= after[to.encode()]
    assert not {os.fsencode(photo) for photo in photos} & after[b"Ada"]
    entries = titles(album)
    assert len(entries) == (1 if to == "Eve" and order == "deleted first" else len(entries))
    settles(album, NOW + 70)
    for _ in entries:
        undo(album.store)
    look(album, now=NOW + 10 * WHILE_S)
    for photo in photos:
        assert "Ada" in [who for who, _ in people_in(album, photo)]
        assert not any(confirmed for _, confirmed in people_in(album, photo))


def _bring(source: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    source.rename(to)


def test_each_move_is_one_entry(album: Archive) -> None:
    """The copy was read, told and journalled, with the wrong face, as nothing told more; undone, all is as before."""
    before = people_in(album, "three0.jpg")
    copy(album, "Ada/three0.jpg", "Eve/three0.jpg")
    look(album, now=NOW)
    assert [who for who, _ in people_in(album, "three0.jpg")] == ["Ada", "Bob", "Eve"]
    assert titles(album) == ["Eve is somebody new"]
    at(album, "Ada/three0.jpg").unlink()
    look(album, now=NOW + 12)
    assert people_in(album, "three0.jpg") == [("Eve", True), ("Bob", False), ("", False)]
    assert titles(album) == ["Eve is somebody new"]
    undo(album.store)
    look(album, now=NOW + 20)
    assert people_in(album, "three0.jpg") == before


def test_a_copy_to_somebody_known_is_completed_too(album: Archive) -> None:
    """The entry says what was meant."""
    eve = album.store.people.add("Eve")
    album.add(b"e.jpg", [(eve, unit(9))])
    look(album, now=NOW - 500)
    copy(album, "Ada/three0.jpg", "Eve/three0.jpg")
    look(album, now=NOW)
    assert titles(album) == ["three0.jpg: it is Eve"]
    at(album, "Ada/three0.jpg").unlink()
    look(album, now=NOW + 12)
    assert people_in(album, "three0.jpg") == [("Eve", True), ("Bob", False), ("", False)]
    assert titles(album) == ["three0.jpg: it is Eve and not Ada"]


def test_what_was_taken_back_is_no_half_any_more(album: Archive) -> None:
    """A copy that was undone, and a deletion: not Ada."""
    copy(album, "Ada/three0.jpg", "Eve/three0.jpg")
    look(album, now=NOW)
    undo(album.store)
    look(album, now=NOW + 1)
    at(album, "Ada/three0.jpg").unlink()
    look(album, now=NOW + 2)
    assert people_in(album, "three0.jpg") == [("", False), ("Bob", False), ("", False)]


def test_a_deletion_long_after_a_copy_is_a_deletion(album: Archive) -> None:
    """The unknown face stays Eve's; it is not Ada."""
    copy(album, "Ada/three0.jpg", "Eve/three0.jpg")
    look(album, now=NOW)
    at(album, "Ada/three0.jpg").unlink()
    look(album, now=NOW + WHILE_S + 1)
    assert people_in(album, "three0.jpg") == [("", False), ("Bob", False), ("Eve", True)]
    assert titles(album) == ["Eve is somebody new", "three0.jpg: not Ada"]


def test_a_deletion_that_is_followed_by_the_same_link_was_none(album: Archive) -> None:
    """Put back from the desktop's trash: it is Ada after all."""
    copy(album, "Ada/two0.jpg", "kept/two0.jpg")
    at(album, "kept").rename(album.folder / "kept")
    at(album, "Ada/two0.jpg").unlink()
    look(album, now=NOW)
    assert people_in(album, "two0.jpg") == [("", False), ("Bob", False)]
    (album.folder / "kept" / "two0.jpg").rename(at(album, "Ada/two0.jpg"))
    look(album, now=NOW + 60)
    assert people_in(album, "two0.jpg") == [("Ada", True), ("Bob", False)]
    settles(album, NOW + 70)


def test_many_deletions_that_complete_moves_are_believed(album: Archive) -> None:
    """They are no accident, however many they are."""
    photos = [f"{'m' * number}.jpg" for number in range(30, 90)]
    for name in photos:
        album.add(os.fsencode(name), [(ADA, unit(0)), (None, unit(7))])
    look(album, now=NOW - 500)
    for name in photos:
        copy(album, f"Ada/{name}", f"Eve/{name}")
    # half of a renamed folder, perhaps: read when no marker came for a while
    look(album, now=NOW)
    look(album, now=NOW + WHILE_S + 1)
    for name in photos:
        at(album, f"Ada/{name}").unlink()
    done = look(album, now=NOW + WHILE_S + 60)
    assert done.doubted == 0
    assert [who for who, _ in people_in(album, photos[7])] == ["Eve", ""]
    assert titles(album) == ["Eve is somebody new"]


def test_a_deletion_while_the_program_was_off(album: Archive) -> None:
    """It was made soon after the copy, though it is read much later: the folders tell when they were last changed."""
    copy(album, "Ada/three0.jpg", "Eve/three0.jpg")
    look(album, now=NOW)
    at(album, "Ada/three0.jpg").unlink()
    for folder in (at(album, ""), *at(album, "").iterdir()):
        if folder.is_dir():
            os.utime(folder, (NOW + 12, NOW + 12))
    look(album, now=NOW + 50_000)
    assert people_in(album, "three0.jpg") == [("Eve", True), ("Bob", False), ("", False)]


# --- out of the pools -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_out_of_the_unknown_pool(album: Archive, order: str) -> None:
    """Somebody unknown is Bob, and not out of sight."""
    copy(album, "_unknown/x.jpg", "kept/x.jpg")
    at(album, "kept").rename(album.folder / "kept")
    if order == "deleted first":
        at(album, "_unknown/x.jpg").unlink()
        look(album, now=NOW)
        assert people_in(album, "x.jpg") == [("-", False)]
        (album.folder / "kept" / "x.jpg").rename(at(album, "Bob/x.jpg"))
    else:
        (album.folder / "kept" / "x.jpg").rename(at(album, "Bob/x.jpg"))
        look(album, now=NOW)
        at(album, "_unknown/x.jpg").unlink(missing_ok=True)
    look(album, now=NOW + 60)
    assert people_in(album, "x.jpg") == [("Bob", True)]
    assert titles(album) == ["x.jpg: it is Bob"]
    settles(album, NOW + 70)


@pytest.mark.parametrize("order", ORDERS)
def test_into_ignored(album: Archive, order: str) -> None:
    """It is Ada's face that is not to be seen, and no other."""
    copy(album, "Ada/two0.jpg", "kept/two0.jpg")
    at(album, "kept").rename(album.folder / "kept")
    moves: list[Callable[[], object]] = [
        lambda: (album.folder / "kept" / "two0.jpg").rename(at(album, "_ignored/two0.jpg")),
        lambda: at(album, "Ada/two0.jpg").unlink(),
    ]
    for number, move in enumerate(moves if order == "copied first" else moves[::-1]):
        move()
        look(album, now=NOW + 60 * number)
    assert people_in(album, "two0.jpg") == [("-", False), ("Bob", False)]
    assert titles(album) == ["two0.jpg: ignored"]
    settles(album, NOW + 70)


# --- copies that stay copies ------------------------------------------------------------------------------------------


def test_a_copy_takes_nothing_from_who_has_a_name(album: Archive) -> None:
    """It waits, is undone after a while, and is told in one sentence that says what to do; nobody new is left."""
    before = people_in(album, "two0.jpg")
    copy(album, "Ada/two0.jpg", "Eve/two0.jpg")
    copy(album, "Ada/two1.jpg", "Person 3/two1.jpg")
    first = look(album, now=NOW)
    assert first.told == ()
    assert first.look_again_at == NOW + WHILE_S
    assert at(album, "Eve/two0.jpg").exists()
    assert look(album, now=NOW + 30).told == ()
    done = look(album, now=NOW + WHILE_S)
    assert done.told == tuple(
        f"{photo} was copied to {folder}, but every face in it is somebody's already (Ada and Bob): the link is gone again. "
        f"To say that one of them is {folder}, move the link out of that person's folder."
        for photo, folder in (("two0.jpg", "Eve"), ("two1.jpg", "Person 3"))
    )
    assert not at(album, "Eve/two0.jpg").exists()
    assert not at(album, "Person 3/two1.jpg").exists()
    assert people_in(album, "two0.jpg") == before
    assert titles(album) == []
    settles(album, NOW + WHILE_S + 1)


def test_a_copy_takes_no_face_that_the_user_confirmed(album: Archive) -> None:
    """Not even of somebody without a name."""
    (face,) = (one for one in album.faces_of(3) if album.store.faces.get(one).photo_id == _photo(album, "ac0.jpg"))  # type: ignore[union-attr]
    apply(album.store, confirm_face(album.store, face, None))
    copy(album, "Ada/ac0.jpg", "Bob/ac0.jpg")
    copy(album, "Ada/ac1.jpg", "Bob/ac1.jpg")
    look(album, now=NOW)
    assert people_in(album, "ac0.jpg") == [("Ada", False), ("Person 3", True)]
    assert people_in(album, "ac1.jpg") == [("Ada", False), ("Bob", True)]


def _photo(archive: Archive, name: str) -> int:
    found = archive.store.photos.at(archive.photos + b"/" + os.fsencode(name))
    assert found is not None
    return found


def test_some_of_the_copies_found_somebody(album: Archive) -> None:
    """The others wait in their folder, and go."""
    for photo in ("two0.jpg", "three0.jpg"):
        copy(album, f"Ada/{photo}", f"Eve/{photo}")
    look(album, now=NOW)
    assert people_in(album, "three0.jpg") == [("Ada", False), ("Bob", False), ("Eve", True)]
    assert len(look(album, now=NOW + WHILE_S + 1).told) == 1
    assert shown(album)[b"Eve"] == {b"three0.jpg"}
    settles(album, NOW + WHILE_S + 2)


def test_a_photo_without_a_face_is_the_users_own(album: Archive) -> None:
    """Ada from behind: nothing is said by it, and nothing undone."""
    album.add(b"behind.jpg")
    look(album, now=NOW - 10)
    photo = Path(os.fsdecode(album.photos)) / "behind.jpg"
    if album.tree.links is LinkMode.HARDLINK:
        os.link(photo, at(album, "Ada/behind.jpg"))
    elif album.tree.links is LinkMode.COPY:
        shutil.copy2(photo, at(album, "Ada/behind.jpg"))
    else:
        at(album, "Ada/behind.jpg").symlink_to(os.path.relpath(photo, at(album, "Ada")))
    look(album, now=NOW)
    assert look(album, now=NOW + WHILE_S + 1).told == ()
    assert at(album, "Ada/behind.jpg").exists()


# --- whole folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unnamed", [False, True])
def test_a_renamed_folder_that_comes_link_by_link_is_a_new_name(album: Archive, unnamed: bool) -> None:
    """The marker is a file, and comes after the links; the old folder goes last."""
    old, person = ("Person 3", 3) if unnamed else ("Bob", BOB)
    before = shown(album)
    links = sorted(path.name for path in at(album, old).iterdir() if path.name not in {".facewatchd", "folder.jpg"})
    for number, name in enumerate(links):
        copy(album, f"{old}/{name}", f"Grandma/{name}")
        if number == len(links) - 1 or (number == 0 and not unnamed):
            look(album, now=NOW + number)
    shutil.copy2(at(album, f"{old}/.facewatchd"), at(album, "Grandma/.facewatchd"))
    look(album, now=NOW + 30)
    for name in links:
        at(album, f"{old}/{name}").unlink(missing_ok=True)
    shutil.rmtree(at(album, old), ignore_errors=True)
    look(album, now=NOW + 60)
    after = shown(album)
    assert after[b"Grandma"] == before[os.fsencode(old)]
    assert os.fsencode(old) not in after
    assert album.store.people.get(person).name == "Grandma"  # type: ignore[union-attr]
    settles(album, NOW + 70)


def test_a_merge_by_copying_everything(album: Archive) -> None:
    """Bob's links were copied to Person 3, who has no name, and Bob's folder is deleted: the two are one."""
    with album.store.transaction():
        album.store.people.rename(BOB, "")
    look(album, now=NOW - 900)
    for path in sorted(at(album, "Person 2").iterdir()):
        if path.name not in {".facewatchd", "folder.jpg"}:
            copy(album, f"Person 2/{path.name}", f"Person 3/{path.name}")
    look(album, now=NOW)
    shutil.rmtree(at(album, "Person 2"), ignore_errors=True)
    look(album, now=NOW + 60)
    assert {b"b0.jpg", b"b1.jpg", b"b2.jpg"} <= shown(album)[b"Person 3"]
    assert not album.store.people.hidden()
    settles(album, NOW + 70)


def test_at_one_look_in_a_running_program(album: Archive) -> None:
    """With what was looked at before kept in memory, waiting copies are undone although nothing changed."""
    looked = Looked()

    def again(now: float) -> Materialized:
        return materialize(album.store, album.tree, set(), looked=looked, now=now)

    again(NOW)
    copy(album, "Ada/two0.jpg", "Person 3/two0.jpg")
    looked.watched = True
    assert again(NOW + 1).told == ()
    assert again(NOW + 20).look_again_at == NOW + 1 + WHILE_S
    assert len(again(NOW + 2 + WHILE_S).told) == 1
    assert again(NOW + 3 + WHILE_S).look_again_at is None


def test_a_copy_that_moved_on_is_half_of_nothing(archive: Archive) -> None:
    """Copied to a folder of the user's, moved on to another, and deleted there a moment later: it is neither."""
    know_two(archive, 4, 4)
    for folder in ("New", "Newer"):
        at(archive, folder).mkdir()
    copy(archive, "Person 1/a0.jpg", "New/a0.jpg")
    look(archive)
    at(archive, "New/a0.jpg").rename(at(archive, "Newer/a0.jpg"))
    look(archive)
    at(archive, "Newer/a0.jpg").unlink()
    look(archive)
    (face,) = archive.store.faces.of_photo(1)
    assert face.person_id is None
    assert b"a0.jpg" in shown(archive)[b"_unknown"]
