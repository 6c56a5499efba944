"""
Reading what photos, sidecars and Takeout's JSON say of dates, from real files and from damaged ones.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import piexif
import pillow_heif
import pytest
from bad_files import saved
from PIL import AvifImagePlugin, TiffImagePlugin
from PIL import Image as PillowImage

from facewatchd.core.dates.evidence import Embedded, Sidecar, Tags, Takeout
from facewatchd.photos.decoding.decode import decode
from facewatchd.photos.formats import PhotoKind, kind_of
from facewatchd.photos.metadata.beside import fingerprint_at
from facewatchd.photos.metadata.exif import exif_block, parse_exif
from facewatchd.photos.metadata.orientation import stored_orientation
from facewatchd.photos.metadata.png_text import MAX_TEXT_BYTES
from facewatchd.photos.metadata.tags import (
    MAX_BESIDE_BYTES,
    read_sidecar,
    read_tags,
    read_takeout,
    sidecar_names,
)
from facewatchd.photos.metadata.takeout import parse_takeout, takeout_names
from facewatchd.photos.metadata.xmp import parse_xmp

FULL: dict[str, dict[int, Any]] = {
    "0th": {
        piexif.ImageIFD.Make: b"Seagull",
        piexif.ImageIFD.Model: b"DF-300",
        piexif.ImageIFD.DateTime: b"2020:01:02 03:04:05",
    },
    "Exif": {
        piexif.ExifIFD.DateTimeOriginal: b"2019:08:17 12:34:56",
        piexif.ExifIFD.DateTimeDigitized: b"2019:08:17 12:34:57",
        piexif.ExifIFD.OffsetTime: b"+01:00",
        piexif.ExifIFD.OffsetTimeOriginal: b"+02:00",
        piexif.ExifIFD.OffsetTimeDigitized: b"+03:00",
        piexif.ExifIFD.SubSecTime: b"1",
        piexif.ExifIFD.SubSecTimeOriginal: b"12",
        piexif.ExifIFD.SubSecTimeDigitized: b"123",
    },
    "GPS": {
        piexif.GPSIFD.GPSDateStamp: b"2019:08:17",
        piexif.GPSIFD.GPSTimeStamp: ((10, 1), (34, 1), (5650, 100)),
    },
}
BLOCK: bytes = piexif.dump(FULL)
WANTED = Tags(
    original="2019:08:17 12:34:56",
    digitized="2019:08:17 12:34:57",
    modified="2020:01:02 03:04:05",
    original_offset="+02:00",
    digitized_offset="+03:00",
    modified_offset="+01:00",
    original_subsec="12",
    digitized_subsec="123",
    modified_subsec="1",
    gps="2019:08:17 10:34:56",
    make="Seagull",
    model="DF-300",
)


def _picture() -> PillowImage.Image:
    return PillowImage.fromarray(np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8))


def _saved(ending: str, **options: Any) -> bytes:
    target = io.BytesIO()
    _picture().save(target, ending, **options)
    return target.getvalue()


def _heic() -> bytes:
    target = io.BytesIO()
    pillow_heif.from_pillow(_picture()).save(target, exif=BLOCK)
    return target.getvalue()


def _tiff() -> bytes:
    exif = PillowImage.Exif()
    exif.load(BLOCK)
    return _saved("TIFF", exif=exif)


TAGGED: dict[PhotoKind, Callable[[], bytes]] = {
    PhotoKind.JPEG: lambda: _saved("JPEG", exif=BLOCK),
    PhotoKind.PNG: lambda: _saved("PNG", exif=BLOCK),
    PhotoKind.WEBP: lambda: _saved("WEBP", exif=BLOCK),
    PhotoKind.TIFF: _tiff,
    PhotoKind.HEIC: _heic,
    PhotoKind.AVIF: lambda: _saved("AVIF", exif=BLOCK),
}


@pytest.mark.parametrize("kind", list(TAGGED))
def test_all_date_tags_are_read_from_every_format(kind: PhotoKind) -> None:
    """Raw, as they stand in the file."""
    data = TAGGED[kind]()
    assert kind_of(data) is kind
    assert read_tags(data) == WANTED


@pytest.mark.parametrize("ending", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_a_photo_without_tags_has_none_and_no_problem(ending: str) -> None:
    """Most messengers strip them."""
    assert read_tags(_saved(ending)) == Tags()


def _little_endian(original: bytes) -> bytes:
    """A block in the other byte order, made by hand: main directory -> Exif directory -> one date."""
    main = struct.pack("<H HHII I", 1, 34665, 4, 1, 26, 0)
    below = struct.pack("<H HHII I", 1, 36867, 2, len(original), 44, 0)
    return b"II*\0\x08\0\0\0" + main + below + original


def test_both_byte_orders_are_read() -> None:
    """Canon writes little-endian, Nikon big-endian."""
    assert parse_exif(_little_endian(b"2019:08:17 12:34:56\0")).text(36867) == "2019:08:17 12:34:56"


def test_a_broken_tag_costs_that_tag() -> None:
    """The others are read, and what is wrong is said."""
    at = BLOCK.index(struct.pack(">HHI", 36867, 2, 20))
    broken = BLOCK[: at + 8] + b"\x7f\xff\xff\xff" + BLOCK[at + 12 :]
    tags = read_tags(_saved("JPEG", exif=broken))
    assert tags.original == ""
    assert tags.digitized == WANTED.digitized
    assert tags.problems == ("tag 36867 cannot be read",)


DAMAGED = {
    "no header": b"not a TIFF header",
    "nothing": b"",
    "only a header": b"II*\0",
    "a directory outside": b"II*\0\xff\xff\xff\x7f",
    "a directory cut off": BLOCK[6:60],
    "a directory in itself": b"II*\0\x08\0\0\0" + struct.pack("<H HHII I", 1, 34665, 4, 1, 8, 8),
    "BigTIFF": b"II+\0\x08\0\0\0" + bytes(20),
}


@pytest.mark.parametrize("block", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_block_is_a_problem_and_no_exception(block: bytes) -> None:
    """Loops end, because only three directories are ever visited."""
    exif = parse_exif(block)
    assert exif.text(36867) == ""
    assert exif.orientation == 1
    assert exif.problems or block == DAMAGED["a directory in itself"]


@pytest.mark.parametrize("kind", list(TAGGED))
def test_mutated_files_never_raise(kind: PhotoKind) -> None:
    """300 per format."""
    data, rng = TAGGED[kind](), random.Random(kind.value)
    for _ in range(300):
        raw = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        assert isinstance(read_tags(bytes(raw[: rng.randint(1, len(raw))]), kind), Tags)


# --- sidecars


def _xmp(body: str, attributes: str = "") -> bytes:
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:e="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" {attributes}>
{body}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


XMP = {
    "as attributes": (
        _xmp("", 'exif:DateTimeOriginal="2019-08-17T12:34:56+02:00" xmp:CreateDate="2019-08-18"'),
        Sidecar(original="2019-08-17T12:34:56+02:00", digitized="2019-08-18"),
    ),
    "as elements": (
        _xmp("<exif:DateTimeOriginal> 2019-08-17T12:34:56 </exif:DateTimeOriginal>"),
        Sidecar(original="2019-08-17T12:34:56"),
    ),
    "photoshop": (_xmp("<photoshop:DateCreated>1987</photoshop:DateCreated>"), Sidecar(created="1987")),
    "another prefix": (_xmp("<e:DateTimeOriginal>2019</e:DateTimeOriginal>"), Sidecar(original="2019")),
    "the first counts": (
        _xmp("<xmp:CreateDate>2018</xmp:CreateDate><xmp:CreateDate>2019</xmp:CreateDate>"),
        Sidecar(digitized="2018"),
    ),
    "a later change is none of them": (_xmp("<xmp:ModifyDate>2019</xmp:ModifyDate>"), Sidecar()),
    "another namespace": (b'<a xmlns:exif="urn:x" exif:DateTimeOriginal="2019"/>', Sidecar()),
    "UTF-16": (
        '<?xml version="1.0" encoding="utf-16"?><a xmlns:e="http://ns.adobe.com/exif/1.0/" '
        'e:DateTimeOriginal="2019"/>'.encode("utf-16"),
        Sidecar(original="2019"),
    ),
}


@pytest.mark.parametrize(("content", "wanted"), XMP.values(), ids=list(XMP))
def test_sidecars_are_read_as_programs_write_them(content: bytes, wanted: Sidecar) -> None:
    """Lightroom writes attributes, exiftool elements."""
    assert parse_xmp(content) == wanted


UNREADABLE = {
    "empty": b"",
    "no XML": b"\xff\xd8\xff\xe0 a picture",
    "cut off": _xmp("")[:-30],
    "an unknown encoding": b'<?xml version="1.0" encoding="klingon"?><a/>',
    "a billion laughs": b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><a>&b;</a>',
    "an external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "an entity of nothing": b"<a>&nothing;</a>",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=list(UNREADABLE))
def test_unreadable_sidecars_are_a_problem(content: bytes) -> None:
    """Nothing is expanded and nothing fetched: a document type is refused."""
    sidecar = parse_xmp(content)
    assert sidecar == Sidecar(problem=sidecar.problem)
    assert sidecar.problem.startswith("the XMP sidecar cannot be read")


def test_both_names_of_a_sidecar_are_found(tmp_path: Path) -> None:
    """`name.ext.xmp` is unmistakable and goes before `name.xmp`, which a RAW beside a JPEG shares."""
    photo = os.fsencode(tmp_path / "a.jpg")
    assert read_sidecar(photo) is None
    (tmp_path / "a.xmp").write_bytes(_xmp("", 'exif:DateTimeOriginal="2018"'))
    assert read_sidecar(photo) == Sidecar(original="2018")
    (tmp_path / "a.jpg.xmp").write_bytes(_xmp("", 'exif:DateTimeOriginal="2019"'))
    assert read_sidecar(photo) == Sidecar(original="2019")
    assert sidecar_names(b"b/caf\xe9.JPG")[:2] == (b"b/caf\xe9.JPG.xmp", b"b/caf\xe9.xmp")


@pytest.mark.parametrize("of_photo", ["NFC", "NFD"])
@pytest.mark.parametrize("of_sidecar", ["NFC", "NFD"])
def test_a_file_beside_is_found_in_either_spelling(
    of_photo: Literal["NFC", "NFD"], of_sidecar: Literal["NFC", "NFD"], tmp_path: Path
) -> None:
    """Macs write an accent apart from its letter; the folder is called as it is."""
    folder = tmp_path / unicodedata.normalize("NFD", "Été")
    folder.mkdir()
    photo = os.fsencode(folder / unicodedata.normalize(of_photo, "Öjendorf.jpg"))
    beside = unicodedata.normalize(of_sidecar, "Öjendorf")
    (folder / f"{beside}.xmp").write_bytes(_xmp("", 'exif:DateTimeOriginal="2018"'))
    (folder / f"{beside}.jpg.json").write_bytes(_json("Öjendorf.jpg"))
    assert read_sidecar(photo) == Sidecar(original="2018")
    assert read_takeout(photo) == Takeout(taken=1566045296.0)
    assert fingerprint_at(photo)


def test_hostile_files_beside_a_photo_are_not_read(tmp_path: Path) -> None:
    """Links, pipes and giants; a folder of that name is no sidecar."""
    secret = tmp_path / "secret"
    secret.write_bytes(_xmp("", 'exif:DateTimeOriginal="2019"'))
    (tmp_path / "a.jpg.xmp").symlink_to(secret)
    (tmp_path / "b.jpg.xmp").write_bytes(bytes(MAX_BESIDE_BYTES + 1))
    os.mkfifo(tmp_path / "c.jpg.xmp")
    (tmp_path / "d.jpg.xmp").mkdir()
    linked, giant, pipe, folder = (read_sidecar(os.fsencode(tmp_path / f"{name}.jpg")) for name in "abcd")
    assert linked is not None
    assert linked.problem
    assert giant == Sidecar(problem="the file beside it is too large")
    assert pipe is None
    assert folder is None


def test_a_name_at_the_limit_has_no_sidecar(tmp_path: Path) -> None:
    """255 bytes leave no room for `.xmp`."""
    photo = os.fsencode(tmp_path / ("a" * 251 + ".jpg"))
    assert read_sidecar(photo) is None
    assert read_takeout(photo) is None


# --- Takeout

LONG = "Grandma and Grandpa in the garden in summer 2019.jpg"  # 52 characters

PAIRS = {
    "plain": ("IMG_1.jpg", "IMG_1.jpg.json"),
    "supplemental": ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
    "supplemental, cut": ("IMG_20190817_123456789.jpg", "IMG_20190817_123456789.jpg.supplemental-metada.json"),
    "supplemental, cut to a letter": (
        "Grandma and Grandpa in the garden of Ulm.jpg",
        "Grandma and Grandpa in the garden of Ulm.jpg.s.json",
    ),
    "supplemental, cut away": (LONG, LONG[:46] + ".json"),
    "numbered": ("IMG_1(1).jpg", "IMG_1.jpg(1).json"),
    "numbered, supplemental": ("IMG_1(2).jpg", "IMG_1.jpg.supplemental-metadata(2).json"),
    "numbered by the user": ("IMG_1(1).jpg", "IMG_1(1).jpg.json"),
    "edited": ("IMG_1-edited.jpg", "IMG_1.jpg.json"),
    "edited, supplemental": ("IMG_1-edited.jpg", "IMG_1.jpg.supplemental-metadata.json"),
    "edited and numbered": ("IMG_1-edited(1).jpg", "IMG_1.jpg(1).json"),
    "edited in German": ("IMG_1-bearbeitet.jpg", "IMG_1.jpg.json"),
    "undecodable": ("caf\udce9.jpg", "caf\udce9.jpg.json"),
    "no ending": ("IMG_1", "IMG_1.json"),
}


@pytest.mark.parametrize(("photo", "wanted"), PAIRS.values(), ids=list(PAIRS))
def test_the_json_of_a_photo_is_looked_for_under_its_names(photo: str, wanted: str) -> None:
    """Every rule of R21 for what Takeout does to names."""
    names = takeout_names(os.fsencode(photo))
    assert os.fsencode(wanted) in names
    assert len(names) == len(set(names))


def _json(title: str = "IMG_1.jpg", seconds: object = "1566045296") -> bytes:
    return json.dumps(
        {"title": title, "creationTime": {"timestamp": "1600000000"}, "photoTakenTime": {"timestamp": seconds}}
    ).encode()


TITLES = {
    "the same": ("IMG_1.jpg", "IMG_1.jpg", True),
    "numbered": ("IMG_1.jpg", "IMG_1(1).jpg", True),
    "edited": ("IMG_1.jpg", "IMG_1-edited.jpg", True),
    "another ending": ("IMG_1.HEIC", "IMG_1.jpg", True),
    "case": ("img_1.JPG", "IMG_1.jpg", True),
    "replaced letters": ("Grandma & Grandpa?.jpg", "Grandma _ Grandpa_.jpg", True),
    "cut off": (LONG, LONG[:47] + ".jpg", True),
    "another photo": ("IMG_2.jpg", "IMG_1.jpg", False),
    "a longer name": ("IMG_12.jpg", "IMG_1.jpg", False),
    "no name": ("", "IMG_1.jpg", False),
}


@pytest.mark.parametrize(("title", "name", "fits"), TITLES.values(), ids=list(TITLES))
def test_the_title_must_be_the_photo_s(title: str, name: str, fits: bool) -> None:
    """A neighbour's date is worse than none."""
    wanted = Takeout(taken=1566045296.0) if fits else Takeout(problem="the JSON beside it is about another photo")
    assert parse_takeout(_json(title), name.encode()) == wanted


NO_TAKEOUT = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "no time": b'{"title": "IMG_1.jpg"}',
    "no number": _json(seconds="soon"),
    "a list for a number": _json(seconds=[1]),
    "deep": b"[" * 100_000,
    "no text": b"\xff\xfe\xfd",
    "another program's": b'{"version": 1}',
    "an enormous number": _json().replace(b'"1566045296"', b"9" * 5000),
}


@pytest.mark.parametrize("content", NO_TAKEOUT.values(), ids=list(NO_TAKEOUT))
def test_other_json_is_a_problem(content: bytes) -> None:
    """Whatever else lies beside a photo."""
    found = parse_takeout(content, b"IMG_1.jpg")
    assert found.taken is None
    assert found.problem


def test_the_json_beside_a_photo_is_found(tmp_path: Path) -> None:
    """`photoTakenTime` counts and `creationTime`, the upload, does not."""
    photo = os.fsencode(tmp_path / "IMG_1(1).jpg")
    assert read_takeout(photo) is None
    (tmp_path / "IMG_1.jpg(1).json").write_bytes(_json())
    assert read_takeout(photo) == Takeout(taken=1566045296.0)


# --- XMP and IPTC inside photos, orientation


PACKET = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/" '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:RDF><rdf:Description rdf:about="" '
    b'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" exif:DateTimeOriginal="1985-06-01T12:00:00">'
    b"<photoshop:DateCreated>1985-06</photoshop:DateCreated></rdf:Description></rdf:RDF></x:xmpmeta>"
    b'<?xpacket end="w"?>'
)
IPTC = b"\x1c\x02\x37\x00\x0819850601\x1c\x02\x3c\x00\x0b120000+0200"
PHOTOSHOP = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)


def _jpeg_with(*segments: bytes) -> bytes:
    """A JPEG with further segments behind SOI, each a marker byte and a body."""
    data = _saved("JPEG")
    parts = b"".join(b"\xff" + one[:1] + struct.pack(">H", len(one) + 1) + one[1:] for one in segments)
    return data[:2] + parts + data[2:]


def _png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with further chunks behind its header."""
    data = _saved("PNG")
    parts = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return data[:33] + parts + data[33:]


def _profile(name: bytes, content: bytes, *, packed: bool = True) -> tuple[bytes, bytes]:
    """A raw profile as ImageMagick writes it."""
    digits = content.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = b"\n%s\n%8d\n%s\n" % (name, len(content), lines)
    keyword = b"Raw profile type " + name + b"\0"
    return (b"zTXt", keyword + b"\0" + zlib.compress(text)) if packed else (b"tEXt", keyword + text)


def _itxt(*, packed: bool) -> tuple[bytes, bytes]:
    head = b"XML:com.adobe.xmp\0" + (b"\1\0" if packed else b"\0\0") + b"\0\0"
    return b"iTXt", head + (zlib.compress(PACKET) if packed else PACKET)


def _tiff_with_xmp() -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = PACKET
    tags.tagtype[700] = 1
    tags[33723] = IPTC
    tags.tagtype[33723] = 7
    return _saved("TIFF", tiffinfo=tags)


def _heic_with_xmp() -> bytes:
    target = io.BytesIO()
    pillow_heif.from_pillow(_picture()).save(target, xmp=PACKET)
    return target.getvalue()


BY_XMP = Embedded(original="1985-06-01T12:00:00", created="1985-06")
BY_IPTC = Embedded(iptc="1985-06-01T12:00:00+02:00")
BOTH = Embedded(original="1985-06-01T12:00:00", created="1985-06", iptc="1985-06-01T12:00:00+02:00")

HOLDERS: dict[str, tuple[Callable[[], bytes], Embedded]] = {
    "JPEG, XMP": (lambda: _jpeg_with(b"\xe1http://ns.adobe.com/xap/1.0/\0" + PACKET), BY_XMP),
    "JPEG, IPTC": (lambda: _jpeg_with(b"\xed" + PHOTOSHOP), BY_IPTC),
    "JPEG, both": (lambda: _jpeg_with(b"\xed" + PHOTOSHOP, b"\xe1http://ns.adobe.com/xap/1.0/\0" + PACKET), BOTH),
    "JPEG, of what is behind it": (lambda: _saved("JPEG") + PACKET, Embedded()),
    "PNG, XMP": (lambda: _png_with(_itxt(packed=False)), BY_XMP),
    "PNG, packed XMP": (lambda: _png_with(_itxt(packed=True)), BY_XMP),
    "PNG, XMP as a raw profile": (lambda: _png_with(_profile(b"xmp", PACKET)), BY_XMP),
    "PNG, XMP as APP1": (lambda: _png_with(_profile(b"APP1", b"http://ns.adobe.com/xap/1.0/\0" + PACKET)), BY_XMP),
    "PNG, IPTC as a raw profile": (lambda: _png_with(_profile(b"iptc", PHOTOSHOP[14:])), BY_IPTC),
    "TIFF": (_tiff_with_xmp, BOTH),
    "WebP": (lambda: _saved("WEBP", xmp=PACKET), BY_XMP),
    "HEIC": (_heic_with_xmp, BY_XMP),
    "AVIF": (lambda: _saved("AVIF", xmp=PACKET), BY_XMP),
    "GIF": (lambda: _saved("GIF") + PACKET, Embedded()),
}


@pytest.mark.parametrize("holder", list(HOLDERS))
def test_dates_inside_the_photo_are_read_from_every_format(holder: str) -> None:
    """XMP and IPTC are the photo's own word as much as Exif is; what follows a JPEG is another picture's."""
    make, wanted = HOLDERS[holder]
    assert read_tags(make()).embedded == wanted


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", [b"exif", b"APP1"])
def test_exif_as_a_raw_profile_is_read(name: bytes, packed: bool) -> None:
    """ImageMagick kept Exif so before PNG had a chunk for it, and many programs still do."""
    assert read_tags(_png_with(_profile(name, BLOCK, packed=packed))) == WANTED


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(MAX_TEXT_BYTES + 1))),
        (b"zTXt", b"Raw profile type exif\0\0no zlib"),
        (b"zTXt", b"Raw profile type exif\0\1"),
        (b"zTXt", b"Raw profile type exif"),
        (b"tEXt", b"Raw profile type exif\0\nexif\n  999\n4d4d\n"),
        (b"tEXt", b"Raw profile type exif\0\nexif\n  2\nno digits\n"),
        (b"tEXt", b"Raw profile type exif\0"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no zlib"),
        (b"iTXt", b"XML:com.adobe.xmp"),
    ],
)
def test_a_damaged_text_of_a_png_says_nothing(chunk: tuple[bytes, bytes]) -> None:
    """Neither does one that unpacks to more than any metadata have."""
    assert read_tags(_png_with(chunk)) == Tags()


TURNED_BY_XMP: dict[str, tuple[Callable[[], bytes], int]] = {
    "JPEG": (lambda: _jpeg_with(b"\xe1http://ns.adobe.com/xap/1.0/\0" + PACKET), 6),
    "JPEG with Exif's own": (
        lambda: _jpeg_with(
            b"\xe1" + piexif.dump({"0th": {piexif.ImageIFD.Orientation: 3}}),
            b"\xe1http://ns.adobe.com/xap/1.0/\0" + PACKET,
        ),
        3,
    ),
    "PNG": (lambda: _png_with(_itxt(packed=True)), 6),
    "PNG with a raw profile": (
        lambda: _png_with(_profile(b"exif", piexif.dump({"0th": {piexif.ImageIFD.Orientation: 8}}))),
        8,
    ),
    "WebP": (lambda: _saved("WEBP", xmp=PACKET), 6),
}


@pytest.mark.parametrize("name", list(TURNED_BY_XMP))
def test_a_picture_without_exif_is_turned_by_its_xmp(name: str) -> None:
    """As other programs show it; Exif's own orientation goes before."""
    make, wanted = TURNED_BY_XMP[name]
    data = make()
    assert stored_orientation(data) == wanted
    turned = decode(data, b"photo", 1.0).image.shape[:2]
    assert turned == ((48, 32) if wanted >= 5 else (32, 48))


# --- HEIC and AVIF, without a library


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_as_pillow_turns_it(orientation: int) -> None:
    """Its container says how, in two parts; the tag is not believed."""
    picture = PillowImage.new("RGB", (32, 16))
    exif = picture.getexif()
    exif[274], exif[271] = orientation, "Seagull"
    data = saved(picture, "AVIF", exif=exif.tobytes())
    assert stored_orientation(data) == orientation
    assert AvifImagePlugin.AvifImageFile(io.BytesIO(data)).getexif().get(274, 1) == orientation
    assert read_tags(data).make == "Seagull"


@pytest.mark.parametrize("kind", [PhotoKind.HEIC, PhotoKind.AVIF])
def test_the_block_is_the_one_that_the_libraries_find(kind: PhotoKind) -> None:
    """Of both formats; where the container is damaged, nothing but a problem is read."""
    picture = PillowImage.new("RGB", (32, 16))
    exif = picture.getexif()
    exif.get_ifd(34665)[36867] = "2019:08:17 12:34:56"
    if kind is PhotoKind.HEIC:
        made = pillow_heif.from_pillow(picture)
        made.info["exif"] = exif.tobytes()
        target = io.BytesIO()
        made.save(target)
        data = target.getvalue()
        found = pillow_heif.open_heif(data).info["exif"]
    else:
        data = saved(picture, "AVIF", exif=exif.tobytes())
        found = AvifImagePlugin.AvifImageFile(io.BytesIO(data)).info["exif"]
    assert exif_block(data, kind) == found.removeprefix(b"Exif\0\0")
    assert read_tags(data).original == "2019:08:17 12:34:56"
    for cut in range(0, len(data), 7):
        read_tags(data[:cut], kind)
        flipped = bytearray(data)
        flipped[cut] ^= 0xFF
        read_tags(bytes(flipped), kind)
        stored_orientation(bytes(flipped))
