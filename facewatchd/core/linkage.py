"""
Average-linkage agglomeration on a graph of nearest neighbours, in rounds of array operations.

Two clusters are as similar as their members are on average over all pairs; the most similar are joined first, until no
pair reaches the threshold (UPGMA, Sokal and Michener 1958). For L2-normalised embeddings that mean is the dot product
of the clusters' sums over the product of their sizes, so no matrix of all pairs is needed, and only clusters that some
neighbour edge connects are ever compared: on portraits, ten neighbours give what all pairs give. A burst of more frames
than that has all its neighbours in itself; so when no edge joins anything any more, the neighbours of the large clusters
as wholes are looked for, until that joins nothing either.

The joins are not made one by one. Two clusters that are each other's most similar will be joined whatever else happens
first (the mean is reducible: Bruynooghe 1977, Murtagh 1983), so every round joins all such pairs at once. That ends as
the one-by-one order does, within some dozens of rounds instead of one step a face. Only around a large cluster, whose
hundreds of candidates all have it as their nearest, would a round join a single one of them; there, a round takes in
as many as do not change it much (compare TeraHAC, Dhulipala et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.graph import Graph, distinct, neighbours
from facewatchd.domain import Embeddings, PersonId

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

# pairs of one block of dot products: what is copied for it, half a megabyte, stays in the cache of one core, and in memory
# that is there already; 2048 of them take three times as long
_BLOCK = 128
# sums of more faces than this are kept in single precision: 1,000,000 x 512 are 2 GB instead of 4
_EXACT_FACES = 50_000
# from this many faces on a cluster takes in several others a round, at most this share of its own faces: on LFW the
# result stays the same to 0.1 %, and a person of 50,000 faces takes some 50 rounds instead of 50,000
_LARGE, _SHARE = 16, 0.25


@dataclass(frozen=True, slots=True)
class Ties:
    """
    What must stay apart, face by face; every sequence has one entry a face.

    Attributes:
        photo: int64, shape (n_faces,). Two faces of a photo are two people.
        owner: The person whom the user says it is, or None.
        refused: The people whom the user says it is not.
    """

    photo: NDArray[np.int64]
    owner: Sequence[PersonId | None]
    refused: Sequence[frozenset[PersonId]]


@dataclass(frozen=True, slots=True)
class LinkRule:
    """
    When two clusters are one person. All similarities are cosines.

    Attributes:
        threshold: Mean similarity, -1..1, below which two single faces are not joined.
        bonus: How much less is enough where another method (`hint`) puts the two together.
        loose: 0..1: how far the mean is divided by the clusters' own mean similarity. 0 is average linkage; 1 compares
            the directions of the sums, so that a person whose looks vary is not held to the threshold of one whose
            looks do not.
        large: How much less is enough for two large clusters, whose mean over many pairs is no accident; two single
            faces get nothing of it, a and b faces `1 - 1 / sqrt(a * b)` of it.
        hubs: 0..1: how much more is needed between who resembles strangers, in parts of their mean hubness.
    """

    threshold: float
    bonus: float = 0.0
    loose: float = 0.0
    large: float = 0.0
    hubs: float = 0.0


class _Apart:
    """Which clusters may not be joined, kept up while clusters grow."""

    def __init__(self, ties: Ties) -> None:
        self._count = len(ties.photo)
        self._photo = distinct(_key(*_same(ties.photo), self._count))
        people: dict[PersonId, int] = {}
        for person in ties.owner:
            if person is not None:
                people.setdefault(person, len(people))
        self._people = max(len(people), 1)
        self.owner = np.array([-1 if person is None else people[person] for person in ties.owner], np.int64)
        self._owned = bool(people)
        said = [(face, people[p]) for face, refused in enumerate(ties.refused) for p in refused if p in people]
        self._refused = np.array(sorted(said), np.int64).reshape(-1, 2)

    def forbidden(self, a: Ids, b: Ids) -> NDArray[np.bool_]:
        """Whether each pair of clusters must stay apart."""
        bad = _among(_key(a, b, self._count), self._photo)
        if self._owned:
            owner_a, owner_b = self.owner[a], self.owner[b]
            bad |= (owner_a >= 0) & (owner_b >= 0) & (owner_a != owner_b)
            refused = np.unique(self._refused[:, 0] * self._people + self._refused[:, 1])
            bad |= (owner_b >= 0) & _among(a * self._people + owner_b, refused)
            bad |= (owner_a >= 0) & _among(b * self._people + owner_a, refused)
        return bad

    def plain(self, clusters: Ids) -> NDArray[np.bool_]:
        """Whether the user has said nothing about any of their faces."""
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
        """Clusters `joined` became part of `into`; `became` and `changed` say the same per cluster."""
        if self._owned:
            new = self.owner[joined] >= 0
            self.owner[into[new]] = self.owner[joined[new]]
            self._refused[:, 0] = became[self._refused[:, 0]]
        if len(self._photo):
            x, y = np.divmod(self._photo, self._count)
            touched = changed[x] | changed[y]
            if touched.any():
                moved = _key(became[x[touched]], became[y[touched]], self._count)
                self._photo = distinct(np.concatenate([self._photo[~touched], moved]))


class _Clusters:
    """The clusters while they grow: sums, sizes and what they are alike by."""

    def __init__(self, embeddings: Embeddings, rule: LinkRule, hint: Ids | None, hubness: Reals | None) -> None:
        count = len(embeddings)
        self._rule = rule
        self._sums: NDArray[np.float32] | NDArray[np.float64] = (
            embeddings.astype(np.float64) if count <= _EXACT_FACES else embeddings.astype(np.float32)
        )
        self.sizes = np.ones(count)
        self._tightness = np.ones(count)
        self._hubness = np.zeros(count) if hubness is None else hubness.copy()
        self._mean_hubness = self._hubness.copy()
        self._kind = np.full(count, -1, np.int64) if hint is None else hint.astype(np.int64)
        self._part_of = np.arange(count)

    def similarity(self, a: Ids, b: Ids) -> Reals:
        """Mean similarity between the members of two clusters each."""
        means = np.empty(len(a))
        for start in range(0, len(a), _BLOCK):
            rows = slice(start, start + _BLOCK)
            means[rows] = np.einsum("ij,ij->i", self._sums[a[rows]], self._sums[b[rows]])
        means /= self.sizes[a] * self.sizes[b]
        return means

    def strength(self, a: Ids, b: Ids, means: Reals) -> Reals:
        """What is to reach the threshold, from the mean similarities."""
        rule, strength = self._rule, means.astype(np.float64)
        if rule.loose:
            strength /= (self._tightness[a] * self._tightness[b]) ** (rule.loose / 2)
        if rule.large:
            strength += rule.large * (1 - 1 / np.sqrt(self.sizes[a] * self.sizes[b]))
        if rule.bonus:
            strength += rule.bonus * ((self._kind[a] == self._kind[b]) & (self._kind[a] >= 0))
        if rule.hubs:
            strength -= (self._mean_hubness[a] + self._mean_hubness[b]) * (rule.hubs / 2)
        return strength

    def join(self, into: Ids, joined: Ids) -> None:
        """Put `joined` into `into`, which may name a cluster several times."""
        # of each cluster, the larger part's hint stands for the whole
        order = np.argsort(self.sizes[joined], kind="stable")
        a, b = into[order], joined[order]
        better = (self._kind[b] >= 0) & ((self._kind[a] < 0) | (self.sizes[b] > self.sizes[a]))
        self._kind[a[better]] = self._kind[b[better]]
        np.add.at(self.sizes, into, self.sizes[joined])
        np.add.at(self._hubness, into, self._hubness[joined])
        self._mean_hubness[into] = self._hubness[into] / self.sizes[into]
        if len(np.unique(into)) == len(into):
            self._sums[into] += self._sums[joined]
        else:
            np.add.at(self._sums, into, self._sums[joined])
        self._part_of[joined] = into
        if self._rule.loose:
            grown = np.unique(into)
            self._tightness[grown] = self.similarity(grown, grown)

    def wholes(self, least: int) -> tuple[Ids, Embeddings]:
        """The clusters of more than `least` faces, and the directions of their sums, L2-normalised."""
        large = np.flatnonzero((self._part_of == np.arange(len(self._part_of))) & (self.sizes > least))
        sums = self._sums[large]
        lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        return large, (sums / lengths).astype(np.float32)

    def labels(self) -> Ids:
        """Cluster of each face, numbered by the first member's position."""
        root = self._part_of
        while not np.array_equal(root, root[root]):
            root = root[root]
        _, first, labels = np.unique(root, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[labels]


def average_linkage(
    embeddings: Embeddings,
    ties: Ties,
    threshold: float | LinkRule,
    hint: NDArray[np.int64] | None = None,
    bonus: float = 0.0,
    k: int = 10,
    graph: Graph | None = None,
    hubness: Reals | None = None,
) -> NDArray[np.int64]:
    """
    Join faces and clusters, most similar first, while their mean similarity reaches the threshold.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        ties: What must stay apart.
        threshold: Mean similarity, -1..1, below which nothing is joined; or all that there is to say about that.
        hint: Another method's labels, shape (n_faces,), -1 for none. Two clusters that it puts together need `bonus`
            less similarity.
        bonus: See `hint`. Left aside where `threshold` is a LinkRule.
        k: Neighbours of each face that it may be joined through.
        graph: The nearest neighbours, at least k of each face, where they are known already.
        hubness: Of each face, see `core.hubness`; for a LinkRule that asks for it.

    Returns:
        Labels, int64, shape (n_faces,): 0.. by the first member's position. A single face is a cluster of its own.
    """
    rule = threshold if isinstance(threshold, LinkRule) else LinkRule(threshold, bonus)
    count = len(embeddings)
    a, b, means = (graph or neighbours(embeddings, k)).edges(k)
    clusters, apart = _Clusters(embeddings, rule, hint, hubness), _Apart(ties)

    def kept(a: Ids, b: Ids, means: Reals) -> tuple[Ids, Ids, Reals]:
        # a pair below the threshold may still reach it with what it gains by growing, and by no other way
        strength = clusters.strength(a, b, means)
        good = strength >= rule.threshold - rule.large - rule.bonus
        good[good] = ~apart.forbidden(a[good], b[good])
        return a[good], b[good], strength[good]

    a, b, strength = kept(a, b, means)
    best, pick = np.empty(count), np.empty(count, np.int64)
    became, changed = np.arange(count), np.zeros(count, np.bool_)
    is_looked_for = False
    while True:
        into, joined = _joins(a, b, strength, rule.threshold, clusters, apart, best, pick)
        if not len(into) and is_looked_for:
            return clusters.labels()
        if not len(into):
            large, directions = clusters.wholes(k)
            x, y, _ = neighbours(directions, k).edges(k)
            x, y = large[x], large[y]
            x, y, stronger = kept(x, y, clusters.similarity(x, y))
            a, b, strength = np.concatenate([a, x]), np.concatenate([b, y]), np.concatenate([strength, stronger])
            is_looked_for = True
            continue
        is_looked_for = False
        clusters.join(into, joined)
        became[joined], changed[into], changed[joined] = into, True, True
        apart.follow(into, joined, became, changed)
        touched = changed[a] | changed[b]
        x, y = became[a[touched]], became[b[touched]]
        x, y = np.divmod(distinct(_key(x, y, count)[x != y]), count)
        changed[into], changed[joined] = False, False
        x, y, stronger = kept(x, y, clusters.similarity(x, y))
        a, b = np.concatenate([a[~touched], x]), np.concatenate([b[~touched], y])
        strength = np.concatenate([strength[~touched], stronger])


def _joins(
    a: Ids, b: Ids, strength: Reals, threshold: float, clusters: _Clusters, apart: _Apart, best: Reals, pick: Ids
) -> tuple[Ids, Ids]:
    """
    What one round joins: pairs that are each other's best, and smaller clusters into a much larger one.

    Args:
        a: First cluster of each pair, below `b`.
        b: Second.
        strength: Of each pair.
        threshold: The least strength.
        clusters: For their sizes.
        apart: Who must stay apart.
        best: Scratch, one a cluster.
        pick: Scratch, one a cluster.

    Returns:
        Clusters that take in (some several times), and those that they take in (each once, and taking in nothing).
    """
    best.fill(-np.inf)
    pick.fill(len(a))
    for end in (a, b):
        np.maximum.at(best, end, strength)
    for end in (a, b):
        # of equals the first pair, so that the result does not hang on the order of anything else
        top = np.flatnonzero(strength == best[end])
        np.minimum.at(pick, end[top], top)
    picks = distinct(pick[best >= threshold])
    a, b, strength = a[picks], b[picks], strength[picks]
    of_a, of_b = pick[a] == picks, pick[b] == picks
    into, joined = a[of_a & of_b], b[of_a & of_b]

    one_way = of_a ^ of_b
    small, hub = np.where(of_a, a, b)[one_way], np.where(of_a, b, a)[one_way]
    pull = strength[one_way]
    big = clusters.sizes[hub] >= _LARGE
    small, hub, pull = small[big], hub[big], pull[big]
    if not len(small):
        return into, joined
    # the hub may itself be in a pair of this round; otherwise it waits for nobody
    group = np.full(len(best), -1, np.int64)
    group[into], group[joined] = into, into
    paired = group >= 0
    alone = ~paired[hub]
    group[hub[alone]] = hub[alone]
    free = ~paired[small] & (group[small] < 0) & apart.plain(small)
    small, hub, pull = small[free], group[hub[free]], pull[free]
    order = np.lexsort((small, -pull, hub))
    small, hub = small[order], hub[order]
    taken = np.cumsum(clusters.sizes[small])
    new = np.flatnonzero(np.r_[True, hub[1:] != hub[:-1]]) if len(hub) else np.empty(0, np.int64)
    before = np.repeat(taken[new] - clusters.sizes[small[new]], np.diff(np.r_[new, len(hub)]))
    few = taken - before <= _SHARE * clusters.sizes[hub]
    small, hub = small[few], hub[few]
    group[small] = hub
    fine = ~apart.clash(group)[small]
    return np.concatenate([into, hub[fine]]), np.concatenate([joined, small[fine]])


def _key(a: Ids, b: Ids, count: int) -> Ids:
    """One number a pair, whichever comes first."""
    return np.minimum(a, b) * count + np.maximum(a, b)


def _among(keys: Ids, table: Ids) -> NDArray[np.bool_]:
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
