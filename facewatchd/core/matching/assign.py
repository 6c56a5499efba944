"""
Which person a face belongs to: the person with the medoids that it fits best, if it fits well enough and clearly better than
the next person. Else it is unassigned.

One similarity says little: a stranger may resemble one photo of a person by accident, but hardly five. So a face is compared
with the direction of the person's nearest medoids. Only the nearest count: photos of a child say nothing about the adult.

The threshold depends on the face. Some faces, above all blurred and dark ones, fit everybody better than others. And the more
people are known, the better a stranger fits one of them by accident. Both show in how well the face fits the cohort, the people
next to the best one (adaptive t-norm of speaker recognition: Sturim and Reynolds 2005).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import neg

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.matching.gallery_index import ROUNDING, GalleryIndex
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.domain import Assignment, Embedding, Embeddings, PersonId

# medoids of a person that a face is compared with: on LFW three lose 0.3 % (test pack) and 2 % (builtin) of the recall
NEAREST = 5
COHORT = 10
"""People in the cohort: those next to the best one. They tell how well the face fits anybody."""
COHORT_SHARE = 0.5
"""If a face fits the cohort better than usual, it must fit the best person better by this share of the difference."""

# people for whom the fit is computed, with the cohort: a person who is not among the nearest by one medoid does not fit best
_CANDIDATES = 16
# medoids that are searched for them first: sorting all those of 10,000 people would take longer than everything else
_NEAR = 64
# faces that are compared with everybody at once: more take memory and gain nothing
_AT_ONCE = 32
# a sum of medoids is longer, unless they are opposite to each other
_LEAST = np.float32(1e-9)


class Look:
    """
    A face among all known people: who is nearest, computed as far as it is asked for.

    The result does not depend on the other faces that are looked at together, nor on the order of the medoids.

    Args:
        embedding: float32, shape (dim,), L2-normalised.
        index: The known medoids.
        rough: Its similarity to each of them, as `GalleryIndex.similarities` gives it.
    """

    def __init__(self, embedding: Embedding, index: GalleryIndex, rough: NDArray[np.float32]) -> None:
        self._embedding = embedding
        self._index = index
        self._rough = rough
        self._fits: dict[PersonId, float] = {}
        # the nearest people so far, and their similarities
        self._people: list[PersonId] = []
        self._similarities: list[float] = []
        self._all = len(rough) == 0

    def candidates(self, refused: frozenset[PersonId]) -> list[tuple[PersonId, float, float]]:
        """
        The people who may fit the face best.

        Returns:
            Person, similarity to the nearest of their medoids, and fit: of the `_CANDIDATES` nearest people who are not
            refused, nearest first. Of equal ones the lower id comes first.
        """
        while not self._all:
            allowed = sum(1 for person in self._people if person not in refused)
            if allowed >= _CANDIDATES:
                break
            self._rank(len(self._people) + _CANDIDATES - allowed)
        near = [at for at, person in enumerate(self._people) if person not in refused][:_CANDIDATES]
        people = [self._people[at] for at in near]
        self._fit([person for person in people if person not in self._fits])
        return [(person, self._similarities[at], self._fits[person]) for at, person in zip(near, people, strict=True)]

    def _rank(self, least: int) -> None:
        """Find the `least` nearest people or more."""
        near = max(_NEAR, 4 * least)
        while True:
            certain = -np.inf
            if near < len(self._rough):
                bound = _reached(self._rough, near)
                rows = np.flatnonzero(self._rough >= bound)
                certain = float(bound) + ROUNDING
            else:
                rows = np.arange(len(self._rough))
            people, similarities = self._ranked(rows)
            if len(rows) == len(self._rough) or len(people) >= least:
                break
            near *= 4
        if len(rows) < len(self._rough) and similarities[least - 1] < certain:
            # a person who was left out may be as near as the last one wanted
            certain = similarities[least - 1]
            rows = np.flatnonzero(self._rough >= np.float32(certain - ROUNDING))
            people, similarities = self._ranked(rows)
        self._all = len(rows) == len(self._rough)
        sure = bisect_right(similarities, -certain, key=neg)
        self._people, self._similarities = people[:sure], similarities[:sure]

    def _ranked(self, rows: NDArray[np.int64]) -> tuple[list[PersonId], list[float]]:
        return _ranked(self._index.people[rows], _products(self._index.medoids[rows], self._embedding))

    def _fit(self, people: list[PersonId]) -> None:
        """
        The similarity to the direction of the `NEAREST` medoids of a person that are most similar to the face, -1..1;
        for several people at once.
        """
        if not people:
            return
        rows, is_there = self._index.rows_of(np.array(people, np.int64))
        medoids = self._index.medoids[rows.ravel()]
        similarities = np.where(is_there, _products(medoids, self._embedding).reshape(rows.shape), -np.inf)
        # so that sums do not depend on the order of the medoids; those that are not there come last
        order = np.argsort(-similarities, axis=0)[:NEAREST]
        nearest = medoids.reshape(*rows.shape, -1)[order, np.arange(len(people))]
        sums = np.einsum("rp,rpd->pd", is_there[:NEAREST].astype(np.float32), nearest)
        found = _products(sums, self._embedding) / np.maximum(np.sqrt(np.einsum("pd,pd->p", sums, sums)), _LEAST)
        # one medoid is a direction already
        found = np.where(is_there.sum(axis=0) == 1, similarities[0], found)
        self._fits.update(zip(people, found.tolist(), strict=True))


def look(embeddings: Embeddings, index: GalleryIndex, rows: Sequence[int] | None = None) -> Iterator[Look]:
    """
    Look at faces, some at a time.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        index: The known medoids.
        rows: Which faces, in which order; None for all.
    """
    for start in range(0, len(embeddings) if rows is None else len(rows), _AT_ONCE):
        at = slice(start, start + _AT_ONCE)
        block = embeddings[at] if rows is None else embeddings[rows[at]]
        for embedding, similarities in zip(block, index.similarities(block), strict=True):
            yield Look(embedding, index, similarities)


def _products(medoids: Embeddings, embedding: Embedding) -> NDArray[np.float32]:
    """Similarities. Each is the same, whatever else is computed with it (in a matrix product it is not)."""
    products: NDArray[np.float32] = np.einsum("ij,j->i", medoids, embedding)
    return products


def _reached(similarities: NDArray[np.float32], count: int) -> np.float32:
    """A value that at least so many of them reach, and hardly more. Only the largest of each group are compared, which are fewer."""
    groups = len(similarities) // max(1, len(similarities) // (8 * count))
    largest = similarities[: len(similarities) // groups * groups].reshape(-1, groups).max(axis=0)
    reached: np.float32 = np.partition(largest, -count)[-count]
    return reached


def _ranked(owners: NDArray[np.int64], similarities: NDArray[np.float32]) -> tuple[list[PersonId], list[float]]:
    """Each person once, most similar first, with the similarity to their nearest medoid."""
    order = np.lexsort((owners, -similarities))
    nearest: dict[PersonId, float] = {}
    for person, similarity in zip(owners[order].tolist(), similarities[order].tolist(), strict=True):
        nearest.setdefault(person, similarity)
    return list(nearest), list(nearest.values())


def best_people(embedding: Embedding, index: GalleryIndex) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """
    All known people, most similar first. Of equal ones the lower id comes first.

    Args:
        embedding: float32, shape (dim,), L2-normalised.
        index: The known medoids.

    Returns:
        Person ids, each once, and the similarity to their nearest medoid, both of shape (n_people,).
    """
    people, similarities = _ranked(index.people, _products(index.medoids, embedding))
    return np.array(people, np.int64), np.array(similarities, np.float32)


def needed(fits: NDArray[np.float64], thresholds: Thresholds) -> NDArray[np.float64]:
    """
    How well each face must fit the best person to be assigned to them.

    Never less than `Thresholds.assign`: with few known people a low fit to the cohort says little.

    Args:
        fits: Of each face to the people whom it fits best, shape (n_faces, n_people), best first.
        thresholds: See there.

    Returns:
        Shape (n_faces,).
    """
    if thresholds.cohort is None:
        return np.full(len(fits), thresholds.assign)
    above = fits[:, 1 : 1 + COHORT] - (thresholds.assign - thresholds.cohort)
    least: NDArray[np.float64] = thresholds.assign + COHORT_SHARE * np.maximum(above.sum(axis=1) / COHORT, 0)
    return least


def assign(face: Look, thresholds: Thresholds, refused: frozenset[PersonId] = frozenset()) -> Assignment:
    """
    Decide which person a face belongs to.

    Args:
        face: The face, among all known people.
        thresholds: How well it must fit, -1..1, and the least gap to the fit of the next person. A face that misses the
            fit by no more than `Thresholds.review`, or that misses the gap, is too close to call. A face that misses both is
            most often a stranger's.
        refused: People that it cannot be: the user said so, or they have another face in the photo. They do not count as
            the next person either.

    Returns:
        With the similarity to the nearest medoid of the best person, and the gap of the fits.
    """
    # of equal fits the nearer person, then the lower id: the candidates are in this order
    ranked = sorted(face.candidates(refused), key=lambda candidate: -candidate[2])
    if not ranked:
        return Assignment(None, float("nan"), float("inf"))
    person, similarity, fit = ranked[0]
    gap = fit - ranked[1][2] if len(ranked) > 1 else float("inf")
    threshold = float(needed(np.array([[fit for _, _, fit in ranked]]), thresholds)[0])
    if fit >= threshold and gap >= thresholds.margin:
        return Assignment(person, similarity, gap)
    # a face that fits two people is asked about from `Thresholds.assign` on: a person in many clusters is their own cohort
    is_close = fit >= threshold - thresholds.review if gap >= thresholds.margin else fit >= thresholds.assign
    return Assignment(None, similarity, gap, person if is_close and thresholds.review else None)


def assign_photo(
    faces: Iterable[Look],
    thresholds: Thresholds,
    refused: Sequence[frozenset[PersonId]],
    taken: frozenset[PersonId] = frozenset(),
) -> list[Assignment]:
    """
    Decide which people the faces of one photo belong to. The surest face comes first. Two faces are not one person, unless
    `Thresholds.allow_same_photo` is set.

    Args:
        faces: The faces, among all known people; see `look`.
        thresholds: See `assign`.
        refused: Per face, people that it cannot be.
        taken: People who are in the photo already.

    Returns:
        One assignment per face, in the order given.
    """
    if thresholds.allow_same_photo:
        return [assign(face, thresholds, not_them) for face, not_them in zip(faces, refused, strict=True)]
    waiting = dict(enumerate(faces))
    results: dict[int, Assignment] = {}
    while waiting:
        tried = {at: assign(face, thresholds, refused[at] | taken) for at, face in waiting.items()}
        found = [at for at in waiting if tried[at].person_id is not None]
        if not found:
            results |= tried
            break
        surest = max(found, key=lambda at: (tried[at].similarity, -at))
        results[surest] = tried[surest]
        if (person := tried[surest].person_id) is not None:
            taken |= {person}
        del waiting[surest]
    return [results[at] for at in sorted(results)]
