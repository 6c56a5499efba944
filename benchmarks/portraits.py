"""
The portraits of ../shared (or $FACEWATCHD_SHARED), a folder a person, as faces.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from figures import SHARED
from numpy.typing import NDArray

from facewatchd.config import Config
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.recluster import ReclusterSettings
from facewatchd.core.matching.thresholds import shipped_thresholds
from facewatchd.domain import Embeddings
from facewatchd.faces.packs import open_engine
from facewatchd.photos.decoding.decode import decode
from facewatchd.pipeline.grouping.regroup import regroup_settings
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces


@dataclass(frozen=True)
class Faces:
    """
    Faces of portraits, row by row.

    Attributes:
        photo: Number of the portrait.
        person: Name of the portrait's folder.
        central: Whether it is the portrait's own face; only those have a truth.
        good: Whether it is fit to be grouped; the others may join, and count as found by nobody where they do not.
    """

    embeddings: Embeddings
    photo: NDArray[np.int64]
    person: NDArray[np.str_]
    central: NDArray[np.bool_]
    good: NDArray[np.bool_]

    def only(self, rows: NDArray[np.bool_]) -> Faces:
        return Faces(self.embeddings[rows], self.photo[rows], self.person[rows], self.central[rows], self.good[rows])


def portraits(pack: str, cache: Path) -> Faces:
    """All faces of the portraits, by a pack; from the cache where they are in it."""
    kept = cache / f"{pack}.npz"
    if not kept.exists():
        print(f"embedding the portraits with {pack}, once ...", flush=True)
        name = str(SHARED / "models" / pack) if pack != "builtin" else pack
        engine = open_engine(name, cache, cache / "models", "cpu")
        limits = IngestSettings.of(Config()).limits
        rows: list[tuple[NDArray[np.float32], int, str, bool, bool]] = []
        for number, path in enumerate(sorted((SHARED / "photos" / "lfw-dev").glob("*/*.jpg"))):
            image = decode(path.read_bytes(), os.fsencode(path), 100).image
            height, width = image.shape[:2]
            found = find_faces(engine, image, limits)
            away = []
            for face in found:
                box = face.detection.box
                covers = box.x <= width / 2 <= box.x + box.w and box.y <= height / 2 <= box.y + box.h
                off = (box.x + box.w / 2 - width / 2) ** 2 + (box.y + box.h / 2 - height / 2) ** 2
                away.append(off if covers else np.inf)
            for at, face in enumerate(found):
                central = bool(np.isfinite(away[at])) and at == int(np.argmin(away))
                rows.append((face.embedding, number, path.parent.name, central, not face.quality.poor))
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        np.savez(kept, embeddings=columns[0], photo=columns[1], person=columns[2], central=columns[3], good=columns[4])
    with np.load(kept) as stored:
        return Faces(*(stored[name] for name in ("embeddings", "photo", "person", "central", "good")))


def settings_of(pack: str) -> ReclusterSettings:
    config = Config.model_validate({"people": {"min_faces": 2}})
    return regroup_settings(config, shipped_thresholds(pack))


def free(photos: NDArray[np.int64]) -> Ties:
    return Ties(photos, [None] * len(photos), [frozenset()] * len(photos))
