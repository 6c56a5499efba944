"""
Where an XMP packet states when the picture was taken, and the changes of its bytes for another date. All other bytes stay.

Inside a photo a packet keeps its length: the new date has the form of the old one, and is never longer. If it is shorter, white
space is added inside the tag behind it, where XML ignores it (XML 1.0, sections 3.1 and 2.10). A sidecar may become longer.
Properties: XMP specification part 2 (exif, photoshop, xmp).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from xml.parsers import expat

from facewatchd.photos.writing.edits import Edit
from facewatchd.photos.writing.sidecars import ATTRIBUTE, tag_span


class Stated(StrEnum):
    """What a property says."""

    ORIGINAL = "original"  # when the picture was taken
    CREATED = "created"  # the same
    DIGITIZED = "digitized"  # the same of a camera; of a scan, the day of the scanner


PROPERTIES = {
    "http://ns.adobe.com/exif/1.0/ DateTimeOriginal": Stated.ORIGINAL,
    "http://ns.adobe.com/photoshop/1.0/ DateCreated": Stated.CREATED,
    "http://ns.adobe.com/xap/1.0/ CreateDate": Stated.DIGITIZED,
    "http://ns.adobe.com/exif/1.0/ DateTimeDigitized": Stated.DIGITIZED,
}
"""Namespace, blank, name -> what it says."""

_FORM = re.compile(
    r"\d{4}(?:[-:]\d\d(?:[-:]\d\d(?:[T ](?P<clock>\d\d:\d\d)(?P<second>:\d\d)?(?P<fraction>\.\d+)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?)?)?)?"
)
# the forms of a date in XMP, by their lengths
_YEAR, _MONTH, _DAY, _MINUTE, _SECOND = 4, 7, 10, 16, 19


@dataclass(frozen=True, slots=True)
class XmpDate:
    """
    A date in a packet.

    Attributes:
        what: What it says.
        text: As it stands there.
        start: Where the text begins, in bytes.
        end: Where it ends.
        tag_end: Where white space may be added: behind the quote of an attribute, or before the `>` of an end tag.
    """

    what: Stated
    text: str
    start: int
    end: int
    tag_end: int


def xmp_dates(content: bytes) -> list[XmpDate]:
    """
    The dates of a packet, in the order of their places; empty ones are left out.

    Raises:
        ValueError: It cannot be understood, or a date in it has no place of its own.
    """
    found = _Finder(content)
    return sorted(found.dates, key=lambda date: date.start)


class _Finder:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self.dates: list[XmpDate] = []
        self._open: tuple[Stated, int] | None = None
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            raise ValueError(f"its XMP cannot be read: {error}") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        start, end = tag_span(self._content, self._parser.CurrentByteIndex)
        if name in PROPERTIES:
            self._open = (PROPERTIES[name], end)
        for attribute, value in attributes.items():
            if attribute in PROPERTIES and value.strip():
                self._add_attribute(attribute, value, attributes, (start, end))

    def _add_attribute(self, attribute: str, value: str, attributes: dict[str, str], tag: tuple[int, int]) -> None:
        local = attribute.rsplit(" ", 1)[1]
        if sum(name.rsplit(" ", 1)[-1] == local for name in attributes) != 1:
            raise ValueError("its XMP has several dates of one name")
        wanted = f":{local}".encode()
        found = [match for match in ATTRIBUTE.finditer(self._content, *tag) if match[1].endswith(wanted)]
        found = [match for match in found if not match[1].startswith(b"xmlns:")]
        if len(found) != 1:
            raise ValueError("a date in its XMP cannot be found")
        group = 2 if found[0][2] is not None else 3
        if found[0][group].decode("utf-8", "replace").strip() != value.strip():
            raise ValueError("a date in its XMP is written in an unusual way")
        start, end = found[0].span(group)
        self.dates.append(XmpDate(PROPERTIES[attribute], value, start, end, end + 1))

    def _end(self, name: str) -> None:
        if name not in PROPERTIES or self._open is None:
            return
        what, start = self._open
        self._open = None
        end = self._parser.CurrentByteIndex
        inside = self._content[start:end]
        if end < start or not inside.strip():
            return
        if b"<" in inside or b"&" in inside:
            raise ValueError("a date in its XMP is written in an unusual way")
        start += len(inside) - len(inside.lstrip())
        text = inside.strip()
        tag_end = self._content.index(b">", end)
        self.dates.append(XmpDate(what, text.decode("utf-8", "replace"), start, start + len(text), tag_end))


def in_form_of(old: str, value: datetime, *, keeps_fraction: bool) -> str:
    """
    A date in the form of another: a day stays a day, an offset stays. `Z` goes, as it would make the wall clock UTC.

    Args:
        old: The date that stands there.
        value: The date to write.
        keeps_fraction: Whether parts of a second stay as they are; else they become zeros.

    Raises:
        ValueError: The old text is shorter than a year.
    """
    found = _FORM.fullmatch(old.strip())
    if found is None:
        length = next((size for size in (_SECOND, _MINUTE, _DAY, _MONTH, _YEAR) if size <= len(old)), 0)
        if not length:
            raise ValueError("its XMP has a date with too little room")
        return f"{value:%Y-%m-%dT%H:%M:%S}".rjust(_SECOND, "0")[:length]
    text = f"{value.year:04d}-{value:%m-%d}T{value:%H:%M:%S}"
    if found["clock"] is None:
        return text[: min(len(old.strip()), _DAY)]
    fraction = found["fraction"] or ""
    if not keeps_fraction:
        fraction = re.sub(r"\d", "0", fraction)
    zone = "" if found["zone"] == "Z" else found["zone"] or ""
    return (text if found["second"] else text[:_MINUTE]) + (fraction if found["second"] else "") + zone


def edits_in_packet(
    content: bytes, value: datetime, keeps: Callable[[XmpDate], bool], *, keeps_fraction: bool
) -> list[Edit]:
    """
    The edits for another date, with the length of the packet as it is.

    Args:
        content: The packet.
        value: The date to write.
        keeps: Whether a date stays as it is.
        keeps_fraction: See `in_form_of`.

    Raises:
        ValueError: They cannot be made.
    """
    edits = []
    for date in xmp_dates(content):
        if keeps(date):
            continue
        old = content[date.start : date.tag_end]
        new = in_form_of(date.text, value, keeps_fraction=keeps_fraction).encode()
        new += content[date.end : date.tag_end]
        if len(new) > len(old):
            raise ValueError("its XMP has a date with too little room")
        edits.append(Edit(date.start, old, new.ljust(len(old))))
    return [edit for edit in edits if edit.old != edit.new]
