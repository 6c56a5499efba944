"""
What the user said of faces by their pictures -> the state. No other face of the photo is meant.
"""

from __future__ import annotations

import posixpath

from facewatchd.core.tree.gestures import Pointed
from facewatchd.core.tree.owners import Owner, Review, Suggestion
from facewatchd.domain import Face, PersonId, Pool
from facewatchd.errors import displayable
from facewatchd.pipeline.corrections.confirming import be_known, confirm, refuse
from facewatchd.store import Store


class Pointing:
    """
    One gesture at faces.

    Args:
        store: The state; to be written to in a transaction of the caller's.
        now: Seconds since 1970.
        gesture: What the user did.
        allow_same_photo: Whether two faces of a photo may be one person.
    """

    def __init__(self, store: Store, now: float, gesture: Pointed, *, allow_same_photo: bool) -> None:
        self._store = store
        self._now = now
        self._source = gesture.source
        self._to = gesture.to
        self._allow_same_photo = allow_same_photo
        found = [store.faces.get(face_id) for _, face_id in gesture.faces]
        self._faces = [face for face in found if face is not None]
        self.scope: set[Owner] = {Pool.UNKNOWN, *(owner for owner in (gesture.source, gesture.to) if owner is not None)}

    def two_in_one(self) -> tuple[PersonId, PersonId] | None:
        """
        The cover of one of two people who may be one, put into the other's folder: who is whom. None for anything else.
        """
        if not isinstance(self._source, Suggestion) or len(self._faces) != 1:
            return None
        pair = {self._source.one, self._source.other}
        who = self._faces[0].person_id
        return (who, self._to) if isinstance(self._to, int) and {who, self._to} == pair and who is not None else None

    def carry_out(self) -> str:
        """Returns what came of it, empty for nothing."""
        if isinstance(self._to, int):
            return self._confirm(self._to)
        if self._to is Pool.IGNORED or self._source is Pool.UNKNOWN:
            return self._ignore()
        return self._refuse()

    def _confirm(self, to: PersonId) -> str:
        store, person = self._store, self._store.people.get(to)
        if person is None:
            return ""
        faces = [face for face in self._faces if self._may_be(face, person.person_id)]
        if not faces:
            return ""
        ids = {face.face_id for face in faces}
        beside = [other for photo in {face.photo_id for face in faces} for other in store.faces.of_photo(photo)]
        # two faces of a photo are two people: one that was only believed to be theirs, or might have been, gives way
        others = [
            o.face_id for o in beside if o.person_id == person.person_id and not o.confirmed and o.face_id not in ids
        ]
        rivals = [rival for face in ids for rival in store.reviews.rivals(face, person.person_id) if rival not in ids]
        losing = [who for face in faces for who in (self._whose(face), face.person_id)]
        people = {who for who in losing if who is not None and who != person.person_id}
        asked = store.people.get(self._source.person_id) if isinstance(self._source, Review) else None
        and_not = f" and not {asked.title}" if asked is not None and asked != person else ""
        title = f"{self._called(faces)}: it is {person.title}{and_not}"
        store.journal.remember(self._now, title, {*ids, *others, *rivals}, {person.person_id, *people})
        if not self._allow_same_photo:
            store.faces.give([*others, *rivals], None)
            store.medoids.remove_faces(others)
        for face in faces:
            confirm(store, face.face_id, self._whose(face), person.person_id)
        for who in people:
            be_known(store, who)
        self.scope |= {person.person_id, *people}
        return title

    def _may_be(self, face: Face, person_id: PersonId) -> bool:
        """A copy takes nothing from who has a name, or whose the user said that the face is."""
        if face.confirmed and face.person_id == person_id:
            return False
        owner = self._store.people.get(face.person_id) if face.person_id not in {None, person_id} else None
        return self._source is not None or owner is None or not (face.confirmed or owner.name)

    def _whose(self, face: Face) -> PersonId | None:
        match self._source:
            case Review(person_id):
                return person_id
            case int():
                return self._source
            case _:
                return face.person_id

    def _ignore(self) -> str:
        faces = [face for face in self._faces if not face.ignored]
        if not faces:
            return ""
        name = self._called(faces)
        ids = [face.face_id for face in faces]
        losing = {face.person_id for face in faces if face.person_id is not None}
        self._store.journal.remember(self._now, f"{name}: ignored", ids, losing)
        self._store.faces.ignore(ids, ignored=True)
        self.scope |= losing
        return f"{name} {'is' if len(faces) == 1 else 'are'} ignored"

    def _refuse(self) -> str:
        who = self._source.person_id if isinstance(self._source, Review) else self._source
        person = self._store.people.get(who) if isinstance(who, int) else None
        if person is None or not self._faces:
            return ""
        ids = [face.face_id for face in self._faces]
        title = f"{self._called(self._faces)}: not {person.title}"
        self._store.journal.remember(self._now, title, ids, (person.person_id,))
        refuse(self._store, ids, person.person_id)
        return title

    def _called(self, faces: list[Face]) -> str:
        """The photo's name; of several faces how many."""
        if len(faces) > 1:
            return f"{len(faces)} faces"
        path = self._store.photos.path_of(faces[0].photo_id) or b"?"
        return displayable(posixpath.basename(path))
