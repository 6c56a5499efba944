"""
A small picture, made here, goes the way that photos go: through a decoder in a process of its own, and through the models.
For `doctor`, and for the first start on a new state: what fails with it would fail with every photo.
"""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import replace

import cv2
import numpy as np

from facewatchd.domain import FaceEngine, FileStat, Image
from facewatchd.errors import FacewatchError, PhotoCrashError, PhotoError, cause
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader

log = logging.getLogger(__name__)

_HEIGHT, _WIDTH = 240, 320
_LANDMARKS = np.array([[130, 100], [190, 100], [160, 130], [135, 165], [185, 165]], np.float32)
"""Where the eyes, the nose and the corners of the mouth of a face would be, pixels; see `Detection`."""

_MOST_DIFFERENCE = 8.0
"""Grey levels, on average, by which a JPEG of this quality may differ from what it was made of (it does by 1)."""

_PATIENCE_S = 60.0
"""Even where `ingest.max_seconds` is more: decoding it takes a hundredth of a second."""

_ADVICE = "Install facewatchd again, in an environment of its own (README, 'Two commands'); if that does not help, report this."


def try_out(decoders: Decoders, limits: DecodeLimits, engine: FaceEngine) -> None:
    """
    Both, one after the other.

    Raises:
        FacewatchError: One does not do what it should.
    """
    try:
        try_decoder(decoders, limits)
    except OSError as error:
        log.warning("The decoder could not be tested: %s", cause(error))
    try_engine(engine)


def try_decoder(decoders: Decoders, limits: DecodeLimits) -> None:
    """
    Have the picture decoded.

    Args:
        decoders: Start the process that does it; it is ended afterwards.
        limits: As for photos.

    Raises:
        FacewatchError: It was not, or not rightly.
        OSError: There is no room for it in the folder for temporary files.
    """
    picture = _picture()
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise FacewatchError("Photos cannot be decoded here", f"OpenCV could not make a JPEG to try it. {_ADVICE}")
    reader = IsolatedReader(decoders)
    try:
        with tempfile.NamedTemporaryFile(prefix="facewatchd-", suffix=".jpg") as file:
            file.write(data.tobytes())
            file.flush()
            bound = reader.within(replace(limits, seconds=min(limits.seconds, _PATIENCE_S)))
            read = bound.read(os.fsencode(file.name), FileStat.of(os.lstat(file.name)))
            decoded = read.decoded
            same = (
                decoded is not None
                and decoded.image.shape == picture.shape
                and float(np.abs(decoded.image.astype(np.int16) - picture).mean()) < _MOST_DIFFERENCE
            )
    except PhotoError as error:
        why = f"the decoder {error.why}." if isinstance(error, PhotoCrashError) else error.message
        raise FacewatchError(
            "Photos cannot be decoded here", f"A small test JPEG could not be decoded: {why} {_ADVICE}"
        ) from error
    finally:
        reader.close()
    if not same:
        raise FacewatchError(
            "Photos cannot be decoded here", f"A small test JPEG was decoded to a wrong picture. {_ADVICE}"
        )


def try_engine(engine: FaceEngine) -> None:
    """
    Look for faces in the picture, and embed a piece of it.

    Raises:
        FacewatchError: The models do not run, or their results cannot be right.
    """
    picture = _picture()
    try:
        engine.detect(picture)
        embedding = engine.embed([engine.align(picture, _LANDMARKS)])
    except FacewatchError:
        raise
    except Exception as error:
        raise FacewatchError(
            "The face models do not run here",
            f"{engine.info.pack} by {engine.info.provider} failed with {type(error).__name__}: {cause(error)}. Choose others by"
            " models.pack, or models.provider: cpu.",
        ) from error
    length = float(np.linalg.norm(embedding))
    if embedding.shape != (1, engine.info.dim) or not 0.99 < length < 1.01:
        raise FacewatchError(
            "The face models do not run here",
            f"{engine.info.pack} by {engine.info.provider} gave no embedding of length 1. Choose others by models.pack,"
            " or models.provider: cpu.",
        )


def _picture() -> Image:
    """Smooth, so that a JPEG keeps it, and other in every channel and every quarter."""
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    return np.ascontiguousarray(
        np.stack([x * 255 // _WIDTH, y * 255 // _HEIGHT, (x + y) * 255 // 560], axis=2), np.uint8
    )
