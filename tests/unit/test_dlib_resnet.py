"""
Reading dlib's format and turning the network into ONNX, on a small network written here byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.faces.dlib_file import AddMarked, Affine, Conv, Dense, Layer, Mark, Network, Pool, Relu, read_network
from facewatchd.faces.dlib_resnet import to_onnx

MEAN = (122.5, 117.25, 104.0)


# --- dlib's format, written -----------------------------------------------------------------------------------------


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def integers(*values: int) -> bytes:
    return b"".join(map(integer, values))


def real(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return integers(int(mantissa * 2**53), exponent - 53)


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def tensor(values: np.ndarray) -> bytes:
    shape = (*values.shape, 1, 1, 1, 1)[:4]
    return integers(2, *shape) + values.astype("<f4").tobytes()


NOTHING = integers(2, 0, 0, 0, 0)
TRAINING = b"100" + NOTHING * 3


def written(layer: Layer) -> bytes:
    match layer:
        case Conv(weights, bias, stride, pad):
            filters, _, rows, columns = weights.shape
            both = np.concatenate([weights.ravel(), bias])
            parts = integers(1, *weights.shape) + integers(1, 1, filters, 1, 1)
            numbers = integers(filters, rows, columns, *stride, *pad)
            return text("con_4") + tensor(both) + numbers + parts + b"".join(map(real, (1, 1, 1, 0))) + TRAINING
        case Affine(scale, shift):
            part = integers(1, 1, len(scale), 1, 1)
            return text("affine_") + tensor(np.concatenate([scale, shift])) + part * 2 + integer(0) + TRAINING
        case Pool(maximum, window, stride, pad):
            return text("max_pool_2" if maximum else "avg_pool_2") + integers(*window, *stride, *pad) + TRAINING
        case Dense(weights):
            inputs, outputs = weights.shape
            part = integers(1, inputs, outputs, 1, 1)
            rates = b"".join(map(real, (1, 1, 1, 0)))
            return text("fc_2") + integers(outputs, inputs) + tensor(weights) + part * 2 + integer(1) + rates + TRAINING
        case Relu():
            return text("relu_") + TRAINING
        case AddMarked():
            return text("add_prev_") + TRAINING
        case Mark():
            return b""


def file_of(layers: Sequence[Layer]) -> bytes:
    """The outermost layer is announced first and written last."""
    versions = [1 if isinstance(layer, Mark) else 2 for layer in reversed(layers[1:])]
    head = integer(1) + text("loss_metric_2") + real(0.04) + real(0.6) + integers(*versions, 3)
    entry = text("input_rgb_image_sized") + b"".join(map(real, MEAN)) + integers(150, 150)
    return head + entry + written(layers[0]) + integer(1) + b"".join(map(written, layers[1:]))


def small_network() -> list[Layer]:
    """One block that keeps the map, one that halves it and widens it, as in the real one."""
    rng = np.random.default_rng(11)

    def conv(channels: int, filters: int, side: int, stride: int, pad: int) -> Conv:
        weights = rng.normal(0, 0.2, (filters, channels, side, side)).astype(np.float32)
        return Conv(weights, rng.normal(0, 1, filters).astype(np.float32), (stride, stride), (pad, pad))

    def affine(channels: int) -> Affine:
        return Affine(rng.normal(1, 0.1, channels).astype(np.float32), rng.normal(0, 1, channels).astype(np.float32))

    return [
        *(conv(3, 2, 7, 4, 0), affine(2), Relu(), Pool(True, (3, 3), (2, 2), (0, 0))),
        *(Mark(), conv(2, 2, 3, 1, 1), affine(2), Relu(), conv(2, 2, 3, 1, 1), affine(2), AddMarked(), Relu()),
        *(Mark(), conv(2, 3, 3, 2, 0), affine(3), Relu(), conv(3, 3, 3, 1, 1), affine(3)),
        *(Mark(), Mark(), Pool(False, (2, 2), (2, 2), (0, 0)), AddMarked(), Relu()),
        *(Pool(False, (0, 0), (1, 1), (0, 0)), Dense(rng.normal(0, 1, (3, 4)).astype(np.float32))),
    ]


# --- the same network, computed plainly -----------------------------------------------------------------------------


def computed(layers: Sequence[Layer], rgb: np.ndarray) -> np.ndarray:
    """The output for one image, float64, shape (3, 150, 150)."""
    x = (rgb - np.array(MEAN)[:, None, None]) / 256
    marks: list[np.ndarray] = []
    for layer in layers:
        match layer:
            case Conv(weights, bias, stride, pad):
                x = (
                    np.einsum("kcrs,cyxrs->kyx", weights, windows(x, weights.shape[2:], stride, pad))
                    + bias[:, None, None]
                )
            case Affine(scale, shift):
                x = x * scale[:, None, None] + shift[:, None, None]
            case Pool(_, (0, 0)):
                x = x.mean(axis=(1, 2))
            case Pool(maximum, window, stride, pad):
                seen = windows(x, window, stride, pad)
                x = seen.max(axis=(3, 4)) if maximum else seen.mean(axis=(3, 4))
            case Relu():
                x = np.maximum(x, 0)
            case Mark() if len(marks) == 2:
                x = marks[0]
            case Mark():
                marks.append(x)
            case AddMarked():
                sides = np.maximum(x.shape, marks[-1].shape)
                x = sum(
                    np.pad(part, [(0, b - a) for a, b in zip(part.shape, sides, strict=True)])
                    for part in (x, marks[-1])
                )
                marks = []
            case Dense(weights):
                x = x @ weights
    return np.asarray(x)


def windows(x: np.ndarray, size: Sequence[int], stride: Sequence[int], pad: Sequence[int]) -> np.ndarray:
    padded = np.pad(x, [(0, 0), (pad[0], pad[0]), (pad[1], pad[1])])
    every = np.lib.stride_tricks.sliding_window_view(padded, tuple(size), axis=(1, 2))
    return np.asarray(every[:, :: stride[0], :: stride[1]])


# --- the tests ------------------------------------------------------------------------------------------------------


def test_reads_back_what_was_written() -> None:
    layers = small_network()
    network = read_network(file_of(layers))
    assert network.mean == MEAN
    assert [type(layer) for layer in network.layers] == [type(layer) for layer in layers]
    for found, wanted in zip(network.layers, layers, strict=True):
        if isinstance(found, Conv) and isinstance(wanted, Conv):
            np.testing.assert_array_equal(found.weights, wanted.weights)
            np.testing.assert_array_equal(found.bias, wanted.bias)
            assert (found.stride, found.pad) == (wanted.stride, wanted.pad)
        elif isinstance(found, Pool):
            assert found == wanted


def test_the_model_computes_what_the_network_computes() -> None:
    """The arithmetic of input and affine layers, folded away, and maps of unlike shape, added."""
    layers = small_network()
    model = to_onnx(read_network(file_of(layers)))
    operations = {node.op_type for node in model.graph.node}
    assert "Pad" in operations
    assert not operations & {"Sub", "Mul", "BatchNormalization"}
    images = np.random.default_rng(2).uniform(0, 255, (3, 3, 150, 150)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"rgb": images})
    np.testing.assert_allclose(found, [computed(layers, image) for image in images.astype(float)], rtol=1e-4, atol=1e-4)


def test_the_same_network_gives_the_same_bytes() -> None:
    data = file_of(small_network())
    one, other = (to_onnx(read_network(data)).SerializeToString(deterministic=True) for _ in range(2))
    assert one == other


@given(st.floats(0, 1))
def test_a_file_that_is_cut_short_is_refused(part: float) -> None:
    data = file_of(small_network())
    with pytest.raises(ValueError, match="ends within a value"):
        read_network(data[: int(part * (len(data) - 1))])


def test_a_file_that_goes_on_is_refused() -> None:
    with pytest.raises(ValueError, match="1 before byte"):
        read_network(file_of(small_network()) + b"\0")


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"byte|layer"):
        read_network(data)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (text("relu_"), text("prelu"), "unknown layer"),
        (text("loss_metric_2"), text("loss_metric_9"), "loss_metric_9"),
        (integers(150, 150), integers(150, 151), "151"),
        (real(MEAN[0]), integers(1, 32000), "False before"),  # dlib's code for infinity
        (b"100" + NOTHING, b"200" + NOTHING, "b'2'"),
        (NOTHING, integers(2, -1, 0, 0, 0), "negative size"),
        (b"\x01\x02\x01\x02", b"\x41\x02\x01\x02", "64 before"),  # a bit that no integer has
    ],
    ids=["layer", "loss", "input size", "infinite mean", "truth value", "negative size", "integer"],
)
def test_a_file_that_is_no_such_network_is_refused(old: bytes, new: bytes, message: str) -> None:
    data = file_of(small_network())
    assert old in data
    with pytest.raises(ValueError, match=message):
        read_network(data.replace(old, new, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda layers: layers[2:],  # no convolution first
        lambda layers: [layers[0], Relu(), *layers[1:]],  # an affine layer that follows no convolution
        lambda layers: [*layers[:4], AddMarked(), *layers[4:]],  # nothing is marked
        lambda layers: layers[:-2] + layers[-1:],  # the matrix product of a map
        lambda layers: [*layers[:4], *layers[:1], *layers[4:]],  # three channels wanted where there are two
    ],
    ids=["first", "affine", "sum", "dense", "channels"],
)
def test_layers_that_do_not_fit_together_are_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(ValueError, match=r"layer|convolution|matrix"):
        to_onnx(Network(MEAN, tuple(change(small_network()))))
