"""
What the daemon and the processes that decode for it say to each other, over a pair of sockets; pixels go another way.

Orders come from the daemon and are believed. What comes back may come from a process that a stranger's photo has taken
over: of it, nothing but these records is read.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum
from typing import Any

from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError, PhotoError, PhotoRoomError
from facewatchd.photos.formats import PhotoKind
from facewatchd.photos.read import PhotoRead

MOST_BYTES = 1 << 20
"""No message is longer: all that is read of a photo besides its pixels is a few texts."""

GO, SKIP = b"go", b"skip"
"""Answers to `Asked`."""


@dataclass(frozen=True, slots=True)
class Order:
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


@dataclass(frozen=True, slots=True)
class Asked:
    """This is the picture: is it to be decoded?"""

    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Pixels:
    """What was decoded; the image itself, `shape`, is in the shared memory. The rest as in `Decoded`."""

    shape: tuple[int, int]
    kind: PhotoKind
    orientation: int
    reduction: int
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Done:
    """It was read: everything but the image."""

    read: PhotoRead
    pixels: Pixels | None


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not; which error of `ERRORS` it was, and its words."""

    error: int
    title: str
    message: str


ERRORS: tuple[type[PhotoError], ...] = (PhotoBusyError, PhotoRoomError, PhotoError)
"""What a photo can fail with; the last is for all others."""

_TIMES: tuple[type[Any], ...] = (date, datetime, time, timedelta, timezone)
_PLACES = ("facewatchd.core.", "facewatchd.domain", "facewatchd.photos.")


def pack(message: object) -> bytes:
    """As `unpack` reads it."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def unpack(data: bytes) -> Asked | Done | Failed:
    """
    A message from a process that may be in wrong hands.

    Raises:
        ValueError: It is none.
    """
    try:
        message = _Reader(io.BytesIO(data)).load()
    except Exception as error:  # a damaged pickle fails in any way
        raise ValueError("no message") from error
    if not isinstance(message, Asked | Done | Failed):
        raise ValueError("no message")  # noqa: TRY004 - of what was received, not of an argument
    return message


class _Reader(pickle.Unpickler):
    """Makes nothing but records, enums and times."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "datetime":
            return next(each for each in _TIMES if each.__name__ == name)
        found = super().find_class(module, name) if module.startswith(_PLACES) else None
        if isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum)):
            return found
        raise ValueError(name)
