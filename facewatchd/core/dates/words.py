"""
Dates and their sources, as texts for the user. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from facewatchd.domain import DateSource, Precision, ZoneSource

SOURCE_WORDS: Mapping[DateSource, str] = MappingProxyType(
    {
        DateSource.USER: "your word",
        DateSource.XMP: "its sidecar",
        DateSource.EXIF: "its own tags",
        DateSource.TAKEOUT: "Takeout's JSON",
        DateSource.NAME_TIME: "its name",
        DateSource.NAME_DATE: "its name",
        DateSource.FOLDER: "its folder's name",
        DateSource.MTIME: "the file's time",
    }
)
"""Behind 'by': where a date comes from."""

ZONE_WORDS: Mapping[ZoneSource, str] = MappingProxyType(
    {
        ZoneSource.TAG: "by its own tags",
        ZoneSource.GPS: "by its satellite time",
        ZoneSource.SIDECAR: "by its sidecar",
        ZoneSource.CONFIG: "by dates.timezone",
        ZoneSource.MACHINE: "by this computer",
    }
)
"""Where a zone comes from; `NONE` has no word, as there is no zone."""

_LENGTH = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10}
_NOTHING = "no date"


def date_words(value: datetime, precision: Precision) -> str:
    """A date as fine as it is known: `2019-08-17 12:34:56`, `1987-07`."""
    return value.replace(microsecond=0).isoformat(" ")[: _LENGTH.get(precision, 19)]


def tag_words(text: str) -> str:
    """What stands in a date field, for people."""
    shown = "".join(c if c.isprintable() else "?" for c in text.strip(" \0"))
    return shown[:40] or _NOTHING


def written_words(
    before: str, value: datetime, precision: Precision, source: DateSource, sidecar: str, *, with_photo: bool = False
) -> str:
    """
    What was written, behind the photo's path.

    Args:
        before: The capture date that the photo had, as it stood in its field; empty for none.
        value: The date that was written.
        precision: Finest part of it that is known.
        source: Where it comes from.
        sidecar: The name of the sidecar if it was written there, empty if it was written into the photo.
        with_photo: Whether it was written into both.
    """
    where = f"the sidecar {sidecar}" if sidecar else "the photo"
    if sidecar and with_photo:
        where = f"the photo and {where}"
    return f"{tag_words(before)} -> {date_words(value, precision)}, by {SOURCE_WORDS[source]}; written into {where}"


def undone_words(value: datetime, precision: Precision, now: str, sidecar: str, *, removed: bool) -> str:
    """
    What was taken back, behind the photo's path.

    Args:
        value: The date that had been written.
        precision: Finest part of it that was known.
        now: The capture date that the photo has now; empty for none.
        sidecar: As in `written_words`.
        removed: Whether the sidecar was made by us, and is gone.
    """
    if removed:
        where = f"the sidecar {sidecar}, which was made for it, is removed"
    else:
        where = f"{f'the sidecar {sidecar}' if sidecar else 'the photo'} is as it was, to the byte"
    return f"{date_words(value, precision)} -> {tag_words(now)}; {where}"
