"""
Embeddings and medoids in CSV files, as other programs write and read them.

The format says nothing about the models. Where the file system has extended attributes, their id is kept in one, with the
size of the file: a file that another program has written since has another size.
"""

from __future__ import annotations

import contextlib
import csv
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.evaluation.embedding_rows import (
    Columns,
    columns_of,
    counts_columns,
    is_number,
    medoid_columns,
    names_columns,
)
from facewatchd.errors import FacewatchError, displayable, remedy
from facewatchd.watch.answering import Answers, refuse_silent

STANDARD_OUTPUT = "-"

_MODEL = "user.facewatchd.model"
# from so many lines it is decided what the columns are
_SAMPLE = 200
_EMBEDDINGS = "A line has a path, a label and numbers, or a path and numbers, or numbers and a path."
_MEDOIDS = "A line has a label and numbers, and there is no header."


@dataclass(frozen=True, slots=True)
class Embedded:
    """
    What a file holds.

    Attributes:
        file: Its path.
        paths: The photo of each face; None in a file of medoids.
        labels: The label of each; None where the file has none.
        vectors: float32, shape (n_faces, dim), as they are in the file.
        model: The id of the models; empty where that is not known.
    """

    file: str
    paths: tuple[str, ...] | None
    labels: tuple[str, ...] | None
    vectors: NDArray[np.float32]
    model: str


def read_embeddings(file: str) -> Embedded:
    """
    Read a file of embeddings, with or without a header: path, label and numbers; path and numbers; or numbers and path.

    Raises:
        FacewatchError: It cannot be read, or has other columns; which, and where.
    """
    return _read(file, columns_of, _EMBEDDINGS)


def read_medoids(file: str) -> Embedded:
    """
    Read a file of medoids: label and numbers.

    Raises:
        FacewatchError: It cannot be read, or has other columns; which, and where.
    """
    return _read(file, lambda rows: medoid_columns(len(rows[0])) if len(rows[0]) > 1 else None, _MEDOIDS)


def refuse_other_models(one: Embedded, other: Embedded) -> None:
    """
    Embeddings of different models are never compared.

    Raises:
        FacewatchError: They are of different models, by their length, or by what their files say.
    """
    if one.vectors.shape[1] == other.vectors.shape[1] and (one.model == other.model or not (one.model and other.model)):
        return
    said = " and ".join(f"those in {displayable(each.file)} have {_models(each)}" for each in (one, other))
    raise FacewatchError("The embeddings are of different models", f"{said[0].upper()}{said[1:]}. Use the same models.")


def _models(read: Embedded) -> str:
    return f"{read.vectors.shape[1]} numbers{f' (model {read.model[:12]})' if read.model else ''}"


def _read(file: str, layout: Callable[[Sequence[Sequence[str]]], Columns | None], expected: str) -> Embedded:
    refuse_silent(file, "The file cannot be read")
    try:
        with open(file, newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
            return _parsed(file, lines, layout, expected)
    except OSError as error:
        raise FacewatchError("The file cannot be read", remedy(error), file) from error


def _parsed(
    file: str, text: Iterable[str], layout: Callable[[Sequence[Sequence[str]]], Columns | None], expected: str
) -> Embedded:
    def wrong(what: str) -> FacewatchError:
        return FacewatchError("The embeddings cannot be read", f"{what} {expected}", file)

    lines = _lines(text, wrong)
    sample = list(islice(lines, _SAMPLE))
    if not sample:
        raise FacewatchError("There are no embeddings in the file", expected, file)
    is_counted = counts_columns(sample[0][1])
    if is_counted:
        sample = sample[1:]
    if not sample:
        raise FacewatchError("There are no embeddings in the file", f"It has a header only. {expected}", file)
    # without this header the first line may be one of words; where lines differ, most are right
    behind = [row for _, row in sample[0 if is_counted or len(sample) == 1 else 1 :]]
    (width, _), *_ = Counter(map(len, behind)).most_common(1)
    columns = layout([row for row in behind if len(row) == width])
    if columns is None:
        raise wrong(f"Line {sample[-1][0]}, with {width} columns, has numbers only, or too few of them.")
    if not is_counted and len(sample) > 1 and names_columns(sample[0][1], columns):
        sample = sample[1:]
    paths, labels, vectors = [], [], []
    for number, row in chain(sample, lines):
        if len(row) != columns.count:
            raise wrong(f"Line {number} has {len(row)} columns, and others have {columns.count}.")
        vectors.append(_numbers(row, number, columns, wrong))
        if columns.path is not None:
            paths.append(row[columns.path])
        if columns.label is not None:
            labels.append(row[columns.label])
    return Embedded(
        file,
        tuple(paths) if columns.path is not None else None,
        tuple(labels) if columns.label is not None else None,
        np.stack(vectors),
        _model_of(file),
    )


def _lines(text: Iterable[str], wrong: Callable[[str], FacewatchError]) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty, with their numbers."""
    reader = csv.reader(text)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise wrong(f"Line {reader.line_num} is no CSV ({error}).") from error


def _numbers(
    row: Sequence[str], number: int, columns: Columns, wrong: Callable[[str], FacewatchError]
) -> NDArray[np.float32]:
    fields = row[columns.first : columns.end]
    # NaN, infinity, and what float32 cannot hold
    with contextlib.suppress(ValueError), np.errstate(over="ignore"):
        values = np.array(fields, np.float64).astype(np.float32)
        if np.isfinite(values).all():
            return values
    at = next(
        (
            at
            for at, text in enumerate(fields)
            if not is_number(text) or not abs(float(text)) < np.finfo(np.float32).max
        ),
        0,
    )
    text = fields[at] if len(fields[at]) <= 40 else f"{fields[at][:40]}..."
    raise wrong(f"Line {number}, column {columns.first + at + 1}: '{displayable(text)}' is no number of an embedding.")


def write_rows(file: str, rows: Iterable[Iterable[object]], model: str, inputs: Sequence[str] = ()) -> None:
    """
    Write a CSV file in UTF-8.

    Args:
        file: Where; `STANDARD_OUTPUT` for the standard output. What was there is replaced.
        rows: The lines.
        model: The id of the models, empty where it is not known; kept with the file where there is a place for it.
        inputs: Files that were read for it, and must not be replaced.

    Raises:
        FacewatchError: It cannot be written, or is one of the inputs.
        BrokenPipeError: The reader of the standard output has seen enough.
    """
    refuse_inputs(file, inputs)
    to_stdout = file == STANDARD_OUTPUT
    try:
        with open(
            sys.stdout.fileno() if to_stdout else file,
            "w",
            newline="",
            encoding="utf-8",
            errors="surrogateescape",
            closefd=not to_stdout,
        ) as out:
            csv.writer(out, lineterminator="\n").writerows(rows)
        if model and not to_stdout:
            # not every file system has a place for it
            with contextlib.suppress(OSError):
                os.setxattr(file, _MODEL, f"{model} {os.path.getsize(file)}".encode())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FacewatchError("The table cannot be written", remedy(error), error.filename or file) from error


def refuse_inputs(file: str, inputs: Sequence[str]) -> None:
    """
    What is read is not replaced.

    Raises:
        FacewatchError: The file to be written is one of those that are read, or the file system of one does not answer.
    """
    if file == STANDARD_OUTPUT:
        return
    with contextlib.closing(Answers()) as answers:
        for each in (file, *inputs):
            refuse_silent(each, "The file cannot be reached", answers)
    with contextlib.suppress(OSError):
        if any(os.path.samefile(file, other) for other in inputs):
            raise FacewatchError(
                "This file is read, and would be replaced", "Choose another name for the result.", file
            )


def digits(vector: NDArray[np.float32]) -> Iterator[str]:
    """The numbers of an embedding with nine digits, which is all that a float32 holds."""
    return map("{:.9g}".format, vector.tolist())


def _model_of(file: str) -> str:
    """The id of the models; empty where it is not known, or another program has written the file since."""
    with contextlib.suppress(OSError, ValueError):
        model, size = os.getxattr(file, _MODEL).decode("ascii").split()
        if int(size) == os.path.getsize(file):
            return model
    return ""
