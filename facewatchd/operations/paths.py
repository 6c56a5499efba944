"""
Paths that the user types, resolved without waiting for file systems that do not answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from facewatchd.watch.answering import Answers


def resolver() -> Callable[[bytes], bytes]:
    """Resolves symbolic links, see `Answers.real_path`."""
    return Answers().real_path


def resolved(paths: Iterable[Path]) -> list[str]:
    """Absolute, without symbolic links, as far as these can be followed."""
    resolve = resolver()
    return [os.fsdecode(resolve(os.path.abspath(os.fsencode(path)))) for path in paths]
