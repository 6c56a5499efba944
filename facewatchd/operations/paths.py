"""
Paths that the user types. File systems that do not answer are not waited for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from facewatchd.watch.answering import Answers, refuse_silent

__all__ = ["refuse_silent", "resolved", "resolver"]


def resolver() -> Callable[[bytes], bytes]:
    """Resolves symbolic links, see `Answers.real_path`."""
    return Answers().real_path


def resolved(paths: Iterable[Path]) -> list[str]:
    """Absolute, without symbolic links, as far as these can be followed."""
    resolve = resolver()
    return [os.fsdecode(resolve(os.path.abspath(os.fsencode(path)))) for path in paths]
