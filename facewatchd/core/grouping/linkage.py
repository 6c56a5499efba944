"""
Average-linkage agglomeration on a graph of nearest neighbours, in rounds of array operations.

Two clusters are as similar as their members are on average over all pairs; the most similar are joined first, until no
pair reaches the threshold (UPGMA, Sokal and Michener 1958). For L2-normalised embeddings that mean is the dot product
of the clusters' sums over the product of their sizes, so no matrix of all pairs is needed. Only clusters that a neighbour edge
connects are compared: on portraits, ten neighbours give the same result as all pairs. A burst with more frames than that has all
its neighbours in itself. So when no edge joins anything any more, the neighbours of the large clusters as wholes are searched,
until that joins nothing either.

The joins are not made one by one. Two clusters that are each other's most similar are joined in any order of the joins (the mean
is reducible: Bruynooghe 1977, Murtagh 1983), so every round joins all such pairs at once. The result is the same as one by one,
after some dozen rounds instead of one step per face. Around a large cluster, which is the nearest of hundreds of candidates, a
round would join only one of them. There a round joins as many as do not change the cluster much (compare TeraHAC, Dhulipala et
al. 2023).

Faces that no chain of pairs connects are never joined, so a large archive falls into pieces. They are computed one after the
other, and the clusters that may still be joined are put together again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.cannot_link import Apart, Ties, pair_keys
from facewatchd.core.grouping.clusters import Clusters, LinkRule
from facewatchd.core.grouping.graph import Graph, distinct, neighbours
from facewatchd.core.grouping.union_find import NONE, Components
from facewatchd.domain import Embeddings

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

# with this many faces or more, a cluster joins several others in a round, at most this share of its own faces: on LFW the
# result is the same to 0.1 %, and a person of 50,000 faces takes some 50 rounds instead of 50,000
_LARGE, _SHARE = 16, 0.25


class _Pairs(NamedTuple):
    """Clusters that may be joined: the lower one, the higher one, and their strength."""

    a: Ids
    b: Ids
    strength: Reals

    def only(self, chosen: Ids | NDArray[np.bool_]) -> _Pairs:
        return _Pairs(self.a[chosen], self.b[chosen], self.strength[chosen])

    def at(self, place: Ids) -> _Pairs:
        """The same pairs with other numbers for the clusters, in the same order."""
        return _Pairs(place[self.a], place[self.b], self.strength)

    @staticmethod
    def together(some: Sequence[_Pairs]) -> _Pairs:
        return _Pairs(*(np.concatenate(column) for column in zip(*some, strict=True)))


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
        ties: The cannot-links.
        threshold: Mean similarity, -1..1, below which nothing is joined; or the whole rule.
        hint: The labels of another method, shape (n_faces,), -1 for none. Two clusters that it joins need `bonus` less
            similarity.
        bonus: See `hint`. Not used if `threshold` is a LinkRule.
        k: Neighbours of each face that may connect it.
        graph: The nearest neighbours, at least k of each face, if they are known already.
        hubness: Of each face, see `core.grouping.hubness`. For a LinkRule that uses it.

    Returns:
        Labels, int64, shape (n_faces,): 0.. by the first member's position. A single face is a cluster of its own.
    """
    rule = threshold if isinstance(threshold, LinkRule) else LinkRule(threshold, bonus)
    clusters, apart = Clusters.of_faces(embeddings, rule, hint, hubness), Apart.of_faces(ties)
    pairs = _kept(*(graph or neighbours(embeddings, k)).edges(k), clusters, apart)
    # the face that stands for each cluster that may still be joined
    faces = np.arange(len(embeddings))
    part_of = faces.copy()
    is_looked_for = False
    while True:
        became, left, clusters, pairs = _by_parts(clusters, apart, pairs, k)
        part_of[faces] = faces[became]
        if is_looked_for and np.array_equal(became, np.arange(len(faces))):
            return _labels(part_of)
        faces, apart = faces[left], apart.after(became, left)
        large = np.flatnonzero(clusters.sizes > k)
        wholes = clusters.only(large)
        a, b, _ = neighbours(wholes.directions(), k).edges(k)
        found = _kept(large[a], large[b], wholes.similarity(a, b), clusters, apart)
        pairs = _Pairs.together([pairs, found])
        is_looked_for = True


def _kept(a: Ids, b: Ids, means: Reals, clusters: Clusters, apart: Apart) -> _Pairs:
    """The pairs that may be joined. A pair below the threshold is among them if it may reach it by growing."""
    rule, strength = clusters.rule, clusters.strength(a, b, means)
    good = strength >= rule.threshold - rule.large - rule.bonus
    good[good] = ~apart.forbidden(a[good], b[good])
    return _Pairs(a[good], b[good], strength[good])


def _by_parts(clusters: Clusters, apart: Apart, pairs: _Pairs, k: int) -> tuple[Ids, Ids, Clusters, _Pairs]:
    """
    Join until no pair reaches the threshold, piece by piece.

    Returns:
        For each cluster the one that it became part of; the clusters that may still be joined, ascending: of more than k
        faces, or in a pair; these clusters now; and the pairs that are left, by their places among these.
    """
    components = Components.connected(pairs.a, pairs.b, len(clusters.sizes))
    became = np.arange(len(clusters.sizes))
    alone = np.flatnonzero((components.of == NONE) & (clusters.sizes > k))
    left, grown, waiting = [alone], [clusters.only(alone)], [pairs.only(np.empty(0, np.int64))]
    for rows, own, chosen in zip(
        components.rows, apart.split(components), components.split(pairs.a, pairs.b), strict=True
    ):
        part, within = clusters.only(rows), pairs.only(chosen)
        into, below = _agglomerate(part, own, within.at(components.place))
        became[rows] = rows[into]
        may = part.sizes > k
        may[below.a] = may[below.b] = True
        some = np.flatnonzero(may & (into == np.arange(len(rows))))
        left.append(rows[some])
        grown.append(part.only(some))
        waiting.append(below.at(rows))
    order = np.argsort(np.concatenate(left))
    rows = np.concatenate(left)[order]
    place = np.empty(len(became), np.int64)
    place[rows] = np.arange(len(rows))
    return became, rows, Clusters.together(grown).only(order), _Pairs.together(waiting).at(place)


def _agglomerate(clusters: Clusters, apart: Apart, pairs: _Pairs) -> tuple[Ids, _Pairs]:
    """
    Join until no pair reaches the threshold.

    Args:
        clusters: They are changed.
        apart: It is changed.
        pairs: All that may be joined.

    Returns:
        For each cluster the one that it became part of, and the pairs that are left.
    """
    count = len(clusters.sizes)
    best, pick = np.empty(count), np.empty(count, np.int64)
    became, changed = np.arange(count), np.zeros(count, np.bool_)
    while True:
        into, joined = _joins(pairs, clusters, apart, best, pick)
        if not len(into):
            break
        clusters.join(into, joined)
        became[joined], changed[into], changed[joined] = into, True, True
        apart.follow(into, joined, became, changed)
        touched = changed[pairs.a] | changed[pairs.b]
        a, b = became[pairs.a[touched]], became[pairs.b[touched]]
        a, b = np.divmod(distinct(pair_keys(a, b, count)[a != b]), count)
        changed[into], changed[joined] = False, False
        pairs = _Pairs.together([pairs.only(~touched), _kept(a, b, clusters.similarity(a, b), clusters, apart)])
    return _roots(became), pairs


def _roots(part_of: Ids) -> Ids:
    """The cluster of which each is part in the end."""
    while not np.array_equal(part_of, part_of[part_of]):
        part_of = part_of[part_of]
    return part_of


def _labels(part_of: Ids) -> Ids:
    """Cluster of each face, numbered by the first member's position."""
    _, first, labels = np.unique(_roots(part_of), return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[labels]


def _joins(pairs: _Pairs, clusters: Clusters, apart: Apart, best: Reals, pick: Ids) -> tuple[Ids, Ids]:
    """
    The joins of one round: pairs that are each other's best, and smaller clusters into a much larger one.

    Args:
        pairs: All that may be joined.
        clusters: For their sizes, and the least strength.
        apart: The cannot-links.
        best: Scratch memory, one per cluster.
        pick: Scratch memory, one per cluster.

    Returns:
        The clusters that grow (some several times), and the clusters that join them (each once, and none of those that grow).
    """
    a, b, strength = pairs
    best.fill(-np.inf)
    pick.fill(len(a))
    for end in (a, b):
        np.maximum.at(best, end, strength)
    for end in (a, b):
        # the first pair of equal ones, so that the result does not depend on any other order
        top = np.flatnonzero(strength == best[end])
        np.minimum.at(pick, end[top], top)
    picks = distinct(pick[best >= clusters.rule.threshold])
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
    # the hub may itself be in a pair of this round; otherwise it does not wait
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
