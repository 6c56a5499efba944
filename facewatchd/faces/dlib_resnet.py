"""
dlib's face recognition ResNet (public domain) -> ONNX.

Affine layers and the input's (x - mean) / 256 are folded into the convolutions. This is exact, because the first convolution
has no padding. The arithmetic is float64 and is rounded once at the end, so every machine makes the same model.

The model takes `rgb`, float32, shape (n, 3, 150, 150), 0..255. It gives `descriptor`, float32, shape (n, 128), not
normalised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewatchd.faces.dlib_file import SIDE, AddMarked, Affine, Conv, Dense, Layer, Mark, Network, Pool, Relu


def to_onnx(network: Network) -> Any:
    """
    The network as an `onnx.ModelProto` with a free batch dimension.

    Raises:
        ValueError: The layers do not fit together.
    """
    graph = _Graph()
    current = _Map("rgb", 3, (SIDE, SIDE))
    marked: list[_Map] = []
    for layer in _folded(network):
        match layer:
            case Conv():
                current = graph.convolution(current, layer)
            case Relu():
                current = _Map(graph.node("Relu", current.name), current.channels, current.size)
            case Pool():
                current = graph.pool(current, layer)
            case Mark() if len(marked) < 2:
                marked.append(current)
            case Mark():
                # in a block that halves the map the third mark goes back to the first one, where the other branch begins
                current = marked[0]
            case AddMarked() if marked:
                current = graph.add(marked[-1], current)
                marked.clear()
            case Dense():
                inputs, outputs = layer.weights.shape
                if (inputs, ()) != (current.channels, current.size):
                    raise ValueError(f"a matrix product of {inputs} numbers after {current.channels} channels")
                current = _Map(graph.node("MatMul", current.name, graph.constant(layer.weights)), outputs, ())
            case _:
                raise ValueError(f"a layer of type {type(layer).__name__} where none is allowed")
    return graph.model(current)


def _folded(network: Network) -> Sequence[Layer]:
    """The layers without the affine ones and without the arithmetic on the input."""
    folded: list[Layer] = []
    for at, layer in enumerate(network.layers):
        before = folded[-1] if folded else None
        if isinstance(layer, Conv) and at == 0:
            folded.append(_fold_input(layer, network.mean))
        elif isinstance(layer, Affine) and isinstance(before, Conv) and isinstance(network.layers[at - 1], Conv):
            folded[-1] = _fold_affine(before, layer)
        else:
            folded.append(layer)
    if not folded or not isinstance(folded[0], Conv):
        raise ValueError("a network that does not begin with a convolution")
    return folded


def _fold_input(conv: Conv, mean: tuple[float, float, float]) -> Conv:
    if conv.pad != (0, 0):
        raise ValueError("a padded first convolution")
    weights = conv.weights.astype(np.float64) / 256
    # fsum rounds once, on every processor
    taken = [math.fsum((kernel * np.array(mean)[:, None, None]).ravel()) for kernel in weights]
    return replace(conv, weights=weights, bias=conv.bias - np.array(taken))


def _fold_affine(conv: Conv, affine: Affine) -> Conv:
    scale = affine.scale.astype(np.float64)
    return replace(conv, weights=conv.weights * scale[:, None, None, None], bias=conv.bias * scale + affine.shift)


@dataclass(frozen=True, slots=True)
class _Map:
    """A tensor of the graph: its name, its channels, its rows and columns (none after the global mean)."""

    name: str
    channels: int
    size: tuple[int, ...]


class _Graph:
    """Collects nodes and constants. Their names depend only on their order."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        from onnx import numpy_helper  # noqa: PLC0415 - only a conversion needs it

        name = f"constant_{len(self._constants)}"
        kind = np.int64 if values.dtype == np.int64 else np.float32
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values, kind), name))
        return name

    def node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper  # noqa: PLC0415 - only a conversion needs it

        name = f"{operation.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [name], name=name, **attributes))
        return name

    def convolution(self, before: _Map, layer: Conv) -> _Map:
        filters, channels, rows, columns = layer.weights.shape
        if channels != before.channels:
            raise ValueError(f"a convolution of {channels} channels after {before.channels}")
        window = (rows, columns)
        name = self.node(
            "Conv",
            before.name,
            self.constant(layer.weights),
            self.constant(layer.bias),
            **_window_attributes(window, layer.stride, layer.pad),
        )
        return _Map(name, filters, _windows(before.size, window, layer.stride, layer.pad))

    def pool(self, before: _Map, layer: Pool) -> _Map:
        if layer.window == (0, 0):
            if layer.maximum:
                raise ValueError("a maximum over the whole map")
            return _Map(self.node("Flatten", self.node("GlobalAveragePool", before.name)), before.channels, ())
        name = self.node(
            "MaxPool" if layer.maximum else "AveragePool",
            before.name,
            **_window_attributes(layer.window, layer.stride, layer.pad),
        )
        return _Map(name, before.channels, _windows(before.size, layer.window, layer.stride, layer.pad))

    def add(self, one: _Map, other: _Map) -> _Map:
        channels = max(one.channels, other.channels)
        size = tuple(max(pair) for pair in zip(one.size, other.size, strict=True))
        name = self.node("Add", self._grown(one, channels, size), self._grown(other, channels, size))
        return _Map(name, channels, size)

    def _grown(self, small: _Map, channels: int, size: tuple[int, ...]) -> str:
        """Zeros where a map is smaller than the one that it is added to, as in dlib."""
        missing = [channels - small.channels, *(to - now for to, now in zip(size, small.size, strict=True))]
        if not any(missing):
            return small.name
        return self.node("Pad", small.name, self.constant(np.array([0, 0, 0, 0, 0, *missing], np.int64)))

    def model(self, last: _Map) -> Any:
        from onnx import TensorProto, checker, helper  # noqa: PLC0415 - only a conversion needs it

        self._nodes[-1].output[0] = "descriptor"
        graph = helper.make_graph(
            self._nodes,
            "dlib_face_recognition_resnet",
            [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["n", last.channels])],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        checker.check_model(model, full_check=True)
        return model


def _windows(
    size: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]
) -> tuple[int, ...]:
    return tuple(
        1 + (length + 2 * edge - side) // step
        for length, side, step, edge in zip(size, window, stride, pad, strict=True)
    )


def _window_attributes(window: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]) -> dict[str, list[int]]:
    return {"kernel_shape": list(window), "strides": list(stride), "pads": [*pad, *pad]}
