"""
Where IPTC states when a picture was taken, and the changes of its bytes for another date. All data sets keep their length.

Data sets: IPTC-NAA IIM 4.2. The digest by which programs see that IPTC was changed by one that does not know XMP: Adobe
Photoshop file formats, image resource 0x0425.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime

from facewatchd.core.dates.stamps import wall_clock
from facewatchd.photos.writing.edits import Edit, applied

# DateCreated (2:55) and TimeCreated (2:60), DigitalCreationDate (2:62) and DigitalCreationTime (2:63)
_SETS = re.compile(
    rb"\x1c\x02(?:(?P<day>[\x37\x3e])\x00\x08(?P<date>[0-9]{8})"
    rb"|(?P<clock>[\x3c\x3f])\x00(?:\x0b(?P<zoned>[0-9]{6})[+-][0-9]{4}|\x06(?P<bare>[0-9]{6})))"
)
_DIGITIZED = {b"\x3e", b"\x3f"}
_RESOURCE = re.compile(rb"8BIM\x04(?P<number>[\x04\x25])")


def iptc_edits(data: bytes, start: int, end: int, value: datetime, keeps: Callable[[datetime], bool]) -> list[Edit]:
    """
    The edits for another date.

    Args:
        data: The whole file.
        start: Where IPTC may begin.
        end: Where it must have ended.
        value: The date to write.
        keeps: Whether a day of digitizing stays as it is.
    """
    edits: list[Edit] = []
    kept: set[bytes] = set()
    found = list(_SETS.finditer(data, start, end))
    for match in found:
        if match["day"] in _DIGITIZED and (day := _day(match["date"])) is not None and keeps(day):
            kept |= _DIGITIZED
    for match in found:
        number = match["day"] or match["clock"]
        if number in kept:
            continue
        if match["day"]:
            at, old, new = match.start("date"), match["date"], f"{value.year:04d}{value:%m%d}".encode()
        else:
            group = "zoned" if match["zoned"] is not None else "bare"
            at, old, new = match.start(group), match[group], f"{value:%H%M%S}".encode()
        if old != new:
            edits.append(Edit(at, old, new))
    return [*edits, *_digests(data, start, end, edits)]


def _day(text: bytes) -> datetime | None:
    try:
        return wall_clock(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _digests(data: bytes, start: int, end: int, edits: list[Edit]) -> list[Edit]:
    """The digest of the data sets, if there is one that was right."""
    resources: dict[bytes, tuple[int, int]] = {}
    for match in _RESOURCE.finditer(data, start, end):
        name = match.end()
        if name >= end:
            break
        # the name of a resource has a length byte, and both have an even length
        at = name + 1 + data[name] + (data[name] + 1) % 2
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size <= end:
            resources.setdefault(match["number"], (at + 4, at + 4 + size))
    sets, digest = resources.get(b"\x04"), resources.get(b"\x25")
    if sets is None or digest is None:
        return []
    before = data[slice(*sets)]
    old = data[slice(*digest)]
    if old != _md5(before):
        return []
    inside = [
        Edit(edit.at - sets[0], edit.old, edit.new)
        for edit in edits
        if sets[0] <= edit.at and edit.at + len(edit.old) <= sets[1]
    ]
    new = _md5(applied(before, sorted(inside, key=lambda edit: edit.at)))
    return [Edit(digest[0], old, new)] if old != new else []


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()
