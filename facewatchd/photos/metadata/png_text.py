"""
The texts of a PNG that hold metadata: XMP (Adobe's `XML:com.adobe.xmp`), and the raw profiles in which ImageMagick and
others keep Exif, IPTC and XMP as hexadecimal text. Source: PNG specification (third edition), 11.3.3; ImageMagick's and
ExifTool's documentation of raw profiles.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterator

from facewatchd.photos.formats import png_chunks

MAX_TEXT_BYTES = 1 << 23
"""A longer text is left out: real metadata have some kilobytes, and a few bytes can be packed from many gigabytes."""

_PROFILE = b"Raw profile type "
_EXIF_PREFIX = b"Exif\0\0"
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"


def png_profile(data: bytes, *names: bytes) -> bytes | None:
    """
    The first raw profile of one of these names ("exif", "iptc", "APP1", "xmp"), or None.

    Raises:
        ValueError: The PNG ends in the middle.
    """
    for keyword, text in _texts(data):
        if keyword.startswith(_PROFILE) and keyword.removeprefix(_PROFILE) in names:
            profile = _from_hexadecimal(text)
            if profile is not None:
                return profile
    return None


def png_exif(data: bytes) -> bytes | None:
    """The Exif block of a raw profile as a TIFF structure, or None."""
    block = png_profile(data, b"exif")
    if block is None:
        block = png_profile(data, b"APP1")
        if block is not None and not block.startswith(_EXIF_PREFIX):
            return None
    return block.removeprefix(_EXIF_PREFIX) if block else None


def png_metadata(data: bytes) -> Iterator[bytes]:
    """All texts that may hold XMP or IPTC, unpacked."""
    for keyword, text in _texts(data):
        if keyword == b"XML:com.adobe.xmp":
            yield text
        elif keyword.startswith(_PROFILE) and (profile := _from_hexadecimal(text)) is not None:
            yield profile.removeprefix(_XMP_PREFIX)


def _texts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and text of each text chunk; one that cannot be unpacked is left out."""
    for part in png_chunks(data):
        if part.name not in {b"tEXt", b"zTXt", b"iTXt"}:
            continue
        keyword, _, rest = data[part.body : part.end].partition(b"\0")
        if part.name == b"tEXt":
            text: bytes | None = rest
        elif part.name == b"zTXt":
            text = _unpacked(rest[1:]) if rest[:1] == b"\0" else None
        else:
            is_packed, method = rest[:1] == b"\1", rest[1:2]
            # behind them the language and the translated keyword
            _, _, content = rest[2:].partition(b"\0")
            _, _, content = content.partition(b"\0")
            text = content if not is_packed else _unpacked(content) if method == b"\0" else None
        if text is not None:
            yield keyword, text


def _unpacked(packed: bytes) -> bytes | None:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return None if unpacking.unconsumed_tail else text


def _from_hexadecimal(text: bytes) -> bytes | None:
    """A profile: its name, its length, and its bytes as hexadecimal digits, with lines between."""
    words = text.split(None, 2)
    if len(words) < 3 or not words[1].isdigit():
        return None
    try:
        profile = binascii.unhexlify(b"".join(words[2].split()))
    except binascii.Error:
        return None
    return profile if len(profile) >= int(words[1]) else None
