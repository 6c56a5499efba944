"""
XMP sidecars: made, added to, never replaced; under both of their names (R12).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from facewatchd.core.dates.evidence import Sidecar
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.domain import Precision
from facewatchd.photos.metadata.xmp import parse_xmp
from facewatchd.photos.writing.edits import applied, reversed_edits
from facewatchd.photos.writing.sidecars import merge, new_sidecar, sidecar_target, xmp_text

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DATE = "2019-08-17T12:34:56"


@pytest.mark.parametrize(
    ("precision", "zone", "text"),
    [
        (Precision.SECOND, "", "2019-08-17T12:34:56"),
        (Precision.SECOND, "+02:00", "2019-08-17T12:34:56+02:00"),
        (Precision.DAY, "+02:00", "2019-08-17"),
        (Precision.MONTH, "", "2019-08"),
        (Precision.YEAR, "", "2019"),
    ],
)
def test_a_date_is_written_as_fine_as_it_is_known(precision: Precision, zone: str, text: str) -> None:
    """And is read back from a new packet."""
    assert xmp_text(wall_clock(2019, 8, 17, 12, 34, 56), precision, zone) == text
    assert parse_xmp(new_sidecar(text)) == Sidecar(original=text)


def packet(description: str, inside: str = "", around: str = "") -> bytes:
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"{around}>
  <rdf:Description rdf:about="" {description}{">" + inside + "</rdf:Description>" if inside else "/>"}
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>   trailing
""".encode().replace(b"   trailing\n", b"\n")


XMP_NS = 'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"'
EXIF_NS = 'xmlns:exif="http://ns.adobe.com/exif/1.0/"'
E_NS = 'xmlns:e="http://ns.adobe.com/exif/1.0/"'

MERGED = {
    "Lightroom's attributes": packet(XMP_NS + ' xmp:CreatorTool="a > b"'),
    "exif is declared": packet(EXIF_NS + ' exif:ISO="100"'),
    "exif is declared further out": packet(XMP_NS, around=" " + EXIF_NS),
    "exif means something else": packet('xmlns:exif="urn:other" exif:DateTimeOriginal="never"'),
    "elements": packet(XMP_NS, "<xmp:Label>Gr\u00fcn &amp; rot</xmp:Label>"),
    "a nonsense attribute": packet(EXIF_NS + ' exif:DateTimeOriginal="0000-00-00T00:00:00" exif:ISO="1"'),
    "a nonsense attribute, other quotes": packet(EXIF_NS + " exif:DateTimeOriginal='1970-01-01T00:00:00'"),
    "a nonsense attribute, other prefix": packet(E_NS + ' e:DateTimeOriginal=""'),
    "a nonsense element": packet(EXIF_NS, "<exif:DateTimeOriginal>1970-01-01T00:00:00</exif:DateTimeOriginal>"),
    "another date beside it": packet('xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Ulm"'),
    "two descriptions": packet(XMP_NS).replace(b" </rdf:RDF>", b'  <rdf:Description rdf:about=""/>\n </rdf:RDF>'),
    "a byte order mark": b"\xef\xbb\xbf" + packet(XMP_NS),
    "a declaration": b'<?xml version="1.0" encoding="UTF-8"?>\n' + packet(XMP_NS),
    "comments": packet(XMP_NS).replace(b"<rdf:RDF", b"<!-- <rdf:Description> --><rdf:RDF"),
    "Windows' lines": packet(XMP_NS).replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("content", MERGED.values(), ids=list(MERGED))
def test_a_date_is_added_and_every_other_byte_stays(content: bytes) -> None:
    """One edit, which leads back again; other programs' properties are as they were."""
    (edit,) = merge(content, DATE, NOW)
    new = applied(content, (edit,))
    assert parse_xmp(new).original == DATE
    assert new[: edit.at] == content[: edit.at]
    assert new[edit.at + len(edit.new) :] == content[edit.at + len(edit.old) :]
    assert applied(new, reversed_edits((edit,))) == content


REFUSED = {
    "a valid date": (packet(EXIF_NS + ' exif:DateTimeOriginal="2011-01-01"'), "has a date already"),
    "no XML": (b"\xff\xd8\xff", "cannot be read"),
    "empty": (b"", "cannot be read"),
    "a document type": (b'<!DOCTYPE a [<!ENTITY b "c">]>' + packet(XMP_NS), "cannot be read"),
    "UTF-16": (packet(XMP_NS).decode().encode("utf-16"), "not UTF-8"),
    "Latin-1": (b'<?xml version="1.0" encoding="iso-8859-1"?>' + packet(XMP_NS), "not UTF-8"),
    "no description": (b"<a/>", "no description"),
    "two dates": (
        packet(EXIF_NS + ' exif:DateTimeOriginal="0000-00-00"', "<exif:DateTimeOriginal>1970</exif:DateTimeOriginal>"),
        "several dates",
    ),
    "a date within a date": (
        packet(EXIF_NS, "<exif:DateTimeOriginal><exif:ISO>1</exif:ISO></exif:DateTimeOriginal>"),
        "cannot be replaced",
    ),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_added_to_safely_is_refused(content: bytes, why: str) -> None:
    """With the reason, and nothing half done."""
    with pytest.raises(ValueError, match=why):
        merge(content, DATE, NOW)


TARGETS = {
    "none yet": ((b"a.jpg", b"b.jpg"), b"a.jpg.xmp"),
    "the unmistakable one": ((b"a.jpg", b"a.jpg.xmp", b"a.xmp"), b"a.jpg.xmp"),
    "Adobe's, of this photo alone": ((b"a.jpg", b"a.xmp"), b"a.xmp"),
    "Adobe's, in capitals": ((b"a.jpg", b"a.XMP"), b"a.XMP"),
    "Adobe's, of a RAW file": ((b"a.jpg", b"a.CR2", b"a.xmp"), b"a.jpg.xmp"),
    "Adobe's, of another photo": ((b"a.jpg", b"a.png", b"a.xmp"), b"a.jpg.xmp"),
    "Adobe's, beside Takeout's JSON": ((b"a.jpg", b"a.json", b"a.xmp"), b"a.xmp"),
    "of a photo with a similar name": ((b"a.jpg", b"a.jpg.jpg", b"a.jpeg", b"ab.xmp"), b"a.jpg.xmp"),
}


@pytest.mark.parametrize(("beside", "wanted"), TARGETS.values(), ids=list(TARGETS))
def test_which_sidecar_is_written(beside: Sequence[bytes], wanted: bytes) -> None:
    """Both conventions; never one that may be another picture's."""
    assert sidecar_target(b"a.jpg", beside) == wanted
