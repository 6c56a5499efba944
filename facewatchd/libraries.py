"""
What is said where a part of the program cannot be loaded: mostly a system library that OpenCV needs, which no Python package
brings. For every command, for `doctor`, and for the installation (`check`).
"""

from __future__ import annotations

import importlib
import re

from facewatchd.errors import FacewatchError

OPENCV_NEEDS = "Debian and Ubuntu: apt install libgl1 libglib2.0-0 libxcb1; Fedora: dnf install mesa-libGL glib2 libxcb"

_SHARED_OBJECT = re.compile(r"lib[\w+.-]+\.so[\w.]*: ")


class LoadError(FacewatchError):
    """A part of the program cannot be loaded."""


def load_error(error: ImportError) -> LoadError:
    """The error that Python gives, as the user's."""
    said = str(error).rstrip(".")
    if _SHARED_OBJECT.search(said) or "cv2" in (error.name or ""):
        return LoadError("OpenCV cannot be loaded", f"{said}. Install its system libraries: {OPENCV_NEEDS}.")
    return LoadError("A part of facewatchd cannot be loaded", f"{said}. Install facewatchd again (README, 'Install').")


def check() -> None:
    """
    Load what needs system libraries, for the installation: ends the interpreter with one sentence where it cannot be.

    Raises:
        SystemExit: It cannot.
    """
    try:
        importlib.import_module("cv2")
    except ImportError as error:
        raise SystemExit(str(load_error(error))) from None
