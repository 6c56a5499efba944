"""
What the user did to the tree is told right: one test a gesture, and what only looks like one.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.tree.gestures import (
    Answered,
    Deleted,
    Displaced,
    Founded,
    FoundFolder,
    Gesture,
    Hidden,
    LeftFolder,
    Merged,
    Moved,
    Parted,
    Reading,
    Renamed,
    Shown,
)
from facewatchd.core.tree.half_moves import HalfKind, HalfMove, OpenHalves, open_halves
from facewatchd.core.tree.owners import Owner, Review, Suggestion, Together
from facewatchd.core.tree.reading import read_gestures
from facewatchd.domain import Pool

A, B = 1, 2


def left(owner: Owner, path: bytes, *photos: int) -> LeftFolder:
    return LeftFolder(owner, path, frozenset(photos))


def found(path: bytes, marker: Owner | None, *photos: int) -> FoundFolder:
    return FoundFolder(path, marker, frozenset(photos))


LEFT = (
    left(A, b"Person 1", 10, 11, 12),
    left(B, b"Person 2", 20, 21),
    left(Pool.UNKNOWN, b"_unknown", 30, 31),
)


def read(*folders: FoundFolder, hidden: frozenset[int] = frozenset()) -> Reading:
    return read_gestures(LEFT, folders, hidden, max_deletions=0.2)


HOME_A = found(b"Person 1", A, 10, 11, 12)
HOME_B = found(b"Person 2", B, 20, 21)
HOME_U = found(b"_unknown", None, 30, 31)


def test_an_untouched_tree_says_nothing() -> None:
    """No change, no gesture."""
    assert read(HOME_A, HOME_B, HOME_U) == Reading(())


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        # rename
        ((found(b"Grandma", A, 10, 11, 12), HOME_B, HOME_U), [Renamed(A, b"Person 1", b"Grandma")]),
        # rename that changes only case
        ((found(b"person 1", A, 10, 11, 12), HOME_B, HOME_U), [Renamed(A, b"Person 1", b"person 1")]),
        # two people change names
        (
            (found(b"Person 2", A, 10, 11, 12), found(b"Person 1", B, 20, 21), HOME_U),
            [Renamed(A, b"Person 1", b"Person 2"), Renamed(B, b"Person 2", b"Person 1")],
        ),
        # rename, and the user's next step at once
        (
            (found(b"Grandma", A, 10, 11, 20), found(b"Person 2", B, 21), HOME_U),
            [Renamed(A, b"Person 1", b"Grandma"), Moved(20, B, A), Deleted(12, A)],
        ),
        # a copy of the whole folder beside it
        ((HOME_A, found(b"Person 1 (copy)", A, 10, 11, 12), HOME_B, HOME_U), []),
        # folder moved into another's
        ((found(b"Person 2/Person 1", A, 10, 11, 12), HOME_B, HOME_U), [Merged(A, B, b"Person 2/Person 1")]),
        # ... which was renamed before, and in which that one is not all
        (
            (found(b"Grandma", B, 20, 21), found(b"Grandma/Person 1", A, 10, 11, 12), HOME_U),
            [Renamed(B, b"Person 2", b"Grandma"), Merged(A, B, b"Grandma/Person 1")],
        ),
        (
            (found(b"_ignored/Person 2", B, 20, 21), found(b"_ignored/Person 2/Person 1", A, 10, 11, 12), HOME_U),
            [Hidden(B, b"_ignored/Person 2"), Merged(A, B, b"_ignored/Person 2/Person 1")],
        ),
        # folders merged by the file manager, which keeps one of two equal names
        ((found(b"Person 2", B, 10, 11, 12, 20, 21), HOME_U), [Merged(A, B)]),
        # folder into _ignored, and out of the tree
        ((found(b"_ignored/Person 1", A, 10, 11, 12), HOME_B, HOME_U), [Hidden(A, b"_ignored/Person 1")]),
        ((HOME_B, HOME_U), [Hidden(A, None)]),
        # link moved to another person
        ((found(b"Person 1", A, 10, 11), found(b"Person 2", B, 12, 20, 21), HOME_U), [Moved(12, A, B)]),
        # link moved out of the unknown pool
        ((HOME_A, found(b"Person 2", B, 20, 21, 30), found(b"_unknown", None, 31)), [Moved(30, Pool.UNKNOWN, B)]),
        # link copied
        ((HOME_A, found(b"Person 2", B, 12, 20, 21), HOME_U), [Moved(12, None, B)]),
        # link deleted, and link moved back to the unknown pool
        ((found(b"Person 1", A, 10, 11), HOME_B, HOME_U), [Deleted(12, A)]),
        ((found(b"Person 1", A, 10, 11), HOME_B, found(b"_unknown", None, 12, 30, 31)), [Deleted(12, A)]),
        # link to _ignored
        (
            (found(b"Person 1", A, 10, 11), HOME_B, HOME_U, found(b"_ignored", None, 12)),
            [Moved(12, A, Pool.IGNORED)],
        ),
        # folder made, links moved and copied into it
        (
            (found(b"Person 1", A, 10, 11), HOME_B, found(b"_unknown", None, 31), found(b"Uncle", None, 12, 21, 30)),
            [Founded(b"Uncle", ((12, A), (21, None), (30, Pool.UNKNOWN)))],
        ),
        # an empty folder, and one of the user's own files only
        ((HOME_A, HOME_B, HOME_U, found(b"Plans", None)), []),
        # the marker was deleted, the folder is where it was
        ((found(b"Person 1", None, 10, 11, 12), HOME_B, HOME_U), []),
    ],
)
def test_each_gesture(folders: tuple[FoundFolder, ...], expected: list[object]) -> None:
    """One row of the table in the module's docstring, or what only looks like one."""
    assert list(read(*folders).gestures) == expected


def test_a_hidden_persons_folder_that_comes_back_is_shown() -> None:
    """Moved out of the tree and back: as if nothing had happened."""
    reading = read_gestures(LEFT[1:], (HOME_A, HOME_B, HOME_U), {A}, max_deletions=0.2)
    assert Shown(A, b"Person 1", is_restored=True) in reading.gestures


def test_mass_deletion_is_doubted() -> None:
    """More than 20 % of the tree and more than 50 links at once: nothing of it is believed, other gestures are."""
    big = (left(A, b"A", *range(300)), left(B, b"B", *range(300, 400)), LEFT[2])
    reading = read_gestures(big, (found(b"C", B, *range(300, 400)), HOME_U), (), max_deletions=0.2)
    assert reading == Reading((Renamed(B, b"B", b"C"),), doubted=300)
    few = (found(b"A", A, *range(50, 300)), found(b"B", B, *range(300, 400)), HOME_U)
    assert len(read_gestures(big, few, (), max_deletions=0.2).gestures) == 50


# --- folders that ask and show ---------------------------------------------------------------------------------------

MAYBE, PAIR, BOTH = Review(A), Suggestion(A, B), Together((A, B))
ASKED = (
    *LEFT,
    left(MAYBE, b"_review/Person 1?", 40, 41),
    left(PAIR, b"_review/Person 1 + Person 2?", 10, 11, 20, 21),
    left(BOTH, b"_together/Person 1 + Person 2", 50, 51),
)
HERE_MAYBE = found(b"_review/Person 1?", MAYBE, 40, 41)
HERE_PAIR = found(b"_review/Person 1 + Person 2?", PAIR, 10, 11, 20, 21)
HERE_BOTH = found(b"_together/Person 1 + Person 2", BOTH, 50, 51)
PLACES = (found(b"_review", None), found(b"_together", None), found(b"_ignored", None))
TREE = (HOME_A, HOME_B, HOME_U, HERE_MAYBE, HERE_PAIR, HERE_BOTH)


def with_folders(*folders: FoundFolder, gone: tuple[FoundFolder, ...] = ()) -> tuple[FoundFolder, ...]:
    """The tree as it was left, but these folders are so, or gone."""
    paths = {folder.path for folder in (*folders, *gone)}
    return (*PLACES, *(folder for folder in TREE if folder.path not in paths), *folders)


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        pytest.param(with_folders(), [], id="nothing"),
        pytest.param(
            with_folders(found(b"_review/Person 1?", MAYBE, 41), found(b"Person 1", A, 10, 11, 12, 40)),
            [Moved(40, MAYBE, A)],
            id="yes",
        ),
        pytest.param(with_folders(found(b"_review/Person 1?", MAYBE, 41)), [Deleted(40, MAYBE)], id="no"),
        pytest.param(
            with_folders(found(b"_review/Person 1?", MAYBE, 41), found(b"_unknown", None, 30, 31, 40)),
            [Deleted(40, MAYBE)],
            id="no, by moving it to the unknown ones",
        ),
        pytest.param(
            with_folders(found(b"_review/Person 1?", MAYBE, 41), found(b"Person 2", B, 20, 21, 40)),
            [Moved(40, MAYBE, B)],
            id="somebody else",
        ),
        pytest.param(
            with_folders(found(b"_review/Person 1?", MAYBE, 41), found(b"_ignored", None, 40)),
            [Moved(40, MAYBE, Pool.IGNORED)],
            id="nobody of interest",
        ),
        pytest.param(
            with_folders(found(b"_review/Person 1?", MAYBE, 41), found(b"Uncle", None, 40)),
            [Founded(b"Uncle", ((40, MAYBE),))],
            id="somebody new",
        ),
        pytest.param(with_folders(gone=(HERE_MAYBE,)), [Answered(A, (40, 41), None)], id="no to all"),
        pytest.param(
            with_folders(found(b"Person 1", A, 10, 11, 12, 40, 41), gone=(HERE_MAYBE,)),
            [Moved(40, MAYBE, A), Moved(41, MAYBE, A)],
            id="yes to all, by the file manager's merging",
        ),
        pytest.param(
            with_folders(found(b"Person 1/Person 1?", MAYBE, 40, 41), gone=(HERE_MAYBE,)),
            [Displaced(MAYBE, b"Person 1/Person 1?"), Answered(A, (40, 41), A)],
            id="yes to all",
        ),
        pytest.param(
            with_folders(found(b"Person 1/2019/Person 1?", MAYBE, 40, 41), gone=(HERE_MAYBE,)),
            [Displaced(MAYBE, b"Person 1/2019/Person 1?"), Answered(A, (40, 41), A)],
            id="yes to all, a folder deeper",
        ),
        pytest.param(
            with_folders(found(b"_review/Person 1", MAYBE, 40, 41), gone=(HERE_MAYBE,)),
            [Displaced(MAYBE, b"_review/Person 1"), Answered(A, (40, 41), A)],
            id="yes to all, by taking the question mark away",
        ),
        pytest.param(
            with_folders(found(b"Person 2/x", MAYBE, 40, 41), gone=(HERE_MAYBE,)),
            [Displaced(MAYBE, b"Person 2/x"), Answered(A, (40, 41), B)],
            id="all are somebody else",
        ),
        pytest.param(
            with_folders(found(b"_ignored/x", MAYBE, 40, 41), gone=(HERE_MAYBE,)),
            [Displaced(MAYBE, b"_ignored/x"), Answered(A, (40, 41), Pool.IGNORED)],
            id="all are nobody of interest",
        ),
        pytest.param(
            with_folders(found(b"Uncle", MAYBE, 40, 41), gone=(HERE_MAYBE,)),
            [Founded(b"Uncle", ((40, MAYBE), (41, MAYBE)))],
            id="all are somebody new",
        ),
        pytest.param(
            with_folders(found(b"_review/later", MAYBE, 40, 41), gone=(HERE_MAYBE,)),
            [Displaced(MAYBE, b"_review/later")],
            id="another name says nothing",
        ),
        pytest.param(with_folders(gone=(HERE_PAIR,)), [Parted(A, B)], id="they are two"),
        pytest.param(
            with_folders(found(b"_review/Person 1 + Person 2?", PAIR)), [Parted(A, B)], id="they are two, link by link"
        ),
        pytest.param(
            with_folders(found(b"_ignored/x", PAIR, 10, 11, 20, 21), gone=(HERE_PAIR,)),
            [Displaced(PAIR, b"_ignored/x"), Parted(A, B)],
            id="they are two, by ignoring it",
        ),
        pytest.param(
            with_folders(found(b"Person 2/x", PAIR, 10, 11, 20, 21), gone=(HERE_PAIR,)),
            [Displaced(PAIR, b"Person 2/x"), Merged(A, B)],
            id="they are one, and in this folder",
        ),
        pytest.param(
            with_folders(found(b"_review/Person 1 + Person 2", PAIR, 10, 11, 20, 21), gone=(HERE_PAIR,)),
            [Displaced(PAIR, b"_review/Person 1 + Person 2"), Merged(B, A)],
            id="they are one, by taking the question mark away",
        ),
        pytest.param(
            with_folders(found(b"Person 1", A, 10, 11, 12, 20, 21), gone=(HERE_PAIR,)),
            [Merged(B, A)],
            id="they are one, by the file manager's merging",
        ),
        pytest.param(
            with_folders(found(b"_review/Person 1 + Person 2?", PAIR, 10, 11, 20)), [], id="an example says nothing"
        ),
        pytest.param(
            with_folders(found(b"x", PAIR, 10, 11, 20, 21), gone=(HERE_PAIR,)),
            [Displaced(PAIR, b"x")],
            id="at the top it says nothing",
        ),
        pytest.param(with_folders(gone=(HERE_BOTH,)), [], id="what only shows says nothing: gone"),
        pytest.param(with_folders(found(b"_together/Person 1 + Person 2", BOTH)), [], id="... emptied"),
        pytest.param(
            with_folders(found(b"x", BOTH, 50, 51), gone=(HERE_BOTH,)), [Displaced(BOTH, b"x")], id="... moved away"
        ),
        pytest.param(
            with_folders(found(b"_together/Person 1 + Person 2", BOTH, 51), found(b"Person 2", B, 20, 21, 50)),
            [Moved(50, None, B)],
            id="a link of it put elsewhere is a copy",
        ),
        pytest.param(
            with_folders(found(b"Person 1", A, 10, 11), found(b"_together/Person 1 + Person 2", BOTH, 12, 50, 51)),
            [],
            id="a link put there says nothing",
        ),
        pytest.param(
            with_folders(found(b"Person 1", A, 10, 11), found(b"_review/Person 1?", MAYBE, 12, 40, 41)),
            [],
            id="... nor among those that are asked about",
        ),
    ],
)
def test_answers(folders: tuple[FoundFolder, ...], expected: list[object]) -> None:
    """What is said by moving, renaming and deleting what only asks or shows."""
    assert list(read_gestures(ASKED, folders, (), max_deletions=0.2).gestures) == expected


def test_many_answers_are_doubted() -> None:
    """A no to all of them counts as many deletions as there are links."""
    many = (*LEFT, left(MAYBE, b"_review/Person 1?", *range(100, 160)))
    assert read_gestures(many, (HOME_A, HOME_B, HOME_U), (), max_deletions=0.2) == Reading((), doubted=60)


FOLDERS = (
    b"_review/Person 1?",
    b"_review/Person 1",
    b"_review/Person 1 + Person 2?",
    b"_together/Person 1 + Person 2",
    b"Person 1/x",
    b"Person 1",
    b"Person 2",
    b"Uncle",
    b"_unknown",
    b"_ignored",
    b"Person 2/Person 1",
    b"_ignored/Person 1",
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(FOLDERS),
            st.sampled_from((None, A, B, MAYBE, PAIR, BOTH)),
            st.sets(st.sampled_from((10, 11, 12, 20, 21, 30, 31, 40, 41, 50, 99))),
        ),
        unique_by=lambda folder: folder[0],
    )
)
def test_any_tree_is_read_without_contradiction(rows: list[tuple[bytes, int | None, set[int]]]) -> None:
    """Whatever the tree looks like: no person has two fates, no link two ends, and the order of folders is nothing."""
    folders = [found(path, marker, *photos) for path, marker, photos in rows]
    reading = read_gestures(ASKED, folders, (), 0.2)
    assert reading == read_gestures(ASKED, tuple(reversed(folders)), (), 0.2)
    fates = [g.person_id for g in reading.gestures if isinstance(g, Renamed | Merged | Hidden)]
    assert len(fates) == len(set(fates))
    ends = [
        *((photo, Review(g.person_id)) for g in reading.gestures if isinstance(g, Answered) for photo in g.photos),
        *((g.photo_id, g.source) for g in reading.gestures if isinstance(g, Deleted | Moved) and g.source is not None),
        *itertools.chain.from_iterable(
            ((photo, source) for photo, source in g.photos if source is not None)
            for g in reading.gestures
            if isinstance(g, Founded)
        ),
    ]
    assert len(ends) == len(set(ends))
    assert all(any(photo in folder.photos for folder in ASKED if folder.owner == source) for photo, source in ends)


# --- moves in two halves ----------------------------------------------------------------------------------------------


def completed(halves: OpenHalves, *folders: FoundFolder) -> tuple[Gesture, ...]:
    return read_gestures(LEFT, folders, frozenset(), max_deletions=0.2, halves=halves).gestures


def test_a_deletion_after_a_copy_is_the_rest_of_a_move() -> None:
    """By whose folder the copy came to; of other photos it is a deletion."""
    halves = OpenHalves(came={12: B})
    gone = found(b"Person 1", A, 10)
    assert completed(halves, gone, found(b"Person 2", B, 20, 21), HOME_U) == (Moved(12, A, B), Deleted(11, A))
    # out of the pool, too; but who takes the copy back takes it back
    assert completed(OpenHalves(came={30: B}), HOME_A, HOME_B, found(b"_unknown", None, 31)) == (
        Moved(30, Pool.UNKNOWN, B),
    )
    assert completed(OpenHalves(came={20: B}), HOME_A, found(b"Person 2", B, 21), HOME_U) == (Deleted(20, B),)


def test_a_copy_after_a_deletion_is_the_rest_of_a_move() -> None:
    """To somebody known, to somebody new, out of sight; what comes to the unknown pool says nothing."""
    halves = OpenHalves(went={40: (A, Pool.UNKNOWN)})
    assert completed(halves, HOME_A, found(b"Person 2", B, 20, 21, 40), HOME_U) == (Moved(40, A, B),)
    assert completed(halves, HOME_A, HOME_B, HOME_U, found(b"New", None, 40)) == (Founded(b"New", ((40, A),)),)
    assert completed(halves, HOME_A, HOME_B, HOME_U, found(b"_ignored", None, 40)) == (Moved(40, A, Pool.IGNORED),)
    assert completed(halves, HOME_A, HOME_B, found(b"_unknown", None, 30, 31, 40)) == ()
    # whose link it was is asked of what is gone now first
    gone = found(b"Person 1", A, 10, 11)
    assert completed(OpenHalves(went={12: (B,)}), gone, HOME_B, HOME_U, found(b"New", None, 12)) == (
        Founded(b"New", ((12, A),)),
    )


def test_deletions_that_complete_moves_are_not_counted() -> None:
    """However many: nothing is lost by them."""
    photos = range(100, 200)
    lefts = [left(A, b"Person 1", *photos)]
    halves = OpenHalves(came=dict.fromkeys(photos, B))
    reading = read_gestures(lefts, [found(b"Person 1", A)], frozenset(), max_deletions=0.2, halves=halves)
    assert reading == Reading(tuple(Moved(photo, A, B) for photo in photos))


def test_a_folder_of_all_that_somebody_has_may_be_half_of_a_renamed_one() -> None:
    """It says nothing before its marker can have come; with some of the links, it is somebody new."""
    new = found(b"New", None, 10, 11, 12)
    assert read(HOME_A, HOME_B, HOME_U, new) == Reading((), 0, (Founded(b"New", ((10, None), (11, None), (12, None))),))
    assert read(HOME_A, HOME_B, HOME_U, found(b"New", None, 10, 11)).half == ()
    # with the marker it is a copy of the folder, and where that one is gone it is the folder
    assert read(HOME_A, HOME_B, HOME_U, found(b"New", A, 10, 11, 12)) == Reading((), copies=((b"New", A),))
    assert read(HOME_B, HOME_U, found(b"New", A, 10, 11, 12)) == Reading((Renamed(A, b"Person 1", b"New"),))


def test_of_two_halves_of_one_photo_the_later_copy_and_every_deletion_counts() -> None:
    """A person's link says more than a pool's."""
    halves = [
        HalfMove(1, HalfKind.CAME, B, 2.0, 1),
        HalfMove(1, HalfKind.CAME, A, 1.0, 2),
        HalfMove(2, HalfKind.WENT, Pool.UNKNOWN, 1.0, 3),
        HalfMove(2, HalfKind.WENT, A, 2.0, 4),
    ]
    assert open_halves(halves) == OpenHalves({1: B}, {2: (A, Pool.UNKNOWN)})
