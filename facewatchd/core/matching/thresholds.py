"""
Which similarity is enough: the shipped thresholds of each family of models.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strangers:
    """
    How similar different people are to each other.

    Attributes:
        mean: Similarity of most, -1..1 (the median).
        spread: From there down to the lowest sixth. For a normal distribution that is its standard deviation. The upper
            side is not used, because it contains relatives and unrecognised pairs of one person.
    """

    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class LinkInSpreads:
    """
    When two groups are one person, after what all people of the archive have in common is taken out
    (`core.grouping.common`). In spreads of the archive's impostor pairs, for an archive of 2,450 people.

    Attributes:
        link: How far above the mean of the impostor pairs.
        bonus: See `Thresholds`.
        large: See `Thresholds`.
        company: Two groups that are in photos with a third one need up to this much less; see `core.grouping.company`.
        coherent: A group is a person from this cohesion on: as a share of the way from the impostor pairs to `link`.
        strangers: The impostor pairs of an archive that is too small to tell.
        prior: The family of models for `core.grouping.common.prior`; empty if there is none.
    """

    link: float
    bonus: float
    large: float
    company: float
    coherent: float
    strangers: Strangers
    prior: str = ""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """
    Cosine similarities, -1..1, and differences of them.

    Attributes:
        assign: A new face is assigned to a person whom it fits this well (`core.matching.assign`).
        margin: ... and only if it fits the next person at least this much less.
        cohort: A face usually fits the cohort this much less than `assign`. If it fits them better, it must fit the best
            person better too. None if the user has set `assign`.
        review: The user is asked about a face that fits this much less than it must, or that fits two people as well as
            `assign`. It is not put into the unknown pool.
        suggest: The user is asked whether two groups are one person if they miss `link` by this much.
        link: Reclustering joins two faces with this similarity.
        bonus: Two groups that the density step joins need this much less.
        same: Two single faces are the same person from this similarity on (`facewatchd verify`).
        loose: How much a group with different faces is allowed, 0..1; see `core.grouping.clusters.LinkRule`.
        large: Two large groups need this much less mean similarity than two faces.
        coherent: A group of faces is a person from this cohesion on; see `core.grouping.cohesion`.
        strangers: The impostor pairs of the archive of `faces` faces on which `link`, `bonus` and `large` were measured.
            The three follow the impostor pairs of the user's archive. None if the user has set `link`.
        faces: See `strangers`.
        allow_same_photo: Whether two faces of a photo may be one person.
        spreads: What reclustering goes by; `link`, `bonus` and `large` then say which groups the user is asked about. None if
            the user has set `link`.
    """

    assign: float
    margin: float
    link: float
    bonus: float
    same: float
    review: float = 0.0
    suggest: float = 0.0
    loose: float = 0.0
    large: float = 0.0
    coherent: float = -1.0
    strangers: Strangers | None = None
    faces: int = 5000
    cohort: float | None = None
    allow_same_photo: bool = False
    spreads: LinkInSpreads | None = None


# Measured on a third of the people of Labeled Faces in the Wild (benchmarks/bench_grouping.py).
# - `assign`: with 400 known people the false accept rate is 0.3 %. `cohort` is the median of the new faces there. With both,
#   the rate is 0.5 % for three and a half times as many people.
# - `link`, `bonus`, `loose`, `large`: the middle of the best values on six random halves of the people. Each half was judged
#   by the values of the other.
# - `same`: most often right on pairs.
# - `coherent`: 0.7 of the way from the impostor pairs to `link`, for both families. It loses none of the people. Of groups of
#   several people that a low threshold joined, 1 % pass with fifteen faces or more, and most with three.
# - `review`: about half of the faces within it belong to the person (42 % with ArcFace, 76 % with dlib; one step further one in
#   eight). They are 0.7 % and 3 % of the new faces, which is little work.
# - `suggest`: within it there is one pair of different people among 50 to 100 people.
# The embeddings of the ArcFace family (all insightface packs) cover the whole sphere. Those of dlib's ResNet lie in a narrow
# cone: the similarity of different people is already 0.85.
_ARCFACE = Thresholds(
    assign=0.485,
    margin=0.05,
    link=0.495,
    bonus=0.03,
    same=0.35,
    review=0.04,
    suggest=0.05,
    loose=0.35,
    large=0.07,
    coherent=0.35,
    strangers=Strangers(mean=0.011, spread=0.1008),
    cohort=0.223,
    spreads=LinkInSpreads(
        link=4.75, bonus=0.3, large=0.7, company=1.25, coherent=0.6, strangers=Strangers(mean=0.0, spread=0.1)
    ),
)
_DLIB = Thresholds(
    assign=0.955,
    margin=0.01,
    link=0.9481,
    bonus=0.0056,
    same=0.92,
    review=0.009,
    suggest=0.0045,
    loose=0.3,
    large=0.0038,
    coherent=0.917,
    strangers=Strangers(mean=0.8458, spread=0.0376),
    cohort=0.038,
    spreads=LinkInSpreads(
        link=3.9,
        bonus=0.3,
        large=0.35,
        company=1.0,
        coherent=0.6,
        strangers=Strangers(mean=0.149, spread=0.119),
        prior="dlib",
    ),
)


def shipped_thresholds(pack: str) -> Thresholds:
    """The shipped thresholds of a pack. "builtin" is dlib's ResNet; all others are taken for ArcFace models."""
    return _DLIB if pack == "builtin" else _ARCFACE
