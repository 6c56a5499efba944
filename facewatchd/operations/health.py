"""
Is everything here that the program needs, and if not, what to do about it.
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
from enum import StrEnum

from facewatchd import __version__
from facewatchd.errors import FacewatchError, cause, displayable
from facewatchd.libraries import load_error
from facewatchd.operations.base import Nothing, Read, Record
from facewatchd.operations.context import Reading
from facewatchd.watch.answering import Answers


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Record):
    """
    One thing that was looked at.

    Attributes:
        what: Which.
        verdict: How it is.
        found: What was found.
        remedy: What to do; empty where it is well.
    """

    what: str
    verdict: Verdict
    found: str
    remedy: str


class Findings(Record):
    """Everything that was looked at."""

    findings: tuple[Finding, ...]


def _finding(what: str, verdict: Verdict, found: str, remedy: str = "") -> Finding:
    return Finding(what=what, verdict=verdict, found=found, remedy=remedy)


def _doctor(reading: Reading, _: Nothing) -> Findings:
    """Never raises for what is wrong with the machine."""
    checks: tuple[Callable[[Reading], Iterator[Finding]], ...] = (
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
            findings += check(reading)
        except FacewatchError as error:
            findings.append(_finding(check.__name__.strip("_"), Verdict.PROBLEM, str(error)))
        except ImportError as error:
            findings.append(_finding(check.__name__.strip("_"), Verdict.PROBLEM, str(load_error(error))))
    return Findings(findings=tuple(findings))


def _program(_reading: Reading) -> Iterator[Finding]:
    yield _finding("facewatchd", Verdict.OK, f"{__version__}, Python {platform.python_version()} at {sys.prefix}")
    # R29: SQLite 3.7.0 to 3.51.2 can damage a WAL file when two connections write; ours has one writer
    yield _finding("SQLite", Verdict.OK, sqlite3.sqlite_version)


def _libraries(_reading: Reading) -> Iterator[Finding]:
    try:
        cv2 = importlib.import_module("cv2")
        yield _finding("OpenCV", Verdict.OK, cv2.__version__)
    except ImportError as error:
        found = load_error(error)
        yield _finding("OpenCV", Verdict.PROBLEM, found.title, found.message)
    pillow = importlib.metadata.version("pillow")
    safe = tuple(int(part) for part in pillow.split(".")[:2]) >= (12, 3)
    yield _finding(
        "Pillow",
        Verdict.OK if safe else Verdict.PROBLEM,
        pillow,
        "" if safe else "Versions before 12.3 have security faults that a malicious photo can use; update it.",
    )
    heif = importlib.import_module("pillow_heif")
    version = heif.libheif_version()
    safe = tuple(int(part) for part in version.split(".")[:2]) >= (1, 22)
    yield _finding(
        "libheif",
        Verdict.OK if safe else Verdict.WARNING,
        version,
        "" if safe else "Versions before 1.22 have security faults (CVE-2026-32740); update pillow-heif.",
    )
    try:
        rawpy = importlib.import_module("rawpy")
        yield _finding("LibRaw", Verdict.OK, ".".join(map(str, rawpy.libraw_version)))
    except ImportError as error:
        yield _finding("LibRaw", Verdict.PROBLEM, str(error), "Camera RAW cannot be read; install rawpy again.")


def _runtime(_reading: Reading) -> Iterator[Finding]:
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _version(name)]
    found = ", ".join(f"{name} {_version(name)}" for name in installed) or "not installed"
    if len(installed) == 2:
        yield _finding(
            "ONNX Runtime",
            Verdict.WARNING,
            found,
            "Both install the same files, and the last one installed is used; 'make gpu' installs them in the right order.",
        )
    else:
        yield _finding("ONNX Runtime", Verdict.OK if installed else Verdict.PROBLEM, found)


def _models(reading: Reading) -> Iterator[Finding]:
    config, stored = reading.config, reading.known_model()
    from facewatchd.faces.sessions import choose_provider  # noqa: PLC0415
    from facewatchd.pipeline.models import open_installed  # noqa: PLC0415 - needs what `_libraries` looks for
    from facewatchd.pipeline.selftest import try_engine  # noqa: PLC0415

    engine = open_installed(config, stored.pack if stored else None)
    info = engine.info
    yield _finding("models", Verdict.OK, f"{info.pack} ({info.id[:12]}, {info.dim} numbers a face)")
    yield _finding("licence", Verdict.OK, info.licence)
    provider = choose_provider(config.models.provider)
    told = f"{info.provider} (models.provider is {config.models.provider})"
    if provider.wasted:
        yield _finding("provider", Verdict.WARNING, told, provider.reason)
    else:
        yield _finding("provider", Verdict.OK, f"{told}. {provider.reason}")
    if stored is not None and stored.id != info.id:
        yield _finding(
            "models of the state",
            Verdict.PROBLEM,
            f"{stored.pack} ({stored.id[:12]})",
            f"Set models.pack to {stored.pack}, or run 'facewatchd models use {info.pack}'.",
        )

    yield _finding("models at work", Verdict.OK, f"looked at a picture in {_seconds(lambda: try_engine(engine)):.2f} s")


def _decoder(reading: Reading) -> Iterator[Finding]:
    from facewatchd.photos.decoding.decoders import Decoders  # noqa: PLC0415
    from facewatchd.photos.decoding.sandbox import protection  # noqa: PLC0415
    from facewatchd.pipeline.intake.limits import decode_limits  # noqa: PLC0415 - needs what `_libraries` looks for
    from facewatchd.pipeline.selftest import try_decoder  # noqa: PLC0415

    decoders = Decoders()
    try:
        took = _seconds(lambda: try_decoder(decoders, decode_limits(reading.config, "CPUExecutionProvider")))
    except OSError as error:
        found = f"it could not be tested: {cause(error)}"
        yield _finding("decoder", Verdict.WARNING, found, "Name a folder that can be written by TMPDIR.")
        return
    finally:
        decoders.stop()
    yield _finding("decoder", Verdict.OK, f"a process of its own read a picture in {took:.2f} s")
    said, is_all = protection()
    if is_all:
        yield _finding("sandbox", Verdict.OK, f"decoders are {said}")
    else:
        yield _finding(
            "sandbox",
            Verdict.WARNING,
            f"decoders are {said}: a hostile photo could read other files",
            "Linux has Landlock from 5.13 on; it may have to be named in lsm= of the kernel's command line.",
        )


def _seconds(function: Callable[[], None]) -> float:
    """How long it takes."""
    started = time.monotonic()
    function()
    return time.monotonic() - started


def _folders(reading: Reading) -> Iterator[Finding]:
    config = reading.config
    if not config.photos:
        yield _finding("photos", Verdict.WARNING, "no folder is configured", "Name one under 'photos:' or by --photos.")
    answers = Answers()
    for folder in config.photos:
        if not answers.answers(os.fsencode(folder), inside=True):
            found, remedy = "does not answer", answers.why_not(os.fsencode(folder), inside=True)
        elif not os.path.isdir(folder):
            found, remedy = "is not there", "Mount its disk, or correct the path."
        elif not os.access(folder, os.R_OK | os.X_OK):
            found, remedy = "cannot be read", "Give the user that facewatchd runs as the right to read it."
        else:
            yield _finding("photos", Verdict.OK, displayable(folder))
            continue
        yield _finding("photos", Verdict.PROBLEM, f"{displayable(folder)} {found}", remedy)
    for what, folder in (("people tree", config.people.dir), ("state", config.state.dir)):
        if not answers.answers(os.fsencode(folder)):
            why = answers.why_not(os.fsencode(folder))
            yield _finding(what, Verdict.PROBLEM, f"{displayable(folder)} does not answer", why)
            continue
        there = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
        if os.access(there, os.W_OK | os.X_OK):
            yield _finding(what, Verdict.OK, displayable(folder))
        else:
            yield _finding(
                what, Verdict.PROBLEM, f"{displayable(there)} cannot be written", "Change its owner, or set another."
            )


def _state(reading: Reading) -> Iterator[Finding]:
    running = reading.running.is_there()
    yield _finding("daemon", Verdict.OK, "running" if running else "not running")


def _watches(reading: Reading) -> Iterator[Finding]:
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as file:
            limit = int(file.read())
    except (OSError, ValueError):
        yield _finding("inotify", Verdict.WARNING, "not available", "All folders are polled every watch.poll_s.")
        return
    answers = Answers()
    answering = [root for root in reading.config.photos if answers.answers(os.fsencode(root), inside=True)]
    folders = sum(1 for root in answering if os.path.isdir(root) for _ in os.walk(root))
    if folders >= limit:
        yield _finding(
            "inotify",
            Verdict.WARNING,
            f"{folders} folders, the limit is {limit} watches",
            f"Raise it: sudo sysctl fs.inotify.max_user_watches={2 * folders}",
        )
    else:
        yield _finding("inotify", Verdict.OK, f"{folders} folders, the limit is {limit} watches")


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


DOCTOR = Read("doctor", Nothing, Findings, _doctor)
