"""
Adding date fields to a photo without an Exif block, or with one without date fields: the changes in the container.

All pointers within the file must stay right. If that is not certain, there is no edit, and the date goes into a sidecar.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from facewatchd.photos.formats import (
    JPEG_APP0,
    JPEG_APP1,
    PhotoKind,
    jpeg_segments,
    png_chunks,
    riff_chunks,
    webp_size,
)
from facewatchd.photos.writing.edits import Edit, applied
from facewatchd.photos.writing.extend_tiff import Extension, extension
from facewatchd.photos.writing.jpeg_header import strict_header
from facewatchd.photos.writing.mpf import is_mpf, moved_numbers
from facewatchd.photos.writing.patch_heif import heif_exif_item
from facewatchd.photos.writing.patch_tiff import DamagedError, Span

EXIF_PREFIX = b"Exif\0\0"
_MAKER_NOTE = struct.pack("<H", 37500), struct.pack(">H", 37500)
_MOST_SEGMENT = 0xFFFF
# flags of VP8X (WebP container specification)
_HAS_EXIF, _HAS_ALPHA = 0x08, 0x10


def edits_to_extend(data: bytes, kind: PhotoKind, block: Span, texts: Mapping[int, bytes]) -> tuple[Edit, ...]:
    """
    The edits that add date fields to a photo's Exif block.

    Args:
        data: The whole file, found to be without a flaw.
        kind: Its format.
        block: Where the block, a TIFF structure, begins and ends.
        texts: See `extend_tiff.extension`.

    Raises:
        ValueError: It cannot be proven that nothing else would change.
    """
    start, end = block
    more = extension(data[start:end], texts)
    if kind is PhotoKind.JPEG:
        edits = [_pointer(data, block, more), *_longer_segment(data, block, more.added)]
    elif kind is PhotoKind.TIFF:
        edits = [_pointer(data, block, more), Edit(end, b"", more.added)]
    elif kind is PhotoKind.WEBP:
        edits = [_pointer(data, block, more), *_longer_riff_chunk(data, end, more.added)]
    elif kind is PhotoKind.PNG:
        edits = [_other_png_chunk(data, start, _extended(data, block, more))]
    elif kind in {PhotoKind.HEIC, PhotoKind.AVIF}:
        edits = _another_item(data, _extended(data, block, more))
    else:
        raise DamagedError("its format holds no Exif block")
    return tuple(sorted(edits, key=lambda edit: edit.at))


def edits_to_insert(data: bytes, kind: PhotoKind, block: bytes) -> tuple[Edit, ...]:
    """
    The edits that give a photo without any Exif block one.

    Args:
        data: The whole file, found to be without a flaw.
        kind: Its format.
        block: The block, a TIFF structure.

    Raises:
        ValueError: It cannot be proven that nothing else would change.
    """
    if kind is PhotoKind.JPEG:
        edits = _new_segment(data, EXIF_PREFIX + block)
    elif kind is PhotoKind.PNG:
        first = next(part for part in png_chunks(data) if part.name == b"IDAT")
        edits = [Edit(first.start, b"", _png_chunk(b"eXIf", block))]
    elif kind is PhotoKind.WEBP:
        edits = _new_riff_chunk(data, block)
    else:
        raise DamagedError("no Exif block can be put into it")
    return tuple(sorted(edits, key=lambda edit: edit.at))


def _pointer(data: bytes, block: Span, more: Extension) -> Edit:
    at = block[0] + more.at
    return Edit(at, data[at : at + len(more.pointer)], more.pointer)


def _extended(data: bytes, block: Span, more: Extension) -> bytes:
    """The whole block as it becomes."""
    old = data[block[0] : block[1]]
    return old[: more.at] + more.pointer + old[more.at + len(more.pointer) :] + more.added


# --- JPEG


def _longer_segment(data: bytes, block: Span, added: bytes) -> list[Edit]:
    part = next(part for part in strict_header(data) if part.body <= block[0] < part.end)
    if _is_pointed_behind(data, block):
        raise DamagedError("its maker's notes may point at what stands behind the picture")
    length = part.end - (part.body - 2) + len(added)
    if length > _MOST_SEGMENT:
        raise DamagedError("its Exif block is full")
    at = part.body - 2
    edits = [Edit(at, data[at : part.body], struct.pack(">H", length)), Edit(part.end, b"", added)]
    return edits + _moved(data, part.end, len(added))


def _new_segment(data: bytes, body: bytes) -> list[Edit]:
    """Behind SOI and the JFIF segments, which must come first (JFIF 1.02)."""
    at = 2
    for part in strict_header(data):
        if part.name[0] != JPEG_APP0:
            break
        at = part.end
    segment = bytes((0xFF, JPEG_APP1)) + struct.pack(">H", len(body) + 2) + body
    return [Edit(at, b"", segment), *_moved(data, at, len(segment))]


def _moved(data: bytes, at: int, by: int) -> list[Edit]:
    """What the table of further pictures says of places behind `at`. Without one, nothing may stand behind the picture."""
    tables = [part for part in strict_header(data) if is_mpf(data, part)]
    *_, last = jpeg_segments(data)
    if not tables and last.end < len(data):
        raise DamagedError("something of an unknown kind stands behind the picture")
    if len(tables) > 1:
        raise DamagedError("it has several tables of further pictures")
    return [
        Edit(number.at, number.content, content)
        for part in tables
        for number, content in moved_numbers(data, part, at, by)
    ]


def _is_pointed_behind(data: bytes, block: Span) -> bool:
    """
    Whether something may stand behind the picture that maker's notes point at: their offsets are counted from the block, and
    are not known. What phones put there (films, Samsung's trailer) is counted from the end of the file.
    """
    *_, last = jpeg_segments(data)
    has_notes = any(tag in data[block[0] : block[1]] for tag in _MAKER_NOTE)
    return last.end < len(data) and has_notes


# --- WebP


def _longer_riff_chunk(data: bytes, end: int, added: bytes) -> list[Edit]:
    part = next(part for part in riff_chunks(data) if part.end == end and part.name == b"EXIF")
    size = part.end - part.body
    behind = part.end + (size & 1)
    padding = bytes((size + len(added)) & 1)
    grown = len(added) + len(padding) - (behind - part.end)
    return [
        _riff_size(data, grown),
        Edit(part.start + 4, data[part.start + 4 : part.body], struct.pack("<I", size + len(added))),
        Edit(part.end, data[part.end : behind], added + padding),
    ]


def _new_riff_chunk(data: bytes, block: bytes) -> list[Edit]:
    chunk = b"EXIF" + struct.pack("<I", len(block)) + block + bytes(len(block) & 1)
    first = next(riff_chunks(data))
    edits = [Edit(len(data), b"", chunk)]
    if first.name == b"VP8X":
        flags = data[first.body]
        edits.append(Edit(first.body, bytes((flags,)), bytes((flags | _HAS_EXIF,))))
        return [_riff_size(data, len(chunk)), *edits]
    size = webp_size(data)
    if size is None:
        raise DamagedError("its header is not understood")
    flags = _HAS_EXIF | (_HAS_ALPHA if first.name == b"VP8L" and data[first.body + 4] & 0x10 else 0)
    width, height = ((side - 1).to_bytes(3, "little") for side in size)
    header = b"VP8X" + struct.pack("<I", 10) + bytes((flags, 0, 0, 0)) + width + height
    return [_riff_size(data, len(chunk) + len(header)), Edit(12, b"", header), *edits]


def _riff_size(data: bytes, grown: int) -> Edit:
    (size,) = struct.unpack_from("<I", data, 4)
    return Edit(4, data[4:8], struct.pack("<I", size + grown))


# --- PNG


def _other_png_chunk(data: bytes, block_start: int, block: bytes) -> Edit:
    """The chunk that holds a block, with another one and a checksum that fits."""
    part = next(part for part in png_chunks(data) if part.name == b"eXIf" and part.body <= block_start < part.end)
    before = data[part.body : block_start]
    return Edit(part.start, data[part.start : part.end + 4], _png_chunk(b"eXIf", before + block))


def with_checksum(data: bytes, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Edits within the Exif chunk of a PNG, of equal length, with the checksum that fits."""
    if not edits:
        return ()
    part = next(part for part in png_chunks(data) if part.name == b"eXIf")
    inside = [Edit(edit.at - part.body, edit.old, edit.new) for edit in edits]
    body = applied(data[part.body : part.end], inside)
    checksum = _png_chunk(b"eXIf", body)[-4:]
    return (*edits, Edit(part.end, data[part.end : part.end + 4], checksum))


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


# --- HEIC and AVIF


def _another_item(data: bytes, block: bytes) -> list[Edit]:
    """The block once more at the end of the file, and the table of places points there; the old one is read by nothing."""
    item = heif_exif_item(data)
    if item is None:
        raise DamagedError("its Exif block does not lie in one piece")
    if item.is_open:
        raise DamagedError("its last box has no length of its own")
    content = data[item.start : item.block] + block
    box = struct.pack(">I4s", len(content) + 8, b"mdat") + content
    at = len(data) + 8 - item.base
    places = ((item.offset_at, item.offset_bytes, at), (item.length_at, item.length_bytes, len(content)))
    edits = [Edit(len(data), b"", box)]
    for where, size, value in places:
        if not size or value >= 1 << 8 * size:
            raise DamagedError("its table of places has no room for larger numbers")
        edits.append(Edit(where, data[where : where + size], value.to_bytes(size, "big")))
    return edits
