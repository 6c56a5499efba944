"""
Dates and orientation out of XMP, of a sidecar or inside a photo. XML with a document type is refused, as that is where
entities are declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from facewatchd.core.dates.evidence import Sidecar

_ORIENTATION = "http://ns.adobe.com/tiff/1.0/ Orientation"
_DATES = {
    "http://ns.adobe.com/exif/1.0/ DateTimeOriginal": "original",
    "http://ns.adobe.com/photoshop/1.0/ DateCreated": "created",
    "http://ns.adobe.com/xap/1.0/ CreateDate": "digitized",
}
_WANTED = {**_DATES, _ORIENTATION: "orientation"}

_START, _END = b"<rdf:RDF", b"</rdf:RDF>"
# the element around, where namespaces may be declared, too; the second name is that of XMP before 2004
_WRAPPERS = ((b"<x:xmpmeta", b"</x:xmpmeta>"), (b"<x:xapmeta", b"</x:xapmeta>"))
# a wrapper's start tag holds the toolkit's name and some namespaces
_MOST_BEFORE = 1024
_MOST_AFTER = 64
_MOST_PACKETS = 16


@dataclass(frozen=True, slots=True)
class Xmp:
    """
    What a packet says.

    Attributes:
        dates: As the texts stand in it.
        orientation: As Exif's, 1..8; None where the packet says none.
    """

    dates: Sidecar
    orientation: int | None = None


def parse_xmp(content: bytes) -> Sidecar:
    """The dates of an XMP packet; whatever is not XML, or XML with a document type, is a problem."""
    return read_packet(content).dates


def read_packet(content: bytes) -> Xmp:
    """What an XMP packet says; never raises: what cannot be read is a problem of its dates."""
    found: dict[str, str] = {}
    texts: list[str] = []

    def start(_name: str, attributes: dict[str, str]) -> None:
        texts.clear()
        for attribute, value in attributes.items():
            if attribute in _WANTED:
                found.setdefault(_WANTED[attribute], value.strip())

    def end(name: str) -> None:
        if name in _WANTED and "".join(texts).strip():
            found.setdefault(_WANTED[name], "".join(texts).strip())
        texts.clear()

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an unheard-of encoding
        return Xmp(Sidecar(problem=f"the XMP sidecar cannot be read: {error}"))
    turned = found.get("orientation", "")
    return Xmp(
        Sidecar(found.get("original", ""), found.get("created", ""), found.get("digitized", "")),
        int(turned) if turned in {"1", "2", "3", "4", "5", "6", "7", "8"} else None,
    )


def packets_in(data: bytes) -> Iterator[bytes]:
    """The XMP packets that stand uncompressed in some bytes, 16 of them at most."""
    end = 0
    for _ in range(_MOST_PACKETS):
        start = data.find(_START, end)
        if start < 0:
            return
        end = data.find(_END, start) + len(_END)
        if end < start:
            return
        yield _with_wrapper(data, start, end)


def _with_wrapper(data: bytes, start: int, end: int) -> bytes:
    for opening, closing in _WRAPPERS:
        outer = data.rfind(opening, max(0, start - _MOST_BEFORE), start)
        behind = data.find(closing, end, end + _MOST_AFTER)
        if outer >= 0 and behind >= 0:
            return data[outer : behind + len(closing)]
    return data[start:end]
