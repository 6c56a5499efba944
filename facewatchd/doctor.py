"""
`facewatchd doctor`: is everything here that the program needs, and if not, what to do about it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from facewatchd import __version__
from facewatchd.config import Config
from facewatchd.errors import FacewatchError, cause, displayable
from facewatchd.libraries import load_error
from facewatchd.processes.lock import is_running
from facewatchd.store import Store


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, what was found, and what to do where it is not well."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


def examine(config: Config) -> list[Finding]:
    """Look at everything; never raises for what is wrong with the machine."""
    checks: tuple[Callable[[Config], Iterator[Finding]], ...] = (
        _program,
        _libraries,
        _runtime,
        _models,
        _decoder,
        _folders,
        _state,
        _watches,
    )
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check(config)
        except FacewatchError as error:
            findings.append(Finding(check.__name__.strip("_"), Verdict.PROBLEM, str(error)))
        except ImportError as error:
            findings.append(Finding(check.__name__.strip("_"), Verdict.PROBLEM, str(load_error(error))))
    return findings


def _program(_config: Config) -> Iterator[Finding]:
    yield Finding("facewatchd", Verdict.OK, f"{__version__}, Python {platform.python_version()} at {sys.prefix}")
    # R29: SQLite 3.7.0 to 3.51.2 can damage a WAL file when two connections write; ours has one writer
    yield Finding("SQLite", Verdict.OK, sqlite3.sqlite_version)


def _libraries(_config: Config) -> Iterator[Finding]:
    try:
        cv2 = importlib.import_module("cv2")
        yield Finding("OpenCV", Verdict.OK, cv2.__version__)
    except ImportError as error:
        found = load_error(error)
        yield Finding("OpenCV", Verdict.PROBLEM, found.title, found.message)
    pillow = importlib.metadata.version("pillow")
    safe = tuple(int(part) for part in pillow.split(".")[:2]) >= (12, 3)
    yield Finding(
        "Pillow",
        Verdict.OK if safe else Verdict.PROBLEM,
        pillow,
        "" if safe else "Versions before 12.3 have security faults that a malicious photo can use; update it.",
    )
    heif = importlib.import_module("pillow_heif")
    version = heif.libheif_version()
    safe = tuple(int(part) for part in version.split(".")[:2]) >= (1, 22)
    yield Finding(
        "libheif",
        Verdict.OK if safe else Verdict.WARNING,
        version,
        "" if safe else "Versions before 1.22 have security faults (CVE-2026-32740); update pillow-heif.",
    )
    try:
        rawpy = importlib.import_module("rawpy")
        yield Finding("LibRaw", Verdict.OK, ".".join(map(str, rawpy.libraw_version)))
    except ImportError as error:
        yield Finding("LibRaw", Verdict.PROBLEM, str(error), "Camera RAW cannot be read; install rawpy again.")


def _runtime(_config: Config) -> Iterator[Finding]:
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _version(name)]
    found = ", ".join(f"{name} {_version(name)}" for name in installed) or "not installed"
    if len(installed) == 2:
        yield Finding(
            "ONNX Runtime",
            Verdict.WARNING,
            found,
            "Both install the same files, and the last one installed is used; 'make gpu' installs them in the right order.",
        )
    else:
        yield Finding("ONNX Runtime", Verdict.OK if installed else Verdict.PROBLEM, found)


def _models(config: Config) -> Iterator[Finding]:
    stored = None
    if os.path.exists(config.state.dir / "facewatchd.sqlite"):
        with Store(config.state.dir, read_only=True) as store:
            stored = store.model()
    from facewatchd.faces.sessions import choose_provider  # noqa: PLC0415
    from facewatchd.pipeline.models import open_installed  # noqa: PLC0415 - needs what `_libraries` looks for
    from facewatchd.pipeline.selftest import try_engine  # noqa: PLC0415

    engine = open_installed(config, stored.pack if stored else None)
    info = engine.info
    yield Finding("models", Verdict.OK, f"{info.pack} ({info.id[:12]}, {info.dim} numbers a face)")
    yield Finding("licence", Verdict.OK, info.licence)
    provider = choose_provider(config.models.provider)
    told = f"{info.provider} (models.provider is {config.models.provider})"
    if provider.wasted:
        yield Finding("provider", Verdict.WARNING, told, provider.reason)
    else:
        yield Finding("provider", Verdict.OK, f"{told}. {provider.reason}")
    if stored is not None and stored.id != info.id:
        yield Finding(
            "models of the state",
            Verdict.PROBLEM,
            f"{stored.pack} ({stored.id[:12]})",
            f"Set models.pack to {stored.pack}, or run 'facewatchd models use {info.pack}'.",
        )

    yield Finding("models at work", Verdict.OK, f"looked at a picture in {_seconds(lambda: try_engine(engine)):.2f} s")


def _decoder(config: Config) -> Iterator[Finding]:
    from facewatchd.photos.decoding.isolated import Decoders  # noqa: PLC0415
    from facewatchd.pipeline.intake.limits import decode_limits  # noqa: PLC0415 - needs what `_libraries` looks for
    from facewatchd.pipeline.selftest import try_decoder  # noqa: PLC0415

    decoders = Decoders()
    try:
        took = _seconds(lambda: try_decoder(decoders, decode_limits(config, "CPUExecutionProvider")))
    except OSError as error:
        found = f"it could not be tested: {cause(error)}"
        yield Finding("decoder", Verdict.WARNING, found, "Name a folder that can be written by TMPDIR.")
        return
    finally:
        decoders.stop()
    yield Finding("decoder", Verdict.OK, f"a process of its own read a picture in {took:.2f} s")


def _seconds(function: Callable[[], None]) -> float:
    """How long it takes."""
    started = time.monotonic()
    function()
    return time.monotonic() - started


def _folders(config: Config) -> Iterator[Finding]:
    if not config.photos:
        yield Finding("photos", Verdict.WARNING, "no folder is configured", "Name one under 'photos:' or by --photos.")
    for folder in config.photos:
        if not os.path.isdir(folder):
            found, remedy = "is not there", "Mount its disk, or correct the path."
        elif not os.access(folder, os.R_OK | os.X_OK):
            found, remedy = "cannot be read", "Give the user that facewatchd runs as the right to read it."
        else:
            yield Finding("photos", Verdict.OK, displayable(folder))
            continue
        yield Finding("photos", Verdict.PROBLEM, f"{displayable(folder)} {found}", remedy)
    for what, folder in (("people tree", config.people.dir), ("state", config.state.dir)):
        there = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
        if os.access(there, os.W_OK | os.X_OK):
            yield Finding(what, Verdict.OK, displayable(folder))
        else:
            yield Finding(
                what, Verdict.PROBLEM, f"{displayable(there)} cannot be written", "Change its owner, or set another."
            )


def _state(config: Config) -> Iterator[Finding]:
    running = is_running(config.state.dir)
    yield Finding("daemon", Verdict.OK, "running" if running else "not running")


def _watches(config: Config) -> Iterator[Finding]:
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as file:
            limit = int(file.read())
    except (OSError, ValueError):
        yield Finding("inotify", Verdict.WARNING, "not available", "All folders are polled every watch.poll_s.")
        return
    folders = sum(1 for root in config.photos if os.path.isdir(root) for _ in os.walk(root))
    if folders >= limit:
        yield Finding(
            "inotify",
            Verdict.WARNING,
            f"{folders} folders, the limit is {limit} watches",
            f"Raise it: sudo sysctl fs.inotify.max_user_watches={2 * folders}",
        )
    else:
        yield Finding("inotify", Verdict.OK, f"{folders} folders, the limit is {limit} watches")


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
