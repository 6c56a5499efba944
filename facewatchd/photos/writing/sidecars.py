"""
A capture date in an XMP sidecar: a new packet, or one more property in the existing packet. All other bytes of that stay
(R12).

Programs name a sidecar `name.ext.xmp` (darktable, digiKam) or `name.xmp` (Adobe). The latter may belong to a RAW file of the
same name. An existing sidecar is used if it belongs to this photo alone. A new one gets the name that is never ambiguous.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from datetime import datetime
from xml.parsers import expat

from facewatchd.core.dates.evidence import Sidecar
from facewatchd.core.dates.stamps import fault, parse_stamp
from facewatchd.core.name_forms import composed
from facewatchd.domain import Precision
from facewatchd.photos.formats import EXTENSIONS
from facewatchd.photos.metadata.tags import sidecar_names
from facewatchd.photos.metadata.xmp import parse_xmp
from facewatchd.photos.writing.edits import Edit, applied

_EXIF = "http://ns.adobe.com/exif/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DATE = f"{_EXIF} DateTimeOriginal"
_DESCRIPTION = f"{_RDF} Description"
_BOM = b"\xef\xbb\xbf"
_DECLARED = re.compile(rb"""^<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_NAME_END = re.compile(rb"[\s/>]")
# an attribute of a start tag: name, quote, value
ATTRIBUTE = re.compile(rb"""([^\s=<>"'/]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")

_NEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    exif:DateTimeOriginal="{date}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def xmp_text(value: datetime, precision: Precision, zone: str = "") -> str:
    """A date in the form of XMP, as precise as it is known: `1987`, `1987-06`, `1987-06-05T04:03:02+02:00`."""
    text = f"{value.year:04d}"
    if precision is not Precision.YEAR:
        text += f"-{value.month:02d}"
    if precision in {Precision.DAY, Precision.SECOND}:
        text += f"-{value.day:02d}"
    if precision is Precision.SECOND:
        text += f"T{value.hour:02d}:{value.minute:02d}:{value.second:02d}{zone}"
    return text


def new_sidecar(date: str) -> bytes:
    """A packet that holds only the date of the picture."""
    return _NEW.format(date=date).encode()


def sidecar_target(photo: bytes, beside: Iterable[bytes]) -> bytes:
    """
    The name of the sidecar for the date of a photo.

    Args:
        photo: The photo's name.
        beside: All names in its folder.
    """
    present = set(beside)
    stem = os.path.splitext(photo)[0]
    for name in sidecar_names(photo):
        if name not in present:
            continue
        mine = composed(name).startswith(composed(photo) + b".")
        if mine or not any(_shares(other, stem, photo) for other in present):
            return name
    return photo + b".xmp"


def _shares(other: bytes, stem: bytes, photo: bytes) -> bool:
    """Whether the sidecar may belong to another picture with the same stem: `IMG_1.CR2` beside `IMG_1.jpg`."""
    base, ending = os.path.splitext(other)
    if other == photo or composed(base) != composed(stem) or ending.lower() in {b".xmp", b".json", b".txt", b".aae"}:
        return False
    return ending.lower() in EXTENSIONS or bool(ending)


def merge(content: bytes, date: str, now: float) -> tuple[Edit, ...]:
    """
    The edits that put a date into an existing packet. It replaces a nonsense date, or becomes one more attribute of the
    first description.

    Args:
        content: The sidecar.
        date: See `xmp_text`.
        now: Seconds since 1970.

    Raises:
        ValueError: It has a valid date already, or cannot be understood. The message says why.
    """
    before = understood(content)
    stamp = parse_stamp(before.original)
    if stamp is not None and not fault(stamp, now):
        raise ValueError("the sidecar has a date already")
    edit = date_edit(content, date)
    _check(content, applied(content, (edit,)), date)
    return (edit,)


def understood(content: bytes) -> Sidecar:
    """
    The dates of a sidecar that may be changed.

    Raises:
        ValueError: It cannot be understood.
    """
    declared = _DECLARED.match(content.removeprefix(_BOM))
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"} or (declared and declared[1].lower() not in {b"utf-8", b"us-ascii"}):
        raise ValueError("the sidecar is not UTF-8")
    found = parse_xmp(content)
    if found.problem:
        raise ValueError(found.problem)
    return found


def date_edit(content: bytes, date: str) -> Edit:
    """
    The edit that gives a sidecar a DateTimeOriginal, or another one; see `merge`.

    Raises:
        ValueError: It has no place for it, or several.
    """
    places = _Places(content)
    return _replacement(content, places, date) if places.has_date else _addition(content, places, date)


class _Places:
    """Where the descriptions and dates of a packet begin, in bytes."""

    def __init__(self, content: bytes) -> None:
        self.descriptions: list[int] = []
        self.elements: list[tuple[int, int]] = []
        self.attributed: list[int] = []
        self._open = -1
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.Parse(content, True)

    @property
    def has_date(self) -> bool:
        return bool(self.elements or self.attributed)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        if name == _DESCRIPTION:
            self.descriptions.append(at)
        if name == _DATE:
            self._open = at
        if _DATE in attributes:
            self.attributed.append(at)

    def _end(self, name: str) -> None:
        if name == _DATE:
            self.elements.append((self._open, self._parser.CurrentByteIndex))


def _replacement(content: bytes, places: _Places, date: str) -> Edit:
    """The text of a nonsense date, in an attribute or element, becomes the date."""
    if len(places.elements) + len(places.attributed) != 1:
        raise ValueError("the sidecar has several dates")
    if places.elements:
        start, end = places.elements[0]
        text = content.index(b">", start, len(content)) + 1
        if text > end or b"<" in content[text:end]:
            raise ValueError("the sidecar's date cannot be replaced")
        return Edit(text, content[text:end], date.encode())
    start, end = tag_span(content, places.attributed[0])
    found = [
        match
        for match in ATTRIBUTE.finditer(content, start, end)
        if match[1].endswith(b":DateTimeOriginal") and match[1] != b"xmlns:DateTimeOriginal"
    ]
    if len(found) != 1:
        raise ValueError("the sidecar's date cannot be replaced")
    group = 2 if found[0][2] is not None else 3
    return Edit(found[0].start(group), found[0][group], date.encode())


def _addition(content: bytes, places: _Places, date: str) -> Edit:
    """One more attribute. It has its own declaration if `exif` means something else there."""
    if not places.descriptions:
        raise ValueError("the sidecar has no description to add a date to")
    start, end = tag_span(content, places.descriptions[0])
    name_end = _NAME_END.search(content, start)
    assert name_end is not None
    tag = content[start:end]
    declared = [match for match in ATTRIBUTE.finditer(tag) if match[1] == b"xmlns:exif"]
    if declared and (declared[0][2] or declared[0][3]) == _EXIF.encode():
        added = f' exif:DateTimeOriginal="{date}"'
    elif declared:
        added = f' xmlns:exifdate="{_EXIF}" exifdate:DateTimeOriginal="{date}"'
    else:
        # a second declaration is allowed in an outer element, but not in this one
        added = f' xmlns:exif="{_EXIF}" exif:DateTimeOriginal="{date}"'
    return Edit(name_end.start(), b"", added.encode())


def tag_span(content: bytes, start: int) -> tuple[int, int]:
    """From `<` to after `>` of a start tag. A value may contain `>`."""
    at = start
    quote = b""
    while True:
        letter = content[at : at + 1]
        if not letter:
            raise ValueError("the sidecar cannot be understood")
        if quote:
            quote = b"" if letter == quote else quote
        elif letter in {b'"', b"'"}:
            quote = letter
        elif letter == b">":
            return start, at + 1
        at += 1


def _check(old: bytes, new: bytes, date: str) -> None:
    """Check that the new packet has the date, and everything else as before."""
    found = parse_xmp(new)
    if found.problem or found.original != date:
        raise ValueError("the sidecar would not say the date")
    check_others(old, new, frozenset({_DATE}))


def check_others(old: bytes, new: bytes, changed: Collection[str]) -> None:
    """
    Check that all of a packet is as before, except some properties (namespace, blank, name).

    Raises:
        ValueError: It is not.
    """
    if _events(old, changed) != _events(new, changed):
        raise ValueError("other parts of the sidecar would change")


def _events(content: bytes, left_out: Collection[str]) -> list[object]:
    """Everything in a packet except these properties."""
    events: list[object] = []
    inside: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        inside.append(name)
        events.append((name, sorted((key, value) for key, value in attributes.items() if key not in left_out)))

    def end(name: str) -> None:
        inside.pop()
        events.append(name)

    def text(data: str) -> None:
        if not any(name in left_out for name in inside):
            events.append(data)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.Parse(content, True)
    return events
