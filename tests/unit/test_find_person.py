"""Whom the user means by what they typed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facewatchd.core.tree.find_person import Known, find_person, typed_id
from facewatchd.core.tree.folder_names import folder_difference, name_problem, person_name

ZOE, BOB, SMALL_BOB, TWELVE = Known(1, "Zoë"), Known(2, "Bob", "Bob"), Known(3, "bob", "bob (2)"), Known(5, "12", "12")
GONE_BOB, BAND, GRANDMA = Known(4, "Bob", hidden=True), Known(6, "AC/DC", "AC_DC"), Known(7, "Grandma Smith")
NAMELESS = Known(12, "", "Person 12")
ALL = [ZOE, BOB, SMALL_BOB, BAND, GRANDMA, TWELVE, NAMELESS]
BY_ID = {person.person_id: person for person in (*ALL, GONE_BOB)}


def meant(typed: str, people: list[Known] = ALL) -> list[int]:
    number = typed_id(typed)
    numbered = BY_ID.get(number.person_id) if number is not None else None
    return [person.person_id for person in find_person(typed, numbered, people).people]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        # ids in every form; 'Person 7' is whoever has that id, also with a name
        ("7", [7]),
        (" 7 ", [7]),
        ("Person 7", [7]),
        ("person 7", [7]),
        ("id:7", [7]),
        ("ID: 7", [7]),
        # names; case and Unicode form are forgiven
        ("Zoë", [1]),
        ("zoë", [1]),
        (unicodedata.normalize("NFD", "ZOË"), [1]),
        ("grandma smith", [7]),
        # what is written exactly so comes first; otherwise it cannot be told
        ("Bob", [2]),
        ("bob", [3]),
        ("BOB", [2, 3]),
        # what a folder is called, also as a shell completes it
        ("AC/DC", [6]),
        ("AC_DC", [6]),
        ("AC_DC/", [6]),
        ("bob (2)", [3]),
        # a name that is a number, beside the id
        ("12", [5, 12]),
        ("Person 12", [12]),
        ("id:12", [12]),
        ("5", [5]),
        # nobody
        ("Zo", []),
        ("99", []),
        ("id:99", []),
        ("0", []),
        ("99999999999999999999", []),
        ("", []),
        (" ", []),
        ("/", []),
        ("b\udcff", []),
    ],
)
def test_who_is_meant(typed: str, ids: list[int]) -> None:
    """A name, an id, or a folder's name, whichever is unique."""
    assert meant(typed) == ids


def test_two_of_one_name() -> None:
    """Both can be meant: the caller names them, or knows that only one of them is hidden."""
    assert meant("Bob", [BOB, GONE_BOB]) == [2, 4]


@pytest.mark.parametrize(
    ("typed", "similar"),
    [("Granma Smith", ["Grandma Smith"]), ("smith", ["Grandma Smith"]), ("Zoe", ["Zoë"]), ("Bobb", ["Bob", "bob"]), ("xyz", [])],
)  # fmt: skip
def test_who_may_be_meant(typed: str, similar: list[str]) -> None:
    """A slip of a finger, or a part of a name, is answered by whoever is called about so."""
    assert [person.name for person in find_person(typed, None, ALL).similar] == similar


@given(st.text(max_size=30))
@example("AC/")
def test_whoever_has_a_name_can_be_meant_by_it(typed: str) -> None:
    """Whatever the name is, in any of its forms; nobody is meant twice."""
    owner = Known(50, person_name(typed))
    found = find_person(typed, None, [*ALL, owner]).people
    assert len(found) == len(set(found))
    assert owner in found or not owner.name or typed_id(typed) is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "at least one letter"),
        ("a\nb", "no control characters"),
        (".", "letter or digit"),
        ("...", "letter or digit"),
        ("_Ada", "begin with _ are the program's own"),
        ("_unknown", "begin with _"),
        ("/etc", "begin with _"),
        ("../up", "begin with _"),
        ("Person 12", "how person 12 is called without a name"),
        ("person 012", "how person 012 is called without a name"),
    ],
)
def test_names_that_nobody_can_have(name: str, said: str) -> None:
    """The sentence says what is allowed."""
    assert said in name_problem(name, 3)


@pytest.mark.parametrize("name", ["Ada", "AC/DC", "12", "J. Smith Jr.", "Person 3", "Ann _", "🎂", "小林", ".hidden"])
def test_names_that_people_can_have(name: str) -> None:
    """Also some whose folder has to be called otherwise."""
    assert name_problem(name, 3) == ""


@pytest.mark.parametrize(
    ("name", "folder", "why"),
    [
        ("Ada", "Ada", ""),
        ("AC/DC", "AC_DC", "cannot hold a /"),
        ("Ada", "Ada (2)", "something else of that name"),
        ("Jr.", "Jr", "every system"),
    ],
)
def test_why_a_folder_is_called_otherwise(name: str, folder: str, why: str) -> None:
    """It is said where a folder has another name than its person."""
    difference = folder_difference(name, folder)
    assert why in difference
    assert bool(why) == bool(difference)
