"""
What the user says of one face by a command -> corrections.
"""

from __future__ import annotations

from facewatchd.corrections.apply import face_of
from facewatchd.corrections.names import RefusedError
from facewatchd.corrections.records import ChosenFace, Confirm, Reject
from facewatchd.domain import Face, FaceId, PersonId
from facewatchd.store import Store


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
