"""
How similar is similar: the shipped thresholds of each family of models.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strangers:
    """
    How similar different people are to each other.

    Attributes:
        mean: Similarity of most, -1..1 (the median).
        spread: From there to the sixth least similar, which for a normal distribution is its standard deviation. The
            upper side is no measure: relatives and overlooked pairs of the same person are in it.
    """

    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """
    Cosine similarities, -1..1, and differences of them.

    Attributes:
        assign: A new face is taken for a person whom it fits this well (`core.matching.assign`).
        margin: ... and only if it fits the runner-up at least this much less.
        crowd: A face fits the people next to the best one usually this much less than `assign`; one that fits them
            better must fit the best one better, too. None where the user has set `assign`.
        review: A face that fits this much less than it must, or that fits as well as `assign` and the runner-up nearly as
            well, is put before the user instead of into the unknown pool.
        suggest: Two groups that miss `link` by this much are put before the user as one person perhaps.
        link: Reclustering joins two faces whose similarity reaches this.
        bonus: Two groups that the density step puts together need this much less.
        same: Two single faces are called the same person from here on (`facewatchd verify`).
        loose: How far a group's own variety excuses it, 0..1; see `core.grouping.clusters.LinkRule`.
        large: Two large groups need this much less mean similarity than two faces.
        coherent: A group of faces is a person from this cohesion on; see `core.grouping.cohesion`.
        strangers: Those of the archive of `faces` faces that `link`, `bonus` and `large` were found on: they follow the
            strangers of the user's archive from there. None where the user has set `link`.
        faces: See `strangers`.
        allow_same_photo: Whether two faces of a photo may be one person.
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
    crowd: float | None = None
    allow_same_photo: bool = False


# Measured on a third of the people of Labeled Faces in the Wild (benchmarks/bench_grouping.py): where 400 of them are
# known, `assign` lets in 0.3 % of strangers, and with `crowd`, which is what the middle one of the new faces has there,
# 0.5 % where three and a half times as many are. `link`, `bonus`, `loose` and `large` are in the middle of what is best
# on six random halves of the people, each half judged by what the other chose; `same` is right oftenest on pairs.
# `coherent` is 0.7 of the way from strangers to `link` by both families: none of the people is lost by it, and of the
# groups of several people whom a threshold too low took for one 1 % get through where they have fifteen faces or more,
# most where they have three. Of the faces within `review` of `assign` about half are the person's (42 % with ArcFace,
# 76 % with dlib; a step further below one in eight), and they are few, 0.7 % and 3 % of the new faces: worth a glance,
# and no chore. Within `suggest` of `link` there is one pair of strangers among 50 to 100 people. The embeddings of the
# ArcFace family (all insightface packs) spread over the whole sphere; those of dlib's ResNet lie in a narrow cone, so that
# strangers are already 0.85 similar.
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
    crowd=0.223,
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
    crowd=0.038,
)


def shipped_thresholds(pack: str) -> Thresholds:
    """The thresholds that come with a pack: "builtin" is dlib's ResNet, all others are taken for ArcFace models."""
    return _DLIB if pack == "builtin" else _ARCFACE
