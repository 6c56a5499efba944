"""
What the user says of people and faces, and takes back.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from typing import ClassVar

from facewatchd.corrections.apply import apply, person_of
from facewatchd.corrections.find_person import person_meant
from facewatchd.corrections.from_commands import confirm_face, reject_face
from facewatchd.corrections.records import Correction, Hide, Merge, Rename, Show, Split
from facewatchd.corrections.undo import undo
from facewatchd.domain import Person, PersonId
from facewatchd.operations.base import Nothing, Number, P, Read, Record, Text, Write
from facewatchd.operations.context import Reading, Writing
from facewatchd.store import Store

_MOST_ENTRIES = 50


class PersonParameters(Record):
    """
    Attributes:
        person: A name, an id, `Person 12`, or a folder's name; see `core.tree.find_person.find_person`.
    """

    person: Text


class RenameParameters(PersonParameters):
    """
    Attributes:
        name: What the person is called from now on.
    """

    name: Text


class MergeParameters(PersonParameters):
    """
    Attributes:
        into: Who the person is; keeps name and folder.
    """

    into: Text


class SplitParameters(PersonParameters):
    """
    Attributes:
        faces: Ids of those that are another person; none for the groups that the person came together from.
    """

    faces: tuple[Number, ...] = ()


class FaceParameters(Record):
    """
    Attributes:
        face: Its id.
        person: See `PersonParameters`; None for the person that the face is assigned to.
    """

    face: Number
    person: Text | None = None


class Concerned(Record):
    """A person after a correction: the id, what they are called, and how many faces they have."""

    id: int
    title: str
    faces: int


class Corrected(Record):
    """
    What came of a correction.

    Attributes:
        people: The people it is about; for a split the new ones.
        was: What the person that was named was called before; None where none was named.
        folders: What their folders are called now, one each; empty where there is none.
        actions: How many changes were made to the people tree.
        gestures: How many changes of the user's were found there.
    """

    aside: ClassVar[frozenset[str]] = frozenset({"was", "folders", "actions", "gestures"})

    people: tuple[Concerned, ...]
    was: str | None
    folders: tuple[str, ...]
    actions: int
    gestures: int


Meant = tuple[Correction, Person | None]
"""What the user means, and the person that was named."""


def _operation(name: str, parameters: type[P], meaning: Callable[[Writing, P], Meant]) -> Write[P, Corrected]:
    """What the user did in the tree comes first; `meaning` only reads."""

    def run(writing: Writing, given: P) -> Corrected:
        writing.catch_up()
        correction, named = meaning(writing, given)
        applied = apply(writing.store, correction)
        people = [person_of(writing.store, one) for one in applied.people]
        done = writing.bring_up_to_date(applied.scope)
        folders = writing.store.manifest.names()
        return Corrected(
            people=tuple(_concerned(writing.store, person) for person in people),
            was=named.title if named is not None else None,
            folders=tuple(os.fsdecode(os.path.basename(folders.get(person.person_id, b""))) for person in people),
            actions=len(done.actions),
            gestures=len(done.gestures),
        )

    return Write(name, parameters, Corrected, run)


def _concerned(store: Store, person: Person) -> Concerned:
    return Concerned(id=person.person_id, title=person.title, faces=len(store.faces.of_person(person.person_id)))


def _rename(writing: Writing, given: RenameParameters) -> Meant:
    person = person_meant(writing.store, given.person)
    return Rename(person.person_id, given.name), person


def _merge(writing: Writing, given: MergeParameters) -> Meant:
    person, into = person_meant(writing.store, given.person), person_meant(writing.store, given.into)
    return Merge(person.person_id, into.person_id, allow_same_photo=writing.config.people.allow_same_photo), person


def _split(writing: Writing, given: SplitParameters) -> Meant:
    person = person_meant(writing.store, given.person)
    return Split(person.person_id, given.faces), person


def _hide(writing: Writing, given: PersonParameters) -> Meant:
    # of two people with one name, one of them hidden, only one can be hidden
    person = person_meant(writing.store, given.person, hidden=False)
    return Hide(person.person_id), person


def _unhide(writing: Writing, given: PersonParameters) -> Meant:
    # ... or shown again
    person = person_meant(writing.store, given.person, hidden=True)
    return Show(person.person_id), person


def _confirm(writing: Writing, given: FaceParameters) -> Meant:
    person, person_id = _named(writing.store, given)
    allow = writing.config.people.allow_same_photo
    return confirm_face(writing.store, given.face, person_id, allow_same_photo=allow), person


def _reject(writing: Writing, given: FaceParameters) -> Meant:
    person, person_id = _named(writing.store, given)
    return reject_face(writing.store, given.face, person_id), person


def _named(store: Store, given: FaceParameters) -> tuple[Person | None, PersonId | None]:
    """The person that was named, and the id."""
    person = None if given.person is None else person_meant(store, given.person)
    return person, None if person is None else person.person_id


RENAME = _operation("people.rename", RenameParameters, _rename)
MERGE = _operation("people.merge", MergeParameters, _merge)
SPLIT = _operation("people.split", SplitParameters, _split)
HIDE = _operation("people.hide", PersonParameters, _hide)
UNHIDE = _operation("people.unhide", PersonParameters, _unhide)
CONFIRM = _operation("faces.confirm", FaceParameters, _confirm)
REJECT = _operation("faces.reject", FaceParameters, _reject)


# --- undo


class UndoParameters(Record):
    """
    Attributes:
        entry: Number of a correction; None for the last one that was not taken back.
    """

    entry: Number | None = None


class Undone(Record):
    """
    What was taken back.

    Attributes:
        title: The correction that does not hold any more, or, where it was taken back before, holds again.
        entry: Its number.
        again: The number by which it can be had again; None where it holds again.
        sentence: All of it, for people.
    """

    title: str
    entry: int
    again: int | None
    sentence: str


class JournalEntry(Record):
    """
    A correction.

    Attributes:
        number: What `undo` calls it.
        at: When, in UTC, ISO 8601.
        what: As a sentence.
        taken_back: Whether it does not hold any more.
        takes_back: The number of the one that it takes back; None for none.
    """

    number: int
    at: str
    what: str
    taken_back: bool
    takes_back: int | None


class Journal(Record):
    """The last corrections, the last first."""

    entries: tuple[JournalEntry, ...]


def _undo(writing: Writing, parameters: UndoParameters) -> Undone:
    writing.catch_up()
    undone = undo(writing.store, parameters.entry)
    writing.bring_up_to_date(undone.scope)
    return Undone(title=undone.title, entry=undone.entry_id, again=undone.again, sentence=undone.sentence)


def _list(reading: Reading, _: Nothing) -> Journal:
    return Journal(
        entries=tuple(
            JournalEntry(
                number=entry.entry_id,
                at=dt.datetime.fromtimestamp(entry.at, dt.UTC).isoformat(timespec="seconds"),
                what=entry.title,
                taken_back=entry.undone,
                takes_back=entry.undoes,
            )
            for entry in reading.store.journal.entries(_MOST_ENTRIES)
        )
    )


UNDO = Write("undo", UndoParameters, Undone, _undo)
UNDO_LIST = Read("undo.list", Nothing, Journal, _list)
