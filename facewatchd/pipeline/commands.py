"""
The user's words by command, as they come from the command line or over the daemon's socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewatchd.domain import Person, PersonId
from facewatchd.pipeline.correct import confirm_face, hide, merge, person_of, reject_face, rename, split
from facewatchd.pipeline.materialize import Scope
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
        arguments: JSON: `person`, `name`, `into`, `face`, `faces`, as the command has them.
        allow_same_photo: Whether two faces of a photo may be one person.

    Returns:
        What came of it: `people`, those concerned, as `id`, `title` and `faces`; and whose folders change.

    Raises:
        FacewatchError: It could not be done.
        KeyError, TypeError, ValueError: The arguments are not what the command needs.
    """
    match name:
        case "rename":
            scope = rename(store, int(arguments["person"]), str(arguments["name"]))
            concerned = [int(arguments["person"])]
        case "merge":
            scope = merge(store, int(arguments["person"]), int(arguments["into"]), allow_same_photo=allow_same_photo)
            concerned = [int(arguments["into"])]
        case "split":
            concerned, scope = split(store, int(arguments["person"]), [int(face) for face in arguments["faces"]])
        case "hide" | "unhide":
            scope = hide(store, int(arguments["person"]), hidden=name == "hide")
            concerned = [int(arguments["person"])]
        case "confirm" | "reject":
            whose = arguments.get("person")
            face, who = int(arguments["face"]), None if whose is None else int(whose)
            if name == "confirm":
                person, scope = confirm_face(store, face, who, allow_same_photo=allow_same_photo)
            else:
                person, scope = reject_face(store, face, who)
            concerned = [person.person_id]
        case _:
            raise ValueError(f"there is no command {name!r}")
    return {"people": [_entry(store, person_of(store, person_id)) for person_id in concerned]}, scope


def _entry(store: Store, person: Person) -> dict[str, PersonId | str | int]:
    faces = len(store.faces.of_person(person.person_id))
    return {"id": person.person_id, "title": person.title, "faces": faces}
