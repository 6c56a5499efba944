"""
The user's own words, about people and about photos that failed, checked and stored.
"""

from __future__ import annotations

import time
import unicodedata

from facewatchd.domain import Person, PersonId
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.materialize import Scope
from facewatchd.store import Store


def person_of(store: Store, person_id: PersonId) -> Person:
    """
    The person with an id, or whom they were merged into.

    Raises:
        FacewatchError: There is none.
    """
    person = store.people.get(person_id)
    if person is None:
        raise FacewatchError(f"There is no person {person_id}", "'facewatchd people list' shows who there is.")
    return person


def retry(store: Store) -> int:
    """
    Photos that could not be taken in are to be tried again, whatever was wrong with them.

    Returns:
        How many.
    """
    with store.transaction():
        return store.photos.retry(None)


def rename(store: Store, person_id: PersonId, name: str) -> Scope:
    """
    Give a person a name.

    Returns:
        Whose folders change.

    Raises:
        FacewatchError: There is no such person, the name is empty, or somebody else has it.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name or not name.isprintable():
        raise FacewatchError("This is no name", "Give at least one letter and no control characters.")
    person = person_of(store, person_id)
    for other in store.people.named():
        if other.name.casefold() == name.casefold() and other.person_id != person.person_id:
            raise FacewatchError(
                f"Person {other.person_id} is called {other.name} already",
                f"If they are the same, run 'facewatchd people merge {person.person_id} {other.person_id}'.",
            )
    with store.transaction():
        store.journal.remember(time.time(), f"{person.title} is {name}", (), (person.person_id,))
        store.people.rename(person.person_id, name)
    return {person.person_id}


def merge(store: Store, person_id: PersonId, into: PersonId) -> Scope:
    """
    Two people are one: all faces of the first are the second's, for good.

    Returns:
        Whose folders change.

    Raises:
        FacewatchError: There is no such person, or they are one already.
    """
    person, other = person_of(store, person_id), person_of(store, into)
    if person.person_id == other.person_id:
        raise FacewatchError(
            f"{person.title} cannot be merged with themselves",
            f"Person {person_id} and person {into} are one already.",
        )
    with store.transaction():
        one, two = person.person_id, other.person_id
        faces = store.people.faces_concerned(one) | store.people.faces_concerned(two)
        store.journal.remember(time.time(), f"{person.title} is {other.title}", faces, (one, two))
        store.people.merge(one, two)
    return {person.person_id, other.person_id, None}


def undo(store: Store) -> tuple[str, Scope]:
    """
    Take back the user's last word that was not taken back yet.

    Returns:
        What it was, and whose folders change.

    Raises:
        FacewatchError: There is none.
    """
    entry = store.journal.last()
    if entry is None:
        raise FacewatchError("There is nothing to undo", "'facewatchd undo --list' shows what was done and undone.")
    with store.transaction():
        people = store.journal.take_back(entry.entry_id)
    return entry.title, {*people, None}
