"""
Just the pixels of a photo, for covers and for questions about a photo that is not taken in.
"""

from __future__ import annotations

import os

from facewatchd.domain import FileStat, Image
from facewatchd.errors import PhotoError
from facewatchd.photos.read import PhotoReader


def read_picture(path: bytes, reader: PhotoReader) -> Image:
    """
    Read a photo; a link is followed.

    Returns:
        The upright picture, valid until the reader's next.

    Raises:
        PhotoError: It cannot be read or decoded.
    """
    real = os.path.realpath(path)
    try:
        stat = FileStat.of(os.lstat(real))
    except OSError as error:
        raise PhotoError("The photo cannot be read", f"{error.strerror}.", path) from error
    decoded = reader.read(real, stat).decoded
    assert decoded is not None
    return decoded.image
