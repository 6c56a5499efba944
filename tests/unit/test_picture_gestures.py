"""What is said by pictures of faces, and how they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.tree.entries import WantedPicture, Written
from facewatchd.core.tree.face_pictures import name_pictures, picture_version, pictured, pictures_in
from facewatchd.core.tree.folder_names import fold
from facewatchd.core.tree.gestures import Deleted, FoundFolder, LeftFolder, Moved, Pointed
from facewatchd.core.tree.owners import Owner, Review, Suggestion
from facewatchd.core.tree.reading import read_gestures
from facewatchd.domain import Pool

ANNA, BOB = 1, 2
ASKED = Review(ANNA)
PLACES: dict[Owner, bytes] = {
    ANNA: b"Anna",
    BOB: b"Bob",
    ASKED: b"_review/Anna?",
    Review(BOB): b"_review/Bob?",
    Suggestion(ANNA, BOB): b"_review/Anna + Bob?",
    Pool.UNKNOWN: b"_unknown",
    Pool.IGNORED: b"_ignored",
}
# faces 70 and 71 are of photo 7, face 80 of photo 8
PHOTOS = {70: 7, 71: 7, 80: 8}
Contents = Mapping[Owner, tuple[Iterable[int], Iterable[int]]]


def said(left: Contents, now: Contents) -> list[object]:
    """What was done, told by the photos and the faces in each folder, before and after."""
    before = [
        LeftFolder(
            owner, path, frozenset(left.get(owner, ((), ()))[0]), {f: PHOTOS[f] for f in left.get(owner, ((), ()))[1]}
        )
        for owner, path in PLACES.items()
    ]
    after = [
        FoundFolder(path, owner, frozenset(links), frozenset(), {f: PHOTOS[f] for f in faces})
        for owner, path in PLACES.items()
        for links, faces in [now.get(owner, ((), ()))]
    ]
    return [*read_gestures(before, after, (), 1.0).gestures]


ASKING: Contents = {ASKED: ((7, 8), (70, 71, 80))}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # nothing
        (ASKING, []),
        # a link alone is as it was without pictures
        ({ASKED: ((7,), (70, 71, 80)), ANNA: ((8,), ())}, [Moved(8, ASKED, ANNA)]),
        ({ASKED: ((7,), (70, 71, 80))}, [Deleted(8, ASKED)]),
        # a picture alone, and with its link: one word
        ({ASKED: ((7, 8), (70, 71)), ANNA: ((), (80,))}, [Pointed(((8, 80),), ASKED, ANNA)]),
        ({ASKED: ((7,), (70, 71)), ANNA: ((8,), (80,))}, [Pointed(((8, 80),), ASKED, ANNA)]),
        ({ASKED: ((7,), (70, 71))}, [Deleted(8, ASKED)]),
        ({ASKED: ((7, 8), (70, 71))}, [Pointed(((8, 80),), ASKED, None)]),
        # one of two faces
        ({ASKED: ((7, 8), (70, 80)), BOB: ((), (71,))}, [Pointed(((7, 71),), ASKED, BOB)]),
        ({ASKED: ((8,), (70, 80)), BOB: ((7,), (71,))}, [Pointed(((7, 71),), ASKED, BOB)]),
        ({ASKED: ((8,), (70, 80))}, [Pointed(((7, 71),), ASKED, None)]),
        # both, with the link: as the link alone
        ({ASKED: ((8,), (80,)), BOB: ((7,), (70, 71))}, [Moved(7, ASKED, BOB)]),
        ({ASKED: ((8,), (80,))}, [Deleted(7, ASKED)]),
        # the two halves went different ways: a move says more than a deletion
        ({ASKED: ((7,), (70, 71)), ANNA: ((), (80,))}, [Pointed(((8, 80),), ASKED, ANNA)]),
        ({ASKED: ((7,), (70, 71)), ANNA: ((8,), ())}, [Moved(8, ASKED, ANNA)]),
        # many alike are one word
        ({ASKED: ((7, 8), ()), ANNA: ((), (70, 80)), BOB: ((), (71,))}, [Pointed(((7, 70), (8, 80)), ASKED, ANNA), Pointed(((7, 71),), ASKED, BOB)]),
        # pools
        ({ASKED: ((7, 8), (70, 71)), Pool.UNKNOWN: ((), (80,))}, [Pointed(((8, 80),), ASKED, None)]),
        ({ASKED: ((7, 8), (70, 71)), Pool.IGNORED: ((), (80,))}, [Pointed(((8, 80),), ASKED, Pool.IGNORED)]),
        # a copy
        ({ASKED: ((7, 8), (70, 71, 80)), ANNA: ((), (80,))}, [Pointed(((8, 80),), None, ANNA)]),
        ({ASKED: ((7, 8), (70, 71, 80)), ANNA: ((8,), (80,))}, [Pointed(((8, 80),), None, ANNA)]),
        # into a folder that only asks
        ({ASKED: ((7, 8), (70, 71)), Review(BOB): ((), (80,))}, []),
        ({ASKED: ((7, 8), (70, 71, 80)), Pool.IGNORED: ((), (80,))}, []),
    ],
)  # fmt: skip
def test_a_picture_and_its_link_are_one_word(now: Contents, expected: list[object]) -> None:
    """Whichever of them went, and where."""
    assert said(ASKING, now) == expected


def test_a_cover_that_is_gone_says_nothing() -> None:
    """... and put to somebody, what the shell finds out of whose it is."""
    both = Suggestion(ANNA, BOB)
    assert said({both: ((8,), (80,))}, {both: ((8,), ())}) == []
    assert said({both: ((8,), (80,))}, {both: ((8,), ()), Pool.IGNORED: ((), (80,))}) == []
    assert said({both: ((8,), (80,))}, {both: ((8,), ()), ANNA: ((), (80,))}) == [Pointed(((8, 80),), both, ANNA)]


def test_versions() -> None:
    """A cover's version is a bare number."""
    assert pictured(picture_version(17).encode()) == 17
    assert pictured(b"17") is None
    assert pictured(b"face x") is None


names = st.binary(min_size=1, max_size=240).filter(lambda name: b"/" not in name and b"\0" not in name)


@given(st.dictionaries(st.integers(1, 9), names, max_size=4), st.lists(st.integers(1, 9), max_size=8))
def test_names_are_told_apart_and_stay(links: dict[int, bytes], photos: list[int]) -> None:
    """Every face of a photo with a link has one of its own, that fits the file system; a second time the same."""
    wanted = [WantedPicture(number, photo) for number, photo in enumerate(photos, start=1)]
    named = name_pictures(wanted, links, (), {fold(name) for name in links.values()})
    assert [file.version for file in named] == [picture_version(p.face_id) for p in wanted if p.photo_id in links]
    folded = [fold(file.name) for file in named]
    assert len({*folded, *(fold(name) for name in links.values())}) == len(folded) + len({*map(fold, links.values())})
    assert all(len(file.name) <= 255 for file in named)
    written = [Written(file.name, None, file.version.encode(), b"1 2 3") for file in named]
    assert name_pictures([*reversed(wanted)], links, written, {fold(name) for name in links.values()}) == named[::-1]
    assert pictures_in(written) == {file.name: pictured(file.version.encode()) for file in named}
