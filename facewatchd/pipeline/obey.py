"""
Gestures -> the state: each becomes constraints and a journal entry, in one transaction, so that it holds for good and can
be taken back.
"""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Collection, Sequence

import numpy as np

from facewatchd.core.corrections import Candidate, joins, meant, meant_together, shown, unwanted
from facewatchd.core.gestures import (
    Answered,
    Deleted,
    Displaced,
    Founded,
    Gesture,
    Hidden,
    Joined,
    Merged,
    Moved,
    Parted,
    Renamed,
    Shown,
)
from facewatchd.core.half_moves import HalfMove
from facewatchd.core.names import folder_name, is_same_name, is_variant, name_in
from facewatchd.core.owners import Owner, Review, Suggestion
from facewatchd.domain import Constraint, ConstraintKind, Embeddings, FaceId, Person, PersonId, PhotoId, Pool
from facewatchd.errors import displayable
from facewatchd.pipeline.confirming import be_known, confirm, refuse
from facewatchd.pipeline.shown import EXAMPLES
from facewatchd.pipeline.split_moves import FirstHalf, SplitMoves
from facewatchd.store import Store, StoredModel

log = logging.getLogger(__name__)


class Obedience:
    """
    Carries gestures into the state.

    Args:
        store: The state.
        now: Seconds since 1970.
        gestures: All that are going to be obeyed: whose folder went elsewhere by one of them has left its name to others.
        allow_same_photo: Whether two faces of a photo may be one person.
        halves: What was obeyed a while ago and may be completed by them.
    """

    def __init__(
        self,
        store: Store,
        now: float,
        gestures: Sequence[Gesture] = (),
        *,
        allow_same_photo: bool = False,
        halves: Sequence[HalfMove] = (),
    ) -> None:
        self._store = store
        self._now = now
        self._allow_same_photo = allow_same_photo
        self._elsewhere = {g.person_id for g in gestures if isinstance(g, Renamed | Merged | Hidden)}
        self._model: StoredModel | None = store.model()
        self._halves = SplitMoves(store, now, halves)
        self._first: FirstHalf | None = None
        self._entry_id = 0
        self.scope: set[Owner] = set()
        self.idle: list[tuple[PhotoId, PersonId | bytes]] = []
        """Copies of links without a face that they may take: the photo, and the person or the folder that they came to."""

    def obey(self, gesture: Gesture) -> None:
        """Carry one gesture into the state; `scope` has whose folders change by it."""
        with self._store.transaction():
            self._first = None
            title = self._carry_out(gesture)
        if title:
            log.info("%s", title)

    def _carry_out(self, gesture: Gesture) -> str:
        match gesture:
            case Renamed(person_id, path, to):
                return self._rename(person_id, path, to)
            case Merged(person_id, into, path):
                return self._merge(person_id, into, path)
            case Hidden(person_id, path):
                return self._hide(person_id, path)
            case Shown(person_id, path):
                return self._show(person_id, path)
            case Displaced(owner, path):
                self._store.manifest.renamed(owner, path)
                self.scope |= _with_unknown(owner)
                return ""
            case Answered(person_id, photos, to):
                return self._answer(person_id, photos, to)
            case Parted(one, other):
                return self._part(one, other)
            case Moved(photo_id, source, to):
                self._first = self._halves.complete(photo_id, source, to)
                title = self._ignore([photo_id], source) if to is Pool.IGNORED else self._move([photo_id], source, to)
                if title and source is None and isinstance(to, int):
                    self._halves.came(photo_id, to, self._entry_id)
                return title
            case Joined(photo_id, source, to):
                return self._join(photo_id, source, to)
            case Deleted(photo_id, source):
                return self._went([photo_id], source, self._delete(photo_id, source))
            case Founded(path, photos):
                return self._found(path, photos)

    # --- people

    def _rename(self, person_id: PersonId, path: bytes, to: bytes) -> str:
        store = self._store
        person = store.people.get(person_id)
        store.manifest.renamed(person_id, to)
        self.scope.add(person_id)
        if person is None or is_variant(to, folder_name(person.title)):
            # what a crash left of our own renaming, not the user's word
            return ""
        name = name_in(to)
        other = self._namesake(name)
        if other is not None:
            return self._merge(person_id, other)
        store.journal.remember(self._now, f"{person.title} is {name}", (), (person_id,))
        store.people.rename(person_id, name)
        return f"{displayable(path)} is {displayable(to)} now, as its folder was renamed"

    def _namesake(self, name: str) -> PersonId | None:
        """Who has this name already and is to be seen: a folder that gets a name is not that of somebody who is not."""
        away = self._elsewhere | self._store.people.hidden()
        named = (person for person in self._store.people.named() if is_same_name(person.name, name))
        return next((person.person_id for person in named if person.person_id not in away), None)

    def _merge(self, person_id: PersonId, into: PersonId, path: bytes | None = None) -> str:
        store = self._store
        if path is not None:
            store.manifest.renamed(person_id, path)
        person, other = store.people.get(person_id), store.people.get(into)
        if person is None or other is None or person.person_id == other.person_id:
            return ""
        title = f"{person.title} is {other.title}"
        # they may have been merged a moment ago, and then it is about whom they are now
        one, two = person.person_id, other.person_id
        self._halves.complete_all(one, two)
        faces = store.people.faces_concerned(one) | store.people.faces_concerned(two)
        self._remember(title, faces, (one, two))
        store.people.merge(one, two, allow_same_photo=self._allow_same_photo)
        self.scope |= _with_unknown(person_id, one, two)
        return f"{title}, as their folders were merged"

    def _hide(self, person_id: PersonId, path: bytes | None) -> str:
        store = self._store
        person = store.people.get(person_id)
        if person is None:
            return ""
        store.journal.remember(self._now, f"{person.title} is hidden", (), (person_id,))
        store.people.hide(person_id, hidden=True)
        if path is None:
            store.manifest.removed(person_id)
        else:
            store.manifest.renamed(person_id, path)
        self.scope |= _with_unknown(person_id)
        return f"{person.title} is hidden, as their folder was {'deleted' if path is None else 'moved to _ignored'}"

    def _show(self, person_id: PersonId, path: bytes) -> str:
        store = self._store
        person = store.people.get(person_id)
        if person is None:
            return ""
        store.journal.remember(self._now, f"{person.title} is shown again", (), (person_id,))
        store.people.hide(person_id, hidden=False)
        store.manifest.made(person_id, path)
        self.scope |= _with_unknown(person_id)
        name = name_in(path)
        if is_variant(path, folder_name(person.title)) or self._namesake(name) is not None:
            return f"{person.title} is shown again, as their folder is back"
        # what it is called now is the user's latest word
        store.people.rename(person_id, name)
        return f"{person.title} is shown again, as their folder is back, and is {name} now, as it is called"

    def _found(self, path: bytes, photos: tuple[tuple[PhotoId, Owner | None], ...]) -> str:
        store = self._store
        for photo, source in photos:
            self._halves.complete(photo, source, None)
        chosen = meant_together({photo: (self._candidates(photo), source) for photo, source in photos})
        taken = [photo for photo, source in photos if source is None and photo not in chosen]
        self.idle += [(photo, path) for photo in taken if self._store.faces.of_photo(photo)]
        if not chosen:
            return ""
        name = name_in(path)
        # before the name: taken back, there must be nobody of that name left
        person_id = store.people.add(founded=True)
        faces = [face.face_id for face in chosen.values()]
        sources = dict(photos)
        losing = {whose for photo, face in chosen.items() for whose in _losing(face, sources[photo])}
        rest = {photo: self._rest(photo, sources[photo], faces) for photo in chosen}
        concerned = [*faces, *(other for among in rest.values() for other in among)]
        self._remember(f"{name} is somebody new", concerned, {person_id, *losing})
        store.people.rename(person_id, name)
        for photo, face in chosen.items():
            confirm(store, face.face_id, _whose(face, sources[photo]), person_id)
            self._refuse_rest(rest[photo], sources[photo])
            if sources[photo] is None:
                self._halves.came(photo, person_id, self._entry_id, founded=True)
        fit = [face for face in chosen.values() if not face.poor]
        store.people.set_medoids(person_id, [face.face_id for face in sorted(fit, key=lambda face: -face.quality)[:1]])
        store.manifest.made(person_id, path)
        self.scope |= _with_unknown(person_id, *sources.values(), *losing)
        return f"{displayable(path)} is somebody new, with {len(faces)} faces"

    def _part(self, one: PersonId, other: PersonId) -> str:
        """What was shown of either is not the other's: that keeps them apart, and outlives both as they are now."""
        store = self._store
        person, stranger = store.people.get(one), store.people.get(other)
        if person is None or stranger is None or person == stranger:
            return ""
        words = [
            Constraint(ConstraintKind.CANNOT_BE, face, not_this)
            for whose, not_this in ((one, other), (other, one))
            for face in store.reviews.examples(whose, not_this, EXAMPLES)
        ]
        title = f"{person.title} and {stranger.title} are two people"
        store.journal.remember(self._now, title, [word.face_id for word in words], ())
        store.people.say(words)
        self.scope |= {Suggestion(one, other), *_with_unknown()}
        return title

    # --- faces

    def _answer(self, person_id: PersonId, photos: Sequence[PhotoId], to: Owner | None) -> str:
        source = Review(person_id)
        if to is Pool.IGNORED:
            return self._ignore(photos, source)
        if to is None:
            return self._went(photos, source, self._refuse(photos, source))
        return self._move(photos, source, to)

    def _move(self, photos: Sequence[PhotoId], source: Owner | None, to: Owner, *, both: bool = False) -> str:
        store = self._store
        person = store.people.get(to) if isinstance(to, int) else None
        if person is None:
            return ""
        self.scope |= _with_unknown(person.person_id, source)
        medoids = self._medoids(person.person_id)
        chosen: dict[PhotoId, Candidate] = {}
        # two faces of a photo are two people: one that was only believed to be theirs gives way
        others: list[FaceId] = []
        for photo_id in photos:
            candidates = self._candidates(photo_id)
            face = meant(candidates, source, medoids, person.person_id)
            if face is not None and not (face.confirmed and face.person_id == person.person_id):
                chosen[photo_id] = face
                others += [
                    c.face_id for c in candidates if c.person_id == person.person_id and not c.confirmed and c != face
                ]
            elif face is None and source is None and candidates:
                self.idle.append((photo_id, person.person_id))
        if not chosen:
            return ""
        faces = [face.face_id for face in chosen.values()]
        # ... and one that might have been theirs is not
        rivals = [rival for face in faces for rival in store.reviews.rivals(face, person.person_id)]
        title = f"{self._called(chosen)}: it is {person.title}" + self._and_not(source, person.person_id)
        losing = {whose for face in chosen.values() for whose in _losing(face, source)}
        self.scope |= losing
        rest = [face for photo_id in chosen for face in self._rest(photo_id, source, [*faces, *others])]
        self._remember(title, {*faces, *others, *rivals, *rest}, {person.person_id, *losing})
        if both:
            for other in others:
                confirm(store, other, None, person.person_id)
        elif not self._allow_same_photo:
            store.faces.give([*others, *rivals], None)
            store.people.forget_medoids(others)
        for face in chosen.values():
            confirm(store, face.face_id, _whose(face, source), person.person_id)
        for whose in losing:
            be_known(store, whose)
        if source != person.person_id:
            self._refuse_rest(rest, source)
        return title

    def _join(self, photo_id: PhotoId, source: Owner, to: PersonId) -> str:
        if joins(self._candidates(photo_id), source):
            return self._move([photo_id], source, to, both=True)
        # the link comes back
        self.scope |= _with_unknown(source)
        return f"{_name_of(self._photo(photo_id))}: several faces are unknown, and nothing tells which one was meant"

    def _delete(self, photo_id: PhotoId, source: Owner) -> str:
        match source:
            case Pool.UNKNOWN:
                return self._ignore([photo_id], source)
            case Pool.IGNORED:
                return self._notice(photo_id)
            case _:
                return self._refuse([photo_id], source)

    def _notice(self, photo_id: PhotoId) -> str:
        store = self._store
        self.scope |= _with_unknown()
        faces = store.faces.ignored_in(photo_id)
        if not faces:
            return ""
        name = _name_of(self._photo(photo_id))
        self._remember(f"{name}: not to be ignored", faces, ())
        store.faces.ignore(faces, ignored=False)
        return f"{name} is not ignored any more"

    def _refuse(self, photos: Sequence[PhotoId], source: Owner) -> str:
        store = self._store
        self.scope |= _with_unknown(source)
        person_id = _person_of(source)
        faces = [face.face_id for photo in photos for face in shown(self._candidates(photo), source)]
        person = store.people.get(person_id) if person_id is not None else None
        if not faces or person is None:
            return ""
        title = f"{self._called(photos)}:{self._and_not(source)[4:]}"
        faces = [*faces, *(face for photo in photos for face in self._rest(photo, source, faces))]
        self._remember(title, faces, (person.person_id,))
        refuse(store, faces, person.person_id)
        return title

    def _ignore(self, photos: Sequence[PhotoId], source: Owner | None) -> str:
        store = self._store
        self.scope |= _with_unknown(source)
        faces = [face.face_id for photo in photos for face in unwanted(self._candidates(photo), source)]
        if not faces:
            return ""
        name = self._called(photos)
        rest = [face for photo in photos for face in self._rest(photo, source, faces)]
        self._remember(f"{name}: ignored", [*faces, *rest], (source,) if isinstance(source, int) else ())
        store.faces.ignore(faces, ignored=True)
        if isinstance(source, int):
            # not to be seen is not to be somebody else: shown again, the face may be theirs again
            refuse(store, rest, source)
        return f"{name} {'is' if len(photos) == 1 else 'are'} ignored"

    def _rest(self, photo_id: PhotoId, source: Owner | None, but: Collection[FaceId]) -> list[FaceId]:
        """
        The other faces of a photo that a person is not in: any of them, if it is like theirs, would bring the link back
        with the next reclustering.
        """
        if not isinstance(source, int):
            return []
        return [face.face_id for face in self._candidates(photo_id) if face.face_id not in but]

    def _refuse_rest(self, faces: Sequence[FaceId], source: Owner | None) -> None:
        if isinstance(source, int):
            refuse(self._store, faces, source)

    def _went(self, photos: Sequence[PhotoId], source: Owner, title: str) -> str:
        """Links went, which came to something if there is a title."""
        for photo_id in photos if title else ():
            self._halves.went(photo_id, source, self._entry_id)
        return title

    def _remember(self, title: str, faces: Collection[FaceId], people: Collection[PersonId]) -> None:
        """See `Journal.remember`; the second half of a move goes into the entry of the first."""
        if self._first is None:
            self._entry_id = self._store.journal.remember(self._now, title, faces, people)
        else:
            self._entry_id = self._first.entry_id
            self._store.journal.extend(self._entry_id, None if self._first.keeps_title else title, faces, people)

    # --- looking up

    def _candidates(self, photo_id: PhotoId) -> list[Candidate]:
        store = self._store
        faces = store.faces.of_photo(photo_id)
        embeddings = store.faces.embeddings([face.face_id for face in faces], self._model.id if self._model else "")
        named = {person.person_id for person in store.people.named()}
        return [
            Candidate(
                face.face_id,
                face.person_id,
                face.confirmed,
                bool(face.poor),
                face.quality,
                embeddings.get(face.face_id),
                face.review,
                face.ignored,
                face.person_id in named,
            )
            for face in faces
        ]

    def _medoids(self, person_id: PersonId) -> Embeddings:
        if self._model is None:
            return np.empty((0, 0), np.float32)
        gallery = self._store.people.gallery(self._model.id, self._model.dim)
        medoids: Embeddings = gallery.medoids[gallery.people == person_id]
        return medoids

    def _photo(self, photo_id: PhotoId) -> bytes:
        return self._store.photos.path_of(photo_id) or b"?"

    def _called(self, photos: Collection[PhotoId]) -> str:
        """The photo's name; of several how many there are."""
        if len(photos) > 1:
            return f"{len(photos)} photos"
        return _name_of(self._photo(next(iter(photos))))

    def _and_not(self, source: Owner | None, it_is: PersonId | None = None) -> str:
        person_id = _person_of(source)
        person: Person | None = self._store.people.get(person_id) if person_id is not None else None
        return f" and not {person.title}" if person is not None and person_id != it_is else ""


def _person_of(source: Owner | None) -> PersonId | None:
    """The one person whom a folder is about; None where it is about nobody, or several."""
    match source:
        case Review(person_id):
            return person_id
        case int():
            return source
        case _:
            return None


def _whose(face: Candidate, source: Owner | None) -> PersonId | None:
    """Whose the face was believed to be, or might have been: by the folder that its link was in, if that tells."""
    return face.person_id if source is None or isinstance(source, Suggestion) else _person_of(source)


def _losing(face: Candidate, source: Owner | None) -> set[PersonId]:
    """Who has the face no more, if it is somebody else's: who was meant by its link, and whose it had become since."""
    return {whose for whose in (_whose(face, source), face.person_id) if whose is not None}


def _with_unknown(*owners: Owner | None) -> set[Owner]:
    """These, and the pool of photos with faces of nobody, which nearly every change of whose a face is changes too."""
    return {Pool.UNKNOWN, *(owner for owner in owners if owner is not None)}


def _name_of(path: bytes) -> str:
    return displayable(posixpath.basename(path))
