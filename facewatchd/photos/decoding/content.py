"""
Reads a photo that is open: fingerprint, pixels, and all that speaks of its date. Runs in the decoders.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from facewatchd.core.dates.evidence import Sidecar, Tags, Takeout
from facewatchd.domain import FileStat
from facewatchd.photos.decoding.decode import Canvas, decode
from facewatchd.photos.decoding.picture import Decoded
from facewatchd.photos.decoding.read import Opened, read_opened
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.orientation import stored_orientation
from facewatchd.photos.metadata.tags import read_tags, sidecar_in, takeout_in


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a photo and in the files beside it; as in `PhotoRead`."""

    content_hash: bytes
    decoded: Decoded | None
    tags: Tags
    sidecar: Sidecar | None
    takeout: Takeout | None


def read_content(
    opened: Opened,
    name: bytes,
    stat: FileStat,
    max_megapixels: float,
    known: Container[bytes],
    enough: int | None = None,
    canvas: Canvas | None = None,
) -> Content:
    """
    Read and decode a photo.

    Args:
        opened: The photo and the files beside it.
        name: The photo's, which Takeout's JSON must fit.
        stat: The file as it was seen.
        max_megapixels: Larger pictures are refused, see `decode`.
        known: Content hashes of pictures that need not be decoded.
        enough: How many pixels of the longer side suffice, see `decode`.
        canvas: Where to put the picture, see `decode`.

    Raises:
        PhotoBusyError, PhotoRoomError, PhotoError: As in `PhotoReader.read`; without a path.
    """
    data = read_opened(opened.photo, stat, b"")
    picture = content_hash(data, stored_orientation(data))
    return Content(
        picture,
        None if picture in known else decode(data, b"", max_megapixels, enough, canvas),
        read_tags(data),
        sidecar_in(opened.sidecar),
        takeout_in(opened.takeout, name),
    )
