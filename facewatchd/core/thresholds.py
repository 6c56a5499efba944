"""
How similar is similar: the shipped thresholds of each family of models.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """
    Cosine similarities, -1..1, and differences of them.

    Attributes:
        assign: A new face is taken for a person from here on (to the nearest medoid).
        margin: ... and only if the runner-up is at least this much less similar.
        link: Reclustering joins two groups whose mean similarity reaches this.
        bonus: Two groups that the density step puts together need this much less.
        same: Two single faces are called the same person from here on (`facewatchd verify`).
    """

    assign: float
    margin: float
    link: float
    bonus: float
    same: float


# Both rows were measured on a third of the people of Labeled Faces in the Wild: `assign` lets in about 0.5 % of
# strangers, `link` and `bonus` are near the best B-cubed F1, `same` is right oftenest on pairs. The embeddings of the ArcFace family (all insightface packs) spread over the whole sphere; those of
# dlib's ResNet lie in a narrow cone, so that strangers are already 0.8 similar.
_ARCFACE = Thresholds(assign=0.45, margin=0.05, link=0.46, bonus=0.04, same=0.35)
_DLIB = Thresholds(assign=0.949, margin=0.01, link=0.941, bonus=0.012, same=0.92)


def shipped_thresholds(pack: str) -> Thresholds:
    """The thresholds that come with a pack: "builtin" is dlib's ResNet, all others are taken for ArcFace models."""
    return _DLIB if pack == "builtin" else _ARCFACE
