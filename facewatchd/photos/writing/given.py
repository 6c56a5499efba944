"""
A date that the user gives: the changes of a photo, or of its sidecar, after which all that states when the picture was taken says
this date. Works on bytes in memory; `photos.writing.verify` and `photos.writing.write` follow.

These change: Exif's DateTimeOriginal and DateTimeDigitized with their parts of a second, XMP (exif:DateTimeOriginal,
photoshop:DateCreated, xmp:CreateDate), IPTC (DateCreated, TimeCreated, DigitalCreationDate, DigitalCreationTime). A later day of
digitizing stays, as it is the scanner's. Offset tags, satellite time and the day of the last change stay in any case.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from facewatchd.core.dates.evidence import Tags
from facewatchd.core.dates.plan import ORIGINAL_TAG, Act, DatePlan, Layout, nonsense
from facewatchd.core.dates.stamps import fault, parse_stamp
from facewatchd.domain import Precision
from facewatchd.photos.formats import PhotoKind, jpeg_header_end, kind_of, png_chunks
from facewatchd.photos.metadata.exif import DIGITIZED, SUBSEC_DIGITIZED
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.metadata.xmp import packets_in
from facewatchd.photos.writing.edits import Edit, applied
from facewatchd.photos.writing.iptc_dates import iptc_edits
from facewatchd.photos.writing.patch import edits_for, exif_text, layout_of
from facewatchd.photos.writing.sidecars import check_others, date_edit, understood
from facewatchd.photos.writing.xmp_dates import PROPERTIES, Stated, XmpDate, edits_in_packet, xmp_dates

_NEAR = timedelta(days=1)
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/"


@dataclass(frozen=True, slots=True)
class Given:
    """
    What the user says of a photo.

    Attributes:
        value: Wall-clock time; noon if only the day is known.
        before: The date that the photo stated, None if it had none.
        keeps_fraction: Whether parts of a second stay as they are, because a clock is put right. Else they become zeros.
        now: Seconds since 1970.
    """

    value: datetime
    before: datetime | None
    keeps_fraction: bool
    now: float

    def is_scan_day(self, text: str) -> bool:
        """Whether a date of digitizing stays: it is later than the picture, before and after the change."""
        stamp = parse_stamp(text)
        return stamp is not None and not fault(stamp, self.now) and self.is_scan_date(stamp.value)

    def keeps(self, date: XmpDate) -> bool:
        """Whether a date in XMP stays."""
        return date.what is Stated.DIGITIZED and self.is_scan_day(date.text)

    def is_scan_date(self, value: datetime) -> bool:
        """The same of a date that can be one."""
        is_later = value.date() > self.value.date()
        return is_later and (self.before is None or value - self.before > _NEAR)


def edits_to_give(data: bytes, given: Given) -> tuple[Edit, ...]:
    """
    The changes of a photo, in the order of their places; none if it says the date already.

    Args:
        data: The whole file.
        given: The date.

    Raises:
        ValueError: They cannot be made without a change to something else. The message says why.
    """
    kind = kind_of(data)
    if kind is None:
        raise ValueError("it is no photo")
    if kind is PhotoKind.RAW:
        raise ValueError("camera RAW is never written into")
    layout = layout_of(data, kind)
    if layout.damage:
        raise ValueError(layout.damage)
    if ORIGINAL_TAG in layout.fixed:
        raise ValueError("its date field has an unusual form")
    same = _of_equal_length(data, kind, layout, given)
    edits = same if any(field.tag == ORIGINAL_TAG for field in layout.fields) else _extended(data, layout, same, given)
    _check(applied(data, edits), kind, given)
    return edits


def edits_to_fix(data: bytes, plan: DatePlan, zone: str, now: float) -> tuple[Edit, ...]:
    """
    The changes of a photo for a date that was missing or nonsense, in the order of their places. Dates of nonsense in its XMP say
    the new date too, where the packet keeps its length; else they stay.

    Args:
        data: The whole file.
        plan: As in `patch.edits_for`.
        zone: As in `patch.edits_for`.
        now: Seconds since 1970.

    Raises:
        ValueError: As in `patch.edits_for`.
    """
    edits = edits_for(data, plan, zone)
    kind = kind_of(data)
    assert plan.value is not None
    try:
        start, end = _searched(data, kind)
        xmp = _xmp_edits(data, start, end, plan.value, lambda date: not nonsense(date.text, now), keeps_fraction=False)
        if not xmp:
            return edits
        if kind is PhotoKind.PNG:
            xmp = sorted((*xmp, *_checksums(data, xmp)), key=lambda edit: edit.at)
        changed = applied(data, xmp)
        return _together(data, xmp, changed, edits_for(changed, plan, zone))
    except ValueError:
        return edits


def _searched(data: bytes, kind: PhotoKind | None) -> tuple[int, int]:
    """Where metadata may be: the header of a JPEG, all of another file."""
    return (0, jpeg_header_end(data)) if kind is PhotoKind.JPEG else (0, len(data))


def _of_equal_length(data: bytes, kind: PhotoKind, layout: Layout, given: Given) -> tuple[Edit, ...]:
    """Those that overwrite what is there."""
    start, end = _searched(data, kind)
    xmp = _xmp_edits(data, start, end, given.value, given.keeps, keeps_fraction=given.keeps_fraction)
    edits = [*_exif_edits(layout, given), *xmp]
    edits += iptc_edits(data, start, end, given.value, given.is_scan_date)
    # two tags may share one field
    in_order = sorted(set(edits), key=lambda edit: edit.at)
    if kind is PhotoKind.PNG:
        in_order = sorted((*in_order, *_checksums(data, in_order)), key=lambda edit: edit.at)
    return tuple(in_order)


def _exif_edits(layout: Layout, given: Given) -> list[Edit]:
    text = exif_text(given.value)
    edits = []
    scanned = set()
    for field in layout.fields:
        stands = field.content.split(b"\0", 1)[0].decode("ascii", "replace")
        if field.tag == DIGITIZED and given.is_scan_day(stands):
            scanned.add(SUBSEC_DIGITIZED)
        elif field.tag in {ORIGINAL_TAG, DIGITIZED} and field.content != text:
            edits.append(Edit(field.at, field.content, text))
    for field in layout.fractions:
        zeros = bytes(ord("0") if chr(byte).isdigit() else byte for byte in field.content)
        if not given.keeps_fraction and field.tag not in scanned and field.content != zeros:
            edits.append(Edit(field.at, field.content, zeros))
    return edits


def _xmp_edits(
    data: bytes, start: int, end: int, value: datetime, keeps: Callable[[XmpDate], bool], *, keeps_fraction: bool
) -> list[Edit]:
    edits = []
    at = start
    for packet in packets_in(data[start:end]):
        at = data.index(packet, at)
        for edit in edits_in_packet(packet, value, keeps, keeps_fraction=keeps_fraction):
            if data.rfind(_EXTENDED_XMP, max(start, at - 0x10000), at) >= 0:
                raise ValueError("its XMP has a checksum")
            edits.append(Edit(at + edit.at, edit.old, edit.new))
        at += len(packet)
    return edits


def _checksums(data: bytes, edits: Sequence[Edit]) -> list[Edit]:
    """The checksums of the chunks of a PNG that change."""
    new = applied(data, edits)
    found = []
    for part in png_chunks(data):
        if any(part.body <= edit.at < part.end for edit in edits):
            checksum = zlib.crc32(new[part.start + 4 : part.end]).to_bytes(4, "big")
            found.append(Edit(part.end, data[part.end : part.end + 4], checksum))
    return found


def _extended(data: bytes, layout: Layout, same: Sequence[Edit], given: Given) -> tuple[Edit, ...]:
    """The edits of a photo without a date field, which gets one as well."""
    if layout.can_extend:
        act = Act.EXTEND
    elif layout.can_insert and not layout.has_block:
        act = Act.EXIF
    else:
        raise ValueError("there is no place for a date in it")
    changed = applied(data, same)
    return _together(data, same, changed, edits_for(changed, DatePlan(act, "", given.value)))


def _together(data: bytes, same: Sequence[Edit], changed: bytes, more: Sequence[Edit]) -> tuple[Edit, ...]:
    """
    Edits that keep the length, and those of the bytes that they give, as edits of the file.

    Raises:
        ValueError: They touch each other.
    """
    edits = [Edit(edit.at, data[edit.at : edit.at + len(edit.old)], edit.new) for edit in more]
    edits += [edit for edit in same if not any(one.at <= edit.at < one.at + len(one.old) for one in more)]
    in_order = tuple(sorted(edits, key=lambda edit: (edit.at, len(edit.old))))
    if applied(data, in_order) != applied(changed, more):
        raise ValueError("its dates cannot be changed together")
    return in_order


def _check(new: bytes, kind: PhotoKind, given: Given) -> None:
    """Check that all that states the date says it now."""
    tags = read_tags(new, kind)
    if not all(_says(text, given.value) for text in stated(tags)):
        raise ValueError("a date in its XMP or IPTC cannot be changed in place")
    for text in (tags.digitized, tags.embedded.digitized):
        if not nonsense(text, given.now) and not _says(text, given.value) and not given.is_scan_day(text):
            raise ValueError("a date of digitizing in it cannot be changed in place")


def stated(tags: Tags) -> tuple[str, ...]:
    """What a photo says of when it was taken, the texts that are not blank."""
    embedded = tags.embedded
    texts = (tags.original, embedded.original, embedded.created, embedded.iptc)
    return tuple(text for text in texts if text.strip(" :\0"))


def _says(text: str, value: datetime) -> bool:
    """Whether a text says this date, as far as it says anything."""
    stamp = parse_stamp(text)
    if stamp is None:
        return False
    keep = {Precision.YEAR: 1, Precision.MONTH: 2, Precision.DAY: 3}.get(stamp.precision, 6)
    return not stamp.utc and stamp.value.timetuple()[:keep] == value.timetuple()[:keep]


def sidecar_edits(content: bytes, text: str, given: Given, *, must_have: bool) -> tuple[Edit, ...]:
    """
    The changes of a sidecar, in the order of their places; none if it says the date already.

    Args:
        content: The whole sidecar.
        text: The date in the form of XMP.
        given: The date.
        must_have: Whether it gets the date if it states none. Else it stays as it is then.

    Raises:
        ValueError: They cannot be made without a change to something else. The message says why.
    """
    understood(content)
    dates = [date for date in xmp_dates(content) if not given.keeps(date)]
    edits = [Edit(date.start, content[date.start : date.end], text.encode()) for date in dates]
    if must_have and not any(date.what is Stated.ORIGINAL for date in dates):
        edits.append(date_edit(content, text))
    edits = sorted((edit for edit in edits if edit.old != edit.new), key=lambda edit: edit.at)
    new = applied(content, edits)
    check_others(content, new, PROPERTIES)
    found = understood(new)
    if any(one not in {"", text} for one in (found.original, found.created)) or (must_have and found.original != text):
        raise ValueError("the sidecar would not say the date")
    return tuple(edits)
