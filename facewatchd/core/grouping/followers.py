"""
Poor faces join people, and lead nobody.

A face that is small, blurred or turned away may well be recognised once it is known who there is. But a model sees
bad pictures as alike, whoever is in them: where some of them were good enough to make a person of their own, all the
others flock to it (of 709 unfit faces in the background of portraits 374 did, to a dozen such people). So nobody is
joined by more poor faces than they have good ones: those would be what the person is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from facewatchd.domain import FaceId, PersonId


def followers(wanted: Mapping[FaceId, PersonId], leading: Mapping[PersonId, int]) -> dict[FaceId, PersonId]:
    """
    Which poor faces join.

    Args:
        wanted: Poor face -> the person whom it resembles enough.
        leading: Person -> their good faces.

    Returns:
        Those of `wanted` whose person is not resembled by more poor faces than they have good ones.
    """
    flocks = Counter(wanted.values())
    return {face: person for face, person in wanted.items() if flocks[person] <= leading.get(person, 0)}
