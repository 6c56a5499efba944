"""
Reader of dlib's serialised face recognition ResNet.

The shape of the network is part of its C++ type, so the file does not say how long a list is. It is read strictly by its
grammar (dlib/serialize.h, dlib/cuda/tensor_tools.h, dlib/dnn/{core,layers,input,loss}.h). A file that is not exactly such a
network is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 150
"""Side of the chips that the network takes, pixels."""

Weights = NDArray[np.floating]
"""float32 as read."""


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution. `weights` has the shape (filters, channels, rows, columns)."""

    weights: Weights
    bias: Weights
    stride: tuple[int, int]
    pad: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Affine:
    """A scale and a shift per channel: batch normalisation after training."""

    scale: Weights
    shift: Weights


@dataclass(frozen=True, slots=True)
class Pool:
    """Maximum or mean over a window. A window of (0, 0) is the whole map."""

    maximum: bool
    window: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Dense:
    """A matrix product. `weights` has the shape (inputs, outputs)."""

    weights: Weights


@dataclass(frozen=True, slots=True)
class Relu:
    """Negative values become zero."""


@dataclass(frozen=True, slots=True)
class Mark:
    """dlib's tag or skip layer: a point of a residual block. The order tells which of the two it is."""


@dataclass(frozen=True, slots=True)
class AddMarked:
    """The end of a residual block: adds the value at the block's mark."""


Layer = Conv | Affine | Pool | Dense | Relu | Mark | AddMarked


@dataclass(frozen=True, slots=True)
class Network:
    """The layers in the order of the computation. `mean` is subtracted from the input: R, G, B of 0..255."""

    mean: tuple[float, float, float]
    layers: tuple[Layer, ...]


def read_network(data: bytes) -> Network:
    """
    Read a serialised network.

    Raises:
        ValueError: This is not dlib's face recognition ResNet, or it is cut short or altered.
    """
    reader = _Reader(data)
    reader.expect(reader.integer(), 1)  # version of the loss layer
    reader.expect(reader.text(), "loss_metric_2")
    reader.reals(2)  # margin and distance threshold: for training
    kinds: list[int] = []
    while (kind := reader.integer()) != _INNERMOST:
        reader.expect(kind, _MARK, _ADDED)
        kinds.append(kind)
    reader.expect(reader.text(), "input_rgb_image_sized")
    red, green, blue = reader.reals(3)
    reader.expect(reader.integers(2), [SIDE, SIDE])
    # the outermost layer is announced first, the innermost is written first
    layers = [_read_layer(reader, kind) for kind in (_INNERMOST, *reversed(kinds))]
    reader.end()
    return Network((red, green, blue), tuple(layers))


_MARK, _ADDED, _INNERMOST = 1, 2, 3
"""Versions that dlib writes before a tag or skip layer, before an ordinary layer, and before the one that owns the input."""


class _Reader:
    """
    dlib's portable format. An integer is a byte (sign, number of bytes) and little-endian bytes; a truth value is "0" or
    "1"; a real is an integer mantissa and a binary exponent; a tensor is a version, four dimensions and float32 values.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count] if count >= 0 else b""
        if len(taken) != count:
            raise ValueError(f"the file ends within a value at byte {self._at}")
        self._at += count
        return taken

    def expect(self, found: object, *allowed: object) -> None:
        if found not in allowed:
            raise ValueError(f"{found!r} before byte {self._at}, where only {', '.join(map(repr, allowed))} is allowed")

    def end(self) -> None:
        self.expect(len(self._data) - self._at, 0)

    def integer(self) -> int:
        head = self.take(1)[0]
        self.expect(head & 0x70, 0)
        self.expect(head & 0x0F, *range(1, 9))
        value = int.from_bytes(self.take(head & 0x0F), "little")
        return -value if head & 0x80 else value

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def reals(self, count: int) -> list[float]:
        pairs = [self.integers(2) for _ in range(count)]
        for _, exponent in pairs:
            # dlib keeps infinities and NaN as exponents from 32000 on
            self.expect(abs(exponent) < 900, True)
        return [math.ldexp(mantissa, exponent) for mantissa, exponent in pairs]

    def truths(self, count: int) -> None:
        for _ in range(count):
            self.expect(self.take(1), b"0", b"1")

    def text(self) -> str:
        return self.take(self.integer()).decode("latin-1")

    def tensor(self) -> Weights:
        self.expect(self.integer(), 2)
        shape = self.integers(4)
        if min(shape) < 0:
            raise ValueError(f"a tensor of negative size before byte {self._at}")
        return np.frombuffer(self.take(4 * math.prod(shape)), "<f4").astype(np.float32).reshape(shape)

    def part(self) -> list[int]:
        """The shape of a part of a tensor that is stored elsewhere."""
        self.expect(self.integer(), 1)
        return self.integers(4)


def _read_layer(reader: _Reader, kind: int) -> Layer:
    if kind == _MARK:
        return Mark()
    layer = _read_details(reader)
    reader.truths(3)  # set up, gradient is stale, disabled
    for _ in range(3):
        reader.tensor()  # gradients and the cached output: for training
    if kind == _INNERMOST:
        reader.integer()  # sample expansion factor
    return layer


def _read_details(reader: _Reader) -> Layer:
    name = reader.text()
    match name:
        case "con_4":
            return _read_conv(reader)
        case "affine_":
            values, scale, shift = reader.tensor().ravel(), reader.part(), reader.part()
            reader.expect(reader.integer(), 0)  # one scale per channel, not per pixel
            channels = math.prod(scale)
            reader.expect([math.prod(shift), values.size], [channels, 2 * channels])
            return Affine(values[:channels], values[channels:])
        case "max_pool_2" | "avg_pool_2":
            rows, columns, down, right, top, left = reader.integers(6)
            return Pool(name == "max_pool_2", (rows, columns), (down, right), (top, left))
        case "fc_2":
            outputs, inputs = reader.integers(2)
            weights = reader.tensor()
            reader.expect(weights.size, inputs * outputs)
            reader.part()
            reader.part()
            reader.expect(reader.integer(), 1)  # without a bias
            reader.reals(4)
            return Dense(weights.reshape(inputs, outputs))
        case "relu_":
            return Relu()
        case "add_prev_":
            return AddMarked()
    raise ValueError(f"the unknown layer {name!r}")


def _read_conv(reader: _Reader) -> Conv:
    values = reader.tensor().ravel()
    filters, rows, columns, down, right, top, left = reader.integers(7)
    shape, bias = reader.part(), reader.part()
    reader.reals(4)  # learning rates and decays: for training
    weights = math.prod(shape)
    reader.expect([shape[0], *shape[2:]], [filters, rows, columns])
    reader.expect([math.prod(bias), values.size], [filters, weights + filters])
    return Conv(values[:weights].reshape(shape), values[weights:], (down, right), (top, left))
