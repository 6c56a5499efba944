"""
Whose face is this? The person's whose medoids near it it fits best, if well enough and clearly better than anyone
else's; else unknown.

One similarity says little: a stranger may resemble one photo of somebody by accident, and hardly five of them. So a
face is held against the direction of the medoids of a person that are nearest to it. Only the nearest: someone's
photos as a child are no reason to doubt one of today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Assignment, Embedding, Embeddings, PersonId

# medoids of a person that a face is held against: on LFW three lose 0.3 % (test pack) and 2 % (builtin) of the recall
NEAREST = 5
# people whose fit is worked out: whoever is not among the nearest by a single medoid does not fit best
_CANDIDATES = 16
# medoids among which they are looked for first: to sort all those of 10,000 people takes longer than everything else
_NEAR = 256


@dataclass(frozen=True, slots=True)
class Gallery:
    """
    The medoids of everybody known.

    Attributes:
        people: int64, shape (n_medoids,): whose each medoid is; a person may have several.
        medoids: Embeddings, shape (n_medoids, dim).
    """

    people: NDArray[np.int64]
    medoids: Embeddings


def best_people(
    embedding: Embedding, gallery: Gallery, near: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """
    Everybody known, most similar first; of equals the one with the lower id.

    Args:
        embedding: float32, shape (dim,), L2-normalised.
        gallery: The known medoids.
        near: Only the people of so many nearest medoids; None for all.

    Returns:
        Person ids, each once, and the similarity to the nearest of their medoids, both of shape (n_people,).
    """
    owners, similarities = gallery.people, gallery.medoids @ embedding
    if near is not None and near < len(owners):
        # all that are as similar as the last one, so that of equals the lower id is still the first
        least = np.partition(similarities, -near)[-near]
        rows = np.flatnonzero(similarities >= least)
        owners, similarities = owners[rows], similarities[rows]
    order = np.lexsort((owners, -similarities))
    people, first = np.unique(owners[order], return_index=True)
    ranked = np.argsort(first)
    return people[ranked], similarities[order[first[ranked]]]


def fit(embedding: Embedding, medoids: Embeddings) -> float:
    """
    How well a face fits a person.

    Args:
        embedding: float32, shape (dim,), L2-normalised.
        medoids: The person's, shape (n_medoids, dim), n_medoids >= 1.

    Returns:
        Its similarity to the direction of the `NEAREST` medoids that are most similar to it, -1..1.
    """
    similarities = medoids @ embedding
    if len(medoids) == 1:
        return float(similarities[0])
    nearest = np.argsort(-similarities, kind="stable")[:NEAREST]
    return float(similarities[nearest].sum() / max(np.linalg.norm(medoids[nearest].sum(axis=0)), 1e-9))


def assign(
    embedding: Embedding,
    gallery: Gallery,
    threshold: float,
    margin: float,
    refused: frozenset[PersonId] = frozenset(),
    review: float = 0.0,
) -> Assignment:
    """
    Decide whose face it is.

    Args:
        embedding: float32, shape (dim,), L2-normalised.
        gallery: The known medoids.
        threshold: Least fit, -1..1; see `fit`.
        margin: Least gap between its fit and the runner-up's.
        refused: People that it is not: the user's word, or another face of the same photo is theirs already. They are
            no runners-up either.
        review: A face that misses either the threshold, by no more than this, or the margin is too close to call. One
            that misses both is a stranger's far more often than not.

    Returns:
        With the similarity to the nearest medoid of who fits best, and the gap of the fits.
    """
    people, similarities = best_people(embedding, gallery, _NEAR)
    allowed = [at for at, person in enumerate(people.tolist()) if person not in refused]
    if len(allowed) < _CANDIDATES and len(gallery.people) > _NEAR:
        # the nearest are all of few people, or of refused ones
        people, similarities = best_people(embedding, gallery)
        allowed = [at for at, person in enumerate(people.tolist()) if person not in refused]
    allowed = allowed[:_CANDIDATES]
    if not allowed:
        return Assignment(None, float("nan"), float("inf"))
    fits = [fit(embedding, gallery.medoids[gallery.people == people[at]]) for at in allowed]
    # of equals the nearer, then the lower id: the order they are in
    first, *rest = sorted(range(len(fits)), key=lambda at: -fits[at])
    gap = fits[first] - fits[rest[0]] if rest else float("inf")
    person, similarity = int(people[allowed[first]]), float(similarities[allowed[first]])
    if fits[first] >= threshold and gap >= margin:
        return Assignment(person, similarity, gap)
    is_close = fits[first] >= threshold - review and (fits[first] >= threshold or gap >= margin)
    return Assignment(None, similarity, gap, person if is_close and review else None)


def assign_photo(
    embeddings: Sequence[Embedding] | Embeddings,
    gallery: Gallery,
    threshold: float,
    margin: float,
    refused: Sequence[frozenset[PersonId]],
    taken: frozenset[PersonId] = frozenset(),
    review: float = 0.0,
    *,
    apart: bool = True,
) -> list[Assignment]:
    """
    Decide whose faces those of one photo are: two of them are not one person, and the surest comes first.

    Args:
        embeddings: One a face.
        gallery: The known medoids.
        threshold: See `assign`.
        margin: See `assign`.
        refused: Per face, people that it is not.
        taken: People who are in the photo already (faces that the user confirmed).
        review: See `assign`.
        apart: Whether two faces of the photo are two people.

    Returns:
        One assignment per face, in the order given.
    """
    results: list[Assignment | None] = [None] * len(embeddings)
    waiting = set(range(len(embeddings)))
    while waiting:
        tried = {at: assign(embeddings[at], gallery, threshold, margin, refused[at] | taken, review) for at in waiting}
        found = [at for at in waiting if tried[at].person_id is not None]
        if not found:
            for at in waiting:
                results[at] = tried[at]
            break
        surest = max(found, key=lambda at: (tried[at].similarity, -at))
        results[surest] = tried[surest]
        if apart and (person := tried[surest].person_id) is not None:
            taken |= {person}
        waiting.discard(surest)
    return [result for result in results if result is not None]
