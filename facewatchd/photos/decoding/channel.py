"""
What the daemon and the processes that decode for it say to each other, over a pair of sockets. Files go along as open
descriptors, pixels by shared memory.

Plain data with a schema, see `processes.wire`. An answer may come from a process that a hostile photo has taken over:
nothing is believed but these records, and nothing in them that is longer or larger than it can be.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from facewatchd.core.dates.evidence import Embedded, Sidecar, Tags, Takeout
from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError, PhotoError, PhotoRoomError
from facewatchd.photos.formats import PhotoKind
from facewatchd.processes.wire import decode, encode

MOST_BYTES = 1 << 20
"""No message is longer: all that is read of a photo besides its pixels is a few texts."""

READ_S = 300.0
"""How long reading a file may take; a slow network is no reason to give it up."""

NOT_ENDED = -1
"""In the place of a wait status: the process waits for a disk or a server, and ends when that answers."""

KEPT = 64 << 20
"""More memory than this is not kept from photo to photo, bytes."""

GO, SKIP = b"go", b"skip"
"""Answers to `Asked`."""

_MOST_HANDLES = 3
_LONGEST, _MOST_TEXTS = 2048, 32

ContentHash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Side = Annotated[int, Meta(ge=1, le=1 << 31)]
Text = Annotated[str, Meta(max_length=_LONGEST)]

R = TypeVar("R", bound=Tags | Embedded | Sidecar | Takeout)


class Sent(Struct, frozen=True, forbid_unknown_fields=True):
    """A file beside a photo: whether its descriptor comes along, and else why it cannot be opened, if it is there."""

    is_open: bool
    problem: str


class Order(Struct, frozen=True, tag="order", forbid_unknown_fields=True):
    """
    Read this photo; see `read_content`. The descriptors of the photo, the sidecar and the JSON come along, in this order.

    Attributes:
        seconds: How long decoding may take.
        memory: How much it may need, bytes.
    """

    name: bytes
    stat: FileStat
    sidecar: Sent
    takeout: Sent
    max_megapixels: float
    enough: int | None
    seconds: float
    memory: int


class Compare(Struct, frozen=True, tag="compare", forbid_unknown_fields=True):
    """
    Is the second of these two files the first with another date? See `compare.difference`. Their descriptors come along.

    Attributes:
        seconds: How long it may take.
        memory: How much it may need, bytes.
    """

    kind: PhotoKind
    value: datetime
    max_megapixels: float
    seconds: float
    memory: int


class Asked(Struct, frozen=True, tag="asked", forbid_unknown_fields=True):
    """This is the picture: is it to be decoded?"""

    content_hash: ContentHash


class Pixels(Struct, frozen=True, forbid_unknown_fields=True):
    """What was decoded: the image of this shape is in the shared memory. The rest as in `Decoded`."""

    shape: tuple[Side, Side]
    kind: PhotoKind
    orientation: Annotated[int, Meta(ge=1, le=8)]
    reduction: Annotated[int, Meta(ge=1, le=8)]
    size: tuple[Side, Side]


class Done(Struct, frozen=True, tag="done", forbid_unknown_fields=True):
    """It was read: everything but the image and what the daemon knows already. As in `PhotoRead`."""

    tags: Tags
    sidecar: Sidecar | None
    takeout: Takeout | None
    pixels: Pixels | None


class Compared(Struct, frozen=True, tag="compared", forbid_unknown_fields=True):
    """Why the changed photo must not be written; empty where it may."""

    flaw: Text


class Failed(Struct, frozen=True, tag="failed", forbid_unknown_fields=True):
    """It was not read: which error of `ERRORS` it was, and its sentences."""

    error: Annotated[int, Meta(ge=0, lt=3)]
    title: Text
    message: Text


ERRORS: tuple[type[PhotoError], ...] = (PhotoBusyError, PhotoRoomError, PhotoError)
"""What a photo can fail with; the last is for all others."""


Answer = Asked | Done | Compared | Failed


def pack(message: Order | Compare | Answer) -> bytes:
    """As `unpack` and `unpack_order` read it."""
    return encode(message)


def unpack(data: bytes) -> Answer:
    """
    A message from a decoder, which may be hostile.

    Raises:
        ValueError: It is none, or holds what no photo has.
    """
    message: Answer = decode(data, Answer)
    if isinstance(message, Done):
        for record in (message.tags, message.sidecar, message.takeout):
            if record is not None and _is_too_long(record):
                raise ValueError("no such record: a text is too long")
    return message


def _is_too_long(record: Tags | Sidecar | Takeout) -> bool:
    return shortened(record) != record


def unpack_order(data: bytes) -> Order | Compare:
    """
    What the daemon wants.

    Raises:
        ValueError: It is no order.
    """
    order: Order | Compare = decode(data, Order | Compare)
    return order


def send_order(pipe: Connection, order: Order | Compare, handles: Sequence[int]) -> None:
    """
    Send an order, with descriptors.

    Raises:
        OSError: The other side is gone.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(pipe.fileno())) as way:
        # descriptors travel with at least one byte
        socket.send_fds(way, [b"\0"], handles)
    pipe.send_bytes(pack(order))


def received_order(pipe: Connection, way: socket.socket) -> tuple[Order | Compare, list[int]]:
    """
    The next order, and the descriptors that came with it, which are the receiver's to close.

    Args:
        pipe: For the messages.
        way: The same socket.

    Raises:
        EOFError, OSError: The daemon is gone.
    """
    byte, handles, _, _ = socket.recv_fds(way, 1, _MOST_HANDLES)
    if not byte:
        raise EOFError
    return unpack_order(pipe.recv_bytes()), handles


def plain(text: str) -> str:
    """A text as it may be sent: Unicode, and not too long."""
    return text.encode("utf-8", "backslashreplace").decode()[:_LONGEST]


def shortened(record: R) -> R:
    """A record with its texts as they may be sent; a date that is longer than that is none."""
    changed: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, str):
            changed[field.name] = plain(value)
        elif isinstance(value, Embedded):
            changed[field.name] = shortened(value)
        elif isinstance(value, tuple):
            changed[field.name] = tuple(plain(text) for text in value[:_MOST_TEXTS])
    return replace(record, **changed)
