"""Small faces of a large group photo are found in tiles, by the real models."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facewatchd.config import Config
from facewatchd.demo import GROUP, _load
from facewatchd.domain import FaceEngine, Image
from facewatchd.pipeline.intake.ingest import IngestSettings, find_faces

pytest_plugins = "archive_fixtures"


@pytest.fixture(scope="module")
def reunion() -> Image:
    """12 megapixels of thirty people, whose faces are some 70 pixels tall."""
    six = _load(GROUP)
    row = cv2.resize(six, None, fx=0.62, fy=0.62, interpolation=cv2.INTER_AREA)
    canvas = np.full((3000, 4000, 3), 120, np.uint8)
    for at in range(5):
        y, x = 100 + 580 * at, 50 + 600 * at
        canvas[y : y + row.shape[0], x : x + row.shape[1]] = row[:, : 4000 - x]
    return canvas


def test_a_group_from_afar_is_looked_at_in_tiles(builtin_engine: FaceEngine, reunion: Image) -> None:
    """All of them are found and fit to be grouped, each once; of what the whole photo shows, most are not."""
    settings = IngestSettings.of(Config())
    assert settings.in_tiles
    good = [
        sum(not face.quality.poor for face in find_faces(builtin_engine, reunion, settings.limits, in_tiles=way))
        for way in (False, settings.in_tiles)
    ]
    assert good[0] <= 20
    assert good[1] == 30


def test_off_is_off() -> None:
    """A bare `off` is one, too, although YAML takes it for false."""
    for value in ("off", False):
        assert not IngestSettings.of(Config.model_validate({"faces": {"tiles": value}})).in_tiles


def test_nothing_else_costs_more(builtin_engine: FaceEngine) -> None:
    """A group close by is found as before."""
    six, limits = _load(GROUP), IngestSettings.of(Config()).limits
    boxes = [
        [face.detection.box for face in find_faces(builtin_engine, six, limits, in_tiles=way)] for way in (True, False)
    ]
    assert boxes[0] == boxes[1]
