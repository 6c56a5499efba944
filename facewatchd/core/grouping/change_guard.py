"""
The change guard: a reclustering that would change the known people very much is held. The cause is more often a wrong setting, a
wrong model or a fault than a better grouping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from facewatchd.domain import FaceId, PersonId

# In a smaller archive one person who becomes two is a third of everything, and its first groupings must be able to change.
# The first grouping moves no face.
LEAST_ASSIGNED = 20

# reclustering may move single faces from one named person to another, which is half of a person with two faces
_LEAST_MIXED = 2


@dataclass(frozen=True, slots=True)
class Mixing:
    """`faces` of the `of` faces of a named person would go to another named person."""

    person: PersonId
    into: PersonId
    faces: int
    of: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Attributes:
        moved: Assigned faces that would go to another person, or become unassigned.
        assigned: Faces that are assigned now.
        too_many: Whether that is more than is believed.
        mixed: Named people who would be swallowed by others, the largest loss first.
    """

    moved: int
    assigned: int
    too_many: bool
    mixed: tuple[Mixing, ...]

    @property
    def held(self) -> bool:
        return self.too_many or bool(self.mixed)


def examine(
    before: Mapping[FaceId, PersonId],
    after: Mapping[FaceId, PersonId | None],
    named: AbstractSet[PersonId],
    max_moved: float,
) -> Verdict:
    """
    Decide whether a reclustering may be carried out.

    Args:
        before: Face -> person as it is now, without unassigned faces.
        after: Face -> person as it would be, for at least the same faces.
        named: People who have a name from the user.
        max_moved: Share, 0..1: of all assigned faces, and of the faces of a named person that go to another one.
    """
    moved = [(person, after[face]) for face, person in before.items() if after[face] != person]
    too_many = len(before) >= LEAST_ASSIGNED and len(moved) > max_moved * len(before)
    sizes = Counter(before.values())
    mixed = [
        Mixing(person, into, count, sizes[person])
        for (person, into), count in Counter(moved).items()
        if into is not None and {person, into} <= named and count >= _LEAST_MIXED and count > max_moved * sizes[person]
    ]
    mixed.sort(key=lambda mixing: (-mixing.faces, mixing.person, mixing.into))
    return Verdict(len(moved), len(before), too_many, tuple(mixed))
