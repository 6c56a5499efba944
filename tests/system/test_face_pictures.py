"""
Pictures of the faces that are asked about, beside the links to their photos: what they are, and that moving, copying and
deleting them means what it means of the link, about this very face.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trees
from helpers import DIM, MODEL, THRESHOLDS, Archive, broken_links, unit
from plain import materialize
from trees import look

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.tree.entries import LinkMode
from facewatchd.core.tree.face_pictures import pictured
from facewatchd.corrections.undo import undo
from facewatchd.domain import DateFinding, DateSource, FaceId, FaceState, Precision
from facewatchd.people.kept_pictures import FOLDER
from facewatchd.pipeline.tree import pictures
from facewatchd.store import StoredModel

pytest_plugins = "archive_fixtures"

CLOSE = replace(THRESHOLDS, review=0.1, suggest=0.15)
TAKEN = DateFinding(dt.datetime(2019, 8, 17, 12), Precision.SECOND, DateSource.EXIF, 0.9)  # noqa: DTZ001
_ALMOST = float(np.arccos(0.63))


@pytest.fixture(params=[LinkMode.RELATIVE, LinkMode.COPY], ids=["links", "copies"])
def tree(archive: Archive, request: pytest.FixtureRequest) -> Iterator[Archive]:
    """
    Ada and Bob with a name, somebody like Ada, two faces that may be Ada's, one that may be Bob's; a photo with two that may
    be Ada's, or Bob's; unknown faces in three photos, two of them in one.
    """
    archive = replace(archive, tree=replace(archive.tree, pictures=10, links=LinkMode(request.param)))
    store = archive.store
    with store.transaction():
        store.set_model(StoredModel("test", MODEL, DIM, "cpu"))
    archive.person("Ada", [b"a%d.jpg" % number for number in range(5)], 0)
    archive.person("Bob", [b"b%d.jpg" % number for number in range(4)], 1)
    for number in range(4):
        archive.add(b"e%d.jpg" % number, [(None, unit(0, _ALMOST, towards=7))])
    for name, person, towards in ((b"r0.jpg", 0, 5), (b"r1.jpg", 0, 6), (b"s.jpg", 1, 8)):
        archive.add(name, [(None, unit(person, _ALMOST, towards))])
    archive.add(b"two.jpg", [(None, unit(1, _ALMOST, towards=9)), (None, unit(1, _ALMOST, towards=10))])
    archive.add(b"x.jpg", [(None, unit(2))])
    archive.add(b"y.jpg", [(None, unit(3)), (None, unit(4))])
    trees.regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0), CLOSE)
    look(archive)
    yield archive
    assert broken_links(archive.tree.path) == []


def at(archive: Archive, path: str) -> Path:
    return Path(os.fsdecode(archive.tree.path)) / path


def names(archive: Archive, folder: str) -> set[str]:
    return {path.name for path in at(archive, folder).iterdir() if not path.name.startswith(".")}


def settles(archive: Archive, *, words: int = 1, mine: str = "") -> None:
    """Look: it was so many words; look again, and nothing is left to do; and so it stays when all is grouped again."""
    before = len(archive.store.journal.entries(100))
    first = look(archive)
    assert len(archive.store.journal.entries(100)) == before + words, first
    again = look(archive)
    assert (again.gestures, again.actions) == ((), ()), again
    trees.regroup(archive, ReclusterSettings(2, 2, 0.7, 0.0), CLOSE)
    assert look(archive).gestures == ()
    # no picture is left where none is wanted
    ours = {
        os.path.join(os.fsdecode(f.name), os.fsdecode(e.name))
        for f in archive.store.manifest.folders()
        for e in f.entries
    }
    top = at(archive, ".")
    found = {str(path.relative_to(top)) for path in top.rglob("* face*.jpg")}
    assert found - {mine} <= ours


def face(archive: Archive, photo: str, number: int = 0) -> FaceId:
    photo_id = archive.store.photos.at(archive.photos + b"/" + photo.encode())
    assert photo_id is not None
    return archive.store.faces.of_photo(photo_id)[number].face_id


def whose(archive: Archive, photo: str, number: int = 0) -> str:
    """The name of the person, with ! where the user said so; the state of a face of nobody."""
    found = archive.store.faces.get(face(archive, photo, number))
    assert found is not None
    person = archive.store.people.get(found.person_id) if found.person_id is not None else None
    if found.state in {FaceState.CONFIRMED, FaceState.ASSIGNED} and person is not None:
        return person.title + ("!" if found.confirmed else "")
    return str(found.state)


def shows(archive: Archive, path: str) -> FaceId | None:
    """The face that a picture of ours shows, by the manifest."""
    folder, _, name = path.rpartition("/")
    for written in archive.store.manifest.folders():
        for entry in written.entries:
            if (written.name, entry.name) == (folder.encode(), name.encode()):
                return pictured(entry.content)
    return None


# --- what there is ---------------------------------------------------------------------------------------------------


def test_each_face_that_is_asked_about_has_a_picture(tree: Archive) -> None:
    """Beside the link, by the face: two of one photo are told apart. They are JPEGs of the face."""
    assert names(tree, "_review/Ada?") == {"r0.jpg", "r0 face.jpg", "r1.jpg", "r1 face.jpg"}
    assert names(tree, "_review/Bob?") == {"s.jpg", "s face.jpg", "two.jpg", "two face.jpg", "two face (2).jpg"}
    assert names(tree, "_unknown") == {"x.jpg", "x face.jpg", "y.jpg", "y face.jpg", "y face (2).jpg"}
    assert shows(tree, "_review/Bob?/two face.jpg") == face(tree, "two.jpg", 0)
    assert shows(tree, "_review/Bob?/two face (2).jpg") == face(tree, "two.jpg", 1)
    pair = "_review/Ada + Person 3?"
    covers = {"Ada.jpg", "Person 3.jpg"}
    assert covers < names(tree, pair)
    assert shows(tree, f"{pair}/Person 3.jpg") == tree.store.people.cover(3)
    for path in ("_review/Ada?/r0 face.jpg", f"{pair}/Ada.jpg", "_unknown/y face (2).jpg"):
        picture = cv2.imdecode(np.fromfile(at(tree, path), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (24, 24, 3)
    assert look(tree).actions == ()


def test_they_are_the_picture_of_the_face(tree: Archive) -> None:
    """The second face of a photo is another part of it."""
    first, second = (at(tree, f"_unknown/y face{more}.jpg").read_bytes() for more in ("", " (2)"))
    assert first != second


def test_only_the_newest_unknown_faces_have_one(tree: Archive) -> None:
    """A newer face takes the place of the oldest; the links stay."""
    few = replace(tree, tree=replace(tree.tree, pictures=2))
    look(few)
    assert names(few, "_unknown") == {"x.jpg", "y.jpg", "y face.jpg", "y face (2).jpg"}
    few.add(b"z.jpg", [(None, unit(11))])
    look(few)
    assert {name for name in names(few, "_unknown") if "face" in name} == {"z face.jpg", "y face (2).jpg"}
    none = replace(tree, tree=replace(tree.tree, pictures=0))
    look(none)
    assert not list(at(tree, ".").rglob("* face*.jpg"))
    assert names(none, "_review/Ada + Person 3?").isdisjoint({"Ada.jpg", "Person 3.jpg"})


def test_in_every_kind_of_link(archive: Archive, tree: Archive) -> None:
    """One kind becomes another, and the pictures stay as they are."""
    before = {path: path.stat().st_mtime_ns for path in at(tree, ".").rglob("* face*.jpg")}
    assert len(before) == 8
    for mode in (LinkMode.HARDLINK, LinkMode.ABSOLUTE, LinkMode.COPY, LinkMode.RELATIVE):
        changed = replace(tree, tree=replace(tree.tree, links=mode))
        look(changed)
        assert look(changed).actions == ()
        assert {path: path.stat().st_mtime_ns for path in at(tree, ".").rglob("* face*.jpg")} == before


def test_nothing_is_cut_twice(tree: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after a restart, nor where a question goes and comes again; a photo with two faces is read once."""
    read: list[bytes] = []
    honest = pictures._read

    def counted(path: bytes, reader: object) -> object:
        read.append(path)
        return honest(path, reader)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "_read", counted)
    (at(tree, "_review/Ada?/r0 face.jpg")).unlink()
    look(tree)
    assert names(tree, "_review/Ada?") == {"r1.jpg", "r1 face.jpg"}
    undo(tree.store)
    look(tree)
    assert names(tree, "_review/Ada?") == {"r0.jpg", "r0 face.jpg", "r1.jpg", "r1 face.jpg"}
    shutil.rmtree(at(tree, "."))
    pictures_made = len(os.listdir(tree.folder / "state" / FOLDER))
    materialize(tree.store, tree.tree, rebuild=True)
    assert names(tree, "_unknown") == {"x.jpg", "x face.jpg", "y.jpg", "y face.jpg", "y face (2).jpg"}
    assert len(os.listdir(tree.folder / "state" / FOLDER)) == pictures_made
    # covers of people are not kept
    assert {os.path.basename(path)[:1] for path in read} <= {b"a", b"b", b"e"}


def test_a_photo_that_is_away_has_no_picture_yet(tree: Archive, caplog: pytest.LogCaptureFixture) -> None:
    """No error either; it is made when the photo is back."""
    tree.add(b"z.jpg", [(None, unit(11))])
    photo = tree.photos + b"/z.jpg"
    os.rename(photo, photo + b".away")
    look(replace(tree, tree=replace(tree.tree, links=LinkMode.RELATIVE)))
    assert "z face.jpg" not in names(tree, "_unknown")
    assert [record.message for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []
    os.rename(photo + b".away", photo)
    look(tree)
    assert "z face.jpg" in names(tree, "_unknown")


def test_another_photo_in_its_place_has_no_picture(tree: Archive) -> None:
    """What is at the face's place now is not the face."""
    tree.add(b"z.jpg", [(None, unit(11))])
    tree.write(b"z.jpg", (tree.folder / "Photos" / "x.jpg").read_bytes())
    look(replace(tree, tree=replace(tree.tree, links=LinkMode.RELATIVE)))
    assert "z face.jpg" not in names(tree, "_unknown")


def test_years_and_names_of_links_are_as_without(tree: Archive) -> None:
    """A picture is called as its link is."""
    with tree.store.transaction():
        tree.store.dates.redate(14, TAKEN)
    deep = replace(tree, tree=replace(tree.tree, years=True))
    look(deep)
    assert {"2019-08-17 r0.jpg", "2019-08-17 r0 face.jpg"} < names(deep, "_review/Ada?")
    at(deep, "_review/Ada?/2019-08-17 r0 face.jpg").rename(at(deep, "Ada/whatever.jpg"))
    settles(deep)
    assert whose(deep, "r0.jpg") == "Ada!"
    assert names(deep, "Ada/2019") == {"2019-08-17 r0.jpg"}


# --- gestures --------------------------------------------------------------------------------------------------------

HALVES = {"the picture": ("r0 face.jpg",), "the link": ("r0.jpg",), "both": ("r0.jpg", "r0 face.jpg")}
halves = pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)


def move(tree: Archive, half: tuple[str, ...], source: str, to: str) -> None:
    at(tree, to).mkdir(exist_ok=True)
    for name in half:
        at(tree, f"{source}/{name}").rename(at(tree, f"{to}/{name}"))


@halves
def test_moved_to_the_person(tree: Archive, half: tuple[str, ...]) -> None:
    """One word, whichever half it was; the other is tidied away."""
    move(tree, half, "_review/Ada?", "Ada")
    settles(tree)
    assert tree.store.journal.entries(1)[0].title == "r0.jpg: it is Ada"
    assert whose(tree, "r0.jpg") == "Ada!"
    assert names(tree, "_review/Ada?") == {"r1.jpg", "r1 face.jpg"}
    assert "r0.jpg" in names(tree, "Ada")
    assert "r0 face.jpg" not in names(tree, "Ada")
    undo(tree.store)
    look(tree)
    assert names(tree, "_review/Ada?") == {"r0.jpg", "r0 face.jpg", "r1.jpg", "r1 face.jpg"}


@halves
def test_moved_to_somebody_else(tree: Archive, half: tuple[str, ...]) -> None:
    """It is Bob, and not Ada."""
    move(tree, half, "_review/Ada?", "Bob")
    settles(tree)
    assert tree.store.journal.entries(1)[0].title == "r0.jpg: it is Bob and not Ada"
    assert whose(tree, "r0.jpg") == "Bob!"


@halves
def test_deleted(tree: Archive, half: tuple[str, ...]) -> None:
    """It is not Ada, ever."""
    for name in half:
        at(tree, f"_review/Ada?/{name}").unlink()
    settles(tree)
    assert tree.store.journal.entries(1)[0].title == "r0.jpg: not Ada"
    assert whose(tree, "r0.jpg") == "unknown"
    assert names(tree, "_review/Ada?") == {"r1.jpg", "r1 face.jpg"}


@halves
def test_moved_to_ignored(tree: Archive, half: tuple[str, ...]) -> None:
    """It is shown no more."""
    move(tree, half, "_review/Ada?", "_ignored")
    settles(tree)
    assert whose(tree, "r0.jpg") == "ignored"
    assert names(tree, "_ignored") == {"r0.jpg"}


@halves
def test_moved_to_the_unknown_pool(tree: Archive, half: tuple[str, ...]) -> None:
    """As deleted."""
    move(tree, half, "_review/Ada?", "_unknown")
    settles(tree)
    assert whose(tree, "r0.jpg") == "unknown"
    assert {"r0.jpg", "r0 face.jpg"} < names(tree, "_unknown")


@halves
def test_copied(tree: Archive, half: tuple[str, ...]) -> None:
    """It is Ada; the question is answered."""
    for name in half:
        subject = at(tree, f"_review/Ada?/{name}")
        shutil.copy2(subject, at(tree, f"Ada/{name}"), follow_symlinks=False)
        if subject.is_symlink():
            # as file managers copy links that lead elsewhere from there
            at(tree, f"Ada/{name}").unlink()
            at(tree, f"Ada/{name}").symlink_to(os.path.relpath(subject.resolve(), at(tree, "Ada")))
    settles(tree)
    assert whose(tree, "r0.jpg") == "Ada!"
    assert names(tree, "_review/Ada?") == {"r1.jpg", "r1 face.jpg"}
    assert "r0 face.jpg" not in names(tree, "Ada")


@halves
def test_a_folder_of_the_users_own(tree: Archive, half: tuple[str, ...]) -> None:
    """Somebody new."""
    move(tree, half, "_review/Ada?", "Zoe")
    settles(tree)
    assert whose(tree, "r0.jpg") == "Zoe!"
    assert names(tree, "Zoe") == {"r0.jpg", "folder.jpg"}


def test_one_half_deleted_and_the_other_moved_is_moved(tree: Archive) -> None:
    """In either order: who tidies up says nothing by that."""
    move(tree, ("r0 face.jpg",), "_review/Ada?", "Ada")
    at(tree, "_review/Ada?/r0.jpg").unlink()
    move(tree, ("s.jpg",), "_review/Bob?", "Bob")
    at(tree, "_review/Bob?/s face.jpg").unlink()
    settles(tree, words=2)
    assert (whose(tree, "r0.jpg"), whose(tree, "s.jpg")) == ("Ada!", "Bob!")


def test_a_picture_says_which_face(tree: Archive) -> None:
    """Of two in one photo, it is the second, and nothing is said of the first but that two faces are two people."""
    at(tree, "_review/Bob?/two face (2).jpg").rename(at(tree, "Bob/it is him.jpg"))
    settles(tree)
    assert (whose(tree, "two.jpg", 0), whose(tree, "two.jpg", 1)) == ("unknown", "Bob!")


def test_a_deleted_picture_says_which_face(tree: Archive) -> None:
    """... with its link, too: the other face is still asked about, by the same names."""
    for name in ("two.jpg", "two face.jpg"):
        at(tree, f"_review/Bob?/{name}").unlink()
    settles(tree)
    assert (whose(tree, "two.jpg", 0), whose(tree, "two.jpg", 1)) == ("unknown", "review")
    assert {"two.jpg", "two face (2).jpg"} < names(tree, "_review/Bob?")


def test_all_of_a_photo_deleted_is_one_word(tree: Archive) -> None:
    """As the link alone."""
    for name in ("two.jpg", "two face.jpg", "two face (2).jpg"):
        at(tree, f"_review/Bob?/{name}").unlink()
    settles(tree)
    assert tree.store.journal.entries(1)[0].title == "two.jpg: not Bob"
    assert (whose(tree, "two.jpg", 0), whose(tree, "two.jpg", 1)) == ("unknown", "unknown")


def test_many_are_one_word(tree: Archive) -> None:
    """Everything in a folder moved at once, links and pictures."""
    move(tree, ("r0.jpg", "r0 face.jpg", "r1.jpg", "r1 face.jpg"), "_review/Ada?", "Ada")
    settles(tree)
    assert (whose(tree, "r0.jpg"), whose(tree, "r1.jpg")) == ("Ada!", "Ada!")
    undo(tree.store)
    look(tree)
    assert names(tree, "_review/Ada?") == {"r0.jpg", "r0 face.jpg", "r1.jpg", "r1 face.jpg"}


@pytest.mark.parametrize("how", ["into the person's", "renamed", "deleted", "ignored", "to the top"])
def test_whole_folders_mean_what_they_did(tree: Archive, how: str) -> None:
    """The pictures in them say no more."""
    asked = at(tree, "_review/Ada?")
    match how:
        case "into the person's":
            asked.rename(at(tree, "Ada/Ada?"))
        case "renamed":
            asked.rename(at(tree, "_review/Ada"))
        case "deleted":
            shutil.rmtree(asked)
        case "ignored":
            asked.rename(at(tree, "_ignored/Ada?"))
        case _:
            asked.rename(at(tree, "Zoe"))
    settles(tree)
    expected = {"deleted": "unknown", "ignored": "ignored", "to the top": "Zoe!"}.get(how, "Ada!")
    assert {whose(tree, "r0.jpg"), whose(tree, "r1.jpg")} == {expected}
    undo(tree.store)
    look(tree)
    assert names(tree, "_review/Ada?") == {"r0.jpg", "r0 face.jpg", "r1.jpg", "r1 face.jpg"}


def test_unknown_faces_are_named_one_by_one(tree: Archive) -> None:
    """One of two in a photo is Bob, the other is not to be seen; a third photo's is somebody new."""
    at(tree, "_unknown/y face.jpg").rename(at(tree, "Bob/y face.jpg"))
    at(tree, "_unknown/y face (2).jpg").unlink()
    move(tree, ("x face.jpg",), "_unknown", "Zoe")
    settles(tree, words=3)
    assert (whose(tree, "y.jpg", 0), whose(tree, "y.jpg", 1), whose(tree, "x.jpg")) == ("Bob!", "ignored", "Zoe!")


@pytest.mark.parametrize("moved", ["Person 3.jpg", "Ada.jpg"])
def test_a_cover_put_to_the_other_makes_them_one(tree: Archive, moved: str) -> None:
    """Whose cover it is, is whom it is put to."""
    at(tree, f"_review/Ada + Person 3?/{moved}").rename(
        at(tree, ("Ada" if moved != "Ada.jpg" else "Person 3") + "/c.jpg")
    )
    settles(tree)
    assert not at(tree, "Person 3").exists()
    assert {whose(tree, f"{name}{number}.jpg").rstrip("!") for name in "ae" for number in range(4)} == {"Ada"}
    assert not at(tree, "Ada/c.jpg").exists()


@pytest.mark.parametrize("how", ["deleted", "ignored", "to another question", "renamed"])
def test_a_cover_says_nothing_else(tree: Archive, how: str) -> None:
    """It comes back, as an example does."""
    cover = at(tree, "_review/Ada + Person 3?/Ada.jpg")
    before = cover.read_bytes()
    places = {"ignored": "_ignored/c.jpg", "to another question": "_review/Bob?/c.jpg"}
    places |= {"renamed": "_review/Ada + Person 3?/c.jpg", "deleted": ""}
    if how == "deleted":
        cover.unlink()
    else:
        cover.rename(at(tree, places[how]))
    settles(tree, words=0)
    assert cover.read_bytes() == before
    assert not places[how] or not at(tree, places[how]).exists()


def test_renamed_or_copied_where_it_is_says_nothing(tree: Archive) -> None:
    """It gets its name back; a double goes."""
    at(tree, "_review/Ada?/r0 face.jpg").rename(at(tree, "_review/Ada?/her.jpg"))
    shutil.copy(at(tree, "_review/Ada?/r1 face.jpg"), at(tree, "_review/Ada?/double.jpg"))
    settles(tree, words=0)
    assert names(tree, "_review/Ada?") == {"r0.jpg", "r0 face.jpg", "r1.jpg", "r1 face.jpg"}


def test_one_that_the_user_changed_is_theirs(tree: Archive) -> None:
    """Saved over, it says nothing, and stays when the question goes."""
    mine = "_review/Ada?/r0 face.jpg"
    at(tree, mine).write_bytes(b"mine, and of another size")
    settles(tree, words=0, mine=mine)
    move(tree, ("r0.jpg",), "_review/Ada?", "Ada")
    settles(tree, mine=mine)
    assert at(tree, mine).read_bytes() == b"mine, and of another size"
    assert names(tree, "_review/Ada?") == {"r0 face.jpg", "r1.jpg", "r1 face.jpg"}


def test_a_copy_takes_nothing_from_who_has_a_name(tree: Archive) -> None:
    """Ada's cover, copied to Bob."""
    shutil.copy(at(tree, "_review/Ada + Person 3?/Ada.jpg"), at(tree, "Bob/c.jpg"))
    settles(tree, words=0)
    assert not at(tree, "Bob/c.jpg").exists()


def test_folder_pictures_are_no_words(tree: Archive) -> None:
    """A cover that is copied from one person's folder to another's is a file of the user's."""
    shutil.copy(at(tree, "Ada/folder.jpg"), at(tree, "_unknown/folder.jpg"))
    settles(tree, words=0)
    assert at(tree, "_unknown/folder.jpg").exists()


def test_a_picture_that_comes_after_its_deletion(tree: Archive) -> None:
    """As a sync program does it: deleted here, and there a while later."""
    picture = at(tree, "_review/Ada?/r0 face.jpg")
    bytes_of_it = picture.read_bytes()
    picture.unlink()
    look(tree)
    assert whose(tree, "r0.jpg") == "unknown"
    at(tree, "Ada/r0 face.jpg").write_bytes(bytes_of_it)
    settles(tree)
    assert whose(tree, "r0.jpg") == "Ada!"


def test_too_many_deletions_are_not_believed(tree: Archive) -> None:
    """Pictures count as links do, and come back without being cut again."""
    for number in range(60):
        tree.add(b"many%d.jpg" % number, [(None, unit(12 + number % 3, 1.2, towards=number % 8))])
    many = replace(tree, tree=replace(tree.tree, pictures=100))
    look(many)
    shown = names(many, "_unknown")
    for name in shown:
        if "face" in name:
            at(many, f"_unknown/{name}").unlink()
    assert look(many).doubted > 50
    assert names(many, "_unknown") == shown
