"""
Group all faces anew: a density step, then average linkage that mends it.

HDBSCAN (Campello, Moulavi and Sander 2013; the `hdbscan` package) finds groups of any size and density without a
threshold, but on faces it glues a few strangers together and leaves pairs out, because most people of an archive are in
two or three photos. Average linkage with a threshold is right about those, and splits people whose looks vary. So the
linkage decides, and what HDBSCAN put together needs a little less similarity: better than either alone on both the
model families tried (README, 'Grouping').
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.linkage import Ties, average_linkage
from facewatchd.domain import Embeddings

Labels = NDArray[np.int64]
"""int64, shape (n_faces,): 0.. for clusters, -1 for faces of no cluster."""


@dataclass(frozen=True, slots=True)
class ReclusterSettings:
    """
    Attributes:
        min_faces: Smallest cluster; a person who gets a folder has this many faces.
        min_samples: HDBSCAN's: how many neighbours make a place dense, the face itself not counted.
        link: Mean similarity from which two groups are one, -1..1.
        bonus: How much less is enough where HDBSCAN put them together.
    """

    min_faces: int
    min_samples: int
    link: float
    bonus: float


def density_labels(embeddings: Embeddings, settings: ReclusterSettings) -> Labels:
    """
    HDBSCAN's clusters. On L2-normalised vectors its euclidean distance orders pairs exactly as similarity does.

    Returns:
        Labels; all -1 where there are too few faces to speak of density.
    """
    if len(embeddings) <= max(settings.min_faces, settings.min_samples):
        return np.full(len(embeddings), -1, np.int64)
    with warnings.catch_warnings():
        # hdbscan calls scikit-learn with keywords that newer releases deprecate; nothing that a user could act on
        warnings.simplefilter("ignore")
        import hdbscan  # noqa: PLC0415 - 0.7 s and 160 MB, for the one process that groups

        model = hdbscan.HDBSCAN(
            min_cluster_size=settings.min_faces,
            min_samples=settings.min_samples,
            core_dist_n_jobs=1,
        )
        labels: Labels = np.asarray(model.fit(embeddings.astype(np.float64)).labels_, np.int64)
    return labels


def cluster(embeddings: Embeddings, ties: Ties, settings: ReclusterSettings) -> Labels:
    """
    Group all faces. The same input gives the same labels.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised.
        ties: What must stay apart, whatever the similarity.
        settings: See there.

    Returns:
        Labels, numbered by each cluster's first face. Clusters below `min_faces` are -1.
    """
    if len(embeddings) == 0:
        return np.empty(0, np.int64)
    hint = density_labels(embeddings, settings)
    labels = average_linkage(embeddings, ties, settings.link, hint, settings.bonus)
    sizes = np.bincount(labels)
    number = np.cumsum(sizes >= settings.min_faces) - 1
    return np.where(sizes[labels] >= settings.min_faces, number[labels], -1)


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
