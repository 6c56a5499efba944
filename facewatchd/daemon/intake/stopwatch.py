"""
Where the time of taking a photo in goes: the disk, the decoder or the models. Whoever waits for an archive wants to know
which of them to help.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewatchd.daemon.intake.progress import Stage
from facewatchd.domain import Detection, Embeddings, FaceEngine, FileStat, Image, ModelInfo
from facewatchd.photos.decoding.read import PhotoRead, PhotoReader


class Stopwatch:
    """
    Counts the seconds of one photo: each belongs to one stage. Belongs to one thread.

    Args:
        clock: Seconds since whenever.

    Attributes:
        seconds: Of each stage so far, those of the present one left out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[Stage, float] = dict.fromkeys(Stage, 0.0)
        self._clock = clock
        self._stage: Stage | None = None
        self._since = 0.0

    def turn_to(self, stage: Stage | None) -> None:
        """What comes now is this stage; None for what is none of them."""
        now = self._clock()
        if self._stage is not None:
            self.seconds[self._stage] += now - self._since
        self._stage, self._since = stage, now

    @contextlib.contextmanager
    def on(self, stage: Stage) -> Iterator[None]:
        """This stage, and what is turned to while it lasts; none of them afterwards."""
        self.turn_to(stage)
        try:
            yield
        finally:
            self.turn_to(None)


@dataclass(frozen=True, slots=True)
class TimedReader:
    """A `PhotoReader` whose time is counted."""

    reader: PhotoReader
    watch: Stopwatch

    def read(
        self, path: bytes, stat: FileStat, known: Container[bytes] = frozenset(), enough: int | None = None
    ) -> PhotoRead:
        with self.watch.on(Stage.READING):
            return self.reader.read(path, stat, _Asked(known, self.watch), enough)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What need not be decoded; that is asked once the file was read."""

    known: Container[bytes]
    watch: Stopwatch

    def __contains__(self, content_hash: object) -> bool:
        self.watch.turn_to(Stage.DECODING)
        return content_hash in self.known


@dataclass(frozen=True, slots=True)
class TimedEngine:
    """A `FaceEngine` whose time is counted: of one photo, and so in one thread."""

    engine: FaceEngine
    watch: Stopwatch

    @property
    def info(self) -> ModelInfo:
        return self.engine.info

    def detect(self, image: Image) -> list[Detection]:
        with self.watch.on(Stage.FINDING):
            return self.engine.detect(image)

    def align(self, image: Image, landmarks: NDArray[np.float32]) -> Image:
        with self.watch.on(Stage.EMBEDDING):
            return self.engine.align(image, landmarks)

    def magnification(self, landmarks: NDArray[np.float32]) -> float:
        return self.engine.magnification(landmarks)

    def embed(self, chips: list[Image]) -> Embeddings:
        with self.watch.on(Stage.EMBEDDING):
            return self.engine.embed(chips)
