"""
Embeddings in CSV files: medoids of people, and labelled faces compared with them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from facewatchd.core.evaluation.validation import matched, medoids_of, validated
from facewatchd.errors import FacewatchError
from facewatchd.operations.base import Read, Record, Text
from facewatchd.operations.context import Reading
from facewatchd.pipeline.embedding_files import (
    digits,
    read_embeddings,
    read_medoids,
    refuse_inputs,
    refuse_other_models,
    write_rows,
)
from facewatchd.pipeline.labelled_faces import labelled_faces, model_to_export

# --- people medoids


class MedoidsParameters(Record):
    """
    Attributes:
        csv: The file to write; "-" for the standard output of this process.
        source: A file of labelled embeddings; None for the people of the state.
    """

    csv: Text
    source: Text | None = None


class Medoids(Record):
    """
    Attributes:
        medoids: How many were written: one of each label.
        faces: How many faces they were chosen from.
    """

    medoids: int
    faces: int


def _medoids(reading: Reading, parameters: MedoidsParameters) -> Medoids:
    source = parameters.source
    if source is None:
        model = model_to_export(reading.store)
        faces = [face for face in labelled_faces(reading.store, model) if face.is_person and face.vector is not None]
        labels: tuple[str, ...] = tuple(face.label for face in faces)
        vectors = np.array([face.vector for face in faces], np.float32)
        model_id, missing = (
            model.id,
            ("There are no people yet", "Run 'facewatchd run' first: a person needs one face."),
        )
    else:
        refuse_inputs(parameters.csv, [source])
        read = read_embeddings(source)
        if read.labels is None:
            raise FacewatchError(
                "The embeddings have no labels", "Each line must have a path, a label and numbers.", source
            )
        labels, vectors, model_id = read.labels, read.vectors, read.model
        missing = ("There is no labelled face", "At least one face must have a label that is a person.")
    chosen = medoids_of(labels, vectors)
    if not chosen:
        raise FacewatchError(*missing, source)
    write_rows(parameters.csv, ((label, *digits(vectors[row])) for label, row in chosen.items()), model_id)
    return Medoids(medoids=len(chosen), faces=sum(label in chosen for label in labels))


MEDOIDS = Read("people.medoids", MedoidsParameters, Medoids, _medoids)


# --- validate


class ValidateParameters(Record):
    """
    Attributes:
        medoids: A file of medoids.
        faces: A file of embeddings.
        csv: The file to write: a path and a label in each line; "-" for the standard output of this process.
        threshold: Least product, or largest distance.
        measure: See `core.evaluation.validation.MEASURES`.
    """

    medoids: Text
    faces: Text
    csv: Text
    threshold: float = 0.75
    measure: Literal["correlation", "cosine", "euclidean"] = "correlation"


class LabelFigures(Record):
    """See `core.evaluation.validation.OfLabel`; shares 0..1, None where there is none."""

    label: str
    faces: int
    given: int
    right: int
    precision: float | None
    recall: float | None


class Confused(Record):
    """So many faces of one label were given another, or the same."""

    label: str
    given: str
    faces: int


class Validated(Record):
    """
    How well faces are told apart by medoids; shares 0..1, None where there is none. See `core.evaluation.validation.Validation`.

    Attributes:
        faces: Faces in the file.
        unknown: Those that were given no person.
        unknown_rate: Their share.
        labelled: Faces that have a label.
        known: Those of people with a medoid.
        strangers: Those of people without one.
        strangers_accepted: Strangers that were given a person.
        given: Labelled faces that were given a person.
        right: Labelled faces that were given their own person.
        precision: Of the faces that were given a person, those with the right one.
        recall: Of the faces of known people, those with the right one.
        people: Of each label.
        confusion: How many faces of each label were given which, the most frequent first.
        threshold: As given.
        measure: As given.
    """

    faces: int
    unknown: int
    unknown_rate: float
    labelled: int
    known: int
    strangers: int
    strangers_accepted: int
    given: int
    right: int
    precision: float | None
    recall: float | None
    people: tuple[LabelFigures, ...]
    confusion: tuple[Confused, ...]
    threshold: float
    measure: str


def _validate(_: Reading, parameters: ValidateParameters) -> Validated:
    refuse_inputs(parameters.csv, [parameters.medoids, parameters.faces])
    medoids, faces = read_medoids(parameters.medoids), read_embeddings(parameters.faces)
    refuse_other_models(medoids, faces)
    assert medoids.labels is not None
    assert faces.paths is not None
    given = matched(faces.vectors, medoids.vectors, medoids.labels, parameters.threshold, parameters.measure)
    write_rows(parameters.csv, zip(faces.paths, given, strict=True), "")
    found = validated(faces.labels, given, medoids.labels)
    people = frozenset(medoids.labels)
    return Validated(
        faces=found.faces,
        unknown=found.unknown,
        unknown_rate=_rounded(found.unknown / found.faces),
        labelled=found.labelled,
        known=found.known,
        strangers=found.labelled - found.known,
        strangers_accepted=sum(
            count for label, given_label, count in found.confusion if label not in people and given_label in people
        ),
        given=found.given,
        right=found.right,
        precision=None if found.precision is None else _rounded(found.precision),
        recall=None if found.recall is None else _rounded(found.recall),
        people=tuple(
            LabelFigures(
                label=one.label,
                faces=one.faces,
                given=one.given,
                right=one.right,
                precision=_rounded(one.right / one.given) if one.given else None,
                recall=_rounded(one.right / one.faces) if one.faces and one.label in people else None,
            )
            for one in found.labels
        ),
        confusion=tuple(Confused(label=one, given=other, faces=count) for one, other, count in found.confusion),
        threshold=parameters.threshold,
        measure=parameters.measure,
    )


def _rounded(share: float) -> float:
    return round(share, 4)


VALIDATE = Read("validate", ValidateParameters, Validated, _validate)
