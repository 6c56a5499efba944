"""
Photos put into a folder per person, once: the daemon's own run on a state that is thrown away. And embeddings of a file in groups.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from facewatchd.config import Config, DatesConfig, PeopleConfig, ReclusterConfig, StateConfig
from facewatchd.core.evaluation.validation import directions
from facewatchd.core.tree.sorted_folders import USUAL_NAMES, names_problem, placed
from facewatchd.errors import FacewatchError, InterruptedRunError
from facewatchd.operations.base import Read, Record, Text
from facewatchd.operations.context import Reading
from facewatchd.operations.photos import FailedPhoto
from facewatchd.photos.decoding.isolated import own_reader
from facewatchd.pipeline.embedding_files import read_embeddings
from facewatchd.pipeline.intake.limits import decode_limits
from facewatchd.pipeline.models import cache_dir, installed_choice, stored_model
from facewatchd.pipeline.sorting.destination import Way, opened
from facewatchd.pipeline.sorting.groups import Groups, grouped, groups_in
from facewatchd.pipeline.tree.pictures import cut_faces
from facewatchd.store import PersonFace, Store
from facewatchd.watch.answering import refuse_silent

Algorithm = Literal["ours", "average_linkage", "hdbscan", "dbscan", "chinese_whispers"]
Rounds = Annotated[int, Field(ge=1, le=10_000)]
Fewest = Annotated[int, Field(ge=2, le=1_000_000)]
Similarity = Annotated[float, Field(ge=-1, le=1)]

ROUNDS = 50
"""Of chinese whispers, where the user says nothing."""

# --- photos


class SortParameters(Record):
    """
    Attributes:
        source: A folder with photos.
        destination: The folder to fill.
        way: What stands for a photo there, see `pipeline.sorting.destination.Way`.
        algorithm: One of `core.evaluation.scores.ALGORITHMS`.
        threshold: The least similarity; None for that of the models.
        min_faces: The smallest group; None for `people.min_faces`.
        rounds: Of chinese whispers.
        names: How the folders are called, with `{n}` for the number.
    """

    source: Text
    destination: Text
    way: Literal["copy", "link", "hardlink", "crops"] = "copy"
    algorithm: Algorithm = "ours"
    threshold: Similarity | None = None
    min_faces: Fewest | None = None
    rounds: Rounds = ROUNDS
    names: Text = USUAL_NAMES


class SortedFolder(Record):
    """A folder, and how many photos and faces of the person it stands for."""

    folder: str
    photos: int
    faces: int


class Sorted(Record):
    """
    What came of sorting.

    Attributes:
        photos: How many photos there are.
        faces: How many faces in them are fit to be grouped.
        folders: A folder for each person, the one with most photos first.
        unknown: Photos with a face of no group, which are in `_unknown`.
        without: Photos with no face that can be grouped; they are in no folder.
        failed: Photos that could not be read.
        made: Files that were made.
        kept: Files that were there already.
        removed: Files of an earlier run that are not wanted any more.
        changed: Files that were not made, as the photo was changed or went away meanwhile.
        algorithm: As given.
        threshold: The similarity that was used; None where the algorithm has none.
        pack: The models.
    """

    photos: int
    faces: int
    folders: tuple[SortedFolder, ...]
    unknown: int
    without: int
    failed: tuple[FailedPhoto, ...]
    made: int
    kept: int
    removed: int
    changed: int
    algorithm: str
    threshold: float | None
    pack: str


def _sort(reading: Reading, parameters: SortParameters) -> Sorted:
    if problem := names_problem(parameters.names):
        raise FacewatchError(f"Folders cannot be called {parameters.names!r}", problem)
    source = _folder(parameters.source)
    refuse_silent(parameters.destination, "The folder cannot be written")
    with (
        opened(os.fsencode(os.path.abspath(parameters.destination)), source) as destination,
        tempfile.TemporaryDirectory(prefix="facewatchd-sort-") as scratch,
    ):
        groups, pack, config, provider = _groups(reading, parameters, source, Path(scratch))
        _refuse_too_few(groups.faces, config.people.min_faces)
        way = Way(parameters.way)
        wanted = placed(
            [_named(group, way) for group in groups.groups],
            _named(groups.unknown, way),
            parameters.names,
            destination.taken(),
            portable=destination.portable,
        )
        with own_reader(decode_limits(config, provider)) as reader:

            def cut(faces: Sequence[PersonFace]) -> Mapping[PersonFace, bytes]:
                return cut_faces(faces, reader)

            filled = destination.fill(wanted, way, cut, reading.progress)
    folders = [parameters.names.replace("{n}", str(number)) for number in range(1, len(groups.groups) + 1)]
    return Sorted(
        photos=groups.photos,
        faces=groups.faces,
        folders=tuple(
            SortedFolder(folder=folder, photos=len({face.path for face in group}), faces=len(group))
            for folder, group in zip(folders, groups.groups, strict=True)
        ),
        unknown=len({face.path for face in groups.unknown}),
        without=groups.without,
        failed=tuple(FailedPhoto(photo=os.fsdecode(path), reason=reason) for path, reason in groups.failed),
        made=filled.made,
        kept=filled.kept,
        removed=filled.removed,
        changed=filled.changed,
        algorithm=parameters.algorithm,
        threshold=None if parameters.algorithm == "hdbscan" else groups.threshold,
        pack=pack,
    )


def _groups(
    reading: Reading, parameters: SortParameters, source: bytes, scratch: Path
) -> tuple[Groups, str, Config, str]:
    """What the daemon's own run makes of the photos; the models, the configuration of the run, where the models run."""
    # not at the top: it takes the runtime of the models with it
    from facewatchd.faces.packs import open_engine  # noqa: PLC0415

    config = _config(reading.config, parameters, source, scratch)
    # models that were converted before are used, and else nothing is left
    kept = cache_dir(reading.config)
    pack = installed_choice(config, reading.known_pack())
    engine = open_engine(pack, config.models.root, kept if kept.is_dir() else cache_dir(config), config.models.provider)
    with Store(config.state.dir) as store:
        model = stored_model(engine.info)
        with store.transaction():
            store.set_model(model)
        try:
            reading.process_all(config, engine, store)
        except InterruptedRunError as error:
            raise FacewatchError("Sorting was interrupted", "Nothing was put into folders. Start it again.") from error
        groups = groups_in(config, store, model, parameters.algorithm, parameters.rounds)
    return groups, engine.info.pack, config, engine.info.provider


def _config(ours: Config, parameters: SortParameters, source: bytes, scratch: Path) -> Config:
    """Of the run: what says how faces are found and grouped is the user's; nothing is written into photos."""
    people = ours.people
    recluster = ours.recluster.model_dump()
    if parameters.threshold is not None:
        recluster["threshold"] = parameters.threshold
    return Config(
        photos=(Path(os.fsdecode(source)),),
        people=PeopleConfig(
            dir=scratch / "people",
            min_faces=people.min_faces if parameters.min_faces is None else parameters.min_faces,
            allow_same_photo=people.allow_same_photo,
            face_pictures=False,
        ),
        state=StateConfig(dir=scratch / "state"),
        models=ours.models,
        faces=ours.faces,
        assign=ours.assign,
        recluster=ReclusterConfig(**recluster),
        watch=ours.watch,
        dates=DatesConfig(mode="off"),
        ingest=ours.ingest,
        log=ours.log,
    )


def _folder(typed: str) -> bytes:
    """Absolute, without symbolic links."""
    refuse_silent(typed, "The folder cannot be read")
    path = os.path.abspath(os.fsencode(typed))
    if not os.path.isdir(path):
        why = "It is a file; name the folder that it is in." if os.path.exists(path) else "Check the path."
        raise FacewatchError("There is no such folder with photos", why, typed)
    return os.path.realpath(path)


def _named(faces: Sequence[PersonFace], way: Way) -> list[tuple[bytes, PersonFace]]:
    """Each photo once, or each face; by the photo's own file name. Pictures of faces are JPEGs."""
    if way is Way.CROPS:
        return [(os.path.splitext(os.path.basename(face.path))[0] + b".jpg", face) for face in faces]
    return [(os.path.basename(path), face) for path, face in {face.path: face for face in faces}.items()]


def _refuse_too_few(faces: int, needed: int) -> None:
    if faces < needed:
        found = "1 was" if faces == 1 else f"{faces} were"
        raise FacewatchError(
            "There are too few faces to group", f"{found} found, and a group needs {needed} (--min-faces)."
        )


SORT = Read("sort", SortParameters, Sorted, _sort)


# --- embeddings


class GroupParameters(Record):
    """
    Attributes:
        embeddings: A file of embeddings, see `pipeline.embedding_files`.
        algorithm: See `SortParameters`.
        threshold: The least similarity.
        min_faces: The smallest group; None for `people.min_faces`.
        rounds: Of chinese whispers.
    """

    embeddings: Text
    algorithm: Algorithm = "ours"
    threshold: Similarity = 0.7
    min_faces: Fewest | None = None
    rounds: Rounds = ROUNDS


class Grouped(Record):
    """
    Faces in groups.

    Attributes:
        algorithm: As given.
        threshold: As given; None where the algorithm has none.
        faces: How many there are.
        groups: The paths of the faces of each group, the largest group first; a path may be there for several faces.
        unknown: The paths of faces of no group.
    """

    algorithm: str
    threshold: float | None
    faces: int
    groups: tuple[tuple[str, ...], ...]
    unknown: tuple[str, ...]


def _group(reading: Reading, parameters: GroupParameters) -> Grouped:
    read = read_embeddings(parameters.embeddings)
    assert read.paths is not None
    least = parameters.min_faces or reading.config.people.min_faces
    _refuse_too_few(len(read.paths), least)
    labels = grouped(
        directions(read.vectors), read.paths, parameters.algorithm, parameters.threshold, least, parameters.rounds
    ).tolist()
    members: dict[int, list[str]] = {}
    for label, path in zip(labels, read.paths, strict=True):
        members.setdefault(label, []).append(path)
    unknown = members.pop(-1, [])
    return Grouped(
        algorithm=parameters.algorithm,
        threshold=None if parameters.algorithm == "hdbscan" else parameters.threshold,
        faces=len(read.paths),
        groups=tuple(tuple(group) for group in sorted(members.values(), key=lambda group: -len(group))),
        unknown=tuple(unknown),
    )


GROUP = Read("sort.embeddings", GroupParameters, Grouped, _group)
