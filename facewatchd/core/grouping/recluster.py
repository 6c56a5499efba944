"""
Group all faces anew: a density step, then average linkage that mends it.

HDBSCAN (Campello, Moulavi and Sander 2013; the `hdbscan` package) finds groups of any size and density without a
threshold, but on faces it glues a few strangers together and leaves pairs out, because most people of an archive are in
two or three photos. Average linkage with a threshold is right about those, and splits people whose looks vary. So the
linkage decides, and what HDBSCAN put together needs a little less similarity: better than either alone on both the
model families tried (docs/design.md).

How similar two strangers may be by accident depends on the model, on the archive and on how many strangers there are.
So the threshold is measured from the strangers of the archive itself, see `fitted`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.density import density_clusters
from facewatchd.core.grouping.graph import Graph, connected, neighbours
from facewatchd.core.grouping.hubness import hubness
from facewatchd.core.grouping.linkage import average_linkage
from facewatchd.core.matching.float16 import single
from facewatchd.core.matching.thresholds import Strangers
from facewatchd.domain import Embeddings

Labels = NDArray[np.int64]
"""int64, shape (n_faces,): 0.. for clusters, -1 for faces of no cluster."""

NEIGHBOURS = 15
"""How many nearest faces of each face everything is computed on: fewer lose pairs of large groups, more only cost."""

# neighbours that groups may be joined through; on LFW 8, 10, 15 and all give the same
_LINKED = 10
# pairs of strangers that are looked at: their spread is then known to 1 %
_PAIRS, _SEED = 100_000, 0
# pairs that tell whether the density step is to be believed, and the share of them that may be alike as one person:
# strangers reach the threshold far more rarely, by its choice, and so many hardly move the median
_TRIED, _ALIKE = 10_000, 0.05
# groups in an archive whose own strangers count as much as those of the reference
_TRUSTED = 100
# archives smaller than this get the threshold of one of this size: chance is no help to those who have few photos
_FEW = 1000
# members of a cluster that may become further medoids, and what one must add to be worth it
_CANDIDATES, _NO_GAIN = 256, 1e-4
# the least that the spread of an archive's strangers may be, in parts of the reference's
_LEAST_SPREAD = 0.4


@dataclass(frozen=True, slots=True)
class ReclusterSettings:
    """
    Attributes:
        min_faces: Smallest cluster; a person who gets a folder has this many faces.
        min_samples: HDBSCAN's: how many neighbours make a place dense, the face itself not counted.
        link: Similarity from which two faces are one person, -1..1.
        bonus: How much less is enough where HDBSCAN put them together.
        loose: See `LinkRule`.
        large: See `LinkRule`.
        strangers: Those of the archive of `faces` faces that `link`, `bonus` and `large` were found on; None where they
            are to be taken as they are, whatever the archive.
        faces: See `strangers`.
        allow_same_photo: Whether two faces of a photo may be one person.
        hubs: See `LinkRule`; less of it where there are few people to resemble. Half of their hubness is better than
            none on 10 of 12 halves of LFW, by either family of models (benchmarks/bench_grouping.py, 'hubs').
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

    def apart_by(self, faces: NDArray[np.int64], photos: NDArray[np.int64]) -> NDArray[np.int64]:
        """
        What no two faces of one person have in common.

        Args:
            faces: Their ids.
            photos: The photo of each.

        Returns:
            The photos; or where two faces of a photo may be one person, as if each had a photo of its own.
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
        Labels; all -1 where there are too few faces to speak of density.
    """
    if len(embeddings) <= max(settings.min_faces, settings.min_samples):
        return np.full(len(embeddings), -1, np.int64)
    graph = graph or neighbours(embeddings, NEIGHBOURS)
    return density_clusters(graph, settings.min_faces, settings.min_samples, NEIGHBOURS)


def strangers(embeddings: Embeddings, labels: Labels) -> tuple[Strangers, int] | None:
    """
    How similar the different people of an archive are, from one face of each cluster and the faces of none.

    Faces would not do: in an album of a family a third of all pairs are the same person, and of its groups hardly any.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        labels: Clusters that hold few strangers.

    Returns:
        What they are like, and how many there are; None where there are not even two.
    """
    found = _pairs(embeddings, labels, _PAIRS)
    if found is None:
        return None
    pairs, count = found
    low, middle = np.percentile(pairs, [15.87, 50])
    return Strangers(float(middle), float(middle - low)), count


def _pairs(embeddings: Embeddings, labels: Labels, most: int) -> tuple[NDArray[np.float32], int] | None:
    """How similar one face of each cluster and the faces of none are, so many pairs; and how many these are."""
    _, first = np.unique(labels, return_index=True)
    rows = np.concatenate([np.flatnonzero(labels < 0), first[labels[first] >= 0]])
    if len(rows) < 2:
        return None
    random = np.random.default_rng(_SEED)
    a, b = random.integers(0, len(rows), (2, most))
    a, b = rows[a[a != b]], rows[b[a != b]]
    blocks = [slice(at, at + 4096) for at in range(0, len(a), 4096)]
    vectors = [(single(embeddings[a[rows]]), single(embeddings[b[rows]])) for rows in blocks]
    return np.concatenate([np.einsum("ij,ij->i", *both) for both in vectors]), len(rows)


def told_apart(embeddings: Embeddings, hint: Labels, graph: Graph, link: float) -> Labels:
    """
    Clusters that hold few strangers, and leave few faces of one person apart: those of the density step, but where that
    finds hardly anybody. It compares groups with each other, so of an archive in which only one person is often (one's
    own face, one's child's) it makes nobody; and who is measured by these faces is no stranger. There, whoever a chain
    of neighbours of this similarity connects is taken for one.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        hint: Clusters of the density step.
        graph: The nearest neighbours.
        link: Similarity from which two faces are one person, -1..1.
    """
    # of a model for which everybody is more alike the clusters are as good
    is_clustered = np.count_nonzero(hint >= 0) >= len(hint) / 2
    found = None if is_clustered else _pairs(embeddings, hint, _TRIED)
    if found is None or np.mean(found[0] >= link) <= _ALIKE:
        return hint
    a, b, similarity = graph.edges(NEIGHBOURS)
    near = similarity >= link
    # so that a cluster stays together: each of its faces, and its first
    clustered = np.flatnonzero(hint >= 0)
    _, first, number = np.unique(hint[clustered], return_index=True, return_inverse=True)
    a, b = np.concatenate([a[near], clustered]), np.concatenate([b[near], clustered[first][number]])
    return connected(a, b, len(hint))


def growth(settings: ReclusterSettings, count: int) -> float:
    """How much further out the threshold is in an archive of so many faces than in the reference's."""
    return float(np.sqrt(np.log(max(count, _FEW)) / np.log(settings.faces)))


def usual_link(settings: ReclusterSettings, count: int) -> float:
    """The similarity from which two faces are one person in an archive of so many whose strangers are like others'."""
    if settings.strangers is None:
        return settings.link
    mean = settings.strangers.mean
    return mean + (settings.link - mean) * growth(settings, count)


def fitted(settings: ReclusterSettings, embeddings: Embeddings, hint: Labels) -> LinkRule:
    """
    The thresholds for this archive.

    Everything is measured in spreads of the strangers' similarity. The most similar of N pairs of strangers lies about
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


def cluster(embeddings: Embeddings, ties: Ties, settings: ReclusterSettings, graph: Graph | None = None) -> Labels:
    """
    Group all faces. The same input gives the same labels.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        ties: What must stay apart, whatever the similarity.
        settings: See there.
        graph: The `NEIGHBOURS` nearest neighbours, where they are known already.

    Returns:
        Labels, numbered by each cluster's first face. Clusters below `min_faces` are -1.
    """
    if len(embeddings) == 0:
        return np.empty(0, np.int64)
    graph = graph or neighbours(embeddings, NEIGHBOURS)
    hint = density_labels(embeddings, settings, graph)
    known = told_apart(embeddings, hint, graph, usual_link(settings, len(embeddings)))
    groups = len(np.unique(known[known >= 0])) + np.count_nonzero(known < 0)
    rule = replace(fitted(settings, embeddings, known), hubs=settings.hubs * groups / (groups + _TRUSTED))
    labels = average_linkage(embeddings, ties, rule, hint, k=_LINKED, graph=graph, hubness=hubness(graph, known))
    sizes = np.bincount(labels)
    number = np.cumsum(sizes >= settings.min_faces) - 1
    return np.where(sizes[labels] >= settings.min_faces, number[labels], -1)


def medoids(embeddings: Embeddings, most: int) -> list[int]:
    """
    The medoid of a cluster, and further members that stand for those that it stands for least.

    Args:
        embeddings: The members, shape (n_members, dim), n_members >= 1.
        most: How many at most.

    Returns:
        Their rows, the medoid first. Each next one is who raises most the similarity of all members to their nearest
        (greedy facility location; Cornuejols, Fisher and Nemhauser 1977).
    """
    chosen = [medoid(embeddings)]
    covered = embeddings @ embeddings[chosen[0]]
    # of a large cluster every so-manyth member may be chosen: the gain does not hang on which, and the cost does
    candidates = np.arange(0, len(embeddings), max(1, len(embeddings) // _CANDIDATES))
    similarities = embeddings[candidates] @ embeddings.T
    while len(chosen) < most:
        gains = np.maximum(similarities - covered, 0).sum(axis=1)
        gains[np.isin(candidates, chosen)] = 0
        best = int(np.argmax(gains))
        # copies of what is chosen add nothing
        if gains[best] <= _NO_GAIN:
            break
        chosen.append(int(candidates[best]))
        covered = np.maximum(covered, similarities[best])
    return chosen


def medoid(embeddings: Embeddings) -> int:
    """
    The member with the highest mean similarity to its cluster: a real face, never a mean.

    Args:
        embeddings: The members, shape (n_members, dim), n_members >= 1.

    Returns:
        Its row; of equals the first.
    """
    members = embeddings.astype(np.float64)
    # a member's mean similarity to all is its dot product with their sum; its similarity to itself is 1 for everyone
    return int(np.argmax(members @ members.sum(axis=0)))
