"""
Copies of a picture are no evidence: a file that a sync program left twice, or a backup inside the archive, has the same
faces at the same places. Each such face counts once where a number of faces decides. The other faces follow it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from facewatchd.domain import Box, FaceId, PhotoId

# a picture that is decoded twice gives exactly the same box; the boxes of two people who embrace overlap by a half
_SAME_PLACE = 0.8


@dataclass(frozen=True, slots=True)
class PicturedFace:
    """A face, and which picture its photo holds (a content hash)."""

    face_id: FaceId
    photo_id: PhotoId
    picture: bytes
    box: Box


def copies(faces: Iterable[PicturedFace]) -> dict[FaceId, FaceId]:
    """
    Which faces are copies of others.

    Args:
        faces: In the order in which they are chosen.

    Returns:
        Face -> the first face of the same picture at the same place. Those first faces, and faces without copies, are not
        among the keys.
    """
    first: dict[bytes, list[PicturedFace]] = defaultdict(list)
    found = {}
    for face in faces:
        same = max(
            (known for known in first[face.picture] if known.photo_id != face.photo_id),
            key=lambda known: known.box.overlap(face.box),
            default=None,
        )
        if same is not None and same.box.overlap(face.box) >= _SAME_PLACE:
            found[face.face_id] = same.face_id
        else:
            first[face.picture].append(face)
    return found
