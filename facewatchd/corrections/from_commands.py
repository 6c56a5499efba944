"""
Commands that the user typed -> corrections, as they come from the command line or over the daemon's socket.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from facewatchd.core.tree.scope import Scope
from facewatchd.corrections.apply import apply, face_of, person_of
from facewatchd.corrections.find_person import person_meant
from facewatchd.corrections.names import RefusedError
from facewatchd.corrections.records import ChosenFace, Confirm, Correction, Hide, Merge, Reject, Rename, Show, Split
from facewatchd.domain import Face, FaceId, Person, PersonId
from facewatchd.store import Store

COMMANDS = frozenset({"rename", "merge", "split", "hide", "unhide", "confirm", "reject"})
"""The commands that are corrections."""


def confirm_face(
    store: Store, face_id: FaceId, person_id: PersonId | None = None, *, allow_same_photo: bool = False
) -> Confirm:
    """
    A face is a person's.

    Args:
        store: The state.
        face_id: The face.
        person_id: The person; None for the one that the face is assigned to.
        allow_same_photo: See `Confirm`.

    Raises:
        RefusedError: There is no such face, or it is not assigned to a person.
    """
    face = face_of(store, face_id)
    owner = _owner(face) if person_id is None else person_id
    return Confirm((ChosenFace(face_id, face.person_id),), owner, allow_same_photo=allow_same_photo)


def reject_face(store: Store, face_id: FaceId, person_id: PersonId | None = None) -> Reject:
    """
    A face is not a person's; the arguments are as in `confirm_face`.

    Raises:
        RefusedError: There is no such face, or it is not assigned to a person.
    """
    face = face_of(store, face_id)
    return Reject((face_id,), _owner(face) if person_id is None else person_id)


def _owner(face: Face) -> PersonId:
    if face.person_id is None:
        raise RefusedError(
            f"Face {face.face_id} is not assigned to a person", "Name the person after the face: a name or an id."
        )
    return face.person_id


def correction_of(
    store: Store, name: str, arguments: Mapping[str, Any], *, allow_same_photo: bool = False
) -> tuple[Correction, Person | None]:
    """
    One of `COMMANDS` as a correction.

    Args:
        store: The state; only read.
        name: The command.
        arguments: JSON: `person`, `name`, `into`, `face`, `faces`, as the command has them. People are named as `person_meant`
            says.
        allow_same_photo: Whether two faces of a photo may be one person.

    Returns:
        The correction, and the person whom the command names, if any.

    Raises:
        FacewatchError: Nobody is called so, or a face is not there.
        KeyError, TypeError, ValueError: The arguments are not what the command needs.
    """
    typed = arguments.get("person")
    # of two people with one name, one of them hidden, only one can be hidden, or shown again
    hidden = {"hide": False, "unhide": True}.get(name)
    person = None if typed is None else person_meant(store, str(typed), hidden=hidden)
    person_id = person.person_id if person is not None else None
    match name:
        case "confirm":
            return confirm_face(store, int(arguments["face"]), person_id, allow_same_photo=allow_same_photo), person
        case "reject":
            return reject_face(store, int(arguments["face"]), person_id), person
        case _ if person_id is None:
            raise ValueError(f"{name} needs a person")
        case "rename":
            return Rename(person_id, str(arguments["name"])), person
        case "merge":
            into = person_meant(store, str(arguments["into"])).person_id
            return Merge(person_id, into, allow_same_photo=allow_same_photo), person
        case "split":
            return Split(person_id, tuple(int(face) for face in arguments["faces"])), person
        case "hide":
            return Hide(person_id), person
        case "unhide":
            return Show(person_id), person
        case _:
            raise ValueError(f"there is no command {name!r}")


def carry_out(
    store: Store, name: str, arguments: Mapping[str, Any], *, allow_same_photo: bool = False
) -> tuple[dict[str, Any], Scope]:
    """
    Carry one of `COMMANDS` into the state.

    Args:
        store: The state; written to.
        name: See `correction_of`.
        arguments: See there.
        allow_same_photo: See there.

    Returns:
        What came of it: `people`, those concerned, as `id`, `title` and `faces`; `was`, how the person whom the command
        names was called before, None where it names nobody; and what has to be looked after in the people tree.

    Raises:
        FacewatchError: It could not be done.
        KeyError, TypeError, ValueError: The arguments are not what the command needs.
    """
    correction, person = correction_of(store, name, arguments, allow_same_photo=allow_same_photo)
    applied = apply(store, correction)
    people = [_entry(store, person_of(store, one)) for one in applied.people]
    return {"people": people, "was": person.title if person is not None else None}, applied.scope


def folders_of(store: Store, result: Mapping[str, Any]) -> list[str]:
    """
    What the folders of the people whom a command was about are called, once the people tree is up to date.

    Args:
        store: The state.
        result: See `carry_out`; of another command, without people.

    Returns:
        A name each; empty where there is no folder.
    """
    names = store.manifest.names() if result.get("people") else {}
    return [os.fsdecode(os.path.basename(names.get(person["id"], b""))) for person in result.get("people", ())]


def _entry(store: Store, person: Person) -> dict[str, PersonId | str | int]:
    faces = len(store.faces.of_person(person.person_id))
    return {"id": person.person_id, "title": person.title, "faces": faces}
