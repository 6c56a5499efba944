"""
A `DateFinding` as columns of a photo's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from facewatchd.domain import DateFinding, DateSource, KnownDate, Precision, ZoneSource

DATE_COLUMNS = (
    "date_value, date_precision, date_source, date_confidence, date_zone, date_problem, date_zone_source, date_hangs"
)
"""In the order of `date_columns`."""

KNOWN_DATE_COLUMNS = "date_value, date_precision, date_source"
"""In the order of `known_date`."""

DATE_MARKS = "?, ?, ?, ?, ?, ?, ?, ?"
"""A mark for each."""


def date_columns(date: DateFinding | None) -> tuple[str | float | None, ...]:
    """The columns of a finding. NULLs if there is none."""
    if date is None:
        return (*(None,) * 7, 0)
    return (
        date.value.isoformat(),
        date.precision,
        date.source,
        date.confidence,
        date.zone,
        date.problem,
        date.zone_source,
        int(date.hangs),
    )


# used for every photo of the tree: several times as fast as calling the enums
_PRECISIONS = {str(precision): precision for precision in Precision}
_ZONE_SOURCES = {str(source): source for source in ZoneSource}
_SOURCES = {str(source): source for source in DateSource}


def date_finding(columns: Sequence[Any]) -> DateFinding | None:
    """The finding in `DATE_COLUMNS`, None where no date was found."""
    value, precision, source, confidence, zone, problem, zone_source, hangs = columns
    if value is None:
        return None
    return DateFinding(
        datetime.fromisoformat(value),
        _PRECISIONS[precision],
        _SOURCES[source],
        confidence,
        zone,
        problem,
        # older versions did not store it
        _ZONE_SOURCES[zone_source] if zone_source else ZoneSource.NONE,
        bool(hangs),
    )


def known_date(value: str | None, precision: str, source: str) -> KnownDate | None:
    """The date in `KNOWN_DATE_COLUMNS`, None where none was found."""
    if value is None:
        return None
    return KnownDate(datetime.fromisoformat(value), _PRECISIONS[precision], _SOURCES[source])
