"""
Whole folders of people, moved, copied, deleted and renamed on real disks, where that hides, shows or says nothing: what is put
back is told, and nothing is ever confirmed by it. While the program runs and while it does not, with each kind of links.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import NOW, Archive, broken_links, config_of
from plain import materialize
from running import prepared, wait_until
from trees import hidden, know_two, look, regroup, shown, shown_below

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.tree.entries import LinkMode
from facewatchd.core.tree.half_moves import WHILE_S
from facewatchd.core.tree.scope import Scope
from facewatchd.corrections.apply import apply
from facewatchd.corrections.records import Hide, Rename, Show
from facewatchd.corrections.undo import undo
from facewatchd.operations.client import Client
from facewatchd.operations.corrections import RENAME, RenameParameters
from facewatchd.people.looked import Looked
from facewatchd.store.notices import KEPT_S

pytest_plugins = "archive_fixtures"

ADA, BOB = b"Person 1", b"Person 2"
ADAS = {b"a0.jpg", b"a1.jpg", b"a2.jpg", b"both.jpg"}
BOBS = {b"b0.jpg", b"b1.jpg", b"both.jpg"}
UNKNOWN = {b"x.jpg", b"y.jpg"}
BEFORE = {ADA: ADAS, BOB: BOBS, b"_unknown": UNKNOWN}


@pytest.fixture(params=[*LinkMode])
def album(archive: Archive, request: pytest.FixtureRequest) -> Iterator[Archive]:
    """Two people, with each kind of links."""
    album = replace(archive, tree=replace(archive.tree, links=request.param))
    know_two(album, 3, 2)
    yield album
    assert broken_links(album.tree.path) == []


@pytest.fixture
def tree(archive: Archive) -> Path:
    """As `album`, with the usual links."""
    know_two(archive, 3, 2)
    return top(archive)


def top(archive: Archive) -> Path:
    return Path(os.fsdecode(archive.tree.path))


def settles(archive: Archive, *, now: float | None = None) -> dict[bytes, set[bytes]]:
    """A second look, and groupings, find nothing to do."""
    first = look(archive, now=now)
    again = look(archive, now=now)
    assert (again.gestures, again.actions) == ((), ()), first
    after = shown(archive)
    for min_samples, link in ((1, 0.6), (3, 0.7)):
        regroup(archive, ReclusterSettings(2, min_samples, link, 0.0))
        assert look(archive, now=now).gestures == ()
        assert shown(archive) == after
    return after


def confirmed(archive: Archive) -> int:
    return len(archive.store.people.constraints())


def words(archive: Archive) -> list[str]:
    entries = archive.store.journal.entries(99)[::-1]
    return [entry.title for entry in entries if not entry.undone and entry.undoes is None]


def told(archive: Archive, now: float = NOW) -> list[str]:
    return [notice.text for notice in archive.store.notices.all(now)]


# --- hidden people ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["moved", "deleted", "by command"])
def test_who_is_hidden_keeps_a_folder(album: Archive, how: str) -> None:
    """... in `_ignored`, with their photos, and is shown again by dragging it back."""
    tree = top(album)
    if how == "moved":
        (tree / "Person 1").rename(tree / "_ignored" / "Person 1")
    elif how == "deleted":
        shutil.rmtree(tree / "Person 1")
    else:
        apply(album.store, Hide(1))
    assert settles(album) == {BOB: BOBS, b"_unknown": UNKNOWN}
    assert hidden(album) == {ADA: ADAS}
    assert album.store.people.hidden() == {1}
    (tree / "_ignored" / "Person 1").rename(tree / "Person 1")
    assert settles(album) == BEFORE
    assert hidden(album) == {}
    assert (album.store.people.hidden(), confirmed(album)) == (set(), 0)
    assert words(album) == ["Person 1 is hidden", "Person 1 is shown again"]


@pytest.mark.parametrize("back", ["undo", "unhide"])
def test_the_folder_of_who_is_shown_again_by_command_is_back(archive: Archive, tree: Path, back: str) -> None:
    """Out of `_ignored`, with the user's own files in it."""
    (tree / "Person 1" / "note.txt").write_bytes(b"mine")
    (tree / "Person 1").rename(tree / "_ignored" / "Person 1")
    look(archive)
    undo(archive.store) if back == "undo" else apply(archive.store, Show(1))
    assert settles(archive) == {**BEFORE, ADA: ADAS | {b"note.txt"}}
    assert not (tree / "_ignored" / "Person 1").exists()


def test_a_hidden_folder_gets_the_name_that_it_is_brought_back_by(archive: Archive, tree: Path) -> None:
    """... and the one that it gets inside `_ignored`, which shows nobody."""
    (tree / "Person 1").rename(tree / "_ignored" / "Person 1")
    look(archive)
    (tree / "_ignored" / "Person 1").rename(tree / "_ignored" / "Ada")
    settles(archive)
    assert (hidden(archive), archive.store.people.hidden()) == ({b"Ada": ADAS}, {1})
    (tree / "_ignored" / "Ada").rename(tree / "Ada Lovelace")
    assert settles(archive) == {b"Ada Lovelace": ADAS, BOB: BOBS, b"_unknown": UNKNOWN}
    assert [person.name for person in archive.store.people.named()] == ["Ada Lovelace"]
    undo(archive.store)
    settles(archive)
    assert hidden(archive) == {b"Ada": ADAS}


def test_a_hidden_folder_that_is_deleted_comes_back(archive: Archive, tree: Path) -> None:
    """It says nothing new, of its links neither, and it is told."""
    (tree / "Person 1").rename(tree / "_ignored" / "Person 1")
    look(archive)
    shutil.rmtree(tree / "_ignored" / "Person 1")
    assert settles(archive, now=NOW) == {BOB: BOBS, b"_unknown": UNKNOWN}
    assert hidden(archive) == {ADA: ADAS}
    assert (words(archive), confirmed(archive)) == (["Person 1 is hidden"], 0)
    assert told(archive) == [
        (
            "The folder of Person 1 was deleted from _ignored: it is back, as Person 1 stays hidden. To have them shown again, "
            "move it out of _ignored."
        )
    ]
    assert told(archive, NOW + KEPT_S) == []


def test_links_in_a_hidden_folder_mean_what_they_do_elsewhere(archive: Archive, tree: Path) -> None:
    """Deleted: not Ada. Moved out: somebody else. Moved in: Ada, who is hidden."""
    (tree / "Person 1").rename(tree / "_ignored" / "Person 1")
    look(archive)
    (tree / "_ignored" / "Person 1" / "a0.jpg").unlink()
    (tree / "_ignored" / "Person 1" / "a1.jpg").rename(tree / "Person 2" / "a1.jpg")
    (tree / "_unknown" / "x.jpg").rename(tree / "_ignored" / "Person 1" / "x.jpg")
    assert settles(archive) == {BOB: BOBS | {b"a1.jpg"}, b"_unknown": {b"a0.jpg", b"y.jpg"}}
    assert hidden(archive) == {ADA: {b"a2.jpg", b"both.jpg", b"x.jpg"}}
    assert broken_links(archive.tree.path) == []


def test_hidden_and_shown_people_of_one_name(archive: Archive, tree: Path) -> None:
    """The name of who is hidden is free; shown again by command, the number tells them apart, and goes with its reason."""
    (tree / "Person 1").rename(tree / "Bob")
    look(archive)
    (tree / "Bob").rename(tree / "_ignored" / "Bob")
    look(archive)
    (tree / "Person 2").rename(tree / "Bob")
    look(archive)
    assert (set(shown(archive)), set(hidden(archive))) == ({b"Bob", b"_unknown"}, {b"Bob"})
    apply(archive.store, Show(1))
    look(archive)
    assert shown(archive) == {b"Bob": BOBS, b"Bob (2)": ADAS, b"_unknown": UNKNOWN}
    (tree / "_ignored" / "mine").mkdir()
    (tree / "_ignored" / "mine").rmdir()


@pytest.mark.parametrize("how", ["renamed", "merged", "hidden", "hidden by command", "renamed by command"])
def test_a_number_goes_with_its_reason(archive: Archive, tree: Path, how: str) -> None:
    """The other Bob has another name, is somebody else, or is hidden; at that very look, and a second finds nothing to do."""
    store, looked = archive.store, Looked()
    ada, bob = store.people.named() or (1, 2)
    eve = archive.person("Eve", [b"e0.jpg", b"e1.jpg"], 5)
    store.people.rename(1, "Bob")
    store.people.rename(2, "Bob")
    materialize(store, archive.tree, looked=looked)
    assert set(shown(archive)) == {b"Bob", b"Bob (2)", b"Eve", b"_unknown"}
    scope: Scope = set()
    match how:
        case "renamed":
            (tree / "Bob").rename(tree / "Robert")
        case "merged":
            (tree / "Bob").rename(tree / "Eve" / "Bob")
        case "hidden":
            (tree / "Bob").rename(tree / "_ignored" / "Bob")
        case "hidden by command":
            scope = apply(store, Hide(1)).scope
        case _:
            scope = apply(store, Rename(1, "Robert")).scope
    materialize(store, archive.tree, {*scope, None}, looked=looked)
    assert b"Bob (2)" not in shown(archive)
    assert b"b0.jpg" in shown(archive)[b"Bob"]
    assert (look(archive).gestures, look(archive).actions) == ((), ())
    assert (ada, bob, eve) == (1, 2, 3)


# --- where a folder means nothing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to",
    [
        "_review",
        "_unknown",
        "_together",
        "_review/deeper",
        "_unknown/deeper",
        "_ignored/deeper",
        "Person 2/2019",
        "Family",
        "Family/a/b/c",
    ],
)
def test_a_folder_where_it_means_nothing_is_put_back(album: Archive, to: str) -> None:
    """It hides nobody, merges nobody, says nothing of a link, keeps the user's files, and is told once."""
    tree = top(album)
    (tree / "Person 1" / "note.txt").write_bytes(b"mine")
    (tree / to).mkdir(exist_ok=True, parents=True)
    (tree / "Person 1").rename(tree / to / "Person 1")
    look(album, now=NOW)
    after = shown(album)
    assert (after[ADA], after[BOB] - {b"2019"}) == (ADAS | {b"note.txt"}, BOBS)
    assert (tree / "Person 1" / "note.txt").read_bytes() == b"mine"
    assert (words(album), confirmed(album), album.store.people.hidden()) == ([], 0, set())
    assert told(album) == [
        (
            f"The folder of Person 1 was moved to {to}/Person 1, where it means nothing: it is back. To hide somebody, move the "
            "folder into _ignored; to make two people one, move it into the other's folder."
        )
    ]
    again = look(album, now=NOW)
    assert (again.gestures, again.actions) == ((), ())


def test_a_hidden_folder_where_it_means_nothing_stays_hidden(archive: Archive, tree: Path) -> None:
    """It is back in `_ignored`."""
    (tree / "Person 1").rename(tree / "_ignored" / "Person 1")
    look(archive)
    (tree / "_ignored" / "Person 1").rename(tree / "_unknown" / "Person 1")
    settles(archive)
    assert (hidden(archive), archive.store.people.hidden()) == ({ADA: ADAS}, {1})


# --- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["Person 1 (copy)", "_ignored/Person 1", "Person 2/Person 1", "_unknown/Person 1"])
def test_a_copy_of_a_folder_says_nothing_and_is_told(album: Archive, to: str) -> None:
    """It is the user's own, wherever it is: nobody is founded, hidden or merged, and it is told as long as it is there."""
    tree = top(album)
    shutil.copytree(tree / "Person 1", tree / to, symlinks=True)
    names = {*(tree / to).iterdir()}
    for later in (0.0, 2 * WHILE_S):
        look(album, now=NOW + later)
        assert {*(tree / to).iterdir()} == names
        after = shown(album)
        assert (after[ADA], after[BOB] - {b"Person 1"}) == (ADAS, BOBS)
        assert (words(album), confirmed(album), album.store.people.hidden()) == ([], 0, set())
        assert told(album, NOW + later) == [
            (
                f"{to} in the people folder is a copy of the folder of Person 1. It says nothing, and is not kept up to date. "
                "Delete it, or move it out of the people folder."
            )
        ]
    shutil.rmtree(tree / to)
    look(album, now=NOW + 2 * WHILE_S)
    assert (shown(album), told(album, NOW + 2 * WHILE_S)) == (BEFORE, [])


@pytest.mark.parametrize("how", ["deleted", "ignored"])
def test_a_copy_is_not_the_folder_when_that_goes(archive: Archive, tree: Path, how: str) -> None:
    """It was told of long ago: who is hidden now stays so."""
    shutil.copytree(tree / "Person 1", tree / "Backup", symlinks=True)
    look(archive, now=NOW)
    if how == "deleted":
        shutil.rmtree(tree / "Person 1")
    else:
        (tree / "Person 1").rename(tree / "_ignored" / "Person 1")
    settles(archive, now=NOW + 2 * WHILE_S)
    assert archive.store.people.hidden() == {1}
    assert hidden(archive) == {ADA: ADAS}


def test_a_folder_that_is_copied_and_deleted_is_renamed(archive: Archive, tree: Path) -> None:
    """So does a file manager, or Syncthing, over a network."""
    shutil.copytree(tree / "Person 1", tree / "Ada", symlinks=True)
    look(archive, now=NOW)
    shutil.rmtree(tree / "Person 1")
    assert settles(archive, now=NOW + 60) == {b"Ada": ADAS, BOB: BOBS, b"_unknown": UNKNOWN}


# --- the desktop's trash ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_folder_that_is_back_from_the_trash_is_as_before(album: Archive, tmp_path: Path, meanwhile: bool) -> None:
    """Deleted and restored, whether or not that was read in between, and whatever became of its faces meanwhile."""
    tree, store = top(album), album.store
    (tree / "Person 1").rename(tmp_path / "trash")
    if meanwhile:
        look(album)
        assert (hidden(album), store.people.hidden()) == ({ADA: ADAS}, {1})
        # a grouping found that one of them is nobody it knows
        photo = store.photos.find(album.root.root_id, b"a0.jpg")
        assert photo is not None
        store.faces.give([face.face_id for face in store.faces.of_photo(photo.photo_id)], None)
        look(album)
    shutil.move(tmp_path / "trash", tree / "Person 1")
    look(album)
    again = look(album)
    assert (again.gestures, again.actions) == ((), ())
    lost = {b"a0.jpg"} if meanwhile else set()
    assert shown(album) == {ADA: ADAS - lost, BOB: BOBS, b"_unknown": UNKNOWN | lost}
    assert (hidden(album), store.people.hidden(), confirmed(album)) == ({}, set(), 0)
    assert [summary.person.person_id for summary in store.people.summaries()] == [1, 2]
    assert set(shown_below(album)) == {"Person 1", "Person 2", "_unknown"}


# --- names that are one ----------------------------------------------------------------------------------------------

SAME = ["bob", "BOB", "Bob ", " Bob"]


@pytest.mark.parametrize("name", SAME)
def test_a_folder_renamed_to_a_name_that_differs_only_in_how_it_is_written(
    archive: Archive, tree: Path, name: str
) -> None:
    """It has its old name again, and is told what to do; it is not merged."""
    (tree / "Person 2").rename(tree / "Bob")
    look(archive)
    (tree / "Person 1").rename(tree / name)
    assert settles(archive, now=NOW) == {ADA: ADAS, b"Bob": BOBS, b"_unknown": UNKNOWN}
    assert words(archive) == ["Person 2 is Bob"]
    (text,) = told(archive)
    assert text.startswith("The folder of Person 1 was renamed to ")
    assert "If the two are one person, move it into the folder of Bob; if not, choose another name." in text


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("answer", ["merged", "renamed", "deleted", "taken back"])
def test_a_new_folder_whose_name_differs_only_in_how_it_is_written(
    archive: Archive, tree: Path, name: str, answer: str
) -> None:
    """It is asked about as long as it is there; the answer is what the user does with it, and nothing is lost by waiting."""
    (tree / "Person 2").rename(tree / "Bob")
    look(archive, now=NOW)
    (tree / name).mkdir()
    (tree / "Person 1" / "a0.jpg").rename(tree / name / "a0.jpg")
    for later in range(3):
        look(archive, now=NOW + later)
        assert words(archive) == ["Person 2 is Bob"]
        (notice,) = archive.store.notices.all(NOW)
        assert notice.is_question
        assert notice.text.endswith(
            "nothing is done about it yet. If it is, move it into the folder of Bob; if not, give it another name."
        )
        assert os.listdir(tree / name) == ["a0.jpg"]
        assert not (tree / "Person 1" / "a0.jpg").exists()
    if answer == "merged":
        (tree / name).rename(tree / "Bob" / "him")
    elif answer == "renamed":
        (tree / name).rename(tree / "Robert")
    elif answer == "deleted":
        shutil.rmtree(tree / name)
    else:
        (tree / name / "a0.jpg").rename(tree / "Person 1" / "a0.jpg")
        (tree / name).rmdir()
    after = settles(archive, now=NOW + 10)
    assert told(archive) == []
    assert after[ADA] == (ADAS if answer == "taken back" else ADAS - {b"a0.jpg"})
    assert (
        words(archive)[1:]
        == {
            "merged": ["a0.jpg: it is Bob and not Person 1"],
            "renamed": ["Robert is somebody new"],
            "deleted": ["a0.jpg: not Person 1"],
            "taken back": [],
        }[answer]
    )


def test_the_own_name_may_be_written_otherwise(archive: Archive, tree: Path) -> None:
    """That is no collision."""
    for name in ("bob", "Bob", "BOB"):
        folder = next(tree / entry for entry in os.listdir(tree) if entry.lower() in {"bob", "person 2"})
        folder.rename(tree / name)
        look(archive)
        assert [person.name for person in archive.store.people.named()] == [name]


# --- the real program ------------------------------------------------------------------------------------------------


def test_in_the_running_daemon(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """A folder in `_review`, and a copy: both are told by `status` and in the log; and one that was hidden is back."""
    home = prepared(tmp_path_factory).copy(tmp_path / "home")
    first, second = (
        home.people / person["title"] for person in home.run("people", "list", "--json").json["people"][:2]
    )
    links = home.links()[first.name]

    def said() -> str:
        entries = json.loads(home.run("undo", "--list", "--json").out)["entries"]
        return str(entries[0]["what"]) if entries else ""

    with home.watching() as daemon:
        (home.people / "_review").mkdir(exist_ok=True)
        first.rename(home.people / "_review" / first.name)
        wait_until(lambda: f"{first.name} was moved to _review" in " ".join(home.status()["blocked"]), 20)
        assert home.links()[first.name] == links
        shutil.copytree(second, home.people / "Copy", symlinks=True)
        wait_until(lambda: "Copy in the people folder is a copy of" in " ".join(home.status()["blocked"]), 20)
        first.rename(home.people / "_ignored" / first.name)
        wait_until(lambda: "is hidden" in said(), 20)
        (home.people / "_ignored" / first.name).rename(first)
        wait_until(lambda: "shown again" in said(), 20)
        assert home.links()[first.name] == links
        daemon.stop()
        assert "was moved to _review" in daemon.log
        assert "is a copy of the folder of" in daemon.log
    assert any("is a copy of" in sentence for sentence in home.status()["blocked"])


def test_a_hidden_person_renamed_by_command(archive: Archive, tree: Path) -> None:
    """The folder in `_ignored` has the name, which is told without where it lies."""
    apply(archive.store, Hide(1))
    renamed = Client(config_of(archive)).call(RENAME, RenameParameters(person="1", name="Ada"))
    assert renamed.folders == ("Ada",)
    assert hidden(archive) == {b"Ada": ADAS}
