"""
Camera RAW files made for tests: DNGs that LibRaw develops, and the bare containers of other makers' formats, enough to be
told and to have their dates read. No camera made any of them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from facewatchd.domain import Image

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SIGNED_RATIONAL = 1, 2, 3, 4, 5, 7, 10
_LETTERS = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "II", UNDEFINED: "B", SIGNED_RATIONAL: "ii"}

Tag = tuple[int, int, bytes | Sequence[int]]
"""Number, type, and the values: bytes, whole numbers, or fractions as two of them."""

DATE = "2019:08:17 12:34:56"
# XYZ (D65) to linear sRGB (IEC 61966-2-1), the colour matrix of a camera that sees sRGB
_MATRIX = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


class Tiff:
    """A TIFF in the making; directories and data are laid down one behind the other."""

    def __init__(self, magic: bytes = b"II*\0", head: int = 8) -> None:
        self.order = "<" if magic.startswith(b"II") else ">"
        self.data = bytearray(magic + bytes(head - len(magic)))

    def put(self, content: bytes) -> int:
        """Where the content begins."""
        self.data += bytes(len(self.data) % 2)
        self.data += content
        return len(self.data) - len(content)

    def directory(self, tags: Sequence[Tag]) -> int:
        """Where the directory begins."""
        entries = b""
        for number, type_, values in sorted(tags, key=lambda tag: tag[0]):
            letters = _LETTERS[type_]
            packed = (
                bytes(values)
                if isinstance(values, bytes)
                else struct.pack(f"{self.order}{len(values) // len(letters) * letters}", *values)
            )
            count = len(packed) // struct.calcsize(f"{self.order}{letters}")
            place = packed.ljust(4, b"\0") if len(packed) <= 4 else self._pack("I", self.put(packed))
            entries += self._pack("HHI", number, type_, count) + place
        return self.put(self._pack("H", len(tags)) + entries + bytes(4))

    def done(self, first: int) -> bytes:
        self.data[4:8] = self._pack("I", first)
        return bytes(self.data)

    def _pack(self, letters: str, *numbers: int) -> bytes:
        return struct.pack(self.order + letters, *numbers)


def camera_tags(tiff: Tiff, make: str = "Seagull", date: str = DATE, orientation: int = 1) -> list[Tag]:
    """What every camera writes into the main directory."""
    exif = tiff.directory(
        [(36867, ASCII, text(date)), (36868, ASCII, text(date))] if date else [(36864, UNDEFINED, b"0232")]
    )
    return [
        (271, ASCII, text(make)),
        (272, ASCII, text("DF-300")),
        (274, SHORT, [orientation]),
        (34665, LONG, [exif]),
    ]


def dng(image: Image, orientation: int = 1, preview: bytes = b"", date: str = DATE, extra: Sequence[Tag] = ()) -> bytes:
    """
    An uncompressed Bayer DNG (version 1.4) of an RGB picture.

    Args:
        image: RGB, of even width and height, as the sensor sees it.
        orientation: Exif's, 1..8.
        preview: A JPEG, put into a SubIFD.
        date: When it was taken, empty for not said.
        extra: More tags of the main directory.
    """
    height, width = image.shape[:2]
    linear = np.where(image <= 10, image / 3294.6, ((image / 255 + 0.055) / 1.055) ** 2.4)
    mosaic = np.empty((height, width), np.float64)
    for y, x, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[y::2, x::2] = linear[y::2, x::2, channel]
    pixels = np.rint(mosaic * 16000).astype("<u2").tobytes()
    # the mosaic stands last, as cameras put it, so that a copy cut off lacks some of it
    without = _dng(0, (width, height), len(pixels), orientation, preview, date, extra)
    return _dng(len(without), (width, height), len(pixels), orientation, preview, date, extra) + pixels


def _dng(
    strip: int,
    size: tuple[int, int],
    length: int,
    orientation: int,
    preview: bytes,
    date: str,
    extra: Sequence[Tag],
) -> bytes:
    width, height = size
    tiff = Tiff()
    tags: list[Tag] = [
        (254, LONG, [0]),
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [16]),
        (259, SHORT, [1]),
        (262, SHORT, [32803]),
        (273, LONG, [strip]),
        (277, SHORT, [1]),
        (278, LONG, [height]),
        (279, LONG, [length]),
        (33421, SHORT, [2, 2]),
        (33422, BYTE, bytes((0, 1, 1, 2))),
        (50706, BYTE, bytes((1, 4, 0, 0))),
        (50708, ASCII, text("Seagull DF-300")),
        (50717, SHORT, [16000]),
        (50721, SIGNED_RATIONAL, [part for value in _MATRIX for part in (value, 10000)]),
        (50728, RATIONAL, [1, 1] * 3),
        (50778, SHORT, [21]),
        *camera_tags(tiff, date=date, orientation=orientation),
        *extra,
    ]
    if preview:
        place = tiff.put(preview)
        below = tiff.directory(
            [
                (254, LONG, [1]),
                (259, SHORT, [7]),
                (262, SHORT, [6]),
                (256, LONG, [_jpeg_size(preview)[0]]),
                (257, LONG, [_jpeg_size(preview)[1]]),
                (258, SHORT, [8, 8, 8]),
                (273, LONG, [place]),
                (277, SHORT, [3]),
                (278, LONG, [_jpeg_size(preview)[1]]),
                (279, LONG, [len(preview)]),
            ]
        )
        tags.append((330, LONG, [below]))
    return tiff.done(tiff.directory(tags))


def _jpeg_size(jpeg: bytes) -> tuple[int, int]:
    at = jpeg.index(b"\xff\xc0")
    height, width = struct.unpack_from(">HH", jpeg, at + 5)
    return width, height


def nef() -> bytes:
    """Nikon's and Sony's way: a small picture first, the mosaic in a SubIFD."""
    tiff = Tiff(b"MM\0*")
    mosaic = tiff.directory([(254, LONG, [0]), (262, SHORT, [32803]), (259, SHORT, [34713])])
    return tiff.done(tiff.directory([(254, LONG, [1]), (330, LONG, [mosaic]), *camera_tags(tiff, "NIKON CORPORATION")]))


def cr2(date: str = DATE) -> bytes:
    """Canon's older way: its mark stands in front of the first directory."""
    tiff = Tiff(head=16)
    tiff.data[8:12] = b"CR\x02\0"
    return tiff.done(tiff.directory(camera_tags(tiff, "Canon", date)))


def orf() -> bytes:
    tiff = Tiff(b"IIRO")
    return tiff.done(tiff.directory(camera_tags(tiff, "OLYMPUS CORPORATION")))


def rw2() -> bytes:
    tiff = Tiff(b"IIU\0", head=24)
    return tiff.done(tiff.directory(camera_tags(tiff, "Panasonic")))


def raf(jpeg: bytes) -> bytes:
    """Fujifilm's: a JPEG with all tags, and the mosaic behind it."""
    head = b"FUJIFILMCCD-RAW 0201FF389103" + b"DF-300".ljust(32, b"\0") + bytes(24)
    return head + struct.pack(">II", 92, len(jpeg)) + jpeg


def cr3() -> bytes:
    """Canon's newer way: boxes, with one TIFF a directory."""
    main, exif, gps = Tiff(), Tiff(), Tiff()
    structures = {
        b"CMT1": main.done(
            main.directory([(271, ASCII, text("Canon")), (272, ASCII, text("EOS R")), (274, SHORT, [6])])
        ),
        b"CMT2": exif.done(exif.directory([(36867, ASCII, text(DATE)), (36881, ASCII, text("+02:00"))])),
        b"CMT4": gps.done(gps.directory([(7, RATIONAL, [10, 1, 34, 1, 56, 1]), (29, ASCII, text("2019:08:17"))])),
    }
    uuid = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    inner = b"".join(_box(name, content) for name, content in structures.items())
    return (
        _box(b"ftyp", b"crx \0\0\0\1crx isom") + _box(b"moov", _box(b"uuid", uuid + inner)) + _box(b"mdat", bytes(64))
    )


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content
