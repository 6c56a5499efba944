"""
CenterFace (MIT): its model, made faster, and the decoding of its four maps into faces.

From Xu, Yan, Yang, Zhao, "CenterFace: joint face detection and alignment using face as point" (2019). The network looks at
RGB, 0..255, with sides that are multiples of 32. On a grid of 4 pixels it gives the likelihood that the centre of a face
lies in a cell. For each cell it gives the offset of the centre, the logarithms of the face's height and width, and the
landmarks relative to the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Box, Detection

Floats = NDArray[np.float32]

STEP = 32
"""The sides of the input are multiples of this, pixels."""

INPUT = "input.1"
OUTPUTS = ("537", "538", "539", "540")
"""Likelihood (1 channel), log size (height, width), offset (y, x), landmarks (y, x of five points)."""

_CELL = 4
"""Pixels of the input per cell of the maps."""

_OVERLAP = 0.3
"""Two boxes that share more than this are one face; the reference implementation's value."""


@dataclass(frozen=True, slots=True)
class Maps:
    """
    What the network gives for one image; rows and columns are those of the grid.

    Attributes:
        likelihood: float32, shape (rows, columns), 0..1.
        log_size: float32, shape (2, rows, columns): logarithms of height and width, in cells.
        offset: float32, shape (2, rows, columns): of the centre from the cell's middle, y and x, in cells.
        landmarks: float32, shape (10, rows, columns): y and x of five points, 0..1 within the box.
    """

    likelihood: Floats
    log_size: Floats
    offset: Floats
    landmarks: Floats


def cleaned(model: Any) -> Any:
    """
    The model with free batch, height and width, and with its weights declared once.

    In the shipped file the weights are inputs of the graph too. ONNX Runtime then cannot fold them, and takes twice as
    long. A third of them are counters that no node reads.

    Args:
        model: The shipped `onnx.ModelProto`; changed in place.
    """
    from onnx import checker  # noqa: PLC0415 - only a conversion needs it

    graph = model.graph
    weights = {weight.name for weight in graph.initializer}
    read = {name for node in graph.node for name in node.input}
    _keep(graph.input, [value for value in graph.input if value.name not in weights])
    _keep(graph.initializer, [weight for weight in graph.initializer if weight.name in read])
    for values, names in ((graph.input, ("batch", "height", "width")), (graph.output, ("batch", "rows", "columns"))):
        for value in values:
            dimensions = value.type.tensor_type.shape.dim
            for at, name in zip((0, 2, 3), names, strict=True):
                dimensions[at].dim_param = name
    del graph.value_info[:]
    checker.check_model(model)
    return model


def decode(maps: Maps, threshold: float, scale: float) -> list[Detection]:
    """
    The faces in the maps.

    Args:
        maps: The network's outputs.
        threshold: Smallest likelihood, 0..1.
        scale: Pixels of the network's input per pixel of the photo.

    Returns:
        Best first, in pixels of the photo. Of boxes that overlap, only the best one is there.
    """
    rows, columns = np.nonzero(maps.likelihood > threshold)
    scores = maps.likelihood[rows, columns]
    sizes = np.exp(maps.log_size[:, rows, columns].T) * _CELL
    cells = np.stack([rows, columns], axis=1)
    corners = (cells + maps.offset[:, rows, columns].T + 0.5) * _CELL - sizes / 2
    points = maps.landmarks[:, rows, columns].T.reshape(-1, 5, 2) * sizes[:, None, :] + corners[:, None, :]
    detections = []
    for at in _distinct(corners, sizes, scores):
        (y, x), (h, w) = corners[at] / scale, sizes[at] / scale
        landmarks = np.ascontiguousarray(points[at, :, ::-1] / scale, np.float32)
        detections.append(Detection(Box(float(x), float(y), float(w), float(h)), landmarks, float(scores[at])))
    return detections


def _distinct(corners: NDArray[Any], sizes: NDArray[Any], scores: NDArray[Any]) -> list[int]:
    """Indices of the boxes that overlap no better box, best first."""
    kept: list[int] = []
    areas = sizes.prod(axis=1)
    left = np.argsort(-scores, kind="stable")
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        start = np.maximum(corners[best], corners[left])
        end = np.minimum(corners[best] + sizes[best], corners[left] + sizes[left])
        shared = np.clip(end - start, 0, None).prod(axis=1)
        left = left[shared <= _OVERLAP * (areas[best] + areas[left] - shared)]
    return kept


def _keep(repeated: Any, values: list[Any]) -> None:
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del repeated[:]
    repeated.extend(copies)
