"""
Faces of low quality join people, but make none.

A face that is small, blurred or turned away can be recognised once the people are known. But for a model bad pictures of
different people are similar: if some of them were good enough to make a person, the others join that person too (374 of 709
unfit faces in the background of portraits did, in a dozen people). So no person is joined by more faces of low quality than
they have good faces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from facewatchd.domain import FaceId, PersonId


def followers(wanted: Mapping[FaceId, PersonId], leading: Mapping[PersonId, int]) -> dict[FaceId, PersonId]:
    """
    Which faces of low quality join.

    Args:
        wanted: Face of low quality -> the person that it resembles enough.
        leading: Person -> their good faces.

    Returns:
        Those of `wanted` for people with at least as many good faces.
    """
    flocks = Counter(wanted.values())
    return {face: person for face, person in wanted.items() if flocks[person] <= leading.get(person, 0)}
