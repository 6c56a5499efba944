"""
The user's words by command, as they come from the command line or over the daemon's socket.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from facewatchd.core.tree.scope import Scope
from facewatchd.domain import Person, PersonId
from facewatchd.pipeline.corrections.correct import confirm_face, hide, merge, person_of, reject_face, rename, split
from facewatchd.pipeline.corrections.whom import person_meant
from facewatchd.store import Store

COMMANDS = frozenset({"rename", "merge", "split", "hide", "unhide", "confirm", "reject"})
"""What `carry_out` knows."""


def carry_out(
    store: Store, name: str, arguments: Mapping[str, Any], *, allow_same_photo: bool = False
) -> tuple[dict[str, Any], Scope]:
    """
    Carry one of `COMMANDS` into the state.

    Args:
        store: The state.
        name: The command.
        arguments: JSON: `person`, `name`, `into`, `face`, `faces`, as the command has them. People are meant as
            `person_meant` says.
        allow_same_photo: Whether two faces of a photo may be one person.

    Returns:
        What came of it: `people`, those concerned, as `id`, `title` and `faces`; `was`, how the person whom the command
        names was called before, None where it names nobody; and whose folders change.

    Raises:
        FacewatchError: It could not be done.
        KeyError, TypeError, ValueError: The arguments are not what the command needs.
    """
    typed = arguments.get("person")
    # of two who are called alike, one of them hidden, only one can be hidden, or shown again
    hidden = {"hide": False, "unhide": True}.get(name)
    person = None if typed is None else person_meant(store, str(typed), hidden=hidden)
    person_id = person.person_id if person is not None else None
    match name:
        case "confirm":
            owner, scope = confirm_face(store, int(arguments["face"]), person_id, allow_same_photo=allow_same_photo)
            concerned = [owner.person_id]
        case "reject":
            owner, scope = reject_face(store, int(arguments["face"]), person_id)
            concerned = [owner.person_id]
        case _ if person_id is None:
            raise ValueError(f"{name} needs a person")
        case "rename":
            scope = rename(store, person_id, str(arguments["name"]))
            concerned = [person_id]
        case "merge":
            into = person_meant(store, str(arguments["into"])).person_id
            scope = merge(store, person_id, into, allow_same_photo=allow_same_photo)
            concerned = [into]
        case "split":
            concerned, scope = split(store, person_id, [int(face) for face in arguments["faces"]])
        case "hide" | "unhide":
            scope = hide(store, person_id, hidden=name == "hide")
            concerned = [person_id]
        case _:
            raise ValueError(f"there is no command {name!r}")
    people = [_entry(store, person_of(store, one)) for one in concerned]
    return {"people": people, "was": person.title if person is not None else None}, scope


def folders_of(store: Store, said: Mapping[str, Any]) -> list[str]:
    """
    What the folders of those whom a command was about are called, once the people tree is up to date.

    Args:
        store: The state.
        said: See `carry_out`; of another command, of nobody.

    Returns:
        A name each; empty where there is no folder.
    """
    names = store.manifest.names() if said.get("people") else {}
    return [os.fsdecode(os.path.basename(names.get(person["id"], b""))) for person in said.get("people", ())]


def _entry(store: Store, person: Person) -> dict[str, PersonId | str | int]:
    faces = len(store.faces.of_person(person.person_id))
    return {"id": person.person_id, "title": person.title, "faces": faces}
