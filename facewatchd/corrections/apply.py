"""
Corrections -> state. Each is checked, entered in the journal with what is needed to undo it, and carried out, in one
transaction. It holds for good: groupings follow it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain

from facewatchd.core.grouping.suggestions import EXAMPLES
from facewatchd.core.tree.folder_names import person_name
from facewatchd.core.tree.owners import Owner, Suggestion
from facewatchd.core.tree.scope import Scope, scope_of, with_unknown
from facewatchd.corrections.constraints import confirm, ensure_medoid, giving_way, in_same_photos, reject
from facewatchd.corrections.journal import Entries
from facewatchd.corrections.names import NameTakenError, RefusedError, namesake, require_free, require_valid
from facewatchd.corrections.records import (
    ChosenFace,
    Command,
    Confirm,
    Correction,
    Found,
    Hide,
    Ignore,
    KeepApart,
    Merge,
    Reject,
    Rename,
    Show,
    Split,
    StopIgnoring,
)
from facewatchd.corrections.split import groups_of, set_medoids
from facewatchd.corrections.titles import Title, title_of
from facewatchd.domain import Constraint, ConstraintKind, Face, FaceId, Person, PersonId
from facewatchd.store import Store


@dataclass(frozen=True, slots=True)
class Applied:
    """
    What came of a correction.

    Attributes:
        entry_id: Its number in the journal.
        title: What it says.
        people: The people whom it is about, as they are now: of a merge the one who is left, of a split the new ones.
        owners: The owners of the folders that change.
    """

    entry_id: int
    title: str
    people: tuple[PersonId, ...]
    owners: frozenset[Owner]

    @property
    def scope(self) -> Scope:
        """What has to be looked after in the people tree."""
        return scope_of(self.owners)


def apply(store: Store, correction: Correction, now: float | None = None) -> Applied:
    """
    Carry out a correction: all of it, or nothing.

    Args:
        store: The state; written to.
        correction: What the user means.
        now: Seconds since 1970; None for the clock's.

    Raises:
        RefusedError: It cannot be done: a person or face is not there, the name is taken, it is so already.
    """
    with store.transaction():
        return _Applying(store, Entries(store, time.time() if now is None else now)).apply(correction)


def person_of(store: Store, person_id: PersonId) -> Person:
    """
    The person with an id, or the person whom they were merged into.

    Raises:
        RefusedError: There is none.
    """
    person = store.people.get(person_id)
    if person is None:
        raise RefusedError(f"There is no person {person_id}", "'facewatchd people list' shows who there is.")
    return person


def face_of(store: Store, face_id: FaceId) -> Face:
    """
    The face with an id.

    Raises:
        RefusedError: There is none.
    """
    face = store.faces.get(face_id)
    if face is None:
        raise RefusedError(
            f"There is no face {face_id}", "'facewatchd people show PERSON' and 'facewatchd faces export' list faces."
        )
    return face


@dataclass(frozen=True, slots=True)
class _Applying:
    """One correction; each method checks everything before it changes anything."""

    store: Store
    entries: Entries

    def apply(self, correction: Correction) -> Applied:
        match correction:
            case Rename():
                return self._rename(correction)
            case Merge():
                return self._merge(correction)
            case Split():
                return self._split(correction)
            case Hide() | Show():
                return self._hide_or_show(correction)
            case KeepApart():
                return self._keep_apart(correction)
            case Confirm():
                return self._confirm(correction)
            case Reject():
                return self._reject(correction)
            case Ignore():
                return self._ignore(correction)
            case StopIgnoring():
                return self._stop_ignoring(correction)
            case Found():
                return self._found(correction)

    # --- people

    def _rename(self, wanted: Rename) -> Applied:
        name = person_name(wanted.name) or wanted.name
        person = person_of(self.store, wanted.person_id)
        if isinstance(wanted.source, Command):
            # a folder may be called by any name that a file system takes
            require_valid(person_name(wanted.name), person.person_id)
        require_free(self.store, name, person.person_id, wanted.given_up)
        title = Title(f"{person.title} is {name}")
        entry = self.entries.add(wanted.source, title, (), (person.person_id,))
        self.store.people.rename(person.person_id, name)
        return Applied(entry, title.text, (person.person_id,), frozenset({person.person_id}))

    def _merge(self, wanted: Merge) -> Applied:
        store = self.store
        person, other = person_of(store, wanted.person_id), person_of(store, wanted.into)
        one, two = person.person_id, other.person_id
        if one == two:
            raise RefusedError(
                "There is nothing to merge",
                f"Person {wanted.person_id} and person {wanted.into} are the same person: {person.title}.",
            )
        # somebody hidden may have a name that another person got since
        keeps_name = namesake(store, person.name, {one, two}) is None
        title = Title(f"{person.title} is {other.title}")
        faces = store.people.faces_concerned(one) | store.people.faces_concerned(two)
        entry = self.entries.add(wanted.source, title, faces, (one, two))
        store.people.merge(one, two, allow_same_photo=wanted.allow_same_photo, keeps_name=keeps_name)
        return Applied(entry, title.text, (two,), with_unknown(wanted.person_id, one, two))

    def _split(self, wanted: Split) -> Applied:
        store, person = self.store, person_of(self.store, wanted.person_id)
        own = [face.face_id for face in store.faces.of_person(person.person_id)]
        groups = [sorted(set(wanted.faces))] if wanted.faces else groups_of(store, person.person_id)
        for face in set(wanted.faces) - set(own):
            raise RefusedError(
                f"Face {face} is not {person.title}'s",
                f"'facewatchd people show {person.person_id}' lists the faces that are.",
            )
        moved = [*chain(*groups)]
        staying = sorted(set(own) - set(moved))
        if not moved:
            raise RefusedError(
                f"{person.title} cannot be split",
                "The faces form one group only; name those of the other person by --faces FACE,...",
            )
        if not staying:
            raise RefusedError(
                f"No face would be left to {person.title}",
                f"Leave at least one; to change the name: 'facewatchd people rename {person.person_id} NAME'.",
            )
        new = [store.people.add(founded=True) for _ in groups]
        title = Title(f"{len(moved)} of the faces of {person.title} are somebody else's")
        entry = self.entries.add(wanted.source, title, own, (person.person_id, *new), made=new)
        for one, group in zip(new, groups, strict=True):
            for face in group:
                confirm(store, face, person.person_id, one)
            # what stays would else follow the others, where a later grouping puts them together again
            store.people.say(Constraint(ConstraintKind.CANNOT_BE, face, one) for face in staying)
            set_medoids(store, one, group)
        set_medoids(store, person.person_id, staying)
        return Applied(entry, title.text, tuple(new), with_unknown(person.person_id, *new))

    def _hide_or_show(self, wanted: Hide | Show) -> Applied:
        store, person = self.store, person_of(self.store, wanted.person_id)
        is_hidden = isinstance(wanted, Hide)
        if (person.person_id in store.people.hidden()) == is_hidden:
            raise RefusedError(
                f"{person.title} is {'hidden already' if is_hidden else 'not hidden'}",
                "'facewatchd people list' shows who is hidden.",
            )
        if isinstance(wanted, Show) and wanted.name:
            require_free(store, wanted.name, person.person_id, wanted.given_up)
        title = Title(f"{person.title} is {'hidden' if is_hidden else 'shown again'}")
        entry = self.entries.add(wanted.source, title, (), (person.person_id,))
        store.people.hide(person.person_id, hidden=is_hidden)
        if isinstance(wanted, Show) and wanted.name:
            store.people.rename(person.person_id, wanted.name)
        return Applied(entry, title.text, (person.person_id,), with_unknown(person.person_id))

    def _keep_apart(self, wanted: KeepApart) -> Applied:
        """The faces that were shown of either are not the other's: that outlives both people as they are now."""
        store = self.store
        person, other = person_of(store, wanted.one), person_of(store, wanted.other)
        if person == other:
            raise RefusedError(
                f"{person.title} is one person", "They were merged; 'facewatchd people split' divides them again."
            )
        constraints = [
            Constraint(ConstraintKind.CANNOT_BE, face, not_this)
            for one, not_this in ((wanted.one, wanted.other), (wanted.other, wanted.one))
            for face in store.reviews.examples(one, not_this, EXAMPLES)
        ]
        title = Title(f"{person.title} and {other.title} are two people")
        faces = [constraint.face_id for constraint in constraints]
        entry = self.entries.add(wanted.source, title, faces, ())
        store.people.say(constraints)
        owners = with_unknown(Suggestion(wanted.one, wanted.other))
        return Applied(entry, title.text, (person.person_id, other.person_id), owners)

    # --- faces

    def _confirm(self, wanted: Confirm) -> Applied:
        store, person = self.store, person_of(self.store, wanted.person_id)
        person_id = person.person_id
        before = [face_of(store, face.face_id) for face in wanted.faces]
        chosen = {face.face_id: face for face in wanted.faces}
        others = giving_way(store, chosen, person_id)
        theirs = [face.face_id for face in others if face.person_id == person_id]
        asked = [face.face_id for face in others if face.person_id != person_id]
        rest = self._rest(wanted.faces, {*chosen, *theirs}, person_id)
        lost = _losing(before, wanted.faces) - {person_id}
        changed = [*chosen, *(face for faces in rest.values() for face in faces)]
        if wanted.both or not wanted.allow_same_photo:
            changed += [*theirs, *asked]
        title = title_of(store, wanted)
        entry = self.entries.add(wanted.source, title, {*changed}, {person_id, *lost})
        if wanted.both:
            for face_id in theirs:
                confirm(store, face_id, None, person_id)
        elif not wanted.allow_same_photo:
            store.faces.give([*theirs, *asked], None)
            store.medoids.remove_faces(theirs)
        for face_id, face in chosen.items():
            confirm(store, face_id, face.not_of, person_id)
        for one in lost:
            ensure_medoid(store, one)
        for one, faces in rest.items():
            reject(store, faces, one)
        return Applied(entry, title.text, (person_id,), with_unknown(person_id, *lost))

    def _reject(self, wanted: Reject) -> Applied:
        store, person = self.store, person_of(self.store, wanted.person_id)
        faces = [face_of(store, face_id).face_id for face_id in wanted.faces]
        if wanted.whole_photo:
            faces += [face.face_id for face in in_same_photos(store, wanted.faces)]
        title = title_of(store, wanted)
        entry = self.entries.add(wanted.source, title, faces, (person.person_id,))
        reject(store, faces, person.person_id)
        return Applied(entry, title.text, (person.person_id,), with_unknown(person.person_id))

    def _ignore(self, wanted: Ignore) -> Applied:
        store = self.store
        before = [face_of(store, face_id) for face_id in wanted.faces]
        rest = [] if wanted.photo_not_of is None else [f.face_id for f in in_same_photos(store, wanted.faces)]
        people = {face.person_id for face in before if face.person_id is not None}
        people |= {wanted.photo_not_of} if wanted.photo_not_of is not None else set()
        title = title_of(store, wanted)
        entry = self.entries.add(wanted.source, title, [*wanted.faces, *rest], people)
        store.faces.ignore(wanted.faces, ignored=True)
        for person_id in people:
            ensure_medoid(store, person_id)
        if wanted.photo_not_of is not None:
            # not to be seen is not to be somebody else: shown again, the face may be theirs again
            reject(store, rest, wanted.photo_not_of)
        return Applied(entry, title.text, tuple(sorted(people)), with_unknown(*people))

    def _stop_ignoring(self, wanted: StopIgnoring) -> Applied:
        title = title_of(self.store, wanted)
        entry = self.entries.add(wanted.source, title, wanted.faces, ())
        self.store.faces.ignore(wanted.faces, ignored=False)
        return Applied(entry, title.text, (), with_unknown())

    def _found(self, wanted: Found) -> Applied:
        store = self.store
        other = namesake(store, wanted.name, wanted.given_up)
        if other is not None:
            raise NameTakenError(other, "Give the new person another name, or say that the faces are theirs.")
        before = [face_of(store, face.face_id) for face in wanted.faces]
        chosen = {face.face_id: face for face in wanted.faces}
        lost = _losing(before, wanted.faces)
        # entered without the name: when this is undone, there must be nobody of that name left
        new = store.people.add(founded=True)
        rest = self._rest(wanted.faces, chosen, new)
        title = Title(f"{wanted.name} is somebody new")
        changed = [*chosen, *(face for faces in rest.values() for face in faces)]
        entry = self.entries.add(wanted.source, title, changed, {new, *lost}, made=(new,))
        store.people.rename(new, wanted.name)
        for face_id, face in chosen.items():
            confirm(store, face_id, face.not_of, new)
        for one, faces in rest.items():
            reject(store, faces, one)
        fit = sorted((face for face in before if not face.poor), key=lambda face: -face.quality)
        store.medoids.replace(new, [face.face_id for face in fit[:1]])
        return Applied(entry, title.text, (new,), with_unknown(new, *lost))

    def _rest(
        self, faces: Collection[ChosenFace], but: Collection[FaceId], person_id: PersonId
    ) -> dict[PersonId, list[FaceId]]:
        """Per person who is in none of the other faces of the photos, see `ChosenFace`, these faces."""
        rest: dict[PersonId, list[FaceId]] = {}
        for face in faces:
            if face.photo_not_of is not None and face.photo_not_of != person_id:
                others = [other.face_id for other in in_same_photos(self.store, [face.face_id])]
                known = rest.setdefault(face.photo_not_of, [])
                known += [other for other in others if other not in but and other not in known]
        return {one: found for one, found in rest.items() if found}


def _losing(before: Iterable[Face], chosen: Iterable[ChosenFace]) -> set[PersonId]:
    """The people who have these faces no more: by the state, and by the folders that their links were in."""
    by_state, by_folder = (face.person_id for face in before), (face.not_of for face in chosen)
    return {person_id for person_id in chain(by_state, by_folder) if person_id is not None}
