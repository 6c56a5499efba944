"""
A decoded photo. Knows no library that decodes, as the daemon does not load them.
"""

from __future__ import annotations

from dataclasses import dataclass

from facewatchd.domain import Image
from facewatchd.photos.formats import PhotoKind


@dataclass(frozen=True, slots=True)
class Decoded:
    """
    A photo's pixels.

    Attributes:
        image: Upright BGR; reduced, where less than the whole was asked for.
        kind: The format, as the content tells it.
        orientation: The Exif orientation that was applied, 1..8; 1 for formats whose own transforms are applied
            inside the decoder (HEIC, TIFF, JPEG XL), and for a RAW's preview that has a tag of its own.
        reduction: Which part of the photo's width and height the image has: 1 / `reduction`.
        size: Width and height of the upright photo, pixels; None where they are the image's.
    """

    image: Image
    kind: PhotoKind
    orientation: int = 1
    reduction: int = 1
    size: tuple[int, int] | None = None

    @property
    def width(self) -> int:
        """Of the upright photo, pixels."""
        return self.size[0] if self.size is not None else self.image.shape[1]

    @property
    def height(self) -> int:
        """Of the upright photo, pixels."""
        return self.size[1] if self.size is not None else self.image.shape[0]
