"""
What the user says of people and faces, and takes back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import ClassVar

from facewatchd.corrections.from_commands import carry_out, folders_of
from facewatchd.corrections.undo import undo
from facewatchd.operations.base import Nothing, Number, Read, Record, Write
from facewatchd.operations.context import Reading, Writing

_MOST_ENTRIES = 50


class PersonParameters(Record):
    """
    Attributes:
        person: A name, an id, `Person 12`, or a folder's name; see `core.tree.find_person.find_person`.
    """

    person: str


class RenameParameters(PersonParameters):
    """
    Attributes:
        name: What the person is called from now on.
    """

    name: str


class MergeParameters(PersonParameters):
    """
    Attributes:
        into: Who the person is; keeps name and folder.
    """

    into: str


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
    person: str | None = None


class Concerned(Record):
    """A person after a correction: the id, what they are called, and how many faces they have."""

    id: int
    title: str
    faces: int


class Corrected(Record):
    """
    What came of a correction.

    Attributes:
        people: Those whom it concerns; for a split the new ones.
        was: What the person that was named was called before; None where nobody was named.
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


def _correction(command: str) -> Callable[[Writing, Record], Corrected]:
    def run(writing: Writing, parameters: Record) -> Corrected:
        writing.catch_up()
        said, scope = carry_out(
            writing.store, command, parameters.model_dump(), allow_same_photo=writing.config.people.allow_same_photo
        )
        done = writing.bring_up_to_date(scope)
        return Corrected(
            people=tuple(Concerned(**one) for one in said["people"]),
            was=said["was"],
            folders=tuple(folders_of(writing.store, said)),
            actions=len(done.actions),
            gestures=len(done.gestures),
        )

    return run


RENAME = Write("people.rename", RenameParameters, Corrected, _correction("rename"))
MERGE = Write("people.merge", MergeParameters, Corrected, _correction("merge"))
SPLIT = Write("people.split", SplitParameters, Corrected, _correction("split"))
HIDE = Write("people.hide", PersonParameters, Corrected, _correction("hide"))
UNHIDE = Write("people.unhide", PersonParameters, Corrected, _correction("unhide"))
CONFIRM = Write("faces.confirm", FaceParameters, Corrected, _correction("confirm"))
REJECT = Write("faces.reject", FaceParameters, Corrected, _correction("reject"))


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
