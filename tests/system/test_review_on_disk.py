"""
`_review`, `_together` and `_ignored` on real folders, worked with by plain `mv` and `rm`: what each answer does to the
state, that a second look finds nothing to do, that three reclusterings change nothing about it, and that `undo` does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trees
from helpers import DIM, MODEL, THRESHOLDS, Archive, broken_links, unit
from trees import look
from trees import shown_below as shown

from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.corrections.undo import undo
from facewatchd.domain import Assignment, FaceState
from facewatchd.store import StoredModel

pytest_plugins = "archive_fixtures"

CLOSE = replace(THRESHOLDS, review=0.1, suggest=0.15)
# alike enough to be asked about, and not to be believed
_ALMOST = float(np.arccos(0.63))
Shown = dict[str, set[str]]


@pytest.fixture
def tree(archive: Archive) -> Iterator[Path]:
    """Ada and Bob with a name, somebody like Ada, two faces that may be Ada's, one that may be Bob's, one unknown."""
    store = archive.store
    with store.transaction():
        store.set_model(StoredModel("test", MODEL, DIM, "cpu"))
    archive.person("Ada", [b"a%d.jpg" % number for number in range(5)], 0)
    archive.person("Bob", [b"b%d.jpg" % number for number in range(4)], 1)
    for number in range(4):
        archive.add(b"e%d.jpg" % number, [(None, unit(0, _ALMOST, towards=7))])
    for name, person, towards in ((b"r0.jpg", 0, 5), (b"r1.jpg", 0, 6), (b"s.jpg", 1, 8)):
        archive.add(name, [(None, unit(person, _ALMOST, towards))])
    archive.add(b"x.jpg", [(None, unit(2))])
    regroup(archive)
    look(archive)
    yield Path(os.fsdecode(archive.tree.path))
    assert broken_links(archive.tree.path) == []


def regroup(archive: Archive, min_samples: int = 2, link: float = 0.7) -> None:
    trees.regroup(archive, ReclusterSettings(2, min_samples, link, 0.0), CLOSE)


def settles(archive: Archive) -> Shown:
    """Look, look again (nothing is left to do), recluster three times with other settings: nothing changes."""
    first = look(archive)
    after = shown(archive)
    again = look(archive)
    assert (again.gestures, again.actions) == ((), ()), first
    for min_samples, link in ((1, 0.66), (2, 0.7), (3, 0.68)):
        regroup(archive, min_samples, link)
        assert look(archive).gestures == ()
        assert shown(archive) == after
    return after


def undone(archive: Archive, *, times: int = 1) -> Shown:
    for _ in range(times):
        undo(archive.store)
    look(archive)
    return shown(archive)


def without(shown: Shown, *folders: str) -> Shown:
    return {folder: names for folder, names in shown.items() if folder not in folders}


ADA = {f"a{number}.jpg" for number in range(5)}
BOB = {f"b{number}.jpg" for number in range(4)}
EVE = {f"e{number}.jpg" for number in range(4)}
PAIR = "_review/Ada + Person 3?"
EXAMPLES = {f"Ada a{number}.jpg" for number in range(3)} | {f"Person 3 e{number}.jpg" for number in range(3)}
BEFORE = {
    "Ada": ADA,
    "Bob": BOB,
    "Person 3": EVE,
    "_review/Ada?": {"r0.jpg", "r1.jpg"},
    "_review/Bob?": {"s.jpg"},
    PAIR: EXAMPLES,
    "_unknown": {"x.jpg"},
}


def test_nothing_done(archive: Archive, tree: Path) -> None:
    """What is too close to call is asked, and only there; the export and `status` say so."""
    assert settles(archive) == BEFORE
    assert archive.store.faces.counts()[FaceState.REVIEW] == 3
    states = {face.photo: face.face.state for face, _ in archive.store.faces.exported(MODEL)}
    assert states[archive.photos + b"/r0.jpg"] is FaceState.REVIEW
    assert states[archive.photos + b"/x.jpg"] is FaceState.UNKNOWN


# --- faces -----------------------------------------------------------------------------------------------------------


def test_a_link_moved_to_the_person_is_a_yes(archive: Archive, tree: Path) -> None:
    """The link is put right: from the person's folder it leads another way."""
    (tree / "_review" / "Ada?" / "r0.jpg").rename(tree / "Ada" / "r0.jpg")
    assert settles(archive) == BEFORE | {"Ada": ADA | {"r0.jpg"}, "_review/Ada?": {"r1.jpg"}}
    assert undone(archive) == BEFORE


def test_a_deleted_link_is_a_no(archive: Archive, tree: Path) -> None:
    """... for good; with the last one the folder goes."""
    (tree / "_review" / "Bob?" / "s.jpg").unlink()
    assert settles(archive) == without(BEFORE, "_review/Bob?") | {"_unknown": {"s.jpg", "x.jpg"}}
    assert not (tree / "_review" / "Bob?").exists()
    assert undone(archive) == BEFORE


def test_a_link_moved_to_the_unknown_pool_is_a_no(archive: Archive, tree: Path) -> None:
    """As for a person's link."""
    (tree / "_review" / "Bob?" / "s.jpg").rename(tree / "_unknown" / "s.jpg")
    assert settles(archive) == without(BEFORE, "_review/Bob?") | {"_unknown": {"s.jpg", "x.jpg"}}
    assert undone(archive) == BEFORE


def test_a_link_moved_to_somebody_else(archive: Archive, tree: Path) -> None:
    """It is Bob, and not Ada."""
    (tree / "_review" / "Ada?" / "r0.jpg").rename(tree / "Bob" / "r0.jpg")
    assert settles(archive) == BEFORE | {"Bob": BOB | {"r0.jpg"}, "_review/Ada?": {"r1.jpg"}}
    assert archive.store.journal.entries(1)[0].title == "r0.jpg: it is Bob and not Ada"
    assert undone(archive) == BEFORE


def test_a_link_moved_to_ignored(archive: Archive, tree: Path) -> None:
    """Shown nowhere any more; deleted there, it is shown again, moved to somebody it is them."""
    (tree / "_review" / "Ada?" / "r0.jpg").rename(tree / "_ignored" / "r0.jpg")
    ignored = BEFORE | {"_ignored": {"r0.jpg"}, "_review/Ada?": {"r1.jpg"}}
    assert settles(archive) == ignored
    (tree / "_ignored" / "r0.jpg").unlink()
    look(archive)
    assert shown(archive) == without(ignored, "_ignored") | {"_unknown": {"r0.jpg", "x.jpg"}}
    assert undone(archive) == ignored
    (tree / "_ignored" / "r0.jpg").rename(tree / "Bob" / "r0.jpg")
    assert settles(archive) == BEFORE | {"Bob": BOB | {"r0.jpg"}, "_review/Ada?": {"r1.jpg"}}
    assert undone(archive, times=2) == BEFORE


def test_links_in_a_folder_of_the_users_own_are_somebody_new(archive: Archive, tree: Path) -> None:
    """Two that may be Ada are Zoe."""
    (tree / "Zoe").mkdir()
    for name in ("r0.jpg", "r1.jpg"):
        (tree / "_review" / "Ada?" / name).rename(tree / "Zoe" / name)
    assert settles(archive) == without(BEFORE, "_review/Ada?") | {"Zoe": {"r0.jpg", "r1.jpg"}}
    assert undone(archive) == BEFORE


@pytest.mark.parametrize("how", ["into the person's", "renamed"])
def test_a_whole_folder_is_a_yes_to_all(archive: Archive, tree: Path, how: str) -> None:
    """Dragged onto the person's folder, or without its question mark; one word, taken back at once."""
    asked = tree / "_review" / "Ada?"
    asked.rename(tree / "Ada" / "Ada?" if how == "into the person's" else tree / "_review" / "Ada")
    assert settles(archive) == without(BEFORE, "_review/Ada?") | {"Ada": ADA | {"r0.jpg", "r1.jpg"}}
    assert undone(archive) == BEFORE


def test_a_whole_folder_moved_to_somebody_else(archive: Archive, tree: Path) -> None:
    """All of them are Bob."""
    (tree / "_review" / "Ada?").rename(tree / "Bob" / "Ada?")
    assert settles(archive) == without(BEFORE, "_review/Ada?") | {"Bob": BOB | {"r0.jpg", "r1.jpg"}}
    assert undone(archive) == BEFORE


def test_a_whole_folder_deleted_is_a_no_to_all(archive: Archive, tree: Path) -> None:
    """One word, taken back at once."""
    shutil.rmtree(tree / "_review" / "Ada?")
    assert settles(archive) == without(BEFORE, "_review/Ada?") | {"_unknown": {"r0.jpg", "r1.jpg", "x.jpg"}}
    assert archive.store.journal.entries(1)[0].title == "2 photos: not Ada"
    assert undone(archive) == BEFORE


def test_a_whole_folder_ignored(archive: Archive, tree: Path) -> None:
    """Strangers who look like Ada."""
    (tree / "_review" / "Ada?").rename(tree / "_ignored" / "Ada?")
    assert settles(archive) == without(BEFORE, "_review/Ada?") | {"_ignored": {"r0.jpg", "r1.jpg"}}
    assert undone(archive) == BEFORE


def test_a_whole_folder_moved_to_the_top_is_somebody_new(archive: Archive, tree: Path) -> None:
    """As any folder of links that the user makes there."""
    (tree / "_review" / "Ada?").rename(tree / "Zoe")
    after = settles(archive)
    assert after == without(BEFORE, "_review/Ada?") | {"Zoe": {"r0.jpg", "r1.jpg"}}
    assert look(archive).gestures == ()


def test_a_folder_with_another_name_gets_its_own_again(archive: Archive, tree: Path) -> None:
    """It says nothing."""
    (tree / "_review" / "Ada?").rename(tree / "_review" / "later")
    assert settles(archive) == BEFORE


def test_what_is_put_into_review_says_nothing(archive: Archive, tree: Path) -> None:
    """Ada's link dropped where links only ask: it comes back, and Ada stays in the photo."""
    (tree / "Ada" / "a0.jpg").rename(tree / "_review" / "Bob?" / "a0.jpg")
    (tree / "_review" / "Ada?" / "r0.jpg").rename(tree / PAIR / "r0.jpg")
    assert settles(archive) == BEFORE


def test_many_answers_at_once_are_not_believed(archive: Archive, tree: Path) -> None:
    """A folder of more than a fifth of the tree and fifty links, deleted: it comes back, and it is said."""
    for number in range(60):
        photo = archive.add(b"m%02d.jpg" % number, [(None, unit(1, _ALMOST, 9))])
        (face,) = archive.store.faces.of_photo(photo)
        archive.store.faces.assign({face.face_id: Assignment(None, 0.63, 0.5, review=2)})
    look(archive)
    shutil.rmtree(tree / "_review" / "Bob?")
    assert look(archive).doubted == 61
    assert len(shown(archive)["_review/Bob?"]) == 61
    assert look(archive).actions == ()


def test_the_other_face_of_a_photo_is_not_asked_about_any_more(archive: Archive, tree: Path) -> None:
    """Two faces of a photo may be Ada's; when one is, the other is not."""
    archive.add(b"two.jpg", [(None, unit(0, _ALMOST, 10)), (None, unit(0, _ALMOST, 11))])
    regroup(archive)
    look(archive)
    assert archive.store.faces.counts()[FaceState.REVIEW] == 5
    (tree / "_review" / "Ada?" / "two.jpg").rename(tree / "Ada" / "two.jpg")
    after = settles(archive)
    assert "two.jpg" in after["Ada"] & after["_unknown"]
    assert after["_review/Ada?"] == {"r0.jpg", "r1.jpg"}
    assert "two.jpg" in undone(archive)["_review/Ada?"]


def test_who_is_hidden_is_not_asked_about(archive: Archive, tree: Path) -> None:
    """Nor counted; what may be theirs is unknown. Shown again, they are asked about again."""
    shutil.rmtree(tree / "Ada")
    look(archive)
    after = shown(archive)
    assert {folder for folder in after if folder.startswith("_review")} == {"_review/Bob?"}
    assert after["_unknown"] == {"r0.jpg", "r1.jpg", "x.jpg"}
    assert archive.store.faces.counts()[FaceState.REVIEW] == 1
    assert undone(archive) == BEFORE


def test_hidden_people_take_no_questions_from_others(archive: Archive, tree: Path) -> None:
    """Many of them are more like each other than the two who are shown; these are asked about all the same."""
    hidden = []
    for number in range(1, 8):
        with archive.store.transaction():
            hidden.append(archive.store.people.add())
        for at in range(2):
            archive.add(b"h%d-%d.jpg" % (number, at), [(hidden[-1], unit(14, 0.62, 2 + number))])
    for person in hidden:
        archive.store.people.hide(person, hidden=True)
    assert PAIR in settles(archive)


def test_a_renamed_person_is_asked_about_by_the_new_name(archive: Archive, tree: Path) -> None:
    """The folders are renamed with the person's."""
    (tree / "Ada").rename(tree / "Ada Lovelace")
    after = settles(archive)
    assert {"_review/Ada Lovelace?", "_review/Ada Lovelace + Person 3?"} < after.keys()
    assert undone(archive) == BEFORE


# --- people ----------------------------------------------------------------------------------------------------------

MERGED = without(BEFORE, "Person 3", PAIR) | {"Ada": ADA | EVE}


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param(lambda tree: (tree / PAIR).rename(tree / "Ada" / "x"), id="moved into the one's folder"),
        pytest.param(lambda tree: (tree / PAIR).rename(tree / "Person 3" / "x"), id="moved into the other's folder"),
        pytest.param(lambda tree: (tree / PAIR).rename(tree / "_review" / "Ada + Person 3"), id="the ? is taken away"),
        pytest.param(lambda tree: merge_by_file_manager(tree / PAIR, tree / "Ada"), id="its links moved to the one"),
    ],
)
def test_two_who_may_be_one_are(archive: Archive, tree: Path, accept: Callable[[Path], None]) -> None:
    """The photos of both in one folder, with the name; taken back, the question is asked again."""
    accept(tree)
    look(archive)
    assert shown(archive) == MERGED
    assert look(archive).actions == ()
    for link in (0.8, 0.66, 0.7):
        regroup(archive, link=link)
        assert look(archive).gestures == ()
        assert shown(archive)["Ada"] == ADA | EVE
    undo(archive.store)
    regroup(archive)
    look(archive)
    # whose folder has the name by now keeps it until it is renamed itself
    assert {folder.replace(" (2)", ""): names for folder, names in shown(archive).items()} == BEFORE


def merge_by_file_manager(folder: Path, into: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_symlink():
            entry.rename(into / entry.name)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "refuse",
    [
        pytest.param(lambda tree: shutil.rmtree(tree / PAIR), id="deleted"),
        pytest.param(
            lambda tree: [link.unlink() for link in (tree / PAIR).iterdir() if link.is_symlink()], id="emptied"
        ),
        pytest.param(lambda tree: (tree / PAIR).rename(tree / "_ignored" / "x"), id="ignored"),
    ],
)
def test_two_who_may_be_one_are_two(archive: Archive, tree: Path, refuse: Callable[[Path], None]) -> None:
    """... for good: not asked again, and not joined where the settings would join them. Taken back, asked again."""
    refuse(tree)
    assert settles(archive) == without(BEFORE, PAIR)
    regroup(archive, link=0.5)
    look(archive)
    after = shown(archive)
    assert after["Ada"] >= ADA
    assert after["Person 3"] >= EVE
    regroup(archive)
    undone(archive)
    regroup(archive)
    look(archive)
    assert shown(archive) == BEFORE


def test_who_were_two_are_one_after_all(archive: Archive, tree: Path) -> None:
    """The later word counts, for what was shown of them too."""
    shutil.rmtree(tree / PAIR)
    look(archive)
    (tree / "Person 3").rename(tree / "Ada" / "Person 3")
    look(archive)
    assert shown(archive) == without(BEFORE, PAIR, "Person 3") | {"Ada": ADA | EVE}
    assert undone(archive) == without(BEFORE, PAIR)


def test_an_example_says_nothing(archive: Archive, tree: Path) -> None:
    """One of several that is deleted comes back."""
    (tree / PAIR / "Ada a0.jpg").unlink()
    assert settles(archive) == BEFORE


def test_an_example_moved_away_is_a_correction(archive: Archive, tree: Path) -> None:
    """As any other link: this one is Bob; what the two are is still the question."""
    (tree / PAIR / "Person 3 e0.jpg").rename(tree / "Bob" / "e0.jpg")
    after = settles(archive)
    assert after["Bob"] == BOB | {"e0.jpg"}
    assert after["Person 3"] == EVE - {"e0.jpg"}
    assert after["_review/Ada + Person 3?"] == EXAMPLES - {"Person 3 e0.jpg"} | {"Person 3 e3.jpg"}
    assert undone(archive) == BEFORE


def test_a_suggestion_moved_elsewhere_comes_back(archive: Archive, tree: Path) -> None:
    """To the top of the tree, or to somebody whom it is not about."""
    (tree / PAIR).rename(tree / "x")
    assert settles(archive) == BEFORE
    (tree / PAIR).rename(tree / "Bob" / "x")
    assert settles(archive) == BEFORE


def test_two_with_names_are_two(archive: Archive, tree: Path) -> None:
    """Who names both does not want to be asked."""
    (tree / "Person 3").rename(tree / "Eve")
    assert settles(archive) == without(BEFORE, "Person 3", PAIR) | {"Eve": EVE}


@pytest.mark.parametrize(("joint", "asked"), [(1, True), (2, False)])
def test_who_is_in_photos_together_is_two(archive: Archive, tree: Path, joint: int, asked: bool) -> None:
    """One joint photo may be a mirror; two are not asked about."""
    for number in range(joint):
        archive.add(b"joint%d.jpg" % number, [(1, unit(0)), (3, unit(0, _ALMOST, 7))])
    regroup(archive)
    look(archive)
    assert (PAIR in shown(archive)) == asked


# --- _together -------------------------------------------------------------------------------------------------------


@pytest.fixture
def joined(archive: Archive, tree: Path) -> Archive:
    """Ada and Bob in two photos, and folders for two or more."""
    for number in range(2):
        archive.add(b"t%d.jpg" % number, [(1, unit(0)), (2, unit(1))])
    together = replace(archive, tree=replace(archive.tree, together=2))
    regroup(archive)
    look(together)
    return together


TOGETHER = BEFORE | {
    "Ada": ADA | {"t0.jpg", "t1.jpg"},
    "Bob": BOB | {"t0.jpg", "t1.jpg"},
    "_together/Ada + Bob": {"t0.jpg", "t1.jpg"},
}


def test_photos_of_two_people(joined: Archive) -> None:
    """For those with names; off again, the folder goes."""
    assert settles(joined) == TOGETHER
    off = replace(joined, tree=replace(joined.tree, together=0))
    assert settles(off) == without(TOGETHER, "_together/Ada + Bob")
    assert not (Path(os.fsdecode(joined.tree.path)) / "_together").exists()
    few = replace(joined, tree=replace(joined.tree, together=3))
    assert settles(few) == without(TOGETHER, "_together/Ada + Bob")


def test_together_only_shows(joined: Archive) -> None:
    """Whatever is deleted, renamed, moved around or put there says nothing and is as it was."""
    tree = Path(os.fsdecode(joined.tree.path))
    both = tree / "_together" / "Ada + Bob"
    (both / "t0.jpg").unlink()
    assert settles(joined) == TOGETHER
    shutil.rmtree(tree / "_together")
    assert settles(joined) == TOGETHER
    both.rename(tree / "_together" / "Parents")
    assert settles(joined) == TOGETHER
    both.rename(tree / "Parents")
    assert settles(joined) == TOGETHER
    (tree / "Ada" / "a0.jpg").rename(both / "a0.jpg")
    assert settles(joined) == TOGETHER
    assert joined.store.journal.entries(1) == []


def test_a_link_moved_out_of_together_is_a_copy(joined: Archive) -> None:
    """Somebody else is in the photo, too."""
    joined.add(b"t2.jpg", [(1, unit(0)), (2, unit(1)), (None, unit(9))])
    look(joined)
    tree = Path(os.fsdecode(joined.tree.path))
    (tree / "_together" / "Ada + Bob" / "t2.jpg").rename(tree / "Person 3" / "t2.jpg")
    after = settles(joined)
    assert all("t2.jpg" in after[name] for name in ("Ada", "Bob", "Person 3", "_together/Ada + Bob"))
