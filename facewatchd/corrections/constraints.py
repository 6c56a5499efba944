"""
What corrections of single faces do to the state: a face must be a person's, or cannot be.
"""

from __future__ import annotations

from collections.abc import Collection

from facewatchd.domain import Constraint, ConstraintKind, Face, FaceId, PersonId
from facewatchd.store import Store


def confirm(store: Store, face_id: FaceId, not_of: PersonId | None, person_id: PersonId) -> None:
    """The face is this person's for good, and not that of `not_of`, who it was believed to be."""
    constraints = [Constraint(ConstraintKind.MUST_BE, face_id, person_id)]
    other = not_of if not_of != person_id else None
    if other is not None:
        constraints.append(Constraint(ConstraintKind.CANNOT_BE, face_id, other))
    store.people.say(constraints)
    store.faces.give([face_id], person_id)
    store.faces.ignore([face_id], ignored=False)
    if other is not None:
        store.medoids.remove_faces([face_id])
        ensure_medoid(store, other)
    ensure_medoid(store, person_id)


def reject(store: Store, faces: Collection[FaceId], person_id: PersonId) -> None:
    """These faces are not the person's for good; they are unassigned until another person is found."""
    store.people.refuse(faces, person_id)
    ensure_medoid(store, person_id)


def ensure_medoid(store: Store, person_id: PersonId) -> None:
    """A person with faces has a medoid: else no new face would be found to be theirs before the next grouping."""
    if not store.medoids.of(person_id):
        best = next((face.face_id for face in store.faces.of_person(person_id) if not face.poor), None)
        store.medoids.replace(person_id, [] if best is None else [best])


def giving_way(store: Store, faces: Collection[FaceId], person_id: PersonId) -> list[Face]:
    """
    Two faces of a photo are two people: the faces that are believed to be the person's, or may be, in the photos of these
    faces, which are the person's. A face that the user confirmed does not give way.
    """
    return [
        other
        for other in in_same_photos(store, faces)
        if person_id in {other.person_id, other.review} and not other.confirmed
    ]


def in_same_photos(store: Store, faces: Collection[FaceId]) -> list[Face]:
    """The other faces of the photos that these faces are in."""
    known = (store.faces.get(face_id) for face_id in faces)
    photos = sorted({face.photo_id for face in known if face is not None})
    return [other for photo in photos for other in store.faces.of_photo(photo) if other.face_id not in faces]
