"""
Two people who may be one: groups that came close to being joined and were not.

A reclustering joins what is surely one person, so that one person's photos may end as several people: as a child, with a
beard, in the dark. How alike two groups are is measured as the linkage does (`core.grouping.clusters`), and what lies a little
below its threshold is put before the user, who can say at a glance what no threshold can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.graph import neighbours
from facewatchd.domain import Embeddings, FaceId, PersonId, PhotoId

MOST = 20
"""So many suggestions at a time: more would be a chore, and of those the first are the likeliest."""

EXAMPLES = 3
"""So many photos of either show who two people are that may be one."""

JOINT_PHOTOS = 1
"""Two faces of a photo are two people: more joint photos than this (a mirror, a collage) tell that they are two."""

# groups that each is compared with: its nearest as wholes
_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two people are: what the linkage's threshold is held against."""

    one: PersonId
    other: PersonId
    strength: float


def suggestions(
    groups: Mapping[PersonId, Sequence[Embeddings]],
    photos: Mapping[PersonId, AbstractSet[PhotoId]],
    rule: LinkRule,
    near: float,
    impossible: AbstractSet[tuple[PersonId, PersonId]],
    named: AbstractSet[PersonId] = frozenset(),
    most: int = MOST,
) -> list[Likeness]:
    """
    The people who may be one.

    Args:
        groups: Per person the members of each of their clusters, float32, shape (n_members, dim), L2-normalised. Two
            people are as alike as the two of their clusters that are most alike.
        photos: Per person the photos that they are in.
        rule: When the reclustering joins two clusters.
        near: How much less than the rule's threshold is worth a question.
        impossible: Pairs that are not one, by the user's word; in either order.
        named: People who have a name from the user: two of these are two.
        most: How many at most.

    Returns:
        Each pair once, the lower id first; the likeliest pair first.
    """
    people = [person for person, clusters in groups.items() for _ in clusters]
    clusters = [members for parts in groups.values() for members in parts]
    if len(groups) < 2:
        return []
    sums = np.stack([members.sum(axis=0, dtype=np.float64) for members in clusters])
    sizes = np.array([len(members) for members in clusters], np.float64)
    lengths = np.maximum(np.linalg.norm(sums, axis=1), 1e-9)
    directions = (sums / lengths[:, None]).astype(np.float32)
    a, b, _ = neighbours(directions, min(_NEIGHBOURS, len(clusters) - 1)).edges(_NEIGHBOURS)
    tightness = (lengths / sizes) ** 2
    strength = np.einsum("ij,ij->i", sums[a], sums[b]) / (sizes[a] * sizes[b])
    strength /= (tightness[a] * tightness[b]) ** (rule.loose / 2)
    strength += rule.large * (1 - 1 / np.sqrt(sizes[a] * sizes[b]))

    best: dict[tuple[PersonId, PersonId], float] = {}
    for at in np.flatnonzero(strength >= rule.threshold - near).tolist():
        one, other = sorted((people[a[at]], people[b[at]]))
        if one != other and not {one, other} <= named:
            best[one, other] = max(best.get((one, other), -1.0), float(strength[at]))
    found = [Likeness(*pair, value) for pair, value in best.items() if _possible(pair, photos, impossible)]
    return sorted(found, key=lambda like: (-like.strength, like.one, like.other))[:most]


def _possible(
    pair: tuple[PersonId, PersonId],
    photos: Mapping[PersonId, AbstractSet[PhotoId]],
    impossible: AbstractSet[tuple[PersonId, PersonId]],
) -> bool:
    one, other = pair
    if pair in impossible or (other, one) in impossible:
        return False
    return len(photos.get(one, frozenset()) & photos.get(other, frozenset())) <= JOINT_PHOTOS


def contradicted(
    person_of: Mapping[FaceId, PersonId], refused: Iterable[tuple[FaceId, PersonId]]
) -> set[tuple[PersonId, PersonId]]:
    """The pairs (whose a face is, who it is not, as the user said): to join them would break the user's word."""
    return {(person_of[face], person) for face, person in refused if face in person_of}


def kept_apart(
    person_of: Mapping[FaceId, PersonId], refused: Iterable[tuple[FaceId, PersonId]]
) -> dict[FaceId, PersonId]:
    """
    Faces that stand for two people who must stay two, each with whose it is: the user said of a face of either that it
    is not the other's. No cluster may hold such faces of both.
    """
    words = [(face, person) for face, person in refused if face in person_of]
    pairs = contradicted(person_of, words)
    return {
        face: person_of[face]
        for face, person in words
        if (person_of[face], person) in pairs and (person, person_of[face]) in pairs
    }
