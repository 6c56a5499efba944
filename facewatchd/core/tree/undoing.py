"""
Which corrections depend on others, so that one among them can be undone alone or not.

A correction is known by what it changed: rows as they were before it and after it, by the names of their tables. A row begins
with what tells it from others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from facewatchd.domain import PersonId

Rows = dict[str, list[list[Any]]]
"""
Table -> rows: "people" (id, name, merged into, hidden), "faces" (id, person, ignored, review of), "constraints" (face, person,
kind), "medoids" (person, face), and "made", the people whom the correction made (id).
"""

Item = tuple[str, int, int]
"""A table, a row's id, and a column of that row, or of a constraint its person."""


@dataclass(frozen=True, slots=True)
class JournalledChange:
    """
    What a correction changed.

    Attributes:
        undone: Whether it was undone.
        undoes: The entry that this one undoes.
        items: What it changed.
        made: The people whom it made.
        uses: The people to whom it gave faces.
    """

    entry_id: int
    undone: bool
    undoes: int | None
    items: frozenset[Item]
    made: frozenset[PersonId] = frozenset()
    uses: frozenset[PersonId] = frozenset()


def change(entry_id: int, before: Rows, after: Rows | None, *, undone: bool, undoes: int | None) -> JournalledChange:
    """A change, by the rows before and after it; where those after it are not known, it changed all of them."""
    made = frozenset(row[0] for row in before.get("made", ()))
    return JournalledChange(entry_id, undone, undoes, _items(before, after), made, _uses(before, after))


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


def depending_on(one: JournalledChange, later: Iterable[JournalledChange]) -> Sequence[int]:
    """
    The corrections that depend on one and were not undone: they changed again what that one changed, or they are about a person
    whom it made.

    Args:
        one: The change to be undone.
        later: All changes after it.

    Returns:
        Their ids, the last first: the order to undo them in.
    """
    # an undo counts where an undo is to be undone: else both of them come to nothing
    counted = [two for two in later if not two.undone and (two.undoes is None or one.undoes is not None)]
    depending = [two.entry_id for two in counted if one.items & two.items or one.made & two.uses]
    return sorted(depending, reverse=True)
