"""
Which cluster is which person. Reclustering proposes, people keep their ids, and the corrections of the user bind.

1. A face that the user confirmed belongs to that person, in any cluster.
2. Every face votes for its present person, confirmed or not. The cluster belongs to the winner if some of the winner's
   faces in it are confirmed: one corrected face does not take the others with it.
3. Every other cluster belongs to the person with whom it shares most faces. Each person gets one such cluster, the largest
   overlap first. A person that the user made from chosen faces gets only clusters with these faces: the other faces were a
   guess, perhaps by a grouping that joined different people. Named people without a confirmed face choose before all others:
   a cluster with a small named person and a large unnamed one belongs to the named one. A cluster that is still free belongs to
   the person with the most confirmed faces in it.
4. If the user said that a face does not belong to the person of its cluster, it goes to the unknown pool. A cluster with more
   faces that are refused for a person than faces of the person does not go to them by overlap. The person who gets it does
   not get their faces, because the user said that these are two people.
5. Two faces of a photo are two people, unless the user confirmed both: the one from the larger cluster stays.
6. A cluster that is left over is a new person. So is a cluster if its person may keep no face of it.
7. A named person who would lose all faces keeps those that are in no other person's cluster. So does a hidden person, or their
   faces would be seen again in the unknown pool.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from facewatchd.domain import FaceId, PersonId, PhotoId

NEW_PEOPLE_FROM = -1
"""New people are numbered -1, -2, ... until the store gives them ids that were never used."""


@dataclass(frozen=True, slots=True)
class Word:
    """
    The corrections of the user.

    Attributes:
        confirmed: Face -> the person to whom it must belong.
        refused: (face, person) pairs that cannot be.
        named: People who have a name from the user.
        founded: People whom the user made of faces of their choice.
        hidden: People whom the user does not want to see.
    """

    confirmed: Mapping[FaceId, PersonId]
    refused: AbstractSet[tuple[FaceId, PersonId]]
    named: AbstractSet[PersonId]
    founded: AbstractSet[PersonId] = frozenset()
    hidden: AbstractSet[PersonId] = frozenset()


@dataclass(frozen=True, slots=True)
class Identities:
    """
    Attributes:
        person_of: Face -> person, for every face that has one; negative ids are new people.
        clusters_of: Person -> the labels of their clusters, ascending. People without a cluster are not in it, and keep
            their medoids.
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
    Decide which cluster belongs to which person.

    Args:
        faces: All faces that were clustered, each once.
        photos: The photo of each; as long as `faces`.
        labels: Their clusters, -1 for none; as long as `faces`.
        before: Face -> person as it is now.
        word: The corrections of the user.

    Returns:
        The identities. The same input gives the same result, in any order of the faces.
    """
    members: dict[int, list[FaceId]] = defaultdict(list)
    for face, label in sorted(zip(faces, labels, strict=True)):
        if label >= 0:
            members[label].append(face)

    photo_of = dict(zip(faces, photos, strict=True))
    size_of = {face: len(cluster) for cluster in members.values() for face in cluster}
    owner = _claimed(members, before, word)
    denied = _denied(members, before, word)
    _matched(members, photo_of, before, word, denied, owner)
    for label, person in _claimed(members, {}, word).items():
        owner.setdefault(label, person)
    person_of: dict[FaceId, PersonId] = {}
    for label, person in owner.items():
        person_of.update({face: person for face in members[label] if (face, person) not in word.refused})
    person_of.update({face: person for face, person in word.confirmed.items() if face in photo_of})
    _part(photo_of, size_of, word, person_of)

    newcomers = [
        label
        for label, cluster in members.items()
        if label not in owner or not any(person_of.get(face) == owner[label] for face in cluster)
    ]
    for number, label in enumerate(sorted(newcomers, key=lambda label: members[label])):
        owner[label] = NEW_PEOPLE_FROM - number
        person_of.update({face: owner[label] for face in members[label] if face not in word.confirmed})
    # the user said that these are two people: the person of the cluster does not get their faces
    for label, person in denied:
        theirs = (face for face in members[label] if before.get(face) == person and face not in word.confirmed)
        person_of.update({face: person for face in theirs if (face, person) not in word.refused})
    _keep_last(faces, before, word, person_of)
    _part(photo_of, size_of, word, person_of)

    clusters_of: dict[PersonId, list[int]] = defaultdict(list)
    for label in sorted(members):
        clusters_of[owner[label]].append(label)
    return Identities(person_of, {person: tuple(labels) for person, labels in clusters_of.items()})


def _claimed(
    members: Mapping[int, Sequence[FaceId]], before: Mapping[FaceId, PersonId], word: Word
) -> dict[int, PersonId]:
    """Clusters that people with confirmed faces in them win. Of equal ones the person with more confirmed faces wins."""
    owner = {}
    for label, cluster in members.items():
        sure = Counter(word.confirmed[face] for face in cluster if face in word.confirmed)
        votes = sure + Counter(
            before[face]
            for face in cluster
            if face in before and face not in word.confirmed and (face, before[face]) not in word.refused
        )
        if votes:
            winner = min(votes, key=lambda person: (-votes[person], -sure[person], person))
            if sure[winner]:
                owner[label] = winner
    return owner


def _matched(
    members: Mapping[int, Sequence[FaceId]],
    photo_of: Mapping[FaceId, PhotoId],
    before: Mapping[FaceId, PersonId],
    word: Word,
    denied: AbstractSet[tuple[int, PersonId]],
    owner: dict[int, PersonId],
) -> None:
    """Give unclaimed clusters to old people by overlap, counting faces that may stay theirs; extends `owner`."""
    elsewhere = {(photo_of[face], person) for face, person in word.confirmed.items() if face in photo_of}
    sure = {person for face, person in word.confirmed.items() if face in photo_of}
    fixed = word.founded & sure
    first = word.named - set(owner.values()) - sure
    overlaps = []
    for label, cluster in members.items():
        if label not in owner:
            shared = Counter(
                before[face]
                for face in cluster
                if face in before
                and (face, before[face]) not in word.refused
                and (photo_of[face], before[face]) not in elsewhere
                and before[face] not in fixed
                and (label, before[face]) not in denied
            )
            overlaps += [(person not in first, -count, person, cluster[0], label) for person, count in shared.items()]
    matched: set[PersonId] = set()
    for _, _, person, _, label in sorted(overlaps):
        if label not in owner and person not in matched:
            owner[label] = person
            matched.add(person)


def _denied(
    members: Mapping[int, Sequence[FaceId]], before: Mapping[FaceId, PersonId], word: Word
) -> set[tuple[int, PersonId]]:
    """Clusters with the people for whom more of their faces are refused than belong to them."""
    label_of = {face: label for label, cluster in members.items() for face in cluster}
    theirs = Counter(
        (label_of[face], person)
        for face, person in before.items()
        if face in label_of and (face, person) not in word.refused
    )
    against = Counter((label_of[face], person) for face, person in word.refused if face in label_of)
    return {claim for claim, count in theirs.items() if against[claim] > count}


def _keep_last(
    faces: Sequence[FaceId], before: Mapping[FaceId, PersonId], word: Word, person_of: dict[FaceId, PersonId]
) -> None:
    """
    Names and hidden people are never lost: named and hidden people without a face keep those of their faces that would be
    unassigned. This extends `person_of`.
    """
    empty = (word.named | word.hidden) - set(person_of.values())
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
    """Leave each person one face in a photo, or those that the user confirmed. This removes from `person_of`."""
    together: dict[tuple[PhotoId, PersonId], list[FaceId]] = defaultdict(list)
    for face, person in person_of.items():
        together[photo_of[face], person].append(face)
    for twins in together.values():
        sure = [face for face in twins if face in word.confirmed]
        kept = sure or [min(twins, key=lambda face: (-size_of.get(face, 0), face))]
        for face in set(twins) - set(kept):
            del person_of[face]
