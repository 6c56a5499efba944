"""
Changes of a file's bytes, and the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """In a file's bytes, `old` at `at` becomes `new`. Of equal length: overwritten in place."""

    at: int
    old: bytes
    new: bytes


def applied(data: bytes, edits: Sequence[Edit]) -> bytes:
    """
    The bytes after the edits.

    Raises:
        ValueError: The bytes to replace are not there.
    """
    parts: list[bytes] = []
    done = 0
    for edit in edits:
        if edit.at < done or data[edit.at : edit.at + len(edit.old)] != edit.old:
            raise ValueError("the file is not what the change was made for")
        parts += (data[done : edit.at], edit.new)
        done = edit.at + len(edit.old)
    return b"".join((*parts, data[done:]))


def reversed_edits(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits that lead back."""
    shift = 0
    back = []
    for edit in edits:
        back.append(Edit(edit.at + shift, edit.new, edit.old))
        shift += len(edit.new) - len(edit.old)
    return tuple(back)
