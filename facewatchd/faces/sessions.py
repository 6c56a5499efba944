"""
ONNX Runtime sessions: how many threads they use, and which processor runs them.

Only a session knows where it runs: with the GPU wheel, `get_available_providers()` names CUDA on machines without it too. So
a session of one node is built and asked.
"""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewatchd.errors import ModelError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

_ERRORS_ONLY = 3
"""ONNX Runtime's log severity. Its warnings are about how the models were made, which the user cannot change."""

_NVIDIA, _DISPLAY = "0x10de", "0x03"
"""PCI numbers of the maker, and of the class of display controllers."""

_CUDA_OPTIONS = {
    # the default search measures every algorithm again for each size of photo
    "cudnn_conv_algo_search": "HEURISTIC",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """
    Where the models run.

    Attributes:
        name: ONNX Runtime's execution provider, `CPU` or `CUDA`.
        reason: Why this one, a sentence for the log and for `doctor`.
        batch: How many faces are computed at once. More than one helps on a GPU, and not on one CPU thread.
        wasted: Whether the machine has a GPU that is not used.
    """

    name: str
    reason: str
    batch: int = 1
    wasted: bool = False


def choose_provider(wanted: str) -> Provider:
    """
    Find out where models can run on this machine.

    Args:
        wanted: `models.provider`: "auto", "cpu" or "cuda".

    Raises:
        ModelError: "cuda" was asked for and does not start.
    """
    if wanted == "cpu":
        return Provider(CPU, "The configuration asks for the CPU (models.provider).")
    obstacle = _cuda_obstacle()
    if not obstacle:
        return Provider(CUDA, "CUDA works.", batch=32)
    if wanted == "cuda":
        raise ModelError("CUDA cannot be used", f"{obstacle} Or set models.provider to auto or cpu.")
    if has_nvidia_gpu():
        return Provider(CPU, f"There is an NVIDIA GPU, but {obstacle}", wasted=True)
    return Provider(CPU, "There is no NVIDIA GPU here.")


def has_nvidia_gpu(root: Path = Path("/")) -> bool:
    """
    Whether this machine has a display controller by NVIDIA. The system is asked (services often see no /dev/nvidia0).

    Args:
        root: Where /proc, /sys and /dev are.
    """
    if (root / "proc/driver/nvidia/version").exists() or (root / "dev/nvidia0").exists():
        return True
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = (device / "vendor").read_text("ascii"), (device / "class").read_text("ascii")
        except (OSError, UnicodeDecodeError):
            continue
        if vendor.strip() == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False


def session_options() -> Any:
    """
    `onnxruntime.SessionOptions` for a session that worker threads share, one thread per core.
    """
    options = onnxruntime().SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # more threads per session made a photo slower, and spinning threads take cores from the other workers
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def provider_arguments(provider: Provider) -> dict[str, Any]:
    """The `providers` and `provider_options` of a session, as keyword arguments."""
    if provider.name == CUDA:
        return {"providers": [CUDA, CPU], "provider_options": [_CUDA_OPTIONS, {}]}
    return {"providers": [CPU], "provider_options": [{}]}


def build_session(model: bytes, provider: Provider) -> Any:
    """
    An `onnxruntime.InferenceSession` of a serialised model.

    Raises:
        ModelError: ONNX Runtime does not take the model.
    """
    try:
        return onnxruntime().InferenceSession(
            model,
            sess_options=session_options(),
            # the fallback would print to stdout, which belongs to `--json`
            enable_fallback=0,
            **provider_arguments(provider),
        )
    except Exception as error:  # its exceptions share no base class but this
        raise ModelError("A face model cannot be loaded", f"ONNX Runtime refuses it: {first_line(error)}.") from error


def onnxruntime() -> Any:
    """The module, imported late (75 ms, 75 MB). The setting against telemetry is made before, because it is read at import."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime as runtime  # noqa: PLC0415 - see above

    runtime.set_default_logger_severity(_ERRORS_ONLY)
    return runtime


def first_line(error: BaseException) -> str:
    """The message of a library's exception, as one line without a full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0].strip().rstrip(".") if lines else "") or type(error).__name__


def runtime_wheels() -> tuple[str, ...]:
    """Which of the two distributions with ONNX Runtime's files are installed. Both together do not work."""
    return tuple(name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name))


def _cuda_obstacle() -> str:
    """Why CUDA cannot be used, and what would help; empty where it can."""
    runtime = onnxruntime()
    if CUDA not in runtime.get_available_providers():
        if "onnxruntime-gpu" in runtime_wheels():
            return "the CPU build of ONNX Runtime overwrote its GPU build: run `make gpu`, which installs them in the right order."
        return "ONNX Runtime is installed without CUDA: run `make gpu`."
    preload = getattr(runtime, "preload_dlls", None)
    if preload is not None:
        preload()  # finds CUDA and cuDNN where pip has put them
    try:
        session = build_session(_one_node(), Provider(CUDA, ""))
    except ModelError as error:
        return f"CUDA does not start ({error.message.rstrip('.')}): check the NVIDIA driver, CUDA 13 and cuDNN 9."
    if CUDA not in session.get_providers():
        return "CUDA does not start: check the NVIDIA driver (nvidia-smi), CUDA 13 and cuDNN 9."
    return ""


def _one_node() -> bytes:
    from onnx import TensorProto, helper  # noqa: PLC0415 - 50 ms that only machines with the GPU wheel pay

    shape = (
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]),
    )
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "probe", shape[:1], shape[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
