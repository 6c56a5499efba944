"""
What the daemon and the processes that decode for it say to each other, over a pair of sockets; pixels go another way.

Plain data with a schema, see `processes.wire`. What comes back may come from a process that a stranger's photo has taken
over: of it nothing is believed but these records, and of them nothing that is longer or larger than it can be.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from facewatchd.core.dates.evidence import Sidecar, Tags, Takeout
from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError, PhotoError, PhotoRoomError
from facewatchd.photos.formats import PhotoKind
from facewatchd.processes.wire import decode, encode

MOST_BYTES = 1 << 20
"""No message is longer: all that is read of a photo besides its pixels is a few texts."""

GO, SKIP = b"go", b"skip"
"""Answers to `Asked`."""

_LONGEST, _MOST_TEXTS = 2048, 32

ContentHash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Side = Annotated[int, Meta(ge=1, le=1 << 31)]
Text = Annotated[str, Meta(max_length=_LONGEST)]

R = TypeVar("R", bound=Tags | Sidecar | Takeout)


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Read this photo; see `read_photo`.

    Attributes:
        seconds: How long decoding may take.
        memory: How much it may need, bytes.
    """

    path: bytes
    stat: FileStat
    max_megapixels: float
    enough: int | None
    seconds: float
    memory: int


class Asked(Struct, frozen=True, tag="asked", forbid_unknown_fields=True):
    """This is the picture: is it to be decoded?"""

    content_hash: ContentHash


class Pixels(Struct, frozen=True, forbid_unknown_fields=True):
    """What was decoded; the image itself, `shape`, is in the shared memory. The rest as in `Decoded`."""

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
    beside: Annotated[bytes, Meta(max_length=64)]
    pixels: Pixels | None


class Failed(Struct, frozen=True, tag="failed", forbid_unknown_fields=True):
    """It was not; which error of `ERRORS` it was, and its words."""

    error: Annotated[int, Meta(ge=0, lt=3)]
    title: Text
    message: Text


ERRORS: tuple[type[PhotoError], ...] = (PhotoBusyError, PhotoRoomError, PhotoError)
"""What a photo can fail with; the last is for all others."""


def pack(message: Order | Asked | Done | Failed) -> bytes:
    """As `unpack` and `unpack_order` read it."""
    return encode(message)


def unpack(data: bytes) -> Asked | Done | Failed:
    """
    A message from a process that may be in wrong hands.

    Raises:
        ValueError: It is none, or holds what no photo has.
    """
    message: Asked | Done | Failed = decode(data, Asked | Done | Failed)
    if isinstance(message, Done):
        for record in (message.tags, message.sidecar, message.takeout):
            if record is not None and _is_too_long(record):
                raise ValueError("no such record: a text is too long")
    return message


def _is_too_long(record: Tags | Sidecar | Takeout) -> bool:
    return shortened(record) != record


def unpack_order(data: bytes) -> Order:
    """
    What the daemon wants.

    Raises:
        ValueError: It is no order.
    """
    order: Order = decode(data, Order)
    return order


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
        elif isinstance(value, tuple):
            changed[field.name] = tuple(plain(text) for text in value[:_MOST_TEXTS])
    return replace(record, **changed)
