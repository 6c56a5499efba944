"""
Photos in every layout that the date writer may meet, made from scratch: which tags, in which order, how damaged.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import piexif
import pillow_heif
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo
from raw_files import cr2, dng

from facewatchd.core.dates.plan import Act

MAKE, MODEL, ORIENTATION, DATE_TIME = 271, 272, 274, 306
EXIF, GPS, INTEROP = 34665, 34853, 40965
ORIGINAL, DIGITIZED, OFFSET_ORIGINAL, MAKER_NOTE = 36867, 36868, 36881, 37500

ZEROS = b"0000:00:00 00:00:00\0"
EPOCH = b"1970:01:01 00:00:00\0"
FIRMWARE = b"2002:12:08 12:00:00\0"
FUTURE = b"2093:01:01 00:00:00\0"
BLANK = b"    :  :     :  :  \0"
VALID = b"2012:02:02 02:02:02\0"

Tag = tuple[int, int, bytes]
"""Number, type, value as it stands in the file."""


def ascii_(tag: int, text: bytes) -> Tag:
    return (tag, 2, text)


CAMERA: tuple[Tag, ...] = (ascii_(MAKE, b"Seagull\0"), ascii_(MODEL, b"DF-300\0"))
CANON: tuple[Tag, ...] = (ascii_(MAKE, b"Canon\0"), ascii_(MODEL, b"Canon PowerShot A70\0"), ascii_(DATE_TIME, ZEROS))
"""Readers look for Canon's MakerNote only in photos by Canon."""
SETTINGS: tuple[Tag, ...] = (
    (33434, 5, struct.pack(">II", 1, 250)),
    (36864, 7, b"0230"),
    (37121, 7, b"\1\2\3\0"),
    (41986, 3, b"\0\1"),
)
PLACE: tuple[Tag, ...] = (
    ascii_(1, b"N\0"),
    (2, 5, struct.pack(">6I", 48, 1, 24, 1, 0, 1)),
    ascii_(29, b"0000:00:00\0"),
)


@dataclass
class Builder:
    """
    Lays out a TIFF structure: directories one after the other, each followed by its values.

    Attributes:
        order: `<` or `>`.
    """

    order: str = ">"
    made: bytearray = field(default_factory=bytearray)

    def header(self, first: int = 8) -> None:
        self.made += (b"II*\0" if self.order == "<" else b"MM\0*") + struct.pack(self.order + "I", first)

    def directory(self, tags: Sequence[Tag], following: int = 0) -> dict[int, int]:
        """Returns where the value of each tag begins."""
        sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 13: 4}
        values = len(self.made) + 2 + 12 * len(tags) + 4
        table, behind, places = struct.pack(self.order + "H", len(tags)), b"", {}
        for tag, type_, value in sorted(tags):
            count = len(value) // sizes.get(type_, 1)
            table += struct.pack(self.order + "HHI", tag, type_, count)
            if len(value) <= 4:
                places[tag] = len(self.made) + len(table)
                table += value.ljust(4, b"\0")
            else:
                places[tag] = values + len(behind)
                table += struct.pack(self.order + "I", places[tag])
                behind += value + b"\0" * (len(value) & 1)
        self.made += table + struct.pack(self.order + "I", following) + behind
        return places

    def patch(self, at: int, value: int) -> None:
        struct.pack_into(self.order + "I", self.made, at, value)


def swap(tags: Sequence[Tag], order: str) -> list[Tag]:
    """Tags that were written big-endian, in the wanted order."""
    sizes = {3: 2, 4: 4, 5: 4}
    out = []
    for tag, type_, value in tags:
        if order == "<" and type_ in sizes:
            step = sizes[type_]
            value = b"".join(value[at : at + step][::-1] for at in range(0, len(value), step))  # noqa: PLW2901
        out.append((tag, type_, value))
    return out


def block(
    order: str = ">",
    main: Sequence[Tag] = (*CAMERA, ascii_(DATE_TIME, ZEROS)),
    exif: Sequence[Tag] | None = (*SETTINGS, ascii_(ORIGINAL, ZEROS), ascii_(DIGITIZED, ZEROS)),
    gps: Sequence[Tag] | None = PLACE,
    thumbnail: bytes = b"",
    maker: Callable[[str, int], bytes] | None = None,
) -> bytes:
    """An Exif block as cameras write it."""
    build = Builder(order)
    build.header()
    zero = bytes(4)
    below = [(tag, 4, zero) for tag, content in ((EXIF, exif), (GPS, gps)) if content is not None]
    places = build.directory([*swap(main, order), *below])
    end_of_main = 8 + 2 + 12 * (len(main) + len(below))
    if exif is not None:
        build.patch(places[EXIF], len(build.made))
        if maker is not None:
            note = maker(order, 0)
            inner = build.directory([*swap(exif, order), (MAKER_NOTE, 7, note)])
            start = inner[MAKER_NOTE]
            build.made[start : start + len(note)] = maker(order, start)
        else:
            build.directory(swap(exif, order))
    if gps is not None:
        build.patch(places[GPS], len(build.made))
        build.directory(swap(gps, order))
    if thumbnail:
        build.patch(end_of_main, len(build.made))
        at = len(build.made) + 2 + 36 + 4
        words = [struct.pack(order + "H", 6), struct.pack(order + "I", at), struct.pack(order + "I", len(thumbnail))]
        build.directory([(259, 3, words[0]), (513, 4, words[1]), (514, 4, words[2])])
        build.made += thumbnail
    return bytes(build.made)


def canon(order: str, start: int) -> bytes:
    """A MakerNote as Canon's: a directory whose offsets count from the block's beginning, so that nothing may move."""
    entries = [
        (1, 3, struct.pack(order + "8H", *range(8))),
        (6, 2, b"IMG:PowerShot A70 JPEG\0\0"),
        (9, 2, b"Grandma\0\0\0"),
    ]
    table, behind = struct.pack(order + "H", len(entries)), b""
    values = start + 2 + 12 * len(entries) + 4
    for tag, type_, value in entries:
        count = len(value) // (2 if type_ == 3 else 1)
        table += struct.pack(order + "HHII", tag, type_, count, values + len(behind))
        behind += value
    return table + bytes(4) + behind


# --- JPEG


@functools.cache
def picture(mode: str = "RGB", seed: int = 0) -> PillowImage.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (32, 48, 3), np.uint8)
    return PillowImage.fromarray(noise).convert(mode)


def saved(ending: str, mode: str = "RGB", **options: Any) -> bytes:
    target = io.BytesIO()
    picture(mode).save(target, ending, **options)
    return target.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def app1(tiff: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + tiff)


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
JFXX = segment(0xE0, b"JFXX\0\x10" + b"thumb")
ICC = segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(range(200)))
COM = segment(0xFE, b"0000:00:00 00:00:00\0 is no date here")


def xmp(inside: str = 'xmp:CreatorTool="Seagull"') -> bytes:
    packet = f"""<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {inside}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode())


def iptc(day: bytes = b"") -> bytes:
    data = b"\x1c\x02\x05\0\5Title" + (b"\x1c\x02\x37\0\x08" + day if day else b"")
    body = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (len(data) & 1)
    return segment(0xED, b"Photoshop 3.0\0" + body)


def bare(mode: str = "RGB", **options: Any) -> bytes:
    """A JPEG's picture without SOI and without any APP segment but Adobe's."""
    data = saved("JPEG", mode, quality=60, **options)
    at, out = 2, b""
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if not 0xE0 <= data[at + 1] <= 0xED:
            out += data[at:end]
        at = end
    return out + data[at:]


def jpeg(*segments: bytes, behind: bytes = b"", **options: Any) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + bare(**options) + behind


def mpf(exif: bytes | None, trailer: bytes = b"", *, behind: bool = False, lost: int = 0) -> bytes:
    """
    Two pictures in one file: the second is found by an offset from within the first one's MPF segment.

    Args:
        exif: The first picture's block.
        trailer: What stands behind both.
        behind: Whether the block comes behind the MPF segment.
        lost: How far the offset misses the second picture.
    """
    second = jpeg(app1(block()), mode="L")
    head = (app1(exif),) if exif is not None else ()

    def index(first_size: int, offset: int) -> bytes:
        entries = struct.pack(">IIIHH", 0x20030000, first_size, 0, 0, 0)
        entries += struct.pack(">IIIHH", 0x20002, len(second), offset, 0, 0)
        table = struct.pack(">HHHI4s", 3, 45056, 7, 4, b"0100") + struct.pack(">HHII", 45057, 4, 1, 2)
        return b"MPF\0MM\0*" + struct.pack(">I", 8) + table + struct.pack(">HHIII", 45058, 7, 32, 50, 0) + entries

    def first(first_size: int, offset: int) -> bytes:
        table = (segment(0xE2, index(first_size, offset)),)
        return jpeg(*(table + head if behind else head + table))

    size = len(first(0, 0))
    origin = 2 + (0 if behind else sum(map(len, head))) + 4 + 4
    return first(size, size - origin + lost) + second + trailer


def second_of_mpf(data: bytes) -> bytes:
    """The second picture, found as readers find it."""
    origin = data.index(b"MPF\0") + 4
    at = data.index(struct.pack(">I", 0x20002), origin)
    size, offset = struct.unpack_from(">II", data, at + 4)
    return data[origin + offset : origin + offset + size]


THUMBNAIL = b"\xff\xd8\xff\xd9 a small picture "


def undated(order: str = ">", main: Sequence[Tag] = CAMERA, exif: Sequence[Tag] = SETTINGS, **options: Any) -> bytes:
    """A block that has everything but dates."""
    return block(order, main, exif, **options)


def broken_mpf(exif: bytes | None) -> bytes:
    """As some programs leave it that cut the second picture off."""
    return mpf(exif, lost=7)


def png_with_exif(exif: bytes) -> bytes:
    """As it stands; Pillow would take JPEG's prefix away."""
    data = saved("PNG")
    chunk = b"eXIf" + exif
    return data[:33] + struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]


def png_with_profile(exif: bytes) -> bytes:
    """As ImageMagick kept Exif before PNG had a chunk for it."""
    info = PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(exif):8d}\n{exif.hex()}\n", zip=True)
    return saved("PNG", pnginfo=info)


def with_pointer(block_: bytes, tag: int, at: int) -> bytes:
    """The block with the offset of a tag's value changed."""
    raw = bytearray(block_)
    order = "<" if raw[:2] == b"II" else ">"
    place = raw.index(struct.pack(order + "H", tag) + struct.pack(order + "H", 2))
    struct.pack_into(order + "I", raw, place + 8, at)
    return bytes(raw)


def place_of(block_: bytes, tag: int, type_: int = 2) -> int:
    """The offset of a tag's value."""
    order = "<" if block_[:2] == b"II" else ">"
    entry = block_.index(struct.pack(order + "HH", tag, type_))
    return int(struct.unpack_from(order + "I", block_, entry + 8)[0])


def dated(content: bytes, order: str = ">") -> bytes:
    return block(
        order,
        (*CAMERA, ascii_(DATE_TIME, content)),
        (*SETTINGS, ascii_(ORIGINAL, content), ascii_(DIGITIZED, content)),
    )


def _shared_field() -> bytes:
    made = block()
    at = place_of(made, ORIGINAL)
    return with_pointer(with_pointer(made, DATE_TIME, at), DIGITIZED, at)


def _loop(of_exif: bool) -> bytes:
    made = bytearray(block())
    if of_exif:
        struct.pack_into(">I", made, made.index(struct.pack(">HHI", EXIF, 4, 1)) + 8, 8)
    else:
        struct.pack_into(">I", made, 8 + 2 + 12 * 5, 8)
    return bytes(made)


def _large() -> bytes:
    """As large as a segment can be."""
    room = 65_533 - 6
    empty = len(block(exif=(*SETTINGS, ascii_(ORIGINAL, ZEROS), (MAKER_NOTE, 7, bytes(1000)))))
    return block(exif=(*SETTINGS, ascii_(ORIGINAL, ZEROS), (MAKER_NOTE, 7, bytes(1000 + (room - empty) // 2 * 2))))


def _by_piexif() -> bytes:
    content = {
        "0th": {MAKE: b"Seagull", MODEL: b"DF-300", DATE_TIME: ZEROS[:-1]},
        "Exif": {ORIGINAL: ZEROS[:-1], DIGITIZED: ZEROS[:-1]},
    }
    made: bytes = piexif.dump(content)
    return made.removeprefix(b"Exif\0\0")


def _by_pillow() -> PillowImage.Exif:
    made = PillowImage.Exif()
    made[DATE_TIME] = ZEROS[:-1].decode()
    made.get_ifd(EXIF)[ORIGINAL] = ZEROS[:-1].decode()
    return made


# --- the others


def tiff(order: str = "<", exif: Sequence[Tag] | None = (ascii_(ORIGINAL, ZEROS),), pages: int = 1) -> bytes:
    """An uncompressed grey TIFF of several pages, strips behind the directories."""
    build = Builder(order)
    build.header()
    strip = bytes(range(256)) * 6
    links: list[int] = []
    for page in range(pages):
        start = len(build.made)
        if links:
            build.patch(links[-1], start)
        main = [
            (256, 4, 48),
            (257, 4, 32),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, 0),
            (277, 3, 1),
            (278, 4, 32),
        ]
        main += [(279, 4, len(strip))]
        tags: list[Tag] = [
            (tag, type_, struct.pack(order + ("H" if type_ == 3 else "I"), value)) for tag, type_, value in main
        ]
        if page == 0:
            tags += [ascii_(DATE_TIME, ZEROS), *CAMERA]
            if exif is not None:
                tags.append((EXIF, 4, bytes(4)))
        places = build.directory(tags)
        links.append(start + 2 + 12 * len(tags))
        if EXIF in places and exif is not None:
            build.patch(places[EXIF], len(build.made))
            build.directory(swap(exif, order))
        build.patch(places[273], len(build.made))
        build.made += strip
    return bytes(build.made)


def webp(exif: bytes = b"", **options: Any) -> bytes:
    return saved("WEBP", exif=exif, **options) if exif else saved("WEBP", **options)


def animated_webp(exif: bytes = b"") -> bytes:
    target = io.BytesIO()
    picture().save(
        target, "WEBP", save_all=True, append_images=[picture(seed=1), picture(seed=2)], duration=100, exif=exif
    )
    return target.getvalue()


def heic(exif: bytes = b"") -> bytes:
    target = io.BytesIO()
    pillow_heif.from_pillow(picture()).save(target, **({"exif": b"Exif\0\0" + exif} if exif else {}))
    return target.getvalue()


@dataclass(frozen=True)
class Sample:
    """A photo without a right date, and what is done about it where its name holds one."""

    data: bytes
    ending: str
    act: Act
    why: str = ""


@functools.cache
def corpus() -> dict[str, Sample]:
    """All layouts by name."""
    plain, e = block(), app1(block())
    patched = {
        "big-endian": jpeg(e),
        "little-endian": jpeg(app1(block("<"))),
        "JFIF, Exif": jpeg(JFIF, e),
        "Exif, JFIF": jpeg(e, JFIF),
        "JFIF, JFXX, Exif": jpeg(JFIF, JFXX, e),
        "JFIF, XMP, Exif": jpeg(JFIF, xmp(), e),
        "XMP, Exif": jpeg(xmp(), e),
        "Exif, XMP": jpeg(e, xmp()),
        "Exif, ICC": jpeg(e, ICC),
        "ICC, Exif": jpeg(ICC, e),
        "Exif, IPTC": jpeg(e, iptc()),
        "Exif, comment": jpeg(e, COM),
        "comment with a date, Exif": jpeg(COM, e),
        "everything": jpeg(JFIF, e, xmp(), ICC, iptc(), COM),
        "thumbnail": jpeg(app1(block(thumbnail=saved("JPEG", "L")))),
        "thumbnail, little-endian": jpeg(app1(block("<", thumbnail=saved("JPEG", "L")))),
        "Canon's MakerNote, big-endian": jpeg(app1(block(main=CANON, maker=canon))),
        "Canon's MakerNote, little-endian": jpeg(app1(block("<", CANON, maker=canon))),
        "MPF": mpf(block()),
        "MPF with a trailer": mpf(block(), trailer=b"SEFT" + bytes(50)),
        "a film behind": jpeg(e, behind=b"\0\0\0\x18ftypmp42" + bytes(64)),
        "two Exif segments": jpeg(e, xmp(), app1(block("<"))),
        "64 KiB": jpeg(app1(_large())),
        "fill bytes": jpeg(b"\xff\xff\xff" + e),
        "progressive": jpeg(e, progressive=True),
        "restart markers": jpeg(e, restart_marker_rows=1),
        "grey": jpeg(e, mode="L"),
        "CMYK": jpeg(e, mode="CMYK"),
        "no dates but the original": jpeg(app1(block(main=CAMERA, exif=(ascii_(ORIGINAL, ZEROS),), gps=None))),
        "three tags, one field": jpeg(app1(_shared_field())),
        "original in the main directory": jpeg(app1(block(main=(*CAMERA, ascii_(ORIGINAL, ZEROS)), exif=SETTINGS))),
        "blank": jpeg(app1(dated(BLANK))),
        "NULs": jpeg(app1(dated(bytes(20)))),
        "spaces": jpeg(app1(dated(b" " * 19 + b"\0"))),
        "epoch": jpeg(app1(dated(EPOCH, "<"))),
        "firmware": jpeg(app1(dated(FIRMWARE))),
        "future": jpeg(app1(dated(FUTURE))),
        "no such day": jpeg(app1(dated(b"2019:02:31 12:00:00\0"))),
        "by piexif": jpeg(app1(_by_piexif())),
        "by Pillow": saved("JPEG", exif=_by_pillow()),
        "modified is right": jpeg(app1(block(main=(*CAMERA, ascii_(DATE_TIME, b"2020:01:01 01:01:01\0"))))),
        "WebP": webp(plain),
        "WebP, prefixed": webp(b"Exif\0\0" + plain),
        "WebP, lossless": webp(plain, lossless=True),
        "WebP, animated": animated_webp(plain),
        "WebP with XMP": webp(plain, xmp=b'<rdf:RDF xmlns:rdf="r"></rdf:RDF>'),
        "TIFF, little-endian": tiff("<"),
        "TIFF, big-endian": tiff(">"),
        "TIFF, three pages": tiff(pages=3),
        "HEIC": heic(plain),
        "HEIC, little-endian": heic(block("<")),
        "AVIF": saved("AVIF", exif=plain),
        "PNG": saved("PNG", exif=plain),
        "PNG, prefixed": png_with_exif(b"Exif\0\0" + plain),
        "PNG, little-endian": png_with_exif(block("<")),
    }
    extended = {
        **{f"settings only, {order}": jpeg(app1(undated(order))) for order in "<>"},
        **{f"DateTime only, {order}": jpeg(app1(block(order, exif=SETTINGS))) for order in "<>"},
        **{
            f"DateTime is right, {order}": jpeg(app1(undated(order, (*CAMERA, ascii_(DATE_TIME, VALID)))))
            for order in "<>"
        },
        **{
            f"digitized only, {order}": jpeg(app1(block(order, exif=(*SETTINGS, ascii_(DIGITIZED, ZEROS)))))
            for order in "<>"
        },
        **{f"no Exif directory, {order}": jpeg(app1(block(order, CAMERA, None, None))) for order in "<>"},
        **{f"no Exif directory, a GPS directory, {order}": jpeg(app1(block(order, CAMERA, None))) for order in "<>"},
        **{
            f"no Exif directory, a thumbnail, {order}": jpeg(app1(block(order, CAMERA, None, None, THUMBNAIL)))
            for order in "<>"
        },
        **{f"an empty Exif directory, {order}": jpeg(app1(block(order, exif=()))) for order in "<>"},
        **{f"nothing in the main directory, {order}": jpeg(app1(block(order, (), SETTINGS, None))) for order in "<>"},
        **{f"Canon's notes without a date, {order}": jpeg(app1(undated(order, CANON, maker=canon))) for order in "<>"},
        **{f"a thumbnail without a date, {order}": jpeg(app1(undated(order, thumbnail=THUMBNAIL))) for order in "<>"},
        **{
            f"an odd length, {order}": jpeg(
                app1(undated(order, thumbnail=THUMBNAIL + b"\0" * (len(THUMBNAIL) % 2 == 0)))
            )
            for order in "<>"
        },
        "an offset without a date": jpeg(app1(undated(exif=(*SETTINGS, ascii_(OFFSET_ORIGINAL, b"   :  \0"))))),
        "JFIF before Exif without a date": jpeg(JFIF, app1(undated()), ICC, COM),
        "XMP and IPTC behind Exif without a date": jpeg(app1(undated()), xmp(), iptc()),
        "fill bytes before Exif without a date": jpeg(b"\xff\xff\xff" + app1(undated())),
        "progressive, without a date": jpeg(app1(undated()), progressive=True),
        "CMYK, without a date": jpeg(app1(undated()), mode="CMYK"),
        "nearly 64 KiB": jpeg(app1(undated(thumbnail=THUMBNAIL.ljust(65000, b"\0")))),
        "MPF, without a date": mpf(undated()),
        "MPF before Exif, without a date": mpf(undated(), behind=True),
        "MPF and a trailer, without a date": mpf(undated(), trailer=b"SEFT" + bytes(50)),
        "WebP without a date": webp(undated()),
        "WebP without a date, odd": webp(undated() + b"\0"),
        "WebP, prefixed, without a date": webp(b"Exif\0\0" + undated("<")),
        "WebP without a date, with XMP": webp(undated(), xmp=b'<rdf:RDF xmlns:rdf="r"></rdf:RDF>'),
        "WebP, lossless, without a date": webp(undated(), lossless=True),
        "WebP, animated, without a date": animated_webp(undated()),
        "TIFF without Exif": tiff(exif=None),
        "TIFF without Exif, big-endian": tiff(">", exif=None),
        "TIFF without Exif, three pages": tiff(exif=None, pages=3),
        **{f"TIFF without a date, {order}": tiff(order, exif=SETTINGS) for order in "<>"},
        "HEIC without a date": heic(undated()),
        "HEIC without a date, little-endian": heic(undated("<")),
        "HEIC without an Exif directory": heic(block(main=CAMERA, exif=None, gps=None)),
        "AVIF without a date": saved("AVIF", exif=undated()),
        "PNG without a date": png_with_exif(undated()),
        "PNG without a date, little-endian": png_with_exif(undated("<")),
        "PNG without a date, prefixed": png_with_exif(b"Exif\0\0" + undated()),
    }
    given_block = {
        "JFIF only": jpeg(JFIF),
        "JFIF, JFXX": jpeg(JFIF, JFXX),
        "nothing at all": jpeg(),
        "ICC only": jpeg(JFIF, ICC),
        "XMP without a date": jpeg(JFIF, xmp()),
        "CMYK without Exif": jpeg(mode="CMYK"),
        "comment only": jpeg(COM),
        "MPF without Exif": mpf(None),
        "WebP without Exif": webp(),
        "WebP without Exif, lossless": webp(lossless=True),
        "WebP without Exif, with XMP": webp(xmp=b'<rdf:RDF xmlns:rdf="r"></rdf:RDF>'),
        "WebP without Exif, transparent": saved("WEBP", "RGBA", lossless=True),
        "WebP without Exif, animated": animated_webp(),
        "PNG without Exif": saved("PNG"),
        "PNG without Exif, of a palette": saved("PNG", "P"),
        "XMP that agrees": jpeg(xmp('photoshop:DateCreated="2019-08-17T12:34:56"')),
    }
    beside = {
        "a trailer without Exif": (jpeg(behind=b"trailer"), ".jpg"),
        "a trailer behind Exif without a date": (jpeg(app1(undated()), behind=b"trailer"), ".jpg"),
        "notes that may point behind the picture": (mpf(undated(main=CANON, maker=canon)), ".jpg"),
        "64 KiB without a date": (
            jpeg(app1(undated(thumbnail=THUMBNAIL.ljust(65520 - len(undated()) - 50, b"\0")))),
            ".jpg",
        ),
        "MPF that points at nothing": (broken_mpf(None), ".jpg"),
        "MPF that points at nothing, Exif without a date": (broken_mpf(undated()), ".jpg"),
        "PNG with a raw profile": (png_with_profile(plain), ".png"),
        "original of another type": (jpeg(app1(block(exif=(*SETTINGS, (ORIGINAL, 7, ZEROS))))), ".jpg"),
        "original without its NUL": (jpeg(app1(block(exif=(*SETTINGS, ascii_(ORIGINAL, ZEROS[:-1]))))), ".jpg"),
        "original too long": (jpeg(app1(block(exif=(*SETTINGS, ascii_(ORIGINAL, ZEROS + b"\0"))))), ".jpg"),
        "HEIC without Exif": (heic(), ".heic"),
        "AVIF without Exif": (saved("AVIF"), ".avif"),
        "GIF": (saved("GIF", "P"), ".gif"),
        "BMP": (saved("BMP"), ".bmp"),
        "camera RAW without a date": (dng(np.zeros((32, 48, 3), np.uint8), date=""), ".dng"),
        "camera RAW with a date of zeros": (dng(np.zeros((32, 48, 3), np.uint8), date="0000:00:00 00:00:00"), ".dng"),
        "camera RAW of Canon's": (cr2("0000:00:00 00:00:00"), ".cr2"),
    }
    return {
        **{name: Sample(data, _ending(name), Act.PATCH) for name, data in patched.items()},
        **{name: Sample(data, _ending(name), Act.EXTEND) for name, data in extended.items()},
        **{name: Sample(data, _ending(name), Act.EXIF) for name, data in given_block.items()},
        **{name: Sample(data, ending, Act.SIDECAR) for name, (data, ending) in beside.items()},
        **_hopeless(),
    }


def _ending(name: str) -> str:
    endings = {"WebP": ".webp", "TIFF": ".tif", "HEIC": ".heic", "AVIF": ".avif", "PNG ": ".png", "PNG,": ".png"}
    return ".png" if name == "PNG" else endings.get(name[:4], ".jpg")


def _hopeless() -> dict[str, Sample]:
    """Nothing may be written into or about these: the second text is a part of the reason."""
    plain = block()
    at = place_of(plain, ORIGINAL)
    noted = block(maker=canon)
    short = webp(plain)
    two = jpeg(app1(plain), app1(b"MM\0*\0\0"))
    damaged = {
        "cut off in a directory": (jpeg(app1(plain[:60])), "cut off"),
        "cut off in a value": (jpeg(app1(plain[: at + 10])), ""),
        "directory outside": (jpeg(app1(b"MM\0*\x7f\0\0\0")), "outside"),
        "a directory in itself": (jpeg(app1(_loop(of_exif=True))), "loop"),
        "a directory behind itself": (jpeg(app1(_loop(of_exif=False))), "loop"),
        "date outside": (jpeg(app1(with_pointer(plain, DIGITIZED, 60_000))), "outside"),
        "date in the MakerNote": (
            jpeg(app1(with_pointer(noted, ORIGINAL, place_of(noted, MAKER_NOTE, 7) + 44))),
            "",
        ),
        "date in a directory": (jpeg(app1(with_pointer(plain, ORIGINAL, 10))), ""),
        "dates that overlap": (jpeg(app1(with_pointer(plain, DIGITIZED, at + 4))), "overlap"),
        "a tag of no type": (
            jpeg(app1(block(exif=(*SETTINGS, ascii_(ORIGINAL, ZEROS), (50000, 99, b"12345678"))))),
            "type",
        ),
        "a second block that is damaged": (two, "header"),
        "a picture cut off": (jpeg(app1(plain))[:-100], "ends in the middle"),
        "stray bytes": (jpeg(app1(plain), b"stray"), "stray"),
        "somebody's words": (jpeg(app1(dated(b"a summer at the sea\0"))), "something else"),
        "WebP with a wrong length": (short[:4] + struct.pack("<I", len(short)) + short[8:], ""),
        "XMP with another date": (jpeg(JFIF, xmp('photoshop:DateCreated="2011-01-01"')), "only the day is known"),
        "IPTC with another date": (jpeg(app1(plain), iptc(b"20110101")), "only the day is known"),
        "one original is right": (jpeg(app1(plain), app1(dated(VALID))), "another date"),
        "BigTIFF": (b"II+\0\x08\0\0\0" + bytes(40), ""),
    }
    return {
        name: Sample(data, ".tif" if name == "BigTIFF" else ".webp" if name[:4] == "WebP" else ".jpg", Act.REPORT, why)
        for name, (data, why) in damaged.items()
    }
