"""
Which folder and which name each photo gets that `sort` puts into folders.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from facewatchd.core.tree.folder_names import file_text, fold, folder_name, link_name, unique

T = TypeVar("T")

UNKNOWN_FOLDER = b"_unknown"
"""For photos with a face of no group."""

USUAL_NAMES = "person_{n}"

_NUMBER = "{n}"
# what FAT, exFAT and NTFS do not take
_NOT_PORTABLE = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f\ud800-\udfff]')


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """
    Something in a folder.

    Attributes:
        folder: Name of the folder.
        name: Name of the file in it.
        what: What it is.
    """

    folder: bytes
    name: bytes
    what: T

    @property
    def path(self) -> bytes:
        return self.folder + b"/" + self.name


def names_problem(pattern: str) -> str:
    """Why folders cannot be named by a pattern, as a sentence; empty where they can."""
    if pattern.count(_NUMBER) != 1:
        return f"{_NUMBER}, the number of the person, has to be there once: {USUAL_NAMES}."
    if folder_name(pattern).decode() != pattern or pattern.startswith("_") or _NOT_PORTABLE.search(pattern):
        return f'It cannot hold any of /\\:*?"<>|, nor begin with a dot, a space or _: {USUAL_NAMES}.'
    return ""


def placed(
    groups: Sequence[Sequence[tuple[bytes, T]]],
    unknown: Iterable[tuple[bytes, T]],
    pattern: str,
    taken: Mapping[bytes, Container[str]],
    *,
    portable: bool,
) -> list[Placed[T]]:
    """
    Give every photo of every group a folder and a name. A name that is taken gets a number.

    Args:
        groups: File names, and what they stand for; the first group is number 1.
        unknown: The same, of photos with a face of no group.
        pattern: Of the folders' names, see `names_problem`.
        taken: Folder -> folded names that are not free in it.
        portable: Whether the names must be such as FAT takes.
    """
    found = []
    folders = [pattern.replace(_NUMBER, str(number)).encode() for number in range(1, len(groups) + 1)]
    for folder, members in zip([*folders, UNKNOWN_FOLDER], [*groups, unknown], strict=True):
        used = _Used(taken.get(folder, frozenset()))
        for name, what in members:
            wanted = link_name("", name)
            free = unique(_portable(wanted) if portable else wanted, used)
            used.add(free)
            found.append(Placed(folder, free, what))
    return found


class _Used(Container[str]):
    """Names that are not free."""

    def __init__(self, before: Container[str]) -> None:
        self._before = before
        self._now: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._now or name in self._before

    def add(self, name: bytes) -> None:
        self._now.add(fold(name))


def _portable(name: bytes) -> bytes:
    return _NOT_PORTABLE.sub("_", file_text(name)).encode()
