"""
Decoding CenterFace's maps.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from facewatchd.domain import Detection
from facewatchd.faces.centerface import Maps, decode


def empty_maps(rows: int = 40, columns: int = 60) -> Maps:
    return Maps(
        likelihood=np.zeros((rows, columns), np.float32),
        log_size=np.zeros((2, rows, columns), np.float32),
        offset=np.zeros((2, rows, columns), np.float32),
        landmarks=np.zeros((10, rows, columns), np.float32),
    )


def put_face(maps: Maps, row: int, column: int, score: float, width: float, height: float) -> None:
    """A face centred in a cell; width and height in pixels of the network's input."""
    maps.likelihood[row, column] = score
    maps.log_size[:, row, column] = math.log(height / 4), math.log(width / 4)
    maps.landmarks[:, row, column] = [0.4, 0.3, 0.4, 0.7, 0.6, 0.5, 0.8, 0.35, 0.8, 0.65]


def test_a_peak_becomes_a_box_and_landmarks_in_pixels_of_the_photo() -> None:
    maps = empty_maps()
    put_face(maps, 10, 20, 0.9, width=40, height=48)
    maps.offset[:, 10, 20] = 0.25, -0.5
    (face,) = decode(maps, 0.5, scale=0.5)
    # centre: (column - 0.5 + 0.5, row + 0.25 + 0.5) cells of 4 pixels, twice as many pixels in the photo
    assert (face.box.x + face.box.w / 2, face.box.y + face.box.h / 2) == pytest.approx((160, 86))
    assert (face.box.w, face.box.h) == pytest.approx((80, 96))
    assert face.score == pytest.approx(0.9)
    wanted = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * (80, 96) + (120, 38)
    np.testing.assert_allclose(face.landmarks, wanted, rtol=1e-5)
    assert face.landmarks.dtype == np.float32


def test_nothing_above_the_threshold_gives_nothing() -> None:
    maps = empty_maps()
    put_face(maps, 5, 5, 0.5, 20, 20)
    assert decode(maps, 0.5, 1) == []
    assert decode(empty_maps(), 0.0, 1) == []


@pytest.mark.parametrize(
    ("apart", "kept"),
    [
        (1, [0.9]),  # nearly the same box
        (5, [0.9]),  # a third of the union is shared
        (6, [0.9, 0.8]),  # a quarter of it
        (12, [0.9, 0.8]),  # apart
    ],
)
def test_of_overlapping_boxes_the_best_stays(apart: int, kept: list[float]) -> None:
    maps = empty_maps()
    put_face(maps, 20, 20, 0.8, 40, 40)
    put_face(maps, 20, 20 + apart, 0.9, 40, 40)
    assert [face.score for face in decode(maps, 0.5, 1)] == pytest.approx(kept)


def test_a_box_that_only_a_dropped_box_overlaps_stays() -> None:
    maps = empty_maps()
    for column, score in ((10, 0.9), (14, 0.8), (18, 0.7)):
        put_face(maps, 20, column, score, 40, 40)
    assert [face.score for face in decode(maps, 0.5, 1)] == pytest.approx([0.9, 0.7])


def test_agrees_with_the_plain_loop_on_random_maps() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        maps = Maps(
            likelihood=rng.uniform(0, 1, (16, 24)).astype(np.float32) ** 4,
            log_size=rng.normal(1.5, 0.5, (2, 16, 24)).astype(np.float32),
            offset=rng.uniform(-0.5, 0.5, (2, 16, 24)).astype(np.float32),
            landmarks=rng.uniform(0, 1, (10, 16, 24)).astype(np.float32),
        )
        found, wanted = decode(maps, 0.4, 1.25), plainly_decoded(maps, 0.4, 1.25)
        assert [face.score for face in found] == [face.score for face in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert (one.box.x, one.box.y, one.box.w, one.box.h) == pytest.approx(
                (other.box.x, other.box.y, other.box.w, other.box.h), abs=1e-3
            )
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-3)


def plainly_decoded(maps: Maps, threshold: float, scale: float) -> list[Detection]:
    """The same, one face at a time."""
    faces: list[Detection] = []
    for row, column in np.ndindex(*maps.likelihood.shape):
        if maps.likelihood[row, column] > threshold:
            single = empty_maps(*maps.likelihood.shape)
            for whole, part in zip(
                (maps.log_size, maps.offset, maps.landmarks),
                (single.log_size, single.offset, single.landmarks),
                strict=True,
            ):
                part[:, row, column] = whole[:, row, column]
            single.likelihood[row, column] = maps.likelihood[row, column]
            faces += decode(single, threshold, scale)
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(face.box.overlap(other.box) <= 0.3 for other in kept):
            kept.append(face)
    return kept
