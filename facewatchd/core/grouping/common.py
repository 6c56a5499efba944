"""
What the people of an archive have in common, taken out of their embeddings before these are compared.

The people of an archive are no random people: they are of one family, one country, or children. So all embeddings of an
archive share a mean, and differ along a few directions more than along the others (that of age is one of them). Two strangers
who share what everybody there shares are not more likely to be one person. Taking out the mean and the strongest directions of
embeddings is known from words (Mu and Viswanath, "All-but-the-Top", 2018), and centring from speaker recognition.

The mean and the directions are those of the people, not of the faces: a person of a thousand photos counts once. Which
directions are strong is decided by the Marchenko-Pastur law (1967): from vectors without any common direction a sample of
`n` in `dim` dimensions has eigenvalues up to `(1 + sqrt(dim / n)) ** 2` times their mean. The mean of a few people is an accident,
too: that of one person is this person. So only the part of it is taken out that the estimator of James and Stein (1961)
leaves. In a small archive, where everything is an accident, nothing is taken out by itself.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.matching.float16 import single
from facewatchd.domain import Embeddings

Floats = NDArray[np.float64]

# of the mean, what stays. For models of which all embeddings lie in a narrow cone, a little of it makes faces of low contrast, which
# lie near the mean, less similar; for the others it is nothing
_LEFT = 0.15
# how far a direction must be above what is an accident
_ABOVE = 1.5
# people by which the directions are measured; more change nothing
_PEOPLE, _SEED = 20_000, 0
# rows of a block of products
_BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Spread:
    """
    The mean of vectors, and how they are spread around it.

    Attributes:
        mean: Shape (dim,).
        covariance: Shape (dim, dim).
        count: How many vectors; of a prior, as how many it counts.
    """

    mean: Floats
    covariance: Floats
    count: float

    def together(self, other: Self) -> Spread:
        """The mean and the covariance of both, by their counts."""
        count = self.count + other.count
        mine, theirs = self.count / count, other.count / count
        gap = self.mean - other.mean
        between = mine * theirs * np.outer(gap, gap)
        mean = mine * self.mean + theirs * other.mean
        return Spread(mean, mine * self.covariance + theirs * other.covariance + between, count)


@dataclass(frozen=True, slots=True)
class Common:
    """
    What is taken out.

    Attributes:
        mean: float32, shape (dim,): the part of the mean that is no accident.
        directions: float32, shape (n_directions, dim), orthonormal.
        shares: float32, shape (n_directions,), 0..1: what is taken out of each.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    shares: NDArray[np.float32]

    def taken_out(self, embeddings: Embeddings) -> Embeddings:
        """
        The embeddings without it, L2-normalised, in the same precision.

        Args:
            embeddings: float32 or float16, shape (n_faces, dim), L2-normalised.
        """
        found = np.empty_like(embeddings)
        for start in range(0, len(embeddings), _BLOCK):
            rows = slice(start, start + _BLOCK)
            there = single(embeddings[rows]) - self.mean
            there -= (there @ self.directions.T * self.shares) @ self.directions
            there += np.float32(_LEFT) * self.mean
            lengths = np.linalg.norm(there, axis=1, keepdims=True)
            found[rows] = there / np.maximum(lengths, np.finfo(np.float32).tiny)
        return found


def common_of(spread: Spread) -> Common:
    """What vectors with this mean and covariance have in common."""
    strengths, directions = np.linalg.eigh(spread.covariance)
    dim = len(strengths)
    accident = strengths.mean() * (1 + np.sqrt(dim / spread.count)) ** 2
    strong = np.flatnonzero(strengths > _ABOVE * accident)
    return Common(
        (spread.mean * _sure_share(spread)).astype(np.float32),
        np.ascontiguousarray(directions[:, strong].T, np.float32),
        (1 - _ABOVE * accident / strengths[strong]).astype(np.float32),
    )


def _sure_share(spread: Spread) -> float:
    """The share of the mean that is no accident, 0..1: the mean of so few vectors has a length even where they share nothing."""
    length = float(spread.mean @ spread.mean)
    if spread.count <= 1 or not length:
        return 0.0
    return max(0.0, 1 - float(np.trace(spread.covariance)) / (spread.count - 1) / length)


def spread_of_people(embeddings: Embeddings, labels: NDArray[np.int64]) -> Spread | None:
    """
    The spread of the people's directions: the mean of each cluster, and each face of none.

    Args:
        embeddings: float32 or float16, shape (n_faces, dim), L2-normalised.
        labels: Clusters of mostly one person each, shape (n_faces,), -1 for none.

    Returns:
        None if there are no faces.
    """
    if not len(labels):
        return None
    # a face of no cluster is a cluster
    alone = labels < 0
    own = np.where(alone, labels.max(initial=-1) + np.cumsum(alone), labels)
    people, own = np.unique(own, return_inverse=True)
    count, rows = len(people), np.arange(len(own))
    if count > _PEOPLE:
        chosen = np.zeros(count, np.bool_)
        chosen[np.random.default_rng(_SEED).choice(count, _PEOPLE, replace=False)] = True
        rows, count = np.flatnonzero(chosen[own]), _PEOPLE
        own = (np.cumsum(chosen) - 1)[own[rows]]
    sums = sums_of(embeddings, rows, own, count)
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    mean = sums.mean(axis=0)
    sums -= mean
    return Spread(mean, sums.T @ sums / count, count)


def sums_of(embeddings: Embeddings, rows: NDArray[np.int64], groups: NDArray[np.int64], count: int) -> Floats:
    """
    The sums of groups of faces, float64, shape (count, dim).

    Args:
        embeddings: float32 or float16, shape (n_faces, dim).
        rows: The faces.
        groups: Of each of these faces, 0 .. count - 1.
        count: How many groups there are.
    """
    sums = np.zeros((count, embeddings.shape[1]))
    order = np.argsort(groups, kind="stable")
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        # a group may go on in the next block
        here, first = np.unique(groups[block], return_index=True)
        sums[here] += np.add.reduceat(single(embeddings[rows[block]]), first, axis=0, dtype=np.float64)
    return sums


@cache
def prior(name: str) -> Spread:
    """
    The spread of people of a known family of models, which stands in for that of a small archive.

    Only the mean, the strongest directions and how strong they are are kept, over some thousand people: there is no face in
    it (`benchmarks/make_prior.py`).

    Args:
        name: Of the family.
    """
    with np.load(posixpath.join(posixpath.dirname(__file__), f"prior_{name}.npz")) as stored:
        mean, directions, strengths, rest, count = (
            np.asarray(stored[key], np.float64) for key in ("mean", "directions", "strengths", "rest", "count")
        )
    covariance = (directions.T * (strengths - rest)) @ directions + rest * np.eye(len(mean))
    return Spread(mean, covariance, float(count))
