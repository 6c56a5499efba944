"""
A person's cover: the medoid's face cut out of its photo, which file managers show as the folder's picture.
"""

from __future__ import annotations

import cv2

from facewatchd.domain import Box, Image

COVER = b"folder.jpg"

# pixels; what file managers show large on a dense display
_SIDE = 512
# the box ends at chin and brow; this much more shows hair and neck
_MARGIN = 0.45
_QUALITY = 88


def cut_cover(image: Image, box: Box) -> bytes:
    """
    Cut a square around a face.

    Args:
        image: The upright photo.
        box: The face.

    Returns:
        A JPEG of at most 512 x 512 pixels.
    """
    height, width = image.shape[:2]
    side = max(2, min(round(max(box.w, box.h) * (1 + 2 * _MARGIN)), width, height))
    left = min(max(round(box.x + box.w / 2 - side / 2), 0), width - side) if width > side else 0
    top = min(max(round(box.y + box.h / 2 - side / 2), 0), height - side) if height > side else 0
    crop = image[top : top + side, left : left + side]
    if side > _SIDE:
        crop = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()
