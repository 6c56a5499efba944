"""
Which person is meant by what the user typed: a name, an id, `Person 12`, or what the person's folder is called.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from facewatchd.core.tree.folder_names import fold, person_name
from facewatchd.domain import PersonId

MOST_ID = 2**63 - 1
"""SQLite counts no further."""

_NUMBER = re.compile(r"(?:(id) *: *|(person) +)?([0-9]{1,19})", re.IGNORECASE | re.ASCII)
_MOST_SIMILAR = 3
_LEAST_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class Known:
    """
    Somebody who can be meant.

    Attributes:
        person_id: The id.
        name: The name; empty where the user gave none.
        folder: What the folder in the people tree is called; empty where there is none.
        hidden: Whether the user does not want to see them.
    """

    person_id: PersonId
    name: str = ""
    folder: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Meant:
    """
    Attributes:
        people: Who can be meant: nobody, one, or several where it cannot be told.
        similar: People with names like it, the most alike first; only where no person can be meant.
    """

    people: tuple[Known, ...]
    similar: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class TypedId:
    """An id as it was typed; `only`: as `id:12`, which is never a name."""

    person_id: PersonId
    only: bool


def typed_id(typed: str) -> TypedId | None:
    """The id in `12`, `Person 12` or `id:12`; None where it is none, or one that nobody can have."""
    found = _NUMBER.fullmatch(typed.strip())
    if found is None or not 1 <= int(found[3]) <= MOST_ID:
        return None
    return TypedId(int(found[3]), bool(found[1]))


def find_person(typed: str, numbered: Known | None, people: Sequence[Known]) -> Meant:
    """
    The person who is meant. What is written exactly so counts before what differs in case or Unicode form only, and names before
    what folders are called.

    Args:
        typed: What the user typed; of a folder's name with the slash that shells put behind it, or without.
        numbered: The person whom the id in it (`typed_id`) stands for, if any.
        people: All who have a name or a folder.
    """
    number = typed_id(typed)
    if number is not None and number.only:
        return Meant((numbered,) if numbered is not None else ())
    name = person_name(typed)
    if not name:
        return Meant(())
    folded, folder = _folded(name), _folded(name.rstrip("/"))
    exact = [person for person in people if person.name and unicodedata.normalize("NFC", person.name) == name]
    if numbered is not None:
        exact.append(numbered)
    for found in (
        exact,
        [person for person in people if person.name and _folded(person.name) == folded],
        [person for person in people if person.folder and _folded(person.folder) == folder],
    ):
        if found:
            return Meant(tuple({person.person_id: person for person in found}.values()))
    return Meant((), _similar(_unaccented(folded), people))


def _similar(plain: str, people: Sequence[Known]) -> tuple[Known, ...]:
    """Those with a name that has this in it, or that is written much alike."""
    by_name: dict[str, list[Known]] = {}
    for person in people:
        if person.name:
            by_name.setdefault(_unaccented(_folded(person.name)), []).append(person)
    close = difflib.get_close_matches(plain, by_name, _MOST_SIMILAR, _LEAST_LIKENESS)
    parts = sorted(name for name in by_name if len(plain) > 1 and plain in name)
    found = [person for name in dict.fromkeys((*close, *parts)) for person in by_name[name]]
    return tuple(found[:_MOST_SIMILAR])


def _folded(name: str) -> str:
    return fold(name.encode("utf-8", "surrogateescape"))


def _unaccented(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
