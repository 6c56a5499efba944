"""
Just the pixels of a photo, for covers and for questions about a photo that is not taken in.
"""

from __future__ import annotations

import os

from facewatchd.domain import FileStat, Image
from facewatchd.errors import PhotoError
from facewatchd.photos.decode import decode
from facewatchd.photos.read import read_settled


def read_picture(path: bytes, max_megapixels: float) -> Image:
    """
    Read a photo; a link is followed.

    Raises:
        PhotoError: It cannot be read or decoded.
    """
    real = os.path.realpath(path)
    try:
        stat = FileStat.of(os.lstat(real))
    except OSError as error:
        raise PhotoError("The photo cannot be read", f"{error.strerror}.", path) from error
    return decode(read_settled(real, stat), real, max_megapixels).image
