"""
Similarities to tens of thousands of embeddings at once, a little off and with how far they may be off, in less than half
of the time that exact ones take.

To hold a face against 30,000 medoids of 512 numbers is to read 61 MB, whatever is done with them. So they are kept as
one byte a number here, and multiplied by ONNX Runtime, which knows how to do that on any processor (numpy does not). Who
is among the nearest for certain is then told from the bounds, and only those are compared exactly: see `core.matching.assign`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewatchd.domain import Embeddings

# numbers in all the rows from which a screen is worth the tenth of a second that it takes to make
_WORTH_IT = 2_000_000
# rows of one product: 16 MB of 512 numbers, so that making it takes little more memory than it keeps
_BLOCK = 32768
# rows that are made bytes at once, for the same reason
_CHUNK = 4096
# a row's numbers are within +-127; a face's within +-63, as processors without VNNI add pairs of products in 16 bits
_ROW, _FACE = 127, 63
# a face's numbers have two digits: so much is the first one worth
_DIGIT = 2 * _FACE
# what stands for the largest number of a vector of zeros
_LEAST = np.float32(1e-30)
# by which a similarity in single precision may be off: 512 roundings of 2**-24 are 3e-5
_ROUNDING = 1e-4
# share of the rows that may be others by now, before the bytes are worth making anew
_WORN = 1 / 16


class Screen:
    """
    Embeddings as bytes.

    Args:
        rows: float32, shape (n_rows, dim). They are copied.
    """

    def __init__(self, rows: Embeddings) -> None:
        self._count = len(rows)
        self._changed = np.empty(0, np.int64)
        # embeddings of some models lie in a narrow cone: what they differ by is most of what there is to know
        self._middle: Embeddings = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        # one step for all of them: how far a similarity may be off is told by the worst row anyway
        chunks = [slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK)]
        self._step = max(_longest(rows[chunk] - self._middle).max() for chunk in chunks) / np.float32(_ROW)
        # an error of a row times a face's length, which is 1
        self._off = 0.0
        whole = np.empty(rows.shape, np.int8)
        for chunk in chunks:
            exact = (rows[chunk] - self._middle) / self._step
            whole[chunk] = rounded = np.rint(exact)
            self._off = max(self._off, float(self._step * np.linalg.norm(exact - rounded, axis=1).max()))
        self._products = [_product(whole[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)]

    def follow(self, changed: NDArray[np.int64], count: int) -> bool:
        """
        Some rows are others from now on; those are compared exactly.

        Args:
            changed: Which; there may be new ones among them.
            count: How many rows there are now.

        Returns:
            Whether that is worth while; else there have been so many that the screen has to be made anew.
        """
        self._changed = np.union1d(self._changed, changed)
        self._changed = self._changed[self._changed < count]
        return len(self._changed) <= _WORN * self._count and count >= self._count * (1 - _WORN)

    def similarities(self, embeddings: Embeddings, rows: Embeddings) -> tuple[NDArray[np.float32], float]:
        """
        Args:
            embeddings: float32, shape (n_faces, dim), L2-normalised.
            rows: As they are now.

        Returns:
            Shape (n_faces, n_rows), and how far each may be from the true one, whatever the numbers are.
        """
        # in two digits, as a byte is too coarse: the product of a few more faces costs nothing
        fine = _longest(embeddings) / np.float32(_DIGIT * _FACE)
        numbers = np.rint(embeddings / fine).astype(np.int32) + (_DIGIT * _FACE + _FACE)
        faces = np.concatenate(np.divmod(numbers, _DIGIT)).astype(np.uint8)
        found = np.empty((len(embeddings), max(self._count, len(rows))), np.float32)
        # of new rows nothing is known yet
        found[:, self._count :] = 0
        start = 0
        for product in self._products:
            sums = product.run(None, {"faces": faces})[0]
            both = sums[: len(embeddings)]
            both *= _DIGIT
            both += sums[len(embeddings) :]
            part = found[:, start : start + sums.shape[1]]
            np.multiply(both, fine * self._step, out=part, dtype=np.float32, casting="same_kind")
            start += sums.shape[1]
        found = found[:, : len(rows)]
        found += (embeddings @ self._middle)[:, np.newaxis]
        if len(self._changed):
            found[:, self._changed] = embeddings @ rows[self._changed].T
        # of no number more than half a step is left over
        left = float(fine.max(initial=0)) * math.sqrt(embeddings.shape[1]) / 2
        return found, self._off + left * (2 + self._off) + _ROUNDING


def screen_of(rows: Embeddings) -> Screen | None:
    """The screen of these rows, None where they are so few that exact similarities take no longer."""
    return Screen(rows) if rows.size >= _WORTH_IT else None


def _longest(vectors: Embeddings) -> Embeddings:
    """The largest number of each, or little more than 0, shape (n, 1)."""
    largest: Embeddings = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), _LEAST)
    return largest


def _product(rows: NDArray[np.int8]) -> Any:
    """The session that multiplies faces, uint8 with 63 for zero, by these rows: int32, shape (n_faces, n_rows)."""
    import onnxruntime  # noqa: PLC0415 - only large archives need it
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    count, dim = rows.shape
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["faces", "rows", "zero"], ["sums"])],
        "screen",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, [None, dim])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, [None, count])],
        [
            numpy_helper.from_array(np.ascontiguousarray(rows.T), "rows"),
            numpy_helper.from_array(np.array(_FACE, np.uint8), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    # the product waits for memory, so two processors are faster, also where photos keep both busy: whoever is free takes
    # the next piece. One that waits for pieces in a loop would take it from the photos.
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
