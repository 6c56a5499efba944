"""
Dates that the user gives to photos by a command: what was typed, and which photo gets which date. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from facewatchd.core.dates.rules import rule_date
from facewatchd.core.dates.stamps import Stamp, fault, parse_stamp, wall_clock
from facewatchd.domain import DateFinding, DateSource, Precision

_NOON = 12
_TYPED = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?", re.ASCII)
_STEP = timedelta(seconds=1)
_DAY = timedelta(days=1)
_NUMBERS = re.compile(r"(\d+)", re.ASCII)
# what only tells when a file was copied, or what somebody called a folder
_NO_TIME = frozenset({DateSource.MTIME, DateSource.FOLDER})

Known = tuple[datetime, Precision]
"""A date and its finest part that is known."""


def noon_if_day(value: datetime, precision: Precision) -> datetime:
    """What is written into fields with a time: noon if only the day is known."""
    return value.replace(hour=_NOON) if precision is Precision.DAY else value


def typed_date(text: str) -> Known:
    """
    A date as the user types it: `2010-09-11`, `2010-09-11T14:00` or `2010-09-11T14:00:00`.

    Raises:
        ValueError: It is none.
    """
    found = _TYPED.fullmatch(text.strip())
    try:
        value = wall_clock(*map(int, found.groups("0"))) if found is not None else None
    except ValueError:
        value = None
    if found is None or value is None:
        raise ValueError(f"'{text}' is no date; dates look like 2010-09-11 or 2010-09-11T14:00:00")
    return value, Precision.DAY if found[4] is None else Precision.SECOND


def typed_limit(text: str) -> datetime:
    """
    The beginning of a date as the user types it, also of a year or month.

    Raises:
        ValueError: It is none.
    """
    try:
        return typed_date(text)[0]
    except ValueError:
        return rule_date(text)[0]


def why_impossible(value: datetime, precision: Precision, now: float) -> str:
    """
    Why no photo can have a date, in words that follow the date; empty if one can.

    Args:
        value: The date.
        precision: Finest part of it that is known.
        now: Seconds since 1970.
    """
    return fault(Stamp(noon_if_day(value, precision)), now)


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    A photo that may get a date.

    Attributes:
        path: Absolute.
        old: What is known of its date. None if nothing is.
        own: The capture date that stands in the photo, as a text, also if it is nonsense.
        stack: Equal for all files of one stack, which share their date.
        is_shown: Whether it is the primary photo of its stack.
    """

    path: bytes
    old: DateFinding | None
    own: str
    stack: int
    is_shown: bool


def spread(candidates: Sequence[Candidate], first: Known) -> dict[int, datetime]:
    """
    One date after the other, a second apart, so that photos keep their order: by their old times if all have one, else by
    their names (IMG_9 comes before IMG_10).

    Args:
        candidates: The photos.
        first: The date of the first; noon if only the day is known.

    Returns:
        The date of each stack.

    Raises:
        ValueError: The day is too short.
    """
    shown: dict[int, Candidate] = {}
    for candidate in candidates:
        if candidate.stack not in shown or candidate.is_shown:
            shown[candidate.stack] = candidate
    photos = sorted(shown.values(), key=lambda photo: _in_order(photo.path))
    times = [_time(photo.old) for photo in photos]
    known = [time for time in times if time is not None]
    if len(known) == len(photos):
        photos = [photo for _, photo in sorted(zip(known, photos, strict=True), key=lambda pair: pair[0])]
    start = noon_if_day(*first)
    if photos and (start + (len(photos) - 1) * _STEP).date() != start.date():
        raise ValueError(
            f"{len(photos):,} photos a second apart do not fit into the day after {start:%H:%M:%S}: give an earlier time, or "
            "fewer photos"
        )
    return {photo.stack: start + at * _STEP for at, photo in enumerate(photos)}


def _time(old: DateFinding | None) -> datetime | None:
    """The moment of a photo, if it is one."""
    return old.value if old is not None and old.precision is Precision.SECOND and old.source not in _NO_TIME else None


def _in_order(path: bytes) -> tuple[list[tuple[int, str]], bytes]:
    """Orders paths as people do: numbers by what they mean."""
    text = path.decode("utf-8", "surrogateescape").casefold()
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(text) if part]
    return parts, path


@dataclass(frozen=True, slots=True)
class Unshifted:
    """Why a photo has no date that can be shifted, as a sentence without its full stop."""

    why: str


def base_of(candidate: Candidate, by: timedelta) -> Known | Unshifted:
    """
    The date of a photo that a shift starts from: what is believed. If that is no time, the one that stands in the photo, even if it
    is where the clock of a camera starts: the clock went on from there.

    Args:
        candidate: The photo.
        by: The shift.
    """
    old = candidate.old
    if old is not None and old.source not in _NO_TIME:
        if old.precision is Precision.SECOND or (old.precision is Precision.DAY and not by % _DAY):
            return old.value, old.precision
        if old.precision is not Precision.DAY:
            return Unshifted(f"only the {old.precision} of its date is known")
    own = parse_stamp(candidate.own)
    if own is not None and own.precision is Precision.SECOND:
        return own.value, own.precision
    if old is not None and old.source not in _NO_TIME:
        return Unshifted("only the day of its date is known")
    return Unshifted("it has no date of its own; 'facewatchd dates set' gives it one")


def shifted(base: Known, by: timedelta) -> Known | None:
    """The date after a shift; None if it is beyond the calendar."""
    try:
        return base[0] + by, base[1]
    except OverflowError:
        return None
