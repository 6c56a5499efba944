"""
From evidence to a finding: precedence (R19), nonsense (R18), zones (R22), and what is said of the photo's own tags (R17).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.dates.evidence import Embedded, Evidence, Sidecar, Tags, Takeout, date_of, date_prefix, tag_problem
from facewatchd.core.dates.stamps import Stamp, parse_stamp, parse_zone, utc_stamp, zone_offset, zone_text
from facewatchd.domain import DateFinding, DateSource, Precision, ZoneSource

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
MTIME_NS = 1_600_000_000_000_000_000  # 2020-09-13 12:26:40 UTC
BERLIN = ZoneInfo("Europe/Berlin")

SIDECAR = Sidecar(original="2011-01-01T01:01:01")
TAGS = Tags(original="2012:02:02 02:02:02")
TAKEOUT = Takeout(taken=datetime(2013, 3, 3, 3, 3, 3, tzinfo=UTC).timestamp())
ALL = Evidence(b"2016/IMG_20140404_040404.jpg", MTIME_NS, TAGS, SIDECAR, TAKEOUT)


def _find(evidence: Evidence, zone: tzinfo | None = UTC) -> DateFinding:
    return date_of(evidence, NOW, zone)


def _tagged(
    original: str = "",
    *,
    digitized: str = "",
    modified: str = "",
    original_offset: str = "",
    modified_offset: str = "",
    gps: str = "",
    embedded: Embedded | None = None,
) -> Evidence:
    tags = Tags(
        original,
        digitized,
        modified,
        original_offset=original_offset,
        modified_offset=modified_offset,
        gps=gps,
        embedded=embedded or Embedded(),
    )
    return Evidence(b"a.jpg", MTIME_NS, tags)


PRECEDENCE = {
    "the sidecar goes before all": (ALL, DateSource.XMP, "2011-01-01 01:01:01"),
    "then Exif": (replace(ALL, sidecar=None), DateSource.EXIF, "2012-02-02 02:02:02"),
    "then Takeout": (replace(ALL, sidecar=None, tags=Tags()), DateSource.TAKEOUT, "2013-03-03 03:03:03"),
    "then a name with a time": (
        replace(ALL, sidecar=None, tags=Tags(), takeout=None),
        DateSource.NAME_TIME,
        "2014-04-04 04:04:04",
    ),
    "then a name with a day": (
        Evidence(b"2016/IMG-20150505-WA0001.jpg", MTIME_NS),
        DateSource.NAME_DATE,
        "2015-05-05 00:00:00",
    ),
    "then the folder": (Evidence(b"2016/DSC1.jpg", MTIME_NS), DateSource.FOLDER, "2016-01-01 00:00:00"),
    "then the mtime": (Evidence(b"DSC1.jpg", MTIME_NS), DateSource.MTIME, "2020-09-13 12:26:40"),
    "a nonsense sidecar yields": (
        replace(ALL, sidecar=Sidecar(original="0000-00-00")),
        DateSource.EXIF,
        "2012-02-02 02:02:02",
    ),
    "a broken sidecar yields": (
        replace(ALL, sidecar=Sidecar(problem="no XML")),
        DateSource.EXIF,
        "2012-02-02 02:02:02",
    ),
    "a nonsense tag yields": (
        replace(ALL, sidecar=None, tags=Tags(original="1970:01:01 00:00:00")),
        DateSource.TAKEOUT,
        "2013-03-03 03:03:03",
    ),
    "nonsense in Takeout yields": (
        replace(ALL, sidecar=None, tags=Tags(), takeout=Takeout(taken=0.0)),
        DateSource.NAME_TIME,
        "2014-04-04 04:04:04",
    ),
    "a broken Takeout yields": (
        replace(ALL, sidecar=None, tags=Tags(), takeout=Takeout(problem="another photo")),
        DateSource.NAME_TIME,
        "2014-04-04 04:04:04",
    ),
    "photoshop's date in a sidecar": (
        replace(ALL, sidecar=Sidecar(created="1987-06", digitized="2015-01-01")),
        DateSource.XMP,
        "1987-06-01 00:00:00",
    ),
    "satellite time before a lost clock": (
        _tagged(original="2002:12:08 12:00:00", gps="2019:08:17 10:34:56"),
        DateSource.EXIF,
        "2019-08-17 10:34:56",
    ),
    "a satellite's last fix, a day old, and a name": (
        Evidence(b"IMG_20190817_123456.jpg", MTIME_NS, Tags(gps="2019:08:16 07:34:56")),
        DateSource.NAME_TIME,
        "2019-08-17 12:34:56",
    ),
    "a satellite's stamp and Takeout": (
        Evidence(b"a.jpg", MTIME_NS, Tags(gps="2019:08:16 07:34:56"), takeout=Takeout(1_566_045_296.0)),
        DateSource.TAKEOUT,
        "2019-08-17 12:34:56",
    ),
    "a satellite's stamp of the day in the name": (
        Evidence(b"IMG-20190817-WA0001.jpg", MTIME_NS, Tags(gps="2019:08:17 10:34:56")),
        DateSource.EXIF,
        "2019-08-17 10:34:56",
    ),
    "a satellite's stamp of another day than the name's": (
        Evidence(b"IMG-20190817-WA0001.jpg", MTIME_NS, Tags(gps="2019:08:16 10:34:56")),
        DateSource.NAME_DATE,
        "2019-08-17 00:00:00",
    ),
    "a satellite's stamp before a later change": (
        _tagged(gps="2019:08:16 10:34:56", modified="2020:01:01 01:01:01"),
        DateSource.EXIF,
        "2019-08-16 10:34:56",
    ),
    "XMP inside the photo before the last change": (
        _tagged(modified="2010:05:06 07:08:09", embedded=Embedded("1985-06-01T12:00:00")),
        DateSource.EXIF,
        "1985-06-01 12:00:00",
    ),
    "XMP inside the photo before a name": (
        Evidence(b"IMG_20190817_123456.jpg", MTIME_NS, Tags(embedded=Embedded(created="2018-06-01T12:00:00"))),
        DateSource.EXIF,
        "2018-06-01 12:00:00",
    ),
    "IPTC inside the photo": (
        _tagged(modified="2010:05:06 07:08:09", embedded=Embedded(iptc="1985-06-01")),
        DateSource.EXIF,
        "1985-06-01 00:00:00",
    ),
    "IPTC's day and a name with the time of that day": (
        Evidence(b"IMG_20190817_123456.jpg", MTIME_NS, Tags(embedded=Embedded(iptc="2019-08-17"))),
        DateSource.NAME_TIME,
        "2019-08-17 12:34:56",
    ),
    "IPTC's day and a name with the time of another day": (
        Evidence(b"IMG_20190817_123456.jpg", MTIME_NS, Tags(embedded=Embedded(iptc="2019-08-16"))),
        DateSource.EXIF,
        "2019-08-16 00:00:00",
    ),
    "Exif's own date before XMP's": (
        _tagged(original="2012:02:02 02:02:02", embedded=Embedded("2013-03-03T03:03:03")),
        DateSource.EXIF,
        "2012-02-02 02:02:02",
    ),
    "a scan by the XMP inside": (
        Evidence(b"1987/scan.jpg", MTIME_NS, Tags(embedded=Embedded(digitized="2015-08-17T12:34:56"))),
        DateSource.FOLDER,
        "1987-01-01 00:00:00",
    ),
    "a satellite receiver that counts its weeks from 1999 again": (
        Evidence(b"IMG_20190817_123456.jpg", MTIME_NS, Tags(gps="1999:12:31 10:34:56")),
        DateSource.NAME_TIME,
        "2019-08-17 12:34:56",
    ),
    "a sidecar's day of digitizing is a scan's": (
        Evidence(b"1987/scan.jpg", MTIME_NS, sidecar=Sidecar(digitized="2015-08-17T12:34:56")),
        DateSource.FOLDER,
        "1987-01-01 00:00:00",
    ),
    "digitized stands in for taken": (
        _tagged(original="0000:00:00 00:00:00", digitized="2019:08:17 12:34:56"),
        DateSource.EXIF,
        "2019-08-17 12:34:56",
    ),
    "digitized agrees with the folder": (
        Evidence(b"2019-08/a.jpg", MTIME_NS, Tags(digitized="2019:08:17 12:34:56")),
        DateSource.EXIF,
        "2019-08-17 12:34:56",
    ),
    "a scan is older than its digitizing": (
        Evidence(b"1987/scan.jpg", MTIME_NS, Tags(digitized="2015:08:17 12:34:56", modified="2016:01:01 01:01:01")),
        DateSource.FOLDER,
        "1987-01-01 00:00:00",
    ),
    "a picture is older than its last change": (
        Evidence(b"2019-08-17 Trip/a.jpg", MTIME_NS, Tags(modified="2019:09:01 01:01:01")),
        DateSource.FOLDER,
        "2019-08-17 00:00:00",
    ),
    "the last change before the folder of an import": (
        Evidence(b"2020/a.jpg", MTIME_NS, Tags(modified="2019:09:01 01:01:01")),
        DateSource.EXIF,
        "2019-09-01 01:01:01",
    ),
    "the last change before the mtime": (
        _tagged(modified="2019:09:01 01:01:01"),
        DateSource.EXIF,
        "2019-09-01 01:01:01",
    ),
    "a name with a time before the last change": (
        Evidence(b"IMG_20190817_123456.jpg", MTIME_NS, Tags(modified="2019:09:01 01:01:01")),
        DateSource.NAME_TIME,
        "2019-08-17 12:34:56",
    ),
    "a suspect date is a date": (
        Evidence(b"IMG_20190817_123456.jpg", MTIME_NS, Tags(original="2000:01:01 00:00:00")),
        DateSource.EXIF,
        "2000-01-01 00:00:00",
    ),
}


@pytest.mark.parametrize(("evidence", "source", "wanted"), PRECEDENCE.values(), ids=list(PRECEDENCE))
def test_the_best_source_wins(evidence: Evidence, source: DateSource, wanted: str) -> None:
    """The order of belief is fixed (R19), and what is nonsense does not stand in the way of what is not."""
    found = _find(evidence)
    assert (found.source, str(found.value)) == (source, wanted)


XMP, EXIF, NAME_TIME = DateSource.XMP, DateSource.EXIF, DateSource.NAME_TIME
NAME_DATE, FOLDER = DateSource.NAME_DATE, DateSource.FOLDER
TAGS_ONLY = replace(ALL, path=b"a.jpg")
CHANGED = Evidence(b"2016/IMG-20150505-WA0001.jpg", MTIME_NS, Tags(modified="2014:04:04 04:04:04"))

RANKED = {
    "the first that speaks": (ALL, (NAME_TIME, EXIF, XMP), NAME_TIME, "2014-04-04 04:04:04"),
    "the second, where the first is silent": (TAGS_ONLY, (NAME_TIME, EXIF), EXIF, "2012"),
    "what is left out is not asked": (ALL, (DateSource.TAKEOUT,), DateSource.TAKEOUT, "2013-03-03 03:03:03"),
    "nor anything else": (TAGS_ONLY, (NAME_TIME, NAME_DATE, FOLDER), DateSource.MTIME, "2020-09-13 12:26:40"),
    "the mtime is what is left of nothing": (ALL, (), DateSource.MTIME, "2020-09-13 12:26:40"),
    "a folder before its photos": (ALL, (FOLDER, XMP, EXIF), FOLDER, "2016-01-01"),
    "nonsense yields, whatever its rank": (
        replace(ALL, tags=Tags(original="1970:01:01 00:00:00")),
        (EXIF, XMP),
        XMP,
        "2011-01-01 01:01:01",
    ),
    "the last change stays behind names": (CHANGED, (EXIF, NAME_DATE, FOLDER), NAME_DATE, "2015-05-05"),
    "the last change follows exif": (CHANGED, (NAME_DATE, EXIF), NAME_DATE, "2015-05-05"),
    "the last change without names": (CHANGED, (EXIF, DateSource.TAKEOUT), EXIF, "2014-04-04 04:04:04"),
    "the last change before folders": (replace(CHANGED, path=b"2016/a.jpg"), (EXIF, FOLDER), EXIF, "2014-04-04"),
    "a scan's date is no older for its rank": (
        Evidence(b"1987/scan.jpg", MTIME_NS, Tags(digitized="2015:08:17 12:34:56")),
        (EXIF, FOLDER),
        FOLDER,
        "1987",
    ),
}


@pytest.mark.parametrize(("evidence", "sources", "source", "wanted"), RANKED.values(), ids=list(RANKED))
def test_the_user_ranks_the_sources(
    evidence: Evidence, sources: tuple[DateSource, ...], source: DateSource, wanted: str
) -> None:
    """`dates.sources`: the first that yields a date wins, and one that is left out yields none."""
    found = date_of(evidence, NOW, UTC, sources)
    assert found.source is source
    assert str(found.value).startswith(wanted)


OVERRULED = {
    "another day": (b"IMG_20140404_040404.jpg", (NAME_TIME, EXIF), "2012:02:02 02:02:02 is not what name-time says"),
    "another year": (b"2016/a.jpg", (FOLDER,), "2012:02:02 02:02:02 is not what folder says"),
    "the same day": (b"IMG_20120202_040404.jpg", (NAME_TIME, EXIF), ""),
    "the same year": (b"2012/a.jpg", (FOLDER, EXIF), ""),
    "believed less anyway": (b"IMG_20140404_040404.jpg", (EXIF, NAME_TIME), ""),
    "nobody else speaks": (b"a.jpg", (NAME_TIME,), ""),
}


@pytest.mark.parametrize(("path", "sources", "wanted"), OVERRULED.values(), ids=list(OVERRULED))
def test_a_tag_that_is_overruled_is_reported(path: bytes, sources: tuple[DateSource, ...], wanted: str) -> None:
    """Who ranks file names before the camera wants to know where it was wrong; a sidecar's word is a correction."""
    assert date_of(Evidence(path, MTIME_NS, TAGS), NOW, UTC, sources).problem.startswith(wanted)
    assert bool(date_of(Evidence(path, MTIME_NS, TAGS), NOW, UTC, sources).problem) is bool(wanted)


def test_a_photo_that_is_not_asked_gives_no_zone() -> None:
    """Whose clock is not trusted has none to measure a zone by."""
    evidence = Evidence(b"PXL_20210101_123456789.jpg", MTIME_NS, Tags(original_offset="-05:00"))
    found = date_of(evidence, NOW, BERLIN, (NAME_TIME,))
    assert (str(found.value), found.zone, found.zone_source) == ("2021-01-01 13:34:56", "+01:00", ZoneSource.CONFIG)


def test_confidence_follows_the_order_of_belief() -> None:
    """No source is ranked before one that is trusted more."""
    order = [
        ALL,
        replace(ALL, sidecar=None),
        replace(ALL, sidecar=None, tags=Tags()),
        replace(ALL, sidecar=None, tags=Tags(), takeout=None),
        Evidence(b"2016/2015-05-05.jpg", MTIME_NS),
        Evidence(b"2016/DSC1.jpg", MTIME_NS),
        Evidence(b"DSC1.jpg", MTIME_NS),
    ]
    found = [_find(evidence).confidence for evidence in order]
    assert found == sorted(set(found), reverse=True)


PROBLEMS = {
    "": "no date",
    "    ": "no date",
    "    :  :     :  :  ": "the date is blank",
    "05/08/2019 12:34:56": "'05/08/2019 12:34:56' may be a date, but which is not clear",
    "2008:103:03 19:27:11": "'2008:103:03 19:27:11' may be a date, but which is not clear",
    "17.08.2019": "",
    "0000:00:00 00:00:00": "0000:00:00 00:00:00 is no date",
    "1970:01:01 00:00:00": "1970:01:01 00:00:00 is what a camera with a flat battery writes",
    "1980:01:01 00:00:00": "1980:01:01 00:00:00 is what a camera with a flat battery writes",
    "1904:01:01 00:00:00": "1904:01:01 00:00:00 is what a program writes for no date",
    "2002:12:08 12:00:00": "2002:12:08 12:00:00 is what a camera without a set clock writes",
    "2000:01:01 00:00:00": "2000:01:01 00:00:00 may be a clock that was never set",
    "2026:01:02 00:00:01": "2026:01:02 00:00:01 is in the future",
    "2099:01:01 10:10:10": "2099:01:01 10:10:10 is in the future",
    "1825:12:31 23:59:59": "1825:12:31 23:59:59 is before the first photograph",
    "0001:01:01 00:00:00": "0001:01:01 00:00:00 is before the first photograph",
    "2019:13:17 12:34:56": "'2019:13:17 12:34:56' is no date",
    "2019:02:29 12:34:56": "'2019:02:29 12:34:56' is no date",
    "2019:08:17 25:00:00": "'2019:08:17 25:00:00' is no date",
    "yesterday": "'yesterday' is no date",
    "\ufffd\ufffd": "'\ufffd\ufffd' is no date",
    # these are right
    "2019:08:17 12:34:56": "",
    "2026:01:01 23:59:59": "",
    "1826:01:01 00:00:00": "",
    "1970:01:01 00:00:01": "",
    "2000:01:01 00:00:01": "",
    "2019:08:17 24:04:20": "",
}


@pytest.mark.parametrize(("text", "wanted"), PROBLEMS.items(), ids=[ascii(text) for text in PROBLEMS])
def test_what_is_wrong_with_the_tags_is_said(text: str, wanted: str) -> None:
    """The words speak of DateTimeOriginal alone, whatever the finding rests on (R17, R18)."""
    assert tag_problem(Tags(original=text), NOW) == wanted
    assert _find(replace(ALL, tags=Tags(original=text))).problem == wanted


def test_a_damaged_block_is_the_problem_of_a_photo_without_a_date() -> None:
    """'No date' would hide that there may be one."""
    assert tag_problem(Tags(problems=("tag 36867 cannot be read",)), NOW) == "tag 36867 cannot be read"
    assert tag_problem(Tags(original="2019:08:17 12:34:56", problems=("tag 306 cannot be read",)), NOW) == ""


STAMPS = {
    "2019:08:17 12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019:08:17 12:34:56\0": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019/08/17 12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019-08-17 12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019.08.17 12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019:08:17T12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019-08-17T12:34:56.789": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019:8:7 1:2:3": ("2019-08-07 01:02:03", Precision.SECOND, "", False),
    "2019:08:17 24:04:20": ("2019-08-17 00:04:20", Precision.SECOND, "", False),
    "2019:08:17 23:59:60": ("2019-08-17 23:59:59", Precision.SECOND, "", False),
    "2019-08-17T12:34:56+02:00": ("2019-08-17 12:34:56", Precision.SECOND, "+02:00", False),
    "2019-08-17T12:34:56-0330": ("2019-08-17 12:34:56", Precision.SECOND, "-03:30", False),
    "2019-08-17T12:34:56Z": ("2019-08-17 12:34:56", Precision.SECOND, "", True),
    "2019-08-17T12:34": ("2019-08-17 00:00:00", Precision.DAY, "", False),
    "2019-08-17": ("2019-08-17 00:00:00", Precision.DAY, "", False),
    "2019:08:17": ("2019-08-17 00:00:00", Precision.DAY, "", False),
    "2019-08": ("2019-08-01 00:00:00", Precision.MONTH, "", False),
    "1987": ("1987-01-01 00:00:00", Precision.YEAR, "", False),
    # other orders, where they can mean one date only
    "17/08/2019 12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "08/17/2019 12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "08:17:2019 12:34:56": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "17-8-2019 3:04:05 PM": ("2019-08-17 15:04:05", Precision.SECOND, "", False),
    "8/17/2019 12:04:05 a.m.": ("2019-08-17 00:04:05", Precision.SECOND, "", False),
    "07/07/2019": ("2019-07-07 00:00:00", Precision.DAY, "", False),
    "17.08.2019": ("2019-08-17 00:00:00", Precision.DAY, "", False),
    "05.08.2019 12:34:56": ("2019-08-05 12:34:56", Precision.SECOND, "", False),
    "17.08.2019 12:34": ("2019-08-17 00:00:00", Precision.DAY, "", False),
    "Sat Aug 17 12:34:56 2019": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "Sat Aug  7 12:34:56 CEST 2019": None,
    "Sat Aug  7 12:34:56 UTC 2019": ("2019-08-07 12:34:56", Precision.SECOND, "", True),
    "Sat, 17 Aug 2019 12:34:56 +0200": ("2019-08-17 12:34:56", Precision.SECOND, "+02:00", False),
    "17-Aug-2019": ("2019-08-17 00:00:00", Precision.DAY, "", False),
    "August 17, 2019 3:04:05 PM": ("2019-08-17 15:04:05", Precision.SECOND, "", False),
    "05/08/2019": None,
    "13/13/2019": None,
    "31/02/2019": None,
    "Sat Smarch 17 12:34:56 2019": None,
    "2019:08:17 12:34:56   ": ("2019-08-17 12:34:56", Precision.SECOND, "", False),
    "2019:08:17 12:34   ": ("2019-08-17 00:00:00", Precision.DAY, "", False),
    "2008:103:03 19:27:11": None,
    "": None,
    "19": None,
    "2019-00": None,
    "2019-02-30": None,
    "20190817": None,
    "2019:08:17 12:34:61": None,
    "2019:08:17 12:60:00": None,
    "0000": None,
    "12:34:56 2019:08:17": None,
    "\u0662\u0660\u0661\u0669": None,
}


@pytest.mark.parametrize(("text", "wanted"), STAMPS.items(), ids=[ascii(text) for text in STAMPS])
def test_texts_are_read_as_they_are_meant(text: str, wanted: tuple[str, Precision, str, bool] | None) -> None:
    """Exif, XMP and what careless programs make of them (R18)."""
    stamp = parse_stamp(text)
    found = None if stamp is None else (str(stamp.value), stamp.precision, stamp.zone, stamp.utc)
    assert found == wanted


ZONES = {
    "no zone is known, none is claimed": (_tagged(original="2019:08:17 12:34:56"), "2019-08-17 12:34:56", ""),
    "the offset tag": (
        _tagged(original="2019:08:17 12:34:56", original_offset="-07:00"),
        "2019-08-17 12:34:56",
        "-07:00",
    ),
    "another offset tag": (
        _tagged(original="2019:08:17 12:34:56", modified_offset="+05:45"),
        "2019-08-17 12:34:56",
        "+05:45",
    ),
    "an offset of one digit": (
        _tagged(original="2019:08:17 12:34:56", original_offset="-5:00"),
        "2019-08-17 12:34:56",
        "-05:00",
    ),
    "satellite time in Nepal": (
        _tagged(original="2019:08:17 18:19:56", gps="2019:08:17 12:34:56"),
        "2019-08-17 18:19:56",
        "+05:45",
    ),
    "an impossible offset tag": (
        _tagged(original="2019:08:17 12:34:56", original_offset="+25:00"),
        "2019-08-17 12:34:56",
        "",
    ),
    "satellite time": (
        _tagged(original="2019:08:17 12:34:56", gps="2019:08:17 10:34:01"),
        "2019-08-17 12:34:56",
        "+02:00",
    ),
    "satellite time over midnight": (
        _tagged(original="2019:08:17 20:04:56", gps="2019:08:18 03:34:56"),
        "2019-08-17 20:04:56",
        "-07:30",
    ),
    "a stale fix says nothing": (
        _tagged(original="2019:08:17 12:34:56", gps="2019:08:17 10:22:00"),
        "2019-08-17 12:34:56",
        "",
    ),
    "a fix of another day says nothing": (
        _tagged(original="2019:08:17 12:34:56", gps="2019:08:15 12:34:56"),
        "2019-08-17 12:34:56",
        "",
    ),
    "Pixel names in summer": (Evidence(b"PXL_20210701_123456789.jpg", MTIME_NS), "2021-07-01 14:34:56", "+02:00"),
    "Pixel names in winter": (Evidence(b"PXL_20210101_123456789.jpg", MTIME_NS), "2021-01-01 13:34:56", "+01:00"),
    "the photo's own zone goes before the configured one": (
        Evidence(b"PXL_20210101_123456789.jpg", MTIME_NS, Tags(original_offset="-05:00")),
        "2021-01-01 07:34:56",
        "-05:00",
    ),
    "Takeout": (replace(ALL, sidecar=None, tags=Tags()), "2013-03-03 04:03:03", "+01:00"),
    "Takeout across midnight": (
        Evidence(b"a.jpg", MTIME_NS, takeout=Takeout(taken=datetime(2019, 8, 17, 23, tzinfo=UTC).timestamp())),
        "2019-08-18 01:00:00",
        "+02:00",
    ),
    "a sidecar in UTC": (
        Evidence(b"a.jpg", MTIME_NS, sidecar=Sidecar(original="2019-08-17T12:00:00Z")),
        "2019-08-17 14:00:00",
        "+02:00",
    ),
    "a sidecar with an offset": (
        Evidence(b"a.jpg", MTIME_NS, sidecar=Sidecar(original="2019-08-17T12:00:00-03:00")),
        "2019-08-17 12:00:00",
        "-03:00",
    ),
    "mtime": (Evidence(b"a.jpg", MTIME_NS), "2020-09-13 14:26:40", "+02:00"),
    "a name is a wall clock": (Evidence(b"IMG_20190817_123456.jpg", MTIME_NS), "2019-08-17 12:34:56", ""),
}


@pytest.mark.parametrize(("evidence", "wanted", "zone"), ZONES.values(), ids=list(ZONES))
def test_moments_become_wall_clocks_by_the_best_zone(evidence: Evidence, wanted: str, zone: str) -> None:
    """Offset tags, else satellite time, else the configured zone; and the finding says which offset it was (R22)."""
    found = _find(evidence, BERLIN)
    assert (str(found.value), found.zone) == (wanted, zone)


ZONE_SOURCES = {
    "no zone is known, none is claimed": ZoneSource.NONE,
    "the offset tag": ZoneSource.TAG,
    "another offset tag": ZoneSource.TAG,
    "an impossible offset tag": ZoneSource.NONE,
    "satellite time": ZoneSource.GPS,
    "a stale fix says nothing": ZoneSource.NONE,
    "Pixel names in summer": ZoneSource.CONFIG,
    "the photo's own zone goes before the configured one": ZoneSource.TAG,
    "Takeout": ZoneSource.CONFIG,
    "a sidecar in UTC": ZoneSource.CONFIG,
    "a sidecar with an offset": ZoneSource.SIDECAR,
    "mtime": ZoneSource.CONFIG,
    "a name is a wall clock": ZoneSource.NONE,
}


@pytest.mark.parametrize(("name", "wanted"), ZONE_SOURCES.items(), ids=list(ZONE_SOURCES))
def test_where_a_zone_came_from_is_said(name: str, wanted: ZoneSource) -> None:
    """R22: nobody has to guess why a time is an hour off."""
    assert _find(ZONES[name][0], BERLIN).zone_source is wanted


def test_without_a_configured_zone_the_machine_s_is_taken() -> None:
    """The finding says its offset, and that it is the machine's."""
    found = _find(Evidence(b"PXL_20210101_123456789.jpg", MTIME_NS), None)
    there = datetime(2021, 1, 1, 12, 34, 56, tzinfo=UTC).astimezone()
    assert found.value == there.replace(tzinfo=None)
    assert zone_offset(found.zone) == there.utcoffset()
    assert found.zone_source is ZoneSource.MACHINE
    assert _find(Evidence(b"a.jpg", MTIME_NS), None).zone_source is ZoneSource.MACHINE


@pytest.mark.parametrize(
    ("mtime_ns", "confident"),
    [(MTIME_NS, True), (0, False), (-(10**20), False), (10**20, False), (int(NOW + 90_000) * 10**9, False)],
    ids=["an ordinary one", "the epoch", "before photography", "beyond the calendar", "tomorrow's"],
)
def test_without_any_evidence_the_present_is_the_latest_possible_date(mtime_ns: int, confident: bool) -> None:
    """A nonsense mtime counts for nothing: what is there now was taken before now."""
    found = _find(Evidence(b"a.jpg", mtime_ns))
    assert found.source is DateSource.MTIME
    assert (found.confidence > 0) is confident
    assert confident or found.value == datetime(2026, 1, 1)  # noqa: DTZ001 - a wall clock


PREFIXES = {
    "second": (Precision.SECOND, DateSource.EXIF, "2019-08-17"),
    "day": (Precision.DAY, DateSource.NAME_DATE, "2019-08-17"),
    "month": (Precision.MONTH, DateSource.FOLDER, "2019-08"),
    "year": (Precision.YEAR, DateSource.FOLDER, "2019"),
    "mtime": (Precision.SECOND, DateSource.MTIME, ""),
}


@pytest.mark.parametrize(("precision", "source", "wanted"), PREFIXES.values(), ids=list(PREFIXES))
def test_link_names_carry_what_is_known(precision: Precision, source: DateSource, wanted: str) -> None:
    """A date in a name is as fine as the finding, and a copy's mtime is no date of a picture."""
    taken = datetime(2019, 8, 17, 12, 34, 56)  # noqa: DTZ001 - a wall clock
    assert date_prefix(DateFinding(taken, precision, source, 0.5)) == wanted


_TEXTS = st.one_of(
    st.text(max_size=25),
    st.from_regex(
        r"[0-9]{4}[:/-][0-9]{2}[:/-][0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:?[0-9]{2})?", fullmatch=True
    ),
)
_OFFSETS = st.one_of(st.just(""), st.text(max_size=8), st.from_regex(r"[+-][01][0-9]:[0-5][0-9]", fullmatch=True))
_TAGS = st.builds(Tags, _TEXTS, _TEXTS, _TEXTS, _OFFSETS, _OFFSETS, _OFFSETS, st.text(), st.text(), st.text(), _TEXTS)
_EVIDENCE = st.builds(
    Evidence,
    st.one_of(st.binary(max_size=40), st.from_regex(rb"[0-9_/ -]{0,30}\.jpg", fullmatch=True)),
    st.integers(-(2**63), 2**63 - 1),
    _TAGS,
    st.none() | st.builds(Sidecar, _TEXTS, _TEXTS, _TEXTS),
    st.none() | st.builds(Takeout, st.none() | st.floats()),
)
_FIXED = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(_EVIDENCE, st.floats(0, 7_000_000_000), st.none() | st.just(BERLIN) | _FIXED)
def test_a_finding_is_always_possible(evidence: Evidence, now: float, zone: tzinfo | None) -> None:
    """Whatever the evidence: a finding, no earlier than photography, no later than tomorrow, as fine as it claims."""
    found = date_of(evidence, now, zone)
    assert found.value.year >= 1826
    assert found.value <= datetime.fromtimestamp(now, UTC).replace(tzinfo=None) + timedelta(hours=24)
    assert 0 <= found.confidence <= 1
    assert found.zone == parse_zone(found.zone)
    keep = {Precision.YEAR: 1, Precision.MONTH: 2, Precision.DAY: 3, Precision.SECOND: 6}[found.precision]
    assert found.value.timetuple()[keep:6] == (1, 1, 0, 0, 0)[keep - 1 :] if keep < 6 else found.value.microsecond == 0


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    """Tags are strangers' texts."""
    parse_stamp(text)
    parse_zone(text)
    tag_problem(Tags(original=text), NOW)


@given(st.integers(-14 * 60, 14 * 60))
def test_offsets_survive_being_written(minutes: int) -> None:
    """What is written is what is read."""
    offset = timedelta(minutes=minutes)
    assert zone_offset(parse_zone(zone_text(offset))) == offset


@given(st.floats())
def test_no_number_of_seconds_raises(seconds: float) -> None:
    """Not even infinity or the number that is none."""
    stamp = utc_stamp(seconds)
    assert stamp is None or stamp == Stamp(stamp.value.replace(microsecond=0), utc=True)
