"""
Which of a photo's stored faces are which of those just found, when a photo is taken in again: another model, or the
same photo saved anew. Faces that are the same keep their id, and with it everything that the user said of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from facewatchd.domain import Box, FaceId

# two detectors draw the same face's box this much alike; two neighbours' boxes overlap less
LEAST_OVERLAP = 0.4


def same_faces(
    stored: Sequence[tuple[FaceId, Box]],
    found: Sequence[Box],
    likeness: Sequence[Sequence[float | None]],
    least_here: float,
    least_anywhere: float,
) -> list[FaceId | None]:
    """
    Match by place, best overlap first, then by looks, most alike first; one to one.

    Args:
        stored: The faces that the state has of the photo.
        found: The boxes just found.
        likeness: Per found face and stored face their similarity, None where embeddings of different models cannot be
            compared.
        least_here: Faces at the same place that are less alike are not the same: another picture has the file's name.
        least_anywhere: Faces that are as alike as this are the same wherever they are: the picture was cropped or turned.

    Returns:
        For each found face the id of the stored one, or None for a new face.
    """
    here: list[tuple[float, FaceId, int]] = []
    anywhere: list[tuple[float, FaceId, int]] = []
    for at, box in enumerate(found):
        for number, (face, old) in enumerate(stored):
            alike, overlap = likeness[at][number], box.overlap(old)
            if overlap >= LEAST_OVERLAP and (alike is None or alike >= least_here):
                here.append((-overlap, face, at))
            elif alike is not None and alike >= least_anywhere:
                anywhere.append((-alike, face, at))
    matched: list[FaceId | None] = [None] * len(found)
    used: set[FaceId] = set()
    for _, face, at in (*sorted(here), *sorted(anywhere)):
        if matched[at] is None and face not in used:
            matched[at] = face
            used.add(face)
    return matched
