"""
Dates that people, cameras and messengers put into file and folder names (R20). Pure, and by a table: a name is compared with
the rows from top to bottom, and the first row that gives a possible date wins.

A number is not a date only because it could be one. Identifiers are removed before the table is used, the digits of every row
must stand alone, and a date that does not exist or is in the future is none.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from facewatchd.core.dates.stamps import Stamp, fault, utc_stamp, wall_clock
from facewatchd.domain import Precision

FIRST_COMPACT_YEAR = 1900
"""Dates without separators come from digital devices and scans; before this year eight digits are some other number."""


class Reading(Enum):
    """What a matching row holds."""

    LOCAL = auto()  # wall-clock time
    UTC = auto()
    EPOCH_MS = auto()  # milliseconds since 1970
    EPOCH_S = auto()  # seconds since 1970
    RECEIVED = auto()  # when a messenger received the photo: right to the day at best
    DAY = auto()


@dataclass(frozen=True, slots=True)
class NamedDate:
    """
    A date found in a name.

    Attributes:
        stamp: The date.
        received: Whether it is the day a messenger got the photo, not the day it was taken.
    """

    stamp: Stamp
    received: bool = False


_YMD = r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
_Y_M_D = r"(?P<year>\d{4})(?P<sep>[-_. ])(?P<month>\d{2})(?P=sep)(?P<day>\d{2})"
# not v2.10.2019.1 or 192.168.1.2019
_D_M_Y = r"(?<!\.)(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})(?!\.\d)"
_HMS = r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})"
_H_M_S = r"(?P<hour>\d{1,2})(?P<tsep>[-_.: ])(?P<minute>\d{2})(?P=tsep)(?P<second>\d{2})"
_SPACE = r"[ \u00a0\u202f_]"
_AM_PM = rf"(?:{_SPACE}?(?P<half>[AaPp])\.?{_SPACE}?[Mm](?![a-z]))?"
# What macOS and iOS write between day and time in the names of screenshots, by language.
_AT_WORDS = (
    "at", "um", "om", "à", "as", "às", "a las", "a la(s)", "a les", "alle", "alle ore", "kl.", "kello", "klo", "o", "o godz.",
    "v", "ve", "u", "ob", "la", "da", "lúc", "pukul", "jam", "saat", "στις", "в", "о", "у", "в часа", "في", "เวลา", "בשעה", "-",  # noqa: RUF001
)  # fmt: skip
_AT = "|".join(map(re.escape, _AT_WORDS))
# Before noon and after it, where they stand before the time.
_EAST = r"(?:(?P<am>上午|午前|오전)|(?P<pm>下午|午後|오후))?"
# not within a longer number
_ALONE = r"(?<!\d)"
_END = r"(?!\d)"

FILE_TABLE: tuple[tuple[Reading, re.Pattern[str]], ...] = tuple(
    (reading, re.compile(pattern, re.ASCII))
    for reading, pattern in (
        # IMG-20190817-WA0003: WhatsApp on phones, the day of receipt
        (Reading.RECEIVED, rf"{_ALONE}{_YMD}-WA\d+"),
        # WhatsApp Image 2019-08-17 at 12.34.56; photo_2019-08-17_12-34-56 and photo_5@17-08-2019 (Telegram)
        (Reading.RECEIVED, rf"(?i:WhatsApp) .*?{_ALONE}{_Y_M_D}{_END}"),
        # 00000012-PHOTO-2019-08-17-12-34-56: WhatsApp on iPhones
        (Reading.RECEIVED, rf"^(?:\d+-)?(?:PHOTO|VIDEO|GIF|STICKER)-{_Y_M_D}-\d{{2}}-\d{{2}}-\d{{2}}{_END}"),
        # viber_image_2019-08-17_12-34-56-789, "viber image 2019-08-17 , 12.34.56"
        (Reading.RECEIVED, rf"^(?i:viber)[-_ ](?:[a-zA-Z]+[-_ ])?{_Y_M_D}{_END}"),
        # KakaoTalk_20190817_123456789, KakaoTalk_Photo_2019-08-17-12-34-56, WeChat Image_20190817123456
        (
            Reading.RECEIVED,
            rf"^(?i:KakaoTalk|WeChat Image|微信图片)[-_ ](?:Photo[-_ ])?(?:{_YMD}(?:[-_ ]?\d{{6,9}})?{_END})",
        ),
        (Reading.RECEIVED, rf"^(?i:KakaoTalk)[-_ ](?:Photo[-_ ])?{_Y_M_D}{_END}"),
        (Reading.RECEIVED, rf"^(?i:photo|video)_(?:\d+_)?{_Y_M_D}_\d{{2}}-\d{{2}}-\d{{2}}{_END}"),
        (Reading.RECEIVED, rf"^(?i:photo|video)_\d+@(?P<day>\d{{2}})-(?P<month>\d{{2}})-(?P<year>\d{{4}}){_END}"),
        # FB_IMG_1566045296789, mmexport1566045296789: saved out of an app at that moment
        (Reading.RECEIVED, r"^(?:FB_IMG_|mmexport|FB_VID_)(?P<epoch>1\d{12})(?!\d)"),
        # PXL_20210101_123456789: Pixels name in UTC, whatever programs put in front
        (Reading.UTC, rf"(?<![A-Za-z0-9])PXL_{_YMD}_{_HMS}\d{{0,3}}{_END}"),
        # 20190817T123456Z, 2019-08-17T12-34-56.789Z, Skype_Picture_2019_08_17T12_34_56_789Z
        (Reading.UTC, rf"{_ALONE}{_YMD}[Tt_-]?{_HMS}(?:[-_.]?\d{{3}})?Z(?![A-Za-z0-9])"),
        (Reading.UTC, rf"{_ALONE}{_Y_M_D}[Tt]{_HMS}(?:[-_.]?\d{{3}})?Z(?![A-Za-z0-9])"),
        (Reading.UTC, rf"{_ALONE}{_Y_M_D}[Tt_ ]{_H_M_S}(?:[-_.]\d{{1,6}})?Z(?![A-Za-z0-9])"),
        # IMG_20190817_123456, Screenshot_20190817-123456, DJI_20190817123456_0001, BURST20190817123456789, 20190817T123456
        (Reading.LOCAL, rf"{_ALONE}{_YMD}[-_T ]?{_HMS}(?:\d{{3}})?{_END}"),
        # 2019-08-17 12.34.56, Screen Shot 2019-08-17 at 3.04.05 PM, signal-2021-03-04-12-34-56-789, WP_20150620_12_34_56_Pro
        (Reading.LOCAL, rf"{_ALONE}{_Y_M_D}(?:[-_ T.]|, )+{_H_M_S}{_AM_PM}{_END}"),
        # "Screen Shot 2019-08-17 at 3.04.05 PM", "Captura de pantalla 2019-8-17 a la(s) 12.34.56", "截屏2019-08-17 下午3.04.05"
        (
            Reading.LOCAL,
            rf"{_ALONE}(?P<year>\d{{4}})(?P<sep>-)(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}}),?(?:{_SPACE}(?:{_AT}))?{_SPACE}{_EAST}{_SPACE}?{_H_M_S}{_AM_PM}{_END}",
        ),
        (Reading.LOCAL, rf"{_ALONE}{_YMD}[-_ T]+{_H_M_S}{_AM_PM}{_END}"),
        # signal-2021-03-04-123456, 2019-08-17T123456
        (Reading.LOCAL, rf"{_ALONE}{_Y_M_D}[-_ T]+{_HMS}(?:\d{{3}})?{_END}"),
        # 2019-08-17 12h34m56s
        (
            Reading.LOCAL,
            rf"{_ALONE}{_Y_M_D}[-_ T]+(?P<hour>\d{{1,2}})h(?P<minute>\d{{2}})m(?P<second>\d{{2}})(?:s|{_END})",
        ),
        # 17.08.2019 12.34.56
        (Reading.LOCAL, rf"{_ALONE}{_D_M_Y}(?:[-_ T]|, | at )+{_H_M_S}{_END}"),
        # 1566045296789, IMG_1566045296789-edited: the whole name but for a word before and a suffix behind
        (Reading.EPOCH_MS, r"^[A-Za-z]*[-_ ]?(?P<epoch>1\d{12})(?:[-_ (~.][^0-9]*\d?\)?)?$"),
        # IMG_00001_BURST1566045296789_COVER, and bursts with counters behind
        (Reading.EPOCH_MS, r"(?:BURST|burst)[-_]?(?P<epoch>1\d{12})(?!\d)"),
        (
            Reading.EPOCH_MS,
            r"^(?:IMG|VID|PANO|MVIMG|DSC|PIC|CAM|Camera|Photo|Picture|image)[-_ ](?P<epoch>1\d{12})(?!\d)",
        ),
        # IMG_1566045296: ten digits are a moment only behind a camera's word
        (
            Reading.EPOCH_S,
            r"^(?:IMG|VID|PANO|MVIMG|DSC|PIC|CAM|Camera|Photo|Picture|image|BURST|burst)[-_ ]?(?P<epoch>1\d{9})(?:[-_ (~.][^0-9]*\d{0,3}\)?)?$",
        ),
        # 2019-08-17, IMG_20190817_0001, 17.08.2019
        (Reading.DAY, rf"{_ALONE}{_Y_M_D}{_END}"),
        (Reading.DAY, rf"{_ALONE}{_YMD}{_END}"),
        (Reading.DAY, rf"{_ALONE}{_D_M_Y}{_END}"),
    )
)

# Numbers that mean something else: UUIDs, digests, Facebook's triple of ids.
_NOISE = re.compile(
    r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    r"|(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*[A-Fa-f])(?=[0-9A-Fa-f]*\d)[0-9A-Fa-f]{16,}(?![0-9A-Za-z])"
    r"|\d{5,}_\d{8,}_\d{8,}_[a-z]\b",
    re.ASCII,
)

_FOLDER_DAY = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (rf"{_ALONE}{_Y_M_D}{_END}", rf"{_ALONE}{_YMD}{_END}", rf"{_ALONE}{_D_M_Y}{_END}")
)
_FOLDER_MONTH = re.compile(r"^(?P<year>\d{4})[-_. ](?P<month>\d{2})(?![\d])(?![-_. ]\d)", re.ASCII)
# "1987", "1987 Scans", "Italy 2019"; not "1980s", "2019-2020", "1024x768" or "Canon 2000D"
_FOLDER_YEAR = re.compile(r"^(?P<year>\d{4})(?:$|[-_ .,]+(?!\d))|[ _](?P<late>\d{4})$", re.ASCII)
_TWO_DIGITS = re.compile(r"(\d{2})(?!\d)(?![-_. ]?\d)", re.ASCII)
# "2019-08-17-24 Trip", "2019-08-17..24": several days
_RANGE_BEHIND = re.compile(r"\s?(?:-|\.\.|\u2013|bis|to)\s?\d{1,2}(?!\d)", re.ASCII)


def date_in_name(path: bytes, now: float) -> NamedDate | None:
    """
    The date that a file's name holds.

    Args:
        path: The photo's path or name; folders are not looked at.
        now: Seconds since 1970; later dates are none.
    """
    # a Mac's names have their accents apart from the letters
    name = unicodedata.normalize("NFC", posixpath.basename(path).decode("utf-8", "replace"))
    stem = _NOISE.sub(" # ", posixpath.splitext(name)[0])
    for reading, pattern in FILE_TABLE:
        for found in pattern.finditer(stem):
            stamp = _read(reading, found)
            if stamp is not None and not fault(stamp, now):
                return NamedDate(stamp, received=reading is Reading.RECEIVED)
    return None


def _read(reading: Reading, found: re.Match[str]) -> Stamp | None:
    parts = found.groupdict()
    if parts.get("epoch"):
        stamp = utc_stamp(int(parts["epoch"]) / (1 if reading is Reading.EPOCH_S else 1000))
        if stamp is not None and reading is Reading.RECEIVED:
            stamp = replace(stamp, precision=Precision.DAY)
        return stamp
    day = _day(parts)
    if day is None or (not parts.get("sep") and day.year < FIRST_COMPACT_YEAR):
        return None
    if reading in {Reading.DAY, Reading.RECEIVED}:
        return Stamp(day, Precision.DAY)
    hour = int(parts["hour"])
    if half := parts.get("half") or (parts.get("am") and "a") or (parts.get("pm") and "p"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "pP" else 0)
    try:
        value = day.replace(hour=hour, minute=int(parts["minute"]), second=int(parts["second"]))
    except ValueError:
        return None
    return Stamp(value, utc=reading is Reading.UTC)


def _day(parts: dict[str, str]) -> datetime | None:
    try:
        return wall_clock(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    except ValueError:
        return None


def date_in_folders(path: bytes, now: float) -> Stamp | None:
    """
    The date that the names of a photo's folders hold: the innermost one that names a date, or one further out that says
    the same more finely.

    Args:
        path: The photo's path relative to its root. Folders above the root do not count.
        now: Seconds since 1970; later dates are none.
    """
    folders = [part.decode("utf-8", "replace") for part in posixpath.dirname(path).split(b"/") if part]
    best: Stamp | None = None
    for at in range(len(folders) - 1, -1, -1):
        stamp = _in_folder(folders[: at + 1])
        if stamp is None or fault(stamp, now):
            continue
        if best is None or _refines(stamp, best):
            best = stamp
    return best


def _in_folder(folders: list[str]) -> Stamp | None:
    """The date of the last of `folders`; those above it are for `2019/08/17` and `2019/08`."""
    name = _NOISE.sub(" # ", folders[-1])
    days = _days_in(name)
    if days:
        return _common(days)
    if (found := _FOLDER_MONTH.match(name)) is not None:
        return _coarse(found["year"], found["month"])
    nested = _nested(folders)
    if nested is not None:
        return nested
    if (found := _FOLDER_YEAR.search(name)) is not None:
        return _coarse(found["year"] or found["late"])
    return None


def _days_in(name: str) -> list[Stamp]:
    """All days that a name holds. A day that a range follows comes back as its month."""
    stamps: list[Stamp] = []
    for pattern in _FOLDER_DAY:
        for found in pattern.finditer(name):
            stamp = _read(Reading.DAY, found)
            if stamp is None:
                continue
            if _RANGE_BEHIND.match(name, found.end()):
                stamp = Stamp(stamp.value.replace(day=1), Precision.MONTH)
            stamps.append(stamp)
    return stamps


def _common(stamps: list[Stamp]) -> Stamp | None:
    """What several dates share: `2019-08-17 - 2019-08-24` is a matter of August 2019."""
    first = stamps[0]
    for precision, keep in ((Precision.DAY, 3), (Precision.MONTH, 2), (Precision.YEAR, 1)):
        if len({stamp.value.timetuple()[:keep] for stamp in stamps}) == 1:
            coarse = any(stamp.precision is not Precision.DAY for stamp in stamps)
            if precision is Precision.DAY and coarse:
                continue
            year, month, day = first.value.year, first.value.month, first.value.day
            return Stamp(wall_clock(year, month if keep > 1 else 1, day if keep > 2 else 1), precision)
    return None


def _nested(folders: list[str]) -> Stamp | None:
    """`2019/08/17 Trip` and `2019/08 August`: two digits count only below what they refine."""
    inner = _TWO_DIGITS.match(folders[-1])
    if inner is None or len(folders) < 2:
        return None
    above = folders[-2]
    if re.fullmatch(r"[0-9]{4}", above):
        return _coarse(above, inner[1])
    if (month := _FOLDER_MONTH.match(above)) is not None:
        return _read_nested(month["year"], month["month"], inner[1])
    outer = _TWO_DIGITS.match(above)
    if outer is not None and len(folders) > 2 and re.fullmatch(r"[0-9]{4}", folders[-3]):
        return _read_nested(folders[-3], outer[1], inner[1])
    return None


def _read_nested(year: str, month: str, day: str) -> Stamp | None:
    value = _day({"year": year, "month": month, "day": day})
    return None if value is None else Stamp(value, Precision.DAY)


def _coarse(year: str, month: str | None = None) -> Stamp | None:
    value = _day({"year": year, "month": month or "1", "day": "1"})
    return None if value is None else Stamp(value, Precision.MONTH if month else Precision.YEAR)


def _refines(outer: Stamp, inner: Stamp) -> bool:
    """Whether `outer` says the same as `inner`, only more finely."""
    if inner.precision is Precision.YEAR:
        return outer.precision is not Precision.YEAR and outer.value.year == inner.value.year
    if inner.precision is Precision.MONTH:
        return outer.precision is Precision.DAY and outer.value.timetuple()[:2] == inner.value.timetuple()[:2]
    return False
