"""Is a face fit to be grouped? Each limit by itself, at its boundary, and what quality means."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.core.intake.quality import QualityLimits, judge, sharpness, turn
from facewatchd.domain import Box, Detection, Image

LIMITS = QualityLimits(min_score=0.6, min_size=40, min_sharpness=20, max_turn=0.8)
# eyes, nose, mouth corners of a face that looks into the camera
FRONTAL = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
UPSIDE_DOWN = np.array([[30, 80], [70, 80], [50, 60], [35, 40], [65, 40]], np.float32)


def noise(contrast: int = 60, side: int = 112) -> Image:
    """A chip with as much detail as there can be."""
    grey = np.random.default_rng(1).integers(128 - contrast, 128 + contrast + 1, (side, side), np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def turned(by: float) -> NDArray[np.float32]:
    """The frontal face with its nose this many halves of the eyes' distance to the side."""
    landmarks = FRONTAL.copy()
    landmarks[2, 0] += by * 20
    return landmarks


def a_face(side: float = 100, score: float = 0.9, landmarks: NDArray[np.float32] = FRONTAL) -> Detection:
    return Detection(Box(0, 0, side, side * 1.3), landmarks, score)


# --- turn ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("landmarks", "expected"),
    [
        pytest.param(FRONTAL, 0, id="into the camera"),
        pytest.param(turned(0.5), 0.5, id="half turned"),
        pytest.param(turned(-0.5), 0.5, id="... to the other side"),
        pytest.param(turned(1), 1, id="the nose over an eye"),
        pytest.param(turned(1.5), 1.5, id="a profile: the nose stands out"),
    ],
)
def test_how_far_a_face_is_turned(landmarks: NDArray[np.float32], expected: float) -> None:
    """The nose's way from the middle between the eyes, in halves of their distance."""
    assert turn(landmarks) == pytest.approx(expected, abs=1e-6)


def test_eyes_in_one_point() -> None:
    """Landmarks that make no face are turned infinitely far, and divide nothing by zero."""
    assert turn(np.zeros((5, 2), np.float32)) == np.inf
    assert judge(a_face(landmarks=np.zeros((5, 2), np.float32)), noise(), LIMITS).value == 0


@settings(max_examples=150)
@given(
    by=st.floats(-2, 2),
    angle=st.floats(0, 2 * np.pi),
    scale=st.floats(0.2, 20),
    shift=st.floats(-500, 5000),
    nod=st.floats(-15, 30),
)
def test_a_rotated_head_is_not_turned(by: float, angle: float, scale: float, shift: float, nod: float) -> None:
    """Tilting the head, nodding, coming nearer or standing elsewhere does not count as turning away."""
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = turned(by)
    landmarks[2, 1] += nod
    moved = (landmarks @ rotation.T * scale + shift).astype(np.float32)
    assert turn(moved) == pytest.approx(abs(by), abs=0.01)


# --- sharpness -------------------------------------------------------------------------------------------------------


def test_a_flat_chip_has_no_sharpness() -> None:
    """Nothing to see, nothing sharp."""
    assert sharpness(np.full((112, 112, 3), 90, np.uint8)) == 0


def test_blur_takes_sharpness_away() -> None:
    """The more blurred, the less sharp."""
    chip = noise()
    values = [sharpness(chip), *(sharpness(cv2.GaussianBlur(chip, (0, 0), sigma)) for sigma in (0.5, 1.0, 2.0, 4.0))]
    assert values == sorted(values, reverse=True)
    assert values[0] > 100 * values[-1]


def test_chips_of_different_models_are_compared_at_one_size() -> None:
    """The same face in a chip of 150 pixels and in one of 112 is about equally sharp."""
    small = cv2.GaussianBlur(noise(), (0, 0), 3)
    large = cv2.resize(small, (150, 150), interpolation=cv2.INTER_CUBIC)
    assert sharpness(large) == pytest.approx(sharpness(small), rel=0.5)


# --- judging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("face", "chip", "reason"),
    [
        pytest.param(a_face(), noise(), "", id="a good face"),
        pytest.param(a_face(side=40), noise(), "", id="just large enough"),
        pytest.param(a_face(side=39.9), noise(), "too small", id="too small"),
        pytest.param(Detection(Box(0, 0, 200, 30), FRONTAL, 0.9), noise(), "too small", id="the shorter side counts"),
        pytest.param(a_face(score=0.6), noise(), "", id="just certain enough"),
        pytest.param(a_face(score=0.59), noise(), "uncertain", id="uncertain"),
        pytest.param(a_face(), np.full((112, 112, 3), 90, np.uint8), "blurred", id="blurred"),
        pytest.param(a_face(landmarks=turned(0.79)), noise(), "", id="turned as far as it may be"),
        pytest.param(a_face(landmarks=turned(0.81)), noise(), "turned away", id="turned away"),
        pytest.param(a_face(landmarks=UPSIDE_DOWN), noise(), "upside down", id="upside down"),
        pytest.param(a_face(side=10, score=0.1), noise(), "too small", id="of several reasons the first"),
    ],
)
def test_poor_faces(face: Detection, chip: Image, reason: str) -> None:
    """A face that misses a limit is poor, and the reason says which setting it missed."""
    poor = judge(face, chip, LIMITS).poor
    assert poor.startswith(reason) if reason else not poor
    assert not reason or reason == "upside down" or "faces." in poor


def test_sharpness_at_its_limit() -> None:
    """A face exactly at the limit is not blurred."""
    chip = noise(5)
    limit = sharpness(chip)
    assert not judge(a_face(), chip, replace(LIMITS, min_sharpness=limit)).poor
    assert judge(a_face(), chip, replace(LIMITS, min_sharpness=limit * 1.001)).poor.startswith("blurred")


def test_the_best_face_has_quality_one() -> None:
    """Large, certain, sharp and frontal is as good as it gets."""
    assert judge(a_face(side=112, score=1.0), noise(), LIMITS).value == pytest.approx(1)


@settings(max_examples=100)
@given(
    side=st.floats(1, 300),
    score=st.floats(0, 1),
    contrast=st.integers(0, 60),
    by=st.floats(0, 4),
    better=st.sampled_from(["size", "score", "sharpness", "turn"]),
    much=st.floats(0, 1),
)
def test_better_is_never_worse(side: float, score: float, contrast: int, by: float, better: str, much: float) -> None:
    """Quality is 0..1, and grows with size, score and sharpness, and as the face turns to the camera."""
    value = judge(a_face(side, score, turned(by)), noise(contrast), LIMITS).value
    match better:
        case "size":
            side *= 1 + much
        case "score":
            score += (1 - score) * much
        case "sharpness":
            contrast += int(60 * much)
        case _:
            by *= 1 - much
    improved = judge(a_face(side, score, turned(by)), noise(contrast), LIMITS).value
    assert 0 <= value <= 1
    assert improved >= value - 1e-6
