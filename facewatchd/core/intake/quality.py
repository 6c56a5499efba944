"""
Whether a face is good enough to be grouped: by size, detector score, sharpness and the geometry of its landmarks.

A face of low quality makes no cluster and is no medoid and no cover: blurred faces are similar to everybody, and would join
different people. It may join a person who has good faces (`core.grouping.followers`). While it has no person it is not shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Detection, Image, Quality

# chips of different models differ in size, and the Laplacian's variance with them
_CHIP_SIDE = 112
# more does not help: faces of this size, score and sharpness have embeddings as good as any (their models take 112 pixels)
_GOOD_SIZE, _GOOD_SHARPNESS = 112.0, 100.0


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """
    The least that a face must have to be grouped.

    Attributes:
        min_score: Detector score, 0..1.
        min_size: Shorter side of the box, pixels of the upright photo.
        min_sharpness: Variance of the Laplacian of the aligned face, grey levels squared.
        max_turn: How far the nose may be from the middle between the eyes, in halves of their distance; see `turn`.
    """

    min_score: float
    min_size: float
    min_sharpness: float
    max_turn: float


def sharpness(chip: Image) -> float:
    """Variance of the Laplacian of an aligned face at 112 x 112 (Pech-Pacheco et al. 2000), grey levels squared."""
    grey = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)
    if grey.shape[0] != _CHIP_SIDE:
        grey = cv2.resize(grey, (_CHIP_SIDE, _CHIP_SIDE), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def turn(landmarks: NDArray[np.float32]) -> float:
    """
    How far a face is turned to the side, by its landmarks.

    Args:
        landmarks: float32, shape (5, 2), in the domain's order.

    Returns:
        0 for a frontal face, 1 if the nose is over an eye, more if it is beyond. Infinite if the eyes coincide.
    """
    left, right, nose = landmarks[0].astype(np.float64), landmarks[1].astype(np.float64), landmarks[2]
    across = right - left
    distance = float(np.hypot(*across))
    if distance < 1e-6:
        return float("inf")
    along = float((nose - (left + right) / 2) @ across) / distance
    return abs(along) / (distance / 2)


def judge(detection: Detection, chip: Image, limits: QualityLimits) -> Quality:
    """
    Judge a face.

    Args:
        detection: The face as the detector found it.
        chip: The aligned face, square, uint8, BGR.
        limits: The least that it must have to be grouped.

    Returns:
        Its quality; `poor` names the first limit that it misses.
    """
    size = min(detection.box.w, detection.box.h)
    sharp = sharpness(chip)
    turned = turn(detection.landmarks)
    eyes = (detection.landmarks[0, 1] + detection.landmarks[1, 1]) / 2
    mouth = (detection.landmarks[3, 1] + detection.landmarks[4, 1]) / 2
    poor = ""
    if size < limits.min_size:
        poor = f"too small: {size:.0f} px, faces.min_size is {limits.min_size:g}"
    elif detection.score < limits.min_score:
        poor = f"uncertain: score {detection.score:.2f}, faces.min_score is {limits.min_score:g}"
    elif sharp < limits.min_sharpness:
        poor = f"blurred: sharpness {sharp:.0f}, faces.min_sharpness is {limits.min_sharpness:g}"
    elif turned > limits.max_turn:
        poor = f"turned away: {turned:.2f}, faces.max_turn is {limits.max_turn:g}"
    elif eyes >= mouth:
        poor = "upside down: its eyes are below its mouth"
    value = (
        min(1.0, size / _GOOD_SIZE)
        * max(0.0, min(1.0, detection.score))
        * min(1.0, (sharp / _GOOD_SHARPNESS) ** 0.5)
        * max(0.0, 1.0 - turned / 3)
    )
    return Quality(value=value, sharpness=sharp, poor=poor)
