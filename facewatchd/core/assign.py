"""
Whose face is this? The nearest medoid's person, if near enough and clearly nearer than anyone else's; else unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Assignment, Embedding, Embeddings, PersonId


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


def best_people(embedding: Embedding, gallery: Gallery) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """
    Everybody known, most similar first; of equals the one with the lower id.

    Returns:
        Person ids, each once, and the similarity to the nearest of their medoids, both of shape (n_people,).
    """
    similarities = gallery.medoids @ embedding
    order = np.lexsort((gallery.people, -similarities))
    people, first = np.unique(gallery.people[order], return_index=True)
    ranked = np.argsort(first)
    return people[ranked], similarities[order[first[ranked]]]


def assign(
    embedding: Embedding,
    gallery: Gallery,
    threshold: float,
    margin: float,
    refused: frozenset[PersonId] = frozenset(),
) -> Assignment:
    """
    Decide whose face it is.

    Args:
        embedding: float32, shape (dim,), L2-normalised.
        gallery: The known medoids.
        threshold: Least similarity, -1..1.
        margin: Least gap to the runner-up.
        refused: People that it is not: the user's word, or another face of the same photo is theirs already. They are
            no runners-up either.
    """
    people, similarities = best_people(embedding, gallery)
    allowed = [at for at, person in enumerate(people.tolist()) if person not in refused]
    if not allowed:
        return Assignment(None, float("nan"), float("inf"))
    best = float(similarities[allowed[0]])
    gap = best - float(similarities[allowed[1]]) if len(allowed) > 1 else float("inf")
    accepted = best >= threshold and gap >= margin
    return Assignment(int(people[allowed[0]]) if accepted else None, best, gap)


def assign_photo(
    embeddings: Sequence[Embedding] | Embeddings,
    gallery: Gallery,
    threshold: float,
    margin: float,
    refused: Sequence[frozenset[PersonId]],
    taken: frozenset[PersonId] = frozenset(),
) -> list[Assignment]:
    """
    Decide whose faces those of one photo are: two of them are never one person, and the surest comes first.

    Args:
        embeddings: One a face.
        gallery: The known medoids.
        threshold: See `assign`.
        margin: See `assign`.
        refused: Per face, people that it is not.
        taken: People who are in the photo already (faces that the user confirmed).

    Returns:
        One assignment per face, in the order given.
    """
    results: list[Assignment | None] = [None] * len(embeddings)
    waiting = set(range(len(embeddings)))
    while waiting:
        tried = {at: assign(embeddings[at], gallery, threshold, margin, refused[at] | taken) for at in waiting}
        found = [at for at in waiting if tried[at].person_id is not None]
        if not found:
            for at in waiting:
                results[at] = tried[at]
            break
        surest = max(found, key=lambda at: (tried[at].similarity, -at))
        results[surest] = tried[surest]
        taken |= {person} if (person := tried[surest].person_id) is not None else frozenset()
        waiting.discard(surest)
    return [result for result in results if result is not None]
