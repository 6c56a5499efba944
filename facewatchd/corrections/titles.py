"""
How the journal calls a correction: in one sentence, by the command or the gesture that it came from.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import dataclass

from facewatchd.core.tree.owners import Owner, Review
from facewatchd.corrections.records import (
    Command,
    Confirm,
    Ignore,
    LinkGesture,
    PictureGesture,
    Reject,
    StopIgnoring,
)
from facewatchd.domain import FaceId, Person, PersonId, PhotoId, Pool
from facewatchd.errors import displayable
from facewatchd.store import Store


@dataclass(frozen=True, slots=True)
class Title:
    """
    Attributes:
        text: The sentence.
        of_several: Its end where it is about several photos, after their number; the same may go on with more of them.
    """

    text: str
    of_several: str = ""


def title_of(store: Store, correction: Confirm | Reject | Ignore | StopIgnoring) -> Title:
    """The title of a correction of faces, with people called as they are now."""
    faces = [face.face_id for face in correction.faces] if isinstance(correction, Confirm) else [*correction.faces]
    one, several = _ends(store, correction)
    match correction.source:
        case LinkGesture(photos):
            return Title(_photos(store, photos) + (one if len(photos) == 1 else several), several)
        case PictureGesture():
            return Title(_faces(store, faces) + one)
        case _:
            called = f"Face {faces[0]}" if len(faces) == 1 else f"{len(faces)} faces"
            return Title(called + one)


def _ends(store: Store, correction: Confirm | Reject | Ignore | StopIgnoring) -> tuple[str, str]:
    """What is said of one photo or face, after its name; what is said of several photos, after their number."""
    source = correction.source
    match correction:
        case Confirm(_, person_id):
            title = _title(store, person_id)
            if isinstance(source, Command):
                return f" is {title}", ""
            owner = source.source if isinstance(source, LinkGesture | PictureGesture) else None
            # a picture says who it is; only a question says who it is not
            of_whom = owner if isinstance(source, LinkGesture) or isinstance(owner, Review) else None
            not_of = _person_of(store, of_whom)
            one = f": it is {title}"
            if not_of is not None and not_of.person_id != _id(store, person_id):
                one += f" and not {not_of.title}"
            if not isinstance(source, LinkGesture):
                return one, ""
            if owner is None:
                return one, f" copied to {title}"
            return one, f" moved from {_owner_title(store, owner)} to {title}" if isinstance(owner, int | Pool) else one
        case Reject(_, person_id):
            title = _title(store, person_id)
            if isinstance(source, Command):
                return f" is not {title}", ""
            one = f": not {title}"
            is_persons = isinstance(source, LinkGesture) and isinstance(source.source, int)
            return one, f" deleted from {title}" if is_persons else one
        case Ignore():
            return ": ignored", ": ignored"
        case StopIgnoring():
            return ": not to be ignored", ": not to be ignored"


def _photos(store: Store, photos: Collection[PhotoId]) -> str:
    """The photo's name; the number of several photos."""
    return f"{len(photos)} photos" if len(photos) != 1 else photo_name(store, next(iter(photos)))


def _faces(store: Store, faces: Collection[FaceId]) -> str:
    """The photo's name; the number of several faces."""
    if len(faces) > 1:
        return f"{len(faces)} faces"
    face = store.faces.get(next(iter(faces)))
    return photo_name(store, face.photo_id) if face is not None else "?"


def photo_name(store: Store, photo_id: PhotoId) -> str:
    """The name of a photo's file."""
    return displayable(posixpath.basename(store.photos.path_of(photo_id) or b"?"))


def _id(store: Store, person_id: PersonId) -> PersonId:
    person = store.people.get(person_id)
    return person.person_id if person is not None else person_id


def _title(store: Store, person_id: PersonId) -> str:
    person = store.people.get(person_id)
    return person.title if person is not None else str(person_id)


def _owner_title(store: Store, owner: PersonId | Pool) -> str:
    return str(owner) if isinstance(owner, Pool) else _title(store, owner)


def _person_of(store: Store, owner: Owner | None) -> Person | None:
    person_id = person_of(owner)
    return store.people.get(person_id) if person_id is not None else None


def person_of(owner: Owner | None) -> PersonId | None:
    """The one person whom a folder is about; None where it is about no person, or several."""
    match owner:
        case Review(person_id):
            return person_id
        case int():
            return owner
        case _:
            return None
