"""Dates that the user gives: what was typed, the order of a spread, and where a shift starts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from facewatchd.core.dates.evidence import Evidence, Tags
from facewatchd.core.dates.given import (
    Candidate,
    Unshifted,
    base_of,
    noon_if_day,
    shifted,
    spread,
    typed_date,
    typed_limit,
    why_impossible,
)
from facewatchd.core.dates.plan import Act, Layout, Mode, plan
from facewatchd.core.dates.rules import ClockShift, DateRules, FolderRule
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.domain import DateFinding, DateSource, Precision

NOW = 1_767_225_600.0
DAY, SECOND = Precision.DAY, Precision.SECOND


@pytest.mark.parametrize(
    ("text", "value", "precision"),
    [
        ("2010-09-11", wall_clock(2010, 9, 11), DAY),
        ("2010-09-11T14:00", wall_clock(2010, 9, 11, 14), SECOND),
        ("2010-09-11T14:00:05", wall_clock(2010, 9, 11, 14, 0, 5), SECOND),
        ("2010-09-11 14:00", wall_clock(2010, 9, 11, 14), SECOND),
        (" 1871-01-18T00:00 ", wall_clock(1871, 1, 18), SECOND),
    ],
)
def test_what_is_typed(text: str, value: datetime, precision: Precision) -> None:
    """A day, or a day and a time."""
    assert typed_date(text) == (value, precision)


@pytest.mark.parametrize(
    "text",
    ["", "2010", "2010-09", "2010-02-30", "11.09.2010", "2010-09-11T24:00", "2010-09-11T14", "2010-09-11T14:00Z", "now",
     "2010-09-11T14:00+02:00", "2010-9-1", "\u0662\u0660\u0661\u0660-09-11"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    """Anything else is refused, and the sentence shows what a date looks like."""
    with pytest.raises(ValueError, match="is no date; dates look like 2010-09-11 or 2010-09-11T14:00:00"):
        typed_date(text)


def test_a_limit_may_be_a_year() -> None:
    """It means its beginning."""
    assert [typed_limit(text) for text in ("2010", "2010-09", "2010-09-11T14:00")] == [
        wall_clock(2010),
        wall_clock(2010, 9),
        wall_clock(2010, 9, 11, 14),
    ]
    with pytest.raises(ValueError, match="is no date"):
        typed_limit("soon")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1970-01-01T00:00", "is what a camera with a flat battery writes"),
        ("1825-12-31", "is before the first photograph"),
        ("2093-01-01", "is in the future"),
        ("1970-01-01", ""),
        ("2000-01-01T00:00", ""),
        ("1839-08-19", ""),
    ],
)
def test_dates_that_no_photo_can_have(text: str, why: str) -> None:
    """The day alone is noon in the file, which is no default of any clock."""
    assert why_impossible(*typed_date(text), NOW) == why


# --- spread


def taken(value: datetime | None, source: DateSource = DateSource.EXIF, precision: Precision = SECOND) -> DateFinding:
    return DateFinding(value or wall_clock(2020), precision, source, 0.9)


def photo(path: bytes, old: DateFinding | None = None, stack: int | None = None, *, own: str = "") -> Candidate:
    return Candidate(path, old, own, hash(path) if stack is None else stack, is_shown=stack is None or stack == 1)


def order(photos: list[Candidate], text: str = "2010-09-11") -> list[bytes]:
    dates = spread(photos, typed_date(text))
    return [each.path for each in sorted(photos, key=lambda each: dates[each.stack])]


def test_photos_keep_their_order_by_time() -> None:
    """A second apart, from noon if only the day is given."""
    photos = [photo(b"a", taken(wall_clock(2002, 1, 3))), photo(b"b", taken(wall_clock(2002, 1, 1)))]
    assert order(photos) == [b"b", b"a"]
    assert sorted(spread(photos, typed_date("2010-09-11")).values()) == [
        wall_clock(2010, 9, 11, 12),
        wall_clock(2010, 9, 11, 12, 0, 1),
    ]
    assert min(spread(photos, typed_date("2010-09-11T08:30")).values()) == wall_clock(2010, 9, 11, 8, 30)


@pytest.mark.parametrize(
    "unknown", [None, taken(None, DateSource.MTIME), taken(None, DateSource.FOLDER), taken(None, precision=DAY)]
)
def test_photos_keep_their_order_by_name_if_one_has_no_time(unknown: DateFinding | None) -> None:
    """Numbers count as numbers, whatever their length."""
    photos = [
        photo(b"IMG_10.jpg", taken(wall_clock(2002, 1, 1))),
        photo(b"IMG_9.jpg", unknown),
        photo(b"img_11.jpg", taken(wall_clock(2002, 1, 2))),
    ]
    assert order(photos) == [b"IMG_9.jpg", b"IMG_10.jpg", b"img_11.jpg"]


def test_equal_times_are_ordered_by_name() -> None:
    """A clock that stood still says nothing of the order."""
    same = taken(wall_clock(2002, 12, 8, 12, 1))
    assert order([photo(b"IMG_10.jpg", same), photo(b"IMG_9.jpg", same)]) == [b"IMG_9.jpg", b"IMG_10.jpg"]


def test_the_files_of_a_stack_share_a_place() -> None:
    """It is that of the photo that is shown."""
    photos = [
        photo(b"IMG_1.CR2", taken(wall_clock(2002)), 2),
        Candidate(b"IMG_1.JPG", taken(wall_clock(2005)), "", 2, is_shown=True),
        photo(b"IMG_2.JPG", taken(wall_clock(2003))),
    ]
    dates = spread(photos, typed_date("2010-09-11"))
    assert len(dates) == 2
    assert dates[2] > dates[photos[2].stack]


def test_a_day_has_an_end() -> None:
    """What does not fit into it is refused."""
    photos = [photo(b"%d" % number) for number in range(61)]
    with pytest.raises(ValueError, match="61 photos a second apart do not fit into the day after 23:59:00"):
        spread(photos, typed_date("2010-09-11T23:59"))
    assert len(spread(photos, typed_date("2010-09-11T23:58:59"))) == 61


# --- shift


HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
T = wall_clock(2004, 5, 6, 7, 8, 9)
CLOCK_START = "2002:12:08 12:00:00"


@pytest.mark.parametrize(
    ("old", "own", "by", "base"),
    [
        (taken(T), "", HOUR, (T, SECOND)),
        (taken(T, DateSource.NAME_TIME), "", HOUR, (T, SECOND)),
        (taken(T, DateSource.XMP), "2001:01:01 01:01:01", HOUR, (T, SECOND)),
        (taken(wall_clock(2004, 5, 6), DateSource.NAME_DATE, DAY), "", YEAR, (wall_clock(2004, 5, 6), DAY)),
        (taken(None, DateSource.MTIME), CLOCK_START, HOUR, (wall_clock(2002, 12, 8, 12), SECOND)),
        (taken(None, DateSource.FOLDER), "1970:01:01 00:00:00", HOUR, (wall_clock(1970), SECOND)),
        (None, "2004:05:06 07:08:09", HOUR, (T, SECOND)),
    ],
)  # fmt: skip
def test_where_a_shift_starts(
    old: DateFinding | None, own: str, by: timedelta, base: tuple[datetime, Precision]
) -> None:
    """What is believed; if that is no time, the camera's own date, also where its clock starts."""
    assert base_of(Candidate(b"a", old, own, 1, is_shown=True), by) == base


@pytest.mark.parametrize(
    ("old", "own", "by", "why"),
    [
        (taken(None, DateSource.MTIME), "", HOUR, "it has no date of its own; 'facewatchd dates set' gives it one"),
        (taken(None, DateSource.MTIME), "0000:00:00 00:00:00", HOUR, "it has no date of its own"),
        (None, "", HOUR, "it has no date of its own"),
        (taken(wall_clock(1987), DateSource.XMP, Precision.YEAR), "", YEAR, "only the year of its date is known"),
        (taken(wall_clock(1987), DateSource.NAME_DATE, DAY), "", HOUR, "only the day of its date is known"),
    ],
)
def test_what_cannot_be_shifted(old: DateFinding | None, own: str, by: timedelta, why: str) -> None:
    """... is left, and says why."""
    base = base_of(Candidate(b"a", old, own, 1, is_shown=True), by)
    assert isinstance(base, Unshifted)
    assert base.why.startswith(why)


def test_the_calendar_ends() -> None:
    """A shift beyond it gives no date."""
    assert shifted((T, SECOND), timedelta(days=99_999)) == (T + timedelta(days=99_999), SECOND)
    assert shifted((T, SECOND), -timedelta(days=999_999)) is None
    assert noon_if_day(wall_clock(2010, 9, 11), DAY) == wall_clock(2010, 9, 11, 12)


# --- rules that may write


TAGS = Tags(original="2004:02:03 04:05:06", model="DF-300")
RULES = DateRules((FolderRule("Scans", wall_clock(1987), Precision.YEAR),), (ClockShift("df-300", HOUR),))


@pytest.mark.parametrize(
    ("path", "value"), [(b"Scans/a.jpg", wall_clock(1987)), (b"b.jpg", wall_clock(2004, 2, 3, 5, 5, 6))]
)
@pytest.mark.parametrize(
    ("mode", "write_rules", "act"),
    [
        (Mode.INPLACE, True, Act.SET),
        (Mode.SIDECAR, True, Act.SET),
        (Mode.REPORT, True, Act.REPORT),
        (Mode.INPLACE, False, Act.REPORT),
        (Mode.SIDECAR, False, Act.REPORT),
    ],
)
def test_rules_change_a_valid_date_only_if_they_may(
    path: bytes, value: datetime, mode: Mode, write_rules: bool, act: Act
) -> None:
    """By `dates.write_rules`, and never in a mode that writes nothing."""
    evidence = Evidence(path, 10**18, TAGS)
    finding = RULES.finding(evidence, NOW, None)
    planned = plan(evidence, finding, Layout(), mode, NOW, write_rules=write_rules)
    assert planned.act is act
    assert finding.value == value
    assert planned.value == (value if act is Act.SET else None)


def test_other_evidence_never_changes_a_valid_date() -> None:
    """`dates.write_rules` is about rules, not about `dates.sources`."""
    evidence = Evidence(b"IMG_20190817_123456.jpg", 10**18, TAGS)
    rules = DateRules(sources=(DateSource.NAME_TIME, DateSource.EXIF))
    finding = rules.finding(evidence, NOW, None)
    assert plan(evidence, finding, Layout(), Mode.INPLACE, NOW, write_rules=True).act is Act.REPORT
