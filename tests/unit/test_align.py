"""
The similarity transform and the cut along it.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.faces.align import cut_face, similarity_matrix
from facewatchd.faces.builtin import TEMPLATE
from facewatchd.faces.insight import arcface_template


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


@given(
    scale=st.floats(0.01, 100),
    angle=st.floats(-math.pi, math.pi),
    shift=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
)
def test_recovers_the_rotation_scale_and_shift_that_were_applied(
    scale: float, angle: float, shift: tuple[float, float]
) -> None:
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    applied = np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])
    found = similarity_matrix(TEMPLATE, moved(TEMPLATE.astype(float), applied))
    np.testing.assert_allclose(found, applied, rtol=1e-6, atol=1e-6 * max(1, *map(abs, shift)))


@given(st.lists(st.floats(-50, 50), min_size=10, max_size=10))
def test_no_other_similarity_comes_nearer(noise: list[float]) -> None:
    """Least squares: a step in any of the four directions makes the error larger."""
    source = TEMPLATE + np.reshape(noise, (5, 2))
    best = similarity_matrix(source, TEMPLATE)

    def error(matrix: np.ndarray) -> float:
        return float(((moved(source, matrix) - TEMPLATE) ** 2).sum())

    for step in np.eye(4) * 1e-3:
        real, imaginary, right, down = step
        other = best + np.array([[real, -imaginary, right], [imaginary, real, down]])
        assert error(other) >= error(best) - 1e-6


def test_never_mirrors() -> None:
    matrix = similarity_matrix(TEMPLATE * (-1, 1), TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) >= 0


def test_points_on_one_spot_are_only_shifted() -> None:
    matrix = similarity_matrix(np.full((5, 2), 7.0), TEMPLATE)
    np.testing.assert_array_equal(matrix[:, :2], np.eye(2))
    np.testing.assert_allclose(moved(np.array([[7.0, 7.0]]), matrix)[0], TEMPLATE.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("size", [112, 128, 224])
def test_is_insightfaces_own_transform_without_its_warning(size: int) -> None:
    from insightface.utils.face_align import estimate_norm  # noqa: PLC0415 - 300 ms

    rng = np.random.default_rng(3)
    for _ in range(20):
        landmarks = (arcface_template(112) * rng.uniform(0.2, 9) + rng.normal(0, 4, (5, 2))).astype(np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            wanted = estimate_norm(landmarks, size)
        np.testing.assert_allclose(similarity_matrix(landmarks, arcface_template(size)), wanted, atol=1e-4)


def test_the_cut_brings_landmarks_to_the_template_and_leaves_black_outside() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    landmarks = (TEMPLATE / 2 + (90, 120)).astype(np.float32)  # the chip reaches over the lower right corner
    for x, y in landmarks:
        image[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
    chip = cut_face(image, landmarks, TEMPLATE, 150)
    assert chip.shape == (150, 150, 3)
    for x, y in TEMPLATE:
        assert chip[round(y), round(x)].min() > 200
    assert chip[-1, -1].max() == 0
