"""
Gestures at links and at pictures of faces -> corrections: which faces are meant, who they are, and who they are not. Reads
the state, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from facewatchd.core.tree.gestures import Founded, Pointed
from facewatchd.core.tree.meant_faces import Candidate, joins, meant, meant_together, shown, unwanted
from facewatchd.core.tree.owners import Owner, Review, Suggestion
from facewatchd.core.tree.scope import with_unknown
from facewatchd.corrections.photo_faces import PhotoFaces
from facewatchd.corrections.records import (
    ChosenFace,
    Confirm,
    Correction,
    FirstHalf,
    FolderGesture,
    Found,
    Ignore,
    LinkGesture,
    Merge,
    PictureGesture,
    Reject,
    StopIgnoring,
)
from facewatchd.corrections.titles import person_of, photo_name
from facewatchd.domain import Face, PersonId, PhotoId, Pool
from facewatchd.store import Store


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What a gesture means.

    Attributes:
        correction: The correction; None where it means none.
        photos: The photos that it is about, if it is about links.
        owners: The owners of folders that have to be looked after in any case.
        told: What the user is told, as a sentence, where the gesture is put back.
        question: What the user is asked, where nothing is done before there is an answer.
        noted: What the log says.
        idle: Copies of links without a face that they may take: the photo, and the person or the folder that they came to.
    """

    correction: Correction | None = None
    photos: tuple[PhotoId, ...] = ()
    owners: frozenset[Owner] = frozenset()
    told: str = ""
    question: str = ""
    noted: str = ""
    idle: tuple[tuple[PhotoId, PersonId | bytes], ...] = ()


def moved(
    store: Store,
    photos: Sequence[PhotoId],
    source: Owner | None,
    to: Owner,
    first: FirstHalf | None = None,
    *,
    both: bool = False,
    allow_same_photo: bool = False,
) -> Decision:
    """
    Links went from one folder to another.

    Args:
        store: The state.
        photos: The photos.
        source: The owner of the folder that they were in; None for copies.
        to: The owner of the folder that they are in.
        first: See `LinkGesture`.
        both: See `Confirm`.
        allow_same_photo: See `Confirm`.
    """
    if to is Pool.IGNORED:
        return _ignored(store, photos, source, first)
    person = store.people.get(to) if isinstance(to, int) else None
    if person is None:
        return Decision()
    faces = PhotoFaces(store)
    medoids = faces.medoids(person.person_id)
    chosen: dict[PhotoId, Candidate] = {}
    idle: list[tuple[PhotoId, PersonId | bytes]] = []
    for photo_id in photos:
        candidates = faces.of(photo_id)
        face = meant(candidates, source, medoids, person.person_id)
        if face is not None and not (face.confirmed and face.person_id == person.person_id):
            chosen[photo_id] = face
        elif face is None and source is None and candidates:
            idle.append((photo_id, person.person_id))
    owners = with_unknown(person.person_id, source)
    if not chosen:
        return Decision(owners=owners, idle=tuple(idle))
    gesture = LinkGesture(tuple(chosen), source, person.person_id, first)
    theirs = tuple(_chosen(face, source) for face in chosen.values())
    confirm = Confirm(theirs, person.person_id, gesture, both=both, allow_same_photo=allow_same_photo)
    return Decision(confirm, gesture.photos, owners, idle=tuple(idle))


def joined(store: Store, photo_id: PhotoId, source: Owner, to: PersonId) -> Decision:
    """A link was put beside a person's own of the same photo, or over it: another face of the photo is theirs, too."""
    if joins(PhotoFaces(store).of(photo_id), source):
        return moved(store, [photo_id], source, to, both=True)
    # the link comes back
    name = photo_name(store, photo_id)
    return Decision(
        owners=with_unknown(source),
        noted=f"{name}: several faces are unknown, and nothing tells which one was meant",
    )


def deleted(store: Store, photos: Sequence[PhotoId], source: Owner) -> Decision:
    """Links of one folder were deleted."""
    match source:
        case Pool.UNKNOWN:
            return _ignored(store, photos, source)
        case Pool.IGNORED:
            return _not_ignored(store, photos)
        case _:
            return _rejected(store, photos, source)


def answered(
    store: Store, person_id: PersonId, photos: Sequence[PhotoId], to: Owner | None, *, allow_same_photo: bool
) -> Decision:
    """One answer for all photos of a review: who the faces are; None for not the person."""
    source = Review(person_id)
    if to is None:
        return _rejected(store, photos, source)
    return moved(store, photos, source, to, allow_same_photo=allow_same_photo)


def founded(store: Store, gesture: Founded, name: str, given_up: frozenset[PersonId]) -> Decision:
    """Links were put into a folder that the user made: the faces that are most alike are a new person's."""
    photos = dict(gesture.photos)
    faces = PhotoFaces(store)
    chosen = meant_together({photo: (faces.of(photo, gesture.faces), source) for photo, source in photos.items()})
    copies = [photo for photo, source in photos.items() if source is None and photo not in chosen]
    idle = tuple((photo, gesture.path) for photo in copies if store.faces.of_photo(photo))
    if not chosen:
        return Decision(idle=idle)
    theirs = tuple(_chosen(face, photos[photo]) for photo, face in chosen.items())
    found = Found(name, theirs, FolderGesture(), given_up)
    return Decision(found, tuple(chosen), with_unknown(*photos.values()), idle=idle)


def _rejected(store: Store, photos: Sequence[PhotoId], source: Owner) -> Decision:
    owners = with_unknown(source)
    person_id = person_of(source)
    person = store.people.get(person_id) if person_id is not None else None
    faces = PhotoFaces(store)
    theirs = {photo: [face.face_id for face in shown(faces.of(photo), source)] for photo in photos}
    about = tuple(photo for photo, some in theirs.items() if some)
    if person is None or not about:
        return Decision(owners=owners)
    ids = tuple(face for photo in about for face in theirs[photo])
    gesture = LinkGesture(about, source, None)
    reject = Reject(ids, person.person_id, gesture, whole_photo=isinstance(source, int))
    return Decision(reject, about, owners)


def _ignored(store: Store, photos: Sequence[PhotoId], source: Owner | None, first: FirstHalf | None = None) -> Decision:
    owners = with_unknown(source)
    faces = PhotoFaces(store)
    theirs = {photo: [face.face_id for face in unwanted(faces.of(photo), source)] for photo in photos}
    about = tuple(photo for photo, some in theirs.items() if some)
    if not about:
        return Decision(owners=owners)
    ids = tuple(face for photo in about for face in theirs[photo])
    gesture = LinkGesture(about, source, Pool.IGNORED, first)
    ignore = Ignore(ids, gesture, source if isinstance(source, int) else None)
    return Decision(ignore, about, owners)


def _not_ignored(store: Store, photos: Sequence[PhotoId]) -> Decision:
    ignored = {photo: faces for photo in photos if (faces := store.faces.ignored_in(photo))}
    if not ignored:
        return Decision(owners=with_unknown())
    ids = tuple(face for faces in ignored.values() for face in faces)
    about = tuple(ignored)
    return Decision(StopIgnoring(ids, LinkGesture(about, Pool.IGNORED, None)), about, with_unknown())


def _chosen(face: Candidate, source: Owner | None) -> ChosenFace:
    """The face, with the person that it was by the folder of its link, or, where that does not tell, by the state."""
    not_of = face.person_id if source is None or isinstance(source, Suggestion) else person_of(source)
    return ChosenFace(face.face_id, not_of, source if isinstance(source, int) else None)


# --- pictures of faces ----------------------------------------------------------------------------------------------


def pointed(store: Store, gesture: Pointed, *, allow_same_photo: bool) -> Decision:
    """Pictures of faces went from one folder to another, or were deleted. No other face of their photos is meant."""
    found = (store.faces.get(face_id) for _, face_id in gesture.faces)
    faces = [face for face in found if face is not None]
    decision = Decision(owners=with_unknown(gesture.source, gesture.to))
    if not faces:
        return decision
    if (pair := _two_in_one(gesture, faces)) is not None:
        return replace(decision, correction=Merge(*pair, FolderGesture(), allow_same_photo))
    if isinstance(gesture.to, int):
        return replace(decision, correction=_pictures_moved(store, gesture, faces, gesture.to, allow_same_photo))
    if gesture.to is Pool.IGNORED or gesture.source is Pool.UNKNOWN:
        ids = tuple(face.face_id for face in faces if not face.ignored)
        return replace(decision, correction=Ignore(ids, PictureGesture(gesture.source)) if ids else None)
    person_id = person_of(gesture.source)
    person = store.people.get(person_id) if person_id is not None else None
    if person is None:
        return decision
    ids = tuple(face.face_id for face in faces)
    return replace(decision, correction=Reject(ids, person.person_id, PictureGesture(gesture.source)))


def _two_in_one(gesture: Pointed, faces: Sequence[Face]) -> tuple[PersonId, PersonId] | None:
    """
    The cover of one of two people who may be one, put into the other's folder: who is merged into whom. None for anything else.
    """
    if not isinstance(gesture.source, Suggestion) or len(faces) != 1:
        return None
    pair = {gesture.source.one, gesture.source.other}
    person_id = faces[0].person_id
    if person_id is None or not isinstance(gesture.to, int) or {person_id, gesture.to} != pair:
        return None
    return person_id, gesture.to


def _pictures_moved(
    store: Store, gesture: Pointed, faces: Iterable[Face], to: PersonId, allow_same_photo: bool
) -> Confirm | None:
    person = store.people.get(to)
    if person is None:
        return None
    chosen = tuple(
        ChosenFace(face.face_id, _owner_before(gesture.source, face))
        for face in faces
        if _may_be(store, gesture.source, face, person.person_id)
    )
    source = PictureGesture(gesture.source)
    return Confirm(chosen, person.person_id, source, allow_same_photo=allow_same_photo) if chosen else None


def _may_be(store: Store, source: Owner | None, face: Face, person_id: PersonId) -> bool:
    """A copy takes nothing from somebody with a name, and no face that the user confirmed."""
    if face.confirmed and face.person_id == person_id:
        return False
    owner = store.people.get(face.person_id) if face.person_id not in {None, person_id} else None
    return source is not None or owner is None or not (face.confirmed or owner.name)


def _owner_before(source: Owner | None, face: Face) -> PersonId | None:
    person_id = person_of(source)
    return face.person_id if person_id is None else person_id
