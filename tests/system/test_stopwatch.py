"""Where the time of taking a photo in goes."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from helpers import NOW, READER, Archive

from facewatchd.daemon.intake.progress import Stage
from facewatchd.daemon.intake.stopwatch import Stopwatch, TimedEngine, TimedReader
from facewatchd.demo import GROUP, _load
from facewatchd.domain import FaceEngine, TakenPhoto
from facewatchd.errors import PhotoError
from facewatchd.pipeline.intake.ingest import IngestSettings, take_in

pytest_plugins = "archive_fixtures"


def ticking() -> Callable[[], float]:
    """A second later at each look."""
    return itertools.count().__next__


@pytest.fixture
def group() -> bytes:
    """A photo of six people."""
    done, jpeg = cv2.imencode(".jpg", _load(GROUP))
    assert done
    return bytes(jpeg)


def test_every_stage_of_a_photo_is_counted(
    archive: Archive, builtin_engine: FaceEngine, ingest_settings: IngestSettings, group: bytes
) -> None:
    """One look from the start of a stage to its end; six faces are aligned one by one and embedded together."""
    watch = Stopwatch(ticking())
    reader, engine = TimedReader(READER, watch), TimedEngine(builtin_engine, watch)
    taken = take_in(archive.write(b"1.jpg", group), archive.root, reader, engine, ingest_settings, NOW)
    plain = take_in(archive.seen(b"1.jpg"), archive.root, READER, builtin_engine, ingest_settings, NOW)
    assert watch.seconds == {Stage.READING: 1, Stage.DECODING: 1, Stage.FINDING: 1, Stage.EMBEDDING: 7}
    assert isinstance(taken, TakenPhoto)
    assert isinstance(plain, TakenPhoto)
    for timed, face in zip(taken.faces, plain.faces, strict=True):
        assert timed.detection.box == face.detection.box
        assert np.array_equal(timed.embedding, face.embedding)


def test_a_photo_that_fails_is_counted_as_far_as_it_came(
    archive: Archive, builtin_engine: FaceEngine, ingest_settings: IngestSettings, group: bytes
) -> None:
    """What comes after it belongs to no stage."""
    watch = Stopwatch(ticking())
    seen = archive.write(b"1.jpg", group[:200])
    with pytest.raises(PhotoError):
        take_in(seen, archive.root, TimedReader(READER, watch), builtin_engine, ingest_settings, NOW)
    watch.turn_to(None)
    assert watch.seconds == {Stage.READING: 1, Stage.DECODING: 1, Stage.FINDING: 0, Stage.EMBEDDING: 0}
