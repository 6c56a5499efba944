"""
Faces that are others again, in copies of a picture (`core.grouping.copies`): a grouping counts them for nothing, and where the one that
stands for them goes they go, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from facewatchd.domain import Assignment, FaceId, PersonId
from facewatchd.store import FaceTable


@dataclass(frozen=True, slots=True)
class Again:
    """
    Attributes:
        first: Face -> the one that stands for it.
        now: Whose each of them is so far, 0 for nobody.
        photos: Of every face the photo that no two faces of a person share.
        poor: Which of them are poor.
    """

    first: Mapping[FaceId, FaceId]
    now: Mapping[FaceId, PersonId]
    photos: Mapping[FaceId, int]
    poor: AbstractSet[FaceId]

    @classmethod
    def of(cls, first: Mapping[FaceId, FaceId], good: FaceTable, poor: FaceTable) -> Again:
        """Of all good and all poor faces."""
        if not first:
            return cls({}, {}, {}, frozenset())
        now: dict[FaceId, PersonId] = {}
        photos: dict[FaceId, int] = {}
        for table in (good, poor):
            faces = table.faces.tolist()
            now.update(zip(faces, table.people.tolist(), strict=True))
            photos.update(zip(faces, table.photos.tolist(), strict=True))
        return cls(
            {face: one for face, one in first.items() if face in now},
            now,
            photos,
            first.keys() & set(poor.faces.tolist()),
        )

    def join(
        self, assignments: Mapping[FaceId, Assignment], clusters: Mapping[FaceId, int]
    ) -> tuple[dict[FaceId, Assignment], dict[FaceId, int]]:
        """
        The same with these faces, as far as the ones that stand for them are among them; nobody is in a photo twice by that.
        """
        all_assignments, all_clusters = dict(assignments), dict(clusters)
        there = {(self.photos[face], a.person_id) for face, a in assignments.items()} if self.first else set()
        for face, one in self.first.items():
            if one not in assignments:
                continue
            whose = assignments[one]
            place = (self.photos[face], whose.person_id)
            if whose.person_id is not None and place in there:
                all_assignments[face] = replace(whose, person_id=None, review=None)
                continue
            there.add(place)
            all_assignments[face] = whose
            if one in clusters:
                all_clusters[face] = clusters[one]
        return all_assignments, all_clusters
