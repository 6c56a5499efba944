"""
A reclustering that would turn the known people upside down is held: it is more often a setting, a model or a
program gone wrong than the truth about an archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from facewatchd.domain import FaceId, PersonId

# Below this, one person who is found to be two is a third of everything, and the first few dozen photos of an archive
# say little: what grouping them made is there to be changed. The first grouping moves nobody.
LEAST_ASSIGNED = 20

# A single face that goes from one named person to another is what reclustering is for, and half of a person of two.
_LEAST_MIXED = 2


@dataclass(frozen=True, slots=True)
class Mixing:
    """So many (`faces`) of the `of` faces of a named person would be another named person's."""

    person: PersonId
    into: PersonId
    faces: int
    of: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Attributes:
        moved: Faces that were somebody's and would be somebody else's, or nobody's.
        assigned: Faces that were somebody's.
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
    Say whether a reclustering may be carried out.

    Args:
        before: Face -> person as it is now; faces of nobody are left out.
        after: Face -> person as it would be, for at least the same faces.
        named: People who have a name from the user.
        max_moved: Share, 0..1: of all faces that are somebody's, and of those of a named person that go to another one.
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
