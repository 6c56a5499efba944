"""
Cannot-links: faces that must not be one person. Two faces of a photo are one, and corrections of the user are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.graph import distinct
from facewatchd.core.grouping.union_find import Components
from facewatchd.domain import PersonId

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ties:
    """
    The cannot-links, face by face. Every sequence has one entry per face.

    Attributes:
        photo: int64, shape (n_faces,). Two faces of a photo are two people.
        owner: The person to whom the user assigned it, or None.
        refused: The people to whom the user said it does not belong.
    """

    photo: NDArray[np.int64]
    owner: Sequence[PersonId | None]
    refused: Sequence[frozenset[PersonId]]


class Apart:
    """
    Which clusters must not be joined, kept up to date while clusters grow.

    Args:
        photo: Pairs of clusters that share a photo, as `pair_keys`, ascending.
        owner: The number of the person to whom the user assigned each cluster, or -1.
        refused: Cluster, and number of a person to whom the user said it does not belong, shape (n, 2), int64.
    """

    def __init__(self, photo: Ids, owner: Ids, refused: Ids) -> None:
        self._count = len(owner)
        self._photo = photo
        self.owner = owner
        self._refused = refused
        self._people = 1 + max(int(owner.max(initial=0)), int(refused[:, 1].max(initial=0)))
        self._owned = bool((owner >= 0).any())

    @classmethod
    def of_faces(cls, ties: Ties) -> Apart:
        """Every face is a cluster."""
        people: dict[PersonId, int] = {}
        for person in ties.owner:
            if person is not None:
                people.setdefault(person, len(people))
        owner = np.array([-1 if person is None else people[person] for person in ties.owner], np.int64)
        said = [(face, people[p]) for face, refused in enumerate(ties.refused) for p in refused if p in people]
        photo = distinct(pair_keys(*_same(ties.photo), len(owner)))
        return cls(photo, owner, np.array(sorted(said), np.int64).reshape(-1, 2))

    def split(self, components: Components) -> list[Apart]:
        """The cannot-links within each component, by the places of the clusters there."""
        x, y = np.divmod(self._photo, max(self._count, 1))
        said = self._refused[:, 0]
        found = []
        for rows, shared, refused in zip(
            components.rows, components.split(x, y), components.split(said, said), strict=True
        ):
            photo = pair_keys(components.place[x[shared]], components.place[y[shared]], len(rows))
            here = np.column_stack([components.place[said[refused]], self._refused[refused, 1]])
            found.append(Apart(photo, self.owner[rows], here))
        return found

    def forbidden(self, a: Ids, b: Ids) -> NDArray[np.bool_]:
        """Whether each pair of clusters must stay apart."""
        bad = among(pair_keys(a, b, self._count), self._photo)
        if self._owned:
            owner_a, owner_b = self.owner[a], self.owner[b]
            bad |= (owner_a >= 0) & (owner_b >= 0) & (owner_a != owner_b)
            refused = np.unique(self._refused[:, 0] * self._people + self._refused[:, 1])
            bad |= (owner_b >= 0) & among(a * self._people + owner_b, refused)
            bad |= (owner_a >= 0) & among(b * self._people + owner_a, refused)
        return bad

    def plain(self, clusters: Ids) -> NDArray[np.bool_]:
        """Whether there is no correction of any of their faces."""
        free: NDArray[np.bool_] = (self.owner[clusters] < 0) & ~np.isin(clusters, self._refused[:, 0])
        return free

    def clash(self, group: Ids) -> NDArray[np.bool_]:
        """
        Args:
            group: Per cluster the one that it would become part of, -1 for those that stay as they are.

        Returns:
            Per cluster, whether it shares a photo with another of its group.
        """
        x, y = np.divmod(self._photo, self._count)
        bad = (group[x] >= 0) & (group[x] == group[y])
        clashing = np.zeros(self._count, np.bool_)
        clashing[x[bad]] = True
        clashing[y[bad]] = True
        return clashing

    def follow(self, into: Ids, joined: Ids, became: Ids, changed: NDArray[np.bool_]) -> None:
        """Clusters `joined` became part of `into`. `became` and `changed` hold the same per cluster."""
        if self._owned:
            new = self.owner[joined] >= 0
            self.owner[into[new]] = self.owner[joined[new]]
            self._refused[:, 0] = became[self._refused[:, 0]]
        if len(self._photo):
            x, y = np.divmod(self._photo, self._count)
            touched = changed[x] | changed[y]
            if touched.any():
                moved = pair_keys(became[x[touched]], became[y[touched]], self._count)
                self._photo = distinct(np.concatenate([self._photo[~touched], moved]))

    def after(self, became: Ids, rows: Ids) -> Apart:
        """
        The cannot-links within some of the clusters, by their places, after all have grown. Do not use the former object
        afterwards.

        Args:
            became: For each cluster the one that it is part of now.
            rows: Those that are left, ascending. All others have become part of one, or stay as they are.
        """
        changed = became != np.arange(self._count)
        joined = np.flatnonzero(changed)
        self.follow(became[joined], joined, became, changed)
        return self.split(Components.single(rows, self._count))[0]


def pair_keys(a: Ids, b: Ids, count: int) -> Ids:
    """One number per pair, in either order."""
    return np.minimum(a, b) * count + np.maximum(a, b)


def among(keys: Ids, table: Ids) -> NDArray[np.bool_]:
    """Which keys are in a sorted table."""
    if not len(table):
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    found: NDArray[np.bool_] = table[at] == keys
    return found


def _same(values: Ids) -> tuple[Ids, Ids]:
    """All pairs of positions with the same value."""
    order = np.argsort(values, kind="stable")
    sorted_values = values[order]
    firsts, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    step = 1
    while step < len(values) and (same := sorted_values[step:] == sorted_values[:-step]).any():
        firsts.append(order[:-step][same])
        seconds.append(order[step:][same])
        step += 1
    return np.concatenate(firsts), np.concatenate(seconds)
