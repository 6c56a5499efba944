"""
Who is known.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from facewatchd.corrections.find_person import person_meant
from facewatchd.domain import Face, Person
from facewatchd.errors import FacewatchError
from facewatchd.operations.base import Nothing, Read, Record, Text
from facewatchd.operations.context import Reading

# --- list


class PersonEntry(Record):
    """
    A person.

    Attributes:
        id: Never changes.
        name: Empty where the user gave none.
        title: What they are called: the name, or 'Person 12'.
        faces: How many are assigned to them.
        photos: How many they are in.
        confirmed: How many of the faces the user confirmed.
        hidden: Whether the user does not want to see them.
    """

    id: int
    name: str
    title: str
    faces: int
    photos: int
    confirmed: int
    hidden: bool


class People(Record):
    """All people, those with most faces first."""

    people: tuple[PersonEntry, ...]


def _list(reading: Reading, _: Nothing) -> People:
    hidden = reading.store.people.hidden()
    return People(
        people=tuple(
            PersonEntry(
                id=one.person.person_id,
                name=one.person.name,
                title=one.person.title,
                faces=one.faces,
                photos=one.photos,
                confirmed=one.confirmed,
                hidden=one.person.person_id in hidden,
            )
            for one in reading.store.people.summaries()
        )
    )


LIST = Read("people.list", Nothing, People, _list)


# --- show


class ShowParameters(Record):
    """
    Attributes:
        person: A name, an id, `Person 12`, or a folder's name; see `core.tree.find_person.find_person`.
    """

    person: Text


class TogetherParameters(Record):
    """
    Attributes:
        people: One or more; see `ShowParameters`.
    """

    people: tuple[Text, ...]


class PhotoRow(Record):
    """
    A photo of one or more people.

    Attributes:
        day: When it was taken, `2026-11-30`; empty where that is not known.
        source: What the date was found by, a `domain.DateSource`; empty where there is none.
        faces: Of each of the people, the ids of their faces in it.
    """

    day: str
    source: str
    faces: tuple[tuple[int, ...], ...]


class PersonFaces(Record):
    """A person, and the ids of their faces, ascending."""

    id: int
    name: str
    title: str
    faces: int
    face_ids: tuple[int, ...]


class PersonShown(PersonFaces):
    """
    A person, and the photos that they are in.

    Attributes:
        photos: Absolute paths, by date.
        confirmed: How many of the faces the user confirmed.
        rows: More about each photo.
    """

    aside: ClassVar[frozenset[str]] = frozenset({"confirmed", "rows"})

    photos: tuple[str, ...]
    confirmed: int
    rows: tuple[PhotoRow, ...]


class TogetherShown(Record):
    """
    People, with the faces that they have in the photos that all of them are in.

    Attributes:
        people: A person who was named twice is there once.
        photos: Absolute paths, by date.
        confirmed: Of each of the people, how many of these faces the user confirmed.
        rows: More about each photo.
    """

    aside: ClassVar[frozenset[str]] = frozenset({"confirmed", "rows"})

    people: tuple[PersonFaces, ...]
    photos: tuple[str, ...]
    confirmed: tuple[int, ...]
    rows: tuple[PhotoRow, ...]


def _show(reading: Reading, parameters: ShowParameters) -> PersonShown:
    shown = _together(reading, TogetherParameters(people=(parameters.person,)))
    (person,), (confirmed,) = shown.people, shown.confirmed
    return PersonShown(**dict(person), photos=shown.photos, confirmed=confirmed, rows=shown.rows)


def _together(reading: Reading, parameters: TogetherParameters) -> TogetherShown:
    store = reading.store
    people = list(dict.fromkeys(person_meant(store, one) for one in parameters.people))
    if not people:
        raise FacewatchError("There is no person to show", "Name one or more.")
    photos = store.people.photos_of_all([person.person_id for person in people])
    faces_of = [store.faces.of_person(person.person_id) for person in people]
    if len(people) > 1:
        # of several people only what is in the photos of all
        common = {photo.photo_id for photo in photos}
        faces_of = [[face for face in faces if face.photo_id in common] for faces in faces_of]
    in_photo: list[dict[int, list[int]]] = [defaultdict(list) for _ in people]
    for found, faces in zip(in_photo, faces_of, strict=True):
        for face in faces:
            found[face.photo_id].append(face.face_id)
    return TogetherShown(
        people=tuple(_faces(person, faces) for person, faces in zip(people, faces_of, strict=True)),
        photos=tuple(os.fsdecode(photo.path) for photo in photos),
        confirmed=tuple(sum(face.confirmed for face in faces) for faces in faces_of),
        rows=tuple(
            PhotoRow(
                day=f"{photo.date.value:%Y-%m-%d}" if photo.date else "",
                source=str(photo.date.source) if photo.date else "",
                faces=tuple(tuple(found[photo.photo_id]) for found in in_photo),
            )
            for photo in photos
        ),
    )


def _faces(person: Person, faces: Sequence[Face]) -> PersonFaces:
    return PersonFaces(
        id=person.person_id,
        name=person.name,
        title=person.title,
        faces=len(faces),
        face_ids=tuple(sorted(face.face_id for face in faces)),
    )


SHOW = Read("people.show", ShowParameters, PersonShown, _show)
TOGETHER = Read("people.together", TogetherParameters, TogetherShown, _together)
