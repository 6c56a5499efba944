"""
What the columns of a CSV file of embeddings are. Programs write the path first, with or without a label behind it, or last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

UNKNOWN = "unknown"
"""The label of a face of no person."""

NO_LABELS = frozenset({"", UNKNOWN, "-1"})
"""Labels that are no person: none, ours, and that of DBSCAN and HDBSCAN for noise."""

_WHOLE = re.compile(r"[+-]?\d+")
# a line needs a path and two numbers at least
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Columns:
    """
    Where things are in each line; the numbers are together.

    Attributes:
        path: Column of the path; None where there is none.
        label: Column of the label; None where there is none.
        first: First column of the numbers.
        end: The column behind the last of them.
    """

    path: int | None
    label: int | None
    first: int
    end: int

    @property
    def dim(self) -> int:
        return self.end - self.first

    @property
    def count(self) -> int:
        """How many columns a line has."""
        return self.dim + (self.path is not None) + (self.label is not None)


def is_number(text: str) -> bool:
    """Whether Python reads it as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def columns_of(rows: Sequence[Sequence[str]]) -> Columns | None:
    """
    What the columns of embeddings are.

    Args:
        rows: The first lines without a header, at least one, all with the same number of columns.

    Returns:
        The columns; None where neither the first nor the last can be a path, as all lines have numbers there.
    """
    width = len(rows[0])
    if width < _FEWEST:
        return None
    if _has_text(rows, 0):
        # a number of an embedding is never whole in every line
        has_label = width > _FEWEST and (_has_text(rows, 1) or all(_WHOLE.fullmatch(row[1].strip()) for row in rows))
        return Columns(0, 1 if has_label else None, 1 + has_label, width)
    return Columns(width - 1, None, 0, width - 1) if _has_text(rows, width - 1) else None


def medoid_columns(width: int) -> Columns:
    """The columns of medoids: a label, then numbers."""
    return Columns(None, 0, 1, width)


def counts_columns(row: Sequence[str]) -> bool:
    """Whether a line is a header that numbers the columns: 0,1,... or 1,2,..."""
    if not all(_WHOLE.fullmatch(field.strip()) for field in row):
        return False
    numbers = [int(field) for field in row]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def names_columns(row: Sequence[str], columns: Columns) -> bool:
    """Whether a line is a header of words: it has none where `columns`, those of the lines behind it, have numbers only."""
    return not any(is_number(field) for field in row[columns.first : columns.end])


def _has_text(rows: Sequence[Sequence[str]], column: int) -> bool:
    return any(not is_number(row[column]) for row in rows)
