"""
Files that are one photo (`core.intake.stacks`) are taken in, shown and counted once. The file that is shown has all the faces;
when another takes its place the faces go over to it, with their numbers and so with all that the user said of them.

A photo that stands for itself again is taken in like a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from facewatchd.core.intake.stacks import Member, first, is_same_photo, rank, shown_for
from facewatchd.core.matching.rematch import same_faces
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.tree.scope import Scope
from facewatchd.domain import Box, DateFinding, PhotoId, PhotoState, SamePhoto, SeenFile, TakenPhoto
from facewatchd.errors import displayable
from facewatchd.store import Store

log = logging.getLogger(__name__)

_THERE = frozenset({PhotoState.DONE, PhotoState.PENDING})
_AWAY = frozenset({PhotoState.MISSING, PhotoState.FAILED})
# pictures of one shot may be cropped by a hair; of other proportions the places of faces say nothing
_SAME_SHAPE = 0.02
_PER_TRANSACTION = 500


class AnyPicture:
    """Hashes of pictures that need not be decoded: all of them, as another file is shown."""

    def __contains__(self, _picture: object) -> bool:
        return True


def stand_in(store: Store, seen: SeenFile, date: DateFinding | None = None) -> PhotoId | None:
    """
    The photo that is shown instead of a file; None where it is to be taken in for itself.

    Args:
        store: The state.
        seen: The file.
        date: When it was taken; None where that is not known (yet).
    """
    if not rank(seen.path):
        return None
    others = store.stacks.beside(seen.root_id, seen.path)
    shown = [other.member for other in others if other.state in _THERE and other.shown_as is None]
    found = shown_for(Member(0, seen.path, date), shown)
    return found.photo_id if found is not None else None


def join(store: Store, same: SamePhoto, leader: PhotoId, thresholds: Thresholds) -> Scope:
    """
    A file whose picture was not looked at is shown as another.

    Returns:
        Whose folders change.
    """
    photo_id = store.photos.look_again(same.seen, same.date, same.beside)
    store.stacks.set_content(photo_id, same.content_hash)
    log.debug("%s is shown as %s", displayable(same.seen.path), displayable(store.photos.path_of(leader) or b"?"))
    scope = _absorb(store, leader, photo_id, thresholds)
    store.stacks.hide(photo_id, leader)
    return scope


def lead(store: Store, taken: TakenPhoto, thresholds: Thresholds) -> bool:
    """
    A photo has been taken in for itself and is about to be stored: it gets the faces of those files of its stack that it
    is shown for from now on, so that the new ones can be told to be the same; and the places of all are told in pixels of
    the size that it has now.

    Args:
        store: The state.
        taken: The photo.
        thresholds: What makes faces alike.

    Returns:
        Whether it has got any.
    """
    store.photos.wait(taken.seen)
    known = store.photos.find(taken.seen.root_id, taken.seen.path)
    assert known is not None
    photo_id = known.photo_id
    row = store.stacks.get(photo_id)
    assert row is not None
    me = Member(photo_id, taken.seen.path, taken.date)
    before = len(store.faces.of_photo(photo_id))
    former = store.stacks.get(row.shown_as) if row.shown_as is not None else None
    if former is not None and former.state in _AWAY:
        _absorb(store, photo_id, former.photo_id, thresholds)
    store.stacks.show(photo_id)
    for other in store.stacks.beside(row.root_id, me.path):
        shown = shown_for(other.member, [me])
        if shown is not None and other.shown_as is None and other.state is not PhotoState.MISSING:
            _absorb(store, photo_id, other.photo_id, thresholds)
            store.stacks.hide(other.photo_id, photo_id)
        elif shown is None and other.shown_as == photo_id and not is_same_photo(me, other.member):
            store.stacks.dismiss([other.photo_id])
    factor = _scale(store.stacks.size(photo_id), (taken.width, taken.height))
    if factor is not None and factor != 1:
        store.stacks.scale_faces(photo_id, factor)
    return len(store.faces.of_photo(photo_id)) > before


def meet(store: Store, photo_id: PhotoId, thresholds: Thresholds) -> Scope:
    """
    A photo that was taken in stands beside others now that were, too: the stack is shown by one of them.

    Returns:
        Whose folders change.
    """
    scope: Scope = set()
    for hidden, leader in _pairs(store, photo_id):
        scope |= _absorb(store, leader, hidden, thresholds)
        store.stacks.hide(hidden, leader)
    return scope


def meet_all(store: Store, thresholds: Thresholds) -> Iterator[int]:
    """
    The photos of a state that was made before there were stacks, once, a few at a time.

    Yields:
        How many photos have been looked at.
    """
    if store.stacks_are_told():
        return
    photos = store.stacks.candidates()
    for start in range(0, len(photos), _PER_TRANSACTION):
        with store.transaction():
            for photo_id in photos[start : start + _PER_TRANSACTION]:
                meet(store, photo_id, thresholds)
        yield min(start + _PER_TRANSACTION, len(photos))
    with store.transaction():
        store.tell_stacks()
    if hidden := store.stacks.count():
        log.info("%d photos are shown once now: a RAW or HEIC beside its JPEG", hidden)


def move(store: Store, photo_id: PhotoId, seen: SeenFile) -> None:
    """A photo is under another path now: it has left its stack, and may have come to another."""
    store.stacks.part(photo_id, seen)
    store.photos.move(photo_id, seen)
    # those that are not shown any more join when it is their turn
    store.stacks.dismiss(hidden for hidden, _ in _pairs(store, photo_id))


def _pairs(store: Store, photo_id: PhotoId) -> list[tuple[PhotoId, PhotoId]]:
    """Of the photos beside one that was taken in, and itself: which is not to be shown, and which is instead."""
    row = store.stacks.get(photo_id)
    if row is None or row.state is not PhotoState.DONE or row.shown_as is not None or rank(row.member.path) is None:
        return []
    others = [
        other.member
        for other in store.stacks.beside(row.root_id, row.member.path)
        if other.state is PhotoState.DONE and other.shown_as is None
    ]
    shown = shown_for(row.member, others)
    if shown is not None:
        return [(photo_id, shown.photo_id)]
    return [(other.photo_id, photo_id) for other in others if shown_for(other, [row.member]) is not None]


def leave(store: Store, photo_ids: Iterable[PhotoId]) -> Scope:
    """
    Photos are gone, or cannot be read any more: of each stack the next file takes the place and the faces, to be taken in
    for itself.

    Returns:
        Whose folders change.
    """
    scope: Scope = set()
    for photo_id in photo_ids:
        members = store.stacks.members(photo_id)
        heir = first(member.member for member in members if member.state not in _AWAY)
        if heir is None:
            continue
        store.stacks.dismiss(member.photo_id for member in members)
        if store.faces.of_photo(photo_id):
            _hand_over(store, photo_id, heir.photo_id)
            scope |= {*store.photos.people_in([heir.photo_id]), None}
    return scope


def stand_down(store: Store, seen: SeenFile) -> Scope:
    """The same for a file that could not be taken in."""
    known = store.photos.find(seen.root_id, seen.path)
    return leave(store, [known.photo_id]) if known is not None else set()


def _scale(size: tuple[int, int] | None, to: tuple[int, int] | None) -> float | None:
    """How much larger a picture is than another of the same shape; None for other shapes."""
    if size is None or to is None or abs(size[0] * to[1] / (size[1] * to[0]) - 1) > _SAME_SHAPE:
        return None
    return to[0] / size[0]


def _hand_over(store: Store, photo_id: PhotoId, heir: PhotoId) -> None:
    """The heir, which has no faces, gets a photo's with their places."""
    size = store.stacks.size(photo_id)
    if factor := _scale(size, store.stacks.size(heir)):
        store.stacks.scale_faces(photo_id, factor)
    else:
        # until it is taken in itself
        store.stacks.set_size(heir, size)
    store.stacks.hand_over(photo_id, heir)


def _absorb(store: Store, leader: PhotoId, photo_id: PhotoId, thresholds: Thresholds) -> Scope:
    """The leader gets a photo's faces, or where it has its own, what the user said of them."""
    theirs = store.faces.of_photo(photo_id)
    if not theirs:
        return set()
    ours = store.faces.of_photo(leader)
    scope: Scope = {*(face.person_id for face in (*theirs, *ours)), None}
    if not ours:
        _hand_over(store, photo_id, leader)
        return scope
    factor = _scale(store.stacks.size(photo_id), store.stacks.size(leader)) or 1.0
    model = store.model()
    model_id = model.id if model is not None else ""
    vectors = store.faces.embeddings([face.face_id for face in (*theirs, *ours)], model_id)
    likeness = [
        [
            float(vectors[face.face_id] @ vectors[own.face_id])
            if face.face_id in vectors and own.face_id in vectors
            else None
            for own in ours
        ]
        for face in theirs
    ]
    boxes = [Box(*(value * factor for value in (f.box.x, f.box.y, f.box.w, f.box.h))) for f in theirs]
    places = [(own.face_id, own.box) for own in ours]
    store.stacks.scale_faces(photo_id, factor)
    spoken_of = {word.face_id for word in store.people.constraints_on([face.face_id for face in theirs])}
    same = same_faces(places, boxes, likeness, thresholds.same, thresholds.assign)
    for face, own in zip(theirs, same, strict=True):
        if own is not None:
            store.stacks.inherit(face.face_id, own)
        elif face.face_id in spoken_of or face.ignored:
            store.stacks.give_face(face.face_id, leader)
    store.stacks.drop_faces(photo_id)
    return scope
