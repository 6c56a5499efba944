"""
The rules of the user for dates: whole folders of one date (`dates.rules`), and cameras with wrong clocks (`dates.shift`). Both
come before everything else (R19). And the order of the other sources (`dates.sources`). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from fnmatch import fnmatchcase

from facewatchd.core.dates.evidence import CONFIDENCE_ORIGINAL, SOURCES, Evidence, date_of
from facewatchd.core.dates.stamps import Stamp, fault, parse_stamp
from facewatchd.domain import DateFinding, DateSource, Precision

CONFIDENCE_USER = 1.0

# the year 2200, in seconds since 1970: by then everything that any clock of ours has seen is past
_FAR = 7_258_118_400.0
_SHIFT = re.compile(r"(?P<sign>[+-])\s*(?:(?P<days>\d{1,5})d)?\s*(?:(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}))?)?")
_KEEP = {Precision.YEAR: 1, Precision.MONTH: 2, Precision.DAY: 3, Precision.SECOND: 6}


@dataclass(frozen=True, slots=True)
class FolderRule:
    """
    All photos under a path have one date.

    Attributes:
        path: Relative to the photo folder. `*`, `?` and `[...]` mean the same as in a shell, within one name.
        value: The date.
        precision: Finest part of it that is known.
    """

    path: str
    value: datetime
    precision: Precision

    def covers(self, path: bytes) -> bool:
        """Whether the rule is for this photo, or for a folder that contains it."""
        wanted = self.path.strip("/").split("/")
        parts = path.decode("utf-8", "surrogateescape").split("/")[: len(wanted)]
        return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


@dataclass(frozen=True, slots=True)
class ClockShift:
    """
    A camera's clock was wrong for a while.

    Attributes:
        model: The camera, as the photos name it; case does not matter.
        by: What to add to its dates.
        start: From this date on, as the camera's clock had it; None for always.
        end: Before this date, likewise.
    """

    model: str
    by: timedelta
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class DateRules:
    """
    All rules of the user for dates.

    Attributes:
        folders: The first that fits a photo holds.
        shifts: Likewise.
        sources: What else is listened to, the most believed first; see `core.dates.evidence.SOURCES`.
    """

    folders: tuple[FolderRule, ...] = ()
    shifts: tuple[ClockShift, ...] = ()
    sources: tuple[DateSource, ...] = SOURCES

    def finding(self, evidence: Evidence, now: float, timezone: tzinfo | None) -> DateFinding:
        """`core.dates.evidence.date_of`, under these rules, and whether the result depends on the clock."""
        found = self._found(evidence, now, timezone)
        return found if self._found(evidence, _FAR, timezone) == found else replace(found, hangs=True)

    def rule_for(self, path: bytes) -> FolderRule | None:
        """The rule that holds for a photo, by its path relative to the root; None where none does."""
        return next((rule for rule in self.folders if rule.covers(path)), None)

    def _found(self, evidence: Evidence, now: float, timezone: tzinfo | None) -> DateFinding:
        found = self._shifted(evidence, date_of(evidence, now, timezone, self.sources), now)
        rule = self.rule_for(evidence.path)
        return _stated(rule, evidence, found, now) if rule is not None else found

    def _shifted(self, evidence: Evidence, found: DateFinding, now: float) -> DateFinding:
        if not _by_the_cameras_clock(evidence, found):
            return found
        for shift in self.shifts:
            if shift.model.strip().casefold() != evidence.tags.model.strip().casefold():
                continue
            if (shift.start and found.value < shift.start) or (shift.end and found.value >= shift.end):
                continue
            try:
                value = found.value + shift.by
            except OverflowError:
                continue
            if not fault(Stamp(value), now):
                problem = found.problem or f"{evidence.tags.original} is by a wrong clock (dates.shift)"
                return replace(found, value=value, source=DateSource.USER, confidence=CONFIDENCE_USER, problem=problem)
        return found


def _by_the_cameras_clock(evidence: Evidence, found: DateFinding) -> bool:
    """Whether a date is the camera's own, not a satellite's or somebody else's."""
    if found.precision is not Precision.SECOND:
        return False
    if found.source is DateSource.NAME_TIME:
        # a moment known in UTC has a zone, and comes from a phone's clock, which is set by radio
        return not found.zone and bool(evidence.tags.model)
    stamp = parse_stamp(evidence.tags.original)
    return (
        found.source is DateSource.EXIF
        and found.confidence == CONFIDENCE_ORIGINAL
        and stamp is not None
        and stamp.value == found.value
    )


def _stated(rule: FolderRule, evidence: Evidence, found: DateFinding, now: float) -> DateFinding:
    """The rule's date, or a finer one that agrees with it."""
    keep = _KEEP[rule.precision]
    agrees = found.value.timetuple()[:keep] == rule.value.timetuple()[:keep]
    is_better = _KEEP[found.precision] > keep or found.source is DateSource.EXIF
    if agrees and is_better and found.source is not DateSource.MTIME:
        return found
    stamp = parse_stamp(evidence.tags.original)
    problem = found.problem
    if not problem and stamp is not None and not fault(stamp, now):
        problem = f"{evidence.tags.original} is not what dates.rules says"
    return DateFinding(rule.value, rule.precision, DateSource.USER, CONFIDENCE_USER, "", problem)


def rule_date(text: str, precision: str = "") -> tuple[datetime, Precision]:
    """
    A date as the configuration writes it.

    Args:
        text: `1987`, `1987-07`, `1987-07-01` or `1987-07-01 12:34:56`.
        precision: How much of it is known; empty for all of it.

    Raises:
        ValueError: It is no date.
    """
    stamp = parse_stamp(text)
    if stamp is None or stamp.utc or stamp.zone:
        raise ValueError(f"{text!r} is no date; dates look like 1987-07-01")
    wanted = Precision(precision) if precision else stamp.precision
    if _KEEP[wanted] > _KEEP[stamp.precision]:
        raise ValueError(f"{text!r} is not known to the {wanted}")
    value = stamp.value
    if wanted is not Precision.SECOND:
        value = value.replace(hour=0, minute=0, second=0)
    if wanted in {Precision.MONTH, Precision.YEAR}:
        value = value.replace(day=1)
    if wanted is Precision.YEAR:
        value = value.replace(month=1)
    return value, wanted


def shift_by(text: str) -> timedelta:
    """
    How much a clock is changed: `+1d 02:00:00`, `-00:30`, `+365d`.

    Raises:
        ValueError: It is none of these.
    """
    found = _SHIFT.fullmatch(text.strip())
    if found is None or not (found["days"] or found["h"]):
        raise ValueError(f"{text!r} is not a difference of time; examples: +1d 02:00:00, -00:30:00")
    parts = {key: int(found[key] or 0) for key in ("days", "h", "m", "s")}
    by = timedelta(days=parts["days"], hours=parts["h"], minutes=parts["m"], seconds=parts["s"])
    return -by if found["sign"] == "-" else by


def check_rule_path(path: str) -> None:
    """
    Refuse a rule's path that can fit nothing.

    Raises:
        ValueError: It is one.
    """
    if not path.strip("/") or path.startswith("/") or ".." in path.split("/"):
        raise ValueError("write the path below the photo folder, such as Scans/1987*")
