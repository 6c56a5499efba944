"""
Naming, finding, checking and opening packs.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facewatchd.errors import ModelError
from facewatchd.faces.known import BUFFALO_L, KnownFile
from facewatchd.faces.packs import find_files, installed_packs, open_engine, pack_directory, resolve_auto, verify_pack
from facewatchd.faces.sessions import CPU, choose_provider, session_options


def write_model(path: Path, inputs: list[list[int]], outputs: int) -> None:
    """A model of the given shapes that only copies its input."""
    path.parent.mkdir(parents=True, exist_ok=True)
    came = [helper.make_tensor_value_info(f"x{at}", TensorProto.FLOAT, shape) for at, shape in enumerate(inputs)]
    gone = [helper.make_tensor_value_info(f"y{at}", TensorProto.FLOAT, inputs[0]) for at in range(outputs)]
    nodes = [helper.make_node("Relu", ["x0"], [f"y{at}"]) for at in range(outputs)]
    graph = helper.make_graph(nodes, "test", came, gone)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


def write_pack(directory: Path) -> None:
    """The shapes of a pack: nothing of it can be run."""
    write_model(directory / "det.onnx", [[1, 3, 640, 640]], 9)
    write_model(directory / "rec.onnx", [[1, 3, 112, 112]], 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "insightface"


def test_a_name_means_a_directory_below_the_root_and_a_slash_means_a_path(root: Path, tmp_path: Path) -> None:
    write_pack(root / "models" / "mine")
    assert pack_directory("mine", root) == root / "models" / "mine"
    assert pack_directory(str(root / "models" / "mine"), tmp_path / "elsewhere") == root / "models" / "mine"


@pytest.mark.parametrize(
    ("pack", "advice"),
    [
        ("buffalo_l", "Run `facewatchd models fetch buffalo_l`"),
        ("nonsense", "set models.pack to one of builtin, buffalo_l, buffalo_sc"),
        ("/no/such/folder", "set models.pack to one of builtin"),
    ],
)
def test_a_pack_that_is_not_there_is_refused_with_advice(root: Path, model_cache: Path, pack: str, advice: str) -> None:
    with pytest.raises(ModelError, match="not installed") as caught:
        open_engine(pack, root, model_cache, "cpu")
    assert advice in str(caught.value)


def test_the_two_models_are_told_by_their_shapes(root: Path) -> None:
    """The kinds of the buffalo packs, under names that say nothing."""
    directory = root / "models" / "mine"
    write_model(directory / "a.onnx", [[1, 3, 192, 192]], 1)  # landmarks
    write_model(directory / "b.onnx", [[1, 3, 96, 96]], 1)  # age and gender
    write_model(directory / "c.onnx", [[1, 3, 128, 128], [1, 512]], 1)  # face swapper
    write_model(directory / "d.onnx", [[1, 3, 100, 112]], 1)  # something else
    write_model(directory / "e.onnx", [[1, 3, 112, 112]], 1)
    write_model(directory / "f.onnx", [[1, 3, 640, 640]], 9)
    write_model(directory / "g.onnx", [[1, 3, 112, 112]], 1)  # a second one: the first is taken
    (directory / "0.onnx").write_bytes(b"damaged")  # must not stop the others
    files = find_files(directory)
    assert (files.recognition.name, files.detection.name) == ("e.onnx", "f.onnx")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (
            lambda folder: folder.mkdir(parents=True),
            "no detection model here: move the folder away, then run `facewatchd",
        ),
        (
            lambda folder: write_pack(folder / "buffalo_l"),
            "one folder deeper: set models.pack to .*buffalo_l/buffalo_l",
        ),
        (lambda folder: write_model(folder / "d.onnx", [[1, 3, 640, 640]], 9), "There is no recognition model here"),
        (
            lambda folder: (folder.mkdir(parents=True), (folder / "d.onnx").write_bytes(b"?")),
            "d.onnx is damaged: fetch",
        ),
    ],
    ids=["empty", "nested", "half", "damaged"],
)
def test_an_incomplete_pack_is_refused_with_advice(
    root: Path, model_cache: Path, prepare: object, message: str
) -> None:
    assert callable(prepare)
    prepare(root / "models" / "buffalo_l")
    with pytest.raises(ModelError, match=message):
        open_engine("buffalo_l", root, model_cache, "cpu")


def test_a_known_name_with_other_models_in_it_is_refused(root: Path, model_cache: Path) -> None:
    write_pack(root / "models" / "buffalo_l")
    with pytest.raises(ModelError, match="sha256 differs from the known one: move them away and run"):
        open_engine("buffalo_l", root, model_cache, "cpu")


def test_a_model_that_cannot_do_its_part_is_refused_in_one_line(root: Path, model_cache: Path) -> None:
    write_pack(root / "models" / "mine")
    report = verify_pack("mine", root, model_cache)
    assert report.info is None
    assert "det.onnx" in report.problem
    assert "\n" not in report.problem


def test_a_recogniser_of_an_unknown_size_is_refused(root: Path, model_cache: Path) -> None:
    write_pack(root / "models" / "mine")
    write_model(root / "models" / "mine" / "rec.onnx", [[1, 3, 144, 144]], 1)
    with pytest.raises(ModelError, match="144 pixels"):
        open_engine("mine", root, model_cache, "cpu")


def test_verifying_never_raises_and_says_what_was_found(root: Path, model_cache: Path) -> None:
    good = verify_pack("builtin", root, model_cache)
    assert (good.problem, good.info is not None) == ("", True)
    assert "not installed" in verify_pack("buffalo_l", root, model_cache).problem


def test_lists_builtin_and_every_folder_with_models(root: Path) -> None:
    assert installed_packs(root) == ("builtin",)
    for name in ("zoo", "abc", ".facewatchd-fetch-abc-1"):
        write_pack(root / "models" / name)
    (root / "models" / "empty").mkdir()
    (root / "models" / "abc.zip").write_bytes(b"")
    assert installed_packs(root) == ("builtin", "abc", "zoo")


def test_auto_keeps_the_pack_of_the_state_without_looking_further(root: Path) -> None:
    choice = resolve_auto("nonsense", root, replace(BUFFALO_L, url="http://127.0.0.1:1/never-asked"))
    assert choice.pack == "nonsense"
    assert "`facewatchd models use`" in choice.reason


def test_auto_takes_an_installed_pack_without_the_network(root: Path) -> None:
    directory = root / "models" / "buffalo_l"
    directory.mkdir(parents=True)
    for name in ("d.onnx", "r.onnx"):
        (directory / name).write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    known = replace(
        BUFFALO_L,
        url="http://127.0.0.1:1/never-asked",
        detection=KnownFile("d.onnx", empty),
        recognition=KnownFile("r.onnx", empty),
    )
    assert resolve_auto(None, root, known).pack == "buffalo_l"


def test_auto_falls_back_on_builtin_and_says_why_in_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    choice = resolve_auto(None, root, replace(BUFFALO_L, url="http://127.0.0.1:1/buffalo_l.zip"))
    assert choice.pack == "builtin"
    assert "Connection refused" in choice.reason
    assert "`facewatchd models use buffalo_l`" in choice.reason
    assert "\n" not in choice.reason
    assert not root.exists()


def test_cuda_is_refused_with_the_remedy_where_it_does_not_come_up() -> None:
    if choose_provider("auto").name != CPU:
        pytest.skip("needs a machine without CUDA: it comes up here")
    with pytest.raises(ModelError, match=r"CUDA cannot be used: .*(make gpu|check the NVIDIA driver)"):
        choose_provider("cuda")
    assert choose_provider("cpu").name == CPU
    assert choose_provider("auto").reason


def test_sessions_use_one_thread_and_do_not_spin() -> None:
    options = session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level) == (1, 1, 3)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


# --- a real pack ----------------------------------------------------------------------------------------------------


def test_the_id_follows_from_the_files_and_not_from_their_place(testpack: Path, root: Path, model_cache: Path) -> None:
    copy = root / "models" / "copy"
    shutil.copytree(testpack, copy)
    named, placed = (open_engine(pack, root, model_cache, "auto").info for pack in ("copy", str(testpack)))
    assert named.id == placed.id == "9f47b565e8c90fa69d43f83b441ea1a4251fd961c49d4edc0ddec3d80d6beda9"
    assert (named.pack, placed.pack) == ("copy", str(testpack))
    assert named.recognition == "e72a5710cce378dc46472b6b845cb90647634f2738d8c3e581735cf195b9866f"
    assert "research only" in named.licence
    with (copy / "scrfd_2.5g_bnkps.onnx").open("ab") as file:
        file.write(b"\x12\x01x")  # another producer's name: the same model, another file
    assert open_engine("copy", root, model_cache, "auto").info.id != named.id


def test_one_damaged_model_does_not_stop_the_others(testpack: Path, root: Path, model_cache: Path) -> None:
    shutil.copytree(testpack, root / "models" / "mine")
    (root / "models" / "mine" / "genderage.onnx").write_bytes(b"damaged")
    assert verify_pack("mine", root, model_cache).problem == ""


def test_a_manifest_says_which_models_to_use_and_how(testpack: Path, root: Path, model_cache: Path) -> None:
    directory = root / "models" / "mine"
    shutil.copytree(testpack, directory)
    (directory / "MODEL.LICENSE").write_text("test")
    tasks = {
        "detection": {"file": "scrfd_2.5g_bnkps.onnx", "preprocessing": {"mean": 127.5, "std": 128.0}},
        "recognition": {"file": "mobilefacenet.onnx", "preprocessing": {"mean": 127.5, "std": 127.5}},
    }
    manifest = {"manifest_version": 2, "model_id": "mine", "license": "MODEL.LICENSE", "tasks": tasks}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    chip = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    chip = np.asarray(cv2.GaussianBlur(chip, (0, 0), 5), np.uint8)
    found, wanted = (open_engine(pack, root, model_cache, "cpu").embed([chip]) for pack in ("mine", str(testpack)))
    np.testing.assert_array_equal(found, wanted)
    (directory / "manifest.json").write_text(json.dumps({**manifest, "tasks": {}}))
    with pytest.raises(ModelError, match=r"manifest\.json: "):
        open_engine("mine", root, model_cache, "cpu")
