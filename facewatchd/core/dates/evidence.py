"""
The evidence for a photo's date -> one `DateFinding`. Pure: no files, no clock.

The order of the sources is that of requirement R19: XMP sidecar, Exif, Takeout, file name with a time, file name with a day,
folder, mtime. The user may choose another order (`dates.sources`); a source that they leave out is not used. Among the photo's
own tags, Exif's DateTimeOriginal is the date of the picture. XMP and IPTC inside the photo, the satellite's stamp,
DateTimeDigitized and DateTime follow. The last two are believed only if no name or folder has an earlier day, because a scan is
digitized, and an edit is made, after the picture was taken. The satellite's stamp is the last fix, which may be days old. It is
believed only if no other source differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta, tzinfo
from enum import StrEnum

from facewatchd.core.dates.names import date_in_folders, date_in_name
from facewatchd.core.dates.stamps import (
    FIRST_YEAR,
    SUSPECT,
    Stamp,
    fault,
    is_unclear,
    local,
    parse_stamp,
    parse_zone,
    utc_stamp,
    wall_clock,
    zone_text,
)
from facewatchd.domain import DateFinding, DateSource, KnownDate, Precision, ZoneSource

SOURCES = (
    DateSource.XMP,
    DateSource.EXIF,
    DateSource.TAKEOUT,
    DateSource.NAME_TIME,
    DateSource.NAME_DATE,
    DateSource.FOLDER,
)
"""The order of R19, if the user sets none. Rules of the user come before them; the mtime comes last."""

# How often such a source is right. This is estimated, not measured, and follows the order of R19.
CONFIDENCE_XMP = 0.97  # a person, or a program for them, has set it on purpose
CONFIDENCE_ORIGINAL = 0.95  # the camera's clock, at the moment itself
CONFIDENCE_EMBEDDED = 0.94  # XMP or IPTC inside the photo: what a program copied from Exif, or somebody typed
CONFIDENCE_GPS = 0.9  # of an exact clock, and believed only if no other source differs
CONFIDENCE_TAKEOUT = 0.9  # mostly copied from Exif; sometimes the day of the upload
CONFIDENCE_NAME_TIME = 0.85  # from the clock of the camera; copies keep it
CONFIDENCE_DIGITIZED = 0.8  # equal to DateTimeOriginal in cameras, the scanner's day in scans
CONFIDENCE_NAME_DATE = 0.75
CONFIDENCE_RECEIVED = 0.6  # messengers use the day of receipt, which is mostly the day of the picture
CONFIDENCE_MODIFIED = 0.5
CONFIDENCE_FOLDER = 0.5  # people make folders by event, and programs by import
CONFIDENCE_SUSPECT = 0.3
CONFIDENCE_MTIME = 0.1  # mostly the day of a copy of the file
CONFIDENCE_NONE = 0.0

# A satellite's stamp and the camera's clock differ by the zone. It is believed if the rest is at most this.
_ZONE_SLACK = timedelta(minutes=2)
_ZONE_STEP = timedelta(minutes=15)
_FIRST_GPS_YEAR = (
    2002  # of Exif 2.2, which brought the tag; receivers that lost count of the weeks are 1024 of them behind
)
_NO_ZONE = ("", ZoneSource.NONE)


@dataclass(frozen=True, slots=True)
class Embedded:
    """
    The dates that a photo holds outside of its Exif block, as the texts stand in it; empty where there are none.

    Attributes:
        original: XMP's exif:DateTimeOriginal.
        created: XMP's photoshop:DateCreated.
        iptc: IPTC's DateCreated (2:55) with TimeCreated (2:60), in the form of the others.
        digitized: XMP's xmp:CreateDate, which programs fill from DateTimeDigitized.
    """

    original: str = ""
    created: str = ""
    iptc: str = ""
    digitized: str = ""


@dataclass(frozen=True, slots=True)
class Tags:
    """
    A photo's own date tags, as the texts stand in it; empty where there are none.

    Attributes:
        original: DateTimeOriginal (36867), when it was taken.
        digitized: DateTimeDigitized (36868): of a scan, when it was scanned.
        modified: DateTime (306), when the file was last changed.
        original_offset: OffsetTimeOriginal (36881), and likewise for the other two (36882, 36880).
        original_subsec: SubSecTimeOriginal (37521), and likewise for the other two (37522, 37520).
        gps: GPSDateStamp and GPSTimeStamp in the form of the others; UTC.
        make: Who made the camera.
        model: Which camera.
        problems: What could not be read, in a few words each.
        embedded: What its XMP and IPTC say.
    """

    original: str = ""
    digitized: str = ""
    modified: str = ""
    original_offset: str = ""
    digitized_offset: str = ""
    modified_offset: str = ""
    original_subsec: str = ""
    digitized_subsec: str = ""
    modified_subsec: str = ""
    gps: str = ""
    make: str = ""
    model: str = ""
    problems: tuple[str, ...] = ()
    embedded: Embedded = field(default_factory=Embedded)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """
    The dates of an XMP sidecar, as the texts stand in it; empty where there are none.

    Attributes:
        original: exif:DateTimeOriginal.
        created: photoshop:DateCreated.
        digitized: xmp:CreateDate, which programs fill from DateTimeDigitized.
        problem: Why it could not be read, empty where it could.
    """

    original: str = ""
    created: str = ""
    digitized: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Takeout:
    """
    The date in Google Takeout's JSON of a photo.

    Attributes:
        taken: photoTakenTime in seconds since 1970, or None where it is missing.
        problem: Why it could not be used, empty where it could.
    """

    taken: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    The evidence for a photo's date, without the rules of the user.

    Attributes:
        path: Relative to the root.
        mtime_ns: Last change of the file, nanoseconds since 1970.
        tags: The photo's own.
        sidecar: Of the XMP file beside it, if there is one.
        takeout: Of the Takeout JSON beside it, if there is one.
    """

    path: bytes
    mtime_ns: int
    tags: Tags = field(default_factory=Tags)
    sidecar: Sidecar | None = None
    takeout: Takeout | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    source: DateSource
    confidence: float
    stamp: Stamp
    # always later than the picture: not believed against an earlier date
    late: bool = False
    # perhaps of another picture: not believed against any other date
    weak: bool = False
    zone_source: ZoneSource = ZoneSource.NONE


def date_of(
    evidence: Evidence, now: float, timezone: tzinfo | None, sources: Sequence[DateSource] = SOURCES
) -> DateFinding:
    """
    The best date that the evidence supports.

    Args:
        evidence: What is known of the photo.
        now: Seconds since 1970.
        timezone: The zone for moments that are known in UTC only (`dates.timezone`). None for the machine's zone. The
            photo's own zone (offset tags, else satellite time) comes first.
        sources: The sources to use, the most believed first; see `SOURCES`.

    Returns:
        Always a finding: the mtime if there is nothing better, or the present with confidence 0 if the mtime is nonsense
        too. It is never before 1826 or more than 24 hours after `now`.
    """
    zone, zone_source = _own_zone(evidence.tags, now) if DateSource.EXIF in sources else _NO_ZONE
    if not zone:
        zone_source = ZoneSource.MACHINE if timezone is None else ZoneSource.CONFIG
    problem = tag_problem(evidence.tags, now)
    possible: list[_Candidate] = []
    for candidate in _ranked(_candidates(evidence, now), sources):
        if fault(candidate.stamp, now):
            continue  # a nonsense date in UTC cannot be recognised in wall-clock time
        given = candidate.stamp
        stamp = local(given, zone if given.utc or candidate.source is DateSource.EXIF else "", timezone)
        if stamp is not None and not fault(stamp, now):
            said = ZoneSource.SIDECAR if candidate.source is DateSource.XMP else ZoneSource.TAG
            by = zone_source if given.utc or not given.zone else said
            possible.append(replace(candidate, stamp=stamp, zone_source=by if stamp.zone else ZoneSource.NONE))
    for candidate in possible:
        if candidate.late and any(_earlier(other.stamp, candidate.stamp) for other in possible if not other.late):
            continue
        if candidate.weak and any(_says_otherwise(other, candidate) for other in possible if other is not candidate):
            continue
        best = _finer(candidate, possible)
        stamp, confidence = best.stamp, best.confidence
        if stamp.value in SUSPECT and best.source is DateSource.EXIF:
            confidence = CONFIDENCE_SUSPECT
        return DateFinding(
            stamp.value,
            stamp.precision,
            best.source,
            confidence,
            stamp.zone,
            problem or _overruled(evidence.tags, best),
            best.zone_source,
        )
    return _from_mtime(evidence.mtime_ns, now, timezone, problem)


# how much of "2019-08-17" is known
_PREFIX_LENGTH = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10, Precision.SECOND: 10}


def date_prefix(finding: DateFinding | KnownDate) -> str:
    """The date for link names: as precise as it is known, at most to the day."""
    # The time of a copy does not tell when the picture was taken, and a wrong date in a name is worse than none.
    if finding.source is DateSource.MTIME:
        return ""
    return finding.value.date().isoformat()[: _PREFIX_LENGTH[finding.precision]]


class Standing(StrEnum):
    """How a photo's date is counted, in `status` and in the report."""

    RIGHT = "right"  # the photo or its sidecar has it
    FIXED = "fixed"  # we wrote it into or beside the photo
    REPORTED = "reported"  # neither


def standing(source: DateSource, *, has_problem: bool, written: bool) -> Standing:
    """
    How a photo's date is counted.

    Args:
        source: Where its date comes from.
        has_problem: Whether something is wrong with the photo's own.
        written: Whether we wrote a date that holds.
    """
    if written:
        return Standing.FIXED
    return Standing.RIGHT if not has_problem or source is DateSource.XMP else Standing.REPORTED


def tag_problem(tags: Tags, now: float) -> str:
    """What is wrong with the photo's own capture date (DateTimeOriginal), in a few words. Empty if it is right."""
    text = tags.original.strip(" \0")
    if not text:
        return tags.problems[0] if tags.problems else "no date"
    if not text.strip(" :-/0T"):
        return f"{text} is no date" if "0" in text else "the date is blank"
    stamp = parse_stamp(text)
    if stamp is None:
        return f"{text[:40]!r} {'may be a date, but which is not clear' if is_unclear(text) else 'is no date'}"
    wrong = fault(stamp, now) or SUSPECT.get(stamp.value, "")
    return f"{text[:40]} {wrong}" if wrong else ""


def _candidates(evidence: Evidence, now: float) -> Iterator[_Candidate]:
    """All possible dates, best first, not yet validated."""
    tags, sidecar, takeout = evidence.tags, evidence.sidecar, evidence.takeout
    if sidecar is not None:
        for text in (sidecar.original, sidecar.created):
            yield from _from_text(DateSource.XMP, CONFIDENCE_XMP, text)
        yield from _from_text(DateSource.XMP, CONFIDENCE_DIGITIZED, sidecar.digitized, late=True)
    yield from _from_text(DateSource.EXIF, CONFIDENCE_ORIGINAL, tags.original, tags.original_offset)
    embedded = tags.embedded
    for text in (embedded.original, embedded.created, embedded.iptc):
        yield from _from_text(DateSource.EXIF, CONFIDENCE_EMBEDDED, text)
    if (satellite := _gps_stamp(tags)) is not None:
        yield _Candidate(DateSource.EXIF, CONFIDENCE_GPS, satellite, weak=True)
    yield from _from_text(DateSource.EXIF, CONFIDENCE_DIGITIZED, tags.digitized, tags.digitized_offset, late=True)
    yield from _from_text(DateSource.EXIF, CONFIDENCE_DIGITIZED, embedded.digitized, late=True)
    if takeout is not None and takeout.taken is not None and (moment := utc_stamp(takeout.taken)) is not None:
        yield _Candidate(DateSource.TAKEOUT, CONFIDENCE_TAKEOUT, moment)
    named = date_in_name(evidence.path, now)
    if named is not None and named.stamp.precision is Precision.SECOND:
        yield _Candidate(DateSource.NAME_TIME, CONFIDENCE_NAME_TIME, named.stamp)
    elif named is not None:
        confidence = CONFIDENCE_RECEIVED if named.received else CONFIDENCE_NAME_DATE
        yield _Candidate(DateSource.NAME_DATE, confidence, named.stamp)
    yield from _from_text(DateSource.EXIF, CONFIDENCE_MODIFIED, tags.modified, tags.modified_offset, late=True)
    if (folder := date_in_folders(evidence.path, now)) is not None:
        yield _Candidate(DateSource.FOLDER, CONFIDENCE_FOLDER, folder)


def _ranked(candidates: Iterator[_Candidate], sources: Sequence[DateSource]) -> list[_Candidate]:
    """Those of the used sources, the most believed first."""
    place = {source: at for at, source in enumerate(sources)}

    def rank(candidate: _Candidate) -> tuple[int, bool]:
        if candidate.confidence != CONFIDENCE_MODIFIED or candidate.source is not DateSource.EXIF:
            return place[candidate.source], False
        # the day of the last change is a tag, but is believed less than any name
        names = (DateSource.EXIF, DateSource.NAME_TIME, DateSource.NAME_DATE)
        return max(place[source] for source in names if source in place), True

    return sorted((candidate for candidate in candidates if candidate.source in place), key=rank)


def _overruled(tags: Tags, chosen: _Candidate) -> str:
    """What is wrong with a valid capture date, if a source that the user prefers has another date."""
    own = parse_stamp(tags.original)
    if own is None or SOURCES.index(chosen.source) <= SOURCES.index(DateSource.EXIF):
        return ""
    if not _earlier(own, chosen.stamp) and not _earlier(chosen.stamp, own):
        return ""
    return f"{tags.original.strip(' ')[:40]} is not what {chosen.source} says (dates.sources)"


def _from_text(
    source: DateSource, confidence: float, text: str, offset: str = "", *, late: bool = False
) -> Iterator[_Candidate]:
    stamp = parse_stamp(text)
    if stamp is None:
        return
    zone = stamp.zone or parse_zone(offset)
    if zone and not stamp.utc and stamp.precision is Precision.SECOND:
        stamp = Stamp(stamp.value, stamp.precision, zone)
    yield _Candidate(source, confidence, stamp, late)


def _gps_stamp(tags: Tags) -> Stamp | None:
    stamp = parse_stamp(tags.gps)
    if stamp is None or stamp.precision is not Precision.SECOND or stamp.value.year < _FIRST_GPS_YEAR:
        return None
    return Stamp(stamp.value, utc=True)


def _own_zone(tags: Tags, now: float) -> tuple[str, ZoneSource]:
    """The photo's own zone: its offset tags, else the difference of its clock to the satellite time (R22)."""
    for offset in (tags.original_offset, tags.digitized_offset, tags.modified_offset):
        if zone := parse_zone(offset):
            return zone, ZoneSource.TAG
    stamp, satellite = parse_stamp(tags.original), _gps_stamp(tags)
    if stamp is None or satellite is None or stamp.precision is not Precision.SECOND or fault(stamp, now):
        return _NO_ZONE
    difference = stamp.value - satellite.value
    ahead = round(difference / _ZONE_STEP) * _ZONE_STEP
    if abs(difference - ahead) > _ZONE_SLACK or not timedelta(hours=-12) <= ahead <= timedelta(hours=14):
        return _NO_ZONE
    return zone_text(ahead), ZoneSource.GPS


def _earlier(one: Stamp, other: Stamp) -> bool:
    """Whether `one` is an earlier day than `other`, as far as both are known: 2019 is not before May 2019."""
    keep = min({Precision.YEAR: 1, Precision.MONTH: 2}.get(stamp.precision, 3) for stamp in (one, other))
    return one.value.timetuple()[:keep] < other.value.timetuple()[:keep]


def _finer(chosen: _Candidate, possible: Sequence[_Candidate]) -> _Candidate:
    """IPTC mostly has the day only. A name with a time on the same day is the same date, more precisely."""
    if chosen.confidence != CONFIDENCE_EMBEDDED or chosen.stamp.precision is Precision.SECOND:
        return chosen
    return next(
        (
            other
            for other in possible
            if other.stamp.precision is Precision.SECOND
            and not (
                other.late or other.weak or _earlier(other.stamp, chosen.stamp) or _earlier(chosen.stamp, other.stamp)
            )
        ),
        chosen,
    )


def _says_otherwise(other: _Candidate, weak: _Candidate) -> bool:
    """
    Whether another candidate is believed instead of a weak one: it has a time, or another day. The day of the last change
    is always later, so it counts only if it is earlier.
    """
    if other.confidence == CONFIDENCE_MODIFIED and other.late:
        return _earlier(other.stamp, weak.stamp)
    if other.stamp.precision is Precision.SECOND:
        return True
    return _earlier(other.stamp, weak.stamp) or _earlier(weak.stamp, other.stamp)


def _from_mtime(mtime_ns: int, now: float, timezone: tzinfo | None, problem: str) -> DateFinding:
    for seconds, confidence in ((mtime_ns // 1_000_000_000, CONFIDENCE_MTIME), (now, CONFIDENCE_NONE)):
        moment = utc_stamp(seconds)
        stamp = None if moment is None else local(moment, "", timezone)
        if stamp is not None and moment is not None and not (fault(moment, now) or fault(stamp, now)):
            by = ZoneSource.MACHINE if timezone is None else ZoneSource.CONFIG
            return DateFinding(stamp.value, stamp.precision, DateSource.MTIME, confidence, stamp.zone, problem, by)
    # only if the machine's clock is nonsense
    return DateFinding(wall_clock(FIRST_YEAR), Precision.YEAR, DateSource.MTIME, CONFIDENCE_NONE, "", problem)
