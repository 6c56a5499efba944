"""Folders and names for sorted photos."""

from __future__ import annotations

import pytest

from facewatchd.core.tree.sorted_folders import names_problem, placed


def paths(*names: bytes, portable: bool = False, taken: dict[bytes, frozenset[str]] | None = None) -> list[bytes]:
    members = [(name, number) for number, name in enumerate(names)]
    return [one.path for one in placed([members], [], "p{n}", taken or {}, portable=portable)]


def test_folders_are_numbered() -> None:
    found = placed([[(b"a.jpg", 1)], [(b"a.jpg", 2)]], [(b"a.jpg", 3)], "person_{n}", {}, portable=False)
    assert [(one.path, one.what) for one in found] == [
        (b"person_1/a.jpg", 1),
        (b"person_2/a.jpg", 2),
        (b"_unknown/a.jpg", 3),
    ]


def test_names_are_told_apart_without_case() -> None:
    """As on FAT, and also from what is there already."""
    assert paths(b"a.jpg", b"A.JPG", b"a.jpg") == [b"p1/a.jpg", b"p1/A (2).JPG", b"p1/a (3).jpg"]
    assert paths(b"a.jpg", taken={b"p1": frozenset({"a.jpg"}), b"p2": frozenset({"a (2).jpg"})}) == [b"p1/a (2).jpg"]


def test_names_that_fat_does_not_take() -> None:
    names = (b"12:30?.jpg", b"caf\xe9.jpg", "é.jpg".encode())
    assert paths(*names) == [b"p1/" + name for name in names]
    assert paths(*names, portable=True) == [b"p1/12_30_.jpg", b"p1/caf_.jpg", "p1/é.jpg".encode()]


@pytest.mark.parametrize(
    "pattern", ["", "person", "{n}/x", ".{n}", "_{n}", "{n}{n}", "a:{n}", "{n} ", "{n}.", "a\n{n}"]
)
def test_patterns_that_are_refused(pattern: str) -> None:
    assert names_problem(pattern)


@pytest.mark.parametrize("pattern", ["{n}", "person_{n}", "Gesicht {n} (neu)", "{n}é"])
def test_patterns_that_are_not(pattern: str) -> None:
    assert names_problem(pattern) == ""
