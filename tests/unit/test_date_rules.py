"""
The user's word about dates: folders of one date, and clocks that were wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facewatchd.core.dates.evidence import Evidence, Tags, Takeout, date_of
from facewatchd.core.dates.plan import Act, Layout, Mode, plan
from facewatchd.core.dates.rules import ClockShift, DateRules, FolderRule, rule_date, shift_by
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.domain import DateFinding, DateSource, Precision

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
MTIME_NS = 1_600_000_000_000_000_000
SCANS = FolderRule("Scans/1987*", wall_clock(1987), Precision.YEAR)
SHOT = Tags(original="2004:01:15 12:00:00", model="DF-300 ")
HOUR = ClockShift("df-300", timedelta(hours=1), wall_clock(2004, 1, 1), wall_clock(2004, 2, 1))


def found(
    path: bytes, tags: Tags | None = None, rules: DateRules | None = None, takeout: Takeout | None = None
) -> DateFinding:
    evidence = Evidence(path, MTIME_NS, tags or Tags(), takeout=takeout)
    return (rules or DateRules((SCANS,))).finding(evidence, NOW, UTC)


@pytest.mark.parametrize(
    ("pattern", "path", "covers"),
    [
        ("Scans/1987*", b"Scans/1987/a.jpg", True),
        ("Scans/1987*", b"Scans/1987 Summer/x/y.jpg", True),
        ("Scans/1987*", b"Scans/1987-001.tif", True),
        ("Scans/1987*", b"Scans/1988/1987.jpg", False),
        ("Scans/1987*", b"Old/Scans/1987/a.jpg", False),
        ("Scans/1987*", b"Scans", False),
        ("Scans", b"Scans/1987/a.jpg", True),
        ("Scans/", b"Scans/a.jpg", True),
        ("*/Box ?", b"Scans/Box 3/a.jpg", True),
        ("*/Box ?", b"Scans/Box 33/a.jpg", False),
        ("Scans", b"scans/a.jpg", False),
        ("caf\udce9", b"caf\xe9/a.jpg", True),
    ],
)
def test_what_a_rule_covers(pattern: str, path: bytes, covers: bool) -> None:
    """Names level by level; a star does not reach over a slash."""
    assert FolderRule(pattern, wall_clock(1987), Precision.YEAR).covers(path) is covers


def test_a_rule_goes_before_everything() -> None:
    """A scanner's day, Takeout's, the name's: the user knows better."""
    for path, tags, takeout in (
        (b"Scans/1987/a.jpg", Tags(), None),
        (b"Scans/1987/a.jpg", Tags(original="2015:01:01 01:01:01"), None),
        (b"Scans/1987/IMG_20150101_010101.jpg", Tags(), None),
        (b"Scans/1987/a.jpg", Tags(), Takeout(1_566_045_296.0)),
    ):
        date = found(path, tags, takeout=takeout)
        assert (date.value, date.precision, date.source) == (wall_clock(1987), Precision.YEAR, DateSource.USER)
    assert found(b"Other/a.jpg").source is DateSource.MTIME


def test_a_finer_date_that_agrees_stays() -> None:
    """The rule says 1987, the tag says which day of it."""
    date = found(b"Scans/1987/a.jpg", Tags(original="1987:06:05 04:03:02"))
    assert (date.value, date.source) == (wall_clock(1987, 6, 5, 4, 3, 2), DateSource.EXIF)


def test_a_valid_date_is_contradicted_but_not_overwritten() -> None:
    """The scanner's DateTimeOriginal stays in the file; links and reports follow the user."""
    tags = Tags(original="2015:01:01 01:01:01")
    evidence = Evidence(b"Scans/1987/a.jpg", MTIME_NS, tags)
    date = DateRules((SCANS,)).finding(evidence, NOW, UTC)
    assert date.problem == "2015:01:01 01:01:01 is not what dates.rules says"
    assert plan(evidence, date, Layout(), Mode.INPLACE, NOW).act is Act.REPORT


def test_the_first_rule_that_fits_holds() -> None:
    """From top to bottom."""
    rules = DateRules((SCANS, FolderRule("Scans", wall_clock(1990), Precision.YEAR)))
    assert found(b"Scans/1987/a.jpg", rules=rules).value.year == 1987
    assert found(b"Scans/1991/a.jpg", rules=rules).value.year == 1990


SHIFTED = {
    "in the interval": (SHOT, wall_clock(2004, 1, 15, 13)),
    "another camera": (Tags(original="2004:01:15 12:00:00", model="X"), None),
    "before it": (Tags(original="2003:12:31 23:59:59", model="DF-300"), None),
    "at its end": (Tags(original="2004:02:01 00:00:00", model="DF-300"), None),
    "at its beginning": (Tags(original="2004:01:01 00:00:00", model="DF-300"), wall_clock(2004, 1, 1, 1)),
    "satellite time": (Tags(gps="2004:01:15 12:00:00", model="DF-300"), None),
}


@pytest.mark.parametrize(("tags", "wanted"), SHIFTED.values(), ids=list(SHIFTED))
def test_a_clock_is_put_right(tags: Tags, wanted: datetime | None) -> None:
    """By camera and interval, of the camera's own dates."""
    date = found(b"a.jpg", tags, DateRules((), (HOUR,)))
    plain = date_of(Evidence(b"a.jpg", MTIME_NS, tags), NOW, UTC)
    assert date.value == (wanted or plain.value)
    assert (date.source is DateSource.USER) is (wanted is not None)


def test_a_shifted_photo_is_left_alone() -> None:
    """Its own date is valid, if wrong."""
    evidence = Evidence(b"a.jpg", MTIME_NS, SHOT)
    date = DateRules((), (HOUR,)).finding(evidence, NOW, UTC)
    assert "wrong clock" in date.problem
    assert plan(evidence, date, Layout(), Mode.INPLACE, NOW).act is Act.REPORT


def test_a_shift_into_the_future_is_not_believed() -> None:
    """Nor one beyond the calendar."""
    for days in (9999, 4_000_000):
        rules = DateRules((), (ClockShift("DF-300", timedelta(days=days)),))
        assert found(b"a.jpg", SHOT, rules).value == wall_clock(2004, 1, 15, 12)


@pytest.mark.parametrize(
    ("text", "precision", "value", "known"),
    [
        ("1987", "", wall_clock(1987), Precision.YEAR),
        ("1987-07", "", wall_clock(1987, 7), Precision.MONTH),
        ("1987-07-01", "", wall_clock(1987, 7, 1), Precision.DAY),
        ("1987-07-01 12:34:56", "", wall_clock(1987, 7, 1, 12, 34, 56), Precision.SECOND),
        ("1987-07-01", "year", wall_clock(1987), Precision.YEAR),
        ("1987-07-09", "month", wall_clock(1987, 7), Precision.MONTH),
        ("1987-07-01 12:34:56", "day", wall_clock(1987, 7, 1), Precision.DAY),
    ],
)
def test_dates_of_rules(text: str, precision: str, value: datetime, known: Precision) -> None:
    """As fine as they are given, or coarser."""
    assert rule_date(text, precision) == (value, known)


@pytest.mark.parametrize(("text", "precision"), [("1987", "day"), ("soon", ""), ("1987-02-30", ""), ("", "")])
def test_dates_that_are_none(text: str, precision: str) -> None:
    """Refused when the configuration is read."""
    with pytest.raises(ValueError, match=r"is no date|is not known"):
        rule_date(text, precision)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("+1d", timedelta(days=1)),
        ("-1d 02:30", timedelta(days=-1, hours=-2, minutes=-30)),
        ("+00:00:07", timedelta(seconds=7)),
        ("-365d", timedelta(days=-365)),
        ("+ 01:00", timedelta(hours=1)),
    ],
)
def test_differences_of_time(text: str, by: timedelta) -> None:
    """Days, hours, minutes, seconds."""
    assert shift_by(text) == by


@pytest.mark.parametrize("text", ["", "+", "1d", "+1", "+1y", "+1d2d", "+1:0"])
def test_differences_that_are_none(text: str) -> None:
    """Refused when the configuration is read."""
    with pytest.raises(ValueError, match="not a difference of time"):
        shift_by(text)
