"""
Where a photo keeps its dates, and the changes of its bytes for another date. This works on bytes in memory and writes nothing:
`photos.writing.write` writes, after `photos.writing.verify` has agreed.

An existing date field is overwritten in place; an Exif block without one is extended behind its end; a photo without a block
can be given one. Nothing else is ever changed: no library that takes an Exif block apart and puts it together again comes near
an existing one (R12).
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Sequence
from datetime import datetime

from facewatchd.core.dates.plan import FIELD_BYTES, Act, DateField, DatePlan, Layout
from facewatchd.photos.formats import (
    JPEG_APP1,
    Part,
    PhotoKind,
    jpeg_segments,
    kind_of,
    png_chunks,
    riff_chunks,
)
from facewatchd.photos.metadata.exif import EXIF_DIRECTORY, OFFSET_ORIGINAL, ORIGINAL, exif_block
from facewatchd.photos.writing.edits import Edit
from facewatchd.photos.writing.extend import EXIF_PREFIX, edits_to_extend, edits_to_insert, with_checksum
from facewatchd.photos.writing.extend_tiff import exif_tags
from facewatchd.photos.writing.jpeg_header import strict_header
from facewatchd.photos.writing.patch_heif import heif_exif
from facewatchd.photos.writing.patch_tiff import DamagedError, Span, find_dates

_EXIF_VERSION = 36864
_WRITABLE = frozenset({PhotoKind.JPEG, PhotoKind.PNG, PhotoKind.WEBP, PhotoKind.TIFF, PhotoKind.HEIC, PhotoKind.AVIF})
# of the length that any has
_ANY_DATE, _ANY_ZONE = bytes(FIELD_BYTES), "+00:00"


def layout_of(data: bytes, kind: PhotoKind | None = None) -> Layout:
    """
    Where a photo keeps its dates. This never raises: what cannot be understood is `damage`.

    Args:
        data: The whole file.
        kind: Its format, if it is known already.
    """
    kind = kind or kind_of(data)
    try:
        return _layout(data, kind)
    except ValueError as error:
        return Layout(has_block=True, damage=f"nothing is written into a damaged file: {error}")


def _layout(data: bytes, kind: PhotoKind | None) -> Layout:
    blocks = _blocks(data, kind)
    if not blocks:
        is_read = kind in _WRITABLE and exif_block(data, kind) is not None
        return Layout(has_block=is_read, can_insert=not is_read and _can_insert(data, kind))
    assert kind is not None
    _agree_with_reader(data, kind, blocks[0])
    dates = [find_dates(data, *block) for block in blocks]
    fields = tuple(itertools.chain.from_iterable(found.fields for found in dates))
    fixed = tuple(itertools.chain.from_iterable(found.fixed for found in dates))
    is_dated = any(field.tag == ORIGINAL for field in fields) or ORIGINAL in fixed
    can_extend = not is_dated and len(blocks) == 1 and _can_extend(data, kind, blocks[0])
    fractions = tuple(itertools.chain.from_iterable(found.fractions for found in dates))
    return Layout(fields, fixed, has_block=True, can_extend=can_extend, fractions=fractions)


def _blocks(data: bytes, kind: PhotoKind | None) -> list[Span]:
    """Where a photo's Exif blocks are; none in a format that cannot be written."""
    if kind is PhotoKind.JPEG:
        for _ in jpeg_segments(data):
            pass  # to its end, or it is damaged
        return [
            (part.body + len(EXIF_PREFIX), part.end)
            for part in strict_header(data)
            if part.name[0] == JPEG_APP1 and data.startswith(EXIF_PREFIX, part.body)
        ]
    if kind is PhotoKind.TIFF:
        return [(0, len(data))]
    if kind is PhotoKind.WEBP:
        return _webp_blocks(data)
    if kind is PhotoKind.PNG:
        return _png_blocks(data)
    if kind in {PhotoKind.HEIC, PhotoKind.AVIF}:
        place = heif_exif(data)
        return [place] if place is not None else []
    return []


def _can_insert(data: bytes, kind: PhotoKind | None) -> bool:
    if kind not in _WRITABLE:
        return False
    try:
        edits_to_insert(data, kind, new_block(_ANY_DATE, _ANY_ZONE))
    except ValueError:
        return False
    return True


def _can_extend(data: bytes, kind: PhotoKind, block: Span) -> bool:
    try:
        edits_to_extend(data, kind, block, {ORIGINAL: _ANY_DATE, OFFSET_ORIGINAL: _ANY_ZONE.encode() + b"\0"})
    except ValueError:
        return False
    return True


def _agree_with_reader(data: bytes, kind: PhotoKind, block: Span) -> None:
    """Check that the fields to overwrite are the ones that readers read."""
    read = exif_block(data, kind)
    if read is None or data[block[0] : block[0] + len(read)] != read:
        raise DamagedError("the Exif block is not where it is read")


def _webp_blocks(data: bytes) -> list[Span]:
    size = int.from_bytes(data[4:8], "little")
    if size + 8 != len(data):
        raise DamagedError("its length is not what its header says")
    chunks = [part for part in riff_chunks(data) if part.name == b"EXIF"]
    if len(chunks) > 1:
        raise DamagedError("it has several Exif blocks")
    return [(part.body + _prefix_length(data, part), part.end) for part in chunks]


def _png_blocks(data: bytes) -> list[Span]:
    chunks = list(png_chunks(data))
    if chunks[-1].end + 4 != len(data):
        raise DamagedError("something stands behind its end")
    found = [part for part in chunks if part.name == b"eXIf"]
    if len(found) > 1:
        raise DamagedError("it has several Exif blocks")
    for part in found:
        if zlib.crc32(data[part.start + 4 : part.end]) != int.from_bytes(data[part.end : part.end + 4], "big"):
            raise DamagedError("the checksum of its Exif block is wrong")
    return [(part.body + _prefix_length(data, part), part.end) for part in found]


def _prefix_length(data: bytes, part: Part) -> int:
    """Some programs put JPEG's prefix into a chunk, where it does not belong."""
    return len(EXIF_PREFIX) if data.startswith(EXIF_PREFIX, part.body) else 0


# --- edits


def edits_for(data: bytes, plan: DatePlan, zone: str = "") -> tuple[Edit, ...]:
    """
    The changes of a plan, in the order of their places.

    Args:
        data: The whole file.
        plan: Of `PATCH`, `EXIF` or `EXTEND`.
        zone: Offset such as "+02:00" for new fields, empty where unknown (R22).

    Raises:
        ValueError: The file is not what the plan was made for.
    """
    assert plan.value is not None
    kind = kind_of(data)
    assert kind is not None
    text = exif_text(plan.value)
    match plan.act:
        case Act.PATCH:
            return _patches(data, kind, plan.fields, text)
        case Act.EXIF:
            return edits_to_insert(data, kind, new_block(text, zone))
        case Act.EXTEND:
            (block,) = _blocks(data, kind)
            texts = {ORIGINAL: text}
            if zone and OFFSET_ORIGINAL not in exif_tags(data[slice(*block)]):
                texts[OFFSET_ORIGINAL] = zone.encode("ascii") + b"\0"
            return edits_to_extend(data, kind, block, texts)
        case _:
            raise ValueError(f"{plan.act} writes nothing into a photo")


def _patches(data: bytes, kind: PhotoKind, fields: Sequence[DateField], text: bytes) -> tuple[Edit, ...]:
    # two tags may share one field
    places = {field.at: field.content for field in fields}
    edits = tuple(Edit(at, content, text) for at, content in sorted(places.items()) if content != text)
    return with_checksum(data, edits) if kind is PhotoKind.PNG else edits


def exif_text(value: datetime) -> bytes:
    """The content of a date field. It is always `FIELD_BYTES` long."""
    text = (
        f"{value.year:04d}:{value.month:02d}:{value.day:02d} {value.hour:02d}:{value.minute:02d}:{value.second:02d}\0"
    )
    assert len(text) == FIELD_BYTES
    return text.encode("ascii")


def new_block(text: bytes, zone: str) -> bytes:
    """
    An Exif block that holds only the date of the picture.

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
