"""
Where a photo keeps its dates, and what a changed date makes of its bytes. Works on bytes in memory and writes nothing:
`photos.writing.write` does, after `photos.writing.verify` has agreed.

An existing date field is overwritten in place; a JPEG without any Exif block can be given one. Nothing else is ever
changed: no library that takes an Exif block apart and puts it together again comes near an existing one (R12).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from facewatchd.core.dates.plan import FIELD_BYTES, Act, DateField, DatePlan, Layout
from facewatchd.photos.formats import (
    JPEG_APP0,
    JPEG_APP1,
    JPEG_EOI,
    JPEG_SOI,
    JPEG_SOS,
    Part,
    PhotoKind,
    jpeg_segments,
    kind_of,
    riff_chunks,
)
from facewatchd.photos.metadata.exif import EXIF_DIRECTORY, OFFSET_ORIGINAL, ORIGINAL, exif_block
from facewatchd.photos.writing.patch_heif import heif_exif
from facewatchd.photos.writing.patch_tiff import DamagedError, Span, TiffDates, find_dates

_PREFIX = b"Exif\0\0"
_APP2 = 0xE2
_EXIF_VERSION = 36864


@dataclass(frozen=True, slots=True)
class Edit:
    """In a file's bytes, `old` at `at` becomes `new`. Of equal length: overwritten in place."""

    at: int
    old: bytes
    new: bytes


def layout_of(data: bytes, kind: PhotoKind | None = None) -> Layout:
    """
    How a photo keeps its dates. Never raises: what cannot be understood is `damage`.

    Args:
        data: The whole file.
        kind: Its format, where that is known already.
    """
    kind = kind or kind_of(data)
    try:
        return _layout(data, kind)
    except ValueError as error:
        return Layout(has_block=True, damage=f"nothing is written into a damaged file: {error}")


def _layout(data: bytes, kind: PhotoKind | None) -> Layout:
    if kind is PhotoKind.JPEG:
        header = list(_strict_header(data))
        *_, last = jpeg_segments(data)
        blocks = [
            (part.body + len(_PREFIX), part.end)
            for part in header
            if part.name[0] == JPEG_APP1 and data[part.body : part.body + len(_PREFIX)] == _PREFIX
        ]
        can_insert = not blocks and last.end == len(data) and not any(_is_mpf(data, part) for part in header)
    elif kind is PhotoKind.TIFF:
        blocks, can_insert = [(0, len(data))], False
    elif kind is PhotoKind.WEBP:
        blocks, can_insert = _webp_blocks(data), False
    elif kind in {PhotoKind.HEIC, PhotoKind.AVIF}:
        place = heif_exif(data)
        blocks, can_insert = [place] if place is not None else [], False
    else:
        # PNG has checksums, the others have no tags: their dates go beside them
        return Layout()
    if not blocks:
        return Layout(can_insert=can_insert)
    _agree_with_reader(data, kind, blocks[0])
    dates = [find_dates(data, *block) for block in blocks]
    return _joined(dates)


def _joined(dates: Sequence[TiffDates]) -> Layout:
    fields = tuple(itertools.chain.from_iterable(found.fields for found in dates))
    fixed = tuple(itertools.chain.from_iterable(found.fixed for found in dates))
    return Layout(fields, fixed, has_block=True)


def _agree_with_reader(data: bytes, kind: PhotoKind, block: Span) -> None:
    """What is patched must be what is read."""
    read = exif_block(data, kind)
    if read is None or data[block[0] : block[0] + len(read)] != read:
        raise DamagedError("the Exif block is not where it is read")


def _strict_header(data: bytes) -> Iterator[Part]:
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


def _is_mpf(data: bytes, part: Part) -> bool:
    """Whether a segment points at further pictures behind this one (CIPA DC-007), which an insertion would shift."""
    return part.name[0] == _APP2 and data[part.body : part.body + 4] == b"MPF\0"


def _webp_blocks(data: bytes) -> list[Span]:
    size = int.from_bytes(data[4:8], "little")
    if size + 8 != len(data):
        raise DamagedError("its length is not what its header says")
    chunks = [part for part in riff_chunks(data) if part.name == b"EXIF"]
    if len(chunks) > 1:
        raise DamagedError("it has several Exif blocks")
    blocks = []
    for part in chunks:
        prefixed = data[part.body : part.body + len(_PREFIX)] == _PREFIX
        blocks.append((part.body + (len(_PREFIX) if prefixed else 0), part.end))
    return blocks


# --- edits


def edits_for(data: bytes, plan: DatePlan, zone: str = "") -> tuple[Edit, ...]:
    """
    The changes that a plan comes to, in the order of their places.

    Args:
        data: The whole file.
        plan: Of `PATCH` or `EXIF`.
        zone: Offset such as "+02:00" for a new block, empty where unknown (R22).
    """
    assert plan.value is not None
    text = exif_text(plan.value)
    if plan.act is Act.PATCH:
        return _patches(plan.fields, text)
    assert plan.act is Act.EXIF
    segment = _segment(new_block(text, zone))
    return (Edit(_place_for_segment(data), b"", segment),)


def _patches(fields: Sequence[DateField], text: bytes) -> tuple[Edit, ...]:
    # two tags may share one field
    places = {field.at: field.content for field in fields}
    return tuple(Edit(at, content, text) for at, content in sorted(places.items()) if content != text)


def exif_text(value: datetime) -> bytes:
    """A date field's content; always `FIELD_BYTES` long."""
    text = (
        f"{value.year:04d}:{value.month:02d}:{value.day:02d} {value.hour:02d}:{value.minute:02d}:{value.second:02d}\0"
    )
    assert len(text) == FIELD_BYTES
    return text.encode("ascii")


def new_block(text: bytes, zone: str) -> bytes:
    """
    An Exif block that says when the picture was taken, and nothing else.

    Args:
        text: See `exif_text`.
        zone: Offset such as "+02:00", empty where unknown.
    """
    zone_bytes = zone.encode("ascii") + b"\0" if zone else b""
    entries = 3 if zone else 2
    below = 8 + 2 + 12 + 4
    values = below + 2 + 12 * entries + 4
    block = b"MM\0*" + struct.pack(">I", 8)
    block += struct.pack(">HHHIII", 1, EXIF_DIRECTORY, 4, 1, below, 0)
    block += struct.pack(">H", entries)
    block += struct.pack(">HHI4s", _EXIF_VERSION, 7, 4, b"0232")
    block += struct.pack(">HHII", ORIGINAL, 2, FIELD_BYTES, values)
    if zone:
        block += struct.pack(">HHII", OFFSET_ORIGINAL, 2, len(zone_bytes), values + FIELD_BYTES)
    return block + bytes(4) + text + zone_bytes


def _segment(block: bytes) -> bytes:
    body = _PREFIX + block
    return bytes((0xFF, JPEG_APP1)) + struct.pack(">H", len(body) + 2) + body


def _place_for_segment(data: bytes) -> int:
    """Behind SOI and the JFIF segments, which must come first (JFIF 1.02)."""
    at = 2
    for part in _strict_header(data):
        if part.name[0] != JPEG_APP0:
            break
        at = part.end
    return at


def applied(data: bytes, edits: Sequence[Edit]) -> bytes:
    """
    The bytes after the edits.

    Raises:
        ValueError: What is to be replaced is not there.
    """
    parts: list[bytes] = []
    done = 0
    for edit in edits:
        if edit.at < done or data[edit.at : edit.at + len(edit.old)] != edit.old:
            raise ValueError("the file is not what the change was made for")
        parts += (data[done : edit.at], edit.new)
        done = edit.at + len(edit.old)
    return b"".join((*parts, data[done:]))


def reversed_edits(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits that lead back."""
    shift = 0
    back = []
    for edit in edits:
        back.append(Edit(edit.at + shift, edit.new, edit.old))
        shift += len(edit.new) - len(edit.old)
    return tuple(back)
