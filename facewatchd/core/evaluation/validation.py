"""
Labelled faces compared with medoids: which person each face is, and how often that is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.evaluation.embedding_rows import NO_LABELS, UNKNOWN

Vectors = NDArray[np.float32]

MEASURES = ("correlation", "cosine", "euclidean")
"""How faces and medoids are compared: the dot product, that of the directions, or the distance."""

# so many faces are compared at a time
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class OfLabel:
    """
    How well the faces of one label are found.

    Attributes:
        label: The person.
        faces: Faces that have this label.
        given: Faces that were given it.
        right: Faces that have it and were given it.
    """

    label: str
    faces: int
    given: int
    right: int


@dataclass(frozen=True, slots=True)
class Validation:
    """
    How well labelled faces are told apart.

    Attributes:
        faces: All faces.
        unknown: Faces that were given no person.
        labelled: Faces with a label; the figures below count these only.
        known: Those of people with a medoid.
        given: Those that were given a person.
        right: Those that were given their own person.
        labels: Of each person that a face has or was given, in the order of the labels.
        confusion: How many faces have the first label and were given the second, `unknown` too; those most frequent first.
    """

    faces: int
    unknown: int
    labelled: int
    known: int
    given: int
    right: int
    labels: tuple[OfLabel, ...]
    confusion: tuple[tuple[str, str, int], ...]

    @property
    def precision(self) -> float | None:
        """The share of the faces with a person for which it is the right one; None where no face was given any."""
        return self.right / self.given if self.given else None

    @property
    def recall(self) -> float | None:
        """The share of the known people's faces that were given their person; None where there is no such face."""
        return self.right / self.known if self.known else None


def medoid_of(vectors: Vectors) -> int:
    """
    The member with the smallest sum of Euclidean distances to all; the first of equal ones.

    Args:
        vectors: Shape (n_faces, dim), n_faces >= 1.

    Returns:
        Its row.
    """
    points = vectors.astype(np.float64)
    squares = np.einsum("ij,ij->i", points, points)
    sums = np.empty(len(points))
    for start in range(0, len(points), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(points)))
        square = squares[rows, np.newaxis] + squares - 2 * (points[rows] @ points.T)
        # what is left of the differences of a face from itself is noise
        square[rows - start, rows] = 0
        sums[rows] = np.sqrt(np.maximum(square, 0)).sum(axis=1)
    # the same sums differ in their last digits
    return int(np.flatnonzero(sums <= sums.min() + 1e-6 * float(sums.min()))[0])


def medoids_of(labels: Sequence[str], vectors: Vectors) -> dict[str, int]:
    """
    The medoid of each label that is a person.

    Args:
        labels: Of each face; see `NO_LABELS`.
        vectors: Shape (n_faces, dim).

    Returns:
        Label -> row, in the order in which the labels first come.
    """
    rows_of: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label not in NO_LABELS:
            rows_of.setdefault(label, []).append(row)
    return {label: rows[medoid_of(vectors[rows])] for label, rows in rows_of.items()}


def matched(vectors: Vectors, medoids: Vectors, labels: Sequence[str], threshold: float, measure: str) -> list[str]:
    """
    The label of the nearest medoid of each face, or `UNKNOWN`.

    Args:
        vectors: Faces, shape (n_faces, dim).
        medoids: Shape (n_medoids, dim), n_medoids >= 1.
        labels: Of each medoid; a label may have several.
        threshold: Least product, or largest distance.
        measure: One of `MEASURES`.
    """
    if measure == "cosine":
        vectors, medoids = directions(vectors), directions(medoids)
    found: list[str] = []
    squares = np.einsum("ij,ij->i", medoids, medoids, dtype=np.float64)
    for start in range(0, len(vectors), _BLOCK):
        faces = vectors[start : start + _BLOCK].astype(np.float64)
        fits = faces @ medoids.T.astype(np.float64)
        least = threshold
        if measure == "euclidean":
            square = np.einsum("ij,ij->i", faces, faces)[:, np.newaxis] + squares - 2 * fits
            fits, least = -np.sqrt(np.maximum(square, 0)), -threshold
        best = fits.argmax(axis=1)
        enough = fits[np.arange(len(fits)), best] >= least
        found += [labels[at] if is_enough else UNKNOWN for at, is_enough in zip(best, enough, strict=True)]
    return found


def directions(vectors: Vectors) -> Vectors:
    """The same vectors with length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def validated(truth: Sequence[str] | None, given: Sequence[str], known: Sequence[str]) -> Validation:
    """
    Compare the labels that were given with the true ones.

    Args:
        truth: The label of each face, empty where it has none; None where no face has one.
        given: What each was given, see `matched`.
        known: Labels of the medoids.
    """
    people = frozenset(known)
    # a stranger is a stranger, however they are labelled
    pairs = [
        (UNKNOWN if label in NO_LABELS else label, found)
        for label, found in zip(truth or (), given, strict=False)
        if label
    ]
    counts = Counter(pairs)
    has, was_given = Counter(label for label, _ in pairs), Counter(found for _, found in pairs)
    return Validation(
        faces=len(given),
        unknown=sum(found == UNKNOWN for found in given),
        labelled=len(pairs),
        known=sum(count for label, count in has.items() if label in people),
        given=len(pairs) - was_given[UNKNOWN],
        right=sum(counts[label, label] for label in has if label != UNKNOWN),
        labels=tuple(
            OfLabel(label, has[label], was_given[label], counts[label, label])
            for label in sorted({*has, *was_given} - {UNKNOWN})
        ),
        confusion=tuple(
            (label, found, count) for (label, found), count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        ),
    )
