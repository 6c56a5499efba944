"""
Questions about photos that are not taken in: who is in it, and are two of them the same person.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from facewatchd.config import Config
from facewatchd.core.matching.assign import assign_photo, best_people, look
from facewatchd.domain import FaceEngine, FoundFace
from facewatchd.errors import FacewatchError
from facewatchd.operations.base import Read, Record, Text
from facewatchd.operations.context import Reading
from facewatchd.operations.paths import resolved
from facewatchd.photos.decoding.isolated import own_reader
from facewatchd.pipeline.grouping.thresholds import thresholds_for, thresholds_in_use
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces
from facewatchd.pipeline.intake.limits import decode_limits
from facewatchd.pipeline.models import open_installed, refuse_others
from facewatchd.pipeline.tree.pictures import read_picture
from facewatchd.store import Store
from facewatchd.watch.answering import refuse_silent


class IdentifyParameters(Record):
    """
    Attributes:
        photo: Path of a photo.
    """

    photo: Text


class IdentifiedFace(Record):
    """
    A face, and who it is.

    Attributes:
        x: Left edge of the box, pixels of the upright photo.
        y: Upper edge.
        w: Width.
        h: Height.
        score: How sure the detector is, 0..1.
        quality: How good the face is for grouping, 0..1.
        poor: Why it is not; empty where it is.
        person_id: Who it is; None where that is not sure enough.
        person: What they are called; empty where `person_id` is None.
        similarity: Cosine, to the nearest person; None where there is none.
        gap: How much less similar the next person is; None where there is none.
        nearest_id: The nearest person; None where there is none.
        nearest: What they are called; empty where `nearest_id` is None.
    """

    x: float
    y: float
    w: float
    h: float
    score: float
    quality: float
    poor: str
    person_id: int | None
    person: str
    similarity: float | None
    gap: float | None
    nearest_id: int | None
    nearest: str


class Identified(Record):
    """A photo by its real path, and its faces, best first."""

    photo: str
    faces: tuple[IdentifiedFace, ...]


class VerifyParameters(Record):
    """Paths of two photos."""

    photo_a: Text
    photo_b: Text


class Verified(Record):
    """
    Whether the largest faces of two photos are the same person's.

    Attributes:
        same: Whether they are.
        similarity: Cosine.
        threshold: From which they are.
        pack: The models that say so.
    """

    same: bool
    similarity: float
    threshold: float
    pack: str


def _identify(reading: Reading, parameters: IdentifyParameters) -> Identified:
    config, store = reading.config, reading.store
    stored = store.model()
    engine = open_installed(config, stored.pack if stored else None)
    refuse_others(stored, engine.info)
    index = store.medoids.gallery_index(engine.info.id, engine.info.dim)
    found = _faces(config, engine, parameters.photo)
    thresholds = thresholds_in_use(config, store, engine.info)
    entries = []
    if found:
        assignments = assign_photo(
            look(np.stack([face.embedding for face in found]), index),
            thresholds,
            [frozenset()] * len(found),
        )
        for face, assignment in zip(found, assignments, strict=True):
            nearest = best_people(face.embedding, index)[0]
            nearest_id = int(nearest[0]) if len(nearest) else None
            x, y, w, h = (round(float(getattr(face.detection.box, key)), 1) for key in "xywh")
            entries.append(
                IdentifiedFace(
                    x=x,
                    y=y,
                    w=w,
                    h=h,
                    score=round(float(face.detection.score), 4),
                    quality=round(face.quality.value, 4),
                    poor=face.quality.poor,
                    person_id=assignment.person_id,
                    person=_title(store, assignment.person_id),
                    similarity=_number(assignment.similarity),
                    gap=_number(assignment.gap),
                    nearest_id=nearest_id,
                    nearest=_title(store, nearest_id),
                )
            )
    (path,) = resolved([Path(parameters.photo)])
    return Identified(photo=path, faces=tuple(entries))


def _verify(reading: Reading, parameters: VerifyParameters) -> Verified:
    config, stored = reading.config, reading.known_model()
    engine = open_installed(config, stored.pack if stored else None)
    faces = []
    for photo in (parameters.photo_a, parameters.photo_b):
        found = _faces(config, engine, photo)
        if not found:
            raise FacewatchError("There is no face in the photo", "Choose one where a face can be seen well.", photo)
        faces.append(max(found, key=lambda face: face.detection.box.w * face.detection.box.h))
    similarity = float(faces[0].embedding @ faces[1].embedding)
    threshold = thresholds_for(config, engine.info.pack).same
    return Verified(
        same=similarity >= threshold,
        similarity=round(similarity, 4),
        threshold=threshold,
        pack=engine.info.pack,
    )


def _faces(config: Config, engine: FaceEngine, photo: str) -> tuple[FoundFace, ...]:
    refuse_silent(photo, "The photo cannot be read")
    settings = IngestSettings.of(config)
    with own_reader(decode_limits(config, engine.info.provider)) as reader:
        image = read_picture(os.fsencode(photo), reader)
        return find_faces(engine, image, settings.limits, in_tiles=settings.in_tiles)


def _title(store: Store, person_id: int | None) -> str:
    person = store.people.get(person_id) if person_id is not None else None
    return person.title if person is not None else ""


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


IDENTIFY = Read("identify", IdentifyParameters, Identified, _identify)
VERIFY = Read("verify", VerifyParameters, Verified, _verify)
