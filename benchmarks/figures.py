"""
Figures that have a bar, and where the photographs and models are that the benchmarks need.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(os.environ.get("FACEWATCHD_SHARED") or Path(__file__).resolve().parents[2] / "shared")


@dataclass(frozen=True)
class Figure:
    """A figure, what it is to be, and whether it is."""

    what: str
    seen: str
    bar: str
    met: bool


def at_least(what: str, seen: float, bar: float) -> Figure:
    return Figure(what, f"{seen:.4f}", f">= {bar:g}", seen >= bar)


def at_most(what: str, seen: float, bar: float, unit: str) -> Figure:
    return Figure(what, f"{seen:.3g} {unit}", f"<= {bar:g} {unit}", seen <= bar)


def told(figures: Sequence[Figure]) -> int:
    """Print the table. Returns the exit code: 1 where a bar is missed."""
    if figures:
        print(f"\n{'':52} {'seen':>12} {'bar':>12}  met")
    for figure in figures:
        print(f"{figure.what:52} {figure.seen:>12} {figure.bar:>12}  {'yes' if figure.met else 'NO'}")
    return 0 if all(figure.met for figure in figures) else 1
