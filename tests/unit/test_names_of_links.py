"""Which names of links are the user's."""

from __future__ import annotations

import pytest

from facewatchd.core.tree.entries import (
    MARKER,
    Present,
    PresentEntry,
    PresentFolder,
    WantedFolder,
    WantedLink,
    Written,
    WrittenFolder,
)
from facewatchd.core.tree.given_names import GivenName, given_names, names_in, with_given_names
from facewatchd.core.tree.plan import plan

A = 1


def links(*names: bytes) -> list[Written]:
    """Links to the photo 7 of these names."""
    return [Written(name, 7, b"../p") for name in names]


@pytest.mark.parametrize(
    ("written", "found", "expected"),
    [
        # as it was left, with a second one of the user's beside it or not
        (b"p.jpg", [b"p.jpg"], None),
        (b"p.jpg", [b"p.jpg", b"mine.jpg"], None),
        (b"p.jpg", [], None),
        # renamed; of several the first
        (b"p.jpg", [b"mine.jpg"], b"mine.jpg"),
        (b"p.jpg", [b"n.jpg", b"mine.jpg"], b"mine.jpg"),
        # to what looks like a name of ours
        (b"p.jpg", [b"p (2).jpg"], b"p (2).jpg"),
        # an older name of ours to the one that it should have by now, and ours to that of the user's
        (b"old.jpg", [b"p.jpg"], None),
        # moved between years, and renamed there
        (b"2019/p.jpg", [b"p.jpg"], None),
        (b"2019/p.jpg", [b"2020/p.jpg"], None),
        (b"2019/p.jpg", [b"2019/mine.jpg"], b"mine.jpg"),
        # sorted into a folder of the user's own
        (b"p.jpg", [b"Wedding/mine.jpg"], None),
        # where our files are
        (b"p.jpg", [MARKER], None),
        # come from elsewhere: as it was called there, with a number, or by a name
        (None, [b"p.jpg"], None),
        (None, [b"p (3).jpg"], None),
        (None, [b"elsewhere.jpg"], None),
        (None, [b"elsewhere (2).jpg"], None),
        (None, [b"mine.jpg"], b"mine.jpg"),
    ],
)
def test_given_names(written: bytes | None, found: list[bytes], expected: bytes | None) -> None:
    """A link that is not where it was left, under a name that nothing else explains."""
    before = links(written) if written is not None else []
    wanted = [WantedLink(7, b"p.jpg", b"../p")]
    given = given_names(wanted, before, links(*found), {7: {b"elsewhere.jpg"}}, {MARKER})
    assert given == ([GivenName(7, expected)] if expected is not None else [])


def test_links_to_what_is_not_wanted_have_no_names() -> None:
    """A copy that says nothing, a photo that went."""
    assert given_names([], links(b"p.jpg"), links(b"mine.jpg"), {}, ()) == []


def test_names_are_put_into_the_folder_of_the_year() -> None:
    """The others are as they were."""
    wanted = (WantedLink(7, b"2019/p.jpg", b"../../p"), WantedLink(8, b"q.jpg", b"../q"))
    assert with_given_names(wanted, {7: b"mine.jpg"}) == (
        WantedLink(7, b"2019/mine.jpg", b"../../p", is_given=True),
        wanted[1],
    )
    assert with_given_names(wanted, {}) == wanted
    folders = [
        WrittenFolder(A, b"A", (Written(b"2019/p.jpg", 7, b""), Written(MARKER, None, b""))),
        WrittenFolder(2, b"B", (Written(b"x", 7, b""),)),
    ]
    assert names_in(folders) == {7: {b"p.jpg", b"x"}}


def test_who_was_given_a_name_has_it() -> None:
    """Another photo's link that would have it, or had it in other letters, makes room."""
    wanted = WantedFolder(A, "A", (WantedLink(7, b"p.jpg", b"../p"), WantedLink(8, b"P.jpg", b"../q", is_given=True)))
    folder = PresentFolder(A, {b"p.jpg": PresentEntry(b"../p"), b"P.jpg": PresentEntry(b"../q")})
    written = WrittenFolder(A, b"A", tuple(links(b"p.jpg")))
    actions = plan([wanted], [written], Present(frozenset({b"A"}), {b"A": folder}))
    names = {getattr(action, "photo_id", None): getattr(action, "name", None) for action in actions}
    assert names[8] == b"P.jpg"
    assert names[7] == b"p (2).jpg"
