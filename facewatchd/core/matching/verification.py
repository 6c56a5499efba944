"""
How often the answer is wrong that two faces are the same person, or are not.
"""

from __future__ import annotations

import math

import numpy as np

# similarity and log odds that two faces are the same person, where as many pairs are of one person as of two; in between they are
# interpolated. Fitted by maximum likelihood to 120,000 pairs of portraits of Labeled Faces in the Wild
# (benchmarks/bench_workflows.py), never falling.
_ARCFACE = (
    (0.05, -7.35),
    (0.15, -3.41),
    (0.20, -2.49),
    (0.25, -1.78),
    (0.30, 0.90),
    (0.35, 1.56),
    (0.40, 4.70),
    (0.50, 10.21),
)
_DLIB = (
    (0.83, -10.0),
    (0.87, -3.69),
    (0.89, -3.69),
    (0.90, -2.28),
    (0.91, -0.71),
    (0.92, 0.99),
    (0.93, 4.00),
    (0.95, 9.86),
)

LEAST_CHANCE = 1e-4
"""A smaller chance cannot be told from so many pairs."""


def chance_of_error(pack: str, similarity: float, threshold: float) -> float:
    """
    How often pairs of this similarity get the wrong answer, where as many are of one person as of two.

    Args:
        pack: "builtin" is dlib's ResNet; all others are taken for ArcFace models.
        similarity: Cosine of the two faces.
        threshold: From which the answer is that they are the same person.

    Returns:
        `LEAST_CHANCE` to 1. Above a half where the threshold is more careful than such pairs need.
    """
    curve = np.array(_DLIB if pack == "builtin" else _ARCFACE)
    odds = float(np.interp(similarity, curve[:, 0], curve[:, 1]))
    wrong = 1 / (1 + math.exp(odds if similarity >= threshold else -odds))
    return max(wrong, LEAST_CHANCE)
