"""
Several gestures that are read in one look: the daemon was off, or the user was quick. Each means what it means alone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from helpers import Archive, broken_links, jpeg, unit
from trees import hidden, know_two, look

from facewatchd.domain import FaceId, PhotoState
from facewatchd.pipeline.intake.roots import settle_roots
from facewatchd.store import Store
from facewatchd.store.backup import back_up, restore

pytest_plugins = "archive_fixtures"

NOW = 1_800_000_000.0
ADAS, BOBS, UNKNOWN = 10, 11, 12
"""The faces of both.jpg, and the one of x.jpg."""


@pytest.fixture
def tree(archive: Archive) -> Path:
    """Ada, Bob and Carol; `both.jpg` shows Ada and Bob, `x.jpg` an unknown face."""
    know_two(archive, 5, 4)
    top = Path(os.fsdecode(archive.tree.path))
    (top / "Person 1").rename(top / "Ada")
    (top / "Person 2").rename(top / "Bob")
    look(archive, now=NOW)
    carol = archive.person("Carol", [b"c%d.jpg" % number for number in range(4)], 4)
    with archive.store.transaction():
        archive.store.medoids.replace(carol, archive.faces_of(carol)[:1])
    look(archive, now=NOW)
    return top


def is_of(archive: Archive, face_id: FaceId) -> str:
    """The person of a face, "" for none."""
    face = archive.store.faces.get(face_id)
    assert face is not None
    person = archive.store.people.get(face.person_id) if face.person_id is not None else None
    return person.title if person is not None else ""


def face_on(archive: Archive, photo: bytes) -> FaceId:
    known = archive.store.photos.find(archive.root.root_id, photo)
    assert known is not None
    (face,) = archive.store.faces.of_photo(known.photo_id)
    return face.face_id


def test_a_link_of_somebody_hidden_stands_for_their_face(archive: Archive, tree: Path) -> None:
    """Not for the other one of the photo, which is a named person's."""
    (tree / "Ada").rename(tree / "_ignored" / "Ada")
    look(archive, now=NOW + 10)
    (tree / "_ignored" / "Ada" / "both.jpg").rename(tree / "Carol" / "both.jpg")
    look(archive, now=NOW + 20)
    assert (is_of(archive, ADAS), is_of(archive, BOBS)) == ("Carol", "Bob")


@pytest.mark.parametrize("fate", ["renamed", "hidden", "merged", "deleted"])
def test_a_new_folder_with_an_old_name_is_new(archive: Archive, tree: Path, fate: str) -> None:
    """What happened to the old one is obeyed, and none of its links counts as deleted."""
    face = face_on(archive, b"a0.jpg")
    match fate:
        case "renamed":
            (tree / "Ada").rename(tree / "Adele")
        case "hidden":
            (tree / "Ada").rename(tree / "_ignored" / "Ada")
        case "merged":
            (tree / "Ada").rename(tree / "Bob" / "Ada")
        case _:
            shutil.rmtree(tree / "Ada")
    (tree / "Ada").mkdir()
    (tree / "_unknown" / "x.jpg").rename(tree / "Ada" / "x.jpg")
    look(archive, now=NOW + 20)
    look(archive, now=NOW + 400)
    assert not [
        word for word in archive.store.people.constraints() if word.face_id == face and word.kind == "cannot-be"
    ]
    assert is_of(archive, face) == {"renamed": "Adele", "merged": "Bob"}.get(fate, "Ada")
    assert (1 in archive.store.people.hidden()) == (fate in {"hidden", "deleted"})


def moved(tree: Path, source: str, to: str) -> None:
    (tree / to).parent.mkdir(exist_ok=True)
    (tree / source).rename(tree / to)


@pytest.mark.parametrize(
    ("steps", "photo", "person"),
    [
        ([("Ada/a0.jpg", "Carol/a0.jpg"), ("Ada", "Bob/Ada")], b"a0.jpg", "Carol"),
        ([("_unknown/x.jpg", "Ada/x.jpg"), ("Ada", "Bob/Ada")], b"x.jpg", "Bob"),
        ([("Bob/b0.jpg", "Ada/b0.jpg"), ("Ada", "Bob/Ada")], b"b0.jpg", "Bob"),
        ([("Ada/a0.jpg", "Carol/a0.jpg"), ("Carol", "Ada/Carol")], b"a0.jpg", "Ada"),
        ([("Ada/a0.jpg", ""), ("Ada", "Bob/Ada")], b"a0.jpg", ""),
        ([("Ada/a0.jpg", "Bob/a0.jpg"), ("Ada", "")], b"a0.jpg", "Bob"),
        ([("Ada/a0.jpg", "Eve/a0.jpg"), ("Ada", "")], b"a0.jpg", "Eve"),
    ],
)
def test_single_links_and_their_folder(
    archive: Archive, tree: Path, steps: list[tuple[str, str]], photo: bytes, person: str
) -> None:
    """What was said of a link holds, although its folder was merged or deleted before anybody looked; "": deleted."""
    for source, to in steps:
        if to:
            moved(tree, source, to)
        elif (tree / source).is_dir():
            shutil.rmtree(tree / source)
        else:
            (tree / source).unlink()
    look(archive, now=NOW + 10)
    look(archive, now=NOW + 400)
    assert is_of(archive, face_on(archive, photo)) == person


def test_somebody_else_in_the_photo_is_not_deleted_with_a_folder(archive: Archive, tree: Path) -> None:
    """Ada's link was moved, and Bob is hidden: nothing was said of Bob's face."""
    (tree / "Ada" / "both.jpg").rename(tree / "Carol" / "both.jpg")
    shutil.rmtree(tree / "Bob")
    look(archive, now=NOW + 10)
    assert (is_of(archive, ADAS), is_of(archive, BOBS)) == ("Carol", "Bob")
    assert hidden(archive)


def test_a_link_put_into_a_copy_of_a_folder_hides_no_face(archive: Archive, tree: Path) -> None:
    """A copy says nothing: the unknown face is shown again."""
    shutil.copytree(tree / "Ada", tree / "Ada copy", symlinks=True)
    look(archive, now=NOW + 10)
    (tree / "_unknown" / "x.jpg").rename(tree / "Ada copy" / "x.jpg")
    look(archive, now=NOW + 20)
    look(archive, now=NOW + 400)
    face = archive.store.faces.get(UNKNOWN)
    assert face is not None
    assert not face.ignored
    assert (tree / "_unknown" / "x.jpg").is_symlink()


@pytest.mark.parametrize("was_hidden", [False, True])
def test_a_folder_that_was_hidden_or_shown_after_the_backup(archive: Archive, tree: Path, *, was_hidden: bool) -> None:
    """After a restore it is where the copy has it, and every link works."""
    ways = [(tree / "Ada", tree / "_ignored" / "Ada"), (tree / "_ignored" / "Ada", tree / "Ada")]
    if was_hidden:
        ways[0][0].rename(ways[0][1])
        look(archive, now=NOW + 5)
    copy = archive.folder / "copy"
    back_up(archive.folder / "state", copy)
    source, to = ways[was_hidden]
    source.rename(to)
    look(archive, now=NOW + 10)
    archive.store.close()
    restore(archive.folder / "state", copy)
    with Store(archive.folder / "state") as store:
        back = Archive(archive.folder, store, archive.root, archive.tree)
        for number in range(3):
            look(back, now=NOW + 1000 * (number + 1))
        assert broken_links(archive.tree.path) == []
        assert (1 in store.people.hidden()) == was_hidden
    assert {link.name for link in source.iterdir() if link.is_symlink()} >= {"a0.jpg", "a1.jpg", "both.jpg"}
    assert not to.exists()


@pytest.mark.parametrize("same_names", [False, True])
def test_two_photo_folders_that_change_places_by_copying(archive: Archive, *, same_names: bool) -> None:
    """Each keeps its photos, also where they are called alike."""
    first, second = archive.photos, os.path.dirname(archive.photos) + b"/Second"
    os.makedirs(second)
    other = Archive(archive.folder, archive.store, archive.store.roots.ensure(second), archive.tree)
    for number in range(6):
        for where, letter, person in ((archive, b"a", 1), (other, b"b", 2)):
            name = b"DSC_%d.jpg" % number if same_names else b"%s%d.jpg" % (letter, number)
            where.add(name, [(None, unit(person))], content=jpeg(number + 50 * person, (32 * person, 40)))
    for path in (first, second):
        found = os.lstat(path)
        archive.store.roots.set_identity(archive.store.roots.ensure(path).root_id, found.st_dev, found.st_ino)
    for path in (first, second):
        shutil.copytree(os.fsdecode(path), os.fsdecode(path) + " copy")
    for path in (first, second):
        shutil.rmtree(path)
    os.rename(first + b" copy", second)
    os.rename(second + b" copy", first)
    roots = settle_roots(archive.store, [first, second])
    assert [root.root_id for root in roots] == [other.root.root_id, archive.root.root_id]
    known = [archive.store.photos.known(root.root_id).values() for root in roots]
    assert [len(photos) for photos in known] == [6, 6]
    assert {photo.state for photos in known for photo in photos} == {PhotoState.DONE}


# --- names


def renamed(archive: Archive, tree: Path, *steps: tuple[str, str]) -> dict[int, str]:
    """What the people are called after folders were renamed before anybody looked; a second look finds nothing to do."""
    for number, (source, _) in enumerate(steps):
        (tree / source).rename(tree / f".{number}")
    for number, (_, to) in enumerate(steps):
        (tree / f".{number}").rename(tree / to)
    look(archive, now=NOW + 10)
    again = look(archive, now=NOW + 20)
    assert (again.gestures, again.actions) == ((), ())
    return {person.person_id: person.name for person in archive.store.people.named()}


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        ([("Ada", "Bob"), ("Bob", "Ada")], {1: "Bob", 2: "Ada", 3: "Carol"}),
        ([("Ada", "Bob"), ("Bob", "Carol"), ("Carol", "Ada")], {1: "Bob", 2: "Carol", 3: "Ada"}),
        ([("Ada", "Eve"), ("Bob", "Ada")], {1: "Eve", 2: "Ada", 3: "Carol"}),
        # nobody can have Carol's name, so that Ada keeps hers
        ([("Ada", "CAROL"), ("Bob", "Ada")], {1: "Ada", 2: "Bob", 3: "Carol"}),
        ([("Bob", "carol"), ("Ada", "Bob")], {1: "Ada", 2: "Bob", 3: "Carol"}),
        ([("Carol", "bob"), ("Ada", "Carol")], {1: "Ada", 2: "Bob", 3: "Carol"}),
        ([("Ada", "Eve"), ("Bob", "eve"), ("Carol", "Bob")], {1: "Eve", 2: "Bob", 3: "Carol"}),
    ],
)
def test_a_name_is_free_if_its_owner_gets_another(
    archive: Archive, tree: Path, steps: list[tuple[str, str]], names: dict[int, str]
) -> None:
    """No two people are called alike; nobody is merged by a name that was not given up."""
    assert renamed(archive, tree, *steps) == names
    assert {folder.name for folder in tree.iterdir() if folder.name[0] not in "._"} == set(names.values())


def test_a_refused_name_is_not_free_for_a_new_folder(archive: Archive, tree: Path) -> None:
    """Ada keeps hers, as Carol has the other: whether the new folder is Ada is asked."""
    (tree / "Ada").rename(tree / "carol")
    (tree / "Ada").mkdir()
    (tree / "_unknown" / "x.jpg").rename(tree / "Ada" / "x.jpg")
    look(archive, now=NOW + 10)
    assert sorted(person.name for person in archive.store.people.named()) == ["Ada", "Bob", "Carol"]


@pytest.mark.parametrize("is_named", [False, True])
def test_the_name_of_somebody_who_is_merged(archive: Archive, tree: Path, *, is_named: bool) -> None:
    """It goes to somebody without a name; it is free where the other has one."""
    archive.person("Dan" if is_named else "", [b"d%d.jpg" % number for number in range(4)], 6)
    look(archive, now=NOW + 5)
    dan = "Dan" if is_named else "Person 4"
    (tree / "Ada").rename(tree / dan / "Ada")
    (tree / "Bob").rename(tree / "Ada")
    look(archive, now=NOW + 10)
    look(archive, now=NOW + 20)
    names = {person.person_id: person.name for person in archive.store.people.named()}
    assert names == ({2: "Ada", 3: "Carol", 4: "Dan"} if is_named else {2: "Bob", 3: "Carol", 4: "Ada"})
