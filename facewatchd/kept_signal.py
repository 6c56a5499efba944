"""
A signal that comes while nothing can be done about it yet.
"""

from __future__ import annotations

import signal
from types import FrameType


class KeptSignal:
    """
    A handler that only remembers that its signal came. A blocked signal would do so, too, but only in the threads that block
    it: in one of numpy's own threads, the signal's default ends the process.

    Attributes:
        came: Whether it came.
    """

    def __init__(self) -> None:
        self.came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True

    @classmethod
    def keep(cls, number: signal.Signals) -> None:
        """Remember this signal from now on. Belongs to the main thread."""
        signal.signal(number, cls())
