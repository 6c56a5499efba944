"""
New clusters, old people: who is who? Reclustering proposes, ids stay, and the user's word binds.

1. A face that the user confirmed is that person's, in whatever cluster it lies.
2. A cluster with confirmed faces is the person's with most of them.
3. Every other cluster is the person's with whom it shares most faces, one cluster to a person, largest overlap first.
4. What is left over is a new person. A face that the user refused to its cluster's person goes to the unknown pool.
5. A named person who would be left with nothing keeps the faces that are in nobody else's cluster.
6. Two faces of a photo are two people, unless the user confirmed both: the one from the larger cluster stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from facewatchd.domain import FaceId, PersonId, PhotoId

NEW_PEOPLE_FROM = -1
"""New people are numbered -1, -2, ... until the store gives them ids that nobody ever had."""


@dataclass(frozen=True, slots=True)
class Word:
    """
    What the user said so far.

    Attributes:
        confirmed: Face -> the person whom it must be.
        refused: (face, person) pairs that cannot be.
        named: People who have a name from the user.
    """

    confirmed: Mapping[FaceId, PersonId]
    refused: AbstractSet[tuple[FaceId, PersonId]]
    named: AbstractSet[PersonId]


@dataclass(frozen=True, slots=True)
class Identities:
    """
    Attributes:
        person_of: Face -> person, for every face that has one; negative ids are new people.
        clusters_of: Person -> the labels of the clusters that are theirs, ascending. None for people without a
            cluster, who keep the medoids that they had.
    """

    person_of: Mapping[FaceId, PersonId]
    clusters_of: Mapping[PersonId, tuple[int, ...]]


def identify(
    faces: Sequence[FaceId],
    photos: Sequence[PhotoId],
    labels: Sequence[int],
    before: Mapping[FaceId, PersonId],
    word: Word,
) -> Identities:
    """
    Decide which cluster is whose.

    Args:
        faces: All faces that were clustered, each once.
        photos: The photo of each; as long as `faces`.
        labels: Their clusters, -1 for none; as long as `faces`.
        before: Face -> person as it is now.
        word: The user's.

    Returns:
        Who is who. The same input gives the same result, in whatever order the faces come.
    """
    members: dict[int, list[FaceId]] = defaultdict(list)
    for face, label in sorted(zip(faces, labels, strict=True)):
        if label >= 0:
            members[label].append(face)

    owner = _claimed(members, word)
    _matched(members, before, owner)
    newcomers = sorted((label for label in members if label not in owner), key=lambda label: members[label])
    for number, label in enumerate(newcomers):
        owner[label] = NEW_PEOPLE_FROM - number

    person_of: dict[FaceId, PersonId] = {}
    for label, cluster in members.items():
        for face in cluster:
            if (face, owner[label]) not in word.refused:
                person_of[face] = owner[label]
    present = set(faces)
    person_of.update({face: person for face, person in word.confirmed.items() if face in present})
    _keep_named(faces, before, word, person_of)
    size_of = {face: len(cluster) for cluster in members.values() for face in cluster}
    _part(dict(zip(faces, photos, strict=True)), size_of, word, person_of)

    clusters_of: dict[PersonId, list[int]] = defaultdict(list)
    for label in sorted(members):
        clusters_of[owner[label]].append(label)
    return Identities(person_of, {person: tuple(labels) for person, labels in clusters_of.items()})


def _claimed(members: Mapping[int, Sequence[FaceId]], word: Word) -> dict[int, PersonId]:
    """Clusters that hold confirmed faces: the person's with most of them, of equals the older one."""
    owner = {}
    for label, cluster in members.items():
        votes = Counter(word.confirmed[face] for face in cluster if face in word.confirmed)
        if votes:
            owner[label] = min(votes, key=lambda person: (-votes[person], person))
    return owner


def _matched(
    members: Mapping[int, Sequence[FaceId]], before: Mapping[FaceId, PersonId], owner: dict[int, PersonId]
) -> None:
    """Give unclaimed clusters to old people by overlap; extends `owner`."""
    overlaps = []
    for label, cluster in members.items():
        if label not in owner:
            shared = Counter(before[face] for face in cluster if face in before)
            overlaps += [(-count, person, cluster[0], label) for person, count in shared.items()]
    matched: set[PersonId] = set()
    for _, person, _, label in sorted(overlaps):
        if label not in owner and person not in matched:
            owner[label] = person
            matched.add(person)


def _keep_named(
    faces: Sequence[FaceId], before: Mapping[FaceId, PersonId], word: Word, person_of: dict[FaceId, PersonId]
) -> None:
    """A name is never lost: named people without any face keep those of theirs that are nobody's; extends `person_of`."""
    empty = word.named - set(person_of.values())
    for face in faces:
        if (
            face in before
            and before[face] in empty
            and face not in person_of
            and (face, before[face]) not in word.refused
        ):
            person_of[face] = before[face]


def _part(
    photo_of: Mapping[FaceId, PhotoId], size_of: Mapping[FaceId, int], word: Word, person_of: dict[FaceId, PersonId]
) -> None:
    """Leave each person one face in a photo, or those that the user confirmed; takes from `person_of`."""
    together: dict[tuple[PhotoId, PersonId], list[FaceId]] = defaultdict(list)
    for face, person in person_of.items():
        together[photo_of[face], person].append(face)
    for twins in together.values():
        sure = [face for face in twins if face in word.confirmed]
        kept = sure or [min(twins, key=lambda face: (-size_of.get(face, 0), face))]
        for face in set(twins) - set(kept):
            del person_of[face]
