"""
Reclustering: grouping all faces by a density step and average linkage.

HDBSCAN (Campello, Moulavi and Sander 2013; the `hdbscan` package) finds groups of any size and density without a
threshold. But on faces it joins a few different people and leaves pairs out, because most people of an archive are in two or
three photos. Average linkage with a threshold is right about those, and splits people with faces that differ much. So the
linkage decides, and two groups that HDBSCAN joined need a little less similarity. That is better than either alone on both
families of models (docs/design.md).

How similar two different people can be depends on the model, on the archive and on the number of people. So the threshold is
measured on the impostor pairs of the archive itself, see `fitted`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.common import Common, common_of, prior, spread_of_people
from facewatchd.core.grouping.company import join_by_company
from facewatchd.core.grouping.density import density_clusters
from facewatchd.core.grouping.graph import Graph, connected, neighbours
from facewatchd.core.grouping.hubness import hubness
from facewatchd.core.grouping.linkage import average_linkage
from facewatchd.core.matching.float16 import single
from facewatchd.core.matching.thresholds import LinkInSpreads, Strangers
from facewatchd.domain import Embeddings

Labels = NDArray[np.int64]
"""int64, shape (n_faces,): 0.. for clusters, -1 for faces of no cluster."""

NEIGHBOURS = 15
"""Nearest faces of each face in the graph. Fewer lose pairs of large groups, more only cost time."""

# neighbours that may connect groups; on LFW 8, 10, 15 and all give the same
_LINKED = 10
# impostor pairs that are measured: with so many, their spread is known to 1 %
_PAIRS, _SEED = 100_000, 0
# faces of which the pairs are made
_SAMPLE = 20_000
# pairs that decide whether the density step is believed, and the share of them that may be similar as one person: the threshold
# is chosen so that impostor pairs reach it far more rarely, and so many hardly change the median
_TRIED, _ALIKE = 10_000, 0.05
# the share where clusters hold most faces: more only where nearly all are one person
_ONE_PERSON = 0.5
# with so many groups the impostor pairs of the archive have the same weight as those of the reference
_TRUSTED = 100
# smaller archives get the threshold of an archive of this size
_FEW = 1000
# groups of the archive for which `LinkInSpreads` holds; smaller archives get the threshold of an archive of so few
_GROUPS, _FEW_GROUPS = 2450, 300
# members of a cluster that may become further medoids, and the least gain of each
_CANDIDATES, _NO_GAIN = 256, 1e-4
# the least spread of an archive's impostor pairs, as a share of the spread of the reference
_LEAST_SPREAD = 0.4


@dataclass(frozen=True, slots=True)
class ReclusterSettings:
    """
    Attributes:
        min_faces: Smallest cluster; a person who gets a folder has this many faces.
        min_samples: Of HDBSCAN: how many neighbours make a place dense, without the face itself.
        link: Similarity from which two faces are one person, -1..1.
        bonus: How much less is enough if HDBSCAN joined them.
        loose: See `LinkRule`.
        large: See `LinkRule`.
        strangers: The impostor pairs of the archive of `faces` faces on which `link`, `bonus` and `large` were measured.
            None if these three hold for every archive.
        faces: See `strangers`.
        allow_same_photo: Whether two faces of a photo may be one person.
        spreads: The threshold where what all people have in common is taken out first; it then holds instead of `link`,
            `bonus` and `large`. None if embeddings are compared as they are.
        hubs: See `LinkRule`. Less of it is used with few people. Half of the hubness is better than none on 10 of 12
            halves of LFW, with both families of models (benchmarks/bench_grouping.py, 'hubs').
    """

    min_faces: int
    min_samples: int
    link: float
    bonus: float
    loose: float = 0.0
    large: float = 0.0
    strangers: Strangers | None = None
    faces: int = 5000
    allow_same_photo: bool = False
    hubs: float = 0.5
    spreads: LinkInSpreads | None = None

    def apart_by(self, faces: NDArray[np.int64], photos: NDArray[np.int64]) -> NDArray[np.int64]:
        """
        What no two faces of one person have in common.

        Args:
            faces: Their ids.
            photos: The photo of each.

        Returns:
            The photos. If two faces of a photo may be one person, each face gets a photo of its own.
        """
        return faces if self.allow_same_photo else photos


def density_labels(embeddings: Embeddings, settings: ReclusterSettings, graph: Graph | None = None) -> Labels:
    """
    HDBSCAN's clusters.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        settings: See there.
        graph: The nearest neighbours, where they are known already.

    Returns:
        Labels; all -1 if there are too few faces for a density.
    """
    if len(embeddings) <= max(settings.min_faces, settings.min_samples):
        return np.full(len(embeddings), -1, np.int64)
    graph = graph or neighbours(embeddings, NEIGHBOURS)
    return density_clusters(graph, settings.min_faces, settings.min_samples, NEIGHBOURS)


def strangers(embeddings: Embeddings, labels: Labels, common: Common | None = None) -> tuple[Strangers, int] | None:
    """
    How similar the different people of an archive are, from one face of each cluster and the faces of none.

    Pairs of all faces would be wrong: in an album of a family a third of them are the same person. Of its groups hardly any
    pair is.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        labels: Clusters that hold few strangers.
        common: What is taken out of the embeddings before they are compared.

    Returns:
        Their distribution, and their number. None if there are fewer than two.
    """
    found = _pairs(embeddings, labels, _PAIRS, common)
    if found is None:
        return None
    pairs, count = found
    low, middle = np.percentile(pairs, [15.87, 50])
    return Strangers(float(middle), float(middle - low)), count


def _pairs(
    embeddings: Embeddings, labels: Labels, most: int, common: Common | None = None
) -> tuple[NDArray[np.float32], int] | None:
    """The similarities of so many pairs of faces, one of each cluster and those of none, and the number of these faces."""
    _, first = np.unique(labels, return_index=True)
    rows = np.concatenate([np.flatnonzero(labels < 0), first[labels[first] >= 0]])
    count = len(rows)
    if count < 2:
        return None
    random = np.random.default_rng(_SEED)
    if count > _SAMPLE:
        rows = rows[random.choice(count, _SAMPLE, replace=False)]
    vectors = single(embeddings[rows])
    if common is not None:
        vectors = common.taken_out(vectors)
    a, b = random.integers(0, len(rows), (2, most))
    a, b = a[a != b], b[a != b]
    blocks = [slice(at, at + 4096) for at in range(0, len(a), 4096)]
    return np.concatenate([np.einsum("ij,ij->i", vectors[a[block]], vectors[b[block]]) for block in blocks]), count


def told_apart(embeddings: Embeddings, hint: Labels, graph: Graph, link: float, *, doubted: bool = False) -> Labels:
    """
    Clusters that join few different people and split few: those of the density step, unless it finds hardly any. It compares
    groups with each other, so it finds none if only one person is often in the archive (the owner, or a child). Its single
    faces would then not be impostor pairs. In that case, faces that a chain of neighbours of this similarity connects are
    taken for one person.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        hint: Clusters of the density step.
        graph: The nearest neighbours.
        link: Similarity from which two faces are one person, -1..1.
        doubted: Whether clusters that hold most faces are doubted, too: of the photos of one person alone the density step makes
            several, and what this person looks like must not be taken for what people have in common.
    """
    # for a model with higher similarities in general, the clusters are as good
    is_clustered = np.count_nonzero(hint >= 0) >= len(hint) / 2
    found = None if is_clustered and not doubted else _pairs(embeddings, hint, _TRIED)
    if found is None or np.mean(found[0] >= link) <= (_ONE_PERSON if is_clustered else _ALIKE):
        return hint
    a, b, similarity = graph.edges(NEIGHBOURS)
    near = similarity >= link
    # so that a cluster stays together: each of its faces, and its first
    clustered = np.flatnonzero(hint >= 0)
    _, first, number = np.unique(hint[clustered], return_index=True, return_inverse=True)
    a, b = np.concatenate([a[near], clustered]), np.concatenate([b[near], clustered[first][number]])
    return connected(a, b, len(hint))


def growth(settings: ReclusterSettings, count: int) -> float:
    """How much higher the threshold is in an archive of so many faces than in the reference, in spreads."""
    return float(np.sqrt(np.log(max(count, _FEW)) / np.log(settings.faces)))


def usual_link(settings: ReclusterSettings, count: int) -> float:
    """The similarity from which two faces are one person, in an archive of so many faces with usual impostor pairs."""
    if settings.strangers is None:
        return settings.link
    mean = settings.strangers.mean
    return mean + (settings.link - mean) * growth(settings, count)


def fitted(settings: ReclusterSettings, embeddings: Embeddings, hint: Labels) -> LinkRule:
    """
    The thresholds for this archive.

    Everything is measured in spreads of the impostor scores. The most similar of N impostor pairs lies about
    sqrt(2 ln N) spreads above their mean (the extreme value of a normal distribution), so the threshold rises with the
    square root of the logarithm of the number of faces.

    Args:
        settings: See there.
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        hint: Clusters of the density step, see `told_apart`.
    """
    reference = settings.strangers
    found = strangers(embeddings, hint) if reference is not None else None
    if reference is None or found is None:
        return LinkRule(usual_link(settings, len(embeddings)), settings.bonus, settings.loose, settings.large)
    own, groups = found
    weight = groups / (groups + _TRUSTED)
    mean = weight * own.mean + (1 - weight) * reference.mean
    spread = weight * own.spread + (1 - weight) * reference.spread
    scale = max(spread / reference.spread, _LEAST_SPREAD)
    return LinkRule(
        threshold=float(mean + (settings.link - reference.mean) * scale * growth(settings, len(embeddings))),
        bonus=settings.bonus * scale,
        loose=settings.loose,
        large=settings.large * scale,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    How the faces of an archive are compared.

    Attributes:
        common: What is taken out of their embeddings before; None for nothing.
        rule: When two groups are one person then.
        mean: Similarity of most impostor pairs then.
    """

    common: Common | None
    rule: LinkRule
    mean: float


def comparison(embeddings: Embeddings, labels: Labels, settings: ReclusterSettings) -> Comparison:
    """
    How the faces of this archive are compared.

    With `settings.spreads`, the threshold rises with the square root of the logarithm of the number of groups, for the reason
    that `fitted` has. It is the people that count, not the faces: an archive of one family has many faces and few strangers.

    Args:
        embeddings: float32 or float16, shape (n_faces, dim), L2-normalised; at least one.
        labels: Clusters of mostly one person each, see `told_apart`.
        settings: See there.
    """
    groups = groups_of(labels)
    trust = groups / (groups + _TRUSTED)
    wanted = settings.spreads
    if wanted is None:
        rule = fitted(settings, embeddings, labels)
        return Comparison(None, replace(rule, hubs=settings.hubs * trust), 0.0)
    people = spread_of_people(embeddings, labels)
    assert people is not None
    common = common_of(people.together(prior(wanted.prior)) if wanted.prior else people)
    found = strangers(embeddings, labels, common)
    own = wanted.strangers if found is None else found[0]
    mean = trust * own.mean + (1 - trust) * wanted.strangers.mean
    spread = trust * own.spread + (1 - trust) * wanted.strangers.spread
    link = wanted.link * spread * np.sqrt(np.log(max(groups, _FEW_GROUPS)) / np.log(_GROUPS))
    rule = LinkRule(
        threshold=float(mean + link),
        bonus=wanted.bonus * spread,
        loose=settings.loose,
        large=wanted.large * spread,
        hubs=settings.hubs * trust,
        company=wanted.company * spread * trust,
    )
    return Comparison(common, rule, mean)


def groups_of(labels: Labels) -> int:
    """How many groups there are, with the faces of none."""
    return len(np.unique(labels[labels >= 0])) + int(np.count_nonzero(labels < 0))


def cluster(embeddings: Embeddings, ties: Ties, settings: ReclusterSettings, graph: Graph | None = None) -> Labels:
    """
    Group all faces. The same input gives the same labels.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        ties: The cannot-links.
        settings: See there.
        graph: The `NEIGHBOURS` nearest neighbours, if they are known already.

    Returns:
        Labels, numbered by each cluster's first face. Clusters below `min_faces` are -1.
    """
    if len(embeddings) == 0:
        return np.empty(0, np.int64)
    graph = graph or neighbours(embeddings, NEIGHBOURS)
    hint = density_labels(embeddings, settings, graph)
    similar = usual_link(settings, len(embeddings))
    known = told_apart(embeddings, hint, graph, similar, doubted=settings.spreads is not None)
    compared = comparison(embeddings, known, settings)
    if compared.common is not None:
        embeddings = compared.common.taken_out(embeddings)
        graph = graph.compared_again(embeddings)
    hubs = hubness(graph, known)
    labels = average_linkage(embeddings, ties, compared.rule, hint, k=_LINKED, graph=graph, hubness=hubs)
    if compared.rule.company:
        labels = join_by_company(embeddings, labels, ties, compared.rule, graph, hint, hubs)
    sizes = np.bincount(labels)
    number = np.cumsum(sizes >= settings.min_faces) - 1
    return np.where(sizes[labels] >= settings.min_faces, number[labels], -1)


def medoids(embeddings: Embeddings, most: int) -> list[int]:
    """
    The medoid of a cluster, and further members for the faces that are least similar to it.

    Args:
        embeddings: The members, shape (n_members, dim), n_members >= 1.
        most: How many at most.

    Returns:
        Their rows, the medoid first. Each next one is the member that raises the similarity of all members to their
        nearest medoid most (greedy facility location; Cornuejols, Fisher and Nemhauser 1977).
    """
    chosen = [medoid(embeddings)]
    covered = embeddings @ embeddings[chosen[0]]
    # in a large cluster only every n-th member may be chosen: the gain is the same, and the cost is lower
    candidates = np.arange(0, len(embeddings), max(1, len(embeddings) // _CANDIDATES))
    similarities = embeddings[candidates] @ embeddings.T
    while len(chosen) < most:
        gains = np.maximum(similarities - covered, 0).sum(axis=1)
        gains[np.isin(candidates, chosen)] = 0
        best = int(np.argmax(gains))
        # copies of chosen members add nothing
        if gains[best] <= _NO_GAIN:
            break
        chosen.append(int(candidates[best]))
        covered = np.maximum(covered, similarities[best])
    return chosen


def medoid(embeddings: Embeddings) -> int:
    """
    The member with the highest mean similarity to its cluster. It is a real face, never a mean.

    Args:
        embeddings: The members, shape (n_members, dim), n_members >= 1.

    Returns:
        Its row. Of equal ones the first.
    """
    members = embeddings.astype(np.float64)
    # the mean similarity of a member to all is its dot product with their sum; each member has similarity 1 to itself
    return int(np.argmax(members @ members.sum(axis=0)))
