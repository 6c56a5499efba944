"""
Undo of a correction, and of an undo.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from facewatchd.core.tree.scope import Scope
from facewatchd.corrections.constraints import ensure_medoid
from facewatchd.corrections.names import RefusedError, namesake, shown_names
from facewatchd.domain import PersonId
from facewatchd.store import JournalEntry, Store


@dataclass(frozen=True, slots=True)
class Undone:
    """
    What came of an undo.

    Attributes:
        title: The correction that does not hold any more, or, where an undo was undone, holds again.
        entry_id: Its number.
        again: The number by which the undo can be undone; None where the correction holds again, which has its old number.
        scope: What has to be looked after in the people tree.
    """

    title: str
    entry_id: int
    again: int | None
    scope: Scope

    @property
    def sentence(self) -> str:
        if self.again is None:
            return f"It holds again: {self.title}."
        return f"Taken back: {self.title}. To have it again: facewatchd undo {self.again}."


def undo(store: Store, entry_id: int | None = None, now: float | None = None) -> Undone:
    """
    Undo a correction. An undo is undone, too: the correction holds again.

    Args:
        store: The state; written to.
        entry_id: Its number; None for the last one that was not undone yet.
        now: Seconds since 1970; None for the clock's.

    Raises:
        RefusedError: There is none, it was undone before, later corrections depend on it, or somebody else has the name by
            now that a person would have again.
    """
    entry = store.journal.last() if entry_id is None else store.journal.get(entry_id)
    if entry is None and entry_id is not None:
        raise RefusedError(f"Nothing you said has the number {entry_id}", "'facewatchd undo --list' shows them all.")
    if entry is None:
        raise RefusedError("There is nothing to undo", "'facewatchd undo --list' shows what was done and undone.")
    if entry.undone:
        remedy = (
            f"To have it again: facewatchd undo {entry.undone_by}." if entry.undone_by else "It holds again already."
        )
        raise RefusedError(f"{entry.entry_id} ({entry.title}) was taken back before", remedy)
    if depending := store.journal.depending_on(entry.entry_id):
        first, *others = depending
        rest = f", then {', '.join(str(other.entry_id) for other in others)}" if others else ""
        raise RefusedError(
            f"{entry.entry_id} ({entry.title}) cannot be taken back alone",
            f"What you said later rests on it. Take back {first.entry_id} first ({first.title}){rest}: facewatchd undo "
            f"{first.entry_id}",
        )
    before = _names(store)
    with store.transaction():
        people = store.journal.take_back(entry.entry_id, time.time() if now is None else now)
        _require_free(store, entry, before)
        for person_id in sorted(people):
            ensure_medoid(store, person_id)
    original = store.journal.get(entry.undoes) if entry.undoes is not None else store.journal.get(entry.entry_id)
    assert original is not None
    return Undone(original.title, original.entry_id, original.undone_by, {*people, None})


def _names(store: Store) -> dict[PersonId, str]:
    return {person.person_id: person.name for person in store.people.named()}


def _require_free(store: Store, entry: JournalEntry, before: Mapping[PersonId, str]) -> None:
    """
    Raises:
        RefusedError: A person has a name again that somebody else got since. Somebody who is only shown again keeps the
            name, as with `people unhide`.
    """
    for person_id, name in shown_names(store).items():
        if before.get(person_id) == name:
            continue
        other = namesake(store, name, {person_id})
        if other is not None:
            raise RefusedError(
                f"{entry.entry_id} ({entry.title}) cannot be taken back",
                f"Person {person_id} would be called {name} again, and person {other.person_id} is called {other.name} now. "
                f"Give that person another name first: 'facewatchd people rename {other.person_id} NAME'.",
            )
