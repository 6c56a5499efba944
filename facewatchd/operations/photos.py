"""
Questions about photos that are not taken in: who is in them, and are two of them the same person.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facewatchd import __version__
from facewatchd.config import Config
from facewatchd.core.matching.assign import assign_photo, best_people, look
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.core.matching.verification import LEAST_CHANCE, chance_of_error
from facewatchd.domain import FaceEngine, FoundFace
from facewatchd.errors import FacewatchError, PhotoError, displayable
from facewatchd.operations.base import Read, Record, Text
from facewatchd.operations.context import Reading
from facewatchd.operations.paths import resolved
from facewatchd.photos.decoding.isolated import own_reader
from facewatchd.photos.decoding.read import PhotoReader
from facewatchd.pipeline.embedding_files import refuse_inputs, write_rows
from facewatchd.pipeline.grouping.thresholds import thresholds_for, thresholds_in_use
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces
from facewatchd.pipeline.intake.limits import decode_limits
from facewatchd.pipeline.models import open_installed, refuse_others
from facewatchd.pipeline.sorting.portraits import cache_of, largest_face, photos_below, portraits_in
from facewatchd.pipeline.tree.pictures import read_picture
from facewatchd.store import Store
from facewatchd.watch.answering import Answers, refuse_silent

LEAST_TOLD = LEAST_CHANCE
"""The smallest chance of error that `verify` tells."""


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


class IdentifyAllParameters(Record):
    """
    Attributes:
        paths: Photos, and folders with photos.
        csv: A file for a line per face; "-" for the standard output of this process, None for none.
        database: A folder of named portraits, see `pipeline.sorting.portraits`; None for the people of the state.
    """

    paths: tuple[Text, ...]
    csv: Text | None = None
    database: Text | None = None


class FailedPhoto(Record):
    """A photo that could not be read, or used, and why."""

    photo: str
    reason: str


class IdentifiedAll(Record):
    """
    Attributes:
        photos: In the order in which they were named, those of a folder by name.
        failed: Photos that could not be read.
        left_out: Portraits of the database without a face, or that cannot be read.
    """

    photos: tuple[Identified, ...]
    failed: tuple[FailedPhoto, ...]
    left_out: tuple[FailedPhoto, ...]


CSV_HEADER = (
    "photo", "person", "similarity", "gap", "x", "y", "w", "h", "score", "quality", "poor", "person_id", "nearest", "nearest_id",
)  # fmt: skip
"""Of the file for a line per face."""


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
        chance_of_error: How often this answer is wrong for pairs of this similarity, as measured; see
            `core.matching.verification.chance_of_error`.
        pack: The models that say so.
    """

    same: bool
    similarity: float
    threshold: float
    chance_of_error: float
    pack: str


@dataclass(frozen=True, slots=True)
class _Reader:
    """
    Reads photos that the user has named.

    Attributes:
        photos: Decodes them.
        answers: Tells whether their file systems answer.
    """

    photos: PhotoReader
    answers: Answers


@dataclass(frozen=True, slots=True)
class _People:
    """
    The people with whom faces are compared.

    Attributes:
        index: Their medoids, or portraits.
        title: What a person of the index is called.
        id_of: The id of a person of the index in the state; None where there is no state.
        thresholds: Which similarity is enough.
    """

    index: GalleryIndex
    title: Callable[[int], str]
    id_of: Callable[[int], int | None]
    thresholds: Thresholds


def _known(reading: Reading, engine: FaceEngine) -> _People:
    """The people of the state."""
    store, info = reading.store, engine.info
    thresholds = thresholds_in_use(reading.config, store, info)
    index = store.medoids.gallery_index(info.id, info.dim)
    return _People(index, lambda person: _title(store, person), lambda person: person, thresholds)


def _engine_of_state(reading: Reading) -> FaceEngine:
    stored = reading.store.model()
    engine = open_installed(reading.config, stored.pack if stored else None)
    refuse_others(stored, engine.info)
    return engine


def _identify(reading: Reading, parameters: IdentifyParameters) -> Identified:
    engine = _engine_of_state(reading)
    people = _known(reading, engine)
    with _reader(reading.config, engine) as reader:
        return _identified(reading.config, engine, reader, parameters.photo, people)


def _identify_all(reading: Reading, parameters: IdentifyAllParameters) -> IdentifiedAll:
    config, csv, database = reading.config, parameters.csv, parameters.database
    paths, is_one = _photos(parameters.paths)
    if csv is not None:
        refuse_inputs(csv, paths)
    left_out: tuple[tuple[bytes, str], ...] = ()
    if database is None:
        engine = _engine_of_state(reading)
    else:
        folder = _existing(database)
        engine = open_installed(config, reading.known_pack())
    found, failed = [], []
    with _reader(config, engine) as reader:
        if database is None:
            people = _known(reading, engine)
        else:
            embed = largest_face(engine, reader.photos, IngestSettings.of(config))
            portraits = portraits_in(folder, embed, cache_of(engine, __version__, os.environ))
            left_out = portraits.left_out
            thresholds = thresholds_for(config, engine.info.pack)
            people = _People(portraits.index, lambda person: portraits.names[person], lambda _: None, thresholds)
        for done, path in enumerate(paths, 1):
            try:
                found.append(_identified(config, engine, reader, path, people))
            except PhotoError as error:
                if is_one:
                    raise
                failed.append(FailedPhoto(photo=path, reason=f"{error.title}: {error.message}"))
            reading.progress(done, len(paths))
    if failed and not found:
        raise FacewatchError(
            "None of the photos can be read", f"{displayable(failed[0].photo)}: {failed[0].reason}", parameters.paths[0]
        )
    if csv is not None:
        rows = [_row(one.photo, face) for one in found for face in one.faces]
        write_rows(csv, [CSV_HEADER, *rows], "")
    return IdentifiedAll(
        photos=tuple(found),
        failed=tuple(failed),
        left_out=tuple(FailedPhoto(photo=os.fsdecode(path), reason=why) for path, why in left_out),
    )


def _photos(typed: Sequence[str]) -> tuple[list[str], bool]:
    """All photos that are meant, each once, and whether one file alone is."""
    found: list[str] = []
    for each in typed:
        path = _existing(each)
        found += map(os.fsdecode, photos_below(path)) if os.path.isdir(path) else [each]
    if not found:
        raise FacewatchError("There is no photo in the folder", "Name one with photos.", typed[0])
    return [*dict.fromkeys(found)], len(typed) == 1 and found[0] == typed[0]


def _existing(typed: str) -> bytes:
    """Absolute, without symbolic links."""
    refuse_silent(typed, "The photo cannot be read")
    (path,) = resolved([Path(typed)])
    return os.fsencode(path)


def _identified(config: Config, engine: FaceEngine, reader: _Reader, photo: str, people: _People) -> Identified:
    found = _faces(config, engine, reader, photo)
    entries = []
    if found:
        assignments = assign_photo(
            look(np.stack([face.embedding for face in found]), people.index),
            people.thresholds,
            [frozenset()] * len(found),
        )
        for face, assignment in zip(found, assignments, strict=True):
            nearest = best_people(face.embedding, people.index)[0]
            nearest_id = int(nearest[0]) if len(nearest) else None
            x, y, w, h = (round(float(getattr(face.detection.box, key)), 1) for key in "xywh")
            person = assignment.person_id
            entries.append(
                IdentifiedFace(
                    x=x,
                    y=y,
                    w=w,
                    h=h,
                    score=round(float(face.detection.score), 4),
                    quality=round(face.quality.value, 4),
                    poor=face.quality.poor,
                    person_id=None if person is None else people.id_of(person),
                    person="" if person is None else people.title(person),
                    similarity=_number(assignment.similarity),
                    gap=_number(assignment.gap),
                    nearest_id=None if nearest_id is None else people.id_of(nearest_id),
                    nearest="" if nearest_id is None else people.title(nearest_id),
                )
            )
    path = reader.answers.real_path(os.path.abspath(os.fsencode(photo)))
    return Identified(photo=os.fsdecode(path), faces=tuple(entries))


def _row(photo: str, face: IdentifiedFace) -> list[object]:
    values: dict[str, object] = {"photo": photo, **dict(face)}
    return ["" if values[column] is None else values[column] for column in CSV_HEADER]


def _verify(reading: Reading, parameters: VerifyParameters) -> Verified:
    config = reading.config
    engine = open_installed(config, reading.known_pack())
    faces = []
    with _reader(config, engine) as reader:
        for photo in (parameters.photo_a, parameters.photo_b):
            found = _faces(config, engine, reader, photo)
            if not found:
                raise FacewatchError(
                    "There is no face in the photo", "Choose one where a face can be seen well.", photo
                )
            faces.append(max(found, key=lambda face: face.detection.box.w * face.detection.box.h))
    similarity = float(faces[0].embedding @ faces[1].embedding)
    threshold = thresholds_for(config, engine.info.pack).same
    return Verified(
        same=similarity >= threshold,
        similarity=round(similarity, 4),
        threshold=threshold,
        chance_of_error=round(chance_of_error(engine.info.pack, similarity, threshold), 4),
        pack=engine.info.pack,
    )


@contextlib.contextmanager
def _reader(config: Config, engine: FaceEngine) -> Iterator[_Reader]:
    with contextlib.closing(Answers()) as answers, own_reader(decode_limits(config, engine.info.provider)) as reader:
        yield _Reader(reader, answers)


def _faces(config: Config, engine: FaceEngine, reader: _Reader, photo: str) -> tuple[FoundFace, ...]:
    refuse_silent(photo, "The photo cannot be read", reader.answers)
    settings = IngestSettings.of(config)
    image = read_picture(os.fsencode(photo), reader.photos)
    return find_faces(engine, image, settings.limits, in_tiles=settings.in_tiles)


def _title(store: Store, person_id: int) -> str:
    person = store.people.get(person_id)
    return person.title if person is not None else ""


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


IDENTIFY = Read("identify", IdentifyParameters, Identified, _identify)
IDENTIFY_ALL = Read("identify.all", IdentifyAllParameters, IdentifiedAll, _identify_all)
VERIFY = Read("verify", VerifyParameters, Verified, _verify)
