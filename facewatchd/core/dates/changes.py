"""
What a date finding depends on besides the photo: the rules of the configuration and the time zone. And which photos may get
another date when these change. Pure.
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
    The rules for dates.

    Attributes:
        rules: The rules of the user. None if dates are not looked at.
        timezone: Name of the zone for moments that are known in UTC only. Another text is another zone.
    """

    rules: DateRules | None
    timezone: str


def may_change(before: Basis, after: Basis, path: bytes, date: DateFinding | None) -> bool:
    """
    Whether a photo may get another date than before. In doubt the answer is yes, because looking costs little.

    Args:
        before: The rules by which it was dated.
        after: The rules that hold now.
        path: Relative to its root.
        date: The finding. None if no date was looked for.
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
    # in another zone a moment may be on another day, and be earlier or later than a date that was not believed
    hangs = date.zone_source in _BY_OUR_ZONE or date.source is DateSource.MTIME or _is_late(date)
    return before.timezone != after.timezone and hangs


def _is_late(date: DateFinding) -> bool:
    """Whether the date is believed only if there is no evidence for an earlier day."""
    return date.source in {DateSource.EXIF, DateSource.XMP} and date.confidence in _LATE


def _may_shift(shift: ClockShift, date: DateFinding) -> bool:
    """Whether a date comes from a camera's clock, within the time of a shift."""
    if date.source is DateSource.USER:
        return True
    if date.precision is not Precision.SECOND or date.source not in {DateSource.EXIF, DateSource.NAME_TIME}:
        return False
    return not (shift.start and date.value < shift.start) and not (shift.end and date.value >= shift.end)


def _ranked_alike(old: Sequence[DateSource], new: Sequence[DateSource], date: DateFinding) -> bool:
    """Whether all sources before the one of the date are still asked, in the same order."""
    if date.source not in old or _is_late(date) or (DateSource.EXIF in old) is not (DateSource.EXIF in new):
        return False
    asked = old.index(date.source) + 1
    return old[:asked] == new[:asked]
