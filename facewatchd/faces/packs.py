"""
Which models to use: naming, finding, checking and opening them.

A pack is "builtin", the name of a directory below `<models.root>/models`, or a path. The detector and the recogniser of a
directory are used. The shapes of inputs and outputs tell which files they are, as in insightface, without loading them.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facewatchd.domain import FaceEngine, ModelInfo
from facewatchd.errors import ModelError, cause, displayable
from facewatchd.faces.builtin import PACK as BUILTIN
from facewatchd.faces.builtin import BuiltinEngine
from facewatchd.faces.fetch import DEFAULT_LIMITS, Limits, Progress, fetch_pack, is_complete
from facewatchd.faces.insight import USAGE, Identity, InsightEngine, PackFiles
from facewatchd.faces.known import BUFFALO_L, KNOWN_PACKS, OTHER_LICENCE, KnownPack
from facewatchd.faces.sessions import CPU, Provider, choose_provider, onnxruntime

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """
    What `models.pack: auto` means on this machine.

    Attributes:
        pack: "builtin" or a name.
        reason: Why, and what would change it, one line for the log and for `status`.
    """

    pack: str
    reason: str


@dataclass(frozen=True, slots=True)
class PackReport:
    """
    A pack that was tried out.

    Attributes:
        pack: As the user names it.
        info: Which models it holds; None where it cannot be used.
        problem: Why it cannot be used and what to do, one line; empty where it can.
    """

    pack: str
    info: ModelInfo | None
    problem: str


def resolve_auto(
    state_pack: str | None,
    models_root: Path,
    preferred: KnownPack = BUFFALO_L,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Choice:
    """
    What `models.pack: auto` means now. This may download. Nothing else in the program downloads without being asked.

    Args:
        state_pack: The pack that the state was built with; None for a new state.
        models_root: `models.root`.
        preferred: The pack to prefer, and where to fetch it.
        progress: Called with the progress of a download.
        limits: When a download is stopped.
    """
    if state_pack is not None:
        return Choice(state_pack, f"The state was built with {state_pack}; `facewatchd models use` changes that.")
    if is_complete(preferred, models_root):
        return Choice(preferred.name, f"{preferred.name} is installed.")
    try:
        fetch_pack(preferred, models_root, progress, limits)
    except ModelError as error:
        return Choice(
            BUILTIN,
            f"The built-in models are used for now. {error} Then `facewatchd models use {preferred.name}` changes over.",
        )
    return Choice(preferred.name, f"{preferred.name} was downloaded.")


def installed_packs(models_root: Path) -> tuple[str, ...]:
    """The packs that can be chosen: "builtin", then each directory with models, by name. None is opened."""
    directories = sorted((models_root / "models").glob("*/"))
    return (BUILTIN, *(each.name for each in directories if any(each.glob("*.onnx")) and not each.name.startswith(".")))


def verify_pack(pack: str, models_root: Path, cache_dir: Path) -> PackReport:
    """
    Load a pack on the CPU, try its models out, and compare them with the known hashes. A bad pack never raises.

    Args:
        pack: "builtin", a name or a path.
        models_root: `models.root`.
        cache_dir: Where converted models are kept.
    """
    try:
        engine = open_engine(pack, models_root, cache_dir, "cpu")
    except ModelError as error:
        return PackReport(pack, None, str(error))
    return PackReport(pack, engine.info, "")


def open_engine(pack: str, models_root: Path, cache_dir: Path, provider: str) -> FaceEngine:
    """
    Load a pack and try it out.

    Args:
        pack: "builtin", a name or a path. The caller resolves "auto" before (`resolve_auto`).
        models_root: `models.root`.
        cache_dir: Where converted models are kept.
        provider: `models.provider`: "auto", "cpu" or "cuda".

    Raises:
        ModelError: The pack is missing, damaged or incomplete, or the provider does not start.
    """
    if pack == BUILTIN:
        return BuiltinEngine(cache_dir, _provider(provider))
    files = find_files(pack_directory(pack, models_root))
    detection, recognition = _file_hash(files.detection), _file_hash(files.recognition)
    known = next((each for each in KNOWN_PACKS if each.name == pack), None)
    if known is not None and (detection, recognition) != (known.detection.sha256, known.recognition.sha256):
        raise ModelError(
            f"The face models {pack} are not the known ones",
            f"Their sha256 differs from the known one: move them away and run `facewatchd models fetch {pack}`, or set "
            "models.pack to the folder's path to use them as they are.",
            files.directory,
        )
    identity = Identity(
        pack=pack,
        id=hashlib.sha256(f"{detection} {recognition} {USAGE}".encode()).hexdigest(),
        recognition=recognition,
        licence=next((each.licence for each in KNOWN_PACKS if each.recognition.sha256 == recognition), OTHER_LICENCE),
    )
    return InsightEngine(files, identity, _provider(provider))


def pack_directory(pack: str, models_root: Path) -> Path:
    """
    The directory of a pack by name or path. A path has a slash.

    Raises:
        ModelError: There is no such directory.
    """
    is_path = os.sep in pack or pack.startswith("~")
    directory = Path(pack).expanduser().absolute() if is_path else models_root / "models" / pack
    if os.path.isdir(directory):
        return directory
    advice = _how_to_get(pack)
    raise ModelError("The face models are not installed", f"{advice[0].upper()}{advice[1:]}.", directory)


def find_files(directory: Path) -> PackFiles:
    """
    The detector and the recogniser of a pack: of each type the first readable file by name.

    Raises:
        ModelError: One of them is missing.
    """
    onnxruntime()  # before insightface imports it
    from insightface.model_zoo.package_manifest import (  # noqa: PLC0415 - 300 ms
        has_model_package_manifest,
        load_model_package,
    )

    if has_model_package_manifest(directory):
        try:
            package = load_model_package(directory)
            return PackFiles(directory, package.task("detection").path, package.task("recognition").path, manifest=True)
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise ModelError("The face models cannot be used", f"manifest.json: {cause(error)}.", directory) from error
    found: dict[str, Path] = {}
    for path in sorted(directory.glob("*.onnx")):
        found.setdefault(_kind_of(path), path)
    for kind in ("detection", "recognition"):
        if kind not in found:
            raise ModelError(
                "The face models are incomplete",
                f"There is no {kind} model here{_why_not(directory, found)}.",
                directory,
            )
    return PackFiles(directory, found["detection"], found["recognition"])


def _why_not(directory: Path, found: Mapping[str, Path]) -> str:
    deeper = next(directory.glob("*/*.onnx"), None)
    if "unreadable" in found:
        return f", and {displayable(found['unreadable'].name)} is damaged: fetch the pack again"
    if not found and deeper is not None:
        return f"; the models lie one folder deeper: set models.pack to {displayable(deeper.parent)}"
    return f": move the folder away, then {_how_to_get(directory.name)}"


def _kind_of(path: Path) -> str:
    """The type of a model by insightface's rules: "detection", "recognition", or something else."""
    import onnx  # noqa: PLC0415 - 50 ms
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        graph = onnx.load_model(str(path), load_external_data=False).graph
    except (DecodeError, OSError, ValueError):
        return "unreadable"
    weights = {weight.name for weight in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(graph.output) >= 5:
        return "detection"
    sizes = [size.dim_value for size in inputs[0].type.tensor_type.shape.dim] if len(inputs) == 1 else []
    if len(sizes) == 4 and sizes[2] == sizes[3] and sizes[2] >= 112 and sizes[2] % 16 == 0 and sizes[2] != 192:
        return "recognition"
    return "other"


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError("A face model cannot be read", f"{error.strerror}.", path) from error


def _how_to_get(pack: str) -> str:
    if any(known.name == pack for known in KNOWN_PACKS):
        return f"run `facewatchd models fetch {pack}`"
    names = ", ".join((BUILTIN, *(known.name for known in KNOWN_PACKS)))
    return f"put an insightface pack there, or set models.pack to one of {names}"


def _provider(wanted: str) -> Provider:
    provider = choose_provider(wanted)
    # the owner of a machine without a GPU knows that
    level = logging.INFO if provider.wasted or provider.name != CPU else logging.DEBUG
    log.log(level, "The face models run on %s: %s", provider.name, provider.reason)
    return provider
