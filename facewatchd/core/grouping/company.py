"""
People seen with the same companions need a little less similarity.

Two groups of faces that miss the threshold by a little are one person more often if both are in photos with a third person: a
child of two and the same child of five are in the photos of the same mother. How much that says depends on the third: a person
who is in a third of all photos is in anybody's. So the evidence is how unlikely it is that both groups meet the third one by
chance. Of all that they share, the rarest companion counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facewatchd.core.grouping.cannot_link import Apart, Ties, pair_keys
from facewatchd.core.grouping.clusters import Clusters, Ids, LinkRule, Reals
from facewatchd.core.grouping.common import sums_of
from facewatchd.core.grouping.graph import Graph, distinct
from facewatchd.domain import Embeddings

# -ln of the probability from which on the whole allowance is given: one in 3,000
_CERTAIN = 8.0
# a pair of groups is looked at where two of their faces are at least this share as similar as needed: on average they are less
_NEAR = 0.8
# pairs of groups that are looked at together
_BLOCK = 20_000


@dataclass(frozen=True, slots=True)
class Company:
    """
    Who is in photos with whom.

    Attributes:
        companions: Shape (n_groups, n_groups), a sparse matrix: 1 over the share of the photos of several people in which the
            column's group is, where the row's group is in a photo with it.
        photos: Shape (n_groups,): in how many photos of several people each group is.
    """

    companions: Any
    photos: Reals

    @classmethod
    def of(cls, groups: Ids, photos: Ids, count: int) -> Self:
        """
        Args:
            groups: Of each face.
            photos: Of each face.
            count: How many groups there are.
        """
        from scipy.sparse import csr_matrix, diags  # noqa: PLC0415 - a quarter of a second that only groupings need

        _, place = np.unique(photos, return_inverse=True)
        here = csr_matrix((np.ones(len(groups)), (groups, place)), shape=(count, int(place.max(initial=-1)) + 1))
        here.data.fill(1)
        several = np.flatnonzero(np.asarray(here.sum(axis=0)).ravel() > 1)
        here = here[:, several]
        seen = np.asarray(here.sum(axis=1)).ravel()
        together = here @ here.T
        together.setdiag(0)
        together.eliminate_zeros()
        together.data.fill(1)
        rarity = np.divide(len(several), seen, out=np.zeros(count), where=seen > 0)
        return cls((together @ diags(rarity)).tocsr(), seen)

    def evidence(self, a: Ids, b: Ids) -> Reals:
        """
        For each pair of groups, -ln of the probability that both meet their rarest common companion by chance; 0 for none.
        """
        found = np.zeros(len(a))
        for start in range(0, len(a), _BLOCK):
            rows = slice(start, start + _BLOCK)
            # both have the same value for a companion, so that the lower one is it where both have one
            shared = self.companions[a[rows]].minimum(self.companions[b[rows]])
            found[rows] = shared.max(axis=1).toarray().ravel()
        share = np.divide(1, found, out=np.ones(len(a)), where=found > 0)
        # the share of photos without it is 0 for a companion who is everywhere: ln 1 = 0
        by_chance = (1 - (1 - share) ** self.photos[a]) * (1 - (1 - share) ** self.photos[b])
        return np.where(found > 0, -np.log(np.maximum(by_chance, np.finfo(np.float64).tiny)), 0)


def join_by_company(
    embeddings: Embeddings,
    labels: Ids,
    ties: Ties,
    rule: LinkRule,
    graph: Graph,
    hint: Ids,
    hubness: Reals,
) -> Ids:
    """
    Join groups that miss the threshold by a little and have a companion in common.

    Args:
        embeddings: float32 or float16, shape (n_faces, dim), L2-normalised.
        labels: The groups, 0.. by the first member's position.
        ties: The cannot-links.
        rule: By which the groups were made; `company` is by how much they may miss it.
        graph: The nearest neighbours.
        hint: As in `average_linkage`.
        hubness: As in `average_linkage`.

    Returns:
        Labels, numbered in the same way.
    """
    groups = labels.copy()
    least = rule.threshold - rule.company
    while True:
        count = int(groups.max(initial=-1)) + 1
        company = Company.of(groups, ties.photo, count)
        a, b, similarity = graph.edges(graph.indices.shape[1])
        a, b = groups[a], groups[b]
        accompanied = company.photos > 0
        near = (a != b) & accompanied[a] & accompanied[b] & (similarity >= _NEAR * (least - rule.large))
        a, b = np.divmod(distinct(pair_keys(a[near], b[near], count)), max(count, 1))
        if not len(a):
            return groups
        clusters = _grouped(embeddings, groups, count, rule, hint, hubness)
        strength = clusters.strength(a, b, clusters.similarity(a, b))
        close = np.flatnonzero(strength >= least)
        _, first = np.unique(groups, return_index=True)
        apart = Apart.of_faces(ties).after(first[groups], first)
        close = close[~apart.forbidden(a[close], b[close])]
        a, b, strength = a[close], b[close], strength[close]
        strength = strength + rule.company * np.minimum(1, company.evidence(a, b) / _CERTAIN)
        enough = strength >= rule.threshold
        into, joined = _best_pairs(a[enough], b[enough], strength[enough], count)
        if not len(into):
            return groups
        became = np.arange(count)
        became[joined] = into
        groups = _numbered(became[groups])


def _grouped(embeddings: Embeddings, groups: Ids, count: int, rule: LinkRule, hint: Ids, hubness: Reals) -> Clusters:
    """The groups as clusters; the hint of each is that of most of its faces."""
    sums = sums_of(embeddings, np.arange(len(groups)), groups, count)
    sizes = np.bincount(groups, minlength=count).astype(np.float64)
    clusters = Clusters(
        rule, sums, sizes, np.ones(count), np.bincount(groups, hubness, count) / sizes, _majority(groups, hint, count)
    )
    everybody = np.arange(count)
    clusters.tightness = clusters.similarity(everybody, everybody)
    return clusters


def _majority(groups: Ids, hint: Ids, count: int) -> Ids:
    """The hint of most faces of each group that have one, of equal ones the lowest; -1 where none has."""
    found = np.full(count, -1, np.int64)
    hinted = np.flatnonzero(hint >= 0)
    if len(hinted):
        kinds = int(hint.max()) + 1
        keys, votes = np.unique(groups[hinted] * kinds + hint[hinted], return_counts=True)
        order = np.lexsort((-keys, votes))
        found[keys[order] // kinds] = keys[order] % kinds
    return found


def _best_pairs(a: Ids, b: Ids, strength: Reals, count: int) -> tuple[Ids, Ids]:
    """The pairs that are each other's best; of equal ones the first."""
    order = np.lexsort((b, a, -strength))
    place = np.empty(len(a), np.int64)
    place[order] = np.arange(len(a))
    best = np.full(count, len(a), np.int64)
    for end in (a, b):
        np.minimum.at(best, end, place)
    chosen = (best[a] == place) & (best[b] == place)
    return a[chosen], b[chosen]


def _numbered(groups: Ids) -> Ids:
    """The groups, 0.. by the first member's position."""
    _, first, found = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[found]
