"""
What is said of single faces, by gestures and by commands alike: whose they are, and whose not.
"""

from __future__ import annotations

from collections.abc import Collection

from facewatchd.core.tree.owners import Owner
from facewatchd.domain import Constraint, ConstraintKind, FaceId, PersonId
from facewatchd.store import Store


def confirm(store: Store, face_id: FaceId, source: Owner | None, person_id: PersonId) -> None:
    """For good, it is this person's face, and not that of `source`, whose it was believed to be."""
    words = [Constraint(ConstraintKind.MUST_BE, face_id, person_id)]
    other = source if isinstance(source, int) and source != person_id else None
    if other is not None:
        words.append(Constraint(ConstraintKind.CANNOT_BE, face_id, other))
    store.people.say(words)
    store.faces.give([face_id], person_id)
    store.faces.ignore([face_id], ignored=False)
    if other is not None:
        store.medoids.remove_faces([face_id])
        be_known(store, other)
    be_known(store, person_id)


def refuse(store: Store, faces: Collection[FaceId], person_id: PersonId) -> None:
    """For good, these are not the person's; they are nobody's until somebody else is found."""
    store.people.refuse(faces, person_id)
    be_known(store, person_id)


def be_known(store: Store, person_id: PersonId) -> None:
    """Whoever has faces has a medoid: else no new face would be found to be theirs before everything is grouped anew."""
    if not store.medoids.of(person_id):
        best = next((face.face_id for face in store.faces.of_person(person_id) if not face.poor), None)
        store.medoids.replace(person_id, [] if best is None else [best])
