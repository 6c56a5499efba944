"""
The engine that needs no download: CenterFace finds the faces, dlib's ResNet tells them apart.

Both run through ONNX Runtime after a conversion (`converted`). Unlike insightface's pretrained packs, both may be used
for any purpose.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Detection, Embeddings, Image, ModelInfo
from facewatchd.faces import centerface
from facewatchd.faces.align import cut_face, magnification, resized
from facewatchd.faces.batching import BatchingSession, split_rows
from facewatchd.faces.close_up import with_close_ups
from facewatchd.faces.converted import CENTERFACE, DLIB_RESNET, load_converted
from facewatchd.faces.dlib_file import SIDE
from facewatchd.faces.sessions import Provider, build_session

PACK = "builtin"

LICENCE = "CenterFace: MIT; dlib's ResNet: public domain (CC0). Any use is allowed."

DIM = 128

TEMPLATE = np.array(
    [[47.54, 46.46], [101.85, 46.36], [74.69, 77.45], [52.01, 104.09], [97.48, 103.85]],
    np.float32,
)
"""Where CenterFace's landmarks lie on the chips that dlib's own alignment makes: their mean over many faces, pixels."""

_USAGE = "centerface 640 letterboxed; template 150 v1; mean with the mirrored face"
"""Part of the id. Change it whenever embeddings change."""

_LONGER_SIDE = 640
"""Length of a photo's longer side after scaling, pixels."""

_ENLARGED = 128
_MAX_ENLARGEMENT = 2.0
"""
A thumbnail is enlarged at most twofold and to this many pixels: of 300 portraits of 48 pixels it finds all instead of 298.
Those of 250 pixels are all found as they are, and enlarging them to 640 tells no more of them apart (46 ms instead of 7).
"""

_MIN_SCORE = 0.3
"""Least score of a detection. The configuration asks for more before a face is grouped."""


class BuiltinEngine:
    """
    See `FaceEngine`.

    Args:
        cache_dir: Where the converted models are kept.
        provider: Where the models run.

    Raises:
        ModelError: The models are missing or damaged.
    """

    def __init__(self, cache_dir: Path, provider: Provider) -> None:
        self._detector = build_session(load_converted(CENTERFACE, cache_dir), provider)
        self._recogniser = build_session(load_converted(DLIB_RESNET, cache_dir), provider)
        self._batch = provider.batch
        if provider.batch > 1:
            self._detector = BatchingSession(self._detector, provider.batch, split_rows)
            self._recogniser = BatchingSession(self._recogniser, provider.batch, split_rows)
        self._info = ModelInfo(
            pack=PACK,
            id=hashlib.sha256(f"{CENTERFACE.sha256} {DLIB_RESNET.sha256} {_USAGE}".encode()).hexdigest(),
            dim=DIM,
            provider=self._recogniser.get_providers()[0],
            recognition=DLIB_RESNET.sha256,
            licence=LICENCE,
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def detect(self, image: Image) -> list[Detection]:
        return with_close_ups(self._look(image), image, self._look)

    def _look(self, image: Image) -> list[Detection]:
        height, width = image.shape[:2]
        scale = _scale_for(max(height, width))
        if min(height, width) * scale < 1:
            return []
        canvas = _letterboxed(image, scale, square=self._batch > 1)
        blob = cv2.dnn.blobFromImage(canvas, swapRB=True)
        outputs = self._detector.run(centerface.OUTPUTS, {centerface.INPUT: blob})
        likelihood, log_size, offset, landmarks = (output[0] for output in outputs)
        maps = centerface.Maps(likelihood[0], log_size, offset, landmarks)
        return centerface.decode(maps, _MIN_SCORE, scale)

    def align(self, image: Image, landmarks: NDArray[np.float32]) -> Image:
        return cut_face(image, landmarks, TEMPLATE, SIDE)

    def magnification(self, landmarks: NDArray[np.float32]) -> float:
        return magnification(landmarks, TEMPLATE)

    def embed(self, chips: list[Image]) -> Embeddings:
        embeddings = np.empty((len(chips), DIM), np.float32)
        for start in range(0, len(chips), self._batch):
            part = np.stack(chips[start : start + self._batch])
            both = _unit(self._describe(part)) + _unit(self._describe(part[:, :, ::-1]))
            embeddings[start : start + len(part)] = _unit(both)
        return embeddings

    def _describe(self, chips: NDArray[np.uint8]) -> Any:
        rgb = np.ascontiguousarray(chips[..., ::-1].transpose(0, 3, 1, 2), np.float32)
        return self._recogniser.run(None, {"rgb": rgb})[0]


def _scale_for(longer_side: int) -> float:
    """Pixels of the network's input per pixel of the photo."""
    return min(_LONGER_SIDE / longer_side, max(1.0, min(_ENLARGED / longer_side, _MAX_ENLARGEMENT)))


def _letterboxed(image: Image, scale: float, *, square: bool) -> Image:
    """
    The image scaled, black below and to the right of it: up to the next multiples that the network takes, or to a square
    of always the same size, so that it can go into a batch with others.
    """
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    rows, columns = (-(-side // centerface.STEP) * centerface.STEP for side in (height, width))
    if square:
        rows = columns = _LONGER_SIDE
    canvas = np.zeros((rows, columns, 3), np.uint8)
    canvas[:height, :width] = resized(image, width, height)
    return canvas


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
