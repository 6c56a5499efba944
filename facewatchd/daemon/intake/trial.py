"""
The first photos of a run are a trial of the program itself: where they all end their decoder, the fault is the program's
or the machine's, and not the photos' (R38). Then nothing is said against them, and the run ends with one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from facewatchd.daemon.events import Taken
from facewatchd.domain import SamePhoto
from facewatchd.errors import (
    FacewatchError,
    PhotoBusyError,
    PhotoCrashError,
    PhotoRefusedError,
    PhotoTroubleError,
)

ENOUGH = 10
"""So many photos in a row do not happen to be deadly; that is rarer than a program that fails on this machine."""


class _Verdict(Enum):
    OPEN = auto()
    SOUND = auto()
    BROKEN = auto()


class Trial:
    """
    What photos came to passes through here. What speaks against a photo is held back until one shows that decoders work.

    Attributes:
        problem: Why the run has to end, empty while it has not.
    """

    def __init__(self) -> None:
        self._held: list[Taken] = []
        self._verdict = _Verdict.OPEN
        self.problem = ""

    @property
    def is_open(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def pass_on(self, taken: Taken) -> Sequence[Taken]:
        """
        What is to be stored now that this photo is done with: nothing, it alone, or also what was held back.

        Raises:
            FacewatchError: All photos so far have ended their decoder, and they are enough.
        """
        result = taken.result
        is_death = isinstance(result, PhotoCrashError | PhotoTroubleError)
        if self._verdict is not _Verdict.OPEN:
            return () if is_death and self._verdict is _Verdict.BROKEN else (taken,)
        if is_death:
            self._held.append(taken)
            if len(self._held) >= ENOUGH:
                raise self.broken()
            return ()
        if isinstance(result, SamePhoto | PhotoBusyError | PhotoRefusedError):
            # nothing was decoded
            return (taken,)
        return (*self.sound(), taken)

    def sound(self) -> Sequence[Taken]:
        """Decoders work: what was held back is the photos' own fault, and is to be stored."""
        self._verdict = _Verdict.SOUND
        held, self._held = self._held, []
        return held

    def broken(self) -> FacewatchError:
        """Decoders do not work: what was held back is nothing that the photos have done. The error to end with."""
        self._verdict = _Verdict.BROKEN
        last = self._held[-1].result
        assert isinstance(last, PhotoCrashError | PhotoTroubleError)
        why = f"It {last.why}." if isinstance(last, PhotoCrashError) else last.message
        error = FacewatchError(
            f"The first {len(self._held)} photos all ended their decoder",
            f"{why} That is the program's fault or the machine's: no photo is left alone for it, and the next start tries "
            "them again. 'facewatchd doctor' tries a decoder; where it finds nothing wrong, move these photos away, and "
            "report this.",
            last.path,
        )
        self._held = []
        self.problem = str(error)
        return error
