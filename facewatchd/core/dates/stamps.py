"""
Dates as texts write them -> `Stamp`, and what makes a stamp nonsense (requirements R17, R18). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType

from facewatchd.domain import Precision

FIRST_YEAR = 1826
"""The year of the oldest photograph that has survived (Niepce's view from the window at Le Gras)."""

AHEAD = timedelta(hours=24)
"""A wall clock may be up to 14 hours ahead of UTC, and a camera's a little more."""


def wall_clock(year: int, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """
    A naive time, as the domain keeps capture dates: a camera knows no zone.

    Raises:
        ValueError: There is no such time.
    """
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - naive on purpose


NONSENSE: Mapping[datetime, str] = MappingProxyType(
    {
        wall_clock(1904): "is what a program writes for no date",  # zero in QuickTime
        wall_clock(1970): "is what a camera with a flat battery writes",
        wall_clock(1980): "is what a camera with a flat battery writes",
        wall_clock(1980, 1, 6): "is where satellite receivers begin to count",
        wall_clock(2002, 12, 8, 12): "is what a camera without a set clock writes",
    }
)
"""What cameras and programs write for want of a date (R18)."""

SUSPECT: Mapping[datetime, str] = MappingProxyType({wall_clock(2000): "may be a clock that was never set"})
"""Some cameras start here, but people who date a scan by its year write the same."""

_STAMP = re.compile(
    r"(?P<year>\d{4})"
    r"(?:[:/.\- ](?P<month>\d{1,2})"
    r"(?:[:/.\- ](?P<day>\d{1,2})"
    r"(?:[ T]\s*(?P<hour>\d{1,2})[:.](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})(?:[.,]\d*)?)?)?"
    r"\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?"
    r")?)?"
)
_ZONE = re.compile(r"([+-])(\d{1,2}):(\d{2})|([+-])(\d{2})(\d{2})?")
# a time of day, with or without seconds, in 24 or 12 hours
_CLOCK = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d*)?)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_OTHER_ZONE = r"(?:\s*(?P<zone>Z|GMT|UTC|[+-]\d{2}:?\d{2}))?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]?\s+)?"
_OTHER_ORDERS = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        # 17/08/2019 12:34:56, 17.08.2019, 08-17-2019 3:04:05 PM
        rf"(?P<first>\d{{1,2}})(?P<sep>[/.:\-])(?P<other>\d{{1,2}})(?P=sep)(?P<year>\d{{4}})(?:[ ,T]+{_CLOCK}{_OTHER_ZONE})?",
        # Sat Aug 17 12:34:56 2019, as C's ctime and the command `date` write it
        rf"{_WEEKDAY}{_MONTH}\s+(?P<day>\d{{1,2}})\s+{_CLOCK}{_OTHER_ZONE}\s+(?P<year>\d{{4}})",
        # Sat, 17 Aug 2019 12:34:56 +0200 (RFC 5322), 17-Aug-2019
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[ \-]{_MONTH}[ \-](?P<year>\d{{4}})(?:[ ,T]+{_CLOCK}{_OTHER_ZONE})?",
        # August 17, 2019 3:04:05 PM
        rf"{_WEEKDAY}{_MONTH}\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})(?:[ ,T]+{_CLOCK}{_OTHER_ZONE})?",
    )
)
_EPOCH = wall_clock(1970)


@dataclass(frozen=True, slots=True)
class Stamp:
    """
    A date as some text has it.

    Attributes:
        value: Wall-clock time, or UTC where `utc`; the parts finer than `precision` are the smallest possible.
        precision: Finest part that is known.
        zone: Offset of the wall clock, such as "+02:00"; empty where unknown.
        utc: Whether `value` is UTC and the wall clock's zone is unknown.
    """

    value: datetime
    precision: Precision = Precision.SECOND
    zone: str = ""
    utc: bool = False


def parse_stamp(text: str) -> Stamp | None:
    """
    Read a date as Exif, XMP and their careless cousins write it: `2019:08:17 12:34:56`, `2019/08/17`, `2019-08`,
    `2019-08-17T12:34:56.78+02:00`. Hour 24 is hour 0 of the same day (Piwigo #1017); second 60 is second 59. A time
    without seconds counts as none: what is not known to the second is known to the day. Another order is read where it
    can mean one date only: `17/08/2019 12:34:56`, `17.08.2019`, `Sat Aug 17 12:34:56 2019`; see `is_unclear`.

    Returns:
        The stamp, however nonsensical its date, or None where the text is no date.
    """
    text = text.strip().strip("\0").strip()
    if not text.isascii():
        return None
    found = _STAMP.fullmatch(text)
    if found is None:
        return _in_other_order(text)
    year, month, day, hour, minute, second = (
        None if found[part] is None else int(found[part])
        for part in ("year", "month", "day", "hour", "minute", "second")
    )
    if month is None or day is None:
        precision = Precision.MONTH if month is not None else Precision.YEAR
        return _stamp(year or 0, 1 if month is None else month, 1, precision=precision)
    if hour is None or minute is None or second is None:
        return _stamp(year or 0, month, day, precision=Precision.DAY)
    zone = found["zone"] or ""
    stamp = _stamp(
        year or 0, month, day, 0 if hour == 24 else hour, minute, min(second, 59) if second <= 60 else second
    )
    if stamp is None or not zone:
        return stamp
    return replace(stamp, utc=True) if zone == "Z" else replace(stamp, zone=parse_zone(zone))


def parse_date(text: str) -> datetime | None:
    """The moment that a date tag names, None where it names none."""
    stamp = parse_stamp(text)
    return None if stamp is None else stamp.value


def is_unclear(text: str) -> bool:
    """
    Whether a text may mean a date that `parse_stamp` cannot read for certain: `05/08/2019`, `2008:103:03 19:27:11`,
    `17/08/19`. A date in the usual form that does not exist, or a text without any digit but 0, is not unclear: it means
    no date.
    """
    text = text.strip().strip("\0")
    return (
        any(letter in "123456789" for letter in text) and _STAMP.fullmatch(text) is None and parse_stamp(text) is None
    )


def _in_other_order(text: str) -> Stamp | None:
    """A date that ends in its year; None where the order of day and month is not certain."""
    for pattern in _OTHER_ORDERS:
        if (found := pattern.fullmatch(text)) is not None:
            return _from_other_order(found.groupdict())
    return None


def _from_other_order(parts: Mapping[str, str | None]) -> Stamp | None:
    if name := parts.get("name"):
        month, day = _MONTHS.index(name[:3].lower()) + 1, int(parts["day"] or 0)
    else:
        first, other = int(parts["first"] or 0), int(parts["other"] or 0)
        # dots are written between a day and a month in this order everywhere
        is_day_first = first > 12 or first == other or (parts["sep"] == "." and other <= 12)
        if not is_day_first and other <= 12:
            return None
        day, month = (first, other) if is_day_first else (other, first)
    year, hour, half = int(parts["year"] or 0), parts["hour"], parts["half"]
    if hour is None or parts["second"] is None:
        return _stamp(year, month, day, precision=Precision.DAY)
    if half and not 1 <= int(hour) <= 12:
        return None
    of_day = int(hour) % 12 + (12 if half in {"p", "P"} else 0) if half else int(hour)
    stamp = _stamp(year, month, day, of_day, int(parts["minute"] or 0), int(parts["second"]))
    zone = parts["zone"] or ""
    if stamp is None or not zone:
        return stamp
    return replace(stamp, utc=True) if zone.isalpha() else replace(stamp, zone=parse_zone(zone))


def _stamp(
    year: int,
    month: int,
    day: int,
    hour: int = 0,
    minute: int = 0,
    second: int = 0,
    precision: Precision = Precision.SECOND,
) -> Stamp | None:
    try:
        return Stamp(wall_clock(year, month, day, hour, minute, second), precision)
    except ValueError:
        return None


def parse_zone(text: str) -> str:
    """An offset (`+02:00`, `-5:00`, `+0545`, `Z`) in its usual form, "+02:00"; empty for one that no place on earth has."""
    text = text.strip().strip("\0")
    if text == "Z":
        return "+00:00"
    found = _ZONE.fullmatch(text)
    if found is None or not text.isascii():
        return ""
    sign, hours, rest = found[1] or found[4], int(found[2] or found[5]), int(found[3] or found[6] or 0)
    if rest >= 60 or hours * 60 + rest > 14 * 60:
        return ""
    return f"{sign}{hours:02d}:{rest:02d}"


def zone_offset(zone: str) -> timedelta:
    """The offset that a non-empty `zone` of a stamp means."""
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def zone_text(offset: timedelta) -> str:
    """The other way round, to the whole minute (zones of before 1900 have seconds)."""
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def utc_stamp(seconds: float) -> Stamp | None:
    """A moment in seconds since 1970 as a UTC stamp, to the whole second; None where it is beyond all calendars."""
    try:
        return Stamp((_EPOCH + timedelta(seconds=seconds)).replace(microsecond=0), utc=True)
    except (OverflowError, ValueError):
        return None


def local(stamp: Stamp, zone: str, timezone: tzinfo | None) -> Stamp | None:
    """
    A UTC stamp as wall-clock time; any other stamp as it is, with `zone` where it has none itself.

    Args:
        stamp: What to convert.
        zone: The photo's own offset, empty where unknown.
        timezone: What holds where the photo does not say; None for the machine's (R22).

    Returns:
        The wall-clock stamp with its zone, or None where it would lie beyond the calendar.
    """
    if not stamp.utc:
        return stamp if stamp.zone or not zone else replace(stamp, zone=zone)
    try:
        if zone:
            return Stamp(stamp.value + zone_offset(zone), stamp.precision, zone)
        there = stamp.value.replace(tzinfo=UTC).astimezone(timezone)
    except (OverflowError, ValueError, OSError):  # the C library's calendar ends sooner than Python's
        return None
    return Stamp(there.replace(tzinfo=None), stamp.precision, zone_text(there.utcoffset() or timedelta()))


def latest_date(now: float) -> datetime:
    """The latest date that is not in the future, on any wall clock; `now` in seconds since 1970."""
    return _EPOCH + timedelta(seconds=now) + AHEAD


def fault(stamp: Stamp, now: float) -> str:
    """
    Why a date cannot be when a photo was taken, in words that follow the date; empty where it can.

    Args:
        stamp: The date. A year or month alone is never one of the nonsense values: no camera writes "1970".
        now: Seconds since 1970.
    """
    if stamp.precision in {Precision.SECOND, Precision.DAY} and stamp.value in NONSENSE:
        return NONSENSE[stamp.value]
    if stamp.value.year < FIRST_YEAR:
        return "is before the first photograph"
    if stamp.value > latest_date(now):
        return "is in the future"
    return ""
