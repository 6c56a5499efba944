"""
One photo in: `take_in` reads, decodes, finds and embeds (in any worker thread); `keep` stores the result and assigns its
faces (in the thread that owns the state).
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np

from facewatchd.config import Config
from facewatchd.core.assign import assign_photo
from facewatchd.core.date_rules import DateRules
from facewatchd.core.quality import QualityLimits, judge
from facewatchd.core.rematch import same_faces
from facewatchd.core.thresholds import Thresholds, shipped_thresholds
from facewatchd.domain import (
    Assignment,
    ConstraintKind,
    FaceEngine,
    FaceId,
    FoundFace,
    Image,
    PersonId,
    PhotoId,
    Root,
    SamePhoto,
    SeenFile,
    TakenPhoto,
)
from facewatchd.photos.read import read_photo
from facewatchd.pipeline.dates import rules_of
from facewatchd.pipeline.discover import is_gone_from
from facewatchd.pipeline.look import look_for_faces
from facewatchd.pipeline.materialize import InPool, Scope
from facewatchd.pipeline.stacks import AnyPicture, join, lead, meet, move, stand_in
from facewatchd.store import Store


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """
    Attributes:
        limits: What makes a face poor.
        max_megapixels: Larger photos are refused.
        timezone: Of moments known in UTC only; None for the machine's.
        rules: The user's word about dates; None where dates are not to be looked at.
        in_tiles: See `faces.tiles`.
    """

    limits: QualityLimits
    max_megapixels: float
    timezone: ZoneInfo | None
    rules: DateRules | None
    in_tiles: bool = False

    @classmethod
    def of(cls, config: Config) -> IngestSettings:
        faces = config.faces
        return cls(
            QualityLimits(faces.min_score, faces.min_size, faces.min_sharpness, faces.max_turn),
            config.ingest.max_megapixels,
            ZoneInfo(config.dates.timezone) if config.dates.timezone else None,
            rules_of(config) if config.dates.mode != "off" else None,
            faces.tiles == "auto",
        )


def thresholds_for(config: Config, pack: str) -> Thresholds:
    """The thresholds of a pack, the user's where the configuration sets any."""
    shipped = shipped_thresholds(pack)
    assign, recluster = config.assign, config.recluster
    return replace(
        shipped,
        assign=shipped.assign if assign.threshold is None else assign.threshold,
        margin=shipped.margin if assign.margin is None else assign.margin,
        link=shipped.link if recluster.threshold is None else recluster.threshold,
        # whoever joins what is less alike means looser groups
        coherent=shipped.coherent
        if recluster.threshold is None
        else shipped.coherent - max(shipped.link - recluster.threshold, 0),
        # what the user sets is meant as it is; what is shipped follows the archive
        strangers=shipped.strangers if recluster.threshold is None else None,
        allow_same_photo=config.people.allow_same_photo,
    )


def find_faces(
    engine: FaceEngine, image: Image, limits: QualityLimits, *, in_tiles: bool = False
) -> tuple[FoundFace, ...]:
    """All faces of an upright image, judged and embedded; `in_tiles` as in `look_for_faces`."""
    detections = look_for_faces(engine, image, in_tiles=in_tiles)
    chips = [engine.align(image, detection.landmarks) for detection in detections]
    embeddings = engine.embed(chips)
    return tuple(
        FoundFace(detection, judge(detection, chip, limits), embedding)
        for detection, chip, embedding in zip(detections, chips, embeddings, strict=True)
    )


def take_in(
    seen: SeenFile,
    root: Root,
    engine: FaceEngine,
    settings: IngestSettings,
    now: float,
    known: Container[bytes] = frozenset(),
) -> TakenPhoto | SamePhoto:
    """
    Find out everything about a photo.

    Args:
        seen: The file.
        root: Where it is.
        engine: The models.
        settings: See there.
        now: Seconds since 1970.
        known: Content hashes of the pictures that this one may be: what was under this path, and what is gone from
            elsewhere. Their faces need not be looked for again.

    Raises:
        PhotoBusyError: It vanished or is being changed; it may be taken in later.
        PhotoError: It cannot be taken in.
    """
    read = read_photo(os.path.join(root.path, seen.path), seen.stat, settings.max_megapixels, known)
    rules, evidence = settings.rules, read.evidence(seen.path)
    date = rules.finding(evidence, now, settings.timezone) if rules is not None else None
    if read.decoded is None:
        return SamePhoto(seen, read.content_hash, date, read.beside)
    image = read.decoded.image
    height, width = image.shape[:2]
    return TakenPhoto(
        seen=seen,
        content_hash=read.content_hash,
        width=width,
        height=height,
        date=date,
        faces=find_faces(engine, image, settings.limits, in_tiles=settings.in_tiles),
        beside=read.beside,
    )


def keep(store: Store, taken: TakenPhoto, model_id: str, dim: int, thresholds: Thresholds) -> Scope:
    """
    Store a photo just taken in and assign its faces, all in one transaction.

    Returns:
        Whose folders change by it.
    """
    with store.transaction():
        before = store.photos.find(taken.seen.root_id, taken.seen.path)
        _recognise_moved(store, taken.seen, taken.content_hash)
        is_same_picture = store.photos.find_content(taken.seen) == taken.content_hash
        has_more = lead(store, taken, thresholds)
        photo_id = store.photos.take(taken, model_id)
        stored = store.faces.of_photo(photo_id)
        scope: Scope = {face.person_id for face in stored if face.person_id is not None}
        same_as = _same_as(store, photo_id, taken, model_id, thresholds)
        # what the user said of a face in this picture holds, even if the models of today do not see it
        spoken_of = {word.face_id for word in store.people.constraints_on([face.face_id for face in stored])}
        kept = spoken_of if is_same_picture or has_more else set[FaceId]()
        ids = store.faces.replace(photo_id, taken.faces, same_as, model_id, kept)
        owners = {face.face_id: face.person_id for face in stored}
        ignored = {face.face_id for face in stored if face.ignored}
        # a face that is the same stays whose it is: reclustering, not a new glance, may change that
        new = [at for at, old in enumerate(same_as) if old is None or (owners[old] is None and old not in ignored)]
        good = [at for at in new if not taken.faces[at].quality.poor]
        sure = {face.face_id for face in stored if face.confirmed}
        # ... unless it is unfit by now; that only the user's word outweighs
        unfit = [
            ids[at]
            for at, old in enumerate(same_as)
            if taken.faces[at].quality.poor and old is not None and old not in sure
        ]
        store.faces.give(unfit, None)
        staying = [owners[old] for old in same_as if old is not None and old not in unfit]
        settled = frozenset(person for person in staying if person is not None)
        assigned = _assign(store, [ids[at] for at in good], taken, good, settled, model_id, dim, thresholds)
        store.faces.assign(assigned)
        now = store.faces.of_photo(photo_id)
        scope |= {face.person_id for face in now if not face.poor and face.person_id is not None}
        if stored or now:
            scope.add(InPool(photo_id))
        if has_more or (before is not None and before.photo_id != photo_id):
            # another photo had these faces, or this path
            scope.add(None)
        scope |= meet(store, photo_id, thresholds)
    return scope


def known_contents(store: Store, seen: SeenFile, model_id: str) -> frozenset[bytes]:
    """The pictures that a file may be again; see `take_in`. Any, where another file is shown instead."""
    if stand_in(store, seen) is not None:
        return AnyPicture()
    here = store.photos.content_of(seen.root_id, seen.path, model_id)
    gone = store.photos.gone_contents(model_id)
    return gone if here is None else gone | {here}


def keep_same(store: Store, same: SamePhoto, thresholds: Thresholds) -> Scope | None:
    """
    Store that a picture known already is (also, or again) in this file.

    Returns:
        Whose folders change; None where the picture has turned up elsewhere in the meantime, or no other file is shown
        instead any more, so that this file has to be taken in for itself.
    """
    with store.transaction():
        _recognise_moved(store, same.seen, same.content_hash)
        leader = stand_in(store, same.seen, same.date)
        if leader is not None:
            return join(store, same, leader, thresholds)
        if store.photos.find_content(same.seen) != same.content_hash or not store.stacks.is_embedded(same.seen):
            return None
        photo_id = store.photos.look_again(same.seen, same.date, same.beside)
        return {*store.photos.people_in([photo_id]), None}


def _recognise_moved(store: Store, seen: SeenFile, content_hash: bytes) -> None:
    """A photo that appears where another with the same picture has gone is that photo: it keeps faces and names."""
    placed = store.photos.same_content(content_hash)
    if any((photo.root_id, photo.path) == (seen.root_id, seen.path) for photo in placed):
        return
    for photo in placed:
        if is_gone_from(store, photo):
            move(store, photo.photo.photo_id, seen)
            return


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
    gallery = store.people.gallery(model_id, dim)
    said = store.people.constraints_on(face_ids)
    refused = [
        frozenset(word.person_id for word in said if word.face_id == face and word.kind is ConstraintKind.CANNOT_BE)
        for face in face_ids
    ]
    embeddings = np.stack([taken.faces[number].embedding for number in at])
    apart = not thresholds.allow_same_photo
    taken_by = in_photo if apart else frozenset[PersonId]()
    assignments = assign_photo(
        embeddings, gallery, thresholds.assign, thresholds.margin, refused, taken_by, thresholds.review, apart=apart
    )
    return dict(zip(face_ids, assignments, strict=True))
