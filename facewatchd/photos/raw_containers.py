"""
Camera RAW files as containers: how they are recognised, and where their Exif tags are. Nothing is decoded.

Most are TIFFs with other content. DNG has a version tag (DNG 1.7, chapter 4). The others hold colour-filter mosaics, which no
plain TIFF does (TIFF/EP, ISO 12234-2). Some have another number after the byte order. CR3 is an ISO base media file. RAF is
Fujifilm's own format. All reading is bounded: at most a few directories are read, and none twice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

CR3_BRAND = b"crx "
RAF_MAGIC = b"FUJIFILMCCD-RAW "

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
RAW_BYTE_ORDERS = {b"IIRO": "<", b"IIRS": "<", b"MMOR": ">", b"IIU\0": "<"}
"""First bytes of the files of Olympus and Panasonic. The rest is a TIFF structure."""

_PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 262, 330, 50706
_MOSAIC, _LINEAR_RAW = 32803, 34892
_MOST_DIRECTORIES = 16
_MOST_ENTRIES = 512

# Canon's box in `moov`, which holds one TIFF structure per Exif directory (github.com/lclevy/canon_cr3)
_CANON_UUID = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


def is_raw(data: bytes) -> bool:
    """
    Whether a file is camera RAW. With only the beginning of a file the answer may be a wrong False.
    """
    if data[:4] in RAW_BYTE_ORDERS or data.startswith(RAF_MAGIC):
        return True
    if data[4:8] == b"ftyp":
        return data[8:12] == CR3_BRAND
    # Canon's CR2: a TIFF with a mark before the first directory
    return data[:4] in BYTE_ORDERS and (data[8:10] == b"CR" or _is_raw_tiff(data))


def _is_raw_tiff(data: bytes) -> bool:
    order = BYTE_ORDERS[data[:4]]
    if len(data) < 8:
        return False
    waiting = [struct.unpack_from(order + "I", data, 4)[0]]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        offset = waiting.pop(0)
        if offset in seen:
            continue
        seen.add(offset)
        for tag, numbers in _numbers(data, order, offset):
            if tag == _DNG_VERSION or (tag == _PHOTOMETRIC and numbers and numbers[0] in {_MOSAIC, _LINEAR_RAW}):
                return True
            if tag == _SUB_DIRECTORIES:
                waiting += numbers
    return False


def _numbers(data: bytes, order: str, offset: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The few tags of the directory that are needed here, each with its whole numbers."""
    if offset + 2 > len(data):
        return
    (count,) = struct.unpack_from(order + "H", data, offset)
    for at in range(offset + 2, offset + 2 + 12 * min(count, _MOST_ENTRIES), 12):
        if at + 12 > len(data):
            return
        tag, type_, number = struct.unpack_from(order + "HHI", data, at)
        if tag not in {_PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION}:
            continue
        letter, size = {3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}.get(type_, ("B", 1))
        number = min(number, _MOST_DIRECTORIES)
        start = at + 8 if size * number <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        if start + size * number <= len(data):
            yield tag, struct.unpack_from(f"{order}{number}{letter}", data, start)


def raf_jpeg(data: bytes) -> bytes:
    """
    The JPEG inside a RAF, which has the photo's Exif block.

    Raises:
        ValueError: It lies outside the file.
    """
    if len(data) < 92:
        raise ValueError("it ends in the middle")
    start, length = struct.unpack_from(">II", data, 84)
    if start + length > len(data):
        raise ValueError("it ends in the middle")
    return data[start : start + length]


def cr3_directories(data: bytes) -> dict[bytes, bytes]:
    """
    The TIFF structures of a CR3 by their names: `CMT1` is the main directory, `CMT2` Exif's, `CMT4` that of GPS.

    Raises:
        ValueError: The boxes have a flaw before they are found.
    """
    for name, body, end in boxes(data, 0, len(data)):
        if name != b"moov":
            continue
        for inner, start, stop in boxes(data, body, end):
            if inner == b"uuid" and data[start : start + 16] == _CANON_UUID:
                found: dict[bytes, bytes] = {}
                for directory, first, last in boxes(data, start + 16, stop):
                    found.setdefault(directory, data[first:last])
                return found
    return {}


def boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """
    The boxes in a span: name, where the content begins, where it ends (ISO/IEC 14496-12, 4.2).

    Raises:
        ValueError: One is cut off.
    """
    while at + 8 <= end:
        size, name, body = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        stop = at + size if size else end
        if stop < body or stop > end:
            raise ValueError("it ends in the middle")
        yield name, body, stop
        at = stop
