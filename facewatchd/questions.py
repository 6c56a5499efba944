"""
Questions about photos that are not taken in: who is in it, and are two of them the same person.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from facewatchd.config import Config
from facewatchd.core.matching.assign import assign_photo, best_people, look
from facewatchd.domain import FaceEngine, FoundFace
from facewatchd.errors import FacewatchError
from facewatchd.photos.decoding.read import PlainReader
from facewatchd.pipeline.grouping.thresholds import thresholds_for, thresholds_in_use
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces
from facewatchd.pipeline.models import open_installed, refuse_others
from facewatchd.pipeline.tree.pictures import read_picture
from facewatchd.store import Store


def identify(config: Config, photo: Path) -> dict[str, Any]:
    """
    Who is in a photo.

    Returns:
        `photo` and `faces`, best first: `x`, `y`, `w`, `h` in pixels of the upright photo, `score`, `quality`, `poor`;
        `person_id` and `person` (None and empty where nobody is sure), `similarity` and `gap` to whoever is nearest,
        who is `nearest_id` and `nearest`.

    Raises:
        FacewatchError: There is no state, or the photo cannot be read.
    """
    with Store(config.state.dir, read_only=True) as store:
        stored = store.model()
        engine = open_installed(config, stored.pack if stored else None)
        refuse_others(stored, engine.info)
        index = store.medoids.gallery_index(engine.info.id, engine.info.dim)
        found = _faces(config, engine, photo)
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
                box = face.detection.box
                entries.append(
                    {
                        **{key: round(float(getattr(box, key)), 1) for key in "xywh"},
                        "score": round(float(face.detection.score), 4),
                        "quality": round(face.quality.value, 4),
                        "poor": face.quality.poor,
                        "person_id": assignment.person_id,
                        "person": _title(store, assignment.person_id),
                        "similarity": _number(assignment.similarity),
                        "gap": _number(assignment.gap),
                        "nearest_id": nearest_id,
                        "nearest": _title(store, nearest_id),
                    }
                )
    return {"photo": os.fsdecode(os.path.realpath(photo)), "faces": entries}


def compare(config: Config, photo_a: Path, photo_b: Path) -> dict[str, Any]:
    """
    Whether the largest faces of two photos are the same person's; needs no state.

    Returns:
        `same`, `similarity`, `threshold`, and the model's `pack`.

    Raises:
        FacewatchError: A photo cannot be read, or there is no face in it.
    """
    stored = None
    if os.path.exists(config.state.dir / "facewatchd.sqlite"):
        with Store(config.state.dir, read_only=True) as store:
            stored = store.model()
    engine = open_installed(config, stored.pack if stored else None)
    faces = []
    for photo in (photo_a, photo_b):
        found = _faces(config, engine, photo)
        if not found:
            raise FacewatchError("There is no face in the photo", "Choose one where a face can be seen well.", photo)
        faces.append(max(found, key=lambda face: face.detection.box.w * face.detection.box.h))
    similarity = float(faces[0].embedding @ faces[1].embedding)
    threshold = thresholds_for(config, engine.info.pack).same
    return {
        "same": similarity >= threshold,
        "similarity": round(similarity, 4),
        "threshold": threshold,
        "pack": engine.info.pack,
    }


def _faces(config: Config, engine: FaceEngine, photo: Path) -> tuple[FoundFace, ...]:
    image = read_picture(os.fsencode(photo), PlainReader(config.ingest.max_megapixels))
    settings = IngestSettings.of(config)
    return find_faces(engine, image, settings.limits, in_tiles=settings.in_tiles)


def _title(store: Store, person_id: int | None) -> str:
    person = store.people.get(person_id) if person_id is not None else None
    return person.title if person is not None else ""


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
