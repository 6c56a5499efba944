"""
The owners of folders of the people tree, where such folders lie, and how markers and the manifest name them.
"""

from __future__ import annotations

from dataclasses import dataclass

from facewatchd.domain import PersonId, Pool

REVIEW = b"_review"
TOGETHER = b"_together"

# SQLite's ids are below 2**63
_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Review:
    """Photos with a face that may be the person's and is too close to call: `_review/Grandma?`."""

    person_id: PersonId


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two people who may be one: `_review/Grandma + Person 31?`. `one` is who would stay."""

    one: PersonId
    other: PersonId


@dataclass(frozen=True, slots=True)
class Together:
    """Photos with all of these people: `_together/Anna + Bob`. Ids ascend."""

    people: tuple[PersonId, ...]


IGNORED = b"_ignored"
"""Where the folders of hidden people lie."""

Owner = PersonId | Pool | Review | Suggestion | Together
"""The owner of a folder of the people tree."""


def place_of(owner: Owner) -> bytes:
    """The folder that an owner's folder lies in, relative to the tree; empty for its top."""
    match owner:
        case Review() | Suggestion():
            return REVIEW
        case Together():
            return TOGETHER
        case _:
            return b""


def owner_text(owner: Owner) -> str:
    """The owner as a text for markers and the manifest; `owner_of` reads it."""
    match owner:
        case Review(person_id):
            return f"review {person_id}"
        case Suggestion(one, other):
            return f"suggestion {one} {other}"
        case Together(people):
            return " ".join(["together", *map(str, people)])
        case _:
            return str(owner)


def owner_of(text: str) -> Owner | None:
    """The owner that `owner_text` made this of; None where it did not."""
    kind, *numbers = text.split(" ")
    if text in set(Pool):
        return Pool(text)
    if not all(number.isascii() and number.isdigit() and len(number) <= _DIGITS for number in numbers):
        return None
    people = tuple(int(number) for number in numbers)
    match kind, people:
        case "review", (person_id,):
            return Review(person_id)
        case "suggestion", (one, other):
            return Suggestion(one, other)
        case "together", (_, _, *_):
            return Together(people)
        case _:
            return int(kind) if not people and kind.isascii() and kind.isdigit() and len(kind) <= _DIGITS else None
