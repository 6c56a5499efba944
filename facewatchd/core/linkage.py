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

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.clusters import Clusters, LinkRule
from facewatchd.core.graph import Graph, distinct, neighbours
from facewatchd.core.ties import Apart, Ties, pair_keys
from facewatchd.domain import Embeddings

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

# from this many faces on a cluster takes in several others a round, at most this share of its own faces: on LFW the
# result stays the same to 0.1 %, and a person of 50,000 faces takes some 50 rounds instead of 50,000
_LARGE, _SHARE = 16, 0.25


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
    clusters, apart = Clusters(embeddings, rule, hint, hubness), Apart(ties)

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
        x, y = np.divmod(distinct(pair_keys(x, y, count)[x != y]), count)
        changed[into], changed[joined] = False, False
        x, y, stronger = kept(x, y, clusters.similarity(x, y))
        a, b = np.concatenate([a[~touched], x]), np.concatenate([b[~touched], y])
        strength = np.concatenate([strength[~touched], stronger])


def _joins(
    a: Ids, b: Ids, strength: Reals, threshold: float, clusters: Clusters, apart: Apart, best: Reals, pick: Ids
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
