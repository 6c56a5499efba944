"""
What a photo says outside of its Exif block: XMP packets and IPTC data sets, whatever its format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from facewatchd.core.dates.evidence import Embedded
from facewatchd.photos.formats import PhotoKind, jpeg_header_end
from facewatchd.photos.metadata.png_text import png_metadata
from facewatchd.photos.metadata.xmp import Xmp, packets_in, read_packet

# data set 2:55, DateCreated, CCYYMMDD, and 2:60, TimeCreated, HHMMSS+HHMM (IPTC-NAA IIM 4.2)
_DATE_SET, _TIME_SET = b"\x1c\x02\x37\x00\x08", b"\x1c\x02\x3c\x00\x0b"
_DAY = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})")
_TIME = re.compile(rb"([0-9]{2})([0-9]{2})([0-9]{2})([+-][0-9]{2})([0-9]{2})")
# formats that hold no metadata, or none that is read
_SILENT = frozenset({PhotoKind.GIF, PhotoKind.BMP, PhotoKind.JPEG_XL})


def embedded_dates(data: bytes, kind: PhotoKind) -> Embedded:
    """
    The dates in a photo's XMP and IPTC.

    Args:
        data: The whole file; of a JPEG, at least all that stands before the picture.
        kind: Its format.
    """
    original = created = digitized = iptc = ""
    for part in _metadata(data, kind):
        for packet in map(read_packet, packets_in(part)):
            original = original or packet.dates.original
            created = created or packet.dates.created
            digitized = digitized or packet.dates.digitized
        iptc = iptc or _iptc_date(part)
    return Embedded(original, created, iptc, digitized)


def embedded_orientation(data: bytes, kind: PhotoKind) -> int | None:
    """The orientation that a photo's XMP says, 1..8; None where it says none."""
    packets: Iterator[Xmp] = (read_packet(packet) for part in _metadata(data, kind) for packet in packets_in(part))
    return next((packet.orientation for packet in packets if packet.orientation is not None), None)


def _metadata(data: bytes, kind: PhotoKind) -> Iterator[bytes]:
    """The parts of a file that XMP and IPTC may stand in."""
    if kind in _SILENT:
        return
    if kind is PhotoKind.JPEG:
        # a preview or a second picture behind has metadata of its own
        yield data[: jpeg_header_end(data)]
    elif kind is PhotoKind.PNG:
        try:
            yield from png_metadata(data)
        except ValueError:
            return  # whatever stood before the damage was read
    else:
        yield data


def _iptc_date(data: bytes) -> str:
    """The first date that IPTC gives, with its time where there is one."""
    at = data.find(_DATE_SET)
    day = _DAY.match(data, at + len(_DATE_SET)) if at >= 0 else None
    if day is None:
        return ""
    text = b"-".join(day.groups()).decode("ascii")
    at = data.find(_TIME_SET)
    time = _TIME.match(data, at + len(_TIME_SET)) if at >= 0 else None
    if time is None:
        return text
    hour, minute, second, zone, zone_minute = (part.decode("ascii") for part in time.groups())
    return f"{text}T{hour}:{minute}:{second}{zone}:{zone_minute}"
