"""
The user's own words, about people and about photos that failed, checked and stored.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from facewatchd.core.grouping.copies import copies
from facewatchd.core.grouping.recluster import medoids
from facewatchd.core.grouping.split import parts
from facewatchd.core.matching.assign import NEAREST
from facewatchd.core.tree.folder_names import is_same_name, name_problem, person_name
from facewatchd.core.tree.scope import Scope
from facewatchd.domain import Constraint, ConstraintKind, Face, FaceId, Person, PersonId
from facewatchd.errors import FacewatchError, displayable
from facewatchd.pipeline.corrections.confirming import be_known, confirm, refuse
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
        store.quarantine.clear()
        return store.photos.retry(None)


def rename(store: Store, person_id: PersonId, name: str) -> Scope:
    """
    Give a person a name.

    Returns:
        Whose folders change.

    Raises:
        FacewatchError: There is no such person, nobody can have the name, or somebody who is to be seen has it.
    """
    name = person_name(name)
    person = person_of(store, person_id)
    if problem := name_problem(name, person.person_id):
        raise FacewatchError(f"This is no name for a person: '{displayable(name)}'", problem)
    hidden = store.people.hidden()  # their names are free for others
    for other in store.people.named():
        is_other = other.person_id != person.person_id and other.person_id not in hidden
        if is_other and is_same_name(other.name, name):
            raise FacewatchError(
                f"Person {other.person_id} is called {other.name} already",
                f"If they are the same, run 'facewatchd people merge {person.person_id} {other.person_id}'.",
            )
    with store.transaction():
        store.journal.remember(time.time(), f"{person.title} is {name}", (), (person.person_id,))
        store.people.rename(person.person_id, name)
    return {person.person_id}


def merge(store: Store, person_id: PersonId, into: PersonId, *, allow_same_photo: bool = False) -> Scope:
    """
    Two people are one: all faces of the first are the second's, for good; of two in a photo both, where that is allowed.

    Returns:
        Whose folders change.

    Raises:
        FacewatchError: There is no such person, or they are one already.
    """
    person, other = person_of(store, person_id), person_of(store, into)
    if person.person_id == other.person_id:
        raise FacewatchError(
            "There is nothing to merge",
            f"Person {person_id} and person {into} are the same person: {person.title}.",
        )
    with store.transaction():
        one, two = person.person_id, other.person_id
        faces = store.people.faces_concerned(one) | store.people.faces_concerned(two)
        store.journal.remember(time.time(), f"{person.title} is {other.title}", faces, (one, two))
        store.people.merge(one, two, allow_same_photo=allow_same_photo)
    return {person.person_id, other.person_id, None}


def split(store: Store, person_id: PersonId, faces: Collection[FaceId] = ()) -> tuple[list[PersonId], Scope]:
    """
    A person is several: the groups that they came together from become people of their own, all but the largest, which
    stays the person (see `core.grouping.split.parts`); or these faces become one new person. None of them is the other, for good.

    Args:
        store: The state.
        person_id: Who.
        faces: Theirs that are somebody else; none of them for the groups.

    Returns:
        The new people, and whose folders change.

    Raises:
        FacewatchError: There is no such person, a face is not theirs, or nothing would be left or come of it.
    """
    person = person_of(store, person_id)
    own = [face.face_id for face in store.faces.of_person(person.person_id)]
    groups = [sorted(set(faces))] if faces else _groups(store, person.person_id)
    for face in set(faces) - set(own):
        raise FacewatchError(
            f"Face {face} is not {person.title}'s",
            f"'facewatchd people show {person.person_id}' lists the faces that are.",
        )
    moved = [face for group in groups for face in group]
    staying = sorted(set(own) - set(moved))
    if not moved:
        raise FacewatchError(
            f"{person.title} cannot be split",
            "The faces form one group only; name those of the other person by --faces FACE,...",
        )
    if not staying:
        raise FacewatchError(
            f"No face would be left to {person.title}",
            f"Leave at least one; to change the name: 'facewatchd people rename {person.person_id} NAME'.",
        )
    with store.transaction():
        new = [store.people.add(founded=True) for _ in groups]
        title = f"{len(moved)} of the faces of {person.title} are somebody else's"
        store.journal.remember(time.time(), title, own, (person.person_id, *new), made=new)
        for one, group in zip(new, groups, strict=True):
            for face in group:
                confirm(store, face, person.person_id, one)
            # what stays would else follow the others, where a later grouping puts them together again
            store.people.say(Constraint(ConstraintKind.CANNOT_BE, face, one) for face in staying)
            _set_medoids(store, one, group)
        _set_medoids(store, person.person_id, staying)
    return new, {person.person_id, *new, None}


def _groups(store: Store, person_id: PersonId) -> list[list[FaceId]]:
    """The groups of a person's faces but the largest."""
    model = store.model()
    of_person = store.faces.of_person(person_id)
    embeddings = store.faces.embeddings([face.face_id for face in of_person], model.id if model else "")
    faces = sorted((face for face in of_person if face.face_id in embeddings), key=lambda face: face.face_id)
    if not faces:
        return []
    rows = parts([face.cluster_id for face in faces], np.stack([embeddings[face.face_id] for face in faces]))
    return [[faces[row].face_id for row in group.tolist()] for group in rows[1:]]


def _set_medoids(store: Store, person_id: PersonId, faces: Sequence[FaceId]) -> None:
    model = store.model()
    embeddings = store.faces.embeddings(faces, model.id if model else "")
    again = copies(store.faces.pictured(model.id if model else ""))
    embedded = [face for face in faces if face in embeddings and again.get(face) not in embeddings]
    if embedded:
        chosen = medoids(np.stack([embeddings[face] for face in embedded]), NEAREST)
        store.medoids.replace(person_id, [embedded[row] for row in chosen])


def hide(store: Store, person_id: PersonId, *, hidden: bool) -> Scope:
    """
    The user does not want to see a person, or does again.

    Returns:
        Whose folders change.

    Raises:
        FacewatchError: There is no such person, or it is so already.
    """
    person = person_of(store, person_id)
    if (person.person_id in store.people.hidden()) == hidden:
        raise FacewatchError(
            f"{person.title} is {'hidden already' if hidden else 'not hidden'}",
            "'facewatchd people list' shows who is hidden.",
        )
    with store.transaction():
        title = f"{person.title} is {'hidden' if hidden else 'shown again'}"
        store.journal.remember(time.time(), title, (), (person.person_id,))
        store.people.hide(person.person_id, hidden=hidden)
    return {person.person_id, None}


def confirm_face(
    store: Store, face_id: FaceId, person_id: PersonId | None, *, allow_same_photo: bool = False
) -> tuple[Person, Scope]:
    """
    A face is a person's, for good.

    Args:
        store: The state.
        face_id: The face.
        person_id: Whose; None for the person whose it is believed to be.
        allow_same_photo: Whether another face of the photo may be the same person's, though that is not confirmed.

    Returns:
        The person, and whose folders change.

    Raises:
        FacewatchError: There is no such face or person.
    """
    face = _face(store, face_id)
    person = person_of(store, _owner(face) if person_id is None else person_id)
    with store.transaction():
        # two faces of a photo are two people: one that was only believed to be theirs, or that might be, gives way
        others = [
            other.face_id
            for other in store.faces.of_photo(face.photo_id)
            if person.person_id in {other.person_id, other.review} and not other.confirmed and other.face_id != face_id
            if not allow_same_photo
        ]
        concerned = {person.person_id} | ({face.person_id} if face.person_id else set())
        title = f"Face {face_id} is {person.title}"
        store.journal.remember(time.time(), title, [face_id, *others], concerned)
        store.faces.give(others, None)
        store.medoids.remove_faces(others)
        confirm(store, face_id, face.person_id, person.person_id)
    return person, {*concerned, None}


def reject_face(store: Store, face_id: FaceId, person_id: PersonId | None) -> tuple[Person, Scope]:
    """
    A face is not a person's, for good.

    Args:
        store: The state.
        face_id: The face.
        person_id: Whose it is not; None for the person whose it is believed to be.

    Returns:
        The person, and whose folders change.

    Raises:
        FacewatchError: There is no such face or person.
    """
    face = _face(store, face_id)
    person = person_of(store, _owner(face) if person_id is None else person_id)
    with store.transaction():
        title = f"Face {face_id} is not {person.title}"
        store.journal.remember(time.time(), title, [face_id], (person.person_id,))
        refuse(store, [face_id], person.person_id)
    return person, {person.person_id, None}


def _face(store: Store, face_id: FaceId) -> Face:
    face = store.faces.get(face_id)
    if face is None:
        raise FacewatchError(
            f"There is no face {face_id}", "'facewatchd people show PERSON' and 'facewatchd faces export' list faces."
        )
    return face


def _owner(face: Face) -> PersonId:
    if face.person_id is None:
        raise FacewatchError(
            f"Face {face.face_id} is not assigned to a person", "Name the person after the face: a name or an id."
        )
    return face.person_id


@dataclass(frozen=True, slots=True)
class Undone:
    """
    What came of taking a word back.

    Attributes:
        title: The word that does not hold any more, or, where it was taken back before, holds again.
        entry_id: Its number.
        again: The number by which that can be taken back; None where the word holds again, which has its old number.
        scope: Whose folders change.
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


def undo(store: Store, entry_id: int | None = None) -> Undone:
    """
    Take back a word of the user's. One that took back another one is taken back by that other one's holding again.

    Args:
        store: The state.
        entry_id: Its number; None for the last one that was not taken back yet.

    Raises:
        FacewatchError: There is none, it was taken back before, or other words rest on it.
    """
    entry = store.journal.last() if entry_id is None else store.journal.get(entry_id)
    if entry is None and entry_id is not None:
        raise FacewatchError(f"Nothing you said has the number {entry_id}", "'facewatchd undo --list' shows them all.")
    if entry is None:
        raise FacewatchError("There is nothing to undo", "'facewatchd undo --list' shows what was done and undone.")
    if entry.undone:
        remedy = (
            f"To have it again: facewatchd undo {entry.undone_by}." if entry.undone_by else "It holds again already."
        )
        raise FacewatchError(f"{entry.entry_id} ({entry.title}) was taken back before", remedy)
    if resting := store.journal.resting_on(entry.entry_id):
        first, *others = resting
        rest = f", then {', '.join(str(other.entry_id) for other in others)}" if others else ""
        raise FacewatchError(
            f"{entry.entry_id} ({entry.title}) cannot be taken back alone",
            f"What you said later rests on it. Take back {first.entry_id} first ({first.title}){rest}: facewatchd undo "
            f"{first.entry_id}",
        )
    with store.transaction():
        people = store.journal.take_back(entry.entry_id, time.time())
        for person_id in sorted(people):
            be_known(store, person_id)
    original = store.journal.get(entry.undoes) if entry.undoes is not None else store.journal.get(entry.entry_id)
    assert original is not None
    return Undone(original.title, original.entry_id, original.undone_by, {*people, None})
