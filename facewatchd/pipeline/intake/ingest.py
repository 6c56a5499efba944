"""
One photo in: `take_in` reads, decodes, finds and embeds (in any worker thread); `keep` stores the result and assigns its
faces (in the thread that owns the state).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import numpy as np

from facewatchd.config import Config
from facewatchd.core.dates.rules import DateRules
from facewatchd.core.intake.quality import QualityLimits, judge
from facewatchd.core.intake.tiles import is_worth_it
from facewatchd.core.matching.assign import assign_photo, look
from facewatchd.core.matching.rematch import same_faces
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.tree.scope import InPool, Scope
from facewatchd.domain import (
    Assignment,
    Box,
    ConstraintKind,
    Detection,
    FaceEngine,
    FaceId,
    FoundFace,
    Image,
    PersonId,
    PhotoId,
    Root,
    RootId,
    SamePhoto,
    SeenFile,
    TakenPhoto,
)
from facewatchd.errors import PhotoBusyError, PhotoCrashError, PhotoError, PhotoRefusedError, PhotoTroubleError
from facewatchd.photos.decoding.picture import Decoded
from facewatchd.photos.decoding.read import PhotoReader
from facewatchd.pipeline.dates.look import rules_of
from facewatchd.pipeline.intake.discover import is_gone_from, the_same_photo
from facewatchd.pipeline.intake.look import look_for_faces
from facewatchd.pipeline.intake.stacks import AnyPicture, join, lead, meet, move, stand_in
from facewatchd.store import Store

_ENOUGH = 3000
"""
How many pixels of a photo's longer side are decoded at first. At 12 megapixels (4000 pixels) the whole costs 36 ms and the
half 30, so that it pays only where fewer than one photo in six has a face too small for it; from 24 megapixels on (the
half has 3000 pixels) the whole costs twice as much as 12, takes 72 MB, and seldom has a face that needs it.
"""

_NOBODY: Mapping[bytes, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """
    Attributes:
        limits: What makes a face poor.
        timezone: Of moments known in UTC only; None for the machine's.
        rules: The user's word about dates; None where dates are not to be looked at.
        in_tiles: See `faces.tiles`.
    """

    limits: QualityLimits
    timezone: ZoneInfo | None
    rules: DateRules | None
    in_tiles: bool = False

    @classmethod
    def of(cls, config: Config) -> IngestSettings:
        faces = config.faces
        return cls(
            QualityLimits(faces.min_score, faces.min_size, faces.min_sharpness, faces.max_turn),
            ZoneInfo(config.dates.timezone) if config.dates.timezone else None,
            rules_of(config) if config.dates.mode != "off" else None,
            faces.tiles == "auto",
        )


def find_faces(
    engine: FaceEngine, image: Image, limits: QualityLimits, *, in_tiles: bool = False
) -> tuple[FoundFace, ...]:
    """All faces of an upright image, judged and embedded; `in_tiles` as in `look_for_faces`."""
    return _judged(engine, look_for_faces(engine, image, in_tiles=in_tiles), image, (1, 1), limits)


def find_faces_in(
    engine: FaceEngine,
    decoded: Decoded,
    larger: Callable[[int], Decoded],
    limits: QualityLimits,
    *,
    in_tiles: bool = False,
) -> tuple[FoundFace, ...]:
    """
    All faces of a photo, judged and embedded, in pixels of the photo.

    Args:
        engine: The models.
        decoded: The photo, perhaps reduced. Where a face has fewer pixels in it than the recogniser takes, all of its
            photo's are cut from a larger one.
        larger: Decodes the photo again, with so many pixels of its longer side or more.
        limits: What makes a face poor.
        in_tiles: As in `look_for_faces`; a photo that is looked at in tiles is looked at in full.
    """
    if decoded.reduction == 1:
        return find_faces(engine, decoded.image, limits, in_tiles=in_tiles)
    found = engine.detect(decoded.image)
    wanted = max((engine.magnification(detection.landmarks) for detection in found), default=0.0)
    across, down = _scale(decoded)
    detections = [
        Detection(
            Box(face.box.x / across, face.box.y / down, face.box.w / across, face.box.h / down),
            np.asarray(face.landmarks / (across, down), np.float32),
            face.score,
        )
        for face in found
    ]
    if in_tiles and is_worth_it(detections, decoded.width, decoded.height):
        return find_faces(engine, larger(max(decoded.width, decoded.height)).image, limits, in_tiles=True)
    if wanted > 1:
        decoded = larger(math.ceil(max(decoded.image.shape) * wanted))
    return _judged(engine, detections, decoded.image, _scale(decoded), limits)


def _scale(decoded: Decoded) -> tuple[float, float]:
    """Pixels of the image per pixel of the photo, in x and in y."""
    height, width = decoded.image.shape[:2]
    return width / decoded.width, height / decoded.height


def _judged(
    engine: FaceEngine,
    detections: Sequence[Detection],
    image: Image,
    scale: tuple[float, float],
    limits: QualityLimits,
) -> tuple[FoundFace, ...]:
    """Faces given in pixels of the photo, of which the image has `scale` per pixel, in x and in y."""
    chips = [engine.align(image, np.asarray(detection.landmarks * scale, np.float32)) for detection in detections]
    embeddings = engine.embed(chips)
    return tuple(
        FoundFace(detection, judge(detection, chip, limits), embedding)
        for detection, chip, embedding in zip(detections, chips, embeddings, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Either:
    """What is in one or the other."""

    one: Container[bytes]
    other: Container[bytes]

    def __contains__(self, content_hash: object) -> bool:
        return content_hash in self.one or content_hash in self.other


def take_in(
    seen: SeenFile,
    root: Root,
    reader: PhotoReader,
    engine: FaceEngine,
    settings: IngestSettings,
    now: float,
    known: Container[bytes] = frozenset(),
    refused: Mapping[bytes, str] = _NOBODY,
) -> TakenPhoto | SamePhoto:
    """
    Find out everything about a photo.

    Args:
        seen: The file.
        root: Where it is.
        reader: Who reads it.
        engine: The models.
        settings: See there.
        now: Seconds since 1970.
        known: Content hashes of the pictures that this one may be: what was under this path, and what is gone from
            elsewhere. Their faces need not be looked for again.
        refused: Content hashes of pictures that are not to be decoded, and why.

    Raises:
        PhotoBusyError: It vanished or is being changed; it may be taken in later.
        PhotoError: It cannot be taken in.
    """
    path = os.path.join(root.path, seen.path)
    read = reader.read(path, seen.stat, _Either(known, refused), _ENOUGH)
    if read.content_hash in refused:
        raise PhotoRefusedError("The photo ends its decoder", refused[read.content_hash], path)
    rules, evidence = settings.rules, read.evidence(seen.path)
    date = rules.finding(evidence, now, settings.timezone) if rules is not None else None
    if read.decoded is None:
        return SamePhoto(seen, read.content_hash, date, read.beside)

    def larger(enough: int) -> Decoded:
        again = reader.read(path, seen.stat, enough=enough)
        if again.decoded is None or again.content_hash != read.content_hash:
            raise PhotoBusyError("The photo cannot be read yet", "It is being changed.", path)
        return again.decoded

    return TakenPhoto(
        seen=seen,
        content_hash=read.content_hash,
        width=read.decoded.width,
        height=read.decoded.height,
        date=date,
        faces=find_faces_in(engine, read.decoded, larger, settings.limits, in_tiles=settings.in_tiles),
        beside=read.beside,
    )


def keep(
    store: Store,
    taken: TakenPhoto,
    model_id: str,
    dim: int,
    thresholds: Thresholds,
    away: Container[RootId] = (),
) -> Scope:
    """
    Store a photo just taken in and assign its faces, all in one transaction. Nothing is touched in the roots that are `away`.

    Returns:
        Whose folders change by it.
    """
    with store.transaction():
        before = store.photos.find(taken.seen.root_id, taken.seen.path)
        _recognise_moved(store, taken.seen, taken.content_hash, away)
        is_same_picture = store.photos.find_content(taken.seen) == taken.content_hash
        has_more = lead(store, taken, thresholds)
        photo_id = store.photos.take(taken, model_id)
        stored = store.faces.of_photo(photo_id)
        scope: Scope = {face.person_id for face in stored if face.person_id is not None}
        same_as = _same_as(store, photo_id, taken, model_id, thresholds)
        # what the user said of a face in this picture holds, even if the models of today do not see it
        spoken_of = {word.face_id for word in store.people.constraints_on([face.face_id for face in stored])}
        spoken_of |= set(store.faces.ignored_in(photo_id))
        kept = spoken_of if is_same_picture or has_more else set[FaceId]()
        ids = store.faces.replace(photo_id, taken.faces, same_as, model_id, kept)
        owners = {face.face_id: face.person_id for face in stored}
        ignored = {face.face_id for face in stored if face.ignored}
        # a face that is the same stays whose it is: reclustering, not a new glance, may change that
        new = [at for at, old in enumerate(same_as) if old is None or (owners[old] is None and old not in ignored)]
        good = [at for at in new if not taken.faces[at].quality.poor]
        sure = {face.face_id for face in stored if face.confirmed}
        # ... unless it has become unfit, which only the user's word outweighs; who was unfit before may have joined
        fit = {face.face_id for face in stored if not face.poor}
        poor = {face for at, face in enumerate(ids) if taken.faces[at].quality.poor}
        spoilt = sorted(fit & poor)
        store.medoids.remove_faces(spoilt)
        unfit = [face for face in spoilt if face not in sure]
        store.faces.give(unfit, None)
        staying = [owners[old] for old in same_as if old is not None and old not in unfit]
        settled = frozenset(person for person in staying if person is not None)
        assigned = _assign(store, [ids[at] for at in good], taken, good, settled, model_id, dim, thresholds)
        store.faces.assign(assigned)
        now = store.faces.of_photo(photo_id)
        scope |= {face.person_id for face in now if face.person_id is not None}
        if stored or now:
            scope.add(InPool(photo_id))
        if has_more or (before is not None and before.photo_id != photo_id):
            # another photo had these faces, or this path
            scope.add(None)
        scope |= meet(store, photo_id, thresholds)
    return scope


def fail(store: Store, seen: SeenFile, error: PhotoError, now: float) -> None:
    """Store that a photo could not be taken in, and why; a picture that ended its decoder is left alone from now on."""
    if isinstance(error, PhotoCrashError):
        store.quarantine.add(error.content_hash, error.message, now)
    passing = isinstance(error, PhotoBusyError | PhotoTroubleError)
    store.photos.fail(seen, f"{error.title}: {error.message}", now, passing=passing)


@dataclass(frozen=True, slots=True)
class KnownPictures:
    """
    The pictures that a file may be again. Asked in any thread: the state is read through a connection of its own, which takes
    a fraction of a millisecond, where all hashes of an archive that moved would take seconds.

    Attributes:
        state_dir: Of the state.
        model_id: Only pictures that these models saw.
        here: The picture last seen under the file's path.
    """

    state_dir: Path
    model_id: str
    here: bytes | None

    def __contains__(self, content_hash: object) -> bool:
        if content_hash == self.here:
            return True
        assert isinstance(content_hash, bytes)
        with Store(self.state_dir, read_only=True) as store:
            return store.photos.is_gone_picture(content_hash, self.model_id)


def known_contents(store: Store, seen: SeenFile, model_id: str) -> Container[bytes]:
    """The pictures that a file may be again; see `take_in`. Any, where another file is shown instead."""
    if stand_in(store, seen) is not None:
        return AnyPicture()
    return KnownPictures(store.path.parent, model_id, store.photos.content_of(seen.root_id, seen.path, model_id))


def keep_same(store: Store, same: SamePhoto, thresholds: Thresholds, away: Container[RootId] = ()) -> Scope | None:
    """
    Store that a picture known already is (also, or again) in this file. Nothing is touched in the roots that are `away`.

    Returns:
        Whose folders change; None where the picture has turned up elsewhere in the meantime, or no other file is shown
        instead any more, so that this file has to be taken in for itself.
    """
    with store.transaction():
        _recognise_moved(store, same.seen, same.content_hash, away)
        leader = stand_in(store, same.seen, same.date)
        if leader is not None:
            return join(store, same, leader, thresholds)
        if store.photos.find_content(same.seen) != same.content_hash or not store.stacks.is_embedded(same.seen):
            return None
        photo_id = store.photos.look_again(same.seen, same.date, same.beside)
        return {*store.photos.people_in([photo_id]), None}


def _recognise_moved(store: Store, seen: SeenFile, content_hash: bytes, away: Container[RootId]) -> None:
    """A photo that appears where another with the same picture has gone is that photo: it keeps faces and names."""
    placed = store.photos.same_content(content_hash)
    if any((photo.root_id, photo.path) == (seen.root_id, seen.path) for photo in placed):
        return
    moved = the_same_photo((photo for photo in placed if is_gone_from(store, photo, away)), seen.path)
    if moved is not None:
        move(store, moved.photo.photo_id, seen)


def _same_as(
    store: Store, photo_id: PhotoId, taken: TakenPhoto, model_id: str, thresholds: Thresholds
) -> list[FaceId | None]:
    stored = store.faces.of_photo(photo_id)
    before = store.faces.embeddings([face.face_id for face in stored], model_id)
    likeness = [
        [float(before[face.face_id] @ found.embedding) if face.face_id in before else None for face in stored]
        for found in taken.faces
    ]
    boxes = [found.detection.box for found in taken.faces]
    places = [(face.face_id, face.box) for face in stored]
    return same_faces(places, boxes, likeness, thresholds.same, thresholds.assign)


def _assign(
    store: Store,
    face_ids: list[FaceId],
    taken: TakenPhoto,
    at: list[int],
    in_photo: frozenset[PersonId],
    model_id: str,
    dim: int,
    thresholds: Thresholds,
) -> dict[FaceId, Assignment]:
    if not face_ids:
        return {}
    index = store.medoids.gallery_index(model_id, dim)
    said = store.people.constraints_on(face_ids)
    refused = [
        frozenset(word.person_id for word in said if word.face_id == face and word.kind is ConstraintKind.CANNOT_BE)
        for face in face_ids
    ]
    embeddings = np.stack([taken.faces[number].embedding for number in at])
    assignments = assign_photo(look(embeddings, index), thresholds, refused, in_photo)
    return dict(zip(face_ids, assignments, strict=True))
