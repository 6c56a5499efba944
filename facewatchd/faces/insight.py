"""
The engine for insightface packs: any directory with an SCRFD detector and an ArcFace-like recogniser.

insightface's own code loads and runs the two models. Its `FaceAnalysis` is not used: it loads every file of the directory,
stops at the first damaged one, and downloads what it does not find.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Box, Detection, Embeddings, Image, ModelInfo
from facewatchd.errors import ModelError
from facewatchd.faces.align import cut_face, magnification
from facewatchd.faces.batching import batched, split_anchors, split_rows
from facewatchd.faces.close_up import SIDE, with_close_ups
from facewatchd.faces.sessions import Provider, first_line, onnxruntime, provider_arguments, session_options

USAGE = "scrfd 640; arcface template, similarity; not mirrored; v1"
"""Part of the models' id. Change it whenever embeddings change."""

_DETECTION_SIZE = (640, 640)
"""One size only: insightface builds a session for each size, and keeps all of them."""

_MIN_SCORE = 0.3


@dataclass(frozen=True, slots=True)
class PackFiles:
    """
    The two files of a pack that are needed.

    Attributes:
        directory: The pack.
        detection: Path of the detector.
        recognition: Path of the recogniser.
        manifest: Whether insightface's manifest names them, and how their input is prepared.
    """

    directory: Path
    detection: Path
    recognition: Path
    manifest: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """The parts of `ModelInfo` that are known before the models are loaded."""

    pack: str
    id: str
    recognition: str
    licence: str


class InsightEngine:
    """
    See `FaceEngine`. Threads may share it: insightface's detector caches its grid of anchors in a dict, where threads write
    equal values. Nothing else changes after the first photo, which the constructor gives it.

    Args:
        files: Which models to load.
        identity: What is known of them beforehand.
        provider: Where the models run.

    Raises:
        ModelError: A model cannot be loaded, or does not fit.
    """

    def __init__(self, files: PackFiles, identity: Identity, provider: Provider) -> None:
        self._detector = _load(files, files.detection, "detection", provider)
        self._recogniser = _load(files, files.recognition, "recognition", provider)
        if not self._detector.use_kps:
            raise ModelError("A face model cannot be used", "It finds no landmarks; use another pack.", files.detection)
        self._detector.prepare(0, input_size=_DETECTION_SIZE, det_thresh=_MIN_SCORE)
        self._size = int(self._recogniser.input_size[0])
        if self._size % 112 and self._size % 128:
            raise ModelError(
                "A face model cannot be used",
                f"It needs faces of {self._size} pixels, and this program cannot align faces to that size. Use another pack.",
                files.recognition,
            )
        self._template = arcface_template(self._size)
        # a model with a fixed batch size takes one face at a time
        self._batch = 1 if isinstance(self._recogniser.input_shape[0], int) else provider.batch
        if provider.batch > 1:
            self._take_batches(files, provider)
        self._canvas_side = SIDE
        self._info = ModelInfo(
            pack=identity.pack,
            id=identity.id,
            dim=self._try_out(files),
            provider=self._recogniser.session.get_providers()[0],
            recognition=identity.recognition,
            licence=identity.licence,
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def detect(self, image: Image) -> list[Detection]:
        height, width = image.shape[:2]
        if min(height, width) * _DETECTION_SIZE[0] < max(height, width):
            return []  # insightface would shrink the shorter side to 0 pixels
        found = self._look(image, None)
        return with_close_ups(
            found, image, lambda canvas: self._look(canvas, (self._canvas_side,) * 2), self._canvas_side
        )

    def align(self, image: Image, landmarks: NDArray[np.float32]) -> Image:
        return cut_face(image, landmarks, self._template, self._size)

    def magnification(self, landmarks: NDArray[np.float32]) -> float:
        return magnification(landmarks, self._template)

    def embed(self, chips: list[Image]) -> Embeddings:
        embeddings = np.empty((len(chips), self._info.dim), np.float32)
        for start in range(0, len(chips), self._batch):
            part = chips[start : start + self._batch]
            rows = np.asarray(self._recogniser.get_feat(part), np.float32).reshape(len(part), -1)
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            embeddings[start : start + len(part)] = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
        return embeddings

    def _look(self, image: Image, size: tuple[int, int] | None) -> list[Detection]:
        """What the detector finds in the image, scaled to this size; None for the usual one."""
        boxes, landmarks = self._detector.detect(image, input_size=size)
        return [
            Detection(
                Box(float(left), float(top), float(right - left), float(bottom - top)),
                np.ascontiguousarray(points, np.float32),
                float(score),
            )
            for (left, top, right, bottom, score), points in zip(boxes, landmarks, strict=True)
            if right > left and bottom > top
        ]

    def _take_batches(self, files: PackFiles, provider: Provider) -> None:
        """Let photos of several threads go through the models together, if the models allow it."""
        anchors = split_anchors(self._detector._num_anchors)  # noqa: SLF001 - insightface tells it nowhere else
        detection = batched(files.detection, provider, anchors, _DETECTION_SIZE[0])
        if detection is not None:
            self._detector._session_for_input_size = lambda _size: detection  # noqa: SLF001
        recognition = batched(files.recognition, provider, split_rows, self._size)
        if recognition is not None:
            self._recogniser.session = recognition
            self._batch = provider.batch

    def _try_out(self, files: PackFiles) -> int:
        """Run both models once, before any thread does. Returns the length of an embedding."""
        blank = np.zeros((self._size, self._size, 3), np.uint8)
        try:
            self._detector.detect(blank)
        except Exception as error:
            raise ModelError("A face model does not work", f"{first_line(error)}.", files.detection) from error
        try:
            self._detector.detect(blank, input_size=(SIDE, SIDE))
        except Exception:  # noqa: BLE001 - ONNX Runtime's exceptions and insightface's share no other base
            self._canvas_side = _DETECTION_SIZE[0]  # it takes its own size only
        try:
            return int(np.asarray(self._recogniser.get_feat([blank])).size)
        except Exception as error:
            raise ModelError("A face model does not work", f"{first_line(error)}.", files.recognition) from error


def arcface_template(size: int) -> NDArray[np.float32]:
    """
    Where the five landmarks belong on a chip: insightface's template, shape (5, 2), pixels.

    Args:
        size: Side of the chip, a multiple of 112, which the template is made for, or of 128, where the margins are wider.
    """
    from insightface.utils.face_align import arcface_dst  # noqa: PLC0415 - 300 ms

    ratio, margin = (size / 112, 0.0) if size % 112 == 0 else (size / 128, 8.0)
    return np.asarray((arcface_dst + np.array([margin, 0])) * ratio, np.float32)


def _load(files: PackFiles, path: Path, task: str, provider: Provider) -> Any:
    onnxruntime()
    from insightface.model_zoo import get_model  # noqa: PLC0415 - 300 ms

    arguments = {
        "sess_options": session_options(),
        # this session is enough for our one size; insightface would load the detector again for a fixed size
        "static_shape_sessions": False,
        **provider_arguments(provider),
    }
    try:
        if files.manifest:
            model = get_model(str(files.directory), model_task=task, **arguments)
        else:
            model = get_model(str(path), **arguments)
    except Exception as error:
        raise ModelError(
            "A face model cannot be loaded", f"{first_line(error)}. Fetch the pack again, or use another one.", path
        ) from error
    if model is None or model.taskname != task:
        raise ModelError("A face model cannot be used", f"It is not for {task}; use another pack.", path)
    return model
