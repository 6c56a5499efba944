"""
What gestures say of single faces, one photo or many at once: whose they are, whose not, and which are not to be shown. Each
becomes constraints and an entry of the journal, or a part of the entry that it goes on with.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence

import numpy as np

from facewatchd.core.tree.corrections import Candidate, joins, meant, shown, unwanted
from facewatchd.core.tree.half_moves import HalfMove
from facewatchd.core.tree.owners import Owner, Review, Suggestion, owner_text
from facewatchd.domain import Embeddings, FaceId, Person, PersonId, PhotoId, Pool
from facewatchd.errors import displayable
from facewatchd.pipeline.corrections.confirming import be_known, confirm, refuse
from facewatchd.pipeline.corrections.split_moves import FirstHalf, SplitMoves
from facewatchd.store import Store, StoredModel

GOES_ON_S = 5.0
"""What is done within so many seconds after the same was read is the rest of it: the tree is read after three quiet ones."""


class FaceWords:
    """
    Carries what is said of faces into the state.

    Args:
        store: The state.
        now: Seconds since 1970.
        allow_same_photo: Whether two faces of a photo may be one person.
        halves: What was obeyed a while ago and may be completed now.
    """

    def __init__(self, store: Store, now: float, *, allow_same_photo: bool, halves: Sequence[HalfMove]) -> None:
        self._store = store
        self._now = now
        self._allow_same_photo = allow_same_photo
        self._model: StoredModel | None = store.model()
        self._halves = SplitMoves(store, now, halves)
        self._first: FirstHalf | None = None
        self._entry_id = 0
        # the photos that the last word was about
        self._about: tuple[PhotoId, ...] = ()
        self.scope: set[Owner] = set()
        self.idle: list[tuple[PhotoId, PersonId | bytes]] = []
        """Copies of links without a face that they may take: the photo, and the person or the folder that they came to."""

    def _answer(self, person_id: PersonId, photos: Sequence[PhotoId], to: Owner | None) -> str:
        source = Review(person_id)
        if to is Pool.IGNORED:
            return self._ignore(photos, source)
        if to is None:
            return self._went(source, self._refuse(photos, source))
        return self._move(photos, source, to)

    def _moved(self, photos: Sequence[PhotoId], source: Owner | None, to: Owner) -> str:
        """Links of these photos went from one folder to another; those of which half was read before go into that entry."""
        with_first: dict[FirstHalf | None, list[PhotoId]] = {}
        for photo_id in photos:
            with_first.setdefault(self._halves.complete(photo_id, source, to), []).append(photo_id)
        titles = []
        for first, some in with_first.items():
            self._first = first
            title = self._ignore(some, source) if to is Pool.IGNORED else self._move(some, source, to)
            if title and source is None and isinstance(to, int):
                for photo_id in self._about:
                    self._halves.came(photo_id, to, self._entry_id)
            titles.append(title)
        return "; ".join(filter(None, titles))

    def _move(self, photos: Sequence[PhotoId], source: Owner | None, to: Owner, *, both: bool = False) -> str:
        store = self._store
        person = store.people.get(to) if isinstance(to, int) else None
        if person is None:
            return ""
        self.scope |= with_unknown(person.person_id, source)
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
        losing = {whose for face in chosen.values() for whose in losing_of(face, source)}
        self.scope |= losing
        rest = [face for photo_id in chosen for face in self._rest(photo_id, source, [*faces, *others])]
        end = f": it is {person.title}" + self._and_not(source, person.person_id)
        several = f" moved from {self._title_of(source)} to {person.title}" if isinstance(source, int | Pool) else end
        if source is None:
            several = f" copied to {person.title}"
        concerned = {*faces, *others, *rivals, *rest}
        title = self._remember_all(
            chosen, end, several, concerned, {person.person_id, *losing}, source, person.person_id
        )
        if both:
            for other in others:
                confirm(store, other, None, person.person_id)
        elif not self._allow_same_photo:
            store.faces.give([*others, *rivals], None)
            store.medoids.remove_faces(others)
        for face in chosen.values():
            confirm(store, face.face_id, whose_was(face, source), person.person_id)
        for whose in losing:
            be_known(store, whose)
        if source != person.person_id:
            self._refuse_rest(rest, source)
        return title

    def _join(self, photo_id: PhotoId, source: Owner, to: PersonId) -> str:
        if joins(self._candidates(photo_id), source):
            return self._move([photo_id], source, to, both=True)
        # the link comes back
        self.scope |= with_unknown(source)
        return f"{_name_of(self._photo(photo_id))}: several faces are unknown, and nothing tells which one was meant"

    def _delete(self, photos: Sequence[PhotoId], source: Owner) -> str:
        match source:
            case Pool.UNKNOWN:
                return self._ignore(photos, source)
            case Pool.IGNORED:
                return self._notice(photos)
            case _:
                return self._refuse(photos, source)

    def _notice(self, photos: Sequence[PhotoId]) -> str:
        store = self._store
        self.scope |= with_unknown()
        ignored = {photo: faces for photo in photos if (faces := store.faces.ignored_in(photo))}
        faces = [face for theirs in ignored.values() for face in theirs]
        if not faces:
            return ""
        end = ": not to be ignored"
        self._remember_all(ignored, end, end, faces, (), Pool.IGNORED, None)
        store.faces.ignore(faces, ignored=False)
        return f"{self._called(ignored)} {'is' if len(ignored) == 1 else 'are'} not ignored any more"

    def _refuse(self, photos: Sequence[PhotoId], source: Owner) -> str:
        store = self._store
        self.scope |= with_unknown(source)
        person_id = _person_of(source)
        theirs = {photo: [face.face_id for face in shown(self._candidates(photo), source)] for photo in photos}
        faces = [face for some in theirs.values() for face in some]
        person = store.people.get(person_id) if person_id is not None else None
        if not faces or person is None:
            return ""
        about = [photo for photo, some in theirs.items() if some]
        faces = [*faces, *(face for photo in photos for face in self._rest(photo, source, faces))]
        end = f":{self._and_not(source)[4:]}"
        several = f" deleted from {person.title}" if isinstance(source, int) else end
        title = self._remember_all(about, end, several, faces, (person.person_id,), source, None)
        refuse(store, faces, person.person_id)
        return title

    def _ignore(self, photos: Sequence[PhotoId], source: Owner | None) -> str:
        store = self._store
        self.scope |= with_unknown(source)
        theirs = {photo: [face.face_id for face in unwanted(self._candidates(photo), source)] for photo in photos}
        about = [photo for photo, some in theirs.items() if some]
        faces = [face for some in theirs.values() for face in some]
        if not faces:
            return ""
        name = self._called(about)
        rest = [face for photo in about for face in self._rest(photo, source, faces)]
        people = (source,) if isinstance(source, int) else ()
        self._remember_all(about, ": ignored", ": ignored", [*faces, *rest], people, source, Pool.IGNORED)
        store.faces.ignore(faces, ignored=True)
        if isinstance(source, int):
            # not to be seen is not to be somebody else: shown again, the face may be theirs again
            refuse(store, rest, source)
        return f"{name} {'is' if len(about) == 1 else 'are'} ignored"

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

    def _went(self, source: Owner, title: str) -> str:
        """Links went, which came to something if there is a title."""
        for photo_id in self._about if title else ():
            self._halves.went(photo_id, source, self._entry_id)
        return title

    def _remember_all(
        self,
        photos: Collection[PhotoId],
        end: str,
        several: str,
        faces: Collection[FaceId],
        people: Collection[PersonId],
        source: Owner | None,
        to: Owner | None,
    ) -> str:
        """
        As `_remember`, for what may be said of many photos: a file manager moves and deletes one after the other, and what
        it goes on with a moment later goes into the entry of its beginning.

        Args:
            photos: The photos.
            end: What is said of one of them, after its name.
            several: What is said of several, after their number.
            faces: See `Journal.remember`.
            people: See there.
            source: Whose links they were.
            to: Whose they are; None for nobody.

        Returns:
            The title of these photos alone.
        """
        kind = f"{owner_text(source) if source is not None else ''} > {owner_text(to) if to is not None else ''}"
        self._about = tuple(photos)
        called = self._called(photos)
        title = called + (end if len(photos) == 1 else several)
        newest = self._store.journal.newest() if self._first is None else None
        goes_on = (
            newest is not None
            and (newest.kind, newest.undone) == (kind, False)
            and 0 <= self._now - newest.at <= GOES_ON_S
        )
        if goes_on and newest is not None:
            self._entry_id = newest.entry_id
            whole = f"{newest.photos + len(photos)} photos{several}"
            self._store.journal.extend(
                self._entry_id, whole, faces, people, photos=len(photos), whole=True, at=self._now
            )
        elif self._first is None:
            self._entry_id = self._store.journal.remember(
                self._now, title, faces, people, kind=kind, photos=len(photos)
            )
        else:
            self._remember(title, faces, people, len(photos))
        return title

    def _remember(self, title: str, faces: Collection[FaceId], people: Collection[PersonId], photos: int = 0) -> None:
        """See `Journal.remember`; the second half of a move goes into the entry of the first."""
        if self._first is None:
            self._entry_id = self._store.journal.remember(self._now, title, faces, people)
        else:
            self._entry_id = self._first.entry_id
            named = None if self._first.keeps_title else title
            self._store.journal.extend(self._entry_id, named, faces, people, photos=photos)

    # --- looking up

    def _candidates(self, photo_id: PhotoId, pointed: Collection[FaceId] = ()) -> list[Candidate]:
        """The faces of a photo; of these only those that are pointed at, if any is."""
        store = self._store
        faces = store.faces.of_photo(photo_id)
        faces = [face for face in faces if face.face_id in pointed] or faces
        embeddings = store.faces.embeddings([face.face_id for face in faces], self._model.id if self._model else "")
        named, hidden = {person.person_id for person in store.people.named()}, store.people.hidden()
        # of itself: a link in the folder of somebody hidden stands for their face
        ignored = set(store.faces.ignored_in(photo_id))
        return [
            Candidate(
                face.face_id,
                face.person_id,
                face.confirmed,
                bool(face.poor),
                face.quality,
                embeddings.get(face.face_id),
                face.review,
                face.face_id in ignored,
                face.person_id in named,
                face.person_id in hidden,
            )
            for face in faces
        ]

    def _medoids(self, person_id: PersonId) -> Embeddings:
        if self._model is None:
            return np.empty((0, 0), np.float32)
        found = self._store.faces.embeddings(self._store.medoids.of(person_id), self._model.id)
        return np.stack([*found.values()]) if found else np.empty((0, self._model.dim), np.float32)

    def _photo(self, photo_id: PhotoId) -> bytes:
        return self._store.photos.path_of(photo_id) or b"?"

    def _called(self, photos: Collection[PhotoId]) -> str:
        """The photo's name; of several how many there are."""
        if len(photos) > 1:
            return f"{len(photos)} photos"
        return _name_of(self._photo(next(iter(photos))))

    def _title_of(self, owner: PersonId | Pool) -> str:
        person = self._store.people.get(owner) if not isinstance(owner, Pool) else None
        return person.title if person is not None else str(owner)

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


def whose_was(face: Candidate, source: Owner | None) -> PersonId | None:
    """Whose the face was believed to be, or might have been: by the folder that its link was in, if that tells."""
    return face.person_id if source is None or isinstance(source, Suggestion) else _person_of(source)


def losing_of(face: Candidate, source: Owner | None) -> set[PersonId]:
    """Who has the face no more, if it is somebody else's: who was meant by its link, and whose it had become since."""
    return {whose for whose in (whose_was(face, source), face.person_id) if whose is not None}


def with_unknown(*owners: Owner | None) -> set[Owner]:
    """These, and the pool of photos with faces of nobody, which nearly every change of whose a face is changes too."""
    return {Pool.UNKNOWN, *(owner for owner in owners if owner is not None)}


def _name_of(path: bytes) -> str:
    return displayable(posixpath.basename(path))
