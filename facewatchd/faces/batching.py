"""
Batches on a GPU: photos of different threads go through a model together.

A batch holds what is waiting when the model is free, so no photo waits for a batch to fill. Packs are made for one image at a
time; here their models get a free batch dimension.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewatchd.errors import ModelError
from facewatchd.faces.sessions import Provider, build_session

Split = Callable[[Any, int, int, int], Any]
"""One output of a batch, the number of its inputs, the first wanted input and their number -> the output of a run of those."""

_SLACK = 0.02
"""
How far an output of a batch may be from that of a single run, as a share of its largest value. A GPU may use another
algorithm for each.
"""


@dataclass(eq=False, slots=True)
class _Request:
    """The run of one thread: the input, and later the outputs or the error."""

    names: Sequence[str] | None
    blob: NDArray[np.float32]
    outputs: list[Any] | None = None
    error: Exception | None = None
    done: bool = False


@dataclass(eq=False, slots=True)
class BatchingSession:
    """
    Replaces an `InferenceSession` with one input, for several threads.

    Args:
        session: The real session. Its batch dimension is free.
        most: Images in a batch.
        split: How an output is divided among its inputs.
    """

    session: Any
    most: int
    split: Split
    _waiting: list[_Request] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def run(self, names: Sequence[str] | None, feed: Mapping[str, NDArray[np.float32]]) -> list[Any]:
        """As the real one's."""
        ((input_name, blob),) = feed.items()
        request = _Request(names, blob)
        with self._lock:
            self._waiting.append(request)
        with self._turn:
            if not request.done:
                self._compute(input_name, self._gathered(request))
        if request.error is not None:
            raise request.error
        assert request.outputs is not None
        return request.outputs

    def _gathered(self, own: _Request) -> list[_Request]:
        """This request, and others that fit into its batch."""
        batch, room = [own], self.most - len(own.blob)
        with self._lock:
            self._waiting.remove(own)
            for other in list(self._waiting):
                same = other.names == own.names and other.blob.shape[1:] == own.blob.shape[1:]
                if same and len(other.blob) <= room:
                    self._waiting.remove(other)
                    batch.append(other)
                    room -= len(other.blob)
        return batch

    def _compute(self, input_name: str, batch: list[_Request]) -> None:
        blobs = [request.blob for request in batch]
        count = sum(map(len, blobs))
        try:
            outputs = self.session.run(batch[0].names, {input_name: np.concatenate(blobs)})
            first = 0
            for request in batch:
                request.outputs = [self.split(output, count, first, len(request.blob)) for output in outputs]
                first += len(request.blob)
        except Exception as error:  # noqa: BLE001 - each thread has to hear of it
            for request in batch:
                request.error = error
        for request in batch:
            request.done = True


def split_rows(output: Any, _count: int, first: int, number: int) -> Any:
    """Of a model that gives a row, or a map, per image."""
    return output[first : first + number]


def split_anchors(anchors: int) -> Split:
    """
    Of an SCRFD, which gives one list of rows for the whole batch: by place, then by image, then by anchor.

    Args:
        anchors: Per place.
    """

    def split(output: Any, count: int, first: int, number: int) -> Any:
        if output.ndim == 3:  # exported with a batch dimension in front
            return output[first : first + number]
        places = output.reshape(-1, count, anchors, output.shape[-1])
        return places[:, first : first + number].reshape(-1, output.shape[-1])

    return split


def batched(path: Path, provider: Provider, split: Split, side: int) -> BatchingSession | None:
    """
    A session that takes batches, for a model that was made for one image at a time.

    Args:
        path: The model.
        provider: Where it runs, and how many at a time.
        split: See `BatchingSession`.
        side: Of a square image to try it with, pixels.

    Returns:
        None if the model gives other results for several images than for each of them alone.
    """
    try:
        session = build_session(freed(path.read_bytes()), provider)
        if not _keeps_apart(session, split, side):
            return None
    except (ModelError, OSError):
        return None
    return BatchingSession(session, provider.batch, split)


def freed(model: bytes) -> bytes:
    """A model with a free batch dimension: in its inputs, its outputs and its reshapes to `[1, ...]`."""
    import onnx  # noqa: PLC0415 - 50 ms that only machines with a GPU pay

    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    weights = {weight.name for weight in graph.initializer}
    for value in (*(each for each in graph.input if each.name not in weights), *graph.output):
        shape = value.type.tensor_type.shape
        if shape.dim and shape.dim[0].dim_value == 1:
            shape.dim[0].dim_param = "batch"
    del graph.value_info[:]
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    tensors = [weight for weight in graph.initializer if weight.name in shapes]
    tensors += [node.attribute[0].t for node in graph.node if node.op_type == "Constant" and node.output[0] in shapes]
    for tensor in tensors:
        target = onnx.numpy_helper.to_array(tensor)
        if target.size > 1 and target[0] == 1:
            # 0 means: as it comes in
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.array([0, *target[1:]], target.dtype), tensor.name))
    return bytes(proto.SerializeToString())


def _keeps_apart(session: Any, split: Split, side: int) -> bool:
    (given,) = session.get_inputs()
    images = np.random.default_rng(0).standard_normal((2, 3, side, side)).astype(np.float32)
    try:
        together = session.run(None, {given.name: images})
        for at in range(2):
            alone = session.run(None, {given.name: images[at : at + 1]})
            shares = [split(output, 2, at, 1) for output in together]
            if not all(map(_alike, alone, shares)):
                return False
    except Exception:  # noqa: BLE001 - ONNX Runtime's exceptions share no other base
        return False
    return True


def _alike(one: Any, other: Any) -> bool:
    return one.shape == other.shape and float(np.abs(one - other).max()) <= _SLACK * float(np.abs(one).max())
