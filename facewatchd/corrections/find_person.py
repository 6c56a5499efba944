"""
The one place that knows which person the user means by a name, an id, `Person 12` or a folder's name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

from facewatchd.core.tree.find_person import Known, find_person, typed_id
from facewatchd.domain import Person
from facewatchd.errors import FacewatchError, displayable
from facewatchd.store import Store

_LIST = "'facewatchd people list' shows who there is."


def person_meant(store: Store, typed: str, *, hidden: bool | None = None) -> Person:
    """
    The person whom the user means. Somebody who was merged is the person whom they were merged into.

    Args:
        store: The state.
        typed: See `core.tree.find_person.find_person`.
        hidden: Of several of one name, whether only those who are hidden, or who are not, can be meant.

    Raises:
        FacewatchError: It is nobody, or it can be several: the sentence names them with their ids.
    """
    people = _known(store)
    number = typed_id(typed)
    stands = store.people.get(number.person_id) if number is not None else None
    numbered = None
    if stands is not None:
        by_id = {person.person_id: person for person in people}
        numbered = by_id.get(stands.person_id, Known(stands.person_id, stands.name))
    meant = find_person(typed, numbered, people)
    found = [person for person in meant.people if len(meant.people) == 1 or hidden in {None, person.hidden}]
    if len(found) == 1:
        return Person(found[0].person_id, found[0].name)
    shown = displayable(typed.strip())
    if not meant.people:
        title = f"There is no person {number.person_id}" if number is not None else f"Nobody is called '{shown}'"
        hint = f"did you mean {_listed(meant.similar, 'or')}? " if meant.similar else ""
        raise FacewatchError(title, hint + _LIST)
    several = found or meant.people
    ids = " or ".join(f"id:{person.person_id}" for person in several)
    raise FacewatchError(
        f"'{shown}' can mean {len(several)} people",
        f"{_listed(several, 'and')}. Say which: {ids}.",
    )


def _known(store: Store) -> list[Known]:
    """All people who have a name or a folder."""
    hidden = store.people.hidden()
    names = {person.person_id: person.name for person in store.people.named()}
    folders = {
        owner: os.fsdecode(os.path.basename(path))
        for owner, path in store.manifest.names().items()
        if isinstance(owner, int)
    }
    everybody = dict.fromkeys(chain(names, folders))
    return [Known(one, names.get(one, ""), folders.get(one, ""), one in hidden) for one in everybody]


def _listed(people: Sequence[Known], conjunction: str) -> str:
    """The people with their ids, as in 'Bob (id 3) or Bobby (id 7, hidden)'."""
    told = [
        f"{displayable(Person(person.person_id, person.name).title)}"
        f" (id {person.person_id}{', hidden' if person.hidden else ''})"
        for person in people
    ]
    return f"{', '.join(told[:-1])} {conjunction} {told[-1]}" if len(told) > 1 else told[0]
