"""
Whether a name is free for a person.
"""

from __future__ import annotations

from collections.abc import Collection

from facewatchd.core.tree.folder_names import is_same_name, name_problem
from facewatchd.domain import Person, PersonId
from facewatchd.errors import FacewatchError, displayable
from facewatchd.store import Store


class RefusedError(FacewatchError):
    """A correction cannot be carried out; nothing was changed."""


class NameTakenError(RefusedError):
    """Somebody else has the name; `other` is who."""

    def __init__(self, other: Person, remedy: str) -> None:
        super().__init__(f"Person {other.person_id} is called {other.name} already", remedy)
        self.other = other


def shown_names(store: Store) -> dict[PersonId, str]:
    """The names of the people who have one and are shown. The name of somebody hidden is free for others."""
    hidden = store.people.hidden()
    return {person.person_id: person.name for person in store.people.named() if person.person_id not in hidden}


def namesake(store: Store, name: str, but: Collection[PersonId]) -> Person | None:
    """Who has this name already, however it is written, and is shown; none of `but`."""
    for person_id, other in shown_names(store).items():
        if person_id not in but and is_same_name(other, name):
            return Person(person_id, other)
    return None


def require_valid(name: str, person_id: PersonId) -> None:
    """
    Raises:
        RefusedError: Nobody can have this name, or not this person.
    """
    if problem := name_problem(name, person_id):
        raise RefusedError(f"This is no name for a person: '{displayable(name)}'", problem)


def require_free(store: Store, name: str, person_id: PersonId, given_up: Collection[PersonId] = ()) -> None:
    """
    Args:
        store: The state.
        name: The name that the person is to have.
        person_id: The person.
        given_up: People who leave their names to others.

    Raises:
        NameTakenError: Somebody else who is shown has the name.
    """
    other = namesake(store, name, {person_id, *given_up})
    if other is not None:
        raise NameTakenError(
            other, f"If they are the same, run 'facewatchd people merge {person_id} {other.person_id}'."
        )
