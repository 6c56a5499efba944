"""
People seen with the same companions need a little less similarity.

Two groups of faces that miss the threshold by a little are one person more often if both are in photos with a third person: a
child of two and the same child of five are in the photos of the same mother. How much that says depends on the third: a person
who is in a third of all photos is in anybody's. So the evidence is how unlikely it is that both groups meet the third one by
chance. Of all that they share, the rarest companion counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from facewatchd.core.grouping.cannot_link import Apart, Ties, among, pair_keys
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
        ends: Shape (n_groups + 1,): where the companions of each group begin in `companions`.
        companions: The groups that each group is in a photo with, ascending.
        photos: Shape (n_groups,): in how many photos of several people each group is.
        shares: Shape (n_groups,): the same as a share of all of these photos.
    """

    ends: Ids
    companions: Ids
    photos: Reals
    shares: Reals

    @classmethod
    def of(cls, groups: Ids, photos: Ids, count: int) -> Self:
        """
        Args:
            groups: Of each face.
            photos: Of each face.
            count: How many groups there are.
        """
        from scipy.sparse import csr_matrix  # noqa: PLC0415 - a quarter of a second that only groupings need

        _, place = np.unique(photos, return_inverse=True)
        here = csr_matrix((np.ones(len(groups)), (groups, place)), shape=(count, int(place.max(initial=-1)) + 1))
        here.data.fill(1)
        several = np.flatnonzero(np.asarray(here.sum(axis=0)).ravel() > 1)
        here = here[:, several]
        seen = np.asarray(here.sum(axis=1)).ravel()
        together = here @ here.T
        together.setdiag(0)
        together.eliminate_zeros()
        together.sort_indices()
        return cls(
            together.indptr.astype(np.int64),
            together.indices.astype(np.int64),
            seen,
            seen / max(len(several), 1),
        )

    def evidence(self, a: Ids, b: Ids) -> Reals:
        """
        For each pair of groups, -ln of the probability that both meet their rarest common companion by chance; 0 for none.
        """
        degrees = np.diff(self.ends)
        # the companions of the one who has fewer are looked for among those of the other: the owner of an archive has very many
        few, many = np.where(degrees[a] <= degrees[b], [a, b], [b, a])
        there = np.repeat(np.arange(len(degrees)), degrees) * len(degrees) + self.companions
        rarest = np.ones(len(a))
        for start in range(0, len(a), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(a)))
            counts = degrees[few[rows]]
            pair = np.repeat(rows, counts)
            within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
            companion = self.companions[self.ends[few[pair]] + within]
            shared = among(many[pair] * len(degrees) + companion, there)
            np.minimum.at(rarest, pair[shared], self.shares[companion[shared]])
        by_chance = (1 - (1 - rarest) ** self.photos[a]) * (1 - (1 - rarest) ** self.photos[b])
        # none in common, or one who is in every photo
        return np.where(rarest < 1, -np.log(np.maximum(by_chance, np.finfo(np.float64).tiny)), 0)


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
    count = int(groups.max(initial=-1)) + 1
    if not count or len(np.unique(ties.photo)) == len(groups):
        return groups
    least = rule.threshold - rule.company
    one, other, similarity = graph.edges(graph.indices.shape[1])
    near = similarity >= _NEAR * (least - rule.large)
    one, other = one[near], other[near]
    _, first = np.unique(groups, return_index=True)
    apart = Apart.of_faces(ties).after(first[groups], first)
    clusters = _grouped(embeddings, groups, count, rule, hint, hubness)
    while True:
        company = Company.of(groups, ties.photo, count)
        a, b = groups[one], groups[other]
        chosen = (a != b) & (company.photos[a] > 0) & (company.photos[b] > 0)
        a, b = np.divmod(distinct(pair_keys(a[chosen], b[chosen], count)), count)
        strength = clusters.strength(a, b, clusters.similarity(a, b))
        close = np.flatnonzero(strength >= least)
        close = close[~apart.forbidden(a[close], b[close])]
        a, b, strength = a[close], b[close], strength[close]
        strength = strength + rule.company * np.minimum(1, company.evidence(a, b) / _CERTAIN)
        enough = strength >= rule.threshold
        into, joined = _best_pairs(a[enough], b[enough], strength[enough], count)
        if not len(into):
            return groups
        clusters.join(into, joined)
        became = np.arange(count)
        became[joined] = into
        left = np.flatnonzero(became == np.arange(count))
        clusters, apart = clusters.only(left), apart.after(became, left)
        # the lower one of a pair stays, so that the numbers are still those of the first members
        groups, count = np.searchsorted(left, became[groups]), len(left)


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
