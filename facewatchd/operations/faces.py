"""
Every face as a line of CSV, and the embeddings in the same order.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from facewatchd.errors import FacewatchError, remedy
from facewatchd.operations.base import Read, Record, Text
from facewatchd.operations.context import Reading
from facewatchd.pipeline.embedding_files import STANDARD_OUTPUT, digits, write_rows
from facewatchd.pipeline.labelled_faces import labelled_faces, model_to_export
from facewatchd.store import ExportedFace, Store
from facewatchd.watch.answering import refuse_silent

HEADER = [
    "photo",
    "face_id",
    "x",
    "y",
    "w",
    "h",
    "score",
    "quality",
    "person_id",
    "person",
    "state",
    "cluster_id",
    "similarity",
]


class ExportParameters(Record):
    """
    Attributes:
        csv: The file for the table; "-" for the standard output of this process.
        embeddings: The file for the embeddings; None for none.
        layout: "faces" for the table of `HEADER`; "embeddings" for a header of column numbers, then a path, a label and the
            embedding in each line.
    """

    csv: Text
    embeddings: Text | None = None
    layout: Literal["faces", "embeddings"] = "faces"


class Exported(Record):
    """
    Attributes:
        faces: How many faces were written.
        left_out: How many have no embedding by the present models, which the layout "embeddings" has no line for.
    """

    faces: int
    left_out: int = 0


def export_faces(store: Store, csv_file: Path | str, embeddings: Path | None) -> int:
    """
    Write the table, and the embeddings: float32, shape (n_faces, dim); a face that the present models have not embedded has a
    row of NaN.

    Args:
        store: The state.
        csv_file: For the table; "-" for the standard output.
        embeddings: For the embeddings; None for none.

    Returns:
        How many faces.

    Raises:
        FacewatchError: A file cannot be written.
        BrokenPipeError: The reader of the table has seen enough.
    """
    model = store.model()
    vectors = []
    count = 0
    nothing = np.full(model.dim if model else 0, np.nan, "<f4")
    try:
        target = sys.stdout.fileno() if csv_file == STANDARD_OUTPUT else csv_file
        closes = csv_file != STANDARD_OUTPUT
        with open(target, "w", newline="", encoding="utf-8", errors="surrogateescape", closefd=closes) as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for exported, vector in store.faces.exported(model.id if model else ""):
                writer.writerow(_row(exported))
                count += 1
                if embeddings is not None:
                    vectors.append(nothing if vector is None else np.frombuffer(vector, "<f4"))
        if embeddings is not None:
            with embeddings.open("wb") as out:
                np.save(out, np.array(vectors, np.float32).reshape(count, len(nothing)))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FacewatchError("The export cannot be written", remedy(error), error.filename or csv_file) from error
    return count


def _row(exported: ExportedFace) -> list[object]:
    face = exported.face
    box = face.box
    return [
        os.fsdecode(exported.photo),
        face.face_id,
        *(f"{value:.2f}" for value in (box.x, box.y, box.w, box.h)),
        f"{face.score:.4f}",
        f"{face.quality:.4f}",
        "" if face.person_id is None else face.person_id,
        exported.person,
        face.state.value,
        "" if face.cluster_id is None else face.cluster_id,
        "" if face.similarity is None else f"{face.similarity:.4f}",
    ]


def _export_embeddings(store: Store, csv_file: str) -> Exported:
    """The layout of embeddings; see `ExportParameters`."""
    model = model_to_export(store)
    total = written = 0

    def rows() -> Iterator[Iterable[object]]:
        nonlocal total, written
        yield range(model.dim + 2)
        for face in labelled_faces(store, model):
            total += 1
            if face.vector is not None:
                written += 1
                yield face.path, face.label, *digits(face.vector)

    write_rows(csv_file, rows(), model.id)
    return Exported(faces=written, left_out=total - written)


def _export(reading: Reading, parameters: ExportParameters) -> Exported:
    embeddings = parameters.embeddings
    for file in (parameters.csv, embeddings):
        if file is not None and file != STANDARD_OUTPUT:
            refuse_silent(file, "The export cannot be written")
    if parameters.layout == "embeddings":
        return _export_embeddings(reading.store, parameters.csv)
    return Exported(faces=export_faces(reading.store, parameters.csv, None if embeddings is None else Path(embeddings)))


EXPORT = Read("faces.export", ExportParameters, Exported, _export)
