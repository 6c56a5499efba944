"""
Which words of the user rest on others, so that a word in the midst of them can be taken back alone or not.

A word is known by what it changed: rows as they were before it and after it, by the names of their tables. A row begins with
what tells it from others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from facewatchd.domain import PersonId

Rows = dict[str, list[list[Any]]]
"""
Table -> rows: "people" (id, name, merged into, hidden), "faces" (id, person, ignored, review of), "constraints" (face, person,
kind), "medoids" (person, face), and "made", the people whom the word brought into being (id).
"""

Item = tuple[str, int, int]
"""A table, a row's id, and a column of that row, or of a constraint its person."""


@dataclass(frozen=True, slots=True)
class Word:
    """
    A word of the user's.

    Attributes:
        undone: Whether it was taken back.
        undoes: The word that this one takes back.
        items: What it changed.
        made: The people whom it brought into being.
        uses: The people to whom it gave faces.
    """

    entry_id: int
    undone: bool
    undoes: int | None
    items: frozenset[Item]
    made: frozenset[PersonId] = frozenset()
    uses: frozenset[PersonId] = frozenset()


def word(entry_id: int, before: Rows, after: Rows | None, *, undone: bool, undoes: int | None) -> Word:
    """A word, by the rows before and after it; where those after it are not known, it changed all of them."""
    made = frozenset(row[0] for row in before.get("made", ()))
    return Word(entry_id, undone, undoes, _items(before, after), made, _uses(before, after))


def _items(before: Rows, after: Rows | None) -> frozenset[Item]:
    items: set[Item] = set()
    for table in ("people", "faces"):
        now = {row[0]: row for row in after[table]} if after is not None else {}
        for row in before[table]:
            other = now.get(row[0])
            items |= {(table, row[0], at) for at in range(1, len(row)) if other is None or other[at] != row[at]}
    was, is_now = _constraints(before), _constraints(after) if after is not None else {}
    items |= {("constraints", *key) for key in was.keys() | is_now.keys() if was.get(key) != is_now.get(key)}
    return frozenset(items)


def _uses(before: Rows, after: Rows | None) -> frozenset[PersonId]:
    if after is None:
        return frozenset()
    was = {row[0]: row[1] for row in before["faces"]}
    return frozenset(row[1] for row in after["faces"] if row[1] is not None and was.get(row[0]) != row[1])


def _constraints(rows: Rows) -> dict[tuple[int, int], str]:
    return {(face, person): kind for face, person, kind in rows["constraints"]}


def resting_on(one: Word, later: Iterable[Word]) -> Sequence[int]:
    """
    The words that rest on one and were not taken back: what that one changed they changed again, or they are about somebody
    who came by it.

    Args:
        one: The word to be taken back.
        later: All words after it.

    Returns:
        Their ids, the last first: the order to take them back in.
    """
    # that a word was taken back counts where that is to be taken back: else both of them come to nothing
    counted = [two for two in later if not two.undone and (two.undoes is None or one.undoes is not None)]
    resting = [two.entry_id for two in counted if one.items & two.items or one.made & two.uses]
    return sorted(resting, reverse=True)
