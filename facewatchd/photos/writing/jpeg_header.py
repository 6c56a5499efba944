"""
The segments of a JPEG before its picture, as strictly as putting something between them demands.
"""

from __future__ import annotations

from collections.abc import Iterator

from facewatchd.photos.formats import JPEG_EOI, JPEG_SOI, JPEG_SOS, Part
from facewatchd.photos.writing.patch_tiff import DamagedError


def strict_header(data: bytes) -> Iterator[Part]:
    """
    A JPEG's segments before the picture, one right behind the other.

    Raises:
        DamagedError: Something stands between them, or they are cut off.
    """
    at = 2
    if data[:2] != bytes((0xFF, JPEG_SOI)):
        raise DamagedError("it does not begin like a JPEG")
    while True:
        start = at
        if data[at : at + 1] != b"\xff":
            raise DamagedError("there are stray bytes between the segments")
        while data[at : at + 1] == b"\xff":  # fill bytes are allowed
            at += 1
        marker = data[at : at + 1]
        body = at + 3
        if not marker or body > len(data):
            raise DamagedError("it ends in the middle")
        end = at + 1 + int.from_bytes(data[at + 1 : body], "big")
        if marker[0] in {0, 1, JPEG_SOI, JPEG_EOI} or 0xD0 <= marker[0] <= 0xD7 or end < body or end > len(data):
            raise DamagedError("a segment has a wrong length")
        if marker[0] == JPEG_SOS:
            return
        yield Part(marker, start, body, end)
        at = end
