"""
What a date finding hangs on besides the photo: the rules of the configuration and the time zone. Where they change, which
photos may be dated otherwise. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facewatchd.core.dates.evidence import CONFIDENCE_DIGITIZED, CONFIDENCE_MODIFIED
from facewatchd.core.dates.rules import ClockShift, DateRules
from facewatchd.domain import DateFinding, DateSource, Precision, ZoneSource

_BY_OUR_ZONE = frozenset({ZoneSource.CONFIG, ZoneSource.MACHINE})
_LATE = frozenset({CONFIDENCE_DIGITIZED, CONFIDENCE_MODIFIED})


@dataclass(frozen=True, slots=True)
class Basis:
    """
    What photos are dated by.

    Attributes:
        rules: The user's word; None where dates are not looked at.
        timezone: Name of the zone of moments known in UTC only; another text is another zone.
    """

    rules: DateRules | None
    timezone: str


def may_change(before: Basis, after: Basis, path: bytes, date: DateFinding | None) -> bool:
    """
    Whether a photo may be dated otherwise than before. Where in doubt it may: looking is cheap.

    Args:
        before: What it was dated by.
        after: What holds now.
        path: Relative to its root.
        date: What was found; None where nothing was looked for.
    """
    if before == after:
        return False
    old, new = before.rules, after.rules
    if old is None or new is None or date is None:
        return True
    rule = new.rule_for(path)
    if old.rule_for(path) != rule:
        return True
    if old.shifts != new.shifts and any(
        _may_shift(shift, date) for shift in {*old.shifts}.symmetric_difference(new.shifts)
    ):
        return True
    if old.sources != new.sources and not _ranked_alike(old.sources, new.sources, date):
        return True
    # a moment on our clock may fall on another day, and be earlier or later than what was not believed
    hangs = date.zone_source in _BY_OUR_ZONE or date.source is DateSource.MTIME or _is_late(date)
    return before.timezone != after.timezone and hangs


def _is_late(date: DateFinding) -> bool:
    """Whether it is believed only where nothing speaks of an earlier day."""
    return date.source in {DateSource.EXIF, DateSource.XMP} and date.confidence in _LATE


def _may_shift(shift: ClockShift, date: DateFinding) -> bool:
    """Whether a date is, or was made of, one by a camera's clock in the time of a shift."""
    if date.source is DateSource.USER:
        return True
    if date.precision is not Precision.SECOND or date.source not in {DateSource.EXIF, DateSource.NAME_TIME}:
        return False
    return not (shift.start and date.value < shift.start) and not (shift.end and date.value >= shift.end)


def _ranked_alike(old: Sequence[DateSource], new: Sequence[DateSource], date: DateFinding) -> bool:
    """Whether all that was asked before a date was found is asked in the same order still."""
    if date.source not in old or _is_late(date) or (DateSource.EXIF in old) is not (DateSource.EXIF in new):
        return False
    asked = old.index(date.source) + 1
    return old[:asked] == new[:asked]
