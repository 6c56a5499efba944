"""
A date that the user gives, in the bytes: all that states when the picture was taken says it, nothing else changes, and the way
back leads to the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zlib
from datetime import datetime

import pytest
from date_corpus import (
    CAMERA,
    DIGITIZED,
    ORIGINAL,
    SETTINGS,
    app1,
    ascii_,
    block,
    corpus,
    iptc,
    jpeg,
    png_with_exif,
    segment,
    tiff,
    webp,
    xmp,
)
from plain import PlainReader

from facewatchd.core.dates.evidence import Embedded
from facewatchd.core.dates.plan import Act, DatePlan
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.metadata.xmp import parse_xmp
from facewatchd.photos.writing.edits import applied, reversed_edits
from facewatchd.photos.writing.given import Given, edits_to_fix, edits_to_give, sidecar_edits
from facewatchd.photos.writing.patch import edits_for, layout_of
from facewatchd.photos.writing.sidecars import new_sidecar
from facewatchd.photos.writing.verify import flaw
from facewatchd.photos.writing.xmp_dates import in_form_of

NOW = 1_767_225_600.0
VALUE = wall_clock(1965, 9, 11, 14, 0, 5)
OLD = "2012:02:02 02:02:02"
TEXT = "1965:09:11 14:00:05"
SUBSEC_ORIGINAL, SUBSEC_DIGITIZED, OFFSET_ORIGINAL = 37521, 37522, 36881
CHECKER = PlainReader(10)

NO_PLACE = r"^(camera RAW|there is no place|its date field has an unusual form|nothing is written into a damaged file)"


def given(value: datetime = VALUE, before: str = OLD, *, keeps_fraction: bool = False) -> Given:
    old = datetime.strptime(before, "%Y:%m:%d %H:%M:%S") if before else None  # noqa: DTZ007 - cameras know no zone
    return Given(value, old, keeps_fraction, NOW)


def after(data: bytes, what: Given | None = None) -> bytes:
    """The photo with the date, which was checked as before a write, and whose way back was tried."""
    what = what or given()
    edits = edits_to_give(data, what)
    new = applied(data, edits)
    assert flaw(data, new, edits, what.value, CHECKER) == ""
    assert applied(new, reversed_edits(edits)) == data
    assert edits_to_give(new, what) == ()
    return new


def exif_of(*more: tuple[int, bytes], digitized: str = OLD) -> bytes:
    fields = [ascii_(ORIGINAL, OLD.encode() + b"\0"), ascii_(DIGITIZED, digitized.encode() + b"\0")]
    return block("<", CAMERA, (*SETTINGS, *fields, *(ascii_(tag, value) for tag, value in more)))


HELD = {name for name, sample in corpus().items() if sample.act in {Act.PATCH, Act.EXTEND, Act.EXIF}}
"""Layouts that a date is written into."""


@pytest.mark.parametrize("name", corpus())
def test_every_layout(name: str) -> None:
    """The date is in the photo; where it cannot be, the reason is said."""
    data = corpus()[name].data
    if name in HELD:
        assert read_tags(after(data, given(before=""))).original == TEXT
        return
    with contextlib.suppress(ValueError):
        after(data, given(before=""))
        return
    with pytest.raises(ValueError, match=NO_PLACE):
        edits_to_give(data, given(before=""))


def test_fields_with_parts_of_a_second_and_offsets() -> None:
    """A date that is set has no parts of a second; a shifted one keeps them. Offsets and the last change stay."""
    data = jpeg(
        app1(exif_of((SUBSEC_ORIGINAL, b"789\0"), (SUBSEC_DIGITIZED, b"123456\0"), (OFFSET_ORIGINAL, b"+02:00\0")))
    )
    tags = read_tags(after(data))
    assert (tags.original, tags.digitized) == (TEXT, TEXT)
    assert (tags.original_subsec, tags.digitized_subsec, tags.original_offset) == ("000", "000000", "+02:00")
    kept = read_tags(after(data, given(keeps_fraction=True)))
    assert (kept.original_subsec, kept.digitized_subsec, kept.original_offset) == ("789", "123456", "+02:00")


@pytest.mark.parametrize(
    ("digitized", "becomes"),
    [
        (OLD, TEXT),
        ("2012:02:02 23:00:00", TEXT),
        ("1960:01:01 00:00:01", TEXT),
        ("0000:00:00 00:00:00", TEXT),
        ("    :  :     :  :  ", TEXT),
        ("2019:05:06 07:08:09", "2019:05:06 07:08:09"),
    ],
)
def test_the_day_of_a_scan_stays(digitized: str, becomes: str) -> None:
    """It is later than the picture; a date of digitizing that is the camera's own follows."""
    assert read_tags(after(jpeg(app1(exif_of(digitized=digitized))))).digitized == becomes


ATTRIBUTES = (
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="2012-02-02T02:02:02.78+02:00" '
    'xmp:CreateDate="2012-02-02T02:02:02" photoshop:DateCreated=\'2012-02-02\' xmp:ModifyDate="2020-01-01T00:00:00"'
)


def test_xmp_inside_keeps_its_form() -> None:
    """A day stays a day, an offset stays; the day of the change stays in any case."""
    new = after(jpeg(app1(exif_of()), xmp(ATTRIBUTES)))
    assert read_tags(new).embedded == Embedded("1965-09-11T14:00:05.00+02:00", "1965-09-11", "", "1965-09-11T14:00:05")
    assert b'xmp:ModifyDate="2020-01-01T00:00:00"' in new
    kept = after(jpeg(app1(exif_of()), xmp(ATTRIBUTES)), given(keeps_fraction=True))
    assert read_tags(kept).embedded.original == "1965-09-11T14:00:05.78+02:00"


ELEMENTS = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:ps="http://ns.adobe.com/photoshop/1.0/">
<exif:DateTimeOriginal>2012-02-02T02:02:02Z</exif:DateTimeOriginal><ps:DateCreated>
 2012-02 </ps:DateCreated><exif:Note>2012-02-02T02:02:02Z</exif:Note></rdf:Description></rdf:RDF></x:xmpmeta>"""


def packet(text: str = ELEMENTS) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode())


def test_xmp_in_elements() -> None:
    """A wall clock is not UTC: `Z` goes, and the packet keeps its length."""
    data = jpeg(app1(exif_of()), packet())
    new = after(data)
    assert len(new) == len(data)
    assert read_tags(new).embedded == Embedded("1965-09-11T14:00:05", "1965-09")
    assert b"<exif:Note>2012-02-02T02:02:02Z</exif:Note>" in new


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: webp(exif_of(), xmp=ELEMENTS.encode()), "WebP"),
        (lambda: with_text(png_with_exif(exif_of()), ELEMENTS.encode()), "PNG"),
        (lambda: tiff_with(ELEMENTS.encode()), "TIFF"),
        (lambda: jpeg(packet()), "JPEG without Exif"),
        (lambda: with_text(png_with_exif(block("<", CAMERA, SETTINGS)), ELEMENTS.encode()), "PNG without a date field"),
        (lambda: jpeg(app1(block("<", CAMERA, SETTINGS)), packet(), iptc(b"20120202")), "JPEG without a date field"),
    ],
)
def test_xmp_in_other_formats(make: object, what: str) -> None:
    """Wherever it stands as it is; the Exif block gets its field in the same step."""
    assert callable(make)
    tags = read_tags(after(make()))
    assert (what, tags.original, tags.embedded.original) == (what, TEXT, "1965-09-11T14:00:05")


def with_text(png: bytes, packet: bytes, *, compressed: bool = False) -> bytes:
    """A PNG with an XMP packet."""
    text = zlib.compress(packet) if compressed else packet
    body = b"iTXtXML:com.adobe.xmp\0" + bytes((compressed, 0)) + b"\0\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def tiff_with(text: bytes) -> bytes:
    """The packet stands behind everything else, as a tag of the main directory."""
    data = tiff(exif=(ascii_(ORIGINAL, OLD.encode() + b"\0"),))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    at = len(data) + len(text) + (len(data) + len(text)) % 2
    entries = [data[first + 2 + 12 * number :][:12] for number in range(count)]
    entries = sorted((*entries, struct.pack("<HHII", 700, 1, len(text), len(data))), key=lambda each: each[:2][::-1])
    table = struct.pack("<H", count + 1) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", at) + data[8:] + text.ljust(at - len(data)) + table


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: with_text(png_with_exif(exif_of()), ELEMENTS.encode(), compressed=True), "cannot be changed in place"),
        (lambda: jpeg(app1(exif_of()), packet(ELEMENTS.replace("2012-02-02T02:02:02Z<", "2<x/>012<", 1))), "XMP"),
        (lambda: jpeg(app1(exif_of()), xmp('photoshop:DateCreated="201&#50;-02-02T02:02:02"')), "unusual way"),
        (lambda: jpeg(app1(exif_of()), xmp('xmp:CreateDate="1/2"')), "too little room"),
        (
            lambda: jpeg(
                app1(exif_of()),
                segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + ELEMENTS.encode()),
            ),
            "has a checksum",
        ),
    ],
)
def test_what_cannot_be_changed_in_place(make: object, why: str) -> None:
    """... is a reason to change nothing in the photo: it would say two dates."""
    assert callable(make)
    with pytest.raises(ValueError, match=why):
        edits_to_give(make(), given())


def iptc_block(*sets: tuple[int, bytes], digest: bytes | None = None) -> tuple[bytes, bytes]:
    """IPTC in a JPEG, with a digest; and its data sets."""
    data = b"".join(b"\x1c\x02" + bytes((number,)) + struct.pack(">H", len(value)) + value for number, value in sets)
    data += b"\0" * (len(data) & 1)
    body = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data
    body += b"8BIM\x04\x25\0\0" + struct.pack(">I", 16) + (digest or hashlib.md5(data).digest())
    return segment(0xED, b"Photoshop 3.0\0" + body), data


def test_iptc_and_its_digest() -> None:
    """Date and time follow, the offset stays, and programs see that nothing else changed IPTC."""
    sets = ((5, b"Title"), (55, b"20120202"), (60, b"020202+0200"), (62, b"20120202"), (63, b"020202"))
    made, _ = iptc_block(*sets)
    _, expected = iptc_block((5, b"Title"), (55, b"19650911"), (60, b"140005+0200"), (62, b"19650911"), (63, b"140005"))
    new = after(jpeg(app1(exif_of()), made))
    assert read_tags(new).embedded.iptc == "1965-09-11T14:00:05+02:00"
    assert expected in new
    assert hashlib.md5(expected).digest() in new


def test_an_iptc_digest_that_was_wrong_stays() -> None:
    """And so does the day of a scan."""
    made, _ = iptc_block((55, b"20120202"), (62, b"20190506"), (63, b"070809"), digest=b"x" * 16)
    new = after(jpeg(app1(exif_of()), made))
    assert b"x" * 16 in new
    assert b"20190506" in new
    assert b"070809" in new
    assert read_tags(new).embedded.iptc == "1965-09-11"


def test_what_says_the_date_already_is_left() -> None:
    """No edit at all."""
    data = after(jpeg(app1(exif_of()), xmp(ATTRIBUTES), iptc(b"20120202")))
    assert edits_to_give(data, given()) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2012", "1965"),
        ("2012-02", "1965-09"),
        ("2012-02-02", "1965-09-11"),
        ("2012-02-02T02:02", "1965-09-11T14:00"),
        ("2012:02:02 02:02:02", "1965-09-11T14:00:05"),
        ("2012-02-02T02:02:02Z", "1965-09-11T14:00:05"),
        ("2012-02-02T02:02:02.123-0500", "1965-09-11T14:00:05.000-0500"),
        ("0000-00-00T00:00:00", "1965-09-11T14:00:05"),
        ("unknown date", "1965-09-11"),
    ],
)
def test_the_form_of_another_date(old: str, new: str) -> None:
    """It is never longer."""
    assert in_form_of(old, VALUE, keeps_fraction=False) == new
    assert len(new) <= len(old)


# --- sidecars

SIDE = f"""<?xml version="1.0"?>
<!-- mine -->
{ELEMENTS}"""


def sided(content: bytes, text: str = "1965-09-11T14:00:05", *, must_have: bool = False) -> bytes:
    edits = sidecar_edits(content, text, given(), must_have=must_have)
    new = applied(content, edits)
    assert applied(new, reversed_edits(edits)) == content
    assert sidecar_edits(new, text, given(), must_have=must_have) == ()
    return new


def test_every_date_of_a_sidecar_follows() -> None:
    """It may become longer; all else stays."""
    new = sided(SIDE.encode())
    assert parse_xmp(new).original == parse_xmp(new).created == "1965-09-11T14:00:05"
    assert b"<!-- mine -->" in new
    assert b"<exif:Note>2012-02-02T02:02:02Z</exif:Note>" in new
    assert parse_xmp(sided(new_sidecar("1987"), "1965-09")).original == "1965-09"


def test_a_sidecar_without_a_date_gets_one_only_if_it_must() -> None:
    """It holds ratings and crops, and the photo has the date."""
    content = SIDE.replace("exif:DateTimeOriginal", "exif:Other").replace("ps:DateCreated", "ps:Other").encode()
    assert sided(content) == content
    assert parse_xmp(sided(content, must_have=True)).original == "1965-09-11T14:00:05"


@pytest.mark.parametrize("content", [b"", b"<x", "<?xml version='1.0' encoding='utf-16'?><x/>".encode("utf-16")])
def test_a_sidecar_that_is_not_understood(content: bytes) -> None:
    """... is not changed."""
    with pytest.raises(ValueError, match=r"."):
        sidecar_edits(content, "1965-09-11", given(), must_have=True)


# --- a date that was missing or nonsense: XMP inside follows


ZERO = "0000:00:00 00:00:00"
NONSENSE = ELEMENTS.replace("2012-02-02T02:02:02Z</exif:D", "0000-00-00T00:00:00</exif:D").replace(
    " 2012-02 <", " 1970-01-01T00:00:00Z <"
)
EMPTY = block("<", CAMERA, (*SETTINGS, ascii_(ORIGINAL, ZERO.encode() + b"\0")))
NO_FIELD = block("<", CAMERA, SETTINGS)


def planned(data: bytes, act: Act) -> DatePlan:
    return DatePlan(act, "", VALUE, fields=layout_of(data).fields)


def fixed(data: bytes, act: Act) -> bytes:
    """The photo after `dates fix`, checked as before a write, with the way back."""
    edits = edits_to_fix(data, planned(data, act), "", NOW)
    new = applied(data, edits)
    assert flaw(data, new, edits, VALUE, CHECKER) == ""
    assert applied(new, reversed_edits(edits)) == data
    return new


@pytest.mark.parametrize(
    ("make", "act", "what"),
    [
        (lambda text: jpeg(app1(EMPTY), packet(text)), Act.PATCH, "JPEG"),
        (lambda text: jpeg(app1(NO_FIELD), packet(text)), Act.EXTEND, "JPEG without a date field"),
        (lambda text: jpeg(packet(text)), Act.EXIF, "JPEG without Exif"),
        (lambda text: webp(EMPTY, xmp=text.encode()), Act.PATCH, "WebP"),
        (lambda text: with_text(png_with_exif(EMPTY), text.encode()), Act.PATCH, "PNG"),
        (lambda text: with_text(png_with_exif(NO_FIELD), text.encode()), Act.EXTEND, "PNG without a date field"),
        (lambda text: tiff_with(text.encode()), Act.PATCH, "TIFF"),
    ],
)
def test_xmp_of_nonsense_follows(make: object, act: Act, what: str) -> None:
    assert callable(make)
    data = make(NONSENSE)
    tags = read_tags(fixed(data.replace(OLD.encode(), ZERO.encode()) if what == "TIFF" else data, act))
    told = Embedded("1965-09-11T14:00:05", "1965-09-11T14:00:05")
    assert (what, tags.original, tags.embedded) == (what, TEXT, told)


def test_xmp_that_may_be_right_stays() -> None:
    """Only what is nonsense follows; the other dates of the packet stay as they are."""
    text = NONSENSE.replace("<ps:DateCreated>\n 1970-01-01T00:00:00Z ", "<ps:DateCreated>\n 1966-03-04")
    tags = read_tags(fixed(jpeg(app1(EMPTY), packet(text)), Act.PATCH))
    assert tags.embedded == Embedded("1965-09-11T14:00:05", "1966-03-04")


@pytest.mark.parametrize(
    "data",
    [
        jpeg(app1(EMPTY), packet(NONSENSE.replace("0000-00-00T00:00:00<", "0<"))),
        jpeg(app1(EMPTY), packet(NONSENSE.replace("0000-00-00T00:00:00<", "0000<x/>00<"))),
        jpeg(app1(EMPTY), packet(NONSENSE.replace("</rdf:RDF>", ""))),
        with_text(png_with_exif(EMPTY), NONSENSE.encode(), compressed=True),
    ],
)
def test_where_xmp_cannot_follow_the_date_is_written_all_the_same(data: bytes) -> None:
    plan = planned(data, Act.PATCH)
    assert edits_to_fix(data, plan, "", NOW) == edits_for(data, plan, "")
    assert read_tags(fixed(data, Act.PATCH)).original == TEXT
