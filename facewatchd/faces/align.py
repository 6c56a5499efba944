"""
Turning a face upright: the similarity transform that maps five landmarks closest to a template, and the crop by it.

The transform is the closed form of S. Umeyama, "Least-squares estimation of transformation parameters between two point
patterns" (1991), which in two dimensions without reflections is one complex number.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Image

Points = NDArray[np.floating]
"""Shape (n, 2): x and y in pixels."""

Matrix = NDArray[np.float64]
"""Shape (2, 3): maps (x, y, 1) of the photo to (x, y) of the chip."""


def similarity_matrix(source: Points, target: Points) -> Matrix:
    """
    The rotation, scale and shift that map `source` closest to `target`, by least squares.

    Args:
        source: Shape (n, 2), the landmarks in the photo.
        target: Shape (n, 2), their places on the chip.

    Returns:
        Shape (2, 3). Where all source points coincide there is no such scale: the points are then only shifted.
    """
    came = np.asarray(source, np.float64) @ (1, 1j)
    goes = np.asarray(target, np.float64) @ (1, 1j)
    centred = came - came.mean()
    spread = np.vdot(centred, centred).real
    turn = np.vdot(centred, goes - goes.mean()) / spread if spread > 0 else 1 + 0j
    shift = goes.mean() - turn * came.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def magnification(landmarks: Points, template: Points) -> float:
    """
    How much larger a face is on its chip than in the photo.

    Args:
        landmarks: Shape (5, 2), pixels of the photo.
        template: Shape (5, 2), where they belong, pixels of the chip.
    """
    (cosine, _, _), (sine, _, _) = similarity_matrix(landmarks, template)
    return float(np.hypot(cosine, sine))


def cut_face(image: Image, landmarks: Points, template: Points, size: int) -> Image:
    """
    The face turned upright.

    Args:
        image: The photo; not changed.
        landmarks: Shape (5, 2), pixels of the photo.
        template: Shape (5, 2), where they belong, pixels of the chip.
        size: Side of the chip, pixels.

    Returns:
        uint8, shape (size, size, 3). Pixels outside the photo are black.
    """
    matrix = similarity_matrix(landmarks, template)
    chip = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    return np.asarray(chip, np.uint8)


def resized(image: Image, width: int, height: int) -> Image:
    """
    The image at this size, pixels, for a detector.

    Scaling by INTER_LINEAR alone (0.7 ms for 12 megapixels) skips pixels, which costs the landmarks their precision (same
    person told at 1e-3 false accepts: 0.91 of pairs); by INTER_AREA alone (0.95) it takes 22 ms. In two steps: 0.95, 3 ms.
    """
    if image.shape[1] > 2 * width:
        image = np.asarray(cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR), np.uint8)
    shrinking = image.shape[1] > width
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)
