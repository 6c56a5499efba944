"""
What may be done about a date: a table of decisions (R11, R12, R18, R19).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.dates.evidence import SOURCES, Embedded, Evidence, Sidecar, Tags, Takeout, date_of
from facewatchd.core.dates.neighbours import Between, neighbours
from facewatchd.core.dates.plan import Act, DateField, DatePlan, Layout, Mode, nonsense, plan, unwritable
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.domain import DateFinding, DateSource, Precision

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
MTIME_NS = 1_600_000_000_000_000_000
ZEROS, VALID = b"0000:00:00 00:00:00\0", b"2012:02:02 02:02:02\0"
TIMED, DAY, UNDATED = b"2016/IMG_20190817_123456.jpg", b"IMG-20190817-WA0001.jpg", b"DSC1.jpg"
SPOILT = Tags(original="0000:00:00 00:00:00", model="DF-300")


def field(tag: int, content: bytes = ZEROS, at: int = 100) -> DateField:
    return DateField(tag, at + tag % 100, content)


FIELDS = Layout((field(306), field(36867), field(36868)), has_block=True)
NO_BLOCK = Layout(can_insert=True)
NO_DATES = Layout(has_block=True)
EXTENSIBLE = Layout(has_block=True, can_extend=True)


def decide(
    path: bytes = TIMED,
    tags: Tags = SPOILT,
    layout: Layout = FIELDS,
    mode: Mode = Mode.INPLACE,
    *,
    sidecar: Sidecar | None = None,
    takeout: Takeout | None = None,
    finding: DateFinding | None = None,
    write_date_only: bool = False,
    mtime_ns: int = MTIME_NS,
) -> DatePlan:
    evidence = Evidence(path, mtime_ns, tags, sidecar, takeout)
    found = finding or date_of(evidence, NOW, UTC)
    return plan(evidence, found, layout, mode, NOW, write_date_only=write_date_only)


USER_YEAR = DateFinding(wall_clock(1987), Precision.YEAR, DateSource.USER, 1.0, "", "no date")
BY_SIDECAR = DateFinding(wall_clock(2019, 8, 17, 12, 34, 56), Precision.SECOND, DateSource.XMP, 0.97, "", "no date")
USER_DAY = DateFinding(wall_clock(1987, 7, 1), Precision.DAY, DateSource.USER, 1.0, "", "no date")

DECISIONS = {
    # --- by source: the first five of R19 are written, the others reported
    "a name with a time": (decide(), Act.PATCH, ""),
    "Takeout": (decide(UNDATED, takeout=Takeout(1_566_045_296.0)), Act.PATCH, ""),
    "a sidecar's date": (decide(UNDATED, sidecar=Sidecar("2019-08-17T12:34:56")), Act.PATCH, ""),
    "the user's word, to the day": (decide(UNDATED, finding=USER_DAY), Act.PATCH, ""),
    "a satellite's": (decide(UNDATED, replace(SPOILT, gps="2019:08:17 10:34:56")), Act.PATCH, ""),
    "a name with a day": (decide(DAY), Act.REPORT, "only the day is known"),
    "a folder": (decide(b"2016/DSC1.jpg"), Act.REPORT, "only the folder's name"),
    "the mtime": (decide(UNDATED), Act.REPORT, "only the file's own time"),
    "the last change": (decide(UNDATED, replace(SPOILT, modified="2019:08:17 12:34:56")), Act.REPORT, "last change"),
    # --- a name with a day, where the user has asked for it
    "a name with a day, asked for": (decide(DAY, write_date_only=True), Act.PATCH, ""),
    "a sidecar's day": (decide(UNDATED, sidecar=Sidecar("2019-08-17")), Act.REPORT, "only the day"),
    "a sidecar's year": (
        decide(UNDATED, sidecar=Sidecar("2019"), write_date_only=True),
        Act.REPORT,
        "only the year is known",
    ),
    # --- digitizing: a camera's second opinion, or the scanner's day
    "a camera spoilt one of two": (decide(UNDATED, replace(SPOILT, digitized="2019:08:17 12:34:56")), Act.PATCH, ""),
    "a scanner's day": (
        decide(UNDATED, Tags(digitized="2019:08:17 12:34:56", model="Scanner"), NO_DATES),
        Act.REPORT,
        "scanner's day",
    ),
    "digitized by nobody": (
        decide(UNDATED, Tags(original="0000:00:00 00:00:00", digitized="2019:08:17 12:34:56")),
        Act.REPORT,
        "scanner's day",
    ),
    "an XMP sidecar's day of digitizing": (
        decide(UNDATED, Tags(model="Scanner"), NO_BLOCK, sidecar=Sidecar(digitized="2019-08-17T12:34:56")),
        Act.REPORT,
        "scanner's day",
    ),
    # --- a time is written only where the photo's own offset would not give it another meaning
    "a sidecar of the same zone": (
        decide(UNDATED, replace(SPOILT, original_offset="+02:00"), sidecar=Sidecar("2019-08-17T12:34:56+02:00")),
        Act.PATCH,
        "",
    ),
    "a sidecar of another zone": (
        decide(UNDATED, replace(SPOILT, original_offset="-07:00"), sidecar=Sidecar("2019-08-17T12:34:56+02:00")),
        Act.NOTHING,
        "its sidecar has the date",
    ),
    "a name, whose clock was the camera's": (decide(tags=replace(SPOILT, original_offset="-07:00")), Act.PATCH, ""),
    "Takeout's moment in the photo's zone": (
        decide(UNDATED, replace(SPOILT, modified_offset="-07:00"), takeout=Takeout(1_566_045_296.0)),
        Act.PATCH,
        "",
    ),
    # --- a computer that lives in the past takes what is right for the future
    "a file newer than now": (
        decide(tags=Tags(original="2027:02:02 02:02:02"), mtime_ns=int((NOW + 500 * 86_400) * 1e9)),
        Act.REPORT,
        "this computer's clock",
    ),
    # --- valid dates are never overwritten
    "right": (decide(tags=Tags(original="2012:02:02 02:02:02")), Act.NOTHING, ""),
    "right, though a sidecar says otherwise": (
        decide(tags=Tags(original="2012:02:02 02:02:02"), sidecar=Sidecar("2019-08-17T12:34:56")),
        Act.NOTHING,
        "",
    ),
    "right, to the day": (decide(tags=Tags(original="2012:02:02")), Act.NOTHING, ""),
    "hour 24": (decide(tags=Tags(original="2012:02:02 24:04:20")), Act.NOTHING, ""),
    "suspect": (decide(tags=Tags(original="2000:01:01 00:00:00")), Act.REPORT, "never set"),
    "another field is valid": (
        decide(layout=Layout((field(36867), DateField(36867, 500, VALID)), has_block=True)),
        Act.REPORT,
        "another date in the photo is valid",
    ),
    "the date found is suspect": (
        decide(UNDATED, sidecar=Sidecar("2000-01-01T00:00:00")),
        Act.REPORT,
        "may itself be",
    ),
    # --- by layout
    "no block": (decide(tags=Tags(), layout=NO_BLOCK), Act.EXIF, "no date"),
    "no block, and none can be put in": (decide(tags=Tags(), layout=Layout()), Act.SIDECAR, ""),
    "a block without dates": (decide(tags=Tags(), layout=NO_DATES), Act.SIDECAR, ""),
    "a block without dates that can be extended": (decide(tags=Tags(), layout=EXTENSIBLE), Act.EXTEND, "no date"),
    "a day for a block that can be extended": (
        decide(DAY, tags=Tags(), layout=EXTENSIBLE, write_date_only=True),
        Act.EXTEND,
        "",
    ),
    "the user's year for a block that can be extended": (
        decide(UNDATED, tags=Tags(), layout=EXTENSIBLE, finding=USER_YEAR),
        Act.SIDECAR,
        "",
    ),
    "sidecars only": (decide(tags=Tags(), layout=EXTENSIBLE, mode=Mode.SIDECAR), Act.SIDECAR, ""),
    "DateTime only": (decide(tags=Tags(), layout=Layout((field(306),), has_block=True)), Act.SIDECAR, ""),
    "an original that cannot be overwritten": (
        decide(layout=Layout((field(306),), (36867,), has_block=True)),
        Act.SIDECAR,
        "",
    ),
    "damaged": (decide(layout=Layout(has_block=True, damage="it loops")), Act.REPORT, "it loops"),
    "not a date's bytes": (
        decide(layout=Layout((field(36867, b"a summer at the sea\0"),), has_block=True)),
        Act.REPORT,
        "something else",
    ),
    "the photo says otherwise elsewhere": (
        decide(finding=BY_SIDECAR, tags=Tags(embedded=Embedded(created="2011-01-01")), layout=NO_BLOCK),
        Act.REPORT,
        "also says 2011-01-01",
    ),
    "the photo says the same elsewhere": (
        decide(finding=BY_SIDECAR, tags=Tags(embedded=Embedded("2019-08-17", "0000-00-00", "x")), layout=NO_BLOCK),
        Act.EXIF,
        "",
    ),
    "the photo was digitized later": (
        decide(
            UNDATED,
            Tags(modified="2010:05:06 07:08:09", embedded=Embedded("1985-06-01T12:00:00", digitized="2010-01-01")),
            NO_BLOCK,
        ),
        Act.EXIF,
        "",
    ),
    "IPTC alone knows the moment": (
        decide(UNDATED, Tags(embedded=Embedded(iptc="1985-06-01T12:00:00+02:00")), NO_BLOCK),
        Act.EXIF,
        "",
    ),
    # --- a date in another order of words is a date, or may be one
    "day first": (decide(tags=Tags(original="17/08/2019 12:34:56")), Act.NOTHING, ""),
    "day or month first": (decide(tags=Tags(original="05/08/2019 12:34:56")), Act.REPORT, "which is not clear"),
    "no month of any year": (decide(tags=Tags(original="2008:103:03 19:27:11")), Act.REPORT, "which is not clear"),
    # --- blanks are no date that a camera spoilt: Exif writes "unknown" so
    "a minilab's scan": (
        decide(UNDATED, Tags("    :  :     :  :  ", digitized="2009:08:17 12:34:56", model="QSS-32_33")),
        Act.REPORT,
        "scanner's day",
    ),
    # --- a satellite's stamp may be the last fix, days before
    "an old fix against a name": (decide(tags=replace(SPOILT, gps="2019:08:16 09:30:00")), Act.PATCH, ""),
    "an old fix against a folder": (
        decide(b"2019-08-17 Trip/DSC1.jpg", replace(SPOILT, gps="2019:08:16 09:30:00")),
        Act.REPORT,
        "only the folder's name",
    ),
    # --- by mode
    "report": (decide(mode=Mode.REPORT), Act.REPORT, "dates.mode is report"),
    "off": (decide(mode=Mode.OFF), Act.REPORT, "dates.mode is off"),
    "sidecar": (decide(mode=Mode.SIDECAR), Act.SIDECAR, ""),
    "sidecar, no block": (decide(tags=Tags(), layout=NO_BLOCK, mode=Mode.SIDECAR), Act.SIDECAR, ""),
    "sidecar, damaged": (
        decide(layout=Layout(has_block=True, damage="it loops"), mode=Mode.SIDECAR),
        Act.REPORT,
        "it loops",
    ),
    "the sidecar has it": (
        decide(UNDATED, sidecar=Sidecar("2019-08-17T12:34:56"), mode=Mode.SIDECAR),
        Act.NOTHING,
        "its sidecar has the date",
    ),
    "another property of the sidecar has it": (
        decide(UNDATED, sidecar=Sidecar(created="2019-08-17T12:34:56"), mode=Mode.SIDECAR),
        Act.SIDECAR,
        "",
    ),
    # --- dates that Exif cannot say
    "the user's year": (decide(UNDATED, finding=USER_YEAR), Act.SIDECAR, ""),
    "the user's year, written": (
        decide(UNDATED, finding=USER_YEAR, sidecar=Sidecar("1987")),
        Act.NOTHING,
        "its sidecar has the date",
    ),
}


@pytest.mark.parametrize(("found", "act", "why"), DECISIONS.values(), ids=list(DECISIONS))
def test_decisions(found: DatePlan, act: Act, why: str) -> None:
    """The whole table."""
    assert found.act is act, found
    assert why in found.why
    assert (found.value is not None) is (act in {Act.PATCH, Act.EXTEND, Act.EXIF, Act.SIDECAR})


def test_only_nonsense_fields_are_patched() -> None:
    """A valid DateTime, the day of an edit, stays beside a spoilt original."""
    layout = Layout((field(306, VALID), field(36867), field(36868, b"1970:01:01 00:00:00\0")), has_block=True)
    assert {patched.tag for patched in decide(layout=layout).fields} == {36867, 36868}


def test_a_day_is_written_as_noon() -> None:
    """And the plan says that it is a day."""
    found = decide(DAY, write_date_only=True)
    assert (found.value, found.precision) == (wall_clock(2019, 8, 17, 12), Precision.DAY)
    found = decide(DAY, mode=Mode.SIDECAR, write_date_only=True)
    assert (found.value, found.precision) == (wall_clock(2019, 8, 17), Precision.DAY)


@pytest.mark.parametrize(
    ("text", "is_nonsense"),
    [
        ("", True),
        ("    :  :     :  :  ", True),
        ("0000:00:00 00:00:00", True),
        ("1970:01:01 00:00:00", True),
        ("1980:01:01 00:00:00", True),
        ("2002:12:08 12:00:00", True),
        ("1825:12:31 00:00:00", True),
        ("2026:01:02 00:00:01", True),  # more than a day ahead
        ("2026:01:01 23:59:59", False),
        ("1970:01:01 00:00:01", False),
        ("2000:01:01 00:00:00", False),  # suspect only
        ("2012/02/02 02:02:02", False),
        ("2012:02:02 24:04:20", False),
        ("2012:13:02 02:02:02", True),
        ("yesterday", True),
        ("17/08/2019 12:34:56", False),
        ("05/08/2019", False),
        ("2008:103:03 19:27:11", False),
        ("17/08/19", False),
        ("Sat Aug 17 12:34:56 2019", False),
        ("Thu Jan  1 00:00:00 1970", True),
        ("Aug 2019?", False),
        (" / /       :  : ", True),
    ],
)
def test_nonsense(text: str, is_nonsense: bool) -> None:
    """R18."""
    assert nonsense(text, NOW) is is_nonsense


TEXTS = st.sampled_from(
    [
        "",
        "0000:00:00 00:00:00",
        "1970:01:01 00:00:00",
        "2012:02:02 02:02:02",
        "2000:01:01 00:00:00",
        "2099:01:01 00:00:00",
    ]
)


@given(
    sources=st.permutations(SOURCES).flatmap(
        lambda ranked: st.integers(1, len(SOURCES)).map(lambda kept: tuple(ranked[:kept]))
    ),
    path=st.sampled_from([TIMED, DAY, UNDATED, b"2016/DSC1.jpg", b"PXL_20210101_123456789.jpg"]),
    texts=st.tuples(TEXTS, TEXTS, TEXTS),
    layout=st.sampled_from([FIELDS, NO_BLOCK, NO_DATES, EXTENSIBLE, Layout(), Layout(has_block=True, damage="x")]),
    mode=st.sampled_from(list(Mode)),
    sidecar=st.sampled_from([None, Sidecar("2019-08-17T12:34:56"), Sidecar("2019"), Sidecar(problem="x")]),
    write_date_only=st.booleans(),
)
def test_what_is_never_done(
    sources: tuple[DateSource, ...],
    path: bytes,
    texts: tuple[str, str, str],
    layout: Layout,
    mode: Mode,
    sidecar: Sidecar | None,
    write_date_only: bool,
) -> None:
    """Nothing is written over a date that may be right, from poor evidence, or against the mode, however it is ranked."""
    tags = Tags(*texts)
    evidence = Evidence(path, MTIME_NS, tags, sidecar)
    finding = date_of(evidence, NOW, UTC, sources)
    found = plan(evidence, finding, layout, mode, NOW, write_date_only=write_date_only)
    if found.act in {Act.PATCH, Act.EXTEND, Act.EXIF, Act.SIDECAR}:
        assert nonsense(tags.original, NOW)
        assert finding.source in sources
        assert finding.source not in {DateSource.FOLDER, DateSource.MTIME}
        assert finding.source is not DateSource.NAME_DATE or write_date_only
        assert unwritable(evidence, finding, write_date_only=write_date_only) == ""
        assert mode in {Mode.INPLACE, Mode.SIDECAR}
        assert not layout.damage
    if found.act in {Act.PATCH, Act.EXTEND, Act.EXIF}:
        assert mode is Mode.INPLACE


# --- neighbours


def _dated(name: bytes, second: int) -> tuple[bytes, DateFinding]:
    value = wall_clock(2019, 8, 17, 12, second // 60, second % 60)
    return name, DateFinding(value, Precision.SECOND, DateSource.EXIF, 0.95)


def _undated(name: bytes) -> tuple[bytes, DateFinding]:
    return name, DateFinding(wall_clock(2024), Precision.SECOND, DateSource.MTIME, 0.1, "", "no date")


def test_a_photo_between_two_dated_ones() -> None:
    """DSC00017 between DSC00016 and DSC00018 of the same folder."""
    first, last = _dated(b"a/DSC00016.JPG", 10), _dated(b"a/DSC00018.jpg", 70)
    found = neighbours(
        [last, _undated(b"a/DSC00017.JPG"), first, _undated(b"b/DSC00017.JPG"), _undated(b"a/IMG_0017.JPG")]
    )
    assert found == {b"a/DSC00017.JPG": Between(first[0], last[0], first[1].value, last[1].value)}


@pytest.mark.parametrize(
    "around",
    [
        (_dated(b"DSC00016.JPG", 70), _dated(b"DSC00018.JPG", 10)),  # they go backwards
        (_dated(b"DSC00016.JPG", 10),),
        (_dated(b"DSC00018.JPG", 10),),
        (_dated(b"DSC00016.JPG", 10), _dated(b"DSC00099.JPG", 70)),  # too far away
    ],
)
def test_neighbours_that_say_nothing(around: tuple[tuple[bytes, DateFinding], ...]) -> None:
    """In doubt, no hint."""
    assert neighbours([*around, _undated(b"DSC00017.JPG")]) == {}
