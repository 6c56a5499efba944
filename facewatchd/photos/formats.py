"""
What a photo is: by name for the watcher, and by content for the decoder. And how the containers are built.

The name decides only whether a file is looked at. The content decides how it is read (R23): a PNG with the name `.jpg` is read
as a PNG, and a text with the name `.jpg` is refused. The functions that walk a container yield positions and copy nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from facewatchd.core.intake.stacks import HEIC_ENDINGS, JPEG_ENDINGS, RAW_ENDINGS
from facewatchd.photos.raw_containers import is_raw

EXTENSIONS = (
    JPEG_ENDINGS | HEIC_ENDINGS | RAW_ENDINGS | frozenset(b".png .webp .tif .tiff .gif .bmp .avif .jxl".split())
)
"""Lower case, with the dot."""

SNIFF_BYTES = 512
"""How many bytes from the beginning of a file `kind_of` may need: a `ftyp` box has a list of brands."""

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})

JPEG_SOI, JPEG_EOI, JPEG_SOS = 0xD8, 0xD9, 0xDA
JPEG_APP0, JPEG_APP1, JPEG_APP14, JPEG_APP15, JPEG_COM = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
JPEG_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The frame headers, which hold the size. C4, C8 and CC in the same range are tables (ITU T.81, table B.1)."""

# after FF: 00 is a stuffed data byte, D0-D7 restart inside a scan, FF is padding; anything else is a marker
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class PhotoKind(StrEnum):
    """A format that can be decoded, recognised by content."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    TIFF = "TIFF"
    GIF = "GIF"
    BMP = "BMP"
    HEIC = "HEIC"
    AVIF = "AVIF"
    JPEG_XL = "JPEG XL"
    RAW = "camera RAW"


@dataclass(frozen=True, slots=True)
class Part:
    """
    A JPEG segment, PNG chunk or RIFF chunk.

    Attributes:
        name: JPEG: the marker's second byte; otherwise the four letters.
        start: Where it begins, with its own header.
        body: Where its payload begins.
        end: After its payload (PNG: before the checksum; JPEG scan: after the coded data).
    """

    name: bytes
    start: int
    body: int
    end: int


def is_photo_name(path: bytes) -> bool:
    """Whether a file with this name is looked at. The watcher decides which of them to ignore."""
    return os.path.splitext(os.path.basename(path))[1].lower() in EXTENSIONS


def kind_of(data: bytes) -> PhotoKind | None:
    """
    The format of a file. None if it is not one of ours.

    The first `SNIFF_BYTES` are enough to know whether there is one. Camera RAW in the form of a TIFF is recognised only by
    the whole file. By its first bytes it counts as a TIFF.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return PhotoKind.JPEG
    if data.startswith(_PNG_SIGNATURE):
        return PhotoKind.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return PhotoKind.WEBP
    if is_raw(data):
        return PhotoKind.RAW
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return PhotoKind.TIFF
    if data.startswith((b"GIF87a", b"GIF89a")):
        return PhotoKind.GIF
    # some texts begin with 'BM'; the four bytes at 6 are reserved, and zero in every BMP
    if data.startswith(b"BM") and data[6:10] == bytes(4):
        return PhotoKind.BMP
    if data[4:8] == b"ftyp":
        return _heif_kind(data)
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return PhotoKind.JPEG_XL
    return None


def _heif_kind(data: bytes) -> PhotoKind | None:
    """Brands such as `mif1` mean only 'an image'. The compatible brands then tell the codec."""
    size = min(int.from_bytes(data[:4], "big"), SNIFF_BYTES, len(data))
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))]
    for brand in brands:
        if brand in HEIC_BRANDS:
            return PhotoKind.HEIC
        if brand in AVIF_BRANDS:
            return PhotoKind.AVIF
    return None


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """
    The segments of a JPEG's primary image, from SOI to EOI. Data after EOI (second images, films, padding) is left out.

    Raises:
        ValueError: The data end before EOI does; raised when the iteration gets there.
    """
    at = 0
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        start, marker = found.start(), data[found.start() + 1]
        name = data[start + 1 : start + 2]
        if marker in {JPEG_SOI, 0x01}:
            at = start + 2
            yield Part(name, start, at, at)
            continue
        if marker == JPEG_EOI:
            yield Part(name, start, start + 2, start + 2)
            return
        body = start + 4
        end = start + 2 + int.from_bytes(data[start + 2 : body], "big")
        if end < body or end > len(data):
            break
        if marker == JPEG_SOS:
            following = _JPEG_MARKER.search(data, end)
            if following is None:
                break
            end = following.start()
        yield Part(name, start, body, end)
        at = end
    raise ValueError("it ends in the middle")


def jpeg_header_end(data: bytes) -> int:
    """Where a JPEG's coded picture begins. All metadata are before it. The end of the data if there is no picture."""
    at = 2
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        start, marker = found.start(), data[found.start() + 1]
        if marker in {JPEG_SOS, JPEG_EOI}:
            return start
        body = start + 4
        length = int.from_bytes(data[start + 2 : body], "big")
        at = start + 2 if marker in {JPEG_SOI, 0x01} else start + 2 + max(length, 2)
    return len(data)


def png_chunks(data: bytes) -> Iterator[Part]:
    """
    The chunks of a PNG, with IEND.

    Raises:
        ValueError: The data end before IEND does; raised when the iteration gets there.
    """
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        body = at + 8
        end = body + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        name = data[at + 4 : body]
        yield Part(name, at, body, end)
        if name == b"IEND":
            return
        at = end + 4
    raise ValueError("it ends in the middle")


def riff_chunks(data: bytes) -> Iterator[Part]:
    """
    The chunks of a WebP.

    Raises:
        ValueError: The data end before a chunk does; raised when the iteration gets there.
    """
    at = 12
    while at + 8 <= len(data):
        body = at + 8
        end = body + int.from_bytes(data[at + 4 : body], "little")
        if end > len(data):
            raise ValueError("it ends in the middle")
        yield Part(data[at : at + 4], at, body, end)
        at = end + (end & 1)


def webp_size(data: bytes) -> tuple[int, int] | None:
    """
    Width and height in pixels from the header of a WebP, or None if the header is not understood.

    The WebP library reserves memory for the whole canvas before it tells the size, so this is read first.
    """
    name, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if name == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if name == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None
