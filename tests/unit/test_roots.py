"""Which photos are under another path now, decided from what is known and what is there."""

from __future__ import annotations

import pytest

from facewatchd.core.intake.roots import Carry, KnownRoot, Likeness, common_end, is_inside, plan_carries
from facewatchd.domain import Root

A, B, C = Root(1, b"/a"), Root(2, b"/b"), Root(3, b"/c")
SAME, ALIKE, HARDLY = Likeness(True, 20, 9), Likeness(False, 20, 12), Likeness(False, 20, 9)
REUSED = Likeness(True, 20, 0)


def away(*roots: Root) -> list[KnownRoot]:
    return [KnownRoot(root, is_home=False) for root in roots]


def test_a_folder_with_the_same_photos_is_the_same_folder() -> None:
    """Whether it was renamed (the same folder) or copied (another with the same photos)."""
    for like in (SAME, ALIKE):
        assert plan_carries([b"/new"], away(A), {(1, b"/new"): like}) == [Carry(A, b"", b"/new", b"")]


def test_a_folder_with_other_photos_is_another() -> None:
    """Some equal names are no evidence, and neither is the number of a folder that was deleted."""
    for like in (HARDLY, REUSED, Likeness(False, 0, 0)):
        assert plan_carries([b"/new"], away(A), {(1, b"/new"): like}) == []


def test_each_folder_moves_once_and_the_surest_first() -> None:
    """Of two copies the better one is the folder; the place of one is not given to two."""
    likeness = {(1, b"/x"): ALIKE, (1, b"/y"): SAME, (2, b"/y"): ALIKE, (2, b"/x"): Likeness(False, 4, 2)}
    assert {(c.root, c.to) for c in plan_carries([b"/x", b"/y"], away(A, B), likeness)} == {(A, b"/y"), (B, b"/x")}


def test_disks_that_changed_places_change_places() -> None:
    """Both are configured, and each has the other's photos."""
    carries = plan_carries([b"/a", b"/b"], away(A, B), {(1, b"/b"): ALIKE, (2, b"/a"): ALIKE})
    assert {(c.root, c.to) for c in carries} == {(A, b"/b"), (B, b"/a")}


def test_folders_are_split_joined_widened_and_narrowed() -> None:
    """What is written into the configuration may be a part of what was, or hold it."""
    photos = Root(1, b"/photos")
    assert plan_carries([b"/photos/old"], away(photos), {}) == [Carry(photos, b"old", b"/photos/old", b"")]
    assert plan_carries([b"/photos/a", b"/photos/b/c"], away(photos), {}) == [
        Carry(photos, b"a", b"/photos/a", b""),
        Carry(photos, b"b/c", b"/photos/b/c", b""),
    ]
    inner = (Root(1, b"/photos/a"), Root(2, b"/photos/b"))
    assert plan_carries([b"/photos"], away(*inner), {}) == [
        Carry(inner[0], b"", b"/photos", b"a"),
        Carry(inner[1], b"", b"/photos", b"b"),
    ]
    assert plan_carries([b"/"], away(A), {}) == [Carry(A, b"", b"/", b"a")]


def test_a_folder_that_moved_into_its_own_part_is_a_move() -> None:
    """Its photos are all in there, so that it is not what its part was."""
    carries = plan_carries([b"/a/inner"], away(A), {(1, b"/a/inner"): ALIKE})
    assert carries == [Carry(A, b"", b"/a/inner", b"")]


def test_a_folder_at_home_stays() -> None:
    """Another folder with the same photos is a second copy."""
    home = KnownRoot(A, is_home=True)
    assert plan_carries([b"/a", b"/copy"], [home], {}) == []
    # configured, and another folder is in its place, and nobody has its photos
    assert plan_carries([b"/a"], away(A), {}) == []


@pytest.mark.parametrize(
    ("path", "folder", "inside"),
    [
        (b"/a/b", b"/a", True),
        (b"/ab", b"/a", False),
        (b"/a", b"/a", False),
        (b"/a", b"/", True),
        (b"/", b"/", False),
    ],
)
def test_inside(path: bytes, folder: bytes, inside: bool) -> None:
    assert is_inside(path, folder) is inside


def test_the_more_of_a_path_is_the_same_at_its_end_the_more_it_is_the_same() -> None:
    assert common_end(b"2019/trip/1.jpg", b"old/trip/1.jpg") == 2
    assert common_end(b"1.jpg", b"1.jpg") == 1
    assert common_end(b"x1.jpg", b"1.jpg") == 0
