"""
Camera RAW -> a picture: the JPEG that the camera put into the file where it is large enough, else developed by LibRaw.

Of 24 megapixels, on one core: a preview of 1,920 pixels 28 ms, one of full size 175 ms, developing at half size 250 ms and
in full 840 ms, without the makers' compression, which adds to it. The camera's own rendering is also the better one. LibRaw
is loaded with the first RAW file only.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from facewatchd.domain import Image
from facewatchd.photos.decoding.reasons import UnsupportedRawError
from facewatchd.photos.formats import PhotoKind, jpeg_segments
from facewatchd.photos.metadata.exif import ORIENTATION, is_exif, read_exif

if TYPE_CHECKING:
    import rawpy

ENOUGH_PIXELS = 1920
"""
The long side that a preview, or half a RAW, must have. The smallest face that the detector sees in its 640 pixels is some
20 of them tall, which is 60 here, and a face of that height embeds as it does at full size: cosine 0.97 in the median of
120 portraits (64 pixels 0.974, 48 pixels 0.93, 32 pixels 0.77).
"""

# LibRaw's flip (bits: 1 mirrors columns, 2 rows, 4 swaps both, after the others) as Exif orientations
_ORIENTATIONS = (1, 2, 4, 3, 5, 8, 6, 7)


def decode_raw(
    data: bytes, check_size: Callable[[int, int], None], decode_jpeg: Callable[[bytes], Image]
) -> tuple[Image, int]:
    """
    The picture of a RAW file.

    Args:
        data: The whole file.
        check_size: Refuses too large a width and height in pixels by raising `PhotoError`.
        decode_jpeg: Decodes a preview and turns it as its own Exif orientation wants it.

    Returns:
        BGR pixels, and the Exif orientation (1..8) by which they are still to be turned.

    Raises:
        PhotoError: What `check_size` raises.
        UnsupportedRawError: LibRaw does not recognise it: it does not know the camera, or the file is damaged.
        Exception: The file is damaged.
    """
    import rawpy  # noqa: PLC0415 - 10 MB that most archives have no use for

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            check_size(sizes.width, sizes.height)
            longest = max(sizes.width, sizes.height)
            turn = _ORIENTATIONS[sizes.flip & 7]
            found = _preview(raw, min(ENOUGH_PIXELS, longest), turn, decode_jpeg)
            return found if found is not None else (_develop(raw, half=longest >= 2 * ENOUGH_PIXELS), turn)
    except rawpy.LibRawFileUnsupportedError as error:
        raise UnsupportedRawError from error
    except rawpy.LibRawIOError as error:
        # all of it is in memory
        raise ValueError("it is shorter than its header says") from error
    except rawpy.LibRawUnsufficientMemoryError as error:
        raise MemoryError from error


def _preview(
    raw: rawpy.RawPy, enough: int, turn: int, decode_jpeg: Callable[[bytes], Image]
) -> tuple[Image, int] | None:
    """The largest preview, if it is large enough and whole."""
    import rawpy  # noqa: PLC0415

    try:
        thumb = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumb.format is rawpy.ThumbFormat.BITMAP:
        image = cv2.cvtColor(np.asarray(thumb.data, np.uint8), cv2.COLOR_RGB2BGR)
        return (np.ascontiguousarray(image, np.uint8), turn) if max(image.shape[:2]) >= enough else None
    if thumb.format is not rawpy.ThumbFormat.JPEG:
        return None
    try:
        jpeg = _as_stored(bytes(thumb.data))
        image, exif = decode_jpeg(jpeg), read_exif(jpeg, PhotoKind.JPEG)
    except Exception:  # noqa: BLE001 - a broken preview fails in a decoder's own ways, and the mosaic is still there
        return None
    if max(image.shape[:2]) < enough:
        return None
    # without a tag of its own it is stored as the mosaic is
    return image, 1 if ORIENTATION in exif.tags else turn


def _as_stored(jpeg: bytes) -> bytes:
    """LibRaw puts an Exif segment in front of previews that do not begin with one; the preview's own goes before that."""
    blocks = [part for part in jpeg_segments(jpeg) if is_exif(jpeg, part)]
    return jpeg if len(blocks) < 2 else jpeg[: blocks[0].start] + jpeg[blocks[0].end :]


def _develop(raw: rawpy.RawPy, *, half: bool) -> Image:
    """The mosaic as a picture; at half size every four sensor cells are one pixel, and nothing is interpolated."""
    import rawpy  # noqa: PLC0415

    pixels = raw.postprocess(
        half_size=half,
        demosaic_algorithm=rawpy.DemosaicAlgorithm.LINEAR,
        use_camera_wb=True,
        output_bps=8,
        user_flip=0,
    )
    return np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
