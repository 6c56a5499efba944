"""
Adds date fields to a TIFF structure (an Exif block) that has none, so that everything in it stays where it was.

A directory cannot grow, as something stands behind it. So the Exif directory is copied to the end of the structure, with
the new entries in their order, and the one pointer to it is changed. The old copy stays and is read by nothing. Maker's notes,
thumbnails and every value keep their places, so that no offset changes, known or not (TIFF 6.0, section 2; Exif 2.32, 4.6.2).
A structure without an Exif directory gets one, and its main directory is copied for the pointer.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from facewatchd.photos.metadata.exif import EXIF_DIRECTORY
from facewatchd.photos.writing.patch_tiff import DamagedError

_ASCII, _LONG, _UNDEFINED = 2, 4, 7
_EXIF_VERSION = 36864
_ENTRY_BYTES = 12


@dataclass(frozen=True, slots=True)
class Extension:
    """
    What makes a structure longer.

    Attributes:
        at: Where its one pointer is that changes, in bytes from the beginning of the structure; four bytes long.
        pointer: What it becomes.
        added: What comes behind the structure.
    """

    at: int
    pointer: bytes
    added: bytes


def extension(block: bytes, texts: Mapping[int, bytes]) -> Extension:
    """
    Args:
        block: The structure, found to be without a flaw by `patch_tiff.find_dates`.
        texts: New tags of the Exif directory and their values, with the closing NUL. None of them is there yet.

    Raises:
        DamagedError: It is one that cannot be extended.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        raise DamagedError("the Exif block has no valid header")
    (first,) = struct.unpack_from(order + "I", block, 4)
    main = _Directory.read(block, order, first)
    # directories begin at even places
    padding = len(block) & 1
    start = len(block) + padding
    pointer_at = main.pointer_at(EXIF_DIRECTORY)
    if pointer_at is not None:
        (below,) = struct.unpack_from(order + "I", block, pointer_at)
        directory = _Directory.read(block, order, below).with_texts(texts, start)
        return Extension(pointer_at, struct.pack(order + "I", start), bytes(padding) + directory)
    version = struct.pack(order + "HHI4s", _EXIF_VERSION, _UNDEFINED, 4, b"0232")
    exif = _Directory(order, (version,), bytes(4)).with_texts(texts, start)
    start_of_main = start + len(exif) + (len(exif) & 1)
    pointer = struct.pack(order + "HHII", EXIF_DIRECTORY, _LONG, 1, start)
    copied = _Directory(order, main.sorted_with(pointer), main.following).packed()
    gap = bytes(start_of_main - start - len(exif))
    return Extension(4, struct.pack(order + "I", start_of_main), bytes(padding) + exif + gap + copied)


def exif_tags(block: bytes) -> frozenset[int]:
    """The tags of a structure's Exif directory; none where it has no such directory."""
    order = {b"II*\0": "<", b"MM\0*": ">"}[block[:4]]
    main = _Directory.read(block, order, struct.unpack_from(order + "I", block, 4)[0])
    pointer_at = main.pointer_at(EXIF_DIRECTORY)
    if pointer_at is None:
        return frozenset()
    exif = _Directory.read(block, order, struct.unpack_from(order + "I", block, pointer_at)[0])
    return frozenset(map(exif.tag, exif.entries))


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory as its bytes: entries of twelve, and the pointer to the next."""

    order: str
    entries: tuple[bytes, ...]
    following: bytes
    offset: int = 0

    @classmethod
    def read(cls, block: bytes, order: str, offset: int) -> _Directory:
        if offset + 2 > len(block):
            raise DamagedError("a directory lies outside the Exif block")
        (count,) = struct.unpack_from(order + "H", block, offset)
        end = offset + 2 + _ENTRY_BYTES * count
        if end > len(block):
            raise DamagedError("a directory of the Exif block is cut off")
        entries = tuple(block[at : at + _ENTRY_BYTES] for at in range(offset + 2, end, _ENTRY_BYTES))
        # some writers leave the pointer out where nothing can follow
        return cls(order, entries, (block[end : end + 4] + bytes(4))[:4], offset)

    def tag(self, entry: bytes) -> int:
        return int(struct.unpack_from(self.order + "H", entry)[0])

    def pointer_at(self, tag: int) -> int | None:
        """Where the value of a pointer is; None where there is no such tag."""
        for number, entry in enumerate(self.entries):
            if self.tag(entry) == tag:
                _, type_, count = struct.unpack_from(self.order + "HHI", entry)
                if type_ not in {_LONG, 13} or count != 1:
                    raise DamagedError(f"tag {tag} of the Exif block is of the wrong type")
                return self.offset + 2 + _ENTRY_BYTES * number + 8
        return None

    def sorted_with(self, *more: bytes) -> tuple[bytes, ...]:
        """The entries with some more, in the order of their tags; equal ones keep theirs."""
        return tuple(sorted((*self.entries, *more), key=self.tag))

    def with_texts(self, texts: Mapping[int, bytes], start: int) -> bytes:
        """The directory at another place, with texts of more than four bytes, which follow it."""
        count = len(self.entries) + len(texts)
        at = start + 2 + _ENTRY_BYTES * count + 4
        more, values = [], b""
        for tag, text in sorted(texts.items()):
            more.append(struct.pack(self.order + "HHII", tag, _ASCII, len(text), at + len(values)))
            values += text + bytes(len(text) & 1)
        return _Directory(self.order, self.sorted_with(*more), bytes(4)).packed() + values

    def packed(self) -> bytes:
        return struct.pack(self.order + "H", len(self.entries)) + b"".join(self.entries) + self.following
